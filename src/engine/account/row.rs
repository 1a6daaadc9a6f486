//! All that is to be said of one row, whichever pass it is said in.

use anyhow::{Context, bail};

use super::preview::Preview;
use super::repeats::{Others, Repeating, repeats};
use crate::domain::candidate::FieldValue;
use crate::domain::customer::{Customer, Fingerprint};
use crate::domain::decision::{Decision, UNKNOWN_DIGEST};
use crate::domain::field::Field;
use crate::domain::mapping::Binding;
use crate::domain::outcome::Outcome;
use crate::domain::problem::{Code, Problem};
use crate::domain::remote::{RemoteCustomer, differences};
use crate::domain::row::{Columns, Revisit, Row};
use crate::domain::summary::ProblemCounts;
use crate::domain::text::{quoted, shown};
use crate::domain::validate::{CheckedRow, check};
use crate::engine::checker::Checker;
use crate::engine::survey::finding_store::{Remembered, Verdict};
use crate::engine::survey::remote_list::Listed;
use crate::ledger::{ClaimRecord, Ledger};
use crate::report::{OutcomeDetails, RowAccount, RowResult, RowSink};

/// Where a row ended up.
#[derive(Debug, Clone, Copy)]
pub(in crate::engine) enum Said {
    Skipped,
    Rejected,
    Came(Outcome),
}

/// All that is to be said of one row.
struct Found {
    said: Said,
    client_id: String,
    problems: Vec<Problem>,
    entry: Option<ClaimRecord>,
}

/// What finds it.
pub(in crate::engine) struct Finder<'p, V> {
    pub(in crate::engine) checker: Checker<'p>,
    /// Rows that others repeat, to be looked at once more.
    pub(in crate::engine) others: Others<'p, V>,
    /// The number that the next new row's claim got.
    pub(in crate::engine) next_new_id: u64,
    pub(in crate::engine) ledger: Option<&'p mut dyn Ledger>,
    /// The customers that Kable holds, where they were listed.
    pub(in crate::engine) listed: Option<&'p mut Listed>,
    /// What a run would do, where that is to be found out.
    pub(in crate::engine) foresight: Option<Preview>,
    /// All problems so far.
    pub(in crate::engine) problems: ProblemCounts,
    /// Rows whose customer this checkpoint created.
    pub(in crate::engine) ours: u64,
}

impl<V> Finder<'_, V>
where
    V: Revisit<Error: std::error::Error + Send + Sync + 'static>,
{
    /// Tells `sink` all of `row`, and where it ended up.
    pub(in crate::engine) fn tell(
        &mut self,
        row: &Row,
        columns: &Columns,
        verdict: Option<&Verdict>,
        sink: &mut impl RowSink,
    ) -> anyhow::Result<Said> {
        let found = self.find(row, columns, verdict)?;
        for problem in &found.problems {
            self.problems.add(row.origin.line, problem);
        }
        let ours = found.entry.as_ref().is_some_and(|entry| entry.ours);
        self.ours += u64::from(ours);
        let input = row.origin.input;
        sink.add_row(&RowAccount {
            row,
            columns,
            leading_own: self.checker.bind(input, columns)?.leading_added(),
            input: self.checker.input_name(input),
            client_id: &found.client_id,
            result: found.result(),
            problems: &found.problems,
        })
        .context("cannot write the results")?;
        Ok(found.said)
    }

    fn find(
        &mut self,
        row: &Row,
        columns: &Columns,
        verdict: Option<&Verdict>,
    ) -> anyhow::Result<Found> {
        let reading = self.checker.reading;
        let binding = self.checker.bind(row.origin.input, columns)?;
        if verdict.is_some_and(|verdict| verdict.replaced) {
            let client_id = given(binding, row, Field::ClientId);
            return Ok(Found::without_entry(Said::Skipped, client_id, Vec::new()));
        }
        let known = verdict.and_then(|verdict| verdict.remembered);
        let is_repeat = known.is_some() && binding.was_duplicate(row, columns);
        let (mut there, mut digest) = (None, None);
        let (client_id, fits, notes) = match check(row, binding, &reading.rules) {
            CheckedRow::Skipped => (String::new(), None, Vec::new()),
            CheckedRow::Unfit(rejection) => {
                let given = given(binding, row, Field::ClientId);
                (given, Some(false), rejection.problems)
            }
            CheckedRow::Fit(fit) => {
                if let Some(kept_at) = verdict.and_then(|verdict| verdict.listed) {
                    there = held(self.listed.as_deref_mut(), kept_at)?
                        .map(|remote| (fit.values.to_customer(), remote));
                }
                // Only a row that was changed can be another one than was settled.
                if known.is_some_and(|known| known.changed) {
                    digest = Some(fit.values.digest(&mut Vec::new()));
                }
                (fit.values.client_id().to_owned(), Some(true), fit.notes)
            }
        };
        // Nearly every verdict is on a row that repeats no other.
        let mut problems = match verdict.filter(|verdict| verdict.repeats()) {
            None => Vec::new(),
            Some(verdict) => {
                let unlike = match verdict.duplicate {
                    Some(first) => self.others.unlike(&binding.candidate(row), first)?,
                    None => Vec::new(),
                };
                repeats(&Repeating {
                    at: row.origin,
                    verdict,
                    names: &reading.names,
                    client_id: &client_id,
                    email: &given(binding, row, Field::Email),
                    unlike,
                })
            }
        };
        let before = fits.filter(|fits| *fits).map_or(0, |_| problems.len());
        problems.splice(before..before, notes);
        let rejects = |verdict: &Verdict| verdict.rejects(reading.rules.strict);
        match fits {
            None => Ok(Found::without_entry(Said::Skipped, client_id, problems)),
            Some(true) if !verdict.is_some_and(rejects) => {
                if let (Some((customer, remote)), None) = (&there, &self.foresight) {
                    let entry = entry_of(customer, remote);
                    return Ok(Found::with_entry(entry, client_id, problems));
                }
                let found = self.came(known, digest.as_ref(), client_id, problems)?;
                Ok(self.foreseen(known, is_repeat, there.as_ref(), found))
            }
            Some(_) => Ok(Found::without_entry(Said::Rejected, client_id, problems)),
        }
    }

    /// What became of a row that was fit.
    fn came(
        &mut self,
        known: Option<Remembered>,
        digest: Option<&Fingerprint>,
        client_id: String,
        mut problems: Vec<Problem>,
    ) -> anyhow::Result<Found> {
        let (id, decision) = if let Some(known) = known {
            (known.id, known.decision)
        } else {
            self.next_new_id += 1;
            (self.next_new_id - 1, Decision::Create)
        };
        let entry = self.entry(id, &client_id)?;
        let outcome = outcome_of(decision, entry.as_ref(), digest);
        if entry.as_ref().is_some_and(|entry| entry.keys_lost) {
            problems.push(keys_lost(&client_id));
        }
        Ok(Found {
            said: Said::Came(outcome),
            client_id,
            problems,
            entry,
        })
    }

    /// What was `found`, with what a dry run foresees.
    fn foreseen(
        &mut self,
        known: Option<Remembered>,
        is_repeat: bool,
        there: Option<&(Customer, RemoteCustomer)>,
        mut found: Found,
    ) -> Found {
        let there = there.map(|(customer, remote)| (customer, remote));
        let foresight = self.foresight.as_mut();
        let foreseen = foresight.and_then(|foresight| foresight.foresee(known, is_repeat, there));
        if let (Some(foreseen), Some((customer, remote))) = (foreseen, there) {
            found.said = Said::Came(foreseen.outcome);
            let entry = found
                .entry
                .get_or_insert_with(|| entry_of(customer, remote));
            entry.customer_id = Some(remote.customer_id.clone());
            entry.message = foreseen.message;
        }
        found
    }

    /// What the ledger holds under claim `id`, which is `client_id`'s.
    fn entry(&mut self, id: u64, client_id: &str) -> anyhow::Result<Option<ClaimRecord>> {
        let entry = match &mut self.ledger {
            Some(ledger) => ledger.claim_record(id)?,
            None => None,
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

/// What a row came to, of which `digest` is given where it may be another one
/// than was settled.
fn outcome_of(
    decision: Decision,
    entry: Option<&ClaimRecord>,
    digest: Option<&Fingerprint>,
) -> Outcome {
    match (decision, entry) {
        // What a decision to skip comes to may differ from what was recorded:
        // a row that was changed after it was sent differs now.
        (Decision::Skip(outcome), _) => outcome,
        // So does one whose update was not sent before everything was stopped.
        (_, Some(entry))
            if entry.outcome.is_success()
                && entry.outcome.customer_exists()
                && digest.is_some_and(|digest| *digest != entry.digest) =>
        {
            Outcome::Differs
        }
        (_, Some(entry)) => entry.outcome,
        (_, None) => Outcome::Pending,
    }
}

impl Found {
    fn with_entry(entry: ClaimRecord, client_id: String, problems: Vec<Problem>) -> Self {
        Self {
            said: Said::Came(entry.outcome),
            client_id,
            problems,
            entry: Some(entry),
        }
    }

    fn without_entry(said: Said, client_id: String, problems: Vec<Problem>) -> Self {
        Self {
            said,
            client_id,
            problems,
            entry: None,
        }
    }

    fn result(&self) -> RowResult<'_> {
        match self.said {
            Said::Skipped => RowResult::Skipped,
            Said::Rejected => RowResult::Rejected,
            Said::Came(outcome) => {
                let entry = self.entry.as_ref();
                RowResult::Outcome(OutcomeDetails {
                    outcome,
                    customer_id: entry.and_then(|entry| entry.customer_id.as_deref()),
                    request_id: entry.and_then(|entry| entry.request_id.as_deref()),
                    attempts: entry.map_or(0, |entry| entry.attempts),
                    status: entry.and_then(|entry| entry.status),
                    message: entry.and_then(|entry| entry.message.as_deref()),
                })
            }
        }
    }
}

/// The customer that Kable holds of a row.
fn held(listed: Option<&mut Listed>, kept_at: u64) -> anyhow::Result<Option<RemoteCustomer>> {
    match listed {
        Some(listed) => listed.at(kept_at).context("cannot read a temporary file"),
        None => Ok(None),
    }
}

/// What a row comes to whose customer Kable holds already.
fn entry_of(customer: &Customer, remote: &RemoteCustomer) -> ClaimRecord {
    let differences = differences(customer, remote);
    let texts: Vec<String> = differences.iter().map(ToString::to_string).collect();
    ClaimRecord {
        client_id: customer.client_id().to_owned(),
        outcome: if texts.is_empty() {
            Outcome::AlreadyExisted
        } else {
            Outcome::Differs
        },
        last: None,
        digest: UNKNOWN_DIGEST,
        ours: false,
        claimed_by: None,
        keys_lost: false,
        customer_id: Some(remote.customer_id.clone()),
        request_id: None,
        attempts: 0,
        status: None,
        message: (!texts.is_empty()).then(|| texts.join("; ")),
    }
}

fn keys_lost(client_id: &str) -> Problem {
    let message = format!(
        "customer {} may have been created by this import, and the answer with its keys was lost: issue new ones",
        quoted(client_id)
    );
    Problem {
        value: shown(client_id),
        ..Problem::of_row(Code::KeysLost, message)
    }
}

/// The text of `field`, as far as the row gives one and it can be shown.
fn given(binding: &Binding, row: &Row, field: Field) -> String {
    match binding.candidate(row).get(field) {
        FieldValue::Text(text) => shown(text),
        FieldValue::Absent | FieldValue::List(_) | FieldValue::Wrong(..) => String::new(),
    }
}
