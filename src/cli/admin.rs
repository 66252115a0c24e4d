//! `kgl admin`: accounts, without the API.

use std::process::ExitCode;

use clap::Subcommand;
use kgl_actors::{
    domain::{caller::Role, user::NewUser},
    maintenance::Maintenance,
};

use super::{password, print, runtime};
use crate::{settings::Settings, telemetry};

#[derive(Debug, Subcommand)]
pub(super) enum Admin {
    /// Makes an admin. The password comes from KGL_ADMIN_PASSWORD, the terminal, or standard input.
    Create {
        /// What the admin signs in with.
        #[arg(long)]
        email: String,
        /// Given name.
        #[arg(long)]
        first_name: String,
        /// Family name.
        #[arg(long)]
        last_name: String,
    },
}

pub(super) fn run(command: Admin) -> anyhow::Result<ExitCode> {
    let Admin::Create { email, first_name, last_name } = command;
    let settings = Settings::from_environment()?;
    telemetry::start_logs(&settings.log)?;
    let password = match std::env::var("KGL_ADMIN_PASSWORD") {
        Ok(password) if !password.is_empty() => password,
        _ => password::ask("Password (8 to 128 characters): ")?,
    };
    let new = NewUser { email, password, first_name, last_name, role: Role::Admin };
    runtime()?.block_on(async {
        let maintenance = Maintenance::open(&settings.engine).await?;
        let made = maintenance.create_admin(new).await;
        maintenance.close().await;
        print(&format!("made the admin {}", made?.email))
    })
}
