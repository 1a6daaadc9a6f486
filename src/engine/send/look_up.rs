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
use crate::domain::plan::{Remote, is_our_doing};
use crate::domain::text::quoted;
use crate::engine::pace::circuit_breaker::Access;
use crate::kable::{CustomerApi, Found, Reach, Refusal, Trouble};
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
    pub(super) async fn looked_up(&self, life: &mut RowState, found: Found) -> Option<Delivery> {
        match self.by_path(life.ticket.customer.client_id(), &found).await {
            ByPath::Believed => return self.learnt(life, found).await,
            ByPath::Absent => return self.absent(life).await,
            ByPath::ShutOut => return Some(life.left()),
            ByPath::InVain => {}
        }
        self.answered(life.sent);
        life.attempts += 1;
        let client_id = life.ticket.customer.client_id().to_owned();
        match self.find_in_list(&client_id).await {
            // On a server that tells case apart a twin is another customer.
            Some(Found::Other { .. }) if life.refusal.is_none() => self.absent(life).await,
            Some(found) => self.learnt(life, found).await,
            None => Some(life.left()),
        }
    }

    /// What a look-up by path is worth that `found` this.
    pub(super) async fn by_path(&self, client_id: &str, found: &Found) -> ByPath {
        let is_in_vain = match found {
            Found::Absent => is_unsafe_in_path(client_id),
            Found::AbsentPage(_) => match self.is_absence_a_page().await {
                Some(true) => return ByPath::Absent,
                Some(false) => true,
                None => is_unsafe_in_path(client_id),
            },
            Found::Other { remote, .. } => !is_same_but_for_case(client_id, &remote.client_id),
            Found::Denied(refusal) => match self.reach().await {
                (_, Reach::Denied(_)) => {
                    self.shut_out(refusal);
                    return ByPath::ShutOut;
                }
                // The credentials hold: something refuses this one path.
                (_, Reach::Good) => true,
                (_, Reach::Trouble(_)) => false,
            },
            Found::There { .. } | Found::Throttled(_) | Found::Unknown(_) => false,
        };
        if is_in_vain {
            ByPath::InVain
        } else {
            ByPath::Believed
        }
    }

    /// What a look-up found, by path or in the list.
    pub(super) async fn learnt(&self, life: &mut RowState, found: Found) -> Option<Delivery> {
        match found {
            Found::There { remote, request_id } => {
                self.lookup_answered(life);
                self.found(life, &remote, request_id)
            }
            Found::Absent => {
                self.lookup_answered(life);
                self.absent(life).await
            }
            Found::Other { remote, request_id } => {
                self.lookup_answered(life);
                Some(self.twin(life, &remote, request_id))
            }
            Found::Throttled(wait) => {
                self.throttled(life, wait);
                None
            }
            Found::Denied(refusal) => self.unanswered(
                life,
                Trouble {
                    status: Some(refusal.status),
                    message: format!("status {}: {}", refusal.status, refusal.message),
                    ..Trouble::default()
                },
            ),
            Found::AbsentPage(trouble) | Found::Unknown(trouble) => self.unanswered(life, trouble),
        }
    }

    pub(super) fn lookup_answered(&self, life: &mut RowState) {
        self.answered(life.sent);
        if life.troubled {
            self.refund();
        }
        life.unanswered = 0;
    }

    /// A look-up got no answer, or none that says anything.
    pub(super) fn unanswered(&self, life: &mut RowState, trouble: Trouble) -> Option<Delivery> {
        if self.set_back(life, trouble, Access::Read) {
            life.unanswered += 1;
        }
        life.not_before = life.create_not_before;
        (life.unanswered > self.retry.retries).then(|| life.unresolved())
    }

    /// The customer was not found; the row's end, if that is it.
    pub(super) async fn absent(&self, life: &mut RowState) -> Option<Delivery> {
        if let Some(seen) = life.seen.take() {
            return Some(self.seen_before(life, &seen));
        }
        self.count_failure(life);
        let in_doubt = life.doubt || life.ticket.forgotten || life.acknowledged;
        let contradicted = life
            .refusal
            .as_ref()
            .is_some_and(|refusal| life.is_contradicted(refusal));
        if (in_doubt || contradicted) && !self.is_proved(life) {
            return None;
        }
        // The last place to look is the list of all. Pages that say "not found" may come
        // from what stands before the API, to this path and for a while.
        let by_page = in_doubt && self.absence_is_page.get().is_some();
        let is_listed = life.acknowledged || contradicted || by_page;
        if is_listed && !std::mem::replace(&mut life.listed, true) {
            let client_id = life.ticket.customer.client_id().to_owned();
            match self.find_in_list(&client_id).await {
                Some(Found::There { remote, request_id }) => {
                    return self.found(life, &remote, request_id);
                }
                Some(Found::Other { remote, request_id }) => {
                    return Some(self.twin(life, &remote, request_id));
                }
                Some(Found::Unknown(trouble)) => {
                    // Without the list nothing is proved.
                    life.listed = false;
                    return self.unanswered(life, trouble);
                }
                Some(
                    Found::Absent | Found::AbsentPage(_) | Found::Denied(_) | Found::Throttled(_),
                ) => {}
                None => return Some(life.left()),
            }
        }
        self.known_absent(life)
    }

    /// Counts what the API said of a create that has not been found since.
    fn count_failure(&self, life: &mut RowState) {
        let Some(Unverified {
            trouble,
            is_counted,
        }) = life.unverified.take()
        else {
            return;
        };
        let status = trouble.status.unwrap_or_default();
        let words = life.words(status, &trouble.message, trouble.request_id.as_deref());
        let others_work = self.failed(&life.ticket, &trouble, &words);
        if others_work && !is_counted {
            // It is no outage that only rows of its kind meet.
            life.tries += 1;
            self.back_off(life, trouble);
        } else if !is_counted {
            self.tried_in_vain(life, trouble);
        }
    }

    /// The customer is absent for good; the row's end, if that is it.
    fn known_absent(&self, life: &mut RowState) -> Option<Delivery> {
        if life.acknowledged {
            life.trouble = Some(Trouble {
                message: "the API says that it created the customer, and does not show it"
                    .to_owned(),
                ..Trouble::default()
            });
            return Some(life.unresolved());
        }
        life.doubt = false;
        life.ticket.ask_first = false;
        life.ticket.forgotten = false;
        life.next = Next::Create;
        if let Some(refusal) = life.refusal.take() {
            if refusal.may_say_exists() {
                life.trouble = Some(Trouble {
                    status: Some(refusal.status),
                    message: format!(
                        "{} (refused, and the customer was not found)",
                        refusal.message
                    ),
                    request_id: refusal.request_id.clone(),
                    ..Trouble::default()
                });
                life.refusal = Some(refusal);
                return Some(life.unresolved());
            }
            return Some(life.refused(refusal));
        }
        self.tried_enough(life)
    }

    /// A customer was found, and is not found any more: it is not sent again.
    fn seen_before(&self, life: &mut RowState, seen: &Remote) -> Delivery {
        if life.update == Update::None {
            return self.there(life, seen, None);
        }
        life.trouble = Some(Trouble {
            message: "the customer was found, and after its update it was not".to_owned(),
            ..Trouble::default()
        });
        life.unresolved()
    }

    /// Looks for a customer in the list; `None` where everything is stopped.
    pub(super) async fn find_in_list(&self, client_id: &str) -> Option<Found> {
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
                    sender.send(Found::Unknown(trouble.clone())).ok();
                }
            }
        }
        let lost = || Found::Unknown(Trouble::default());
        Some(answer.try_recv().unwrap_or_else(|_closed| lost()))
    }

    /// Whether the look-ups so far prove what the last of them says; if not, the row
    /// waits for the next one.
    pub(super) fn is_proved(&self, life: &mut RowState) -> bool {
        let now = self.began.elapsed();
        let absence = life
            .absence
            .get_or_insert_with(|| Absence::since(now, Doubt::Unanswered));
        match absence.not_found(now, |doubt| self.landing_time(doubt)) {
            Proof::Absent => true,
            Proof::LookAgain(at) => {
                life.troubled = true;
                life.not_before = life.not_before.max(at);
                false
            }
        }
    }

    /// Whether the API says with a web page that a customer is not there: `None`
    /// where a page came and the API did not.
    async fn is_absence_a_page(&self) -> Option<bool> {
        if let Some(known) = self.absence_is_page.get() {
            return known.then_some(true);
        }
        let (_, Reach::Good) = self.reach().await else {
            return None;
        };
        let admitted = self.admitted(true, Access::Read).await?;
        Metrics::count(&self.metrics.sent);
        Metrics::count(&self.metrics.lookups);
        let asked = self.api.find(NO_CUSTOMER);
        match self.timed(admitted.permit, asked).await {
            (_, Found::AbsentPage(_)) => Some(*self.absence_is_page.get_or_init(|| true)),
            (_, Found::Absent) => Some(false),
            _ => None,
        }
    }

    /// A customer is there whose id differs from the row's in case only. Where that is
    /// the row's own, the API writes ids its own way; where it is not, the row can't be
    /// created beside it.
    pub(super) fn twin(
        &self,
        life: &RowState,
        remote: &Remote,
        request_id: Option<String>,
    ) -> Delivery {
        let is_own = life.ticket.ours
            || life.ticket.in_doubt && is_our_doing(remote.created, self.claimed_by(&life.ticket));
        if is_own {
            return self.there(life, remote, request_id);
        }
        life.refused_alone(Refusal {
            status: life.refusal.as_ref().map_or(0, |refusal| refusal.status),
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
