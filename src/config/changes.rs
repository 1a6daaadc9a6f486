//! What a sync changes in customers that exist.

use super::error::{ConfigError, value_error};
use crate::cli::defaults::MAX_CHANGES_PERCENT;
use crate::cli::{ChangeOptions, EmptyHandling, OnMissingRow, PlanHandling, SendOptions};
use crate::domain::plan_policy::{PlanPolicy, PlanRules};
use crate::domain::threshold::Threshold;

/// What a sync changes in customers that exist.
#[derive(Debug, Clone, Copy)]
pub struct ChangeSettings {
    /// Customers that the file no longer has are cancelled.
    pub prunes: bool,
    /// What is compared and changed of plans and bundles.
    pub plans: PlanRules,
    /// An empty cell clears a value at Kable.
    pub clears_empty: bool,
    /// How many customers may be changed.
    pub max_changes: Threshold,
}

impl ChangeSettings {
    /// Refuses to cancel what a part of a file does not have.
    pub fn demand_all_rows(&self, limit: Option<u64>) -> Result<(), ConfigError> {
        if self.prunes && limit.is_some() {
            return Err(ConfigError::Conflict {
                option: "prune",
                wrong: "it cancels the customers that the file does not have: leave --limit out"
                    .to_owned(),
                hint: "a part of the file says nothing of the other customers",
            });
        }
        Ok(())
    }
}

/// Decides what is changed, of what was typed or stands in a file.
pub fn changes(typed: &ChangeOptions, file: &ChangeOptions) -> Result<ChangeSettings, ConfigError> {
    let max_changes = typed.max_changes.as_ref().or(file.max_changes.as_ref());
    Ok(ChangeSettings {
        prunes: typed.prune.or(file.prune) == Some(OnMissingRow::Cancel),
        plans: PlanRules::sync(match typed.plans.or(file.plans) {
            None | Some(PlanHandling::Add) => PlanPolicy::Add,
            Some(PlanHandling::Exact) => PlanPolicy::Exact,
            Some(PlanHandling::Ignore) => PlanPolicy::Ignore,
        }),
        clears_empty: typed.empty.or(file.empty) == Some(EmptyHandling::Clear),
        max_changes: match max_changes {
            Some(text) => text.0.parse().map_err(value_error("max-changes"))?,
            None => Threshold::Percent(f64::from(MAX_CHANGES_PERCENT)),
        },
    })
}

/// Refuses options of an import that a sync does not have.
pub fn refuse_import_options(typed: &SendOptions) -> Result<(), ConfigError> {
    for (option, wrong, is_typed) in [
        ("canary", "it is for import alone", typed.canary.is_some()),
        (
            "existing",
            "it is for import alone: a sync updates customers that differ",
            typed.existing.is_some(),
        ),
    ] {
        if is_typed {
            return Err(ConfigError::Conflict {
                option,
                wrong: wrong.to_owned(),
                hint: "leave it out",
            });
        }
    }
    Ok(())
}
