//! Saves what can be read of a damaged checkpoint into a sound one beside it.
//!
//! Rows are read by ranges of their ids. A range that breaks off is halved where
//! it broke, again and again, until what is left can't be read at all, so that a
//! damaged page costs the rows on it and no others. What can be read is held
//! against what we write: a damaged page may read as rows that never were.
//!
//! The damaged file is never written to, and the new one appears whole or not at
//! all, under a name that nothing had.

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
use super::tables::{ACCOUNT, CUSTOMER, CUSTOMER_3, RUN, Table};
use crate::domain::summary::TargetAccount;
use crate::ledger::paths::beside;
use crate::ledger::sqlite::file::{PAGE, log_path, odd_bytes, open_to_look};
use crate::ledger::sqlite::format::{self, BoxedError};
use crate::ledger::sqlite::row_codec::{from_sql, to_sql};
use crate::ledger::sqlite::status::account_of;

/// How many ranges are tried in vain before the rest is given up: some seconds,
/// and more than there are rows on the pages of any likely damage.
const MOST_FAILURES: u64 = 1 << 20;

/// No claim takes fewer bytes: its digest and time alone are 22.
const LEAST_ROW: u64 = 32;

/// Where the file says how many pages it has (SQLite documentation, "Database
/// File Format").
const PAGES: u64 = 28;

/// Saves what can be read of the checkpoint at `path`, for `target` where it can't
/// be read whose it was.
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
    // Readable by its owner only, as the crate makes all of them.
    let part = tempfile::Builder::new()
        .prefix(name)
        .suffix(".part")
        .tempfile_in(folder_of(to))?;
    let db = Connection::open(part.path())?;
    // Until it has its name, no process reads it: it needs no journal.
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

/// A copy of a file that SQLite wouldn't read, or would read wrongly, as it is.
///
/// One that ends within a page loses that page: SQLite would take what is missing
/// of it for zeros, and believe the rows on it. One whose first page does not tell
/// its tables gets that of a new one, for they are the same in all of them.
struct ReadableCopy(Option<TempDir>);

impl ReadableCopy {
    const NAME: &str = "mended.db";

    fn of(path: &Path) -> Result<Self, BoxedError> {
        // SQLite would throw away the log of an empty one.
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

    /// The file to be read: the copy, or `path` itself where none was needed.
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

/// The damaged file.
struct DamagedFile {
    db: Connection,
    /// How many bytes it has, pages that wait in the log included.
    bytes: u64,
}

impl DamagedFile {
    fn open(path: &Path) -> Option<Self> {
        let db = open_to_look(path).ok()?;
        // A file that is shorter than it says, and a schema that can't be right,
        // are taken as they are; each cell is looked at before it is believed.
        db.execute_batch("PRAGMA writable_schema = ON; PRAGMA cell_size_check = ON;")
            .ok()?;
        let number = |sql: &str| db.query_row(sql, [], |row| row.get(0).map(from_sql)).ok();
        let bytes = number("PRAGMA page_count")? * number("PRAGMA page_size")?;
        Some(Self { db, bytes })
    }

    /// Whose it is, and when it was begun.
    fn account(&self) -> Option<Vec<Value>> {
        let mut statement = self.db.prepare(&ACCOUNT.select("")).ok()?;
        let mut rows = statement.query([]).ok()?;
        let values = ACCOUNT.values(rows.next().ok()??)?;
        (values.first() == Some(&Value::Integer(1))).then_some(values)
    }

    /// The customers, with the columns that the file has.
    fn customer(&self) -> &'static Table {
        if self.db.prepare(&CUSTOMER_3.select("")).is_ok() {
            &CUSTOMER_3
        } else {
            &CUSTOMER
        }
    }

    /// The highest id, where it can be read and can be true.
    fn last(&self, table: &Table) -> Option<i64> {
        let sql = format!(
            "SELECT coalesce(max({}), 0) FROM {}",
            table.key(),
            table.name
        );
        let last: i64 = self.db.query_row(&sql, [], |row| row.get(0)).ok()?;
        (0..=self.most_rows()).contains(&last).then_some(last)
    }

    /// There can't be more rows than this.
    fn most_rows(&self) -> i64 {
        to_sql(self.bytes / LEAST_ROW)
    }

    /// How many claims there were: as many as the last one's id says, unless
    /// this file was saved from a damaged one itself.
    fn claims(&self) -> Option<u64> {
        let gaps: i64 = self
            .db
            .query_row("SELECT max(gaps) FROM account", [], |row| row.get(0))
            .unwrap_or_default();
        let last = self.last(&CUSTOMER)?;
        (gaps == 0).then(|| from_sql(last))
    }

    /// How many rows stand on pages of `table` that can be reached and read,
    /// page by page: when so many were found there are no others.
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

/// Reads the rows from `first` to `last`; says at which id that broke off.
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
        // A page that leads back to one before it would never end.
        match row.get::<_, i64>(0) {
            Ok(id) if id >= next => next = id + 1,
            Ok(_) | Err(_) => return Ok(Some(next)),
        }
        each(row)?;
    }
}

/// Ranges of ids that are still to be read, large ones first.
struct IdRanges {
    /// The first id, the last, and whether the first is known not to be readable.
    ranges: VecDeque<(i64, i64, bool)>,
    /// Rows that were met, whatever stands in them.
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

    /// The next range to be read.
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

    /// The range up to `last` broke off where id `at` would be.
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
