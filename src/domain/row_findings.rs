//! What a mapping found in a row.

use super::field::FieldSet;
use super::problem::Problem;

/// What a mapping found in a row.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RowFindings {
    /// Whether the mapping has been applied: the row has its derived values.
    pub(super) is_derived: bool,
    /// What is wrong with values, or should be looked at.
    pub(super) problems: Vec<Problem>,
    /// Fields that took a default.
    pub(super) defaulted: FieldSet,
    /// Whether it is one of those that are kept of several rows with one id.
    pub is_kept: bool,
}
