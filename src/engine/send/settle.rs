//! How a row ended → its settlement (pure).

use super::facts::Facts;
use super::retries::OutOfTries;
use super::row_state::{ChangeState, CreateState, NextRequest, RowEnd, RowState};
use super::seen_customer::SeenCustomer;
use super::systemic_refusal;
use crate::domain::decision::{ExistingPolicy, UNKNOWN_DIGEST};
use crate::domain::outcome::Outcome;
use crate::domain::problem::NO_READABLE_KEY;
use crate::domain::recorded_differences::differing_values;
use crate::domain::remote::{RemoteCustomer, differences};
use crate::domain::update::unshown_fields;
use crate::engine::ticket::{ClaimTime, FirstStep, KnownCustomer, Ticket};
use crate::kable::{Key, Refusal, Trouble};
use crate::ledger::Settlement;

/// Why a customer that the API reports as created is not counted as this checkpoint's.
const MAY_BE_OLDER: &str = "the API says that it created the customer, and dates it at another time: it may have been there already, and a rollback leaves it alone";

/// A settled row, and the keys from its response.
#[derive(Debug)]
pub(super) struct Settled {
    pub(super) settlement: Settlement,
    pub(super) keys: Vec<Key>,
    /// Whether an earlier run claimed it, and may have kept its keys.
    pub(super) from_before: bool,
    /// Whether it counts as created only because the customer is on record as ours, which it
    /// is unless Kable's id is another one than was recorded.
    pub(super) by_record: bool,
}

impl Settled {
    /// A settlement without keys.
    pub(super) fn keyless(settlement: Settlement) -> Self {
        Self {
            settlement,
            keys: Vec::new(),
            from_before: false,
            by_record: false,
        }
    }
}

/// A row that the API refused.
#[derive(Debug)]
pub(super) struct RefusedRow {
    /// Its settlement, if the row itself is at fault.
    pub(super) settled: Settled,
    /// Its outcome while that is not known.
    undecided: Outcome,
}

impl RefusedRow {
    /// Its settlement while it is not known whether the row itself is at fault.
    pub(super) fn undecided(mut self) -> Settled {
        self.settled.settlement.outcome = self.undecided;
        self.settled
    }
}

/// What a row's end means for the ledger.
#[derive(Debug)]
pub(super) enum Delivery {
    /// Its outcome is known. [`Outcome::Pending`]: it was certainly not sent, and is again
    /// as it was before its claim.
    Settled(Settled),
    /// The API refused to create or to change it.
    Refused {
        row: Box<RefusedRow>,
        /// The API's message, without the row's own values.
        words: String,
        /// Whether it was an update that was refused.
        is_change: bool,
    },
    /// Its claim stays in doubt: it may have been sent, and could not be looked up.
    InDoubt,
}

impl RowEnd {
    /// When the customer was made that the API reports as created.
    pub(super) fn made_ms(&self) -> Option<i64> {
        if let Self::Created { customer, .. } = self {
            customer.created
        } else {
            None
        }
    }
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
            let is_keyless = facts.keys && customer.keys.is_empty();
            let notes = [
                may_be_older.then_some(MAY_BE_OLDER),
                is_keyless.then_some(NO_READABLE_KEY),
            ];
            let notes: Vec<&str> = notes.into_iter().flatten().collect();
            Delivery::Settled(Settled {
                settlement: Settlement {
                    customer_id: Some(customer.customer_id),
                    modified: customer.modified,
                    request_id,
                    status: Some(status),
                    keys_lost: is_keyless,
                    message: (!notes.is_empty()).then(|| notes.join("; ")),
                    ..settlement(state, Outcome::Created, !may_be_older)
                },
                keys: customer.keys,
                from_before: false,
                by_record: false,
            })
        }
        RowEnd::There(remote, request_id) => {
            let mut settlement = there(state, &remote, facts);
            settlement.request_id = request_id;
            Delivery::Settled(with_keys(state, settlement))
        }
        RowEnd::Refused(refusal) => refused(state, refusal, facts),
        RowEnd::Conflict(refusal) => {
            Delivery::Settled(with_keys(state, failed(state, refusal, facts)))
        }
        RowEnd::OutOfTries(spent) => given_up(state, spent, facts),
        RowEnd::Unresolved if state.may_have_changed_kable() => {
            unsettled(state, known(state, Outcome::Unresolved, facts))
        }
        RowEnd::Unresolved => unsettled(state, settlement(state, Outcome::Pending, false)),
        RowEnd::Stopped => left(state),
    }
}

/// The settlement with the keys that came for the row.
fn with_keys(state: &RowState, settlement: Settlement) -> Settled {
    Settled {
        by_record: settlement.outcome == Outcome::Created && !settlement.ours,
        settlement,
        keys: state.keys.clone(),
        from_before: state.create == CreateState::ClaimLost
            || matches!(state.ticket.claim, ClaimTime::Earlier(_)),
    }
}

/// The row's settlement when everything stops before its end.
pub(super) fn left(state: &RowState) -> Delivery {
    if !state.keys.is_empty() {
        // Keys are returned once: they must not be lost with the process.
        return unsettled(state, settlement(state, Outcome::Unresolved, false));
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
        ours,
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

/// The settlement with what has become known of the customer, however the row ended.
fn known(state: &RowState, outcome: Outcome, facts: &Facts) -> Settlement {
    match &state.seen {
        Some(seen) => of_customer(state, seen, outcome, facts),
        None => Settlement {
            customer_id: state.other_id(),
            ..settlement(state, outcome, false)
        },
    }
}

/// The settlement of a row whose customer was shown.
fn of_customer(
    state: &RowState,
    seen: &SeenCustomer,
    outcome: Outcome,
    facts: &Facts,
) -> Settlement {
    // Ownership must be proved before a rollback may delete the customer; lost keys are
    // reported wherever they may be lost.
    let may_have_had_keys = state.create == CreateState::ClaimLost
        || (state.may_be_ours() || state.creates > 0) && !is_older(state, seen, facts);
    Settlement {
        customer_id: Some(seen.customer_id.clone()),
        keys_lost: facts.keys && may_have_had_keys && state.keys.is_empty(),
        modified: seen.modified,
        ..settlement(state, outcome, is_proved(state, seen, facts))
    }
}

/// Whether the customer certainly existed before the row's claim.
fn is_older(state: &RowState, seen: &SeenCustomer, facts: &Facts) -> bool {
    let claim = state.ticket.claim;
    facts.clocks.is_older(claim, seen.created, state.date_ms, 0)
}

/// Whether a create that was in doubt is proved to have made the customer.
fn is_proved(state: &RowState, seen: &SeenCustomer, facts: &Facts) -> bool {
    let may_be_ours = state.may_be_ours() && !is_older(state, seen, facts);
    let is_sent = state.creates > 0;
    may_be_ours
        && facts
            .clocks
            .is_ours(state.ticket.claim, seen.created, state.date_ms, is_sent)
}

/// The customer exists: does it equal the row, and did this checkpoint create it?
fn there(state: &RowState, remote: &RemoteCustomer, facts: &Facts) -> Settlement {
    let (ticket, earlier) = (&state.ticket, &state.ticket.earlier);
    let differing = differences(&ticket.customer, remote, facts.plans.compared);
    let seen = SeenCustomer::of(remote);
    // An update that an earlier run sent, or whose response it lost, is kept: the row was
    // different before.
    let is_updated = state.change != ChangeState::None
        || earlier.outcome == Some(Outcome::Updated)
        || state.may_be_ours() && earlier.is_changed && earlier.customer != KnownCustomer::Unseen;
    // The ledger compares Kable's id with the one on record.
    let is_ours = earlier.customer == KnownCustomer::Ours || is_proved(state, &seen, facts);
    let unseen = unseen_edit(state, remote);
    let is_equal = differing.is_empty() && unseen.is_none();
    let outcome = match (is_equal, is_ours, facts.existing) {
        (true, _, _) if is_updated => Outcome::Updated,
        (true, _, _) if earlier.is_listed => Outcome::Unchanged,
        (true, true, _) => Outcome::Created,
        (true, false, _) => Outcome::AlreadyExisted,
        (false, _, ExistingPolicy::Skip | ExistingPolicy::Update) => Outcome::Differs,
        (false, _, ExistingPolicy::Fail) => Outcome::Failed,
    };
    let mut shown: Vec<String> = differing.iter().take(4).map(ToString::to_string).collect();
    let is_unseen = unseen.is_some();
    shown.extend(unseen);
    let why = if outcome == Outcome::Failed {
        " (left as it is, and failed, by --existing fail)"
    } else {
        ""
    };
    Settlement {
        status: state.refusal.as_ref().map(|refusal| refusal.status),
        message: (!shown.is_empty()).then(|| shown.join("; ") + why),
        differing: differing_values(&differing),
        digest: if is_unseen {
            UNKNOWN_DIGEST
        } else {
            ticket.digest
        },
        ..of_customer(state, &seen, outcome, facts)
    }
}

/// What is to be said of fields that the response does not show, if Kable may have them as
/// they were before the row was edited: its create was in doubt, or it differed before.
fn unseen_edit(state: &RowState, remote: &RemoteCustomer) -> Option<String> {
    let Ticket {
        earlier,
        first_step,
        customer,
        ..
    } = &state.ticket;
    let was_sent = match first_step {
        FirstStep::ResolveDoubt => state.creates == 0,
        FirstStep::LookUp => earlier.outcome == Some(Outcome::Differs),
        FirstStep::Create | FirstStep::LookUpLostClaim => false,
    };
    if !(earlier.is_changed && was_sent) || state.change != ChangeState::None {
        return None;
    }
    let fields = unshown_fields(customer, remote);
    let names: Vec<String> = fields.iter().map(ToString::to_string).collect();
    (!names.is_empty()).then(|| {
        format!(
            "Kable does not show {}, and may have what the row had before it was edited",
            names.join(", ")
        )
    })
}

/// The outcome of a refused row while it is not known whether the row is at fault. It is
/// released, unless that would lose the doubt about its create, a change that was done, or that
/// keys are lost.
fn undecided(state: &RowState, settlement: &Settlement, facts: &Facts) -> Outcome {
    let seen = state.seen.as_ref();
    let is_open = state.may_be_ours()
        && state.ticket.earlier.customer != KnownCustomer::Ours
        && seen.is_some_and(|seen| !is_older(state, seen, facts));
    if is_open || state.change == ChangeState::Accepted || settlement.keys_lost {
        Outcome::Unresolved
    } else {
        Outcome::Pending
    }
}

fn refused(state: &RowState, refusal: Refusal, facts: &Facts) -> Delivery {
    let request_id = refusal.request_id.as_deref();
    let words = words(state, refusal.status, &refusal.message, request_id);
    let settled = with_keys(state, failed(state, refusal, facts));
    Delivery::Refused {
        row: Box::new(RefusedRow {
            undecided: undecided(state, &settled.settlement, facts),
            settled,
        }),
        words,
        is_change: state.change != ChangeState::None
            || matches!(state.next, NextRequest::Change(_)),
    }
}

fn failed(state: &RowState, refusal: Refusal, facts: &Facts) -> Settlement {
    Settlement {
        status: (refusal.status != 0).then_some(refusal.status),
        request_id: refusal.request_id,
        message: Some(refusal.message),
        place: Some(Box::new(state.ticket.place)),
        ..known(state, Outcome::Failed, facts)
    }
}

/// `--retries` is used up, and it was not done. The last failure is its refusal, if the API
/// itself reported it or other rows worked; else the row may not be at fault.
fn given_up(state: &mut RowState, spent: OutOfTries, facts: &Facts) -> Delivery {
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
        return unsettled(state, known(state, Outcome::Unresolved, facts));
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
        facts,
    )
}

/// `settlement` with the last failure, and without an outcome.
fn unsettled(state: &RowState, settlement: Settlement) -> Delivery {
    let trouble = state.retries.trouble.clone().unwrap_or_default();
    let settlement = Settlement {
        status: trouble.status,
        request_id: trouble.request_id,
        message: Some(trouble.message),
        ..settlement
    };
    Delivery::Settled(with_keys(state, settlement))
}
