//! The values of a row's cells, as rules and conditions read them.

use std::borrow::Cow;

use super::column_target::BoundColumns;
use super::plan::FieldRule;
use crate::domain::field::Field;
use crate::domain::row::{Cell, CellKind, Row};
use crate::domain::text::trimmed;

/// A value that is not simply that of a column.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum DerivedValue {
    Text(String),
    Items(Vec<String>),
    /// JSON of a type that has no text.
    Wrong(CellKind, String),
}

impl DerivedValue {
    pub(super) fn is_empty(&self) -> bool {
        match self {
            Self::Text(text) => text.is_empty(),
            Self::Items(items) => items.is_empty(),
            Self::Wrong(..) => false,
        }
    }
}

/// The cells of a row, and what its columns are for.
#[derive(Debug, Clone, Copy)]
pub(super) struct RowCells<'r> {
    pub(super) bound: &'r BoundColumns,
    pub(super) row: &'r Row,
}

impl<'r> RowCells<'r> {
    /// Whether `text` stands for no value.
    pub(super) fn is_marker(self, text: &str) -> bool {
        let markers = self.bound.mapping.input.empty.as_ref();
        markers.is_some_and(|markers| markers.iter().any(|marker| marker == text))
    }

    /// The cells of the columns that feed `field` as they are.
    fn cells_of(self, field: Field) -> impl Iterator<Item = Cell<'r>> {
        let feeds = move |cell: &Cell<'_>| {
            let target = self.bound.targets.get(cell.column);
            target.is_some_and(|target| target.feeds(field))
        };
        self.row.cells().filter(feeds)
    }

    /// The fields whose column holds a marker for no value.
    pub(super) fn marked(self) -> impl Iterator<Item = Field> {
        let marked = move |cell: &Cell<'_>| {
            cell.kind == CellKind::Text && self.is_marker(trimmed(cell.value))
        };
        let is_any = self.bound.mapping.input.empty.is_some();
        let fields = Field::ALL.into_iter().filter(move |_| is_any);
        fields.filter(move |field| self.cells_of(*field).any(|cell| marked(&cell)))
    }

    /// The text of the column that feeds `field` as it is.
    pub(super) fn plain_text(self, field: Field) -> &'r str {
        let first = self.cells_of(field).next();
        first.map_or("", |cell| trimmed(cell.value))
    }

    /// The value of the column that has the name of the rule's field.
    pub(super) fn own_value(self, rule: &FieldRule) -> Option<DerivedValue> {
        self.value_of(rule, self.cells_of(rule.field))
    }

    /// The value of the column `name`, and its text as it stands; `None` if it is empty.
    pub(super) fn column_value(
        self,
        rule: &FieldRule,
        name: &str,
    ) -> Option<(DerivedValue, &'r str)> {
        let place = *self.bound.places.get(name)?;
        let given = self.row.cells_at(place).next()?;
        let value = self.value_of(rule, self.row.cells_at(place))?;
        Some((value, given.value))
    }

    /// The value of the cells of one column; `None` if it is empty.
    fn value_of<'c>(
        self,
        rule: &FieldRule,
        mut cells: impl Iterator<Item = Cell<'c>>,
    ) -> Option<DerivedValue> {
        let first = cells.next()?;
        match first.kind {
            CellKind::Text | CellKind::Number | CellKind::Bool => {
                let bare = rule.bare(first.value);
                let is_empty = trimmed(bare).is_empty() || self.is_marker(trimmed(bare));
                (!is_empty).then(|| DerivedValue::Text(bare.to_owned()))
            }
            CellKind::Item if rule.field.is_list() => {
                let items = std::iter::once(first).chain(cells);
                let items = items.map(|item| rule.bare(item.value).to_owned());
                Some(DerivedValue::Items(items.collect()))
            }
            CellKind::EmptyList | CellKind::Null => None,
            CellKind::Item | CellKind::Object | CellKind::MixedList => {
                Some(DerivedValue::Wrong(first.kind, first.value.to_owned()))
            }
        }
    }

    /// The text of the column `name`, for a condition.
    pub(super) fn column_text(self, name: &str) -> Cow<'r, str> {
        let Some(place) = self.bound.places.get(name) else {
            return "".into();
        };
        let mut cells = self.row.cells_at(*place);
        let Some(first) = cells.next() else {
            return "".into();
        };
        match first.kind {
            CellKind::Text | CellKind::Number | CellKind::Bool => {
                let text = trimmed(first.value);
                if self.is_marker(text) { "" } else { text }.into()
            }
            CellKind::Item => {
                let items = std::iter::once(first).chain(cells);
                let items: Vec<&str> = items.map(|item| item.value).collect();
                items.join(",").into()
            }
            CellKind::EmptyList | CellKind::Null => "".into(),
            CellKind::Object => "{…}".into(),
            CellKind::MixedList => "[…]".into(),
        }
    }
}
