//! What a simulated worker writes, and the requests that it sends: when they start, and what
//! their responses mean for a row.

use std::rc::Rc;
use std::time::Duration;

use super::clock::shown;
use super::scenario::Guard;
use super::worker::{DatabaseCall, DatabaseLine, SimulatedWorker, WorkerAction, WorkerEvent};
use crate::domain::outcome::Outcome;
use crate::engine::send::absence::{Absence, Doubt, Landing, Proof};
use crate::ledger::conformance::settlement;
use crate::ledger::{Batch, Claim, Settlement};

/// How much of the time ahead one worker reserves at once (`pace/reserved_starts.rs`).
const AHEAD: Duration = Duration::from_millis(50);

/// The share of a start's time by which starts are further apart than the rate says, and how
/// late one may be (`pace/token_bucket.rs`).
const SPACING: Duration = Duration::from_millis(1005);
const LATENESS: Duration = Duration::from_millis(10);

/// The pause of a sender whose lease may be over.
const LOOK_AGAIN: Duration = Duration::from_millis(100);

impl SimulatedWorker {
    /// Writes what there is to write, or leases a part; leaves if nothing is left to do.
    pub(super) fn record(&mut self, out: &mut Vec<WorkerAction>) {
        let Some(place) = self.place.clone() else {
            return;
        };
        if self.calls[DatabaseLine::Ledger as usize].is_some() {
            return;
        }
        let mut batch = Batch {
            claims: self.tickets.iter().map(claim_of).collect(),
            settlements: std::mem::take(&mut self.settlements),
            ..Batch::default()
        };
        self.parts.settle(&batch.settlements);
        self.parts.add_ended(&mut batch);
        let is_empty = batch.claims.is_empty()
            && batch.settlements.is_empty()
            && batch.finished_parts.is_empty()
            && batch.returned_parts.is_empty();
        if !is_empty {
            let write = DatabaseCall::Write(place, self.batches + 1, Rc::new(batch));
            self.call(DatabaseLine::Ledger, write, out);
        } else if self.reader.is_done && self.open.is_empty() {
            out.push(WorkerAction::Call(
                DatabaseLine::Ledger,
                0,
                DatabaseCall::Leave(place.worker, false),
            ));
            out.push(WorkerAction::Exit(true));
        } else if self.reader.wants_part && !self.reader.is_done {
            let known = self.known_parts.clone();
            let take = DatabaseCall::TakePart(place, self.reader.from, known);
            self.call(DatabaseLine::Ledger, take, out);
        }
    }

    /// The time from one start of all workers to the next.
    pub(super) fn every(&self) -> Duration {
        SPACING / self.scenario.rate
    }

    /// Starts were reserved by what was asked at `asked`: `ReservedBucket`'s rules.
    pub(super) fn reserved(&mut self, asked: Duration, ahead: Duration) {
        let first = asked + shown().saturating_sub(asked) / 2 + ahead;
        let every = self.every();
        self.starts
            .extend((0..self.count).map(|place| first + every * place));
        if !self.is_armed && !self.ready.is_empty() {
            let most = (AHEAD.as_nanos() / every.as_nanos()).max(1);
            self.count = (self.count * 2).min(u32::try_from(most).unwrap());
        }
    }

    /// Reserves starts if a row waits for one, and waits for the next of them.
    pub(super) fn pace(&mut self, now: Duration, out: &mut Vec<WorkerAction>) {
        let is_full = self.in_flight.len() >= self.scenario.window;
        if self.is_armed || self.ready.is_empty() || is_full {
            return;
        }
        while self
            .starts
            .front()
            .is_some_and(|start| *start + LATENESS < shown())
        {
            self.starts.pop_front();
            self.count = (self.count / 2).max(1);
        }
        let is_asking = self.calls[DatabaseLine::Pace as usize].is_some();
        if self.starts.len() <= self.count as usize / 2 && !is_asking {
            self.call(DatabaseLine::Pace, DatabaseCall::Reserve(self.count), out);
        }
        if let Some(start) = self.starts.pop_front() {
            self.is_armed = true;
            out.push(WorkerAction::At(
                self.clock.when(now, start),
                WorkerEvent::StartDue,
            ));
        }
    }

    /// A start has come: `Sender::permit`, and the request of the row that is next.
    pub(super) fn start(&mut self, now: Duration, out: &mut Vec<WorkerAction>) {
        self.is_armed = false;
        if self.scenario.has(Guard::LocalDeadline) && !self.deadline.allows() {
            if self.deadline.is_lost() {
                out.push(WorkerAction::Exit(false));
                return;
            }
            self.is_armed = true;
            let again = self.clock.when(now, shown() + LOOK_AGAIN);
            out.push(WorkerAction::At(again, WorkerEvent::StartLost));
            return;
        }
        let Some(mut row) = self.ready.pop_front() else {
            return;
        };
        self.numbers += 1;
        row.sent = shown();
        out.push(WorkerAction::Request(self.numbers, row.row, row.creates));
        let until = self.clock.when(now, shown() + self.scenario.timeout);
        out.push(WorkerAction::At(until, WorkerEvent::TimedOut(self.numbers)));
        self.in_flight.insert(self.numbers, row);
    }

    /// The API responded: it created the customer, or it has one, or not.
    pub(super) fn responded(
        &mut self,
        now: Duration,
        (number, is_there): (u64, bool),
        out: &mut Vec<WorkerAction>,
    ) {
        // A response after its time-out is not heard.
        let Some(mut row) = self.in_flight.remove(&number) else {
            return;
        };
        self.slowest = self.slowest.max(shown().saturating_sub(row.sent));
        if is_there {
            self.settlements.push(created(row.id, row.row));
            return;
        }
        let landing = Landing {
            given: None,
            timeout: self.scenario.timeout,
            earlier: Duration::ZERO,
        };
        let slowest = self.slowest;
        let since_start = shown().saturating_sub(self.began);
        let absence = row.absence.get_or_insert_with(Absence::of_earlier_run);
        match absence.not_found(since_start, |doubt| landing.time(doubt, slowest)) {
            Proof::Absent => {
                row.creates = true;
                self.ready.push_back(row);
            }
            Proof::LookAgain(at) => {
                let at = self.clock.when(now, self.began + at);
                out.push(WorkerAction::At(at, WorkerEvent::LookAgain(row.id)));
                self.waiting.insert(row.id, row);
            }
        }
    }

    /// A request got no response: the row is in doubt, if it was a create.
    pub(super) fn timed_out(&mut self, number: u64) {
        let Some(mut row) = self.in_flight.remove(&number) else {
            return;
        };
        if row.creates {
            let since_start = shown().saturating_sub(self.began);
            row.absence = Some(Absence::since(since_start, Doubt::Unanswered));
            row.creates = false;
        }
        self.ready.push_back(row);
    }
}

fn claim_of(ticket: &crate::engine::ticket::Ticket) -> Claim {
    Claim {
        id: ticket.id,
        client_id: ticket.place.line.to_string(),
        digest: ticket.digest,
    }
}

fn created(id: u64, row: usize) -> Settlement {
    Settlement {
        client_id: row.to_string(),
        ..settlement(id, Outcome::Created)
    }
}
