//! A row's values by field, nothing checked.

use super::field::{Field, FieldMap, FieldSet};
use super::problem::Problem;
use super::row::{Cell, CellKind, Origin};

/// What a row has for one field.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum FieldValue<'r> {
    /// Nothing.
    #[default]
    Absent,
    /// Text, as it stands in the row.
    Text(&'r str),
    /// The items of an array of strings.
    List(Vec<&'r str>),
    /// JSON of a type that the field can't have, and its text.
    Wrong(CellKind, &'r str),
}

/// A row's values by field, nothing checked.
#[derive(Debug, Clone)]
pub struct Candidate<'r> {
    /// Where the row stands.
    pub origin: Origin,
    /// `billingContact`, if it is there and not an object: its kind and text.
    pub wrong_contact: Option<(CellKind, &'r str)>,
    /// Fields whose values need no look at their characters ([`Cell::is_printable`]).
    pub(super) printable: FieldSet,
    /// What the mapping found wrong, or to be looked at.
    pub(super) findings: &'r [Problem],
    /// Fields that took a default.
    pub(super) defaulted: FieldSet,
    /// Fields whose apostrophe at the start the mapping decided on.
    pub(super) keeps_apostrophe: FieldSet,
    /// Fields that have a column or a member in the row, perhaps without a value.
    pub(super) present: FieldSet,
    values: FieldMap<FieldValue<'r>>,
}

impl<'r> Candidate<'r> {
    /// A candidate with nothing in it.
    pub fn new(origin: Origin) -> Self {
        Self {
            origin,
            wrong_contact: None,
            printable: FieldSet::ALL,
            findings: &[],
            defaulted: FieldSet::default(),
            keeps_apostrophe: FieldSet::default(),
            present: FieldSet::default(),
            values: FieldMap::default(),
        }
    }

    /// What the row has for `field`.
    pub fn get(&self, field: Field) -> &FieldValue<'r> {
        self.values.get(field)
    }

    /// Sets the text of `field`.
    pub fn set(&mut self, field: Field, text: &'r str) {
        self.present.insert(field);
        self.printable.remove(field);
        *self.values.get_mut(field) = FieldValue::Text(text);
    }

    /// Sets the text of `field` to that of `cell`.
    pub(super) fn set_cell(&mut self, field: Field, cell: &Cell<'r>) {
        self.present.insert(field);
        if !cell.is_printable {
            self.printable.remove(field);
        }
        *self.values.get_mut(field) = FieldValue::Text(cell.value);
    }

    /// `value` of `field` without the apostrophe before it that is not part of it. A value
    /// that also ends in one is quoted, and has none.
    pub(super) fn after_apostrophe<'v>(&self, field: Field, value: &'v str) -> Option<&'v str> {
        let rest = value.strip_prefix('\'')?;
        let is_part = rest.is_empty() || rest.ends_with('\'') || self.keeps_apostrophe.has(field);
        (!is_part).then_some(rest)
    }

    /// Drops the value of `field`.
    pub(super) fn clear(&mut self, field: Field) {
        *self.values.get_mut(field) = FieldValue::Absent;
    }

    /// Adds the value of a cell; the items of a list come one by one.
    pub(super) fn add(&mut self, field: Field, cell: &Cell<'r>) {
        self.present.insert(field);
        if !cell.is_printable {
            self.printable.remove(field);
        }
        let (kind, value) = (cell.kind, cell.value);
        let slot = self.values.get_mut(field);
        match (kind, &mut *slot) {
            (CellKind::Null, _) => {}
            (CellKind::Item, FieldValue::List(items)) => items.push(value),
            (CellKind::Item, _) if field.is_list() => *slot = FieldValue::List(vec![value]),
            (CellKind::EmptyList, _) if field.is_list() => *slot = FieldValue::List(Vec::new()),
            (CellKind::Text, _) => *slot = FieldValue::Text(value),
            (CellKind::Item | CellKind::EmptyList, _) => {
                *slot = FieldValue::Wrong(CellKind::EmptyList, value);
            }
            (CellKind::Number | CellKind::Bool | CellKind::Object | CellKind::MixedList, _) => {
                *slot = FieldValue::Wrong(kind, value);
            }
        }
    }

    /// Turns a string into a value of the wrong type.
    pub(super) fn refuse_text(&mut self, field: Field) {
        let slot = self.values.get_mut(field);
        if let FieldValue::Text(text) = *slot {
            *slot = FieldValue::Wrong(CellKind::Text, text);
        }
    }

    /// Sets `field` to `constant` if the row has no value for it.
    pub(super) fn fill(&mut self, field: Field, constant: &'r str) {
        let slot = self.values.get_mut(field);
        let blank = match slot {
            FieldValue::Absent => true,
            FieldValue::Text(text) => text.trim().is_empty(),
            FieldValue::List(items) => items.is_empty(),
            FieldValue::Wrong(..) => false,
        };
        if blank {
            *slot = FieldValue::Text(constant);
            self.printable.remove(field);
            self.defaulted.insert(field);
        }
    }
}
