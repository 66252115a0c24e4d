//! The data: made aside, written to disk once, and moved into place whole.

use std::{
    fs::{self, File, Permissions},
    os::{
        fd::AsRawFd,
        unix::{fs::PermissionsExt, process::CommandExt},
    },
    path::{Path, PathBuf},
};

use crate::{EmbeddedError, bundle::Programs, privileges::Privileges};

pub(crate) const SUPERUSER: &str = "postgres";
/// The major version of the bundle; its data folder is named after it.
const MAJOR: &str = "18";

/// Answers the data folder, made new where there is none.
pub(crate) fn prepare(state: &Path, programs: &Programs, privileges: Privileges) -> Result<PathBuf, EmbeddedError> {
    let data = state.join("data");
    if data.exists() {
        check_version(&data)?;
        privileges.give(&data)?;
        return Ok(data);
    }
    let aside = state.join("data.new");
    if aside.exists() {
        fs::remove_dir_all(&aside).map_err(EmbeddedError::folder(&aside))?;
    }
    fs::create_dir(&aside).map_err(EmbeddedError::folder(&aside))?;
    fs::set_permissions(&aside, Permissions::from_mode(0o700)).map_err(EmbeddedError::folder(&aside))?;
    privileges.give(&aside)?;
    initdb(&aside, programs, privileges)?;
    sync_file_system(&aside)?;
    fs::rename(&aside, &data).map_err(EmbeddedError::folder(&data))?;
    sync_file_system(state)?;
    Ok(data)
}

fn check_version(data: &Path) -> Result<(), EmbeddedError> {
    let path = data.join("PG_VERSION");
    let found = fs::read_to_string(&path).map_err(EmbeddedError::folder(&path))?.trim().to_owned();
    if found == MAJOR {
        return Ok(());
    }
    Err(EmbeddedError::OtherVersion { path: data.to_owned(), found, expected: MAJOR.into() })
}

/// Characters beyond ASCII are letters to the trigram index only where the C library says so; not every one knows this.
const CHARACTER_TYPES: [&str; 2] = ["C.UTF-8", "C"];

fn initdb(folder: &Path, programs: &Programs, privileges: Privileges) -> Result<(), EmbeddedError> {
    let mut reason = String::new();
    for character_type in CHARACTER_TYPES {
        match initdb_with(character_type, folder, programs, privileges)? {
            Ok(()) => return Ok(()),
            Err(said) => reason = said,
        }
    }
    Err(EmbeddedError::Initdb(reason))
}

/// One try; the inner error is what initdb said.
fn initdb_with(
    character_type: &str,
    folder: &Path,
    programs: &Programs,
    privileges: Privileges,
) -> Result<Result<(), String>, EmbeddedError> {
    let mut command = privileges.command(&programs.program("initdb"))?;
    command.args(["-U", SUPERUSER, "-A", "trust", "-E", "UTF8", "--locale=C", "--locale-provider=builtin"]);
    command.args(["--builtin-locale=C.UTF-8", "--lc-ctype", character_type]);
    // Every file would be synced by itself; one sync of the file system afterwards does for all of them.
    command.args(["--no-sync", "-D"]).arg(folder);
    // SAFETY: one system call, nothing allocated.
    unsafe {
        command.pre_exec(|| {
            libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL);
            Ok(())
        });
    }
    let output = command.output().map_err(EmbeddedError::system("initdb could not be run"))?;
    if output.status.success() {
        return Ok(Ok(()));
    }
    let said = String::from_utf8_lossy(&output.stderr);
    let last = said.lines().rfind(|line| line.contains("error") || line.contains("FATAL")).or(said.lines().last());
    Ok(Err(last.unwrap_or("no reason given").trim().to_owned()))
}

fn sync_file_system(folder: &Path) -> Result<(), EmbeddedError> {
    let file = File::open(folder).map_err(EmbeddedError::folder(folder))?;
    // SAFETY: the descriptor is open for as long as `file` lives.
    if unsafe { libc::syncfs(file.as_raw_fd()) } != 0 {
        return Err(EmbeddedError::folder(folder)(std::io::Error::last_os_error()));
    }
    Ok(())
}
