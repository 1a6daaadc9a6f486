//! Keeps other processes from moving the log into the file.
//!
//! SQLite moves no page into the file that a reader may still want as it was. A
//! reader that stays at what the run moved last keeps the file as it is, whatever
//! other programs do: so the file shows whether it lost its log
//! (`rescue/integrity.rs`).

use std::path::Path;

use rusqlite::{Connection, OpenFlags, ffi};

use super::file::keep_log;
use crate::ledger::Batch;

/// After how many pages the log is moved into the file: SQLite's own default.
pub(super) const MOST_UNMOVED: usize = 1000;

/// Rows that are written to one page, roughly.
const ROWS_A_PAGE: usize = 8;

/// Pages that every batch writes: the run's, and those on the way to a row's.
const ALWAYS: usize = 4;

/// About how many pages of the log `batch` takes, rather more than fewer.
pub(super) fn pages_of(batch: &Batch) -> usize {
    ALWAYS + (batch.claims.len() + batch.settlements.len()) / ROWS_A_PAGE
}

/// A reader that stays where it is.
#[derive(Debug)]
pub(super) struct Pin {
    _db: Connection,
}

impl Pin {
    /// A reader of the file at `real` as it is now.
    pub(super) fn at(real: &Path) -> rusqlite::Result<Self> {
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let db = Connection::open_with_flags(real, flags)?;
        keep_log(&db, true)?;
        db.execute_batch("PRAGMA query_only = ON; PRAGMA cache_size = 4; BEGIN;")?;
        db.query_row("SELECT max(id) FROM run", [], |_| Ok(()))?;
        Ok(Self { _db: db })
    }
}

/// Has SQLite move all of the log into the file, and waits for those who read.
pub(super) fn move_log_into_file(db: &Connection) -> rusqlite::Result<()> {
    let is_busy: bool = db.query_row("PRAGMA wal_checkpoint(FULL)", [], |row| row.get(0))?;
    if is_busy {
        let busy = ffi::Error::new(ffi::SQLITE_BUSY);
        let why = "another process has been reading it all the time";
        return Err(rusqlite::Error::SqliteFailure(busy, Some(why.to_owned())));
    }
    Ok(())
}
