//! Rows that repeat other rows: in what they are unlike, and what is said of them.

use anyhow::bail;

use crate::domain::candidate::Candidate;
use crate::domain::field::Field;
use crate::domain::problem::{Code, Fix, Problem};
use crate::domain::row::{Origin, Revisit, Row};
use crate::domain::text::{listed, quoted};
use crate::engine::checker::{Checker, Reading};
use crate::engine::survey::finding_store::{Other, Verdict};

/// Looks at rows that others repeat.
pub(in crate::engine) struct Others<'p, V> {
    rows: V,
    checker: Checker<'p>,
    row: Row,
}

impl<'p, V> Others<'p, V>
where
    V: Revisit<Error: std::error::Error + Send + Sync + 'static>,
{
    pub(super) fn new(rows: V, reading: &'p Reading) -> Self {
        Self {
            rows,
            checker: Checker::new(reading),
            row: Row::default(),
        }
    }

    /// The fields in which the row `of` is given other values than `candidate`.
    pub(in crate::engine) fn unlike(
        &mut self,
        candidate: &Candidate<'_>,
        of: Other,
    ) -> anyhow::Result<Vec<Field>> {
        let place = Origin {
            input: of.input,
            line: of.line,
            byte: of.byte,
            record: 1,
        };
        if !self.rows.revisit(place, &mut self.row)? {
            bail!(
                "line {} was not found again where it stood; this is a bug in kable-bulk",
                of.line
            );
        }
        let binding = self.checker.bind(of.input, self.rows.columns())?;
        let other = binding.candidate(&self.row);
        // That they have one id is why they are held against each other, however
        // it is written.
        let is_unlike =
            |field: &Field| *field != Field::ClientId && candidate.get(*field) != other.get(*field);
        Ok(Field::ALL.into_iter().filter(is_unlike).collect())
    }
}

/// A row that repeats others.
pub(in crate::engine) struct Repeating<'r> {
    pub(in crate::engine) at: Origin,
    pub(in crate::engine) verdict: &'r Verdict,
    pub(in crate::engine) names: &'r [String],
    pub(in crate::engine) client_id: &'r str,
    pub(in crate::engine) email: &'r str,
    /// In what it is unlike the row of its `clientId`.
    pub(in crate::engine) unlike: Vec<Field>,
}

/// What is wanted of rows that repeat each other.
const ONE_ROW: &str = "wanted one row a customer";

/// What is to be said of a row for what other rows are.
pub(in crate::engine) fn repeats(row: &Repeating<'_>) -> Vec<Problem> {
    let (at, verdict) = (row.at, row.verdict);
    let place = |other: Other| {
        let name = row.names.get(usize::from(other.input));
        match name.filter(|_| other.input != at.input) {
            Some(name) => format!("{name}, line {}", other.line),
            None => format!("line {}", other.line),
        }
    };
    let id = quoted(row.client_id);
    let mut problems = Vec::new();
    if let Some(first) = verdict.duplicate {
        // A row that is not fit may repeat one that comes later.
        let later = (first.input, first.line) > (at.input, at.line);
        let already = if later { "also" } else { "already" };
        let unlike: Vec<&str> = row.unlike.iter().map(|field| field.name()).collect();
        let (values, mend) = if unlike.is_empty() {
            ("the same values".to_owned(), Some(Fix::LeaveOut))
        } else {
            (format!("another {}", listed(&unlike, 3)), None)
        };
        let place = place(first);
        let message =
            format!("clientId {id} stands {already} on {place}, with {values} ({ONE_ROW})");
        let (code, field) = (Code::DuplicateClientId, Field::ClientId);
        problems.push(Problem::of(code, field, row.client_id, message).fixed_by(mend));
    }
    if let Some(other) = verdict.similar {
        let place = place(other);
        let message =
            format!("clientId {id} is that of {place} but for case or blanks ({ONE_ROW})");
        let field = Field::ClientId;
        problems.push(Problem::of(
            Code::SimilarClientId,
            field,
            row.client_id,
            message,
        ));
    }
    if let Some(other) = verdict.same_customer {
        let place = place(other);
        let message = format!(
            "e-mail and company are those of {place}, which has another clientId ({ONE_ROW})"
        );
        problems.push(Problem::of(
            Code::SameCustomer,
            Field::Email,
            row.email,
            message,
        ));
    }
    problems
}
