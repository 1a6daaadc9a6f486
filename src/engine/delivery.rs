//! One row's life: permit, pace, send, judge, look up, perhaps again.
//!
//! The loop below is the promise in code. A create whose fate is not known puts
//! the row in doubt, and a row in doubt is asked for, never sent blindly.

use std::time::Duration;

use super::gauges::Gauges;
use super::life::{Delivery, Life, Next, Update};
use super::pace::Permit;
use super::retry::delay;
use super::sending::Sending;
use super::{ClaimTime, Ticket};
use crate::domain::change::Change;
use crate::domain::outcome::Outcome;
use crate::domain::plan::{Existing, Remote, differences, is_our_doing};
use crate::kable::{Created, CustomerApi, Found, Refusal, Reply, Trouble};
use crate::report::{Event, Observer};

impl<A: CustomerApi, O: Observer> Sending<A, O> {
    /// Sends `ticket` until its fate is known, or everything is stopped.
    pub(super) async fn deliver(&self, ticket: Ticket) -> Delivery {
        let mut life = Life::of(ticket);
        loop {
            let Some(permit) = self.admitted(life.troubled).await else {
                return life.left();
            };
            if let Some(delivery) = self.step(permit, &mut life).await {
                return delivery;
            }
        }
    }

    /// Sends one request; the row's end, if that is it.
    async fn step(&self, permit: Permit<'_>, life: &mut Life) -> Option<Delivery> {
        life.attempts += 1;
        Gauges::count(&self.gauges.sent);
        let client_id = life.ticket.customer.client_id();
        match life.next.clone() {
            Next::Find => {
                Gauges::count(&self.gauges.lookups);
                let (sent, found) = self.timed(permit, self.api.find(client_id)).await;
                life.sent = sent;
                self.learnt(life, found).await
            }
            Next::Create => {
                let create = self.api.create(&life.ticket.customer);
                let (sent, reply) = self.timed(permit, create).await;
                life.sent = sent;
                if life.creates > 0 {
                    Gauges::count(&self.gauges.retried);
                }
                life.creates += 1;
                self.created(life, reply).await
            }
            Next::Update(change) => {
                let update = self.api.update(client_id, &change);
                let (sent, reply) = self.timed(permit, update).await;
                life.sent = sent;
                if life.update != Update::None {
                    Gauges::count(&self.gauges.retried);
                }
                self.updated(life, reply).await
            }
        }
    }

    /// Takes in the answer to a create; the row's end, if that is it.
    async fn created(&self, life: &mut Life, reply: Reply<Created>) -> Option<Delivery> {
        match reply {
            Reply::Done {
                customer: Created { customer_id, keys },
                status,
                request_id,
            } => {
                self.worked(life.sent);
                let mut settlement = life.settled(Outcome::Created, true);
                settlement.customer_id = Some(customer_id);
                settlement.request_id = request_id;
                settlement.status = Some(status);
                settlement.keys_lost = self.keys && keys.is_empty();
                Some(Delivery::Settled {
                    settlement,
                    keys,
                    from_before: false,
                })
            }
            Reply::Refused(refusal) => {
                self.worked(life.sent);
                life.refusal = Some(refusal);
                life.next = Next::Find;
                None
            }
            Reply::Unknown(trouble) => {
                life.doubt = true;
                // From now on it may be there by our doing, also after a 404: a
                // create can land late.
                life.ticket.in_doubt = true;
                life.next = Next::Find;
                self.rest(life, trouble, true).await;
                None
            }
            Reply::Denied(refusal) => Some(self.denied(life, &refusal)),
            Reply::Throttled(wait) => {
                self.throttled(life, wait);
                None
            }
            Reply::Unsent(trouble) => {
                self.rest(life, trouble, false).await;
                None
            }
        }
    }

    /// Takes in the answer to an update; the row's end, if that is it.
    async fn updated(&self, life: &mut Life, reply: Reply<Box<Remote>>) -> Option<Delivery> {
        match reply {
            Reply::Done {
                customer: remote,
                request_id,
                ..
            } => {
                self.worked(life.sent);
                life.update = Update::Accepted;
                // An answer that doesn't show all of it is not taken for it.
                life.next = Next::Find;
                differences(&life.ticket.customer, &remote)
                    .is_empty()
                    .then(|| self.there(life, &remote, request_id))
            }
            Reply::Refused(refusal) => {
                self.worked(life.sent);
                Some(life.refused(refusal))
            }
            Reply::Unknown(trouble) => {
                life.update = Update::Lost;
                life.next = Next::Find;
                self.rest(life, trouble, true).await;
                None
            }
            Reply::Denied(refusal) => Some(self.denied(life, &refusal)),
            Reply::Throttled(wait) => {
                self.throttled(life, wait);
                None
            }
            Reply::Unsent(trouble) => {
                self.rest(life, trouble, false).await;
                None
            }
        }
    }

    /// Takes in the answer to a question; the row's end, if that is it.
    async fn learnt(&self, life: &mut Life, found: Found) -> Option<Delivery> {
        match found {
            Found::There { remote, request_id } => {
                self.answered(life.sent);
                life.unanswered = 0;
                match self.change(life, &remote) {
                    Some(_) if life.tries > self.retry.retries => Some(life.given_up()),
                    Some(change) => {
                        life.next = Next::Update(Box::new(change));
                        None
                    }
                    None => Some(self.there(life, &remote, request_id)),
                }
            }
            Found::Absent => {
                self.answered(life.sent);
                life.doubt = false;
                life.ticket.ask_first = false;
                life.unanswered = 0;
                life.next = Next::Create;
                if let Some(refusal) = life.refusal.take() {
                    return Some(life.refused(refusal));
                }
                (life.tries > self.retry.retries).then(|| life.given_up())
            }
            Found::Denied(refusal) => Some(self.denied(life, &refusal)),
            Found::Throttled(wait) => {
                self.throttled(life, wait);
                None
            }
            Found::Unknown(trouble) => {
                if self.rest(life, trouble, false).await {
                    life.unanswered += 1;
                }
                (life.unanswered > self.retry.retries).then(|| life.unresolved())
            }
        }
    }

    /// What is still to be changed about a customer that is there, where that is
    /// wanted and can be done.
    fn change(&self, life: &Life, remote: &Remote) -> Option<Change> {
        if self.existing != Existing::Update || life.update == Update::Accepted {
            return None;
        }
        // A row that was changed may have another `stripeCustomerId`, which
        // can't be read back.
        let unseen = life.ticket.changed && life.update == Update::None;
        Change::of(&life.ticket.customer, remote, unseen)
    }

    /// The customer is there: is it the one in the row, and is it our doing?
    fn there(&self, life: &Life, remote: &Remote, request_id: Option<String>) -> Delivery {
        let differing = differences(&life.ticket.customer, remote);
        let ticket = &life.ticket;
        let ours =
            ticket.ours || ticket.in_doubt && is_our_doing(remote.created, self.claimed_by(ticket));
        // An update that an earlier run sent is not forgotten, nor one whose
        // answer it lost: the row was another one before.
        let updated = life.update != Update::None
            || ticket.history == Some(Outcome::Updated)
            || ticket.in_doubt && ticket.changed && ticket.there;
        let outcome = match (differing.is_empty(), ours, self.existing) {
            (true, _, _) if updated => Outcome::Updated,
            (true, true, _) => Outcome::Created,
            (true, false, _) => Outcome::AlreadyExisted,
            (false, _, Existing::Skip | Existing::Update) => Outcome::Differs,
            (false, _, Existing::Fail) => Outcome::Failed,
        };
        let mut settlement = life.settled(outcome, ours);
        settlement.customer_id = Some(remote.customer_id.clone());
        settlement.request_id = request_id;
        settlement.status = life.refusal.as_ref().map(|refusal| refusal.status);
        // Whose doing it is must be proved before a rollback may delete it; that
        // keys are lost is told wherever it may be so.
        let perhaps_ours =
            ticket.in_doubt || ticket.forgotten || !self.was_there_before(ticket, remote);
        settlement.keys_lost = self.keys && perhaps_ours;
        if !differing.is_empty() {
            let told: Vec<String> = differing.iter().take(4).map(ToString::to_string).collect();
            settlement.message = Some(told.join("; "));
        }
        Delivery::Settled {
            settlement,
            keys: Vec::new(),
            from_before: ticket.forgotten || matches!(ticket.claim, ClaimTime::Earlier(_)),
        }
    }

    /// Waits after a trouble. False where the API is down, so that the trouble
    /// is nobody's in particular and must not count.
    async fn rest(&self, life: &mut Life, trouble: Trouble, left: bool) -> bool {
        if trouble.local {
            self.crowded(&trouble).await;
            return false;
        }
        life.troubled = true;
        if self.is_outage(&trouble) {
            life.trouble = Some(trouble);
            return false;
        }
        self.observer.hear(&Event::Trouble {
            message: trouble.message.clone(),
        });
        life.waits += 1;
        life.tries += u32::from(left);
        let wait = delay(&self.retry, life.waits, trouble.wait, (self.jitter)());
        life.trouble = Some(trouble);
        tokio::select! {
            () = tokio::time::sleep(wait) => {}
            () = self.stop.halted() => {}
        }
        true
    }

    /// Takes in that everybody is to wait; the row is tried again then.
    fn throttled(&self, life: &mut Life, wait: Option<Duration>) {
        life.troubled = true;
        self.hold_back(life.sent, wait);
    }

    /// Takes in that the credentials don't hold: everything ends.
    fn denied(&self, life: &Life, refusal: &Refusal) -> Delivery {
        self.shut_out(refusal);
        life.left()
    }
}

#[cfg(test)]
#[path = "delivery_tests.rs"]
mod tests;
