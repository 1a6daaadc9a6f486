//! What the API answered about another customer in place of a row's, in this run or an earlier
//! one: the state that `addressing.rs` judges.

use super::absence::Absence;
use crate::engine::ticket::Ticket;

/// What the API answered about another customer in place of a row's.
#[derive(Debug, Default)]
pub(super) struct Misdirection {
    /// How many creates and changes it answered so.
    pub(super) answers: u32,
    /// Kable's id of the customer that it may have created for the row.
    pub(super) customer_id: Option<String>,
    /// Whether it created that for the row: it is as was sent but for its `clientId`, and not
    /// older than the row's claim.
    pub(super) is_made: bool,
    /// Kable's id of such a customer of an earlier run, until it is looked up.
    pub(super) earlier_id: Option<String>,
    /// Look-ups that did not find that one.
    pub(super) absence: Option<Absence>,
}

impl Misdirection {
    /// What an earlier run has recorded of the row of `ticket`.
    pub(super) fn of(ticket: &Ticket) -> Self {
        Self {
            earlier_id: ticket.other_id.clone(),
            ..Self::default()
        }
    }
}
