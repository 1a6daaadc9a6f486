//! All that is to be said of one row, whichever pass it is said in.

use anyhow::{Context, bail};

use super::Checker;
use super::verdicts::{Other, Verdict};
use crate::domain::candidate::Given;
use crate::domain::field::Field;
use crate::domain::mapping::Binding;
use crate::domain::outcome::Outcome;
use crate::domain::plan::Decision;
use crate::domain::problem::{Code, Problem};
use crate::domain::row::{Columns, Origin, Row};
use crate::domain::summary::ProblemTally;
use crate::domain::text::{SHOWN, quoted};
use crate::domain::validate::{Checked, check};
use crate::ledger::{Entry, Ledger};
use crate::report::{Came, Fate, RowAccount, Sink};

/// Where a row ended up.
#[derive(Debug, Clone, Copy)]
pub(super) enum Said {
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

/// What finds it.
pub(super) struct Finder<'p> {
    pub(super) checker: Checker<'p>,
    /// The number that the next new row's claim got.
    pub(super) next_new_id: u64,
    pub(super) ledger: Option<&'p mut dyn Ledger>,
    /// All problems so far.
    pub(super) problems: ProblemTally,
}

impl Finder<'_> {
    /// Tells `sink` all of `row`, and where it ended up.
    pub(super) fn tell(
        &mut self,
        row: &Row,
        columns: &Columns,
        verdict: Option<&Verdict>,
        sink: &mut impl Sink,
    ) -> anyhow::Result<Said> {
        let found = self.find(row, columns, verdict)?;
        for problem in &found.problems {
            self.problems.add(row.origin.line, problem);
        }
        let input = row.origin.input;
        sink.take(&RowAccount {
            row,
            columns,
            leading_own: self.checker.bind(input, columns)?.leading_own(),
            input: self.checker.input_name(input),
            client_id: &found.client_id,
            fate: found.fate(),
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
        let (client_id, fits, notes) = match check(row, binding, &reading.rules) {
            Checked::Skipped => (String::new(), None, Vec::new()),
            Checked::Unfit(rejection) => {
                let given = given(binding, row, Field::ClientId);
                (given, Some(false), rejection.problems)
            }
            Checked::Fit(fit) => (fit.values.client_id().to_owned(), Some(true), fit.notes),
        };
        let mut problems = match verdict {
            Some(verdict) => {
                let email = verdict
                    .same_customer
                    .map(|_| given(binding, row, Field::Email))
                    .unwrap_or_default();
                self.repeats(row.origin, verdict, &client_id, &email)
            }
            None => Vec::new(),
        };
        if fits == Some(true) {
            problems.extend(notes);
        } else {
            problems.splice(0..0, notes);
        }
        let strict = reading.rules.strict;
        let known = verdict.and_then(|verdict| verdict.remembered);
        match fits {
            None => Ok(Found::without_entry(Said::Skipped, client_id, problems)),
            Some(true) if !verdict.is_some_and(|verdict| verdict.rejects(strict)) => {
                let (id, decision) = if let Some(known) = known {
                    (known.id, known.decision)
                } else {
                    self.next_new_id += 1;
                    (self.next_new_id - 1, Decision::Create)
                };
                self.known(id, decision, client_id, problems)
            }
            Some(_) => Ok(Found::without_entry(Said::Rejected, client_id, problems)),
        }
    }

    /// What is to be said of a row for what other rows are.
    fn repeats(&self, at: Origin, verdict: &Verdict, client_id: &str, email: &str) -> Vec<Problem> {
        let place = |other: Other| {
            if other.input == at.input {
                format!("line {}", other.line)
            } else {
                format!(
                    "{}, line {}",
                    self.checker.input_name(other.input),
                    other.line
                )
            }
        };
        let mut problems = Vec::new();
        if let Some((first, equal)) = verdict.duplicate {
            // A row that is not fit may repeat one that comes later.
            let later = (first.input, first.line) > (at.input, at.line);
            let message = format!(
                "clientId {} stands {} on {}, {}",
                quoted(client_id),
                if later { "also" } else { "already" },
                place(first),
                if equal {
                    "with the same values"
                } else {
                    "with other values"
                }
            );
            problems.push(Problem::of(
                Code::DuplicateClientId,
                Field::ClientId,
                client_id,
                message,
            ));
        }
        if let Some(other) = verdict.similar {
            let message = format!(
                "clientId {} is that of {} but for case or blanks",
                quoted(client_id),
                place(other)
            );
            problems.push(Problem::of(
                Code::SimilarClientId,
                Field::ClientId,
                client_id,
                message,
            ));
        }
        if let Some(other) = verdict.same_customer {
            let message = format!(
                "e-mail and company are those of {}, which has another clientId",
                place(other)
            );
            problems.push(Problem::of(
                Code::SameCustomer,
                Field::Email,
                email,
                message,
            ));
        }
        problems
    }

    /// What the ledger holds of a row that was fit, under claim `id`.
    fn known(
        &mut self,
        id: u64,
        decision: Decision,
        client_id: String,
        mut problems: Vec<Problem>,
    ) -> anyhow::Result<Found> {
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

/// The text of `field`, as far as the row gives one and it can be shown.
fn given(binding: &Binding, row: &Row, field: Field) -> String {
    match binding.candidate(row).get(field) {
        Given::Text(text) => text.chars().take(SHOWN).collect(),
        Given::Absent | Given::List(_) | Given::Wrong(..) => String::new(),
    }
}
