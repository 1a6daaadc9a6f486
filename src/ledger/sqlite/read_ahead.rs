//! Reads claim records ahead when they are requested in order.
//!
//! An account reads millions of them in order, and a query for each would lock and
//! unlock the file every time.

use std::collections::VecDeque;

use rusqlite::{Connection, params};

use super::row_codec::{ENTRY, entry_of};
use crate::ledger::ClaimRecord;
use crate::ledger::claim_state::{from_sql, to_sql};

/// How many records are read at once.
const AHEAD: u64 = 256;

/// Records that were read ahead and not requested yet.
#[derive(Debug, Default)]
pub(super) struct Entries {
    ahead: VecDeque<(u64, ClaimRecord)>,
    /// The number after the one requested last.
    next: u64,
}

impl Entries {
    /// The record of claim `id`. Call [`Self::forget`] before any write.
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

    /// Drops the records read ahead, which a write may make stale.
    pub(super) fn forget(&mut self) {
        self.ahead.clear();
    }
}
