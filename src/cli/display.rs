//! What is shown.

use clap::{Args, ValueEnum};
use serde::Deserialize;

/// What is shown.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Args, Deserialize)]
#[command(next_help_heading = "Showing")]
#[serde(default, rename_all = "kebab-case")]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a switch of the command line"
)]
pub struct DisplayOptions {
    /// Prints the summary as JSON on standard output, and nothing else there
    #[arg(long)]
    pub json: bool,
    /// How progress lines are written [default: text]
    #[arg(long, value_enum)]
    pub log_format: Option<LogFormat>,
    /// Shows the outcome of each row
    #[arg(long, short, conflicts_with = "quiet")]
    pub verbose: bool,
    /// Shows nothing but errors
    #[arg(long, short)]
    pub quiet: bool,
    /// Draws no progress bar
    #[arg(long)]
    pub no_progress: bool,
}

/// How progress lines are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}
