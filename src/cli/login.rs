//! `kgl login`.

use std::{
    io::{BufRead, IsTerminal, Write},
    process::ExitCode,
};

use clap::Args;

use super::{
    client::{self, Client},
    credentials::Stored,
    password, print,
};

#[derive(Debug, Args)]
pub(super) struct Login {
    /// Where the service is.
    #[arg(long, env = "KGL_URL", default_value = client::DEFAULT_URL)]
    url: String,
    /// What to sign in with; asked for if it is not given.
    #[arg(long)]
    email: Option<String>,
}

pub(super) fn run(login: Login) -> anyhow::Result<ExitCode> {
    let email = match login.email {
        Some(email) => email,
        None => ask_email()?,
    };
    let password = password::ask("Password: ")?;
    let pair = Client::anonymous(&login.url)?.login(&email, &password)?;
    let stored: Stored = pair.stored(&login.url);
    let file = stored.write()?;
    print(&format!("signed in at {} as {}; kept in {}", stored.url, stored.email, file.display()))
}

fn ask_email() -> anyhow::Result<String> {
    anyhow::ensure!(std::io::stdin().is_terminal(), "give --email where there is no terminal to ask at");
    eprint!("E-mail: ");
    std::io::stderr().flush()?;
    let mut line = String::new();
    std::io::stdin().lock().read_line(&mut line)?;
    Ok(line.trim().to_owned())
}
