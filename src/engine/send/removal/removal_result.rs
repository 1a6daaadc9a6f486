//! What is reported of a customer that was to be removed.

use crate::kable::Removal;

/// What became of a customer that was to be removed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RemovalOutcome {
    /// It was removed.
    Removed,
    /// It was gone already.
    AlreadyGone,
    /// It is not proved to be ours, and was left.
    NotOurs,
    /// It was changed since, and was left.
    Changed,
    /// The API refused to remove it.
    Failed,
    /// Something was sent, and it is not known whether it is there.
    Unresolved,
    /// Nothing was sent.
    Pending,
}

impl RemovalOutcome {
    /// Its name in result files.
    pub const fn name(self, removal: Removal) -> &'static str {
        match (self, removal) {
            (Self::Removed, Removal::Delete) => "deleted",
            (Self::Removed, Removal::Cancel) => "cancelled",
            (Self::AlreadyGone, _) => "already_gone",
            (Self::NotOurs, _) => "not_ours",
            (Self::Changed, _) => "changed",
            (Self::Failed, _) => "failed",
            (Self::Unresolved, _) => "unresolved",
            (Self::Pending, _) => "pending",
        }
    }
}

/// What is reported of a customer that was to be removed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RemovalResult {
    /// Its `clientId`.
    pub client_id: String,
    /// Kable's id for it, if known.
    pub customer_id: Option<String>,
    /// What became of it.
    pub outcome: RemovalOutcome,
    /// `X-REQUEST-ID` of the last response.
    pub request_id: Option<String>,
    /// How many requests were sent for it.
    pub attempts: u32,
    /// The last response's HTTP status.
    pub status: Option<u16>,
    /// The API's message, or why it was left.
    pub message: Option<String>,
}
