//! `kable-bulk import`: creates the customers; started again, continues.
//!
//! - `session.rs`: the parts of an import, built from what was typed
//! - `run_ledger.rs`: opens the checkpoint
//! - `shared_run.rs`: what all workers of one import agree on
//! - `sending.rs`: which rows are sent, and which of them first
//! - `banner.rs`: what is said before the first row is sent
//! - `canary.rs`: what is shown of a canary
//! - `ended.rs`: how an import ended: its exit code and the checkpoint's term
//! - `changed_input.rs`: what is reported where an input was changed during a run
//! - `plan_facts.rs`: what a saved plan says beside single customers
//! - `summary.rs`: the text of the summary, and what to type next

pub(super) mod banner;
mod canary;
pub(super) mod changed_input;
pub(super) mod ended;
pub(super) mod plan_facts;
mod run_ledger;
pub(super) mod sending;
pub(super) mod session;
mod shared_run;
pub(super) mod summary;

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use self::banner::banner;
use self::changed_input::report_changes;
use self::ended::{demand_accepted, exit, reason_word};
use self::plan_facts::{plan_use, settle_plan};
use self::sending::{recheck_canary, record_idle_run, send, send_canary};
use self::session::{Session, errors, stopped};
use self::summary::{ImportSummary, foreseen_stop};
use super::command_line::TypedCommand;
use super::customer_list::say_unread;
use super::early_results::write_rejects;
use super::exit::Exit;
use super::finish::{Results, say_unused};
use super::lost_zeros::say_lost_zeros;
use super::notify::RunNotice;
use super::page_text::{DigestThread, PageText, detail};
use super::plan_use::PlanUse;
use super::prepared::Prepared;
use super::result_folder::lock_folder;
use super::send_command::SendCommand;
use super::send_time::{ForeseenRequests, send_time};
use super::system::{seconds, span_since, wall_clock};
use crate::cli::{ApplyOptions, ImportOptions};
use crate::commands::checkpoint::StoredLedger;
use crate::config::Environment;
use crate::domain::summary::{Summary, ThisRun};
use crate::domain::text::counted;
use crate::domain::timeline::RunHistory;
use crate::engine::account::AccountSources;
use crate::engine::account::listed_outcomes::ListedOutcomes;
use crate::engine::account::preview::PreviewSettings;
use crate::engine::claim_numbers::ClaimNumbers;
use crate::engine::send::metrics::latency;
use crate::engine::send::selection::Selection;
use crate::engine::stop::Halt;
use crate::engine::survey::Survey;
use crate::engine::survey::remote_list::RemoteList;
use crate::engine::sync::plan::{PlanSources, RowPlanner, plan};
use crate::ledger::Ledger;
use crate::report::manifest::KeptFile;
use crate::report::plan_file::SavedPlan;
use crate::report::text::SummaryNotes;

/// Imports with `options`, which were typed to `program`.
pub fn run(
    program: OsString,
    options: ImportOptions,
    environment: &Environment,
    notice: &RunNotice,
) -> anyhow::Result<Exit> {
    let command = SendCommand {
        import: TypedCommand { program, options },
        changes: None,
        applied: None,
    };
    import(command, None, environment, notice)
}

/// Imports as `saved` says, or refuses; `applied` was typed.
pub(super) fn apply(
    applied: TypedCommand<ApplyOptions>,
    options: ImportOptions,
    saved: SavedPlan,
    environment: &Environment,
    notice: &RunNotice,
) -> anyhow::Result<Exit> {
    let program = applied.program.clone();
    let command = SendCommand {
        import: TypedCommand { program, options },
        changes: None,
        applied: Some(applied),
    };
    import(command, Some(saved), environment, notice)
}

fn import(
    command: SendCommand,
    saved: Option<SavedPlan>,
    environment: &Environment,
    notice: &RunNotice,
) -> anyhow::Result<Exit> {
    let session = match Session::begin(command, environment, notice)? {
        Ok(session) => session,
        Err(exit) => return Ok(exit),
    };
    let prepared = &session.prepared;
    let mut ledger = session.known_ledger()?;
    let _results = lock_folder(&prepared.out)?;
    let plan_use = plan_use(&session, saved)?;
    let (applies, plans) = (session.command.applied.is_some(), plan_use.is_some());
    let mut listed = if plans {
        session.demand_list()?
    } else {
        session.list_for_dry_run()?
    };
    if prepared.stop.is_halted() {
        return Ok(stopped(prepared, "while checking"));
    }
    let mut surveyed = session.survey(ledger.as_mut(), listed.as_mut())?;
    if surveyed.interrupted {
        return Ok(stopped(prepared, "while checking"));
    }
    if let Some((plan_use, list)) = plan_use.zip(listed.as_mut()) {
        if !plan_rows(&session, &mut surveyed, list, plan_use)? {
            return Ok(stopped(prepared, "while comparing"));
        }
        if applies && !session.sending.dry_run {
            // Rows are sent as by any import, which decides by its checkpoint. The list tells
            // for which rows the plan knows a customer.
            surveyed = session.survey(ledger.as_mut(), listed.as_mut())?;
            (surveyed.there, listed) = (0, None);
            if surveyed.interrupted {
                return Ok(stopped(prepared, "while checking"));
            }
        }
    }
    if !prepared.display.quiet {
        say_unused(&prepared.watcher, &surveyed.unused);
    }
    say_unread(&prepared.watcher, listed.as_ref());
    say_lost_zeros(prepared, &mut surveyed, listed.as_mut())?;
    let mut halt = session.too_many_errors(&surveyed);
    let sends = halt.is_none() && !session.sending.dry_run;
    if sends {
        write_rejects(prepared, &mut surveyed)?;
        prepared.say_unless_quiet(&banner(&session, &surveyed));
        session.confirm(&surveyed)?;
    }
    if sends && surveyed.to_do() > 0 && !prepared.display.quiet {
        session.say_time(ForeseenRequests::of_import(&surveyed, 0, false));
    }
    if halt.is_some() && !session.sending.dry_run {
        ledger = send_in_doubt(&session, ledger, &mut surveyed, halt.as_ref())?;
    }
    if sends {
        ledger = Some(send_all(&session, ledger, &mut surveyed)?);
        halt = session.prepared.stop.reason();
    }
    finish(session, (ledger, listed), surveyed, halt.as_ref())
}

/// Looks up the rows that an earlier run may have sent, though `halt` keeps the others back.
fn send_in_doubt(
    session: &Session,
    ledger: Option<StoredLedger>,
    surveyed: &mut Survey,
    halt: Option<&Halt>,
) -> anyhow::Result<Option<StoredLedger>> {
    let Some(mut ledger) = ledger else {
        return Ok(None);
    };
    if surveyed.to_look_up > 0 {
        (ledger, _) = send(session, ledger, surveyed, Selection::InDoubt, &mut None)?;
        ledger.end("stopped", wall_clock())?;
    } else {
        record_idle_run(session, Some(&mut ledger), surveyed, halt)?;
    }
    Ok(Some(ledger))
}

/// Decides what is done with each row, for a plan. Returns whether it was not interrupted.
fn plan_rows(
    session: &Session,
    surveyed: &mut Survey,
    list: &mut RemoteList,
    mut plan_use: PlanUse,
) -> anyhow::Result<bool> {
    let prepared = &session.prepared;
    let mut sources = PlanSources {
        check: &prepared.reading,
        verdicts: &mut surveyed.verdicts,
        list,
        planner: RowPlanner::Import(PreviewSettings {
            existing: session.sending.policy.existing,
            gaps: surveyed.gaps,
        }),
        sink: Some(&mut plan_use),
        folder: &prepared.out,
        stop: &prepared.stop,
    };
    let watcher = prepared.watcher.as_ref();
    let planned = plan(&mut prepared.rows(), &mut sources, watcher)?;
    if planned.interrupted {
        return Ok(false);
    }
    let is_check = matches!(plan_use, PlanUse::Check(_));
    if is_check || errors(surveyed) <= session.allowed_errors(surveyed) {
        settle_plan(session, plan_use, (surveyed, list), &planned.forecast)?;
    }
    Ok(true)
}

/// Sends all rows that are left, a canary first if requested.
fn send_all(
    session: &Session,
    ledger: Option<StoredLedger>,
    surveyed: &mut Survey,
) -> anyhow::Result<StoredLedger> {
    let mut ledger = session.writable_ledger(ledger, surveyed)?;
    // The first worker has sent the canary, or does.
    let is_joined = ledger.shared().is_some_and(|shared| shared.is_joined());
    let is_new = surveyed.to_create > 0 || (surveyed.gaps && surveyed.to_do() > 0);
    let mut sent = 0;
    if let Some(rows) = session.sending.canary.filter(|_| is_new && !is_joined) {
        if surveyed.done.sum() > 0 {
            ledger = recheck_canary(session, ledger, surveyed, rows)?;
        }
        if !session.prepared.stop.is_halted() {
            (ledger, sent) = send_canary(session, ledger, surveyed, rows)?;
        }
    }
    if !session.prepared.stop.is_halted() {
        (ledger, _) = send(
            session,
            ledger,
            surveyed,
            Selection::AllBut(sent),
            &mut None,
        )?;
    }
    Ok(ledger)
}

/// Accounts for every row, writes the results, and shows the summary.
fn finish(
    session: Session,
    (mut ledger, mut listed): (Option<StoredLedger>, Option<RemoteList>),
    mut surveyed: Survey,
    halt: Option<&Halt>,
) -> anyhow::Result<Exit> {
    let prepared = &session.prepared;
    let results = Results {
        prepared,
        annotations: None,
    };
    let mut summary = figures(&session, ledger.as_mut(), &surveyed, halt)?;
    summary.left_the_file = surveyed.left;
    let dry_run = session.sending.dry_run;
    let is_shared = ledger
        .as_mut()
        .is_some_and(|ledger| ledger.shared().is_some());
    let accounting = AccountSources {
        check: &prepared.reading,
        surveyed: surveyed.rows,
        verdicts: &mut surveyed.verdicts,
        numbers: Some(ClaimNumbers::new(surveyed.first_new_id, is_shared)),
        ledger: ledger.as_mut().map(|ledger| ledger as &mut dyn Ledger),
        remote_list: listed.as_mut(),
        listed: ListedOutcomes::BEFORE_IMPORT,
        sync: None,
        preview: dry_run.then_some(PreviewSettings {
            existing: session.sending.policy.existing,
            gaps: surveyed.gaps,
        }),
        stop: None,
    };
    let digests = DigestThread::start(prepared);
    let accounted = results.account(
        [prepared.rows(), prepared.single_rows()],
        Some("results.jsonl"),
        accounting,
        &mut summary,
    )?;
    report_changes(&prepared.inputs, &prepared.watcher);
    summary.span = Some(span_since(session.started_ms));
    summary.this_run = Some(ThisRun {
        outcomes: summary.outcomes.since(&surveyed.done),
        requests: surveyed.requests,
        elapsed_seconds: seconds(session.began.elapsed()),
    });
    let exit = exit(halt, dry_run, &summary);
    summary.exit_code = exit as u8;
    let rejects = accounted.listing.files.rejects();
    let keys = session.keys_written();
    let page = PageText {
        words: |kept: &[KeptFile]| words(&session, &summary, halt, (&rejects, kept), &surveyed),
        command_line: session.command.line(),
        runs: histories(ledger.as_mut())?,
        digests: Some(digests.finish()),
    };
    results.publish(accounted.listing, &summary, keys, &page)?;
    demand_accepted(halt, &session.connected.target.base_url)?;
    say_who_goes_on(prepared, ledger.as_mut(), halt)?;
    if let Some(sandbox) = session.connected.sandbox {
        prepared.runtime.block_on(sandbox.stop());
    }
    Ok(exit)
}

/// Says that the import goes on without this worker, if it does.
fn say_who_goes_on(
    prepared: &Prepared,
    ledger: Option<&mut StoredLedger>,
    halt: Option<&Halt>,
) -> anyhow::Result<()> {
    let shared = ledger.and_then(|ledger| ledger.shared());
    let Some(shared) = shared.filter(|_| halt == Some(&Halt::Interrupted)) else {
        return Ok(());
    };
    let others = shared.others()?.live;
    if others > 0 {
        let workers = counted(others, "other worker goes on", "other workers go on");
        prepared.say_unless_quiet(&[format!("The import is not over: {workers} with it")]);
    }
    Ok(())
}

fn words(
    session: &Session,
    summary: &Summary,
    halt: Option<&Halt>,
    (rejects, kept): (&[PathBuf], &[KeptFile]),
    surveyed: &Survey,
) -> SummaryNotes {
    let mut words = ImportSummary::of(session, summary, halt, (rejects, kept)).words();
    if let (Some(would), None) = (&summary.would, halt) {
        let foreseen = ForeseenRequests::of_import(surveyed, would.update, would.listed);
        words.plan = Some(send_time(foreseen, session.sending.requests.pacing));
        let errors = surveyed.rows.rejected + would.fail;
        words.halt = foreseen_stop(errors, session.allowed_errors(surveyed));
    }
    words
}

/// The runs of the checkpoint, with what each did over time.
fn histories(ledger: Option<&mut StoredLedger>) -> anyhow::Result<Vec<RunHistory>> {
    let runs = ledger.map(Ledger::runs).transpose()?;
    Ok(runs.unwrap_or_default())
}

/// The summary before the rows are accounted for.
fn figures(
    session: &Session,
    ledger: Option<&mut StoredLedger>,
    surveyed: &Survey,
    halt: Option<&Halt>,
) -> anyhow::Result<Summary> {
    let tally = &surveyed.tally;
    let mut summary = Summary {
        command: "import".to_owned(),
        interrupted: halt == Some(&Halt::Interrupted),
        stop_reason: halt.map(reason_word),
        target: session.connected.target.clone(),
        inputs: session.prepared.reading.names.clone(),
        ..Summary::default()
    };
    let mut latencies = Vec::new();
    if let Some(ledger) = ledger {
        let figures = ledger.figures()?;
        summary.checkpoint = session.sending.checkpoint.display().to_string();
        summary.elapsed_seconds = seconds(Duration::from_millis(figures.elapsed_ms));
        summary.requests = figures.requests;
        summary.latency_ms = latency(&figures.latencies);
        latencies = figures.latencies;
    }
    summary.skipped_rows = tally.skipped();
    summary.defaults = tally.defaults(&session.prepared.reading.mapping);
    summary.detail = detail(tally, &latencies);
    Ok(summary)
}
