//! Converts rows of the SQLite file to the ledger's types, and numbers both ways.

use rusqlite::Row;
use rusqlite::types::Type;

use crate::domain::decision::KnownClaim;
use crate::domain::outcome::Outcome;
use crate::domain::summary::RequestCounts;
use crate::ledger::claim_state::{self, effective_outcome, from_sql, was_found};
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

/// The last outcome of a claim, and whether it is in doubt.
pub(super) fn last_and_doubt(
    row: &Row<'_>,
    outcome: usize,
    doubt: usize,
) -> rusqlite::Result<(Option<Outcome>, bool)> {
    let name = row.get_ref(outcome)?.as_str_or_null()?;
    Ok(claim_state::last_and_doubt(name, row.get(doubt)?))
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
