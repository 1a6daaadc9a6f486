//! The rules of the model's rows: who may claim and settle them, as `postgres/batch.rs` and
//! `settle.sql` have it.

use std::collections::HashMap;
use std::time::Duration;

use super::shared_database::{ClaimedCustomer, SharedRules, SimulatedDatabase};
use super::shared_database::{SimulatedPlace, WorkerRecord};
use crate::domain::outcome::Outcome;
use crate::ledger::workers::{ClaimAnswer, WorkerState};
use crate::ledger::{Claim, Settlement};

impl SimulatedDatabase {
    /// `settle.sql`: `WHERE c.id = s.id AND (c.worker = $16 OR NOT EXISTS (… w.id = c.worker AND
    /// w.state = 'live'))`
    pub(super) fn settle(&mut self, place: &SimulatedPlace, settled: &Settlement) {
        let Some(row) = self.rows.get(&settled.id) else {
            return;
        };
        let Some(customer) = self.customers.get_mut(row) else {
            return;
        };
        let holder = self.workers.get(&customer.worker);
        let is_live = holder.is_some_and(|holder| holder.state == WorkerState::Live);
        if customer.worker != place.worker && is_live {
            return;
        }
        let outcome = settled.outcome;
        if outcome == Outcome::Pending {
            customer.doubt = 0;
            return;
        }
        customer.settled_run = Some(place.run);
        if outcome == Outcome::Unresolved {
            customer.doubt = 2;
            return;
        }
        if customer.doubt == 0 {
            self.settled_twice.push(*row);
        } else {
            self.settled += 1;
        }
        customer.doubt = 0;
    }

    /// `batch::claim`: `INSERT … ON CONFLICT (key) DO UPDATE … WHERE c.id = excluded.id AND CASE
    /// WHEN c.doubt = 0 THEN coalesce(c.settled_run, 0) <= $10 ELSE c.worker = excluded.worker OR
    /// EXISTS (… w.state <> 'live' AND (w.state = 'left' OR w.gone + w.quarantine <= now)) END`
    pub(super) fn claim(
        &mut self,
        now: Duration,
        place: &SimulatedPlace,
        (claim, claimed_by): (&Claim, Option<i64>),
    ) {
        if self.delays_claims(now) {
            return;
        }
        let row: usize = claim.client_id.parse().unwrap();
        let new_doubt = if self.doubts_gaps() { 2 } else { 1 };
        let Some(customer) = self.customers.get_mut(&row) else {
            self.rows.insert(claim.id, row);
            let claimed = ClaimedCustomer {
                id: claim.id,
                run: place.run,
                worker: place.worker,
                doubt: new_doubt,
                settled_run: None,
                claimed_by,
            };
            self.customers.insert(row, claimed);
            return;
        };
        assert_eq!(customer.id, claim.id, "a claim is another customer's");
        let is_mine = customer.worker == place.worker;
        let holder = self.workers.get(&customer.worker);
        let may = match customer.doubt {
            0 => customer.settled_run.unwrap_or(0) <= place.runs_before,
            _ => is_mine || holder.is_some_and(|holder| is_free(holder, now, self.rules)),
        };
        if !may {
            return;
        }
        if customer.doubt == 0 {
            (customer.run, customer.claimed_by) = (place.run, claimed_by);
            customer.doubt = new_doubt;
        } else if !is_mine || customer.run != place.run {
            customer.doubt = 2;
        }
        customer.worker = place.worker;
    }

    /// `batch::answers`: what claims are as they stand, but for those that are just granted.
    /// One that is not there, or was not settled in its session, was not granted.
    pub(super) fn answers(
        &self,
        place: &SimulatedPlace,
        claims: &[Claim],
    ) -> HashMap<u64, ClaimAnswer> {
        let answer = |claim: &Claim| {
            let row = self.rows.get(&claim.id);
            let Some(customer) = row.and_then(|row| self.customers.get(row)) else {
                return Some((claim.id, ClaimAnswer::Held));
            };
            let claimed_by = customer.claimed_by;
            let is_settled = customer.settled_run > Some(place.runs_before);
            let answer = match (customer.worker == place.worker, customer.doubt) {
                (true, 1) => return None,
                (_, 0) if is_settled => ClaimAnswer::Settled,
                (true, 1..) => ClaimAnswer::InDoubt { claimed_by },
                (_, 0) | (false, _) => ClaimAnswer::Held,
            };
            Some((claim.id, answer))
        };
        claims.iter().filter_map(answer).collect()
    }
}

/// Whether the rows of a worker may be taken over.
fn is_free(holder: &WorkerRecord, now: Duration, rules: SharedRules) -> bool {
    match (holder.state, holder.gone) {
        (WorkerState::Left, _) => true,
        (WorkerState::Dead, Some(gone)) => gone + rules.quarantine <= now,
        (WorkerState::Dead | WorkerState::Live, _) => false,
    }
}
