//! What is shown.

use clap::{Args, ValueEnum};

/// What is shown.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Args)]
#[command(next_help_heading = "Showing")]
pub struct DisplayOptions {
    /// Prints the summary as JSON on standard output, and nothing else there
    #[arg(
        long,
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "true",
        value_name = "true|false"
    )]
    pub json: Option<bool>,
    /// How progress lines are written [default: text]
    #[arg(long, value_enum)]
    pub log_format: Option<LogFormat>,
    /// Shows the outcome of each row
    #[arg(
        long,
        short,
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "true",
        value_name = "true|false"
    )]
    pub verbose: Option<bool>,
    /// Shows nothing but errors
    #[arg(
        long,
        short,
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "true",
        value_name = "true|false",
        conflicts_with = "verbose"
    )]
    pub quiet: Option<bool>,
    /// Draws no progress bar
    #[arg(
        long,
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "true",
        value_name = "true|false"
    )]
    pub no_progress: Option<bool>,
}

/// How progress lines are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}
