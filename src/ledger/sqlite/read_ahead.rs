//! Reads claim records ahead where they are requested in order.
//!
//! An account reads millions of them in order, and each query alone would lock and
//! unlock the file.

use std::collections::VecDeque;

use rusqlite::{Connection, params};

use super::row_codec::{ENTRY, entry_of, from_sql, to_sql};
use crate::ledger::ClaimRecord;

/// How many entries are read at once.
const AHEAD: u64 = 256;

/// Entries that were read and not asked for yet.
#[derive(Debug, Default)]
pub(super) struct Entries {
    ahead: VecDeque<(u64, ClaimRecord)>,
    /// The number behind the one that was asked for last.
    next: u64,
}

impl Entries {
    /// The entry of claim `id`, which is not written to before [`Self::forget`].
    pub(super) fn get(
        &mut self,
        db: &Connection,
        id: u64,
    ) -> rusqlite::Result<Option<ClaimRecord>> {
        let in_order = std::mem::replace(&mut self.next, id + 1) == id;
        while self.ahead.pop_front_if(|(other, _)| *other < id).is_some() {}
        if self.ahead.front().is_none_or(|(other, _)| *other != id) {
            self.read(db, id, if in_order { AHEAD } else { 1 })?;
        }
        let found = self.ahead.pop_front_if(|(other, _)| *other == id);
        Ok(found.map(|(_, entry)| entry))
    }

    fn read(&mut self, db: &Connection, first: u64, most: u64) -> rusqlite::Result<()> {
        let mut statement = db.prepare_cached(&format!(
            "SELECT {ENTRY} FROM customer WHERE id >= ? ORDER BY id LIMIT ?"
        ))?;
        let rows = statement.query_map(params![to_sql(first), to_sql(most)], |row| {
            Ok((from_sql(row.get(8)?), entry_of(row)?))
        })?;
        self.ahead = rows.collect::<rusqlite::Result<_>>()?;
        Ok(())
    }

    /// Drops what was read: it may not be so any more.
    pub(super) fn forget(&mut self) {
        self.ahead.clear();
    }
}
