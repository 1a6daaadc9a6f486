//! What `completions` and `man` take.

use std::path::PathBuf;

use clap::Args;
use clap_complete::Shell;

/// Options of `completions`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Args)]
pub struct CompletionsOptions {
    /// The shell that reads the script
    #[arg(value_name = "SHELL", value_enum)]
    pub shell: Shell,
}

/// Options of `man`.
#[derive(Debug, Clone, PartialEq, Eq, Args)]
pub struct ManOptions {
    /// Writes this page and one for each command into this folder, instead of printing this page
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
}
