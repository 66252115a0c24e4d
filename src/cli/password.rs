//! Asking for a password without showing it.

use std::io::{BufRead, IsTerminal};

use anyhow::Context;

/// A password from the terminal, or the first line of standard input where there is none.
///
/// # Errors
/// When nothing can be read.
pub(super) fn ask(prompt: &str) -> anyhow::Result<String> {
    if std::io::stdin().is_terminal() {
        return rpassword::prompt_password(prompt).context("the password could not be read");
    }
    let mut line = String::new();
    std::io::stdin().lock().read_line(&mut line).context("the password could not be read")?;
    let password = line.trim_end_matches(['\n', '\r']);
    anyhow::ensure!(!password.is_empty(), "no password on standard input");
    Ok(password.to_owned())
}
