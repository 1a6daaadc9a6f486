//! The state machine of one row: what a response means for it, and which request is next
//! (pure).
//!
//! A create whose result is not known puts the row in doubt. A row in doubt is looked up,
//! never sent blindly: it is created again only once its absence is proved (`absence.rs`).
//! `delivery.rs` sends the requests.

use std::time::Duration;

use super::absence::{Absence, Doubt, Proof};
use super::facts::Facts;
use super::misdirection::Misdirection;
use super::ownership::CLOCKS_APART_MS;
use super::retries::{OutOfTries, Retries, Unverified};
use super::seen_customer::SeenCustomer;
use crate::domain::decision::ExistingPolicy;
use crate::domain::outcome::Outcome;
use crate::domain::remote::{RemoteCustomer, differences};
use crate::domain::remote_change::RemoteChange;
use crate::domain::update::Unseen;
use crate::engine::ticket::{FirstStep, Ticket};
use crate::kable::{Created, Key, Refusal, Trouble};

/// The status of a response that reports a creation.
const CREATED: u16 = 201;

/// For how long, and how often, to wait for responses that narrow the server's clock: its
/// `Date`s are truncated to seconds, and one ends meanwhile.
const CLOCK_WAIT: Duration = Duration::from_millis(400);
const CLOCK_WAITS: u32 = 3;

/// The request that is next for a row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum NextRequest {
    /// Look the customer up.
    Find,
    /// Look for it in the list of all customers.
    FindInList,
    /// Create it.
    Create,
    /// Change it.
    Change(RemoteChange),
}

/// Whether a create of this checkpoint may have made the customer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum CreateState {
    /// No create was sent, or all were refused.
    NotSent,
    /// An earlier run may have sent one; its result is not known.
    ClaimLost,
    /// One was sent, and its result is not known.
    InDoubt,
    /// The customer's absence was proved after a create in doubt. If that create lands
    /// after all, the customer is ours.
    ProvedAbsent,
    /// The API reports that it created the customer, but not with the values sent.
    Acknowledged {
        /// Whether it may have existed before.
        is_older: bool,
    },
}

/// The result of the last change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ChangeState {
    /// None was sent.
    None,
    /// One was sent, and its result is not known.
    Lost,
    /// The API accepted it.
    Accepted,
}

/// The end of a row's requests; `settle.rs` turns it into a settlement.
#[derive(Debug)]
pub(super) enum RowEnd {
    /// The API created the customer.
    Created {
        customer: Created,
        status: u16,
        request_id: Option<String>,
    },
    /// The customer exists, found by the request with that id.
    There(Box<RemoteCustomer>, Option<String>),
    /// The API refused it, and the customer is absent.
    Refused(Refusal),
    /// Another customer has the row's id except for case, and belongs to no other row.
    Conflict(Refusal),
    /// `--retries` is used up.
    OutOfTries(OutOfTries),
    /// Its outcome can't be found out.
    Unresolved,
    /// Everything was stopped before its end.
    Stopped,
}

/// The state of one row.
#[derive(Debug)]
pub(super) struct RowState {
    pub(super) ticket: Ticket,
    pub(super) next: NextRequest,
    pub(super) create: CreateState,
    pub(super) change: ChangeState,
    /// The customer as it was last found and believed, unless it was absent since.
    pub(super) seen: Option<SeenCustomer>,
    /// Kable's id of the customer, if its `clientId` finds another one.
    pub(super) customer_id: Option<String>,
    /// What the API answered about another customer.
    pub(super) misdirection: Misdirection,
    /// The changes that the API accepted: none is sent twice.
    pub(super) accepted_changes: Vec<RemoteChange>,
    pub(super) retries: Retries,
    /// Requests sent for it.
    pub(super) attempts: u32,
    /// Creates sent for it in this run.
    pub(super) creates: u32,
    /// The latency of the last create.
    pub(super) last_create: Duration,
    /// The server's `Date` on the last response.
    pub(super) date_ms: Option<i64>,
    /// Whether its last request is the trial for an outage of writes.
    pub(super) on_trial: bool,
    /// Look-ups that found nothing since the request that is in doubt or refused.
    pub(super) absence: Option<Absence>,
    /// Whether the list of all customers was searched since then.
    pub(super) listed: bool,
    /// The refusal of its create, until the customer is looked up.
    pub(super) refusal: Option<Refusal>,
    pub(super) unverified: Option<Unverified>,
    /// The keys of a response that is not trusted yet.
    pub(super) keys: Vec<Key>,
    /// A customer that was found, and the id of the request that found it, while the row
    /// waits for a better bound on the server's clock to decide ownership.
    pub(super) unjudged: Option<(Box<RemoteCustomer>, Option<String>)>,
    /// How often it waited so.
    pub(super) clock_waits: u32,
}

impl RowState {
    /// The initial state of a row.
    pub(super) fn of(ticket: Ticket) -> Self {
        let (next, create) = match ticket.first_step {
            FirstStep::Create => (NextRequest::Create, CreateState::NotSent),
            FirstStep::LookUp => (NextRequest::Find, CreateState::NotSent),
            FirstStep::LookUpLostClaim => (NextRequest::Find, CreateState::ClaimLost),
            FirstStep::ResolveDoubt => (NextRequest::Find, CreateState::InDoubt),
        };
        Self {
            next,
            create,
            absence: (create != CreateState::NotSent)
                .then(|| Absence::of_earlier_holder(ticket.earlier.sent_until)),
            misdirection: Misdirection::of(&ticket),
            ticket,
            change: ChangeState::None,
            seen: None,
            customer_id: None,
            accepted_changes: Vec::new(),
            retries: Retries::default(),
            attempts: 0,
            creates: 0,
            last_create: Duration::ZERO,
            date_ms: None,
            on_trial: false,
            listed: false,
            refusal: None,
            unverified: None,
            keys: Vec::new(),
            unjudged: None,
            clock_waits: 0,
        }
    }

    /// Whether the next request is a retry after an earlier failure in this run. A create
    /// after look-ups alone is none.
    pub(super) fn is_retry(&self) -> bool {
        self.retries.troubled
            && match self.next {
                NextRequest::Find | NextRequest::FindInList => true,
                NextRequest::Create => self.creates > 0,
                NextRequest::Change(_) => self.change == ChangeState::Lost,
            }
    }

    /// When the next request may start, if that is after `now`.
    pub(super) fn waits_until(&self, now: Duration) -> Option<Duration> {
        let retries = &self.retries;
        let until = match self.next {
            NextRequest::Create => retries.not_before.max(retries.write_not_before),
            NextRequest::Find | NextRequest::FindInList | NextRequest::Change(_) => {
                retries.not_before
            }
        };
        (until > now).then_some(until)
    }

    /// Whether a create of ours may have made a customer that exists.
    pub(super) fn may_be_ours(&self) -> bool {
        match self.create {
            CreateState::InDoubt | CreateState::ProvedAbsent => true,
            CreateState::Acknowledged { is_older } => !is_older,
            CreateState::NotSent | CreateState::ClaimLost => false,
        }
    }

    /// Whether a request may have changed what Kable holds. True after a refusal too, until
    /// a look-up: it may have been refused because the customer exists.
    pub(super) fn may_have_changed_kable(&self) -> bool {
        let by_create = match self.create {
            CreateState::InDoubt | CreateState::Acknowledged { .. } => true,
            CreateState::NotSent | CreateState::ClaimLost | CreateState::ProvedAbsent => false,
        };
        by_create || self.refusal.is_some() || self.change != ChangeState::None
    }

    /// The API reports that it created the customer; the row's end, if that is trusted. A
    /// server that reports this for a customer that existed, or with other values, is not
    /// trusted.
    pub(super) fn accepted(
        &mut self,
        customer: Created,
        status: u16,
        request_id: Option<String>,
        facts: &Facts,
    ) -> Option<RowEnd> {
        // By RFC 9110 §15.3.2 only a 201 states that it was created just now.
        let apart_ms = if status == CREATED {
            CLOCKS_APART_MS
        } else {
            0
        };
        let (claim, created) = (self.ticket.claim, customer.created);
        let is_older = facts
            .clocks
            .is_older(claim, created, self.date_ms, apart_ms);
        if is_older || customer.altered {
            self.create = CreateState::Acknowledged { is_older };
            self.seen = Some(SeenCustomer::of_create(&customer));
            self.keys = customer.keys;
            self.absence = Some(Absence::since(facts.now, Doubt::Unanswered));
            self.next = NextRequest::Find;
            return None;
        }
        Some(RowEnd::Created {
            customer,
            status,
            request_id,
        })
    }

    /// The API refused a create, perhaps because the customer exists: it is looked up. A
    /// refused change ends the row.
    pub(super) fn refused(&mut self, refusal: Refusal, now: Duration) -> Option<RowEnd> {
        if let NextRequest::Change(_) = self.next {
            return Some(RowEnd::Refused(refusal));
        }
        if self.is_contradicted(&refusal) {
            self.absence = Some(Absence::since(now, Doubt::Failed));
            self.listed = false;
        }
        self.refusal = Some(refusal);
        self.next = NextRequest::Find;
        None
    }

    /// The response to a create or a change was lost at `now`: the row is in doubt.
    pub(super) fn lost(&mut self, trouble: &Trouble, now: Duration) {
        match self.next {
            NextRequest::Change(_) => self.change = ChangeState::Lost,
            NextRequest::Create | NextRequest::Find | NextRequest::FindInList => {
                let doubt = if trouble.by_api {
                    Doubt::Failed
                } else {
                    Doubt::Unanswered
                };
                self.create = CreateState::InDoubt;
                self.absence = Some(Absence::since(now, doubt));
                self.listed = false;
            }
        }
        self.next = NextRequest::Find;
    }

    /// The API accepted a change; the row's end, if `remote` is as it should be.
    pub(super) fn changed(
        &mut self,
        remote: Box<RemoteCustomer>,
        request_id: Option<String>,
        facts: &Facts,
    ) -> Option<RowEnd> {
        let look_up = NextRequest::Find;
        if let NextRequest::Change(change) = std::mem::replace(&mut self.next, look_up) {
            self.accepted_changes.push(change);
        }
        self.change = ChangeState::Accepted;
        self.seen = Some(SeenCustomer::of(&remote));
        self.absence = Some(Absence::since(facts.now, Doubt::Failed));
        if let Some(change) = self.next_change(&remote, facts) {
            self.next = NextRequest::Change(change);
            return None;
        }
        self.differs_in_nothing(&remote, facts)
            .then_some(RowEnd::There(remote, request_id))
    }

    /// Judges a customer that was found; the row's end, unless the customer is changed,
    /// looked up again, or waits for the server's clock.
    pub(super) fn found(
        &mut self,
        mut remote: Box<RemoteCustomer>,
        request_id: Option<String>,
        facts: &Facts,
    ) -> Option<RowEnd> {
        facts.complete(&mut remote);
        if let Some(until) = self.deleted_until(facts) {
            self.retries.not_before = self.retries.not_before.max(until);
            self.next = NextRequest::Find;
            return None;
        }
        self.seen = Some(SeenCustomer::of(&remote));
        if let Some(change) = self.next_change(&remote, facts) {
            if self.is_misdirected_for_good() {
                return Some(RowEnd::Unresolved);
            }
            self.next = NextRequest::Change(change);
            return self.retries.spent(facts).map(RowEnd::OutOfTries);
        }
        // A customer that was just changed may be read from a lagging replica.
        if self.change == ChangeState::Accepted
            && !self.differs_in_nothing(&remote, facts)
            && !self.is_proved(facts)
        {
            return None;
        }
        let (claim, created, clocks) = (self.ticket.claim, remote.created, &facts.clocks);
        let is_open = self.may_be_ours() && self.clock_waits < CLOCK_WAITS;
        if is_open && clocks.may_yet_be_our_doing(claim, created, self.date_ms) {
            self.clock_waits += 1;
            self.retries.not_before = facts.now + CLOCK_WAIT;
            self.unjudged = Some((remote, request_id));
            return None;
        }
        Some(RowEnd::There(remote, request_id))
    }

    /// Until when a customer that was found is not believed: a rollback deleted it, and a
    /// lagging replica may still show it.
    fn deleted_until(&self, facts: &Facts) -> Option<Duration> {
        let was_deleted = self.ticket.earlier.outcome == Some(Outcome::Deleted);
        let until = facts.landing_time(Doubt::Unanswered);
        (was_deleted && self.creates == 0 && facts.now < until).then_some(until)
    }

    /// The next change of an existing customer, if `--existing update` is given. One that
    /// was accepted and does not show is not sent again.
    fn next_change(&self, remote: &RemoteCustomer, facts: &Facts) -> Option<RemoteChange> {
        let earlier = &self.ticket.earlier;
        if facts.existing != ExistingPolicy::Update || earlier.is_left {
            return None;
        }
        // What can't be read back may differ, unless the row was settled as it is, or sent.
        let is_sent = |change: &RemoteChange| matches!(change, RemoteChange::Update(_));
        let may_differ = !self.accepted_changes.iter().any(is_sent);
        let was_settled = earlier.outcome.is_some_and(Outcome::customer_exists);
        let is_ours = self.may_be_ours();
        let is_edited = earlier.is_changed && !(is_ours && self.creates > 0);
        let unseen = Unseen {
            stripe: may_differ && is_edited,
            contact: may_differ && (is_edited || !was_settled && !is_ours),
        };
        let customer = &self.ticket.customer;
        let change = RemoteChange::next(customer, remote, facts.plans.changed, unseen)?;
        (!self.accepted_changes.contains(&change)).then_some(change)
    }

    fn differs_in_nothing(&self, remote: &RemoteCustomer, facts: &Facts) -> bool {
        differences(&self.ticket.customer, remote, facts.plans.compared).is_empty()
    }

    /// The customer was not found; the row's end, or its next request: another look-up, the
    /// list of all customers, or a create.
    pub(super) fn absent(&mut self, facts: &Facts) -> Option<RowEnd> {
        if self.change != ChangeState::None {
            return self.absent_after_change(facts);
        }
        let is_acknowledged = matches!(self.create, CreateState::Acknowledged { .. });
        let in_doubt = match self.create {
            CreateState::ClaimLost | CreateState::InDoubt | CreateState::Acknowledged { .. } => {
                true
            }
            CreateState::NotSent | CreateState::ProvedAbsent => false,
        };
        let refusal = self.refusal.as_ref();
        let contradicted = refusal.is_some_and(|refusal| self.is_contradicted(refusal));
        if (in_doubt || contradicted) && !self.is_proved(facts) {
            return None;
        }
        // The list is the last resort: a "not found" page may come from a proxy, for this
        // path only and for a while.
        let is_odd = is_acknowledged || self.misdirection.answers > 0;
        let asks_list = is_odd || contradicted || in_doubt && facts.absence_is_page;
        if asks_list && !self.listed {
            self.listed = true;
            self.next = NextRequest::FindInList;
            return None;
        }
        self.absent_for_good(facts)
    }

    /// The customer's absence is proved; the row's end, unless it is created now.
    pub(super) fn absent_for_good(&mut self, facts: &Facts) -> Option<RowEnd> {
        self.create = match self.create {
            CreateState::NotSent | CreateState::ClaimLost => CreateState::NotSent,
            CreateState::InDoubt | CreateState::ProvedAbsent => CreateState::ProvedAbsent,
            CreateState::Acknowledged { .. } => {
                let message = "the API says that it created the customer, and does not show it";
                return Some(self.unresolved(message));
            }
        };
        self.seen = None;
        if self.is_misdirected_for_good() {
            return Some(self.held_otherwise());
        }
        self.next = NextRequest::Create;
        let Some(refusal) = self.refusal.take() else {
            return self.retries.spent(facts).map(RowEnd::OutOfTries);
        };
        if !refusal.may_say_exists() {
            return Some(RowEnd::Refused(refusal));
        }
        self.retries.trouble = Some(Trouble {
            status: Some(refusal.status),
            message: format!(
                "{} (refused, and the customer was not found)",
                refusal.message
            ),
            request_id: refusal.request_id.clone(),
            ..Trouble::default()
        });
        self.refusal = Some(refusal);
        Some(RowEnd::Unresolved)
    }

    /// A customer that was found and changed is no longer found: it is not created again.
    fn absent_after_change(&mut self, facts: &Facts) -> Option<RowEnd> {
        let message = "the customer was found, and after its update it was not";
        self.is_proved(facts).then(|| self.unresolved(message))
    }

    fn unresolved(&mut self, message: &str) -> RowEnd {
        self.retries.trouble = Some(Trouble {
            message: message.to_owned(),
            ..Trouble::default()
        });
        RowEnd::Unresolved
    }

    /// A look-up got no response, or an unreadable one; the row's end, if its tries are
    /// used up.
    pub(super) fn unanswered(&self, facts: &Facts) -> Option<RowEnd> {
        (self.retries.unanswered > facts.retry.retries).then_some(RowEnd::Unresolved)
    }

    /// Whether a refusal can't be final although the customer was not found: it may state
    /// that the customer exists, or an earlier create may have landed since.
    fn is_contradicted(&self, refusal: &Refusal) -> bool {
        self.may_be_ours() || refusal.may_say_exists()
    }

    /// Whether the look-ups so far prove absence; if not, the row waits for the next one.
    fn is_proved(&mut self, facts: &Facts) -> bool {
        let absence = self
            .absence
            .get_or_insert_with(|| Absence::since(facts.now, Doubt::Unanswered));
        match absence.not_found(facts.now, |doubt| facts.landing_time(doubt)) {
            Proof::Absent => true,
            Proof::LookAgain(at) => {
                self.retries.troubled = true;
                self.retries.not_before = self.retries.not_before.max(at);
                false
            }
        }
    }

    /// How late the create in doubt landed, if earlier look-ups had not found its customer.
    pub(super) fn landed_late(&self, now: Duration) -> Option<Duration> {
        let late = self.absence.and_then(|absence| absence.landed(now))?;
        Some(self.last_create + late)
    }
}

#[cfg(test)]
#[path = "row_state_tests.rs"]
mod tests;
