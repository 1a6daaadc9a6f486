//! Rows of the SQLite file → the ledger's words, and numbers both ways.

use rusqlite::Row;
use rusqlite::types::Type;

use super::{Entry, Standing};
use crate::domain::outcome::Outcome;
use crate::domain::plan::{Known, Progress};
use crate::domain::summary::RequestCounts;

pub(super) fn known_of(row: &Row<'_>) -> rusqlite::Result<(String, Known)> {
    let outcome: Option<String> = row.get(3)?;
    let known = Known {
        id: from_sql(row.get(0)?),
        digest: row.get(2)?,
        progress: match outcome {
            None => Progress::InDoubt,
            // A word that we don't know is a doubt, to be settled by asking.
            Some(name) => Outcome::of_name(&name).map_or(Progress::InDoubt, Progress::Settled),
        },
        claimed_by: row.get(4)?,
    };
    let client_id: String = row.get(1)?;
    // No such id was ever fit to be sent. Sectors that were lost read as zeros.
    if client_id.chars().any(char::is_control) {
        return Err(rusqlite::Error::FromSqlConversionFailure(
            1,
            Type::Text,
            "a clientId with a control character in it".into(),
        ));
    }
    Ok((client_id, known))
}

pub(super) fn entry_of(row: &Row<'_>) -> rusqlite::Result<Entry> {
    let outcome = row.get_ref(1)?.as_str_or_null()?;
    Ok(Entry {
        client_id: row.get(0)?,
        outcome: outcome
            .and_then(Outcome::of_name)
            .unwrap_or(Outcome::Unresolved),
        keys_lost: row.get(2)?,
        customer_id: row.get(3)?,
        request_id: row.get(4)?,
        attempts: row.get(5)?,
        status: row.get(6)?,
        message: row.get(7)?,
    })
}

pub(super) fn add_run(standing: &mut Standing, row: &Row<'_>) -> rusqlite::Result<()> {
    standing.command = row.get(0)?;
    standing.inputs = serde_json::from_str(&row.get::<_, String>(1)?).unwrap_or_default();
    standing.fit_rows = from_sql(row.get(2)?);
    standing.changed_ms = row.get(3)?;
    standing.ended = row.get(4)?;
    let figures = &mut standing.figures;
    figures.elapsed_ms += from_sql(row.get(5)?);
    figures.requests = figures.requests.plus(RequestCounts {
        sent: from_sql(row.get(6)?),
        retried: from_sql(row.get(7)?),
        throttled: from_sql(row.get(8)?),
        lookups: from_sql(row.get(9)?),
    });
    let latencies: Vec<(u64, u64)> =
        serde_json::from_str(&row.get::<_, String>(10)?).unwrap_or_default();
    figures.latencies.extend(latencies);
    Ok(())
}

/// SQLite counts in signed 64 bits, which no count of ours outgrows.
pub(super) fn to_sql(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

pub(super) fn from_sql(number: i64) -> u64 {
    u64::try_from(number).unwrap_or_default()
}
