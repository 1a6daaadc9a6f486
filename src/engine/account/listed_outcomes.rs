//! What rows are by the list of customers alone.

use crate::domain::outcome::Outcome;

/// The outcomes of rows by the list of customers alone.
#[derive(Debug, Clone, Copy)]
pub struct ListedOutcomes {
    /// Of a row whose customer Kable holds, equal.
    pub equal: Outcome,
    /// Of a row whose customer it does not hold.
    pub absent: Outcome,
}

impl ListedOutcomes {
    /// Where the rows are still to be sent.
    pub const BEFORE_IMPORT: Self = Self {
        equal: Outcome::AlreadyExisted,
        absent: Outcome::Pending,
    };

    /// Where the rows should be there.
    pub const VERIFIED: Self = Self {
        equal: Outcome::Unchanged,
        absent: Outcome::Missing,
    };
}
