//! What a run counts while it runs: requests, and how long they took.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use hdrhistogram::Histogram;
use parking_lot::Mutex;

use crate::domain::latency_buckets::LatencyBuckets;
use crate::domain::summary::{Latency, RequestCounts};

/// The longest latency that is recorded as it is: ten minutes, in microseconds.
const LONGEST_US: u64 = 600_000_000;

/// Counters that all workers share.
#[derive(Debug)]
pub(in crate::engine) struct Metrics {
    pub(super) sent: AtomicU64,
    pub(super) retried: AtomicU64,
    pub(super) throttled: AtomicU64,
    pub(super) lookups: AtomicU64,
    /// Creates and updates that got a response.
    pub(super) worked: AtomicU64,
    /// Rows that wait for the proof of their absence.
    pub(super) waiting: AtomicU64,
    latencies: Mutex<Latencies>,
}

/// The latencies of responses, as the checkpoint keeps them and as they are reported.
#[derive(Debug)]
struct Latencies {
    histogram: Histogram<u64>,
    buckets: LatencyBuckets,
}

/// Two significant digits: percentiles are accurate to one percent.
fn empty() -> Histogram<u64> {
    // These bounds are valid: the crate's minimum, and a constant above it.
    Histogram::new_with_bounds(1, LONGEST_US, 2).unwrap_or_else(|_bounds| {
        Histogram::new(2).unwrap_or_else(|_digits| unreachable!("two digits are within 0..=5"))
    })
}

impl Metrics {
    pub(in crate::engine) fn new() -> Self {
        Self {
            sent: AtomicU64::new(0),
            retried: AtomicU64::new(0),
            throttled: AtomicU64::new(0),
            lookups: AtomicU64::new(0),
            worked: AtomicU64::new(0),
            waiting: AtomicU64::new(0),
            latencies: Mutex::new(Latencies {
                histogram: empty(),
                buckets: LatencyBuckets::default(),
            }),
        }
    }

    /// Counts one more.
    pub(super) fn count(counter: &AtomicU64) {
        counter.fetch_add(1, Ordering::Relaxed);
    }

    /// Counts a request that changes nothing.
    pub(super) fn count_lookup(&self) {
        Self::count(&self.sent);
        Self::count(&self.lookups);
    }

    /// Sets a counter to a number of rows.
    pub(super) fn set(counter: &AtomicU64, rows: usize) {
        counter.store(rows as u64, Ordering::Relaxed);
    }

    /// The value of a counter.
    pub(super) fn read(counter: &AtomicU64) -> u64 {
        counter.load(Ordering::Relaxed)
    }

    /// Records the latency of a response.
    pub(super) fn took(&self, time: Duration) {
        let micros = u64::try_from(time.as_micros()).unwrap_or(LONGEST_US);
        let mut latencies = self.latencies.lock();
        latencies.histogram.saturating_record(micros.max(1));
        latencies.buckets.record(time);
    }

    pub(super) fn requests(&self) -> RequestCounts {
        RequestCounts {
            sent: Self::read(&self.sent),
            retried: Self::read(&self.retried),
            throttled: Self::read(&self.throttled),
            lookups: Self::read(&self.lookups),
        }
    }

    /// The latencies by upper bound.
    pub(super) fn latency_buckets(&self) -> LatencyBuckets {
        self.latencies.lock().buckets
    }

    /// Pairs of microseconds and their counts.
    pub(super) fn latencies(&self) -> Vec<(u64, u64)> {
        let latencies = self.latencies.lock();
        let recorded = latencies.histogram.iter_recorded();
        recorded
            .map(|bucket| (bucket.value_iterated_to(), bucket.count_at_value()))
            .collect()
    }
}

/// The percentiles that `report.html` shows.
const PERCENTILES: [(&str, f64); 8] = [
    ("10 %", 0.1),
    ("25 %", 0.25),
    ("50 %", 0.5),
    ("75 %", 0.75),
    ("90 %", 0.9),
    ("95 %", 0.95),
    ("99 %", 0.99),
    ("99.9 %", 0.999),
];

/// The histogram of latencies stored as pairs of microseconds and their counts.
fn histogram(pairs: &[(u64, u64)]) -> Histogram<u64> {
    let mut all = empty();
    for (micros, times) in pairs {
        all.saturating_record_n((*micros).max(1), *times);
    }
    all
}

/// Milliseconds, to a tenth.
#[expect(
    clippy::cast_precision_loss,
    reason = "latencies are capped at ten minutes, and a float holds 2⁵³ µs, which is 285 years"
)]
fn millis(micros: u64) -> f64 {
    (micros as f64 / 100.0).round() / 10.0
}

/// More percentiles of the same latencies, each with its name; none if there are no
/// latencies.
pub fn percentiles(pairs: &[(u64, u64)]) -> Vec<(&'static str, f64)> {
    let all = histogram(pairs);
    if all.is_empty() {
        return Vec::new();
    }
    let of = PERCENTILES.into_iter();
    let mut named: Vec<_> = of
        .map(|(name, share)| (name, millis(all.value_at_quantile(share))))
        .collect();
    named.push(("all", millis(all.max())));
    named
}

/// The percentiles of latencies stored as pairs of microseconds and their counts.
pub fn latency(pairs: &[(u64, u64)]) -> Latency {
    let all = histogram(pairs);
    if all.is_empty() {
        return Latency::default();
    }
    Latency {
        p50: millis(all.value_at_quantile(0.50)),
        p95: millis(all.value_at_quantile(0.95)),
        p99: millis(all.value_at_quantile(0.99)),
        max: millis(all.max()),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{Metrics, latency};

    #[test]
    fn latencies_of_several_runs_are_one() {
        let (one, other) = (Metrics::new(), Metrics::new());
        for millis in 1..=50 {
            one.took(Duration::from_millis(millis));
            other.took(Duration::from_millis(millis + 50));
        }
        let pairs: Vec<_> = one
            .latencies()
            .into_iter()
            .chain(other.latencies())
            .collect();
        let latency = latency(&pairs);
        assert!((latency.p50 - 50.0).abs() <= 1.0, "{latency:?}");
        assert!((latency.p99 - 99.0).abs() <= 1.0, "{latency:?}");
        assert!((latency.max - 100.0).abs() <= 1.0, "{latency:?}");
    }

    #[test]
    fn no_latency_is_none() {
        assert_eq!(latency(&[]), super::Latency::default());
    }
}
