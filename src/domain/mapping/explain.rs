//! Where the values of a row came from, for a person who checks a mapping.

use super::binding::Binding;
use super::column_names::numbered;
use super::column_target::ColumnTarget;
use super::plan::{FieldRule, ValueSource};
use super::row_cells::RowCells;
use super::rule_values::RuleValues;
use crate::domain::candidate::FieldValue;
use crate::domain::field::{Field, FieldSet};
use crate::domain::row::{Columns, Row};
use crate::domain::text::trimmed;

/// Where the value of a field came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldOrigin {
    /// The field.
    pub field: Field,
    /// Its value, before it is checked.
    pub value: String,
    /// The columns, and their values as they stand in the row. Without any, the value is
    /// a default or a constant.
    pub columns: Vec<(String, String)>,
    /// What changed the value.
    pub changes: Vec<&'static str>,
}

impl Binding {
    /// Where each value of `row` came from; fields without a value are left out.
    pub fn origins(&self, row: &Row, columns: &Columns) -> Vec<FieldOrigin> {
        let candidate = self.candidate(row);
        let fields = Field::ALL.into_iter();
        let origin = |field: Field| {
            let value = match candidate.get(field) {
                FieldValue::Absent => return None,
                FieldValue::Text(text) | FieldValue::Wrong(_, text) => (*text).to_owned(),
                FieldValue::List(items) => items.join(", "),
            };
            if trimmed(&value).is_empty() {
                return None;
            }
            let is_default = candidate.defaulted.has(field);
            let places = if is_default {
                Vec::new()
            } else {
                self.places_of(field, row)
            };
            let columns: Vec<(String, String)> = places
                .iter()
                .filter_map(|place| {
                    let name = numbered(&columns.names).nth(*place)?;
                    Some((name.into_owned(), text(row, *place)?))
                })
                .collect();
            let given = columns.first().map_or("", |(_, given)| given.as_str());
            let changes = match self.bound.mapping.rule(field) {
                Some(rule) if columns.len() == 1 => rule.changes(given, &value),
                Some(_) | None => Vec::new(),
            };
            Some(FieldOrigin {
                field,
                value,
                columns,
                changes,
            })
        };
        fields.filter_map(origin).collect()
    }

    /// The places of the columns that `field` takes its value from in `row`.
    fn places_of(&self, field: Field, row: &Row) -> Vec<usize> {
        let sources = self.bound.mapping.rule(field).and_then(|rule| {
            let from = rule.from.as_ref()?;
            Some((rule, from))
        });
        let Some((rule, sources)) = sources else {
            let feeds = |target: &ColumnTarget| target.feeds(field);
            let targets = (0..).zip(&self.bound.targets);
            let fed = targets.filter(|(_, target)| feeds(target));
            let fed = fed.map(|(place, _)| place);
            return fed.filter(|place| text(row, *place).is_some()).collect();
        };
        let mut values = RuleValues {
            cells: RowCells {
                bound: &self.bound,
                row,
            },
            problems: Vec::new(),
            defaulted: FieldSet::default(),
        };
        let mut sources = sources.iter();
        let taken = sources.find(|source| values.taken(rule, source).is_some());
        let columns = taken.into_iter().flat_map(ValueSource::columns);
        let places = columns.filter_map(|name| self.bound.places.get(name).copied());
        places.filter(|place| text(row, *place).is_some()).collect()
    }
}

/// The text of a column in `row`; `None` if it is empty.
fn text(row: &Row, place: usize) -> Option<String> {
    let cells: Vec<&str> = row.cells_at(place).map(|cell| cell.value).collect();
    let text = cells.join(", ");
    (!trimmed(&text).is_empty()).then_some(text)
}

impl FieldRule {
    /// What made `value` of `given`.
    fn changes(&self, given: &str, value: &str) -> Vec<&'static str> {
        let bare = self.bare(given);
        let replaced = self.replaced(bare);
        let recased = self.recased(replaced.clone());
        let mut changes = Vec::new();
        let outside = trimmed(given);
        if bare != outside && outside.starts_with('\'') {
            changes.push("apostrophe dropped");
        } else if bare != outside {
            changes.push("=\"…\" dropped");
        } else if bare != given {
            changes.push("blanks dropped");
        }
        let from_item = self
            .from
            .iter()
            .flatten()
            .any(|source| source.pattern.is_some());
        if self.pattern.is_some() && replaced != bare || from_item && replaced != value {
            changes.push("part taken by pattern");
        }
        if !self.replace.is_empty() && replaced != bare {
            changes.push("texts replaced");
        }
        if self.values.is_some() && recased != value {
            changes.push("value map");
        }
        if self.case.is_some() && recased != replaced {
            changes.push("letters' case changed");
        }
        if self.slug == Some(true) && recased != replaced {
            changes.push("made an id");
        }
        changes
    }
}
