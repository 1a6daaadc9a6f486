//! What the run knows when a response is judged, apart from the row (pure).

use std::time::Duration;

use super::absence::{Doubt, Landing};
use super::ownership::Clocks;
use crate::domain::decision::ExistingPolicy;
use crate::domain::plan_policy::PlanRules;
use crate::domain::remote::{MissingContact, RemoteCustomer};
use crate::engine::pace::backoff::RetryPolicy;

/// What the run knows when a response is judged. Times are since the run's start.
#[derive(Debug, Clone)]
pub(super) struct Facts {
    pub(super) now: Duration,
    /// Both clocks.
    pub(super) clocks: Clocks,
    /// Successful creates and updates so far, of all rows.
    pub(super) worked: u64,
    /// Whether the API responds with a web page for an absent customer.
    pub(super) absence_is_page: bool,
    /// How long lost creates may take to land.
    pub(super) landing: Landing,
    /// How long the slowest request took.
    pub(super) slowest: Duration,
    /// The retry settings.
    pub(super) retry: RetryPolicy,
    /// A random number from 0 to 1.
    pub(super) jitter: f64,
    /// What is done about customers that exist and differ.
    pub(super) existing: ExistingPolicy,
    /// What is compared and changed of plans and bundles.
    pub(super) plans: PlanRules,
    /// What it means that a response has no `billingContact`.
    pub(super) missing_contact: MissingContact,
    /// Whether creates ask for keys.
    pub(super) keys: bool,
}

impl Facts {
    /// Adds the empty contact that `remote` has if the response left it out.
    pub(super) fn complete(&self, remote: &mut RemoteCustomer) {
        if self.missing_contact == MissingContact::Empty {
            remote.contact.get_or_insert_default();
        }
    }

    /// How long a create that is in doubt for this reason may take to land.
    pub(super) fn landing_time(&self, doubt: Doubt) -> Duration {
        self.landing.time(doubt, self.slowest)
    }
}
