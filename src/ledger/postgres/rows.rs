//! Converts rows of the tables to the ledger's types.

use tokio_postgres::Row;

use super::postgres_error::PostgresError;
use crate::domain::customer::Fingerprint;
use crate::domain::decision::KnownClaim;
use crate::domain::outcome::Outcome;
use crate::ledger::ClaimRecord;
use crate::ledger::claim_state::{effective_outcome, last_and_doubt, was_found};
pub(super) use crate::ledger::claim_state::{from_sql, to_sql};

/// A text as PostgreSQL can hold it: no text there has a NUL.
pub(super) fn text(text: Option<&str>) -> Option<String> {
    text.map(|text| text.replace('\0', "\u{fffd}"))
}

/// A row of a query of what is known of claims: number, `clientId` and the rest.
pub(super) fn known_of(row: &Row) -> Result<(String, KnownClaim), PostgresError> {
    let id: i64 = row.try_get(0)?;
    let client_id: String = row.try_get(1)?;
    let (last, in_doubt) = state(row, 3, 4)?;
    let attempts: i64 = row.try_get(6)?;
    let ours: bool = row.try_get(7)?;
    let has_customer_id: bool = row.try_get(8)?;
    let known = KnownClaim {
        id: from_sql(id),
        digest: digest(row.try_get(2)?)?,
        last,
        in_doubt,
        sent: in_doubt || attempts > 0,
        there: was_found(last, ours || has_customer_id),
        ours,
        orphan: row.try_get(9)?,
        claimed_by: row.try_get(5)?,
    };
    Ok((client_id, known))
}

/// A row of a query of records: number and record.
pub(super) fn record_of(row: &Row) -> Result<(u64, ClaimRecord), PostgresError> {
    let (last, in_doubt) = state(row, 2, 3)?;
    let attempts: i64 = row.try_get(9)?;
    let status: Option<i32> = row.try_get(10)?;
    let record = ClaimRecord {
        client_id: row.try_get(1)?,
        outcome: effective_outcome(last, in_doubt),
        last,
        digest: digest(row.try_get(4)?)?,
        ours: row.try_get(5)?,
        keys_lost: row.try_get(6)?,
        customer_id: row.try_get(7)?,
        request_id: row.try_get(8)?,
        attempts: u32::try_from(attempts).unwrap_or(u32::MAX),
        status: status.and_then(|status| u16::try_from(status).ok()),
        message: row.try_get(11)?,
        claimed_by: row.try_get(12)?,
        settled: row.try_get(13)?,
        modified: row.try_get(14)?,
        differing: row.try_get(15)?,
    };
    Ok((from_sql(row.try_get(0)?), record))
}

/// The last outcome of a claim, and whether it is in doubt.
pub(super) fn state(
    row: &Row,
    outcome: usize,
    doubt: usize,
) -> Result<(Option<Outcome>, bool), PostgresError> {
    let name: Option<&str> = row.try_get(outcome)?;
    let doubt: i16 = row.try_get(doubt)?;
    Ok(last_and_doubt(name, doubt != 0))
}

fn digest(bytes: &[u8]) -> Result<Fingerprint, PostgresError> {
    bytes.try_into().map_err(|_wrong_length| {
        PostgresError::Invalid(format!("a digest of {} bytes", bytes.len()))
    })
}
