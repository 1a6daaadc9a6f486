//! The rows that are next: claimed tickets in batches, and rows that wait for a time.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Semaphore, mpsc};

use super::row_state::RowState;
use crate::engine::ticket::Ticket;

/// Beyond any run's end.
pub(super) const A_YEAR: Duration = Duration::from_hours(24 * 365);

/// The tickets that are next, in the batches in which they were claimed: a
/// thread that is woken for every single one costs more than sending it.
pub(super) struct Queue {
    batches: mpsc::Receiver<Vec<Ticket>>,
    batch: std::vec::IntoIter<Ticket>,
    /// How many tickets are left of a batch when the next one is asked for.
    low: usize,
    /// Where batches are asked for, each with a permit.
    demand: Arc<Semaphore>,
    /// Whether a batch was asked for that is not here yet.
    asked: bool,
}

impl Queue {
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

    /// The next ticket; `None` where there will be none. To give up waiting
    /// loses nothing.
    pub(super) async fn next(&mut self) -> Option<Ticket> {
        loop {
            if let Some(ticket) = self.batch.next() {
                // The next rows are claimed while these are sent, but one by one where
                // it takes long to send one.
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
pub(super) struct Waiting<N> {
    pub(super) rows: BTreeMap<(Duration, u64), (N, Box<RowState>)>,
    /// Tells rows of the same time apart.
    number: u64,
}

impl<N> Default for Waiting<N> {
    fn default() -> Self {
        Self {
            rows: BTreeMap::new(),
            number: 0,
        }
    }
}

impl<N> Waiting<N> {
    pub(super) fn push(&mut self, until: Duration, row: N, state: Box<RowState>) {
        self.number += 1;
        self.rows.insert((until, self.number), (row, state));
    }

    /// When the first of them is to go on; in the far future where none waits.
    pub(super) fn first(&self) -> Duration {
        let first = self.rows.first_key_value();
        first.map_or(A_YEAR, |((until, _), _)| *until)
    }

    pub(super) fn pop(&mut self) -> Option<(N, Box<RowState>)> {
        self.rows.pop_first().map(|(_, row)| row)
    }
}
