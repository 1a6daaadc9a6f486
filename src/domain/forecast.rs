//! What a run would do with each row, for `--dry-run`.

use std::collections::BTreeMap;

use serde::Serialize;

use super::decision::ExistingPolicy;
use super::field::Field;
use super::outcome::Outcome;
use super::plan_policy::{PlanPolicy, PlanRules};
use super::remote::ComparedCustomer;
use super::remote_change::RemoteChange;
use super::update::Unseen;

/// What a run would do with one row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PlannedAction {
    /// Create its customer.
    Create,
    /// Update its customer.
    Update {
        /// The fields that would change.
        fields: Vec<Field>,
        /// Whether other fields would still differ, which no update can change.
        differs_still: bool,
    },
    /// Nothing: the row is done, or equal to the customer at Kable.
    LeaveEqual,
    /// Nothing, though the customer at Kable differs or the row was edited.
    LeaveDiffering,
    /// Count it as failed.
    Fail,
    /// Look the customer up; the rest depends on what is found.
    LookUp,
}

impl PlannedAction {
    /// The action for a row for which nothing is sent, by its `outcome`.
    pub fn leave(outcome: Outcome) -> Self {
        if outcome == Outcome::Failed {
            Self::Fail
        } else if outcome.is_success() {
            Self::LeaveEqual
        } else {
            Self::LeaveDiffering
        }
    }

    /// The action for a row whose customer exists. What the API does not show of it may
    /// differ as `unseen` says.
    pub fn on_existing(
        compared: &ComparedCustomer,
        existing: ExistingPolicy,
        rules: PlanRules,
        unseen: Unseen,
    ) -> Self {
        let ComparedCustomer {
            customer,
            remote,
            differences,
        } = compared;
        let change = match existing {
            ExistingPolicy::Update if remote.namesake.is_none() => {
                RemoteChange::next(customer, remote, rules.changed, unseen)
            }
            // An update by `clientId` would change either of them.
            ExistingPolicy::Update | ExistingPolicy::Skip | ExistingPolicy::Fail => None,
        };
        if let Some(change) = change {
            let differing = differences
                .iter()
                .map(|difference| difference.field.of_row());
            let changes_plans = rules.changed != PlanPolicy::Ignore;
            let is_changed =
                |field: &Field| is_updatable(*field) || changes_plans && field.is_list();
            let (mut fields, mut differs_still) = (Vec::new(), false);
            for field in differing {
                match field.filter(is_changed) {
                    Some(field) => fields.push(field),
                    None => differs_still = true,
                }
            }
            let is_unseen = |field: &Field| {
                *field == Field::StripeCustomerId || remote.contact.is_none() && field.in_contact()
            };
            let sent = change.fields().into_iter().filter(is_unseen);
            let others: Vec<Field> = sent.filter(|field| !fields.contains(field)).collect();
            fields.extend(others);
            return Self::Update {
                fields,
                differs_still,
            };
        }
        match (differences.is_empty(), existing) {
            (true, _) => Self::LeaveEqual,
            (false, ExistingPolicy::Fail) => Self::Fail,
            (false, ExistingPolicy::Skip | ExistingPolicy::Update) => Self::LeaveDiffering,
        }
    }
}

fn is_updatable(field: Field) -> bool {
    let single = [Field::CompanyName, Field::Currency, Field::StripeCustomerId];
    single.contains(&field) || field.in_contact()
}

/// How many rows a run would do what with. Each row that is fit is in exactly one of
/// the first six counts.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct Forecast {
    /// Rows whose customer would be created.
    pub create: u64,
    /// Rows whose customer would be updated.
    pub update: u64,
    /// Rows for which nothing would be sent, that are done or equal.
    pub leave_equal: u64,
    /// Rows for which nothing would be sent, that differ.
    pub leave_differing: u64,
    /// Rows that would count as failed.
    pub fail: u64,
    /// Rows whose customer would be looked up first, because the list of customers
    /// could not be read.
    pub ask: u64,
    /// Customers without a row that would be cancelled.
    pub cancel: u64,
    /// In how many rows an update would change each field.
    pub update_fields: BTreeMap<&'static str, u64>,
    /// Rows that would be updated, and still differ in what no update can change.
    pub update_differing: u64,
    /// Rows that were edited since an earlier run sent them.
    pub edited: u64,
    /// Whether the list of customers was read. If not, customers to create may exist
    /// already.
    pub listed: bool,
}

impl Forecast {
    /// Counts one more row.
    pub fn add(&mut self, action: &PlannedAction) {
        let count = match action {
            PlannedAction::Create => &mut self.create,
            PlannedAction::LeaveEqual => &mut self.leave_equal,
            PlannedAction::LeaveDiffering => &mut self.leave_differing,
            PlannedAction::Fail => &mut self.fail,
            PlannedAction::LookUp => &mut self.ask,
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

    /// The requests that a sync would send, if none is sent again: it looks a customer up
    /// before it changes it.
    pub fn requests_of_sync(&self) -> u64 {
        self.create + self.ask + 2 * (self.update + self.cancel)
    }

    /// Whether plans or bundles would change, which takes a request for each.
    pub fn changes_plans(&self) -> bool {
        let lists = [Field::PlanIds, Field::BundleIds];
        lists
            .iter()
            .any(|field| self.update_fields.contains_key(field.name()))
    }

    /// Rows for which requests would be sent.
    pub fn to_send(&self) -> u64 {
        self.create + self.update + self.ask
    }
}

#[cfg(test)]
mod tests {
    use super::{
        ComparedCustomer, ExistingPolicy, Field, Forecast, Outcome, PlanPolicy, PlanRules,
        PlannedAction, Unseen,
    };
    use crate::domain::customer::Customer;
    use crate::domain::customer::tests::{aster, aster_at_stripe};
    use crate::domain::remote::RemoteCustomer;

    fn remote_of(customer: &Customer) -> RemoteCustomer {
        RemoteCustomer {
            client_id: customer.client_id().to_owned(),
            company_name: customer.company_name().to_owned(),
            currency: customer.currency().to_owned(),
            contact: Some(customer.contact().collect()),
            ..RemoteCustomer::default()
        }
    }

    fn action(remote: &RemoteCustomer, existing: ExistingPolicy) -> PlannedAction {
        PlannedAction::on_existing(
            &ComparedCustomer::of(aster(), remote.clone(), PlanPolicy::Exact),
            existing,
            PlanRules::IMPORT,
            Unseen::NONE,
        )
    }

    #[test]
    fn the_policy_decides_about_a_customer_that_differs() {
        let mut remote = remote_of(&aster());
        for existing in [
            ExistingPolicy::Skip,
            ExistingPolicy::Update,
            ExistingPolicy::Fail,
        ] {
            assert_eq!(action(&remote, existing), PlannedAction::LeaveEqual);
        }
        remote.currency = "CHF".to_owned();
        assert_eq!(
            action(&remote, ExistingPolicy::Skip),
            PlannedAction::LeaveDiffering
        );
        assert_eq!(action(&remote, ExistingPolicy::Fail), PlannedAction::Fail);
        let update = PlannedAction::Update {
            fields: vec![Field::Currency],
            differs_still: false,
        };
        assert_eq!(action(&remote, ExistingPolicy::Update), update);
    }

    #[test]
    fn what_no_update_can_change_is_left_or_reported() {
        let mut remote = remote_of(&aster());
        remote.status = "CANCELLED".to_owned();
        assert_eq!(
            action(&remote, ExistingPolicy::Update),
            PlannedAction::LeaveDiffering
        );
        remote.company_name = "Astre".to_owned();
        assert_eq!(
            action(&remote, ExistingPolicy::Update),
            PlannedAction::LeaveDiffering
        );
    }

    #[test]
    fn a_stripe_id_that_may_differ_is_sent() {
        let customer = aster_at_stripe();
        let remote = remote_of(&customer);
        let compared = ComparedCustomer::of(customer, remote, PlanPolicy::Exact);
        let action = |stripe| {
            let existing = ExistingPolicy::Update;
            PlannedAction::on_existing(
                &compared,
                existing,
                PlanRules::IMPORT,
                Unseen {
                    stripe,
                    ..Unseen::NONE
                },
            )
        };
        assert_eq!(action(false), PlannedAction::LeaveEqual);
        let update = PlannedAction::Update {
            fields: vec![Field::StripeCustomerId],
            differs_still: false,
        };
        assert_eq!(action(true), update);
    }

    #[test]
    fn each_row_is_counted_once() {
        let mut forecast = Forecast::default();
        for action in [
            PlannedAction::Create,
            PlannedAction::leave(Outcome::Created),
            PlannedAction::leave(Outcome::Differs),
            PlannedAction::leave(Outcome::Failed),
            PlannedAction::LookUp,
            PlannedAction::Update {
                fields: vec![Field::Currency, Field::Email],
                differs_still: true,
            },
        ] {
            forecast.add(&action);
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
