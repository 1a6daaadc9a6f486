//! Reads the account, counts and figures of a checkpoint.

use rusqlite::{Connection, OptionalExtension};

use super::row_codec::{add_run, last_and_doubt};
use crate::domain::bottleneck::Pacing;
use crate::domain::send_times::{RunTime, SendTimes};
use crate::domain::summary::TargetAccount;
use crate::domain::timeline::{RunHistory, Timeline};
use crate::ledger::claim_state::{effective_outcome, from_sql};
use crate::ledger::{LedgerStatus, MOST_HISTORIES, RECENT_MS, RunFigures};

/// The account that the checkpoint belongs to.
pub(super) fn target(db: &Connection) -> rusqlite::Result<TargetAccount> {
    db.query_row("SELECT base_url, kable_client_id FROM account", [], |row| {
        Ok(TargetAccount {
            base_url: row.get(0)?,
            kable_client_id: row.get(1)?,
        })
    })
}

/// Reads the counts of claims, and the figures of all runs.
pub(super) fn read_status(db: &Connection) -> rusqlite::Result<LedgerStatus> {
    let mut status = LedgerStatus {
        target: target(db)?,
        ..LedgerStatus::default()
    };
    count_claims(db, &mut status)?;
    add_runs(db, &mut status)?;
    Ok(status)
}

/// Reads the figures of all runs.
pub(super) fn read_figures(db: &Connection) -> rusqlite::Result<RunFigures> {
    let mut status = LedgerStatus::default();
    add_runs(db, &mut status)?;
    Ok(status.figures)
}

fn add_runs(db: &Connection, status: &mut LedgerStatus) -> rusqlite::Result<()> {
    let mut runs = db.prepare(
        "SELECT command, inputs, fit_rows, changed, ended, elapsed_ms, sent, retried, throttled, lookups, latencies,
                began
         FROM run ORDER BY id",
    )?;
    let mut rows = runs.query([])?;
    while let Some(row) = rows.next()? {
        add_run(status, row)?;
    }
    status.figures.pacing = pacing(db)?;
    Ok(())
}

/// How long requests of the runs of the last day may take to land.
pub(super) fn landing_ms(db: &Connection, now_ms: i64) -> rusqlite::Result<u64> {
    db.query_row(
        "SELECT coalesce(max(landing_ms), 0) FROM run WHERE changed >= ?1",
        [now_ms.saturating_sub(RECENT_MS)],
        |row| row.get(0).map(from_sql),
    )
}

/// When creates of all runs but this one may have taken effect. Before format 4 it is not known
/// how long they may take.
pub(super) fn send_times(
    db: &Connection,
    (own, format): (i64, i64),
) -> rusqlite::Result<SendTimes> {
    let landing = if format < 4 { "0" } else { "landing_ms" };
    let mut statement = db.prepare(&format!(
        "SELECT began, changed, clock_ahead_ms, {landing} FROM run
            WHERE id <> ?1 AND command <> 'rollback'"
    ))?;
    let runs = statement.query_map([own], |row| {
        Ok(RunTime {
            began_ms: row.get(0)?,
            alive_ms: Some(row.get(1)?),
            clock_ahead_ms: row.get(2)?,
            landing_ms: row.get(3).map(from_sql)?,
        })
    })?;
    let runs: Vec<RunTime> = runs.collect::<rusqlite::Result<_>>()?;
    Ok(SendTimes::of(runs))
}

/// The latest runs, with what each did over time, which no file before format 6 has.
pub(super) fn histories(db: &Connection, format: i64) -> rusqlite::Result<Vec<RunHistory>> {
    let timeline = if format < 6 { "'null'" } else { "timeline" };
    let mut statement = db.prepare(&format!(
        "SELECT command, began, changed, ended, {timeline} FROM run ORDER BY id DESC LIMIT ?"
    ))?;
    let most = i64::try_from(MOST_HISTORIES).unwrap_or(i64::MAX);
    let runs = statement.query_map([most], |row| {
        let timeline: String = row.get(4)?;
        let timeline: Option<Timeline> = serde_json::from_str(&timeline).unwrap_or_default();
        Ok(RunHistory {
            command: row.get(0)?,
            began_ms: row.get(1)?,
            changed_ms: row.get(2)?,
            ended: row.get(3)?,
            timeline: timeline.unwrap_or_default(),
        })
    })?;
    let mut runs: Vec<RunHistory> = runs.collect::<rusqlite::Result<_>>()?;
    runs.reverse();
    Ok(runs)
}

/// The last pacing of the latest run. Format 1 doesn't store it.
fn pacing(db: &Connection) -> rusqlite::Result<Option<Pacing>> {
    let is_kept: bool = db.query_row(
        "SELECT count(*) FROM pragma_table_info('run') WHERE name = 'pacing'",
        [],
        |row| row.get(0),
    )?;
    if !is_kept {
        return Ok(None);
    }
    let latest: Option<String> = db
        .query_row(
            "SELECT pacing FROM run ORDER BY id DESC LIMIT 1",
            [],
            |row| row.get(0),
        )
        .optional()?;
    Ok(latest.and_then(|text| serde_json::from_str(&text).unwrap_or_default()))
}

/// Counts the claims by outcome. Counting here is cheaper than in SQL: `GROUP BY`
/// would sort all rows in memory, and conditional sums cost a step per outcome.
fn count_claims(db: &Connection, status: &mut LedgerStatus) -> rusqlite::Result<()> {
    let mut claims = db.prepare("SELECT outcome, doubt, ours, orphan FROM customer")?;
    let mut rows = claims.query([])?;
    while let Some(row) = rows.next()? {
        let (last, in_doubt) = last_and_doubt(row, 0, 1)?;
        let outcome = effective_outcome(last, in_doubt);
        status.tally.add(outcome);
        let ours: bool = row.get(2)?;
        status.ours += u64::from(ours);
        if row.get(3)? {
            status.left.add(outcome, ours);
        }
    }
    Ok(())
}
