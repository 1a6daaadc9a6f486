//! `kable-bulk rollback`: deletes exactly the customers that an import created.
//!
//! - `session.rs`: the parts of a rollback, built from what was typed
//! - `plan_facts.rs`: what a saved plan says beside single customers
//! - `summary.rs`: its figures, and what is shown of them
//! - `halt_text.rs`: why it ended early
//! - `unproved.rs`: what is said of customers that are not proved to be the checkpoint's

mod halt_text;
mod plan_facts;
mod session;
mod summary;
mod unproved;

use std::collections::HashSet;
use std::ffi::OsString;
use std::io;
use std::sync::Arc;

use anyhow::Context;

use self::plan_facts::{plan_use, planned, planned_claims, settle_plan};
use self::session::RollbackSession;
use self::summary::{RollbackSummary, outcome_of_forecast, text};
use super::command_line::TypedCommand;
use super::confirm::ask_yes_no;
use super::customer_list::{list, say_unread};
use super::exit::Exit;
use super::finish::{print, say_bad_end};
use super::hint::hinted;
use super::import::ended::{demand_accepted, how};
use super::import::sending::tick;
use super::notify::RunNotice;
use super::plan_use::PlanUse;
use super::preflight::Calls;
use super::prepared::unless_stopped;
use super::removal_line::removal_line;
use super::result_folder::lock_folder;
use super::send_time::{ForeseenRequests, stop_note};
use super::system::{jitter, seconds, wall_clock};
use crate::cli::{ApplyOptions, RollbackOptions};
use crate::commands::checkpoint::StoredLedger;
use crate::config::Environment;
use crate::domain::summary::RequestCounts;
use crate::domain::text::{counted, escaped_json};
use crate::engine::pace::retry_budget::Allowance;
use crate::engine::send::RunContext;
use crate::engine::send::removal::created_claims::{CreatedClaims, ForeseenRemoval, foresee};
use crate::engine::send::removal::{self, RemovalParts, RemovalResult, RemovalSettings};
use crate::engine::sync::plan::PlanSink;
use crate::kable::Removal;
use crate::ledger::{Ledger, RunStart};
use crate::report::plan_file::SavedPlan;
use crate::report::removal_files::RemovalFiles;
use crate::report::{Event, Observer};

/// Rolls an import back with `options`, which were typed to `program`.
pub fn run(
    program: OsString,
    options: RollbackOptions,
    environment: &Environment,
    notice: &RunNotice,
) -> anyhow::Result<Exit> {
    let command = TypedCommand { program, options };
    rollback((command, None), None, environment, notice)
}

/// Rolls an import back as `saved` says, or refuses; `applied` was typed.
pub(super) fn apply(
    applied: TypedCommand<ApplyOptions>,
    options: RollbackOptions,
    saved: SavedPlan,
    environment: &Environment,
    notice: &RunNotice,
) -> anyhow::Result<Exit> {
    let program = applied.program.clone();
    let command = TypedCommand { program, options };
    rollback((command, Some(applied)), Some(saved), environment, notice)
}

fn rollback(
    (command, applied): (
        TypedCommand<RollbackOptions>,
        Option<TypedCommand<ApplyOptions>>,
    ),
    mut saved: Option<SavedPlan>,
    environment: &Environment,
    notice: &RunNotice,
) -> anyhow::Result<Exit> {
    let session = match RollbackSession::begin(command, applied, environment, notice)? {
        Ok(session) => session,
        Err(exit) => return Ok(exit),
    };
    let _results = lock_folder(&session.out)?;
    let mut ledger = session.ledger()?;
    let mut summary = session.summary();
    let planned = saved.as_mut().map(planned_claims).transpose()?;
    let plan_use = plan_use(&session, saved)?;
    let dry_run = session.sending.dry_run;
    if dry_run || plan_use.is_some() {
        let mut foreseen = session.summary();
        foresee_all(
            &session,
            &mut ledger,
            &mut foreseen,
            plan_use,
            &mut |customer| {
                let is_planned = |planned: &HashSet<u64>| planned.contains(&customer.claim);
                if !planned.as_ref().is_none_or(is_planned) {
                    summary.add_unplanned(customer.client_id, customer.forecast);
                }
            },
        )?;
        if dry_run {
            summary = foreseen;
        }
    }
    if !dry_run && !session.stop.is_halted() {
        let claims = CreatedClaims::of(&mut ledger, planned.as_ref(), &session.out)?;
        summary.unproved = claims.unproved().count;
        for id in &claims.unproved().failed {
            let record = ledger.claim_record(*id)?;
            summary.failed_rows.extend(record.and_then(|record| {
                let customer_id = record.customer_id?;
                Some(format!("{} ({customer_id})", record.client_id))
            }));
        }
        if claims.total() == 0 {
            publish(&session, None, &mut summary)?;
        } else {
            session.confirm(claims.total())?;
            if !session.stop.is_halted() {
                ledger = delete(&session, ledger, claims, &mut summary)?;
            }
        }
    }
    drop(ledger);
    finish(session, summary)
}

impl RollbackSession {
    /// Asks whether to delete `many` customers; an error unless the answer is yes.
    fn confirm(&self, many: u64) -> anyhow::Result<()> {
        if self.sending.yes {
            return Ok(());
        }
        let many = counted(many, "customer", "customers");
        let (account, base_url) = (&self.target().kable_client_id, &self.target().base_url);
        let question =
            format!("Up to {many} will be DELETED in account {account} at {base_url}. Go on?");
        let asked = || {
            self.runtime
                .block_on(ask_yes_no(&question, (&self.watcher, &self.stop)))
        };
        if self.watcher.suspended(asked)? || self.stop.is_halted() {
            return Ok(());
        }
        Err(hinted(
            "not confirmed: nothing was deleted",
            "run the same command again to be asked again, or with --dry-run to see what it would delete",
        ))
    }
}

/// Counts what would be deleted; each customer is passed to `each`.
fn foresee_all(
    session: &RollbackSession,
    ledger: &mut StoredLedger,
    summary: &mut RollbackSummary,
    mut plan_use: Option<PlanUse>,
    each: &mut dyn FnMut(&ForeseenRemoval<'_>),
) -> anyhow::Result<()> {
    let calls = Calls::new(session.bucket.as_deref(), &session.watcher);
    let listing = list(&session.connected.client, &session.out, calls);
    let listing = unless_stopped(listing, &session.stop);
    let Some(listed) = session.runtime.block_on(listing).transpose()? else {
        return Ok(());
    };
    let mut listed = listed.map_err(|error| {
        let advice = format!("{}: nothing was deleted", error.advice);
        hinted(error.to_string(), advice)
    })?;
    let even_if_changed = session.even_if_changed;
    foresee(ledger, &mut listed, even_if_changed, &mut |foreseen| {
        let outcome = outcome_of_forecast(foreseen.forecast);
        summary.add(foreseen.client_id, outcome, foreseen.forecast.reason());
        each(foreseen);
        match &mut plan_use {
            Some(plan_use) => plan_use.add_row(foreseen.claim, planned(foreseen)),
            None => Ok(()),
        }
    })?;
    if let Some(plan_use) = plan_use {
        settle_plan(session, plan_use, listed.customer_count(), summary)?;
    }
    say_unread(&session.watcher, Some(&listed));
    Ok(())
}

/// Deletes the customers of `claims`.
fn delete(
    session: &RollbackSession,
    mut ledger: StoredLedger,
    claims: CreatedClaims,
    summary: &mut RollbackSummary,
) -> anyhow::Result<StoredLedger> {
    // `status` speaks of the import's rows as before.
    let before = ledger.status()?;
    ledger.begin(&RunStart {
        command: "rollback".to_owned(),
        inputs: before.inputs,
        fit_rows: before.fit_rows,
        now_ms: wall_clock(),
        shared: None,
    })?;
    let total = claims.total();
    let (pacing, limits) = (session.sending.requests.pacing, session.sending.limits);
    let foreseen = ForeseenRequests {
        rows: total,
        // Each customer is looked up before it is deleted.
        requests: 2 * total,
        or_more: false,
    };
    if let Some(note) = stop_note(foreseen, pacing, limits, &session.watcher.now())
        && !session.display.quiet
    {
        session.watcher.say(&note);
    }
    session
        .watcher
        .observe(&Event::Sending { total, before: 0 });
    let mut files = RemovalFiles::begin(&session.out, session.origin.clone())
        .with_context(|| session.cannot_write())?;
    let parts = RemovalParts {
        targets: Box::new(claims),
        api: session.connected.client.clone(),
        ledger,
        observer: Arc::clone(&session.watcher),
        context: RunContext {
            stop: session.stop.clone(),
            wall: session.connected.clock,
            jitter,
            bucket: session.bucket.clone(),
            dates: session.connected.dates.clone(),
        },
    };
    let deleted = session.runtime.block_on(async {
        let ticker = tokio::spawn(tick(Arc::clone(&session.watcher)));
        let add = |result: RemovalResult| add_result(session, &mut files, summary, &result);
        let ended = removal::run(parts, settings(session), add).await;
        ticker.abort();
        ended
    });
    let (mut ledger, requests): (StoredLedger, RequestCounts) = deleted?;
    ledger.end(how(session.stop.reason().as_ref()), wall_clock())?;
    summary.requests = requests;
    publish(session, Some(files), summary)?;
    Ok(ledger)
}

fn settings(session: &RollbackSession) -> RemovalSettings {
    let sending = &session.sending;
    RemovalSettings {
        removal: Removal::Delete,
        even_if_changed: session.even_if_changed,
        pacing: session.pacing(),
        retry: sending.retry,
        landing: sending.landing,
        allowance: Allowance::at(sending.requests.pacing.ceiling),
    }
}

fn add_result(
    session: &RollbackSession,
    files: &mut RemovalFiles,
    summary: &mut RollbackSummary,
    result: &RemovalResult,
) -> io::Result<()> {
    let name = result.outcome.name(Removal::Delete);
    let message = result.message.as_deref();
    summary.add(&result.client_id, result.outcome, message);
    if session.display.verbose {
        session
            .watcher
            .say(&format!("{}: {name}", result.client_id));
    }
    files.add(&removal_line(result, Removal::Delete))
}

/// Writes the result files.
fn publish(
    session: &RollbackSession,
    files: Option<RemovalFiles>,
    summary: &mut RollbackSummary,
) -> anyhow::Result<()> {
    let cannot_write = || session.cannot_write();
    let files = match files {
        Some(files) => files,
        None => {
            RemovalFiles::begin(&session.out, session.origin.clone()).with_context(cannot_write)?
        }
    };
    summary.end(session.stop.reason().as_ref(), false);
    summary.elapsed_seconds = seconds(session.began.elapsed());
    let published = files.finish(summary).with_context(cannot_write)?;
    summary.written = published.written;
    Ok(())
}

/// Shows the summary.
fn finish(session: RollbackSession, mut summary: RollbackSummary) -> anyhow::Result<Exit> {
    let halt = session.stop.reason();
    let exit = summary.end(halt.as_ref(), session.sending.dry_run);
    summary.elapsed_seconds = seconds(session.began.elapsed());
    session.notice.summary(&summary);
    let metrics = session.metrics.as_ref();
    if let Some(warning) = metrics.and_then(|metrics| metrics.finish(&summary.metrics())) {
        session.watcher.say(&warning);
    }
    session.watcher.close();
    summary.log();
    say_bad_end(session.display, exit as u8, &summary.line(), &session.out);
    let shown = if session.display.json {
        escaped_json(&serde_json::to_string_pretty(&summary)?).into_owned() + "\n"
    } else if session.display.quiet {
        String::new()
    } else {
        text(
            &summary,
            halt.as_ref(),
            &session.command,
            session.applied.as_ref(),
        )
    };
    print(&shown)?;
    demand_accepted(halt.as_ref(), &session.target().base_url)?;
    if let Some(sandbox) = session.connected.sandbox {
        session.runtime.block_on(sandbox.stop());
    }
    Ok(exit)
}
