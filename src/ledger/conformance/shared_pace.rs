//! The rules of the model's pace, as `postgres/pace.rs` has them: starts that are reserved,
//! what holds them back, and whose turn it is to probe.

use std::time::Duration;

use super::shared_database::SimulatedDatabase;
use crate::ledger::workers::ProbeTurn;

/// How long from now a reserved start is at least.
const LEAD: Duration = Duration::from_millis(2);

/// How long one worker has to find out whether the API is back.
const PROBE: Duration = Duration::from_secs(10);

/// The row of `kb.pace`.
#[derive(Debug, Clone, Default)]
pub(crate) struct SimulatedPace {
    pub(crate) next: Duration,
    pub(crate) held: Duration,
    pub(crate) probe: Duration,
    pub(crate) outages: i64,
}

impl SimulatedDatabase {
    /// `pace::reserve`: `next = greatest(next, held, now + lead) + count × every`; returns how
    /// far ahead the first start is.
    pub(crate) fn reserve(&mut self, now: Duration, count: u32, every: Duration) -> Duration {
        let pace = &mut self.pace;
        let first = pace.next.max(pace.held).max(now + LEAD);
        pace.next = first + every * count;
        first.saturating_sub(now)
    }

    /// `pace::hold`: `held = greatest(held, now + wait)`
    pub(crate) fn hold(&mut self, now: Duration, wait: Duration) {
        self.pace.held = self.pace.held.max(now + wait);
    }

    /// `pace::probe`: `UPDATE pace SET probe = now + $1 WHERE probe < now AND outages =
    /// coalesce($2, outages)`
    pub(crate) fn probe(&mut self, now: Duration, known: Option<i64>) -> (ProbeTurn, i64) {
        let pace = &mut self.pace;
        let is_mine = pace.probe < now && known.is_none_or(|known| known == pace.outages);
        if is_mine {
            pace.probe = now + PROBE;
        }
        let turn = if known.is_some_and(|known| known < pace.outages) {
            ProbeTurn::Over
        } else if is_mine {
            ProbeTurn::Yours
        } else {
            ProbeTurn::Others
        };
        (turn, pace.outages)
    }

    /// `pace::probed`: `outages = outages + $1, probe = 0`
    pub(crate) fn probed(&mut self, is_back: bool) {
        self.pace.outages += i64::from(is_back);
        self.pace.probe = Duration::ZERO;
    }
}
