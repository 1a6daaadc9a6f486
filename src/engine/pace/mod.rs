//! Limits the rate and the concurrency of a run's requests.
//!
//! The decisions are pure: each part below gets the time as an argument. This file
//! combines them and waits. The retry budget and the circuit breaker stand before
//! it; `send/sender.rs` joins all of them.
//!
//! - `rate.rs`: requests per time, as users write it
//! - `token_bucket.rs`: the rate that the user gave
//! - `reserved_starts.rs`: the rate that several workers share
//! - `rate_control.rs`: the rate that the server accepts, found by trying
//! - `rate_bound.rs`: what determines that rate
//! - `throughput.rs`: accepted requests per second, and the limit that follows
//! - `advertised.rs`: the rate that a server's headers advertise
//! - `concurrency.rs`: how many requests may be in flight
//! - `local_capacity.rs`: how many requests this machine has resources for
//! - `backoff.rs`: how long to wait before a retry
//! - `retry_budget.rs`: how many requests may be retries
//! - `circuit_breaker.rs`: whether the API answers, and accepts creates and updates
//! - `timing.rs`: when a request started, and how long it took

pub mod advertised;
pub mod backoff;
pub(super) mod circuit_breaker;
pub mod concurrency;
mod local_capacity;
pub mod rate;
pub mod rate_bound;
pub mod rate_control;
mod reserved_starts;
pub mod retry_budget;
pub mod throughput;
pub mod timing;
pub mod token_bucket;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::Notify;
use tokio::time::Instant;

use self::advertised::AdvertisedLimits;
use self::backoff::{RetryPolicy, delay};
use self::concurrency::ConcurrencyLimit;
use self::local_capacity::LocalCapacity;
use self::rate::Rate;
use self::rate_bound::RateBound;
use self::rate_control::RateControl;
use self::timing::{RequestTiming, interval};
use self::token_bucket::{LATENESS, TokenBucket};
use crate::domain::bottleneck::{Bottleneck, Pacing};
use crate::kable;

/// For how long after a request waited for a limit that limit is reported.
const LATELY: Duration = Duration::from_secs(1);

/// How late a timer may fire on a busy machine.
const A_LATE_TIMER: Duration = Duration::from_millis(100);

/// The longest wait for the next start before the rate is read again: it may have
/// risen meanwhile.
const LOOK_AGAIN: Duration = Duration::from_secs(1);

/// The limits that the user gave.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PaceSettings {
    /// The highest rate (`--rate` or `--max-rate`).
    pub ceiling: Rate,
    /// Whether the run starts at `ceiling` (`--rate`) instead of searching for the
    /// server's limit below it (`--max-rate`).
    pub at_once: bool,
    /// The most requests in flight (`--concurrency`).
    pub concurrency: usize,
}

/// Decides when each request of a run may start.
#[derive(Debug)]
pub struct Pacer {
    bucket: Option<Arc<TokenBucket>>,
    at_once: bool,
    /// Tasks start in the order in which they asked.
    queue: tokio::sync::Mutex<()>,
    began: Instant,
    state: Mutex<PacerState>,
    in_flight: AtomicUsize,
    freed: Notify,
    started: Notify,
}

#[derive(Debug)]
struct PacerState {
    advertised: AdvertisedLimits,
    rate_control: RateControl,
    concurrency: ConcurrencyLimit,
    local_capacity: LocalCapacity,
    /// When the last request was due. The next one's due time is computed from the
    /// rate at that moment, so that a higher rate takes effect immediately.
    due: Option<Duration>,
    /// Whether a request waited for the rate control since its last step.
    rate_was_used: bool,
    /// The limit that a request last waited for, and when.
    waited: Option<(WaitedFor, Duration)>,
    paused_until: Option<Duration>,
    /// Bursts of refusals since the last accepted request.
    refusal_bursts: u32,
}

/// The limit that a request waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum WaitedFor {
    Concurrency,
    Rate,
    Ceiling,
}

impl PacerState {
    /// Starts a request at `now`; `Err` holds the time at which to ask again.
    fn start(&mut self, now: Duration) -> Result<(), Duration> {
        let interval = interval(self.rate_control.rate());
        let next = self.due.map_or(Duration::ZERO, |due| due + interval);
        // At the ceiling the token bucket limits the rate.
        if self.rate_control.bound() != RateBound::Ceiling && now < next {
            self.rate_was_used = true;
            self.waited = Some((WaitedFor::Rate, now));
            return Err(next.min(now + LOOK_AGAIN));
        }
        // A timer that fired late is made up for, a time without requests is not: after a
        // pause they would start at once.
        let has_waited = self
            .waited
            .is_some_and(|(what, at)| what == WaitedFor::Rate && now <= at + A_LATE_TIMER);
        let late = if has_waited {
            self.rate_control.margin()
        } else {
            LATENESS
        };
        self.due = Some(next.max(now.saturating_sub(late)));
        Ok(())
    }
}

/// Permission to have one request in flight; dropping it frees the slot.
#[derive(Debug)]
pub struct Permit<'p> {
    pace: &'p Pacer,
    started: Duration,
}

impl Permit<'_> {
    /// The request was answered, or failed.
    pub fn ended(self) -> RequestTiming {
        RequestTiming {
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

impl Pacer {
    /// A pacer with its own token bucket.
    pub fn new(pacing: PaceSettings) -> Self {
        Self::sharing(pacing, TokenBucket::new(pacing.ceiling).map(Arc::new))
    }

    /// A pacer whose token bucket is also used by other requests.
    pub fn sharing(pacing: PaceSettings, bucket: Option<Arc<TokenBucket>>) -> Self {
        let ceiling = pacing.ceiling.a_second();
        let at_once = pacing.at_once;
        Self {
            bucket,
            at_once,
            queue: tokio::sync::Mutex::new(()),
            began: Instant::now(),
            state: Mutex::new(PacerState {
                advertised: AdvertisedLimits::default(),
                rate_control: RateControl::new(ceiling, at_once),
                concurrency: ConcurrencyLimit::new(pacing.concurrency, at_once),
                local_capacity: LocalCapacity::default(),
                due: None,
                rate_was_used: false,
                waited: None,
                paused_until: None,
                refusal_bursts: 0,
            }),
            in_flight: AtomicUsize::new(0),
            freed: Notify::new(),
            started: Notify::new(),
        }
    }

    /// Waits until a request may start.
    pub async fn next(&self) -> Permit<'_> {
        let _turn = self.queue.lock().await;
        loop {
            while let Some(until) = self.paused_until() {
                tokio::time::sleep_until(until).await;
            }
            self.wait_for_slot().await;
            let started = self.state.lock().start(self.began.elapsed());
            if let Err(until) = started {
                tokio::time::sleep_until(self.began + until).await;
                continue;
            }
            if let Some(bucket) = &self.bucket
                && bucket.acquire().await
            {
                self.state.lock().waited = Some((WaitedFor::Ceiling, self.began.elapsed()));
            }
            // A pause may have begun during the waits above.
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

    /// Waits until fewer requests are in flight than allowed.
    async fn wait_for_slot(&self) {
        loop {
            let freed = self.freed.notified();
            let limit = {
                let state = self.state.lock();
                state.local_capacity.limit(state.concurrency.limit())
            };
            if self.in_flight() < limit {
                return;
            }
            {
                let now = self.began.elapsed();
                let mut state = self.state.lock();
                state.concurrency.note_full();
                state.waited = Some((WaitedFor::Concurrency, now));
            }
            freed.await;
        }
    }

    /// Whether another row should be taken beside `under_way` others, so that one is
    /// ready for the next start.
    pub fn has_use_for(&self, under_way: usize) -> bool {
        let ready = under_way.saturating_sub(self.in_flight());
        let state = self.state.lock();
        let window = state.concurrency.limit();
        // One row more than the limit is ready when a slot becomes free.
        under_way <= window && ready < rows_ready(state.rate_control.rate())
    }

    /// Waits until a request has started since the last call.
    pub async fn started(&self) {
        self.started.notified().await;
    }

    /// How many requests are in flight.
    pub fn in_flight(&self) -> usize {
        self.in_flight.load(Ordering::Acquire)
    }

    /// The server refused a request (429): no request starts until a pause is over.
    /// Returns the length of the pause if this refusal began or extended one.
    ///
    /// Refusals of requests that were in flight together cause one pause.
    pub fn refused(
        &self,
        sent: RequestTiming,
        server_asks: Option<Duration>,
        policy: &RetryPolicy,
        jitter: f64,
    ) -> Option<Duration> {
        let now = self.began.elapsed();
        let mut state = self.state.lock();
        let is_new = state.rate_control.is_new(sent.started);
        if is_new {
            state.refusal_bursts += 1;
        }
        // A single refusal only lowers the rate; several in a row also cause a pause.
        let wait = if server_asks.is_none() && state.refusal_bursts <= 1 {
            Duration::ZERO
        } else {
            delay(
                policy,
                state.refusal_bursts.saturating_sub(1).max(1),
                server_asks,
                jitter,
            )
        };
        state.rate_control.refused(now, sent.started, wait);
        let until = now + wait;
        let already = state.paused_until.unwrap_or_default();
        if (is_new || server_asks.is_some()) && until > already.max(now) {
            state.paused_until = Some(until);
            if let Some(bucket) = &self.bucket {
                bucket.hold(wait);
            }
            return Some(wait);
        }
        None
    }

    /// The server accepted a request.
    pub fn accepted(&self, sent: RequestTiming) {
        let now = self.began.elapsed();
        let mut state = self.state.lock();
        let was_used = state.rate_was_used;
        if state.rate_control.accepted(now, was_used) {
            state.rate_was_used = false;
        }
        state.concurrency.answered(sent.latency);
        state.local_capacity.answered();
        state.refusal_bursts = 0;
    }

    /// This machine has no resources for more requests than are in flight now: allows
    /// no more. Returns the new limit if it is lower than before.
    pub fn local_resources_exhausted(&self) -> Option<usize> {
        let in_flight = self.in_flight();
        self.state.lock().local_capacity.exhausted(in_flight)
    }

    /// Obeys the limits that a response advertises.
    pub fn set_advertised(&self, quotas: &[kable::Quota]) {
        let mut state = self.state.lock();
        let advertised = state.advertised.update(quotas);
        state.rate_control.set_advertised(advertised.rate);
        if let Some(most) = advertised.in_flight {
            state.concurrency.set_advertised(most);
        }
    }

    /// When the current pause ends, if there is one.
    pub fn paused_until(&self) -> Option<Instant> {
        let now = self.began.elapsed();
        let mut state = self.state.lock();
        if state.paused_until.is_some_and(|until| until <= now) {
            state.paused_until = None;
        }
        state.paused_until.map(|until| self.began + until)
    }

    /// The current rate, and which limit determines it.
    pub fn pacing(&self) -> Pacing {
        let now = self.began.elapsed();
        let in_flight = self.in_flight();
        let state = self.state.lock();
        let paused = state.paused_until.filter(|until| *until > now);
        let rate = state.rate_control.rate();
        // A limit that no request waited for lately does not determine the rate.
        let waited = state
            .waited
            .filter(|(_, at)| now.saturating_sub(*at) < LATELY.max(interval(rate) * 2));
        Pacing {
            rate: rate.is_finite().then_some(rate),
            in_flight: in_flight as u64,
            window: state.local_capacity.limit(state.concurrency.limit()) as u64,
            bound: match waited {
                _ if paused.is_some() => Bottleneck::Pause,
                None => Bottleneck::Rows,
                Some((WaitedFor::Concurrency, _)) if state.concurrency.is_at_user_limit() => {
                    Bottleneck::Concurrency
                }
                Some((WaitedFor::Concurrency, _)) => Bottleneck::Latency,
                Some((WaitedFor::Ceiling, _)) if self.at_once => Bottleneck::Rate,
                Some((WaitedFor::Ceiling, _)) => Bottleneck::MaxRate,
                Some((WaitedFor::Rate, _)) => match state.rate_control.bound() {
                    RateBound::Advertised => Bottleneck::Advertised,
                    RateBound::Refused => Bottleneck::Refused,
                    RateBound::Growing | RateBound::Ceiling => Bottleneck::Growing,
                },
            },
            paused_ms: paused.map(|until| {
                u64::try_from(until.saturating_sub(now).as_millis()).unwrap_or(u64::MAX)
            }),
            waiting: 0,
        }
    }
}

/// How many rows should be ready at `rate` requests per second: enough for a tenth of a
/// second, because beginning a row takes some time.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a rate is not negative, and a cast that saturates is no limit"
)]
fn rows_ready(rate: f64) -> usize {
    (rate / 10.0).ceil().max(1.0) as usize
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU32;
    use std::time::Duration;

    use tokio::time::Instant;

    use super::backoff::RetryPolicy;
    use super::{PaceSettings, Pacer, Permit, Rate};

    fn per_second(starts: u32) -> Rate {
        Rate::per_second(NonZeroU32::new(starts).unwrap())
    }

    /// A pacer that starts at `ceiling`.
    fn fixed_rate(ceiling: Rate) -> Pacer {
        Pacer::new(PaceSettings {
            ceiling,
            at_once: true,
            concurrency: 64,
        })
    }

    async fn starts(rate: Rate, many: usize) -> Vec<Duration> {
        let pace = fixed_rate(rate);
        let began = Instant::now();
        let mut starts = Vec::new();
        for _ in 0..many {
            pace.next().await.ended();
            starts.push(began.elapsed());
        }
        starts
    }

    #[tokio::test(start_paused = true)]
    async fn no_second_has_more_starts_than_the_rate_and_the_rate_is_reached() {
        for rate in [1, 2, 7, 50, 200, 999, 5000] {
            let times = starts(per_second(rate), rate as usize * 4 + 1).await;
            let until = |end: Duration| times.partition_point(|at| *at <= end);
            let within =
                |(place, first): (usize, &Duration)| until(*first + Duration::from_secs(1)) - place;
            let most = times.iter().enumerate().map(within).max();
            assert!(most <= Some(rate as usize), "{rate}: {most:?}");
            let took = times.last().unwrap().as_secs_f64();
            assert!((4.0..4.04).contains(&took), "{rate}: {took}");
        }
    }

    /// When requests start within `time` on a machine whose timers fire every seven
    /// milliseconds only, at a limit of 100 a second that is advertised.
    async fn started_by_late_timers(pace: &Pacer, time: Duration) -> Vec<Duration> {
        let limit = crate::kable::Quota {
            limit: Some(100),
            window: Some(Duration::from_secs(1)),
            ..crate::kable::Quota::default()
        };
        pace.set_advertised(&[limit]);
        let (began, mut starts) = (Instant::now(), Vec::new());
        let mut next = Box::pin(pace.next());
        while began.elapsed() < time {
            while starts_now(&mut next).await {
                starts.push(began.elapsed());
                next = Box::pin(pace.next());
            }
            tokio::time::advance(Duration::from_millis(7)).await;
        }
        starts
    }

    /// Whether the next request starts now.
    async fn starts_now<'p>(next: &mut (impl Future<Output = Permit<'p>> + Unpin)) -> bool {
        std::future::poll_fn(|context| {
            let polled = std::pin::Pin::new(&mut *next).poll(context);
            std::task::Poll::Ready(polled.is_ready())
        })
        .await
    }

    #[tokio::test(start_paused = true)]
    async fn timers_that_fire_late_do_not_lower_a_found_rate() {
        let pace = Pacer::new(PaceSettings {
            ceiling: Rate::Unlimited,
            at_once: false,
            concurrency: 64,
        });
        let starts = started_by_late_timers(&pace, Duration::from_secs(10)).await;
        assert!((980..1000).contains(&starts.len()), "{}", starts.len());
        let pairs = starts.iter().zip(starts.iter().skip(100));
        let is_soon =
            |(first, next): (&Duration, &Duration)| *next < *first + Duration::from_secs(1);
        assert!(!pairs.into_iter().any(is_soon), "more than 100 in a second");
        // A time in which nothing was to be sent is not made up for.
        tokio::time::advance(Duration::from_secs(5)).await;
        let starts = started_by_late_timers(&pace, Duration::from_millis(100)).await;
        assert!(starts.len() <= 11, "{}", starts.len());
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
    fn the_interval_of_a_rate_near_zero_is_at_most_a_year() {
        for rate in [0.0, f64::MIN_POSITIVE, -1.0, f64::NAN] {
            assert_eq!(super::interval(rate), super::timing::A_YEAR, "{rate}");
        }
        assert_eq!(super::interval(f64::INFINITY), Duration::ZERO);
    }

    #[tokio::test(start_paused = true)]
    async fn a_burst_of_refusals_causes_one_pause_for_all_requests() {
        let pace = fixed_rate(Rate::Unlimited);
        let policy = RetryPolicy::default();
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
    async fn requests_that_share_the_token_bucket_count() {
        let rate = per_second(4);
        let bucket = super::TokenBucket::new(rate).map(std::sync::Arc::new);
        let began = Instant::now();
        for _ in 0..3 {
            bucket.as_ref().unwrap().acquire().await;
        }
        let pacing = PaceSettings {
            ceiling: rate,
            at_once: true,
            concurrency: 8,
        };
        let pace = Pacer::sharing(pacing, bucket);
        for _ in 0..4 {
            drop(pace.next().await);
        }
        assert!(began.elapsed() >= Duration::from_millis(1500));
    }

    #[tokio::test(start_paused = true)]
    async fn exhausted_local_resources_lower_the_limit_which_grows_again_later() {
        let pace = fixed_rate(Rate::Unlimited);
        let (first, second) = (pace.next().await, pace.next().await);
        drop(pace.next().await);
        assert_eq!(pace.local_resources_exhausted(), Some(2));
        assert_eq!(pace.local_resources_exhausted(), None);
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
        let pace = fixed_rate(Rate::Unlimited);
        let policy = RetryPolicy::default();
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
        // A single refusal only lowers the rate.
        let grown = [None, Some(500), Some(1000), Some(2000)];
        assert_eq!(waits[..4], grown);
        assert_eq!(waits[4..], grown[..2]);
    }
}
