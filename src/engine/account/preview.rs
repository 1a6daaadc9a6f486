//! What a run would do with each row, from the ledger and the list of customers.

use crate::domain::decision::{Decision, ExistingPolicy, is_ours};
use crate::domain::forecast::{Forecast, PlannedAction};
use crate::domain::outcome::Outcome;
use crate::domain::plan_policy::PlanRules;
use crate::domain::remote::ComparedCustomer;
use crate::domain::send_times::SendTimes;
use crate::domain::update::Unseen;
use crate::engine::survey::finding_store::PriorClaim;

/// The settings of a dry run.
#[derive(Debug, Clone, Copy)]
pub struct PreviewSettings {
    /// What a run does about customers that exist and differ.
    pub existing: ExistingPolicy,
    /// Whether the ledger may lack rows that were sent.
    pub gaps: bool,
}

impl PreviewSettings {
    /// What a run does with a fit row. `there` is the row's customer and the one that Kable
    /// holds under its id; `is_repeat` says whether the row was rejected before for repeating
    /// another, and `listed` whether the list of customers is known.
    pub(in crate::engine) fn action(
        self,
        claim: Option<PriorClaim>,
        is_repeat: bool,
        there: Option<&ComparedCustomer>,
        listed: bool,
    ) -> PlannedAction {
        let decision = claim.map_or(Decision::Create, |claim| claim.decision);
        match (decision, there) {
            (Decision::Skip(outcome), _) => PlannedAction::leave(outcome),
            (Decision::Create | Decision::LookUp, Some(compared)) => {
                // The customer belongs to another row.
                let existing = match self.existing {
                    ExistingPolicy::Update if is_repeat => ExistingPolicy::Skip,
                    existing @ (ExistingPolicy::Skip
                    | ExistingPolicy::Update
                    | ExistingPolicy::Fail) => existing,
                };
                let changed = claim.is_some_and(|claim| claim.changed);
                let unseen = Unseen {
                    stripe: changed,
                    contact: changed || claim.is_none(),
                };
                PlannedAction::on_existing(compared, existing, PlanRules::IMPORT, unseen)
            }
            (Decision::LookUp, None) if !listed => PlannedAction::LookUp,
            (Decision::Create, None) if !listed && self.gaps => PlannedAction::LookUp,
            (Decision::Create | Decision::LookUp, None) => PlannedAction::Create,
        }
    }
}

/// Forecasts what a run would do.
pub(in crate::engine) struct Preview {
    settings: PreviewSettings,
    /// When creates of earlier runs may have taken effect.
    times: SendTimes,
    pub(in crate::engine) forecast: Forecast,
}

/// The outcome of a row whose customer exists, and what a run would change.
pub(in crate::engine) struct PreviewedOutcome {
    pub(in crate::engine) outcome: Outcome,
    pub(in crate::engine) message: Option<String>,
}

impl Preview {
    /// An empty forecast; `listed` says whether the list of customers is known.
    pub(super) fn new(settings: PreviewSettings, listed: bool, times: SendTimes) -> Self {
        Self {
            settings,
            times,
            forecast: Forecast {
                listed,
                ..Forecast::default()
            },
        }
    }

    /// Adds a fit row. `there` is the row's customer and the one that Kable holds under its
    /// id; `is_repeat` says whether the row was rejected before for repeating another.
    /// Returns its outcome if that is not the ledger's.
    pub(super) fn add(
        &mut self,
        claim: Option<PriorClaim>,
        is_repeat: bool,
        there: Option<&ComparedCustomer>,
    ) -> Option<PreviewedOutcome> {
        let changed = claim.is_some_and(|claim| claim.changed);
        // Only a row that was sent before can have been edited since.
        let was_sent = claim.is_some_and(|claim| {
            claim.there || claim.in_doubt || claim.last.is_some_and(|last| last != Outcome::Pending)
        });
        self.forecast.edited += u64::from(changed && was_sent && !is_repeat);
        let act = self
            .settings
            .action(claim, is_repeat, there, self.forecast.listed);
        let is_skipped = claim.is_some_and(|claim| matches!(claim.decision, Decision::Skip(_)));
        let compared = there.filter(|_| !is_skipped);
        let previewed = compared.map(|compared| previewed(&act, claim, compared, &self.times));
        self.forecast.add(&act);
        previewed
    }
}

/// The outcome of a row before the run, and what the run would do. A row that would be
/// updated or would fail differs until then.
fn previewed(
    act: &PlannedAction,
    claim: Option<PriorClaim>,
    compared: &ComparedCustomer,
    times: &SendTimes,
) -> PreviewedOutcome {
    let created = compared.remote.created;
    let equal = match claim {
        Some(claim)
            if claim.last == Some(Outcome::Updated)
                || claim.in_doubt && claim.changed && claim.there =>
        {
            Outcome::Updated
        }
        Some(claim)
            if claim.ours
                || claim.in_doubt
                    && is_ours(created, claim.claimed_by)
                    && times.include(created) =>
        {
            Outcome::Created
        }
        Some(_) | None => Outcome::AlreadyExisted,
    };
    let differing = compared.sentence();
    let (outcome, message) = match act {
        PlannedAction::Update { fields, .. } => {
            let names: Vec<&str> = fields.iter().map(|field| field.name()).collect();
            let names = names.join(", ");
            let message = if differing.is_empty() {
                format!("would update {names}")
            } else {
                format!("{differing}; would update {names}")
            };
            (Outcome::Differs, Some(message))
        }
        PlannedAction::Fail => {
            let message = format!("{differing}; would count as failed (--existing fail)");
            (Outcome::Differs, Some(message))
        }
        PlannedAction::LeaveDiffering => (Outcome::Differs, Some(differing)),
        PlannedAction::LeaveEqual | PlannedAction::Create | PlannedAction::LookUp => (equal, None),
    };
    PreviewedOutcome { outcome, message }
}
