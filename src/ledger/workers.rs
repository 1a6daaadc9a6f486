//! What the workers of one import share through a ledger, and what each of them is told.
//!
//! Each worker has surveyed the same input. The input is cut into parts of consecutive rows,
//! and a part is leased to one worker at a time. A lease is only about who works on what:
//! the claim, one for each `clientId`, is what makes a customer unique.

use std::fmt::Debug;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use super::error::LedgerError;
use crate::domain::customer::Fingerprint;

/// What a ledger that is shared answers to a claim. Claims without an answer are granted as
/// they were made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClaimAnswer {
    /// Granted, and in doubt: an earlier holder may have sent it.
    InDoubt {
        /// A time on the server's clock that is not before the earlier claim, if known.
        claimed_by: Option<i64>,
    },
    /// Not granted: a worker of this run has settled it.
    Settled,
    /// Not granted: another worker holds it, or held it until so recently that its request
    /// may still be under way.
    Held,
}

/// A part of the input, and what there is to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PartAnswer {
    /// This part is leased to this worker.
    Take(u32),
    /// All parts are leased to others, or may not be taken over yet.
    Wait,
    /// All parts are done.
    Done,
}

/// What all workers of a run agree on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SharedRun {
    /// How many rows the input has.
    pub rows: u64,
    /// The digest of the input's bytes.
    pub input: Fingerprint,
    /// What else decides what is sent: pairs of a name for people and a value.
    pub options: Vec<(String, String)>,
    /// Whether this worker may begin the run if the first one ended before it did: not if a
    /// canary is to be sent before.
    pub may_begin: bool,
}

impl SharedRun {
    /// How many rows one part of the input has: few enough that the last parts keep all
    /// workers busy, and so many that leases cost nothing.
    pub fn part_rows(&self) -> u64 {
        (self.rows / 256).clamp(50, 5000)
    }

    /// How many parts the input has.
    pub fn parts(&self) -> u32 {
        u32::try_from(self.rows.div_ceil(self.part_rows())).unwrap_or(u32::MAX)
    }
}

/// A worker, for `status`.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct WorkerStatus {
    /// Its number, which no other worker ever had.
    pub id: u64,
    /// The machine that it runs on.
    pub host: String,
    /// Its process on that machine.
    pub process: u32,
    /// How it stands.
    pub state: WorkerState,
    /// When it joined, in Unix milliseconds by the database's clock.
    pub joined_ms: i64,
    /// How many milliseconds ago it was last heard from.
    pub silent_ms: u64,
    /// For how many more milliseconds the rows that it left in doubt may not be taken over.
    pub quarantine_ms: u64,
    /// Whether it works, or worked, on the latest run.
    pub in_latest_run: bool,
    /// How many parts are leased to it.
    pub parts: u64,
    /// How many rows it settled in the latest run.
    pub rows: u64,
    /// How long it has been sending in the latest run, in milliseconds.
    pub elapsed_ms: u64,
}

/// How a worker stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum WorkerState {
    /// It holds a lease.
    #[default]
    Live,
    /// It gave up its lease.
    Left,
    /// Its lease ended.
    Dead,
}

impl WorkerState {
    /// Its name in the database and in `status --json`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Live => "live",
            Self::Left => "left",
            Self::Dead => "dead",
        }
    }

    /// The state of this name.
    pub fn of_name(name: &str) -> Option<Self> {
        [Self::Live, Self::Left, Self::Dead]
            .into_iter()
            .find(|state| state.name() == name)
    }
}

/// The part of a ledger that several workers share.
pub trait SharedLedger {
    /// Whether another worker began the session that this one belongs to.
    fn is_joined(&self) -> bool;

    /// Leases the first free part of the input whose number is `from` or higher, or another
    /// free one if there is none.
    fn take_part(&mut self, from: u32) -> Result<PartAnswer, LedgerError>;

    /// What the other workers of the run have done so far.
    fn others(&mut self) -> Result<OtherWorkers, LedgerError>;

    /// Stops the run for all of its workers, for this reason.
    fn stop_all(&mut self, reason: &str) -> Result<(), LedgerError>;

    /// The pace that it shares; `None` if it only reads.
    fn pace(&self) -> Option<Arc<dyn SharedPace>>;
}

/// What the other workers of a run have done so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct OtherWorkers {
    /// How many of them are alive.
    pub live: u64,
    /// Rows that they settled, also those that are gone.
    pub settled: u64,
    /// Of these, rows that failed.
    pub failed: u64,
    /// How many milliseconds ago the most silent one alive was heard from.
    pub silent_ms: u64,
}

/// What is answered later.
pub type Later<T> = Pin<Box<dyn Future<Output = T> + Send>>;

/// The pace that all workers share. Whatever is asked of it is answered in the order of
/// asking; while its database can't be reached, nothing is.
pub trait SharedPace: Send + Sync + Debug {
    /// Reserves the next `count` starts, one `every` so often; `None` if that is not possible
    /// now.
    fn reserve(&self, count: u32, every: Duration) -> Later<Option<ReservedStarts>>;

    /// Lets no worker start a request for `wait`.
    fn hold(&self, wait: Duration) -> Later<()>;

    /// For how long no worker may start a request from now on; `None` if that is not known.
    fn held(&self) -> Later<Option<Duration>>;

    /// Asks to be the one worker that finds out whether the API is back.
    fn probe(&self) -> Later<ProbeTurn>;

    /// Tells what the worker found that was asked to find out: whether the API is back, which
    /// ends the outage for all.
    fn probed(&self, is_back: bool) -> Later<()>;
}

/// Starts that only this worker may use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReservedStarts {
    /// When the first of them is.
    pub first: Instant,
    /// How many there are.
    pub count: u32,
    /// The time from one to the next.
    pub every: Duration,
}

/// Whether a worker may find out if the API is back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ProbeTurn {
    /// It may.
    Yours,
    /// Another worker does.
    Others,
    /// Another worker found that it is back.
    Over,
}

/// Until when a worker may begin requests: somewhat before its lease ends.
///
/// Fencing can't reach the API: a worker that was silent for too long must stop sending by
/// itself, before others take over what it holds.
#[derive(Debug)]
pub struct LeaseDeadline {
    /// Nanoseconds of `clock`.
    until: AtomicU64,
    /// Whether the lease was lost for good.
    is_lost: AtomicBool,
    /// A clock that is never set, and that goes on while the machine sleeps.
    clock: fn() -> Duration,
}

impl LeaseDeadline {
    /// The deadline of a worker that has no lease yet.
    pub fn new(clock: fn() -> Duration) -> Self {
        Self {
            until: AtomicU64::new(0),
            is_lost: AtomicBool::new(false),
            clock,
        }
    }

    /// The time on the clock of the lease.
    pub fn now(&self) -> Duration {
        (self.clock)()
    }

    /// A lease of `lease` was granted by an answer to what was asked at `asked`, so that it
    /// can't end earlier than `lease` after that.
    pub fn granted(&self, asked: Duration, lease: Duration) {
        // Timers are late, and clocks differ in speed.
        let until = asked + lease * 9 / 10;
        let until = u64::try_from(until.as_nanos()).unwrap_or(u64::MAX);
        self.until.fetch_max(until, Ordering::AcqRel);
    }

    /// The lease is over, and will not be renewed.
    pub fn lose(&self) {
        self.is_lost.store(true, Ordering::Release);
    }

    /// Whether the lease will not be renewed.
    pub fn is_lost(&self) -> bool {
        self.is_lost.load(Ordering::Acquire)
    }

    /// Whether a request may begin now.
    pub fn allows(&self) -> bool {
        let now = u64::try_from(self.now().as_nanos()).unwrap_or(u64::MAX);
        !self.is_lost() && now < self.until.load(Ordering::Acquire)
    }
}

/// Is told while a ledger waits for its database, and decides how long.
pub trait LedgerObserver: Send + Sync + Debug {
    /// The ledger waits: `what` is why, as a sentence without its end.
    fn waits(&self, what: &str);

    /// The ledger waits no more.
    fn goes_on(&self);

    /// Something that people should know has happened to the ledger, as a sentence without
    /// its end.
    fn warns(&self, what: &str);

    /// Whether the run was stopped, so that nothing should wait for long.
    fn is_stopped(&self) -> bool;

    /// Another worker stopped the run for all, for this reason ([`SharedLedger::stop_all`]).
    fn stop(&self, reason: &str);
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{LeaseDeadline, SharedRun};

    #[test]
    fn parts_cover_the_input() {
        for rows in [0, 1, 49, 50, 51, 12_800, 1_000_000, 10_000_000_000] {
            let run = SharedRun {
                rows,
                input: [0; 16],
                options: Vec::new(),
                may_begin: true,
            };
            let (parts, size) = (u64::from(run.parts()), run.part_rows());
            assert!(
                parts * size >= rows && parts.saturating_sub(1) * size <= rows,
                "{rows}"
            );
        }
    }

    #[test]
    fn a_lease_ends_early_for_who_holds_it() {
        let deadline = LeaseDeadline::new(|| Duration::from_secs(100));
        assert!(!deadline.allows());
        deadline.granted(Duration::from_secs(90), Duration::from_secs(10));
        assert!(!deadline.allows());
        deadline.granted(Duration::from_secs(95), Duration::from_secs(10));
        assert!(deadline.allows());
        // An answer that comes late shortens nothing.
        deadline.granted(Duration::from_secs(80), Duration::from_secs(10));
        assert!(deadline.allows());
        deadline.lose();
        assert!(!deadline.allows());
    }
}
