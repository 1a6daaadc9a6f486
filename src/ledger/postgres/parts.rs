//! Leases parts of the input of a run that is shared.

use super::lease::{bury, release_parts};
use super::postgres_error::PostgresError;
use super::session::DatabaseSession;
use crate::ledger::workers::PartAnswer;

/// Leases a part to a worker of a run: the first free one whose number is `from` or higher,
/// or else the first free one. `buries` says whether workers that are silent are taken for
/// dead first.
///
/// A part that is leased to the worker, and not among those that it `knows`, comes first: its
/// answer was lost with a connection, and no other worker would ever take it.
pub(super) async fn take(
    session: &DatabaseSession,
    (run, worker): (i64, i64),
    (from, known): (u32, &[i32]),
    buries: bool,
) -> Result<PartAnswer, PostgresError> {
    if buries {
        bury(session).await?;
        release_parts(session).await?;
    }
    let from = i32::try_from(from).unwrap_or(i32::MAX);
    let taken = session
        .query_one(
            "WITH me AS MATERIALIZED (
                    SELECT id FROM kb.worker WHERE id = $2 AND state = 'live' FOR UPDATE),
                  free AS MATERIALIZED (
                    SELECT run, no FROM kb.part
                        WHERE run = $1 AND NOT done AND CASE WHEN worker IS NULL
                            THEN coalesce(not_before <= clock_timestamp(), true)
                            ELSE worker = $2 AND no <> ALL ($4) END
                        ORDER BY worker IS NULL, no < $3, no LIMIT 1 FOR UPDATE SKIP LOCKED)
             UPDATE kb.part p SET worker = me.id FROM me, free
                WHERE p.run = free.run AND p.no = free.no RETURNING p.no",
            &[&run, &worker, &from, &known],
        )
        .await?;
    if let Some(row) = taken {
        let no: i32 = row.try_get(0)?;
        return Ok(PartAnswer::Take(u32::try_from(no).unwrap_or_default()));
    }
    let row = session
        .query_row(
            "SELECT EXISTS (SELECT FROM kb.part WHERE run = $1 AND NOT done),
                    EXISTS (SELECT FROM kb.worker WHERE id = $2 AND state = 'live'),
                    EXISTS (SELECT FROM kb.run WHERE id = $1)",
            &[&run, &worker],
        )
        .await?;
    match (row.try_get(0)?, row.try_get(1)?, row.try_get(2)?) {
        (_, false, _) => Err(PostgresError::Fenced),
        (_, true, false) => Err(PostgresError::LostCommits),
        (true, true, true) => Ok(PartAnswer::Wait),
        (false, true, true) => Ok(PartAnswer::Done),
    }
}

/// Numbers of parts for a statement.
pub(super) fn numbers(parts: impl Iterator<Item = u32>) -> Vec<i32> {
    parts.filter_map(|part| i32::try_from(part).ok()).collect()
}
