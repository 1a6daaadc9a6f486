//! How many rows are claimed at once.

use std::time::Duration;

use tokio::time::Instant;

use crate::engine::pace::rate::Rate;

/// The most rows that are claimed at once.
const MOST_AT_ONCE: u16 = 1024;

/// The most rows of the first batches, until the time for a batch is known.
const MOST_AT_FIRST: usize = 32;

/// Target time to send a batch. Each claim costs a look-up after a crash; each batch costs
/// an `fsync`.
const LASTING: Duration = Duration::from_millis(100);

/// The number of rows claimed at once: as many as are sent in a tenth of a second at the
/// allowed rate, and fewer if sending takes longer.
#[derive(Debug, Clone, Copy)]
pub(super) struct BatchSize {
    pub(super) now: usize,
    most: usize,
    /// When a batch was last requested.
    since: Option<Instant>,
}

impl BatchSize {
    /// The size for a run that sends at most at `rate`.
    pub(super) fn at(rate: Rate) -> Self {
        let rows = rate.a_second() * LASTING.as_secs_f64();
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "it is between 1 and the most"
        )]
        let most = rows.clamp(1.0, f64::from(MOST_AT_ONCE)) as usize;
        Self {
            now: most.min(MOST_AT_FIRST),
            most,
            since: None,
        }
    }

    /// Another batch is requested: adapts the size to how long the last one took.
    pub(super) fn room_at(&mut self, now: Instant) {
        if let Some(before) = self.since.replace(now) {
            self.lasted(now - before);
        }
    }

    /// Adapts the size to how long a batch took.
    fn lasted(&mut self, time: Duration) {
        if time > LASTING * 2 {
            self.now = (self.now / 2).max(1);
        } else if time < LASTING / 2 {
            self.now = (self.now * 2).min(self.most);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::BatchSize;

    #[test]
    fn a_batch_is_about_a_tenth_of_a_second() {
        for (rate, first, most) in [
            ("1/m", 1, 1),
            ("4", 1, 1),
            ("10", 1, 1),
            ("50", 5, 5),
            ("200", 20, 20),
            ("2000", 32, 200),
            ("unlimited", 32, 1024),
        ] {
            let size = BatchSize::at(rate.parse().unwrap());
            assert_eq!((size.now, size.most), (first, most), "{rate}");
        }
    }

    #[test]
    fn a_batch_that_lasts_long_is_followed_by_smaller_ones() {
        let mut size = BatchSize::at("unlimited".parse().unwrap());
        let mut after = |millis| {
            size.lasted(Duration::from_millis(millis));
            size.now
        };
        assert_eq!([30; 6].map(&mut after), [64, 128, 256, 512, 1024, 1024]);
        assert_eq!([100, 160].map(&mut after), [1024, 1024]);
        assert_eq!([10_240, 5120, 2560].map(&mut after), [512, 256, 128]);
        assert_eq!([60_000; 9].map(&mut after)[8], 1);
        assert_eq!([40, 40].map(&mut after), [2, 4]);
    }
}
