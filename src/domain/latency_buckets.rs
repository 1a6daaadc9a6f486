//! Latencies by upper bound, as Prometheus takes a histogram.

use std::time::Duration;

/// The upper bounds in microseconds; what took longer than the last one is counted as well.
const BOUNDS_US: [u64; 16] = [
    5_000, 10_000, 20_000, 35_000, 50_000, 75_000, 100_000, 150_000, 200_000, 300_000, 500_000,
    750_000, 1_000_000, 2_500_000, 10_000_000, 30_000_000,
];

/// How many latencies lie between two bounds, and their sum.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct LatencyBuckets {
    counts: [u64; BOUNDS_US.len()],
    slower: u64,
    sum_us: u64,
}

impl LatencyBuckets {
    /// Counts a latency.
    pub fn record(&mut self, latency: Duration) {
        let micros = u64::try_from(latency.as_micros()).unwrap_or(u64::MAX);
        let mut buckets = BOUNDS_US.iter().zip(&mut self.counts);
        let bucket = buckets.find(|(bound, _)| micros <= **bound);
        *bucket.map_or(&mut self.slower, |(_, count)| count) += 1;
        self.sum_us = self.sum_us.saturating_add(micros);
    }

    /// These and `other` ones.
    #[must_use]
    pub fn plus(mut self, other: Self) -> Self {
        for (count, more) in self.counts.iter_mut().zip(other.counts) {
            *count += more;
        }
        self.slower += other.slower;
        self.sum_us = self.sum_us.saturating_add(other.sum_us);
        self
    }

    /// Each bound in seconds, with the number of latencies up to it.
    pub fn cumulative(&self) -> impl Iterator<Item = (f64, u64)> {
        let counts = self.counts.iter().scan(0, |sum, count| {
            *sum += count;
            Some(*sum)
        });
        BOUNDS_US.into_iter().map(seconds).zip(counts)
    }

    /// How many there are.
    pub fn count(&self) -> u64 {
        self.counts.iter().sum::<u64>() + self.slower
    }

    /// Their sum, in seconds.
    pub fn sum_seconds(&self) -> f64 {
        seconds(self.sum_us)
    }
}

#[expect(
    clippy::cast_precision_loss,
    reason = "microseconds below 2⁵³ are exact, and that is 285 years"
)]
fn seconds(micros: u64) -> f64 {
    micros as f64 / 1e6
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{BOUNDS_US, LatencyBuckets};

    #[test]
    fn a_latency_counts_for_each_bound_that_it_does_not_exceed() {
        let mut buckets = LatencyBuckets::default();
        for micros in [0, 5_000, 5_001, 100_000, 31_000_000] {
            buckets.record(Duration::from_micros(micros));
        }
        let counts: Vec<u64> = buckets.cumulative().map(|(_, count)| count).collect();
        assert_eq!(counts, [2, 3, 3, 3, 3, 3, 4, 4, 4, 4, 4, 4, 4, 4, 4, 4]);
        assert_eq!(buckets.count(), 5);
        assert!((buckets.sum_seconds() - 31.110_001).abs() < 1e-9);
        let twice = buckets.plus(buckets);
        assert_eq!(twice.count(), 10);
        assert_eq!(twice.cumulative().map(|(_, count)| count).max(), Some(8));
    }

    #[test]
    fn bounds_rise() {
        assert!(BOUNDS_US.is_sorted());
    }
}
