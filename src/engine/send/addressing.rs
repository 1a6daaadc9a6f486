//! The path by which a row's customer is changed, and what is done once the API answers about
//! another customer (pure).
//!
//! A path takes a `clientId` and Kable's id alike, so one customer's `clientId` may find another
//! customer. A change is therefore sent only to a path by which a look-up has just found the
//! right one.

use std::time::Duration;

use super::facts::Facts;
use super::row_state::{ChangeState, NextRequest, RowEnd, RowState};
use crate::domain::remote::RemoteCustomer;
use crate::domain::text::quoted;
use crate::engine::ticket::KnownCustomer;
use crate::kable::{CustomerAddress, Refusal, Trouble};

/// How many creates of a row the API may answer about another customer: once may be a mistake
/// of a moment, the next would be answered in the same way.
const MOST_MISDIRECTED: u32 = 2;

impl RowState {
    /// The path by which the customer is looked up and changed. Only one by which a look-up
    /// found the customer may be used to change it.
    pub(super) fn address(&self) -> CustomerAddress<'_> {
        CustomerAddress {
            client_id: self.ticket.customer.client_id(),
            customer_id: self.customer_id.as_deref(),
        }
    }

    /// The list has shown the customer, with this id of Kable's, and its path has not. A
    /// change that is next is preceded by a look-up by that id; the row's end, if that was
    /// the path.
    pub(super) fn readdressed(&mut self, customer_id: String) -> Option<RowEnd> {
        if !matches!(self.next, NextRequest::Change(_)) {
            return None;
        }
        self.next = NextRequest::Find;
        self.customer_id.replace(customer_id)?;
        let message = "the list of customers has it, but neither its clientId nor Kable's id finds it: a request to change it could change another customer";
        Some(RowEnd::Conflict(Refusal {
            message: message.to_owned(),
            ..Refusal::default()
        }))
    }

    /// The API answered a create or a change about another customer.
    pub(super) fn misdirected(&mut self, trouble: Trouble, now: Duration) {
        self.lost(&trouble, now);
        self.retries.trouble = Some(trouble);
        self.misdirected += 1;
    }

    /// Whether a customer in the list whose id differs from the row's in case only is another
    /// one: the API has neither refused a create nor answered it about another customer, so
    /// nothing says that it takes one id for the other.
    pub(super) fn is_apart_from_twins(&self) -> bool {
        self.refusal.is_none() && self.misdirected == 0
    }

    /// A customer exists whose id differs from the row's in case only. If it is the row's
    /// own, the API changes the case of ids; if not, the row can't be created beside it.
    pub(super) fn twin(
        &self,
        remote: Box<RemoteCustomer>,
        request_id: Option<String>,
        facts: &Facts,
    ) -> RowEnd {
        let (claim, created) = (self.ticket.claim, remote.created);
        let is_ours = self.ticket.earlier.customer == KnownCustomer::Ours
            || self.may_be_ours()
                && facts
                    .clocks
                    .is_ours(claim, created, self.date_ms, self.creates > 0);
        if is_ours {
            return RowEnd::There(remote, request_id);
        }
        RowEnd::Conflict(Refusal {
            status: self.refusal.as_ref().map_or(0, |refusal| refusal.status),
            message: format!(
                "Kable takes this clientId for that of customer {}, from which it differs in case only",
                quoted(&remote.client_id)
            ),
            request_id,
        })
    }

    /// The row's end after creates that the API answered about another customer, while the
    /// row's own is absent. A server that changes ids would make one more in each run.
    pub(super) fn held_otherwise(&self) -> RowEnd {
        let trouble = self.retries.trouble.clone().unwrap_or_default();
        RowEnd::Conflict(Refusal {
            status: 0,
            message: format!(
                "{}; look there: Kable may hold this customer under that clientId",
                trouble.message
            ),
            request_id: trouble.request_id,
        })
    }

    /// Whether what the API answered about another customer may not be sent again. A change
    /// is never repeated: it would change the other customer again.
    pub(super) fn is_misdirected_for_good(&self) -> bool {
        match self.change {
            ChangeState::None => self.misdirected >= MOST_MISDIRECTED,
            ChangeState::Lost | ChangeState::Accepted => self.misdirected > 0,
        }
    }
}
