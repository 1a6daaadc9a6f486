//! What became of one row, found out the same way in every kind of account.

use anyhow::{Context, bail};

use super::accounted_row::{AccountedEnd, AccountedRow};
use super::entry::{entry_of, outcome_of, recorded};
use super::listed_outcomes::ListedOutcomes;
use super::preview::Preview;
use super::repeats::{RepeatedRows, given};
use super::sync_account::{ListedRemote, SyncAccount, SyncedEnd, SyncedRow};
use crate::domain::compared_fields::ComparedFields;
use crate::domain::customer::Fingerprint;
use crate::domain::decision::Decision;
use crate::domain::field::Field;
use crate::domain::outcome::OutcomeCounts;
use crate::domain::plan_policy::PlanPolicy;
use crate::domain::problem::{Code, NO_READABLE_KEY, Problem};
use crate::domain::problem_groups::ProblemCounts;
use crate::domain::recorded_differences::recorded_differences;
use crate::domain::remote::ComparedCustomer;
use crate::domain::row::{Columns, Revisit, Row};
use crate::domain::summary::RowCounts;
use crate::domain::text::{quoted, shown};
use crate::domain::validate::{CheckedRow, check};
use crate::engine::checker::Checker;
use crate::engine::claim_numbers::ClaimNumbers;
use crate::engine::survey::finding_store::{PriorClaim, RowVerdict};
use crate::engine::survey::remote_list::RemoteList;
use crate::engine::sync::step::SyncStep;
use crate::ledger::{ClaimRecord, Ledger};
use crate::report::{RowAccount, RowSink};

/// A fit row that is not rejected because of other rows.
struct FitRow {
    client_id: String,
    problems: Vec<Problem>,
    claim: Option<PriorClaim>,
    /// Whether it was rejected before for repeating another row.
    is_repeat: bool,
    /// Its digest, if it changed since its claim: only then it can differ from what was
    /// settled.
    digest: Option<Fingerprint>,
    /// Its customer, and the one that Kable holds under its id.
    there: Option<ComparedCustomer>,
}

/// Finds out what became of rows, and counts.
pub(in crate::engine) struct RowAccountant<'p, V> {
    pub(in crate::engine) checker: Checker<'p>,
    pub(in crate::engine) repeated: RepeatedRows<'p, V>,
    /// The numbers of new claims; `None` if no row has one.
    pub(in crate::engine) numbers: Option<ClaimNumbers>,
    pub(in crate::engine) ledger: Option<&'p mut dyn Ledger>,
    /// The customers that Kable holds, if they were listed.
    pub(in crate::engine) remote_list: Option<&'p mut RemoteList>,
    /// The outcomes by that list alone.
    pub(in crate::engine) listed: ListedOutcomes,
    /// What a sync did with each row.
    pub(in crate::engine) sync: Option<SyncAccount<'p>>,
    /// The fields that differ, and those that could not be compared.
    pub(in crate::engine) compared: ComparedFields,
    /// Present in a dry run.
    pub(in crate::engine) preview: Option<Preview>,
    /// Rows read, skipped and rejected so far.
    pub(in crate::engine) rows: RowCounts,
    /// The outcomes of the others.
    pub(in crate::engine) outcomes: OutcomeCounts,
    pub(in crate::engine) problems: ProblemCounts,
    /// Rows whose customer this checkpoint created.
    pub(in crate::engine) ours: u64,
}

impl<V> RowAccountant<'_, V>
where
    V: Revisit<Error: std::error::Error + Send + Sync + 'static>,
{
    /// Finds out what became of `row`, counts it, and passes it to `sink`.
    pub(in crate::engine) fn account_for(
        &mut self,
        row: &mut Row,
        columns: &Columns,
        verdict: Option<&RowVerdict>,
        sink: &mut impl RowSink,
    ) -> anyhow::Result<()> {
        self.checker.derive(row, columns)?;
        let row = &*row;
        let mut result = self.result_of(row, columns, verdict)?;
        self.compare_as_recorded(row, columns, &mut result.end)?;
        self.rows.read += 1;
        match &result.end {
            AccountedEnd::Skipped => self.rows.skipped += 1,
            AccountedEnd::Rejected => self.rows.rejected += 1,
            AccountedEnd::Fit { outcome, entry, .. } => {
                self.outcomes.add(*outcome);
                self.ours += u64::from(entry.as_ref().is_some_and(|entry| entry.ours));
            }
        }
        for problem in &result.problems {
            self.problems.add(row.origin.line, problem);
        }
        let input = row.origin.input;
        sink.add_row(&RowAccount {
            row,
            columns,
            leading_own: self.checker.bind(input, columns)?.leading_added(),
            input: self.checker.input_name(input),
            client_id: &result.client_id,
            result: result.end.result(),
            problems: &result.problems,
        })
        .context("cannot write the results")
    }

    fn result_of(
        &mut self,
        row: &Row,
        columns: &Columns,
        verdict: Option<&RowVerdict>,
    ) -> anyhow::Result<AccountedRow> {
        let rules = &self.checker.settings.rules;
        let binding = self.checker.bind(row.origin.input, columns)?;
        if verdict.is_some_and(|verdict| verdict.skipped().is_some()) {
            return Ok(AccountedRow::skipped(given(binding, row, Field::ClientId)));
        }
        // Nearly every verdict is on a row that repeats no other.
        let repeating = verdict.filter(|verdict| verdict.repeats());
        let fit = match check(row, binding, rules) {
            CheckedRow::Skipped(_) => return Ok(AccountedRow::skipped(String::new())),
            CheckedRow::Unfit(rejection) => {
                let client_id = given(binding, row, Field::ClientId);
                let mut problems = rejection.problems;
                if let Some(verdict) = repeating {
                    problems.extend(self.repeated.problems(row, binding, &client_id, verdict)?);
                }
                return Ok(AccountedRow::rejected(client_id, problems));
            }
            CheckedRow::Fit(fit) => fit,
        };
        let client_id = fit.values.client_id().to_owned();
        let mut problems = match repeating {
            Some(verdict) => self.repeated.problems(row, binding, &client_id, verdict)?,
            None => Vec::new(),
        };
        problems.extend(fit.notes);
        if verdict.is_some_and(|verdict| verdict.rejects(rules.strict)) {
            return Ok(AccountedRow::rejected(client_id, problems));
        }
        let claim = verdict.and_then(|verdict| verdict.prior_claim);
        let changed = claim.is_some_and(|claim| claim.changed);
        let listed = verdict.and_then(|verdict| verdict.listed);
        if let Some(sync) = &mut self.sync {
            let step = sync.step(self.rows.read)?;
            let customer = (step != SyncStep::LeaveEqual).then(|| fit.values.to_customer());
            let claim_id = claim.map(|claim| claim.id);
            let synced = SyncedRow::of(client_id, (claim_id, listed), step, customer);
            return self.sync_result(synced, problems);
        }
        let mut there = None;
        let listed = verdict.and_then(|verdict| verdict.listed);
        if let (Some(list), Some(places)) = (self.remote_list.as_deref_mut(), listed) {
            let remote = list.held(places).context("cannot read a temporary file")?;
            there = remote.map(|remote| {
                ComparedCustomer::of(fit.values.to_customer(), remote, PlanPolicy::Exact)
            });
        }
        if let Some(compared) = &there {
            self.compared.add(compared);
        }
        let fit = FitRow {
            client_id,
            problems,
            claim,
            is_repeat: binding.was_duplicate(row, columns),
            digest: changed.then(|| fit.values.digest(&mut Vec::new())),
            there,
        };
        self.fit_result(fit)
    }

    /// What became of a fit row, from the ledger and the list of customers.
    fn fit_result(&mut self, mut fit: FitRow) -> anyhow::Result<AccountedRow> {
        if let (Some(compared), None) = (&fit.there, &self.preview) {
            let entry = entry_of(compared);
            let outcome = if compared.differences.is_empty() {
                self.listed.equal
            } else {
                entry.outcome
            };
            let differences = fit
                .there
                .map_or_else(Vec::new, |compared| compared.differences);
            return Ok(AccountedRow {
                client_id: fit.client_id,
                problems: fit.problems,
                end: AccountedEnd::Fit {
                    outcome,
                    entry: Some(entry),
                    differences,
                },
            });
        }
        let (id, decision) = match fit.claim {
            Some(claim) => (Some(claim.id), claim.decision),
            None => (self.new_id(), Decision::Create),
        };
        let mut entry = self.entry(id, &fit.client_id)?;
        let absent = self.listed.absent;
        let outcome = outcome_of(decision, entry.as_ref(), fit.digest.as_ref(), absent);
        fit.problems.extend(keys_lost(entry.as_ref()));
        if let (Decision::Skip(_), Some(entry)) = (decision, &mut entry)
            && fit.is_repeat
        {
            // They are about the row that was sent.
            (entry.message, entry.differing) = (None, None);
        }
        let mut end = AccountedEnd::Fit {
            outcome,
            entry,
            differences: Vec::new(),
        };
        if let Some(preview) = &mut self.preview {
            end.preview(preview, fit.claim, fit.is_repeat, fit.there);
        }
        if fit.is_repeat {
            end.explain_repeat();
        }
        Ok(AccountedRow {
            client_id: fit.client_id,
            problems: fit.problems,
            end,
        })
    }

    /// Adds how a row differs by the ledger, if there is no list of customers. Few rows
    /// differ, so those are checked once more for their values.
    fn compare_as_recorded(
        &mut self,
        row: &Row,
        columns: &Columns,
        end: &mut AccountedEnd,
    ) -> anyhow::Result<()> {
        let (
            None,
            AccountedEnd::Fit {
                outcome,
                entry,
                differences,
            },
        ) = (&self.remote_list, end)
        else {
            return Ok(());
        };
        let Some(recorded) = recorded(entry.as_ref(), *outcome) else {
            return Ok(());
        };
        let rules = &self.checker.settings.rules;
        let binding = self.checker.bind(row.origin.input, columns)?;
        if let CheckedRow::Fit(fit) = check(row, binding, rules) {
            *differences = recorded_differences(&fit.values.to_customer(), recorded);
            self.compared.add_differences(differences);
        }
        Ok(())
    }

    /// What became of a fit row of a sync.
    fn sync_result(
        &mut self,
        row: SyncedRow,
        mut problems: Vec<Problem>,
    ) -> anyhow::Result<AccountedRow> {
        let mut id = row.claim_id;
        if id.is_none() && row.step.sends() {
            id = self.new_id();
        }
        let entry = self.entry(id, &row.client_id)?;
        let list = self.remote_list.as_deref_mut().zip(row.listed);
        let remote = list.map(|(list, places)| ListedRemote::at(list, places, row.step));
        let remote = remote.transpose().context("cannot read a temporary file")?;
        problems.extend(keys_lost(entry.as_ref()));
        let client_id = row.client_id.clone();
        let Some(sync) = &self.sync else {
            bail!("a row of a sync without one; this is a bug in kable-bulk");
        };
        let SyncedEnd {
            outcome,
            entry,
            differences,
        } = sync.end(row, entry, remote);
        Ok(AccountedRow {
            client_id,
            problems,
            end: AccountedEnd::Fit {
                outcome,
                entry: Some(entry),
                differences,
            },
        })
    }

    /// The claim number of a row without a prior claim.
    fn new_id(&mut self) -> Option<u64> {
        let ordinal = self.rows.read;
        self.numbers.as_mut().map(|numbers| numbers.of_row(ordinal))
    }

    /// The ledger's entry of claim `id`, which must be `client_id`'s.
    fn entry(&mut self, id: Option<u64>, client_id: &str) -> anyhow::Result<Option<ClaimRecord>> {
        let entry = match (&mut self.ledger, id) {
            (Some(ledger), Some(id)) => ledger.claim_record(id)?,
            (Some(_) | None, _) => None,
        };
        if let Some(entry) = &entry
            && entry.client_id != client_id
        {
            bail!(
                "the checkpoint holds {} where {} was claimed; this is a bug in kable-bulk",
                quoted(&entry.client_id),
                quoted(client_id)
            );
        }
        Ok(entry)
    }
}

/// The warning that the customer's keys are lost, if they are.
fn keys_lost(entry: Option<&ClaimRecord>) -> Option<Problem> {
    let entry = entry.filter(|entry| entry.keys_lost)?;
    let client_id = &entry.client_id;
    let last = entry.message.as_deref().unwrap_or_default();
    let how = if last.ends_with(NO_READABLE_KEY) {
        format!("was created by this import, and {NO_READABLE_KEY}")
    } else {
        "may have been created by this import, and the answer with its keys was lost".to_owned()
    };
    let message = format!("customer {} {how}: issue new ones", quoted(client_id));
    Some(Problem {
        value: shown(client_id),
        ..Problem::of_row(Code::KeysLost, message)
    })
}
