//! What became of a customer that was to be removed → a line of the result files.

use crate::engine::send::removal::RemovalResult;
use crate::kable::Removal;
use crate::report::removal_files::RemovalLine;

/// The line of `result`, of customers that were to be removed by `removal`.
pub(super) fn removal_line(result: &RemovalResult, removal: Removal) -> RemovalLine<'_> {
    RemovalLine {
        client_id: &result.client_id,
        customer_id: result.customer_id.as_deref(),
        outcome: result.outcome.name(removal),
        request_id: result.request_id.as_deref(),
        attempts: result.attempts,
        status: result.status,
        message: result.message.as_deref(),
    }
}
