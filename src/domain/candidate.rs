//! A row under our names: what is given for each field, nothing checked.

use super::field::Field;
use super::row::{CellKind, Origin};

/// What a row gives for one field.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum FieldValue<'r> {
    /// Nothing.
    #[default]
    Absent,
    /// Text, as it stands in the row.
    Text(&'r str),
    /// The items of an array of strings.
    List(Vec<&'r str>),
    /// JSON of a type that the field cannot hold, and its text.
    Wrong(CellKind, &'r str),
}

/// A row under our names: what is given for each field, nothing checked.
#[derive(Debug, Clone)]
pub struct Candidate<'r> {
    /// Where the row stands.
    pub origin: Origin,
    /// `billingContact`, where it is there and no object: its kind and text.
    pub wrong_contact: Option<(CellKind, &'r str)>,
    /// Whether no value can hold a control character.
    pub(super) printable: bool,
    given: [FieldValue<'r>; Field::COUNT],
}

impl<'r> Candidate<'r> {
    /// A candidate with nothing in it.
    pub fn new(origin: Origin) -> Self {
        Self {
            origin,
            wrong_contact: None,
            printable: false,
            given: Default::default(),
        }
    }

    /// What is given for `field`.
    pub fn get(&self, field: Field) -> &FieldValue<'r> {
        self.given.get(field.index()).unwrap_or(&FieldValue::Absent)
    }

    /// Sets the text of `field`.
    pub fn set(&mut self, field: Field, text: &'r str) {
        if let Some(slot) = self.slot(field) {
            *slot = FieldValue::Text(text);
        }
    }

    fn slot(&mut self, field: Field) -> Option<&mut FieldValue<'r>> {
        self.given.get_mut(field.index())
    }

    pub(super) fn add(&mut self, field: Field, kind: CellKind, value: &'r str) {
        let Some(slot) = self.slot(field) else { return };
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

    pub(super) fn refuse_text(&mut self, field: Field) {
        if let Some(slot) = self.slot(field)
            && let FieldValue::Text(text) = *slot
        {
            *slot = FieldValue::Wrong(CellKind::Text, text);
        }
    }

    pub(super) fn fill(&mut self, field: Field, constant: &'r str) {
        if let Some(slot) = self.slot(field) {
            let blank = match slot {
                FieldValue::Absent => true,
                FieldValue::Text(text) => text.trim().is_empty(),
                FieldValue::List(items) => items.is_empty(),
                FieldValue::Wrong(..) => false,
            };
            if blank {
                *slot = FieldValue::Text(constant);
            }
        }
    }
}
