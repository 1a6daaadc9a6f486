//! What is shown.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

/// What is shown.
#[derive(Debug, Clone, Default, PartialEq, Eq, Args)]
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
    /// What standard error is for: text, or the log as JSON, one object a line [default: text]
    #[arg(long, value_enum)]
    pub log_format: Option<LogFormat>,
    /// Appends the log as JSON to this file, beside what is shown
    #[arg(long, value_name = "FILE")]
    pub log_file: Option<PathBuf>,
    /// When there are colours; auto: on a terminal [default: auto]
    #[arg(long, value_enum)]
    pub color: Option<ColorChoice>,
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
    /// Shows nothing if all was done, and one line otherwise
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

/// When there are colours.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum ColorChoice {
    /// On a terminal.
    #[default]
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

/// What standard error is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}
