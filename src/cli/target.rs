//! Where customers are sent or looked up.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use serde::Deserialize;

use super::defaults::SANDBOX_FILE;

/// Where customers are sent or looked up.
#[derive(Debug, Clone, Default, PartialEq, Eq, Args, Deserialize)]
#[command(next_help_heading = "Target")]
#[serde(default, rename_all = "kebab-case")]
pub struct TargetOptions {
    /// Which of Kable's hosts [default: test]
    #[arg(long, value_enum)]
    pub env: Option<Env>,
    /// Another address; http:// only for this machine
    #[arg(long, value_name = "URL", conflicts_with = "env")]
    pub base_url: Option<String>,
    /// Starts the sandbox in this process and uses it, over this file [default file: kable-sandbox.db]
    #[arg(
        long,
        value_name = "FILE",
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = SANDBOX_FILE,
        conflicts_with_all = ["env", "base_url"]
    )]
    pub sandbox: Option<PathBuf>,
    /// A file that holds the client secret
    #[arg(long, value_name = "FILE")]
    pub client_secret_file: Option<PathBuf>,
}

impl TargetOptions {
    /// Whether an address is given, of whatever kind.
    pub fn names_a_target(&self) -> bool {
        self.env.is_some() || self.base_url.is_some() || self.sandbox.is_some()
    }
}

/// Which of Kable's hosts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Env {
    /// <https://test.kable.io>: customers made there are seen live as well.
    Test,
    /// <https://live.kable.io>.
    Live,
}
