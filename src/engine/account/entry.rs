//! What the ledger's entry of a row says of its outcome.

use crate::domain::customer::Fingerprint;
use crate::domain::decision::{Decision, UNKNOWN_DIGEST};
use crate::domain::outcome::Outcome;
use crate::domain::remote::ComparedCustomer;
use crate::ledger::ClaimRecord;

/// The outcome of a row; `digest` is given if the row may differ from what was settled,
/// and `absent` is the outcome of a row of which nothing is known.
pub(super) fn outcome_of(
    decision: Decision,
    entry: Option<&ClaimRecord>,
    digest: Option<&Fingerprint>,
    absent: Outcome,
) -> Outcome {
    match (decision, entry) {
        // This may not be the recorded outcome: a row that changed after it was sent
        // now differs.
        (Decision::Skip(outcome), _) => outcome,
        // So does a row whose update was not sent before the run stopped.
        (_, Some(entry))
            if entry.outcome.is_success()
                && entry.outcome.customer_exists()
                && digest.is_some_and(|digest| *digest != entry.digest) =>
        {
            Outcome::Differs
        }
        (_, Some(entry)) => entry.outcome,
        (_, None) => absent,
    }
}

/// How the customer of a row with this `outcome` differed when the row was settled.
pub(super) fn recorded(entry: Option<&ClaimRecord>, outcome: Outcome) -> Option<&str> {
    let differs = match outcome {
        // By `--existing fail`.
        Outcome::Differs | Outcome::Failed => true,
        Outcome::Created
        | Outcome::AlreadyExisted
        | Outcome::Updated
        | Outcome::Unchanged
        | Outcome::Deleted
        | Outcome::Missing
        | Outcome::Unresolved
        | Outcome::Pending => false,
    };
    entry.filter(|_| differs)?.differing.as_deref()
}

/// The entry of a row whose customer exists at Kable.
pub(super) fn entry_of(compared: &ComparedCustomer) -> ClaimRecord {
    let is_equal = compared.differences.is_empty();
    ClaimRecord {
        client_id: compared.customer.client_id().to_owned(),
        outcome: if is_equal {
            Outcome::AlreadyExisted
        } else {
            Outcome::Differs
        },
        last: None,
        digest: UNKNOWN_DIGEST,
        ours: false,
        claimed_by: None,
        settled: None,
        keys_lost: false,
        customer_id: Some(compared.remote.customer_id.clone()),
        request_id: None,
        attempts: 0,
        status: None,
        message: (!is_equal).then(|| compared.sentence()),
        modified: None,
        differing: None,
    }
}
