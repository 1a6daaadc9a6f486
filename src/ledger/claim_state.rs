//! What the stored state of a claim means, in every ledger.

use super::{ClaimRecord, Settlement};
use crate::domain::outcome::Outcome;

impl Settlement {
    /// Whether its customer is another one than was recorded: both ids are known.
    pub fn is_of_another(&self, recorded: &ClaimRecord) -> bool {
        let id = self.customer_id.as_deref();
        id.is_some_and(|id| recorded.is_another(id))
    }
}

impl ClaimRecord {
    /// Whether the customer with this id of Kable's is another one than was recorded.
    pub fn is_another(&self, customer_id: &str) -> bool {
        let recorded = self.customer_id.as_deref();
        recorded.is_some_and(|recorded| recorded != customer_id)
    }
}

/// The outcome of a claim: its last one, or `unresolved` while it is in doubt.
pub(super) fn effective_outcome(last: Option<Outcome>, in_doubt: bool) -> Outcome {
    match last {
        Some(outcome) if !in_doubt => outcome,
        Some(_) | None => Outcome::Unresolved,
    }
}

/// Whether the customer of a claim was ever found, and not deleted since.
pub(super) fn was_found(last: Option<Outcome>, is_known: bool) -> bool {
    last != Some(Outcome::Deleted) && (is_known || last.is_some_and(Outcome::customer_exists))
}

/// The last outcome, by its stored name, and whether the claim is in doubt. An unknown name
/// counts as in doubt, so that the customer is looked up.
pub(super) fn last_and_doubt(name: Option<&str>, in_doubt: bool) -> (Option<Outcome>, bool) {
    let last = name.and_then(Outcome::of_name);
    (last, in_doubt || last.is_none())
}

/// Converts to a database's signed 64-bit integers, saturating.
pub(super) fn to_sql(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// Converts back; what can't have been written is 0.
pub(super) fn from_sql(number: i64) -> u64 {
    u64::try_from(number).unwrap_or_default()
}
