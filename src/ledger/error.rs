//! Why a ledger cannot be used, and what the user can do about it.

use std::borrow::Cow;
use std::path::{Path, PathBuf};

use super::rescue::damage::{Damage, Rescue};

/// Why the ledger cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LedgerError {
    /// The file does not exist.
    #[error("there is no checkpoint {}", .path.display())]
    NotThere {
        /// The checkpoint.
        path: PathBuf,
    },
    /// The file is not a checkpoint.
    #[error("{} is not a checkpoint of kable-bulk", .path.display())]
    NotALedger {
        /// The checkpoint.
        path: PathBuf,
    },
    /// The file has a hard link.
    #[error("checkpoint {} is known under a second name (a hard link)", .path.display())]
    Linked {
        /// The checkpoint.
        path: PathBuf,
    },
    /// The file was written by a newer kable-bulk.
    #[error("checkpoint {} has format {found}, and this kable-bulk knows formats up to {known}", .path.display())]
    Newer {
        /// The checkpoint.
        path: PathBuf,
        /// The file's format.
        found: i64,
        /// The newest known format.
        known: i64,
    },
    /// Part of the file can't be read, or is invalid.
    #[error(
        "checkpoint {} is damaged: {}; {rescue}{}",
        .path.display(), .damage.what, .damage.in_brackets()
    )]
    Damaged {
        /// The checkpoint.
        path: PathBuf,
        /// The damage that was found.
        damage: Box<Damage>,
        /// What was done about it.
        rescue: Rescue,
    },
    /// The file belongs to another account.
    #[error(
        "checkpoint {} belongs to {recorded}, but this run would send to {given}",
        .path.display()
    )]
    OtherAccount {
        /// The checkpoint.
        path: PathBuf,
        /// The account in the file.
        recorded: String,
        /// This run's account.
        given: String,
    },
    /// Another process is writing to it.
    #[error("checkpoint {} is in use by {holder}", .path.display())]
    InUse {
        /// The checkpoint.
        path: PathBuf,
        /// The process and its host.
        holder: String,
    },
    /// One of its files was moved, removed or replaced since it was opened.
    #[error(
        "checkpoint {} can't be written on: {} was removed, renamed or replaced while this run was \
         writing it",
        .path.display(), .file.display()
    )]
    FileMoved {
        /// The checkpoint.
        path: PathBuf,
        /// The file that is gone.
        file: PathBuf,
    },
    /// It is on a network file system.
    #[error(
        "checkpoint {} is on a network file system ({kind}), on which two runs could write it at once",
        .path.display()
    )]
    Network {
        /// The checkpoint.
        path: PathBuf,
        /// The file system's type.
        kind: String,
    },
    /// The database that holds it can't be reached.
    #[error("checkpoint {} can't be reached", .path.display())]
    Unreachable {
        /// The checkpoint.
        path: PathBuf,
        /// What the user can do about it.
        hint: Option<Cow<'static, str>>,
        /// Why.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// This worker was silent for so long that others took over its work.
    #[error(
        "checkpoint {}: this worker was not heard from for so long that others took over its work",
        .path.display()
    )]
    Fenced {
        /// The checkpoint.
        path: PathBuf,
    },
    /// The database lost what it had acknowledged.
    #[error(
        "checkpoint {} lost what its database had acknowledged, as after a failover or a restored \
         backup",
        .path.display()
    )]
    LostCommits {
        /// The checkpoint.
        path: PathBuf,
    },
    /// Workers that share a run have to agree on what is sent.
    #[error("checkpoint {} is in use by an import that differs in {what}", .path.display())]
    OtherRun {
        /// The checkpoint.
        path: PathBuf,
        /// What differs.
        what: String,
    },
    /// This build knows no databases.
    #[error("checkpoint {} is in PostgreSQL, which this kable-bulk was built without", .path.display())]
    NoDatabases {
        /// The checkpoint.
        path: PathBuf,
    },
    /// A run wrote that had not begun.
    #[error("a run wrote that had not begun; this is a bug in kable-bulk")]
    NotBegun,
    /// A database operation failed; `doing` completes "cannot …".
    #[error("cannot {doing} checkpoint {}", .path.display())]
    Database {
        /// The operation.
        doing: &'static str,
        /// The checkpoint.
        path: PathBuf,
        /// The database's error.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// A database server refused something; `doing` completes "cannot …".
    #[error("cannot {doing} checkpoint {}", .path.display())]
    Refused {
        /// The operation.
        doing: &'static str,
        /// The checkpoint.
        path: PathBuf,
        /// What the user can do about it.
        hint: Cow<'static, str>,
        /// What the server said.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The callback of a scan failed.
    #[error("cannot keep what was read from checkpoint {}", .path.display())]
    Io {
        /// The checkpoint.
        path: PathBuf,
        /// The callback's error.
        source: std::io::Error,
    },
}

/// Whether a checkpoint's name is the address of a database.
pub fn is_database(checkpoint: &Path) -> bool {
    let name = checkpoint.as_os_str().as_encoded_bytes();
    // The case of a scheme does not matter (RFC 3986 §3.1).
    ["postgres:", "postgresql:"].iter().any(|scheme| {
        let begin = name.get(..scheme.len());
        begin.is_some_and(|begin| begin.eq_ignore_ascii_case(scheme.as_bytes()))
    })
}

impl LedgerError {
    /// What the user can do about it.
    pub fn hint(&self) -> Option<Cow<'static, str>> {
        let hint = match self {
            Self::Damaged { damage, rescue, .. } => return Some(damage.hint(rescue).into()),
            Self::Unreachable { hint, .. } => return hint.clone(),
            Self::Refused { hint, .. } => return Some(hint.clone()),
            Self::NotBegun => return None,
            Self::NoDatabases { .. } => {
                "build it with `cargo build --release --features postgres`, or name a file"
            }
            Self::Fenced { .. } => {
                "run the same command again: it joins the others, or goes on where they stopped"
            }
            Self::LostCommits { .. } => {
                "run the same command again: it looks every customer up before it creates one, for some that were created may be missing from the checkpoint"
            }
            Self::OtherRun { .. } => {
                "start all workers with the same input and options, or wait for the others to end (one that was killed ends with its lease, after 20 seconds by default)"
            }
            Self::NotThere { path } if is_database(path) => {
                "check the schema in the address (schema=NAME; kable_bulk without it): an import makes it"
            }
            Self::NotThere { .. } => {
                "name the input that was imported, or the file with --checkpoint FILE"
            }
            Self::NotALedger { path } if is_database(path) => {
                "its schema has other tables, and was not touched: name another one with schema=NAME in the address"
            }
            Self::NotALedger { .. } => {
                "name another file with --checkpoint FILE; this one was not touched (if it was a checkpoint once, let its name end in .checkpoint.db: then what can be read of it is saved)"
            }
            Self::Linked { .. } => "remove the other name: two runs could write it at once",
            Self::Newer { .. } => "use the version of kable-bulk that wrote it, or a newer one",
            Self::OtherAccount { .. } => {
                "use the credentials and the target that it was begun with, or begin another one with --checkpoint FILE (in a database, with schema=NAME in its address)"
            }
            Self::InUse { .. } => {
                "wait for it to end, or stop it with Ctrl-C; `kable-bulk status` shows where it stands"
            }
            Self::FileMoved { .. } => {
                "put it back if it was moved, leave the files beside the checkpoint alone, and run the same command again: nothing was sent that is not in the checkpoint, and what is in doubt is asked for first"
            }
            Self::Network { .. } => {
                "name a file on a local disk with --checkpoint FILE; one that was begun already is moved there with its -wal beside it"
            }
            Self::Database { .. } | Self::Io { .. } => {
                "see that its folder is there and can be written, and that the disk has room; what was done is kept"
            }
        };
        Some(hint.into())
    }
}

#[cfg(test)]
mod tests {
    use super::{Path, is_database};

    #[test]
    fn a_checkpoint_is_in_a_database_in_whatever_case_its_scheme_is_written() {
        for (name, expected) in [
            ("postgres://u@db/kable", true),
            ("postgresql://u@db/kable", true),
            ("Postgres://u@db/kable", true),
            ("POSTGRESQL://u@db/kable", true),
            ("postgres:u@db", true),
            ("./postgres:db", false),
            ("postgres", false),
            ("postgres.checkpoint.db", false),
            ("mysql://u@db/kable", false),
            ("", false),
        ] {
            assert_eq!(is_database(Path::new(name)), expected, "{name}");
        }
    }
}
