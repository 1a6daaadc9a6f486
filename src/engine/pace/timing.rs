//! When a request started, and how long it took (pure).

use std::time::Duration;

/// When a request started, and how long it took.
#[derive(Debug, Clone, Copy, Default)]
pub struct RequestTiming {
    /// Since the run's start.
    pub(in crate::engine) started: Duration,
    /// Until its answer or its failure.
    pub(in crate::engine) latency: Duration,
}

/// The longest interval between two starts.
pub(super) const A_YEAR: Duration = Duration::from_hours(24 * 365);

/// The time between two starts, at most a year, so that adding it to another time
/// cannot overflow.
pub(super) fn interval(rate: f64) -> Duration {
    Duration::try_from_secs_f64(1.0 / rate).map_or(A_YEAR, |interval| interval.min(A_YEAR))
}
