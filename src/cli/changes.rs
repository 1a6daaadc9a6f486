//! What `sync` changes in customers that exist.

use clap::{Args, ValueEnum};

use super::scalar::Scalar;

/// What `sync` changes in customers that exist.
#[derive(Debug, Clone, Default, PartialEq, Eq, Args)]
#[command(next_help_heading = "Changes")]
pub struct ChangeOptions {
    /// What to do about customers that the file no longer has [default: report]
    #[arg(long, value_enum)]
    pub prune: Option<OnMissingRow>,
    /// Plans and bundles: add what is missing, make them equal, or leave them alone [default: add]
    #[arg(long, value_enum)]
    pub plans: Option<PlanHandling>,
    /// What an empty cell does to a value at Kable [default: keep]
    #[arg(long, value_enum)]
    pub empty: Option<EmptyHandling>,
    /// Updates and cancellations beyond which the run stops before the first of them
    #[arg(long, value_name = "N|N%")]
    pub max_changes: Option<Scalar>,
}

/// What to do about customers that the file no longer has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum OnMissingRow {
    /// Report them.
    Report,
    /// Cancel them.
    Cancel,
}

/// What to do about plans and bundles.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum PlanHandling {
    /// Add what is missing.
    Add,
    /// Make them those of the row; a row without any leaves them alone, except with --empty clear.
    Exact,
    /// Leave them alone.
    Ignore,
}

/// What an empty cell does to a value at Kable.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum EmptyHandling {
    /// Nothing.
    Keep,
    /// Clears it.
    Clear,
}
