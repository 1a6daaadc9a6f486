//! Reads counts and figures of a checkpoint, and how its workers stand.

use std::time::Duration;

use tokio_postgres::Row;

use super::postgres_error::PostgresError;
use super::rows::{from_sql, state};
use super::session::DatabaseSession;
use crate::domain::send_times::{RunTime, SendTimes};
use crate::domain::summary::{RequestCounts, TargetAccount};
use crate::domain::timeline::{RunHistory, Timeline};
use crate::ledger::claim_state::effective_outcome;
use crate::ledger::workers::{OtherWorkers, WorkerState, WorkerStatus};
use crate::ledger::{LedgerStatus, MOST_HISTORIES, RECENT_MS, RunFigures, latencies};

/// Reads the counts of claims, and the figures of all runs.
pub(super) async fn read_status(
    session: &DatabaseSession,
    target: &TargetAccount,
) -> Result<LedgerStatus, PostgresError> {
    let mut status = LedgerStatus {
        target: target.clone(),
        gaps: has_gaps(session).await?,
        ..LedgerStatus::default()
    };
    count_claims(session, &mut status).await?;
    add_runs(session, &mut status).await?;
    add_workers(session, &mut status).await?;
    Ok(status)
}

/// Reads the figures of all runs.
pub(super) async fn read_figures(session: &DatabaseSession) -> Result<RunFigures, PostgresError> {
    let mut status = LedgerStatus::default();
    add_runs(session, &mut status).await?;
    Ok(status.figures)
}

pub(super) async fn has_gaps(session: &DatabaseSession) -> Result<bool, PostgresError> {
    let row = session
        .query_row("SELECT gaps FROM kb.account", &[])
        .await?;
    Ok(row.try_get(0)?)
}

async fn count_claims(
    session: &DatabaseSession,
    status: &mut LedgerStatus,
) -> Result<(), PostgresError> {
    let counts = session
        .query(
            "SELECT outcome, doubt, ours, orphan, count(*) FROM kb.customer GROUP BY 1, 2, 3, 4",
            &[],
        )
        .await?;
    for row in &counts {
        let (last, in_doubt) = state(row, 0, 1)?;
        let outcome = effective_outcome(last, in_doubt);
        let (ours, orphan): (bool, bool) = (row.try_get(2)?, row.try_get(3)?);
        let count = from_sql(row.try_get(4)?);
        status.tally.add_many(outcome, count);
        status.ours += if ours { count } else { 0 };
        if orphan {
            status.left.add_many(outcome, ours, count);
        }
    }
    Ok(())
}

/// Adds the figures of all runs. Those of several workers that ran at once are summed, but
/// for the time: the longest counts.
async fn add_runs(
    session: &DatabaseSession,
    status: &mut LedgerStatus,
) -> Result<(), PostgresError> {
    let runs = session
        .query(
            "SELECT r.command, r.inputs, r.fit_rows, r.changed, r.ended, r.began,
                    coalesce(max(f.elapsed_ms), 0), coalesce(sum(f.sent), 0)::bigint,
                    coalesce(sum(f.retried), 0)::bigint, coalesce(sum(f.throttled), 0)::bigint,
                    coalesce(sum(f.lookups), 0)::bigint, greatest(r.changed, max(f.changed))
                FROM kb.run r LEFT JOIN kb.figures f ON f.run = r.id
                GROUP BY r.id ORDER BY r.id",
            &[],
        )
        .await?;
    for row in &runs {
        let figures = &mut status.figures;
        status.command = row.try_get(0)?;
        status.inputs = serde_json::from_str(row.try_get(1)?).unwrap_or_default();
        status.fit_rows = from_sql(row.try_get(2)?);
        status.changed_ms = row.try_get(11)?;
        status.ended = row.try_get(4)?;
        figures.elapsed_ms += from_sql(row.try_get(6)?);
        figures.requests = figures.requests.plus(RequestCounts {
            sent: from_sql(row.try_get(7)?),
            retried: from_sql(row.try_get(8)?),
            throttled: from_sql(row.try_get(9)?),
            lookups: from_sql(row.try_get(10)?),
        });
        if status.runs == 0 {
            status.first_began_ms = row.try_get(5)?;
        }
        status.runs += 1;
    }
    let lists = session
        .query(
            "SELECT latencies FROM kb.figures WHERE latencies <> '[]'",
            &[],
        )
        .await?;
    for row in &lists {
        let list: Vec<(u64, u64)> = serde_json::from_str(row.try_get(0)?).unwrap_or_default();
        latencies::add(&mut status.figures.latencies, &list);
    }
    let pacing = session
        .query_one(
            "SELECT f.pacing FROM kb.figures f JOIN kb.worker w ON w.id = f.worker
                WHERE f.run = (SELECT max(id) FROM kb.run)
                ORDER BY w.state = 'live' DESC, f.worker LIMIT 1",
            &[],
        )
        .await?;
    status.figures.pacing = match pacing {
        Some(row) => serde_json::from_str(row.try_get(0)?).unwrap_or_default(),
        None => None,
    };
    Ok(())
}

async fn add_workers(
    session: &DatabaseSession,
    status: &mut LedgerStatus,
) -> Result<(), PostgresError> {
    let workers = session
        .query(
            "SELECT w.id, w.host, w.process, w.state,
                    (extract(epoch FROM w.joined) * 1000)::bigint,
                    (extract(epoch FROM clock_timestamp() - w.beat) * 1000)::bigint,
                    CASE WHEN w.state = 'dead' THEN
                        (extract(epoch FROM w.gone + w.quarantine - clock_timestamp()) * 1000)::bigint
                        ELSE 0 END,
                    (SELECT count(*) FROM kb.part p WHERE p.worker = w.id AND NOT p.done),
                    coalesce(f.settled, 0), coalesce(f.elapsed_ms, 0),
                    w.state = 'live' AND w.expires < clock_timestamp(), f.run IS NOT NULL
                FROM kb.worker w
                LEFT JOIN kb.figures f ON f.worker = w.id AND f.run = (SELECT max(id) FROM kb.run)
                WHERE w.state = 'live' OR f.run IS NOT NULL
                ORDER BY w.id",
            &[],
        )
        .await?;
    status.workers = workers.iter().map(worker_of).collect::<Result<_, _>>()?;
    let row = session
        .query_row(
            "SELECT count(*) FILTER (WHERE done), count(*) FROM kb.part
                WHERE run = (SELECT max(id) FROM kb.run)",
            &[],
        )
        .await?;
    status.parts = (from_sql(row.try_get(0)?), from_sql(row.try_get(1)?));
    Ok(())
}

/// What the workers of a run other than `worker` have done so far.
pub(super) async fn others(
    session: &DatabaseSession,
    (run, worker): (i64, i64),
) -> Result<OtherWorkers, PostgresError> {
    let row = session
        .query_row(
            "SELECT count(*) FILTER (WHERE w.state = 'live' AND w.run = $1),
                    coalesce(sum(f.settled), 0)::bigint, coalesce(sum(f.failed), 0)::bigint,
                    coalesce(extract(epoch FROM max(clock_timestamp() - w.beat)
                        FILTER (WHERE w.state = 'live' AND w.run = $1)) * 1000, 0)::bigint
                FROM kb.figures f JOIN kb.worker w ON w.id = f.worker
                WHERE f.run = $1 AND f.worker <> $2",
            &[&run, &worker],
        )
        .await?;
    Ok(OtherWorkers {
        live: from_sql(row.try_get(0)?),
        settled: from_sql(row.try_get(1)?),
        failed: from_sql(row.try_get(2)?),
        silent_ms: from_sql(row.try_get(3)?),
    })
}

fn worker_of(row: &Row) -> Result<WorkerStatus, PostgresError> {
    let name: String = row.try_get(3)?;
    let process: i64 = row.try_get(2)?;
    let is_silent: bool = row.try_get(10)?;
    let state = match WorkerState::of_name(&name).unwrap_or_default() {
        // Its lease has ended, and no other worker has noticed yet.
        WorkerState::Live if is_silent => WorkerState::Dead,
        state @ (WorkerState::Live | WorkerState::Left | WorkerState::Dead) => state,
    };
    Ok(WorkerStatus {
        id: from_sql(row.try_get(0)?),
        host: row.try_get(1)?,
        process: u32::try_from(process).unwrap_or_default(),
        state,
        joined_ms: row.try_get(4)?,
        silent_ms: from_sql(row.try_get(5)?),
        quarantine_ms: from_sql(row.try_get(6)?),
        in_latest_run: row.try_get(11)?,
        parts: from_sql(row.try_get(7)?),
        rows: from_sql(row.try_get(8)?),
        elapsed_ms: from_sql(row.try_get(9)?),
    })
}

/// How long requests of the runs of the last day may take to land.
pub(super) async fn landing_ms(
    session: &DatabaseSession,
    now_ms: i64,
) -> Result<u64, PostgresError> {
    let row = session
        .query_row(
            "SELECT coalesce(max(landing_ms), 0) FROM kb.figures WHERE changed >= $1",
            &[&now_ms.saturating_sub(RECENT_MS)],
        )
        .await?;
    Ok(from_sql(row.try_get(0)?))
}

/// When creates of all runs but this one may have taken effect; of one that is shared, this one
/// too. After its last batch a worker sends for `lease` at most.
pub(super) async fn send_times(
    session: &DatabaseSession,
    (own, is_shared): (i64, bool),
    lease: Duration,
) -> Result<SendTimes, PostgresError> {
    let rows = session
        .query(
            "SELECT least(r.began, f.changed - f.elapsed_ms), f.changed, f.clock_ahead_ms,
                    f.landing_ms, r.id = $1::bigint
                FROM kb.run r JOIN kb.figures f ON f.run = r.id
                WHERE r.command <> 'rollback' AND (r.id <> $1::bigint OR $2::boolean)",
            &[&own, &is_shared],
        )
        .await?;
    let lease_ms = i64::try_from(lease.as_millis()).unwrap_or(i64::MAX);
    let mut runs = Vec::with_capacity(rows.len());
    for row in &rows {
        let (changed, lives): (i64, bool) = (row.try_get(1)?, row.try_get(4)?);
        runs.push(RunTime {
            began_ms: row.try_get(0)?,
            alive_ms: (!lives).then(|| changed.saturating_add(lease_ms)),
            clock_ahead_ms: row.try_get(2)?,
            landing_ms: from_sql(row.try_get(3)?),
        });
    }
    Ok(SendTimes::of(runs))
}

/// The latest runs, with what each worker of them did over time.
pub(super) async fn histories(session: &DatabaseSession) -> Result<Vec<RunHistory>, PostgresError> {
    let most = i64::try_from(MOST_HISTORIES).unwrap_or(i64::MAX);
    let rows = session
        .query(
            "SELECT r.command, r.began, greatest(r.changed, f.changed), r.ended, f.timeline
                FROM kb.run r JOIN kb.figures f ON f.run = r.id
                ORDER BY r.id DESC, f.worker DESC LIMIT $1",
            &[&most],
        )
        .await?;
    let mut runs = Vec::with_capacity(rows.len());
    for row in rows.iter().rev() {
        let timeline: Option<Timeline> = serde_json::from_str(row.try_get(4)?).unwrap_or_default();
        runs.push(RunHistory {
            command: row.try_get(0)?,
            began_ms: row.try_get(1)?,
            changed_ms: row.try_get(2)?,
            ended: row.try_get(3)?,
            timeline: timeline.unwrap_or_default(),
        });
    }
    Ok(runs)
}
