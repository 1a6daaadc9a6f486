//! Measures the accepted requests per second, and estimates the server's limit from
//! them (pure).

use std::collections::VecDeque;
use std::time::Duration;

/// Answers are counted in intervals of this length, of which the last ones are kept.
const INTERVAL: Duration = Duration::from_millis(100);
const INTERVALS_KEPT: usize = 150;

/// The rate is measured over as many answers as these in at least `LONG_ENOUGH`, or over
/// `LONGEST`.
const ENOUGH: u32 = 40;
const LONG_ENOUGH: Duration = Duration::from_millis(900);
const LONGEST: Duration = Duration::from_secs(2);

/// Fewer answers, or a shorter time, are not enough for a rate.
const FEWEST: u32 = 5;
const SHORTEST: Duration = Duration::from_millis(250);

/// The assumed burst of the server's token bucket, in seconds of its rate. Many buckets
/// hold a tenth of a second; limits over a window have no burst.
const BURST: f64 = 0.07;

/// Counts recent answers.
#[derive(Debug, Clone, Default)]
pub struct Throughput {
    /// When each interval began, and its answers.
    intervals: VecDeque<(Duration, u32)>,
}

/// The limit of a server that refuses a request now.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LimitEstimate {
    /// The likely limit, in requests per second.
    pub likely: f64,
    /// The limit if none of the accepted requests was part of a burst.
    pub most: f64,
}

impl Throughput {
    /// Counts an answer.
    pub fn add(&mut self, now: Duration) {
        match self.intervals.back_mut() {
            Some((since, count)) if now < *since + INTERVAL => *count += 1,
            Some(_) | None => {
                self.intervals.push_back((now, 1));
                if self.intervals.len() > INTERVALS_KEPT {
                    self.intervals.pop_front();
                }
            }
        }
    }

    /// Answers per second, over the shortest time that has enough of them; `None` if there
    /// were too few.
    pub fn rate(&self, now: Duration) -> Option<f64> {
        let enough = |(count, time)| count >= ENOUGH && time >= LONG_ENOUGH || time >= LONGEST;
        let mut all = self.until(now);
        let (count, time) = all
            .find(|last| enough(*last))
            .or_else(|| self.until(now).last())?;
        // The time begins with the first answer, which counts half.
        (time >= SHORTEST && count >= FEWEST).then(|| (f64::from(count) - 0.5) / time.as_secs_f64())
    }

    /// The limit of a server that refuses a request now, the first since counting began;
    /// `None` if nothing was counted.
    ///
    /// Within any time at most rate × time + burst requests are accepted, and exactly that
    /// many since the bucket was last full. So the time that gives the highest estimate is
    /// the right one.
    pub fn limit(&self, now: Duration) -> Option<LimitEstimate> {
        self.until(now)
            .map(|(count, time)| (f64::from(count), time.as_secs_f64()))
            .map(|(count, time)| LimitEstimate {
                likely: count / (time + BURST),
                most: count / time,
            })
            .max_by(|a, b| a.likely.total_cmp(&b.likely))
    }

    /// Answers, and the time until `now` that they took, from the shortest time to the
    /// longest.
    fn until(&self, now: Duration) -> impl Iterator<Item = (u32, Duration)> {
        let intervals = self.intervals.iter().rev();
        intervals.scan(0, move |all, (begin, count)| {
            *all += count;
            Some((*all, now.saturating_sub(*begin)))
        })
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use proptest::prelude::*;

    use super::{BURST, Throughput};

    fn at(seconds: f64) -> Duration {
        Duration::from_secs_f64(seconds)
    }

    /// Counts `per_second` answers between two times.
    fn count(throughput: &mut Throughput, per_second: f64, from: f64, until: f64) {
        let mut now = from;
        while now < until {
            throughput.add(at(now));
            now += 1.0 / per_second;
        }
    }

    #[test]
    fn the_rate_is_that_of_the_last_second() {
        let mut throughput = Throughput::default();
        count(&mut throughput, 10.0, 0.0, 5.0);
        count(&mut throughput, 100.0, 5.0, 7.0);
        let rate = throughput.rate(at(7.0)).unwrap();
        assert!((99.0..101.0).contains(&rate), "{rate}");
    }

    #[test]
    fn few_answers_give_no_rate() {
        let mut throughput = Throughput::default();
        count(&mut throughput, 10.0, 0.0, 0.4);
        assert_eq!(throughput.rate(at(0.4)), None);
        assert_eq!(Throughput::default().rate(at(0.4)), None);
        assert_eq!(Throughput::default().limit(at(0.4)), None);
    }

    #[test]
    fn a_burst_does_not_raise_the_estimate() {
        // A limit of 1000/s with a burst of 70, hit at 2000/s and at 1050/s.
        for (rate, lasts) in [(2000.0, 0.07), (1050.0, 1.4)] {
            let mut throughput = Throughput::default();
            count(&mut throughput, 800.0, 0.0, 3.0);
            count(&mut throughput, rate, 3.0, 3.0 + lasts);
            let limit = throughput.limit(at(3.0 + lasts)).unwrap();
            assert!((980.0..1020.0).contains(&limit.likely), "{rate}: {limit:?}");
            assert!(limit.most > limit.likely);
        }
    }

    #[test]
    fn a_limit_without_burst_is_estimated() {
        let mut throughput = Throughput::default();
        count(&mut throughput, 95.0, 0.0, 10.0);
        let limit = throughput.limit(at(10.0)).unwrap();
        assert!((94.0..96.0).contains(&limit.likely), "{limit:?}");
    }

    proptest! {
        #[test]
        fn the_estimate_is_at_least_the_average(
            gaps in proptest::collection::vec(0_u64..300, 1..200),
        ) {
            let mut throughput = Throughput::default();
            let mut now = Duration::ZERO;
            for gap in &gaps {
                now += Duration::from_millis(*gap);
                throughput.add(now);
            }
            let limit = throughput.limit(now).unwrap();
            let all = f64::from(u8::try_from(gaps.len()).unwrap());
            let time = gaps.iter().skip(1).sum::<u64>();
            let on_average = all / (Duration::from_millis(time).as_secs_f64() + BURST);
            // The oldest intervals are dropped.
            prop_assert!(time > 10_000 || limit.likely >= on_average * 0.999);
            prop_assert!(limit.most > limit.likely);
        }
    }
}
