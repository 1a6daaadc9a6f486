//! A claimed row on its way to the API.

use std::time::Duration;

use crate::domain::customer::{Customer, Fingerprint};
use crate::domain::outcome::Outcome;
use crate::domain::row::Origin;
use crate::ledger::workers::ClaimAnswer;

/// A row on its way: what is claimed, and then sent.
#[derive(Debug, Clone)]
pub(crate) struct Ticket {
    /// The claim's number in the ledger.
    pub(crate) id: u64,
    /// Where the row stands.
    pub(crate) place: Origin,
    /// What is sent.
    pub(crate) customer: Customer,
    /// Its digest.
    pub(crate) digest: Fingerprint,
    /// The row's first request.
    pub(crate) first_step: FirstStep,
    /// What the ledger knows of its `clientId`.
    pub(crate) earlier: EarlierRuns,
    /// Kable's id of a customer that an earlier run may have created for it under another
    /// `clientId`.
    pub(crate) other_id: Option<String>,
    /// When the claim was made that may have been sent.
    pub(crate) claim: ClaimTime,
}

impl Ticket {
    /// Whether the row's claim was granted, at `claim`, which is `now` since the run's start.
    /// An `answer` says more than the ledger knew when the input was surveyed: another worker
    /// may have had the row since, and may have sent it until shortly before.
    pub(crate) fn is_granted(
        &mut self,
        answer: Option<&ClaimAnswer>,
        (claim, now): (ClaimTime, Duration),
    ) -> bool {
        match answer {
            None => self.claimed(claim),
            Some(ClaimAnswer::InDoubt { claimed_by }) => {
                self.first_step = FirstStep::ResolveDoubt;
                self.claim = ClaimTime::Earlier(*claimed_by);
                self.earlier.sent_until = now;
            }
            Some(ClaimAnswer::Settled | ClaimAnswer::Held) => return false,
        }
        true
    }

    /// This run claimed the row, at `claim`. A claim in doubt keeps its own time, for it
    /// may have been sent then.
    fn claimed(&mut self, claim: ClaimTime) {
        if self.first_step != FirstStep::ResolveDoubt {
            self.claim = claim;
        }
    }
}

/// The first request of a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FirstStep {
    /// A create: no run sent it, and its customer was never seen.
    Create,
    /// A look-up: its customer may be there.
    LookUp,
    /// A look-up: an earlier run may have sent it, and the checkpoint may have lost that
    /// claim. Whose a customer is that is there can't be told.
    LookUpLostClaim,
    /// A look-up: an earlier run's claim is in doubt.
    ResolveDoubt,
}

/// What the ledger knows of a row's `clientId` from earlier runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct EarlierRuns {
    /// What it was last settled as, also while it is in doubt.
    pub(crate) outcome: Option<Outcome>,
    /// Whether the row differs from the one that was settled, or may have been sent.
    pub(crate) is_changed: bool,
    /// Whether a customer that is there is not changed. The row was rejected for repeating
    /// another row's `clientId`, and still does: the customer is that row's. Or the plan that
    /// is applied creates it: one that another client made since was not compared.
    pub(crate) is_left: bool,
    /// Whether a sync found its customer in the list of all.
    pub(crate) is_listed: bool,
    /// Whether its customer is known.
    pub(crate) customer: KnownCustomer,
    /// When the last request of an earlier holder had ended, since the run's start: zero,
    /// unless that was a worker of the same run.
    pub(crate) sent_until: Duration,
}

/// Whether a row's customer was ever seen at Kable.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum KnownCustomer {
    /// It was not.
    #[default]
    Unseen,
    /// It was, and this checkpoint is not known to have created it.
    Seen,
    /// This checkpoint created it.
    Ours,
}

/// When a claim was made.
#[derive(Debug, Clone, Copy)]
pub(crate) enum ClaimTime {
    /// In an earlier run: a moment on the server's clock not before it, where
    /// that is known.
    Earlier(Option<i64>),
    /// In this run.
    Now {
        /// In Unix milliseconds by our clock.
        at_ms: i64,
        /// A moment on the server's clock not before it, as far as that was known at
        /// the claim: a clock that is set later does not move it.
        by_ms: Option<i64>,
    },
}
