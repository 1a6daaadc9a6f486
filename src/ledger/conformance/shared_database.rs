//! A model of the checkpoint that several workers share: its tables, and the transactions on
//! them, each with the rules of its statements in `postgres/`. Each call is one committed
//! transaction. `shared_claims.rs` has the rules of rows, `shared_pace.rs` those of the pace,
//! `shared_failover.rs` what is done after one.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::rc::Rc;
use std::time::Duration;

use super::shared_failover::SimulatedAccount;
use super::shared_pace::SimulatedPace;
use crate::ledger::Batch;
use crate::ledger::workers::{ClaimAnswer, PartAnswer, WorkerState};

/// How long a part is left alone that was given back (`postgres/batch.rs`).
const RETURNED: Duration = Duration::from_secs(5);

/// What all workers have in common, and which rules are dropped to show that they are needed.
#[derive(Debug, Clone, Copy)]
pub(crate) struct SharedRules {
    pub(crate) parts: u32,
    pub(crate) lease: Duration,
    /// How long the rows of a dead worker are left alone.
    pub(crate) quarantine: Duration,
    /// Whether what a worker writes that was taken for dead is refused.
    pub(crate) fences: bool,
    /// Whether no claim is granted for a while after commits may have been lost.
    pub(crate) delays_claims: bool,
    /// Whether each row that is claimed after that may have been sent.
    pub(crate) doubts_gaps: bool,
}

/// A row of `kb.worker`.
#[derive(Debug, Clone)]
pub(crate) struct WorkerRecord {
    pub(crate) session: i64,
    pub(crate) run: Option<i64>,
    pub(crate) state: WorkerState,
    pub(crate) beat: Duration,
    pub(crate) expires: Duration,
    pub(crate) gone: Option<Duration>,
    pub(crate) batch: i64,
}

/// A row of `kb.customer`.
#[derive(Debug, Clone)]
pub(crate) struct ClaimedCustomer {
    pub(crate) id: u64,
    pub(crate) run: i64,
    pub(crate) worker: i64,
    pub(crate) doubt: u8,
    pub(crate) settled_run: Option<i64>,
    pub(crate) claimed_by: Option<i64>,
}

/// A row of `kb.part`.
#[derive(Debug, Clone, Default)]
pub(crate) struct PartRecord {
    pub(crate) worker: Option<i64>,
    pub(crate) is_done: bool,
    pub(crate) not_before: Option<Duration>,
}

/// What a worker is told that joins.
#[derive(Debug, Clone)]
pub(crate) struct SimulatedPlace {
    pub(crate) worker: i64,
    /// The first worker of its session.
    pub(crate) session: i64,
    /// The run that it works on; 0 until it has begun.
    pub(crate) run: i64,
    /// The last run before its session.
    pub(crate) runs_before: i64,
    pub(crate) first_id: u64,
    /// What the survey found: the claim of each row that was known before the session, and
    /// whether it was in doubt.
    pub(crate) known: Rc<HashMap<usize, (u64, bool)>>,
}

/// What became of an attempt to begin a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SimulatedBeginning {
    First(i64),
    Joined(i64),
    NotYet,
    Gone,
}

/// Why a worker can't write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum WriteRefusal {
    /// It was taken for dead.
    Fenced,
    /// What had been acknowledged to it is gone.
    LostCommits,
    /// It has not begun the run that it writes in.
    NoRun,
}

/// What the workers share.
#[derive(Debug, Clone)]
pub(crate) struct SimulatedDatabase {
    pub(crate) rules: SharedRules,
    /// When the server was started.
    pub(crate) started: Duration,
    pub(crate) workers: BTreeMap<i64, WorkerRecord>,
    pub(super) live: BTreeSet<i64>,
    /// Whether a worker has gone whose parts are not free yet.
    has_gone: bool,
    /// No lease of a live worker ends earlier.
    soonest_end: Duration,
    /// By the row of the input.
    pub(crate) customers: BTreeMap<usize, ClaimedCustomer>,
    pub(super) rows: HashMap<u64, usize>,
    /// Those of the latest run.
    pub(crate) parts: Vec<PartRecord>,
    free: BTreeSet<usize>,
    /// How many parts are not done.
    undone: usize,
    session: Option<SimulatedPlace>,
    /// The run of each session.
    runs: BTreeMap<i64, i64>,
    /// The run and the worker of each row of `kb.figures`.
    figures: BTreeSet<(i64, i64)>,
    /// The latest numbers of a worker and of a run: sequences, which no rollback takes back.
    pub(super) last_worker: i64,
    pub(super) last_run: i64,
    pub(crate) account: SimulatedAccount,
    /// The timeline of the server's log.
    pub(super) timeline: i64,
    pub(crate) pace: SimulatedPace,
    /// How many rows have an outcome, and which got a second one.
    pub(crate) settled: usize,
    pub(crate) settled_twice: Vec<usize>,
    /// When a worker first found no part to take.
    pub(crate) first_wait: Option<Duration>,
}

impl SimulatedDatabase {
    pub(crate) fn new(rules: SharedRules) -> Self {
        Self {
            rules,
            started: Duration::ZERO,
            workers: BTreeMap::new(),
            live: BTreeSet::new(),
            has_gone: false,
            soonest_end: Duration::MAX,
            customers: BTreeMap::new(),
            rows: HashMap::new(),
            parts: Vec::new(),
            free: BTreeSet::new(),
            undone: usize::MAX,
            session: None,
            runs: BTreeMap::new(),
            figures: BTreeSet::new(),
            last_worker: 0,
            last_run: 0,
            account: SimulatedAccount::new(),
            timeline: 1,
            pace: SimulatedPace::default(),
            settled: 0,
            settled_twice: Vec::new(),
            first_wait: None,
        }
    }

    /// The server was started again. `pg_postmaster_start_time()`
    pub(crate) fn restarted(&mut self, now: Duration) {
        self.started = now;
    }

    /// Whether `rows` rows have an outcome, and all parts are done.
    pub(crate) fn is_done(&self, rows: usize) -> bool {
        self.settled == rows && self.undone == 0
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
            let worker = workers.get_mut(id).unwrap();
            let lease = worker.expires.saturating_sub(worker.beat);
            let is_over = worker.expires < now && started + lease < now;
            if is_over {
                (worker.state, worker.gone) = (WorkerState::Dead, Some(now));
            }
            !is_over
        });
        self.has_gone = true;
        let ends = self.live.iter().map(|id| workers[id].expires);
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
            let worker = &self.workers[&holder];
            if worker.state != WorkerState::Live {
                part.not_before = match (worker.state, worker.gone) {
                    (WorkerState::Dead, Some(gone)) => Some(gone + self.rules.quarantine),
                    _ => None,
                };
                part.worker = None;
                self.free.insert(no);
            }
        }
    }

    /// `lease::register`: the first worker begins a session once no request of a dead one is
    /// under way, others join it. `None` while it must wait.
    pub(crate) fn register(&mut self, now: Duration) -> Option<SimulatedPlace> {
        self.bury(now);
        let joined = match &self.session {
            Some(session) if !self.live.is_empty() => Some(session.clone()),
            Some(_) | None => None,
        };
        let wait = self.rules.quarantine;
        let is_early = |worker: &WorkerRecord| {
            let may = worker.gone.is_none_or(|gone| gone + wait <= now);
            worker.state == WorkerState::Dead && !may
        };
        let must_wait = || self.delays_claims(now) || self.workers.values().any(is_early);
        if joined.is_none() && must_wait() {
            return None;
        }
        self.last_worker += 1;
        let worker = self.last_worker;
        let place = match joined {
            Some(session) => SimulatedPlace { worker, ..session },
            None => self.found(worker),
        };
        let record = WorkerRecord {
            session: place.session,
            run: None,
            state: WorkerState::Live,
            beat: now,
            expires: now + self.rules.lease,
            gone: None,
            batch: 0,
        };
        self.workers.insert(worker, record);
        self.live.insert(worker);
        self.soonest_end = self.soonest_end.min(now + self.rules.lease);
        Some(place)
    }

    /// Begins a session, whose first worker is `worker`.
    fn found(&mut self, worker: i64) -> SimulatedPlace {
        let known = self.customers.iter();
        let known = known.map(|(row, one)| (*row, (one.id, one.doubt != 0)));
        let place = SimulatedPlace {
            worker,
            session: worker,
            run: 0,
            runs_before: self.runs.values().max().copied().unwrap_or(0),
            first_id: self.rows.keys().max().unwrap_or(&0) + 1,
            known: Rc::new(known.collect()),
        };
        self.session = Some(place.clone());
        place
    }

    /// `runs::begin`: joins the session's run, or begins it with all of its parts if this is
    /// the first worker, or the first one has ended.
    pub(crate) fn begin(
        &mut self,
        now: Duration,
        place: &SimulatedPlace,
        may_begin: bool,
    ) -> Result<SimulatedBeginning, WriteRefusal> {
        if let Some(run) = self.runs.get(&place.session).copied() {
            self.attach(place.worker, run)?;
            return Ok(SimulatedBeginning::Joined(run));
        }
        if place.worker != place.session {
            let first = self.workers.get(&place.session);
            let may_come =
                |first: &WorkerRecord| first.state == WorkerState::Live && first.expires > now;
            if first.is_some_and(may_come) {
                return Ok(SimulatedBeginning::NotYet);
            }
            if !may_begin {
                return Ok(SimulatedBeginning::Gone);
            }
        }
        self.last_run += 1;
        let run = self.last_run;
        self.attach(place.worker, run)?;
        self.runs.insert(place.session, run);
        let parts = self.rules.parts as usize;
        self.parts = vec![PartRecord::default(); parts];
        self.free = (0..parts).collect();
        self.undone = parts;
        Ok(SimulatedBeginning::First(run))
    }

    /// `runs::attach`: `UPDATE worker SET run = $2 WHERE id = $1 AND state = 'live'`
    fn attach(&mut self, worker: i64, run: i64) -> Result<(), WriteRefusal> {
        self.live(worker)?.run = Some(run);
        self.figures.insert((run, worker));
        Ok(())
    }

    /// The worker's own row, if it may write: `WHERE id = $1 AND state = 'live'`
    fn live(&mut self, worker: i64) -> Result<&mut WorkerRecord, WriteRefusal> {
        let fences = self.rules.fences;
        let record = self.workers.get_mut(&worker);
        let may = |one: &&mut WorkerRecord| one.state == WorkerState::Live || !fences;
        record.filter(may).ok_or(WriteRefusal::Fenced)
    }

    /// `lease::renew`: `WHERE id = $1 AND state = 'live' AND batch >= $3`
    pub(crate) fn renew(
        &mut self,
        now: Duration,
        (worker, acknowledged): (i64, i64),
    ) -> Result<(), WriteRefusal> {
        let lease = self.rules.lease;
        let record = self.live(worker)?;
        if record.batch < acknowledged {
            return Err(WriteRefusal::Fenced);
        }
        (record.beat, record.expires) = (now, now + lease);
        Ok(())
    }

    /// `batch::write`: the fence, then settlements, claims and parts. A batch that was written
    /// by a commit whose answer was lost is not written again.
    pub(crate) fn write(
        &mut self,
        now: Duration,
        place: &SimulatedPlace,
        (number, batch): (i64, &Batch),
    ) -> Result<HashMap<u64, ClaimAnswer>, WriteRefusal> {
        let record = self.workers.get(&place.worker);
        let record = record.ok_or(WriteRefusal::LostCommits)?;
        if record.batch + 1 < number {
            return Err(WriteRefusal::LostCommits);
        }
        if record.batch < number {
            self.live(place.worker)?;
            if !self.figures.contains(&(place.run, place.worker)) {
                return Err(WriteRefusal::NoRun);
            }
            self.renew(now, (place.worker, 0))?;
            let record = self.live(place.worker)?;
            (record.batch, record.run) = (number, Some(place.run));
            for settled in &batch.settlements {
                self.settle(place, settled);
            }
            for claim in &batch.claims {
                self.claim(now, place, (claim, batch.claimed_by));
            }
            if self.runs.values().max() == Some(&place.run) {
                self.end_parts(now, place.worker, batch);
            }
        }
        Ok(self.answers(place, &batch.claims))
    }

    /// `batch::end_parts`: `WHERE worker = $2 AND no = ANY ($3)`
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
                (part.worker, part.not_before) = (None, Some(now + RETURNED));
                self.free.insert(*no as usize);
            }
        }
    }

    /// `parts::take`. A part comes first that is leased to the worker and that it does not
    /// know of: the answer was lost.
    pub(crate) fn take_part(
        &mut self,
        now: Duration,
        place: &SimulatedPlace,
        (from, known, buries): (u32, &HashSet<u32>, bool),
    ) -> Result<PartAnswer, WriteRefusal> {
        if buries {
            self.bury(now);
            self.release_parts();
        }
        self.live(place.worker)?;
        if !self.runs.values().any(|run| *run == place.run) {
            return Err(WriteRefusal::LostCommits);
        }
        if self.runs.values().max() != Some(&place.run) {
            // Its parts were removed.
            return Ok(PartAnswer::Done);
        }
        let from = from as usize;
        let parts = &self.parts;
        let is_lost = |no: &usize| {
            let part = &parts[*no];
            let is_known = known.contains(&number(*no));
            part.worker == Some(place.worker) && !part.is_done && !is_known
        };
        let lost = (from..parts.len()).chain(0..from).find(is_lost);
        let may = |no: &&usize| {
            let part = &parts[**no];
            !part.is_done && part.not_before.is_none_or(|time| time <= now)
        };
        let mut free = self.free.range(from..).chain(self.free.range(..from));
        if let Some(no) = lost.or_else(|| free.find(may).copied()) {
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
    pub(crate) fn leave(&mut self, now: Duration, worker: i64, in_doubt: bool) {
        if self.live.remove(&worker) {
            self.has_gone = true;
            let record = self.workers.get_mut(&worker).unwrap();
            record.gone = Some(now);
            record.state = if in_doubt {
                WorkerState::Dead
            } else {
                WorkerState::Left
            };
        }
        self.release_parts();
    }
}

fn number(part: usize) -> u32 {
    u32::try_from(part).unwrap()
}
