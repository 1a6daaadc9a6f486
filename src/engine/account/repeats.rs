//! Rows that repeat other rows: the fields in which they differ, and their problems.

use anyhow::bail;

use crate::domain::candidate::{Candidate, FieldValue};
use crate::domain::card_number::without_card_number;
use crate::domain::field::Field;
use crate::domain::mapping::Binding;
use crate::domain::problem::{Code, Fix, Problem};
use crate::domain::row::{Origin, Revisit, Row};
use crate::domain::text::{listed, quoted, shown};
use crate::engine::checker::{CheckSettings, Checker};
use crate::engine::survey::finding_store::{OtherRow, RowVerdict};

/// Reads rows that others repeat once more.
pub(in crate::engine) struct RepeatedRows<'p, V> {
    rows: V,
    checker: Checker<'p>,
    row: Row,
}

impl<'p, V> RepeatedRows<'p, V>
where
    V: Revisit<Error: std::error::Error + Send + Sync + 'static>,
{
    pub(super) fn new(rows: V, settings: &'p CheckSettings) -> Self {
        Self {
            rows,
            checker: Checker::new(settings),
            row: Row::default(),
        }
    }

    /// The problems of a row with this `verdict` that result from other rows.
    pub(super) fn problems(
        &mut self,
        row: &Row,
        binding: &Binding,
        client_id: &str,
        verdict: &RowVerdict,
    ) -> anyhow::Result<Vec<Problem>> {
        let differing = match verdict.duplicate {
            Some(first) => self.differing_fields(&binding.candidate(row), first)?,
            None => Vec::new(),
        };
        let repeating = RepeatingRow {
            origin: row.origin,
            verdict,
            settings: self.checker.settings,
            client_id,
            email: &given(binding, row, Field::Email),
            differing,
        };
        Ok(repeating.problems())
    }

    /// The fields in which the row `of` has other values than `candidate`.
    fn differing_fields(
        &mut self,
        candidate: &Candidate<'_>,
        of: OtherRow,
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
        let binding = self.checker.derive(&mut self.row, self.rows.columns())?;
        let other = binding.candidate(&self.row);
        // Their ids are the same, though perhaps not as written.
        let differs =
            |field: &Field| *field != Field::ClientId && candidate.get(*field) != other.get(*field);
        Ok(Field::ALL.into_iter().filter(differs).collect())
    }
}

/// The text of `field` as the row gives it, shortened for display.
pub(super) fn given(binding: &Binding, row: &Row, field: Field) -> String {
    match binding.candidate(row).get(field) {
        FieldValue::Text(text) => shown(&without_card_number(field, text)),
        FieldValue::Absent | FieldValue::List(_) | FieldValue::Wrong(..) => String::new(),
    }
}

/// A row that repeats others.
struct RepeatingRow<'r> {
    origin: Origin,
    verdict: &'r RowVerdict,
    settings: &'r CheckSettings,
    client_id: &'r str,
    email: &'r str,
    /// The fields in which it differs from the row with the same `clientId`.
    differing: Vec<Field>,
}

/// How a user resolves repeated rows.
const ONE_ROW: &str = "wanted one row a customer";

impl RepeatingRow<'_> {
    fn problems(&self) -> Vec<Problem> {
        let id = quoted(self.client_id);
        let mut problems = Vec::new();
        problems.extend(self.verdict.duplicate.map(|first| self.duplicate(first)));
        if let Some(other) = self.verdict.similar {
            let place = self.place(other);
            let message = format!(
                "clientId {id} is that of {place} but for case, blanks or invisible characters ({ONE_ROW})"
            );
            let (code, field) = (Code::SimilarClientId, Field::ClientId);
            problems.push(Problem::of(code, field, self.client_id, message));
        }
        if let Some(other) = self.verdict.same_customer {
            let place = self.place(other);
            let message = format!(
                "e-mail and company are those of {place}, which has another clientId ({ONE_ROW})"
            );
            let (code, field) = (Code::SameCustomer, Field::Email);
            problems.push(Problem::of(code, field, self.email, message));
        }
        problems
    }

    /// The problem of a row whose `clientId` is also that of `first`.
    fn duplicate(&self, first: OtherRow) -> Problem {
        // A row that is not fit may repeat a later one.
        let is_later = (first.input, first.byte) > (self.origin.input, self.origin.byte);
        let already = if is_later { "also" } else { "already" };
        let (values, mend) = if self.differing.is_empty() {
            ("the same values".to_owned(), Some(Fix::LeaveOut))
        } else {
            let names: Vec<&str> = self.differing.iter().map(|field| field.name()).collect();
            (format!("another {}", listed(&names, 3)), None)
        };
        let (id, place) = (quoted(self.client_id), self.place(first));
        let message =
            format!("clientId {id} stands {already} on {place}, with {values} ({ONE_ROW})");
        let (code, field) = (Code::DuplicateClientId, Field::ClientId);
        Problem::of(code, field, self.client_id, message).fixed_by(mend)
    }

    fn place(&self, other: OtherRow) -> String {
        if other.input == self.origin.input {
            return format!("line {}", other.line);
        }
        let name = self.settings.input_name(other.input);
        format!("{name}, line {}", other.line)
    }
}
