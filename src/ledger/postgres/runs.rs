//! Begins and ends runs. Workers that share a run agree on what is sent.

use super::lease::WorkerPlace;
use super::postgres_error::PostgresError;
use super::rows::{from_sql, to_sql};
use super::session::DatabaseSession;
use super::timeline::{self, OwnBatches};
use crate::ledger::workers::SharedRun;
use crate::ledger::{MOST_HISTORIES, RunStart, latencies};

/// The longest value of an option that is shown: longer ones are digests.
const LONGEST_SHOWN: usize = 40;

/// What became of an attempt to begin a run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Begun {
    /// This worker began it.
    First(i64),
    /// Another worker had begun it.
    Joined(i64),
    /// The first worker of the session has not begun it yet.
    NotYet,
    /// The first worker of the session ended before it began it, and this one may not.
    Gone,
    /// Its workers agree on something else; this is what differs, for people.
    Differs(String),
}

/// Begins a run, or joins the one that other workers of the session began. `after` is the
/// worker's last run, if it may have begun this one already by a commit whose answer was lost.
pub(super) async fn begin(
    session: &DatabaseSession,
    place: WorkerPlace,
    run: &RunStart,
    after: Option<i64>,
) -> Result<Begun, PostgresError> {
    session
        .transaction(async {
            // One at a time.
            session
                .query("SELECT FROM kb.account FOR UPDATE", &[])
                .await?;
            if let Some(shared) = &run.shared
                && let Some(joined) = join(session, place, shared).await?
            {
                if let Begun::Joined(id) = joined {
                    // Another one may have been the last to end.
                    session
                        .query("UPDATE kb.run SET ended = NULL WHERE id = $1", &[&id])
                        .await?;
                    attach(session, place, id, run.now_ms).await?;
                }
                return Ok(joined);
            }
            if let Some(after) = after
                && run.shared.is_none()
                && let Some(id) = begun(session, place).await?
                && id > after
            {
                return Ok(Begun::First(id));
            }
            fold(session).await?;
            let id = insert(session, place, run).await?;
            attach(session, place, id, run.now_ms).await?;
            Ok(Begun::First(id))
        })
        .await
}

/// The run that this worker works on.
async fn begun(
    session: &DatabaseSession,
    place: WorkerPlace,
) -> Result<Option<i64>, PostgresError> {
    let row = session
        .query_one("SELECT run FROM kb.worker WHERE id = $1", &[&place.id])
        .await?;
    Ok(row.map(|row| row.try_get(0)).transpose()?.flatten())
}

/// The session's run that is shared, also if it has ended: then nothing is left to do. `None`
/// if this worker is the one to begin it.
async fn join(
    session: &DatabaseSession,
    place: WorkerPlace,
    shared: &SharedRun,
) -> Result<Option<Begun>, PostgresError> {
    let row = session
        .query_one(
            "SELECT id, input, options FROM kb.run
                WHERE session = $1 AND options IS NOT NULL ORDER BY id DESC LIMIT 1",
            &[&place.session],
        )
        .await?;
    let Some(row) = row else {
        if !place.is_joined() {
            return Ok(None);
        }
        let first = session
            .query(
                "SELECT FROM kb.worker WHERE id = $1 AND state = 'live'
                    AND expires > clock_timestamp()",
                &[&place.session],
            )
            .await?;
        return Ok(match (first.is_empty(), shared.may_begin) {
            (false, _) => Some(Begun::NotYet),
            (true, true) => None,
            (true, false) => Some(Begun::Gone),
        });
    };
    let input: &[u8] = row.try_get(1)?;
    let options: Vec<(String, String)> = serde_json::from_str(row.try_get(2)?).unwrap_or_default();
    let mut differing = Vec::new();
    if input != shared.input {
        differing.push("the input".to_owned());
    }
    let is_other_input = !differing.is_empty();
    for (name, value) in &shared.options {
        // What is found in another input differs, too.
        if is_other_input && !name.starts_with("--") {
            continue;
        }
        let other = options.iter().find(|(other, _)| other == name);
        match other {
            Some((_, other)) if other == value => {}
            Some(_) if value.len() > LONGEST_SHOWN => differing.push(name.clone()),
            Some((_, other)) => {
                differing.push(format!("{name} ({value} here, {other} there)"));
            }
            None => differing.push(name.clone()),
        }
    }
    Ok(Some(if differing.is_empty() {
        Begun::Joined(row.try_get(0)?)
    } else {
        Begun::Differs(differing.join(", "))
    }))
}

async fn insert(
    session: &DatabaseSession,
    place: WorkerPlace,
    run: &RunStart,
) -> Result<i64, PostgresError> {
    let inputs = serde_json::Value::from(run.inputs.clone()).to_string();
    let shared = run.shared.as_ref();
    let options = shared.map(|shared| serde_json::to_string(&shared.options));
    let options = options
        .transpose()
        .map_err(|error| PostgresError::Invalid(error.to_string()))?;
    let input = shared.map(|shared| shared.input.as_slice());
    let row = session
        .query_row(
            "INSERT INTO kb.run (session, command, inputs, fit_rows, began, changed, input, options)
                VALUES ($1, $2, $3, $4, $5, $5, $6, $7) RETURNING id",
            &[
                &place.session,
                &run.command,
                &inputs,
                &to_sql(run.fit_rows),
                &run.now_ms,
                &input,
                &options,
            ],
        )
        .await?;
    let id: i64 = row.try_get(0)?;
    if let Some(shared) = shared {
        let last = i64::from(shared.parts()) - 1;
        session
            .query(
                "INSERT INTO kb.part (run, no) SELECT $1::bigint, no::integer
                    FROM generate_series(0::bigint, $2::bigint) no",
                &[&id, &last],
            )
            .await?;
        // Those of earlier runs are of no use.
        session
            .query("DELETE FROM kb.part WHERE run < $1", &[&id])
            .await?;
    }
    Ok(id)
}

/// Lets a worker work on a run.
async fn attach(
    session: &DatabaseSession,
    place: WorkerPlace,
    run: i64,
    now_ms: i64,
) -> Result<(), PostgresError> {
    let found = session
        .query(
            "UPDATE kb.worker SET run = $2 WHERE id = $1 AND state = 'live' RETURNING id",
            &[&place.id, &run],
        )
        .await?;
    if found.is_empty() {
        return Err(PostgresError::Fenced);
    }
    session
        .query(
            "INSERT INTO kb.figures (run, worker, changed) VALUES ($1, $2, $3)
                ON CONFLICT (run, worker) DO NOTHING",
            &[&run, &place.id, &now_ms],
        )
        .await?;
    Ok(())
}

/// Ends a run for a worker, and for all if no other one works on it. Fails if the worker was
/// taken for dead, or if a batch of it is gone: what it would tell of the run is not so.
pub(super) async fn end(
    session: &DatabaseSession,
    (run, own): (i64, OwnBatches),
    how: &str,
    now_ms: i64,
) -> Result<(), PostgresError> {
    session
        .transaction(async {
            // Two that end at once: the second one finds that the first has ended.
            session
                .query("SELECT FROM kb.account FOR UPDATE", &[])
                .await?;
            if let Some(refusal) = timeline::refusal(session, own).await? {
                return Err(refusal);
            }
            let (worker, _) = own.worker;
            session
                .query("UPDATE kb.worker SET run = NULL WHERE id = $1", &[&worker])
                .await?;
            session
                .query(
                    "UPDATE kb.run SET ended = $2, changed = $3
                        WHERE id = $1 AND NOT EXISTS (
                            SELECT FROM kb.worker w WHERE w.run = $1 AND w.state = 'live'
                                AND w.expires > clock_timestamp())",
                    &[&run, &how, &now_ms],
                )
                .await?;
            session
                .query(
                    "UPDATE kb.figures SET changed = $3 WHERE run = $1 AND worker = $2",
                    &[&run, &worker, &now_ms],
                )
                .await?;
            session
                .query(
                    "UPDATE kb.part SET worker = NULL WHERE run = $1 AND worker = $2 AND NOT done",
                    &[&run, &worker],
                )
                .await?;
            Ok(())
        })
        .await
}

/// Stops a run for all of its workers. The first reason counts.
pub(super) async fn stop(
    session: &DatabaseSession,
    run: i64,
    reason: &str,
) -> Result<(), PostgresError> {
    session
        .query(
            "UPDATE kb.run SET stop = coalesce(stop, $2) WHERE id = $1",
            &[&run, &reason],
        )
        .await?;
    Ok(())
}

/// The number of the next new claim.
pub(super) async fn next_id(session: &DatabaseSession) -> Result<u64, PostgresError> {
    let row = session
        .query_row("SELECT coalesce(max(id), 0) + 1 FROM kb.customer", &[])
        .await?;
    Ok(from_sql(row.try_get(0)?))
}

/// Keeps the figures small: a checkpoint may see a run every night for years. The latencies
/// of earlier runs are folded into one list, and what they did over time is kept of the
/// latest ones.
async fn fold(session: &DatabaseSession) -> Result<(), PostgresError> {
    let lists = session
        .query(
            "SELECT run, worker, latencies FROM kb.figures WHERE latencies <> '[]'
                ORDER BY run, worker",
            &[],
        )
        .await?;
    if let Some(latest) = lists
        .last()
        .filter(|_| lists.len() >= latencies::MOST_LISTS)
    {
        let texts: Vec<&str> = lists
            .iter()
            .map(|row| row.try_get(2))
            .collect::<Result<_, _>>()?;
        let all =
            latencies::folded(texts).map_err(|error| PostgresError::Invalid(error.to_string()))?;
        let (run, worker): (i64, i64) = (latest.try_get(0)?, latest.try_get(1)?);
        session
            .query(
                "UPDATE kb.figures SET latencies =
                        CASE WHEN run = $1 AND worker = $2 THEN $3 ELSE '[]' END
                    WHERE latencies <> '[]'",
                &[&run, &worker, &all],
            )
            .await?;
    }
    let kept = i64::try_from(MOST_HISTORIES - 1).unwrap_or(i64::MAX);
    session
        .query(
            "UPDATE kb.figures SET timeline = 'null' WHERE timeline <> 'null'
                AND run NOT IN (SELECT id FROM kb.run ORDER BY id DESC LIMIT $1)",
            &[&kept],
        )
        .await?;
    Ok(())
}
