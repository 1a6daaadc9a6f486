//! What passed lately, and which limit follows from it (pure).

use std::collections::VecDeque;
use std::time::Duration;

/// In how long parts answers are counted, and how many parts are kept.
const PART: Duration = Duration::from_millis(100);
const PARTS: usize = 150;

/// How many answers, in how long a time, say how many pass; and how long a time
/// is looked at for that.
const ENOUGH: u32 = 40;
const LONG_ENOUGH: Duration = Duration::from_millis(900);
const TOO_LONG: Duration = Duration::from_secs(2);

/// Fewer answers, or in a shorter time, say nothing.
const LEAST_ANSWERS: u32 = 5;
const SHORTEST: Duration = Duration::from_millis(250);

/// What a bucket that is full lets pass beyond the limit, in seconds' worth of
/// it. Many hold a tenth of a second's; windows hold none.
const BURST: f64 = 0.07;

/// How many answers there were lately.
#[derive(Debug, Clone, Default)]
pub struct Throughput {
    parts: VecDeque<(Duration, u32)>,
}

/// What a limit must be if it refuses now.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Limit {
    /// In requests per second.
    pub likely: f64,
    /// What it is if nothing of what passed was a burst.
    pub most: f64,
}

impl Throughput {
    /// One more.
    pub fn add(&mut self, now: Duration) {
        match self.parts.back_mut() {
            Some((since, count)) if now < *since + PART => *count += 1,
            Some(_) | None => {
                self.parts.push_back((now, 1));
                if self.parts.len() > PARTS {
                    self.parts.pop_front();
                }
            }
        }
    }

    /// Answers per second, of as short a time as says enough; `None` where there
    /// were too few.
    pub fn rate(&self, now: Duration) -> Option<f64> {
        let enough = |(count, time)| count >= ENOUGH && time >= LONG_ENOUGH || time >= TOO_LONG;
        let mut all = self.until(now);
        let (count, time) = all
            .find(|last| enough(*last))
            .or_else(|| self.until(now).last())?;
        // The first of them came at the very beginning of the time.
        (time >= SHORTEST && count >= LEAST_ANSWERS)
            .then(|| (f64::from(count) - 0.5) / time.as_secs_f64())
    }

    /// The limit that refuses now, and had refused nothing since this began to
    /// count; `None` where nothing passed.
    ///
    /// In no time more passes than the limit and a bucket that was full at its
    /// beginning; and just as much in the time for which there were more than
    /// drip. So that is the time of which most follows.
    pub fn limit(&self, now: Duration) -> Option<Limit> {
        self.until(now)
            .map(|(count, time)| (f64::from(count), time.as_secs_f64()))
            .map(|(count, time)| Limit {
                likely: count / (time + BURST),
                most: count / time,
            })
            .max_by(|a, b| a.likely.total_cmp(&b.likely))
    }

    /// How many there were in how long a time until `now`, from short to long.
    fn until(&self, now: Duration) -> impl Iterator<Item = (u32, Duration)> {
        let parts = self.parts.iter().rev();
        parts.scan(0, move |all, (begin, count)| {
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

    /// So many a second, between two times.
    fn pass(passed: &mut Throughput, a_second: f64, from: f64, until: f64) {
        let mut now = from;
        while now < until {
            passed.add(at(now));
            now += 1.0 / a_second;
        }
    }

    #[test]
    fn what_passes_is_told_of_the_last_second() {
        let mut passed = Throughput::default();
        pass(&mut passed, 10.0, 0.0, 5.0);
        pass(&mut passed, 100.0, 5.0, 7.0);
        let rate = passed.rate(at(7.0)).unwrap();
        assert!((99.0..101.0).contains(&rate), "{rate}");
    }

    #[test]
    fn few_answers_say_nothing() {
        let mut passed = Throughput::default();
        pass(&mut passed, 10.0, 0.0, 0.4);
        assert_eq!(passed.rate(at(0.4)), None);
        assert_eq!(Throughput::default().rate(at(0.4)), None);
        assert_eq!(Throughput::default().limit(at(0.4)), None);
    }

    #[test]
    fn a_burst_is_not_taken_for_the_limit() {
        // 1000 a second and a bucket of 70, at twice that and at a twentieth more.
        for (rate, lasts) in [(2000.0, 0.07), (1050.0, 1.4)] {
            let mut passed = Throughput::default();
            pass(&mut passed, 800.0, 0.0, 3.0);
            pass(&mut passed, rate, 3.0, 3.0 + lasts);
            let limit = passed.limit(at(3.0 + lasts)).unwrap();
            assert!((980.0..1020.0).contains(&limit.likely), "{rate}: {limit:?}");
            assert!(limit.most > limit.likely);
        }
    }

    #[test]
    fn a_window_that_was_used_up_is_the_limit() {
        let mut passed = Throughput::default();
        pass(&mut passed, 95.0, 0.0, 10.0);
        let limit = passed.limit(at(10.0)).unwrap();
        assert!((94.0..96.0).contains(&limit.likely), "{limit:?}");
    }

    proptest! {
        #[test]
        fn a_limit_is_as_much_as_passed_in_any_time(
            gaps in proptest::collection::vec(0_u64..300, 1..200),
        ) {
            let mut passed = Throughput::default();
            let mut now = Duration::ZERO;
            for gap in &gaps {
                now += Duration::from_millis(*gap);
                passed.add(now);
            }
            let limit = passed.limit(now).unwrap();
            let all = f64::from(u8::try_from(gaps.len()).unwrap());
            let time = gaps.iter().skip(1).sum::<u64>();
            let on_average = all / (Duration::from_millis(time).as_secs_f64() + BURST);
            // The oldest parts are forgotten, but never lately.
            prop_assert!(time > 10_000 || limit.likely >= on_average * 0.999);
            prop_assert!(limit.most > limit.likely);
        }
    }
}
