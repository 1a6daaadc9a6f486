//! The last pass: says of each row, once, what became of it.
//!
//! It reads the input again and asks the ledger, so that what it says does not
//! rest on what a process remembers. The counts that it comes to are held
//! against the survey's.

use anyhow::{Context, bail};

use super::stop::Stop;
use super::survey::LOOK_UP_EVERY;
use super::verdicts::{Verdict, Verdicts};
use super::{Checker, Reading};
use crate::domain::candidate::Given;
use crate::domain::field::Field;
use crate::domain::mapping::Binding;
use crate::domain::outcome::{Outcome, Tally};
use crate::domain::plan::Decision;
use crate::domain::problem::{Code, Problem};
use crate::domain::row::{Columns, Row, Rows};
use crate::domain::summary::{ProblemKind, ProblemTally, RowCounts};
use crate::domain::text::{SHOWN, quoted};
use crate::domain::validate::{Checked, check};
use crate::ledger::{Entry, Ledger};
use crate::report::{Came, Event, Fate, Observer, RowAccount, Sink};

impl std::fmt::Debug for Accounting<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Accounting").finish_non_exhaustive()
    }
}

/// What all rows came to.
#[derive(Debug, Clone, Default)]
pub struct Account {
    /// Rows read, skipped and rejected.
    pub rows: RowCounts,
    /// What the others came to.
    pub outcomes: Tally,
    /// What was wrong.
    pub problems: Vec<ProblemKind>,
    /// Whether it was stopped before the end.
    pub interrupted: bool,
}

/// What an account needs beside the rows.
pub struct Accounting<'a> {
    /// What rows are held against.
    pub reading: &'a Reading,
    /// What the survey found out.
    pub verdicts: &'a mut Verdicts,
    /// The number that the first new row's claim got.
    pub first_new_id: u64,
    /// What was claimed and settled; `None` where nothing is sent.
    pub ledger: Option<&'a mut dyn Ledger>,
    /// Ends the reading. `None` where results are to be written all the same,
    /// as those of an interrupted run are.
    pub stop: Option<&'a Stop>,
}

/// Gives an account of every row in `rows` to `sink`.
pub fn account<R>(
    rows: &mut R,
    accounting: Accounting<'_>,
    sink: &mut impl Sink,
    observer: &impl Observer,
) -> anyhow::Result<Account>
where
    R: Rows<Error: std::error::Error + Send + Sync + 'static>,
{
    accounting
        .verdicts
        .rewind()
        .context("cannot read a temporary file")?;
    let mut row = Row::default();
    let mut all = Account::default();
    let mut problems = ProblemTally::default();
    let (verdicts, stop) = (accounting.verdicts, accounting.stop);
    let mut pass = Pass {
        checker: Checker::new(accounting.reading),
        next_new_id: accounting.first_new_id,
        ledger: accounting.ledger,
    };
    while rows.next(&mut row)? {
        let verdict = verdicts
            .on(all.rows.read)
            .context("cannot read a temporary file")?;
        all.rows.read += 1;
        let found = pass.find(&row, rows.columns(), verdict)?;
        match found.said {
            Said::Skipped => all.rows.skipped += 1,
            Said::Rejected => all.rows.rejected += 1,
            Said::Came(outcome) => all.outcomes.add(outcome),
        }
        for problem in &found.problems {
            problems.add(row.origin.line, problem);
        }
        sink.take(&RowAccount {
            row: &row,
            columns: rows.columns(),
            leading_own: pass
                .checker
                .bind(row.origin.input, rows.columns())?
                .leading_own(),
            input: pass.checker.input_name(row.origin.input),
            client_id: &found.client_id,
            fate: found.fate(),
            problems: &found.problems,
        })
        .context("cannot write the results")?;
        if all.rows.read.is_multiple_of(LOOK_UP_EVERY) {
            observer.hear(&Event::Accounting {
                rows: all.rows.read,
            });
            if stop.is_some_and(Stop::is_halted) {
                all.interrupted = true;
                break;
            }
        }
    }
    all.problems = problems.kinds();
    Ok(all)
}

/// Holds an account against what the survey counted.
pub fn demand_agreement(account: &Account, surveyed: RowCounts) -> anyhow::Result<()> {
    let sum = account.rows.skipped + account.rows.rejected + account.outcomes.sum();
    if account.interrupted || (account.rows == surveyed && account.rows.read == sum) {
        return Ok(());
    }
    bail!(
        "the sums do not agree: first {surveyed:?} were counted, then {:?} with {sum} of them accounted for; \
         this is a bug in kable-bulk, and the checkpoint is right",
        account.rows
    )
}

/// Where a row ended up.
#[derive(Debug, Clone, Copy)]
enum Said {
    Skipped,
    Rejected,
    Came(Outcome),
}

/// All that is to be said of one row.
struct Found {
    said: Said,
    client_id: String,
    problems: Vec<Problem>,
    entry: Option<Entry>,
}

/// A row that passed.
struct Fitting {
    client_id: String,
    notes: Vec<Problem>,
}

/// What finds it.
struct Pass<'p> {
    checker: Checker<'p>,
    next_new_id: u64,
    ledger: Option<&'p mut dyn Ledger>,
}

impl Pass<'_> {
    fn find(
        &mut self,
        row: &Row,
        columns: &Columns,
        verdict: Option<Verdict>,
    ) -> anyhow::Result<Found> {
        let reading = self.checker.reading;
        let binding = self.checker.bind(row.origin.input, columns)?;
        let fit = match check(row, binding, &reading.rules) {
            Checked::Skipped => {
                return Ok(Found::without_entry(
                    Said::Skipped,
                    String::new(),
                    Vec::new(),
                ));
            }
            Checked::Unfit(rejection) => {
                let client_id = given_id(binding, row);
                return Ok(Found::without_entry(
                    Said::Rejected,
                    client_id,
                    rejection.problems,
                ));
            }
            Checked::Fit(fit) => Fitting {
                client_id: fit.values.client_id().to_owned(),
                notes: fit.notes,
            },
        };
        match verdict {
            Some(Verdict::Duplicate { input, line }) => {
                let client_id = fit.client_id;
                let there = self.checker.input_name(input);
                let there = (input != row.origin.input).then_some(there);
                let mut problems = vec![duplicate(&client_id, there, line)];
                problems.extend(fit.notes);
                Ok(Found::without_entry(Said::Rejected, client_id, problems))
            }
            Some(Verdict::Known { id, decision, .. }) => self.known(id, decision, fit),
            None => {
                let id = self.next_new_id;
                self.next_new_id += 1;
                self.known(id, Decision::Create, fit)
            }
        }
    }

    /// What the ledger holds of a row that was fit, under claim `id`.
    fn known(&mut self, id: u64, decision: Decision, fit: Fitting) -> anyhow::Result<Found> {
        let mut problems = fit.notes;
        let client_id = fit.client_id;
        let entry = match &mut self.ledger {
            Some(ledger) => ledger.entry(id)?,
            None => None,
        };
        if let Some(entry) = &entry {
            if entry.client_id != client_id {
                bail!(
                    "the checkpoint holds {} where {} was claimed; this is a bug in kable-bulk",
                    quoted(&entry.client_id),
                    quoted(&client_id)
                );
            }
            if entry.keys_lost {
                problems.push(keys_lost(&client_id));
            }
        }
        // What a decision to skip comes to may differ from what was recorded:
        // a row that was changed after it was sent differs now.
        let outcome = match (decision, &entry) {
            (Decision::Skip(outcome), _) => outcome,
            (_, Some(entry)) => entry.outcome,
            (_, None) => Outcome::Pending,
        };
        Ok(Found {
            said: Said::Came(outcome),
            client_id,
            problems,
            entry,
        })
    }
}

impl Found {
    fn without_entry(said: Said, client_id: String, problems: Vec<Problem>) -> Self {
        Self {
            said,
            client_id,
            problems,
            entry: None,
        }
    }

    fn fate(&self) -> Fate<'_> {
        match self.said {
            Said::Skipped => Fate::Skipped,
            Said::Rejected => Fate::Rejected,
            Said::Came(outcome) => {
                let entry = self.entry.as_ref();
                Fate::Came(Came {
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

fn keys_lost(client_id: &str) -> Problem {
    Problem {
        code: Code::KeysLost,
        field: "",
        value: client_id.chars().take(SHOWN).collect(),
        message: format!(
            "customer {} may have been created by this import, and the answer with its keys was lost: issue new ones",
            quoted(client_id)
        ),
    }
}

/// The `clientId` of a row that is not fit, as far as it has one.
fn given_id(binding: &Binding, row: &Row) -> String {
    match binding.candidate(row).get(Field::ClientId) {
        Given::Text(text) => text.chars().take(SHOWN).collect(),
        Given::Absent | Given::List(_) | Given::Wrong(..) => String::new(),
    }
}

/// The problem of a row whose id stands already on `line`, of another input
/// where `there` names one.
fn duplicate(client_id: &str, there: Option<&str>, line: u64) -> Problem {
    let place = there.map_or_else(
        || format!("line {line}"),
        |name| format!("{name}, line {line}"),
    );
    let message = format!("clientId {} stands already on {place}", quoted(client_id));
    Problem::of(Code::DuplicateClientId, Field::ClientId, client_id, message)
}

#[cfg(test)]
#[path = "account_tests.rs"]
mod tests;
