//! What became of one row, as it is reported.

use super::entry::entry_of;
use super::preview::Preview;
use crate::domain::outcome::Outcome;
use crate::domain::problem::Problem;
use crate::domain::remote::{ComparedCustomer, Difference};
use crate::engine::survey::finding_store::PriorClaim;
use crate::ledger::ClaimRecord;
use crate::report::{OutcomeDetails, RowResult};

/// What became of one row.
pub(super) struct AccountedRow {
    pub(super) client_id: String,
    pub(super) problems: Vec<Problem>,
    pub(super) end: AccountedEnd,
}

/// Why a customer differs from a row that repeats another one.
const REPEATS: &str = "it was rejected because another row has its clientId, and the customer is that row's: give it a clientId of its own, or leave it out";

/// How a row ended.
#[expect(
    clippy::large_enum_variant,
    reason = "nearly every row is fit: a box would cost each an allocation"
)]
pub(super) enum AccountedEnd {
    Skipped,
    Rejected,
    /// It was fit to be sent. `entry` is what is known of its customer.
    Fit {
        outcome: Outcome,
        entry: Option<ClaimRecord>,
        /// How it differs from its customer at Kable, if that is known.
        differences: Vec<Difference>,
    },
}

impl AccountedRow {
    pub(super) fn skipped(client_id: String) -> Self {
        Self {
            client_id,
            problems: Vec::new(),
            end: AccountedEnd::Skipped,
        }
    }

    pub(super) fn rejected(client_id: String, problems: Vec<Problem>) -> Self {
        Self {
            client_id,
            problems,
            end: AccountedEnd::Rejected,
        }
    }
}

impl AccountedEnd {
    /// Adds a fit row to a dry run's forecast. `there` is the row's customer, and the one
    /// that Kable holds under its id.
    pub(super) fn preview(
        &mut self,
        preview: &mut Preview,
        claim: Option<PriorClaim>,
        is_repeat: bool,
        there: Option<ComparedCustomer>,
    ) {
        let previewed = preview.add(claim, is_repeat, there.as_ref());
        let Some(compared) = there else { return };
        if let Self::Fit {
            outcome,
            entry,
            differences,
        } = self
        {
            if let Some(previewed) = previewed {
                *outcome = previewed.outcome;
                let entry = entry.get_or_insert_with(|| entry_of(&compared));
                entry.customer_id = Some(compared.remote.customer_id);
                entry.message = previewed.message;
            }
            *differences = compared.differences;
        }
    }

    /// Says of a row that repeats another one why its customer differs.
    pub(super) fn explain_repeat(&mut self) {
        if let Self::Fit {
            outcome: Outcome::Differs,
            entry: Some(entry),
            ..
        } = self
        {
            let differing = entry.message.take().filter(|said| !said.is_empty());
            let differing = differing.map_or_else(String::new, |said| format!("; {said}"));
            entry.message = Some(format!("{REPEATS}{differing}"));
        }
    }

    pub(super) fn result(&self) -> RowResult<'_> {
        match self {
            Self::Skipped => RowResult::Skipped,
            Self::Rejected => RowResult::Rejected,
            Self::Fit {
                outcome,
                entry,
                differences,
            } => {
                let entry = entry.as_ref();
                RowResult::Outcome(OutcomeDetails {
                    outcome: *outcome,
                    customer_id: entry.and_then(|entry| entry.customer_id.as_deref()),
                    request_id: entry.and_then(|entry| entry.request_id.as_deref()),
                    attempts: entry.map_or(0, |entry| entry.attempts),
                    status: entry.and_then(|entry| entry.status),
                    message: entry.and_then(|entry| entry.message.as_deref()),
                    differences,
                })
            }
        }
    }
}
