//! The rules of the model's rows: who may claim and settle them, as `postgres/batch.rs` and
//! `settle.sql` have it.

use std::collections::HashMap;
use std::time::Duration;

use super::database::{ClaimedCustomer, SimulatedDatabase, SimulatedPlace, WorkerRecord};
use super::database::{index, quarantine};
use super::scenario::WorkersScenario;
use crate::domain::outcome::Outcome;
use crate::ledger::workers::{ClaimAnswer, WorkerState};
use crate::ledger::{Claim, Settlement};

impl SimulatedDatabase {
    /// `settle.sql`: `WHERE c.id = s.id AND (c.worker = $16 OR NOT EXISTS (… w.id = c.worker AND
    /// w.state = 'live'))`
    pub(super) fn settle(&mut self, place: &SimulatedPlace, settled: &Settlement) {
        let row = self.rows[&settled.id];
        let Some(customer) = self.customers[row].as_mut() else {
            return;
        };
        let holder = &self.workers[index(customer.worker)];
        if customer.worker != place.worker && holder.state == WorkerState::Live {
            return;
        }
        assert_eq!(settled.outcome, Outcome::Created, "no other is simulated");
        if customer.doubt == 0 {
            self.settled_twice.push(row);
        } else {
            self.settled += 1;
        }
        (customer.doubt, customer.settled_run) = (0, Some(place.run));
    }

    /// `batch::claim`: `INSERT … ON CONFLICT (key) DO UPDATE … WHERE c.id = excluded.id AND CASE
    /// WHEN c.doubt = 0 THEN coalesce(c.settled_run, 0) <= $10 ELSE c.worker = excluded.worker OR
    /// EXISTS (… w.state <> 'live' AND (w.state = 'left' OR w.gone + w.quarantine <= now)) END`
    pub(super) fn claim(&mut self, now: Duration, place: &SimulatedPlace, claim: &Claim) {
        let row: usize = claim.client_id.parse().unwrap();
        let Some(customer) = &mut self.customers[row] else {
            self.rows.insert(claim.id, row);
            self.customers[row] = Some(ClaimedCustomer {
                id: claim.id,
                run: place.run,
                worker: place.worker,
                doubt: 1,
                settled_run: None,
            });
            return;
        };
        assert_eq!(customer.id, claim.id, "a claim is another customer's");
        let is_mine = customer.worker == place.worker;
        let holder = &self.workers[index(customer.worker)];
        let may = match customer.doubt {
            0 => customer.settled_run.unwrap_or(0) <= place.runs_before,
            _ => is_mine || is_free(holder, now, &self.scenario),
        };
        if !may {
            return;
        }
        customer.doubt = match customer.doubt {
            0 => 1,
            doubt if is_mine && customer.run == place.run => doubt,
            _ => 2,
        };
        if customer.doubt == 1 {
            customer.run = place.run;
        }
        customer.worker = place.worker;
    }

    /// `batch::answers`: what claims are as they stand, but for those that are just granted.
    pub(super) fn answers(&self, worker: i64, claims: &[Claim]) -> HashMap<u64, ClaimAnswer> {
        let answer = |claim: &Claim| {
            let customer = self.customers[self.rows[&claim.id]].as_ref()?;
            let answer = match (customer.worker == worker, customer.doubt) {
                (true, 1) => return None,
                (_, 0) => ClaimAnswer::Settled,
                (true, _) => ClaimAnswer::InDoubt { claimed_by: None },
                (false, _) => ClaimAnswer::Held,
            };
            Some((claim.id, answer))
        };
        claims.iter().filter_map(answer).collect()
    }
}

/// Whether the rows of a worker may be taken over.
fn is_free(holder: &WorkerRecord, now: Duration, scenario: &WorkersScenario) -> bool {
    match holder.state {
        WorkerState::Live => false,
        WorkerState::Left => true,
        WorkerState::Dead => holder.gone + quarantine(scenario) <= now,
    }
}
