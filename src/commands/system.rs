//! Clock, random numbers, threads and runtime, which commands pass to the layers
//! below.

use std::num::NonZero;
use std::time::Duration;
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::Context;

use crate::domain::summary::TimeSpan;

/// Our clock, in Unix milliseconds.
#[expect(
    clippy::disallowed_methods,
    reason = "the front reads the clock for all"
)]
pub(super) fn wall_clock() -> i64 {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

/// A random number from 0 to 1.
pub(super) fn jitter() -> f64 {
    fastrand::f64()
}

/// The runtime of all asynchronous work.
pub(super) fn runtime() -> anyhow::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .context("cannot start the runtime")
}

/// The number of threads that read and check: one for each core available.
pub(super) fn threads() -> usize {
    std::thread::available_parallelism().map_or(1, NonZero::get)
}

/// Unix milliseconds as RFC 3339, in UTC and whole seconds.
pub(super) fn timestamp(unix_ms: i64) -> String {
    let time = jiff::Timestamp::from_second(unix_ms.div_euclid(1000)).unwrap_or_default();
    time.to_string()
}

/// The time from `started_ms`, Unix milliseconds, to now.
pub(super) fn span_since(started_ms: i64) -> TimeSpan {
    TimeSpan {
        started: timestamp(started_ms),
        finished: timestamp(wall_clock()),
    }
}

/// Seconds, to the millisecond.
#[expect(
    clippy::cast_precision_loss,
    reason = "milliseconds below 2⁵³ are exact, and that is 285,000 years"
)]
pub(super) fn seconds(time: Duration) -> f64 {
    time.as_millis() as f64 / 1000.0
}
