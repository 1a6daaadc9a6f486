//! The pace of all workers: the starts of requests are reserved from one row, so that their
//! rate is exact however many workers there are. A dead worker loses the few that it holds.

use std::time::Duration;

use tokio::time::Instant;

use super::postgres_error::PostgresError;
use super::session::DatabaseSession;
use crate::ledger::workers::{ProbeTurn, ReservedStarts};

/// How long from now a reserved start is at least: what an answer takes to arrive.
const LEAD: Duration = Duration::from_millis(2);

/// The time on the database's clock, in microseconds. It stands in the statements as often as
/// it is needed: one that waits for the row reads the clock anew.
macro_rules! now {
    () => {
        "(extract(epoch FROM clock_timestamp()) * 1000000)::bigint"
    };
}

/// By how much the clock has been set back at least since the row was written last. Times that
/// lie ahead are moved as much: otherwise no request would start until they are reached.
macro_rules! set_back {
    () => {
        concat!("greatest(seen_us - ", now!(), ", 0)")
    };
}

/// How long one worker has to find out whether the API is back.
const PROBE: Duration = Duration::from_secs(10);

/// Reserves `count` starts, one `every` so often.
pub(super) async fn reserve(
    session: &DatabaseSession,
    count: u32,
    every: Duration,
) -> Result<ReservedStarts, PostgresError> {
    let every_us = micros(every);
    let asked = Instant::now();
    let row = session
        .query_row(
            concat!(
                "UPDATE kb.pace SET next_us = greatest(next_us - ",
                set_back!(),
                ", held_us - ",
                set_back!(),
                ", ",
                now!(),
                " + $3::bigint)
                        + $1::bigint * $2::bigint,
                    held_us = held_us - ",
                set_back!(),
                ", seen_us = ",
                now!(),
                " RETURNING next_us - $1::bigint * $2::bigint - ",
                now!(),
            ),
            &[&i64::from(count), &every_us, &micros(LEAD)],
        )
        .await?;
    let answered = Instant::now();
    let ahead: i64 = row.try_get(0)?;
    // The database read its clock between the two. Of several workers each errs by as much as
    // its answers differ in how long they take, which is little.
    let read = asked + (answered - asked) / 2;
    Ok(ReservedStarts {
        first: (read + Duration::from_micros(u64::try_from(ahead).unwrap_or_default())).into_std(),
        count,
        every,
    })
}

/// Lets no worker start a request for `wait`.
pub(super) async fn hold(session: &DatabaseSession, wait: Duration) -> Result<(), PostgresError> {
    session
        .query(
            concat!(
                "UPDATE kb.pace SET held_us = greatest(held_us - ",
                set_back!(),
                ", ",
                now!(),
                " + $1::bigint),
                    next_us = next_us - ",
                set_back!(),
                ", seen_us = ",
                now!(),
            ),
            &[&micros(wait)],
        )
        .await?;
    Ok(())
}

/// For how long no worker may start a request from now on.
pub(super) async fn held(session: &DatabaseSession) -> Result<Duration, PostgresError> {
    let row = session
        .query_row(
            concat!(
                "SELECT held_us - ",
                set_back!(),
                " - ",
                now!(),
                " FROM kb.pace"
            ),
            &[],
        )
        .await?;
    let left: i64 = row.try_get(0)?;
    Ok(Duration::from_micros(
        u64::try_from(left).unwrap_or_default(),
    ))
}

/// Asks to be the one worker that finds out whether the API is back. `known` is how many
/// outages were over when this worker's outage began; how many are now is returned. A turn
/// that lasts for much longer than one was given before the clock was set back.
pub(super) async fn probe(
    session: &DatabaseSession,
    known: Option<i64>,
) -> Result<(ProbeTurn, i64), PostgresError> {
    let row = session
        .query_row(
            "WITH now AS (SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint AS us),
                  mine AS (UPDATE kb.pace SET probe_us = now.us + $1::bigint FROM now
                    WHERE NOT probe_us BETWEEN now.us AND now.us + 2 * $1::bigint
                        AND outages = coalesce($2::bigint, outages) RETURNING true)
             SELECT outages, EXISTS (SELECT FROM mine) FROM kb.pace",
            &[&micros(PROBE), &known],
        )
        .await?;
    let (outages, is_mine): (i64, bool) = (row.try_get(0)?, row.try_get(1)?);
    let turn = if known.is_some_and(|known| known < outages) {
        ProbeTurn::Over
    } else if is_mine {
        ProbeTurn::Yours
    } else {
        ProbeTurn::Others
    };
    Ok((turn, outages))
}

/// Ends a turn to probe, and the outage if the API is back.
pub(super) async fn probed(session: &DatabaseSession, is_back: bool) -> Result<(), PostgresError> {
    session
        .query(
            "UPDATE kb.pace SET outages = outages + $1::bigint, probe_us = 0",
            &[&i64::from(is_back)],
        )
        .await?;
    Ok(())
}

fn micros(time: Duration) -> i64 {
    i64::try_from(time.as_micros()).unwrap_or(i64::MAX)
}
