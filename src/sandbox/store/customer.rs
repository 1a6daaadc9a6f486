//! The customer: as it is asked for, as it is held, as it is shown.

use std::collections::{BTreeMap, BTreeSet};

use super::catalog::Offer;

/// What the reference lists for `currency`.
pub(in crate::sandbox) const CURRENCIES: [&str; 11] = [
    "USD", "CAD", "MXN", "EUR", "GBP", "JPY", "INR", "CNY", "AUD", "NZD", "AED",
];

/// What the reference lists for `billingContact`.
pub(in crate::sandbox) const CONTACT_MEMBERS: [&str; 10] = [
    "firstName",
    "lastName",
    "email",
    "phone",
    "addressLine1",
    "addressLine2",
    "city",
    "state",
    "postalCode",
    "country",
];

/// A billing contact: its members by name.
pub(in crate::sandbox) type Contact = BTreeMap<&'static str, String>;

/// The two query parameters of create.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(in crate::sandbox) struct Options {
    /// A Stripe customer is to be made too.
    pub(in crate::sandbox) stripe: bool,
    /// API keys are wanted.
    pub(in crate::sandbox) keys: bool,
}

/// A customer to be created; every check is passed.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::sandbox) struct Draft {
    pub(in crate::sandbox) client_id: String,
    pub(in crate::sandbox) company_name: String,
    pub(in crate::sandbox) currency: String,
    pub(in crate::sandbox) stripe_customer_id: Option<String>,
    pub(in crate::sandbox) plans: Vec<&'static Offer>,
    pub(in crate::sandbox) bundles: Vec<&'static Offer>,
    pub(in crate::sandbox) billing_contact: Option<Contact>,
    pub(in crate::sandbox) options: Options,
    /// The body as it was received.
    pub(in crate::sandbox) body: String,
}

/// What becomes of a customer that is there.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::sandbox) enum Change {
    /// Nothing: it is only looked at.
    None,
    /// New values for what is given.
    Update {
        company_name: Option<String>,
        currency: Option<String>,
        stripe_customer_id: Option<String>,
        billing_contact: Option<Contact>,
    },
    AddPlans(Vec<&'static Offer>),
    RemovePlans(Vec<&'static Offer>),
    AddBundle(&'static Offer),
    RemoveBundle(&'static Offer),
    Cancel,
    Delete,
}

/// A customer as it is held.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::sandbox) struct Customer {
    /// Its number in the file, from which its `customerId` is made.
    pub(super) number: i64,
    /// Its `customerId`.
    pub(in crate::sandbox) id: String,
    pub(in crate::sandbox) client_id: String,
    pub(in crate::sandbox) company_name: String,
    pub(in crate::sandbox) currency: String,
    pub(super) cancelled: bool,
    pub(in crate::sandbox) stripe_customer_id: Option<String>,
    pub(super) plans: Vec<&'static Offer>,
    pub(in crate::sandbox) bundles: Vec<&'static Offer>,
    pub(in crate::sandbox) billing_contact: Option<Contact>,
    /// When plans and bundles were added, by their ids; those without came with the create.
    pub(super) added: BTreeMap<String, i64>,
    /// Milliseconds since 1970.
    pub(in crate::sandbox) created: i64,
    /// Milliseconds since 1970.
    pub(in crate::sandbox) modified: i64,
}

impl Customer {
    /// The name of its state, as the API spells it.
    pub(in crate::sandbox) fn status(&self) -> &'static str {
        if self.cancelled {
            "CANCELLED"
        } else {
            "ACTIVE"
        }
    }

    /// The customer after `change`, at `now`.
    ///
    /// Adding what is there and removing what is not change nothing and are no
    /// errors. The reference does not say whether an update's `billingContact`
    /// replaces the old one: here the members given are replaced and the others
    /// kept, as with the fields around it.
    pub(in crate::sandbox) fn apply(&mut self, change: Change, now: i64) {
        match change {
            Change::None | Change::Delete => return,
            Change::Update {
                company_name,
                currency,
                stripe_customer_id,
                billing_contact,
            } => {
                self.company_name = company_name.unwrap_or_else(|| self.company_name.clone());
                self.currency = currency.unwrap_or_else(|| self.currency.clone());
                self.stripe_customer_id =
                    stripe_customer_id.or_else(|| self.stripe_customer_id.take());
                if let Some(given) = billing_contact {
                    self.billing_contact
                        .get_or_insert_with(Contact::new)
                        .extend(given);
                }
            }
            Change::AddPlans(offers) => add(&mut self.plans, &mut self.added, &offers, now),
            Change::RemovePlans(offers) => self.plans.retain(|held| !offers.contains(held)),
            Change::AddBundle(offer) => add(&mut self.bundles, &mut self.added, &[offer], now),
            Change::RemoveBundle(offer) => self.bundles.retain(|held| *held != offer),
            Change::Cancel => self.cancelled = true,
        }
        self.modified = now;
    }

    /// Its own plans and those that its bundles bring, each once, and when it got them.
    ///
    /// Only its own are kept: what a bundle brings leaves with the bundle.
    pub(in crate::sandbox) fn all_plans(&self) -> Vec<(&'static Offer, i64)> {
        let since = |offer: &Offer| self.added.get(offer.id).copied().unwrap_or(self.created);
        let own = self.plans.iter().map(|plan| (*plan, since(plan)));
        let brought = self.bundles.iter().flat_map(|bundle| {
            let plans = bundle.plans.iter();
            plans.map(move |plan| (plan, since(bundle)))
        });
        let mut all: Vec<(&'static Offer, i64)> = Vec::new();
        for (plan, added) in own.chain(brought) {
            if all.iter().all(|(held, _)| held.id != plan.id) {
                all.push((plan, added));
            }
        }
        all
    }

    /// What its plans entitle it to, each once.
    pub(in crate::sandbox) fn entitlements(&self) -> Vec<&'static str> {
        let plans = self.all_plans().into_iter();
        let names: BTreeSet<_> = plans.flat_map(|(plan, _)| plan.entitlements).collect();
        names.into_iter().copied().collect()
    }
}

fn add(
    held: &mut Vec<&'static Offer>,
    added: &mut BTreeMap<String, i64>,
    offers: &[&'static Offer],
    now: i64,
) {
    for offer in offers {
        if !held.contains(offer) {
            held.push(offer);
            added.insert(offer.id.to_owned(), now);
        }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use std::collections::BTreeMap;

    use super::{Change, Contact, Customer};
    use crate::sandbox::store::catalog::{BUNDLES, PLANS};

    pub(crate) fn aster() -> Customer {
        Customer {
            number: 1,
            id: "cus_1".into(),
            client_id: "c-1".into(),
            company_name: "Aster".into(),
            currency: "USD".into(),
            cancelled: false,
            stripe_customer_id: Some("cus_stripe".into()),
            plans: vec![&PLANS[0]],
            bundles: Vec::new(),
            billing_contact: Some([("city", "Graz".into())].into()),
            added: BTreeMap::new(),
            created: 1_646_092_800_000,
            modified: 1_646_092_800_000,
        }
    }

    #[test]
    fn an_update_replaces_what_is_given_and_keeps_the_rest() {
        let mut customer = aster();
        let contact: Contact = [("email", "a@b.example".to_owned())].into();
        let change = Change::Update {
            company_name: Some("Beryl".into()),
            currency: None,
            stripe_customer_id: None,
            billing_contact: Some(contact),
        };
        customer.apply(change, 1_646_092_800_999);
        let expected = Customer {
            company_name: "Beryl".into(),
            billing_contact: Some(
                [("city", "Graz".into()), ("email", "a@b.example".into())].into(),
            ),
            modified: 1_646_092_800_999,
            ..aster()
        };
        assert_eq!(customer, expected);
    }

    #[test]
    fn plans_and_bundles_are_sets() {
        let mut customer = aster();
        customer.apply(Change::AddPlans(vec![&PLANS[0], &PLANS[1]]), 1);
        assert_eq!(customer.plans, [&PLANS[0], &PLANS[1]]);
        customer.apply(Change::RemovePlans(vec![&PLANS[0], &PLANS[2]]), 2);
        assert_eq!(customer.plans, [&PLANS[1]]);
        customer.apply(Change::AddBundle(&BUNDLES[0]), 3);
        customer.apply(Change::AddBundle(&BUNDLES[0]), 4);
        assert_eq!(customer.bundles, [&BUNDLES[0]]);
        customer.apply(Change::RemoveBundle(&BUNDLES[0]), 5);
        assert!(customer.bundles.is_empty());
    }
}
