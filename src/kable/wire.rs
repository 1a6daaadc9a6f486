//! The JSON bodies of requests and responses.
//!
//! A request's body holds exactly the fields that are given: no nulls, no empty
//! strings, no empty arrays. A response must hold the customer's two ids; other
//! members that are missing, unknown or of another type are ignored.

use std::borrow::Cow;
use std::collections::HashMap;
use std::fmt;

use serde::de::{MapAccess, Visitor};
use serde::ser::SerializeMap;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::value::RawValue;

use super::created_keys::created_keys;
use super::json_time::{instant, instant_or_local};
use super::{Created, Removal};
use crate::domain::catalog::{Catalog, CatalogEntry};
use crate::domain::customer::{BillingContact, Customer};
use crate::domain::field::Field;
use crate::domain::remote::{RemoteCustomer, is_inactive};

/// The plans of each bundle: plan ids by bundle id.
pub(super) type BundlePlans = HashMap<String, Vec<String>>;

/// The body of a create (`docs/api.md`, "Create customer: the body").
pub(super) fn create_body(customer: &Customer) -> serde_json::Result<String> {
    serde_json::to_string(&CreateRequest(customer))
}

struct CreateRequest<'c>(&'c Customer);

impl Serialize for CreateRequest<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let customer = self.0;
        let mut map = serializer.serialize_map(None)?;
        map.serialize_entry("clientId", customer.client_id())?;
        map.serialize_entry("companyName", customer.company_name())?;
        map.serialize_entry("currency", customer.currency())?;
        if let Some(id) = customer.stripe_customer_id() {
            map.serialize_entry("stripeCustomerId", id)?;
        }
        if customer.plan_ids().next().is_some() {
            map.serialize_entry("planIds", &JsonArray(|| customer.plan_ids()))?;
        }
        if customer.bundle_ids().next().is_some() {
            map.serialize_entry("bundleIds", &JsonArray(|| customer.bundle_ids()))?;
        }
        if customer.contact().next().is_some() {
            map.serialize_entry("billingContact", &JsonObject(|| customer.contact()))?;
        }
        map.end()
    }
}

/// Serializes what the function iterates over as an array.
struct JsonArray<F>(F);

impl<'c, F: Fn() -> I, I: Iterator<Item = &'c str>> Serialize for JsonArray<F> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq((self.0)())
    }
}

/// Serializes the fields that the function iterates over as an object.
pub(super) struct JsonObject<F>(pub(super) F);

impl<'c, F: Fn() -> I, I: Iterator<Item = (Field, &'c str)>> Serialize for JsonObject<F> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map((self.0)().map(|(field, value)| (field.member(), value)))
    }
}

/// Reads the response to the create of `customer`: its `clientId`, and the customer
/// that was created. The error says what is missing.
pub(super) fn created(body: &[u8], customer: &Customer) -> serde_json::Result<(String, Created)> {
    let read: CreatedMembers<'_> = serde_json::from_slice(without_mark(body))?;
    let keys = read.keys.map(created_keys).filter(|keys| !keys.is_empty());
    let keys = keys.or_else(|| read.api_keys.map(created_keys));
    let is_other =
        |given: Option<JsonText<'_>>, sent: &str| given.is_some_and(|text| text.0 != sent);
    let created = Created {
        customer_id: read.customer_id,
        keys: keys.unwrap_or_default(),
        created: read.created,
        modified: read.modified,
        altered: is_other(read.company_name, customer.company_name())
            || is_other(read.currency, customer.currency()),
    };
    Ok((read.client_id, created))
}

/// Reads a customer; the error says what is missing.
///
/// Which plans come with its bundles is read from the response, or from
/// `bundle_plans`, the account's bundles.
pub(super) fn customer(
    body: &[u8],
    bundle_plans: &BundlePlans,
) -> serde_json::Result<RemoteCustomer> {
    let read: CustomerMembers = serde_json::from_slice(without_mark(body))?;
    let plans = read.plans.map(Vec::into_iter);
    let brought = read.bundles.as_ref().and_then(|bundles| {
        let each = bundles.iter().map(|bundle| bundle.brought(bundle_plans));
        Some(each.collect::<Option<Vec<_>>>()?.concat())
    });
    let bundles = read.bundles.map(Vec::into_iter);
    Ok(RemoteCustomer {
        stripe_customer_id: read.stripe_customer_id,
        brought_plan_ids: brought,
        customer_id: read.customer_id,
        client_id: read.client_id,
        company_name: read.company_name,
        currency: read.currency,
        status: read.status,
        plan_ids: plans.map(|plans| plans.filter_map(|plan| plan.plan_id).collect()),
        bundle_ids: bundles.map(|bundles| bundles.filter_map(|plan| plan.bundle_id).collect()),
        contact: read.billing_contact.map(|ContactMembers(contact)| contact),
        created: read.created,
        modified: read.modified,
        namesake: None,
    })
}

/// `body` without a byte-order mark, which a parser may ignore (RFC 8259 §8.1).
pub(super) fn without_mark(body: &[u8]) -> &[u8] {
    body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body)
}

/// What is read of a customer that was created (`docs/api.md`, "Customer: the
/// response").
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct CreatedMembers<'b> {
    customer_id: String,
    client_id: String,
    #[serde(borrow)]
    keys: Option<&'b RawValue>,
    #[serde(borrow)]
    api_keys: Option<&'b RawValue>,
    #[serde(borrow, default, deserialize_with = "if_readable")]
    company_name: Option<JsonText<'b>>,
    #[serde(borrow, default, deserialize_with = "if_readable")]
    currency: Option<JsonText<'b>>,
    #[serde(default, deserialize_with = "instant")]
    created: Option<i64>,
    #[serde(default, deserialize_with = "instant_or_local")]
    modified: Option<i64>,
}

/// What is read of a customer. Only the two ids are required; they identify it.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct CustomerMembers {
    customer_id: String,
    client_id: String,
    #[serde(default, deserialize_with = "if_readable")]
    company_name: String,
    #[serde(default, deserialize_with = "if_readable")]
    currency: String,
    #[serde(default, deserialize_with = "if_readable")]
    status: String,
    #[serde(default, deserialize_with = "if_readable")]
    plans: Option<Vec<PlanMembers>>,
    #[serde(default, deserialize_with = "if_readable")]
    bundles: Option<Vec<PlanMembers>>,
    #[serde(default, deserialize_with = "if_readable")]
    stripe_customer_id: Option<String>,
    #[serde(default, deserialize_with = "if_readable")]
    billing_contact: Option<ContactMembers>,
    #[serde(default, deserialize_with = "instant")]
    created: Option<i64>,
    #[serde(default, deserialize_with = "instant_or_local")]
    modified: Option<i64>,
}

/// What is read of the answer to a removal.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct RemovalMembers {
    #[serde(default, deserialize_with = "if_readable")]
    customer_id: Option<String>,
    #[serde(default, deserialize_with = "if_readable")]
    status: Option<String>,
    #[serde(default, deserialize_with = "if_readable")]
    success: Option<bool>,
    #[serde(default, deserialize_with = "if_readable")]
    error: Option<serde_json::Value>,
}

/// The members of the answer to a removal; `None` if it is no JSON object.
pub(super) fn removal_members(body: &[u8]) -> Option<RemovalMembers> {
    serde_json::from_slice(without_mark(body)).ok()
}

impl RemovalMembers {
    /// Why the `removal` of customer `customer_id` may not be done, if they say so.
    pub(super) fn not_removed(&self, customer_id: &str, removal: Removal) -> Option<&'static str> {
        let is_error = |error: &serde_json::Value| !error.is_null() && error != false;
        if self
            .customer_id
            .as_deref()
            .is_some_and(|id| id != customer_id)
        {
            return Some("the answer is about another customer");
        }
        if self.success == Some(false) || self.error.as_ref().is_some_and(is_error) {
            return Some("the answer says that it was not done");
        }
        // A customer that was deleted may be shown as it was.
        let status = self.status.as_deref().filter(|status| !status.is_empty());
        let is_active =
            removal == Removal::Cancel && status.is_some_and(|status| !is_inactive(status));
        is_active.then_some("the answer says that the customer is active")
    }
}

/// The members of a contact that are strings; of several with the same name, the
/// last.
struct ContactMembers(BillingContact);

impl<'de> Deserialize<'de> for ContactMembers {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct OfContact;
        impl<'de> Visitor<'de> for OfContact {
            type Value = ContactMembers;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<ContactMembers, A::Error> {
                let mut contact = BillingContact::default();
                while let Some(JsonKey(name)) = map.next_key()? {
                    let value: &RawValue = map.next_value()?;
                    let mut fields = Field::CONTACT.into_iter();
                    let field = fields.find(|field| field.member() == name);
                    let text: Option<String> = serde_json::from_str(value.get()).ok();
                    // An empty text is no value: `null` and a missing member are none either.
                    let text = text.filter(|text| !text.is_empty());
                    if let Some((field, text)) = field.zip(text) {
                        contact.set(field, text);
                    }
                }
                Ok(ContactMembers(contact))
            }
        }
        deserializer.deserialize_map(OfContact)
    }
}

/// A member's name, borrowed if it is written without escapes.
#[derive(Deserialize)]
struct JsonKey<'b>(#[serde(borrow)] Cow<'b, str>);

/// A member's string, likewise.
#[derive(Deserialize)]
struct JsonText<'b>(#[serde(borrow)] Cow<'b, str>);

/// Reads a member of an unexpected type as missing: a create succeeded even if a
/// member beside the ids is `null`.
pub(super) fn if_readable<'de, T, D>(deserializer: D) -> Result<T, D::Error>
where
    T: Deserialize<'de> + Default,
    D: Deserializer<'de>,
{
    let value = <&'de RawValue>::deserialize(deserializer)?;
    Ok(serde_json::from_str(value.get()).unwrap_or_default())
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct PlanMembers {
    plan_id: Option<String>,
    bundle_id: Option<String>,
    /// The plans of a bundle.
    #[serde(default, deserialize_with = "if_readable")]
    plans: Option<Vec<PlanOfBundle>>,
    #[serde(default, deserialize_with = "if_readable")]
    plan_ids: Option<Vec<String>>,
}

/// What is read of a plan or a bundle in the list of all.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct CatalogMembers {
    plan_id: Option<String>,
    bundle_id: Option<String>,
    #[serde(default, deserialize_with = "if_readable")]
    name: Option<String>,
    #[serde(default, deserialize_with = "if_readable")]
    external_id: Option<String>,
    #[serde(default, deserialize_with = "if_readable")]
    currency: Option<String>,
    #[serde(default, deserialize_with = "if_readable")]
    price: Option<serde_json::Value>,
    #[serde(default, deserialize_with = "if_readable")]
    interval: Option<String>,
    #[serde(default, deserialize_with = "if_readable")]
    plans: Option<Vec<PlanOfBundle>>,
    #[serde(default, deserialize_with = "if_readable")]
    plan_ids: Option<Vec<String>>,
}

/// A plan in a bundle: an object, or its id alone.
#[derive(Deserialize)]
#[serde(untagged)]
enum PlanOfBundle {
    Id(String),
    Plan {
        #[serde(rename = "planId")]
        plan_id: String,
    },
}

impl PlanMembers {
    /// The plans in a customer's bundle: those that it lists, or else those of the
    /// account's bundle with this id.
    fn brought(&self, bundle_plans: &BundlePlans) -> Option<Vec<String>> {
        let own = listed_plans(self.plans.as_deref(), self.plan_ids.as_deref());
        let known = self.bundle_id.as_ref().and_then(|id| bundle_plans.get(id));
        own.as_ref()
            .filter(|plans| !plans.is_empty())
            .or(known)
            .cloned()
            .or(own)
    }
}

/// The ids of a bundle's plans, which it lists as objects or as ids; `None` where it
/// lists none.
fn listed_plans(plans: Option<&[PlanOfBundle]>, ids: Option<&[String]>) -> Option<Vec<String>> {
    let id = |plan: &PlanOfBundle| match plan {
        PlanOfBundle::Id(id) | PlanOfBundle::Plan { plan_id: id } => id.clone(),
    };
    let written_out = plans.map(|plans| plans.iter().map(id).collect());
    written_out.or_else(|| ids.map(<[String]>::to_vec))
}

/// Reads a list of plans or bundles, and which plans the bundles contain.
pub(super) fn catalog(body: &[u8]) -> serde_json::Result<(Catalog, BundlePlans)> {
    let read: Vec<CatalogMembers> = serde_json::from_slice(without_mark(body))?;
    let (mut catalog, mut bundle_plans) = (Catalog::default(), BundlePlans::new());
    for member in read {
        let plan_ids = listed_plans(member.plans.as_deref(), member.plan_ids.as_deref());
        if let Some((id, plans)) = member.bundle_id.clone().zip(plan_ids.clone()) {
            bundle_plans.insert(id, plans);
        }
        if let Some(id) = member.bundle_id.or(member.plan_id) {
            catalog.add(CatalogEntry {
                id,
                name: member.name,
                external_id: member.external_id,
                currency: member.currency,
                price: member
                    .price
                    .filter(|price| price.is_number() || price.is_string()),
                interval: member.interval,
                plan_ids,
            });
        }
    }
    Ok((catalog, bundle_plans))
}

/// Whether a body is a web page, which the API itself never sends.
pub(super) fn is_page(body: &[u8]) -> bool {
    without_mark(body).trim_ascii_start().starts_with(b"<")
}

/// Whether a body is a failure as the API documents it: `{"message": "…"}`
/// (`docs/api.md`, "Calls").
pub(super) fn is_documented_failure(body: &[u8]) -> bool {
    #[derive(Deserialize)]
    struct FailureBody {
        #[serde(rename = "message")]
        _message: String,
    }
    serde_json::from_slice::<FailureBody>(without_mark(body)).is_ok()
}

#[cfg(test)]
mod tests {
    use super::{BundlePlans, Removal, create_body, created, customer, removal_members};
    use crate::domain::customer::tests::aster;
    use crate::domain::field::Field;

    /// The body of the answer is not documented: what does not contradict is believed.
    #[test]
    fn a_removal_is_done_unless_its_answer_says_otherwise() {
        let done_as = |body: &str, removal| {
            let members = removal_members(body.as_bytes());
            members.is_none_or(|members| members.not_removed("cus_1", removal).is_none())
        };
        let done = |body: &str| done_as(body, Removal::Cancel);
        for body in [
            "",
            "ok",
            "{}",
            "[]",
            "null",
            r#"{"message":"deleted"}"#,
            r#"{"customerId":"cus_1","status":"CANCELLED"}"#,
            r#"{"customerId":"cus_1","status":"canceled"}"#,
            r#"{"customerId":"cus_1","status":17,"success":"no","error":null}"#,
            r#"{"success":true,"error":false}"#,
        ] {
            assert!(done(body), "{body}");
        }
        for body in [
            r#"{"customerId":"cus_2","status":"CANCELLED"}"#,
            r#"{"customerId":"cus_1","status":"ACTIVE"}"#,
            r#"{"customerId":"cus_1","status":"active"}"#,
            r#"{"success":false}"#,
            r#"{"error":"not allowed"}"#,
            r#"{"error":{"code":7},"success":true}"#,
        ] {
            assert!(!done(body), "{body}");
        }
        assert!(done_as(r#"{"status":"ACTIVE"}"#, Removal::Delete));
    }

    #[test]
    fn the_body_of_a_create_holds_the_given_fields_only() {
        let body = create_body(&aster()).unwrap();
        assert_eq!(
            body,
            r#"{"clientId":"c-1","companyName":"Aster","currency":"USD","planIds":["pln_a","pln_b"],"billingContact":{"email":"ap@aster.example"}}"#
        );
    }

    #[test]
    fn unknown_members_are_ignored() {
        let body = br#"{"customerId":"cus_1","clientId":"c-1","new":{"a":[1]},"plans":[{"planId":"p","tiers":[]}],
                 "billingContact":{"email":"a@b.example","fax":1},"created":"2022-03-01T00:00:00.000Z","modified":"2022-03-01 00:00:01+00:00",
                 "keys":[{"clientId":"c-1","key":"sk_1","created":"x"}]}"#;
        let remote = customer(body, &BundlePlans::new()).unwrap();
        assert_eq!(remote.plan_ids, Some(vec!["p".to_owned()]));
        assert_eq!(remote.bundle_ids, None);
        assert_eq!(remote.created, Some(1_646_092_800_000));
        assert_eq!(remote.modified, Some(1_646_092_801_000));
        let (client_id, created) = created(body, &aster()).unwrap();
        assert_eq!(
            (client_id.as_str(), created.customer_id.as_str()),
            ("c-1", "cus_1")
        );
        assert_eq!(created.keys.len(), 1);
        assert_eq!(created.modified, remote.modified);
        assert!(!format!("{created:?}").contains("sk_1"));
    }

    #[test]
    fn members_of_another_type_are_read_as_missing() {
        let body = br#"{"customerId":"cus_1","clientId":"c-1","companyName":null,"currency":1e999,"status":{"a":1},
                 "plans":["p"],"bundles":[{"bundleId":7}],"billingContact":["email"],"created":5,
                 "keys":[null,{"key":5},{"key":"sk_1"}]}"#;
        let remote = customer(body, &BundlePlans::new()).unwrap();
        assert_eq!(
            (remote.company_name, remote.currency),
            (String::new(), String::new())
        );
        assert_eq!((remote.plan_ids, remote.bundle_ids), (None, None));
        assert_eq!((remote.contact, remote.created), (None, None));
        assert_eq!(created(body, &aster()).unwrap().1.keys.len(), 1);
    }

    #[test]
    fn the_string_members_of_a_contact_are_read_and_others_ignored() {
        let body = br#"{"customerId":"cus_1","clientId":"c-1","billingContact":
                 {"city":null,"email":"a@b.example","phone":[1],"state":{"a":2},"email":"c@d.example"}}"#;
        let contact = customer(body, &BundlePlans::new())
            .unwrap()
            .contact
            .unwrap();
        assert_eq!(
            contact.given().collect::<Vec<_>>(),
            [(Field::Email, "c@d.example")]
        );
    }

    #[test]
    fn a_response_without_ids_is_an_error() {
        for body in [&br#"{"companyName":"Aster"}"#[..], b"<html>", b""] {
            assert!(customer(body, &BundlePlans::new()).is_err());
            assert!(created(body, &aster()).is_err());
        }
    }

    #[test]
    fn a_parse_error_is_explained_without_quoting_the_body() {
        for body in [
            r#""s3cr3t""#,
            r#"{"customerId":"s3cr3t","clientId":["s3cr3t"]}"#,
        ] {
            let error = customer(body.as_bytes(), &BundlePlans::new()).unwrap_err();
            assert!(
                !crate::kable::message::explained(&error).contains("s3cr3t"),
                "{body}"
            );
        }
    }

    #[test]
    fn members_of_a_plan_that_are_missing_or_of_another_type_are_left_out() {
        let plans = br#"[{"planId":"p1","name":"Pro","externalId":null,"price":10.5,"interval":"MONTH","tiers":[1]},
                         {"planId":"p2","name":7,"externalId":"","currency":["EUR"],"price":{"amount":1}},
                         {"planId":"p3","price":"10.50","currency":"EUR"}]"#;
        let (catalog, _) = super::catalog(plans).unwrap();
        let [first, second, third] = catalog.entries() else {
            panic!("{catalog:?}");
        };
        assert_eq!(first.name.as_deref(), Some("Pro"));
        assert_eq!(first.price, Some(10.5.into()));
        assert_eq!(first.interval.as_deref(), Some("MONTH"));
        assert_eq!(
            (&second.name, &second.currency, &second.price),
            (&None, &None, &None)
        );
        assert_eq!(catalog.with_external_id(""), [""; 0]);
        assert_eq!(third.price, Some("10.50".into()));
        assert_eq!(third.currency.as_deref(), Some("EUR"));
    }

    #[test]
    fn the_plans_of_a_bundle_are_read_from_the_customer_or_else_from_the_account() {
        let bundles = br#"[{"bundleId":"b1","externalId":"gold","plans":[{"planId":"p1"},"p2"]},
                           {"bundleId":"b2","planIds":["p3"]},{"bundleId":"b3"}]"#;
        let (catalog, account) = super::catalog(bundles).unwrap();
        assert_eq!(catalog.with_external_id("gold"), ["b1"]);
        assert!(catalog.has("b3"));
        let plan_ids = catalog.entries().iter().map(|entry| entry.plan_ids.clone());
        let listed: Vec<usize> = plan_ids.map(|ids| ids.unwrap_or_default().len()).collect();
        assert_eq!(listed, [2, 1, 0]);
        let brought = |bundles: &str| {
            let body = format!(r#"{{"customerId":"cus_1","clientId":"c-1","bundles":{bundles}}}"#);
            customer(body.as_bytes(), &account)
                .unwrap()
                .brought_plan_ids
        };
        let ids = |ids: &[&str]| Some(ids.iter().map(|id| (*id).to_owned()).collect::<Vec<_>>());
        for (bundles, plans) in [
            ("[]", ids(&[])),
            (
                r#"[{"bundleId":"b1"},{"bundleId":"b2"}]"#,
                ids(&["p1", "p2", "p3"]),
            ),
            (
                r#"[{"bundleId":"b1","plans":[{"planId":"p9"}]}]"#,
                ids(&["p9"]),
            ),
            (r#"[{"bundleId":"b1","plans":[]}]"#, ids(&["p1", "p2"])),
            (r#"[{"bundleId":"b3","plans":[]}]"#, ids(&[])),
            (r#"[{"bundleId":"b1"},{"bundleId":"b3"}]"#, None),
            ("null", None),
        ] {
            assert_eq!(brought(bundles), plans, "{bundles}");
        }
    }
}
