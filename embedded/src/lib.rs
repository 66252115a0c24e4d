//! A private PostgreSQL server with pgvector, carried inside the binary and run as a child process.
//!
//! [`Postgres::start`] needs nothing but a folder. It unpacks the server there, makes a cluster at the first start, and
//! starts the server on a Unix socket that only this user reaches; there is no TCP listener. The folder then holds:
//!
//! | name | what |
//! |---|---|
//! | `data/` | PostgreSQL's data directory; the only thing that matters to a backup |
//! | `programs-<checksum>/` | the unpacked server; made anew when it is missing |
//! | `postgres.log`, `postgres.log.1` | the server's log, at most 8 MiB each |
//! | `lock` | held by the process that owns the folder |
//! | `server.lock` | held by every process of the server, so a survivor of a killed owner is noticed |
//! | `socket-folder` | where the socket lies |
//!
//! The server never outlives its owner: the kernel signals it when the owner dies, and should one survive, the next
//! start ends it. `fsync` stays on: what a transaction committed survives a `kill -9` of everything.
//!
//! Linux only. As root the server runs in a user namespace or as `nobody`, because PostgreSQL refuses to run as root.

mod cluster;
mod error;
mod identity;
mod locks;
mod log;
mod process;
mod runtime;
mod server;
mod socket;

pub use error::EmbeddedError;
pub use server::{Postgres, Settings};
