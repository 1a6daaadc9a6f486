//! A sink in front of the files: keeps the first refusals for the summary and
//! the first problems as annotations, and says what came of each row where that
//! is wanted.

use std::io::{self, Write};

use super::annotations::Annotations;
use super::files::ResultFiles;
use super::{RowAccount, RowResult, RowSink};
use crate::domain::outcome::Outcome;
use crate::domain::problem::messages;
use crate::domain::text::{escaped, quoted};

/// What is said of a row that was created as it was before.
const CHANGED: &str = "the row was changed after it was sent";

/// How many refusals and differences are kept.
const KEPT: usize = 5;

/// Passes rows on to the files, and lists some of them.
#[derive(Debug)]
pub struct SummarySink {
    /// The files.
    pub files: ResultFiles,
    /// The first rows that came to no good end: a line and what was said.
    pub first_failures: Vec<(u64, String)>,
    /// Whether each row is said on standard error.
    pub aloud: bool,
    /// The first problems, where annotations are wanted.
    pub annotations: Option<Annotations>,
}

impl SummarySink {
    /// Passes rows on to `files`; says each of them where `aloud`.
    pub fn new(files: ResultFiles, aloud: bool) -> Self {
        Self {
            files,
            first_failures: Vec::new(),
            aloud,
            annotations: None,
        }
    }

    fn say(account: &RowAccount<'_>) {
        let line = account.row.origin.line;
        let text = match account.result {
            RowResult::Skipped => format!("line {line}: skipped"),
            RowResult::Rejected => format!("line {line}: rejected: {}", messages(account.problems)),
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
        // A closed standard error is no reason to stop.
        writeln!(io::stderr(), "{}", escaped(&text)).ok();
    }
}

impl RowSink for SummarySink {
    fn add_row(&mut self, account: &RowAccount<'_>) -> io::Result<()> {
        if self.aloud {
            Self::say(account);
        }
        if let RowResult::Outcome(came) = account.result
            && self.first_failures.len() < KEPT
            && matches!(
                came.outcome,
                Outcome::Failed | Outcome::Differs | Outcome::Unresolved
            )
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
            let text = format!(
                "{} {}: {status}{said}",
                quoted(account.client_id),
                came.outcome.name()
            );
            self.first_failures.push((account.row.origin.line, text));
        }
        if let Some(annotations) = &mut self.annotations {
            annotations.add_row(account);
        }
        self.files.add_row(account)
    }
}
