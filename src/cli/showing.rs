//! What can be typed about what is shown, and where.

use clap::{Args, ValueEnum};
use serde::Deserialize;

/// What is shown.
#[derive(Debug, Clone, Default, Args, Deserialize)]
#[serde(default, rename_all = "kebab-case")]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a switch that is typed by itself"
)]
pub struct Showing {
    /// Prints the summary as JSON on standard output, and nothing else there
    #[arg(long, help_heading = "Showing")]
    pub json: bool,
    /// How progress lines are written [default: text]
    #[arg(long, value_enum, help_heading = "Showing")]
    pub log_format: Option<LogFormat>,
    /// Says what came of each row
    #[arg(long, short, help_heading = "Showing", conflicts_with = "quiet")]
    pub verbose: bool,
    /// Shows nothing but errors
    #[arg(long, short, help_heading = "Showing")]
    pub quiet: bool,
    /// Draws no progress bar
    #[arg(long, help_heading = "Showing")]
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

/// What `validate` alone takes, and can also stand in a file.
#[derive(Debug, Clone, Copy, Default, Args, Deserialize)]
#[serde(default, rename_all = "kebab-case")]
pub struct Checks {
    /// Looks up plans, bundles and which customers there are; still sends nothing
    #[arg(
        long,
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "true",
        value_name = "true|false"
    )]
    pub online: Option<bool>,
    /// Prints problems as annotations of a pull request; the summary goes to standard error
    #[arg(
        long,
        value_enum,
        value_name = "PLATFORM",
        conflicts_with = "json",
        help_heading = "Showing"
    )]
    pub annotations: Option<Platform>,
}

/// Whose annotations.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Platform {
    /// GitHub's workflow commands.
    Github,
}
