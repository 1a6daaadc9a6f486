//! What can be typed about how customers are sent.

use std::path::PathBuf;

use clap::Args;
use serde::Deserialize;

use super::values::{Existing, Text};

/// How customers are sent.
#[derive(Debug, Default, Args, Deserialize)]
#[serde(default, rename_all = "kebab-case")]
pub struct Sending {
    /// The SQLite checkpoint [default: INPUT.checkpoint.db, INPUT.sandbox.checkpoint.db with --sandbox]
    #[arg(long, value_name = "FILE", help_heading = "Sending")]
    pub checkpoint: Option<PathBuf>,
    /// At this rate, never faster: N or N/s, N/m, unlimited
    #[arg(long, value_name = "N", help_heading = "Sending")]
    pub rate: Option<Text>,
    /// Finds the pace by itself, up to this [default: 50/s]
    #[arg(
        long,
        value_name = "N",
        conflicts_with = "rate",
        help_heading = "Sending"
    )]
    pub max_rate: Option<Text>,
    /// Never more requests in flight than this [default: 64]
    #[arg(long, value_name = "N", help_heading = "Sending")]
    pub concurrency: Option<usize>,
    /// Tries after the first [default: 8]
    #[arg(long, value_name = "N", help_heading = "Sending")]
    pub retries: Option<u32>,
    /// One request's time-out [default: 30s]
    #[arg(long, value_name = "DUR", help_heading = "Sending")]
    pub timeout: Option<String>,
    /// How long a create without an answer may still land before it is sent again; 0s: not at all
    /// [default: by --timeout and the slowest answer]
    #[arg(long, value_name = "DUR", help_heading = "Sending")]
    pub settle: Option<String>,
    /// Rejected and failed rows beyond which the run stops [default: 10%]
    #[arg(long, value_name = "N|N%", help_heading = "Sending")]
    pub max_errors: Option<Text>,
    /// Sends N new rows ahead, reads them back, goes on only if they agree; asks on a terminal
    #[arg(long, value_name = "N", help_heading = "Sending")]
    pub canary: Option<usize>,
    /// Stops sending at this time of day, here, and exits with 4
    #[arg(long, value_name = "HH:MM", help_heading = "Sending")]
    pub stop_at: Option<String>,
    /// Stops sending after this long, and exits with 4
    #[arg(long, value_name = "DUR", help_heading = "Sending")]
    pub max_duration: Option<String>,
    /// Sends nothing if any row is rejected
    #[arg(
        long,
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "true",
        value_name = "true|false",
        help_heading = "Sending"
    )]
    pub all_or_nothing: Option<bool>,
    /// What to do about a customer that is there already and differs [default: skip]
    #[arg(long, value_enum, help_heading = "Sending")]
    pub existing: Option<Existing>,
    /// Tries rows again that failed for good in an earlier run
    #[arg(
        long,
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "true",
        value_name = "true|false",
        help_heading = "Sending"
    )]
    pub retry_failed: Option<bool>,
    /// Has Kable create a Stripe customer for each
    #[arg(
        long,
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "true",
        value_name = "true|false",
        help_heading = "Sending"
    )]
    pub stripe: Option<bool>,
    /// Has Kable create API keys for each, kept in keys.csv
    #[arg(
        long,
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "true",
        value_name = "true|false",
        help_heading = "Sending"
    )]
    pub keys: Option<bool>,
    /// Says what would be done, and sends nothing that changes anything
    #[arg(
        long,
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "true",
        value_name = "true|false",
        help_heading = "Sending"
    )]
    pub dry_run: Option<bool>,
    /// Sends, whatever a file says of --dry-run
    #[arg(long, conflicts_with = "dry_run", help_heading = "Sending")]
    #[serde(skip)]
    pub no_dry_run: bool,
    /// Doesn't ask before a live run, nor after a canary
    #[arg(
        long,
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "true",
        value_name = "true|false",
        help_heading = "Sending"
    )]
    pub yes: Option<bool>,
}
