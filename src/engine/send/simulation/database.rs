//! A model of the PostgreSQL checkpoint: the tables, and the transactions that leases, claims
//! and the pace consist of, each with the rules of its statement. Each call is one committed
//! transaction. `claims.rs` has the rules of rows.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::rc::Rc;
use std::time::Duration;

use super::scenario::{Guard, WorkersScenario};
use crate::ledger::Batch;
use crate::ledger::workers::{ClaimAnswer, PartAnswer, SharedRun, WorkerState};

/// How long from now a reserved start is at least (`postgres/pace.rs`).
const LEAD: Duration = Duration::from_millis(2);

/// How long a part is left alone that was given back (`postgres/batch.rs`).
const RETURNED: Duration = Duration::from_secs(5);

/// A row of `kb.worker`.
#[derive(Debug, Clone)]
pub(super) struct WorkerRecord {
    pub(super) state: WorkerState,
    pub(super) beat: Duration,
    pub(super) expires: Duration,
    pub(super) gone: Duration,
    pub(super) batch: i64,
}

/// A row of `kb.customer`.
#[derive(Debug, Clone)]
pub(super) struct ClaimedCustomer {
    pub(super) id: u64,
    pub(super) run: i64,
    pub(super) worker: i64,
    pub(super) doubt: u8,
    pub(super) settled_run: Option<i64>,
}

/// A row of `kb.part`.
#[derive(Debug, Clone, Default)]
pub(super) struct PartRecord {
    pub(super) worker: Option<i64>,
    pub(super) is_done: bool,
    pub(super) not_before: Duration,
}

/// What a worker is told that joins.
#[derive(Debug, Clone)]
pub(super) struct SimulatedPlace {
    pub(super) worker: i64,
    pub(super) run: i64,
    /// The last run before its session.
    pub(super) runs_before: i64,
    pub(super) first_id: u64,
    /// What the survey found: the claim of each row that was known before the session, and
    /// whether it was in doubt.
    pub(super) known: Rc<HashMap<usize, (u64, bool)>>,
}

/// Why a worker can't write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct WasFenced;

/// What the workers share.
#[derive(Debug)]
pub(super) struct SimulatedDatabase {
    pub(super) scenario: WorkersScenario,
    /// When the server was started.
    pub(super) started: Duration,
    pub(super) workers: Vec<WorkerRecord>,
    pub(super) live: BTreeSet<i64>,
    /// Whether a worker has gone whose parts are not free yet.
    pub(super) has_gone: bool,
    /// No lease of a live worker ends earlier.
    pub(super) soonest_end: Duration,
    pub(super) customers: Vec<Option<ClaimedCustomer>>,
    pub(super) rows: HashMap<u64, usize>,
    pub(super) parts: Vec<PartRecord>,
    pub(super) free: BTreeSet<usize>,
    /// How many parts are not done.
    pub(super) undone: usize,
    pub(super) session: Option<SimulatedPlace>,
    pub(super) runs: i64,
    pub(super) next_start: Duration,
    /// How many rows have an outcome, and which got a second one.
    pub(super) settled: usize,
    pub(super) settled_twice: Vec<usize>,
    /// When a worker first found no part to take.
    pub(super) first_wait: Option<Duration>,
}

impl SimulatedDatabase {
    pub(super) fn new(scenario: WorkersScenario) -> Self {
        Self {
            scenario,
            started: Duration::ZERO,
            workers: Vec::new(),
            live: BTreeSet::new(),
            has_gone: false,
            soonest_end: Duration::MAX,
            customers: vec![None; scenario.rows],
            rows: HashMap::new(),
            parts: Vec::new(),
            free: BTreeSet::new(),
            undone: usize::MAX,
            session: None,
            runs: 0,
            next_start: Duration::ZERO,
            settled: 0,
            settled_twice: Vec::new(),
            first_wait: None,
        }
    }

    /// How the input is cut.
    pub(super) fn shared_run(scenario: &WorkersScenario) -> SharedRun {
        SharedRun {
            rows: scenario.rows as u64,
            input: [0; 16],
            options: Vec::new(),
            may_begin: true,
        }
    }

    /// The server was started again. `pg_postmaster_start_time()`
    pub(super) fn restarted(&mut self, now: Duration) {
        self.started = now;
    }

    /// Whether all rows have an outcome, and all parts are done.
    pub(super) fn is_done(&self) -> bool {
        self.settled == self.scenario.rows && self.undone == 0
    }

    /// `lease::bury`: `UPDATE worker SET state = 'dead', gone = now WHERE state = 'live' AND
    /// expires < now AND pg_postmaster_start_time() + (expires - beat) < now`
    fn bury(&mut self, now: Duration) {
        if now <= self.soonest_end {
            return;
        }
        let started = self.started;
        let workers = &mut self.workers;
        self.live.retain(|id| {
            let worker = &mut workers[index(*id)];
            let lease = worker.expires.saturating_sub(worker.beat);
            let is_over = worker.expires < now && started + lease < now;
            if is_over {
                (worker.state, worker.gone) = (WorkerState::Dead, now);
            }
            !is_over
        });
        self.has_gone = true;
        let ends = self.live.iter().map(|id| workers[index(*id)].expires);
        self.soonest_end = ends.min().unwrap_or(Duration::MAX);
    }

    /// `lease::release_parts`: the parts of workers that are not live become free, those of
    /// dead ones after the quarantine.
    fn release_parts(&mut self) {
        if !std::mem::take(&mut self.has_gone) {
            return;
        }
        for (no, part) in self.parts.iter_mut().enumerate() {
            let Some(holder) = part.worker.filter(|_| !part.is_done) else {
                continue;
            };
            let worker = &self.workers[index(holder)];
            if worker.state != WorkerState::Live {
                let is_dead = worker.state == WorkerState::Dead;
                let until = worker.gone + quarantine(&self.scenario);
                part.not_before = if is_dead { until } else { Duration::ZERO };
                part.worker = None;
                self.free.insert(no);
            }
        }
    }

    /// `lease::register`, and `runs::begin` with it: the first worker begins a session once no
    /// request of a dead one is under way, others join it. `None` while it must wait.
    pub(super) fn register(&mut self, now: Duration) -> Option<SimulatedPlace> {
        self.bury(now);
        let place = match &self.session {
            Some(session) if !self.live.is_empty() => session.clone(),
            Some(_) | None => {
                let wait = quarantine(&self.scenario);
                let is_early = |worker: &WorkerRecord| {
                    worker.state == WorkerState::Dead && worker.gone + wait > now
                };
                if self.workers.iter().any(is_early) {
                    return None;
                }
                self.found()
            }
        };
        self.workers.push(WorkerRecord {
            state: WorkerState::Live,
            beat: now,
            expires: now + self.scenario.lease,
            gone: Duration::ZERO,
            batch: 0,
        });
        let worker = i64::try_from(self.workers.len()).unwrap();
        self.live.insert(worker);
        self.soonest_end = self.soonest_end.min(now + self.scenario.lease);
        Some(SimulatedPlace { worker, ..place })
    }

    /// Begins a session, and its run with all of its parts.
    fn found(&mut self) -> SimulatedPlace {
        let known = self.customers.iter().enumerate().filter_map(|(row, one)| {
            let one = one.as_ref()?;
            Some((row, (one.id, one.doubt != 0)))
        });
        let place = SimulatedPlace {
            worker: 0,
            run: self.runs + 1,
            runs_before: self.runs,
            first_id: self.rows.keys().max().unwrap_or(&0) + 1,
            known: Rc::new(known.collect()),
        };
        self.runs += 1;
        let parts = Self::shared_run(&self.scenario).parts() as usize;
        self.parts = vec![PartRecord::default(); parts];
        self.free = (0..parts).collect();
        self.undone = parts;
        self.session = Some(place.clone());
        place
    }

    /// The worker's own row, if it may write: `WHERE id = $1 AND state = 'live'`
    fn live(&mut self, worker: i64) -> Result<&mut WorkerRecord, WasFenced> {
        let is_fenced = self.scenario.has(Guard::Fence);
        let record = &mut self.workers[index(worker)];
        if record.state == WorkerState::Live || !is_fenced {
            Ok(record)
        } else {
            Err(WasFenced)
        }
    }

    /// `lease::renew`
    pub(super) fn renew(&mut self, now: Duration, worker: i64) -> Result<(), WasFenced> {
        let lease = self.scenario.lease;
        let record = self.live(worker)?;
        (record.beat, record.expires) = (now, now + lease);
        Ok(())
    }

    /// `batch::write`: the fence, then settlements, claims and parts. A batch that was written
    /// by a commit whose answer was lost is not written again.
    pub(super) fn write(
        &mut self,
        now: Duration,
        place: &SimulatedPlace,
        (number, batch): (i64, &Batch),
    ) -> Result<HashMap<u64, ClaimAnswer>, WasFenced> {
        if self.workers[index(place.worker)].batch < number {
            self.renew(now, place.worker)?;
            self.workers[index(place.worker)].batch = number;
            for settled in &batch.settlements {
                self.settle(place, settled);
            }
            for claim in &batch.claims {
                self.claim(now, place, claim);
            }
            if place.run == self.runs {
                self.end_parts(now, place.worker, batch);
            }
        }
        Ok(self.answers(place.worker, &batch.claims))
    }

    /// `batch::finish_parts` and `batch::return_parts`: `WHERE worker = $2 AND no = ANY ($3)`
    fn end_parts(&mut self, now: Duration, worker: i64, batch: &Batch) {
        for no in &batch.finished_parts {
            let part = &mut self.parts[*no as usize];
            if part.worker == Some(worker) && !part.is_done {
                part.is_done = true;
                self.undone -= 1;
            }
        }
        for no in &batch.returned_parts {
            let part = &mut self.parts[*no as usize];
            if part.worker == Some(worker) {
                (part.worker, part.not_before) = (None, now + RETURNED);
                self.free.insert(*no as usize);
            }
        }
    }

    /// `parts::take`. A part comes first that is leased to the worker and that it does not
    /// know of: the answer was lost.
    pub(super) fn take_part(
        &mut self,
        now: Duration,
        place: &SimulatedPlace,
        (from, known): (u32, &HashSet<u32>),
    ) -> Result<PartAnswer, WasFenced> {
        self.bury(now);
        self.release_parts();
        self.live(place.worker)?;
        if place.run != self.runs {
            return Err(WasFenced);
        }
        let is_lost = |no: &u32| {
            let part = &self.parts[*no as usize];
            part.worker == Some(place.worker) && !part.is_done && !known.contains(no)
        };
        if let Some(no) = (0..number(self.parts.len())).find(is_lost) {
            return Ok(PartAnswer::Take(no));
        }
        let from = from as usize;
        let parts = &self.parts;
        let may = |no: &&usize| !parts[**no].is_done && parts[**no].not_before <= now;
        let found = self.free.range(from..).find(may);
        let found = found.or_else(|| self.free.range(..from).find(may)).copied();
        if let Some(no) = found {
            self.free.remove(&no);
            self.parts[no].worker = Some(place.worker);
            return Ok(PartAnswer::Take(number(no)));
        }
        self.first_wait.get_or_insert(now);
        Ok(if self.undone == 0 {
            PartAnswer::Done
        } else {
            PartAnswer::Wait
        })
    }

    /// `lease::leave`
    pub(super) fn leave(&mut self, now: Duration, worker: i64, in_doubt: bool) {
        if !self.live.remove(&worker) {
            return;
        }
        self.has_gone = true;
        let record = &mut self.workers[index(worker)];
        record.gone = now;
        record.state = if in_doubt {
            WorkerState::Dead
        } else {
            WorkerState::Left
        };
        self.release_parts();
    }

    /// `pace::reserve`: `next = greatest(next, now + lead) + count × every`; returns how far
    /// ahead the first start is.
    pub(super) fn reserve(&mut self, now: Duration, count: u32, every: Duration) -> Duration {
        let first = self.next_start.max(now + LEAD);
        self.next_start = first + every * count;
        first.saturating_sub(now)
    }
}

/// How long the rows of a dead worker are left alone.
pub(super) fn quarantine(scenario: &WorkersScenario) -> Duration {
    if scenario.has(Guard::Quarantine) {
        scenario.quarantine
    } else {
        Duration::ZERO
    }
}

/// Where the record of a worker stands, whose numbers begin with 1.
pub(super) fn index(worker: i64) -> usize {
    usize::try_from(worker - 1).unwrap()
}

fn number(part: usize) -> u32 {
    u32::try_from(part).unwrap()
}
