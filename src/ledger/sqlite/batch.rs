//! Writes a batch to the SQLite file: claims, settlements, a run's figures.

use rusqlite::{CachedStatement, Connection, params};

use crate::domain::outcome::Outcome;
use crate::ledger::claim_state::to_sql;
use crate::ledger::{Batch, RunFigures, Settlement};

/// Writes `batch` of this run in one transaction. `is_moved` is whether the WAL is
/// moved into the file afterwards, which is recorded with it.
pub(super) fn write(
    db: &Connection,
    run: i64,
    batch: &Batch,
    is_moved: bool,
) -> rusqlite::Result<()> {
    let transaction = db.unchecked_transaction()?;
    write_settlements(db, &batch.settlements, batch.now_ms)?;
    write_claims(db, run, batch)?;
    write_figures(db, run, &batch.figures, batch.now_ms)?;
    let mut tell = db.prepare_cached("UPDATE run SET log = ?2 WHERE id = ?1")?;
    tell.execute(params![run, is_moved])?;
    transaction.commit()
}

fn write_claims(db: &Connection, run: i64, batch: &Batch) -> rusqlite::Result<()> {
    // A claim in doubt keeps its time and its run: the earlier claim may have been
    // sent, and have created what a look-up finds. If it is of an edited row, what was sent
    // is no longer known.
    let mut insert = db.prepare_cached(
        "INSERT INTO customer (id, client_id, digest, run, claimed, claimed_by, doubt)
            VALUES (?1, ?2, ?3, ?4, ?5, ?6, 1)
         ON CONFLICT (id) DO UPDATE SET
            digest = CASE
                WHEN digest = excluded.digest OR outcome NOT IN ('pending', 'failed') THEN digest
                WHEN doubt OR outcome = 'failed' THEN zeroblob(16)
                ELSE excluded.digest END,
            run = iif(doubt, run, excluded.run),
            claimed = iif(doubt, claimed, excluded.claimed),
            claimed_by = iif(doubt, claimed_by, excluded.claimed_by),
            doubt = 1, orphan = 0
         WHERE client_id = excluded.client_id",
    )?;
    for claim in &batch.claims {
        let written = insert.execute(params![
            to_sql(claim.id),
            claim.client_id,
            claim.digest,
            run,
            batch.now_ms,
            batch.claimed_by,
        ])?;
        // The number belongs to another customer: the whole batch fails.
        if written != 1 {
            return Err(rusqlite::Error::StatementChangedRows(written));
        }
    }
    Ok(())
}

fn write_settlements(
    db: &Connection,
    settlements: &[Settlement],
    now_ms: i64,
) -> rusqlite::Result<()> {
    // Prepared once: finding it in the cache costs a tenth of a settlement.
    let mut settle_claim = db.prepare_cached(SETTLE)?;
    for settled in settlements {
        match settled.outcome {
            Outcome::Pending => release(db, settled, now_ms)?,
            Outcome::Unresolved => leave_in_doubt(db, settled, now_ms)?,
            Outcome::Created
            | Outcome::AlreadyExisted
            | Outcome::Updated
            | Outcome::Unchanged
            | Outcome::Deleted
            | Outcome::Differs
            | Outcome::Missing
            | Outcome::Failed => settle(&mut settle_claim, settled, now_ms)?,
        }
    }
    Ok(())
}

/// Settles a claim. Parameter 15 is whether the customer was deleted, and 16 whether this
/// outcome alone says if its keys were lost. `customer_id <> ?5` is not true, but null, where
/// one of the ids is not known.
const SETTLE: &str = "UPDATE customer SET outcome = ?2,
        ours = iif(?15, 0, iif(customer_id <> ?5, ?3, max(ours, ?3))),
        created = iif(?15, NULL, coalesce(iif(customer_id <> ?5, NULL, created), iif(?3, ?10, NULL))),
        keys_lost = iif(?16, ?4, max(keys_lost, ?4)),
        modified = iif(?15, NULL, coalesce(?13, iif(customer_id <> ?5, NULL, modified))),
        differing = ?14,
        customer_id = coalesce(?5, customer_id), request_id = coalesce(?6, request_id),
        attempts = attempts + ?7, status = ?8, message = ?9, settled = ?10, digest = ?11,
        doubt = 0, orphan = ?12
     WHERE id = ?1";

fn settle(
    update: &mut CachedStatement<'_>,
    settled: &Settlement,
    now_ms: i64,
) -> rusqlite::Result<()> {
    let is_deleted = settled.outcome == Outcome::Deleted;
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
        settled.orphan,
        settled.modified,
        settled.differing,
        is_deleted,
        is_deleted || settled.outcome == Outcome::Created,
    ])?;
    Ok(())
}

/// Releases a claim: the row is as before the claim, and `pending` only if it had no
/// outcome.
fn release(db: &Connection, settled: &Settlement, now_ms: i64) -> rusqlite::Result<()> {
    let mut update = db.prepare_cached(
        "UPDATE customer SET doubt = 0, orphan = ?7,
            outcome = coalesce(outcome, 'pending'),
            attempts = attempts + ?2,
            request_id = iif(coalesce(outcome, 'pending') = 'pending', coalesce(?3, request_id), request_id),
            status = iif(coalesce(outcome, 'pending') = 'pending', ?4, status),
            message = iif(coalesce(outcome, 'pending') = 'pending', ?5, message),
            settled = iif(coalesce(outcome, 'pending') = 'pending', ?6, settled)
         WHERE id = ?1",
    )?;
    update.execute(params![
        to_sql(settled.id),
        settled.attempts,
        settled.request_id,
        settled.status,
        settled.message,
        now_ms,
        settled.orphan,
    ])?;
    Ok(())
}

/// Keeps a claim in doubt, with its last outcome. What was known of another customer than the
/// one that is there now is not true of that.
fn leave_in_doubt(db: &Connection, settled: &Settlement, now_ms: i64) -> rusqlite::Result<()> {
    let mut update = db.prepare_cached(
        "UPDATE customer SET doubt = 1, orphan = ?8,
            ours = iif(customer_id <> ?3, ?10, ours),
            created = iif(customer_id <> ?3, iif(?10, ?11, NULL), created),
            keys_lost = max(keys_lost, ?2),
            customer_id = coalesce(?3, customer_id), request_id = coalesce(?4, request_id),
            attempts = attempts + ?5, status = ?6, message = ?7,
            modified = coalesce(?9, iif(customer_id <> ?3, NULL, modified))
         WHERE id = ?1",
    )?;
    update.execute(params![
        to_sql(settled.id),
        settled.keys_lost,
        settled.customer_id,
        settled.request_id,
        settled.attempts,
        settled.status,
        settled.message,
        settled.orphan,
        settled.modified,
        settled.ours,
        now_ms,
    ])?;
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
    let timeline = figures.timeline.as_ref().map(serde_json::to_string);
    let timeline = timeline.transpose().map_err(unwritable)?;
    let requests = figures.requests;
    let mut update = db.prepare_cached(
        "UPDATE run SET changed = ?2, elapsed_ms = ?3, sent = ?4, retried = ?5, throttled = ?6,
                lookups = ?7, latencies = coalesce(?8, latencies), clock_ahead_ms = ?9, pacing = ?10,
                landing_ms = ?11, timeline = coalesce(?12, timeline) WHERE id = ?1",
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
        to_sql(figures.landing_ms),
        timeline,
    ])?;
    // Every batch updates its run, so a batch without a run fails here.
    if written != 1 {
        return Err(rusqlite::Error::StatementChangedRows(written));
    }
    Ok(())
}
