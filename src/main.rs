//! `kgl`: documents in, a proven knowledge graph out. This is the front: it reads settings, speaks HTTP and the command
//! line, and leaves everything that touches a database to the engine.

mod cli;
mod http;
mod settings;
mod telemetry;

use std::process::ExitCode;

fn main() -> ExitCode {
    cli::run()
}
