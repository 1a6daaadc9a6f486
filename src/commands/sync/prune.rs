//! Cancels customers that the file no longer has: `--prune cancel`.

use std::fs::File;
use std::io::{self, BufWriter, Seek, Write};
use std::path::Path;
use std::sync::Arc;

use anyhow::Context;

use super::missing_rows::{changed_inputs, unknown_rows, unread_rows, without_rows};
use crate::commands::import::sending::{context, pacing, tick};
use crate::commands::import::session::Session;
use crate::commands::lost_zeros::LostZeros;
use crate::commands::plan_use::PlanUse;
use crate::commands::removal_line::removal_line;
use crate::domain::pruned::PrunedCounts;
use crate::domain::remote::RemoteCustomer;
use crate::domain::summary::RequestCounts;
use crate::domain::text::counted;
use crate::engine::pace::retry_budget::Allowance;
use crate::engine::send::removal::listed_targets::ListedTargets;
use crate::engine::send::removal::no_ledger::NoLedger;
use crate::engine::send::removal::{
    self, RemovalOutcome, RemovalParts, RemovalResult, RemovalSettings,
};
use crate::engine::survey::Survey;
use crate::engine::survey::remote_list::RemoteList;
use crate::kable::Removal;
use crate::ledger::workers::LeaseDeadline;
use crate::report::files::ResultFiles;
use crate::report::{Event, Observer};

/// The customers to be cancelled, and what became of them.
pub(super) struct Prune {
    /// Taken when they are cancelled.
    targets: Option<ListedTargets>,
    many: u64,
    counts: PrunedCounts,
    requests: RequestCounts,
    lines: PrunedLines,
}

impl Prune {
    /// The customers that no row has and that are active; each is passed to
    /// `plan_use`. None of them if any row may be one of theirs.
    pub(super) fn plan(
        session: &Session,
        surveyed: &mut Survey,
        listed: &mut RemoteList,
        mut plan_use: Option<&mut PlanUse>,
    ) -> anyhow::Result<Self> {
        let folder = &session.prepared.out;
        let unknown = reasons(session, surveyed)?;
        say_withheld(session, &unknown);
        let lost_zeros = LostZeros::of(surveyed, listed, folder)?;
        if let Some(warning) = lost_zeros.warning_of_sync() {
            session.prepared.watcher.say(&warning);
        }
        let surplus = &mut surveyed.surplus;
        let mut withheld = lost_zeros.count();
        let targets = if unknown.is_empty() {
            let mut add = |remote: &RemoteCustomer| match &mut plan_use {
                Some(plan_use) => plan_use.add_cancel(remote),
                None => Ok(()),
            };
            Some(ListedTargets::of(surplus, listed, folder, &mut add)?)
        } else {
            let count = &mut |remote: &RemoteCustomer, _| {
                withheld += u64::from(!remote.is_inactive());
                Ok(())
            };
            surplus.each(listed, count)?;
            None
        };
        let many = targets.as_ref().map_or(0, ListedTargets::total);
        Ok(Self {
            targets,
            many,
            counts: PrunedCounts {
                pending: many,
                withheld,
                ..PrunedCounts::default()
            },
            requests: RequestCounts::default(),
            lines: PrunedLines::begin(folder)
                .with_context(|| format!("cannot use a temporary file in {}", folder.display()))?,
        })
    }

    /// How many customers are to be cancelled.
    pub(super) fn to_cancel(&self) -> u64 {
        self.many
    }

    pub(super) fn counts(&self) -> PrunedCounts {
        self.counts
    }

    pub(super) fn requests(&self) -> RequestCounts {
        self.requests
    }

    /// Cancels them. Nothing is recorded: the next sync sees in the list which are no longer active.
    pub(super) fn run(
        &mut self,
        session: &Session,
        lease: Option<Arc<LeaseDeadline>>,
    ) -> anyhow::Result<()> {
        let Some(targets) = self.targets.take().filter(|_| self.many > 0) else {
            return Ok(());
        };
        // An export may still be writing the file.
        let unread = changed_inputs(&session.prepared.inputs);
        if !unread.is_empty() {
            say_withheld(session, &unread);
            self.counts.withheld += std::mem::take(&mut self.counts.pending);
            return Ok(());
        }
        let watcher = &session.prepared.watcher;
        if !session.prepared.display.quiet {
            let many = counted(self.many, "customer", "customers");
            watcher.say(&format!("Cancelling {many} that the file no longer has"));
        }
        watcher.observe(&Event::Sending {
            total: self.many,
            before: 0,
        });
        let parts = RemovalParts {
            targets: Box::new(targets),
            api: session.connected.client.clone(),
            ledger: NoLedger { lease },
            observer: Arc::clone(watcher),
            context: context(session),
        };
        let sending = &session.sending;
        let settings = RemovalSettings {
            removal: Removal::Cancel,
            even_if_changed: false,
            pacing: pacing(session, false),
            retry: sending.retry,
            landing: sending.landing,
            allowance: Allowance::at(sending.requests.pacing.ceiling),
        };
        let Self { counts, lines, .. } = self;
        let ended = session.prepared.runtime.block_on(async {
            let ticker = tokio::spawn(tick(Arc::clone(watcher)));
            let ended = removal::run(parts, settings, |result| {
                add(counts, result.outcome);
                lines.add(&result)
            })
            .await;
            ticker.abort();
            ended
        });
        (_, self.requests) = ended?;
        Ok(())
    }

    /// Puts what became of each into `files`.
    pub(super) fn publish(self, files: &mut ResultFiles) -> anyhow::Result<()> {
        let PrunedLines { file, many } = self.lines;
        let add = || {
            let mut file = file.into_inner().map_err(io::IntoInnerError::into_error)?;
            file.rewind()?;
            files.add_list("cancelled.jsonl", many, &mut file)
        };
        add().context("cannot write the results")
    }
}

/// Why rows may be missing, or may be those of any customer.
fn reasons(session: &Session, surveyed: &Survey) -> anyhow::Result<Vec<String>> {
    let prepared = &session.prepared;
    let mut reasons = prepared.empty.clone();
    let without_rows = without_rows(&prepared.inputs, &surveyed.without_customers)?;
    if without_rows.is_empty() && surveyed.rows.read == surveyed.rows.skipped {
        reasons.push("all rows of the input are left out".to_owned());
    }
    reasons.extend(without_rows);
    reasons.extend(unread_rows(&prepared.inputs, &surveyed.tally));
    reasons.extend(changed_inputs(&prepared.inputs));
    reasons.extend(unknown_rows(&surveyed.tally));
    Ok(reasons)
}

/// Says why customers are perhaps not missing that no row has, and would not be cancelled.
pub(super) fn say_uncertain(
    session: &Session,
    surveyed: &mut Survey,
    listed: &mut RemoteList,
) -> anyhow::Result<()> {
    if session.prepared.display.quiet {
        return Ok(());
    }
    let lost_zeros = LostZeros::of(surveyed, listed, &session.prepared.out)?;
    if let Some(warning) = lost_zeros.warning_of_sync() {
        session.prepared.watcher.say(&warning);
    }
    if surveyed.surplus.count() > 0 {
        for reason in reasons(session, surveyed)? {
            session.prepared.watcher.say(&format!(
                "warning: {reason}: which customers the file no longer has is not certain"
            ));
        }
    }
    Ok(())
}

/// Says why none is cancelled, if there are reasons.
fn say_withheld(session: &Session, reasons: &[String]) {
    for reason in reasons {
        let warning = format!("warning: {reason}: none is cancelled");
        session.prepared.watcher.say(&warning);
    }
}

/// Counts a customer that was pending.
fn add(counts: &mut PrunedCounts, outcome: RemovalOutcome) {
    counts.pending = counts.pending.saturating_sub(1);
    *match outcome {
        RemovalOutcome::Removed => &mut counts.cancelled,
        RemovalOutcome::AlreadyGone => &mut counts.already_gone,
        RemovalOutcome::NotOurs | RemovalOutcome::Changed => &mut counts.changed,
        RemovalOutcome::Failed => &mut counts.failed,
        RemovalOutcome::Unresolved => &mut counts.unresolved,
        RemovalOutcome::Pending => &mut counts.pending,
    } += 1;
}

/// The lines of `cancelled.jsonl`, until the result files are written.
struct PrunedLines {
    file: BufWriter<File>,
    many: u64,
}

impl PrunedLines {
    fn begin(folder: &Path) -> io::Result<Self> {
        Ok(Self {
            file: BufWriter::new(tempfile::tempfile_in(folder)?),
            many: 0,
        })
    }

    fn add(&mut self, result: &RemovalResult) -> io::Result<()> {
        serde_json::to_writer(&mut self.file, &removal_line(result, Removal::Cancel))?;
        self.many += 1;
        self.file.write_all(b"\n")
    }
}
