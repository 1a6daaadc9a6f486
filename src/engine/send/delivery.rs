//! One row's life: permit, pace, send, judge, look up, perhaps again.
//!
//! The loop below is the promise in code. A create whose fate is not known puts the
//! row in doubt, and a row in doubt is asked for, never sent blindly: it is sent
//! again only once its absence is proved (`absence.rs`).

use std::time::Duration;

use super::absence::{Absence, Doubt};
use super::metrics::Metrics;
use super::ownership::{CLOCK_WAIT, CLOCKS_APART_MS};
use super::row_state::{Delivery, Next, Progressed, RowState, Unverified, Update};
use super::sender::{Admitted, Sender, lock};
use crate::domain::change::Change;
use crate::domain::outcome::Outcome;
use crate::domain::plan::{Existing, Remote, differences};
use crate::engine::pace::backoff::delay;
use crate::engine::pace::circuit_breaker::Access;
use crate::kable::{Created, CustomerApi, Reach, Refusal, Reply, Trouble};
use crate::report::{Event, Observer};

/// Whether the API itself says that a create failed (500), or that there is no such call.
fn is_said_by_api(trouble: &Trouble) -> bool {
    trouble.by_api || !trouble.is_page && matches!(trouble.status, Some(404 | 405))
}

/// The status of an answer that says that something was created.
const CREATED: u16 = 201;

impl<A: CustomerApi, O: Observer> Sender<A, O> {
    /// Goes on with a row until its end, or until it has to wait for a time.
    pub(super) async fn progress(&self, mut life: Box<RowState>) -> Progressed {
        loop {
            if self.doubts_only && life.next != Next::Find {
                // It is what it was, and known not to be done.
                return Progressed::Ended(life.left());
            }
            if life.next == Next::Create {
                life.not_before = life.not_before.max(life.create_not_before);
            }
            if life.not_before > self.began.elapsed() {
                let until = life.not_before;
                return Progressed::Waits(life, until);
            }
            let access = match &life.next {
                Next::Judge(request_id) => {
                    let request_id = request_id.clone();
                    if let Some(delivery) = self.judged(&mut life, request_id) {
                        return Progressed::Ended(delivery);
                    }
                    continue;
                }
                Next::Find => Access::Read,
                Next::Create | Next::Update(_) => Access::Write,
            };
            let Some(admitted) = self.admitted(life.is_retry(), access).await else {
                return Progressed::Ended(life.left());
            };
            if let Some(delivery) = self.step(admitted, &mut life).await {
                return Progressed::Ended(delivery);
            }
        }
    }

    /// Sends one request; the row's end, if that is it.
    async fn step(&self, admitted: Admitted<'_>, life: &mut RowState) -> Option<Delivery> {
        life.attempts += 1;
        life.on_trial = admitted.on_trial;
        Metrics::count(&self.metrics.sent);
        let permit = admitted.permit;
        let client_id = life.ticket.customer.client_id();
        match life.next.clone() {
            Next::Find | Next::Judge(_) => {
                Metrics::count(&self.metrics.lookups);
                let (timed, found) = self.timed(permit, self.api.find(client_id)).await;
                (life.sent, life.date_ms) = (timed.sent, timed.date_ms);
                self.looked_up(life, found).await
            }
            Next::Create => {
                let create = self.api.create(&life.ticket.customer);
                let (timed, reply) = self.timed(permit, create).await;
                (life.sent, life.date_ms) = (timed.sent, timed.date_ms);
                if life.creates > 0 {
                    Metrics::count(&self.metrics.retried);
                }
                life.creates += 1;
                life.last_create = timed.sent.latency;
                self.created(life, reply).await
            }
            Next::Update(change) => {
                let update = self.api.update(client_id, &change);
                let (timed, reply) = self.timed(permit, update).await;
                (life.sent, life.date_ms) = (timed.sent, timed.date_ms);
                if life.update != Update::None {
                    Metrics::count(&self.metrics.retried);
                }
                self.updated(life, reply).await
            }
        }
    }

    /// Judges the answer to a create; the row's end, if that is it.
    async fn created(&self, life: &mut RowState, reply: Reply<Created>) -> Option<Delivery> {
        match reply {
            Reply::Done {
                customer,
                status,
                request_id,
            } => self.accepted(life, customer, status, request_id),
            Reply::Refused(refusal) => {
                self.worked(life.sent);
                self.refused(life, refusal);
                None
            }
            Reply::Unknown(trouble) => {
                life.begin_doubt(self.began.elapsed(), &trouble);
                // A server error may be said of what was done all the same, or of what
                // was there before. It is no sign of an outage until it is looked for.
                let is_said = is_said_by_api(&trouble);
                let is_counted = !is_said || trouble.wait.is_some() || life.on_trial;
                if is_counted {
                    self.tried_in_vain(life, trouble.clone());
                }
                life.troubled = true;
                life.unverified = is_said.then_some(Unverified {
                    trouble,
                    is_counted,
                });
                None
            }
            Reply::Denied(refusal) => self.denied(life, refusal).await,
            Reply::Throttled(wait) => {
                self.throttled(life, wait);
                None
            }
            Reply::Unsent(trouble) => {
                self.set_back(life, trouble, Access::Write);
                life.not_before = life.create_not_before;
                None
            }
        }
    }

    /// The API says that it created the customer. A server that answers so for one
    /// that was there already, or with other values, is not taken at its word.
    fn accepted(
        &self,
        life: &mut RowState,
        customer: Created,
        status: u16,
        request_id: Option<String>,
    ) -> Option<Delivery> {
        self.worked(life.sent);
        // By RFC 9110 §15.3.2 a 201 says by itself that it was created just now.
        let apart_ms = if status == CREATED {
            CLOCKS_APART_MS
        } else {
            0
        };
        let is_older =
            self.was_there_before(&life.ticket, customer.created, life.date_ms, apart_ms);
        if is_older || customer.altered {
            life.acknowledged = true;
            life.keys = customer.keys;
            life.ticket.in_doubt = !is_older;
            life.absence = Some(Absence::since(self.began.elapsed(), Doubt::Unanswered));
            life.next = Next::Find;
            return None;
        }
        self.went_through(&life.ticket);
        let mut settlement = life.settled(Outcome::Created, true);
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
    fn refused(&self, life: &mut RowState, refusal: Refusal) {
        if life.is_contradicted(&refusal) {
            life.absence = Some(Absence::since(self.began.elapsed(), Doubt::Failed));
            life.listed = false;
        }
        life.refusal = Some(refusal);
        life.next = Next::Find;
    }

    /// Judges the answer to an update; the row's end, if that is it.
    async fn updated(&self, life: &mut RowState, reply: Reply<Box<Remote>>) -> Option<Delivery> {
        match reply {
            Reply::Done {
                customer: remote,
                request_id,
                ..
            } => {
                self.worked(life.sent);
                life.update = Update::Accepted;
                // An answer that doesn't show all of it is not taken for it.
                life.absence = Some(Absence::since(self.began.elapsed(), Doubt::Failed));
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
                self.tried_in_vain(life, trouble);
                life.not_before = life.create_not_before;
                None
            }
            Reply::Denied(refusal) => match self.denied(life, refusal).await {
                None if life.refusal.is_some() => {
                    life.refusal.take().map(|refusal| life.refused(refusal))
                }
                ended => ended,
            },
            Reply::Throttled(wait) => {
                self.throttled(life, wait);
                None
            }
            Reply::Unsent(trouble) => {
                self.set_back(life, trouble, Access::Write);
                life.not_before = life.create_not_before;
                None
            }
        }
    }

    /// The customer is there; the row's end, unless it is to be changed or looked at
    /// again.
    pub(super) fn found(
        &self,
        life: &mut RowState,
        remote: &Remote,
        request_id: Option<String>,
    ) -> Option<Delivery> {
        if life.doubt && life.creates > 0 {
            // Its create was done after all, or was refused for being there: creates
            // are answered, however oddly.
            self.has_worked();
            self.landed_late(life);
        }
        match self.change(life, remote) {
            Some(change) => {
                life.seen = Some(Box::new(remote.clone()));
                life.next = Next::Update(Box::new(change));
                self.tried_enough(life)
            }
            // What was just updated may be read from a copy that lags behind.
            None if life.update == Update::Accepted
                && !differences(&life.ticket.customer, remote).is_empty()
                && !self.is_proved(life) =>
            {
                life.seen = Some(Box::new(remote.clone()));
                None
            }
            None if self.is_clock_too_vague(life, remote) => {
                life.seen = Some(Box::new(remote.clone()));
                life.clock_waits += 1;
                life.not_before = self.began.elapsed() + CLOCK_WAIT;
                life.next = Next::Judge(request_id);
                None
            }
            None => Some(self.there(life, remote, request_id)),
        }
    }

    /// A create that landed late says how late others may.
    fn landed_late(&self, life: &RowState) {
        let now = self.began.elapsed();
        if let Some(late) = life.absence.and_then(|absence| absence.landed(now)) {
            let mut slowest = lock(&self.slowest);
            *slowest = (*slowest).max(life.last_create + late);
        }
    }

    /// What is still to be changed about a customer that is there, where that is
    /// wanted and can be done.
    fn change(&self, life: &RowState, remote: &Remote) -> Option<Change> {
        let is_wanted = self.existing == Existing::Update && !life.ticket.is_repeat;
        if !is_wanted || life.update == Update::Accepted {
            return None;
        }
        // A row that was changed may have another `stripeCustomerId`, which
        // can't be read back.
        let unseen = life.ticket.changed && life.update == Update::None;
        Change::of(&life.ticket.customer, remote, unseen)
    }

    /// A create or an update left, and what became of it is not known.
    pub(super) fn tried_in_vain(&self, life: &mut RowState, trouble: Trouble) {
        if self.set_back(life, trouble, Access::Write) {
            life.tries += 1;
        } else if life.on_trial {
            life.trials += 1;
        }
    }

    /// The row's end, if it was tried as often as wanted.
    pub(super) fn tried_enough(&self, life: &mut RowState) -> Option<Delivery> {
        let others_work =
            Metrics::read(&self.metrics.worked) > life.worked_before.unwrap_or(u64::MAX);
        if life.tries > self.retry.retries {
            Some(life.given_up(others_work))
        } else if life.tries + life.trials > self.retry.retries {
            // What failed during an outage says little about the row.
            Some(life.given_up(false))
        } else {
            None
        }
    }

    /// A request met trouble: sets when the next try may be. False where that is an
    /// outage, so that it is not held against the row.
    pub(super) fn set_back(&self, life: &mut RowState, trouble: Trouble, access: Access) -> bool {
        life.troubled = true;
        let now = self.began.elapsed();
        if trouble.local {
            life.not_before = now + self.crowded_for(&trouble);
            life.create_not_before = life.not_before;
            if life.on_trial {
                self.trial_failed();
            }
            return false;
        }
        if life.worked_before.is_none() {
            life.worked_before = Some(Metrics::read(&self.metrics.worked));
        }
        // What the server asks for holds for the next request of any kind.
        life.not_before = now + trouble.wait.unwrap_or_default();
        life.create_not_before = life.not_before;
        let is_outage = self.is_outage(&trouble, access);
        if life.on_trial {
            self.trial_failed();
        }
        if is_outage {
            life.trouble = Some(trouble);
            return false;
        }
        self.back_off(life, trouble);
        true
    }

    /// A request met trouble that is held against its row: sets when the next try may
    /// be.
    pub(super) fn back_off(&self, life: &mut RowState, trouble: Trouble) {
        self.observer.hear(&Event::Trouble {
            message: trouble.message.clone(),
        });
        life.waits += 1;
        let wait = delay(&self.retry, life.waits, trouble.wait, (self.jitter)());
        life.create_not_before = self.began.elapsed() + wait;
        life.trouble = Some(trouble);
    }

    /// All requests have to wait; the row is tried again then.
    pub(super) fn throttled(&self, life: &mut RowState, wait: Option<Duration>) {
        life.troubled = true;
        self.hold_back(life.sent, wait);
        if life.on_trial {
            self.trial_failed();
        }
    }

    /// The request is not allowed. Where the credentials don't hold, everything ends;
    /// where they do, it is the row that is refused: by a firewall, say.
    async fn denied(&self, life: &mut RowState, refusal: Refusal) -> Option<Delivery> {
        match self.reach().await {
            (_, Reach::Good) => {
                self.worked(life.sent);
                self.refused(life, refusal);
                None
            }
            (_, Reach::Denied(_)) => {
                self.shut_out(&refusal);
                Some(life.left())
            }
            (_, Reach::Trouble(trouble)) => {
                self.set_back(life, trouble, Access::Write);
                life.not_before = life.create_not_before;
                None
            }
        }
    }
}

#[cfg(test)]
#[path = "delivery_tests.rs"]
mod tests;
