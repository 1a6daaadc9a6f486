//! One worker as a state machine: it is told what happened, and returns what it does.
//!
//! It does what feed, recorder, sender and the keeper of the lease do, with the parts of them
//! that are pure: [`OpenParts`], [`Ticket::is_granted`], [`Absence`], [`LeaseDeadline`].

use std::collections::{HashMap, HashSet, VecDeque};
use std::rc::Rc;
use std::time::Duration;

use super::clock::{DriftingClock, shown};
use super::scenario::{Guard, WorkersScenario};
use crate::domain::customer::Customer;
use crate::domain::customer::tests::aster;
use crate::engine::send::absence::Absence;
use crate::engine::send::open_parts::OpenParts;
use crate::engine::ticket::{ClaimTime, FirstStep, Ticket};
use crate::ledger::conformance::shared_database::{SimulatedBeginning, SimulatedPlace};
use crate::ledger::workers::{ClaimAnswer, LeaseDeadline, PartAnswer};
use crate::ledger::{Batch, Settlement};

/// The connections of a worker; each has one call under way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum DatabaseLine {
    /// The recorder's.
    Ledger,
    /// The heartbeat.
    Beat,
    /// The reservation of starts.
    Pace,
}

/// A transaction that a worker asks for.
#[derive(Debug, Clone)]
pub(super) enum DatabaseCall {
    Register,
    Begin(SimulatedPlace),
    /// The worker, and the last batch that was acknowledged.
    Renew(i64, i64),
    Write(SimulatedPlace, i64, Rc<Batch>),
    TakePart(SimulatedPlace, u32, HashSet<u32>),
    Reserve(u32),
    Leave(i64, bool),
}

/// What the database answers.
#[derive(Debug, Clone)]
pub(super) enum DatabaseAnswer {
    Registered(Option<SimulatedPlace>),
    Begun(SimulatedBeginning),
    Renewed,
    Written(HashMap<u64, ClaimAnswer>),
    Part(PartAnswer),
    Reserved(Duration),
    Left,
    Fenced,
}

/// What happens to a worker.
#[derive(Debug, Clone)]
pub(super) enum WorkerEvent {
    Began,
    Answered(DatabaseLine, u64, DatabaseAnswer),
    /// The connection was lost: the call may have been done.
    Failed(DatabaseLine, u64),
    BeatDue,
    CallAgain(DatabaseLine),
    StartDue,
    /// The pause of a sender whose lease may be over has ended.
    StartLost,
    AskForPart,
    Responded(u64, bool),
    TimedOut(u64),
    LookAgain(u64),
    /// Ctrl-C.
    Stopped,
}

/// What a worker does.
#[derive(Debug)]
pub(super) enum WorkerAction {
    Call(DatabaseLine, u64, DatabaseCall),
    /// A request of this number for a row; whether it creates.
    Request(u64, usize, bool),
    At(Duration, WorkerEvent),
    /// Its process ends; whether all work is done.
    Exit(bool),
}

#[derive(Debug)]
pub(super) struct CallUnderWay {
    pub(super) call: DatabaseCall,
    pub(super) number: u64,
    /// When it was first asked, by the worker's clock.
    pub(super) asked: Duration,
}

/// A row that is claimed.
#[derive(Debug)]
pub(super) struct ClaimedRow {
    pub(super) id: u64,
    pub(super) row: usize,
    pub(super) creates: bool,
    pub(super) absence: Option<Absence>,
    /// When its last request began.
    pub(super) sent: Duration,
}

/// What is read of the input.
#[derive(Debug, Default)]
pub(super) struct PartReader {
    pub(super) part: Option<u32>,
    pub(super) rows: std::ops::Range<usize>,
    /// Whether a part is wanted, from `from` on.
    pub(super) wants_part: bool,
    pub(super) from: u32,
    pub(super) is_done: bool,
}

#[derive(Debug)]
pub(super) struct SimulatedWorker {
    pub(super) scenario: WorkersScenario,
    pub(super) clock: DriftingClock,
    pub(super) began: Duration,
    pub(super) customer: Customer,
    pub(super) deadline: LeaseDeadline,
    pub(super) place: Option<SimulatedPlace>,
    pub(super) calls: [Option<CallUnderWay>; 3],
    pub(super) numbers: u64,
    pub(super) batches: i64,
    pub(super) part_rows: usize,
    pub(super) reader: PartReader,
    /// Rows whose claim is not written yet.
    pub(super) tickets: Vec<Ticket>,
    pub(super) settlements: Vec<Settlement>,
    pub(super) parts: OpenParts,
    pub(super) known_parts: HashSet<u32>,
    /// Claims that are not settled.
    pub(super) open: HashSet<u64>,
    pub(super) ready: VecDeque<ClaimedRow>,
    pub(super) in_flight: HashMap<u64, ClaimedRow>,
    pub(super) waiting: HashMap<u64, ClaimedRow>,
    pub(super) starts: VecDeque<Duration>,
    pub(super) is_armed: bool,
    pub(super) count: u32,
    pub(super) slowest: Duration,
}

impl SimulatedWorker {
    pub(super) fn new(scenario: WorkersScenario, clock: DriftingClock, now: Duration) -> Self {
        let run = scenario.shared_run();
        Self {
            scenario,
            clock,
            began: clock.at(now),
            customer: aster(),
            deadline: LeaseDeadline::new(shown),
            place: None,
            calls: [None, None, None],
            numbers: 0,
            batches: 0,
            part_rows: usize::try_from(run.part_rows()).unwrap(),
            reader: PartReader::default(),
            tickets: Vec::new(),
            settlements: Vec::new(),
            parts: OpenParts::default(),
            known_parts: HashSet::new(),
            open: HashSet::new(),
            ready: VecDeque::new(),
            in_flight: HashMap::new(),
            waiting: HashMap::new(),
            starts: VecDeque::new(),
            is_armed: false,
            count: 1,
            slowest: Duration::ZERO,
        }
    }

    /// What it does about `event`, at `now`.
    pub(super) fn handle(&mut self, now: Duration, event: WorkerEvent) -> Vec<WorkerAction> {
        self.clock.show(now);
        let mut out = Vec::new();
        match event {
            WorkerEvent::Began => self.call(DatabaseLine::Ledger, DatabaseCall::Register, &mut out),
            WorkerEvent::Answered(line, number, answer) => {
                self.answered(now, (line, number), answer, &mut out);
            }
            WorkerEvent::Failed(line, number) => {
                if self.calls[line as usize]
                    .as_ref()
                    .is_some_and(|call| call.number == number)
                {
                    let again = now + Duration::from_millis(250);
                    out.push(WorkerAction::At(again, WorkerEvent::CallAgain(line)));
                }
            }
            WorkerEvent::CallAgain(line) => self.call_again(line, &mut out),
            WorkerEvent::BeatDue => self.beat(&mut out),
            WorkerEvent::StartDue => self.start(now, &mut out),
            WorkerEvent::StartLost => self.is_armed = false,
            WorkerEvent::AskForPart => self.reader.wants_part = true,
            WorkerEvent::Responded(number, is_there) => {
                self.responded(now, (number, is_there), &mut out);
            }
            WorkerEvent::TimedOut(number) => self.timed_out(number),
            WorkerEvent::LookAgain(id) => self.ready.extend(self.waiting.remove(&id)),
            WorkerEvent::Stopped => {
                if let Some(place) = &self.place {
                    let leave = DatabaseCall::Leave(place.worker, !self.open.is_empty());
                    out.push(WorkerAction::Call(DatabaseLine::Ledger, 0, leave));
                }
                out.push(WorkerAction::Exit(false));
            }
        }
        if self.place.is_some() {
            self.feed();
            self.record(&mut out);
            self.pace(now, &mut out);
        }
        out
    }

    /// Begins a call on a free line.
    pub(super) fn call(
        &mut self,
        line: DatabaseLine,
        call: DatabaseCall,
        out: &mut Vec<WorkerAction>,
    ) {
        self.numbers += 1;
        let number = self.numbers;
        out.push(WorkerAction::Call(line, number, call.clone()));
        let asked = shown();
        self.calls[line as usize] = Some(CallUnderWay {
            call,
            number,
            asked,
        });
    }

    /// Repeats the call whose connection was lost.
    fn call_again(&mut self, line: DatabaseLine, out: &mut Vec<WorkerAction>) {
        let Some(lost) = self.calls[line as usize].take() else {
            return;
        };
        self.call(line, lost.call, out);
        // A batch renews the lease when it is written, which may have been the first time.
        if let (DatabaseLine::Ledger, Some(call)) = (line, &mut self.calls[line as usize]) {
            call.asked = lost.asked;
        }
    }

    fn beat(&mut self, out: &mut Vec<WorkerAction>) {
        if let Some(place) = &self.place {
            self.call(
                DatabaseLine::Beat,
                DatabaseCall::Renew(place.worker, self.batches),
                out,
            );
        }
    }

    /// The database answered.
    fn answered(
        &mut self,
        now: Duration,
        (line, number): (DatabaseLine, u64),
        answer: DatabaseAnswer,
        out: &mut Vec<WorkerAction>,
    ) {
        let slot = &mut self.calls[line as usize];
        let Some(call) = slot.take_if(|call| call.number == number) else {
            return;
        };
        let lease = self.scenario.lease;
        match answer {
            DatabaseAnswer::Registered(None) => {
                self.calls[line as usize] = Some(call);
                let again = now + Duration::from_secs(1);
                out.push(WorkerAction::At(again, WorkerEvent::CallAgain(line)));
            }
            DatabaseAnswer::Registered(Some(place)) => {
                self.deadline.granted(call.asked, lease);
                self.call(line, DatabaseCall::Begin(place.clone()), out);
                self.place = Some(place);
                self.beat(out);
            }
            DatabaseAnswer::Begun(
                SimulatedBeginning::First(run) | SimulatedBeginning::Joined(run),
            ) => {
                if let Some(place) = &mut self.place {
                    place.run = run;
                }
                self.reader.wants_part = true;
            }
            DatabaseAnswer::Begun(SimulatedBeginning::NotYet | SimulatedBeginning::Gone) => {
                self.calls[line as usize] = Some(call);
                let again = now + Duration::from_millis(250);
                out.push(WorkerAction::At(again, WorkerEvent::CallAgain(line)));
            }
            DatabaseAnswer::Renewed => {
                self.deadline.granted(call.asked, lease);
                let next = self.clock.when(now, shown() + lease / 4);
                out.push(WorkerAction::At(next, WorkerEvent::BeatDue));
            }
            DatabaseAnswer::Written(answers) => {
                self.deadline.granted(call.asked, lease);
                if let DatabaseCall::Write(_, _, batch) = call.call {
                    self.written(&batch, &answers);
                }
            }
            DatabaseAnswer::Part(part) => self.leased(now, part, out),
            DatabaseAnswer::Reserved(ahead) => self.reserved(call.asked, ahead),
            DatabaseAnswer::Left => {}
            DatabaseAnswer::Fenced if line == DatabaseLine::Beat => self.deadline.lose(),
            DatabaseAnswer::Fenced => out.push(WorkerAction::Exit(false)),
        }
    }

    /// A batch is written: its claims were granted, or not.
    fn written(&mut self, batch: &Batch, answers: &HashMap<u64, ClaimAnswer>) {
        self.batches += 1;
        for settled in &batch.settlements {
            self.open.remove(&settled.id);
        }
        for part in batch.finished_parts.iter().chain(&batch.returned_parts) {
            self.known_parts.remove(part);
        }
        if batch.claims.is_empty() {
            return;
        }
        let part = self.reader.part.unwrap();
        let ids: Vec<u64> = batch.claims.iter().map(|claim| claim.id).collect();
        self.parts.claimed(part, &ids, answers);
        let time = (ClaimTime::Earlier(None), shown().saturating_sub(self.began));
        for mut ticket in self.tickets.drain(..) {
            if !ticket.is_granted(answers.get(&ticket.id), time) {
                continue;
            }
            self.open.insert(ticket.id);
            let is_new = ticket.first_step == FirstStep::Create;
            self.ready.push_back(ClaimedRow {
                id: ticket.id,
                row: usize::try_from(ticket.place.line).unwrap(),
                creates: is_new || !self.scenario.has(Guard::LookUpFirst),
                absence: (!is_new).then(|| Absence::of_earlier_holder(ticket.earlier.sent_until)),
                sent: Duration::ZERO,
            });
        }
        self.end_part();
    }
}
