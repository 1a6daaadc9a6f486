//! What `plans` and `list` take, and how lists are written.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::config_file::ConfigChoice;
use super::target::TargetOptions;

/// Options of `plans`.
#[derive(Debug, Clone, PartialEq, Eq, Args)]
pub struct PlansOptions {
    /// Only the plans, or only the bundles; without it, both
    #[arg(value_enum, value_name = "KIND")]
    pub kind: Option<CatalogKind>,
    /// The configuration file.
    #[command(flatten)]
    pub file: ConfigChoice,
    /// Whose plans are listed.
    #[command(flatten)]
    pub target: TargetOptions,
    /// One request's time-out: a number of seconds, or 500ms, 30s, 5m
    #[arg(long, value_name = "DUR", help_heading = "Target")]
    pub timeout: Option<String>,
    /// How they are written.
    #[command(flatten)]
    pub listing: ListingOptions,
    /// What is shown.
    #[command(flatten)]
    pub switches: ListingSwitches,
}

/// What a customer can be subscribed to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum CatalogKind {
    /// What a column planIds holds.
    #[value(alias = "plan", alias = "planIds")]
    Plans,
    /// What a column bundleIds holds.
    #[value(alias = "bundle", alias = "bundleIds")]
    Bundles,
}

/// Options of `list`.
#[derive(Debug, Clone, PartialEq, Eq, Args)]
pub struct ListOptions {
    /// Only customers with this outcome, or with one of these: created,updated. A file of such a name is typed ./created
    #[arg(value_name = "OUTCOME")]
    pub first: Option<OsString>,
    /// The input whose checkpoint is read, or the inputs or the pattern of its import
    #[arg(value_name = "INPUT")]
    pub inputs: Vec<OsString>,
    /// The configuration file.
    #[command(flatten)]
    pub file: ConfigChoice,
    /// The checkpoint.
    #[arg(
        long,
        value_name = "FILE",
        help = "The checkpoint: a file, or postgres://USER@HOST/DB"
    )]
    pub checkpoint: Option<PathBuf>,
    /// How they are written.
    #[command(flatten)]
    pub listing: ListingOptions,
    /// What is shown.
    #[command(flatten)]
    pub switches: ListingSwitches,
}

/// How a list is written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Args)]
#[command(next_help_heading = "Showing")]
pub struct ListingOptions {
    /// How the list is written on standard output [default: table, of list csv]
    #[arg(long = "as", value_enum, value_name = "FORMAT")]
    pub written_as: Option<ListingFormat>,
}

/// How a list is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ListingFormat {
    /// Aligned columns, for people.
    Table,
    /// A line of names, and a line for each item.
    Csv,
    /// One JSON object a line.
    Jsonl,
    /// One JSON array.
    Json,
    /// A file of values for --values: from,to.
    Values,
}

/// What is shown of a list, and beside it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Args)]
#[command(next_help_heading = "Showing")]
pub struct ListingSwitches {
    /// The same as --as json
    #[arg(
        long,
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "true",
        value_name = "true|false",
        conflicts_with = "written_as"
    )]
    pub json: Option<bool>,
    /// Shows nothing but the list and errors
    #[arg(
        long,
        short,
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "true",
        value_name = "true|false"
    )]
    pub quiet: Option<bool>,
}
