//! The JSON bodies of changes to customers that exist.

use serde::{Serialize, Serializer};

use super::wire::JsonObject;
use crate::domain::customer::BillingContact;
use crate::domain::remote_change::RemoteChange;
use crate::domain::update::CustomerUpdate;

/// The body of a change (`docs/api.md`, "Calls").
pub(super) fn change_body(change: &RemoteChange) -> serde_json::Result<String> {
    match change {
        RemoteChange::Update(update) => update_body(update),
        RemoteChange::AddPlans(plan_ids) | RemoteChange::RemovePlans(plan_ids) => {
            serde_json::to_string(&PlansBody { plan_ids })
        }
        RemoteChange::AddBundle(bundle_id) | RemoteChange::RemoveBundle(bundle_id) => {
            serde_json::to_string(&OneBundleBody { bundle_id })
        }
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct PlansBody<'c> {
    plan_ids: &'c [String],
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct OneBundleBody<'c> {
    bundle_id: &'c str,
}

/// The body of an update (`docs/api.md`: "Update takes …").
fn update_body(update: &CustomerUpdate) -> serde_json::Result<String> {
    serde_json::to_string(&UpdateRequest {
        company_name: update.company_name.as_deref(),
        currency: update.currency.as_deref(),
        stripe_customer_id: update.stripe_customer_id.as_deref(),
        billing_contact: update.contact.as_ref().map(ContactBody),
    })
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct UpdateRequest<'c> {
    #[serde(skip_serializing_if = "Option::is_none")]
    company_name: Option<&'c str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    currency: Option<&'c str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    stripe_customer_id: Option<&'c str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    billing_contact: Option<ContactBody<'c>>,
}

struct ContactBody<'c>(&'c BillingContact);

impl Serialize for ContactBody<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        JsonObject(|| self.0.given()).serialize(serializer)
    }
}

#[cfg(test)]
mod tests {
    use super::{CustomerUpdate, RemoteChange, change_body, update_body};
    use crate::domain::customer::tests::aster;

    #[test]
    fn the_body_of_an_update_holds_the_changed_fields_only() {
        let update = CustomerUpdate {
            company_name: Some("Astér".to_owned()),
            contact: Some(aster().contact().collect()),
            ..CustomerUpdate::default()
        };
        assert_eq!(
            update_body(&update).unwrap(),
            r#"{"companyName":"Astér","billingContact":{"email":"ap@aster.example"}}"#
        );
    }

    #[test]
    fn plans_go_together_and_bundles_alone() {
        let ids = || vec!["pln_a".to_owned(), "pln_b".to_owned()];
        for change in [
            RemoteChange::AddPlans(ids()),
            RemoteChange::RemovePlans(ids()),
        ] {
            let body = change_body(&change).unwrap();
            assert_eq!(body, r#"{"planIds":["pln_a","pln_b"]}"#);
        }
        let bundle = || "bun_1".to_owned();
        for change in [
            RemoteChange::AddBundle(bundle()),
            RemoteChange::RemoveBundle(bundle()),
        ] {
            assert_eq!(change_body(&change).unwrap(), r#"{"bundleId":"bun_1"}"#);
        }
    }
}
