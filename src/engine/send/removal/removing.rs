//! One removal in flight, from its first look-up to its end.

use std::time::Duration;

use tokio::sync::{mpsc, oneshot};

use super::super::inbox::RecorderMessage;
use super::super::look_up::{LookedUp, look_up};
use super::super::metrics::Metrics;
use super::super::retries::Blame;
use super::super::sender::Sender;
use super::super::settle::Settled;
use super::conclusion::{ClaimedRemoval, conclude};
use super::removal_result::RemovalResult;
use super::removal_settings::RemovalSettings;
use super::removal_state::{RemovalEnd, RemovalState, RemovalStep};
use crate::engine::pace::circuit_breaker::Access;
use crate::engine::pace::timing::RequestTiming;
use crate::kable::{
    CustomerAddress, CustomerApi, Failure, ProbeReply, RemovalEffect, Reply, Trouble,
};
use crate::ledger::Claim;
use crate::report::Observer;

/// How long a request in flight may take after a stop.
const GRACE: Duration = Duration::from_secs(10);

/// One removal in flight.
pub(super) struct Removing<'s, A, O> {
    sender: &'s Sender<A, O>,
    recorder: &'s mpsc::Sender<RecorderMessage>,
    settings: &'s RemovalSettings,
    claimed: ClaimedRemoval,
    state: RemovalState,
}

impl<'s, A: CustomerApi, O: Observer> Removing<'s, A, O> {
    pub(super) fn new(
        sender: &'s Sender<A, O>,
        recorder: &'s mpsc::Sender<RecorderMessage>,
        settings: &'s RemovalSettings,
        claimed: ClaimedRemoval,
    ) -> Self {
        let (removal, even_if_changed) = (settings.removal, settings.even_if_changed);
        let subject = claimed.subject.clone();
        Self {
            sender,
            recorder,
            settings,
            claimed,
            state: RemovalState::of(subject, removal, even_if_changed),
        }
    }

    /// Removes the customer, and has the end recorded; `None` if the ledger can't be
    /// written.
    pub(super) async fn remove(mut self) -> Option<RemovalResult> {
        let end = loop {
            if let Some(until) = self.state.waits_until(self.sender.began.elapsed()) {
                tokio::select! {
                    () = tokio::time::sleep_until(self.sender.began + until) => {}
                    () = self.sender.stop.halted() => break RemovalEnd::Stopped,
                }
            }
            let end = match self.state.next.clone() {
                RemovalStep::Find => self.look_up(None).await,
                RemovalStep::FindByKableId(customer_id) => self.look_up(Some(&customer_id)).await,
                RemovalStep::Remove(customer_id) => {
                    self.claim().await?;
                    self.request(&customer_id).await
                }
            };
            if let Some(end) = end {
                break end;
            }
        };
        let (result, settlement) = conclude(&self.claimed, &self.state, end);
        match settlement {
            Some(settlement) => {
                self.claim().await?;
                let settled = Settled::keyless(settlement);
                let recorded = self.recorder.send(RecorderMessage::Settle(settled)).await;
                recorded.ok()?;
            }
            None => self.recorder.send(RecorderMessage::Left).await.ok()?,
        }
        Some(result)
    }

    /// Writes the claim before anything is sent, unless it is in doubt already.
    async fn claim(&mut self) -> Option<()> {
        if self.claimed.is_open {
            return Some(());
        }
        let (written, is_written) = oneshot::channel();
        let claims = vec![Claim {
            id: self.claimed.id,
            client_id: self.claimed.subject.client_id.clone(),
            digest: self.claimed.digest,
        }];
        let claim = RecorderMessage::Claim {
            claims,
            part: None,
            written,
        };
        self.recorder.send(claim).await.ok()?;
        is_written.await.ok()?;
        self.claimed.is_open = true;
        self.claimed.is_new = true;
        Some(())
    }

    /// Looks it up by `customer_id`, Kable's, or else by its `clientId`.
    async fn look_up(&mut self, customer_id: Option<&str>) -> Option<RemovalEnd> {
        let is_retry = self.state.retries.troubled;
        let state = &mut self.state;
        let mut date_ms = None;
        let request = look_up(
            self.sender,
            CustomerAddress {
                client_id: &self.claimed.subject.client_id,
                customer_id,
            },
            is_retry,
            &mut state.attempts,
            &mut date_ms,
        );
        let looked_up = tokio::select! {
            looked_up = request => looked_up,
            () = self.sender.stop.halted() => return Some(RemovalEnd::Stopped),
        };
        let facts = self.sender.facts();
        match looked_up {
            LookedUp::There(remote, request_id) if customer_id.is_some() => {
                let end = state.found(remote, request_id, &facts);
                self.learn(end)
            }
            LookedUp::There(remote, request_id) | LookedUp::Listed(remote, request_id) => {
                let end = state.found_elsewhere(remote, request_id, &facts);
                self.learn(end)
            }
            LookedUp::Absent | LookedUp::TwinInList(..) if customer_id.is_some() => {
                state.missed_by_kable_id();
                None
            }
            LookedUp::Absent | LookedUp::TwinInList(..) => {
                let end = state.absent(&facts);
                self.learn(end)
            }
            LookedUp::Twin(remote, _) => Some(RemovalState::twin(&remote)),
            LookedUp::Throttled => {
                state.retries.troubled = true;
                None
            }
            LookedUp::Failed(trouble) => {
                let earlier = state.retries.unanswered;
                self.sender.has_not_read(&trouble, earlier);
                let blame = self.sender.blame(&trouble, Access::Read, false);
                state.retries.unanswered += u32::from(blame == Blame::Row);
                state.retries.set_back(trouble, blame, &facts);
                state.retries.hold_all();
                state.unanswered(&facts)
            }
            LookedUp::Stopped => Some(RemovalEnd::Stopped),
        }
    }

    /// A removal whose response was lost turned out to be done: removals work.
    fn learn(&self, end: Option<RemovalEnd>) -> Option<RemovalEnd> {
        if self.state.is_lost && matches!(end, Some(RemovalEnd::Removed(_))) {
            self.sender.has_worked();
        }
        end
    }

    /// Sends the removal.
    async fn request(&mut self, customer_id: &str) -> Option<RemovalEnd> {
        let is_retry = self.state.removals > 0;
        let Some(admitted) = self.sender.admitted(is_retry, Access::Write).await else {
            return Some(RemovalEnd::Stopped);
        };
        Metrics::count(&self.sender.metrics.sent);
        if is_retry {
            Metrics::count(&self.sender.metrics.retried);
        }
        self.state.attempts += 1;
        self.state.removals += 1;
        let on_trial = admitted.on_trial;
        let request = self.sender.api.remove(customer_id, self.settings.removal);
        let stop = &self.sender.stop;
        let (timed, reply) = tokio::select! {
            replied = self.sender.timed(admitted.permit, request) => replied,
            () = async { stop.halted().await; tokio::time::sleep(GRACE).await } => {
                self.state.is_lost = true;
                return Some(RemovalEnd::Stopped);
            }
        };
        match reply {
            Reply::Done {
                customer: RemovalEffect::Removed,
                request_id,
                ..
            } => {
                self.sender.worked(timed.sent);
                Some(RemovalEnd::Removed(request_id))
            }
            Reply::Done {
                customer: RemovalEffect::WasAbsent,
                ..
            } => {
                self.sender.worked(timed.sent);
                self.state.was_absent(&self.sender.facts());
                None
            }
            Reply::Refused(refusal) => {
                self.sender.worked(timed.sent);
                self.state.refused(refusal);
                None
            }
            Reply::Failed(failure) => self.failed(timed.sent, failure, on_trial).await,
        }
    }

    /// The removal got no usable response.
    async fn failed(
        &mut self,
        sent: RequestTiming,
        failure: Failure,
        on_trial: bool,
    ) -> Option<RemovalEnd> {
        match failure {
            Failure::Denied(refusal) => match self.sender.reach().await {
                (_, ProbeReply::Good) => {
                    self.sender.worked(sent);
                    self.state.refused(refusal);
                }
                (_, ProbeReply::Denied(_)) => {
                    self.sender.shut_out(&refusal);
                    return Some(RemovalEnd::Stopped);
                }
                (_, ProbeReply::Trouble(trouble)) => self.unsent(trouble, on_trial),
            },
            Failure::Throttled(wait) => {
                self.state.retries.troubled = true;
                self.sender.hold_back(sent, wait);
                if on_trial {
                    self.sender.trial_failed();
                }
            }
            Failure::Unsent(trouble) => self.unsent(trouble, on_trial),
            Failure::Unknown(trouble) | Failure::Misdirected(trouble, _) => {
                self.state.lost(&trouble, self.sender.began.elapsed());
                let facts = self.sender.facts();
                let blame = self.sender.blame(&trouble, Access::Write, on_trial);
                self.state.retries.tried(trouble, blame, on_trial, &facts);
            }
        }
        None
    }

    /// The removal did not leave.
    fn unsent(&mut self, trouble: Trouble, on_trial: bool) {
        let facts = self.sender.facts();
        let blame = self.sender.blame(&trouble, Access::Write, on_trial);
        self.state.retries.set_back(trouble, blame, &facts);
        self.state.retries.hold_all();
    }
}
