//! Computes the derived values of a row.
//!
//! They become cells of the row, in columns beyond its own: its text stays what was
//! read, and a candidate borrows all its values from the row.

use std::borrow::Cow;
use std::sync::Arc;

use super::column_target::BoundColumns;
use super::condition::{Condition, TestedValue};
use super::plan::{ComputedDefault, RepeatRule};
use super::row_cells::{DerivedValue, RowCells};
use super::rule_values::RuleValues;
use super::text_rules::slug;
use crate::domain::field::{Field, FieldMap, FieldSet};
use crate::domain::problem::{Code, Problem};
use crate::domain::row::{CellKind, ReadState, Row};
use crate::domain::row_findings::RowFindings;
use crate::domain::skip::SkipReason;
use crate::domain::text::{quoted, trimmed};

/// The first column of derived values: beyond those of any input.
const FIRST_COLUMN: usize = usize::MAX - Field::COUNT;

/// How many computed defaults may rest on each other.
const MOST_STEPS: u8 = 8;

/// The field of a column of derived values.
pub(super) fn derived_field(column: usize) -> Option<Field> {
    let index = column.checked_sub(FIRST_COLUMN)?;
    Field::ALL.get(index).copied()
}

/// What is derived of one row.
struct Derivation<'r> {
    cells: RowCells<'r>,
    values: FieldMap<Option<DerivedValue>>,
    problems: Vec<Problem>,
    defaulted: FieldSet,
}

/// Adds the derived values of `row` to it.
pub(super) fn derive(bound: &BoundColumns, row: &mut Row) {
    let (values, findings, left_out) = Derivation::of(RowCells { bound, row }).end();
    row.findings = findings;
    if let Some(name) = left_out {
        row.state = ReadState::Skipped(SkipReason::Filter(name));
        return;
    }
    for field in Field::ALL {
        let column = FIRST_COLUMN + field.index();
        match values.get(field) {
            None => {}
            Some(DerivedValue::Text(text)) => row.push_unescaped(column, CellKind::Text, text),
            Some(DerivedValue::Wrong(kind, text)) => row.push_unescaped(column, *kind, text),
            Some(DerivedValue::Items(items)) if items.is_empty() => {
                row.push_unescaped(column, CellKind::EmptyList, "");
            }
            Some(DerivedValue::Items(items)) => {
                for item in items {
                    row.push_unescaped(column, CellKind::Item, item);
                }
            }
        }
    }
}

impl<'r> Derivation<'r> {
    /// Derives the values of a row.
    fn of(cells: RowCells<'r>) -> Self {
        let mut values = FieldMap::default();
        for field in cells.marked() {
            *values.get_mut(field) = Some(DerivedValue::Text(String::new()));
        }
        let mut rules = RuleValues {
            cells,
            problems: Vec::new(),
            defaulted: FieldSet::default(),
        };
        let mapping = &cells.bound.mapping;
        for rule in &mapping.rules {
            *values.get_mut(rule.field) = Some(rules.value(rule));
        }
        let mut derivation = Self {
            cells,
            values,
            problems: rules.problems,
            defaulted: rules.defaulted,
        };
        for (field, default) in &mapping.computed {
            derivation.fill(*field, *default);
        }
        derivation
    }

    /// The derived values, what was found, and the filter that leaves the row out.
    fn end(
        mut self,
    ) -> (
        FieldMap<Option<DerivedValue>>,
        RowFindings,
        Option<Arc<str>>,
    ) {
        let left_out = self.left_out();
        let is_kept = self.is_kept();
        self.warn();
        let findings = RowFindings {
            is_derived: true,
            problems: self.problems,
            defaulted: self.defaulted,
            is_kept,
        };
        (self.values, findings, left_out)
    }

    /// Gives `field` its computed default, if it has no value.
    fn fill(&mut self, field: Field, default: ComputedDefault) {
        if !self.own_text(field).is_empty() {
            return;
        }
        let value = self.computed(default, MOST_STEPS);
        if !value.is_empty() {
            self.defaulted.insert(field);
            *self.values.get_mut(field) = Some(DerivedValue::Text(value));
        }
    }

    fn computed(&self, default: ComputedDefault, steps: u8) -> String {
        match default {
            ComputedDefault::Copy(field) => self.text(field, steps),
            ComputedDefault::Slug => slug(&self.text(Field::CompanyName, steps)),
            ComputedDefault::Person => {
                let names = [Field::FirstName, Field::LastName];
                let names = names.map(|field| self.text(field, steps));
                trimmed(&names.join(" ")).to_owned()
            }
        }
    }

    /// The text of `field` with its default.
    fn text(&self, field: Field, steps: u8) -> String {
        let own = self.own_text(field);
        let mapping = &self.cells.bound.mapping;
        let constant = mapping.constants.iter().find(|(of, _)| *of == field);
        let computed = mapping.computed.iter().find(|(of, _)| *of == field);
        match (constant, computed) {
            _ if !own.is_empty() => own.into_owned(),
            (Some((_, text)), _) => text.clone(),
            (None, Some((_, default))) if steps > 0 => self.computed(*default, steps - 1),
            (None, _) => String::new(),
        }
    }

    /// The text of `field` without its default.
    fn own_text(&self, field: Field) -> Cow<'_, str> {
        match self.values.get(field) {
            Some(DerivedValue::Text(text) | DerivedValue::Wrong(_, text)) => text.into(),
            Some(DerivedValue::Items(items)) => items.join(",").into(),
            None => self.cells.plain_text(field).into(),
        }
    }

    /// The value that a condition is about.
    fn tested(&self, tested: &TestedValue) -> Cow<'_, str> {
        match tested {
            TestedValue::Field(field) => self.text(*field, MOST_STEPS).into(),
            TestedValue::Column(name) => self.cells.column_text(name),
        }
    }

    fn holds(&self, condition: &Condition) -> bool {
        condition.holds(&|tested| self.tested(tested))
    }

    /// The name of the filter that leaves the row out.
    fn left_out(&self) -> Option<Arc<str>> {
        let filters = self.cells.bound.mapping.filters.iter();
        let mut filters = filters.filter(|filter| filter.on);
        let found = filters.find(|filter| self.holds(&filter.when))?;
        Some(Arc::clone(&found.name))
    }

    /// Whether the row is one of those that are kept of several with one id.
    fn is_kept(&self) -> bool {
        match self.cells.bound.mapping.repeated_ids() {
            RepeatRule::Keep(condition) => self.holds(condition),
            RepeatRule::Reject | RepeatRule::First | RepeatRule::Merge => false,
        }
    }

    /// Warns of what a person should look at.
    fn warn(&mut self) {
        let mapping = &self.cells.bound.mapping;
        for filter in mapping.filters.iter().filter(|filter| !filter.on) {
            if self.holds(&filter.when) {
                let name = &filter.name;
                let message = format!(
                    "the row filter {} fits this row, and is off (--skip {name} leaves such rows out)",
                    quoted(name)
                );
                let problem = Problem::of_row(Code::SuspectValue, message);
                self.problems.push(problem);
            }
        }
        for warning in &mapping.warnings {
            if !self.holds(&warning.when) {
                continue;
            }
            let code = Code::SuspectValue;
            let problem = match warning.field {
                Some(field) => {
                    let value = self.text(field, MOST_STEPS);
                    Problem::of(code, field, &value, warning.message.clone())
                }
                None => Problem::of_row(code, warning.message.clone()),
            };
            self.problems.push(problem);
        }
    }
}
