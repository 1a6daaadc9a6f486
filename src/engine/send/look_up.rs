//! Looks a customer up: it exists, it is absent, or that is not known.
//!
//! A customer may exist although its path does not find it, behind a proxy that responds
//! instead of the API or on a web server that rewrites the path. Then the list of all
//! customers is used.

use std::time::Duration;

use tokio::sync::oneshot;

use super::absence::{Absence, Proof};
use super::list_lookup::is_unsafe_in_path;
use super::retries::{Blame, Retries};
use super::sender::{AnswerTime, Sender};
use crate::domain::remote::RemoteCustomer;
use crate::engine::pace::circuit_breaker::Access;
use crate::kable::{CustomerAddress, CustomerApi, Failure, LookUpReply, ProbeReply, Trouble};
use crate::report::Observer;

/// A `clientId` that no customer has: the response to its look-up is this API's response
/// for an absent customer.
const NO_CUSTOMER: &str = "kable-bulk-looks-for-no-customer";

/// What a look-up found out.
#[derive(Debug)]
pub(super) enum LookedUp {
    /// The customer exists, and its path finds it. Holds the id of the request.
    There(Box<RemoteCustomer>, Option<String>),
    /// It exists, and only the list has shown it: its path may find another customer, or none.
    Listed(Box<RemoteCustomer>, Option<String>),
    /// It does not, or not yet.
    Absent,
    /// Its path finds another customer, whose id differs in case only.
    Twin(Box<RemoteCustomer>, Option<String>),
    /// The list has a customer whose id differs in case only: another one if ids are
    /// case-sensitive.
    TwinInList(Box<RemoteCustomer>, Option<String>),
    /// Nothing: the server wants fewer requests.
    Throttled,
    /// Nothing.
    Failed(Trouble),
    /// Nothing, for everything is stopped.
    Stopped,
}

/// How far the response to a look-up by path can be trusted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum PathVerdict {
    /// What it says.
    Believed,
    /// The customer is absent: this API responds with a web page for absent customers.
    AbsentByPage,
    /// Nothing: only the list of all customers can tell.
    AskList,
    /// Nothing: the credentials are refused, and the run stops.
    Stopped,
}

/// Looks a customer up once. Adds the requests sent to `requests` and sets `date_ms` to the
/// response's `Date`.
pub(super) async fn look_up<A: CustomerApi, O: Observer>(
    sender: &Sender<A, O>,
    address: CustomerAddress<'_>,
    is_retry: bool,
    requests: &mut u32,
    date_ms: &mut Option<i64>,
) -> LookedUp {
    let Some((timed, found)) = find(sender, address, is_retry).await else {
        return LookedUp::Stopped;
    };
    *requests += 1;
    *date_ms = timed.date_ms;
    match by_path(sender, address, &found).await {
        PathVerdict::AbsentByPage => return LookedUp::Absent,
        PathVerdict::Stopped => return LookedUp::Stopped,
        PathVerdict::AskList => {
            sender.answered(timed.sent);
            *requests += 1;
            return find_in_list(sender, address.client_id).await;
        }
        PathVerdict::Believed => {}
    }
    let looked_up = meaning(found);
    if matches!(looked_up, LookedUp::There(..) | LookedUp::Twin(..)) {
        sender.has_read();
    }
    match &looked_up {
        LookedUp::There(..)
        | LookedUp::Listed(..)
        | LookedUp::Absent
        | LookedUp::Twin(..)
        | LookedUp::TwinInList(..) => {
            sender.answered(timed.sent);
            if is_retry {
                sender.refund();
            }
        }
        LookedUp::Throttled | LookedUp::Failed(_) | LookedUp::Stopped => {}
    }
    looked_up
}

/// Looks once for the customer that Kable has under its own id `customer_id`, whatever its
/// `clientId`: [`LookedUp::Twin`] is one with another `clientId`. Adds the requests sent to
/// `requests`.
pub(super) async fn find_by_kable_id<A: CustomerApi, O: Observer>(
    sender: &Sender<A, O>,
    address: CustomerAddress<'_>,
    requests: &mut u32,
) -> LookedUp {
    let Some((timed, found)) = find(sender, address, false).await else {
        return LookedUp::Stopped;
    };
    *requests += 1;
    match &found {
        LookUpReply::There { .. } | LookUpReply::Other { .. } | LookUpReply::Absent => {
            sender.answered(timed.sent);
        }
        LookUpReply::AbsentPage(_) if is_absence_a_page(sender).await == Some(true) => {
            return LookedUp::Absent;
        }
        LookUpReply::Failed(Failure::Denied(refusal)) => {
            if let (_, ProbeReply::Denied(_)) = sender.reach().await {
                sender.shut_out(refusal);
                return LookedUp::Stopped;
            }
        }
        LookUpReply::AbsentPage(_) | LookUpReply::Failed(_) => {}
    }
    match meaning(found) {
        // Its own `clientId` is this text.
        LookedUp::Twin(remote, _) if remote.customer_id != address.path_id() => LookedUp::Absent,
        // It was deleted or cancelled, and is shown as such.
        LookedUp::There(remote, _) | LookedUp::Twin(remote, _) if remote.is_inactive() => {
            LookedUp::Absent
        }
        looked_up @ (LookedUp::There(..)
        | LookedUp::Listed(..)
        | LookedUp::Absent
        | LookedUp::Twin(..)
        | LookedUp::TwinInList(..)
        | LookedUp::Throttled
        | LookedUp::Failed(_)
        | LookedUp::Stopped) => looked_up,
    }
}

/// Looks a customer up until it is known whether it exists, or `--retries` is exhausted;
/// reports each wait to `waits` until absence is proved. Adds the requests sent to
/// `requests`.
pub(super) async fn look_up_until_known<A: CustomerApi, O: Observer>(
    sender: &Sender<A, O>,
    client_id: &str,
    mut absence: Absence,
    requests: &mut u32,
    waits: impl Fn(Duration),
) -> LookedUp {
    let (mut retries, mut date_ms) = (Retries::default(), None);
    loop {
        let is_retry = retries.unanswered > 0;
        let address = CustomerAddress::by_client_id(client_id);
        let request = look_up(sender, address, is_retry, requests, &mut date_ms);
        let looked_up = tokio::select! {
            looked_up = request => looked_up,
            // The look-up may be abandoned once its response is no longer needed.
            () = sender.stop.halted() => return LookedUp::Stopped,
        };
        let facts = sender.facts();
        let until = match looked_up {
            LookedUp::There(..)
            | LookedUp::Listed(..)
            | LookedUp::Twin(..)
            | LookedUp::TwinInList(..)
            | LookedUp::Stopped => return looked_up,
            LookedUp::Throttled => continue,
            LookedUp::Absent => {
                match absence.not_found(facts.now, |doubt| facts.landing_time(doubt)) {
                    Proof::Absent => return LookedUp::Absent,
                    Proof::LookAgain(at) => {
                        waits(at.saturating_sub(facts.now));
                        at
                    }
                }
            }
            LookedUp::Failed(trouble) => {
                let blame = sender.blame(&trouble, Access::Read, false);
                retries.unanswered += u32::from(blame == Blame::Row);
                if retries.unanswered > facts.retry.retries {
                    return LookedUp::Failed(trouble);
                }
                retries.set_back(trouble, blame, &facts);
                retries.write_not_before
            }
        };
        tokio::select! {
            () = tokio::time::sleep_until(sender.began + until) => {}
            () = sender.stop.halted() => return LookedUp::Stopped,
        }
    }
}

/// Looks for a customer in the list of all customers.
///
/// The list may be long, so waiting rows share one reading of it: rows that arrive while it
/// is read share the next reading.
pub(super) async fn find_in_list<A: CustomerApi, O: Observer>(
    sender: &Sender<A, O>,
    client_id: &str,
) -> LookedUp {
    let (answer, mut answered) = oneshot::channel();
    let waiting = (client_id.to_owned(), answer);
    sender.list.waiting.lock().push(waiting);
    let _turn = sender.list.turn.lock().await;
    if let Ok(found) = answered.try_recv() {
        return meaning_in_list(found);
    }
    let waiting = std::mem::take(&mut *sender.list.waiting.lock());
    let Some(admitted) = sender.admitted(true, Access::Read).await else {
        return LookedUp::Stopped;
    };
    let (ids, answers): (Vec<String>, Vec<_>) = waiting.into_iter().unzip();
    sender.metrics.count_lookup();
    let request = sender.api.find_in_list(&ids);
    let (timed, listed) = sender.timed(admitted.permit, request).await;
    match listed {
        Ok(found) => {
            sender.answered(timed.sent);
            sender.refund();
            for (answer, found) in answers.into_iter().zip(found) {
                // A row that was abandoned meanwhile doesn't wait any more.
                answer.send(found).ok();
            }
        }
        Err(trouble) => {
            for answer in answers {
                answer
                    .send(LookUpReply::Failed(Failure::Unknown(trouble.clone())))
                    .ok();
            }
        }
    }
    match answered.try_recv() {
        Ok(found) => meaning_in_list(found),
        Err(_closed) => LookedUp::Failed(Trouble::default()),
    }
}

/// Sends one look-up by path; `None` if everything is stopped.
async fn find<A: CustomerApi, O: Observer>(
    sender: &Sender<A, O>,
    address: CustomerAddress<'_>,
    is_retry: bool,
) -> Option<(AnswerTime, LookUpReply)> {
    let admitted = sender.admitted(is_retry, Access::Read).await?;
    sender.metrics.count_lookup();
    let (timed, found) = sender
        .timed(admitted.permit, sender.api.find(address))
        .await;
    if let LookUpReply::Failed(Failure::Throttled(wait)) = &found {
        sender.hold_back(timed.sent, *wait);
    }
    Some((timed, found))
}

/// How far the result `found` of a look-up by path can be trusted.
async fn by_path<A: CustomerApi, O: Observer>(
    sender: &Sender<A, O>,
    address: CustomerAddress<'_>,
    found: &LookUpReply,
) -> PathVerdict {
    let asks_list = match found {
        LookUpReply::Absent => is_unsafe_in_path(address.path_id()),
        LookUpReply::AbsentPage(_) => match is_absence_a_page(sender).await {
            Some(true) => return PathVerdict::AbsentByPage,
            Some(false) => true,
            None => is_unsafe_in_path(address.path_id()),
        },
        LookUpReply::Other { remote, .. } => {
            address.customer_id.is_some()
                || !is_same_but_for_case(address.client_id, &remote.client_id)
        }
        LookUpReply::Failed(Failure::Denied(refusal)) => match sender.reach().await {
            (_, ProbeReply::Denied(_)) => {
                sender.shut_out(refusal);
                return PathVerdict::Stopped;
            }
            // The credentials are accepted: something refuses this one path.
            (_, ProbeReply::Good) => true,
            (_, ProbeReply::Trouble(_)) => false,
        },
        LookUpReply::There { .. }
        | LookUpReply::Failed(
            Failure::Throttled(_)
            | Failure::Unsent(_)
            | Failure::Unknown(_)
            | Failure::Misdirected(..),
        ) => false,
    };
    if asks_list {
        PathVerdict::AskList
    } else {
        PathVerdict::Believed
    }
}

/// Whether the API responds with a web page for an absent customer: `None` if a page was
/// returned that did not come from the API.
async fn is_absence_a_page<A: CustomerApi, O: Observer>(sender: &Sender<A, O>) -> Option<bool> {
    if let Some(known) = sender.absence_is_page.get() {
        return known.then_some(true);
    }
    let (_, ProbeReply::Good) = sender.reach().await else {
        return None;
    };
    match find(sender, CustomerAddress::by_client_id(NO_CUSTOMER), true).await? {
        (_, LookUpReply::AbsentPage(_)) => Some(*sender.absence_is_page.get_or_init(|| true)),
        (_, LookUpReply::Absent) => Some(false),
        (_, LookUpReply::There { .. } | LookUpReply::Other { .. } | LookUpReply::Failed(_)) => None,
    }
}

/// What a look-up that is believed found out.
fn meaning(found: LookUpReply) -> LookedUp {
    match found {
        LookUpReply::There { remote, request_id } => LookedUp::There(remote, request_id),
        LookUpReply::Absent => LookedUp::Absent,
        LookUpReply::Other { remote, request_id } => LookedUp::Twin(remote, request_id),
        LookUpReply::Failed(Failure::Throttled(_)) => LookedUp::Throttled,
        LookUpReply::Failed(Failure::Denied(refusal)) => LookedUp::Failed(refusal.into_trouble()),
        LookUpReply::AbsentPage(trouble)
        | LookUpReply::Failed(
            Failure::Unsent(trouble) | Failure::Unknown(trouble) | Failure::Misdirected(trouble, _),
        ) => LookedUp::Failed(trouble),
    }
}

/// The same for what the list has.
fn meaning_in_list(found: LookUpReply) -> LookedUp {
    match meaning(found) {
        LookedUp::Twin(remote, request_id) => LookedUp::TwinInList(remote, request_id),
        LookedUp::There(remote, request_id) => LookedUp::Listed(remote, request_id),
        looked_up @ (LookedUp::Listed(..)
        | LookedUp::Absent
        | LookedUp::TwinInList(..)
        | LookedUp::Throttled
        | LookedUp::Failed(_)
        | LookedUp::Stopped) => looked_up,
    }
}

fn is_same_but_for_case(one: &str, other: &str) -> bool {
    one.to_lowercase() == other.to_lowercase()
}
