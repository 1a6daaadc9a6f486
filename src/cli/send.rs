//! How customers are sent.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::scalar::{Scalar, whole};

/// How customers are sent.
#[derive(Debug, Clone, Default, PartialEq, Eq, Args)]
#[command(next_help_heading = "Sending")]
pub struct SendOptions {
    /// The checkpoint.
    #[arg(
        long,
        value_name = "FILE",
        help = "The checkpoint: a file, or postgres://USER@HOST/DB [default: INPUT.checkpoint.db, INPUT.sandbox.checkpoint.db with --sandbox]"
    )]
    pub checkpoint: Option<PathBuf>,
    /// Never more requests in flight than this
    #[arg(long, value_parser = whole::<usize>, value_name = "N")]
    pub concurrency: Option<usize>,
    /// How often a request is sent again
    #[arg(long, value_parser = whole::<u32>, value_name = "N")]
    pub retries: Option<u32>,
    /// How long a create without a response may still take effect before it is sent again; 0s: no time
    /// [default: from --timeout and the slowest response]
    #[arg(long, value_name = "DUR")]
    pub settle: Option<String>,
    /// Rejected and failed rows beyond which the run stops
    #[arg(long, value_name = "N|N%")]
    pub max_errors: Option<Scalar>,
    /// Sends N new rows first, reads them back, continues only if they agree; asks on a terminal
    #[arg(long, value_parser = whole::<usize>, value_name = "N")]
    pub canary: Option<usize>,
    /// Stops sending at this local time of day, and exits with 4
    #[arg(long, value_name = "HH:MM")]
    pub stop_at: Option<String>,
    /// Stops sending after this long, and exits with 4: a number of seconds, or 90s, 30m, 8h
    #[arg(long, value_name = "DUR")]
    pub max_duration: Option<String>,
    /// Sends nothing if any row is rejected
    #[arg(
        long,
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "true",
        value_name = "true|false"
    )]
    pub all_or_nothing: Option<bool>,
    /// What to do about a customer that already exists and differs [default: skip]
    #[arg(long, value_enum)]
    pub existing: Option<OnExisting>,
    /// Sends rows again that failed for good in an earlier run
    #[arg(
        long,
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "true",
        value_name = "true|false"
    )]
    pub retry_failed: Option<bool>,
    /// Has Kable create a Stripe customer for each
    #[arg(
        long,
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "true",
        value_name = "true|false"
    )]
    pub stripe: Option<bool>,
    /// Has Kable create API keys for each, kept in keys.csv
    #[arg(
        long,
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "true",
        value_name = "true|false"
    )]
    pub keys: Option<bool>,
    /// Shows what would be done, and changes nothing at Kable
    #[arg(
        long,
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "true",
        value_name = "true|false"
    )]
    pub dry_run: Option<bool>,
    /// Sends, even where the configuration file sets dry-run
    #[arg(long, conflicts_with = "dry_run")]
    pub no_dry_run: bool,
    /// Doesn't ask before a live run or after a canary
    #[arg(
        long,
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "true",
        value_name = "true|false"
    )]
    pub yes: Option<bool>,
}

/// What to do about a customer that already exists and differs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum OnExisting {
    /// Leave it, and report the difference.
    Skip,
    /// Make it equal to the row.
    Update,
    /// Count it as failed.
    Fail,
}
