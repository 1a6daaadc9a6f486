//! One row in flight, from its first request to its end: permit, send, attribute failures,
//! judge.
//!
//! This is the plumbing: `sender.rs` has the gates before every request, and `row_state.rs`
//! decides what a response means for the row.

use std::time::Duration;

use super::admission::Admitted;
use super::look_up::{LookedUp, find_by_kable_id, find_in_list, look_up};
use super::metrics::Metrics;
use super::retries::{Blame, Unverified};
use super::row_state::{ChangeState, CreateState, NextRequest, RowEnd, RowState};
use super::sender::Sender;
use super::settle::{Delivery, settle, words};
use crate::domain::remote::RemoteCustomer;
use crate::domain::remote_change::RemoteChange;
use crate::engine::pace::circuit_breaker::Access;
use crate::engine::pace::timing::RequestTiming;
use crate::kable::{
    Created, CustomerAddress, CustomerApi, Failure, ProbeReply, Refusal, Reply, Trouble,
};
use crate::report::Observer;

/// How far a row got in one go.
#[derive(Debug)]
pub(super) enum RowProgress {
    /// To its end.
    Ended(Delivery),
    /// It waits, and continues at this time since the run's start.
    Waits(Box<RowState>, Duration),
}

/// A row in flight.
pub(super) struct InFlight<'s, A, O> {
    sender: &'s Sender<A, O>,
    state: Box<RowState>,
}

impl<'s, A: CustomerApi, O: Observer> InFlight<'s, A, O> {
    pub(super) fn new(sender: &'s Sender<A, O>, state: Box<RowState>) -> Self {
        Self { sender, state }
    }

    /// Continues with the row until its end, or until it has to wait for a time.
    pub(super) async fn progress(mut self) -> RowProgress {
        let end = loop {
            let is_write = matches!(
                self.state.next,
                NextRequest::Create | NextRequest::Change(_)
            );
            if self.sender.doubts_only && is_write {
                // The row is as it was before its claim, and certainly not sent.
                break RowEnd::Stopped;
            }
            if let Some(until) = self.state.waits_until(self.sender.began.elapsed()) {
                return RowProgress::Waits(self.state, until);
            }
            let ended = match self.state.unjudged.take() {
                Some((remote, request_id)) => {
                    self.state.found(remote, request_id, &self.sender.facts())
                }
                None => self.step().await,
            };
            if let Some(end) = ended {
                break end;
            }
        };
        let made_ms = end.made_ms();
        let delivery = settle(&mut self.state, end, &self.sender.facts());
        // No response proves itself.
        self.sender.made(made_ms, self.state.last_create);
        RowProgress::Ended(delivery)
    }

    /// Sends the next request; returns the row's end, if that was it.
    async fn step(&mut self) -> Option<RowEnd> {
        match self.state.next.clone() {
            NextRequest::Find => self.look_up().await,
            NextRequest::FindInList => {
                let client_id = self.state.ticket.customer.client_id();
                let looked_up = find_in_list(self.sender, client_id).await;
                self.listed(looked_up)
            }
            NextRequest::Create => match self.state.misdirection.earlier_id.clone() {
                Some(other_id) => self.look_up_other(&other_id).await,
                None => self.create().await,
            },
            NextRequest::Change(change) => self.change(&change).await,
        }
    }

    /// Waits until a create or a change may start; `None` if everything is stopped.
    async fn admitted(&mut self) -> Option<Admitted<'s>> {
        let is_retry = self.state.is_retry();
        let admitted = self.sender.admitted(is_retry, Access::Write).await?;
        self.state.attempts += 1;
        self.state.on_trial = admitted.on_trial;
        Metrics::count(&self.sender.metrics.sent);
        Some(admitted)
    }

    async fn create(&mut self) -> Option<RowEnd> {
        let Some(admitted) = self.admitted().await else {
            return Some(RowEnd::Stopped);
        };
        let request = self.sender.api.create(&self.state.ticket.customer);
        let (timed, reply) = self.sender.timed(admitted.permit, request).await;
        let state = &mut self.state;
        if state.creates > 0 {
            Metrics::count(&self.sender.metrics.retried);
        }
        state.creates += 1;
        state.last_create = timed.sent.latency;
        state.date_ms = timed.date_ms;
        match reply {
            Reply::Done {
                customer,
                status,
                request_id,
            } => self.created(timed.sent, customer, status, request_id),
            Reply::Refused(refusal) => self.refused(timed.sent, refusal),
            Reply::Failed(failure) => self.failed(timed.sent, failure).await,
        }
    }

    async fn change(&mut self, change: &RemoteChange) -> Option<RowEnd> {
        let Some(admitted) = self.admitted().await else {
            return Some(RowEnd::Stopped);
        };
        let request = self.sender.api.change(self.state.address(), change);
        let (timed, reply) = self.sender.timed(admitted.permit, request).await;
        if self.state.change == ChangeState::Lost {
            Metrics::count(&self.sender.metrics.retried);
        }
        self.state.date_ms = timed.date_ms;
        match reply {
            Reply::Done {
                customer: remote,
                request_id,
                ..
            } => {
                self.sender.worked_with_customer(timed.sent);
                self.state.changed(remote, request_id, &self.sender.facts())
            }
            Reply::Refused(refusal) => self.refused(timed.sent, refusal),
            Reply::Failed(failure) => self.failed(timed.sent, failure).await,
        }
    }

    /// The API says that it created the customer.
    fn created(
        &mut self,
        sent: RequestTiming,
        customer: Created,
        status: u16,
        request_id: Option<String>,
    ) -> Option<RowEnd> {
        self.sender.worked_with_customer(sent);
        let facts = self.sender.facts();
        let end = self.state.accepted(customer, status, request_id, &facts)?;
        self.sender.went_through(&self.state.ticket);
        Some(end)
    }

    /// The API refused a create or a change, so it is reachable.
    fn refused(&mut self, sent: RequestTiming, refusal: Refusal) -> Option<RowEnd> {
        self.sender.worked(sent);
        self.state.refused(refusal, self.sender.began.elapsed())
    }

    /// A create or a change got no usable response about its customer.
    async fn failed(&mut self, sent: RequestTiming, failure: Failure) -> Option<RowEnd> {
        match failure {
            // If the credentials are refused too, the run stops; if they are accepted, only
            // the row is refused, by a firewall for example.
            Failure::Denied(refusal) => match self.sender.reach().await {
                (_, ProbeReply::Good) => return self.refused(sent, refusal),
                (_, ProbeReply::Denied(_)) => {
                    self.sender.shut_out(&refusal);
                    return Some(RowEnd::Stopped);
                }
                (_, ProbeReply::Trouble(trouble)) => self.unsent(trouble),
            },
            Failure::Throttled(wait) => {
                self.state.retries.troubled = true;
                self.sender.hold_back(sent, wait);
                if self.state.on_trial {
                    self.sender.trial_failed();
                }
            }
            Failure::Unsent(trouble) => self.unsent(trouble),
            Failure::Misdirected(trouble, other) => {
                // The API works: it answers about another customer.
                self.sender.worked_with_customer(sent);
                let (other, facts) = (other.map(|other| *other), self.sender.facts());
                self.state.misdirected(trouble, other, &facts);
            }
            Failure::Unknown(trouble) => self.lost(trouble),
        }
        None
    }

    /// A create or a change did not leave.
    fn unsent(&mut self, trouble: Trouble) {
        self.set_back(trouble, Access::Write);
        self.state.retries.hold_all();
    }

    /// A create or a change left, and its result is not known.
    fn lost(&mut self, trouble: Trouble) {
        let is_change = matches!(self.state.next, NextRequest::Change(_));
        self.state.lost(&trouble, self.sender.began.elapsed());
        if is_change {
            self.tried(trouble);
            self.state.retries.hold_all();
            return;
        }
        // A server error may be returned although the create was done, or because the
        // customer existed. It is no sign of an outage until the customer is looked up.
        let is_by_api = trouble.is_said_by_api();
        let is_counted = !is_by_api || trouble.wait.is_some() || self.state.on_trial;
        if is_counted {
            self.tried(trouble.clone());
        }
        self.state.retries.troubled = true;
        self.state.unverified = is_by_api.then_some(Unverified {
            trouble,
            is_counted,
        });
    }

    async fn look_up(&mut self) -> Option<RowEnd> {
        let is_retry = self.state.is_retry();
        self.state.on_trial = false;
        let (mut requests, mut date_ms) = (self.state.attempts, self.state.date_ms);
        let address = self.state.address();
        let request = look_up(self.sender, address, is_retry, &mut requests, &mut date_ms);
        let looked_up = request.await;
        (self.state.attempts, self.state.date_ms) = (requests, date_ms);
        match looked_up {
            // On a server whose ids are case-sensitive, a twin is another customer.
            LookedUp::TwinInList(..) if self.state.refusal.is_none() => self.absent(),
            LookedUp::There(remote, request_id) => self.there(remote, request_id),
            LookedUp::Listed(remote, request_id) => self.there_by_list(remote, request_id),
            LookedUp::Absent => self.absent(),
            LookedUp::Twin(remote, request_id) | LookedUp::TwinInList(remote, request_id) => {
                Some(self.twin(remote, request_id))
            }
            LookedUp::Throttled => {
                self.state.retries.troubled = true;
                None
            }
            LookedUp::Failed(trouble) => self.unanswered(trouble),
            LookedUp::Stopped => Some(RowEnd::Stopped),
        }
    }

    /// Looks up the customer that an earlier run may have created for the row, under another
    /// `clientId`: the row is not created beside it.
    async fn look_up_other(&mut self, other_id: &str) -> Option<RowEnd> {
        let address = CustomerAddress {
            client_id: self.state.ticket.customer.client_id(),
            customer_id: Some(other_id),
        };
        let requests = &mut self.state.attempts;
        match find_by_kable_id(self.sender, address, requests).await {
            LookedUp::Twin(other, request_id) => {
                Some(self.state.created_otherwise(&other, request_id))
            }
            LookedUp::There(remote, request_id) => self.there(remote, request_id),
            LookedUp::Listed(..) | LookedUp::TwinInList(..) | LookedUp::Absent => {
                self.state.other_is_absent(&self.sender.facts());
                None
            }
            LookedUp::Throttled => {
                self.state.retries.troubled = true;
                None
            }
            LookedUp::Failed(trouble) => self.unanswered(trouble),
            LookedUp::Stopped => Some(RowEnd::Stopped),
        }
    }

    /// Looks for the row's customer in the list of all customers, the last resort.
    fn listed(&mut self, looked_up: LookedUp) -> Option<RowEnd> {
        match looked_up {
            LookedUp::There(remote, request_id) | LookedUp::Listed(remote, request_id) => {
                self.there_by_list(remote, request_id)
            }
            LookedUp::TwinInList(..) if self.state.is_apart_from_twins() => {
                self.state.absent_for_good(&self.sender.facts())
            }
            LookedUp::Twin(remote, request_id) | LookedUp::TwinInList(remote, request_id) => {
                Some(self.twin(remote, request_id))
            }
            LookedUp::Absent => self.state.absent_for_good(&self.sender.facts()),
            // Without the list, absence is not proved.
            LookedUp::Throttled => self.unanswered(Trouble::default()),
            LookedUp::Failed(trouble) => self.unanswered(trouble),
            LookedUp::Stopped => Some(RowEnd::Stopped),
        }
    }

    /// The customer was found.
    fn there(&mut self, remote: Box<RemoteCustomer>, request_id: Option<String>) -> Option<RowEnd> {
        self.state.retries.unanswered = 0;
        if self.state.create == CreateState::InDoubt && self.state.creates > 0 {
            // Its create was done, or was refused because the customer exists: creates get
            // responses, if odd ones.
            self.sender.has_worked();
            if let Some(late) = self.state.landed_late(self.sender.began.elapsed()) {
                self.sender.took(late);
            }
        }
        self.state.found(remote, request_id, &self.sender.facts())
    }

    /// The customer was found, but not by its path: a change needs a path that finds it.
    fn there_by_list(
        &mut self,
        remote: Box<RemoteCustomer>,
        request_id: Option<String>,
    ) -> Option<RowEnd> {
        let customer_id = remote.customer_id.clone();
        let end = self.there(remote, request_id);
        if end.is_some() {
            return end;
        }
        self.state.readdressed(customer_id)
    }

    /// The customer was not found.
    fn absent(&mut self) -> Option<RowEnd> {
        self.state.retries.unanswered = 0;
        if self.state.change == ChangeState::None
            && let Some(unverified) = self.state.unverified.take()
        {
            self.count_failure(unverified);
        }
        self.state.absent(&self.sender.facts())
    }

    fn twin(&self, remote: Box<RemoteCustomer>, request_id: Option<String>) -> RowEnd {
        self.state.twin(remote, request_id, &self.sender.facts())
    }

    /// A look-up got no response, or no usable one.
    fn unanswered(&mut self, trouble: Trouble) -> Option<RowEnd> {
        self.sender
            .has_not_read(&trouble, self.state.retries.unanswered);
        if self.set_back(trouble, Access::Read) == Blame::Row {
            self.state.retries.unanswered += 1;
        }
        self.state.retries.hold_all();
        self.state.unanswered(&self.sender.facts())
    }

    /// Counts the API's error for a create whose customer has not been found since.
    fn count_failure(&mut self, unverified: Unverified) {
        let Unverified {
            trouble,
            is_counted,
        } = unverified;
        let status = trouble.status.unwrap_or_default();
        let request_id = trouble.request_id.as_deref();
        let words = words(&self.state, status, &trouble.message, request_id);
        let is_kinds_own = self.sender.failed(&self.state.ticket, &trouble, &words);
        if is_counted {
            return;
        }
        let facts = self.sender.facts();
        if is_kinds_own || self.state.retries.others_work(&facts) {
            // A failure that only this row, or rows of its kind, meet is no outage.
            self.sender.report(&trouble);
            self.state.retries.tries += 1;
            self.state.retries.back_off(trouble, &facts);
        } else {
            self.tried(trouble);
        }
    }

    /// A create or a change left, and its result is not known.
    fn tried(&mut self, trouble: Trouble) {
        let facts = self.sender.facts();
        let on_trial = self.state.on_trial;
        let blame = self.sender.blame(&trouble, Access::Write, on_trial);
        self.state.retries.tried(trouble, blame, on_trial, &facts);
    }

    /// A request failed: finds out the cause, and when the next request may start.
    fn set_back(&mut self, trouble: Trouble, access: Access) -> Blame {
        let facts = self.sender.facts();
        let blame = self.sender.blame(&trouble, access, self.state.on_trial);
        self.state.retries.set_back(trouble, blame, &facts);
        blame
    }
}

#[cfg(test)]
#[path = "delivery_tests.rs"]
mod tests;
