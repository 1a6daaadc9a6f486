//! What `report` takes.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::Args;

use super::config_file::ConfigChoice;
use super::defaults::SANDBOX_FILE;
use super::input::ReadingOptions;
use super::target::SandboxChoice;

/// Options of `report`.
#[derive(Debug, Clone, PartialEq, Eq, Args)]
pub struct ReportOptions {
    /// The inputs or the pattern of the import; without it, those of the latest run on the checkpoint
    #[arg(value_name = "INPUT")]
    pub inputs: Vec<OsString>,
    /// The configuration file.
    #[command(flatten)]
    pub file: ConfigChoice,
    /// The options that can also stand in a file.
    #[command(flatten)]
    pub reading: ReadingOptions,
    /// The checkpoint.
    #[arg(
        long,
        value_name = "FILE",
        help_heading = "Checkpoint",
        help = "The checkpoint: a file, or postgres://USER@HOST/DB"
    )]
    pub checkpoint: Option<PathBuf>,
    /// Takes the checkpoint of a run with the sandbox, whose file makes no difference; =false: of a run without it
    #[arg(
        long,
        value_name = "FILE",
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = SANDBOX_FILE,
        help_heading = "Checkpoint"
    )]
    pub sandbox: Option<SandboxChoice>,
    /// Shows nothing but errors
    #[arg(
        long,
        short,
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = "true",
        value_name = "true|false",
        help_heading = "Showing"
    )]
    pub quiet: Option<bool>,
}
