//! The SQL of the sandbox; `schema.sql` says what the tables mean.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use rusqlite::{Connection, OpenFlags, OptionalExtension, Row, named_params, params};

use super::catalog::{self, Offer};
use super::customer::{CONTACT_MEMBERS, Contact, Customer};
use crate::sandbox::error::SandboxError;

/// SQLite's `application_id` of a sandbox's file: `KBsb`.
const APPLICATION: i64 = 0x4b42_7362;

/// All columns that [`read`] wants, in its order.
const COLUMNS: &str = "id, customer_id, client_id, company_name, currency, status, \
    stripe_customer_id, plan_ids, bundle_ids, billing_contact, created, modified, added";

/// Turns a customer's number into its `customerId` and back.
///
/// The one follows from the other, so that no second index has to be kept: half
/// of what a create costs.
#[derive(Debug, Clone, Copy)]
pub(super) struct Ids {
    salt: u64,
    /// Whether `clientId`s that differ in case only are one.
    ignore_case: bool,
}

/// An odd number (so that multiplying by it can be undone) of well mixed bits: 2^64 / golden ratio.
const SPREAD: u64 = 0x9e37_79b9_7f4a_7c15;
/// What undoes it.
const GATHER: u64 = 0xf1de_83e1_9937_733d;

impl Ids {
    /// `cus_` and 24 hexadecimal digits.
    pub(super) fn customer_id(self, number: i64) -> String {
        let spread = (number.cast_unsigned() ^ self.salt).wrapping_mul(SPREAD);
        let check = (spread ^ self.salt).wrapping_mul(GATHER) >> 32;
        format!("cus_{spread:016x}{check:08x}")
    }

    /// What a `clientId` is found by and has to be unique in.
    pub(super) fn key(self, client_id: &str) -> Cow<'_, str> {
        if self.ignore_case {
            Cow::Owned(client_id.to_lowercase())
        } else {
            Cow::Borrowed(client_id)
        }
    }

    /// The number behind a `customerId` of this file.
    fn number(self, customer_id: &str) -> Option<i64> {
        let digits = customer_id.strip_prefix("cus_")?.get(..16)?;
        let spread = u64::from_str_radix(digits, 16).ok()?;
        let number = (spread.wrapping_mul(GATHER) ^ self.salt).cast_signed();
        (self.customer_id(number) == customer_id).then_some(number)
    }
}

/// Opens the file for writing, making it if there is none.
pub(super) fn open(
    path: &Path,
    salt: u64,
    ignore_case: bool,
) -> Result<(Connection, Ids), SandboxError> {
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
    // No fsync: what a killed process wrote stays with the operating system, and
    // that is all that is promised here. Only a power cut loses customers.
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
    let salt = found(&db, salt).map_err(failed("make the sandbox in"))?;
    let ids = Ids { salt, ignore_case };
    set_keys(&db, ids).map_err(failed("prepare the sandbox in"))?;
    Ok((db, ids))
}

/// Makes the tables where they are missing, and gives the salt of the file.
fn found(db: &Connection, salt: u64) -> rusqlite::Result<u64> {
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
        // Files from before duplicates could be made on purpose.
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

/// Writes all keys again if the file was last served with another notion of them.
fn set_keys(db: &Connection, ids: Ids) -> rusqlite::Result<()> {
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

/// Leaves one file instead of three.
pub(super) fn close(db: Connection) {
    // If another program reads just now, SQLite does the same at the next opening.
    drop(db.execute_batch("PRAGMA wal_checkpoint(TRUNCATE)"));
    drop(db.close());
}

/// Customers' data is for its owner only; SQLite's other files take after this one.
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

/// What is noted of a customer's creation beside the customer.
#[derive(Debug, Clone, Copy)]
pub(super) struct Issue<'a> {
    /// Whether there may be no other customer of its `clientId`.
    pub(super) unique: bool,
    /// Whether API keys were made.
    pub(super) keys: bool,
    /// The body as it was received.
    pub(super) body: &'a str,
}

/// Adds a customer; false if it has to be unique and one of its `clientId` is there.
pub(super) fn insert(
    db: &Connection,
    ids: Ids,
    customer: &Customer,
    issue: Issue<'_>,
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
            ":keys": issue.keys,
            ":created": customer.created,
            ":modified": customer.modified,
            ":body": issue.body,
            ":key": ids.key(&customer.client_id),
            ":unique": issue.unique,
        })?;
    Ok(added == 1)
}

/// Writes what can change of a customer.
pub(super) fn save(db: &Connection, customer: &Customer) -> rusqlite::Result<()> {
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

/// Finds a customer by either kind of id.
pub(super) fn find(db: &Connection, ids: Ids, name: &str) -> rusqlite::Result<Option<Customer>> {
    if let Some(number) = ids.number(name) {
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
    .query_row([ids.key(name)], read)
    .optional()
}

/// Begins a transaction that reads the file as it is now, until the connection is closed.
pub(super) fn freeze(db: &Connection) -> rusqlite::Result<()> {
    db.execute_batch("BEGIN; SELECT 1 FROM customers LIMIT 1;")
}

/// Hands every customer to `each`, in the order of creation, until it returns false.
pub(super) fn each(
    db: &Connection,
    mut each: impl FnMut(Customer) -> bool,
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

/// Counts a create that found its customer there.
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

fn read(row: &Row<'_>) -> rusqlite::Result<Customer> {
    let status: String = row.get(5)?;
    let contact: Option<String> = row.get(9)?;
    let added: Option<String> = row.get(12)?;
    Ok(Customer {
        number: row.get(0)?,
        id: row.get(1)?,
        client_id: row.get(2)?,
        company_name: row.get(3)?,
        currency: row.get(4)?,
        cancelled: status == "CANCELLED",
        stripe_customer_id: row.get(6)?,
        plans: offers(&row.get::<_, String>(7)?, catalog::plan),
        bundles: offers(&row.get::<_, String>(8)?, catalog::bundle),
        billing_contact: contact.as_deref().map(contact_of),
        created: row.get(10)?,
        modified: row.get(11)?,
        added: added
            .and_then(|json| serde_json::from_str(&json).ok())
            .unwrap_or_default(),
    })
}

/// Ids hold nothing that JSON would escape.
fn ids_json(offers: &[&'static Offer]) -> String {
    let quoted: Vec<_> = offers.iter().map(|o| format!("\"{}\"", o.id)).collect();
    format!("[{}]", quoted.join(","))
}

fn offers(json: &str, find: fn(&str) -> Option<&'static Offer>) -> Vec<&'static Offer> {
    let ids: Vec<String> = serde_json::from_str(json).unwrap_or_default();
    ids.iter().filter_map(|id| find(id)).collect()
}

fn contact_of(json: &str) -> Contact {
    let mut members: BTreeMap<String, String> = serde_json::from_str(json).unwrap_or_default();
    CONTACT_MEMBERS
        .into_iter()
        .filter_map(|name| members.remove(name).map(|text| (name, text)))
        .collect()
}

fn to_json(value: Option<impl serde::Serialize>) -> rusqlite::Result<Option<String>> {
    value
        .map(|value| serde_json::to_string(&value))
        .transpose()
        .map_err(|error| rusqlite::Error::ToSqlConversionFailure(error.into()))
}

#[cfg(test)]
mod tests {
    use super::{GATHER, Ids, SPREAD, open};
    use crate::sandbox::error::SandboxError;

    #[test]
    fn an_id_leads_back_to_its_number_and_a_foreign_one_to_none() {
        assert_eq!(SPREAD.wrapping_mul(GATHER), 1);
        let ids = |salt| Ids {
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
    fn the_file_is_its_owners_only() {
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
    fn a_file_of_something_else_is_left_alone() {
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
