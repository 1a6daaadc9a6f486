//! `kable-bulk sync`: creates new customers, updates changed ones, leaves equal ones
//! alone, and reports or cancels those that the file no longer has.
//!
//! - `comparison.rs`: compares all rows with the customers
//! - `missing_rows.rs`: whether the input may lack rows, so that no customer is cancelled
//! - `permission.rs`: whether what was planned may be done
//! - `prune.rs`: cancels customers that the file no longer has

mod comparison;
mod missing_rows;
mod permission;
mod prune;

use std::ffi::OsString;
use std::path::PathBuf;

use anyhow::Context;

use self::comparison::planned;
use self::missing_rows::{demand_whole_input, kept_customers};
use self::permission::{confirm, too_many_changes};
use self::prune::{Prune, say_uncertain};
use crate::cli::{ApplyOptions, SyncOptions};
use crate::commands::checkpoint::StoredLedger;
use crate::commands::command_line::TypedCommand;
use crate::commands::confirm::demand_terminal;
use crate::commands::customer_list::{add_surplus, how_many, say_unread};
use crate::commands::early_results::write_rejects;
use crate::commands::exit::Exit;
use crate::commands::finish::{Results, say_unused};
use crate::commands::import::banner::{compared_line, target_lines};
use crate::commands::import::changed_input::report_changes;
use crate::commands::import::ended::{demand_accepted, exit, reason_word};
use crate::commands::import::plan_facts::{plan_use, settle_plan};
use crate::commands::import::sending::{record_idle_run, send};
use crate::commands::import::session::{Session, errors, stopped};
use crate::commands::import::summary::ImportSummary;
use crate::commands::notify::RunNotice;
use crate::commands::page_text::{PageText, detail};
use crate::commands::plan_use::PlanUse;
use crate::commands::result_folder::lock_folder;
use crate::commands::send_command::SendCommand;
use crate::commands::send_time::{ForeseenRequests, send_time};
use crate::commands::system::{seconds, span_since};
use crate::config::Environment;
use crate::config::changes::ChangeSettings;
use crate::domain::summary::Summary;
use crate::domain::timeline::RunHistory;
use crate::engine::account::AccountSources;
use crate::engine::account::listed_outcomes::ListedOutcomes;
use crate::engine::account::sync_account::SyncAccount;
use crate::engine::claim_numbers::ClaimNumbers;
use crate::engine::send::metrics::latency;
use crate::engine::send::selection::Selection;
use crate::engine::stop::Halt;
use crate::engine::survey::Survey;
use crate::engine::survey::remote_list::RemoteList;
use crate::engine::sync::plan::SyncPlan;
use crate::ledger::{Ledger, RunFigures, latencies};
use crate::report::log_line::log_line;
use crate::report::manifest::KeptFile;
use crate::report::plan_file::SavedPlan;
use crate::report::text::SummaryNotes;

/// Syncs with `options`, which were typed to `program`.
pub fn run(
    program: OsString,
    options: SyncOptions,
    environment: &Environment,
    notice: &RunNotice,
) -> anyhow::Result<Exit> {
    let SyncOptions { import, changes } = options;
    let command = SendCommand {
        import: TypedCommand {
            program,
            options: import,
        },
        changes: Some(changes),
        applied: None,
    };
    sync(command, None, environment, notice)
}

/// Syncs as `saved` says, or refuses; `applied` was typed.
pub(super) fn apply(
    applied: TypedCommand<ApplyOptions>,
    options: SyncOptions,
    saved: SavedPlan,
    environment: &Environment,
    notice: &RunNotice,
) -> anyhow::Result<Exit> {
    let SyncOptions { import, changes } = options;
    let command = SendCommand {
        import: TypedCommand {
            program: applied.program.clone(),
            options: import,
        },
        changes: Some(changes),
        applied: Some(applied),
    };
    sync(command, Some(saved), environment, notice)
}

fn sync(
    command: SendCommand,
    saved: Option<SavedPlan>,
    environment: &Environment,
    notice: &RunNotice,
) -> anyhow::Result<Exit> {
    let session = match Session::begin(command, environment, notice)? {
        Ok(session) => session,
        Err(exit) => return Ok(exit),
    };
    let Some(changes) = session.changes else {
        anyhow::bail!("a sync without its settings; this is a bug in kable-bulk");
    };
    if changes.prunes && !session.sending.yes && !session.sending.dry_run {
        demand_terminal("a sync with --prune cancel cancels customers")?;
    }
    if changes.prunes {
        demand_whole_input(&session.prepared.inputs)?;
    }
    let mut ledger = session.known_ledger()?;
    let _results = lock_folder(&session.prepared.out)?;
    let mut plan_use = plan_use(&session, saved)?;
    let Some(mut listed) = session.demand_list()? else {
        return Ok(stopped(
            &session.prepared,
            "while the customers were listed",
        ));
    };
    listed.fill_contacts();
    let mut surveyed = session.survey(ledger.as_mut(), Some(&mut listed))?;
    if surveyed.interrupted {
        return Ok(stopped(&session.prepared, "while checking"));
    }
    let sink = plan_use.as_mut();
    let mut planned = planned(&session, changes, (&mut surveyed, &mut listed), sink)?;
    if planned.interrupted {
        return Ok(stopped(&session.prepared, "while comparing"));
    }
    let prune = if changes.prunes {
        let sink = plan_use.as_mut();
        let prune = Prune::plan(&session, &mut surveyed, &mut listed, sink)?;
        planned.forecast.cancel = prune.to_cancel();
        Some(prune)
    } else {
        say_uncertain(&session, &mut surveyed, &mut listed)?;
        None
    };
    let sync = SyncRun {
        session,
        changes,
        surveyed,
        listed,
        plan: planned,
        prune,
        plan_use,
    };
    sync.go_on(ledger)
}

/// A sync whose rows are compared.
struct SyncRun {
    session: Session,
    changes: ChangeSettings,
    surveyed: Survey,
    listed: RemoteList,
    /// What is done with each row.
    plan: SyncPlan,
    /// The customers that are cancelled, if it was told to.
    prune: Option<Prune>,
    /// The plan that it writes, or is held against.
    plan_use: Option<PlanUse>,
}

impl SyncRun {
    /// Sends what differs, unless that is too much, and reports.
    fn go_on(mut self, mut ledger: Option<StoredLedger>) -> anyhow::Result<Exit> {
        let prepared = &self.session.prepared;
        if !prepared.display.quiet {
            say_unused(&prepared.watcher, &self.surveyed.unused);
            prepared.watcher.say(&how_many(&self.listed));
            let note = kept_customers(self.surveyed.near.count());
            prepared.say_unless_quiet(note.as_slice());
            if !self.session.sending.dry_run {
                prepared.say_unless_quiet(&target_lines(&self.session));
                let line = compared_line(&self.surveyed, &self.plan.forecast);
                prepared.watcher.say(&line);
            }
        }
        say_unread(&prepared.watcher, Some(&self.listed));
        let mut halt = self.refusal();
        if let Some(plan_use) = self.plan_use.take().filter(|_| halt.is_none()) {
            let known = (&self.surveyed, &self.listed);
            settle_plan(&self.session, plan_use, known, &self.plan.forecast)?;
        }
        let before = match &mut ledger {
            Some(ledger) => ledger.status()?.figures,
            None => RunFigures::default(),
        };
        let mut sending_since = None;
        if halt.is_none() && !self.session.sending.dry_run {
            confirm(&self.session, &self.plan.forecast)?;
            write_rejects(&self.session.prepared, &mut self.surveyed)?;
            if self.to_send() > 0 && !self.session.prepared.stop.is_halted() {
                sending_since = Some(self.session.connected.clock.now_ms());
                ledger = Some(self.send(ledger)?);
            }
            match &mut self.prune {
                Some(prune) if !self.session.prepared.stop.is_halted() => {
                    let lease = ledger.as_deref().and_then(Ledger::lease);
                    prune.run(&self.session, lease)?;
                }
                Some(_) | None => {}
            }
            halt = self.session.prepared.stop.reason();
        }
        if sending_since.is_none() {
            record_idle_run(
                &self.session,
                ledger.as_mut(),
                &self.surveyed,
                halt.as_ref(),
            )?;
        }
        self.finish(ledger, &before, sending_since, halt.as_ref())
    }

    fn to_send(&self) -> u64 {
        self.plan.to_send
    }

    /// Why nothing may be sent, if so.
    fn refusal(&self) -> Option<Halt> {
        let (errors, allowed) = (
            errors(&self.surveyed),
            self.session.allowed_errors(&self.surveyed),
        );
        if errors > allowed {
            return Some(Halt::TooManyErrors { errors, allowed });
        }
        let most = self.changes.max_changes;
        too_many_changes(&self.plan.forecast, most, self.listed.active_count())
    }

    /// Creates and updates customers.
    fn send(&mut self, ledger: Option<StoredLedger>) -> anyhow::Result<StoredLedger> {
        let session = &self.session;
        if !session.prepared.display.quiet {
            let rows = self.to_send();
            session.say_time(ForeseenRequests::of_sync(&self.plan.forecast, rows));
        }
        let ledger = session.writable_ledger(ledger, &self.surveyed)?;
        let mut plan = Some(std::mem::take(&mut self.plan));
        let (surveyed, all) = (&mut self.surveyed, Selection::ALL);
        let (ledger, _) = send(session, ledger, surveyed, all, &mut plan)?;
        self.plan = plan.context("the plan of a sync is gone; this is a bug in kable-bulk")?;
        Ok(ledger)
    }

    /// Accounts for every row, writes the results, and shows the summary.
    fn finish(
        mut self,
        mut ledger: Option<StoredLedger>,
        before: &RunFigures,
        sending_since: Option<i64>,
        halt: Option<&Halt>,
    ) -> anyhow::Result<Exit> {
        let session = &self.session;
        let prepared = &session.prepared;
        let mut summary = self.figures(ledger.as_mut(), before, halt)?;
        let sources = AccountSources {
            check: &prepared.reading,
            surveyed: self.surveyed.rows,
            verdicts: &mut self.surveyed.verdicts,
            numbers: Some(ClaimNumbers::InOrder(self.surveyed.first_new_id)),
            ledger: ledger.as_mut().map(|ledger| ledger as &mut dyn Ledger),
            remote_list: Some(&mut self.listed),
            listed: ListedOutcomes::BEFORE_IMPORT,
            sync: Some(SyncAccount {
                plan: &mut self.plan,
                plans: self.changes.plans.compared,
                began_ms: sending_since,
            }),
            preview: None,
            stop: None,
        };
        let results = Results {
            prepared,
            annotations: None,
        };
        let rows = [prepared.rows(), prepared.single_rows()];
        let accounted = results.account(rows, Some("results.jsonl"), sources, &mut summary)?;
        report_changes(&prepared.inputs, &prepared.watcher);
        let mut listing = accounted.listing;
        for customers in [&mut self.surveyed.surplus, &mut self.surveyed.lost_zeros] {
            add_surplus(customers, &mut self.listed, &mut listing.files)?;
        }
        if let Some(prune) = self.prune.take().filter(|_| !session.sending.dry_run) {
            summary.pruned = Some(prune.counts());
            summary.requests = summary.requests.plus(prune.requests());
            prune.publish(&mut listing.files)?;
        }
        summary.differences = self.plan.compared.differ();
        summary.not_compared = self.plan.compared.not_compared();
        summary.would = session.sending.dry_run.then(|| self.plan.forecast.clone());
        let exit = exit(halt, session.sending.dry_run, &summary);
        summary.exit_code = exit as u8;
        summary.elapsed_seconds = seconds(session.began.elapsed());
        summary.span = Some(span_since(session.started_ms));
        let rejects = listing.files.rejects();
        let keys = session.keys_written();
        let page = PageText {
            words: |kept: &[KeptFile]| words(session, &summary, halt, &rejects, kept),
            command_line: session.command.line(),
            runs: runs_since(ledger.as_mut(), session.started_ms)?,
            digests: None,
        };
        results.publish(listing, &summary, keys, &page)?;
        if !prepared.display.quiet && !session.sending.dry_run {
            prepared.watcher.say(&log_line(&summary));
        }
        demand_accepted(halt, &session.connected.target.base_url)?;
        if let Some(sandbox) = self.session.connected.sandbox {
            self.session.prepared.runtime.block_on(sandbox.stop());
        }
        Ok(exit)
    }

    /// The summary before the rows are accounted for: the figures of this run alone, because
    /// a sync begins anew each night.
    fn figures(
        &self,
        ledger: Option<&mut StoredLedger>,
        before: &RunFigures,
        halt: Option<&Halt>,
    ) -> anyhow::Result<Summary> {
        let session = &self.session;
        let reading = &session.prepared.reading;
        let mut summary = Summary {
            command: "sync".to_owned(),
            interrupted: halt == Some(&Halt::Interrupted),
            stop_reason: halt.map(reason_word),
            target: session.connected.target.clone(),
            inputs: reading.names.clone(),
            left_the_file: self.surveyed.left,
            skipped_rows: self.surveyed.tally.skipped(),
            defaults: self.surveyed.tally.defaults(&reading.mapping),
            surplus: Some(self.surveyed.surplus.count() + self.surveyed.lost_zeros.count()),
            ..Summary::default()
        };
        let mut of_this_run = Vec::new();
        if let Some(ledger) = ledger {
            let figures = ledger.status()?.figures;
            summary.checkpoint = session.sending.checkpoint.display().to_string();
            summary.requests = figures.requests.since(before.requests);
            of_this_run = latencies::since(&figures.latencies, &before.latencies);
            summary.latency_ms = latency(&of_this_run);
        }
        summary.detail = detail(&self.surveyed.tally, &of_this_run);
        Ok(summary)
    }
}

/// The runs of the checkpoint that began since, with what each did over time.
fn runs_since(
    ledger: Option<&mut StoredLedger>,
    started_ms: i64,
) -> anyhow::Result<Vec<RunHistory>> {
    let mut runs = match ledger {
        Some(ledger) => ledger.runs()?,
        None => Vec::new(),
    };
    runs.retain(|run| run.began_ms >= started_ms);
    Ok(runs)
}

fn words(
    session: &Session,
    summary: &Summary,
    halt: Option<&Halt>,
    rejects: &[PathBuf],
    kept: &[KeptFile],
) -> SummaryNotes {
    let mut words = ImportSummary::of(session, summary, halt, (rejects, kept)).words();
    if let (Some(would), None) = (&summary.would, halt) {
        let foreseen = ForeseenRequests::of_sync(would, would.to_send() + would.cancel);
        words.plan = Some(send_time(foreseen, session.sending.requests.pacing));
    }
    words
}
