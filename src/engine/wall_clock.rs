//! This machine's clock, provided by the front.

use std::time::Duration;

use tokio::time::Instant;

/// Unix milliseconds: the machine's clock at the start, plus the time elapsed since, so
/// that setting the machine's clock has no effect.
///
/// It is an argument, because nothing below the front reads a clock.
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
        let elapsed = self.began.map_or(Duration::ZERO, |began| began.elapsed());
        let elapsed = i64::try_from(elapsed.as_millis()).unwrap_or(i64::MAX);
        self.began_ms.saturating_add(elapsed)
    }
}
