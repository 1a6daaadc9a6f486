//! What a run would do with a row, from what the ledger and the list of customers
//! say of it.

use crate::domain::customer::Customer;
use crate::domain::decision::{Decision, ExistingPolicy, is_ours};
use crate::domain::forecast::{Forecast, PlannedAction};
use crate::domain::outcome::Outcome;
use crate::domain::remote::{RemoteCustomer, differences};
use crate::engine::survey::finding_store::Remembered;

/// What a dry run goes by.
#[derive(Debug, Clone, Copy)]
pub struct Foreseeing {
    /// What is wanted for customers that are there and differ.
    pub existing: ExistingPolicy,
    /// Whether the ledger may not know of rows that were sent.
    pub gaps: bool,
}

/// Finds out what a run would do, row by row.
pub(in crate::engine) struct Preview {
    foreseeing: Foreseeing,
    pub(in crate::engine) forecast: Forecast,
}

/// What is said of a row whose customer is there, and that a run would deal with.
pub(in crate::engine) struct Foreseen {
    pub(in crate::engine) outcome: Outcome,
    pub(in crate::engine) message: Option<String>,
}

impl Preview {
    /// Nothing is foreseen yet; `listed` says whether the list of customers is known.
    pub(super) fn new(foreseeing: Foreseeing, listed: bool) -> Self {
        Self {
            foreseeing,
            forecast: Forecast {
                listed,
                ..Forecast::default()
            },
        }
    }

    /// Counts a row. `there` is the row's customer and the one that Kable holds under
    /// its id; `is_repeat` says whether the row was given back for repeating another. Returns what is to be said of it, where that is not what the ledger says.
    pub(in crate::engine) fn foresee(
        &mut self,
        known: Option<Remembered>,
        is_repeat: bool,
        there: Option<(&Customer, &RemoteCustomer)>,
    ) -> Option<Foreseen> {
        let decision = known.map_or(Decision::Create, |known| known.decision);
        let changed = known.is_some_and(|known| known.changed);
        // A row that was never settled nor seen was not sent in another shape.
        let was_sent = known.is_some_and(|known| {
            known.there || known.in_doubt || known.last.is_some_and(|last| last != Outcome::Pending)
        });
        self.forecast.edited += u64::from(changed && was_sent);
        let (act, foreseen) = match (decision, there) {
            (Decision::Skip(outcome), _) => (PlannedAction::leave(outcome), None),
            (Decision::Create | Decision::LookUp, Some((customer, remote))) => {
                // The customer is another row's.
                let existing = match self.foreseeing.existing {
                    ExistingPolicy::Update if is_repeat => ExistingPolicy::Skip,
                    existing @ (ExistingPolicy::Skip
                    | ExistingPolicy::Update
                    | ExistingPolicy::Fail) => existing,
                };
                let act = PlannedAction::on_existing(customer, remote, existing, changed);
                let foreseen = said(&act, known, customer, remote);
                (act, Some(foreseen))
            }
            (Decision::LookUp, None) if !self.forecast.listed => (PlannedAction::LookUp, None),
            (Decision::Create, None) if !self.forecast.listed && self.foreseeing.gaps => {
                (PlannedAction::LookUp, None)
            }
            (Decision::Create | Decision::LookUp, None) => (PlannedAction::Create, None),
        };
        self.forecast.add(&act);
        foreseen
    }
}

/// What a row is now, and what a run would do about it. One that is to be updated or
/// is to fail differs until then.
fn said(
    act: &PlannedAction,
    known: Option<Remembered>,
    customer: &Customer,
    remote: &RemoteCustomer,
) -> Foreseen {
    let equal = match known {
        Some(known)
            if known.last == Some(Outcome::Updated)
                || known.in_doubt && known.changed && known.there =>
        {
            Outcome::Updated
        }
        Some(known)
            if known.ours || known.in_doubt && is_ours(remote.created, known.claimed_by) =>
        {
            Outcome::Created
        }
        Some(_) | None => Outcome::AlreadyExisted,
    };
    let differing: Vec<String> = differences(customer, remote)
        .iter()
        .map(ToString::to_string)
        .collect();
    let differing = differing.join("; ");
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
    Foreseen { outcome, message }
}
