//! Keeps the table of runs small: a checkpoint may see a run every night for years.
//!
//! The latencies of a run take thousands of bytes, all else of it a line. What is read
//! of them is their sum, so that those of earlier runs are folded into one list. What a run
//! did over time takes as many, and is kept of the latest runs.

use rusqlite::{Connection, params};

use crate::ledger::{MOST_HISTORIES, latencies};

/// Drops what earlier runs did over time, of all but the latest. Called in the transaction
/// that begins the next run.
pub(super) fn drop_timelines(db: &Connection) -> rusqlite::Result<()> {
    let kept = i64::try_from(MOST_HISTORIES - 1).unwrap_or(i64::MAX);
    db.execute(
        "UPDATE run SET timeline = 'null' WHERE timeline <> 'null'
            AND id NOT IN (SELECT id FROM run ORDER BY id DESC LIMIT ?1)",
        params![kept],
    )?;
    Ok(())
}

/// Folds the latencies of all runs into the list of the latest one, once there are many
/// lists. Called in the transaction that begins the next run.
pub(super) fn fold_latencies(db: &Connection) -> rusqlite::Result<()> {
    let mut lists =
        db.prepare("SELECT id, latencies FROM run WHERE latencies <> '[]' ORDER BY id")?;
    let lists = lists.query_map([], |row| {
        Ok((row.get::<_, i64>(0)?, row.get::<_, String>(1)?))
    })?;
    let lists: Vec<(i64, String)> = lists.collect::<rusqlite::Result<_>>()?;
    let Some((latest, _)) = lists
        .last()
        .filter(|_| lists.len() >= latencies::MOST_LISTS)
    else {
        return Ok(());
    };
    let all = latencies::folded(lists.iter().map(|(_, list)| list.as_str()))
        .map_err(|error| rusqlite::Error::ToSqlConversionFailure(Box::new(error)))?;
    db.execute(
        "UPDATE run SET latencies = iif(id = ?1, ?2, '[]') WHERE latencies <> '[]'",
        params![latest, all],
    )?;
    Ok(())
}
