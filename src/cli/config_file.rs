//! Which configuration file is read.

use std::path::PathBuf;

use clap::Args;

/// Which configuration file is read.
#[derive(Debug, Clone, Default, PartialEq, Eq, Args)]
pub struct ConfigChoice {
    /// Options from this file; without it, kable-bulk.toml in the current folder is read if it is there
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Reads no kable-bulk.toml
    #[arg(long, conflicts_with = "config")]
    pub no_config: bool,
}
