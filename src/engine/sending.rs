//! What all workers share: the API, the gates before every request, and what
//! every answer means for all of them.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::Instant;

use super::budget::RetryBudget;
use super::gauges::Gauges;
use super::outage::{Admission, Outage};
use super::pace::{Pace, Permit, Sent};
use super::retry::Policy;
use super::server_clock::ServerClock;
use super::stop::{Halt, Stop};
use super::{ClaimTime, Ticket, WallClock};
use crate::domain::bound::{Bound, Pacing};
use crate::domain::plan::{Existing, Remote};
use crate::kable::{Answered, CustomerApi, Refusal, Trouble};
use crate::ledger::RunFigures;
use crate::report::{Event, Observer};

/// How often a row that waits for the retry budget looks whether it has grown.
const LOOK_AGAIN: Duration = Duration::from_millis(100);

/// The pause where this machine has no room for a single request.
const CROWDED_PAUSE: Duration = Duration::from_secs(1);

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
    /// Waits until a request may start; `None` where everything is stopped.
    pub(super) async fn admitted(&self, is_retry: bool) -> Option<Permit<'_>> {
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
                        permit = self.pace.next() => return permit,
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
        if self.stop.is_halted() {
            return None;
        }
        // Mostly nobody has to wait, and then nothing else is looked at.
        tokio::select! {
            biased;
            permit = admission => (!self.stop.is_halted()).then_some(permit),
            () = self.stop.halted() => None,
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
        let permit = self.pace.next().await;
        Gauges::count(&self.gauges.sent);
        Gauges::count(&self.gauges.lookups);
        match self.timed(permit, self.api.reach()).await {
            (sent, Ok(())) => self.answered(sent),
            (_, Err(still_down)) => {
                let (now, jitter) = (self.began.elapsed(), (self.jitter)());
                self.outage()
                    .probe_failed(now, &self.retry, still_down.wait, jitter);
                self.changed.notify_waiters();
            }
        }
    }

    /// Sends one request, and learns from its time, the server's clock and what
    /// the server says of its limits.
    pub(super) async fn timed<T>(
        &self,
        permit: Permit<'_>,
        request: impl Future<Output = Answered<T>>,
    ) -> (Sent, T) {
        let sent_ms = (self.wall)();
        let answered = request.await;
        let sent = permit.ended();
        if let Some(date_ms) = answered.date_ms {
            self.gauges.took(sent.latency);
            lock(&self.clock).heard(date_ms, sent_ms, (self.wall)());
        }
        if answered.advice.capped {
            let message = "the API asks for a longer pause than the hour that is obeyed";
            self.observer.hear(&Event::Trouble {
                message: message.to_owned(),
            });
        }
        if !answered.advice.quotas.is_empty() {
            self.pace.told(&answered.advice.quotas);
        }
        (sent, answered.reply)
    }

    /// Whether `remote` was certainly created before this run claimed the row.
    pub(super) fn was_there_before(&self, ticket: &Ticket, remote: &Remote) -> bool {
        let ClaimTime::Now(ours) = ticket.claim else {
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
    pub(super) fn claimed_by(&self, ticket: &Ticket) -> Option<i64> {
        match ticket.claim {
            ClaimTime::Earlier(claimed_by) => claimed_by,
            // The server's clock is known better by now than at the claim.
            ClaimTime::Now(ours) => lock(&self.clock).most_ahead_ms().map(|ahead| ours + ahead),
        }
    }

    /// Whether a trouble is part of an outage.
    pub(super) fn is_outage(&self, trouble: &Trouble) -> bool {
        // An answer that is no server error comes from an API that is there,
        // however odd it is.
        if trouble.status.is_some_and(|status| status < 500) {
            let ended = self.outage().answered();
            self.is_there(ended);
            return false;
        }
        let (was_down, is_down) = {
            let mut outage = self.outage();
            let (now, jitter) = (self.began.elapsed(), (self.jitter)());
            (
                outage.is_down(),
                outage.trouble(now, &self.retry, trouble.wait, jitter),
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

    /// Takes in that this machine had no room for a request: fewer are in flight
    /// from now on. It is neither the server's trouble nor the row's.
    pub(super) async fn crowded(&self, trouble: &Trouble) {
        if let Some(most) = self.pace.crowded() {
            let message = trouble.message.clone();
            self.observer.hear(&Event::Crowded { message, most });
        }
        // Where others are in flight, one of them makes room; else it is waited
        // for what made the machine short.
        if self.pace.in_flight() == 0 {
            tokio::select! {
                () = tokio::time::sleep(CROWDED_PAUSE) => {}
                () = self.stop.halted() => {}
            }
        }
    }

    /// Takes in that the API answered.
    pub(super) fn answered(&self, sent: Sent) {
        self.pace.accepted(sent);
        let ended = self.outage().answered();
        self.is_there(ended);
    }

    /// Takes in that the API answered a create or an update.
    pub(super) fn worked(&self, sent: Sent) {
        self.pace.accepted(sent);
        let ended = self.outage().worked();
        self.is_there(ended);
    }

    fn is_there(&self, outage_ended: bool) {
        if outage_ended {
            self.changed.notify_waiters();
            self.observer.hear(&Event::Up);
        }
    }

    /// Takes in that the server wants fewer requests: nobody starts for a while.
    pub(super) fn hold_back(&self, sent: Sent, wait: Option<Duration>) {
        Gauges::count(&self.gauges.throttled);
        // A server that refuses for want of pace is there.
        let ended = self.outage().answered();
        self.is_there(ended);
        let jitter = (self.jitter)();
        if let Some(wait) = self.pace.refused(sent, wait, &self.retry, jitter) {
            self.observer.hear(&Event::Paused { wait });
        }
    }

    /// Takes in that the credentials don't hold: everything ends.
    pub(super) fn shut_out(&self, refusal: &Refusal) {
        self.stop.halt(Halt::Denied {
            message: format!("status {}: {}", refusal.status, refusal.message),
        });
    }

    pub(super) fn outage(&self) -> MutexGuard<'_, Outage> {
        lock(&self.outage)
    }

    /// How fast it is, and what binds.
    pub(super) fn pacing(&self) -> Pacing {
        let mut pacing = self.pace.pacing();
        if self.outage().is_down() {
            pacing.bound = Bound::Down;
        }
        pacing
    }

    /// The run's figures so far.
    pub(super) fn figures(&self) -> RunFigures {
        RunFigures {
            latencies: self.gauges.latencies(),
            ..self.counts()
        }
    }

    /// The run's figures so far, but for its latencies, which are many.
    pub(super) fn counts(&self) -> RunFigures {
        RunFigures {
            elapsed_ms: u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX),
            requests: self.gauges.requests(),
            latencies: Vec::new(),
            clock_ahead_ms: lock(&self.clock).most_ahead_ms(),
            pacing: Some(self.pacing()),
        }
    }
}

/// A poisoned lock guards plain values that are right at every instant.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
