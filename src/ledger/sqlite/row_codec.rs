//! Converts rows of the SQLite file to the ledger's types, and numbers both ways.

use rusqlite::Row;
use rusqlite::types::Type;

use crate::domain::decision::KnownClaim;
use crate::domain::outcome::Outcome;
use crate::domain::summary::RequestCounts;
use crate::ledger::{ClaimRecord, LedgerStatus, latencies};

/// The query whose rows [`known_of`] reads.
pub(super) const KNOWN: &str =
    "SELECT id, client_id, digest, outcome, doubt, claimed_by, attempts, ours,
    customer_id IS NOT NULL, orphan FROM customer ORDER BY id";

/// The columns that [`entry_of`] reads.
pub(super) const ENTRY: &str =
    "client_id, outcome, keys_lost, customer_id, request_id, attempts, status, message,
    id, digest, doubt, ours, claimed_by, modified, differing, settled";

pub(super) fn known_of(row: &Row<'_>) -> rusqlite::Result<(String, KnownClaim)> {
    let (last, in_doubt) = last_and_doubt(row, 3, 4)?;
    let attempts: i64 = row.get(6)?;
    let ours: bool = row.get(7)?;
    let has_customer_id: bool = row.get(8)?;
    let known = KnownClaim {
        id: from_sql(row.get(0)?),
        digest: row.get(2)?,
        last,
        in_doubt,
        sent: in_doubt || attempts > 0,
        there: was_found(last, ours || has_customer_id),
        ours,
        orphan: row.get(9)?,
        claimed_by: row.get(5)?,
    };
    let client_id: String = row.get(1)?;
    // Such an id is never sent, so this is damage: lost sectors read as zeros.
    if client_id.chars().any(char::is_control) {
        return Err(rusqlite::Error::FromSqlConversionFailure(
            1,
            Type::Text,
            "a clientId with a control character in it".into(),
        ));
    }
    Ok((client_id, known))
}

/// Whether the customer of a claim was ever found, and not deleted since.
fn was_found(last: Option<Outcome>, is_known: bool) -> bool {
    last != Some(Outcome::Deleted) && (is_known || last.is_some_and(Outcome::customer_exists))
}

pub(super) fn entry_of(row: &Row<'_>) -> rusqlite::Result<ClaimRecord> {
    let (last, in_doubt) = last_and_doubt(row, 1, 10)?;
    Ok(ClaimRecord {
        client_id: row.get(0)?,
        outcome: effective_outcome(last, in_doubt),
        last,
        digest: row.get(9)?,
        ours: row.get(11)?,
        claimed_by: row.get(12)?,
        settled: row.get(15)?,
        keys_lost: row.get(2)?,
        customer_id: row.get(3)?,
        request_id: row.get(4)?,
        attempts: row.get(5)?,
        status: row.get(6)?,
        message: row.get(7)?,
        modified: row.get(13)?,
        differing: row.get(14)?,
    })
}

/// The last outcome of a claim, and whether it is in doubt. An unknown outcome counts
/// as in doubt, so that the customer is looked up.
pub(super) fn last_and_doubt(
    row: &Row<'_>,
    outcome: usize,
    doubt: usize,
) -> rusqlite::Result<(Option<Outcome>, bool)> {
    let last = row.get_ref(outcome)?.as_str_or_null()?;
    let last = last.and_then(Outcome::of_name);
    Ok((last, row.get::<_, bool>(doubt)? || last.is_none()))
}

/// The outcome of a claim: its last one, or `unresolved` while it is in doubt.
pub(super) fn effective_outcome(last: Option<Outcome>, in_doubt: bool) -> Outcome {
    match last {
        Some(outcome) if !in_doubt => outcome,
        Some(_) | None => Outcome::Unresolved,
    }
}

pub(super) fn add_run(status: &mut LedgerStatus, row: &Row<'_>) -> rusqlite::Result<()> {
    status.command = row.get(0)?;
    status.inputs = serde_json::from_str(&row.get::<_, String>(1)?).unwrap_or_default();
    status.fit_rows = from_sql(row.get(2)?);
    status.changed_ms = row.get(3)?;
    status.ended = row.get(4)?;
    let figures = &mut status.figures;
    figures.elapsed_ms += from_sql(row.get(5)?);
    figures.requests = figures.requests.plus(RequestCounts {
        sent: from_sql(row.get(6)?),
        retried: from_sql(row.get(7)?),
        throttled: from_sql(row.get(8)?),
        lookups: from_sql(row.get(9)?),
    });
    let of_run: Vec<(u64, u64)> =
        serde_json::from_str(&row.get::<_, String>(10)?).unwrap_or_default();
    latencies::add(&mut figures.latencies, &of_run);
    if status.runs == 0 {
        status.first_began_ms = row.get(11)?;
    }
    status.runs += 1;
    Ok(())
}

/// Converts to SQLite's signed 64-bit integers, saturating.
pub(in crate::ledger) fn to_sql(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

pub(in crate::ledger) fn from_sql(number: i64) -> u64 {
    u64::try_from(number).unwrap_or_default()
}
