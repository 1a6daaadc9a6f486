//! Whether a checkpoint is sound, found out before anything is sent.
//!
//! SQLite reads a damaged page as an error where it is met, or not at all. A row
//! that is not met would be sent again, so the whole file is looked through each
//! time a run opens it: a seventh of a second for a million customers, read
//! anyway right afterwards.

use std::path::Path;

use rusqlite::{Connection, Error, ErrorCode, OptionalExtension, ffi};

use super::damage::Damage;
use super::tables::{CUSTOMER_3, TABLES};
use super::wal;
use crate::ledger::sqlite::file::{log_length, log_path, odd_bytes};

/// What we say where the database says more.
const IN_PART: &str = "part of it can't be read";

/// What is wrong with the file, if anything is.
///
/// # Errors
///
/// Where that could not be found out: for want of memory, say.
pub(in crate::ledger) fn find_damage(
    db: &Connection,
    path: &Path,
    format: i64,
) -> rusqlite::Result<Option<Damage>> {
    let looked = db.query_row("PRAGMA quick_check(1)", [], |row| row.get::<_, String>(0));
    match looked {
        Ok(said) if said == "ok" => {}
        Ok(said) => return Ok(Some(Damage::reported(IN_PART, in_one_line(&said)))),
        Err(error) => return damage_in(&error).map(Some).ok_or(error),
    }
    // What is missing of a page reads as zeros. Where a log is there, the page
    // was being written, and stands in it.
    if odd_bytes(path) > 0 && log_length(path) == 0 {
        return Ok(Some(Damage::found("it ends within a page")));
    }
    // The first page holds the schema, and may have been altered.
    let newest = (format >= 3).then_some(&CUSTOMER_3);
    for table in TABLES.into_iter().chain(newest) {
        if let Err(error) = db.prepare(&table.select("")) {
            let what = "its tables are not as they were made";
            return Ok(Some(Damage::reported(what, error.to_string())));
        }
    }
    // A run's beginning is in the file itself before anything is sent, and its
    // log goes when its end is there too; in format 1 it went sooner. The length
    // is looked at last: a run may begin just now.
    if format > 1 && is_without_log(db, path)? && !is_folded_in(db) {
        return Ok(Some(without_log(path)));
    }
    Ok(None)
}

/// What is wrong with the log, if anything is. No process may write it meanwhile.
pub(in crate::ledger) fn find_log_damage(path: &Path) -> Option<Damage> {
    match wal::has_lost_commits(path) {
        Ok(false) => None,
        Ok(true) => Some(Damage::found(
            "its log is damaged, and what was done last with it",
        )),
        Err(error) => Some(Damage::found(format!("its log can't be read: {error}"))),
    }
}

/// Whether commits are lost that were in the log: then it is not known how many
/// claims there were.
pub(super) fn has_lost_log(db: &Connection, path: &Path) -> bool {
    let is_without = is_without_log(db, path).unwrap_or(false) && !is_folded_in(db);
    is_without || find_log_damage(path).is_some()
}

fn is_without_log(db: &Connection, path: &Path) -> rusqlite::Result<bool> {
    Ok(is_open(db)? && log_length(path) < wal::LEAST)
}

/// Whether the file shows that its log was moved into it, and not lost: another
/// program that opens the checkpoint of a killed run does that when it closes it.
///
/// While a run writes, only the run moves its log into the file (it keeps a
/// reader at what was moved last, beyond which SQLite moves nothing), and what it
/// moves ends with a batch that says so. So a file that lost its log ends with
/// such a batch, and one that ends with another batch has all of its log in it.
/// Before format 3 the two can't be distinguished.
fn is_folded_in(db: &Connection) -> bool {
    let sql = "SELECT log = 0 FROM run ORDER BY id DESC LIMIT 1";
    db.query_row(sql, [], |row| row.get(0)).unwrap_or(false)
}

/// Whether the latest run has no end: it runs, or was killed.
pub(in crate::ledger) fn is_open(db: &Connection) -> rusqlite::Result<bool> {
    let sql = "SELECT ended IS NULL FROM run ORDER BY id DESC LIMIT 1";
    let open = db.query_row(sql, [], |row| row.get(0)).optional()?;
    Ok(open.unwrap_or(false))
}

fn without_log(path: &Path) -> Damage {
    let log = log_path(path);
    let log = log.file_name().unwrap_or_default().to_string_lossy();
    Damage {
        advice: Some(format!(
            "put {log} back beside it if it was left somewhere else"
        )),
        ..Damage::found(format!(
            "its log ({log}) is lost, and what was done last with it"
        ))
    }
}

/// Whether it holds our tables, whatever it says of itself.
pub(in crate::ledger) fn has_our_tables(db: &Connection) -> bool {
    TABLES
        .iter()
        .all(|table| db.prepare(&table.select("")).is_ok())
}

/// What an error says about the file, if it says that the file is damaged.
pub(in crate::ledger) fn damage_in(error: &Error) -> Option<Damage> {
    let says_so = match error.sqlite_error() {
        Some(refused) => {
            matches!(
                refused.code,
                ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase
            ) || matches!(
                refused.extended_code,
                // A disk that can't give back what was written to it.
                ffi::SQLITE_IOERR_READ | ffi::SQLITE_IOERR_DATA | ffi::SQLITE_IOERR_CORRUPTFS
            )
        }
        // Values that we never wrote: SQLite itself looks at no text's encoding,
        // and a row that must be there is gone.
        None => matches!(
            error,
            Error::FromSqlConversionFailure(..)
                | Error::IntegralValueOutOfRange(..)
                | Error::InvalidColumnType(..)
                | Error::Utf8Error(..)
                | Error::QueryReturnedNoRows
        ),
    };
    says_so.then(|| Damage::reported(IN_PART, error.to_string()))
}

/// Without the headline that names the database, of which there is one.
fn in_one_line(said: &str) -> String {
    let lines: Vec<&str> = said
        .lines()
        .filter(|line| !line.starts_with("***"))
        .collect();
    lines.join("; ")
}
