//! Our clock, handed in from the front.

use std::time::Duration;

use tokio::time::Instant;

/// Where the time comes from: Unix milliseconds, as this machine's clock told them at
/// the start and time has passed since. A clock that is set meanwhile changes nothing.
///
/// Handed in, for nothing below the front reads a clock by itself.
#[derive(Debug, Clone, Copy)]
pub struct WallClock {
    began_ms: i64,
    began: Option<Instant>,
}

impl WallClock {
    /// A clock that shows `now_ms` now.
    pub fn starting_at(now_ms: i64) -> Self {
        Self {
            began_ms: now_ms,
            began: Some(Instant::now()),
        }
    }

    /// A clock that always shows `now_ms`.
    pub const fn stopped_at(now_ms: i64) -> Self {
        Self {
            began_ms: now_ms,
            began: None,
        }
    }

    /// Unix milliseconds.
    pub fn now_ms(&self) -> i64 {
        let passed = self.began.map_or(Duration::ZERO, |began| began.elapsed());
        let passed = i64::try_from(passed.as_millis()).unwrap_or(i64::MAX);
        self.began_ms.saturating_add(passed)
    }
}
