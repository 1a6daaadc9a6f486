//! What became of a row of a sync, by its step and the ledger.

use std::io;

use anyhow::Context;

use crate::domain::customer::Customer;
use crate::domain::outcome::Outcome;
use crate::domain::plan_policy::PlanPolicy;
use crate::domain::remote::{ComparedCustomer, Difference, RemoteCustomer};
use crate::engine::survey::listed_places::ListedPlaces;
use crate::engine::survey::remote_list::RemoteList;
use crate::engine::sync::plan::SyncPlan;
use crate::engine::sync::step::SyncStep;
use crate::ledger::ClaimRecord;

/// What a sync did with each row, or would do.
#[derive(Debug)]
pub struct SyncAccount<'a> {
    /// What was decided.
    pub plan: &'a mut SyncPlan,
    /// What was compared of plans and bundles.
    pub plans: PlanPolicy,
    /// When this run began to send, in Unix milliseconds; `None` if it sent nothing.
    pub began_ms: Option<i64>,
}

/// A fit row of a sync.
pub(super) struct SyncedRow {
    pub(super) client_id: String,
    /// The claim that the ledger had of it before.
    pub(super) claim_id: Option<u64>,
    pub(super) step: SyncStep,
    /// Where the list of customers has it.
    pub(super) listed: Option<ListedPlaces>,
    /// The row's customer, if it is compared.
    pub(super) customer: Option<Customer>,
}

impl SyncedRow {
    pub(super) fn of(
        client_id: String,
        (claim_id, listed): (Option<u64>, Option<ListedPlaces>),
        step: SyncStep,
        customer: Option<Customer>,
    ) -> Self {
        Self {
            client_id,
            claim_id,
            step,
            listed,
            customer,
        }
    }
}

/// The customer of a row, as it is listed.
#[derive(Debug, Default)]
pub(super) struct ListedRemote {
    customer_id: Option<String>,
    /// The customer, if the row is compared with it.
    customer: Option<RemoteCustomer>,
}

impl ListedRemote {
    /// The customer at `places`, as much of it as `step` needs.
    pub(super) fn at(
        list: &mut RemoteList,
        places: ListedPlaces,
        step: SyncStep,
    ) -> io::Result<Self> {
        if step == SyncStep::LeaveEqual {
            let ids = list.ids_at(places.compared)?;
            return Ok(Self {
                customer_id: ids.map(|ids| ids.customer_id),
                customer: None,
            });
        }
        let customer = list.held(places)?;
        Ok(Self {
            customer_id: customer.as_ref().map(|remote| remote.customer_id.clone()),
            customer,
        })
    }
}

/// What became of it.
pub(super) struct SyncedEnd {
    pub(super) outcome: Outcome,
    pub(super) entry: ClaimRecord,
    /// How it differed from its customer in the list.
    pub(super) differences: Vec<Difference>,
}

impl SyncAccount<'_> {
    /// What was decided for the fit row `ordinal`.
    pub(super) fn step(&mut self, ordinal: u64) -> anyhow::Result<SyncStep> {
        let step = self.plan.on(ordinal);
        step.context("cannot read a temporary file")
    }

    /// What became of `row`; `record` is what the ledger has of it, and `remote` its customer
    /// before the run.
    pub(super) fn end(
        &self,
        row: SyncedRow,
        record: Option<ClaimRecord>,
        remote: Option<ListedRemote>,
    ) -> SyncedEnd {
        let remote = remote.unwrap_or_default();
        let outcome = self.outcome(row.step, record.as_ref());
        let is_recorded = match row.step {
            SyncStep::LeaveEqual | SyncStep::LeaveDiffering => false,
            SyncStep::LeaveFailed => true,
            SyncStep::Create | SyncStep::LookUp => outcome != Outcome::Pending,
        };
        let record = record.unwrap_or_default();
        let mut entry = if is_recorded {
            record
        } else {
            ClaimRecord {
                client_id: record.client_id,
                ours: record.ours,
                // What is listed is there now.
                customer_id: remote.customer_id.clone().or(record.customer_id),
                ..ClaimRecord::default()
            }
        };
        entry.customer_id = entry.customer_id.or(remote.customer_id);
        let compared = row
            .customer
            .zip(remote.customer)
            .map(|(customer, remote)| ComparedCustomer::of(customer, remote, self.plans));
        if let Some(compared) = compared.as_ref().filter(|_| !is_recorded) {
            let sentence = compared.sentence();
            entry.message = (!sentence.is_empty()).then_some(sentence);
        }
        SyncedEnd {
            outcome,
            entry,
            differences: compared.map_or_else(Vec::new, |compared| compared.differences),
        }
    }

    /// The outcome of a row for which `step` was decided; `record` is what the ledger has of
    /// it. A row whose customer was not changed before the run ended is pending.
    pub(super) fn outcome(&self, step: SyncStep, record: Option<&ClaimRecord>) -> Outcome {
        let is_of_this_run = |record: &&ClaimRecord| {
            let settled = record.settled.zip(self.began_ms);
            record.outcome == Outcome::Unresolved
                || settled.is_some_and(|(settled, began)| settled >= began)
        };
        match step {
            SyncStep::LeaveEqual => Outcome::Unchanged,
            SyncStep::LeaveDiffering => Outcome::Differs,
            SyncStep::LeaveFailed => Outcome::Failed,
            SyncStep::Create | SyncStep::LookUp => record
                .filter(is_of_this_run)
                .map_or(Outcome::Pending, |record| record.outcome),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{ClaimRecord, Outcome, PlanPolicy, SyncPlan, SyncStep};

    fn record(outcome: Outcome, settled: Option<i64>) -> ClaimRecord {
        ClaimRecord {
            outcome,
            settled,
            ..ClaimRecord::default()
        }
    }

    #[test]
    fn only_what_this_run_settled_counts() {
        let mut plan = SyncPlan::default();
        let account = super::SyncAccount {
            plan: &mut plan,
            plans: PlanPolicy::Add,
            began_ms: Some(100),
        };
        let outcome = |record: &ClaimRecord| account.outcome(SyncStep::LookUp, Some(record));
        assert_eq!(
            outcome(&record(Outcome::Updated, Some(100))),
            Outcome::Updated
        );
        assert_eq!(
            outcome(&record(Outcome::Created, Some(99))),
            Outcome::Pending
        );
        assert_eq!(
            outcome(&record(Outcome::Unresolved, None)),
            Outcome::Unresolved
        );
        assert_eq!(account.outcome(SyncStep::Create, None), Outcome::Pending);
        let old = record(Outcome::Created, Some(7));
        let left = account.outcome(SyncStep::LeaveEqual, Some(&old));
        assert_eq!(left, Outcome::Unchanged);
    }
}
