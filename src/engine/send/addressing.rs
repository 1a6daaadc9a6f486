//! The path by which a row's customer is changed, and what is done once the API answers about
//! another customer (pure).
//!
//! A path takes a `clientId` and Kable's id alike, so one customer's `clientId` may find another
//! customer. A change is therefore sent only to a path by which a look-up has just found the
//! right one.

use super::absence::{Absence, Doubt, Proof};
use super::facts::Facts;
use super::misdirection::Misdirection;
use super::ownership::CLOCKS_APART_MS;
use super::row_state::{ChangeState, NextRequest, RowEnd, RowState};
use crate::domain::outcome::Outcome;
use crate::domain::remote::{RemoteCustomer, misdirected};
use crate::domain::text::quoted;
use crate::engine::ticket::{FirstStep, KnownCustomer};
use crate::kable::{AnsweredCustomer, CustomerAddress, Refusal, Trouble};

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

    /// The API answered a create or a change about another customer, which is `other` if that
    /// was a create.
    pub(super) fn misdirected(
        &mut self,
        trouble: Trouble,
        other: Option<AnsweredCustomer>,
        facts: &Facts,
    ) {
        self.lost(&trouble, facts.now);
        self.retries.trouble = Some(trouble);
        self.misdirection.answers += 1;
        let (claim, date_ms) = (self.ticket.claim, self.date_ms);
        let is_older = |created| {
            let clocks = &facts.clocks;
            clocks.is_older(claim, created, date_ms, CLOCKS_APART_MS)
        };
        if let Some(other) = other.filter(|other| !is_older(other.created)) {
            self.misdirection.is_made |= !other.altered && other.created.is_some();
            self.misdirection.customer_id = Some(other.customer_id);
        }
    }

    /// Kable's id of a customer under another `clientId` that is to be recorded with the row,
    /// so that no later run creates one more.
    pub(super) fn other_id(&self) -> Option<String> {
        let Misdirection {
            customer_id,
            earlier_id,
            ..
        } = &self.misdirection;
        let made = customer_id.clone();
        made.filter(|_| self.is_misdirected_for_good())
            .or(earlier_id.clone())
    }

    /// A look-up did not find the customer under another `clientId` that an earlier run has
    /// recorded. Once its absence is proved, the row is created; the one of a settled row was
    /// found before, and was deleted since.
    pub(super) fn other_is_absent(&mut self, facts: &Facts) {
        let was_settled = self.ticket.earlier.outcome == Some(Outcome::Differs);
        if was_settled && self.ticket.first_step == FirstStep::LookUp {
            self.misdirection.earlier_id = None;
            return;
        }
        let absence = self
            .misdirection
            .absence
            .get_or_insert_with(|| Absence::since(facts.now, Doubt::EarlierRun));
        match absence.not_found(facts.now, |doubt| facts.landing_time(doubt)) {
            Proof::Absent => self.misdirection.earlier_id = None,
            Proof::LookAgain(at) => {
                self.retries.troubled = true;
                self.retries.write_not_before = self.retries.write_not_before.max(at);
            }
        }
    }

    /// The end of a row for which an earlier run created `other`, under another `clientId`.
    pub(super) fn created_otherwise(
        &mut self,
        other: &RemoteCustomer,
        request_id: Option<String>,
    ) -> RowEnd {
        self.retries.trouble = Some(Trouble {
            message: misdirected(&other.client_id),
            request_id,
            ..Trouble::default()
        });
        self.held_otherwise()
    }

    /// Whether a customer in the list whose id differs from the row's in case only is another
    /// one: the API has neither refused a create nor answered it about another customer, so
    /// nothing says that it takes one id for the other.
    pub(super) fn is_apart_from_twins(&self) -> bool {
        self.refusal.is_none() && self.misdirection.answers == 0
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
            ChangeState::None => {
                self.misdirection.is_made || self.misdirection.answers >= MOST_MISDIRECTED
            }
            ChangeState::Lost | ChangeState::Accepted => self.misdirection.answers > 0,
        }
    }
}
