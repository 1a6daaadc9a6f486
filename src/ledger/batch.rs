//! A batch → the SQLite file: claims, settlements, a run's figures.

use rusqlite::{Connection, params};

use super::records::to_sql;
use super::{Batch, Claim, RunFigures, Settlement};

/// Writes `batch` of the run with this number, all of it or nothing.
pub(super) fn write(db: &Connection, run: i64, batch: &Batch) -> rusqlite::Result<()> {
    let transaction = db.unchecked_transaction()?;
    write_settlements(db, &batch.settlements, batch.now_ms)?;
    write_claims(db, run, &batch.claims, batch.now_ms)?;
    write_figures(db, run, &batch.figures, batch.now_ms)?;
    transaction.commit()
}

fn write_claims(db: &Connection, run: i64, claims: &[Claim], now_ms: i64) -> rusqlite::Result<()> {
    // A claim in doubt keeps its time and its run: that one may have been
    // sent, and what Kable created since then may be its doing.
    let mut insert = db.prepare_cached(
        "INSERT INTO customer (id, client_id, digest, run, claimed) VALUES (?1, ?2, ?3, ?4, ?5)
             ON CONFLICT (id) DO UPDATE SET
                digest = excluded.digest,
                run = iif(outcome IS NULL OR outcome = 'unresolved', run, excluded.run),
                claimed = iif(outcome IS NULL OR outcome = 'unresolved', claimed, excluded.claimed),
                outcome = NULL, settled = NULL",
    )?;
    for claim in claims {
        insert.execute(params![
            to_sql(claim.id),
            claim.client_id,
            claim.digest,
            run,
            now_ms
        ])?;
    }
    Ok(())
}

fn write_settlements(
    db: &Connection,
    settlements: &[Settlement],
    now_ms: i64,
) -> rusqlite::Result<()> {
    let mut update = db.prepare_cached(
        "UPDATE customer SET outcome = ?2, ours = max(ours, ?3),
            keys_lost = iif(?2 = 'created', ?4, max(keys_lost, ?4)),
            customer_id = coalesce(?5, customer_id), request_id = coalesce(?6, request_id),
            attempts = attempts + ?7, status = ?8, message = ?9, settled = ?10, digest = ?11
         WHERE id = ?1",
    )?;
    for settled in settlements {
        update.execute(params![
            to_sql(settled.id),
            settled.outcome.name(),
            settled.ours,
            settled.keys_lost,
            settled.customer_id,
            settled.request_id,
            settled.attempts,
            settled.status,
            settled.message,
            now_ms,
            settled.digest,
        ])?;
    }
    Ok(())
}

fn write_figures(
    db: &Connection,
    run: i64,
    figures: &RunFigures,
    now_ms: i64,
) -> rusqlite::Result<()> {
    let unwritable = |error| rusqlite::Error::ToSqlConversionFailure(Box::new(error));
    let latencies = match figures.latencies.as_slice() {
        [] => None,
        pairs => Some(serde_json::to_string(pairs).map_err(unwritable)?),
    };
    let pacing = serde_json::to_string(&figures.pacing).map_err(unwritable)?;
    let requests = figures.requests;
    let mut update = db.prepare_cached(
        "UPDATE run SET changed = ?2, elapsed_ms = ?3, sent = ?4, retried = ?5, throttled = ?6,
                lookups = ?7, latencies = coalesce(?8, latencies), clock_ahead_ms = ?9, pacing = ?10 WHERE id = ?1",
    )?;
    let written = update.execute(params![
        run,
        now_ms,
        to_sql(figures.elapsed_ms),
        to_sql(requests.sent),
        to_sql(requests.retried),
        to_sql(requests.throttled),
        to_sql(requests.lookups),
        latencies,
        figures.clock_ahead_ms,
        pacing,
    ])?;
    // Every batch has figures, so that no claim is written for a run that isn't
    // there.
    if written != 1 {
        return Err(rusqlite::Error::StatementChangedRows(written));
    }
    Ok(())
}
