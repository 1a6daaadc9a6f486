//! What one simulation is about: how many workers and rows, which faults, and which of the
//! guards against duplicates is missing.

use std::time::Duration;

use crate::ledger::conformance::shared_database::SharedRules;
use crate::ledger::workers::SharedRun;

/// What keeps two workers from creating one customer. A simulation may drop one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Guard {
    /// What a worker writes that was taken for dead is refused.
    Fence,
    /// A worker whose lease may be over sends nothing.
    LocalDeadline,
    /// The rows of a dead worker are left alone until its requests have ended.
    Quarantine,
    /// A row that an earlier holder may have sent is looked up first.
    LookUpFirst,
    /// After commits may have been lost no row is claimed until requests of lost claims have
    /// ended.
    ClaimDelay,
    /// A row whose claim may have been lost is looked up first.
    LookUpGaps,
    /// A standby that took over gives no number of a worker a second time.
    NewNumbers,
}

impl Guard {
    /// Those that are needed although no commit is lost.
    pub(super) const OF_WORKERS: [Self; 4] = [
        Self::Fence,
        Self::LocalDeadline,
        Self::Quarantine,
        Self::LookUpFirst,
    ];

    /// Those that are needed as commits are lost.
    pub(super) const OF_FAILOVERS: [Self; 3] =
        [Self::ClaimDelay, Self::LookUpGaps, Self::NewNumbers];
}

/// One simulation.
#[derive(Debug, Clone, Copy)]
pub(super) struct WorkersScenario {
    /// Decides everything that is left to chance.
    pub(super) seed: u64,
    pub(super) workers: usize,
    pub(super) rows: usize,
    /// How many requests may start in a second.
    pub(super) rate: u32,
    /// How many requests of one worker may be in flight.
    pub(super) window: usize,
    /// How many rows are claimed at once.
    pub(super) batch: usize,
    pub(super) lease: Duration,
    /// The longest time that a request waits for its response.
    pub(super) timeout: Duration,
    /// How long after the end of its lease the rows of a dead worker are left alone.
    pub(super) quarantine: Duration,
    /// The longest time from a create's start until it lands: a sender proves within three
    /// time-outs that its own did not, so that those of dead workers may take as long.
    pub(super) latest_landing: Duration,
    /// The share of creates that land late.
    pub(super) late_creates: f64,
    /// The share of responses, and of answers of the database, that are lost.
    pub(super) losses: f64,
    /// How fast a worker's clock may be, or how slow, in parts of a million.
    pub(super) drift: u64,
    /// The time from one fault of each kind to the next, on average; `None` for never.
    pub(super) kills: Option<Duration>,
    pub(super) pauses: Option<Duration>,
    pub(super) partitions: Option<Duration>,
    pub(super) restarts: Option<Duration>,
    pub(super) failovers: Option<Duration>,
    /// When faults end, so that the work can.
    pub(super) faults_until: Duration,
    /// When all rows must have an outcome.
    pub(super) ends_by: Duration,
    /// The guard that is missing.
    pub(super) without: Option<Guard>,
}

impl WorkersScenario {
    /// A few workers that meet every fault, with this seed.
    pub(super) fn of_faults(seed: u64) -> Self {
        Self {
            seed,
            workers: 20,
            rows: 500,
            rate: 10,
            window: 8,
            batch: 4,
            lease: Duration::from_secs(8),
            timeout: Duration::from_secs(10),
            quarantine: Duration::from_secs(15),
            latest_landing: Duration::from_millis(29_500),
            late_creates: 0.1,
            losses: 0.02,
            drift: 10_000,
            kills: Some(Duration::from_secs(9)),
            pauses: Some(Duration::from_secs(6)),
            partitions: Some(Duration::from_secs(8)),
            restarts: Some(Duration::from_secs(70)),
            failovers: None,
            faults_until: Duration::from_secs(150),
            ends_by: Duration::from_mins(20),
            without: None,
        }
    }

    /// The same, and standbys take over that lack the latest commits: so many that also leases
    /// of parts are lost, which keep other workers away from rows.
    pub(super) fn of_failovers(seed: u64) -> Self {
        Self {
            rows: 2000,
            rate: 300,
            window: 40,
            batch: 20,
            failovers: Some(Duration::from_secs(3)),
            faults_until: Duration::from_secs(10),
            ..Self::of_faults(seed)
        }
    }

    /// Workers that have work all the time, at 200 requests a second. One of them is killed
    /// every ten seconds, if there are others.
    pub(super) fn of_rate(seed: u64, workers: usize) -> Self {
        Self {
            workers,
            rows: 12_000,
            rate: 200,
            window: 200,
            batch: 20,
            late_creates: 0.0,
            losses: 0.0,
            drift: 200,
            kills: (workers > 1).then_some(Duration::from_secs(10)),
            pauses: None,
            partitions: None,
            restarts: None,
            ..Self::of_faults(seed)
        }
    }

    /// A thousand workers that meet every fault.
    pub(super) fn of_a_thousand(seed: u64) -> Self {
        Self {
            workers: 1000,
            rows: 30_000,
            rate: 500,
            kills: Some(Duration::from_millis(200)),
            pauses: Some(Duration::from_millis(100)),
            partitions: Some(Duration::from_millis(100)),
            restarts: Some(Duration::from_secs(40)),
            faults_until: Duration::from_mins(1),
            ..Self::of_faults(seed)
        }
    }

    /// How the input is cut.
    pub(super) fn shared_run(&self) -> SharedRun {
        SharedRun {
            rows: self.rows as u64,
            input: [0; 16],
            options: Vec::new(),
            may_begin: true,
        }
    }

    /// The rules of its checkpoint.
    pub(super) fn rules(&self) -> SharedRules {
        SharedRules {
            parts: self.shared_run().parts(),
            lease: self.lease,
            quarantine: if self.has(Guard::Quarantine) {
                self.quarantine
            } else {
                Duration::ZERO
            },
            fences: self.has(Guard::Fence),
            delays_claims: self.has(Guard::ClaimDelay),
            doubts_gaps: self.has(Guard::LookUpGaps),
        }
    }

    /// Whether `guard` is in place.
    pub(super) fn has(&self, guard: Guard) -> bool {
        self.without != Some(guard)
    }
}
