//! The account that the first development start makes up, kept where clients on the same machine find it.

use std::path::{Path, PathBuf};

use anyhow::Context;
use kgl_actors::DevelopmentAccount;
use serde::{Deserialize, Serialize};

use super::credentials::write_private;

/// A sign-in for development, and where.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Account {
    pub(super) email: String,
    pub(super) password: String,
    pub(super) url: String,
}

/// Where the account is kept.
pub(super) fn file(data_dir: &Path) -> PathBuf {
    data_dir.join("development-account.json")
}

/// The account that was kept, if there is one that can be read.
pub(super) fn read(data_dir: &Path) -> Option<Account> {
    serde_json::from_slice(&std::fs::read(file(data_dir)).ok()?).ok()
}

/// Keeps the account of a first start, or tells the one of an earlier start that the service is now at `url`.
///
/// # Errors
/// When the file cannot be written.
pub(super) fn account(data_dir: &Path, new: Option<&DevelopmentAccount>, url: &str) -> anyhow::Result<Option<Account>> {
    let url = url.to_owned();
    let account = match new {
        Some(DevelopmentAccount { email, password }) => {
            Account { email: email.clone(), password: password.clone(), url }
        }
        None => match read(data_dir) {
            Some(known) => Account { url, ..known },
            None => return Ok(None),
        },
    };
    let file = file(data_dir);
    write_private(&file, &serde_json::to_vec_pretty(&account)?).with_context(|| file.display().to_string())?;
    Ok(Some(account))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn the_account_is_kept_private_and_follows_the_address() {
        let folder = std::env::temp_dir().join(format!("kgl-{}", uuid::Uuid::new_v4()));
        assert_eq!(account(&folder, None, "http://localhost:1").expect("nothing kept"), None);
        let new = DevelopmentAccount { email: "dev@localhost".into(), password: "pw".into() };
        let first = account(&folder, Some(&new), "http://localhost:1").expect("kept");
        assert_eq!(read(&folder), first);
        let mode = std::fs::metadata(file(&folder)).expect("the file").permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        let second = account(&folder, None, "http://localhost:2").expect("kept").expect("an account");
        assert_eq!((second.url.as_str(), second.password.as_str()), ("http://localhost:2", "pw"));
        std::fs::remove_dir_all(folder).expect("cleaned up");
    }
}
