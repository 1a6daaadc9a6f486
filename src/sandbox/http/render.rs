//! What the API shows: customers, plans and bundles as JSON.

use serde::Serialize;

use crate::sandbox::store::catalog::{MADE, Offer};
use crate::sandbox::store::customer::{Contact, Customer};

/// What is shown beside the customer itself.
#[derive(Debug, Clone, Copy)]
pub(in crate::sandbox) struct View<'a> {
    /// The account that the customer belongs to.
    pub(in crate::sandbox) account: &'a str,
    /// Whether its id at Stripe is shown.
    pub(in crate::sandbox) stripe_id: bool,
    /// Its new API key, where one was made.
    pub(in crate::sandbox) key: Option<&'a str>,
}

/// A customer as the API shows it.
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
    entitlements: Vec<&'static str>,
    created: String,
    modified: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    stripe_customer_id: Option<&'a str>,
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
pub(in crate::sandbox) struct ShownPlan {
    plan_id: &'static str,
    name: &'static str,
    external_id: &'static str,
    created: &'static str,
    modified: &'static str,
    /// When a customer got it.
    #[serde(skip_serializing_if = "Option::is_none")]
    added_date: Option<String>,
    dimension_id: &'static str,
    entitlements: &'static [&'static str],
    interval: &'static str,
    price: u32,
    #[serde(rename = "type")]
    kind: &'static str,
}

impl From<&'static Offer> for ShownPlan {
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
pub(in crate::sandbox) struct ShownBundle {
    bundle_id: &'static str,
    name: &'static str,
    external_id: &'static str,
    created: &'static str,
    modified: &'static str,
    currency: &'static str,
    plans: Vec<ShownPlan>,
}

impl From<&'static Offer> for ShownBundle {
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
struct ShownKey<'a> {
    client_id: &'a str,
    key: &'a str,
    created: String,
    environment: &'static str,
}

/// The JSON of a customer.
pub(in crate::sandbox) fn show(
    customer: &Customer,
    view: View<'_>,
) -> Result<Vec<u8>, serde_json::Error> {
    let plan = |(offer, added): (&'static Offer, i64)| ShownPlan {
        added_date: Some(rfc3339(added)),
        ..offer.into()
    };
    let stripe_id = customer.stripe_customer_id.as_deref();
    let shown = Shown {
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
            [ShownKey {
                client_id: &customer.client_id,
                key,
                created: rfc3339(customer.created),
                environment: "TEST",
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
mod tests {
    use serde_json::{Value, json};

    use super::{View, rfc3339, show};
    use crate::sandbox::store::catalog::{GROWTH, ONBOARDING, STARTER, SUPPORT};
    use crate::sandbox::store::customer::tests::aster;
    use crate::sandbox::store::customer::{Change, Customer};

    fn shown(customer: &Customer, stripe_id: bool) -> Value {
        let view = View {
            account: "kci_1",
            stripe_id,
            key: None,
        };
        serde_json::from_slice(&show(customer, view).unwrap()).unwrap()
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
    fn its_stripe_id_is_shown_where_that_is_wanted() {
        assert_eq!(shown(&aster(), true)["stripeCustomerId"], "cus_stripe");
        assert_eq!(shown(&aster(), false).get("stripeCustomerId"), None);
    }

    #[test]
    fn a_bundle_brings_its_plans_and_takes_them_along_but_for_those_added_by_themselves() {
        let mut customer = aster();
        let names = |customer: &Customer| -> Vec<String> {
            let shown = shown(customer, false);
            let plans = shown["plans"].as_array().unwrap().iter();
            plans
                .map(|plan| plan["name"].as_str().unwrap().to_owned())
                .collect()
        };
        customer.apply(Change::AddBundle(&SUPPORT), 1_646_092_801_000);
        assert_eq!(names(&customer), ["Starter", "Growth", "Enterprise"]);
        let answer = shown(&customer, false);
        assert_eq!(answer["plans"][0]["addedDate"], "2022-03-01T00:00:00.000Z");
        assert_eq!(answer["plans"][1]["addedDate"], "2022-03-01T00:00:01.000Z");
        assert_eq!(answer["bundles"][0]["plans"][0]["planId"], GROWTH.id);
        assert_eq!(answer["bundles"][0]["currency"], "USD");
        let all = json!(["api", "reports", "single-sign-on"]);
        assert_eq!(answer["entitlements"], all);
        customer.apply(Change::AddPlans(vec![&GROWTH]), 1_646_092_802_000);
        customer.apply(Change::AddBundle(&ONBOARDING), 1_646_092_803_000);
        assert_eq!(names(&customer), ["Starter", "Growth", "Enterprise"]);
        customer.apply(Change::RemoveBundle(&SUPPORT), 1_646_092_804_000);
        assert_eq!(names(&customer), ["Starter", "Growth"]);
        customer.apply(Change::RemovePlans(vec![&STARTER]), 1_646_092_805_000);
        // Onboarding brings it still.
        assert_eq!(names(&customer), ["Growth", "Starter"]);
    }
}
