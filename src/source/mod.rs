//! Opens the inputs that the user named and reads their rows in order.
//!
//! Several inputs are read as one: a [`reader::InputReader`] goes from one to the
//! next, and each keeps its own columns. An input can be read several times; every
//! pass checks that it has not changed.
//!
//! - `patterns.rs`: file name patterns → names of files
//! - `input.rs`: opened inputs, and their formats
//! - `input_note.rs`: what is said of an input, and whether rows of it are missing
//! - `text_format.rs`: whether an input is a table or JSON
//! - `layer.rs`: what stands between an input's file and its rows
//! - `spool.rs`: copies of inputs that cannot be read as they are
//! - `reader.rs`: all inputs as one sequence of rows, in parts
//! - `bytes/`: the bytes of an input, whatever its format
//! - `csv/`: tables
//! - `workbook/`: the sheets of XLSX, XLS and ODS
//! - `jsonl/`: one JSON object a line
//! - `json/`: other JSON: arrays, wrapped lists, objects over several lines

pub mod bytes;
pub mod csv;
pub mod input;
pub mod input_note;
mod json;
pub mod jsonl;
mod layer;
pub mod patterns;
pub mod reader;
mod spool;
mod text_format;
mod workbook;

use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use encoding_rs::Encoding;

use self::bytes::block_hashes::Altered;
use crate::domain::text::listed;

/// The format of an input.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// Comma-separated values, with any delimiter; also a workbook's sheet.
    Csv {
        /// The delimiter.
        delimiter: u8,
    },
    /// JSON objects, one on each line of what is read.
    Jsonl,
}

/// The format that the user chose.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum FormatChoice {
    /// Detected by the file extension, unless the first bytes are certainly another's.
    #[default]
    Auto,
    /// CSV.
    Csv,
    /// JSON, an object a line or otherwise arranged.
    Json,
    /// A workbook of any kind.
    Xlsx,
}

/// How inputs are read.
#[derive(Debug, Clone, Default)]
pub struct Settings {
    /// The format.
    pub format: FormatChoice,
    /// The delimiter of CSV; detected if not given.
    pub delimiter: Option<u8>,
    /// The encoding; detected if not given.
    pub encoding: Option<&'static Encoding>,
    /// The name or number of a workbook's sheet; chosen if not given.
    pub sheet: Option<String>,
    /// Names of columns that the user gave: a header is likely to have them.
    pub columns: Arc<[String]>,
}

/// What becomes of a table's rows that lack cells at their end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ShortRows {
    /// They are rejected: a cell may be missing anywhere in them.
    #[default]
    Reject,
    /// The missing cells are empty: many programs leave empty cells at the end out.
    Accept,
}

/// Why an input cannot be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SourceError {
    /// No such file.
    #[error("there is no input {name}{}", perhaps(.near.as_deref()))]
    NotThere {
        /// The input's name.
        name: String,
        /// The file in its folder that was perhaps meant.
        near: Option<String>,
    },
    /// A pattern that matches no file.
    #[error("no file fits the pattern {pattern}{}", but_own(.own))]
    NoMatch {
        /// The pattern.
        pattern: String,
        /// The files that match it, but were written by this program.
        own: Vec<String>,
    },
    /// An invalid pattern.
    #[error("{pattern} is no pattern of file names")]
    BadPattern {
        /// The pattern.
        pattern: String,
        /// What is wrong with it.
        source: glob::PatternError,
    },
    /// A folder.
    #[error("{name} is a folder, wanted a file")]
    Folder {
        /// The input's name.
        name: String,
    },
    /// The same file twice.
    #[error("{name} is named twice")]
    Twice {
        /// The input's name.
        name: String,
    },
    /// An empty file.
    #[error("{name} is empty")]
    Empty {
        /// The input's name.
        name: String,
    },
    /// A table with an unusual delimiter.
    #[error("{name} seems to be separated by {found}, wanted commas, semicolons, tabs or bars")]
    OtherDelimiter {
        /// The input's name.
        name: String,
        /// What its cells are separated by.
        found: &'static str,
        /// What to do about it.
        hint: &'static str,
    },
    /// A kind of file that is not supported.
    #[error("{name} is {kind}, wanted a table (CSV, XLSX, …) or JSONL")]
    OtherKind {
        /// The input's name.
        name: String,
        /// What it is.
        kind: &'static str,
        /// What to do about it.
        hint: &'static str,
    },
    /// A compressed file that cannot be unpacked.
    #[error("{name} is compressed with {kind} and cannot be unpacked: {why}")]
    Damaged {
        /// The input's name.
        name: String,
        /// How it is compressed.
        kind: &'static str,
        /// What is wrong with it.
        why: String,
    },
    /// A workbook that cannot be read, or has no rows.
    #[error("{name} {why}")]
    Workbook {
        /// The input's name.
        name: String,
        /// What is wrong with it.
        why: String,
        /// What to do about it.
        hint: &'static str,
    },
    /// The header has bytes that are not of the input's encoding.
    #[error("{name}, line {line}: the header is not UTF-8")]
    HeaderEncoding {
        /// The input's name.
        name: String,
        /// The line of the header.
        line: u64,
    },
    /// The header cannot be read.
    #[error("{name}, line {line}: the header cannot be read: {why}")]
    Header {
        /// The input's name.
        name: String,
        /// The line of the header.
        line: u64,
        /// What is wrong with it.
        why: String,
    },
    /// The file was changed after it was checked.
    #[error(
        "{name} was changed while it was being read: {how}{}",
        same_before(*.line)
    )]
    Changed {
        /// The input's name.
        name: String,
        /// How it was changed.
        how: Altered,
        /// The line that was to be read next. What was read before it had not changed.
        line: Option<u64>,
    },
    /// The system returned an error.
    #[error("cannot read {name}")]
    Io {
        /// The input's name.
        name: String,
        /// What the system said.
        source: io::Error,
    },
    /// Standard input, or another stream, could not be copied to a file.
    #[error("cannot keep a copy of the input in {}", folder.display())]
    Spool {
        /// The folder of the copy.
        folder: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

/// Says up to where an input is known to be as it was checked.
fn same_before(line: Option<u64>) -> String {
    let line = line.filter(|line| *line > 1);
    line.map_or_else(String::new, |line| {
        format!(" (the rows before line {line} were read as they had been checked)")
    })
}

fn perhaps(near: Option<&str>) -> String {
    near.map_or_else(String::new, |near| format!(", perhaps {near}"))
}

/// Names the files that match a pattern, but were written by this program.
fn but_own(own: &[String]) -> String {
    if own.is_empty() {
        return String::new();
    }
    format!(
        " but those that kable-bulk wrote itself ({})",
        listed(own, 3)
    )
}

impl SourceError {
    /// The error for an input that could not be read at this line.
    pub(crate) fn reading(name: &str, line: Option<u64>, source: io::Error) -> Self {
        let name = name.to_owned();
        match Altered::in_error(&source) {
            Some(how) => Self::Changed { name, how, line },
            None => Self::Io { name, source },
        }
    }

    /// What the user can do about it, if anything.
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            Self::NoMatch { own, .. } if !own.is_empty() => {
                Some("type the name of such a file to have it read all the same")
            }
            Self::NotThere { .. } | Self::NoMatch { .. } => {
                Some("check the name and the folder that you are in")
            }
            Self::BadPattern { .. } => {
                Some("quote the name if its brackets or stars are meant literally")
            }
            Self::Folder { .. } => Some("name the files in it, for example 'folder/*.csv'"),
            Self::Twice { .. } => Some("name each input once"),
            Self::Empty { .. } => Some("export it again; the first line must name the columns"),
            Self::OtherKind { hint, .. }
            | Self::OtherDelimiter { hint, .. }
            | Self::Workbook { hint, .. } => Some(hint),
            Self::Damaged { .. } => Some(
                "fetch or make it again; gzip -t FILE or zstd -t FILE tells whether it is whole",
            ),
            Self::HeaderEncoding { .. } => {
                Some("name the file's encoding with --encoding, or save the file as UTF-8")
            }
            Self::Header { .. } => {
                Some("mend the first line: one name a column, separated as the cells are")
            }
            Self::Changed { .. } => Some(
                "let it be finished first, then run the same command again; nothing that was done is lost: rows that were sent are known by their clientId",
            ),
            Self::Io { source, .. } if source.kind() == io::ErrorKind::PermissionDenied => {
                Some("let this user read it, or run as the user whose file it is")
            }
            Self::Io { .. } | Self::Spool { .. } => None,
        }
    }
}
