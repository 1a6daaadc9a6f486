//! Checks a checkpoint for damage before anything is sent.
//!
//! SQLite reports a damaged page only when it reads it, and sometimes not even
//! then. A row that is overlooked would be sent again, so the whole file is checked
//! each time it is opened. That takes a seventh of a second for a million customers,
//! which are read right afterwards anyway.

use std::path::Path;

use rusqlite::{Connection, Error, ErrorCode, OptionalExtension, ffi};

use super::damage::Damage;
use super::tables::{CUSTOMER_3, CUSTOMER_5, TABLES};
use super::wal;
use crate::ledger::sqlite::file::{log_length, log_path, odd_bytes};

/// The description of damage that SQLite's own message explains.
const IN_PART: &str = "part of it can't be read";

/// Checks the file and returns its damage, if any.
///
/// # Errors
///
/// If the check itself failed, for example for lack of memory.
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
    // SQLite fills up a partial last page with zeros. With a WAL this is no
    // damage: the page was being written when the process ended, and is in the WAL.
    if odd_bytes(path) > 0 && log_length(path) == 0 {
        return Ok(Some(Damage::found("it ends within a page")));
    }
    // `quick_check` accepts any valid schema: check that it is ours.
    let newest = match format {
        ..3 => None,
        3 | 4 => Some(&CUSTOMER_3),
        _ => Some(&CUSTOMER_5),
    };
    for table in TABLES.into_iter().chain(newest) {
        if let Err(error) = db.prepare(&table.select("")) {
            let what = "its tables are not as they were made";
            return Ok(Some(Damage::reported(what, error.to_string())));
        }
    }
    // A run's start is in the main file before anything is sent, and its WAL is
    // deleted only after its end is there too (in format 1, earlier). Check the WAL
    // last, because a run may start during the check.
    if format > 1 && is_without_log(db, path)? && !is_folded_in(db) {
        return Ok(Some(without_log(path)));
    }
    Ok(None)
}

/// Checks the WAL and returns its damage, if any. No process may write to it
/// meanwhile.
pub(in crate::ledger) fn find_log_damage(path: &Path) -> Option<Damage> {
    match wal::has_lost_commits(path) {
        Ok(false) => None,
        Ok(true) => Some(Damage::found(
            "its log is damaged, and what was done last with it",
        )),
        Err(error) => Some(Damage::found(format!("its log can't be read: {error}"))),
    }
}

/// Whether commits in the WAL were lost; the number of claims is then unknown.
pub(super) fn has_lost_log(db: &Connection, path: &Path) -> bool {
    let is_without = is_without_log(db, path).unwrap_or(false) && !is_folded_in(db);
    is_without || find_log_damage(path).is_some()
}

fn is_without_log(db: &Connection, path: &Path) -> rusqlite::Result<bool> {
    Ok(is_open(db)? && log_length(path) < wal::LEAST)
}

/// Whether the missing WAL was moved into the file and not lost. Another program
/// that opens the checkpoint of a killed run moves it when it closes the file.
///
/// While a run writes, only the run itself moves the WAL (`pin.rs` keeps other
/// processes from it), and the last batch that it moves has `run.log` set. So if the
/// file's last batch has `log` set, the WAL was lost; if not, all of it was moved.
/// Before format 3 the two can't be distinguished.
fn is_folded_in(db: &Connection) -> bool {
    let sql = "SELECT log = 0 FROM run ORDER BY id DESC LIMIT 1";
    db.query_row(sql, [], |row| row.get(0)).unwrap_or(false)
}

/// Whether the latest run has not ended: it is running, or was killed.
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

/// Whether all tables of a checkpoint are there, whatever the application id is.
pub(in crate::ledger) fn has_our_tables(db: &Connection) -> bool {
    TABLES
        .iter()
        .all(|table| db.prepare(&table.select("")).is_ok())
}

/// The damage that `error` reports, if it is due to damage.
pub(in crate::ledger) fn damage_in(error: &Error) -> Option<Damage> {
    let says_so = match error.sqlite_error() {
        Some(refused) => {
            matches!(
                refused.code,
                ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase
            ) || matches!(
                refused.extended_code,
                // The disk can't read back what was written.
                ffi::SQLITE_IOERR_READ | ffi::SQLITE_IOERR_DATA | ffi::SQLITE_IOERR_CORRUPTFS
            )
        }
        // Values that were never written (SQLite does not validate the encoding of
        // text), or a required row that is missing.
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

/// SQLite's report in one line, without the heading that names the database.
fn in_one_line(said: &str) -> String {
    let lines: Vec<&str> = said
        .lines()
        .filter(|line| !line.starts_with("***"))
        .collect();
    lines.join("; ")
}
