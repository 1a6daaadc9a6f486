//! Keeps the first rows of each kind that a person should look at, within a limit of
//! bytes that is the same for a hundred rows and for a hundred million.

use std::collections::BTreeMap;

use crate::domain::outcome::Outcome;
use crate::domain::problem::Problem;
use crate::domain::text::on_one_line;
use crate::report::{OutcomeDetails, RowAccount, RowResult, RowSink};

/// How many characters of a value are shown.
const VALUE_SHOWN: usize = 80;

/// How many characters of a message are shown.
pub(super) const MESSAGE_SHOWN: usize = 300;

/// How many rows of each kind are kept.
const ROWS_A_KIND: usize = 500;

/// How many rows of each kind are kept even where other kinds have used the bytes.
const SURE_ROWS: usize = 10;

/// How many kinds are told apart.
const MOST_KINDS: usize = 64;

/// The bytes of markup around a row's texts.
const MARKUP: usize = 210;

/// The bytes of rows beyond the first of their kind, as they stand in the page.
const BYTES: usize = 800_000;

/// The bytes of all rows.
const ALL_BYTES: usize = 1_400_000;

/// A row as it is shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ShownRow {
    pub(super) file: String,
    /// `None` if it is not known.
    pub(super) line: Option<u64>,
    pub(super) client_id: String,
    pub(super) kind: &'static str,
    pub(super) field: &'static str,
    pub(super) value: String,
    pub(super) message: String,
}

impl ShownRow {
    /// How many bytes it takes on the page, where the template escapes some characters.
    fn bytes(&self) -> usize {
        let texts = [&self.file, &self.client_id, &self.value, &self.message];
        let escaped = |text: &String| {
            let bytes = text.bytes();
            bytes
                .map(|byte| if byte.is_ascii_punctuation() { 5 } else { 1 })
                .sum::<usize>()
        };
        MARKUP + 2 * self.kind.len() + self.field.len() + texts.map(escaped).iter().sum::<usize>()
    }
}

/// The rows that a person should look at.
#[derive(Debug, Default)]
pub struct PageRows {
    rows: Vec<ShownRow>,
    bytes: usize,
    /// How many there are of each kind, kept or not, and how many are kept.
    kinds: BTreeMap<&'static str, (u64, usize)>,
}

impl PageRows {
    /// Adds what is to be looked at in a row.
    pub fn add_row(&mut self, account: &RowAccount<'_>) {
        for problem in account.problems {
            self.add(problem.code.name(), || of_problem(account, problem));
        }
        if let RowResult::Outcome(came) = account.result
            && (is_looked_at(came.outcome) || would_change(&came))
        {
            let kind = came.outcome.name();
            if came.differences.is_empty() {
                self.add(kind, || of_outcome(account, &came));
            }
            for difference in came.differences {
                self.add(kind, || ShownRow {
                    field: difference.name(),
                    value: on_one_line(&difference.ours, VALUE_SHOWN),
                    message: format!(
                        "at Kable: {}",
                        on_one_line(&difference.theirs, MESSAGE_SHOWN)
                    ),
                    ..of_outcome(account, &came)
                });
            }
        }
    }

    /// Adds what is to be looked at in a claim whose row is not known.
    pub fn add_claim(
        &mut self,
        outcome: Outcome,
        client_id: &str,
        status: Option<u16>,
        message: Option<&str>,
    ) {
        if is_looked_at(outcome) {
            self.add(outcome.name(), || ShownRow {
                file: String::new(),
                line: None,
                client_id: on_one_line(client_id, VALUE_SHOWN),
                kind: "",
                field: "",
                value: String::new(),
                message: response_text(status, message),
            });
        }
    }

    fn add(&mut self, kind: &'static str, row: impl FnOnce() -> ShownRow) {
        if self.kinds.len() >= MOST_KINDS && !self.kinds.contains_key(kind) {
            return;
        }
        let (count, kept) = self.kinds.entry(kind).or_default();
        *count += 1;
        if *kept >= ROWS_A_KIND {
            return;
        }
        let limit = if *kept < SURE_ROWS { ALL_BYTES } else { BYTES };
        if self.bytes >= limit {
            return;
        }
        let row = ShownRow { kind, ..row() };
        *kept += 1;
        self.bytes += row.bytes();
        self.rows.push(row);
    }

    pub(super) fn shown(&self) -> &[ShownRow] {
        &self.rows
    }

    /// The kinds, each with the number of rows.
    pub(super) fn kinds(&self) -> impl Iterator<Item = (&'static str, u64)> {
        self.kinds.iter().map(|(kind, (count, _))| (*kind, *count))
    }

    /// How many there are that are not kept.
    pub(super) fn left(&self) -> Option<u64> {
        let all: u64 = self.kinds.values().map(|(count, _)| count).sum();
        Some(all - self.rows.len() as u64).filter(|left| *left > 0)
    }
}

/// Whether a row did not come to a good end, or differs.
fn is_looked_at(outcome: Outcome) -> bool {
    match outcome {
        Outcome::Failed | Outcome::Differs | Outcome::Unresolved | Outcome::Missing => true,
        Outcome::Pending
        | Outcome::Created
        | Outcome::AlreadyExisted
        | Outcome::Updated
        | Outcome::Unchanged
        | Outcome::Deleted => false,
    }
}

/// Whether a run would change the row's customer.
fn would_change(came: &OutcomeDetails<'_>) -> bool {
    came.outcome == Outcome::Pending && !came.differences.is_empty()
}

fn of_row(account: &RowAccount<'_>) -> ShownRow {
    ShownRow {
        file: on_one_line(account.input, VALUE_SHOWN),
        line: Some(account.row.origin.line),
        client_id: on_one_line(account.client_id, VALUE_SHOWN),
        kind: "",
        field: "",
        value: String::new(),
        message: String::new(),
    }
}

fn of_problem(account: &RowAccount<'_>, problem: &Problem) -> ShownRow {
    ShownRow {
        field: problem.field,
        value: on_one_line(&problem.value, VALUE_SHOWN),
        message: on_one_line(&problem.message, MESSAGE_SHOWN),
        ..of_row(account)
    }
}

fn of_outcome(account: &RowAccount<'_>, came: &OutcomeDetails<'_>) -> ShownRow {
    ShownRow {
        message: response_text(came.status, came.message),
        ..of_row(account)
    }
}

/// The last response, with its status.
fn response_text(status: Option<u16>, message: Option<&str>) -> String {
    let status = status.map(|status| format!("status {status}: "));
    let said = on_one_line(message.unwrap_or_default(), MESSAGE_SHOWN);
    format!("{}{said}", status.unwrap_or_default())
}

impl RowSink for PageRows {
    fn add_row(&mut self, account: &RowAccount<'_>) -> std::io::Result<()> {
        Self::add_row(self, account);
        Ok(())
    }
}
