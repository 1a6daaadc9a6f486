//! The errors of a sandbox.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

/// Why a sandbox cannot be started, or its file cannot be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SandboxError {
    /// The address is in use, or not one of this machine.
    #[error("cannot listen on {address}")]
    Listen {
        /// The address to listen on.
        address: SocketAddr,
        /// The system's error.
        source: std::io::Error,
    },
    /// The file cannot be created or opened.
    #[error("cannot open the sandbox's file {}", .path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// The system's error.
        source: std::io::Error,
    },
    /// The file is the database of another program.
    #[error("{} is a SQLite file, but not one of a sandbox", .path.display())]
    Foreign {
        /// The file.
        path: PathBuf,
    },
    /// SQLite refused; `doing` reads as the end of "cannot …".
    #[error("cannot {doing} {}", .path.display())]
    Database {
        /// What failed.
        doing: &'static str,
        /// The file.
        path: PathBuf,
        /// SQLite's error.
        source: rusqlite::Error,
    },
    /// The store's thread cannot be started.
    #[error("cannot start the sandbox's store")]
    Thread(#[source] std::io::Error),
}

impl SandboxError {
    pub(super) fn database(doing: &'static str, path: &Path, source: rusqlite::Error) -> Self {
        Self::Database {
            doing,
            path: path.to_owned(),
            source,
        }
    }

    /// What the user can do about it, where something can be done.
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            Self::Listen { .. } => Some("choose another port, or 0 for a free one"),
            Self::Foreign { .. } => Some("name a file that does not exist yet"),
            Self::File { .. } => Some("name a file in a folder that is there and can be written"),
            Self::Database { source, .. } => match source.sqlite_error_code() {
                Some(rusqlite::ErrorCode::NotADatabase) => {
                    Some("it is not the file of a sandbox: name one that does not exist yet")
                }
                Some(_) | None => Some("see that its folder can be written and the disk has room"),
            },
            Self::Thread(_) => None,
        }
    }
}
