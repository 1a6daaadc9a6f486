//! Whether a checkpoint is sound, found out before anything is sent.
//!
//! SQLite reads a damaged page as an error where it is met, or not at all. A row
//! that is not met would be sent again, so the whole file is looked through each
//! time a run opens it: a seventh of a second for a million customers, read
//! anyway right afterwards.

use std::path::Path;

use rusqlite::{Connection, Error, ErrorCode, ffi};

use super::file::{log_length, odd_bytes};
use super::tables::TABLES;

/// What is wrong with the file, if anything is.
///
/// # Errors
///
/// Where that could not be found out: for want of memory, say.
pub(super) fn damage(db: &Connection, path: &Path) -> rusqlite::Result<Option<String>> {
    let looked = db.query_row("PRAGMA quick_check(1)", [], |row| row.get::<_, String>(0));
    match looked {
        Ok(said) if said == "ok" => {}
        Ok(said) => return Ok(Some(in_one_line(&said))),
        Err(error) => return damage_in(&error).map(Some).ok_or(error),
    }
    // What is missing of a page reads as zeros. Where a log is there, the page
    // was being written, and stands in it.
    if odd_bytes(path) > 0 && log_length(path) == 0 {
        return Ok(Some("it ends within a page".to_owned()));
    }
    // Its tables are told in its first page, and could be others by now.
    for table in TABLES {
        if let Err(error) = db.prepare(&table.select("")) {
            return Ok(Some(error.to_string()));
        }
    }
    Ok(None)
}

/// Whether it holds our tables, whatever it says of itself.
pub(super) fn has_our_tables(db: &Connection) -> bool {
    TABLES
        .iter()
        .all(|table| db.prepare(&table.select("")).is_ok())
}

/// What an error says about the file, if it says that the file is damaged.
pub(super) fn damage_in(error: &Error) -> Option<String> {
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
    says_so.then(|| error.to_string())
}

/// Without the headline that names the database, of which there is one.
fn in_one_line(said: &str) -> String {
    let lines: Vec<&str> = said
        .lines()
        .filter(|line| !line.starts_with("***"))
        .collect();
    lines.join("; ")
}
