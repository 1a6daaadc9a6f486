//! The value of a field by its rule: taken from the first source that has one, and
//! changed.

use super::condition::TestedValue;
use super::plan::{FieldRule, Unmapped, ValueSource, ValueTake};
use super::row_cells::{DerivedValue, RowCells};
use super::value_map::ValueMap;
use crate::domain::field::{Field, FieldSet};
use crate::domain::id_list::items_of;
use crate::domain::problem::{Code, Problem};
use crate::domain::text::{quoted, trimmed};

/// Finds the values of rules in one row.
#[derive(Debug)]
pub(super) struct RuleValues<'r> {
    pub(super) cells: RowCells<'r>,
    /// What is wrong with values, or was corrected.
    pub(super) problems: Vec<Problem>,
    /// Fields that took a default.
    pub(super) defaulted: FieldSet,
}

impl RuleValues<'_> {
    /// The value of a rule's field.
    pub(super) fn value(&mut self, rule: &FieldRule) -> DerivedValue {
        let value = match &rule.from {
            None => self.cells.own_value(rule),
            Some(sources) => sources.iter().find_map(|source| self.taken(rule, source)),
        };
        match value {
            None => DerivedValue::Text(String::new()),
            Some(DerivedValue::Wrong(kind, text)) => DerivedValue::Wrong(kind, text),
            Some(DerivedValue::Items(items)) => self.changed_items(rule, &items),
            Some(DerivedValue::Text(text)) => self.changed_text(rule, &text),
        }
    }

    /// A text as its rule changes it; with a value map, a list in one text is changed
    /// item by item.
    fn changed_text(&mut self, rule: &FieldRule, text: &str) -> DerivedValue {
        let map = rule.values.as_ref().filter(|_| rule.field.is_list());
        if map.is_some_and(|map| map.get(text).is_none()) {
            let items = items_of(text);
            if items.len() > 1 || items.first().is_some_and(|item| item != text) {
                return self.changed_items(rule, &items);
            }
        }
        DerivedValue::Text(self.changed(rule, text).unwrap_or_default())
    }

    fn changed_items(&mut self, rule: &FieldRule, items: &[String]) -> DerivedValue {
        let changed = items.iter().filter_map(|item| self.changed(rule, item));
        DerivedValue::Items(changed.collect())
    }

    /// What `source` gives; `None` if that is empty.
    pub(super) fn taken(&mut self, rule: &FieldRule, source: &ValueSource) -> Option<DerivedValue> {
        let cells = self.cells;
        let tested = |tested: &TestedValue| match tested {
            TestedValue::Column(name) => cells.column_text(name),
            // The reader of mapping files refuses these: fields are not known yet.
            TestedValue::Field(_) => "".into(),
        };
        if let Some(condition) = &source.when
            && !condition.holds(&tested)
        {
            return None;
        }
        let value = match &source.take {
            ValueTake::Column(name) => {
                let (value, given) = cells.column_value(rule, name)?;
                self.note_id(rule, given, &value);
                value
            }
            ValueTake::Text(text) => {
                self.defaulted.insert(rule.field);
                DerivedValue::Text(text.clone())
            }
            ValueTake::Join { columns, with } => {
                let parts =
                    columns
                        .iter()
                        .filter_map(|name| match cells.column_value(rule, name)?.0 {
                            DerivedValue::Text(text) => Some(text),
                            DerivedValue::Items(items) => Some(items.join(with)),
                            DerivedValue::Wrong(..) => None,
                        });
                DerivedValue::Text(parts.collect::<Vec<_>>().join(with))
            }
        };
        let value = match (&source.pattern, value) {
            (Some(pattern), DerivedValue::Text(text)) => {
                DerivedValue::Text(rule.bare(pattern.extracted(&text)).to_owned())
            }
            (_, value) => value,
        };
        (!value.is_empty()).then_some(value)
    }

    /// Notes an id that was changed: two systems that read it differently would
    /// attribute usage to two different customers.
    fn note_id(&mut self, rule: &FieldRule, given: &str, value: &DerivedValue) {
        let field = Field::ClientId;
        if let DerivedValue::Text(bare) = value
            && rule.field == field
            && bare != given
        {
            let message = format!(
                "{field} {} was read as {}, as its mapping says",
                quoted(given),
                quoted(bare)
            );
            let problem = Problem::of(Code::Corrected, field, given, message);
            self.problems.push(problem);
        }
    }

    /// A text as its rule changes it; `None` if that is an error.
    fn changed(&mut self, rule: &FieldRule, text: &str) -> Option<String> {
        let replaced = rule.replaced(text);
        let mapped = match &rule.values {
            Some(map) if !replaced.is_empty() => self.mapped(rule, map, replaced)?,
            Some(_) | None => replaced,
        };
        Some(rule.recased(mapped))
    }

    /// What `value` becomes by a value map; `None` if it is not in it, and may not be
    /// kept.
    fn mapped(&mut self, rule: &FieldRule, map: &ValueMap, value: String) -> Option<String> {
        if let Some(known) = map.get(&value).or_else(|| map.get(trimmed(&value))) {
            return Some(known.to_owned());
        }
        match rule.unmapped.unwrap_or_default() {
            Unmapped::Keep => Some(value),
            Unmapped::Empty => Some(String::new()),
            Unmapped::Reject => {
                let field = rule.field;
                let message = format!(
                    "{field} {} is not in the value map ({})",
                    quoted(&value),
                    map.lacks(&value)
                );
                let problem = Problem::of(Code::InvalidValue, field, &value, message);
                self.problems.push(problem);
                None
            }
        }
    }
}
