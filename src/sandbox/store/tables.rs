//! The SQL of the sandbox; `schema.sql` says what the tables mean.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use rusqlite::types::Type;
use rusqlite::{Connection, OpenFlags, OptionalExtension, Row, named_params, params};

use super::catalog::{self, Offer};
use super::customer::StoredCustomer;
use crate::sandbox::error::SandboxError;

/// SQLite's `application_id` of a sandbox's file: `KBsb`.
const APPLICATION: i64 = 0x4b42_7362;

/// The columns for [`read`], in its order.
const COLUMNS: &str = "id, customer_id, client_id, company_name, currency, status, \
    stripe_customer_id, plan_ids, bundle_ids, billing_contact, created, modified, added";

/// Turns a customer's number into its `customerId` and back.
///
/// Each can be computed from the other, so a create does not have to maintain a
/// second index: half of its cost.
#[derive(Debug, Clone, Copy)]
pub(super) struct CustomerIds {
    salt: u64,
    /// Whether `clientId`s that differ only in case are the same.
    ignore_case: bool,
}

/// An odd number (so that multiplying by it can be undone) of well mixed bits: 2^64 / golden ratio.
const SPREAD: u64 = 0x9e37_79b9_7f4a_7c15;
/// What undoes it.
const GATHER: u64 = 0xf1de_83e1_9937_733d;

impl CustomerIds {
    /// `cus_` and 24 hexadecimal digits.
    pub(super) fn customer_id(self, number: i64) -> String {
        let spread = (number.cast_unsigned() ^ self.salt).wrapping_mul(SPREAD);
        let check = (spread ^ self.salt).wrapping_mul(GATHER) >> 32;
        format!("cus_{spread:016x}{check:08x}")
    }

    /// The form in which a `clientId` is looked for and unique.
    pub(super) fn key(self, client_id: &str) -> Cow<'_, str> {
        if self.ignore_case {
            Cow::Owned(client_id.to_lowercase())
        } else {
            Cow::Borrowed(client_id)
        }
    }

    /// The number of a `customerId` of this file.
    fn number(self, customer_id: &str) -> Option<i64> {
        let digits = customer_id.strip_prefix("cus_")?.get(..16)?;
        let spread = u64::from_str_radix(digits, 16).ok()?;
        let number = (spread.wrapping_mul(GATHER) ^ self.salt).cast_signed();
        (self.customer_id(number) == customer_id).then_some(number)
    }
}

/// Opens the file for writing; creates it if it is missing.
pub(super) fn open(
    path: &Path,
    salt: u64,
    ignore_case: bool,
) -> Result<(Connection, CustomerIds), SandboxError> {
    let failed = |doing| move |source| SandboxError::database(doing, path, source);
    private_file(path).map_err(|source| SandboxError::File {
        path: path.to_owned(),
        source,
    })?;
    let db = Connection::open(path).map_err(failed("open the sandbox in"))?;
    let (application, tables): (i64, i64) = db
        .query_row(
            "SELECT (SELECT application_id FROM pragma_application_id), count(*) FROM sqlite_schema",
            [],
            |row| Ok((row.get(0)?, row.get(1)?)),
        )
        .map_err(failed("read the sandbox in"))?;
    if tables > 0 && application != APPLICATION {
        return Err(SandboxError::Foreign {
            path: path.to_owned(),
        });
    }
    // No fsync: what a killed process wrote stays with the operating system, and no
    // more is promised. Only a power cut loses customers.
    db.execute_batch(&format!(
        "PRAGMA journal_mode = WAL;
         PRAGMA synchronous = OFF;
         PRAGMA wal_autocheckpoint = 4000;
         PRAGMA cache_size = -16000;
         PRAGMA application_id = {APPLICATION};"
    ))
    .map_err(failed("prepare the sandbox in"))?;
    db.busy_timeout(Duration::from_secs(10))
        .map_err(failed("prepare the sandbox in"))?;
    db.set_prepared_statement_cache_capacity(32);
    let salt = create_tables(&db, salt).map_err(failed("make the sandbox in"))?;
    let ids = CustomerIds { salt, ignore_case };
    set_keys(&db, ids).map_err(failed("prepare the sandbox in"))?;
    Ok((db, ids))
}

/// Creates the tables that are missing, and returns the salt of the file.
fn create_tables(db: &Connection, salt: u64) -> rusqlite::Result<u64> {
    let columns: i64 = db.query_row(
        "SELECT count(*) FROM pragma_table_info('customers') WHERE name <> 'client_key'",
        [],
        |row| row.get(0),
    )?;
    let has_key: i64 = db.query_row(
        "SELECT count(*) FROM pragma_table_info('customers') WHERE name = 'client_key'",
        [],
        |row| row.get(0),
    )?;
    if columns > 0 && has_key == 0 {
        // A file from before there was `client_key`.
        db.execute_batch(concat!(
            "BEGIN; ALTER TABLE customers RENAME TO customers_before;",
            include_str!("schema.sql"),
            "INSERT INTO customers SELECT *, NULL, client_id FROM customers_before;
             DELETE FROM sqlite_sequence WHERE name = 'customers';
             UPDATE sqlite_sequence SET name = 'customers' WHERE name = 'customers_before';
             DROP TABLE customers_before;
             COMMIT;"
        ))?;
    }
    db.execute_batch(include_str!("schema.sql"))?;
    db.execute(
        "INSERT OR IGNORE INTO sandbox VALUES ('salt', ?1)",
        [salt.cast_signed()],
    )?;
    db.query_row("SELECT value FROM sandbox WHERE name = 'salt'", [], |row| {
        row.get::<_, i64>(0).map(i64::cast_unsigned)
    })
}

/// Writes all keys again if the file was last served with the other `ignore_case`.
fn set_keys(db: &Connection, ids: CustomerIds) -> rusqlite::Result<()> {
    let before: Option<bool> = db
        .query_row(
            "SELECT value FROM sandbox WHERE name = 'ignore_case'",
            [],
            |row| row.get(0),
        )
        .optional()?;
    if before.unwrap_or_default() == ids.ignore_case {
        return Ok(());
    }
    let transaction = db.unchecked_transaction()?;
    let mut all = transaction.prepare("SELECT id, client_id FROM customers")?;
    let mut rows = all.query([])?;
    while let Some(row) = rows.next()? {
        let (number, client_id): (i64, String) = (row.get(0)?, row.get(1)?);
        transaction
            .prepare_cached("UPDATE customers SET client_key = ?2 WHERE id = ?1")?
            .execute(params![number, ids.key(&client_id)])?;
    }
    drop(rows);
    drop(all);
    transaction.execute(
        "INSERT OR REPLACE INTO sandbox VALUES ('ignore_case', ?1)",
        [ids.ignore_case],
    )?;
    transaction.commit()
}

/// Opens the file for reading only, as of the last commit.
pub(super) fn open_to_read(path: &Path) -> rusqlite::Result<Connection> {
    let db = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
    db.busy_timeout(Duration::from_secs(10))?;
    Ok(db)
}

/// Closes the file and leaves no write-ahead log beside it.
pub(super) fn close(db: Connection) {
    // If another program is reading, SQLite does this when the file is next opened.
    drop(db.execute_batch("PRAGMA wal_checkpoint(TRUNCATE)"));
    drop(db.close());
}

/// Creates the file readable by its owner only; SQLite's other files inherit that.
fn private_file(path: &Path) -> std::io::Result<()> {
    let mut options = std::fs::OpenOptions::new();
    options.create(true).append(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path).map(drop)
}

/// The number of the next customer.
pub(super) fn next_number(db: &Connection) -> rusqlite::Result<i64> {
    db.prepare_cached("SELECT seq + 1 FROM sqlite_sequence WHERE name = 'customers'")?
        .query_row([], |row| row.get(0))
        .optional()
        .map(|number| number.unwrap_or(1))
}

/// What is stored of a create besides the customer.
#[derive(Debug, Clone, Copy)]
pub(super) struct CreateDetails<'a> {
    /// Whether its `clientId` has to be unique.
    pub(super) unique: bool,
    /// Whether an API key was created.
    pub(super) keys: bool,
    /// The body as it was received.
    pub(super) body: &'a str,
}

/// Adds a customer; false if its `clientId` has to be unique and is not.
pub(super) fn insert(
    db: &Connection,
    ids: CustomerIds,
    customer: &StoredCustomer,
    details: CreateDetails<'_>,
) -> rusqlite::Result<bool> {
    let added = db
        .prepare_cached(
            "INSERT INTO customers SELECT
                :id, :client_id, :customer_id, :company_name, :currency, :status, :stripe,
                :plans, :bundles, :contact, :keys, :created, :modified, :body, NULL, :key
             WHERE NOT :unique OR NOT EXISTS (SELECT 1 FROM customers WHERE client_key = :key)",
        )?
        .execute(named_params! {
            ":id": customer.number,
            ":client_id": customer.client_id,
            ":customer_id": customer.id,
            ":company_name": customer.company_name,
            ":currency": customer.currency,
            ":status": customer.status(),
            ":stripe": customer.stripe_customer_id,
            ":plans": ids_json(&customer.plans),
            ":bundles": ids_json(&customer.bundles),
            ":contact": to_json(customer.billing_contact.as_ref())?,
            ":keys": details.keys,
            ":created": customer.created,
            ":modified": customer.modified,
            ":body": details.body,
            ":key": ids.key(&customer.client_id),
            ":unique": details.unique,
        })?;
    Ok(added == 1)
}

/// Writes the columns that can change.
pub(super) fn save(db: &Connection, customer: &StoredCustomer) -> rusqlite::Result<()> {
    db.prepare_cached(
        "UPDATE customers SET company_name = ?2, currency = ?3, status = ?4,
            stripe_customer_id = ?5, plan_ids = ?6, bundle_ids = ?7, billing_contact = ?8,
            modified = ?9, added = ?10 WHERE id = ?1",
    )?
    .execute(params![
        customer.number,
        customer.company_name,
        customer.currency,
        customer.status(),
        customer.stripe_customer_id,
        ids_json(&customer.plans),
        ids_json(&customer.bundles),
        to_json(customer.billing_contact.as_ref())?,
        customer.modified,
        to_json(Some(&customer.added).filter(|added| !added.is_empty()))?,
    ])
    .map(drop)
}

/// Removes a customer.
pub(super) fn delete(db: &Connection, number: i64) -> rusqlite::Result<()> {
    db.prepare_cached("DELETE FROM customers WHERE id = ?1")?
        .execute([number])
        .map(drop)
}

/// Finds a customer by its `customerId` or `clientId`.
pub(super) fn find(
    db: &Connection,
    ids: CustomerIds,
    id: &str,
) -> rusqlite::Result<Option<StoredCustomer>> {
    if let Some(number) = ids.number(id) {
        let found = db
            .prepare_cached(&format!("SELECT {COLUMNS} FROM customers WHERE id = ?1"))?
            .query_row([number], read)
            .optional()?;
        if found.is_some() {
            return Ok(found);
        }
    }
    db.prepare_cached(&format!(
        "SELECT {COLUMNS} FROM customers WHERE client_key = ?1 ORDER BY id LIMIT 1"
    ))?
    .query_row([ids.key(id)], read)
    .optional()
}

/// Begins a transaction that sees the file as it is now, until the connection is closed.
pub(super) fn freeze(db: &Connection) -> rusqlite::Result<()> {
    db.execute_batch("BEGIN; SELECT 1 FROM customers LIMIT 1;")
}

/// Calls `each` with every customer, in the order of creation, until it returns false.
pub(super) fn each(
    db: &Connection,
    mut each: impl FnMut(StoredCustomer) -> bool,
) -> rusqlite::Result<()> {
    let mut statement = db.prepare(&format!("SELECT {COLUMNS} FROM customers ORDER BY id"))?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        if !each(read(row)?) {
            break;
        }
    }
    Ok(())
}

/// Counts a create whose customer existed.
pub(super) fn note_existing(db: &Connection, client_id: &str) -> rusqlite::Result<()> {
    db.prepare_cached(
        "INSERT INTO fruitless_creates (client_id, existing) VALUES (?1, 1)
         ON CONFLICT (client_id) DO UPDATE SET existing = existing + 1",
    )?
    .execute([client_id])
    .map(drop)
}

/// Counts a create that a fault stopped.
pub(super) fn note_stopped(db: &Connection, client_id: &str) -> rusqlite::Result<()> {
    db.prepare_cached(
        "INSERT INTO fruitless_creates (client_id, stopped) VALUES (?1, 1)
         ON CONFLICT (client_id) DO UPDATE SET stopped = stopped + 1",
    )?
    .execute([client_id])
    .map(drop)
}

fn read(row: &Row<'_>) -> rusqlite::Result<StoredCustomer> {
    let status: String = row.get(5)?;
    let contact: Option<String> = row.get(9)?;
    let added: Option<String> = row.get(12)?;
    Ok(StoredCustomer {
        number: row.get(0)?,
        id: row.get(1)?,
        client_id: row.get(2)?,
        company_name: row.get(3)?,
        currency: row.get(4)?,
        cancelled: status == "CANCELLED",
        stripe_customer_id: row.get(6)?,
        plans: offers(row, 7, catalog::plan)?,
        bundles: offers(row, 8, catalog::bundle)?,
        billing_contact: contact.map(|json| from_json(9, &json)).transpose()?,
        created: row.get(10)?,
        modified: row.get(11)?,
        added: match added {
            Some(json) => from_json(12, &json)?,
            None => BTreeMap::new(),
        },
    })
}

/// The ids contain nothing that JSON escapes.
fn ids_json(offers: &[&'static Offer]) -> String {
    let quoted: Vec<_> = offers.iter().map(|o| format!("\"{}\"", o.id)).collect();
    format!("[{}]", quoted.join(","))
}

/// The plans or bundles in a column of ids.
fn offers(
    row: &Row<'_>,
    column: usize,
    find: fn(&str) -> Option<&'static Offer>,
) -> rusqlite::Result<Vec<&'static Offer>> {
    let ids: Vec<String> = from_json(column, &row.get::<_, String>(column)?)?;
    let offer = |id: &String| {
        find(id).ok_or_else(|| unreadable(column, format!("no plan or bundle is {id:?}").into()))
    };
    ids.iter().map(offer).collect()
}

fn from_json<T: serde::de::DeserializeOwned>(column: usize, json: &str) -> rusqlite::Result<T> {
    serde_json::from_str(json).map_err(|error| unreadable(column, error.into()))
}

fn unreadable(column: usize, error: Box<dyn std::error::Error + Send + Sync>) -> rusqlite::Error {
    rusqlite::Error::FromSqlConversionFailure(column, Type::Text, error)
}

fn to_json(value: Option<impl serde::Serialize>) -> rusqlite::Result<Option<String>> {
    value
        .map(|value| serde_json::to_string(&value))
        .transpose()
        .map_err(|error| rusqlite::Error::ToSqlConversionFailure(error.into()))
}

#[cfg(test)]
mod tests {
    use super::{CustomerIds, GATHER, SPREAD, open};
    use crate::sandbox::error::SandboxError;

    #[test]
    fn an_id_gives_its_number_and_an_id_of_another_file_none() {
        assert_eq!(SPREAD.wrapping_mul(GATHER), 1);
        let ids = |salt| CustomerIds {
            salt,
            ignore_case: false,
        };
        let (ours, other) = (ids(7), ids(8));
        for number in [1, 2, 1_000_000_007] {
            let id = ours.customer_id(number);
            assert_eq!(id.len(), 28);
            assert_eq!(ours.number(&id), Some(number));
            assert_eq!(other.number(&id), None);
            assert_eq!(ours.number(&id.to_uppercase()), None);
        }
        assert_eq!(ours.number("cus_"), None);
        assert_eq!(ours.number("c-1"), None);
    }

    #[cfg(unix)]
    #[test]
    fn the_files_are_readable_by_their_owner_only() {
        use std::os::unix::fs::PermissionsExt as _;
        let dir = tempfile::tempdir().unwrap();
        let (_db, _) = open(&dir.path().join("s.db"), 1, false).unwrap();
        for entry in std::fs::read_dir(dir.path()).unwrap() {
            let mode = entry.unwrap().metadata().unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o600);
        }
    }

    #[test]
    fn a_file_keeps_its_salt() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("s.db");
        let (_, first) = open(&path, 1, false).unwrap();
        let (_, second) = open(&path, 2, false).unwrap();
        assert_eq!(first.customer_id(5), second.customer_id(5));
    }

    #[test]
    fn a_file_of_another_program_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("other.db");
        let other = rusqlite::Connection::open(&path).unwrap();
        other.execute_batch("CREATE TABLE ledger (x)").unwrap();
        assert!(matches!(
            open(&path, 1, false).unwrap_err(),
            SandboxError::Foreign { .. }
        ));
        std::fs::write(dir.path().join("text"), "not a database at all, no").unwrap();
        assert!(matches!(
            open(&dir.path().join("text"), 1, false).unwrap_err(),
            SandboxError::Database { .. }
        ));
    }
}
