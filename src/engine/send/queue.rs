//! The rows that are next: claimed tickets in batches, and rows that wait for a time.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Semaphore, mpsc};

use super::row_state::{ChangeState, CreateState, RowState};
use crate::engine::ticket::Ticket;
use crate::report::WaitingCounts;

/// Beyond any run's end.
pub(super) const A_YEAR: Duration = Duration::from_hours(24 * 365);

/// The next tickets, in the batches in which they were claimed: waking a thread for each
/// ticket costs more than sending it.
pub(super) struct TicketQueue {
    batches: mpsc::Receiver<Vec<Ticket>>,
    batch: std::vec::IntoIter<Ticket>,
    /// The next batch is requested when this many tickets of the current one are left.
    low: usize,
    /// Requests batches, one with each permit.
    demand: Arc<Semaphore>,
    /// Whether a requested batch has not arrived yet.
    asked: bool,
}

impl TicketQueue {
    /// The queue of `batches`, each of which is claimed once `demand` has a permit.
    pub(super) fn of(batches: mpsc::Receiver<Vec<Ticket>>, demand: Arc<Semaphore>) -> Self {
        Self {
            batches,
            batch: Vec::new().into_iter(),
            low: 0,
            demand,
            asked: false,
        }
    }

    /// The next ticket; `None` at the end. Cancel safe.
    pub(super) async fn next(&mut self) -> Option<Ticket> {
        loop {
            if let Some(ticket) = self.batch.next() {
                // Claim the next batch while this one is sent. Batches of one are not
                // claimed ahead: then sending a row takes long.
                if self.batch.len() == self.low && self.low > 0 {
                    self.ask();
                }
                return Some(ticket);
            }
            self.ask();
            let batch = self.batches.recv().await?;
            self.asked = false;
            self.low = batch.len() / 2;
            self.batch = batch.into_iter();
        }
    }

    fn ask(&mut self) {
        if !std::mem::replace(&mut self.asked, true) {
            self.demand.add_permits(1);
        }
    }

    pub(super) fn is_over(&self) -> bool {
        self.batch.as_slice().is_empty() && self.batches.is_closed() && self.batches.is_empty()
    }
}

/// Rows that wait for a time, the earliest first.
#[derive(Debug)]
pub(super) struct WaitingRows<N> {
    pub(super) rows: BTreeMap<(Duration, u64), (N, Box<RowState>)>,
    /// Distinguishes rows of the same time.
    number: u64,
}

impl<N> Default for WaitingRows<N> {
    fn default() -> Self {
        Self {
            rows: BTreeMap::new(),
            number: 0,
        }
    }
}

impl<N> WaitingRows<N> {
    pub(super) fn push(&mut self, until: Duration, row: N, state: Box<RowState>) {
        self.number += 1;
        self.rows.insert((until, self.number), (row, state));
    }

    /// When the first of them continues; in the far future if none waits.
    pub(super) fn first(&self) -> Duration {
        let first = self.rows.first_key_value();
        first.map_or(A_YEAR, |((until, _), _)| *until)
    }

    /// When the last of them continues.
    pub(super) fn last(&self) -> Option<Duration> {
        self.rows.last_key_value().map(|((until, _), _)| *until)
    }

    /// How many of them wait for what.
    pub(super) fn counts(&self) -> WaitingCounts {
        let mut counts = WaitingCounts::default();
        for (_, state) in self.rows.values() {
            let count = match (state.change, state.create) {
                (ChangeState::Lost | ChangeState::Accepted, _) => &mut counts.updates,
                (
                    ChangeState::None,
                    CreateState::ClaimLost
                    | CreateState::InDoubt
                    | CreateState::Acknowledged { .. },
                ) => &mut counts.creates,
                (ChangeState::None, CreateState::NotSent | CreateState::ProvedAbsent) => {
                    &mut counts.others
                }
            };
            *count += 1;
        }
        counts
    }

    pub(super) fn pop(&mut self) -> Option<(N, Box<RowState>)> {
        self.rows.pop_first().map(|(_, row)| row)
    }
}
