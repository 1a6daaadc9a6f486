//! One row on its way, as a state machine: what an answer means for it, and which
//! request is next (pure).
//!
//! A create whose fate is not known puts the row in doubt. A row in doubt is looked up,
//! never sent blindly: it is created again only once its absence is proved
//! (`absence.rs`). `delivery.rs` sends the requests.

use std::time::Duration;

use super::absence::{Absence, Doubt, Proof};
use super::facts::Facts;
use super::ownership::CLOCKS_APART_MS;
use super::retries::{OutOfTries, Retries};
use crate::domain::decision::ExistingPolicy;
use crate::domain::remote::{RemoteCustomer, differences};
use crate::domain::text::quoted;
use crate::domain::update::CustomerUpdate;
use crate::engine::ticket::{FirstStep, KnownCustomer, Ticket};
use crate::kable::{Created, Key, Refusal, Trouble};

/// The status of an answer that says that something was created.
const CREATED: u16 = 201;

/// For how long other answers may tell more of the server's clock, and how often: its
/// `Date`s are cut to seconds, one of which ends meanwhile.
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
    Update(Box<CustomerUpdate>),
}

/// Whether the customer may be there by a create of this checkpoint's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum CreateState {
    /// No create was sent, or all were refused.
    NotSent,
    /// An earlier run may have sent one, of which nothing is known.
    ClaimLost,
    /// One was sent, and its fate is not known.
    InDoubt,
    /// The absence of the customer was proved after a create in doubt. Should it land
    /// all the same, the customer is ours.
    ProvedAbsent,
    /// The API says that it created the customer, but not as it was sent.
    Acknowledged {
        /// Whether it may have been there before.
        is_older: bool,
    },
}

/// What became of an update.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum UpdateState {
    /// None was sent.
    None,
    /// One was sent, and its fate is not known.
    Lost,
    /// The API accepted it.
    Accepted,
}

/// How the sender of a row ends; `settle.rs` writes it down.
#[derive(Debug)]
pub(super) enum RowEnd {
    /// The API created the customer.
    Created {
        customer: Created,
        status: u16,
        request_id: Option<String>,
    },
    /// The customer is there, found by the request with that id.
    There(Box<RemoteCustomer>, Option<String>),
    /// The API refused it, and the customer is not there.
    Refused(Refusal),
    /// Another customer has the row's id but for case: no other row has to do with it.
    Conflict(Refusal),
    /// It was tried as often as `--retries` says.
    OutOfTries(OutOfTries),
    /// It can't be found out what became of it.
    Unresolved,
    /// Everything was stopped before its end.
    Stopped,
}

/// A create of which the API says that it failed, until the customer is looked up.
#[derive(Debug)]
pub(super) struct Unverified {
    pub(super) trouble: Trouble,
    /// Whether it was counted as a try of the row, or as an outage, already.
    pub(super) is_counted: bool,
}

/// What is known of one row while it is on its way.
#[derive(Debug)]
pub(super) struct RowState {
    pub(super) ticket: Ticket,
    pub(super) next: NextRequest,
    pub(super) create: CreateState,
    pub(super) update: UpdateState,
    pub(super) retries: Retries,
    /// Requests sent for it.
    pub(super) attempts: u32,
    /// Creates sent for it in this run.
    pub(super) creates: u32,
    /// How long the last of them took.
    pub(super) last_create: Duration,
    /// The server's `Date` on the last answer.
    pub(super) date_ms: Option<i64>,
    /// Whether its last request is the trial of an outage of writes.
    pub(super) on_trial: bool,
    /// Look-ups that found nothing since the request that is in doubt or refused.
    pub(super) absence: Option<Absence>,
    /// Whether it was looked for in the list of all customers since then.
    pub(super) listed: bool,
    /// The refusal of its create, until the customer is looked up.
    pub(super) refusal: Option<Refusal>,
    pub(super) unverified: Option<Unverified>,
    /// The keys that came with an answer that is not believed yet.
    pub(super) keys: Vec<Key>,
    /// A customer that was found, and the id of the request that found it, while more
    /// of the server's clock is waited for to tell whose it is.
    pub(super) unjudged: Option<(Box<RemoteCustomer>, Option<String>)>,
    /// How often that was waited for.
    pub(super) clock_waits: u32,
}

impl RowState {
    /// A row at its start.
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
            absence: (create != CreateState::NotSent).then(Absence::of_earlier_run),
            ticket,
            update: UpdateState::None,
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

    /// Whether the next request is there for trouble that an earlier one of this run
    /// met. A create that comes after look-ups alone is none.
    pub(super) fn is_retry(&self) -> bool {
        self.retries.troubled
            && match self.next {
                NextRequest::Find | NextRequest::FindInList => true,
                NextRequest::Create => self.creates > 0,
                NextRequest::Update(_) => self.update != UpdateState::None,
            }
    }

    /// When the next request may start, if that is after `now`.
    pub(super) fn waits_until(&self, now: Duration) -> Option<Duration> {
        let retries = &self.retries;
        let until = match self.next {
            NextRequest::Create => retries.not_before.max(retries.write_not_before),
            NextRequest::Find | NextRequest::FindInList | NextRequest::Update(_) => {
                retries.not_before
            }
        };
        (until > now).then_some(until)
    }

    /// Whether a customer that is there may be so by a create of ours.
    pub(super) fn may_be_ours(&self) -> bool {
        match self.create {
            CreateState::InDoubt | CreateState::ProvedAbsent => true,
            CreateState::Acknowledged { is_older } => !is_older,
            CreateState::NotSent | CreateState::ClaimLost => false,
        }
    }

    /// Whether something that was sent may have changed what is at Kable. After
    /// a refusal too, until it has been looked up: it may have been refused because the
    /// customer exists.
    pub(super) fn may_have_changed_kable(&self) -> bool {
        let by_create = match self.create {
            CreateState::InDoubt | CreateState::Acknowledged { .. } => true,
            CreateState::NotSent | CreateState::ClaimLost | CreateState::ProvedAbsent => false,
        };
        by_create || self.refusal.is_some() || self.update != UpdateState::None
    }

    /// The API says that it created the customer; the row's end, if that is believed. A
    /// server that answers so for one that was there already, or with other values, is
    /// not taken at its word.
    pub(super) fn accepted(
        &mut self,
        customer: Created,
        status: u16,
        request_id: Option<String>,
        facts: &Facts,
    ) -> Option<RowEnd> {
        // By RFC 9110 §15.3.2 a 201 alone says that it was created just now.
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
    /// refused update is the row's end.
    pub(super) fn refused(&mut self, refusal: Refusal, now: Duration) -> Option<RowEnd> {
        match self.next {
            NextRequest::Update(_) => return Some(RowEnd::Refused(refusal)),
            NextRequest::Create | NextRequest::Find | NextRequest::FindInList => {}
        }
        if self.is_contradicted(&refusal) {
            self.absence = Some(Absence::since(now, Doubt::Failed));
            self.listed = false;
        }
        self.refusal = Some(refusal);
        self.next = NextRequest::Find;
        None
    }

    /// The answer to a create or an update was lost, at `now`: the row is in doubt.
    pub(super) fn lost(&mut self, trouble: &Trouble, now: Duration) {
        match self.next {
            NextRequest::Update(_) => self.update = UpdateState::Lost,
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

    /// The API accepted an update; the row's end, if `remote` shows all of it.
    pub(super) fn updated(
        &mut self,
        remote: Box<RemoteCustomer>,
        request_id: Option<String>,
        facts: &Facts,
    ) -> Option<RowEnd> {
        self.update = UpdateState::Accepted;
        self.absence = Some(Absence::since(facts.now, Doubt::Failed));
        self.next = NextRequest::Find;
        differences(&self.ticket.customer, &remote)
            .is_empty()
            .then_some(RowEnd::There(remote, request_id))
    }

    /// Judges a customer that was found; the row's end, unless it is to be changed,
    /// looked up again, or waits for the server's clock.
    pub(super) fn found(
        &mut self,
        remote: Box<RemoteCustomer>,
        request_id: Option<String>,
        facts: &Facts,
    ) -> Option<RowEnd> {
        if let Some(change) = self.change(&remote, facts) {
            self.next = NextRequest::Update(Box::new(change));
            return self.retries.spent(facts).map(RowEnd::OutOfTries);
        }
        // What was just updated may be read from a copy that lags behind.
        if self.update == UpdateState::Accepted
            && !differences(&self.ticket.customer, &remote).is_empty()
            && !self.is_proved(facts)
        {
            return None;
        }
        let (claim, created) = (self.ticket.claim, remote.created);
        let is_open = self.may_be_ours()
            && self.ticket.earlier.customer != KnownCustomer::Ours
            && self.clock_waits < CLOCK_WAITS;
        if is_open && facts.clocks.may_yet_be_our_doing(claim, created) {
            self.clock_waits += 1;
            self.retries.not_before = facts.now + CLOCK_WAIT;
            self.unjudged = Some((remote, request_id));
            return None;
        }
        Some(RowEnd::There(remote, request_id))
    }

    /// What is still to be changed about a customer that is there, where `--existing
    /// update` says so and an update can.
    fn change(&self, remote: &RemoteCustomer, facts: &Facts) -> Option<CustomerUpdate> {
        let earlier = &self.ticket.earlier;
        let is_update = facts.existing == ExistingPolicy::Update && !earlier.is_repeat;
        if !is_update || self.update == UpdateState::Accepted {
            return None;
        }
        // A row that was changed may have another `stripeCustomerId`, which
        // can't be read back.
        let unseen = earlier.is_changed && self.update == UpdateState::None;
        CustomerUpdate::of(&self.ticket.customer, remote, unseen)
    }

    /// The customer was not found; the row's end, if that is it. Else its next request is
    /// another look-up, the list of all customers, or a create.
    pub(super) fn absent(&mut self, facts: &Facts) -> Option<RowEnd> {
        if self.update != UpdateState::None {
            return self.absent_after_update(facts);
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
        // The last place to look is the list of all. Pages that say "not found" may come
        // from what stands before the API, to this path and for a while.
        let asks_list = is_acknowledged || contradicted || in_doubt && facts.absence_is_page;
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

    /// A customer was found and updated, and is not found any more: it is not created
    /// again.
    fn absent_after_update(&mut self, facts: &Facts) -> Option<RowEnd> {
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

    /// A customer is there whose id differs from the row's in case only. Where that is
    /// the row's own, the API writes ids its own way; where it is not, the row can't be
    /// created beside it.
    pub(super) fn twin(
        &self,
        remote: Box<RemoteCustomer>,
        request_id: Option<String>,
        facts: &Facts,
    ) -> RowEnd {
        let (claim, created) = (self.ticket.claim, remote.created);
        let is_ours = self.ticket.earlier.customer == KnownCustomer::Ours
            || self.may_be_ours() && facts.clocks.is_ours(claim, created);
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

    /// A look-up got no answer, or none that can be read; the row's end, if that was
    /// tried often enough.
    pub(super) fn unanswered(&self, facts: &Facts) -> Option<RowEnd> {
        (self.retries.unanswered > facts.retry.retries).then_some(RowEnd::Unresolved)
    }

    /// Whether a refusal can't be final though the customer was not found: it may say
    /// that the customer exists, or an earlier create may have landed since.
    fn is_contradicted(&self, refusal: &Refusal) -> bool {
        self.may_be_ours() || refusal.may_say_exists()
    }

    /// Whether the look-ups so far prove what the last of them says; if not, the row
    /// waits for the next one.
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

    /// How late the create in doubt landed, where look-ups had not found its customer.
    pub(super) fn landed_late(&self, now: Duration) -> Option<Duration> {
        let late = self.absence.and_then(|absence| absence.landed(now))?;
        Some(self.last_create + late)
    }
}

#[cfg(test)]
#[path = "row_state_tests.rs"]
mod tests;
