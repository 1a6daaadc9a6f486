//! Why a sandbox cannot be had.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

/// Why a sandbox cannot be started, or its file cannot be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SandboxError {
    /// The address is taken, or is none of this machine's.
    #[error("cannot listen on {address}")]
    Listen {
        /// Where it was to listen.
        address: SocketAddr,
        /// What the system said.
        source: std::io::Error,
    },
    /// The file cannot be made or opened at all.
    #[error("cannot open the sandbox's file {}", .path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The file is a database, but of another program.
    #[error("{} is a SQLite file, but not one of a sandbox", .path.display())]
    Foreign {
        /// The file.
        path: PathBuf,
    },
    /// SQLite refused; `doing` reads as the end of "cannot …".
    #[error("cannot {doing} {}", .path.display())]
    Database {
        /// What was being done.
        doing: &'static str,
        /// The file.
        path: PathBuf,
        /// What SQLite said.
        source: rusqlite::Error,
    },
    /// The system gave no thread for the store.
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
            Self::File { .. } | Self::Database { .. } | Self::Thread(_) => None,
        }
    }
}
