//! What a look-up says of a row: there, absent, not yet known.
//!
//! A customer may be there and not be found: by a copy that lags behind, by a web
//! server that reads the path otherwise, behind a proxy that answers in the API's
//! place. Where the path does not find it, the list of all customers is asked.

use tokio::sync::oneshot;

use super::absence::{Absence, Doubt, Proof};
use super::list_lookup::is_unsafe_in_path;
use super::metrics::Metrics;
use super::row_state::{Delivery, Next, RowState, Unverified, Update};
use super::sender::{Sender, lock};
use crate::domain::decision::is_our_doing;
use crate::domain::remote::RemoteCustomer;
use crate::domain::text::quoted;
use crate::engine::pace::circuit_breaker::Access;
use crate::kable::{CustomerApi, LookUpReply, ProbeReply, Refusal, Trouble};
use crate::report::Observer;

/// A `clientId` that no customer has: what is answered to a look-up of it is how
/// this API says that a customer is not there.
const NO_CUSTOMER: &str = "kable-bulk-looks-for-no-customer";

/// What the answer to a look-up by path is worth.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ByPath {
    /// What it says.
    Believed,
    /// The customer is absent: a page is how this API says so.
    Absent,
    /// Nothing: only the list of all customers can tell.
    InVain,
    /// The credentials don't hold, and everything ends.
    ShutOut,
}

impl<A: CustomerApi, O: Observer> Sender<A, O> {
    /// Judges the answer to a look-up; the row's end, if that is it.
    pub(super) async fn looked_up(
        &self,
        state: &mut RowState,
        found: LookUpReply,
    ) -> Option<Delivery> {
        match self
            .by_path(state.ticket.customer.client_id(), &found)
            .await
        {
            ByPath::Believed => return self.learnt(state, found).await,
            ByPath::Absent => return self.absent(state).await,
            ByPath::ShutOut => return Some(state.left()),
            ByPath::InVain => {}
        }
        self.answered(state.sent);
        state.attempts += 1;
        let client_id = state.ticket.customer.client_id().to_owned();
        match self.find_in_list(&client_id).await {
            // On a server that tells case apart a twin is another customer.
            Some(LookUpReply::Other { .. }) if state.refusal.is_none() => self.absent(state).await,
            Some(found) => self.learnt(state, found).await,
            None => Some(state.left()),
        }
    }

    /// What a look-up by path is worth that `found` this.
    pub(super) async fn by_path(&self, client_id: &str, found: &LookUpReply) -> ByPath {
        let is_in_vain = match found {
            LookUpReply::Absent => is_unsafe_in_path(client_id),
            LookUpReply::AbsentPage(_) => match self.is_absence_a_page().await {
                Some(true) => return ByPath::Absent,
                Some(false) => true,
                None => is_unsafe_in_path(client_id),
            },
            LookUpReply::Other { remote, .. } => {
                !is_same_but_for_case(client_id, &remote.client_id)
            }
            LookUpReply::Denied(refusal) => match self.reach().await {
                (_, ProbeReply::Denied(_)) => {
                    self.shut_out(refusal);
                    return ByPath::ShutOut;
                }
                // The credentials hold: something refuses this one path.
                (_, ProbeReply::Good) => true,
                (_, ProbeReply::Trouble(_)) => false,
            },
            LookUpReply::There { .. } | LookUpReply::Throttled(_) | LookUpReply::Unknown(_) => {
                false
            }
        };
        if is_in_vain {
            ByPath::InVain
        } else {
            ByPath::Believed
        }
    }

    /// What a look-up found, by path or in the list.
    pub(super) async fn learnt(
        &self,
        state: &mut RowState,
        found: LookUpReply,
    ) -> Option<Delivery> {
        match found {
            LookUpReply::There { remote, request_id } => {
                self.lookup_answered(state);
                self.found(state, &remote, request_id)
            }
            LookUpReply::Absent => {
                self.lookup_answered(state);
                self.absent(state).await
            }
            LookUpReply::Other { remote, request_id } => {
                self.lookup_answered(state);
                Some(self.twin(state, &remote, request_id))
            }
            LookUpReply::Throttled(wait) => {
                self.throttled(state, wait);
                None
            }
            LookUpReply::Denied(refusal) => self.unanswered(state, refusal.into_trouble()),
            LookUpReply::AbsentPage(trouble) | LookUpReply::Unknown(trouble) => {
                self.unanswered(state, trouble)
            }
        }
    }

    pub(super) fn lookup_answered(&self, state: &mut RowState) {
        self.answered(state.sent);
        if state.troubled {
            self.refund();
        }
        state.unanswered = 0;
    }

    /// A look-up got no answer, or none that says anything.
    pub(super) fn unanswered(&self, state: &mut RowState, trouble: Trouble) -> Option<Delivery> {
        if self.set_back(state, trouble, Access::Read) {
            state.unanswered += 1;
        }
        state.not_before = state.create_not_before;
        (state.unanswered > self.retry.retries).then(|| state.unresolved())
    }

    /// The customer was not found; the row's end, if that is it.
    pub(super) async fn absent(&self, state: &mut RowState) -> Option<Delivery> {
        if state.update != Update::None {
            return self.absent_after_update(state);
        }
        self.count_failure(state);
        let in_doubt = state.doubt || state.ticket.forgotten || state.acknowledged;
        let contradicted = state
            .refusal
            .as_ref()
            .is_some_and(|refusal| state.is_contradicted(refusal));
        if (in_doubt || contradicted) && !self.is_proved(state) {
            return None;
        }
        // The last place to look is the list of all. Pages that say "not found" may come
        // from what stands before the API, to this path and for a while.
        let by_page = in_doubt && self.absence_is_page.get().is_some();
        let is_listed = state.acknowledged || contradicted || by_page;
        if is_listed && !std::mem::replace(&mut state.listed, true) {
            let client_id = state.ticket.customer.client_id().to_owned();
            match self.find_in_list(&client_id).await {
                Some(LookUpReply::There { remote, request_id }) => {
                    return self.found(state, &remote, request_id);
                }
                Some(LookUpReply::Other { remote, request_id }) => {
                    return Some(self.twin(state, &remote, request_id));
                }
                Some(LookUpReply::Unknown(trouble)) => {
                    // Without the list nothing is proved.
                    state.listed = false;
                    return self.unanswered(state, trouble);
                }
                Some(
                    LookUpReply::Absent
                    | LookUpReply::AbsentPage(_)
                    | LookUpReply::Denied(_)
                    | LookUpReply::Throttled(_),
                ) => {}
                None => return Some(state.left()),
            }
        }
        self.known_absent(state)
    }

    /// Counts what the API said of a create that has not been found since.
    fn count_failure(&self, state: &mut RowState) {
        let Some(Unverified {
            trouble,
            is_counted,
        }) = state.unverified.take()
        else {
            return;
        };
        let status = trouble.status.unwrap_or_default();
        let words = state.words(status, &trouble.message, trouble.request_id.as_deref());
        let is_kinds_own = self.failed(&state.ticket, &trouble, &words);
        if (is_kinds_own || self.others_work(state)) && !is_counted {
            // It is no outage that only this row, or rows of its kind, meet.
            state.tries += 1;
            self.back_off(state, trouble);
        } else if !is_counted {
            self.tried_in_vain(state, trouble);
        }
    }

    /// The customer is absent for good; the row's end, if that is it.
    fn known_absent(&self, state: &mut RowState) -> Option<Delivery> {
        if state.acknowledged {
            state.trouble = Some(Trouble {
                message: "the API says that it created the customer, and does not show it"
                    .to_owned(),
                ..Trouble::default()
            });
            return Some(state.unresolved());
        }
        state.doubt = false;
        state.ticket.ask_first = false;
        state.ticket.forgotten = false;
        state.next = Next::Create;
        if let Some(refusal) = state.refusal.take() {
            if refusal.may_say_exists() {
                state.trouble = Some(Trouble {
                    status: Some(refusal.status),
                    message: format!(
                        "{} (refused, and the customer was not found)",
                        refusal.message
                    ),
                    request_id: refusal.request_id.clone(),
                    ..Trouble::default()
                });
                state.refusal = Some(refusal);
                return Some(state.unresolved());
            }
            return Some(state.refused(refusal));
        }
        self.tried_enough(state)
    }

    /// A customer was found and updated, and is not found any more: it is not created
    /// again.
    fn absent_after_update(&self, state: &mut RowState) -> Option<Delivery> {
        if !self.is_proved(state) {
            return None;
        }
        state.trouble = Some(Trouble {
            message: "the customer was found, and after its update it was not".to_owned(),
            ..Trouble::default()
        });
        Some(state.unresolved())
    }

    /// Looks for a customer in the list; `None` where everything is stopped.
    pub(super) async fn find_in_list(&self, client_id: &str) -> Option<LookUpReply> {
        let (sender, mut answer) = oneshot::channel();
        lock(&self.list.waiting).push((client_id.to_owned(), sender));
        let _turn = self.list.turn.lock().await;
        if let Ok(found) = answer.try_recv() {
            return Some(found);
        }
        let waiting = std::mem::take(&mut *lock(&self.list.waiting));
        let admitted = self.admitted(true, Access::Read).await?;
        let (ids, senders): (Vec<String>, Vec<_>) = waiting.into_iter().unzip();
        Metrics::count(&self.metrics.sent);
        Metrics::count(&self.metrics.lookups);
        let (timed, listed) = self
            .timed(admitted.permit, self.api.find_in_list(&ids))
            .await;
        match listed {
            Ok(found) => {
                self.answered(timed.sent);
                self.refund();
                for (sender, found) in senders.into_iter().zip(found) {
                    // A row that was given up meanwhile doesn't wait any more.
                    sender.send(found).ok();
                }
            }
            Err(trouble) => {
                for sender in senders {
                    sender.send(LookUpReply::Unknown(trouble.clone())).ok();
                }
            }
        }
        let lost = || LookUpReply::Unknown(Trouble::default());
        Some(answer.try_recv().unwrap_or_else(|_closed| lost()))
    }

    /// Whether the look-ups so far prove what the last of them says; if not, the row
    /// waits for the next one.
    pub(super) fn is_proved(&self, state: &mut RowState) -> bool {
        let now = self.began.elapsed();
        let absence = state
            .absence
            .get_or_insert_with(|| Absence::since(now, Doubt::Unanswered));
        match absence.not_found(now, |doubt| self.landing_time(doubt)) {
            Proof::Absent => true,
            Proof::LookAgain(at) => {
                state.troubled = true;
                state.not_before = state.not_before.max(at);
                false
            }
        }
    }

    /// A create that landed late says how late others may.
    pub(super) fn landed_late(&self, state: &RowState) {
        let now = self.began.elapsed();
        if let Some(late) = state.absence.and_then(|absence| absence.landed(now)) {
            let mut slowest = lock(&self.slowest);
            *slowest = (*slowest).max(state.last_create + late);
        }
    }

    /// Whether the API says with a web page that a customer is not there: `None`
    /// where a page came and the API did not.
    async fn is_absence_a_page(&self) -> Option<bool> {
        if let Some(known) = self.absence_is_page.get() {
            return known.then_some(true);
        }
        let (_, ProbeReply::Good) = self.reach().await else {
            return None;
        };
        let admitted = self.admitted(true, Access::Read).await?;
        Metrics::count(&self.metrics.sent);
        Metrics::count(&self.metrics.lookups);
        let asked = self.api.find(NO_CUSTOMER);
        match self.timed(admitted.permit, asked).await {
            (_, LookUpReply::AbsentPage(_)) => Some(*self.absence_is_page.get_or_init(|| true)),
            (_, LookUpReply::Absent) => Some(false),
            _ => None,
        }
    }

    /// A customer is there whose id differs from the row's in case only. Where that is
    /// the row's own, the API writes ids its own way; where it is not, the row can't be
    /// created beside it.
    pub(super) fn twin(
        &self,
        state: &RowState,
        remote: &RemoteCustomer,
        request_id: Option<String>,
    ) -> Delivery {
        let is_own = state.ticket.ours
            || state.ticket.in_doubt
                && is_our_doing(remote.created, self.claimed_by(&state.ticket));
        if is_own {
            return self.there(state, remote, request_id);
        }
        state.refused_alone(Refusal {
            status: state.refusal.as_ref().map_or(0, |refusal| refusal.status),
            message: format!(
                "Kable takes this clientId for that of customer {}, from which it differs in case only",
                quoted(&remote.client_id)
            ),
            request_id,
        })
    }
}

fn is_same_but_for_case(one: &str, other: &str) -> bool {
    one.to_lowercase() == other.to_lowercase()
}
