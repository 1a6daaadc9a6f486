//! The rate that the user gave: governor's token bucket on tokio's clock.
//!
//! Two guarantees: no sliding second has more starts than the rate, and the rate is
//! reached. A timer may fire up to two milliseconds late, and a bucket of capacity one
//! would lose that time at every start. So the bucket holds `LATENESS` more than one
//! start, and refills slower by as much (and by `OVERTAKING`), which keeps the first
//! guarantee.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::{Duration, Instant as StdInstant};

use governor::clock::Clock;
use governor::middleware::NoOpMiddleware;
use governor::state::{InMemoryState, NotKeyed};
use governor::{Quota, RateLimiter};
use parking_lot::RwLock;
use tokio::time::Instant;

use super::rate::Rate;
use super::reserved_starts::ReservedBucket;
use crate::ledger::workers::SharedPace;

/// How late a start may be without lowering the rate.
pub(super) const LATENESS: Duration = Duration::from_millis(2);

/// By how much a request may overtake another in the network: a server that counts
/// arrivals should not see more than the rate either.
const OVERTAKING: Duration = Duration::from_millis(3);

/// How many tokens one start costs, so that the bucket can hold a fraction of a start
/// ([`LATENESS`]).
const TOKENS_PER_START: u32 = 100;

/// tokio's clock for governor, so that tests can pause it.
#[derive(Clone, Copy, Debug)]
struct TokioClock;

impl Clock for TokioClock {
    type Instant = StdInstant;

    fn now(&self) -> StdInstant {
        Instant::now().into_std()
    }
}

type Limiter = RateLimiter<NotKeyed, InMemoryState, TokioClock, NoOpMiddleware<StdInstant>>;

/// Limits the rate of starts.
#[derive(Debug)]
pub struct TokenBucket {
    limiter: Limiter,
    /// Tokens that one start costs.
    cost: NonZeroU32,
    /// The time from one start to the next, and how late one may be, where starts are
    /// reserved from what all workers share.
    spacing: (Duration, Duration),
    reserved: RwLock<Option<Arc<ReservedBucket>>>,
}

impl TokenBucket {
    /// The bucket for `rate`; `None` if that is unlimited.
    pub fn new(rate: Rate) -> Option<Self> {
        let Rate::Limited { starts, window } = rate else {
            return None;
        };
        let cost = NonZeroU32::new(TOKENS_PER_START)?;
        // One token every (window + lateness + overtaking) / (starts × cost), rounded
        // up.
        let tokens = u128::from(starts.get()) * u128::from(TOKENS_PER_START);
        let period = (window + LATENESS + OVERTAKING).as_nanos() / tokens + 1;
        let period = Duration::from_nanos(u64::try_from(period).unwrap_or(u64::MAX));
        // Beside one start the bucket holds the tokens of a late one, which at a slow
        // rate are less than a second start.
        let late = LATENESS.as_nanos() / period.as_nanos();
        let late = u32::try_from(late)
            .unwrap_or(u32::MAX / 2)
            .min(u32::MAX / 2);
        let capacity = cost.saturating_add(late);
        let quota = Quota::with_period(period)?.allow_burst(capacity);
        let limiter = RateLimiter::direct_with_clock(quota, TokioClock);
        // governor's bucket starts full: remove all tokens beyond one start.
        if let Some(late) = NonZeroU32::new(late) {
            limiter.check_n(late).ok()?.ok()?;
        }
        Some(Self {
            limiter,
            cost,
            spacing: (
                (window + LATENESS + OVERTAKING) / starts.get(),
                window / 100,
            ),
            reserved: RwLock::default(),
        })
    }

    /// From now on starts are reserved from `pace`, which all workers share.
    pub fn share(&self, pace: Arc<dyn SharedPace>) {
        let (every, lateness) = self.spacing;
        let reserved = ReservedBucket::new(pace, every, lateness);
        *self.reserved.write() = Some(Arc::new(reserved));
    }

    /// Lets no worker start a request for `wait`, if the rate is shared.
    pub(super) fn hold(&self, wait: Duration) {
        if let Some(reserved) = self.reserved() {
            reserved.hold(wait);
        }
    }

    fn reserved(&self) -> Option<Arc<ReservedBucket>> {
        self.reserved.read().clone()
    }

    /// Waits until a request may start. True if it had to wait.
    pub async fn acquire(&self) -> bool {
        if let Some(reserved) = self.reserved() {
            return reserved.acquire().await;
        }
        let mut waited = false;
        loop {
            match self.limiter.check_n(self.cost) {
                // `Err` would mean that the capacity is below the cost of one start.
                // Then no request could ever start; sending without a limit is better.
                Ok(Ok(())) | Err(_) => return waited,
                Ok(Err(early)) => {
                    waited = true;
                    tokio::time::sleep(early.wait_time_from(TokioClock.now())).await;
                }
            }
        }
    }
}
