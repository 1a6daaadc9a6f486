//! Where customers are sent or looked up.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::defaults::SANDBOX_FILE;

/// Where customers are sent or looked up.
#[derive(Debug, Clone, Default, PartialEq, Eq, Args)]
#[command(next_help_heading = "Target")]
pub struct TargetOptions {
    /// Which of Kable's hosts [default: test]
    #[arg(long, value_enum)]
    pub env: Option<Env>,
    /// Another address; http:// only for this machine
    #[arg(long, value_name = "URL", conflicts_with = "env")]
    pub base_url: Option<String>,
    /// Starts the sandbox in this process and uses it, over this file; =false: not [default file: kable-sandbox.db]
    #[arg(
        long,
        value_name = "FILE",
        num_args = 0..=1,
        require_equals = true,
        default_missing_value = SANDBOX_FILE,
        conflicts_with_all = ["env", "base_url"]
    )]
    pub sandbox: Option<SandboxChoice>,
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

/// Whether a sandbox in this process is used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SandboxChoice {
    /// It is not.
    Off,
    /// It is, over this file.
    File(PathBuf),
}

impl SandboxChoice {
    /// Whether it is used.
    pub fn is_on(&self) -> bool {
        match self {
            Self::Off => false,
            Self::File(_) => true,
        }
    }
}

impl From<OsString> for SandboxChoice {
    fn from(text: OsString) -> Self {
        match text.to_str() {
            Some("false") => Self::Off,
            Some("true") => Self::File(SANDBOX_FILE.into()),
            Some(_) | None => Self::File(text.into()),
        }
    }
}

/// Which of Kable's hosts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Env {
    /// <https://test.kable.io>: customers made there are seen live as well.
    Test,
    /// <https://live.kable.io>.
    Live,
}
