//! What `validate` alone takes.

use clap::{Args, ValueEnum};

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

/// Whose annotations.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum AnnotationPlatform {
    /// GitHub's workflow commands.
    Github,
}
