//! What is known of one row while it is on its way, and how that ends.

use std::time::Duration;

use super::absence::{Absence, Doubt};
use super::systemic_refusal;
use crate::domain::outcome::Outcome;
use crate::domain::remote::RemoteCustomer;
use crate::domain::update::CustomerUpdate;
use crate::engine::pace::sent::Sent;
use crate::engine::ticket::Ticket;
use crate::kable::{Key, Refusal, Trouble};
use crate::ledger::Settlement;

/// How the sending of a row ended.
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

/// How far a row came in one go.
#[derive(Debug)]
pub(super) enum Progressed {
    /// To its end.
    Ended(Delivery),
    /// It waits, and is to go on at this time since the run's start.
    Waits(Box<RowState>, Duration),
}

/// The request that is next for a row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Next {
    /// Ask whether the customer is there.
    Find,
    /// Create it.
    Create,
    /// Change it.
    Update(Box<CustomerUpdate>),
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
#[derive(Debug)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is known by itself, and they come in many combinations"
)]
pub(super) struct RowState {
    pub(super) ticket: Ticket,
    pub(super) next: Next,
    /// Not before this time since the run's start.
    pub(super) not_before: Duration,
    /// The earliest time for another create.
    pub(super) create_not_before: Duration,
    /// The request that was sent last, and the server's `Date` on its answer.
    pub(super) sent: Sent,
    pub(super) date_ms: Option<i64>,
    pub(super) update: Update,
    /// Requests sent for it.
    pub(super) attempts: u32,
    /// Creates that were sent for it in this run.
    pub(super) creates: u32,
    /// How long the last of them was waited for.
    pub(super) last_create: Duration,
    /// Creates that left and whose fate is or was unknown.
    pub(super) tries: u32,
    /// Creates and updates that were the trial of an outage, and failed.
    pub(super) trials: u32,
    /// Waits after troubles.
    pub(super) waits: u32,
    /// Questions in a row that got no answer.
    pub(super) unanswered: u32,
    /// Whether the customer may exist by our doing.
    pub(super) doubt: bool,
    /// Look-ups that found nothing since the request that is in doubt or refused.
    pub(super) absence: Option<Absence>,
    /// Whether the API said that the customer is there: by a success, that is, and
    /// not by a look-up.
    pub(super) acknowledged: bool,
    /// The keys that came with that.
    pub(super) keys: Vec<Key>,
    /// The customer that was found, and the id of the request that found it, while it
    /// waits for more of the server's clock to tell whose it is.
    pub(super) unjudged: Option<Box<(RemoteCustomer, Option<String>)>>,
    /// How often it waited for that.
    pub(super) clock_waits: u32,
    /// Whether it was looked for in the list of all customers.
    pub(super) listed: bool,
    /// Whether its last request is the trial of an outage of writes.
    pub(super) on_trial: bool,
    /// How many creates and updates of other rows were answered before its first
    /// trouble.
    pub(super) worked_before: Option<u64>,
    /// Whether a request for it met trouble: those after it are retries.
    pub(super) troubled: bool,
    pub(super) refusal: Option<Refusal>,
    pub(super) trouble: Option<Trouble>,
    /// The API says that its create failed, and it was not looked for since.
    pub(super) unverified: Option<Unverified>,
}

/// A create of which the API says that it failed.
#[derive(Debug)]
pub(super) struct Unverified {
    pub(super) trouble: Trouble,
    /// Whether it was held against the row, or the API, already.
    pub(super) is_counted: bool,
}

impl RowState {
    /// A row at its start.
    pub(super) fn of(ticket: Ticket) -> Self {
        let from_before = ticket.in_doubt || ticket.forgotten;
        Self {
            next: if ticket.ask_first {
                Next::Find
            } else {
                Next::Create
            },
            not_before: Duration::ZERO,
            create_not_before: Duration::ZERO,
            update: Update::None,
            sent: Sent::default(),
            date_ms: None,
            doubt: ticket.in_doubt,
            absence: from_before.then(Absence::of_earlier_run),
            ticket,
            attempts: 0,
            creates: 0,
            last_create: Duration::ZERO,
            tries: 0,
            trials: 0,
            waits: 0,
            unanswered: 0,
            acknowledged: false,
            keys: Vec::new(),
            unjudged: None,
            clock_waits: 0,
            listed: false,
            on_trial: false,
            worked_before: None,
            troubled: false,
            refusal: None,
            trouble: None,
            unverified: None,
        }
    }

    /// Whether the next request is there for trouble that an earlier one of this run
    /// met. A create that comes after look-ups alone is none.
    pub(super) fn is_retry(&self) -> bool {
        self.troubled
            && match self.next {
                Next::Find => true,
                Next::Create => self.creates > 0,
                Next::Update(_) => self.update != Update::None,
            }
    }

    /// A create left at an unknown fate, which ended at `now`.
    pub(super) fn begin_doubt(&mut self, now: Duration, trouble: &Trouble) {
        let doubt = if trouble.by_api {
            Doubt::Failed
        } else {
            Doubt::Unanswered
        };
        self.doubt = true;
        // From now on it may be there by our doing, also after a 404: a create can
        // land late.
        self.ticket.in_doubt = true;
        self.absence = Some(Absence::since(now, doubt));
        self.listed = false;
        self.next = Next::Find;
    }

    /// Whether a refusal can't be final though the customer was not found: it may say
    /// that the customer exists, or an earlier create may have landed since.
    pub(super) fn is_contradicted(&self, refusal: &Refusal) -> bool {
        self.ticket.in_doubt || refusal.may_say_exists()
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
        let words = self.words(
            refusal.status,
            &refusal.message,
            refusal.request_id.as_deref(),
        );
        let is_update = self.update != Update::None || matches!(self.next, Next::Update(_));
        Delivery::Refused {
            settlement: self.failed(refusal),
            words,
            is_update,
        }
    }

    /// What the API said, but for what is this row's own.
    pub(super) fn words(&self, status: u16, message: &str, request_id: Option<&str>) -> String {
        let customer = &self.ticket.customer;
        let values = [customer.client_id(), customer.company_name()]
            .into_iter()
            .chain(customer.stripe_customer_id())
            .chain(customer.plan_ids())
            .chain(customer.bundle_ids())
            .chain(customer.contact().map(|(_, value)| value))
            .chain(request_id);
        systemic_refusal::words(status, message, values)
    }

    /// Refused for its own sake, whatever other rows are refused for.
    pub(super) fn refused_alone(&self, refusal: Refusal) -> Delivery {
        Delivery::Settled {
            settlement: self.failed(refusal),
            keys: Vec::new(),
            from_before: false,
        }
    }

    fn failed(&self, refusal: Refusal) -> Settlement {
        let mut settlement = self.settled(Outcome::Failed, false);
        settlement.status = (refusal.status != 0).then_some(refusal.status);
        settlement.request_id = refusal.request_id;
        settlement.message = Some(refusal.message);
        settlement
    }

    /// It was tried as often as wanted, and was not done. The last trouble is its
    /// refusal, if the API itself failed at it or `others_work`; else it may have
    /// been no row's fault.
    pub(super) fn given_up(&mut self, others_work: bool) -> Delivery {
        let trouble = self.trouble.clone().unwrap_or_default();
        if !trouble.by_api && !others_work {
            let so_far = match self.update {
                Update::None => "the customer is not there",
                Update::Lost | Update::Accepted => "the customer is as it was",
            };
            let message = format!(
                "{}; {so_far}, and no other row was taken meanwhile",
                trouble.message
            );
            self.trouble = Some(Trouble { message, ..trouble });
            return self.unsettled(Outcome::Unresolved);
        }
        let status = trouble.status.unwrap_or_default();
        let said = trouble.message.strip_prefix(&format!("status {status}: "));
        self.refused(Refusal {
            status,
            message: said.unwrap_or(&trouble.message).to_owned(),
            request_id: trouble.request_id,
        })
    }

    pub(super) fn unresolved(&self) -> Delivery {
        self.unsettled(if self.may_exist() {
            Outcome::Unresolved
        } else {
            Outcome::Pending
        })
    }

    fn unsettled(&self, outcome: Outcome) -> Delivery {
        let trouble = self.trouble.clone().unwrap_or_default();
        let mut settlement = self.settled(outcome, false);
        settlement.status = trouble.status;
        settlement.request_id = trouble.request_id;
        settlement.message = Some(trouble.message);
        Delivery::Settled {
            settlement,
            keys: self.keys.clone(),
            from_before: false,
        }
    }

    /// Whether something that was sent may have changed what is at Kable. After
    /// a refusal too, until it has been asked for: it may have been refused
    /// because the customer exists.
    fn may_exist(&self) -> bool {
        self.doubt || self.acknowledged || self.refusal.is_some() || self.update != Update::None
    }

    /// What the row is when everything stops. A row that is released is again
    /// what it was before it was claimed.
    pub(super) fn left(&self) -> Delivery {
        if !self.keys.is_empty() {
            // Keys are shown once: they must not go with the process.
            return self.unsettled(Outcome::Unresolved);
        }
        if self.may_exist() {
            Delivery::InDoubt
        } else {
            Delivery::Released(self.settled(Outcome::Pending, false))
        }
    }
}
