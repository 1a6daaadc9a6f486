//! How a plan is saved.

use std::path::PathBuf;

use clap::Args;

use super::apply::ApplyOptions;

/// How a plan is saved. It is typed only: what stands in a file applies to every run.
#[derive(Debug, Clone, Default, PartialEq, Eq, Args)]
#[command(next_help_heading = "Sending")]
pub struct PlanOptions {
    /// Writes what would be done there, customer by customer, for `apply`; changes nothing at
    /// Kable
    #[arg(long, value_name = "FILE")]
    pub save_plan: Option<PathBuf>,
}

impl PlanOptions {
    /// Saves the plan anew that `applied` applies, unless one is saved.
    pub fn save_as(&mut self, applied: Option<&ApplyOptions>) {
        let applied = applied.map(|applied| applied.plan.clone());
        self.save_plan = self.save_plan.take().or(applied);
    }
}
