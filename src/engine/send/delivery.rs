//! One row, from request to request: permit, pace, send, judge, look up, perhaps again.
//!
//! The loop below is the promise in code. A create whose fate is not known puts the
//! row in doubt, and a row in doubt is asked for, never sent blindly: it is sent
//! again only once its absence is proved (`absence.rs`).

use std::time::Duration;

use super::absence::{Absence, Doubt};
use super::metrics::Metrics;
use super::ownership::CLOCKS_APART_MS;
use super::row_state::{Delivery, Next, Progressed, RowState, Unverified, Update};
use super::sender::{Admitted, Sender};
use crate::domain::decision::ExistingPolicy;
use crate::domain::outcome::Outcome;
use crate::domain::remote::{RemoteCustomer, differences};
use crate::domain::update::CustomerUpdate;
use crate::engine::pace::backoff::delay;
use crate::engine::pace::circuit_breaker::Access;
use crate::kable::{Created, CustomerApi, ProbeReply, Refusal, Reply, Trouble};
use crate::report::{Event, Observer};

/// Whether the API itself says that a create failed (500), or that there is no such call.
fn is_said_by_api(trouble: &Trouble) -> bool {
    trouble.by_api || !trouble.is_page && matches!(trouble.status, Some(404 | 405))
}

/// The status of an answer that says that something was created.
const CREATED: u16 = 201;

impl<A: CustomerApi, O: Observer> Sender<A, O> {
    /// Goes on with a row until its end, or until it has to wait for a time.
    pub(super) async fn progress(&self, mut state: Box<RowState>) -> Progressed {
        loop {
            if self.doubts_only && state.next != Next::Find {
                // It is what it was, and known not to be done.
                return Progressed::Ended(state.left());
            }
            if state.next == Next::Create {
                state.not_before = state.not_before.max(state.create_not_before);
            }
            if state.not_before > self.began.elapsed() {
                let until = state.not_before;
                return Progressed::Waits(state, until);
            }
            if let Some(found) = state.unjudged.take() {
                let (remote, request_id) = *found;
                if let Some(delivery) = self.judged(&mut state, &remote, request_id) {
                    return Progressed::Ended(delivery);
                }
                continue;
            }
            let access = match state.next {
                Next::Find => Access::Read,
                Next::Create | Next::Update(_) => Access::Write,
            };
            let Some(admitted) = self.admitted(state.is_retry(), access).await else {
                return Progressed::Ended(state.left());
            };
            if let Some(delivery) = self.step(admitted, &mut state).await {
                return Progressed::Ended(delivery);
            }
        }
    }

    /// Sends one request; the row's end, if that is it.
    async fn step(&self, admitted: Admitted<'_>, state: &mut RowState) -> Option<Delivery> {
        state.attempts += 1;
        state.on_trial = admitted.on_trial;
        Metrics::count(&self.metrics.sent);
        let permit = admitted.permit;
        let client_id = state.ticket.customer.client_id();
        match state.next.clone() {
            Next::Find => {
                Metrics::count(&self.metrics.lookups);
                let (timed, found) = self.timed(permit, self.api.find(client_id)).await;
                (state.sent, state.date_ms) = (timed.sent, timed.date_ms);
                self.looked_up(state, found).await
            }
            Next::Create => {
                let create = self.api.create(&state.ticket.customer);
                let (timed, reply) = self.timed(permit, create).await;
                (state.sent, state.date_ms) = (timed.sent, timed.date_ms);
                if state.creates > 0 {
                    Metrics::count(&self.metrics.retried);
                }
                state.creates += 1;
                state.last_create = timed.sent.latency;
                self.created(state, reply).await
            }
            Next::Update(change) => {
                let update = self.api.update(client_id, &change);
                let (timed, reply) = self.timed(permit, update).await;
                (state.sent, state.date_ms) = (timed.sent, timed.date_ms);
                if state.update != Update::None {
                    Metrics::count(&self.metrics.retried);
                }
                self.updated(state, reply).await
            }
        }
    }

    /// Judges the answer to a create; the row's end, if that is it.
    async fn created(&self, state: &mut RowState, reply: Reply<Created>) -> Option<Delivery> {
        match reply {
            Reply::Done {
                customer,
                status,
                request_id,
            } => self.accepted(state, customer, status, request_id),
            Reply::Refused(refusal) => {
                self.worked(state.sent);
                self.refused(state, refusal);
                None
            }
            Reply::Unknown(trouble) => {
                state.begin_doubt(self.began.elapsed(), &trouble);
                // A server error may be said of what was done all the same, or of what
                // was there before. It is no sign of an outage until it is looked for.
                let is_said = is_said_by_api(&trouble);
                let is_counted = !is_said || trouble.wait.is_some() || state.on_trial;
                if is_counted {
                    self.tried_in_vain(state, trouble.clone());
                }
                state.troubled = true;
                state.unverified = is_said.then_some(Unverified {
                    trouble,
                    is_counted,
                });
                None
            }
            Reply::Denied(refusal) => self.denied(state, refusal).await,
            Reply::Throttled(wait) => {
                self.throttled(state, wait);
                None
            }
            Reply::Unsent(trouble) => {
                self.set_back(state, trouble, Access::Write);
                state.not_before = state.create_not_before;
                None
            }
        }
    }

    /// The API says that it created the customer. A server that answers so for one
    /// that was there already, or with other values, is not taken at its word.
    fn accepted(
        &self,
        state: &mut RowState,
        customer: Created,
        status: u16,
        request_id: Option<String>,
    ) -> Option<Delivery> {
        self.worked(state.sent);
        // By RFC 9110 §15.3.2 a 201 says by itself that it was created just now.
        let apart_ms = if status == CREATED {
            CLOCKS_APART_MS
        } else {
            0
        };
        let is_older =
            self.was_there_before(&state.ticket, customer.created, state.date_ms, apart_ms);
        if is_older || customer.altered {
            state.acknowledged = true;
            state.keys = customer.keys;
            state.ticket.in_doubt = !is_older;
            state.absence = Some(Absence::since(self.began.elapsed(), Doubt::Unanswered));
            state.next = Next::Find;
            return None;
        }
        self.went_through(&state.ticket);
        let mut settlement = state.settled(Outcome::Created, true);
        settlement.customer_id = Some(customer.customer_id);
        settlement.request_id = request_id;
        settlement.status = Some(status);
        settlement.keys_lost = self.keys && customer.keys.is_empty();
        Some(Delivery::Settled {
            settlement,
            keys: customer.keys,
            from_before: false,
        })
    }

    /// The create was refused; perhaps because the customer exists.
    fn refused(&self, state: &mut RowState, refusal: Refusal) {
        if state.is_contradicted(&refusal) {
            state.absence = Some(Absence::since(self.began.elapsed(), Doubt::Failed));
            state.listed = false;
        }
        state.refusal = Some(refusal);
        state.next = Next::Find;
    }

    /// Judges the answer to an update; the row's end, if that is it.
    async fn updated(
        &self,
        state: &mut RowState,
        reply: Reply<Box<RemoteCustomer>>,
    ) -> Option<Delivery> {
        match reply {
            Reply::Done {
                customer: remote,
                request_id,
                ..
            } => {
                self.worked(state.sent);
                state.update = Update::Accepted;
                // An answer that doesn't show all of it is not taken for it.
                state.absence = Some(Absence::since(self.began.elapsed(), Doubt::Failed));
                state.next = Next::Find;
                differences(&state.ticket.customer, &remote)
                    .is_empty()
                    .then(|| self.there(state, &remote, request_id))
            }
            Reply::Refused(refusal) => {
                self.worked(state.sent);
                Some(state.refused(refusal))
            }
            Reply::Unknown(trouble) => {
                state.update = Update::Lost;
                state.next = Next::Find;
                self.tried_in_vain(state, trouble);
                state.not_before = state.create_not_before;
                None
            }
            Reply::Denied(refusal) => match self.denied(state, refusal).await {
                None if state.refusal.is_some() => {
                    state.refusal.take().map(|refusal| state.refused(refusal))
                }
                ended => ended,
            },
            Reply::Throttled(wait) => {
                self.throttled(state, wait);
                None
            }
            Reply::Unsent(trouble) => {
                self.set_back(state, trouble, Access::Write);
                state.not_before = state.create_not_before;
                None
            }
        }
    }

    /// The customer is there; the row's end, unless it is to be changed or looked at
    /// again.
    pub(super) fn found(
        &self,
        state: &mut RowState,
        remote: &RemoteCustomer,
        request_id: Option<String>,
    ) -> Option<Delivery> {
        if state.doubt && state.creates > 0 {
            // Its create was done after all, or was refused for being there: creates
            // are answered, however oddly.
            self.has_worked();
            self.landed_late(state);
        }
        self.judged(state, remote, request_id)
    }

    /// Judges a customer that was found; the row's end, unless it is to be changed,
    /// looked at again, or waits for the server's clock.
    fn judged(
        &self,
        state: &mut RowState,
        remote: &RemoteCustomer,
        request_id: Option<String>,
    ) -> Option<Delivery> {
        match self.change(state, remote) {
            Some(change) => {
                state.next = Next::Update(Box::new(change));
                self.tried_enough(state)
            }
            // What was just updated may be read from a copy that lags behind.
            None if state.update == Update::Accepted
                && !differences(&state.ticket.customer, remote).is_empty()
                && !self.is_proved(state) =>
            {
                None
            }
            None if self.is_clock_too_vague(state, remote) => {
                self.wait_for_clock(state, remote.clone(), request_id);
                None
            }
            None => Some(self.there(state, remote, request_id)),
        }
    }

    /// What is still to be changed about a customer that is there, where that is
    /// wanted and can be done.
    fn change(&self, state: &RowState, remote: &RemoteCustomer) -> Option<CustomerUpdate> {
        let is_wanted = self.existing == ExistingPolicy::Update && !state.ticket.is_repeat;
        if !is_wanted || state.update == Update::Accepted {
            return None;
        }
        // A row that was changed may have another `stripeCustomerId`, which
        // can't be read back.
        let unseen = state.ticket.changed && state.update == Update::None;
        CustomerUpdate::of(&state.ticket.customer, remote, unseen)
    }

    /// A create or an update left, and what became of it is not known.
    pub(super) fn tried_in_vain(&self, state: &mut RowState, trouble: Trouble) {
        if self.set_back(state, trouble, Access::Write) {
            state.tries += 1;
        } else if state.on_trial {
            state.trials += 1;
        }
    }

    /// Whether creates and updates of other rows worked since this row's first trouble.
    pub(super) fn others_work(&self, state: &RowState) -> bool {
        Metrics::read(&self.metrics.worked) > state.worked_before.unwrap_or(u64::MAX)
    }

    /// The row's end, if it was tried as often as wanted.
    pub(super) fn tried_enough(&self, state: &mut RowState) -> Option<Delivery> {
        let others_work = self.others_work(state);
        if state.tries > self.retry.retries {
            Some(state.given_up(others_work))
        } else if state.tries + state.trials > self.retry.retries {
            // What failed during an outage says little about the row.
            Some(state.given_up(false))
        } else {
            None
        }
    }

    /// A request met trouble: sets when the next try may be. False where that is an
    /// outage, so that it is not held against the row.
    pub(super) fn set_back(&self, state: &mut RowState, trouble: Trouble, access: Access) -> bool {
        state.troubled = true;
        let now = self.began.elapsed();
        if trouble.local {
            state.not_before = now + self.crowded_for(&trouble);
            state.create_not_before = state.not_before;
            if state.on_trial {
                self.trial_failed();
            }
            return false;
        }
        if state.worked_before.is_none() {
            state.worked_before = Some(Metrics::read(&self.metrics.worked));
        }
        // What the server asks for holds for the next request of any kind.
        state.not_before = now + trouble.wait.unwrap_or_default();
        state.create_not_before = state.not_before;
        let is_outage = self.is_outage(&trouble, access);
        if state.on_trial {
            self.trial_failed();
        }
        if is_outage {
            state.trouble = Some(trouble);
            return false;
        }
        self.back_off(state, trouble);
        true
    }

    /// A request met trouble that is held against its row: sets when the next try may
    /// be.
    pub(super) fn back_off(&self, state: &mut RowState, trouble: Trouble) {
        self.observer.observe(&Event::Trouble {
            message: trouble.message.clone(),
        });
        state.waits += 1;
        let wait = delay(&self.retry, state.waits, trouble.wait, (self.jitter)());
        state.create_not_before = self.began.elapsed() + wait;
        state.trouble = Some(trouble);
    }

    /// All requests have to wait; the row is tried again then.
    pub(super) fn throttled(&self, state: &mut RowState, wait: Option<Duration>) {
        state.troubled = true;
        self.hold_back(state.sent, wait);
        if state.on_trial {
            self.trial_failed();
        }
    }

    /// The request is not allowed. Where the credentials don't hold, everything ends;
    /// where they do, it is the row that is refused: by a firewall, say.
    async fn denied(&self, state: &mut RowState, refusal: Refusal) -> Option<Delivery> {
        match self.reach().await {
            (_, ProbeReply::Good) => {
                self.worked(state.sent);
                self.refused(state, refusal);
                None
            }
            (_, ProbeReply::Denied(_)) => {
                self.shut_out(&refusal);
                Some(state.left())
            }
            (_, ProbeReply::Trouble(trouble)) => {
                self.set_back(state, trouble, Access::Write);
                state.not_before = state.create_not_before;
                None
            }
        }
    }
}

#[cfg(test)]
#[path = "delivery_tests.rs"]
mod tests;
