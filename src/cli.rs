//! The command line.

mod admin;
mod client;
mod credentials;
mod development;
mod drain;
mod embed;
mod eval;
mod extract;
mod graph_table;
mod health;
mod login;
mod migrate;
mod ordered;
mod password;
mod queue;
mod read_file;
mod reading;
mod serve;
mod submit;
mod worker;

use std::{path::PathBuf, process::ExitCode};

use clap::{Parser, Subcommand};

use crate::{http::openapi, settings::SettingsError};

/// Exit code for settings that make no sense, as for a wrong command line.
const WRONG_USE: u8 = 2;

/// Knowledge Graph Lab: documents in, a graph of who did what to whom out, each fact with the words that prove it.
#[derive(Debug, Parser)]
#[command(name = "kgl", version, about)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Runs the service: database (unless DATABASE_URL names one), API, web page and extraction in one process.
    Serve,
    /// Runs extraction without the API, beside a service on the same DATABASE_URL (and AMQP_URL): as many as wanted.
    Worker,
    /// Brings the database's schema up or down, or tells where it stands.
    #[command(subcommand)]
    Migrate(migrate::Migrate),
    /// Manages accounts without the API.
    #[command(subcommand)]
    Admin(admin::Admin),
    /// Signs in and remembers it for other commands.
    Login(login::Login),
    /// Submits documents, follows them, and prints their graph.
    Submit {
        /// Files: txt, md, html, pdf, docx, csv, json or eml, at most 10 MB each.
        #[arg(required = true, value_name = "FILE")]
        files: Vec<PathBuf>,
        /// Extract again although the same content is known already.
        #[arg(long)]
        force: bool,
    },
    /// Reads texts and prints what they say: no service, no database, no settings.
    Extract(extract::Extract),
    /// Scores an extractor against annotated texts.
    Eval(eval::Eval),
    /// Prints the sentence vector of each line of a text.
    Embed(embed::Embed),
    /// Reads one file from standard input for a service that started this process, and ends.
    #[command(hide = true)]
    ReadFile(read_file::ReadFile),
    /// Tells how full the queue is, and lists, replays and discards dead jobs. For admins.
    Queue(queue::Queue),
    /// Prints the API's description (OpenAPI 3.1).
    Openapi,
    /// Exits with 0 if the service is ready, else with 1: for container health checks.
    Health,
}

/// Runs the command that the process was started with.
pub(crate) fn run() -> ExitCode {
    let outcome = match Cli::parse().command {
        Command::Serve => serve::run(),
        Command::Worker => worker::run(),
        Command::Migrate(command) => migrate::run(command),
        Command::Admin(command) => admin::run(command),
        Command::Login(command) => login::run(command),
        Command::Submit { files, force } => submit::run(&files, force),
        Command::Extract(command) => extract::run(&command),
        Command::Eval(command) => eval::run(&command),
        Command::Embed(command) => embed::run(&command),
        Command::ReadFile(command) => read_file::run(command),
        Command::Queue(command) => queue::run(command),
        Command::Openapi => print(&openapi::description()),
        Command::Health => health::run(),
    };
    match outcome {
        Ok(code) => code,
        Err(error) => {
            eprintln!("kgl: {}", one_line(&error));
            if error.is::<SettingsError>() || error.is::<WrongUse>() || is_setting(&error) {
                WRONG_USE.into()
            } else {
                ExitCode::FAILURE
            }
        }
    }
}

/// An argument that makes no sense.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct WrongUse(String);

/// Settings that only the engine can judge count as settings too.
fn is_setting(error: &anyhow::Error) -> bool {
    matches!(error.downcast_ref(), Some(kgl_actors::StartError::Setting { .. }))
}

/// An error and its causes, without repeating a cause that its effect names already.
fn one_line(error: &anyhow::Error) -> String {
    let mut line = String::new();
    for cause in error.chain() {
        let text = cause.to_string();
        if line.is_empty() {
            line = text;
        } else if !line.contains(&text) {
            line = format!("{line}: {text}");
        }
    }
    line.replace('\n', " ")
}

/// Writes to standard output. A reader that went away (`| head`) is no error.
fn print(text: &str) -> anyhow::Result<ExitCode> {
    use std::io::{ErrorKind, Write};
    match writeln!(std::io::stdout().lock(), "{text}") {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => Err(error.into()),
        _ => Ok(ExitCode::SUCCESS),
    }
}

/// The runtime that the service and the maintenance commands run on.
fn runtime() -> anyhow::Result<tokio::runtime::Runtime> {
    Ok(tokio::runtime::Builder::new_multi_thread().enable_all().build()?)
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn an_error_is_one_line_without_repetition() {
        let error = anyhow::anyhow!("no\nroute").context("cannot connect: no\nroute").context("submit");
        assert_eq!(one_line(&error), "submit: cannot connect: no route");
    }
}
