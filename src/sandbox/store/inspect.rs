//! Reads the file of a sandbox from outside, also while it is served.

use std::path::Path;

use super::tables;
use crate::sandbox::error::SandboxError;

/// A customer in the file.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct CustomerRecord {
    /// The caller's id.
    pub client_id: String,
    /// The sandbox's id.
    pub customer_id: String,
    /// `ACTIVE` or `CANCELLED`.
    pub status: String,
    /// The body of the create, byte for byte.
    pub body: String,
    /// The customer after all updates, as the body of a create.
    pub now: String,
    /// How many API keys the create issued.
    pub keys_issued: u32,
    /// Milliseconds since 1970.
    pub created: i64,
}

/// The creates of one `clientId` that created no customer.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct FruitlessCreates {
    /// The caller's id.
    pub client_id: String,
    /// Creates whose customer existed.
    pub existing: u64,
    /// Creates that a fault stopped before anything was done.
    pub stopped: u64,
}

/// All customers, in the order of their creation.
pub fn customers(database: &Path) -> Result<Vec<CustomerRecord>, SandboxError> {
    rows(
        database,
        "SELECT client_id, customer_id, status, body, keys_issued, created,
            json_object('clientId', client_id, 'companyName', company_name, 'currency', currency,
                'stripeCustomerId', stripe_customer_id, 'planIds', json(plan_ids),
                'bundleIds', json(bundle_ids), 'billingContact', json(billing_contact))
         FROM customers ORDER BY id",
        |row| {
            Ok(CustomerRecord {
                client_id: row.get(0)?,
                customer_id: row.get(1)?,
                status: row.get(2)?,
                body: row.get(3)?,
                keys_issued: row.get(4)?,
                created: row.get(5)?,
                now: row.get(6)?,
            })
        },
    )
}

/// How many customers there are.
pub fn count(database: &Path) -> Result<usize, SandboxError> {
    tables::open_to_read(database)
        .and_then(|db| {
            db.query_row("SELECT count(*) FROM customers", [], |row| {
                row.get::<_, u32>(0)
            })
        })
        .map(|count| count as usize)
        .map_err(|source| unreadable(database, source))
}

/// The `clientId`s with creates that created no customer, in alphabetical order.
pub fn fruitless(database: &Path) -> Result<Vec<FruitlessCreates>, SandboxError> {
    rows(
        database,
        "SELECT client_id, existing, stopped FROM fruitless_creates ORDER BY client_id",
        |row| {
            Ok(FruitlessCreates {
                client_id: row.get(0)?,
                existing: row.get::<_, i64>(1)?.cast_unsigned(),
                stopped: row.get::<_, i64>(2)?.cast_unsigned(),
            })
        },
    )
}

fn rows<T>(
    database: &Path,
    sql: &str,
    read: impl FnMut(&rusqlite::Row<'_>) -> rusqlite::Result<T>,
) -> Result<Vec<T>, SandboxError> {
    tables::open_to_read(database)
        .and_then(|db| db.prepare(sql)?.query_map([], read)?.collect())
        .map_err(|source| unreadable(database, source))
}

fn unreadable(database: &Path, source: rusqlite::Error) -> SandboxError {
    SandboxError::database("read the sandbox in", database, source)
}
