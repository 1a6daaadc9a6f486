//! The checkpoint as a file: whose it is, and whether it is one.

use std::fs::{File, OpenOptions};
use std::io::Read;
use std::path::{Path, PathBuf};

use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags};

use super::LedgerError;
use super::damage::Rescue;

/// What every SQLite file begins with (SQLite documentation, "Database File Format").
const MAGIC: &[u8] = b"SQLite format 3\0";

/// SQLite's pages: its default, which we leave as it is.
const PAGE: u64 = 4096;

/// Makes files readable by their owner only, where the system knows owners.
pub(super) fn owner_only(options: &mut OpenOptions) {
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(options, 0o600);
    #[cfg(not(unix))]
    let _unused = options;
}

/// Opens a checkpoint to look at it: nothing is written to it, neither by us nor
/// by SQLite. That a run writes it meanwhile does no harm.
pub(super) fn open_to_look(path: &Path) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let db = Connection::open_with_flags(path, flags)?;
    hold_back(&db, path)?;
    db.execute_batch("PRAGMA query_only = ON;")?;
    Ok(db)
}

/// Keeps SQLite from moving what waits in the log into the file when `db` goes.
///
/// Where no log is there, there is nothing to be moved, and SQLite may take its
/// own empty one away again.
pub(super) fn hold_back(db: &Connection, path: &Path) -> rusqlite::Result<()> {
    db.set_db_config(
        DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE,
        log_length(path) > 0,
    )?;
    Ok(())
}

/// Lets SQLite do as it does.
pub(super) fn let_go(db: &Connection) -> rusqlite::Result<()> {
    db.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, false)?;
    Ok(())
}

/// How long the log beside the checkpoint is.
pub(super) fn log_length(path: &Path) -> u64 {
    std::fs::metadata(log_path(path)).map_or(0, |found| found.len())
}

/// SQLite's log. SQLite follows links, and keeps it beside the file itself.
pub(super) fn log_path(path: &Path) -> PathBuf {
    let real = std::fs::canonicalize(path).unwrap_or_else(|_not_there| path.to_owned());
    beside(&real, "-wal")
}

/// The file beside `path` whose name has this ending more.
pub(super) fn beside(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(ending);
    PathBuf::from(name)
}

/// How many bytes stand behind the last whole page.
pub(super) fn odd_bytes(path: &Path) -> u64 {
    std::fs::metadata(path).map_or(0, |found| found.len() % PAGE)
}

/// Refuses what is there and is not SQLite, before anything touches it.
pub(super) fn refuse_other_files(path: &Path) -> Result<(), LedgerError> {
    if is_hard_linked(path) {
        return Err(LedgerError::Linked {
            path: path.to_owned(),
        });
    }
    if path.is_dir() {
        return Err(LedgerError::NotALedger {
            path: path.to_owned(),
        });
    }
    let Ok(mut file) = File::open(path) else {
        // Not there, or not ours to read: opening it will tell.
        return Ok(());
    };
    let mut start = Vec::new();
    let read = file
        .by_ref()
        .take(MAGIC.len() as u64)
        .read_to_end(&mut start);
    match read {
        // SQLite would throw the log away, and what is in it was sent.
        Ok(0) if log_length(path) > 0 => Err(LedgerError::Damaged {
            path: path.to_owned(),
            what: "it is empty, and its log is not".to_owned(),
            rescue: Rescue::Nothing,
        }),
        Ok(0) | Err(_) => Ok(()),
        Ok(_) if start == MAGIC => Ok(()),
        Ok(_) => Err(LedgerError::NotALedger {
            path: path.to_owned(),
        }),
    }
}

/// Whether the file has a second name. SQLite would keep a log beside each of
/// them, and corrupt it (SQLite documentation, "How To Corrupt", §2.5).
fn is_hard_linked(path: &Path) -> bool {
    #[cfg(unix)]
    {
        use std::os::unix::fs::MetadataExt;
        std::fs::metadata(path).is_ok_and(|found| found.is_file() && found.nlink() > 1)
    }
    #[cfg(not(unix))]
    {
        let _unused = path;
        false
    }
}
