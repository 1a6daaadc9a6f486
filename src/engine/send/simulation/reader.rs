//! How a simulated worker reads the input, part by part.

use std::time::Duration;

use super::worker::{SimulatedWorker, WorkerAction, WorkerEvent};
use crate::domain::row::Origin;
use crate::engine::ticket::{ClaimTime, EarlierRuns, FirstStep, Ticket};
use crate::ledger::workers::PartAnswer;

impl SimulatedWorker {
    /// If all rows of the part were claimed, another one is wanted.
    pub(super) fn end_part(&mut self) {
        if let Some(part) = self.reader.part
            && self.reader.rows.is_empty()
        {
            self.parts.fed(part);
            self.reader.part = None;
            self.reader.wants_part = true;
            self.reader.from = part + 1;
        }
    }

    pub(super) fn leased(&mut self, now: Duration, part: PartAnswer, out: &mut Vec<WorkerAction>) {
        match part {
            PartAnswer::Take(part) => {
                let from = part as usize * self.part_rows;
                self.reader.rows = from..(from + self.part_rows).min(self.scenario.rows);
                self.reader.part = Some(part);
                self.reader.wants_part = false;
                self.known_parts.insert(part);
            }
            PartAnswer::Wait => {
                let again = now + Duration::from_secs(1);
                out.push(WorkerAction::At(again, WorkerEvent::AskForPart));
                self.reader.wants_part = false;
            }
            PartAnswer::Done => self.reader.is_done = true,
        }
    }

    /// Makes tickets of the rows that are next, if they are wanted.
    pub(super) fn feed(&mut self) {
        let Some(place) = &self.place else { return };
        if self.reader.part.is_none()
            || !self.tickets.is_empty()
            || self.ready.len() >= self.scenario.batch
        {
            return;
        }
        while self.tickets.len() < self.scenario.batch
            && let Some(row) = self.reader.rows.next()
        {
            let known = place.known.get(&row);
            let (id, first_step) = match known {
                None => (place.first_id + row as u64, FirstStep::Create),
                Some((id, true)) => (*id, FirstStep::ResolveDoubt),
                // The survey found it settled.
                Some((_, false)) => continue,
            };
            self.tickets.push(Ticket {
                id,
                place: Origin {
                    line: row as u64,
                    ..Origin::default()
                },
                customer: self.customer.clone(),
                digest: [7; 16],
                first_step,
                earlier: EarlierRuns::default(),
                other_id: None,
                claim: ClaimTime::Earlier(None),
            });
        }
        if self.tickets.is_empty() {
            self.end_part();
        }
    }
}
