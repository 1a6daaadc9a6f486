//! A row under our names: what is given for each field, nothing checked.

use super::field::Field;
use super::row::{Kind, Origin};

/// What a row gives for one field.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Given<'r> {
    /// Nothing.
    #[default]
    Absent,
    /// Text, as it stands in the row.
    Text(&'r str),
    /// The items of an array of strings.
    List(Vec<&'r str>),
    /// JSON of a type that the field cannot hold, and its text.
    Wrong(Kind, &'r str),
}

/// A row under our names: what is given for each field, nothing checked.
#[derive(Debug, Clone)]
pub struct Candidate<'r> {
    /// Where the row stands.
    pub origin: Origin,
    /// `billingContact`, where it is there and no object: its kind and text.
    pub wrong_contact: Option<(Kind, &'r str)>,
    /// Whether no value can hold a control character.
    pub(super) printable: bool,
    given: [Given<'r>; Field::COUNT],
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
    pub fn get(&self, field: Field) -> &Given<'r> {
        self.given.get(field.index()).unwrap_or(&Given::Absent)
    }

    /// Sets the text of `field`.
    pub fn set(&mut self, field: Field, text: &'r str) {
        if let Some(slot) = self.slot(field) {
            *slot = Given::Text(text);
        }
    }

    fn slot(&mut self, field: Field) -> Option<&mut Given<'r>> {
        self.given.get_mut(field.index())
    }

    pub(super) fn add(&mut self, field: Field, kind: Kind, value: &'r str) {
        let Some(slot) = self.slot(field) else { return };
        match (kind, &mut *slot) {
            (Kind::Null, _) => {}
            (Kind::Item, Given::List(items)) => items.push(value),
            (Kind::Item, _) if field.is_list() => *slot = Given::List(vec![value]),
            (Kind::EmptyList, _) if field.is_list() => *slot = Given::List(Vec::new()),
            (Kind::Text, _) => *slot = Given::Text(value),
            (Kind::Item | Kind::EmptyList, _) => *slot = Given::Wrong(Kind::EmptyList, value),
            (Kind::Number | Kind::Bool | Kind::Object | Kind::MixedList, _) => {
                *slot = Given::Wrong(kind, value);
            }
        }
    }

    pub(super) fn refuse_text(&mut self, field: Field) {
        if let Some(slot) = self.slot(field)
            && let Given::Text(text) = *slot
        {
            *slot = Given::Wrong(Kind::Text, text);
        }
    }

    pub(super) fn fill(&mut self, field: Field, constant: &'r str) {
        if let Some(slot) = self.slot(field) {
            let blank = match slot {
                Given::Absent => true,
                Given::Text(text) => text.trim().is_empty(),
                Given::List(items) => items.is_empty(),
                Given::Wrong(..) => false,
            };
            if blank {
                *slot = Given::Text(constant);
            }
        }
    }
}
