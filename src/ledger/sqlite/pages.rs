//! Reads all claim records, a page at a time.
//!
//! One query for all of them would be one read transaction: while a slow reader goes
//! through it, the WAL of a run that writes could not be moved into the file, and would
//! grow (SQLite documentation, "Write-Ahead Logging", "Avoiding Excessively Large WAL
//! Files").

use rusqlite::{Connection, params};

use super::row_codec::{ENTRY, entry_of};
use crate::ledger::ClaimRecord;

/// How many records are read at once.
const PAGE: i64 = 1024;

/// The number of the claim before the first one: none is lower.
pub(super) const BEFORE_FIRST: i64 = i64::MIN;

/// The records of the next claims after number `last`, with their numbers; empty behind
/// the last one.
pub(super) fn page_after(db: &Connection, last: i64) -> rusqlite::Result<Vec<(i64, ClaimRecord)>> {
    let mut statement = db.prepare_cached(&format!(
        "SELECT {ENTRY} FROM customer WHERE id > ? ORDER BY id LIMIT ?"
    ))?;
    let rows = statement.query_map(params![last, PAGE], |row| Ok((row.get(8)?, entry_of(row)?)))?;
    rows.collect()
}
