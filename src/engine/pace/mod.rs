//! The gate that every request of a run passes: in its turn, no faster than the
//! user wants and the server bears, and no more at once.
//!
//! What is decided here is decided by pure parts that are told the time; this file
//! joins them, and waits.
//!
//! - `rate.rs`: a number of requests in a time, as people write it
//! - `token_bucket.rs`: the rate that the user gave
//! - `rate_control.rs`: the rate that is found by evidence
//! - `throughput.rs`: what passed lately, from which that follows
//! - `advertised.rs`: the rate that a server tells by its headers
//! - `concurrency.rs`: how many requests may be in flight
//! - `local_capacity.rs`: how many this machine has room for
//! - `backoff.rs`: whether to send again, and after how long
//! - `retry_budget.rs`: how many requests may be spent on trouble
//! - `circuit_breaker.rs`: whether the API is there, and takes creates and updates
//! - `sent.rs`: a request that has come to its end

pub mod advertised;
pub mod backoff;
pub(super) mod circuit_breaker;
pub mod concurrency;
mod local_capacity;
pub mod rate;
pub mod rate_control;
pub mod retry_budget;
pub mod sent;
pub mod throughput;
pub mod token_bucket;

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::Instant;

use self::advertised::AdvertisedLimits;
use self::backoff::{Policy, delay};
use self::concurrency::ConcurrencyLimit;
use self::local_capacity::LocalCapacity;
use self::rate::Rate;
use self::rate_control::{Held, RateControl};
use self::sent::Sent;
use self::token_bucket::{LATENESS, TokenBucket};
use crate::domain::bottleneck::{Bottleneck, Pacing};
use crate::kable;

/// For how long a gate that held a request up counts as the limit.
const LATELY: Duration = Duration::from_secs(1);

/// The longest time between two starts.
const A_YEAR: Duration = Duration::from_hours(24 * 365);

/// How long the rate of a moment is waited for before it is looked at again.
const LOOK_AGAIN: Duration = Duration::from_secs(1);

/// How a run is paced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Wanted {
    /// Never faster than this.
    pub ceiling: Rate,
    /// Whether that is the rate that is wanted from the start, and not only the
    /// most that may be found.
    pub at_once: bool,
    /// Never more requests in flight than this.
    pub concurrency: usize,
}

/// The gate that every request of a run passes.
#[derive(Debug)]
pub struct Pace {
    bucket: Option<Arc<TokenBucket>>,
    at_once: bool,
    /// Those who wait do so in the order in which they came.
    queue: tokio::sync::Mutex<()>,
    began: Instant,
    state: Mutex<State>,
    in_flight: AtomicUsize,
    freed: Notify,
    started: Notify,
}

#[derive(Debug)]
struct State {
    advertised: AdvertisedLimits,
    rate_control: RateControl,
    concurrency: ConcurrencyLimit,
    /// How many may be in flight for the sake of this machine.
    room: LocalCapacity,
    /// When the last request was due; the next one is as much later as the rate
    /// of that moment says, so that a rate that rises is waited for no longer.
    due: Option<Duration>,
    /// Whether it was the tempo that held requests back lately.
    was_used: bool,
    /// Which gate a request waited at last, and when.
    waited: Option<(Gate, Duration)>,
    paused_until: Option<Duration>,
    /// How many refusals there were, each after the last, without a success
    /// between them.
    in_a_row: u32,
}

/// Where a request waits for its turn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Gate {
    Concurrency,
    Rate,
    Ceiling,
}

impl State {
    /// Starts a request at `now`, or says when one may start.
    fn start(&mut self, now: Duration) -> Result<(), Duration> {
        let interval = interval(self.rate_control.rate());
        let next = self.due.map_or(Duration::ZERO, |due| due + interval);
        // Up to there the bucket keeps the time.
        if self.rate_control.held() != Held::Ceiling && now < next {
            self.was_used = true;
            self.waited = Some((Gate::Rate, now));
            return Err(next.min(now + LOOK_AGAIN));
        }
        self.due = Some(next.max(now.saturating_sub(LATENESS)));
        Ok(())
    }
}

/// A request that may be in flight, as long as this lives.
#[derive(Debug)]
pub struct Permit<'p> {
    pace: &'p Pace,
    started: Duration,
}

impl Permit<'_> {
    /// The request has come to its end, whatever that is.
    pub fn ended(self) -> Sent {
        Sent {
            started: self.started,
            latency: self.pace.began.elapsed().saturating_sub(self.started),
        }
    }
}

impl Drop for Permit<'_> {
    fn drop(&mut self) {
        self.pace.in_flight.fetch_sub(1, Ordering::AcqRel);
        self.pace.freed.notify_one();
    }
}

impl Pace {
    /// A gate that lets pass what is wanted.
    pub fn new(pacing: Wanted) -> Self {
        Self::sharing(pacing, TokenBucket::new(pacing.ceiling).map(Arc::new))
    }

    /// The same, where other requests are counted in `bucket` as well.
    pub fn sharing(pacing: Wanted, bucket: Option<Arc<TokenBucket>>) -> Self {
        let ceiling = pacing.ceiling.a_second();
        let at_once = pacing.at_once;
        Self {
            bucket,
            at_once,
            queue: tokio::sync::Mutex::new(()),
            began: Instant::now(),
            state: Mutex::new(State {
                advertised: AdvertisedLimits::default(),
                rate_control: RateControl::new(ceiling, at_once),
                concurrency: ConcurrencyLimit::new(pacing.concurrency, at_once),
                room: LocalCapacity::default(),
                due: None,
                was_used: false,
                waited: None,
                paused_until: None,
                in_a_row: 0,
            }),
            in_flight: AtomicUsize::new(0),
            freed: Notify::new(),
            started: Notify::new(),
        }
    }

    /// Waits for the next start.
    pub async fn next(&self) -> Permit<'_> {
        let _turn = self.queue.lock().await;
        loop {
            while let Some(until) = self.paused_until() {
                tokio::time::sleep_until(until).await;
            }
            self.room().await;
            let started = lock(&self.state).start(self.began.elapsed());
            if let Err(until) = started {
                tokio::time::sleep_until(self.began + until).await;
                continue;
            }
            if let Some(bucket) = &self.bucket
                && bucket.drip().await
            {
                lock(&self.state).waited = Some((Gate::Ceiling, self.began.elapsed()));
            }
            // It may have been paused meanwhile.
            if self.paused_until().is_none() {
                self.in_flight.fetch_add(1, Ordering::AcqRel);
                self.started.notify_one();
                return Permit {
                    pace: self,
                    started: self.began.elapsed(),
                };
            }
        }
    }

    /// Waits until fewer are in flight than may be.
    async fn room(&self) {
        loop {
            let freed = self.freed.notified();
            let limit = {
                let state = lock(&self.state);
                state.room.limit(state.concurrency.limit())
            };
            if self.in_flight() < limit {
                return;
            }
            {
                let now = self.began.elapsed();
                let mut state = lock(&self.state);
                state.concurrency.full();
                state.waited = Some((Gate::Concurrency, now));
            }
            freed.await;
        }
    }

    /// Whether another row may be begun beside those that are under way, so that the
    /// next start finds one that is ready.
    pub fn has_use_for(&self, under_way: usize) -> bool {
        let ready = under_way.saturating_sub(self.in_flight());
        let state = lock(&self.state);
        let window = state.concurrency.limit();
        // One more than the window holds is ready at once when a place is free.
        under_way <= window && ready < rows_ready(state.rate_control.rate())
    }

    /// Waits until a request has started since this was last waited for.
    pub async fn started(&self) {
        self.started.notified().await;
    }

    /// How many requests are in flight.
    pub fn in_flight(&self) -> usize {
        self.in_flight.load(Ordering::Acquire)
    }

    /// The server refused a request (429): none starts until
    /// it is over. Returns how long the pause is, where it is a new one.
    ///
    /// Many requests are in flight when a server begins to refuse; together
    /// they are one pause.
    pub fn refused(
        &self,
        sent: Sent,
        server_asks: Option<Duration>,
        policy: &Policy,
        jitter: f64,
    ) -> Option<Duration> {
        let now = self.began.elapsed();
        let mut state = lock(&self.state);
        let is_new = state.rate_control.is_new(sent.started);
        if is_new {
            state.in_a_row += 1;
        }
        // One refusal says that it was too fast, several that it is too much.
        let wait = if server_asks.is_none() && state.in_a_row <= 1 {
            Duration::ZERO
        } else {
            delay(
                policy,
                state.in_a_row.saturating_sub(1).max(1),
                server_asks,
                jitter,
            )
        };
        state.rate_control.refused(now, sent.started, wait);
        let until = now + wait;
        let already = state.paused_until.unwrap_or_default();
        if (is_new || server_asks.is_some()) && until > already.max(now) {
            state.paused_until = Some(until);
            return Some(wait);
        }
        None
    }

    /// Takes in that the server accepted a request.
    pub fn accepted(&self, sent: Sent) {
        let now = self.began.elapsed();
        let mut state = lock(&self.state);
        let was_used = state.was_used;
        if state.rate_control.accepted(now, was_used) {
            state.was_used = false;
        }
        state.concurrency.answered(sent.latency);
        state.room.answered();
        state.in_a_row = 0;
    }

    /// Allows no more requests in flight than there are now, for this machine
    /// has no room for more. Returns how many that is, where it is fewer than
    /// before.
    pub fn crowded(&self) -> Option<usize> {
        let in_flight = self.in_flight();
        lock(&self.state).room.crowded(in_flight)
    }

    /// Takes in what a response tells of the server's limits.
    pub fn told(&self, quotas: &[kable::Quota]) {
        let mut state = lock(&self.state);
        let allowed = state.advertised.heard(quotas);
        state.rate_control.told(allowed.rate);
        if let Some(most) = allowed.in_flight {
            state.concurrency.told(most);
        }
    }

    /// When the present pause ends, if there is one.
    pub fn paused_until(&self) -> Option<Instant> {
        let now = self.began.elapsed();
        let mut state = lock(&self.state);
        if state.paused_until.is_some_and(|until| until <= now) {
            state.paused_until = None;
        }
        state.paused_until.map(|until| self.began + until)
    }

    /// How fast it is, and what binds.
    pub fn pacing(&self) -> Pacing {
        let now = self.began.elapsed();
        let in_flight = self.in_flight();
        let state = lock(&self.state);
        let paused = state.paused_until.filter(|until| *until > now);
        let rate = state.rate_control.rate();
        // A gate that held no request up for a second is not the limit.
        let waited = state
            .waited
            .filter(|(_, at)| now.saturating_sub(*at) < LATELY.max(interval(rate) * 2));
        Pacing {
            rate: rate.is_finite().then_some(rate),
            in_flight: in_flight as u64,
            window: state.room.limit(state.concurrency.limit()) as u64,
            bound: match waited {
                _ if paused.is_some() => Bottleneck::Pause,
                None => Bottleneck::Rows,
                Some((Gate::Concurrency, _)) if state.concurrency.is_open() => {
                    Bottleneck::Concurrency
                }
                Some((Gate::Concurrency, _)) => Bottleneck::Latency,
                Some((Gate::Ceiling, _)) if self.at_once => Bottleneck::Rate,
                Some((Gate::Ceiling, _)) => Bottleneck::MaxRate,
                Some((Gate::Rate, _)) => match state.rate_control.held() {
                    Held::Advertised => Bottleneck::Advertised,
                    Held::Refused => Bottleneck::Refused,
                    Held::Growing | Held::Ceiling => Bottleneck::Growing,
                },
            },
            paused_ms: paused.map(|until| {
                u64::try_from(until.saturating_sub(now).as_millis()).unwrap_or(u64::MAX)
            }),
            waiting: 0,
        }
    }
}

/// How many rows are to be ready for the next starts at `rate` a second: those of a
/// tenth of a second, for it takes a moment to begin one.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a rate is no less than none, and what is cut off at the top is no limit"
)]
fn rows_ready(rate: f64) -> usize {
    (rate / 10.0).ceil().max(1.0) as usize
}

/// The time between two starts. A rate of next to nothing is once a year: what
/// is added to it stays a time.
fn interval(rate: f64) -> Duration {
    Duration::try_from_secs_f64(1.0 / rate).map_or(A_YEAR, |interval| interval.min(A_YEAR))
}

/// A poisoned lock guards plain numbers that are right at every instant.
fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex
        .lock()
        .unwrap_or_else(std::sync::PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU32;
    use std::time::Duration;

    use tokio::time::Instant;

    use super::backoff::Policy;
    use super::{Pace, Permit, Rate, Wanted};

    fn per_second(starts: u32) -> Rate {
        Rate::per_second(NonZeroU32::new(starts).unwrap())
    }

    /// A gate that is used at this rate from the start.
    fn given(ceiling: Rate) -> Pace {
        Pace::new(Wanted {
            ceiling,
            at_once: true,
            concurrency: 64,
        })
    }

    async fn starts(rate: Rate, many: usize) -> Vec<Duration> {
        let pace = given(rate);
        let began = Instant::now();
        let mut starts = Vec::new();
        for _ in 0..many {
            pace.next().await.ended();
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

    #[test]
    fn a_rate_of_nothing_is_a_time_that_can_be_added_to() {
        for rate in [0.0, f64::MIN_POSITIVE, -1.0, f64::NAN] {
            assert_eq!(super::interval(rate), super::A_YEAR, "{rate}");
        }
        assert_eq!(super::interval(f64::INFINITY), Duration::ZERO);
    }

    #[tokio::test(start_paused = true)]
    async fn a_pause_holds_everybody_and_a_burst_of_refusals_is_one() {
        let pace = given(Rate::Unlimited);
        let policy = Policy::default();
        let [first, second, third] = [pace.next().await, pace.next().await, pace.next().await];
        tokio::time::advance(Duration::from_millis(100)).await;
        let asks = |seconds| Some(Duration::from_secs(seconds));
        let refused = |permit: Permit<'_>, asks| pace.refused(permit.ended(), asks, &policy, 1.0);
        let began = Instant::now();
        assert_eq!(refused(first, asks(7)), asks(7));
        assert_eq!(refused(second, None), None);
        assert_eq!(refused(third, asks(3)), None);
        tokio::join!(pace.next(), pace.next());
        assert!(began.elapsed() >= Duration::from_secs(7));
    }

    #[tokio::test(start_paused = true)]
    async fn starts_elsewhere_count_where_they_share_the_bucket() {
        let rate = per_second(4);
        let bucket = super::TokenBucket::new(rate).map(std::sync::Arc::new);
        let began = Instant::now();
        for _ in 0..3 {
            bucket.as_ref().unwrap().drip().await;
        }
        let pacing = Wanted {
            ceiling: rate,
            at_once: true,
            concurrency: 8,
        };
        let pace = Pace::sharing(pacing, bucket);
        for _ in 0..4 {
            drop(pace.next().await);
        }
        assert!(began.elapsed() >= Duration::from_millis(1500));
    }

    #[tokio::test(start_paused = true)]
    async fn a_machine_without_room_has_fewer_in_flight_and_tries_more_later() {
        let pace = given(Rate::Unlimited);
        let (first, second) = (pace.next().await, pace.next().await);
        drop(pace.next().await);
        assert_eq!(pace.crowded(), Some(2));
        assert_eq!(pace.crowded(), None);
        let third = tokio::time::timeout(Duration::from_mins(1), pace.next()).await;
        assert!(third.is_err(), "a third starts");
        drop((first, second));
        for _ in 0..40 {
            let sent = pace.next().await.ended();
            pace.accepted(sent);
        }
        let _three = (pace.next().await, pace.next().await, pace.next().await);
        assert_eq!(pace.in_flight(), 3);
    }

    #[tokio::test(start_paused = true)]
    async fn pauses_grow_until_a_request_is_accepted() {
        let pace = given(Rate::Unlimited);
        let policy = Policy::default();
        let mut waits = Vec::new();
        for accepted in [false, false, false, false, true, false, false] {
            let permit = pace.next().await;
            tokio::time::advance(Duration::from_millis(1)).await;
            let sent = permit.ended();
            if accepted {
                pace.accepted(sent);
            } else {
                let wait = pace.refused(sent, None, &policy, 1.0);
                waits.push(wait.map(|wait| wait.as_millis()));
            }
        }
        // One alone only slows down.
        let grown = [None, Some(500), Some(1000), Some(2000)];
        assert_eq!(waits[..4], grown);
        assert_eq!(waits[4..], grown[..2]);
    }
}
