//! The next request that brings an existing customer nearer to its row.

use std::collections::HashSet;

use super::customer::Customer;
use super::field::Field;
use super::plan_policy::PlanPolicy;
use super::remote::RemoteCustomer;
use super::update::{CustomerUpdate, Unseen};

/// A change of an existing customer: one request (`docs/api.md`, "Calls").
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RemoteChange {
    /// Its fields.
    Update(Box<CustomerUpdate>),
    /// These plans are added.
    AddPlans(Vec<String>),
    /// These plans are removed.
    RemovePlans(Vec<String>),
    /// This bundle is added, with its plans.
    AddBundle(String),
    /// This bundle is removed, with its plans.
    RemoveBundle(String),
}

impl RemoteChange {
    /// The next change that makes `remote` more equal to `customer`; `None` if no change
    /// that `plans` allows is left.
    ///
    /// What is missing is added before anything is removed, so that a customer is never
    /// without the plans that it keeps. A customer that is not active is left alone.
    pub fn next(
        customer: &Customer,
        remote: &RemoteCustomer,
        plans: PlanPolicy,
        unseen: Unseen,
    ) -> Option<Self> {
        if remote.is_inactive() {
            return None;
        }
        if let Some(update) = CustomerUpdate::of(customer, remote, unseen) {
            return Some(Self::Update(Box::new(update)));
        }
        if plans == PlanPolicy::Ignore {
            return None;
        }
        let added = missing_bundle(customer, remote).or_else(|| missing_plans(customer, remote));
        if added.is_some() || plans == PlanPolicy::Add {
            return added;
        }
        surplus_plans(customer, remote).or_else(|| surplus_bundle(customer, remote))
    }

    /// The fields that it changes.
    pub fn fields(&self) -> Vec<Field> {
        match self {
            Self::Update(update) => update.fields(),
            Self::AddPlans(_) | Self::RemovePlans(_) => vec![Field::PlanIds],
            Self::AddBundle(_) | Self::RemoveBundle(_) => vec![Field::BundleIds],
        }
    }
}

fn missing_bundle(customer: &Customer, remote: &RemoteCustomer) -> Option<RemoteChange> {
    let theirs = remote.bundle_ids.as_ref()?;
    let mut ours = customer.bundle_ids();
    let missing = ours.find(|id| !theirs.iter().any(|other| other == id))?;
    Some(RemoteChange::AddBundle(missing.to_owned()))
}

fn missing_plans(customer: &Customer, remote: &RemoteCustomer) -> Option<RemoteChange> {
    let theirs = remote.plan_ids.as_ref()?;
    let ours = customer.plan_ids();
    let missing: Vec<String> = ours
        .filter(|id| !theirs.iter().any(|other| other == id))
        .map(str::to_owned)
        .collect();
    (!missing.is_empty()).then_some(RemoteChange::AddPlans(missing))
}

/// The plans that neither the row names nor a bundle brings. If it is not known which
/// plans the bundles bring, none.
fn surplus_plans(customer: &Customer, remote: &RemoteCustomer) -> Option<RemoteChange> {
    let theirs = remote.plan_ids.as_ref()?;
    if !customer.decides(Field::PlanIds) {
        return None;
    }
    let has_bundles = remote.bundle_ids.as_ref()?.iter().next().is_some();
    let brought: &[String] = match &remote.brought_plan_ids {
        Some(brought) => brought,
        None if has_bundles => return None,
        None => &[],
    };
    let kept: HashSet<&str> = customer
        .plan_ids()
        .chain(brought.iter().map(String::as_str))
        .collect();
    let surplus: Vec<String> = theirs
        .iter()
        .filter(|id| !kept.contains(id.as_str()))
        .cloned()
        .collect();
    (!surplus.is_empty()).then_some(RemoteChange::RemovePlans(surplus))
}

fn surplus_bundle(customer: &Customer, remote: &RemoteCustomer) -> Option<RemoteChange> {
    if !customer.decides(Field::BundleIds) {
        return None;
    }
    let mut theirs = remote.bundle_ids.as_ref()?.iter();
    let surplus = theirs.find(|id| customer.bundle_ids().all(|other| other != id.as_str()))?;
    Some(RemoteChange::RemoveBundle(surplus.clone()))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{PlanPolicy, RemoteChange, RemoteCustomer, Unseen};
    use crate::domain::customer::Customer;
    use crate::domain::customer::tests::{aster, with_plans};
    use crate::domain::remote::differences;

    /// The plans that each bundle brings.
    const BUNDLES: [(&str, &[&str]); 2] = [("bun_1", &["pln_a", "pln_b"]), ("bun_2", &["pln_c"])];

    fn remote_of(customer: &Customer) -> RemoteCustomer {
        RemoteCustomer {
            client_id: customer.client_id().to_owned(),
            company_name: customer.company_name().to_owned(),
            currency: customer.currency().to_owned(),
            status: "ACTIVE".to_owned(),
            plan_ids: Some(Vec::new()),
            bundle_ids: Some(Vec::new()),
            brought_plan_ids: Some(Vec::new()),
            contact: Some(customer.contact().collect()),
            ..RemoteCustomer::default()
        }
    }

    /// A customer at Kable with plans of its own and bundles.
    fn holding(plans: &[String], bundles: &[String]) -> RemoteCustomer {
        let mut remote = remote_of(&aster());
        let brought: Vec<String> = BUNDLES
            .iter()
            .filter(|(id, _)| bundles.iter().any(|bundle| bundle == id))
            .flat_map(|(_, plans)| plans.iter().map(|id| (*id).to_owned()))
            .collect();
        let mut all = plans.to_vec();
        for plan in &brought {
            if !all.contains(plan) {
                all.push(plan.clone());
            }
        }
        remote.plan_ids = Some(all);
        remote.bundle_ids = Some(bundles.to_vec());
        remote.brought_plan_ids = Some(brought);
        remote
    }

    /// Makes all changes, as the API does.
    fn changed(
        customer: &Customer,
        policy: PlanPolicy,
        (mut plans, mut bundles): (Vec<String>, Vec<String>),
    ) -> (RemoteCustomer, usize) {
        let mut requests = 0;
        loop {
            let remote = holding(&plans, &bundles);
            let Some(change) = RemoteChange::next(customer, &remote, policy, Unseen::NONE) else {
                return (remote, requests);
            };
            requests += 1;
            assert!(requests < 20, "{change:?} again and again");
            match change {
                RemoteChange::Update(update) => panic!("{update:?}"),
                RemoteChange::AddPlans(ids) => plans.extend(ids),
                RemoteChange::RemovePlans(ids) => plans.retain(|id| !ids.contains(id)),
                RemoteChange::AddBundle(id) => bundles.push(id),
                RemoteChange::RemoveBundle(id) => bundles.retain(|other| *other != id),
            }
        }
    }

    fn ids(
        prefix: &'static str,
        of: &'static [&'static str],
    ) -> impl Strategy<Value = Vec<String>> {
        proptest::sample::subsequence(of, 0..=of.len())
            .prop_map(move |ids| ids.iter().map(|id| format!("{prefix}{id}")).collect())
    }

    proptest! {
        #[test]
        fn changes_end_with_an_equal_customer(
            row in (ids("pln_", &["a", "b", "c", "d"]), ids("bun_", &["1", "2"])),
            held in (ids("pln_", &["a", "b", "c", "d", "e"]), ids("bun_", &["1", "2"])),
        ) {
            let customer = with_plans(&row.0, &row.1);
            for policy in [PlanPolicy::Add, PlanPolicy::Exact] {
                let (remote, _) = changed(&customer, policy, held.clone());
                prop_assert_eq!(differences(&customer, &remote, policy), []);
                let theirs = remote.plan_ids.clone().unwrap_or_default();
                for plan in &row.0 {
                    prop_assert!(theirs.contains(plan));
                }
                if policy == PlanPolicy::Add {
                    for plan in &held.0 {
                        prop_assert!(theirs.contains(plan), "{} was removed", plan);
                    }
                }
            }
            let (_, requests) = changed(&customer, PlanPolicy::Ignore, held);
            prop_assert_eq!(requests, 0);
        }
    }

    #[test]
    fn plans_that_came_with_a_bundle_are_left_alone() {
        let customer = with_plans(&["pln_d".to_owned()], &[]);
        let remote = holding(&["pln_d".to_owned()], &["bun_1".to_owned()]);
        let next = RemoteChange::next(&customer, &remote, PlanPolicy::Exact, Unseen::NONE);
        assert_eq!(next, None, "the row has no column of bundles");
        let mut unknown = remote;
        unknown.brought_plan_ids = None;
        let next = RemoteChange::next(&customer, &unknown, PlanPolicy::Exact, Unseen::NONE);
        assert_eq!(next, None, "what the bundle brings is not known");
    }

    #[test]
    fn a_customer_that_is_not_active_is_left_alone() {
        let customer = with_plans(&["pln_d".to_owned()], &["bun_1".to_owned()]);
        let mut remote = holding(&["pln_a".to_owned()], &[]);
        remote.company_name = "Astre".to_owned();
        let next = |remote: &RemoteCustomer| {
            RemoteChange::next(&customer, remote, PlanPolicy::Exact, Unseen::NONE)
        };
        assert!(next(&remote).is_some());
        for status in ["CANCELLED", "deleted"] {
            remote.status = status.to_owned();
            assert_eq!(next(&remote), None, "{status}");
        }
    }
}
