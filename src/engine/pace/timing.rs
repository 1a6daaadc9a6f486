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
