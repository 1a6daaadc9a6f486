//! What a saved plan says of a rollback beside single customers.

use std::collections::HashSet;

use anyhow::Context;

use super::session::RollbackSession;
use super::summary::RollbackSummary;
use crate::commands::plan_use::{PlanFacts, PlanUse};
use crate::domain::saved_plan::{CurrentPlan, CustomerAction, PlannedCustomer};
use crate::engine::send::removal::created_claims::{ForeseenRemoval, RemovalForecast};
use crate::report::plan_file::{KnownState, SavedPlan};

/// Writes a plan of `session`, or holds it against `saved`; `None` if there is no plan.
pub(super) fn plan_use(
    session: &RollbackSession,
    saved: Option<SavedPlan>,
) -> anyhow::Result<Option<PlanUse>> {
    let place = session.command.options.plan.save_plan.clone();
    PlanUse::of(place, saved, plan_facts(session))
}

fn plan_facts(session: &RollbackSession) -> PlanFacts {
    let applied = session.applied.as_ref().map(|applied| &applied.options);
    let planning = session.command.with(|options| {
        options.plan.save_as(applied);
    });
    PlanFacts {
        command: planning.line(),
        target: session.target().clone(),
        inputs: Vec::new(),
        mapping: String::new(),
        side_effects: Vec::new(),
    }
}

/// The claims of the customers that `saved` deletes. Memory grows by some ten bytes a customer.
pub(super) fn planned_claims(saved: &mut SavedPlan) -> anyhow::Result<HashSet<u64>> {
    let mut claims = HashSet::new();
    let mut read_all = || {
        while let Some(planned) = saved.read_next()? {
            if planned.action == CustomerAction::Delete {
                claims.insert(planned.number);
            }
        }
        saved.rewind()
    };
    read_all().context("cannot read the plan")?;
    Ok(claims)
}

/// What is planned for a customer.
pub(super) fn planned(foreseen: &ForeseenRemoval<'_>) -> CurrentPlan {
    match (foreseen.forecast, foreseen.remote) {
        (RemovalForecast::Remove, Some(remote)) => {
            let action = CustomerAction::Delete;
            let planned = PlannedCustomer::new(action, foreseen.client_id.to_owned());
            CurrentPlan::Act(Box::new(PlannedCustomer {
                number: foreseen.claim,
                ..planned.listed(remote)
            }))
        }
        (RemovalForecast::Remove, None) | (RemovalForecast::AlreadyGone, _) => CurrentPlan::Done,
        (RemovalForecast::NotOurs | RemovalForecast::Changed(_), _) => CurrentPlan::Differs,
    }
}

/// Ends the use of a plan: says where it was written, or fails if it does not fit any more.
pub(super) fn settle_plan(
    session: &RollbackSession,
    plan_use: PlanUse,
    customers_at_kable: u64,
    summary: &RollbackSummary,
) -> anyhow::Result<()> {
    let known = KnownState {
        customers_at_kable,
        checkpoint: summary.checkpoint.clone(),
        claims: summary.customers,
    };
    let said = plan_use.settle(known, &summary.outcomes, summary.to_delete())?;
    if !session.display.quiet {
        session.watcher.say(&said);
    }
    Ok(())
}
