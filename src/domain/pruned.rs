//! What became of the customers that a sync cancels because the file no longer has them.

use serde::Serialize;

/// How many of those customers have which outcome.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct PrunedCounts {
    /// Cancelled.
    pub cancelled: u64,
    /// Cancelled or deleted meanwhile, not by this run.
    pub already_gone: u64,
    /// Left, because they were changed after the list of customers was read.
    pub changed: u64,
    /// The API refused to cancel them.
    pub failed: u64,
    /// Something was sent, and it is not known whether they are cancelled.
    pub unresolved: u64,
    /// Nothing was sent.
    pub pending: u64,
    /// Left, because rows of the input may be missing, or may be theirs.
    pub withheld: u64,
}

impl PrunedCounts {
    /// Those that are not cancelled, or not certainly.
    pub fn left(self) -> u64 {
        self.changed + self.failed + self.unresolved + self.pending + self.withheld
    }
}
