//! What each column of an input is for.

use std::collections::HashMap;

use super::plan::{FieldRule, Mapping};
use crate::domain::field::Field;
use crate::domain::row::Row;

/// The columns that are added to the files of rejected and failed rows, and not
/// mapped when such a file is read again.
pub const ADDED: [&str; 8] = [
    "_file",
    "_line",
    "_code",
    "_field",
    "_message",
    "_status",
    "_request_id",
    "_raw",
];

/// What a column is mapped to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ColumnTarget {
    Field(Field),
    /// A field that the user named the column for: in JSON it may be a number.
    Named(Field),
    /// The object `billingContact` itself.
    BillingContact,
    /// Nothing: it is one of [`ADDED`].
    Added,
    Unused,
}

impl ColumnTarget {
    /// Whether the column feeds `field`.
    pub(super) fn feeds(self, field: Field) -> bool {
        self == Self::Field(field) || self == Self::Named(field)
    }
}

/// A mapping, and the columns that it is for.
#[derive(Debug, Clone, Default)]
pub(super) struct BoundColumns {
    pub(super) mapping: Mapping,
    pub(super) targets: Vec<ColumnTarget>,
    /// The places of the columns that rules and conditions name.
    pub(super) places: HashMap<String, usize>,
}

impl BoundColumns {
    /// Whether `row` has a cell, perhaps an empty one, that `rule` takes a value from.
    pub(super) fn has_source_cell(&self, rule: &FieldRule, row: &Row) -> bool {
        let columns = rule.source_columns();
        let mut places = columns.filter_map(|name| self.places.get(name));
        places.any(|place| row.cells_at(*place).next().is_some())
    }
}
