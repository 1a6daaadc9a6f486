//! Compares all rows with the customers that Kable holds, before anything is sent.

use crate::commands::import::session::Session;
use crate::commands::plan_use::PlanUse;
use crate::config::changes::ChangeSettings;
use crate::engine::survey::Survey;
use crate::engine::survey::remote_list::RemoteList;
use crate::engine::sync::plan::{PlanSink, PlanSources, RowPlanner, SyncPlan, plan};
use crate::engine::sync::step::SyncRules;

/// Compares the rows with the customers, and decides what is done with each.
pub(super) fn planned(
    session: &Session,
    changes: ChangeSettings,
    (surveyed, listed): (&mut Survey, &mut RemoteList),
    sink: Option<&mut PlanUse>,
) -> anyhow::Result<SyncPlan> {
    let prepared = &session.prepared;
    let is_unsure = surveyed.gaps || listed.unreadable() > 0;
    let mut sources = PlanSources {
        check: &prepared.reading,
        verdicts: &mut surveyed.verdicts,
        list: listed,
        planner: RowPlanner::Sync(SyncRules {
            plans: changes.plans,
            retry_failed: session.sending.policy.retry_failed,
            is_unsure,
        }),
        sink: sink.map(|sink| sink as &mut dyn PlanSink),
        folder: &prepared.out,
        stop: &prepared.stop,
    };
    plan(
        &mut prepared.rows(),
        &mut sources,
        prepared.watcher.as_ref(),
    )
}
