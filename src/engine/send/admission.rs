//! The gates before every request: the retry budget, the circuit breaker, the pace and the
//! lease.

use std::time::Duration;

use super::sender::Sender;
use crate::engine::pace::Permit;
use crate::engine::pace::circuit_breaker::{Access, Admission};
use crate::engine::pace::timing::RequestTiming;
use crate::engine::stop::Halt;
use crate::kable::{CustomerApi, ProbeReply};
use crate::ledger::workers::ProbeTurn;
use crate::report::Observer;

/// How often a row that waits for the retry budget checks it.
const LOOK_AGAIN: Duration = Duration::from_millis(100);

/// The pause of a worker while another one finds out whether the API is back.
const OTHERS_PROBE: Duration = Duration::from_secs(1);

/// A request that may start.
#[derive(Debug)]
pub(super) struct Admitted<'p> {
    pub(super) permit: Permit<'p>,
    /// Whether it is the trial for an outage of writes.
    pub(super) on_trial: bool,
}

impl<A: CustomerApi, O: Observer> Sender<A, O> {
    /// Waits until a request may start; `None` if everything is stopped.
    pub(super) async fn admitted(&self, is_retry: bool, access: Access) -> Option<Admitted<'_>> {
        let admission = async {
            if is_retry {
                self.afforded().await;
            } else {
                self.budget.lock().earn();
            }
            loop {
                let changed = self.changed.notified();
                let admission = self.breaker().admit(self.began.elapsed(), access);
                let on_trial = matches!(admission, Admission::Trial { .. });
                match admission {
                    // A request that waits for its start when an outage begins is held back
                    // too.
                    Admission::Go => tokio::select! {
                        biased;
                        permit = self.permit() => return Admitted { permit, on_trial },
                        () = changed => {}
                    },
                    Admission::Probe => self.probe().await,
                    Admission::Trial { is_there } => {
                        if is_there || self.is_there_for_trial().await {
                            let permit = self.permit().await;
                            return Admitted { permit, on_trial };
                        }
                    }
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
        // Usually there is nothing to wait for; then skip the other gates.
        tokio::select! {
            biased;
            admitted = admission => (!self.stop.is_halted()).then_some(admitted),
            () = self.stop.halted() => None,
        }
    }

    /// Waits until a request may start, and this process holds its lease.
    ///
    /// Fencing can't reach the API: a process that was silent for too long must not send, for
    /// others may have taken over its rows.
    async fn permit(&self) -> Permit<'_> {
        loop {
            let permit = self.pace.next().await;
            let Some(lease) = &self.lease else {
                return permit;
            };
            if lease.allows() {
                return permit;
            }
            drop(permit);
            if lease.is_lost() {
                self.stop.halt(Halt::Broken);
            }
            tokio::time::sleep(LOOK_AGAIN).await;
        }
    }

    /// Waits until the budget has room for a retry.
    async fn afforded(&self) {
        loop {
            let taken = self.budget.lock().spend(self.began.elapsed());
            match taken {
                Ok(()) => return,
                // Successful requests may refill the budget sooner.
                Err(wait) => tokio::time::sleep(wait.min(LOOK_AGAIN)).await,
            }
        }
    }

    /// A look-up got a response: return what it was charged as a retry, because a server
    /// that answers look-ups is not overloaded by them.
    pub(super) fn refund(&self) {
        self.budget.lock().refund();
    }

    /// Finds out whether the API is back, by a request that concerns no row. Of several
    /// workers one does so at a time, and what it finds counts for all.
    async fn probe(&self) {
        if let Some(shared) = &self.shared_pace {
            match shared.probe().await {
                ProbeTurn::Yours => {}
                ProbeTurn::Others => {
                    let failure = self.failure();
                    self.breaker().probe_failed(failure, Some(OTHERS_PROBE));
                    self.changed.notify_waiters();
                    return;
                }
                ProbeTurn::Over => {
                    let ended = self.breaker().answered(self.began.elapsed());
                    self.is_there(ended);
                    return;
                }
            }
        }
        let (sent, reach) = self.reach().await;
        let is_back = !matches!(reach, ProbeReply::Trouble(_));
        if let Some(shared) = &self.shared_pace {
            tokio::spawn(shared.probed(is_back));
        }
        if let ProbeReply::Trouble(still_down) = reach {
            let failure = self.failure();
            self.breaker().probe_failed(failure, still_down.wait);
            self.changed.notify_waiters();
        } else {
            // A refusal is a response too: the row's own request will get it.
            self.answered(sent);
        }
    }

    /// Whether the API is reachable, so that a row's create may test it: customers' data
    /// must not be sent to a page that responds instead of the API.
    async fn is_there_for_trial(&self) -> bool {
        match self.reach().await {
            (_, ProbeReply::Good) => true,
            (_, ProbeReply::Denied(refusal)) => {
                self.shut_out(&refusal);
                false
            }
            (_, ProbeReply::Trouble(_)) => {
                self.trial_failed();
                false
            }
        }
    }

    /// Asks whether the API is reachable and accepts the credentials, when its turn comes.
    pub(super) async fn reach(&self) -> (RequestTiming, ProbeReply) {
        let permit = self.permit().await;
        self.metrics.count_lookup();
        let (timed, reach) = self.timed(permit, self.api.probe()).await;
        (timed.sent, reach)
    }

    /// The trial did not end the outage of writes.
    pub(super) fn trial_failed(&self) {
        let failure = self.failure();
        self.breaker().trial_failed(failure);
        self.changed.notify_waiters();
    }
}
