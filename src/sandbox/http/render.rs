//! Customers, plans and bundles as the API's JSON.

use serde::Serialize;

use crate::sandbox::store::catalog::{MADE, Offer};
use crate::sandbox::store::customer::{StoredContact, StoredCustomer};

/// What is shown besides the customer itself.
#[derive(Debug, Clone, Copy)]
pub(in crate::sandbox) struct CustomerView<'a> {
    /// The account that the customer belongs to.
    pub(in crate::sandbox) account: &'a str,
    /// Whether its Stripe id is shown.
    pub(in crate::sandbox) stripe_id: bool,
    /// Its new API key, where one was made.
    pub(in crate::sandbox) key: Option<&'a str>,
}

/// A customer as the API shows it.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct CustomerJson<'a> {
    kable_client_id: &'a str,
    customer_id: &'a str,
    client_id: &'a str,
    company_name: &'a str,
    currency: &'a str,
    status: &'static str,
    plans: Vec<PlanJson>,
    bundles: Vec<BundleJson>,
    entitlements: Vec<&'static str>,
    created: String,
    modified: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    stripe_customer_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    billing_contact: Option<&'a StoredContact>,
    #[serde(skip_serializing_if = "Option::is_none")]
    keys: Option<[KeyJson<'a>; 1]>,
    /// Not in the reference. The API may add members at any time, so this one always does.
    sandbox: bool,
}

/// A plan as the API shows it.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(in crate::sandbox) struct PlanJson {
    plan_id: &'static str,
    name: &'static str,
    external_id: &'static str,
    created: &'static str,
    modified: &'static str,
    /// When it was added to a customer.
    #[serde(skip_serializing_if = "Option::is_none")]
    added_date: Option<String>,
    dimension_id: &'static str,
    entitlements: &'static [&'static str],
    interval: &'static str,
    price: u32,
    #[serde(rename = "type")]
    kind: &'static str,
}

impl From<&'static Offer> for PlanJson {
    fn from(offer: &'static Offer) -> Self {
        Self {
            plan_id: offer.id,
            name: offer.name,
            external_id: offer.external_id,
            created: MADE,
            modified: MADE,
            added_date: None,
            dimension_id: offer.dimension_id,
            entitlements: offer.entitlements,
            interval: offer.interval,
            price: offer.price,
            kind: "RECURRING",
        }
    }
}

/// A bundle as the API shows it.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(in crate::sandbox) struct BundleJson {
    bundle_id: &'static str,
    name: &'static str,
    external_id: &'static str,
    created: &'static str,
    modified: &'static str,
    currency: &'static str,
    plans: Vec<PlanJson>,
}

impl From<&'static Offer> for BundleJson {
    fn from(offer: &'static Offer) -> Self {
        Self {
            bundle_id: offer.id,
            name: offer.name,
            external_id: offer.external_id,
            created: MADE,
            modified: MADE,
            currency: "USD",
            plans: offer.plans.iter().map(Into::into).collect(),
        }
    }
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct KeyJson<'a> {
    client_id: &'a str,
    key: &'a str,
    created: String,
    environment: &'static str,
}

/// The JSON of a customer.
pub(in crate::sandbox) fn customer(
    customer: &StoredCustomer,
    view: CustomerView<'_>,
) -> Result<Vec<u8>, serde_json::Error> {
    let plan = |(offer, added): (&'static Offer, i64)| PlanJson {
        added_date: Some(rfc3339(added)),
        ..offer.into()
    };
    let stripe_id = customer.stripe_customer_id.as_deref();
    let object = CustomerJson {
        kable_client_id: view.account,
        customer_id: &customer.id,
        client_id: &customer.client_id,
        company_name: &customer.company_name,
        currency: &customer.currency,
        status: customer.status(),
        plans: customer.all_plans().into_iter().map(plan).collect(),
        bundles: customer.bundles.iter().copied().map(Into::into).collect(),
        entitlements: customer.entitlements(),
        created: rfc3339(customer.created),
        modified: rfc3339(customer.modified),
        stripe_customer_id: stripe_id.filter(|_| view.stripe_id),
        billing_contact: customer.billing_contact.as_ref(),
        keys: view.key.map(|key| {
            [KeyJson {
                client_id: &customer.client_id,
                key,
                created: rfc3339(customer.created),
                environment: "TEST",
            }]
        }),
        sandbox: true,
    };
    let mut json = Vec::with_capacity(640);
    serde_json::to_writer(&mut json, &object)?;
    Ok(json)
}

/// `2022-03-01T00:00:00.000Z`, the only form that the vendor's SDK reads.
fn rfc3339(millis: i64) -> String {
    jiff::Timestamp::from_millisecond(millis).map_or_else(
        |_| String::from("1970-01-01T00:00:00.000Z"),
        |time| format!("{time:.3}"),
    )
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::{CustomerView, rfc3339};
    use crate::sandbox::store::catalog::{GROWTH, ONBOARDING, STARTER, SUPPORT};
    use crate::sandbox::store::customer::tests::aster;
    use crate::sandbox::store::customer::{CustomerChange, StoredCustomer};

    fn shown(customer: &StoredCustomer, stripe_id: bool) -> Value {
        let view = CustomerView {
            account: "kci_1",
            stripe_id,
            key: None,
        };
        serde_json::from_slice(&super::customer(customer, view).unwrap()).unwrap()
    }

    #[test]
    fn dates_are_rfc_3339_with_milliseconds() {
        assert_eq!(rfc3339(1_646_092_800_000), "2022-03-01T00:00:00.000Z");
        assert_eq!(rfc3339(1_646_092_800_120), "2022-03-01T00:00:00.120Z");
    }

    #[test]
    fn a_customer_is_shown_as_the_reference_prints_it() {
        assert_eq!(
            shown(&aster(), false),
            json!({
                "kableClientId": "kci_1", "customerId": "cus_1", "clientId": "c-1",
                "companyName": "Aster", "currency": "USD", "status": "ACTIVE",
                "plans": [{
                    "planId": STARTER.id, "name": "Starter", "externalId": "starter",
                    "created": "2022-01-01T00:00:00.000Z", "modified": "2022-01-01T00:00:00.000Z",
                    "addedDate": "2022-03-01T00:00:00.000Z", "dimensionId": STARTER.dimension_id,
                    "entitlements": ["api"], "interval": "MONTH", "price": 10, "type": "RECURRING"
                }],
                "bundles": [], "entitlements": ["api"],
                "created": "2022-03-01T00:00:00.000Z", "modified": "2022-03-01T00:00:00.000Z",
                "billingContact": {"city": "Graz"}, "sandbox": true
            })
        );
    }

    #[test]
    fn the_stripe_id_is_shown_only_on_request() {
        assert_eq!(shown(&aster(), true)["stripeCustomerId"], "cus_stripe");
        assert_eq!(shown(&aster(), false).get("stripeCustomerId"), None);
    }

    #[test]
    fn a_bundles_plans_come_and_go_with_it_unless_added_on_their_own() {
        let mut customer = aster();
        let names = |customer: &StoredCustomer| -> Vec<String> {
            let shown = shown(customer, false);
            let plans = shown["plans"].as_array().unwrap().iter();
            plans
                .map(|plan| plan["name"].as_str().unwrap().to_owned())
                .collect()
        };
        customer.apply(CustomerChange::AddBundle(&SUPPORT), 1_646_092_801_000);
        assert_eq!(names(&customer), ["Starter", "Growth", "Enterprise"]);
        let answer = shown(&customer, false);
        assert_eq!(answer["plans"][0]["addedDate"], "2022-03-01T00:00:00.000Z");
        assert_eq!(answer["plans"][1]["addedDate"], "2022-03-01T00:00:01.000Z");
        assert_eq!(answer["bundles"][0]["plans"][0]["planId"], GROWTH.id);
        assert_eq!(answer["bundles"][0]["currency"], "USD");
        let all = json!(["api", "reports", "single-sign-on"]);
        assert_eq!(answer["entitlements"], all);
        customer.apply(CustomerChange::AddPlans(vec![&GROWTH]), 1_646_092_802_000);
        customer.apply(CustomerChange::AddBundle(&ONBOARDING), 1_646_092_803_000);
        assert_eq!(names(&customer), ["Starter", "Growth", "Enterprise"]);
        customer.apply(CustomerChange::RemoveBundle(&SUPPORT), 1_646_092_804_000);
        assert_eq!(names(&customer), ["Starter", "Growth"]);
        customer.apply(
            CustomerChange::RemovePlans(vec![&STARTER]),
            1_646_092_805_000,
        );
        // Starter is still part of the Onboarding bundle.
        assert_eq!(names(&customer), ["Growth", "Starter"]);
    }
}
