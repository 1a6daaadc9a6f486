//! Opens a checkpoint's file for reading, and tells checkpoints from other files.

use std::fs::File;
use std::io::{ErrorKind, Read};
use std::path::{Path, PathBuf};

use percent_encoding::{NON_ALPHANUMERIC, percent_encode};
use rusqlite::config::DbConfig;
use rusqlite::{Connection, ErrorCode, OpenFlags};

use super::format::APPLICATION;
use crate::ledger::LedgerError;
use crate::ledger::paths::lock_path;
use crate::ledger::paths::{beside, real_place};
use crate::ledger::rescue::damage::Damage;

/// The first bytes of every SQLite file (SQLite documentation, "Database File Format").
const MAGIC: &[u8] = b"SQLite format 3\0";

/// The page size: SQLite's default.
pub(in crate::ledger) const PAGE: u64 = 4096;

/// The endings of checkpoints' default names.
const NAMES: [&str; 2] = [".checkpoint.db", ".checkpoint.db.saved"];

/// A column name in the schema that other databases do not have.
const OUR_COLUMN: &[u8] = b"kable_client_id";

/// Opens a checkpoint for reading. SQLite does not move its WAL into the file. A
/// run may write to it meanwhile.
pub(in crate::ledger) fn open_to_look(path: &Path) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let db = Connection::open_with_flags(path, flags)?;
    if is_in_read_only_folder(&db) {
        return open_read_only(path);
    }
    hold_back(&db, path)?;
    db.execute_batch("PRAGMA query_only = ON;")?;
    Ok(db)
}

/// Whether SQLite can't create the files beside it that a WAL needs.
fn is_in_read_only_folder(db: &Connection) -> bool {
    let looked = db.query_row("PRAGMA schema_version", [], |_| Ok(()));
    matches!(
        looked.map_err(|error| error.sqlite_error_code()),
        Err(Some(ErrorCode::CannotOpen | ErrorCode::ReadOnly))
    )
}

/// Opens a checkpoint where nothing may be written. Without a WAL it is read as it is, which
/// needs no files beside it; no run can write to it there.
fn open_read_only(path: &Path) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    if log_length(path) > 0 {
        return Connection::open_with_flags(path, flags);
    }
    let place = real_place(path);
    let place = percent_encode(place.as_os_str().as_encoded_bytes(), NON_ALPHANUMERIC);
    let uri = format!("file:{place}?immutable=1");
    Connection::open_with_flags(uri, flags | OpenFlags::SQLITE_OPEN_URI)
}

/// Keeps SQLite from moving the WAL into the file when `db` is closed.
///
/// If there is no WAL yet, SQLite may delete the empty one that it creates.
pub(super) fn hold_back(db: &Connection, path: &Path) -> rusqlite::Result<()> {
    keep_log(db, log_length(path) > 0)
}

/// Sets whether the WAL stays when `db` is closed, or is moved into the file and
/// deleted.
pub(super) fn keep_log(db: &Connection, stays: bool) -> rusqlite::Result<()> {
    db.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, stays)?;
    Ok(())
}

/// The length of the checkpoint's WAL; 0 if there is none.
pub(in crate::ledger) fn log_length(path: &Path) -> u64 {
    std::fs::metadata(log_path(path)).map_or(0, |found| found.len())
}

/// The path of the WAL. SQLite resolves symbolic links and keeps it beside the file.
pub(in crate::ledger) fn log_path(path: &Path) -> PathBuf {
    beside(&real_place(path), "-wal")
}

/// The number of bytes after the last whole page.
pub(in crate::ledger) fn odd_bytes(path: &Path) -> u64 {
    std::fs::metadata(path).map_or(0, |found| found.len() % PAGE)
}

/// What is at the checkpoint's path, before it is opened.
#[derive(Debug)]
pub(super) enum CheckpointFile {
    /// No file.
    Absent,
    /// An SQLite file, or a file that can't be read, which opening it will report.
    Sqlite,
    /// A damaged checkpoint.
    Damaged(Damage),
}

/// Examines the first page of the file at `path`; an error if it is no checkpoint.
pub(super) fn probe(path: &Path) -> Result<CheckpointFile, LedgerError> {
    if is_hard_linked(path) {
        return Err(LedgerError::Linked {
            path: path.to_owned(),
        });
    }
    let not_a_ledger = LedgerError::NotALedger {
        path: path.to_owned(),
    };
    if path.is_dir() {
        return Err(not_a_ledger);
    }
    let start = match start_of(path) {
        Ok(start) => start,
        // SQLite would apply the WAL to a new file.
        Err(error) if error.kind() == ErrorKind::NotFound && log_length(path) > 0 => {
            return Ok(CheckpointFile::Damaged(Damage::empty(
                "it is gone, and its log is not",
            )));
        }
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(CheckpointFile::Absent),
        Err(_not_ours_to_read) => return Ok(CheckpointFile::Sqlite),
    };
    if start.starts_with(MAGIC) {
        Ok(CheckpointFile::Sqlite)
    } else if start.is_empty() {
        Ok(CheckpointFile::Damaged(Damage::empty("it is empty")))
    } else if is_perhaps_ours(path) {
        Ok(CheckpointFile::Damaged(Damage::found(
            "its beginning is overwritten",
        )))
    } else {
        Err(not_a_ledger)
    }
}

/// Whether an unreadable file may have been a checkpoint, judging by its name, a lock
/// file beside it, its application id, or the schema on its first page.
pub(super) fn is_perhaps_ours(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    if NAMES.iter().any(|ending| name.ends_with(ending)) || lock_path(path).exists() {
        return true;
    }
    let start = start_of(path).unwrap_or_default();
    let mark = i32::try_from(APPLICATION).map(i32::to_be_bytes);
    let is_marked = mark.is_ok_and(|mark| start.get(68..72) == Some(&mark[..]));
    let is_text = !start.contains(&0);
    is_marked || (!is_text && memchr::memmem::find(&start, OUR_COLUMN).is_some())
}

/// The first page.
fn start_of(path: &Path) -> std::io::Result<Vec<u8>> {
    let mut start = Vec::new();
    File::open(path)?.take(PAGE).read_to_end(&mut start)?;
    Ok(start)
}

/// Whether the file has several hard links. SQLite would use a WAL for each name and
/// corrupt the file (SQLite documentation, "How To Corrupt", §2.5).
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
