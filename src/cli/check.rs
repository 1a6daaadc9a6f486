//! What `validate` alone takes.

use clap::{Args, ValueEnum};

use super::changes::ChangeOptions;
use super::monitor::MonitorOptions;
use super::plan::PlanOptions;
use super::send::SendOptions;

/// What `validate` alone takes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Args)]
pub struct CheckOptions {
    /// Looks up plans, bundles and which customers exist; still sends nothing
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
    pub annotations: Option<AnnotationPlatform>,
}

/// Options of `import` and `sync` that `validate` takes and ignores, so that a command line of
/// theirs is checked by swapping the word.
#[derive(Debug, Clone, Default, PartialEq, Eq, Args)]
pub struct UnsentOptions {
    /// How customers are sent.
    #[command(flatten)]
    pub sending: SendOptions,
    /// What `sync` changes.
    #[command(flatten)]
    pub changes: ChangeOptions,
    /// How a plan is saved.
    #[command(flatten)]
    pub plan: PlanOptions,
    /// What a run leaves for a monitor.
    #[command(flatten)]
    pub monitor: MonitorOptions,
}

/// Whose annotations.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum AnnotationPlatform {
    /// GitHub's workflow commands.
    Github,
}
