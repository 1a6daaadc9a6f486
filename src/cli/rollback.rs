//! What `rollback` takes.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::Args;

use super::config_file::ConfigChoice;
use super::display::DisplayOptions;
use super::monitor::MonitorOptions;
use super::plan::PlanOptions;
use super::requests::RequestOptions;
use super::scalar::whole;
use super::send::SendOptions;
use super::target::TargetOptions;

/// Options of `rollback`.
#[derive(Debug, Clone, PartialEq, Eq, Args)]
pub struct RollbackOptions {
    /// The input whose import is rolled back, or the inputs or the pattern of the import
    #[arg(value_name = "INPUT")]
    pub inputs: Vec<OsString>,
    /// The configuration file.
    #[command(flatten)]
    pub file: ConfigChoice,
    /// Where customers are deleted.
    #[command(flatten)]
    pub target: TargetOptions,
    /// How fast they are deleted.
    #[command(flatten, next_help_heading = "Sending")]
    pub requests: RequestOptions,
    /// How they are deleted.
    #[command(flatten)]
    pub sending: RollbackSending,
    /// Which of them.
    #[command(flatten)]
    pub removal: RemovalOptions,
    /// How a plan is saved.
    #[command(flatten)]
    pub plan: PlanOptions,
    /// What is shown.
    #[command(flatten)]
    pub display: DisplayOptions,
    /// What it leaves for a monitor.
    #[command(flatten)]
    pub monitor: MonitorOptions,
}

/// Which customers are deleted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Args)]
#[command(next_help_heading = "Sending")]
pub struct RemovalOptions {
    /// Deletes also customers that were changed since the import created them
    #[arg(
        long,
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "true",
        value_name = "true|false"
    )]
    pub even_if_changed: Option<bool>,
}

/// Those of the options of sending that a rollback has.
#[derive(Debug, Clone, Default, PartialEq, Eq, Args)]
#[command(next_help_heading = "Sending")]
pub struct RollbackSending {
    /// The checkpoint whose customers are deleted.
    #[arg(
        long,
        value_name = "FILE",
        help = "The checkpoint whose customers are deleted: a file, or postgres://USER@HOST/DB [default: that of INPUT]"
    )]
    pub checkpoint: Option<PathBuf>,
    /// Where results go [default: INPUT.results]
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
    /// Never more requests in flight than this
    #[arg(long, value_parser = whole::<usize>, value_name = "N")]
    pub concurrency: Option<usize>,
    /// How often a request is sent again
    #[arg(long, value_parser = whole::<u32>, value_name = "N")]
    pub retries: Option<u32>,
    /// How long a request without a response may still take effect; 0s: no time
    /// [default: from --timeout and the slowest response]
    #[arg(long, value_name = "DUR")]
    pub settle: Option<String>,
    /// Stops sending at this local time of day, and exits with 4
    #[arg(long, value_name = "HH:MM")]
    pub stop_at: Option<String>,
    /// Stops sending after this long, and exits with 4
    #[arg(long, value_name = "DUR")]
    pub max_duration: Option<String>,
    /// Shows what would be deleted, and changes nothing
    #[arg(
        long,
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "true",
        value_name = "true|false"
    )]
    pub dry_run: Option<bool>,
    /// Deletes, even where the configuration file sets dry-run
    #[arg(long, conflicts_with = "dry_run")]
    pub no_dry_run: bool,
    /// Doesn't ask; needed without a terminal
    #[arg(
        long,
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "true",
        value_name = "true|false"
    )]
    pub yes: Option<bool>,
}

impl RollbackSending {
    /// The same as options of sending.
    pub fn to_send_options(&self) -> SendOptions {
        SendOptions {
            checkpoint: self.checkpoint.clone(),
            concurrency: self.concurrency,
            retries: self.retries,
            settle: self.settle.clone(),
            stop_at: self.stop_at.clone(),
            max_duration: self.max_duration.clone(),
            dry_run: self.dry_run,
            no_dry_run: self.no_dry_run,
            yes: self.yes,
            ..SendOptions::default()
        }
    }
}
