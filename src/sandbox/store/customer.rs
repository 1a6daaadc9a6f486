//! Customers: as a create asks for them, and as they are stored.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::{Deserialize, Serialize};

use super::catalog::Offer;

/// The currencies of the reference.
pub(in crate::sandbox) const CURRENCIES: [&str; 11] = [
    "USD", "CAD", "MXN", "EUR", "GBP", "JPY", "INR", "CNY", "AUD", "NZD", "AED",
];

/// The members of `billingContact`, in the order in which they are shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(in crate::sandbox) enum ContactField {
    AddressLine1,
    AddressLine2,
    City,
    Country,
    Email,
    FirstName,
    LastName,
    Phone,
    PostalCode,
    State,
}

/// As the API spells it.
impl fmt::Display for ContactField {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.serialize(f)
    }
}

/// A billing contact: only the members that are given.
pub(in crate::sandbox) type StoredContact = BTreeMap<ContactField, String>;

/// The two query parameters of create.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(in crate::sandbox) struct CreateOptions {
    /// Also create a Stripe customer.
    pub(in crate::sandbox) stripe: bool,
    /// Also create an API key.
    pub(in crate::sandbox) keys: bool,
}

/// A customer to be created, after every check.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::sandbox) struct NewCustomer {
    pub(in crate::sandbox) client_id: String,
    pub(in crate::sandbox) company_name: String,
    pub(in crate::sandbox) currency: String,
    pub(in crate::sandbox) stripe_customer_id: Option<String>,
    pub(in crate::sandbox) plans: Vec<&'static Offer>,
    pub(in crate::sandbox) bundles: Vec<&'static Offer>,
    pub(in crate::sandbox) billing_contact: Option<StoredContact>,
    pub(in crate::sandbox) options: CreateOptions,
    /// The body as it was received.
    pub(in crate::sandbox) body: String,
}

/// A change of a customer that exists.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::sandbox) enum CustomerChange {
    /// No change: the customer is only read.
    None,
    /// New values for the members that are given.
    Update {
        company_name: Option<String>,
        currency: Option<String>,
        stripe_customer_id: Option<String>,
        billing_contact: Option<StoredContact>,
    },
    AddPlans(Vec<&'static Offer>),
    RemovePlans(Vec<&'static Offer>),
    AddBundle(&'static Offer),
    RemoveBundle(&'static Offer),
    Cancel,
    Delete,
}

/// A customer as it is stored.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::sandbox) struct StoredCustomer {
    /// Its number in the file, from which its `customerId` is derived.
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
    pub(in crate::sandbox) billing_contact: Option<StoredContact>,
    /// When plans and bundles were added, by their ids; those of the create are not in it.
    pub(super) added: BTreeMap<String, i64>,
    /// Milliseconds since 1970.
    pub(in crate::sandbox) created: i64,
    /// Milliseconds since 1970.
    pub(in crate::sandbox) modified: i64,
}

impl StoredCustomer {
    /// Its status, as the API spells it.
    pub(in crate::sandbox) fn status(&self) -> &'static str {
        if self.cancelled {
            "CANCELLED"
        } else {
            "ACTIVE"
        }
    }

    /// Makes `change`, at `now`.
    ///
    /// Adding a plan that is there and removing one that is not are no errors and
    /// change nothing. The reference does not say whether the `billingContact` of an
    /// update replaces the old one: here the members given are replaced and the
    /// others kept, as with the fields of the customer. An empty text clears a value.
    pub(in crate::sandbox) fn apply(&mut self, change: CustomerChange, now: i64) {
        match change {
            CustomerChange::None | CustomerChange::Delete => return,
            CustomerChange::Update {
                company_name,
                currency,
                stripe_customer_id,
                billing_contact,
            } => {
                self.company_name = company_name.unwrap_or_else(|| self.company_name.clone());
                self.currency = currency.unwrap_or_else(|| self.currency.clone());
                let stripe = stripe_customer_id.or_else(|| self.stripe_customer_id.take());
                self.stripe_customer_id = stripe.filter(|id| !id.is_empty());
                if let Some(given) = billing_contact {
                    let contact = self.billing_contact.get_or_insert_with(StoredContact::new);
                    contact.extend(given);
                    contact.retain(|_, text| !text.is_empty());
                }
            }
            CustomerChange::AddPlans(offers) => add(&mut self.plans, &mut self.added, &offers, now),
            CustomerChange::RemovePlans(offers) => self.plans.retain(|plan| !offers.contains(plan)),
            CustomerChange::AddBundle(offer) => {
                add(&mut self.bundles, &mut self.added, &[offer], now);
            }
            CustomerChange::RemoveBundle(offer) => self.bundles.retain(|bundle| *bundle != offer),
            CustomerChange::Cancel => self.cancelled = true,
        }
        self.modified = now;
    }

    /// Its own plans and those of its bundles, each once, with the time that they were added.
    ///
    /// Only its own are stored: the plans of a bundle go with the bundle.
    pub(in crate::sandbox) fn all_plans(&self) -> Vec<(&'static Offer, i64)> {
        let since = |offer: &Offer| self.added.get(offer.id).copied().unwrap_or(self.created);
        let own = self.plans.iter().map(|plan| (*plan, since(plan)));
        let brought = self.bundles.iter().flat_map(|bundle| {
            let plans = bundle.plans.iter();
            plans.map(move |plan| (plan, since(bundle)))
        });
        let mut all: Vec<(&'static Offer, i64)> = Vec::new();
        for (plan, added) in own.chain(brought) {
            if all.iter().all(|(other, _)| other.id != plan.id) {
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
    current: &mut Vec<&'static Offer>,
    added: &mut BTreeMap<String, i64>,
    offers: &[&'static Offer],
    now: i64,
) {
    for offer in offers {
        if !current.contains(offer) {
            current.push(offer);
            added.insert(offer.id.to_owned(), now);
        }
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use std::collections::BTreeMap;

    use super::{ContactField, CustomerChange, StoredContact, StoredCustomer};
    use crate::sandbox::store::catalog::{BUNDLES, PLANS};

    pub(crate) fn aster() -> StoredCustomer {
        StoredCustomer {
            number: 1,
            id: "cus_1".into(),
            client_id: "c-1".into(),
            company_name: "Aster".into(),
            currency: "USD".into(),
            cancelled: false,
            stripe_customer_id: Some("cus_stripe".into()),
            plans: vec![&PLANS[0]],
            bundles: Vec::new(),
            billing_contact: Some([(ContactField::City, "Graz".into())].into()),
            added: BTreeMap::new(),
            created: 1_646_092_800_000,
            modified: 1_646_092_800_000,
        }
    }

    #[test]
    fn an_update_replaces_what_is_given_and_keeps_the_rest() {
        let mut customer = aster();
        let contact: StoredContact = [(ContactField::Email, "a@b.example".to_owned())].into();
        let change = CustomerChange::Update {
            company_name: Some("Beryl".into()),
            currency: None,
            stripe_customer_id: None,
            billing_contact: Some(contact),
        };
        customer.apply(change, 1_646_092_800_999);
        let expected = StoredCustomer {
            company_name: "Beryl".into(),
            billing_contact: Some(
                [
                    (ContactField::City, "Graz".into()),
                    (ContactField::Email, "a@b.example".into()),
                ]
                .into(),
            ),
            modified: 1_646_092_800_999,
            ..aster()
        };
        assert_eq!(customer, expected);
    }

    #[test]
    fn plans_and_bundles_are_sets() {
        let mut customer = aster();
        customer.apply(CustomerChange::AddPlans(vec![&PLANS[0], &PLANS[1]]), 1);
        assert_eq!(customer.plans, [&PLANS[0], &PLANS[1]]);
        customer.apply(CustomerChange::RemovePlans(vec![&PLANS[0], &PLANS[2]]), 2);
        assert_eq!(customer.plans, [&PLANS[1]]);
        customer.apply(CustomerChange::AddBundle(&BUNDLES[0]), 3);
        customer.apply(CustomerChange::AddBundle(&BUNDLES[0]), 4);
        assert_eq!(customer.bundles, [&BUNDLES[0]]);
        customer.apply(CustomerChange::RemoveBundle(&BUNDLES[0]), 5);
        assert!(customer.bundles.is_empty());
    }
}
