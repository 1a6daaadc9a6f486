//! How many requests may start per second: governor's bucket on tokio's clock,
//! and the pause that a server asks of everybody.
//!
//! Two promises at once: no sliding second ever sees more starts than the rate,
//! and the rate is used. A timer wakes up to two milliseconds late; a bucket of
//! exactly one would lose that at every start. So a start may be up to
//! `LATENESS` late and be made up for, and the bucket drips slower by just as
//! much (and a little more), so that the promise holds.

use std::num::NonZeroU32;
use std::str::FromStr;
use std::sync::Mutex;
use std::time::{Duration, Instant as StdInstant};

use governor::clock::Clock;
use governor::middleware::NoOpMiddleware;
use governor::state::{InMemoryState, NotKeyed};
use governor::{Quota, RateLimiter};
use tokio::time::Instant;

use super::retry::{Policy, delay};

/// How late a start may be and still be made up for.
const LATENESS: Duration = Duration::from_millis(2);

/// By how much a request may overtake another on its way: who counts arrivals
/// is not to see more than the rate either.
const OVERTAKING: Duration = Duration::from_millis(3);

/// In how many parts a start is counted, so that the bucket can hold
/// [`LATENESS`] and not only whole starts.
const PARTS: u32 = 100;

/// How many requests may start in how much time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rate {
    /// As many as can be.
    Unlimited,
    /// At most `starts` in any `window`.
    Limited {
        /// The number of starts.
        starts: NonZeroU32,
        /// The time, sliding.
        window: Duration,
    },
}

impl Rate {
    /// At most `starts` in any second.
    pub const fn per_second(starts: NonZeroU32) -> Self {
        Self::Limited {
            starts,
            window: Duration::from_secs(1),
        }
    }

    /// Starts a second; infinite where unlimited.
    pub fn a_second(self) -> f64 {
        match self {
            Self::Unlimited => f64::INFINITY,
            Self::Limited { starts, window } => f64::from(starts.get()) / window.as_secs_f64(),
        }
    }
}

impl std::fmt::Display for Rate {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Unlimited => f.write_str("unlimited"),
            Self::Limited { starts, window } if *window == Duration::from_mins(1) => {
                write!(f, "{starts}/m")
            }
            Self::Limited { starts, .. } => write!(f, "{starts}/s"),
        }
    }
}

impl FromStr for Rate {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text == "unlimited" {
            return Ok(Self::Unlimited);
        }
        let (number, window) = match text.split_once('/') {
            None | Some((_, "s")) => (text.trim_end_matches("/s"), Duration::from_secs(1)),
            Some((number, "m")) => (number, Duration::from_mins(1)),
            Some(_) => {
                return Err(format!(
                    "{text:?} is no rate, wanted N, N/s, N/m or unlimited"
                ));
            }
        };
        let starts = number.parse().map_err(|_not_a_number| {
            format!("{number:?} is no whole number above 0, wanted N, N/s, N/m or unlimited")
        })?;
        Ok(Self::Limited { starts, window })
    }
}

/// tokio's clock, in the form that governor asks for: it can be paused.
#[derive(Clone, Copy, Debug)]
struct TokioClock;

impl Clock for TokioClock {
    type Instant = StdInstant;

    fn now(&self) -> StdInstant {
        Instant::now().into_std()
    }
}

type Bucket = RateLimiter<NotKeyed, InMemoryState, TokioClock, NoOpMiddleware<StdInstant>>;

/// The gate that every request of a run passes.
#[derive(Debug)]
pub struct Pace {
    bucket: Option<(Bucket, NonZeroU32)>,
    /// Those who wait do so in the order in which they came.
    queue: tokio::sync::Mutex<()>,
    pause: Mutex<Pause>,
}

#[derive(Debug, Default)]
struct Pause {
    until: Option<Instant>,
    /// How many pauses there were without a success between them.
    in_a_row: u32,
}

impl Pace {
    /// A gate that lets `rate` pass.
    pub fn new(rate: Rate) -> Self {
        Self {
            bucket: bucket(rate),
            queue: tokio::sync::Mutex::new(()),
            pause: Mutex::default(),
        }
    }

    /// Waits for the next start.
    pub async fn next(&self) {
        let _turn = self.queue.lock().await;
        loop {
            while let Some(until) = self.paused_until() {
                tokio::time::sleep_until(until).await;
            }
            let Some((bucket, parts)) = &self.bucket else {
                return;
            };
            match bucket.check_n(*parts) {
                Ok(Ok(())) => return,
                Ok(Err(early)) => tokio::time::sleep(early.wait_time_from(TokioClock.now())).await,
                // The bucket always holds one start; were it otherwise, no
                // request could ever be sent, and one too many does less harm.
                Err(_too_small) => return,
            }
        }
    }

    /// Takes in that the server refused for want of pace: nobody starts until
    /// it is over. Returns how long the pause is, where it is a new one.
    ///
    /// Many requests are in flight when a server begins to refuse; together
    /// they are one pause.
    pub fn throttled(
        &self,
        server_asks: Option<Duration>,
        policy: &Policy,
        jitter: f64,
    ) -> Option<Duration> {
        let now = Instant::now();
        let mut pause = lock(&self.pause);
        let running = pause.until.is_some_and(|until| until > now);
        if running && server_asks.is_none() {
            return None;
        }
        if !running {
            pause.in_a_row += 1;
        }
        let wait = delay(policy, pause.in_a_row, server_asks, jitter);
        let until = now + wait;
        if pause.until.is_none_or(|already| until > already) {
            pause.until = Some(until);
            return Some(wait);
        }
        None
    }

    /// Takes in that the server accepted a request.
    pub fn accepted(&self) {
        let mut pause = lock(&self.pause);
        if pause.until.is_none_or(|until| until <= Instant::now()) {
            pause.in_a_row = 0;
        }
    }

    /// When the present pause ends, if there is one.
    pub fn paused_until(&self) -> Option<Instant> {
        let mut pause = lock(&self.pause);
        if pause.until.is_some_and(|until| until <= Instant::now()) {
            pause.until = None;
        }
        pause.until
    }
}

/// A poisoned lock guards plain numbers that are right at every instant.
fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex
        .lock()
        .unwrap_or_else(std::sync::PoisonError::into_inner)
}

fn bucket(rate: Rate) -> Option<(Bucket, NonZeroU32)> {
    let Rate::Limited { starts, window } = rate else {
        return None;
    };
    let parts = NonZeroU32::new(PARTS)?;
    // One part drips every (window + lateness + overtaking) / (starts × PARTS),
    // rounded up.
    let all = u128::from(starts.get()) * u128::from(PARTS);
    let drip = (window + LATENESS + OVERTAKING).as_nanos() / all + 1;
    let drip = Duration::from_nanos(u64::try_from(drip).unwrap_or(u64::MAX));
    // Beside the start itself, the bucket holds what drips while one is late,
    // but never a second start of a slow rate.
    let late = (LATENESS.as_nanos() / drip.as_nanos()).min(u128::from(u32::MAX / 2));
    let held = parts.saturating_add(u32::try_from(late).unwrap_or_default());
    let quota = Quota::with_period(drip)?.allow_burst(held);
    let bucket = RateLimiter::direct_with_clock(quota, TokioClock);
    // The bucket begins full; what it holds beyond one start is let go.
    if let Some(late) = NonZeroU32::new(held.get() - parts.get()) {
        bucket.check_n(late).ok()?.ok()?;
    }
    Some((bucket, parts))
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU32;
    use std::time::Duration;

    use tokio::time::Instant;

    use super::{Pace, Rate};
    use crate::engine::retry::Policy;

    fn per_second(starts: u32) -> Rate {
        Rate::per_second(NonZeroU32::new(starts).unwrap())
    }

    async fn starts(rate: Rate, many: usize) -> Vec<Duration> {
        let pace = Pace::new(rate);
        let began = Instant::now();
        let mut starts = Vec::new();
        for _ in 0..many {
            pace.next().await;
            starts.push(began.elapsed());
        }
        starts
    }

    #[tokio::test(start_paused = true)]
    async fn no_second_sees_more_than_the_rate_and_the_rate_is_used() {
        for rate in [1, 2, 7, 50, 200, 999, 5000] {
            let times = starts(per_second(rate), rate as usize * 4 + 1).await;
            let most = times
                .iter()
                .map(|first| {
                    let within =
                        |at: &&Duration| **at >= *first && **at <= *first + Duration::from_secs(1);
                    times.iter().filter(within).count()
                })
                .max();
            assert!(most <= Some(rate as usize), "{rate}: {most:?}");
            let took = times.last().unwrap().as_secs_f64();
            assert!((4.0..4.04).contains(&took), "{rate}: {took}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_rate_a_minute_is_spread_over_the_minute() {
        let times = starts("2/m".parse().unwrap(), 3).await;
        assert!(
            times[1] >= Duration::from_secs(30) && times[2] < Duration::from_secs(61),
            "{times:?}"
        );
    }

    #[tokio::test(start_paused = true)]
    async fn a_pause_holds_everybody_and_a_burst_of_refusals_is_one() {
        let pace = Pace::new(Rate::Unlimited);
        let policy = Policy::default();
        let began = Instant::now();
        assert_eq!(
            pace.throttled(Some(Duration::from_secs(7)), &policy, 1.0),
            Some(Duration::from_secs(7))
        );
        assert_eq!(pace.throttled(None, &policy, 1.0), None);
        assert_eq!(
            pace.throttled(Some(Duration::from_secs(3)), &policy, 1.0),
            None
        );
        tokio::join!(pace.next(), pace.next());
        assert_eq!(began.elapsed(), Duration::from_secs(7));
    }

    #[tokio::test(start_paused = true)]
    async fn pauses_grow_until_a_request_is_accepted() {
        let pace = Pace::new(Rate::Unlimited);
        let policy = Policy::default();
        let mut waits = Vec::new();
        for _ in 0..3 {
            waits.extend(pace.throttled(None, &policy, 1.0));
            pace.next().await;
        }
        pace.accepted();
        waits.extend(pace.throttled(None, &policy, 1.0));
        let millis: Vec<_> = waits.iter().map(Duration::as_millis).collect();
        assert_eq!(millis, [500, 1000, 2000, 500]);
    }

    #[test]
    fn rates_are_read_as_people_write_them() {
        for (text, shown) in [
            ("200", "200/s"),
            ("5/s", "5/s"),
            ("30/m", "30/m"),
            ("unlimited", "unlimited"),
        ] {
            assert_eq!(text.parse::<Rate>().unwrap().to_string(), shown);
        }
        for bad in ["", "0", "-1", "1.5", "5/h", "fast"] {
            assert!(bad.parse::<Rate>().is_err(), "{bad}");
        }
    }
}
