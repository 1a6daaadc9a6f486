//! The rate that several workers share: starts of requests are reserved ahead, a few at a
//! time, and each is used when its time comes.
//!
//! A start that is used late lets more requests fall into a later second than the rate
//! allows, so that one which is too late is given up. A worker that dies loses what it
//! reserved and no more.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Mutex;
use tokio::task::JoinHandle;
use tokio::time::Instant;

use crate::ledger::workers::{ReservedStarts, SharedPace};

/// How much of the time ahead one worker reserves at once.
const AHEAD: Duration = Duration::from_millis(50);

/// For how long a start is good without asking whether any worker was told to wait. Where
/// there are many workers, or few starts, one is reserved much longer ahead.
const KNOWN: Duration = Duration::from_millis(100);

/// The pause before another attempt, while nothing can be reserved.
const PAUSE: Duration = Duration::from_millis(100);

/// Starts that are reserved from what all workers share.
#[derive(Debug)]
pub(super) struct ReservedBucket {
    pace: Arc<dyn SharedPace>,
    /// The time from one start of all workers to the next.
    every: Duration,
    /// How late a start may be.
    lateness: Duration,
    state: Mutex<Reservations>,
}

#[derive(Debug)]
struct Reservations {
    /// Each with the time at which it was known that no worker was held.
    ready: VecDeque<(Instant, Instant)>,
    /// When it was last asked whether any is.
    asked: Option<Instant>,
    coming: Option<JoinHandle<Option<ReservedStarts>>>,
    /// How many are reserved at once: as many as were of use lately.
    count: u32,
}

impl ReservedBucket {
    /// A bucket of starts that are `every` so often apart, each at most `lateness` late.
    pub(super) fn new(pace: Arc<dyn SharedPace>, every: Duration, lateness: Duration) -> Self {
        Self {
            pace,
            every,
            lateness,
            state: Mutex::new(Reservations {
                ready: VecDeque::new(),
                asked: None,
                coming: None,
                count: 1,
            }),
        }
    }

    /// Waits until a request may start. True if it had to wait.
    pub(super) async fn acquire(&self) -> bool {
        let mut state = self.state.lock().await;
        let mut waited = false;
        loop {
            if state.ready.len() <= state.count as usize / 2 && state.coming.is_none() {
                let coming = self.pace.reserve(state.count, self.every);
                state.coming = Some(tokio::spawn(coming));
            }
            let Some((start, reserved)) = state.ready.pop_front() else {
                waited |= self.receive(&mut state).await;
                continue;
            };
            let now = Instant::now();
            if now > start + self.lateness {
                state.count = (state.count / 2).max(1);
                continue;
            }
            waited |= now < start;
            tokio::time::sleep_until(start).await;
            let known = state.asked.map_or(reserved, |asked| asked.max(reserved));
            if Instant::now() > known + KNOWN && self.is_held(&mut state).await {
                continue;
            }
            return waited;
        }
    }

    /// Whether another worker was told meanwhile to wait. Then the starts until the end of
    /// that wait are given up.
    async fn is_held(&self, state: &mut Reservations) -> bool {
        let Some(wait) = self.pace.held().await else {
            state.ready.clear();
            return true;
        };
        let now = Instant::now();
        state.asked = Some(now);
        state.ready.retain(|(start, _)| *start >= now + wait);
        !wait.is_zero()
    }

    /// Waits for the starts that were asked for. True if they were late.
    async fn receive(&self, state: &mut Reservations) -> bool {
        let Some(coming) = state.coming.as_mut() else {
            return false;
        };
        let was_ready = coming.is_finished();
        let received = coming.await;
        state.coming = None;
        match received {
            Ok(Some(starts)) => {
                let first = Instant::from_std(starts.first);
                let now = Instant::now();
                let all = (0..starts.count).map(|place| (first + starts.every * place, now));
                state.ready.extend(all);
                // Where there are many workers, the next starts are those of others, and
                // what a killed worker holds is lost for all: then one takes fewer.
                let last = first + starts.every * starts.count;
                let reach = last.saturating_duration_since(now);
                if reach > AHEAD {
                    state.count = (state.count / 2).max(1);
                } else if !was_ready && reach * 2 <= AHEAD {
                    state.count = (state.count * 2).min(self.most());
                }
            }
            Ok(None) | Err(_) => tokio::time::sleep(PAUSE).await,
        }
        !was_ready
    }

    /// The most starts that are reserved at once.
    fn most(&self) -> u32 {
        let most = AHEAD.as_nanos() / self.every.as_nanos().max(1);
        u32::try_from(most).unwrap_or(u32::MAX).max(1)
    }

    /// Lets no worker start a request for `wait`.
    pub(super) fn hold(&self, wait: Duration) {
        tokio::spawn(self.pace.hold(wait));
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::time::Duration;

    use parking_lot::Mutex;
    use tokio::time::Instant;

    use super::ReservedBucket;
    use crate::ledger::workers::{Later, ProbeTurn, ReservedStarts, SharedPace};

    /// A pace on the paused clock, whose answers take a while.
    #[derive(Debug)]
    struct PaceOfTest {
        next: Mutex<Option<Instant>>,
        held: Mutex<Option<Instant>>,
        answers_after: Duration,
    }

    impl SharedPace for PaceOfTest {
        fn reserve(&self, count: u32, every: Duration) -> Later<Option<ReservedStarts>> {
            let mut next = self.next.lock();
            let held = self.held.lock().unwrap_or_else(Instant::now);
            let first = next.unwrap_or(held).max(held).max(Instant::now());
            *next = Some(first + every * count);
            let wait = self.answers_after;
            Box::pin(async move {
                tokio::time::sleep(wait).await;
                Some(ReservedStarts {
                    first: first.into_std(),
                    count,
                    every,
                })
            })
        }

        fn hold(&self, wait: Duration) -> Later<()> {
            *self.held.lock() = Some(Instant::now() + wait);
            Box::pin(async {})
        }

        fn held(&self) -> Later<Option<Duration>> {
            let left = self.held.lock().map(|held| held - Instant::now());
            Box::pin(async move { Some(left.unwrap_or_default()) })
        }

        fn probe(&self) -> Later<ProbeTurn> {
            Box::pin(async { ProbeTurn::Yours })
        }

        fn probed(&self, _: bool) -> Later<()> {
            Box::pin(async {})
        }
    }

    /// Starts of `workers`, one `every` so often, for ten seconds, each of whose answers
    /// takes a while. If one is told to wait for five seconds, that is after two.
    async fn starts(
        workers: usize,
        every: Duration,
        answers_after: Duration,
        is_held: bool,
    ) -> Vec<Instant> {
        let pace: Arc<dyn SharedPace> = Arc::new(PaceOfTest {
            next: Mutex::default(),
            held: Mutex::default(),
            answers_after,
        });
        if is_held {
            let pace = Arc::clone(&pace);
            tokio::spawn(async move {
                tokio::time::sleep(Duration::from_secs(2)).await;
                pace.hold(Duration::from_secs(5)).await;
            });
        }
        let starts = Arc::new(Mutex::new(Vec::new()));
        let until = Instant::now() + Duration::from_secs(10);
        let tasks: Vec<_> = (0..workers)
            .map(|_| {
                let bucket = ReservedBucket::new(Arc::clone(&pace), every, every * 2);
                let starts = Arc::clone(&starts);
                tokio::spawn(async move {
                    while Instant::now() < until {
                        bucket.acquire().await;
                        starts.lock().push(Instant::now());
                    }
                })
            })
            .collect();
        for task in tasks {
            task.await.unwrap();
        }
        let mut all = starts.lock().clone();
        all.sort_unstable();
        all
    }

    #[tokio::test(start_paused = true)]
    async fn the_rate_is_used_and_never_passed() {
        for (workers, answers_after) in [(1, 1), (3, 2), (16, 3), (1, 9), (40, 30)] {
            let began = Instant::now();
            let answers_after = Duration::from_millis(answers_after);
            let starts = starts(workers, Duration::from_millis(5), answers_after, false).await;
            let used = starts
                .iter()
                .filter(|at| **at < began + Duration::from_secs(10));
            // The first starts have to be asked for.
            assert!(used.count() >= 1980, "{workers} workers");
            let second = Duration::from_secs(1);
            let most = starts
                .iter()
                .enumerate()
                .map(|(place, at)| starts.partition_point(|later| *later < *at + second) - place);
            assert!(most.max().unwrap() <= 202, "{workers} workers");
        }
    }
    /// With twenty workers at ten a second, each of them has a start reserved that is up to
    /// two seconds away.
    #[tokio::test(start_paused = true)]
    async fn a_wait_that_one_is_told_is_the_wait_of_all() {
        for (workers, every) in [(20, 100), (3, 100), (1, 5), (16, 5), (40, 5)] {
            let every = Duration::from_millis(every);
            let began = Instant::now();
            let starts = starts(workers, every, Duration::from_millis(2), true).await;
            let [held, free] = [2, 7].map(|seconds| began + Duration::from_secs(seconds));
            let late = held + super::KNOWN + Duration::from_millis(1);
            let within = starts.iter().filter(|at| **at > late && **at < free);
            assert_eq!(within.count(), 0, "{workers} workers");
            // And the rate is used before and afterwards.
            let before = starts.iter().filter(|at| **at < held).count();
            let after = starts.iter().filter(|at| **at >= free).count();
            let whole = |seconds| Duration::from_secs(seconds).div_duration_f64(every);
            let used = |count: usize| f64::from(u32::try_from(count).unwrap());
            assert!(
                used(before) >= whole(2) * 0.95,
                "{workers} workers: {before}"
            );
            assert!(used(after) >= whole(3) * 0.95, "{workers} workers: {after}");
        }
    }

    /// What a killed worker had reserved is lost.
    #[tokio::test(start_paused = true)]
    async fn one_of_many_workers_holds_few_starts() {
        let pace: Arc<dyn SharedPace> = Arc::new(PaceOfTest {
            next: Mutex::default(),
            held: Mutex::default(),
            answers_after: Duration::from_millis(2),
        });
        let every = Duration::from_millis(5);
        let buckets: Vec<_> = (0..16)
            .map(|_| Arc::new(ReservedBucket::new(Arc::clone(&pace), every, every * 2)))
            .collect();
        for bucket in buckets.iter().map(Arc::clone) {
            tokio::spawn(async move {
                loop {
                    bucket.acquire().await;
                }
            });
        }
        tokio::time::sleep(Duration::from_secs(5)).await;
        for bucket in &buckets {
            // It is locked while a start is waited for.
            let state = bucket.state.lock().await;
            assert!(state.count <= 2, "{} at once", state.count);
        }
    }
}
