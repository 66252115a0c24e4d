//! Under which user the server's programs run.
//!
//! PostgreSQL refuses the user id 0, and `initdb` wants a user with a name. Where the own id will not do, a user
//! namespace shows the server an ordinary id while files keep their owner, so it works below a private home too; where
//! such namespaces are forbidden (as in most containers), root becomes the unprivileged user for good.

use std::{
    ffi::CStr,
    fs,
    io::{self, Write},
    os::unix::{fs::MetadataExt, process::CommandExt},
    path::Path,
    process::{Command, Stdio},
};

use rustix::{
    fs::{Mode, OFlags},
    process::{Pid, Signal, getegid, geteuid, getppid, set_parent_process_death_signal, setsid},
    thread::{UnshareFlags, unshare_unsafe},
};

use crate::error::{EmbeddedError, io};

/// What Linux distributions give the user `nobody`; used when the table of users names nobody else.
const NOBODY: u32 = 65534;

/// A user id with its group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Ids {
    pub(crate) uid: u32,
    pub(crate) gid: u32,
}

/// A way to run the server's programs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Identity {
    /// As the user that runs this process.
    Own(Ids),
    /// As that user, who appears as `inside` in a user namespace.
    Mapped { own: Ids, inside: Ids },
    /// As another user; only root can do that.
    Switched(Ids),
}

impl Identity {
    /// The ways that may work here, best first.
    pub(crate) fn candidates() -> Vec<Self> {
        let own = Ids { uid: geteuid().as_raw(), gid: getegid().as_raw() };
        // An unreadable table is as good as an empty one: `NOBODY` is then the guess.
        let users = fs::read_to_string("/etc/passwd").unwrap_or_default();
        let inside = unprivileged(&users);
        if own.uid == 0 {
            vec![Self::Mapped { own, inside }, Self::Switched(inside)]
        } else if ids_of(&users, |_, ids| ids.uid == own.uid).is_some() {
            vec![Self::Own(own)]
        } else {
            // The user may also come from a directory service, which only the programs themselves can ask.
            vec![Self::Mapped { own, inside }, Self::Own(own)]
        }
    }

    /// Who must own the server's files, as this process sees it.
    pub(crate) fn owner(&self) -> Ids {
        match *self {
            Self::Own(ids) | Self::Switched(ids) | Self::Mapped { own: ids, .. } => ids,
        }
    }

    /// The mode of the folder around the server's files: another user must get through it.
    pub(crate) fn folder_mode(&self) -> u32 {
        if matches!(self, Self::Switched(_)) { 0o711 } else { 0o700 }
    }

    /// A command with a clean environment that runs `program` this way and is signalled with `on_death` when the
    /// thread that spawned it ends.
    pub(crate) fn command(&self, program: &Path, on_death: Signal) -> Command {
        let mut command = Command::new(program);
        command.current_dir("/").env_clear().env("LC_ALL", "C").env("TZ", "UTC").env("PATH", "/usr/bin:/bin");
        command.stdin(Stdio::null());
        if let Self::Switched(ids) = *self {
            command.uid(ids.uid).gid(ids.gid);
        }
        // Formatted here, because nothing may be allocated between fork and exec.
        let maps = match *self {
            Self::Mapped { own, inside } => {
                Some((format!("{} {} 1", inside.uid, own.uid), format!("{} {} 1", inside.gid, own.gid)))
            }
            _ => None,
        };
        let parent = Pid::from_raw(std::process::id().cast_signed());
        let prepare = move || {
            if let Some((uids, gids)) = &maps {
                enter_user_namespace(uids.as_bytes(), gids.as_bytes())?;
            }
            // A session of its own keeps the terminal's Ctrl-C away: the owner decides when the server stops.
            setsid()?;
            // After all changes of credentials, since those clear it.
            set_parent_process_death_signal(Some(on_death))?;
            if getppid() != parent {
                return Err(io::ErrorKind::BrokenPipe.into());
            }
            Ok(())
        };
        // SAFETY: `prepare` only makes system calls on memory that was there before the fork.
        unsafe { command.pre_exec(prepare) };
        command
    }

    /// Makes `path`, and everything below it, belong to this identity.
    pub(crate) fn claim(&self, path: &Path) -> Result<(), EmbeddedError> {
        let owner = self.owner();
        let found = fs::symlink_metadata(path).map_err(io("read", path))?.uid();
        if found == owner.uid {
            return Ok(());
        }
        if geteuid().as_raw() != 0 {
            let reason = format!("it belongs to user id {found}, but this process runs as {}", geteuid().as_raw());
            return Err(EmbeddedError::Permission { path: path.to_owned(), reason });
        }
        give(path, owner)
    }
}

/// Changes the owner of a tree, its root last: a tree whose root has the right owner has it throughout.
fn give(path: &Path, owner: Ids) -> Result<(), EmbeddedError> {
    if fs::symlink_metadata(path).map_err(io("read", path))?.is_dir() {
        for entry in fs::read_dir(path).map_err(io("read", path))? {
            give(&entry.map_err(io("read", path))?.path(), owner)?;
        }
    }
    std::os::unix::fs::lchown(path, Some(owner.uid), Some(owner.gid)).map_err(io("change the owner of", path))
}

/// Moves the calling, freshly forked process into a user namespace with one id.
fn enter_user_namespace(uids: &[u8], gids: &[u8]) -> io::Result<()> {
    // SAFETY: the process has one thread, and its file descriptors are not unshared.
    unsafe { unshare_unsafe(UnshareFlags::NEWUSER) }?;
    // Without privileges outside, the kernel lets a group be mapped only once setgroups is given up.
    write_once(c"/proc/self/setgroups", b"deny")?;
    write_once(c"/proc/self/uid_map", uids)?;
    write_once(c"/proc/self/gid_map", gids)
}

fn write_once(path: &CStr, text: &[u8]) -> io::Result<()> {
    let file = rustix::fs::open(path, OFlags::WRONLY | OFlags::CLOEXEC, Mode::empty())?;
    fs::File::from(file).write_all(text)
}

/// The user that root runs the server as: `nobody`, or else the first ordinary one.
fn unprivileged(users: &str) -> Ids {
    ids_of(users, |name, ids| name == "nobody" && ids.uid != 0)
        .or_else(|| ids_of(users, |_, ids| ids.uid != 0))
        .unwrap_or(Ids { uid: NOBODY, gid: NOBODY })
}

/// The first user in the text of `/etc/passwd` that `wanted` accepts.
fn ids_of(users: &str, wanted: impl Fn(&str, Ids) -> bool) -> Option<Ids> {
    users.lines().find_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next()?;
        let ids = Ids { uid: fields.nth(1)?.parse().ok()?, gid: fields.next()?.parse().ok()? };
        wanted(name, ids).then_some(ids)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const USERS: &str = "root:x:0:0:root:/root:/bin/sh\ndaemon:x:1:2::/:/bin/false\nnobody:x:99:98::/:/bin/false\n";

    #[test]
    fn root_runs_the_server_as_nobody() {
        assert_eq!(unprivileged(USERS), Ids { uid: 99, gid: 98 });
    }

    #[test]
    fn without_nobody_the_first_ordinary_user_serves() {
        let users = USERS.replace("nobody:x:99:98::/:/bin/false\n", "");
        assert_eq!(unprivileged(&users), Ids { uid: 1, gid: 2 });
        assert_eq!(unprivileged("root:x:0:0::/:/bin/sh\nbroken\n"), Ids { uid: NOBODY, gid: NOBODY });
    }
}
