//! A worker's row: how it comes to hold a lease, keeps it and loses it.
//!
//! Leases are kept on the database's clock. To take a worker for dead and to write in its name
//! lock the same row, so that only one of them succeeds.

use std::time::Duration;

use super::postgres_error::PostgresError;
use super::session::DatabaseSession;

/// A worker that is to be registered.
#[derive(Debug, Clone)]
pub(super) struct NewWorker {
    /// Whether other workers may join its session, and it theirs.
    pub(super) shares: bool,
    pub(super) host: String,
    pub(super) process: u32,
    pub(super) lease: Duration,
    /// How long a request of it may live after its lease has ended.
    pub(super) quarantine: Duration,
    /// A random number, by which it finds out whether it was registered by a commit whose
    /// answer was lost.
    pub(super) nonce: i64,
}

/// What became of an attempt to register a worker.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Registration {
    /// It is registered.
    Registered(WorkerPlace),
    /// Another worker is alive, and is not one to join.
    Busy {
        /// Who it is, for people.
        holder: String,
        /// How often it was heard from.
        beat_us: i64,
        /// How long until its lease ends, if it is not heard from again.
        ends_in: Duration,
    },
    /// Requests of dead workers may be under way for so long.
    Quarantine(Duration),
}

/// A registered worker, and its session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct WorkerPlace {
    /// Its number: the fencing token.
    pub(super) id: i64,
    /// Its random number: a server that took over may give a number again of which it lacks
    /// the worker.
    pub(super) nonce: i64,
    /// The first worker of its session.
    pub(super) session: i64,
    /// The first claim that its session may have made.
    pub(super) first_id: i64,
    /// The last run before its session.
    pub(super) runs: i64,
}

impl WorkerPlace {
    /// Whether another worker began the session.
    pub(super) fn is_joined(&self) -> bool {
        self.session != self.id
    }
}

/// Takes workers for dead whose leases have ended. After a restart of the server all of them
/// have the time of a lease to come back.
pub(super) async fn bury(session: &DatabaseSession) -> Result<(), PostgresError> {
    follow_clock(session).await?;
    session
        .query(
            "UPDATE kb.worker SET state = 'dead', gone = clock_timestamp()
                WHERE state = 'live' AND expires < clock_timestamp()
                    AND (pg_postmaster_start_time() + (expires - beat) < clock_timestamp()
                        OR pg_postmaster_start_time() > clock_timestamp())",
            &[],
        )
        .await?;
    Ok(())
}

/// Brings times of workers forward that lie ahead because the clock was set back: what would
/// end then ends as much later as if it had begun now.
async fn follow_clock(session: &DatabaseSession) -> Result<(), PostgresError> {
    session
        .query(
            "UPDATE kb.worker SET beat = least(beat, clock_timestamp()),
                    expires = least(expires, clock_timestamp() + (expires - beat)),
                    gone = least(gone, clock_timestamp())
                WHERE state <> 'left' AND greatest(beat, gone) > clock_timestamp()",
            &[],
        )
        .await?;
    session
        .query(
            "UPDATE kb.account SET claims_after = clock_timestamp() + live.longest
                FROM (SELECT max(expires - beat + quarantine) FROM kb.worker) AS live (longest)
                WHERE claims_after > clock_timestamp() + live.longest",
            &[],
        )
        .await?;
    Ok(())
}

/// Registers `worker`: the first one begins a session, others join it if they may. `is_again`
/// says that it may have been registered already.
pub(super) async fn register(
    session: &DatabaseSession,
    worker: &NewWorker,
    is_again: bool,
) -> Result<Registration, PostgresError> {
    session
        .transaction(async {
            // One at a time.
            session
                .query("SELECT FROM kb.account FOR UPDATE", &[])
                .await?;
            bury(session).await?;
            if is_again && let Some(place) = registered(session, worker).await? {
                return Ok(Registration::Registered(place));
            }
            let live = session
                .query(
                    "SELECT id, coalesce(session, id), shares, host, process, first_id, runs,
                            (extract(epoch FROM beat) * 1000000)::bigint,
                            (extract(epoch FROM expires - clock_timestamp()) * 1000)::bigint
                        FROM kb.worker WHERE state = 'live' ORDER BY id",
                    &[],
                )
                .await?;
            let Some(first) = live.first() else {
                return found(session, worker).await;
            };
            let shares: bool = first.try_get(2)?;
            if shares && worker.shares {
                let known = (first.try_get(5)?, first.try_get(6)?);
                let place = insert(session, worker, Some(first.try_get(1)?), known).await?;
                return Ok(Registration::Registered(place));
            }
            let (host, process): (String, i64) = (first.try_get(3)?, first.try_get(4)?);
            let ends_in: i64 = first.try_get(8)?;
            Ok(Registration::Busy {
                holder: format!("process {process} on {host}"),
                beat_us: first.try_get(7)?,
                ends_in: Duration::from_millis(u64::try_from(ends_in).unwrap_or_default()),
            })
        })
        .await
}

/// The place of `worker`, if it is registered.
async fn registered(
    session: &DatabaseSession,
    worker: &NewWorker,
) -> Result<Option<WorkerPlace>, PostgresError> {
    let row = session
        .query_one(
            "SELECT id, coalesce(session, id), first_id, runs FROM kb.worker
                WHERE state = 'live' AND nonce = $1",
            &[&worker.nonce],
        )
        .await?;
    row.map(|row| {
        Ok(WorkerPlace {
            id: row.try_get(0)?,
            nonce: worker.nonce,
            session: row.try_get(1)?,
            first_id: row.try_get(2)?,
            runs: row.try_get(3)?,
        })
    })
    .transpose()
}

/// Begins a session, once no request of a dead worker, or of a lost claim, can be under way
/// any more.
async fn found(
    session: &DatabaseSession,
    worker: &NewWorker,
) -> Result<Registration, PostgresError> {
    let row = session
        .query_row(
            "SELECT (SELECT (extract(epoch FROM max(ends) - clock_timestamp()) * 1000)::bigint
                        FROM (SELECT gone + quarantine AS ends FROM kb.worker WHERE state = 'dead'
                            UNION ALL SELECT claims_after FROM kb.account) requests
                        WHERE ends > clock_timestamp()),
                    (SELECT coalesce(max(id), 0) + 1 FROM kb.customer),
                    (SELECT coalesce(max(id), 0) FROM kb.run)",
            &[],
        )
        .await?;
    if let Some(millis) = row.try_get::<_, Option<i64>>(0)? {
        let wait = Duration::from_millis(u64::try_from(millis).unwrap_or_default());
        return Ok(Registration::Quarantine(wait.max(Duration::from_millis(1))));
    }
    let known = (row.try_get(1)?, row.try_get(2)?);
    let place = insert(session, worker, None, known).await?;
    Ok(Registration::Registered(place))
}

/// Adds a worker to a session, or to one of its own, which begins with claim `first_id` after
/// the `runs` before it.
async fn insert(
    session: &DatabaseSession,
    worker: &NewWorker,
    of_session: Option<i64>,
    (first_id, runs): (i64, i64),
) -> Result<WorkerPlace, PostgresError> {
    let row = session
        .query_row(
            "INSERT INTO kb.worker (session, shares, first_id, runs, host, process, expires, quarantine, nonce)
                VALUES ($1, $2, $3, $4, $5, $6, clock_timestamp() + $7 * interval '1 microsecond',
                        $8 * interval '1 microsecond', $9)
                RETURNING id",
            &[
                &of_session,
                &worker.shares,
                &first_id,
                &runs,
                &worker.host,
                &i64::from(worker.process),
                &micros(worker.lease),
                &micros(worker.quarantine),
                &worker.nonce,
            ],
        )
        .await?;
    let id = row.try_get(0)?;
    Ok(WorkerPlace {
        id,
        nonce: worker.nonce,
        session: of_session.unwrap_or(id),
        first_id,
        runs,
    })
}

/// Renews the lease of a worker. Returns why its run was stopped for all, if it was. Fails
/// if the worker was taken for dead, or if batch `acknowledged` is gone.
pub(super) async fn renew(
    session: &DatabaseSession,
    (id, nonce): (i64, i64),
    acknowledged: i64,
    lease: Duration,
) -> Result<Option<String>, PostgresError> {
    let renewed = session
        .query_one(
            "UPDATE kb.worker SET beat = clock_timestamp(),
                    expires = clock_timestamp() + $2 * interval '1 microsecond'
                WHERE id = $1 AND nonce = $4 AND state = 'live' AND batch >= $3
                RETURNING (SELECT stop FROM kb.run WHERE run.id = worker.run)",
            &[&id, &micros(lease), &acknowledged, &nonce],
        )
        .await?;
    Ok(renewed.ok_or(PostgresError::Fenced)?.try_get(0)?)
}

/// Gives the lease of a worker up, with its parts. `in_doubt` says whether requests of it
/// may be under way: then it counts as dead.
pub(super) async fn leave(
    session: &DatabaseSession,
    (id, nonce): (i64, i64),
    in_doubt: bool,
) -> Result<(), PostgresError> {
    let state = if in_doubt { "dead" } else { "left" };
    session
        .transaction(async {
            session
                .query(
                    "UPDATE kb.worker SET state = $2, gone = clock_timestamp()
                        WHERE id = $1 AND nonce = $3 AND state = 'live'",
                    &[&id, &state, &nonce],
                )
                .await?;
            release_parts(session).await
        })
        .await
}

/// Frees the parts of workers that are not live. What a dead one may have sent is left alone
/// until its requests can't be under way any more.
pub(super) async fn release_parts(session: &DatabaseSession) -> Result<(), PostgresError> {
    session
        .query(
            "UPDATE kb.part p SET worker = NULL,
                    not_before = CASE WHEN w.state = 'dead' THEN w.gone + w.quarantine END
                FROM kb.worker w
                WHERE NOT p.done AND p.worker = w.id AND w.state <> 'live'",
            &[],
        )
        .await?;
    // Those that are given back much later than that, because the clock was set back.
    session
        .query(
            "UPDATE kb.part SET not_before = clock_timestamp() + dead.longest
                FROM (SELECT max(quarantine) FROM kb.worker) AS dead (longest)
                WHERE NOT done AND worker IS NULL
                    AND not_before > clock_timestamp() + dead.longest",
            &[],
        )
        .await?;
    Ok(())
}

pub(super) fn micros(time: Duration) -> f64 {
    time.as_secs_f64() * 1e6
}
