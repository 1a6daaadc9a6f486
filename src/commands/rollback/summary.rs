//! The figures of a rollback, and what is shown of them.

use std::fmt::Write as _;

use serde::Serialize;

use super::halt_text::why;
use super::unproved::unproved;
use crate::cli::{ApplyOptions, RollbackOptions};
use crate::commands::command_line::TypedCommand;
use crate::commands::exit::Exit;
use crate::commands::import::ended::exit_of_halt;
use crate::domain::summary::{RequestCounts, TargetAccount};
use crate::domain::text::{counted, escaped, thousands};
use crate::domain::version::MadeBy;
use crate::engine::send::removal::RemovalOutcome;
use crate::engine::send::removal::created_claims::RemovalForecast;
use crate::engine::stop::Halt;
use crate::kable::Removal;
use crate::report::atomic_file::WrittenFile;
use crate::report::event_log::log_finished;
use crate::report::metrics_file::MetricsFigures;

/// What is said of customers that are neither deleted nor looked up.
const UNPLANNED: &str = "left: neither in the plan nor in the list of customers";

/// How many customers are shown of those that were left.
const SHOWN: usize = 5;

/// How many customers have which outcome.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub(super) struct RemovalCounts {
    deleted: u64,
    already_gone: u64,
    not_ours: u64,
    changed: u64,
    failed: u64,
    unresolved: u64,
    pending: u64,
}

/// The figures of a rollback, as `--json` prints them.
#[derive(Debug, Default, Serialize)]
pub(super) struct RollbackSummary {
    pub(super) command: &'static str,
    pub(super) version: MadeBy,
    pub(super) exit_code: u8,
    pub(super) interrupted: bool,
    pub(super) dry_run: bool,
    pub(super) target: TargetAccount,
    pub(super) checkpoint: String,
    pub(super) elapsed_seconds: f64,
    /// Customers that the checkpoint created, or may have created.
    pub(super) customers: u64,
    /// What became of them; in a dry run, `pending` are those that would be deleted.
    pub(super) outcomes: RemovalCounts,
    pub(super) requests: RequestCounts,
    #[serde(skip)]
    pub(super) written: Vec<WrittenFile>,
    /// Of those that are pending: those that the plan which is applied does not have.
    #[serde(skip)]
    pub(super) unplanned: u64,
    /// Other customers, not proved to be its own, and the first whose rows failed.
    #[serde(skip)]
    pub(super) unproved: u64,
    #[serde(skip)]
    pub(super) failed_rows: Vec<String>,
    /// The first customers of note, each with the reason.
    #[serde(skip)]
    pub(super) first: Vec<String>,
}

/// The outcome of a customer in a dry run.
pub(super) const fn outcome_of_forecast(forecast: RemovalForecast) -> RemovalOutcome {
    match forecast {
        RemovalForecast::Remove => RemovalOutcome::Pending,
        RemovalForecast::AlreadyGone => RemovalOutcome::AlreadyGone,
        RemovalForecast::NotOurs => RemovalOutcome::NotOurs,
        RemovalForecast::Changed(_) => RemovalOutcome::Changed,
    }
}

impl RollbackSummary {
    /// Customers that a dry run would delete.
    pub(super) fn to_delete(&self) -> u64 {
        self.outcomes.pending
    }

    /// Counts a customer that the plan which is applied does not have, and for which it would
    /// do what `forecast` says.
    pub(super) fn add_unplanned(&mut self, client_id: &str, forecast: RemovalForecast) {
        match forecast {
            RemovalForecast::NotOurs | RemovalForecast::Changed(_) => {
                let reason = forecast.reason();
                self.add(client_id, outcome_of_forecast(forecast), reason);
            }
            // A list may lack a customer that a look-up would find.
            RemovalForecast::AlreadyGone | RemovalForecast::Remove => {
                self.add(client_id, RemovalOutcome::Pending, None);
                self.unplanned += 1;
                self.first.push(format!("{client_id}  {UNPLANNED}"));
                self.first.truncate(SHOWN);
            }
        }
    }

    /// Counts a customer.
    pub(super) fn add(&mut self, client_id: &str, outcome: RemovalOutcome, why: Option<&str>) {
        self.customers += 1;
        let counts = &mut self.outcomes;
        let (count, is_shown) = match outcome {
            RemovalOutcome::Removed => (&mut counts.deleted, false),
            RemovalOutcome::AlreadyGone => (&mut counts.already_gone, false),
            RemovalOutcome::NotOurs => (&mut counts.not_ours, true),
            RemovalOutcome::Changed => (&mut counts.changed, true),
            RemovalOutcome::Failed => (&mut counts.failed, true),
            RemovalOutcome::Unresolved => (&mut counts.unresolved, true),
            RemovalOutcome::Pending => (&mut counts.pending, self.dry_run),
        };
        *count += 1;
        if is_shown && self.first.len() < SHOWN {
            let what = match outcome {
                RemovalOutcome::Pending => "would be deleted",
                RemovalOutcome::Removed
                | RemovalOutcome::AlreadyGone
                | RemovalOutcome::NotOurs
                | RemovalOutcome::Changed
                | RemovalOutcome::Failed
                | RemovalOutcome::Unresolved => outcome.name(Removal::Delete),
            };
            let why = why.map_or_else(String::new, |why| format!(": {why}"));
            self.first.push(format!("{client_id}  {what}{why}"));
        }
    }

    /// Sets how it ended; returns the exit code.
    pub(super) fn end(&mut self, halt: Option<&Halt>, dry_run: bool) -> Exit {
        let counts = self.outcomes;
        // One that is not proved to be ours may be: a person has to look.
        let kept = counts.not_ours + counts.changed;
        let left = kept + counts.failed + counts.unresolved + counts.pending;
        let exit = match halt {
            Some(halt) => exit_of_halt(halt),
            None if dry_run || left == 0 => Exit::Done,
            None => Exit::RowsLeft,
        };
        self.exit_code = exit as u8;
        self.interrupted = halt == Some(&Halt::Interrupted);
        exit
    }

    /// The figures for `--metrics-file`.
    pub(super) fn metrics(&self) -> MetricsFigures {
        let RemovalCounts {
            deleted,
            already_gone,
            not_ours,
            changed,
            failed,
            unresolved,
            pending,
        } = self.outcomes;
        let outcomes = [
            (RemovalOutcome::Removed, deleted),
            (RemovalOutcome::AlreadyGone, already_gone),
            (RemovalOutcome::NotOurs, not_ours),
            (RemovalOutcome::Changed, changed),
            (RemovalOutcome::Failed, failed),
            (RemovalOutcome::Unresolved, unresolved),
            (RemovalOutcome::Pending, pending),
        ];
        MetricsFigures {
            command: self.command.to_owned(),
            exit_code: self.exit_code,
            rows: None,
            outcomes: outcomes
                .map(|(outcome, count)| (outcome.name(Removal::Delete), count))
                .to_vec(),
            surplus: None,
            requests: self.requests,
        }
    }

    /// Logs how it ended.
    pub(super) fn log(&self) {
        let counts = self.outcomes;
        log_finished!(
            self.exit_code,
            interrupted = self.interrupted,
            elapsed_seconds = self.elapsed_seconds,
            customers = self.customers,
            deleted = counts.deleted,
            already_gone = counts.already_gone,
            not_ours = counts.not_ours,
            changed = counts.changed,
            failed = counts.failed,
            unresolved = counts.unresolved,
            pending = counts.pending,
            requests = self.requests.sent,
            message = self.line()
        );
    }

    /// The figures in one line.
    pub(super) fn line(&self) -> String {
        let counts = self.counts().into_iter().filter(|(count, _)| *count > 0);
        let counts: Vec<String> = counts
            .map(|(count, what)| format!("{count} {what}"))
            .collect();
        let counts = if counts.is_empty() {
            "no customers".to_owned()
        } else {
            counts.join(", ")
        };
        format!(
            "rollback {}: {counts}; {:.1} s; exit code {}",
            self.checkpoint, self.elapsed_seconds, self.exit_code
        )
    }

    /// The counts, each with what it counts.
    fn counts(&self) -> [(u64, &'static str); 8] {
        let RemovalCounts {
            deleted,
            already_gone,
            not_ours,
            changed,
            failed,
            unresolved,
            pending,
        } = self.outcomes;
        let pending_text = if self.dry_run {
            "would be deleted"
        } else {
            "not sent"
        };
        [
            (deleted, "deleted"),
            (already_gone, "gone already"),
            (
                not_ours,
                "left: not proved to be created by this checkpoint",
            ),
            (
                changed,
                "left: changed or cancelled since they were created, or not known to be unchanged",
            ),
            (failed, "failed: Kable refused to delete them"),
            (
                unresolved,
                "unresolved: whether they are there is not known",
            ),
            (pending - self.unplanned, pending_text),
            (self.unplanned, UNPLANNED),
        ]
    }
}

/// The summary for people: the counts first, what to do next last.
pub(super) fn text(
    summary: &RollbackSummary,
    halt: Option<&Halt>,
    command: &TypedCommand<RollbackOptions>,
    applied: Option<&TypedCommand<ApplyOptions>>,
) -> String {
    let mut text = String::new();
    let mut line = |part: &str| {
        // Writing to a string can't fail.
        writeln!(text, "{}", escaped(part)).ok();
    };
    let target = &summary.target;
    line(&format!(
        "{} {} at {} (account {})",
        if summary.dry_run {
            "Dry run of a rollback of"
        } else {
            "Rolled back"
        },
        summary.checkpoint,
        target.base_url,
        target.kable_client_id
    ));
    line("");
    line(&format!(
        "  {:>12}  created by this checkpoint, or in doubt",
        thousands(summary.customers)
    ));
    for (count, what) in summary.counts() {
        if count > 0 {
            line(&format!("  {:>12}  {what}", thousands(count)));
        }
    }
    if !summary.first.is_empty() {
        line("");
        line("The first of them:");
        for one in &summary.first {
            line(&format!("  {one}"));
        }
    }
    if !summary.dry_run {
        line("");
        line(&format!(
            "  {} in {:.1} s: {} sent again, {} throttled, {} look-ups",
            counted(summary.requests.sent, "request", "requests"),
            summary.elapsed_seconds,
            thousands(summary.requests.retried),
            thousands(summary.requests.throttled),
            thousands(summary.requests.lookups)
        ));
    }
    for file in &summary.written {
        line(&format!("  {}", file.place.display()));
    }
    line("");
    if let Some(why) = halt.and_then(why) {
        line(&why);
    }
    for part in next(summary, halt, command, applied) {
        line(&part);
    }
    text
}

/// What to do next.
fn next(
    summary: &RollbackSummary,
    halt: Option<&Halt>,
    command: &TypedCommand<RollbackOptions>,
    applied: Option<&TypedCommand<ApplyOptions>>,
) -> Vec<String> {
    let counts = summary.outcomes;
    let mut lines = Vec::new();
    let mut add = |what: &str, line: String| {
        lines.push(format!("{what}:"));
        lines.push(format!("  {line}"));
    };
    if summary.dry_run {
        if counts.pending > 0 {
            if let Some(apply) = TypedCommand::applying(&command.program, &command.options.plan) {
                add("Read the plan, and do exactly that", apply);
            } else {
                let real = || {
                    command
                        .with(|options| options.sending.dry_run = None)
                        .line()
                };
                let line = applied.map_or_else(real, TypedCommand::real_line);
                add("Delete them: the same without --dry-run", line);
            }
        }
    } else if halt.is_some() || counts.pending - summary.unplanned + counts.unresolved > 0 {
        let line = applied.map_or_else(|| command.line(), TypedCommand::<ApplyOptions>::line);
        add("Go on where it stopped", line);
    }
    if summary.unplanned > 0 {
        let all = command.with(|options| options.sending.dry_run = None);
        add("Look up also those that the plan does not have", all.line());
    }
    if counts.changed > 0 {
        let all = command.with(|options| {
            options.sending.dry_run = None;
            options.removal.even_if_changed = Some(true);
        });
        add(
            "Delete also those that were changed, or may have been",
            all.line(),
        );
    }
    if lines.is_empty() {
        let left = counts.not_ours + counts.failed;
        lines.push(if summary.customers == 0 {
            "There is nothing to delete: no customer is proved to be this checkpoint's."
                .to_owned()
        } else if left > 0 {
            format!(
                "{} left, for the reason above: see to them at Kable.",
                counted(left, "customer is", "customers are")
            )
        } else {
            "All customers that are proved to be this checkpoint's are gone. An import creates them \
             anew."
                .to_owned()
        });
    }
    lines.extend(unproved(summary.unproved, &summary.failed_rows));
    lines
}
