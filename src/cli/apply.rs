//! What `apply` takes.

use std::path::PathBuf;

use clap::Args;

use super::display::DisplayOptions;
use super::monitor::MonitorOptions;

/// Options of `apply`. Those of the planned command stand in the plan.
#[derive(Debug, Clone, PartialEq, Eq, Args)]
pub struct ApplyOptions {
    /// The plan that --save-plan wrote
    #[arg(value_name = "PLAN")]
    pub plan: PathBuf,
    /// Says whether the plan still fits, and changes nothing
    #[arg(
        long,
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "true",
        value_name = "true|false",
        help_heading = "Sending"
    )]
    pub dry_run: Option<bool>,
    /// Doesn't ask before a live run
    #[arg(
        long,
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "true",
        value_name = "true|false",
        help_heading = "Sending"
    )]
    pub yes: Option<bool>,
    /// What is shown.
    #[command(flatten)]
    pub display: DisplayOptions,
    /// What it leaves for a monitor.
    #[command(flatten)]
    pub monitor: MonitorOptions,
}

impl ApplyOptions {
    /// Applies `plan`, with nothing else typed.
    pub fn of(plan: PathBuf) -> Self {
        Self {
            plan,
            dry_run: None,
            yes: None,
            display: DisplayOptions::default(),
            monitor: MonitorOptions::default(),
        }
    }
}
