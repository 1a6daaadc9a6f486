//! A request that has come to its end: when it started, and how long it took (pure).

use std::time::Duration;

/// A request that has come to its end.
#[derive(Debug, Clone, Copy, Default)]
pub struct Sent {
    /// When it started.
    pub(in crate::engine) started: Duration,
    /// How long it took.
    pub(in crate::engine) latency: Duration,
}
