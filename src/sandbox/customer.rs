//! The customer: as it is asked for, as it is held, as it is shown.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::sandbox::catalog::Offer;

/// What the reference lists for `currency`.
pub(super) const CURRENCIES: [&str; 11] = [
    "USD", "CAD", "MXN", "EUR", "GBP", "JPY", "INR", "CNY", "AUD", "NZD", "AED",
];

/// What the reference lists for `billingContact`.
pub(super) const CONTACT_MEMBERS: [&str; 10] = [
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
pub(super) type Contact = BTreeMap<&'static str, String>;

/// The two query parameters of create.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Options {
    /// A Stripe customer is to be made too.
    pub(super) stripe: bool,
    /// API keys are wanted.
    pub(super) keys: bool,
}

/// A customer to be created; every check is passed.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Draft {
    pub(super) client_id: String,
    pub(super) company_name: String,
    pub(super) currency: String,
    pub(super) stripe_customer_id: Option<String>,
    pub(super) plans: Vec<&'static Offer>,
    pub(super) bundles: Vec<&'static Offer>,
    pub(super) billing_contact: Option<Contact>,
    pub(super) options: Options,
    /// The body as it was received.
    pub(super) body: String,
}

/// What becomes of a customer that is there.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Change {
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
pub(super) struct Customer {
    /// Its number in the file, from which its `customerId` is made.
    pub(super) number: i64,
    /// Its `customerId`.
    pub(super) id: String,
    pub(super) client_id: String,
    pub(super) company_name: String,
    pub(super) currency: String,
    pub(super) cancelled: bool,
    pub(super) stripe_customer_id: Option<String>,
    pub(super) plans: Vec<&'static Offer>,
    pub(super) bundles: Vec<&'static Offer>,
    pub(super) billing_contact: Option<Contact>,
    /// Milliseconds since 1970.
    pub(super) created: i64,
    /// Milliseconds since 1970.
    pub(super) modified: i64,
}

impl Customer {
    /// The name of its state, as the API spells it.
    pub(super) fn status(&self) -> &'static str {
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
    pub(super) fn apply(&mut self, change: Change, now: i64) {
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
            Change::AddPlans(offers) => add(&mut self.plans, offers),
            Change::RemovePlans(offers) => self.plans.retain(|held| !offers.contains(held)),
            Change::AddBundle(offer) => add(&mut self.bundles, vec![offer]),
            Change::RemoveBundle(offer) => self.bundles.retain(|held| *held != offer),
            Change::Cancel => self.cancelled = true,
        }
        self.modified = now;
    }
}

fn add(held: &mut Vec<&'static Offer>, offers: Vec<&'static Offer>) {
    for offer in offers {
        if !held.contains(&offer) {
            held.push(offer);
        }
    }
}

/// A customer as the API shows it. There is no `stripeCustomerId` in it: the
/// reference has none either.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Shown<'a> {
    kable_client_id: &'a str,
    customer_id: &'a str,
    client_id: &'a str,
    company_name: &'a str,
    currency: &'a str,
    status: &'static str,
    plans: Vec<ShownPlan>,
    bundles: Vec<ShownBundle>,
    entitlements: [(); 0],
    created: String,
    modified: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    billing_contact: Option<&'a Contact>,
    #[serde(skip_serializing_if = "Option::is_none")]
    keys: Option<[ShownKey<'a>; 1]>,
    /// No member of the API: it may send unknown ones at any time, so this always does.
    sandbox: bool,
}

/// A plan as the API shows it.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ShownPlan {
    plan_id: &'static str,
    name: &'static str,
    external_id: &'static str,
}

impl From<&'static Offer> for ShownPlan {
    fn from(offer: &'static Offer) -> Self {
        Self {
            plan_id: offer.id,
            name: offer.name,
            external_id: offer.external_id,
        }
    }
}

/// A bundle as the API shows it.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ShownBundle {
    bundle_id: &'static str,
    name: &'static str,
    external_id: &'static str,
}

impl From<&'static Offer> for ShownBundle {
    fn from(offer: &'static Offer) -> Self {
        Self {
            bundle_id: offer.id,
            name: offer.name,
            external_id: offer.external_id,
        }
    }
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct ShownKey<'a> {
    client_id: &'a str,
    key: &'a str,
    created: String,
}

/// The JSON of a customer; `key` is its new API key, where one was made.
pub(super) fn show(
    customer: &Customer,
    account: &str,
    key: Option<&str>,
) -> Result<Vec<u8>, serde_json::Error> {
    let shown = Shown {
        kable_client_id: account,
        customer_id: &customer.id,
        client_id: &customer.client_id,
        company_name: &customer.company_name,
        currency: &customer.currency,
        status: customer.status(),
        plans: customer.plans.iter().copied().map(Into::into).collect(),
        bundles: customer.bundles.iter().copied().map(Into::into).collect(),
        entitlements: [],
        created: rfc3339(customer.created),
        modified: rfc3339(customer.modified),
        billing_contact: customer.billing_contact.as_ref(),
        keys: key.map(|key| {
            [ShownKey {
                client_id: &customer.client_id,
                key,
                created: rfc3339(customer.created),
            }]
        }),
        sandbox: true,
    };
    let mut json = Vec::with_capacity(640);
    serde_json::to_writer(&mut json, &shown)?;
    Ok(json)
}

/// `2022-03-01T00:00:00.000Z`, the one form that the vendor's own SDK reads.
fn rfc3339(millis: i64) -> String {
    jiff::Timestamp::from_millisecond(millis).map_or_else(
        |_| String::from("1970-01-01T00:00:00.000Z"),
        |time| format!("{time:.3}"),
    )
}

#[cfg(test)]
pub(crate) mod tests {
    use crate::sandbox::catalog::{BUNDLES, PLANS};
    use crate::sandbox::customer::{Change, Contact, Customer, rfc3339, show};

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
            created: 1_646_092_800_000,
            modified: 1_646_092_800_000,
        }
    }

    #[test]
    fn dates_are_rfc_3339_with_milliseconds() {
        assert_eq!(rfc3339(1_646_092_800_000), "2022-03-01T00:00:00.000Z");
        assert_eq!(rfc3339(1_646_092_800_120), "2022-03-01T00:00:00.120Z");
    }

    #[test]
    fn a_customer_is_shown_as_the_reference_prints_it_and_without_its_stripe_id() {
        let json = show(&aster(), "kci_1", None).unwrap();
        let shown: serde_json::Value = serde_json::from_slice(&json).unwrap();
        assert_eq!(
            shown,
            serde_json::json!({
                "kableClientId": "kci_1", "customerId": "cus_1", "clientId": "c-1",
                "companyName": "Aster", "currency": "USD", "status": "ACTIVE",
                "plans": [{"planId": PLANS[0].id, "name": "Starter", "externalId": "starter"}],
                "bundles": [], "entitlements": [],
                "created": "2022-03-01T00:00:00.000Z", "modified": "2022-03-01T00:00:00.000Z",
                "billingContact": {"city": "Graz"}, "sandbox": true
            })
        );
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
