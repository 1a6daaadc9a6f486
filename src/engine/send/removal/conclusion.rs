//! How a removal ended → what is reported and recorded of it (pure).

use super::removal_result::{RemovalOutcome, RemovalResult};
use super::removal_state::{RemovalEnd, RemovalState};
use super::removal_subject::RemovalSubject;
use crate::domain::customer::Fingerprint;
use crate::domain::decision::UNKNOWN_DIGEST;
use crate::domain::outcome::Outcome;
use crate::domain::remote::RemoteCustomer;
use crate::kable::{Refusal, Trouble};
use crate::ledger::{ClaimRecord, Settlement};

/// Why a customer is left that is not proved to be ours.
const NOT_PROVED: &str = "Kable's clock does not prove that this checkpoint created it: it may have been there before, or others may have made it since";

/// A customer to be removed, and its claim.
#[derive(Debug, Clone)]
pub(super) struct ClaimedRemoval {
    pub(super) subject: RemovalSubject,
    /// The claim's number.
    pub(super) id: u64,
    pub(super) digest: Fingerprint,
    /// Whether the claim is in doubt, so that it may be settled.
    pub(super) is_open: bool,
    /// Whether this run made the claim.
    pub(super) is_new: bool,
}

impl ClaimedRemoval {
    /// The customer of claim `id`.
    pub(super) fn of_claim(id: u64, record: &ClaimRecord) -> Self {
        let subject = RemovalSubject::of_claim(record);
        Self {
            id,
            digest: record.digest,
            is_open: subject.in_doubt,
            is_new: false,
            subject,
        }
    }

    /// A customer without a claim.
    pub(super) fn unclaimed(id: u64, subject: RemovalSubject) -> Self {
        Self {
            subject,
            id,
            digest: UNKNOWN_DIGEST,
            is_open: false,
            is_new: false,
        }
    }
}

/// What is reported of a removal that ended, and its settlement. Without one the claim
/// stays as it is.
pub(super) fn conclude(
    claimed: &ClaimedRemoval,
    state: &RemovalState,
    end: RemovalEnd,
) -> (RemovalResult, Option<Settlement>) {
    let subject = &state.subject;
    let mut result = RemovalResult {
        client_id: subject.client_id.clone(),
        customer_id: subject.customer_id.clone(),
        outcome: RemovalOutcome::Pending,
        request_id: None,
        attempts: state.attempts,
        status: None,
        message: None,
    };
    let settled = match end {
        RemovalEnd::Removed(request_id) => {
            result.outcome = RemovalOutcome::Removed;
            result.request_id = request_id;
            Some(Outcome::Deleted)
        }
        RemovalEnd::AlreadyGone => {
            result.outcome = RemovalOutcome::AlreadyGone;
            Some(Outcome::Deleted)
        }
        RemovalEnd::NeverThere => {
            result.outcome = RemovalOutcome::AlreadyGone;
            result.message = Some("it was never created".to_owned());
            Some(Outcome::Pending)
        }
        RemovalEnd::Another(remote) => Some(another(&mut result, &remote)),
        RemovalEnd::NotOurs(remote) => {
            not_proved(&mut result, *remote);
            // What the API says that it created stays created.
            if subject.in_doubt {
                Some(Outcome::AlreadyExisted)
            } else {
                released(claimed, state)
            }
        }
        RemovalEnd::Changed(change) => {
            result.outcome = RemovalOutcome::Changed;
            result.message = Some(change.reason().to_owned());
            released(claimed, state)
        }
        RemovalEnd::Refused(refusal) => {
            refused(&mut result, refusal);
            released(claimed, state)
        }
        RemovalEnd::Unresolved(trouble) => {
            unresolved(&mut result, trouble);
            released(claimed, state)
        }
        RemovalEnd::Stopped => {
            if state.is_lost {
                result.outcome = RemovalOutcome::Unresolved;
            }
            released(claimed, state)
        }
    };
    let settlement = settled.map(|outcome| settlement(claimed, &result, outcome));
    (result, settlement)
}

/// A claim that this run made is released, if nothing that it sent may still take effect.
fn released(claimed: &ClaimedRemoval, state: &RemovalState) -> Option<Outcome> {
    (claimed.is_new && !state.is_lost).then_some(Outcome::Pending)
}

fn another(result: &mut RemovalResult, remote: &RemoteCustomer) -> Outcome {
    result.outcome = RemovalOutcome::AlreadyGone;
    result.message = Some(format!(
        "another customer has this clientId now, {}: it is left alone",
        remote.customer_id
    ));
    Outcome::Deleted
}

fn not_proved(result: &mut RemovalResult, remote: RemoteCustomer) {
    result.outcome = RemovalOutcome::NotOurs;
    result.customer_id = Some(remote.customer_id);
    result.message = Some(NOT_PROVED.to_owned());
}

fn refused(result: &mut RemovalResult, refusal: Refusal) {
    result.outcome = RemovalOutcome::Failed;
    result.status = Some(refusal.status).filter(|status| *status != 0);
    result.request_id = refusal.request_id;
    result.message = Some(refusal.message);
}

fn unresolved(result: &mut RemovalResult, trouble: Trouble) {
    result.outcome = RemovalOutcome::Unresolved;
    result.status = trouble.status;
    result.request_id = trouble.request_id;
    result.message = Some(trouble.message);
}

fn settlement(claimed: &ClaimedRemoval, result: &RemovalResult, outcome: Outcome) -> Settlement {
    Settlement {
        id: claimed.id,
        client_id: claimed.subject.client_id.clone(),
        digest: if outcome == Outcome::Deleted {
            claimed.digest
        } else {
            UNKNOWN_DIGEST
        },
        outcome,
        ours: false,
        orphan: false,
        place: None,
        keys_lost: false,
        customer_id: result.customer_id.clone(),
        request_id: result.request_id.clone(),
        attempts: result.attempts,
        status: result.status,
        message: result.message.clone(),
        modified: None,
        differing: None,
    }
}
