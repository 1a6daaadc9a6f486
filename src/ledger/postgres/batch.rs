//! Writes a batch: settlements, claims, a run's figures, in one transaction of a few
//! statements however many rows it has.

use tokio_postgres::Row;

use super::lease::micros;
use super::parts::numbers;
use super::postgres_error::PostgresError;
use super::rows::{from_sql, text, to_sql};
use super::session::DatabaseSession;
use super::timeline::{self, OwnBatches};
use crate::domain::customer::{Fingerprint, fingerprint};
use crate::ledger::workers::ClaimAnswer;
use crate::ledger::{Batch, Claim, RunFigures, Settlement};

/// Who writes, in which run.
#[derive(Debug, Clone, Copy)]
pub(super) struct BatchWriter {
    pub(super) worker: i64,
    /// The worker's random number.
    pub(super) nonce: i64,
    pub(super) run: i64,
    /// Whether other workers write in the same run.
    pub(super) shares: bool,
    /// The last run before the worker's session.
    pub(super) runs_before: i64,
    pub(super) lease: std::time::Duration,
    /// The batch's number: one more than that of the worker's last one.
    pub(super) number: i64,
}

/// Writes `batch`. `is_again` says that it may have been written already.
pub(super) async fn write(
    session: &DatabaseSession,
    writer: BatchWriter,
    batch: &Batch,
    is_again: bool,
) -> Result<Vec<(u64, ClaimAnswer)>, PostgresError> {
    let keys = keys_of(&batch.claims);
    if is_again && was_written(session, writer).await? {
        return answers(session, writer, &batch.claims, &keys).await;
    }
    session
        .transaction(async {
            fence(session, writer).await?;
            settle(session, writer, &batch.settlements, batch.now_ms).await?;
            claim(session, writer, batch, &keys).await?;
            end_parts(session, writer, batch).await?;
            write_figures(session, writer, batch).await?;
            answers(session, writer, &batch.claims, &keys).await
        })
        .await
}

/// Whether the batch was written by a commit whose answer was lost. Fails if a batch is gone
/// that was acknowledged.
async fn was_written(
    session: &DatabaseSession,
    writer: BatchWriter,
) -> Result<bool, PostgresError> {
    // Locked, so that a standby that lags refuses to answer.
    let row = session
        .query_one(
            "SELECT batch FROM kb.worker WHERE id = $1 AND nonce = $2 FOR UPDATE",
            &[&writer.worker, &writer.nonce],
        )
        .await?;
    let last: i64 = row.ok_or(PostgresError::LostCommits)?.try_get(0)?;
    if last < writer.number - 1 {
        return Err(PostgresError::LostCommits);
    }
    Ok(last >= writer.number)
}

/// Finds the worker alive, and keeps it so until the end of the transaction. Fails if its
/// last batch is gone.
async fn fence(session: &DatabaseSession, writer: BatchWriter) -> Result<(), PostgresError> {
    let row = session
        .query_one(
            "UPDATE kb.worker SET batch = $2, run = $3, beat = clock_timestamp(),
                    expires = clock_timestamp() + $4 * interval '1 microsecond'
                WHERE id = $1 AND nonce = $5 AND state = 'live' AND batch + 1 >= $2
                RETURNING id",
            &[
                &writer.worker,
                &writer.number,
                &writer.run,
                &micros(writer.lease),
                &writer.nonce,
            ],
        )
        .await?;
    if row.is_some() {
        return Ok(());
    }
    let own = OwnBatches {
        worker: (writer.worker, writer.nonce),
        acknowledged: writer.number - 1,
    };
    let refusal = timeline::refusal(session, own).await?;
    Err(refusal.unwrap_or(PostgresError::LostCommits))
}

fn keys_of(claims: &[Claim]) -> Vec<Fingerprint> {
    claims
        .iter()
        .map(|claim| fingerprint(&claim.client_id))
        .collect()
}

/// Claims rows, except those that another worker holds and, in a run that is shared, those
/// that one of its workers has settled; none for a while after a standby took over. Where
/// claims may be gone, each row counts as one that may have been sent.
async fn claim(
    session: &DatabaseSession,
    writer: BatchWriter,
    batch: &Batch,
    keys: &[Fingerprint],
) -> Result<(), PostgresError> {
    if batch.claims.is_empty() {
        return Ok(());
    }
    let mut claims: Vec<(&Fingerprint, &Claim)> = keys.iter().zip(&batch.claims).collect();
    // In one order for all workers: two that claim the same rows wait for each other, and
    // not each for the other.
    claims.sort_unstable_by_key(|(key, _)| **key);
    let keys: Vec<&[u8]> = claims.iter().map(|(key, _)| key.as_slice()).collect();
    let ids: Vec<i64> = claims.iter().map(|(_, claim)| to_sql(claim.id)).collect();
    let names: Vec<&str> = claims
        .iter()
        .map(|(_, claim)| claim.client_id.as_str())
        .collect();
    let digests: Vec<&[u8]> = claims
        .iter()
        .map(|(_, claim)| claim.digest.as_slice())
        .collect();
    let claimed = session
        .query(
            include_str!("claim.sql"),
            &[
                &keys,
                &ids,
                &names,
                &digests,
                &writer.run,
                &writer.worker,
                &batch.now_ms,
                &batch.claimed_by,
                &writer.shares,
                &writer.runs_before,
            ],
        )
        .await?;
    if claimed.len() < claims.len() {
        ensure_no_other_customers(session, &keys, &ids).await?;
    }
    Ok(())
}

/// Fails if a claim's key or number is another customer's.
async fn ensure_no_other_customers(
    session: &DatabaseSession,
    keys: &[&[u8]],
    ids: &[i64],
) -> Result<(), PostgresError> {
    let others = session
        .query(
            "SELECT FROM unnest($1::bytea[], $2::bigint[]) AS t (key, id)
                LEFT JOIN kb.customer k ON k.key = t.key
                LEFT JOIN kb.customer i ON i.id = t.id
                WHERE k.id <> t.id OR i.key <> t.key LIMIT 1",
            &[&keys, &ids],
        )
        .await?;
    if others.is_empty() {
        Ok(())
    } else {
        Err(PostgresError::OtherCustomer)
    }
}

/// What is to be said of claims as they stand now. Asked again it says the same.
async fn answers(
    session: &DatabaseSession,
    writer: BatchWriter,
    claims: &[Claim],
    keys: &[Fingerprint],
) -> Result<Vec<(u64, ClaimAnswer)>, PostgresError> {
    if claims.is_empty() {
        return Ok(Vec::new());
    }
    let keys: Vec<&[u8]> = keys.iter().map(<[u8; 16]>::as_slice).collect();
    let ids: Vec<i64> = claims.iter().map(|claim| to_sql(claim.id)).collect();
    // A claim that is not there was not granted, and is asked for again, as one that is open
    // and was not settled in this session: no claim was granted then.
    let rows = session
        .query(
            "SELECT t.id, coalesce(c.worker = $3 AND c.doubt <> 0, false), coalesce(c.doubt, 1::smallint),
                    c.claimed_by, $4::boolean AND coalesce(c.settled_run, 0) > $5::bigint
                FROM unnest($1::bytea[], $2::bigint[]) AS t (key, id)
                LEFT JOIN kb.customer c ON c.key = t.key
                WHERE c.key IS NULL OR c.worker <> $3 OR c.doubt <> 1",
            &[
                &keys,
                &ids,
                &writer.worker,
                &writer.shares,
                &writer.runs_before,
            ],
        )
        .await?;
    rows.iter().map(answer).collect()
}

fn answer(row: &Row) -> Result<(u64, ClaimAnswer), PostgresError> {
    let id = from_sql(row.try_get(0)?);
    let is_held: bool = row.try_get(1)?;
    let doubt: i16 = row.try_get(2)?;
    let is_settled: bool = row.try_get(4)?;
    let answer = match (is_held, doubt) {
        (true, _) => ClaimAnswer::InDoubt {
            claimed_by: row.try_get(3)?,
        },
        (false, 0) if is_settled => ClaimAnswer::Settled,
        (false, _) => ClaimAnswer::Held,
    };
    Ok((id, answer))
}

async fn settle(
    session: &DatabaseSession,
    writer: BatchWriter,
    settlements: &[Settlement],
    now_ms: i64,
) -> Result<(), PostgresError> {
    if settlements.is_empty() {
        return Ok(());
    }
    let mut sorted: Vec<&Settlement> = settlements.iter().collect();
    sorted.sort_unstable_by_key(|settled| settled.id);
    let all = |get: fn(&Settlement) -> bool| -> Vec<bool> {
        sorted.iter().map(|settled| get(settled)).collect()
    };
    let texts = |get: fn(&Settlement) -> &Option<String>| -> Vec<Option<String>> {
        sorted
            .iter()
            .map(|settled| text(get(settled).as_deref()))
            .collect()
    };
    let ids: Vec<i64> = sorted.iter().map(|settled| to_sql(settled.id)).collect();
    let outcomes: Vec<&str> = sorted
        .iter()
        .map(|settled| settled.outcome.name())
        .collect();
    let digests: Vec<&[u8]> = sorted.iter().map(|s| s.digest.as_slice()).collect();
    let attempts: Vec<i64> = sorted.iter().map(|s| i64::from(s.attempts)).collect();
    let statuses: Vec<Option<i32>> = sorted.iter().map(|s| s.status.map(i32::from)).collect();
    let modified: Vec<Option<i64>> = sorted.iter().map(|settled| settled.modified).collect();
    session
        .query(
            include_str!("settle.sql"),
            &[
                &ids,
                &outcomes,
                &digests,
                &all(|settled| settled.ours),
                &all(|settled| settled.orphan),
                &all(|settled| settled.keys_lost),
                &texts(|settled| &settled.customer_id),
                &texts(|settled| &settled.request_id),
                &attempts,
                &statuses,
                &texts(|settled| &settled.message),
                &modified,
                &texts(|settled| &settled.differing),
                &now_ms,
                &writer.run,
                &writer.worker,
            ],
        )
        .await?;
    Ok(())
}

/// Marks parts as done, and gives back those of which other workers hold rows, so that another
/// worker looks at them a while later.
async fn end_parts(
    session: &DatabaseSession,
    writer: BatchWriter,
    batch: &Batch,
) -> Result<(), PostgresError> {
    let done = "UPDATE kb.part SET done = true WHERE run = $1 AND worker = $2 AND no = ANY ($3)";
    let returned =
        "UPDATE kb.part SET worker = NULL, not_before = clock_timestamp() + interval '5 s'
        WHERE run = $1 AND worker = $2 AND no = ANY ($3)";
    for (sql, parts) in [
        (done, &batch.finished_parts),
        (returned, &batch.returned_parts),
    ] {
        if !parts.is_empty() {
            let parts = numbers(parts.iter().copied());
            session
                .query(sql, &[&writer.run, &writer.worker, &parts])
                .await?;
        }
    }
    Ok(())
}

async fn write_figures(
    session: &DatabaseSession,
    writer: BatchWriter,
    batch: &Batch,
) -> Result<(), PostgresError> {
    let figures = &batch.figures;
    let latencies = match figures.latencies.as_slice() {
        [] => None,
        pairs => Some(json(&pairs)?),
    };
    let timeline = figures.timeline.as_ref().map(json).transpose()?;
    let total = figures
        .timeline
        .as_ref()
        .map(crate::domain::timeline::Timeline::total)
        .unwrap_or_default();
    let RunFigures {
        elapsed_ms,
        requests,
        ..
    } = figures;
    let written = session
        .query(
            "UPDATE kb.figures SET changed = $3, elapsed_ms = $4, sent = $5, retried = $6,
                    throttled = $7, lookups = $8, latencies = coalesce($9, latencies),
                    clock_ahead_ms = $10, pacing = $11, landing_ms = $12,
                    timeline = coalesce($13, timeline), settled = $14, failed = $15
                WHERE run = $1 AND worker = $2 RETURNING run",
            &[
                &writer.run,
                &writer.worker,
                &batch.now_ms,
                &to_sql(*elapsed_ms),
                &to_sql(requests.sent),
                &to_sql(requests.retried),
                &to_sql(requests.throttled),
                &to_sql(requests.lookups),
                &latencies,
                &figures.clock_ahead_ms,
                &json(&figures.pacing)?,
                &to_sql(figures.landing_ms),
                &timeline,
                &to_sql(total.rows()),
                &to_sql(total.failed),
            ],
        )
        .await?;
    // Every batch updates its run, so a batch without a run fails here.
    match written.len() {
        1 => Ok(()),
        _ => Err(PostgresError::Invalid("no run has begun".to_owned())),
    }
}

fn json(value: &impl serde::Serialize) -> Result<String, PostgresError> {
    serde_json::to_string(value).map_err(|error| PostgresError::Invalid(error.to_string()))
}
