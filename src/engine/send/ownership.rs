//! Whose a customer is that is there: this checkpoint's or others', told by the server's
//! clock alone.

use std::time::Duration;

use super::row_state::{Delivery, RowState, Update};
use super::sender::{Sender, lock};
use crate::domain::decision::{ExistingPolicy, is_our_doing};
use crate::domain::outcome::Outcome;
use crate::domain::remote::{RemoteCustomer, differences};
use crate::engine::ticket::{ClaimTime, Ticket};
use crate::kable::CustomerApi;
use crate::report::Observer;

/// By how much a server's times may be cut: `Date` and `created` to a second each.
const SECONDS_CUT_MS: i64 = 2000;

/// How far the clocks of a server's machines may be apart, where it says that it has
/// just created something: `created` may be a database's time, and `Date` a proxy's.
pub(super) const CLOCKS_APART_MS: i64 = 60_000;

/// The widest that the bounds of a server's clock are taken to be.
const WIDEST_BOUNDS_MS: i64 = 60_000;

/// For how long other answers may tell more of the server's clock, and how often: its
/// `Date`s are cut to seconds, one of which ends meanwhile.
const CLOCK_WAIT: Duration = Duration::from_millis(400);
const CLOCK_WAITS: u32 = 3;

impl<A: CustomerApi, O: Observer> Sender<A, O> {
    /// The customer is there: is it the one in the row, and is it our doing?
    pub(super) fn there(
        &self,
        state: &RowState,
        remote: &RemoteCustomer,
        request_id: Option<String>,
    ) -> Delivery {
        let ticket = &state.ticket;
        let differing = differences(&ticket.customer, remote);
        let is_older = self.was_there_before(ticket, remote.created, state.date_ms, 0);
        let ours = ticket.ours
            || ticket.in_doubt
                && !is_older
                && is_our_doing(remote.created, self.claimed_by(ticket));
        // An update that an earlier run sent is not forgotten, nor one whose
        // answer it lost: the row was another one before.
        let updated = state.update != Update::None
            || ticket.history == Some(Outcome::Updated)
            || ticket.in_doubt && ticket.changed && ticket.there;
        let outcome = match (differing.is_empty(), ours, self.existing) {
            (true, _, _) if updated => Outcome::Updated,
            (true, true, _) => Outcome::Created,
            (true, false, _) => Outcome::AlreadyExisted,
            (false, _, ExistingPolicy::Skip | ExistingPolicy::Update) => Outcome::Differs,
            (false, _, ExistingPolicy::Fail) => Outcome::Failed,
        };
        let mut settlement = state.settled(outcome, ours);
        settlement.customer_id = Some(remote.customer_id.clone());
        settlement.request_id = request_id;
        settlement.status = state.refusal.as_ref().map(|refusal| refusal.status);
        // Whose doing it is must be proved before a rollback may delete it; that
        // keys are lost is told wherever it may be so.
        let perhaps_ours = ticket.forgotten || (ticket.in_doubt || state.creates > 0) && !is_older;
        settlement.keys_lost = self.keys && perhaps_ours && state.keys.is_empty();
        if !differing.is_empty() {
            let told: Vec<String> = differing.iter().take(4).map(ToString::to_string).collect();
            let why = if outcome == Outcome::Failed {
                " (left as it is, and failed, by --existing fail)"
            } else {
                ""
            };
            settlement.message = Some(told.join("; ") + why);
        }
        Delivery::Settled {
            settlement,
            keys: state.keys.clone(),
            from_before: ticket.forgotten || matches!(ticket.claim, ClaimTime::Earlier(_)),
        }
    }

    /// Whether it is not known well enough how the server's clock goes to tell whose
    /// customer it is. In the first second of a run each answer says more of it.
    pub(super) fn is_clock_too_vague(&self, state: &RowState, remote: &RemoteCustomer) -> bool {
        let ticket = &state.ticket;
        let is_open = ticket.in_doubt && !ticket.ours && state.clock_waits < CLOCK_WAITS;
        is_open
            && lock(&self.clock).is_vague()
            && !is_our_doing(remote.created, self.claimed_by(ticket))
            && is_our_doing(remote.created, self.claimed_from(ticket))
    }

    /// Judges the customer again once other answers may have told more of the clock.
    pub(super) fn wait_for_clock(
        &self,
        state: &mut RowState,
        remote: RemoteCustomer,
        request_id: Option<String>,
    ) {
        state.clock_waits += 1;
        state.not_before = self.began.elapsed() + CLOCK_WAIT;
        state.unjudged = Some(Box::new((remote, request_id)));
    }

    /// Whether a customer that Kable `created` then was certainly there before the
    /// row's claim. `date_ms` is the server's `Date` on the answer that says so, and
    /// `apart_ms` how far apart the clocks of the two times may be.
    pub(super) fn was_there_before(
        &self,
        ticket: &Ticket,
        created: Option<i64>,
        date_ms: Option<i64>,
        apart_ms: i64,
    ) -> bool {
        let Some(created) = created else {
            return false;
        };
        match ticket.claim {
            ClaimTime::Now { at_ms, .. } => {
                // By one answer of the server's alone, and by all of its clock that was
                // heard: that may have been set meanwhile.
                let elapsed = self.wall.now_ms() - at_ms;
                let by_answer =
                    date_ms.map(|date| date - created > elapsed + SECONDS_CUT_MS + apart_ms);
                let least_ahead = lock(&self.clock).least_ahead_ms();
                let by_clock = least_ahead.map(|ahead| created + 1000 + apart_ms < at_ms + ahead);
                match (by_answer, by_clock) {
                    (Some(by_answer), Some(by_clock)) => by_answer && by_clock,
                    (by_answer, by_clock) => by_answer.or(by_clock).unwrap_or(false),
                }
            }
            // Of an earlier claim it is known when it was there for certain, but not
            // how much sooner; clocks are known to a round trip.
            ClaimTime::Earlier(Some(claimed_by)) => created + WIDEST_BOUNDS_MS < claimed_by,
            ClaimTime::Earlier(None) => false,
        }
    }

    /// A moment on the server's clock that is not before the row's claim.
    pub(super) fn claimed_by(&self, ticket: &Ticket) -> Option<i64> {
        match ticket.claim {
            ClaimTime::Earlier(claimed_by) => claimed_by,
            ClaimTime::Now { at_ms, by_ms } => {
                let clock = lock(&self.clock);
                if clock.was_set() {
                    // What is known now is not what held at the claim.
                    return by_ms;
                }
                // The server's clock is known better by now than at the claim.
                clock.most_ahead_ms().map(|ahead| at_ms + ahead)
            }
        }
    }

    /// The earliest moment on the server's clock at which the row may have been claimed
    /// in this run.
    pub(super) fn claimed_from(&self, ticket: &Ticket) -> Option<i64> {
        let ClaimTime::Now { at_ms, .. } = ticket.claim else {
            return None;
        };
        let clock = lock(&self.clock);
        let ahead = clock.least_ahead_ms().filter(|_| !clock.was_set());
        ahead.map(|ahead| at_ms + ahead)
    }
}
