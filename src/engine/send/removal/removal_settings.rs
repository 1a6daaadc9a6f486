//! How customers are removed.

use super::super::absence::Landing;
use crate::engine::pace::PaceSettings;
use crate::engine::pace::backoff::RetryPolicy;
use crate::engine::pace::retry_budget::Allowance;
use crate::kable::Removal;

/// How customers are removed.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RemovalSettings {
    /// How they are removed.
    pub removal: Removal,
    /// Whether those that were changed are removed as well.
    pub even_if_changed: bool,
    /// The rate and the number of requests in flight.
    pub pacing: PaceSettings,
    /// Retries and backoff.
    pub retry: RetryPolicy,
    /// How long lost requests may take to land.
    pub landing: Landing,
    /// The retry budget.
    pub allowance: Allowance,
}
