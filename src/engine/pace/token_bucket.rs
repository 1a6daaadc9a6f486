//! The rate that the user gave: governor's bucket on tokio's clock.
//!
//! Two promises at once: no sliding second ever sees more starts than the rate,
//! and the rate is used. A timer wakes up to two milliseconds late; a bucket of
//! exactly one would lose that at every start. So a start may be up to
//! `LATENESS` late and be made up for, and the bucket drips slower by just as
//! much (and a little more), so that the promise holds.

use std::num::NonZeroU32;
use std::time::{Duration, Instant as StdInstant};

use governor::clock::Clock;
use governor::middleware::NoOpMiddleware;
use governor::state::{InMemoryState, NotKeyed};
use governor::{Quota, RateLimiter};
use tokio::time::Instant;

use super::rate::Rate;

/// How late a start may be and still be made up for.
pub(super) const LATENESS: Duration = Duration::from_millis(2);

/// By how much a request may overtake another on its way: who counts arrivals
/// is not to see more than the rate either.
const OVERTAKING: Duration = Duration::from_millis(3);

/// In how many parts a start is counted, so that the bucket can hold
/// [`LATENESS`] and not only whole starts.
const PARTS: u32 = 100;

/// tokio's clock, in the form that governor asks for: it can be paused.
#[derive(Clone, Copy, Debug)]
struct TokioClock;

impl Clock for TokioClock {
    type Instant = StdInstant;

    fn now(&self) -> StdInstant {
        Instant::now().into_std()
    }
}

type Limiter = RateLimiter<NotKeyed, InMemoryState, TokioClock, NoOpMiddleware<StdInstant>>;

/// Starts, as they drip.
#[derive(Debug)]
pub struct TokenBucket {
    limiter: Limiter,
    /// What one start takes.
    parts: NonZeroU32,
}

impl TokenBucket {
    /// The bucket for `rate`; `None` where that has no limit.
    pub fn new(rate: Rate) -> Option<Self> {
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
        let limiter = RateLimiter::direct_with_clock(quota, TokioClock);
        // The bucket begins full; what it holds beyond one start is let go.
        if let Some(late) = NonZeroU32::new(held.get() - parts.get()) {
            limiter.check_n(late).ok()?.ok()?;
        }
        Some(Self { limiter, parts })
    }

    /// Waits for a start; true where it had to wait.
    pub async fn drip(&self) -> bool {
        let mut waited = false;
        loop {
            match self.limiter.check_n(self.parts) {
                // The bucket always holds one start; were it otherwise, no
                // request could ever be sent, and one too many does less harm.
                Ok(Ok(())) | Err(_) => return waited,
                Ok(Err(early)) => {
                    waited = true;
                    tokio::time::sleep(early.wait_time_from(TokioClock.now())).await;
                }
            }
        }
    }
}
