//! The queue of events: carries calls and requests, late or not at all.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};
use std::time::Duration;

use super::clock::DriftingClock;
use super::scenario::WorkersScenario;
use super::worker::{
    DatabaseAnswer, DatabaseCall, DatabaseLine, SimulatedWorker, WorkerAction, WorkerEvent,
};
use crate::ledger::conformance::shared_database::SimulatedDatabase;

/// A kind of fault that happens again and again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum WorkerFault {
    Kill,
    Pause,
    Partition,
    Restart,
    Failover,
}

#[derive(Debug)]
pub(super) enum SimulatedEvent {
    Worker(Addressee, WorkerEvent),
    /// A call arrives at the database of this timeline; whether its answer is lost.
    Call(Addressee, (DatabaseLine, u64), DatabaseCall, (i64, bool)),
    /// A standby takes over, which is as the database was when it got the last commit.
    Failover(Box<SimulatedDatabase>),
    /// A request arrives at the API: its number, the row, and whether it creates.
    Request(Addressee, u64, usize, bool),
    /// A process is started in this place.
    Spawn(usize),
    Fault(WorkerFault),
}

/// A process: its place, and how many there were in it before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Addressee {
    pub(super) place: usize,
    pub(super) process: u32,
}

/// A place for a process, and the machine around it.
#[derive(Debug)]
pub(super) struct WorkerHost {
    pub(super) worker: Option<SimulatedWorker>,
    pub(super) process: u32,
    pub(super) paused_until: Duration,
    pub(super) cut_until: Duration,
    /// Whether its last process found all work done.
    pub(super) is_finished: bool,
}

/// What a simulation showed.
#[derive(Debug)]
pub(super) struct SimulationResult {
    /// Rows whose customer was created more than once.
    pub(super) doubles: Vec<usize>,
    /// Rows that got a second outcome.
    pub(super) settled_twice: Vec<usize>,
    /// Rows with an outcome that no customer has.
    pub(super) missing: Vec<usize>,
    /// When all rows had an outcome.
    pub(super) ended: Option<Duration>,
    /// When requests started, in order.
    pub(super) starts: Vec<Duration>,
    /// When a worker first found no part to take.
    pub(super) first_wait: Option<Duration>,
    pub(super) kills: u32,
    pub(super) failovers: u32,
    /// Creates that landed after their time-out, or after their worker had gone.
    pub(super) late: u32,
}

/// One simulation under way.
pub(super) struct Simulation {
    pub(super) scenario: WorkersScenario,
    pub(super) rng: fastrand::Rng,
    pub(super) now: Duration,
    pub(super) queue: BinaryHeap<Reverse<(Duration, u64)>>,
    pub(super) events: BTreeMap<u64, SimulatedEvent>,
    pub(super) next: u64,
    pub(super) database: SimulatedDatabase,
    pub(super) database_down_until: Duration,
    pub(super) hosts: Vec<WorkerHost>,
    /// How many customers each row has at the API.
    pub(super) customers: Vec<u8>,
    pub(super) result: SimulationResult,
}

/// Runs `scenario` until all is done and what is under way has landed.
pub(super) fn simulate(scenario: WorkersScenario) -> SimulationResult {
    let mut simulation = Simulation::new(scenario);
    simulation.run();
    let database = simulation.database;
    let mut result = simulation.result;
    let rows = simulation.customers.iter().enumerate();
    let with = |wanted: fn(u8) -> bool| {
        let found = rows.clone().filter(move |(_, many)| wanted(**many));
        found.map(|(row, _)| row).collect()
    };
    (result.doubles, result.missing) = (with(|many| many > 1), with(|many| many == 0));
    (result.settled_twice, result.first_wait) = (database.settled_twice, database.first_wait);
    result
}

impl Simulation {
    fn new(scenario: WorkersScenario) -> Self {
        let mut simulation = Self {
            scenario,
            rng: fastrand::Rng::with_seed(scenario.seed),
            now: Duration::ZERO,
            queue: BinaryHeap::new(),
            events: BTreeMap::new(),
            next: 0,
            database: SimulatedDatabase::new(scenario.rules()),
            database_down_until: Duration::ZERO,
            hosts: Vec::new(),
            customers: vec![0; scenario.rows],
            result: SimulationResult {
                doubles: Vec::new(),
                settled_twice: Vec::new(),
                missing: Vec::new(),
                ended: None,
                starts: Vec::new(),
                first_wait: None,
                kills: 0,
                failovers: 0,
                late: 0,
            },
        };
        for place in 0..scenario.workers {
            simulation.hosts.push(WorkerHost {
                worker: None,
                process: 0,
                paused_until: Duration::ZERO,
                cut_until: Duration::ZERO,
                is_finished: false,
            });
            let at = simulation.between(0, 1000);
            simulation.push(at, SimulatedEvent::Spawn(place));
        }
        for kind in [
            WorkerFault::Kill,
            WorkerFault::Pause,
            WorkerFault::Partition,
            WorkerFault::Restart,
            WorkerFault::Failover,
        ] {
            simulation.expect(kind);
        }
        simulation
    }

    fn run(&mut self) {
        while let Some(Reverse((at, number))) = self.queue.pop() {
            let is_over = self
                .result
                .ended
                .is_some_and(|ended| at > ended + self.aftermath());
            if is_over || at > self.scenario.ends_by {
                return;
            }
            self.now = at;
            let event = self.events.remove(&number).unwrap();
            self.handle(event);
            if self.result.ended.is_none() && self.database.is_done(self.scenario.rows) {
                self.result.ended = Some(self.now);
            }
        }
    }

    /// How long after the end something may still land, or a worker may go on.
    fn aftermath(&self) -> Duration {
        self.scenario.latest_landing + (self.scenario.lease + self.scenario.quarantine) * 3
    }

    pub(super) fn push(&mut self, after: Duration, event: SimulatedEvent) {
        self.queue.push(Reverse((self.now + after, self.next)));
        self.events.insert(self.next, event);
        self.next += 1;
    }

    pub(super) fn between(&mut self, least_ms: u64, most_ms: u64) -> Duration {
        Duration::from_micros(self.rng.u64(least_ms * 1000..=most_ms * 1000))
    }

    fn is_unlucky(&mut self) -> bool {
        self.rng.f64() < self.scenario.losses
    }

    fn handle(&mut self, event: SimulatedEvent) {
        match event {
            SimulatedEvent::Spawn(place) => {
                let clock = DriftingClock::random(&mut self.rng, self.scenario.drift);
                let (scenario, now) = (self.scenario, self.now);
                let host = &mut self.hosts[place];
                host.worker = Some(SimulatedWorker::new(scenario, clock, now));
                host.process += 1;
                let process = host.process;
                self.tell(Addressee { place, process }, WorkerEvent::Began);
            }
            SimulatedEvent::Worker(to, event) => self.tell(to, event),
            SimulatedEvent::Call(from, line, call, way) => self.arrive(from, line, &call, way),
            SimulatedEvent::Failover(standby) => self.fail_over(*standby),
            SimulatedEvent::Request(from, number, row, creates) => {
                self.request(from, number, (row, creates));
            }
            SimulatedEvent::Fault(kind) => {
                self.fault(kind);
                self.expect(kind);
            }
        }
    }

    /// Tells a worker what happened, once it is not paused, and does what it wants.
    pub(super) fn tell(&mut self, to: Addressee, event: WorkerEvent) {
        let host = &mut self.hosts[to.place];
        if host.process != to.process {
            return;
        }
        let Some(worker) = &mut host.worker else {
            return;
        };
        if self.now < host.paused_until {
            let wait = host.paused_until.saturating_sub(self.now);
            self.push(wait, SimulatedEvent::Worker(to, event));
            return;
        }
        for action in worker.handle(self.now, event) {
            self.act(to, action);
        }
    }

    fn act(&mut self, from: Addressee, action: WorkerAction) {
        match action {
            WorkerAction::Call(line, number, call) => self.send_call(from, (line, number), call),
            WorkerAction::Request(number, row, creates) => {
                self.result.starts.push(self.now);
                let is_late = creates && self.rng.f64() < self.scenario.late_creates;
                let after = if is_late {
                    let most = u64::try_from(self.scenario.latest_landing.as_millis()).unwrap();
                    self.between(most / 2, most)
                } else {
                    self.between(5, 60)
                };
                self.push(after, SimulatedEvent::Request(from, number, row, creates));
            }
            WorkerAction::At(at, event) => {
                // Timers fire late.
                let late = self.between(0, 1);
                let after = at.saturating_sub(self.now) + late;
                self.push(after, SimulatedEvent::Worker(from, event));
            }
            WorkerAction::Exit(is_done) => {
                let host = &mut self.hosts[from.place];
                (host.worker, host.is_finished) = (None, is_done);
                if !is_done {
                    let again = self.between(1000, 5000);
                    self.push(again, SimulatedEvent::Spawn(from.place));
                }
            }
        }
    }

    /// A call leaves: it arrives, or late, or not; its answer may be lost.
    fn send_call(&mut self, from: Addressee, line: (DatabaseLine, u64), call: DatabaseCall) {
        let timeline = self.database.timeline();
        let is_cut = self.now < self.hosts[from.place].cut_until;
        let is_down = self.now < self.database_down_until;
        if !is_cut && !is_down && !self.is_unlucky() {
            let after = self.between(1, 3);
            self.push(
                after,
                SimulatedEvent::Call(from, line, call, (timeline, false)),
            );
            return;
        }
        let failed = self.between(500, 2000);
        let event = WorkerEvent::Failed(line.0, line.1);
        self.push(failed, SimulatedEvent::Worker(from, event));
        // What the client gave up may still be on its way, for as long as the partition.
        let arrives = match self.rng.u8(0..3) {
            0 => return,
            1 => self.between(1, 100),
            _ => self.between(1000, 40_000),
        };
        if !is_down {
            self.push(
                arrives,
                SimulatedEvent::Call(from, line, call, (timeline, true)),
            );
        }
    }

    /// A call arrives, unless its server is no more.
    fn arrive(
        &mut self,
        from: Addressee,
        line: (DatabaseLine, u64),
        call: &DatabaseCall,
        (timeline, is_lost): (i64, bool),
    ) {
        if timeline != self.database.timeline() {
            if !is_lost {
                let failed = self.between(1, 2000);
                let event = WorkerEvent::Failed(line.0, line.1);
                self.push(failed, SimulatedEvent::Worker(from, event));
            }
            return;
        }
        let requests_live = self.scenario.lease + self.scenario.quarantine;
        if line.0 == DatabaseLine::Ledger {
            self.database.note_timeline(self.now, requests_live);
        }
        let answer = self.execute(call);
        if !is_lost {
            self.answer(from, line, answer);
        }
    }

    /// Does what a call asks for, in one transaction.
    fn execute(&mut self, call: &DatabaseCall) -> DatabaseAnswer {
        let (now, database) = (self.now, &mut self.database);
        let spacing = Duration::from_millis(1005) / self.scenario.rate;
        match call {
            DatabaseCall::Register => DatabaseAnswer::Registered(database.register(now)),
            DatabaseCall::Begin(place) => match database.begin(now, place, true) {
                Ok(begun) => DatabaseAnswer::Begun(begun),
                Err(_fenced) => DatabaseAnswer::Fenced,
            },
            DatabaseCall::Renew(worker, acknowledged) => {
                match database.renew(now, (*worker, *acknowledged)) {
                    Ok(()) => DatabaseAnswer::Renewed,
                    Err(_fenced) => DatabaseAnswer::Fenced,
                }
            }
            DatabaseCall::Write(place, batch, rows) => {
                match database.write(now, place, (*batch, rows)) {
                    Ok(answers) => DatabaseAnswer::Written(answers),
                    Err(_fenced) => DatabaseAnswer::Fenced,
                }
            }
            DatabaseCall::TakePart(place, from, known) => {
                match database.take_part(now, place, (*from, known, true)) {
                    Ok(part) => DatabaseAnswer::Part(part),
                    Err(_fenced) => DatabaseAnswer::Fenced,
                }
            }
            DatabaseCall::Reserve(count) => {
                DatabaseAnswer::Reserved(database.reserve(now, *count, spacing))
            }
            DatabaseCall::Leave(worker, in_doubt) => {
                database.leave(now, *worker, *in_doubt);
                DatabaseAnswer::Left
            }
        }
    }

    /// The database's answer leaves.
    fn answer(
        &mut self,
        from: Addressee,
        (line, number): (DatabaseLine, u64),
        answer: DatabaseAnswer,
    ) {
        let now = self.now;
        let is_cut = now < self.hosts[from.place].cut_until || now < self.database_down_until;
        let (after, event) = if is_cut {
            let failed = self.between(500, 2000);
            (failed, WorkerEvent::Failed(line, number))
        } else {
            let answered = self.between(1, 3);
            (answered, WorkerEvent::Answered(line, number, answer))
        };
        self.push(after, SimulatedEvent::Worker(from, event));
    }

    /// A request lands at the API, which knows no uniqueness.
    fn request(&mut self, from: Addressee, number: u64, (row, creates): (usize, bool)) {
        if creates {
            self.customers[row] = self.customers[row].saturating_add(1);
            let host = &self.hosts[from.place];
            let is_gone = host.process != from.process || host.worker.is_none();
            self.result.late += u32::from(is_gone);
        }
        let is_there = self.customers[row] > 0;
        if !self.is_unlucky() {
            let after = self.between(5, 60);
            let event = WorkerEvent::Responded(number, is_there);
            self.push(after, SimulatedEvent::Worker(from, event));
        }
    }
}
