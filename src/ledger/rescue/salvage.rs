//! Copies the readable rows of a damaged checkpoint into a new one beside it.
//!
//! Rows are read by ranges of ids. When a read fails, the rest of the range is
//! bisected down to single ids, so that a damaged page loses only the rows on it.
//! Every value is validated, because a damaged page may decode to rows that were
//! never written.
//!
//! The damaged file is never written to. The new one is created atomically and
//! never replaces an existing file.

use std::borrow::Cow;
use std::collections::VecDeque;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::Path;

use rusqlite::types::Value;
use rusqlite::{Connection, Row, Statement, params_from_iter};
use tempfile::TempDir;

use super::damage::{Rescue, Saved};
use super::integrity;
use super::tables::{ACCOUNT, CUSTOMER, CUSTOMER_3, CUSTOMER_5, RUN, Table};
use crate::domain::summary::TargetAccount;
use crate::ledger::account_of;
use crate::ledger::claim_state::{from_sql, to_sql};
use crate::ledger::paths::beside;
use crate::ledger::sqlite::file::{PAGE, log_path, odd_bytes, open_to_look};
use crate::ledger::sqlite::format::{self, BoxedError};

/// The number of failed reads after which the rest is given up: a few seconds, and
/// more than the rows on the pages of any likely damage.
const MOST_FAILURES: u64 = 1 << 20;

/// The minimum size of a claim in bytes: its digest and time alone are 22.
const LEAST_ROW: u64 = 32;

/// The offset of the page count in the file header (SQLite documentation, "Database
/// File Format").
const PAGES: u64 = 28;

/// Saves what can be read of the checkpoint at `path`. If its account can't be
/// read, the new one gets `target`.
pub(in crate::ledger) fn save(path: &Path, target: &TargetAccount) -> Rescue {
    let to = beside(path, ".saved");
    if fs::symlink_metadata(&to).is_ok() {
        return Rescue::Standing(to);
    }
    let standing = |why: &BoxedError| {
        let why = why.downcast_ref::<io::Error>().map(io::Error::kind);
        why == Some(io::ErrorKind::AlreadyExists)
    };
    match save_to(&to, path, target) {
        Ok(saved) => Rescue::Saved(saved),
        Err(why) if standing(&why) => Rescue::Standing(to),
        Err(why) => Rescue::Unwritten {
            to,
            why: why.to_string(),
        },
    }
}

fn save_to(to: &Path, path: &Path, target: &TargetAccount) -> Result<Saved, BoxedError> {
    let mended = ReadableCopy::of(path)?;
    let source = DamagedFile::open(&mended.path(path));
    let account = source.as_ref().and_then(DamagedFile::account);
    let name = to.file_name().unwrap_or_default();
    // `tempfile` makes it readable by its owner only.
    let part = tempfile::Builder::new()
        .prefix(name)
        .suffix(".part")
        .tempfile_in(folder_of(to))?;
    let db = Connection::open(part.path())?;
    // No journal: no other process opens the file before it is renamed.
    db.execute_batch(
        "PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; PRAGMA foreign_keys = OFF;",
    )?;
    format::create(&db, target, 0)?;
    let transaction = db.unchecked_transaction()?;
    if let Some(account) = &account {
        transaction.execute("DELETE FROM account", [])?;
        transaction.execute(&ACCOUNT.insert(), params_from_iter(account))?;
    }
    if let Some(source) = &source {
        source.copy(&RUN, &transaction)?;
        source.copy(source.customer(), &transaction)?;
    }
    transaction.execute_batch(include_str!("saved.sql"))?;
    let count = |which| transaction.query_row(which, [], |row| row.get(0).map(from_sql));
    let claims = count("SELECT count(*) FROM customer")?;
    let created = count("SELECT count(*) FROM customer WHERE outcome = 'created'")?;
    transaction.commit()?;
    db.close().map_err(|(_, error)| error)?;
    part.as_file().sync_all()?;
    part.persist_noclobber(to)
        .map_err(|refused| refused.error)?;
    Ok(Saved {
        path: to.to_owned(),
        claims,
        of: source
            .filter(|source| !integrity::has_lost_log(&source.db, path))
            .and_then(|source| source.claims()),
        created,
        account: account.is_none().then(|| account_of(target)),
    })
}

/// A repaired copy of a file that SQLite can't read, or would misread.
///
/// A partial last page is cut off: SQLite would fill it up with zeros and return
/// the rows on it. A first page without the schema is replaced by that of a new
/// checkpoint, since it is the same in all of them.
struct ReadableCopy(Option<TempDir>);

impl ReadableCopy {
    const NAME: &str = "mended.db";

    fn of(path: &Path) -> Result<Self, BoxedError> {
        // SQLite would delete the WAL of an empty file.
        let is_empty = fs::metadata(path).map_or(0, |found| found.len()) == 0;
        let tells_tables = |source: DamagedFile| integrity::has_our_tables(&source.db);
        let is_readable = !is_empty && DamagedFile::open(path).is_some_and(tells_tables);
        if is_readable && odd_bytes(path) == 0 {
            return Ok(Self(None));
        }
        let folder = tempfile::Builder::new().tempdir_in(folder_of(path))?;
        let copy = folder.path().join(Self::NAME);
        format::write_new(&copy, &TargetAccount::default(), 0)?;
        let mut to = OpenOptions::new().read(true).write(true).open(&copy)?;
        let keep = if is_readable { 0 } else { PAGE };
        if let Ok(mut from) = File::open(path) {
            let length = from.metadata()?.len() - odd_bytes(path);
            if is_readable {
                to.set_len(length)?;
            }
            from.seek(SeekFrom::Start(keep))?;
            to.seek(SeekFrom::Start(keep))?;
            io::copy(&mut from.take(length.saturating_sub(keep)), &mut to)?;
        }
        if !is_readable {
            let pages = u32::try_from(to.metadata()?.len() / PAGE)?;
            to.seek(SeekFrom::Start(PAGES))?;
            to.write_all(&pages.to_be_bytes())?;
        }
        if fs::exists(log_path(path))? {
            fs::copy(log_path(path), log_path(&copy))?;
        }
        Ok(Self(Some(folder)))
    }

    /// The file to read: the copy, or `path` itself if no copy was needed.
    fn path<'p>(&'p self, path: &'p Path) -> Cow<'p, Path> {
        match &self.0 {
            Some(folder) => folder.path().join(Self::NAME).into(),
            None => path.into(),
        }
    }
}

fn folder_of(path: &Path) -> &Path {
    let folder = path
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty());
    folder.unwrap_or(Path::new("."))
}

/// A connection to the damaged file.
struct DamagedFile {
    db: Connection,
    /// Its size in bytes, including pages that are only in the WAL.
    bytes: u64,
}

impl DamagedFile {
    fn open(path: &Path) -> Option<Self> {
        let db = open_to_look(path).ok()?;
        // `writable_schema` tolerates a truncated file and an invalid schema;
        // `cell_size_check` validates cells as their page is read.
        db.execute_batch("PRAGMA writable_schema = ON; PRAGMA cell_size_check = ON;")
            .ok()?;
        let number = |sql: &str| db.query_row(sql, [], |row| row.get(0).map(from_sql)).ok();
        let bytes = number("PRAGMA page_count")? * number("PRAGMA page_size")?;
        Some(Self { db, bytes })
    }

    /// The row of `account`: whose checkpoint it is, and when it was created.
    fn account(&self) -> Option<Vec<Value>> {
        let mut statement = self.db.prepare(&ACCOUNT.select("")).ok()?;
        let mut rows = statement.query([]).ok()?;
        let values = ACCOUNT.values(rows.next().ok()??)?;
        (values.first() == Some(&Value::Integer(1))).then_some(values)
    }

    /// The customer table, with the columns that the file has.
    fn customer(&self) -> &'static Table {
        [&CUSTOMER_5, &CUSTOMER_3]
            .into_iter()
            .find(|table| self.db.prepare(&table.select("")).is_ok())
            .unwrap_or(&CUSTOMER)
    }

    /// The highest id, if it can be read and is plausible.
    fn last(&self, table: &Table) -> Option<i64> {
        let sql = format!(
            "SELECT coalesce(max({}), 0) FROM {}",
            table.key(),
            table.name
        );
        let last: i64 = self.db.query_row(&sql, [], |row| row.get(0)).ok()?;
        (0..=self.most_rows()).contains(&last).then_some(last)
    }

    /// An upper bound of the number of rows, from the file's size.
    fn most_rows(&self) -> i64 {
        to_sql(self.bytes / LEAST_ROW)
    }

    /// The number of claims that were made, which is the last one's id; unknown if
    /// this file was itself saved from a damaged one.
    fn claims(&self) -> Option<u64> {
        let gaps: i64 = self
            .db
            .query_row("SELECT max(gaps) FROM account", [], |row| row.get(0))
            .unwrap_or_default();
        let last = self.last(&CUSTOMER)?;
        (gaps == 0).then(|| from_sql(last))
    }

    /// The number of rows on the reachable leaf pages of `table`. Once as many have
    /// been read, the search can end.
    fn rows_in_reach(&self, table: &Table) -> Option<u64> {
        let sql = "SELECT coalesce(sum(ncell), 0) FROM dbstat WHERE name = ? AND pagetype = 'leaf'";
        let count = self.db.query_row(sql, [table.name], |row| row.get(0));
        count.map(from_sql).ok()
    }

    /// Copies the rows of `table` that can be read.
    fn copy(&self, table: &Table, to: &Connection) -> rusqlite::Result<()> {
        let which = format!("WHERE {0} BETWEEN ? AND ? ORDER BY {0}", table.key());
        let Ok(mut ranges) = self.db.prepare(&table.select(&which)) else {
            return Ok(());
        };
        let mut insert = to.prepare(&table.insert())?;
        let last = self.last(table).unwrap_or(self.most_rows());
        let in_reach = self.rows_in_reach(table);
        let mut search = IdRanges::new(1, last);
        while let Some((first, last)) = search.next() {
            if in_reach.is_some_and(|rows| search.met >= rows) {
                break;
            }
            let broke_off = read_range(&mut ranges, first, last, |row| {
                search.met += 1;
                if let Some(values) = table.values(row) {
                    insert.execute(params_from_iter(values))?;
                }
                Ok(())
            })?;
            if let Some(at) = broke_off {
                search.retry_from(at, last);
            }
        }
        Ok(())
    }
}

/// Reads the rows from `first` to `last`. Returns the id from which on they could
/// not be read, if any.
fn read_range(
    ranges: &mut Statement<'_>,
    first: i64,
    last: i64,
    mut each: impl FnMut(&Row<'_>) -> rusqlite::Result<()>,
) -> rusqlite::Result<Option<i64>> {
    let mut next = first;
    let Ok(mut rows) = ranges.query([first, last]) else {
        return Ok(Some(next));
    };
    loop {
        let Ok(row) = rows.next() else {
            return Ok(Some(next));
        };
        let Some(row) = row else {
            return Ok(None);
        };
        // Ids must increase: a damaged tree may contain a loop.
        match row.get::<_, i64>(0) {
            Ok(id) if id >= next => next = id + 1,
            Ok(_) | Err(_) => return Ok(Some(next)),
        }
        each(row)?;
    }
}

/// The ranges of ids that are still to be read, large ones first.
struct IdRanges {
    /// The first id, the last, and whether a read from the first one has failed.
    ranges: VecDeque<(i64, i64, bool)>,
    /// The number of rows read, valid or not.
    met: u64,
    failures: u64,
}

impl IdRanges {
    fn new(first: i64, last: i64) -> Self {
        Self {
            ranges: VecDeque::from([(first, last, false)]),
            met: 0,
            failures: 0,
        }
    }

    /// The next range to read; bisects those that failed.
    fn next(&mut self) -> Option<(i64, i64)> {
        loop {
            let (first, last, broken) = self.ranges.pop_front()?;
            if !broken {
                return Some((first, last));
            }
            if first < last {
                let middle = first + (last - first) / 2;
                self.ranges.push_back((first, middle, true));
                self.ranges.push_back((middle + 1, last, false));
            }
        }
    }

    /// Queues the rest of a range whose read failed at id `at`.
    fn retry_from(&mut self, at: i64, last: i64) {
        self.failures += 1;
        if at < last && self.failures < MOST_FAILURES {
            self.ranges.push_back((at, last, true));
        }
    }
}

#[cfg(test)]
#[path = "salvage_tests.rs"]
mod tests;
