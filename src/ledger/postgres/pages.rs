//! Reads claims, a page at a time: a query for each would take a round trip, and one for all
//! of them would hold them in memory.

use std::collections::VecDeque;
use std::ops::Range;

use super::postgres_error::PostgresError;
use super::rows::{known_of, record_of, to_sql};
use super::session::DatabaseSession;
use crate::domain::decision::KnownClaim;
use crate::ledger::ClaimRecord;

/// How many claims are read at once.
pub(super) const PAGE: u32 = 2000;

/// What is known of the claims after number `last`, in their order; none of `before` or
/// later.
pub(super) async fn known_after(
    session: &DatabaseSession,
    last: i64,
    before: i64,
) -> Result<Vec<(String, KnownClaim)>, PostgresError> {
    let rows = session
        .query(
            "SELECT id, client_id, digest, outcome, doubt, claimed_by, attempts, ours,
                    customer_id IS NOT NULL, orphan
                FROM kb.customer WHERE id > $1 AND id < $2 ORDER BY id LIMIT $3",
            &[&last, &before, &i64::from(PAGE)],
        )
        .await?;
    rows.iter().map(known_of).collect()
}

/// The records of at most `most` claims from number `first` on, with their numbers. For a
/// `worker`, what other workers are about to send is not in doubt: it is still to be done.
pub(super) async fn records_from(
    session: &DatabaseSession,
    first: u64,
    most: u32,
    worker: Option<i64>,
) -> Result<Vec<(u64, ClaimRecord)>, PostgresError> {
    let rows = session
        .query(
            "SELECT id, client_id,
                    CASE WHEN elsewhere THEN coalesce(outcome, 'pending') ELSE outcome END,
                    CASE WHEN elsewhere THEN 0::smallint ELSE doubt END,
                    digest, ours, keys_lost, customer_id, request_id, attempts, status, message,
                    claimed_by, settled, modified, differing
                FROM kb.customer c, LATERAL (SELECT c.doubt <> 0 AND c.worker <> $3 AND EXISTS (
                        SELECT FROM kb.worker w WHERE w.id = c.worker AND w.state = 'live'))
                    AS other (elsewhere)
                WHERE id >= $1 ORDER BY id LIMIT $2",
            &[&to_sql(first), &i64::from(most), &worker],
        )
        .await?;
    rows.iter().map(record_of).collect()
}

/// Records that were read ahead and not requested yet: an account requests them in order.
#[derive(Debug, Default)]
pub(super) struct ReadAhead {
    records: VecDeque<(u64, ClaimRecord)>,
    /// The number after the one requested last.
    next: u64,
    /// The numbers that were read, with or without a claim.
    read: Range<u64>,
}

impl ReadAhead {
    /// How many records have to be read, from `id` on; `None` if that was done. Call
    /// [`Self::forget`] before any write.
    pub(super) fn wanted(&mut self, id: u64) -> Option<u32> {
        let in_order = std::mem::replace(&mut self.next, id + 1) == id;
        while self
            .records
            .pop_front_if(|(other, _)| *other < id)
            .is_some()
        {}
        if self.read.contains(&id) {
            self.read.start = id + 1;
            return None;
        }
        Some(if in_order { PAGE } else { 1 })
    }

    /// Keeps what was read, from number `first` on.
    pub(super) fn hold(&mut self, first: u64, records: Vec<(u64, ClaimRecord)>) {
        let end = records.last().map_or(first, |(last, _)| *last) + 1;
        self.read = first + 1..end;
        self.records = records.into();
    }

    /// The record of claim `id`, if there is one.
    pub(super) fn take(&mut self, id: u64) -> Option<ClaimRecord> {
        let found = self.records.pop_front_if(|(other, _)| *other == id);
        found.map(|(_, record)| record)
    }

    /// Drops what a write may make stale.
    pub(super) fn forget(&mut self) {
        self.records.clear();
        self.read = 0..0;
    }
}
