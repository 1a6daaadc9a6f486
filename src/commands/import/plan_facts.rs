//! What a saved plan says of an import or a sync beside single customers.

use anyhow::Context;

use super::session::Session;
use crate::commands::hint::hinted;
use crate::commands::plan_use::{PlanFacts, PlanUse};
use crate::commands::shown_mapping::shown_mapping;
use crate::domain::forecast::Forecast;
use crate::domain::object_address::LEFT_OUT;
use crate::engine::survey::Survey;
use crate::engine::survey::remote_list::RemoteList;
use crate::report::plan_file::{KnownState, SavedPlan, sha256_of};

/// Writes a plan of `session`, or holds it against `saved`; `None` if there is no plan.
pub(in crate::commands) fn plan_use(
    session: &Session,
    saved: Option<SavedPlan>,
) -> anyhow::Result<Option<PlanUse>> {
    let place = session.command.options().plan.save_plan.clone();
    if place.is_none() && saved.is_none() {
        return Ok(None);
    }
    PlanUse::of(place, saved, plan_facts(session)?)
}

fn plan_facts(session: &Session) -> anyhow::Result<PlanFacts> {
    let prepared = &session.prepared;
    let mut inputs = Vec::new();
    for name in &prepared.reading.names {
        if name.ends_with(LEFT_OUT) {
            return Err(hinted(
                format!(
                    "no plan can be made of {name}: it would hold what follows the question mark"
                ),
                "copy the object to a file, and name that",
            ));
        }
        let digest = prepared.input_digest(name);
        let digest = digest.with_context(|| format!("cannot read {name}"))?;
        inputs.push(digest.ok_or_else(|| {
            hinted(
                format!("no plan can be made of {name}: it is no file that can be read again"),
                "save the rows to a file, and name that",
            )
        })?);
    }
    let mapping = shown_mapping(&prepared.reading.mapping, &prepared.inputs, true)?;
    let prunes = session.changes.is_some_and(|changes| changes.prunes);
    let effects = [
        (session.sending.keys, "API keys are created"),
        (session.sending.stripe, "customers are created at Stripe"),
        (prunes, "customers that no row has are cancelled"),
    ];
    let effects = effects.into_iter().filter(|(is_on, _)| *is_on);
    Ok(PlanFacts {
        command: session.command.planning_as(&session.command).line(),
        target: session.connected.target.clone(),
        inputs,
        mapping: sha256_of(&mapping.join("\n")),
        side_effects: effects.map(|(_, effect)| effect.to_owned()).collect(),
    })
}

/// Ends the use of a plan: says where it was written, or fails if it does not fit any more.
pub(in crate::commands) fn settle_plan(
    session: &Session,
    plan_use: PlanUse,
    (surveyed, listed): (&Survey, &RemoteList),
    forecast: &Forecast,
) -> anyhow::Result<()> {
    let known = KnownState {
        customers_at_kable: listed.customer_count(),
        checkpoint: session.sending.checkpoint.display().to_string(),
        claims: surveyed.first_new_id.saturating_sub(1),
    };
    let many = forecast.to_send() + forecast.cancel;
    let said = plan_use.settle(known, forecast, many)?;
    session.prepared.say_unless_quiet(&[said]);
    Ok(())
}
