//! One row's failures: how often it was tried, and when it may be tried again (pure).

use std::time::Duration;

use super::facts::Facts;
use crate::engine::pace::backoff::delay;
use crate::kable::Trouble;

/// What a failed request is attributed to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Blame {
    /// This machine: it can't open another connection for this long.
    Machine(Duration),
    /// The API or the network, for all rows.
    Outage,
    /// The row, as far as is known: it counts as one of the row's tries.
    Row,
}

/// One row's tries and failures. Times are since the run's start.
#[derive(Debug, Default)]
pub(super) struct Retries {
    /// No request may start before.
    pub(super) not_before: Duration,
    /// No create or update may start before.
    pub(super) write_not_before: Duration,
    /// Creates and updates that were sent and whose result is or was unknown.
    pub(super) tries: u32,
    /// Creates and updates that were trials of an outage, and failed.
    trials: u32,
    /// Backoff after failures.
    waits: u32,
    /// Consecutive look-ups without a response.
    pub(super) unanswered: u32,
    /// Whether a request failed: later ones are retries.
    pub(super) troubled: bool,
    /// Successful creates and updates of other rows at the first failure.
    worked_before: Option<u64>,
    /// The last failure.
    pub(super) trouble: Option<Trouble>,
}

/// A row has used up `--retries`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum OutOfTries {
    /// While creates and updates of other rows worked: the row is at fault.
    Alone,
    /// While none of another row worked, or in an outage: the row may not be at fault.
    WithOthers,
}

impl Retries {
    /// A request failed: sets when the next one may start.
    pub(super) fn set_back(&mut self, trouble: Trouble, blame: Blame, facts: &Facts) {
        self.troubled = true;
        if let Blame::Machine(pause) = blame {
            self.not_before = facts.now + pause;
            self.write_not_before = self.not_before;
            return;
        }
        self.worked_before.get_or_insert(facts.worked);
        // `Retry-After` holds for the row's next request of any kind.
        self.not_before = facts.now + trouble.wait.unwrap_or_default();
        self.write_not_before = self.not_before;
        if blame == Blame::Row {
            self.back_off(trouble, facts);
        } else {
            self.trouble = Some(trouble);
        }
    }

    /// A create or an update left, and its result is not known.
    pub(super) fn tried(&mut self, trouble: Trouble, blame: Blame, on_trial: bool, facts: &Facts) {
        self.set_back(trouble, blame, facts);
        if blame == Blame::Row {
            self.tries += 1;
        } else if on_trial {
            self.trials += 1;
        }
    }

    /// Delays the next create or update, longer each time.
    pub(super) fn back_off(&mut self, trouble: Trouble, facts: &Facts) {
        self.waits += 1;
        let wait = delay(&facts.retry, self.waits, trouble.wait, facts.jitter);
        self.write_not_before = facts.now + wait;
        self.trouble = Some(trouble);
    }

    /// Delays look-ups like creates and updates.
    pub(super) fn hold_all(&mut self) {
        self.not_before = self.write_not_before;
    }

    /// Whether creates and updates of other rows worked since the first failure.
    pub(super) fn others_work(&self, facts: &Facts) -> bool {
        self.worked_before
            .is_some_and(|before| facts.worked > before)
    }

    /// Whether no try is left for a create or an update.
    pub(super) fn spent(&self, facts: &Facts) -> Option<OutOfTries> {
        let retries = facts.retry.retries;
        if self.tries > retries && self.others_work(facts) {
            Some(OutOfTries::Alone)
        } else if self.tries + self.trials > retries {
            // A failure during an outage says little about the row.
            Some(OutOfTries::WithOthers)
        } else {
            None
        }
    }
}

/// A create that the API reports as failed, until the customer is looked up.
#[derive(Debug)]
pub(super) struct Unverified {
    pub(super) trouble: Trouble,
    /// Whether it already counts as a try of the row, or toward an outage.
    pub(super) is_counted: bool,
}
