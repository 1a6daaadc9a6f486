//! What the checkpoint knows of its latest run.

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use crate::commands::checkpoint;
use crate::commands::exit::Exit;
use crate::commands::finish::exit_of;
use crate::commands::prepared::origin;
use crate::commands::shell_word::{shell_word, shown};
use crate::commands::status::with_unclaimed;
use crate::commands::system::seconds;
use crate::domain::outcome::Outcome;
use crate::domain::summary::{RowCounts, Summary};
use crate::domain::text::{counted, thousands};
use crate::domain::timeline::RunHistory;
use crate::engine::send::metrics::latency;
use crate::ledger::{Ledger, LedgerError, LedgerStatus};
use crate::report::html::last_run::{LastRun, RunEnd};
use crate::report::manifest::ResultsOrigin;
use crate::report::text::SummaryNotes;

/// How the checkpoint names it.
const STANDARD_INPUT: &str = "standard input";

/// A checkpoint, and what it knows of its runs.
pub(super) struct KnownRun {
    pub(super) path: PathBuf,
    /// Its counts and figures, with the rows of the latest run that were never claimed.
    pub(super) status: LedgerStatus,
    /// The latest runs, with what each did over time.
    pub(super) runs: Vec<RunHistory>,
    end: RunEnd,
}

impl KnownRun {
    pub(super) fn of(path: PathBuf, ledger: &mut impl Ledger) -> Result<Self, LedgerError> {
        let status = with_unclaimed(ledger.status()?);
        let is_running = checkpoint::holder(&path, &status).is_some();
        Ok(Self {
            end: end_of(&status, is_running),
            runs: ledger.runs()?,
            path,
            status,
        })
    }

    /// The inputs of the latest run, as they were named then.
    pub(super) fn inputs(&self) -> Vec<OsString> {
        let names = self.status.inputs.iter().map(|name| match name.as_str() {
            STANDARD_INPUT => "-".into(),
            name => name.into(),
        });
        names.collect()
    }

    /// The origin of a page for `inputs`.
    pub(super) fn origin(&self, inputs: &[OsString]) -> ResultsOrigin {
        // A sandbox inside the process has a file instead of an address.
        let is_sandbox = !self.status.target.base_url.starts_with("http");
        origin("report", inputs, is_sandbox)
    }

    /// The figures of all runs, before the rows are accounted for.
    pub(super) fn summary(&self, inputs: &[String]) -> Summary {
        let figures = &self.status.figures;
        Summary {
            command: self.command().to_owned(),
            interrupted: self.end == RunEnd::Interrupted,
            target: self.status.target.clone(),
            inputs: inputs.to_vec(),
            checkpoint: shown(&self.path),
            elapsed_seconds: seconds(Duration::from_millis(figures.elapsed_ms)),
            requests: figures.requests,
            latency_ms: latency(&figures.latencies),
            ..Summary::default()
        }
    }

    /// The latest run's command.
    fn command(&self) -> &str {
        match self.status.command.as_str() {
            "" => "import",
            command => command,
        }
    }

    /// Decides whether every row of a finished run succeeded.
    pub(super) fn decide_exit(&self, summary: &mut Summary) {
        let exit = match self.end {
            RunEnd::Finished => exit_of(summary),
            RunEnd::Interrupted => Exit::Interrupted,
            RunEnd::Running | RunEnd::CutOff | RunEnd::NotBegun | RunEnd::Stopped => Exit::Failed,
        };
        summary.exit_code = exit as u8;
    }

    /// What the page says of how it came about; `rows` are those of the input as it is now,
    /// `alone` says why they could not be read.
    pub(super) fn again(&self, alone: Option<String>, rows: RowCounts) -> LastRun {
        let mut notes = Vec::new();
        if self.status.gaps {
            notes.push(
                "The checkpoint was saved from a damaged one: customers may be missing in it."
                    .to_owned(),
            );
        }
        let (now, then) = (
            rows.read - rows.skipped - rows.rejected,
            self.status.fit_rows,
        );
        if alone.is_none() && now != then && self.end != RunEnd::NotBegun {
            notes.push(format!(
                "The latest run had {} to send, and by the input as it is now there are {}: it was \
                 changed since, or is read with other options, or other inputs were imported with the \
                 same checkpoint, or rows have plans or bundles that Kable did not have, which is not \
                 looked up here.",
                counted(then, "row", "rows"),
                thousands(now)
            ));
        }
        if self.command() == "sync" && self.end == RunEnd::Finished {
            notes.push(
                "A sync records no row that was equal at Kable: it counts as pending here."
                    .to_owned(),
            );
        }
        LastRun {
            end: self.end,
            alone,
            notes,
        }
    }

    /// The title, and how to go on.
    pub(super) fn words(&self, summary: &Summary) -> SummaryNotes {
        let names: Vec<String> = summary.inputs.iter().map(shell_word).collect();
        let did = match self.command() {
            "sync" => "Sync of",
            "rollback" => "Rollback of the import of",
            _ => "Import of",
        };
        let target = &summary.target;
        SummaryNotes {
            title: format!(
                "{did} {} into {}\n(account {})",
                names.join(" "),
                target.base_url,
                target.kable_client_id
            ),
            next: self.next(summary),
            ..SummaryNotes::default()
        }
    }

    fn next(&self, summary: &Summary) -> Vec<(String, String)> {
        let command = self.command();
        let step = match self.end {
            RunEnd::CutOff | RunEnd::Interrupted | RunEnd::Stopped => {
                format!("Go on where it stopped: run the same {command} command again.")
            }
            RunEnd::Finished if summary.outcomes.of(Outcome::Unresolved) > 0 => {
                format!("Ask again for what is unresolved: run the same {command} command again.")
            }
            RunEnd::Finished | RunEnd::Running | RunEnd::NotBegun => return Vec::new(),
        };
        vec![(step, String::new())]
    }
}

/// How the latest run of `status` ended.
fn end_of(status: &LedgerStatus, is_running: bool) -> RunEnd {
    match status.ended.as_deref() {
        _ if is_running => RunEnd::Running,
        _ if status.command.is_empty() => RunEnd::NotBegun,
        None => RunEnd::CutOff,
        Some("finished") => RunEnd::Finished,
        Some("interrupted") => RunEnd::Interrupted,
        Some(_) => RunEnd::Stopped,
    }
}
