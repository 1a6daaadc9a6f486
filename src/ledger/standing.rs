//! What the SQLite file says of itself: its account, and where it stands.

use rusqlite::{Connection, OptionalExtension, Row};

use super::Standing;
use super::records::{add_run, from_sql};
use crate::domain::bound::Pacing;
use crate::domain::outcome::{Outcome, Tally};
use crate::domain::summary::Target;

/// The account that the checkpoint belongs to.
pub(super) fn target(db: &Connection) -> rusqlite::Result<Target> {
    db.query_row("SELECT base_url, kable_client_id FROM account", [], |row| {
        Ok(Target {
            base_url: row.get(0)?,
            kable_client_id: row.get(1)?,
        })
    })
}

/// How an account is named to people.
pub(super) fn account_of(target: &Target) -> String {
    format!("{} (account {})", target.base_url, target.kable_client_id)
}

/// The figures of all runs, added up.
pub(super) fn standing(db: &Connection) -> rusqlite::Result<Standing> {
    let mut standing = Standing {
        target: target(db)?,
        began_ms: db.query_row("SELECT begun FROM account", [], |row| row.get(0))?,
        tally: tally(db)?,
        ..Standing::default()
    };
    let mut runs = db.prepare(
        "SELECT command, inputs, fit_rows, changed, ended, elapsed_ms, sent, retried, throttled, lookups, latencies
         FROM run ORDER BY id",
    )?;
    let mut rows = runs.query([])?;
    while let Some(row) = rows.next()? {
        add_run(&mut standing, row)?;
    }
    standing.figures.pacing = pacing(db)?;
    Ok(standing)
}

/// How fast the latest run last was. Format 1 doesn't keep that.
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

/// How many claims came to which outcome, in one pass: grouping them would
/// sort them all in memory.
fn tally(db: &Connection) -> rusqlite::Result<Tally> {
    let sums = Outcome::ALL.map(|outcome| format!("sum(outcome IS '{}')", outcome.name()));
    let sql = format!(
        "SELECT sum(outcome IS NULL), {} FROM customer",
        sums.join(", ")
    );
    let read = |row: &Row<'_>| {
        let count = |column: usize| {
            row.get::<_, Option<i64>>(column)
                .map(|sum| from_sql(sum.unwrap_or_default()))
        };
        let mut tally = Tally::default();
        tally.add_many(Outcome::Unresolved, count(0)?);
        for (place, outcome) in Outcome::ALL.into_iter().enumerate() {
            tally.add_many(outcome, count(place + 1)?);
        }
        Ok(tally)
    };
    db.query_row(&sql, [], read)
}
