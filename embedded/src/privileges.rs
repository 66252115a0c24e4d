//! Running PostgreSQL as somebody who is not root, which it insists on.

use std::{
    ffi::CString,
    io,
    os::unix::process::CommandExt,
    path::Path,
    process::{Command, Stdio},
};

use crate::EmbeddedError;

/// The id that root is mapped to inside the namespace: any but 0 will do.
const INNER_ID: u32 = 1000;
/// The user and group to become where namespaces are not allowed and there is no `nobody`.
const NOBODY: (u32, u32) = (65534, 65534);

/// As whom the server runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Privileges {
    /// As whoever runs this program.
    Same,
    /// In a user namespace in which root has an ordinary id. Files stay root's own, wherever they lie.
    Namespace,
    /// As an unprivileged user; the data belongs to that user then.
    User(u32, u32),
}

impl Privileges {
    pub(crate) fn choose() -> Self {
        // SAFETY: takes nothing and cannot fail.
        if unsafe { libc::geteuid() } != 0 {
            return Self::Same;
        }
        let namespace = Self::Namespace.command(Path::new("/bin/true"));
        if std::env::var_os("KGL_NO_USER_NAMESPACE").is_none() && namespace.is_ok_and(|mut c| succeeds(&mut c)) {
            return Self::Namespace;
        }
        let (user, group) = nobody();
        Self::User(user, group)
    }

    /// The user and group that the data must belong to, where that is not who runs this program.
    pub(crate) fn owner(self) -> Option<(u32, u32)> {
        match self {
            Self::User(user, group) => Some((user, group)),
            Self::Same | Self::Namespace => None,
        }
    }

    /// A command that runs `program` so, with nothing of this process's environment.
    pub(crate) fn command(self, program: &Path) -> Result<Command, EmbeddedError> {
        let mut command = Command::new(program);
        command.current_dir("/").env_clear().env("LC_ALL", "C").env("TZ", "UTC").env("PATH", "/usr/bin:/bin");
        command.stdin(Stdio::null());
        match self {
            Self::Same => {}
            Self::User(user, group) => {
                command.uid(user).gid(group);
            }
            Self::Namespace => enter_namespace(&mut command),
        }
        Ok(command)
    }

    /// Gives a file or folder, with all in it, to whom the data must belong.
    pub(crate) fn give(self, path: &Path) -> Result<(), EmbeddedError> {
        let Some((user, group)) = self.owner() else {
            return Ok(());
        };
        give(path, user, group).map_err(EmbeddedError::folder(path))
    }
}

fn succeeds(command: &mut Command) -> bool {
    command.stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok_and(|status| status.success())
}

fn give(path: &Path, user: u32, group: u32) -> io::Result<()> {
    std::os::unix::fs::lchown(path, Some(user), Some(group))?;
    if path.is_dir() && !path.is_symlink() {
        for entry in std::fs::read_dir(path)? {
            give(&entry?.path(), user, group)?;
        }
    }
    Ok(())
}

fn nobody() -> (u32, u32) {
    // SAFETY: the name is a C string; the answer is read at once, and this runs before any other thread asks.
    unsafe {
        let entry = libc::getpwnam(c"nobody".as_ptr());
        if entry.is_null() { NOBODY } else { ((*entry).pw_uid, (*entry).pw_gid) }
    }
}

/// Between fork and exec nothing may allocate, so all that is written is made here.
fn enter_namespace(command: &mut Command) {
    // SAFETY: take nothing and cannot fail.
    let (user, group) = unsafe { (libc::geteuid(), libc::getegid()) };
    let users = format!("{INNER_ID} {user} 1").into_bytes();
    let groups = format!("{INNER_ID} {group} 1").into_bytes();
    let (set_groups, user_map, group_map) =
        (c"/proc/self/setgroups".to_owned(), c"/proc/self/uid_map".to_owned(), c"/proc/self/gid_map".to_owned());
    // SAFETY: only system calls on memory that was made before the fork.
    unsafe {
        command.pre_exec(move || {
            if libc::unshare(libc::CLONE_NEWUSER) != 0 {
                return Err(io::Error::last_os_error());
            }
            // A group map may only be written once setgroups is off the table.
            write_raw(&set_groups, b"deny")?;
            write_raw(&user_map, &users)?;
            write_raw(&group_map, &groups)
        });
    }
}

fn write_raw(path: &CString, bytes: &[u8]) -> io::Result<()> {
    // SAFETY: path and bytes outlive the calls; the descriptor is closed right here.
    unsafe {
        let file = libc::open(path.as_ptr(), libc::O_WRONLY | libc::O_CLOEXEC);
        if file < 0 {
            return Err(io::Error::last_os_error());
        }
        let written = libc::write(file, bytes.as_ptr().cast(), bytes.len());
        let error = io::Error::last_os_error();
        libc::close(file);
        if usize::try_from(written).is_ok_and(|written| written == bytes.len()) { Ok(()) } else { Err(error) }
    }
}
