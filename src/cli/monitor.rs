//! What a run leaves for a monitor.

use std::path::PathBuf;

use clap::Args;

/// What a run leaves for a monitor.
#[derive(Debug, Clone, Default, PartialEq, Eq, Args)]
#[command(next_help_heading = "Showing")]
pub struct MonitorOptions {
    /// Writes the run's figures there for Prometheus, in its text format; not from a dry run
    #[arg(long, value_name = "FILE")]
    pub metrics_file: Option<PathBuf>,
    /// Serves the run's figures there for Prometheus while it goes on, at /metrics: an address with its port, or :PORT for every address of this machine; empty: none
    #[arg(long, value_name = "ADDR")]
    pub metrics: Option<String>,
    /// Runs this command at the end, however the run ends, with the summary as JSON on its standard input; empty: none
    #[arg(long, value_name = "COMMAND")]
    pub notify_command: Option<String>,
}
