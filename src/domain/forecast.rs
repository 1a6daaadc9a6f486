//! What a run would do with each row, found out without doing it.

use std::collections::BTreeMap;

use serde::Serialize;

use super::customer::Customer;
use super::decision::ExistingPolicy;
use super::field::Field;
use super::outcome::Outcome;
use super::remote::{RemoteCustomer, differences};
use super::update::CustomerUpdate;

/// What a run would do with one row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PlannedAction {
    /// Create its customer.
    Create,
    /// Update its customer.
    Update {
        /// The fields that would change.
        fields: Vec<Field>,
        /// Whether something would still differ that no update can reach.
        differs_still: bool,
    },
    /// Nothing: the row is done, or Kable holds it as it stands in the file.
    LeaveEqual,
    /// Nothing, though Kable holds it otherwise, or the row was edited.
    LeaveDiffering,
    /// Count it as failed.
    Fail,
    /// Ask for it first; what follows depends on the answer.
    Ask,
}

impl PlannedAction {
    /// What is done with a row that nothing is sent for, whose outcome is `outcome`.
    pub fn leave(outcome: Outcome) -> Self {
        if outcome == Outcome::Failed {
            Self::Fail
        } else if outcome.is_well() {
            Self::LeaveEqual
        } else {
            Self::LeaveDiffering
        }
    }

    /// What is done with a row whose customer Kable holds as `remote`; `changed` says
    /// whether the row was edited since it was sent.
    pub fn on_existing(
        customer: &Customer,
        remote: &RemoteCustomer,
        existing: ExistingPolicy,
        changed: bool,
    ) -> Self {
        let differing = differences(customer, remote);
        let change = match existing {
            ExistingPolicy::Update => CustomerUpdate::of(customer, remote, changed),
            ExistingPolicy::Skip | ExistingPolicy::Fail => None,
        };
        if let Some(change) = change {
            let differing = differing.iter().map(|difference| difference.field);
            let (mut fields, mut differs_still) = (Vec::new(), false);
            for field in differing {
                match field.filter(|field| is_updatable(*field)) {
                    Some(field) => fields.push(field),
                    None => differs_still = true,
                }
            }
            if change.stripe_customer_id.is_some() {
                fields.push(Field::StripeCustomerId);
            }
            return Self::Update {
                fields,
                differs_still,
            };
        }
        match (differing.is_empty(), existing) {
            (true, _) => Self::LeaveEqual,
            (false, ExistingPolicy::Fail) => Self::Fail,
            (false, ExistingPolicy::Skip | ExistingPolicy::Update) => Self::LeaveDiffering,
        }
    }
}

fn is_updatable(field: Field) -> bool {
    matches!(field, Field::CompanyName | Field::Currency) || field.in_contact()
}

/// What a run would do, in numbers: every row that is fit is in exactly one of the
/// first six.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct Forecast {
    /// Rows whose customer would be created.
    pub create: u64,
    /// Rows whose customer would be updated.
    pub update: u64,
    /// Rows that would be left alone, and are done or equal.
    pub leave_equal: u64,
    /// Rows that would be left alone, and differ.
    pub leave_differing: u64,
    /// Rows that would count as failed.
    pub fail: u64,
    /// Rows that would be asked for first, where the list of customers could not be
    /// read.
    pub ask: u64,
    /// How many rows an update would change each field of.
    pub update_fields: BTreeMap<&'static str, u64>,
    /// Rows that would be updated, and differ still in what no update can reach.
    pub update_differing: u64,
    /// Rows that were edited since an earlier run sent them.
    pub edited: u64,
    /// Whether the list of customers was read. If not, rows to create may be there
    /// already.
    pub listed: bool,
}

impl Forecast {
    /// Counts one row more.
    pub fn add(&mut self, act: &PlannedAction) {
        let count = match act {
            PlannedAction::Create => &mut self.create,
            PlannedAction::LeaveEqual => &mut self.leave_equal,
            PlannedAction::LeaveDiffering => &mut self.leave_differing,
            PlannedAction::Fail => &mut self.fail,
            PlannedAction::Ask => &mut self.ask,
            PlannedAction::Update {
                fields,
                differs_still,
            } => {
                for field in fields {
                    *self.update_fields.entry(field.name()).or_default() += 1;
                }
                self.update_differing += u64::from(*differs_still);
                &mut self.update
            }
        };
        *count += 1;
    }

    /// Rows that requests would be sent for.
    pub fn to_send(&self) -> u64 {
        self.create + self.update + self.ask
    }
}

#[cfg(test)]
mod tests {
    use super::{ExistingPolicy, Field, Forecast, Outcome, PlannedAction, RemoteCustomer};
    use crate::domain::customer::Customer;
    use crate::domain::customer::tests::{aster, aster_at_stripe};

    fn remote_of(customer: &Customer) -> RemoteCustomer {
        RemoteCustomer {
            client_id: customer.client_id().to_owned(),
            company_name: customer.company_name().to_owned(),
            currency: customer.currency().to_owned(),
            contact: Some(customer.contact().collect()),
            ..RemoteCustomer::default()
        }
    }

    fn act(remote: &RemoteCustomer, existing: ExistingPolicy) -> PlannedAction {
        PlannedAction::on_existing(&aster(), remote, existing, false)
    }

    #[test]
    fn the_policy_says_what_is_done_with_one_that_differs() {
        let mut remote = remote_of(&aster());
        for existing in [
            ExistingPolicy::Skip,
            ExistingPolicy::Update,
            ExistingPolicy::Fail,
        ] {
            assert_eq!(act(&remote, existing), PlannedAction::LeaveEqual);
        }
        remote.currency = "CHF".to_owned();
        assert_eq!(
            act(&remote, ExistingPolicy::Skip),
            PlannedAction::LeaveDiffering
        );
        assert_eq!(act(&remote, ExistingPolicy::Fail), PlannedAction::Fail);
        let update = PlannedAction::Update {
            fields: vec![Field::Currency],
            differs_still: false,
        };
        assert_eq!(act(&remote, ExistingPolicy::Update), update);
    }

    #[test]
    fn what_no_update_reaches_is_left_or_named() {
        let mut remote = remote_of(&aster());
        remote.status = "CANCELLED".to_owned();
        assert_eq!(
            act(&remote, ExistingPolicy::Update),
            PlannedAction::LeaveDiffering
        );
        remote.company_name = "Astre".to_owned();
        let update = PlannedAction::Update {
            fields: vec![Field::CompanyName],
            differs_still: true,
        };
        assert_eq!(act(&remote, ExistingPolicy::Update), update);
    }

    #[test]
    fn a_stripe_id_that_may_differ_is_sent() {
        let customer = aster_at_stripe();
        let remote = remote_of(&customer);
        let act = |changed| {
            PlannedAction::on_existing(&customer, &remote, ExistingPolicy::Update, changed)
        };
        assert_eq!(act(false), PlannedAction::LeaveEqual);
        let update = PlannedAction::Update {
            fields: vec![Field::StripeCustomerId],
            differs_still: false,
        };
        assert_eq!(act(true), update);
    }

    #[test]
    fn each_row_is_counted_once() {
        let mut forecast = Forecast::default();
        for act in [
            PlannedAction::Create,
            PlannedAction::leave(Outcome::Created),
            PlannedAction::leave(Outcome::Differs),
            PlannedAction::leave(Outcome::Failed),
            PlannedAction::Ask,
            PlannedAction::Update {
                fields: vec![Field::Currency, Field::Email],
                differs_still: true,
            },
        ] {
            forecast.add(&act);
        }
        let all = [
            forecast.create,
            forecast.update,
            forecast.leave_equal,
            forecast.leave_differing,
            forecast.fail,
            forecast.ask,
        ];
        assert_eq!(all, [1; 6]);
        assert_eq!(forecast.update_fields.len(), 2);
        assert_eq!(forecast.to_send(), 3);
    }
}
