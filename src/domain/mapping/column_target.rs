//! What each column of an input is for.

use std::collections::HashMap;

use super::plan::Mapping;
use crate::domain::field::Field;

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
