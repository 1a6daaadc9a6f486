//! Sends the rows of an import: which of them, and in what order.

use std::sync::Arc;
use std::time::Duration;

use super::canary;
use super::changed_input::explained;
use super::ended::how;
use super::session::{Session, errors};
use super::shared_run::shared_run;
use crate::commands::checkpoint::StoredLedger;
use crate::commands::confirm::{ask_yes_no, has_terminal};
use crate::commands::descriptors;
use crate::commands::early_results::{FailureWriter, RunObserver};
use crate::commands::system::{jitter, wall_clock};
use crate::domain::plan_policy::PlanRules;
use crate::domain::text::counted;
use crate::engine::claim_numbers::ClaimNumbers;
use crate::engine::pace::PaceSettings;
use crate::engine::pace::retry_budget::Allowance;
use crate::engine::send::canary::CanaryResult;
use crate::engine::send::orphaned_claims::Orphans;
use crate::engine::send::selection::Selection;
use crate::engine::send::{self, PartFeed, PipelineParts, RunContext};
use crate::engine::stop::Halt;
use crate::engine::survey::Survey;
use crate::engine::sync::plan::SyncPlan;
use crate::kable::client::Client;
use crate::ledger::workers::SharedRun;
use crate::ledger::{Ledger, RunStart};
use crate::report::progress::ProgressDisplay;
use crate::report::{Event, Observer};
use crate::source::reader::InputReader;

/// Sends the first `rows` new rows, and reads them back. Everything stops unless
/// all agree with the file and the user wants to continue. Returns how many were
/// sent.
pub(in crate::commands) fn send_canary(
    session: &Session,
    ledger: StoredLedger,
    surveyed: &mut Survey,
    rows: usize,
) -> anyhow::Result<(StoredLedger, usize)> {
    let (mut ledger, sightings) = send(
        session,
        ledger,
        surveyed,
        Selection::Canary(rows),
        &mut None,
    )?;
    let sent = sightings.len();
    judge(session, &sightings);
    let stop = &session.prepared.stop;
    if !stop.is_halted() {
        continue_with(session, surveyed.to_do().saturating_sub(sent as u64))?;
    }
    ledger.end(how(stop.reason().as_ref()), wall_clock())?;
    Ok((ledger, sent))
}

/// Reads the first `rows` rows back if earlier runs sent them: what a canary stopped for stops
/// the next run as well, as long as it is not mended.
pub(in crate::commands) fn recheck_canary(
    session: &Session,
    ledger: StoredLedger,
    surveyed: &mut Survey,
    rows: usize,
) -> anyhow::Result<StoredLedger> {
    let rechecked = Selection::Recheck(rows);
    let (mut ledger, sightings) = send(session, ledger, surveyed, rechecked, &mut None)?;
    if sightings.iter().any(|seen| !seen.agrees()) {
        judge(session, &sightings);
    }
    let reason = session.prepared.stop.reason();
    ledger.end(how(reason.as_ref()), wall_clock())?;
    Ok(ledger)
}

/// Shows the result of a canary, and stops everything unless all rows agree.
fn judge(session: &Session, sightings: &[CanaryResult]) {
    let (stop, prepared) = (&session.prepared.stop, &session.prepared);
    let wrong = sightings.iter().filter(|seen| !seen.agrees()).count();
    if wrong > 0 || !prepared.display.quiet {
        for line in canary::lines(sightings, &prepared.reading.names) {
            prepared.watcher.say(&line);
        }
    }
    if wrong > 0 {
        let of = sightings.len();
        stop.halt(Halt::Canary { wrong, of });
    }
}

/// Asks whether to continue after a canary, if there is a terminal.
fn continue_with(session: &Session, rows: u64) -> anyhow::Result<()> {
    if rows == 0 {
        return Ok(());
    }
    let prepared = &session.prepared;
    let others = counted(rows, "other row", "other rows");
    if session.sending.yes || !has_terminal() {
        if !prepared.display.quiet {
            let text = format!("Going on with the {others}");
            prepared.watcher.say(&text);
        }
        return Ok(());
    }
    let question = format!("Go on with the {others}?");
    let asked = || {
        let asking = ask_yes_no(&question, (&prepared.watcher, &prepared.stop));
        prepared.runtime.block_on(asking)
    };
    if !prepared.watcher.suspended(asked)? {
        prepared.stop.halt(Halt::Declined);
    }
    Ok(())
}

/// Sends the rows of this `selection`; of a sync, as its `plan` says.
pub(in crate::commands) fn send(
    session: &Session,
    mut ledger: StoredLedger,
    surveyed: &mut Survey,
    selection: Selection,
    plan: &mut Option<SyncPlan>,
) -> anyhow::Result<(StoredLedger, Vec<CanaryResult>)> {
    let prepared = &session.prepared;
    let part_rows = begin(session, &mut ledger, surveyed, selection)?;
    let is_shared = part_rows.is_some();
    let is_canary = selection.read_back().is_some();
    // The first worker looks up the claims whose rows have left the input.
    let is_joined = ledger.shared().is_some_and(|shared| shared.is_joined());
    prepared
        .watcher
        .observe(&sending_event(surveyed, selection, plan.as_ref()));
    // They are looked up along with the rows that follow a canary.
    let orphans = if is_canary || is_joined {
        Orphans::default()
    } else {
        std::mem::take(&mut surveyed.orphans)
    };
    let begins = session.sending.policy.retry_failed && !is_canary;
    let failures = FailureWriter::start(prepared, begins);
    let parts = PipelineParts {
        rows: prepared.rows(),
        orphans,
        reading: Arc::clone(&prepared.reading),
        verdicts: std::mem::take(&mut surveyed.verdicts),
        sync: plan.take(),
        numbers: ClaimNumbers::new(surveyed.first_new_id, ledger.shared().is_some()),
        gaps: surveyed.gaps,
        parts: part_rows.map(|rows| PartFeed {
            rows,
            again: prepared.rows_again(),
        }),
        api: session.connected.client.clone(),
        ledger,
        keys: session.key_file()?,
        observer: failures.observer(&prepared.watcher),
        context: context(session),
    };
    // Released before the results are written, however many connections are still
    // open.
    let _reserved = descriptors::ReservedDescriptors::reserve();
    let mut settings = settings(session, surveyed, selection);
    if is_shared {
        // The ledger knows which rows a canary has sent.
        settings.selection = Selection::ALL;
    }
    let ended = run(session, parts, settings);
    failures.end(prepared);
    let mut ended = ended?;
    surveyed.verdicts = ended.verdicts;
    surveyed.requests = surveyed.requests.plus(ended.requests);
    *plan = ended.sync;
    if !is_canary && !is_joined {
        surveyed.left = ended.left;
    }
    let halt = prepared.stop.reason();
    if let (Some(halt), Some(shared)) = (&halt, ended.ledger.shared())
        && is_shared
        && halt.concerns_all()
    {
        shared.stop_all(&serde_json::to_string(halt)?)?;
    }
    // A canary is followed by the other rows, unless it stops everything.
    if !is_canary || halt.is_some() {
        ended.ledger.end(how(halt.as_ref()), wall_clock())?;
    }
    Ok((ended.ledger, ended.sightings))
}

/// Begins a run, or joins one. Returns how many rows a part of the input has if the run is
/// shared with other workers.
fn begin(
    session: &Session,
    ledger: &mut StoredLedger,
    surveyed: &Survey,
    selection: Selection,
) -> anyhow::Result<Option<u64>> {
    let is_shared = matches!(selection, Selection::AllBut(_)) && ledger.shared().is_some();
    let shared = is_shared.then(|| shared_run(session, surveyed));
    let shared = shared.transpose()?;
    let part_rows = shared.as_ref().map(SharedRun::part_rows);
    ledger.begin(&RunStart {
        command: session.command.name().to_owned(),
        inputs: session.prepared.reading.names.clone(),
        fit_rows: surveyed.fit(),
        now_ms: wall_clock(),
        shared,
    })?;
    Ok(part_rows)
}

/// Records a run that sends nothing, so that `status` shows when it was and how it ended.
/// A new checkpoint is not begun for it, and workers who send have a run of their own.
pub(in crate::commands) fn record_idle_run(
    session: &Session,
    ledger: Option<&mut StoredLedger>,
    surveyed: &Survey,
    halt: Option<&Halt>,
) -> anyhow::Result<()> {
    let Some(ledger) = ledger.filter(|_| !session.sending.dry_run) else {
        return Ok(());
    };
    if ledger.shared().is_some_and(|shared| shared.is_joined()) {
        return Ok(());
    }
    begin(session, ledger, surveyed, Selection::InDoubt)?;
    ledger.end(how(halt), wall_clock())?;
    Ok(())
}

/// How many rows there are to send, and were done before.
fn sending_event(surveyed: &Survey, selection: Selection, plan: Option<&SyncPlan>) -> Event {
    Event::Sending {
        before: match (selection, plan) {
            (Selection::AllBut(sent), None) => surveyed.done.sum() + sent as u64,
            (Selection::InDoubt | Selection::Canary(_) | Selection::Recheck(_), _)
            | (_, Some(_)) => 0,
        },
        total: match (selection, plan) {
            (_, Some(plan)) => plan.to_send,
            (Selection::Canary(rows), None) => surveyed.to_create.min(rows as u64),
            (Selection::AllBut(sent), None) => surveyed.to_do().saturating_sub(sent as u64),
            (Selection::InDoubt, None) => surveyed.to_do(),
            (Selection::Recheck(_), None) => 0,
        },
    }
}

fn settings(session: &Session, surveyed: &Survey, selection: Selection) -> send::Settings {
    let sending = &session.sending;
    send::Settings {
        pacing: pacing(session, selection.read_back().is_none()),
        retry: sending.retry,
        landing: sending.landing,
        allowance: Allowance::at(sending.requests.pacing.ceiling),
        existing: sending.policy.existing,
        plans: session
            .changes
            .map_or(PlanRules::IMPORT, |changes| changes.plans),
        missing_contact: surveyed.missing_contact,
        stripe: sending.stripe,
        selection,
        rejected: surveyed.rows.rejected,
        errors: errors(surveyed),
        applies: session.command.applied.is_some(),
        allowed_errors: match selection {
            Selection::InDoubt | Selection::Recheck(_) => u64::MAX,
            Selection::AllBut(_) | Selection::Canary(_) => session.allowed_errors(surveyed),
        },
    }
}

fn run(
    session: &Session,
    parts: PipelineParts<InputReader, Client, StoredLedger, RunObserver>,
    settings: send::Settings,
) -> anyhow::Result<send::PipelineResult<StoredLedger>> {
    let sent = session.prepared.runtime.block_on(async {
        let ticker = tokio::spawn(tick(Arc::clone(&session.prepared.watcher)));
        let ended = send::run(parts, settings).await;
        ticker.abort();
        ended
    });
    sent.map_err(|error| explained(error, &session.sending.checkpoint))
}

pub(in crate::commands) fn context(session: &Session) -> RunContext {
    RunContext {
        stop: session.prepared.stop.clone(),
        wall: session.connected.clock,
        jitter,
        bucket: session.bucket.clone(),
        dates: session.connected.dates.clone(),
    }
}

/// The pacing of `--rate` and `--concurrency`, limited to the descriptors
/// available.
pub(in crate::commands) fn pacing(session: &Session, reports: bool) -> PaceSettings {
    let has_server = session.connected.sandbox.is_some();
    let (pacing, note) = descriptors::fitting(session.sending.requests.pacing, has_server);
    if let Some(note) = note.filter(|_| reports) {
        session.prepared.watcher.say(&format!("note: {note}"));
    }
    pacing
}

/// Lets the watcher print a line regularly where there is no terminal.
pub(in crate::commands) async fn tick(watcher: Arc<ProgressDisplay>) {
    loop {
        tokio::time::sleep(Duration::from_secs(1)).await;
        watcher.tick();
    }
}
