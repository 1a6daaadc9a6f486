//! What is read, and how.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{ArgAction, Args, ValueEnum};

use super::config_file::ConfigChoice;
use super::scalar::whole;

/// What is read, and how.
#[derive(Debug, Clone, PartialEq, Eq, Args)]
pub struct InputOptions {
    /// A file, several files, a pattern, - for standard input, or an object's address
    #[arg(value_name = "INPUT", required = true)]
    pub inputs: Vec<OsString>,
    /// The configuration file.
    #[command(flatten)]
    pub file: ConfigChoice,
    /// The options that can also stand in a file.
    #[command(flatten)]
    pub reading: ReadingOptions,
}

/// How the input is read and checked, and where results go.
#[derive(Debug, Clone, Default, PartialEq, Eq, Args)]
#[command(next_help_heading = "Reading")]
pub struct ReadingOptions {
    /// How the input is written [default: auto]
    #[arg(long, value_enum)]
    pub format: Option<InputFormat>,
    /// What separates the cells of a CSV file [default: found]
    #[arg(long, value_name = "C")]
    pub delimiter: Option<String>,
    /// How letters are encoded, such as windows-1252 or utf-16 [default: found]
    #[arg(long, value_name = "NAME")]
    pub encoding: Option<String>,
    /// What becomes of a table's rows that lack cells at their end [default: reject]
    #[arg(long, value_enum, value_name = "HOW")]
    pub short_rows: Option<ShortRowHandling>,
    /// A mapping that is built in, for the exports of another system; auto: the one that fits the columns
    #[arg(long, value_name = "NAME|auto")]
    pub preset: Option<String>,
    /// Which columns feed which fields, and how: a mapping file
    #[arg(long, value_name = "FILE")]
    pub mapping: Option<PathBuf>,
    /// Which sheet of a workbook is read, by name or number [default: the one with customers]
    #[arg(long, value_name = "NAME")]
    pub sheet: Option<String>,
    /// Which column feeds a field, such as companyName=Customer; can be repeated
    #[arg(long, value_name = "FIELD=COLUMN", action = ArgAction::Append)]
    pub map: Vec<String>,
    /// A value for rows that have none, such as currency=USD or companyName=@person; can be repeated
    #[arg(long, value_name = "FIELD=VALUE", action = ArgAction::Append)]
    pub set: Vec<String>,
    /// A file of values and what they become, such as planIds=plans.csv; can be repeated
    #[arg(long, value_name = "FIELD=FILE", action = ArgAction::Append)]
    pub values: Vec<String>,
    /// Shows for the first N rows what each field came from
    #[arg(long, value_parser = whole::<u64>, value_name = "N")]
    pub explain: Option<u64>,
    /// Leaves out the rows that this row filter of the mapping is for; can be repeated
    #[arg(long, value_name = "NAME", action = ArgAction::Append)]
    pub skip: Vec<String>,
    /// Takes the rows that this row filter of the mapping leaves out; can be repeated
    #[arg(long, value_name = "NAME", action = ArgAction::Append)]
    pub no_skip: Vec<String>,
    /// A currency that Kable has begun to accept; can be repeated
    #[arg(long, value_name = "XYZ", action = ArgAction::Append)]
    pub allow_currency: Vec<String>,
    /// Which ids of plans and bundles the input has: Kable's own, or also the account's external ids [default: kable]
    #[arg(long, value_enum, value_name = "KIND")]
    pub plan_ids: Option<PlanIds>,
    /// Rejects rows that need a correction or have a warning
    #[arg(
        long,
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "true",
        value_name = "true|false"
    )]
    pub strict: Option<bool>,
    /// Only the first N rows
    #[arg(long, value_parser = whole::<u64>, value_name = "N")]
    pub limit: Option<u64>,
    /// Where results go: a folder, or s3://, gs://, az:// [default: INPUT.results]
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
}

/// Which ids of plans and bundles an input has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum PlanIds {
    /// Kable's own.
    Kable,
    /// The account's own, as well as Kable's.
    External,
}

/// What becomes of a table's rows that lack cells at their end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ShortRowHandling {
    /// They are rejected.
    Reject,
    /// The missing cells are empty.
    Accept,
}

/// How an input is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum InputFormat {
    /// By the name's ending, else by the first bytes.
    Auto,
    /// Comma-separated values, whatever the separator is.
    Csv,
    /// One JSON object a line.
    Jsonl,
    /// JSON: an array, a list in an object, or objects over several lines.
    Json,
    /// A workbook: XLSX, XLS or ODS.
    Xlsx,
}
