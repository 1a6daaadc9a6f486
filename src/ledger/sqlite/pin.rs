//! Keeps other processes from moving the WAL into the file.
//!
//! SQLite does not move pages that are newer than a reader's snapshot. A read
//! transaction at the state that the run moved last keeps other programs from
//! changing the file, so that the file shows whether its WAL was lost
//! (`rescue/integrity.rs`).

use std::path::Path;

use rusqlite::{Connection, OpenFlags, ffi};

use super::file::keep_log;
use crate::ledger::Batch;

/// The number of pages after which the WAL is moved into the file: SQLite's default.
pub(super) const MOST_UNMOVED: usize = 1000;

/// About how many rows fit on a page.
const ROWS_A_PAGE: usize = 8;

/// Pages that every batch writes: the run's, and inner pages of the tables.
const ALWAYS: usize = 4;

/// An estimate, rather too high, of the pages that `batch` adds to the WAL.
pub(super) fn pages_of(batch: &Batch) -> usize {
    ALWAYS + (batch.claims.len() + batch.settlements.len()) / ROWS_A_PAGE
}

/// An open read transaction.
#[derive(Debug)]
pub(super) struct Pin {
    _db: Connection,
}

impl Pin {
    /// Begins a read transaction on the current state of the file at `real`.
    pub(super) fn at(real: &Path) -> rusqlite::Result<Self> {
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let db = Connection::open_with_flags(real, flags)?;
        keep_log(&db, true)?;
        db.execute_batch("PRAGMA query_only = ON; PRAGMA cache_size = 4; BEGIN;")?;
        db.query_row("SELECT max(id) FROM run", [], |_| Ok(()))?;
        Ok(Self { _db: db })
    }
}

/// Moves all of the WAL into the file, and waits for readers.
pub(super) fn move_log_into_file(db: &Connection) -> rusqlite::Result<()> {
    let is_busy: bool = db.query_row("PRAGMA wal_checkpoint(FULL)", [], |row| row.get(0))?;
    if is_busy {
        let busy = ffi::Error::new(ffi::SQLITE_BUSY);
        let why = "another process has been reading it all the time";
        return Err(rusqlite::Error::SqliteFailure(busy, Some(why.to_owned())));
    }
    Ok(())
}
