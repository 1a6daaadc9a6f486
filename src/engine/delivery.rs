//! One row's life: permit, pace, send, judge, look up, perhaps again.
//!
//! The loop below is the promise in code. A create whose fate is not known puts
//! the row in doubt, and a row in doubt is asked for, never sent blindly.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::Instant;

use super::budget::RetryBudget;
use super::gauges::Gauges;
use super::life::{Delivery, Life};
use super::outage::{Admission, Outage};
use super::pace::Pace;
use super::retry::{Policy, delay};
use super::server_clock::ServerClock;
use super::stop::{Halt, Stop};
use super::{Ticket, WallClock};
use crate::domain::outcome::Outcome;
use crate::domain::plan::{Existing, Remote, differences, is_our_doing};
use crate::kable::{Answered, CustomerApi, Found, Refusal, Reply, Trouble};
use crate::report::{Event, Observer};

/// How often a row that waits for the retry budget looks whether it has grown.
const LOOK_AGAIN: Duration = Duration::from_millis(100);

/// What all workers share.
#[derive(Debug)]
pub(super) struct Sending<A, O> {
    pub(super) api: A,
    pub(super) observer: O,
    pub(super) pace: Pace,
    pub(super) retry: Policy,
    pub(super) existing: Existing,
    /// Whether creates ask for keys.
    pub(super) keys: bool,
    pub(super) gauges: Gauges,
    pub(super) stop: Stop,
    pub(super) wall: WallClock,
    /// Draws from 0 to 1.
    pub(super) jitter: fn() -> f64,
    pub(super) began: Instant,
    pub(super) budget: Mutex<RetryBudget>,
    pub(super) outage: Mutex<Outage>,
    pub(super) changed: Notify,
    pub(super) clock: Mutex<ServerClock>,
}

impl<A: CustomerApi, O: Observer> Sending<A, O> {
    /// Sends `ticket` until its fate is known, or everything is stopped.
    pub(super) async fn deliver(&self, ticket: Ticket) -> Delivery {
        let mut life = Life::of(ticket);
        let mut ask = life.ticket.ask_first;
        loop {
            if !self.admitted(life.troubled).await {
                return life.left();
            }
            life.attempts += 1;
            Gauges::count(&self.gauges.sent);
            if ask {
                Gauges::count(&self.gauges.lookups);
                let asked = self
                    .timed(self.api.find(life.ticket.customer.client_id()))
                    .await;
                match self.learnt(&mut life, asked).await {
                    Learnt::Settled(delivery) => return delivery,
                    Learnt::NotThere => ask = false,
                    Learnt::Nothing => {}
                }
            } else {
                if std::mem::replace(&mut life.sent_before, true) {
                    Gauges::count(&self.gauges.retried);
                }
                let reply = self.timed(self.api.create(&life.ticket.customer)).await;
                if let Some(delivery) = self.created(&mut life, reply).await {
                    return delivery;
                }
                ask = life.doubt || life.refusal.is_some();
            }
        }
    }

    /// Waits until a request may start; false where everything is stopped.
    async fn admitted(&self, is_retry: bool) -> bool {
        let admission = async {
            if is_retry {
                self.afforded().await;
            } else {
                lock(&self.budget).earn();
            }
            loop {
                let changed = self.changed.notified();
                let admission = self.outage().admit(self.began.elapsed());
                match admission {
                    // Who waits for a start when an outage begins is held back too.
                    Admission::Go => tokio::select! {
                        biased;
                        () = self.pace.next() => return,
                        () = changed => {}
                    },
                    Admission::Probe => self.probe().await,
                    Admission::Wait(None) => changed.await,
                    Admission::Wait(Some(until)) => {
                        tokio::select! {
                            () = changed => {}
                            () = tokio::time::sleep_until(self.began + until) => {}
                        }
                    }
                }
            }
        };
        tokio::select! {
            biased;
            () = self.stop.halted() => false,
            () = admission => true,
        }
    }

    /// Waits until the budget has room for a retry.
    async fn afforded(&self) {
        loop {
            let taken = lock(&self.budget).take(self.began.elapsed());
            match taken {
                Ok(()) => return,
                // It may be earned sooner than it comes in by itself.
                Err(wait) => tokio::time::sleep(wait.min(LOOK_AGAIN)).await,
            }
        }
    }

    /// Finds out whether the API is back, with a request that is about no row.
    async fn probe(&self) {
        self.pace.next().await;
        Gauges::count(&self.gauges.sent);
        Gauges::count(&self.gauges.lookups);
        match self.timed(self.api.reach()).await {
            Ok(()) => self.answered(),
            Err(_still_down) => {
                let jitter = (self.jitter)();
                self.outage()
                    .probe_failed(self.began.elapsed(), &self.retry, jitter);
                self.changed.notify_waiters();
            }
        }
    }

    /// Sends one request, and learns from its time and the server's clock.
    async fn timed<T>(&self, request: impl Future<Output = Answered<T>>) -> T {
        let (sent_ms, began) = ((self.wall)(), Instant::now());
        self.gauges
            .in_flight
            .fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let answered = request.await;
        self.gauges
            .in_flight
            .fetch_sub(1, std::sync::atomic::Ordering::Relaxed);
        if let Some(date_ms) = answered.date_ms {
            self.gauges.took(began.elapsed());
            lock(&self.clock).heard(date_ms, sent_ms, (self.wall)());
        }
        answered.reply
    }

    /// Takes in the answer to a create; the row's end, if that is it.
    async fn created(&self, life: &mut Life, reply: Reply) -> Option<Delivery> {
        match reply {
            Reply::Created {
                remote,
                keys,
                status,
                request_id,
            } => {
                self.answered();
                let mut settlement = life.settled(Outcome::Created, true);
                settlement.customer_id = Some(remote.customer_id);
                settlement.request_id = request_id;
                settlement.status = Some(status);
                settlement.keys_lost = self.keys && keys.is_empty();
                return Some(Delivery::Settled {
                    settlement,
                    keys,
                    from_before: false,
                });
            }
            Reply::Refused(refusal) => {
                self.answered();
                life.refusal = Some(refusal);
            }
            Reply::Denied(refusal) => {
                self.denied(&refusal);
                return Some(life.left());
            }
            Reply::Throttled(wait) => self.throttled(life, wait),
            Reply::Unsent(trouble) => {
                self.rest(life, trouble, false).await;
            }
            Reply::Unknown(trouble) => {
                life.doubt = true;
                // From now on it may be there by our doing, also after a 404: a
                // create can land late.
                life.ticket.in_doubt = true;
                self.rest(life, trouble, true).await;
            }
        }
        None
    }

    /// Takes in the answer to a question.
    async fn learnt(&self, life: &mut Life, found: Found) -> Learnt {
        match found {
            Found::There { remote, request_id } => {
                self.answered();
                Learnt::Settled(self.there(life, &remote, request_id))
            }
            Found::Absent => {
                self.answered();
                life.doubt = false;
                life.ticket.ask_first = false;
                life.unanswered = 0;
                if let Some(refusal) = life.refusal.take() {
                    return Learnt::Settled(life.refused(refusal));
                }
                if life.tries > self.retry.retries {
                    let trouble = life.trouble.take().unwrap_or_default();
                    return Learnt::Settled(life.refused(Refusal {
                        status: trouble.status.unwrap_or_default(),
                        message: trouble.message,
                        request_id: trouble.request_id,
                    }));
                }
                Learnt::NotThere
            }
            Found::Denied(refusal) => {
                self.denied(&refusal);
                Learnt::Settled(life.left())
            }
            Found::Throttled(wait) => {
                self.throttled(life, wait);
                Learnt::Nothing
            }
            Found::Unknown(trouble) => {
                if self.rest(life, trouble, false).await {
                    life.unanswered += 1;
                }
                if life.unanswered > self.retry.retries {
                    return Learnt::Settled(life.unresolved());
                }
                Learnt::Nothing
            }
        }
    }

    /// The customer is there: is it the one in the row, and is it our doing?
    fn there(&self, life: &Life, remote: &Remote, request_id: Option<String>) -> Delivery {
        let differing = differences(&life.ticket.customer, remote);
        let ours =
            life.ticket.in_doubt && is_our_doing(remote.created, self.claimed_by(&life.ticket));
        let outcome = match (differing.is_empty(), ours, self.existing) {
            (true, true, _) => Outcome::Created,
            (true, false, _) => Outcome::AlreadyExisted,
            (false, _, Existing::Skip) => Outcome::Differs,
            (false, _, Existing::Fail) => Outcome::Failed,
        };
        let mut settlement = life.settled(outcome, ours);
        settlement.customer_id = Some(remote.customer_id.clone());
        settlement.request_id = request_id;
        settlement.status = life.refusal.as_ref().map(|refusal| refusal.status);
        // Whose doing it is must be proved before a rollback may delete it; that
        // keys are lost is told wherever it may be so.
        let perhaps_ours = life.ticket.in_doubt || !self.was_there_before(&life.ticket, remote);
        settlement.keys_lost = self.keys && perhaps_ours;
        if !differing.is_empty() {
            let told: Vec<String> = differing.iter().take(4).map(ToString::to_string).collect();
            settlement.message = Some(told.join("; "));
        }
        Delivery::Settled {
            settlement,
            keys: Vec::new(),
            from_before: matches!(life.ticket.claim, super::ClaimTime::Earlier(_)),
        }
    }

    /// Whether `remote` was certainly created before this run claimed the row.
    fn was_there_before(&self, ticket: &Ticket, remote: &Remote) -> bool {
        let super::ClaimTime::Now(ours) = ticket.claim else {
            return false;
        };
        let least_ahead = lock(&self.clock).least_ahead_ms();
        match (remote.created, least_ahead) {
            // A server may tell its times in whole seconds.
            (Some(created), Some(ahead)) => created + 1000 < ours + ahead,
            (None, _) | (_, None) => false,
        }
    }

    /// A moment on the server's clock that is not before the row's claim.
    fn claimed_by(&self, ticket: &Ticket) -> Option<i64> {
        match ticket.claim {
            super::ClaimTime::Earlier(claimed_by) => claimed_by,
            // The server's clock is known better by now than at the claim.
            super::ClaimTime::Now(ours) => {
                lock(&self.clock).most_ahead_ms().map(|ahead| ours + ahead)
            }
        }
    }

    /// Waits after a trouble. False where the API is down, so that the trouble
    /// is nobody's in particular and must not count.
    async fn rest(&self, life: &mut Life, trouble: Trouble, left: bool) -> bool {
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

    /// Whether a trouble is part of an outage.
    fn is_outage(&self, trouble: &Trouble) -> bool {
        // An answer that is no server error comes from an API that is there,
        // however odd it is.
        if trouble.status.is_some_and(|status| status < 500) {
            self.answered();
            return false;
        }
        let (was_down, is_down) = {
            let mut outage = self.outage();
            let jitter = (self.jitter)();
            (
                outage.is_down(),
                outage.trouble(self.began.elapsed(), &self.retry, jitter),
            )
        };
        if is_down {
            if !was_down {
                let message = trouble.message.clone();
                self.observer.hear(&Event::Down { message });
            }
            self.changed.notify_waiters();
        }
        is_down
    }

    fn answered(&self) {
        self.pace.accepted();
        if self.outage().answered() {
            self.changed.notify_waiters();
            self.observer.hear(&Event::Up);
        }
    }

    fn throttled(&self, life: &mut Life, wait: Option<Duration>) {
        life.troubled = true;
        Gauges::count(&self.gauges.throttled);
        // A server that refuses for want of pace is there.
        if self.outage().answered() {
            self.changed.notify_waiters();
            self.observer.hear(&Event::Up);
        }
        if let Some(wait) = self.pace.throttled(wait, &self.retry, (self.jitter)()) {
            self.observer.hear(&Event::Paused { wait });
        }
    }

    fn denied(&self, refusal: &Refusal) {
        self.stop.halt(Halt::Denied {
            message: format!("status {}: {}", refusal.status, refusal.message),
        });
    }

    fn outage(&self) -> MutexGuard<'_, Outage> {
        lock(&self.outage)
    }

    /// The most by which the server's clock can be ahead of ours.
    pub(super) fn clock_ahead_ms(&self) -> Option<i64> {
        lock(&self.clock).most_ahead_ms()
    }
}

/// What a question taught.
enum Learnt {
    Settled(Delivery),
    NotThere,
    Nothing,
}

/// A poisoned lock guards plain values that are right at every instant.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
#[path = "delivery_tests.rs"]
mod tests;
