//! Finds out whether the server's history is the one that the checkpoint was written to.
//!
//! A standby that takes over, and a backup that is restored, may lack commits that were
//! acknowledged, and begin a new timeline of the write-ahead log (PostgreSQL's manual, 26.3.6
//! "Timelines"). Of claims that are gone a request may be under way, and its customer there:
//! a while no claim is granted, and then each row is looked up before it is sent.

use std::time::Duration;

use tokio_postgres::error::SqlState;

use super::lease::micros;
use super::postgres_error::PostgresError;
use super::session::DatabaseSession;

/// What people are told.
pub(super) const MAY_LACK: &str = "a standby took the checkpoint's database over, or it was \
    restored, and the latest customers may be missing there: from now on each row is looked up \
    before it is created";

/// What to do where the timeline is another one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct TimelineGuard {
    /// Whether claims of other workers may be gone.
    pub(super) others_wrote: bool,
    /// The lease of a worker, and how long after it a request may live. Workers that are known
    /// may have longer ones; those that are not have the same, if they share a run.
    pub(super) requests_live: Duration,
    /// What must be there of this worker, once it is registered: if it is not, claims are gone.
    pub(super) own: Option<OwnBatches>,
}

/// What was acknowledged to a worker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct OwnBatches {
    /// Its number, and its random number.
    pub(super) worker: (i64, i64),
    /// The number of its last batch.
    pub(super) acknowledged: i64,
}

/// Compares the server's timeline with the last one that a worker noted, and notes it.
/// Returns whether commits may be gone, which no other worker had noted.
///
/// It is done on every connection before a worker writes on it: none writes to a server that
/// has taken over before it knows. Whether claims are gone is found out by the same statement:
/// if the process were killed in between, later runs would see the new timeline only.
pub(super) async fn note(
    session: &DatabaseSession,
    guard: TimelineGuard,
) -> Result<bool, PostgresError> {
    let current = current(session).await?;
    let own = guard.own.map(|own| (own.worker, own.acknowledged));
    let (id, nonce) = own.unwrap_or_default().0;
    // On a standby it fails, as all that a worker writes does.
    let noted = session
        .query_one(
            "UPDATE kb.account SET timeline = $1, gaps = gaps OR lacks,
                    claims_after = CASE WHEN lacks
                        THEN clock_timestamp() + greatest($3 * interval '1 microsecond',
                            (SELECT max(expires - beat + quarantine) FROM kb.worker
                                WHERE state = 'live'))
                        ELSE claims_after END
                FROM (SELECT $2 OR NOT EXISTS (SELECT FROM kb.worker
                    WHERE id = $4 AND nonce = $5 AND batch >= $6)) AS found (lacks)
                WHERE timeline <> $1 RETURNING lacks",
            &[
                &current,
                &guard.others_wrote,
                &micros(guard.requests_live),
                &id,
                &nonce,
                &own.unwrap_or_default().1,
            ],
        )
        .await?;
    noted.map_or(Ok(false), |row| Ok(row.try_get(0)?))
}

/// Fails if a worker was taken for dead, or if what was acknowledged to it is gone. That is
/// noted, for a dump that was restored begins no timeline.
pub(super) async fn ensure_own(
    session: &DatabaseSession,
    own: OwnBatches,
    requests_live: Duration,
) -> Result<(), PostgresError> {
    let refusal = refusal(session, own).await?;
    if matches!(refusal, Some(PostgresError::LostCommits)) {
        note_gaps(session, requests_live).await?;
    }
    refusal.map_or(Ok(()), Err)
}

/// Why a worker may write nothing more, if it may not.
pub(super) async fn refusal(
    session: &DatabaseSession,
    own: OwnBatches,
) -> Result<Option<PostgresError>, PostgresError> {
    let (id, nonce) = own.worker;
    // Locked, so that a standby that lags refuses to answer.
    let row = session
        .query_one(
            "SELECT state = 'live', batch >= $3 FROM kb.worker
                WHERE id = $1 AND nonce = $2 FOR UPDATE",
            &[&id, &nonce, &own.acknowledged],
        )
        .await?;
    let Some(row) = row else {
        return Ok(Some(PostgresError::LostCommits));
    };
    Ok(match (row.try_get(0)?, row.try_get(1)?) {
        (_, false) => Some(PostgresError::LostCommits),
        (false, true) => Some(PostgresError::Fenced),
        (true, true) => None,
    })
}

/// The server's timeline; `None` of a standby, and of a service that has none.
pub(super) async fn current(session: &DatabaseSession) -> Result<Option<i64>, PostgresError> {
    let told = session
        .query_row(
            "SELECT CASE WHEN NOT pg_is_in_recovery() THEN ('x' || lpad(left(pg_walfile_name(
                pg_current_wal_insert_lsn()), 8), 16, '0'))::bit(64)::bigint END",
            &[],
        )
        .await;
    match told {
        Ok(row) => Ok(row.try_get(0)?),
        // Services that speak PostgreSQL's protocol, and keep their log another way.
        Err(PostgresError::Database(error)) if has_no_timeline(error.code()) => Ok(None),
        Err(error) => Err(error),
    }
}

/// Notes that claims are gone of which requests may live for so long.
pub(super) async fn note_gaps(
    session: &DatabaseSession,
    requests_live: Duration,
) -> Result<(), PostgresError> {
    session
        .query(
            "UPDATE kb.account SET gaps = true, claims_after = greatest(claims_after,
                clock_timestamp() + greatest($1 * interval '1 microsecond',
                    (SELECT max(expires - beat + quarantine) FROM kb.worker
                        WHERE state = 'live')))",
            &[&micros(requests_live)],
        )
        .await?;
    Ok(())
}

fn has_no_timeline(code: Option<&SqlState>) -> bool {
    [
        SqlState::UNDEFINED_FUNCTION,
        SqlState::FEATURE_NOT_SUPPORTED,
        SqlState::INSUFFICIENT_PRIVILEGE,
    ]
    .iter()
    .any(|known| Some(known) == code)
}
