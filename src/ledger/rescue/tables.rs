//! The columns of a checkpoint's tables, and which values are valid in them.
//!
//! SQLite may decode a damaged page to rows that were never written; validation
//! drops them.

use rusqlite::Row;
use rusqlite::types::Value;

/// What a column holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ColumnType {
    /// A number.
    Number,
    /// The id of a row, positive.
    Id,
    /// A number of requests.
    Requests,
    /// An HTTP status, or nothing.
    MaybeStatus,
    /// Text.
    Text,
    /// Text that is not empty and has no control characters.
    Word,
    /// A digest.
    Digest,
    /// 0 or 1.
    Flag,
    /// A number, or nothing.
    MaybeNumber,
    /// Text, or nothing.
    MaybeText,
}

impl ColumnType {
    /// Whether `value` is valid in such a column.
    fn fits(self, value: &Value) -> bool {
        match (self, value) {
            (Self::Number | Self::MaybeNumber, Value::Integer(_))
            | (Self::MaybeNumber | Self::MaybeStatus | Self::MaybeText, Value::Null) => true,
            // Lost sectors read as zeros.
            (Self::Text | Self::MaybeText, Value::Text(text)) => !text.contains('\0'),
            (Self::Id, Value::Integer(id)) => *id > 0,
            (Self::Flag, Value::Integer(flag)) => matches!(flag, 0 | 1),
            (Self::Requests, Value::Integer(requests)) => u32::try_from(*requests).is_ok(),
            (Self::MaybeStatus, Value::Integer(status)) => u16::try_from(*status).is_ok(),
            (Self::Word, Value::Text(word)) => {
                !word.is_empty() && !word.chars().any(char::is_control)
            }
            (Self::Digest, Value::Blob(bytes)) => bytes.len() == 16,
            (
                _,
                Value::Null | Value::Integer(_) | Value::Real(_) | Value::Text(_) | Value::Blob(_),
            ) => false,
        }
    }
}

/// A table of a checkpoint. The first column is its key.
#[derive(Debug)]
pub(super) struct Table {
    pub(super) name: &'static str,
    pub(super) columns: &'static [(&'static str, ColumnType)],
}

/// All tables, with the columns that they have had since format 1.
pub(super) const TABLES: [&Table; 3] = [&ACCOUNT, &RUN, &CUSTOMER];

pub(super) const ACCOUNT: Table = Table {
    name: "account",
    columns: &[
        ("only", ColumnType::Id),
        ("base_url", ColumnType::Word),
        ("kable_client_id", ColumnType::Word),
        ("begun", ColumnType::Number),
    ],
};

pub(super) const RUN: Table = Table {
    name: "run",
    columns: &[
        ("id", ColumnType::Id),
        ("command", ColumnType::Word),
        ("inputs", ColumnType::Text),
        ("fit_rows", ColumnType::Number),
        ("began", ColumnType::Number),
        ("changed", ColumnType::Number),
        ("ended", ColumnType::MaybeText),
        ("elapsed_ms", ColumnType::Number),
        ("sent", ColumnType::Number),
        ("retried", ColumnType::Number),
        ("throttled", ColumnType::Number),
        ("lookups", ColumnType::Number),
        ("latencies", ColumnType::Text),
        ("clock_ahead_ms", ColumnType::MaybeNumber),
    ],
};

/// The customer table before format 3.
pub(super) const CUSTOMER: Table = Table {
    name: "customer",
    columns: CUSTOMER_5.columns.split_at(14).0,
};

/// The customer table of formats 3 and 4.
pub(super) const CUSTOMER_3: Table = Table {
    name: "customer",
    columns: CUSTOMER_5.columns.split_at(18).0,
};

/// The customer table since format 5.
pub(super) const CUSTOMER_5: Table = Table {
    name: "customer",
    columns: &[
        ("id", ColumnType::Id),
        ("client_id", ColumnType::Word),
        ("digest", ColumnType::Digest),
        ("run", ColumnType::Id),
        ("claimed", ColumnType::Number),
        ("outcome", ColumnType::MaybeText),
        ("ours", ColumnType::Number),
        ("keys_lost", ColumnType::Number),
        ("customer_id", ColumnType::MaybeText),
        ("request_id", ColumnType::MaybeText),
        ("attempts", ColumnType::Requests),
        ("status", ColumnType::MaybeStatus),
        ("message", ColumnType::MaybeText),
        ("settled", ColumnType::MaybeNumber),
        // Added by format 3.
        ("doubt", ColumnType::Flag),
        ("claimed_by", ColumnType::MaybeNumber),
        ("created", ColumnType::MaybeNumber),
        ("orphan", ColumnType::Flag),
        // Added by format 5.
        ("modified", ColumnType::MaybeNumber),
        ("differing", ColumnType::MaybeText),
    ],
};

impl Table {
    /// The statement that selects all columns; `which` is the rest of it.
    pub(super) fn select(&self, which: &str) -> String {
        format!("SELECT {} FROM {} {which}", self.names(), self.name)
    }

    /// The statement that inserts a row unless its key exists.
    pub(super) fn insert(&self) -> String {
        let places = vec!["?"; self.columns.len()].join(", ");
        // If a page was overwritten by a copy of another, its rows are read twice.
        format!(
            "INSERT OR IGNORE INTO {} ({}) VALUES ({places})",
            self.name,
            self.names()
        )
    }

    fn names(&self) -> String {
        let names: Vec<&str> = self.columns.iter().map(|(name, _)| *name).collect();
        names.join(", ")
    }

    /// The name of the key column.
    pub(super) fn key(&self) -> &'static str {
        self.columns.first().map_or("rowid", |(name, _)| *name)
    }

    /// The row's values, if all are valid.
    pub(super) fn values(&self, row: &Row<'_>) -> Option<Vec<Value>> {
        let value = |(place, (_, kind)): (usize, &(_, ColumnType))| {
            let value: Value = row.get(place).ok()?;
            kind.fits(&value).then_some(value)
        };
        self.columns.iter().enumerate().map(value).collect()
    }
}
