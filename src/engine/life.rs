//! What is known of one row while it is on its way, and how that ends.

use super::Ticket;
use super::alike;
use super::pace::Sent;
use crate::domain::change::Change;
use crate::domain::outcome::Outcome;
use crate::kable::{Key, Refusal, Trouble};
use crate::ledger::Settlement;

/// How a row's life ended.
#[derive(Debug)]
pub(super) enum Delivery {
    /// It is known what became of it.
    Settled {
        settlement: Settlement,
        keys: Vec<Key>,
        /// Whether an earlier run claimed it, and may have kept its keys.
        from_before: bool,
    },
    /// The API refused it, and the customer is not there.
    Refused {
        settlement: Settlement,
        words: String,
        /// Whether it was an update that was refused.
        is_update: bool,
    },
    /// It was certainly not sent.
    Released(Settlement),
    /// It may have been sent, and could not be asked about before the end.
    InDoubt,
}

/// The request that is next for a row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Next {
    /// Ask whether the customer is there.
    Find,
    /// Create it.
    Create,
    /// Change it.
    Update(Box<Change>),
}

/// What became of an update.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Update {
    /// None was sent.
    None,
    /// One was sent, and what became of it is not known.
    Lost,
    /// The API took it.
    Accepted,
}

/// What is known of one row while it is on its way.
pub(super) struct Life {
    pub(super) ticket: Ticket,
    pub(super) next: Next,
    /// The request that was sent last.
    pub(super) sent: Sent,
    pub(super) update: Update,
    /// Requests sent for it.
    pub(super) attempts: u32,
    /// Creates that were sent for it in this run.
    pub(super) creates: u32,
    /// Creates that left and whose fate is or was unknown.
    pub(super) tries: u32,
    /// Waits after troubles.
    pub(super) waits: u32,
    /// Questions in a row that got no answer.
    pub(super) unanswered: u32,
    /// Whether the customer may exist by our doing.
    pub(super) doubt: bool,
    /// Whether a request for it met trouble: those after it are retries.
    pub(super) troubled: bool,
    pub(super) refusal: Option<Refusal>,
    pub(super) trouble: Option<Trouble>,
}

impl Life {
    /// A row at its start.
    pub(super) fn of(ticket: Ticket) -> Self {
        Self {
            next: if ticket.ask_first {
                Next::Find
            } else {
                Next::Create
            },
            update: Update::None,
            sent: Sent::default(),
            doubt: ticket.in_doubt,
            ticket,
            attempts: 0,
            creates: 0,
            tries: 0,
            waits: 0,
            unanswered: 0,
            troubled: false,
            refusal: None,
            trouble: None,
        }
    }

    pub(super) fn settled(&self, outcome: Outcome, ours: bool) -> Settlement {
        Settlement {
            id: self.ticket.id,
            digest: self.ticket.digest,
            outcome,
            ours: ours || self.ticket.ours,
            orphan: false,
            keys_lost: false,
            customer_id: None,
            request_id: None,
            attempts: self.attempts,
            status: None,
            message: None,
        }
    }

    pub(super) fn refused(&self, refusal: Refusal) -> Delivery {
        let customer = &self.ticket.customer;
        let values = [customer.client_id(), customer.company_name()]
            .into_iter()
            .chain(customer.stripe_customer_id())
            .chain(customer.plan_ids())
            .chain(customer.bundle_ids())
            .chain(customer.contact().map(|(_, value)| value))
            .chain(refusal.request_id.as_deref());
        let words = alike::words(refusal.status, &refusal.message, values);
        let is_update = self.update != Update::None || matches!(self.next, Next::Update(_));
        let mut settlement = self.settled(Outcome::Failed, false);
        settlement.status = (refusal.status != 0).then_some(refusal.status);
        settlement.request_id = refusal.request_id;
        settlement.message = Some(refusal.message);
        Delivery::Refused {
            settlement,
            words,
            is_update,
        }
    }

    /// It was tried as often as wanted: the last trouble is its refusal.
    pub(super) fn given_up(&mut self) -> Delivery {
        let trouble = self.trouble.take().unwrap_or_default();
        self.refused(Refusal {
            status: trouble.status.unwrap_or_default(),
            message: trouble.message,
            request_id: trouble.request_id,
        })
    }

    pub(super) fn unresolved(&self) -> Delivery {
        let trouble = self.trouble.clone().unwrap_or_default();
        let mut settlement = self.settled(
            if self.may_exist() {
                Outcome::Unresolved
            } else {
                Outcome::Pending
            },
            false,
        );
        settlement.status = trouble.status;
        settlement.request_id = trouble.request_id;
        settlement.message = Some(trouble.message);
        Delivery::Settled {
            settlement,
            keys: Vec::new(),
            from_before: false,
        }
    }

    /// Whether something that was sent may have changed what is at Kable. After
    /// a refusal too, until it has been asked for: it may have been refused
    /// because the customer exists.
    fn may_exist(&self) -> bool {
        self.doubt || self.refusal.is_some() || self.update != Update::None
    }

    /// What the row is when everything stops. A row that is released is again
    /// what it was before it was claimed.
    pub(super) fn left(&self) -> Delivery {
        if self.may_exist() {
            Delivery::InDoubt
        } else {
            Delivery::Released(self.settled(Outcome::Pending, false))
        }
    }
}
