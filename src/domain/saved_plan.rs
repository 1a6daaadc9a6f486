//! What a saved plan says of one customer, and whether that still fits (pure).

use serde::{Deserialize, Serialize};

use super::customer::Customer;
use super::field::Field;
use super::forecast::PlannedAction;
use super::remote::{ComparedCustomer, RemoteCustomer, sorted};
use super::text::quoted;

/// What is done with a customer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CustomerAction {
    /// It is created.
    Create,
    /// It is updated.
    Update,
    /// It is looked up, because an earlier run may have sent it; the rest depends on that.
    LookUp,
    /// It is cancelled.
    Cancel,
    /// It is deleted.
    Delete,
}

impl CustomerAction {
    /// What would be done with it: `created`.
    fn done(self) -> &'static str {
        match self {
            Self::Create => "created",
            Self::Update => "updated",
            Self::LookUp => "looked up",
            Self::Cancel => "cancelled",
            Self::Delete => "deleted",
        }
    }
}

/// The value of a field before and after a change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ValueChange {
    /// The field's name; the ids of plans and bundles are one value.
    pub field: String,
    /// The value at Kable; `None` if there is none, or Kable does not show it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    /// The value afterwards.
    pub to: String,
}

/// Where a customer's row stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PlannedRow {
    /// The input, as it was named.
    pub file: String,
    /// Its line there.
    pub line: u64,
}

/// What is done with one customer: a line of a saved plan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct PlannedCustomer {
    /// What is done.
    pub action: CustomerAction,
    /// Its row; none of a customer that is cancelled or deleted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub row: Option<PlannedRow>,
    /// Its place among the rows of all inputs, or the number of its claim, from 0 on; 0 of
    /// a customer that has neither.
    #[serde(default)]
    pub number: u64,
    /// Its `clientId`.
    pub client_id: String,
    /// Kable's id for it, if it is there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub customer_id: Option<String>,
    /// Its `modified`, in Unix milliseconds, if known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub modified: Option<i64>,
    /// The values that are created or changed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub changes: Vec<ValueChange>,
    /// Whether it still differs from its row afterwards.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub differs_still: bool,
}

impl PlannedCustomer {
    /// A customer of which nothing but its id is known.
    pub fn new(action: CustomerAction, client_id: String) -> Self {
        Self {
            action,
            row: None,
            number: 0,
            client_id,
            customer_id: None,
            modified: None,
            changes: Vec::new(),
            differs_still: false,
        }
    }

    /// The customer as it is listed.
    #[must_use]
    pub fn listed(mut self, remote: &RemoteCustomer) -> Self {
        self.customer_id = Some(remote.customer_id.clone());
        self.modified = remote.modified;
        self
    }
}

/// What a run would do with a row now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CurrentPlan {
    /// It would send something.
    Act(Box<PlannedCustomer>),
    /// Nothing: the row is done, or equal to its customer.
    Done,
    /// Nothing: it failed in an earlier run.
    Failed,
    /// Nothing, though its customer differs.
    Differs,
}

impl CurrentPlan {
    /// What `action` says of the row of `customer`; `there` is that customer beside the one
    /// that Kable holds.
    pub fn of(
        action: &PlannedAction,
        customer: &Customer,
        there: Option<&ComparedCustomer>,
    ) -> Self {
        let act = |action| {
            let mut planned = PlannedCustomer::new(action, customer.client_id().to_owned());
            if let Some(compared) = there {
                planned = planned.listed(&compared.remote);
            }
            planned
        };
        Self::Act(Box::new(match action {
            PlannedAction::LeaveEqual => return Self::Done,
            PlannedAction::LeaveDiffering => return Self::Differs,
            PlannedAction::Fail => return Self::Failed,
            PlannedAction::LookUp => act(CustomerAction::LookUp),
            PlannedAction::Create => PlannedCustomer {
                changes: given_values(customer),
                ..act(CustomerAction::Create)
            },
            PlannedAction::Update {
                fields,
                differs_still,
            } => PlannedCustomer {
                changes: changed_values(fields, customer, there),
                differs_still: *differs_still,
                ..act(CustomerAction::Update)
            },
        }))
    }
}

impl CurrentPlan {
    /// The same of row `number` of all, which stands at `row`.
    #[must_use]
    pub fn at(self, number: u64, row: PlannedRow) -> Self {
        match self {
            Self::Act(planned) => Self::Act(Box::new(PlannedCustomer {
                number,
                row: Some(row),
                ..*planned
            })),
            other @ (Self::Done | Self::Failed | Self::Differs) => other,
        }
    }
}

/// All values of a customer but its id.
fn given_values(customer: &Customer) -> Vec<ValueChange> {
    let given = customer.given().into_iter();
    let others = given.filter(|field| *field != Field::ClientId);
    let change = |field| ValueChange {
        field: Field::name(field).to_owned(),
        from: None,
        to: sorted(customer.values_of(field)),
    };
    others.map(change).collect()
}

/// The values of `fields` at Kable and in the row.
fn changed_values(
    fields: &[Field],
    customer: &Customer,
    there: Option<&ComparedCustomer>,
) -> Vec<ValueChange> {
    let change = |field: &Field| {
        let mut differences = there.iter().flat_map(|compared| &compared.differences);
        let known = differences.find(|difference| difference.field.of_row() == Some(*field));
        ValueChange {
            field: field.name().to_owned(),
            from: known.map(|difference| difference.theirs.clone()),
            to: sorted(customer.values_of(*field)),
        }
    };
    fields.iter().map(change).collect()
}

/// What moved since `planned` was planned for a row; `None` if the plan still fits. What an
/// earlier application of the plan did, or left in doubt, fits.
pub fn moved(planned: Option<&PlannedCustomer>, now: &CurrentPlan) -> Option<String> {
    match (planned, now) {
        (_, CurrentPlan::Done | CurrentPlan::Failed) | (None, CurrentPlan::Differs) => None,
        (None, CurrentPlan::Act(now)) => Some(format!(
            "nothing was planned for it, and now it would be {}",
            now.action.done()
        )),
        (Some(planned), CurrentPlan::Differs) => (!planned.differs_still).then(|| {
            format!(
                "it was to be {}, and now it is there and differs",
                planned.action.done()
            )
        }),
        (Some(planned), CurrentPlan::Act(now)) => moved_action(planned, now),
    }
}

fn moved_action(planned: &PlannedCustomer, now: &PlannedCustomer) -> Option<String> {
    use CustomerAction::{Cancel, Create, Delete, LookUp, Update};
    match (planned.action, now.action) {
        (Update, LookUp) if now.customer_id.is_none() => {
            Some("it was to be updated, and Kable does not list it any more".to_owned())
        }
        // What is found out decides.
        (LookUp, _) | (Create | Update, LookUp) => None,
        (Create, Create) | (Update, Update) | (Cancel, Cancel) | (Delete, Delete) => {
            moved_values(planned, now)
        }
        (Create | Update | Cancel | Delete, _) => Some(format!(
            "it was to be {}, and now it would be {}",
            planned.action.done(),
            now.action.done()
        )),
    }
}

fn moved_values(planned: &PlannedCustomer, now: &PlannedCustomer) -> Option<String> {
    if planned.customer_id != now.customer_id {
        return Some("Kable holds another customer under its clientId".to_owned());
    }
    let other = now
        .changes
        .iter()
        .find(|change| !planned.changes.contains(change));
    if let Some(change) = other {
        let as_planned = |known: &&ValueChange| known.field == change.field;
        let known = planned.changes.iter().find(as_planned);
        let held = |change: &ValueChange| change.from.as_deref().map_or("nothing".into(), quoted);
        return Some(match known {
            Some(known) if known.to != change.to => format!(
                "{} was to become {}, and now {}",
                change.field,
                quoted(&known.to),
                quoted(&change.to)
            ),
            Some(known) => format!(
                "{} was {} at Kable, and is {} now",
                change.field,
                held(known),
                held(change)
            ),
            None => format!("{} was not to be changed", change.field),
        });
    }
    // Fewer changes are left where an earlier application made the others.
    let is_whole = planned.changes.len() == now.changes.len();
    (is_whole && planned.modified != now.modified)
        .then(|| "it was changed at Kable since".to_owned())
}

#[cfg(test)]
mod tests {
    use super::{CurrentPlan, CustomerAction, PlannedCustomer, ValueChange, moved};

    fn change(field: &str, from: &str, to: &str) -> ValueChange {
        ValueChange {
            field: field.to_owned(),
            from: Some(from.to_owned()),
            to: to.to_owned(),
        }
    }

    fn planned(action: CustomerAction, changes: &[ValueChange]) -> PlannedCustomer {
        PlannedCustomer {
            customer_id: Some("cus_1".to_owned()),
            modified: Some(7),
            changes: changes.to_vec(),
            ..PlannedCustomer::new(action, "c-1".to_owned())
        }
    }

    fn act(planned: PlannedCustomer) -> CurrentPlan {
        CurrentPlan::Act(Box::new(planned))
    }

    #[test]
    fn what_was_done_since_fits() {
        let name = change("companyName", "A", "B");
        let currency = change("currency", "USD", "EUR");
        let both = planned(CustomerAction::Update, &[name.clone(), currency.clone()]);
        for now in [
            CurrentPlan::Done,
            CurrentPlan::Failed,
            act(both.clone()),
            act(planned(CustomerAction::LookUp, &[])),
        ] {
            assert_eq!(moved(Some(&both), &now), None, "{now:?}");
        }
        // One of two changes was made, by which `modified` moved.
        let mut rest = planned(CustomerAction::Update, &[currency]);
        rest.modified = Some(8);
        assert_eq!(moved(Some(&both), &act(rest)), None);
        assert_eq!(moved(None, &CurrentPlan::Differs), None);
        let in_doubt = planned(CustomerAction::LookUp, &[]);
        let create = planned(CustomerAction::Create, &[name]);
        assert_eq!(moved(Some(&in_doubt), &act(create)), None);
    }

    #[test]
    fn what_moved_is_said() {
        let update = |from, to| planned(CustomerAction::Update, &[change("currency", from, to)]);
        let was = update("USD", "EUR");
        let mut other = was.clone();
        other.customer_id = Some("cus_2".to_owned());
        let mut modified = was.clone();
        modified.modified = Some(8);
        let create = planned(CustomerAction::Create, &[]);
        let named = planned(CustomerAction::Update, &[change("companyName", "A", "B")]);
        for (planned, now, said) in [
            (Some(&was), act(other), "another customer"),
            (Some(&was), act(modified), "changed at Kable since"),
            (
                Some(&was),
                act(update("CHF", "EUR")),
                "was \"USD\" at Kable, and is \"CHF\" now",
            ),
            (
                Some(&was),
                act(update("USD", "GBP")),
                "was to become \"EUR\", and now \"GBP\"",
            ),
            (Some(&was), act(named), "companyName was not to be changed"),
            (
                Some(&was),
                act(create.clone()),
                "to be updated, and now it would be created",
            ),
            (
                Some(&was),
                act(PlannedCustomer::new(
                    CustomerAction::LookUp,
                    "c-1".to_owned(),
                )),
                "Kable does not list it any more",
            ),
            (
                Some(&create),
                CurrentPlan::Differs,
                "to be created, and now it is there and differs",
            ),
            (
                None,
                act(create.clone()),
                "nothing was planned for it, and now it would be created",
            ),
        ] {
            let found = moved(planned, &now).unwrap();
            assert!(found.contains(said), "{found}");
        }
    }
}
