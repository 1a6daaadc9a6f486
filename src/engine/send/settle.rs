//! How a row ended → its settlement (pure).

use super::facts::Facts;
use super::retries::OutOfTries;
use super::row_state::{ChangeState, CreateState, NextRequest, RowEnd, RowState};
use super::systemic_refusal;
use crate::domain::decision::ExistingPolicy;
use crate::domain::outcome::Outcome;
use crate::domain::recorded_differences::differing_values;
use crate::domain::remote::{RemoteCustomer, differences};
use crate::engine::ticket::{ClaimTime, KnownCustomer};
use crate::kable::{Key, Refusal, Trouble};
use crate::ledger::Settlement;

/// Why a customer that the API reports as created is not counted as this checkpoint's.
const MAY_BE_OLDER: &str = "the API says that it created the customer, and dates it before the request: it may have been there already, and a rollback leaves it alone";

/// A settled row, and the keys from its response.
#[derive(Debug)]
pub(super) struct Settled {
    pub(super) settlement: Settlement,
    pub(super) keys: Vec<Key>,
    /// Whether an earlier run claimed it, and may have kept its keys.
    pub(super) from_before: bool,
}

impl Settled {
    /// A settlement without keys.
    pub(super) fn keyless(settlement: Settlement) -> Self {
        Self {
            settlement,
            keys: Vec::new(),
            from_before: false,
        }
    }
}

/// What a row's end means for the ledger.
#[derive(Debug)]
pub(super) enum Delivery {
    /// Its outcome is known. [`Outcome::Pending`]: it was certainly not sent, and is again
    /// as it was before its claim.
    Settled(Settled),
    /// The API refused it, and the customer is absent.
    Refused {
        settlement: Settlement,
        /// The API's message, without the row's own values.
        words: String,
        /// Whether it was an update that was refused.
        is_change: bool,
    },
    /// Its claim stays in doubt: it may have been sent, and could not be looked up.
    InDoubt,
}

/// What `end` means for the row.
pub(super) fn settle(state: &mut RowState, end: RowEnd, facts: &Facts) -> Delivery {
    match end {
        RowEnd::Created {
            customer,
            status,
            request_id,
        } => {
            // A server may report a creation for a customer that it had. It is not proved to
            // be ours then: a rollback must never delete the customers of others.
            let (claim, made) = (state.ticket.claim, customer.created);
            let may_be_older = facts.clocks.may_be_older(claim, made, state.date_ms);
            Delivery::Settled(Settled {
                settlement: Settlement {
                    customer_id: Some(customer.customer_id),
                    modified: customer.modified,
                    request_id,
                    status: Some(status),
                    keys_lost: facts.keys && customer.keys.is_empty(),
                    message: may_be_older.then(|| MAY_BE_OLDER.to_owned()),
                    ..settlement(state, Outcome::Created, !may_be_older)
                },
                keys: customer.keys,
                from_before: false,
            })
        }
        RowEnd::There(remote, request_id) => {
            let mut settlement = there(state, &remote, facts);
            settlement.request_id = request_id;
            Delivery::Settled(Settled {
                settlement,
                keys: state.keys.clone(),
                from_before: state.create == CreateState::ClaimLost
                    || matches!(state.ticket.claim, ClaimTime::Earlier(_)),
            })
        }
        RowEnd::Refused(refusal) => refused(state, refusal),
        RowEnd::Conflict(refusal) => Delivery::Settled(Settled::keyless(failed(state, refusal))),
        RowEnd::OutOfTries(spent) => given_up(state, spent),
        RowEnd::Unresolved if state.may_have_changed_kable() => {
            unsettled(state, Outcome::Unresolved)
        }
        RowEnd::Unresolved => unsettled(state, Outcome::Pending),
        RowEnd::Stopped => left(state),
    }
}

/// The row's settlement when everything stops before its end.
pub(super) fn left(state: &RowState) -> Delivery {
    if !state.keys.is_empty() {
        // Keys are returned once: they must not be lost with the process.
        return unsettled(state, Outcome::Unresolved);
    }
    if state.may_have_changed_kable() {
        Delivery::InDoubt
    } else {
        Delivery::Settled(Settled::keyless(settlement(state, Outcome::Pending, false)))
    }
}

/// The API's message about a row, without the row's own values.
pub(super) fn words(
    state: &RowState,
    status: u16,
    message: &str,
    request_id: Option<&str>,
) -> String {
    let customer = &state.ticket.customer;
    let values = [customer.client_id(), customer.company_name()]
        .into_iter()
        .chain(customer.stripe_customer_id())
        .chain(customer.plan_ids())
        .chain(customer.bundle_ids())
        .chain(customer.contact().map(|(_, value)| value))
        .chain(request_id);
    systemic_refusal::words(status, message, values)
}

fn settlement(state: &RowState, outcome: Outcome, ours: bool) -> Settlement {
    let ticket = &state.ticket;
    Settlement {
        id: ticket.id,
        client_id: ticket.customer.client_id().to_owned(),
        digest: ticket.digest,
        outcome,
        ours: ours || ticket.earlier.customer == KnownCustomer::Ours,
        orphan: false,
        place: None,
        keys_lost: false,
        customer_id: None,
        request_id: None,
        attempts: state.attempts,
        status: None,
        message: None,
        modified: None,
        differing: None,
    }
}

/// The customer exists: does it equal the row, and did this checkpoint create it?
fn there(state: &RowState, remote: &RemoteCustomer, facts: &Facts) -> Settlement {
    let (ticket, earlier) = (&state.ticket, &state.ticket.earlier);
    let differing = differences(&ticket.customer, remote, facts.plans.compared);
    let clocks = &facts.clocks;
    let is_older = clocks.is_older(ticket.claim, remote.created, state.date_ms, 0);
    let may_be_ours = state.may_be_ours() && !is_older;
    let is_ours = earlier.customer == KnownCustomer::Ours
        || may_be_ours && clocks.is_ours(ticket.claim, remote.created);
    // An update that an earlier run sent, or whose response it lost, is kept: the row was
    // different before.
    let is_updated = state.change != ChangeState::None
        || earlier.outcome == Some(Outcome::Updated)
        || state.may_be_ours() && earlier.is_changed && earlier.customer != KnownCustomer::Unseen;
    let outcome = match (differing.is_empty(), is_ours, facts.existing) {
        (true, _, _) if is_updated => Outcome::Updated,
        (true, _, _) if earlier.is_listed => Outcome::Unchanged,
        (true, true, _) => Outcome::Created,
        (true, false, _) => Outcome::AlreadyExisted,
        (false, _, ExistingPolicy::Skip | ExistingPolicy::Update) => Outcome::Differs,
        (false, _, ExistingPolicy::Fail) => Outcome::Failed,
    };
    // Ownership must be proved before a rollback may delete the customer; lost keys are
    // reported wherever they may be lost.
    let may_have_had_keys = state.create == CreateState::ClaimLost
        || (state.may_be_ours() || state.creates > 0) && !is_older;
    let shown: Vec<String> = differing.iter().take(4).map(ToString::to_string).collect();
    let why = if outcome == Outcome::Failed {
        " (left as it is, and failed, by --existing fail)"
    } else {
        ""
    };
    Settlement {
        customer_id: Some(remote.customer_id.clone()),
        status: state.refusal.as_ref().map(|refusal| refusal.status),
        keys_lost: facts.keys && may_have_had_keys && state.keys.is_empty(),
        message: (!shown.is_empty()).then(|| shown.join("; ") + why),
        modified: remote.modified,
        differing: differing_values(&differing),
        ..settlement(state, outcome, is_ours)
    }
}

fn refused(state: &RowState, refusal: Refusal) -> Delivery {
    let request_id = refusal.request_id.as_deref();
    let words = words(state, refusal.status, &refusal.message, request_id);
    Delivery::Refused {
        settlement: failed(state, refusal),
        words,
        is_change: state.change != ChangeState::None
            || matches!(state.next, NextRequest::Change(_)),
    }
}

fn failed(state: &RowState, refusal: Refusal) -> Settlement {
    Settlement {
        status: (refusal.status != 0).then_some(refusal.status),
        request_id: refusal.request_id,
        message: Some(refusal.message),
        place: Some(Box::new(state.ticket.place)),
        ..settlement(state, Outcome::Failed, false)
    }
}

/// `--retries` is used up, and it was not done. The last failure is its refusal, if the API
/// itself reported it or other rows worked; else the row may not be at fault.
fn given_up(state: &mut RowState, spent: OutOfTries) -> Delivery {
    let trouble = state.retries.trouble.clone().unwrap_or_default();
    if !trouble.by_api && spent == OutOfTries::WithOthers {
        let so_far = match state.change {
            ChangeState::None => "the customer is not there",
            ChangeState::Lost | ChangeState::Accepted => "the customer is as it was",
        };
        let message = format!(
            "{}; {so_far}, and no other row was taken meanwhile",
            trouble.message
        );
        state.retries.trouble = Some(Trouble { message, ..trouble });
        return unsettled(state, Outcome::Unresolved);
    }
    let status = trouble.status.unwrap_or_default();
    let message = trouble.message.strip_prefix(&format!("status {status}: "));
    refused(
        state,
        Refusal {
            status,
            message: message.unwrap_or(&trouble.message).to_owned(),
            request_id: trouble.request_id,
        },
    )
}

fn unsettled(state: &RowState, outcome: Outcome) -> Delivery {
    let trouble = state.retries.trouble.clone().unwrap_or_default();
    Delivery::Settled(Settled {
        settlement: Settlement {
            status: trouble.status,
            request_id: trouble.request_id,
            message: Some(trouble.message),
            ..settlement(state, outcome, false)
        },
        keys: state.keys.clone(),
        from_before: false,
    })
}
