//! What the model knows of failovers, as `postgres/timeline.rs` has it: a standby takes over
//! that lacks the latest commits, although they were acknowledged.

use std::time::Duration;

use super::shared_database::SimulatedDatabase;

/// The row of `kb.account`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct SimulatedAccount {
    /// The last timeline that a worker noted.
    pub(crate) timeline: i64,
    /// Whether claims may be gone.
    pub(crate) gaps: bool,
    /// No claim is granted before.
    pub(crate) claims_after: Option<Duration>,
}

impl SimulatedAccount {
    /// As it is when the tables are made.
    pub(super) fn new() -> Self {
        Self {
            timeline: 1,
            gaps: false,
            claims_after: None,
        }
    }
}

impl SimulatedDatabase {
    /// A standby takes over, as it was when it got the last commit. The numbers of workers and
    /// runs may have been given to others meanwhile: sequences are not ahead of commits for
    /// good.
    pub(crate) fn failed_over(&mut self, standby: Self, reuses_numbers: bool) {
        let lost = std::mem::replace(self, standby);
        self.timeline = lost.timeline + 1;
        if !reuses_numbers {
            (self.last_worker, self.last_run) = (lost.last_worker, lost.last_run);
        }
        // It has been running for long.
        self.started = Duration::ZERO;
        self.settled_twice = lost.settled_twice;
        self.first_wait = lost.first_wait;
    }

    /// The timeline of the server's log.
    pub(crate) fn timeline(&self) -> i64 {
        self.timeline
    }

    /// `timeline::note`, of a worker that shares. `requests_live` is how long the requests of
    /// others may live.
    pub(crate) fn note_timeline(&mut self, now: Duration, requests_live: Duration) {
        let account = &mut self.account;
        if account.timeline != self.timeline {
            account.timeline = self.timeline;
            account.gaps = true;
            account.claims_after = Some(now + requests_live);
        }
    }

    /// `coalesce(a.claims_after <= clock_timestamp(), true)`, the other way round
    pub(super) fn delays_claims(&self, now: Duration) -> bool {
        let after = self.account.claims_after;
        self.rules.delays_claims && after.is_some_and(|after| after > now)
    }

    /// `CASE WHEN a.gaps THEN 2 ELSE 1 END`
    pub(super) fn doubts_gaps(&self) -> bool {
        self.rules.doubts_gaps && self.account.gaps
    }
}
