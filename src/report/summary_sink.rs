//! A sink in front of the result files: counts failures by kind for the summary and
//! the first problems as annotations, and prints each row with `--verbose`.

use std::io;
use std::sync::Arc;

use super::annotations::Annotations;
use super::event_log::TARGET;
use super::failure_kinds::FailureKinds;
use super::files::ResultFiles;
use super::progress::ProgressDisplay;
use super::{OutcomeDetails, RowAccount, RowResult, RowSink};
use crate::domain::outcome::Outcome;
use crate::domain::problem::messages;
use crate::domain::text::{escaped, quoted};

/// The message for a row that was created before it was changed.
const CHANGED: &str = "the row was changed after it was sent";

/// Passes rows on to the result files, and keeps some of them for the summary.
#[derive(Debug)]
pub struct SummarySink {
    /// The result files.
    pub files: ResultFiles,
    /// Rows that failed, differ or are in doubt, by kind.
    pub failures: FailureKinds,
    /// Where each row is shown, if it is.
    pub shown_on: Option<Arc<ProgressDisplay>>,
    /// The first problems, if annotations are requested.
    pub annotations: Option<Annotations>,
}

impl SummarySink {
    /// Passes rows on to `files`; shows each on `shown_on`.
    pub fn new(files: ResultFiles, shown_on: Option<Arc<ProgressDisplay>>) -> Self {
        Self {
            files,
            failures: FailureKinds::default(),
            shown_on,
            annotations: None,
        }
    }

    fn show(account: &RowAccount<'_>, display: &ProgressDisplay) {
        let line = account.row.origin.line;
        let came = match account.result {
            RowResult::Outcome(came) => Some(came),
            RowResult::Skipped | RowResult::Rejected => None,
        };
        let problems = messages(account.problems);
        tracing::info!(
            target: TARGET,
            event = "row",
            input = account.input,
            line,
            client_id = account.client_id,
            outcome = account.result.name(),
            customer_id = came.and_then(|came| came.customer_id),
            message = came.and_then(|came| came.message),
            problems = Some(problems.as_str()).filter(|problems| !problems.is_empty()),
        );
        let text = match account.result {
            RowResult::Skipped => format!("line {line}: skipped"),
            RowResult::Rejected => format!("line {line}: rejected: {problems}"),
            RowResult::Outcome(came) => {
                let id = came
                    .customer_id
                    .map(|id| format!(" as {id}"))
                    .unwrap_or_default();
                let said = came
                    .message
                    .map(|said| format!(": {said}"))
                    .unwrap_or_default();
                format!(
                    "line {line}: {} {}{id}{said}",
                    quoted(account.client_id),
                    came.outcome.name()
                )
            }
        };
        display.print(&escaped(&text));
    }
}

/// Whether a row is one of those of which the first are shown: it did not come to a good
/// end, or it differs and would be changed.
fn is_shown(came: &OutcomeDetails<'_>) -> bool {
    match came.outcome {
        Outcome::Failed | Outcome::Differs | Outcome::Unresolved => true,
        Outcome::Pending => !came.differences.is_empty(),
        Outcome::Created
        | Outcome::AlreadyExisted
        | Outcome::Updated
        | Outcome::Unchanged
        | Outcome::Deleted
        | Outcome::Missing => false,
    }
}

impl RowSink for SummarySink {
    fn add_row(&mut self, account: &RowAccount<'_>) -> io::Result<()> {
        if let Some(display) = &self.shown_on {
            Self::show(account, display);
        }
        if let RowResult::Outcome(came) = account.result
            && is_shown(&came)
        {
            let status = came
                .status
                .map(|status| format!("status {status}: "))
                .unwrap_or_default();
            let said = came.message.unwrap_or(match came.outcome {
                Outcome::Differs => CHANGED,
                Outcome::Unresolved => "sent, and no answer came before the end",
                Outcome::Created
                | Outcome::AlreadyExisted
                | Outcome::Updated
                | Outcome::Unchanged
                | Outcome::Deleted
                | Outcome::Missing
                | Outcome::Failed
                | Outcome::Pending => "no reason was given",
            });
            let what = format!("{}: {status}{said}", came.outcome.name());
            let line = account.row.origin.line;
            self.failures.add(line, account.client_id, what);
        }
        if let Some(annotations) = &mut self.annotations {
            annotations.add_row(account);
        }
        self.files.add_row(account)
    }
}
