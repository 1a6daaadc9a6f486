//! Request bodies and queries, and what is refused in them.
//!
//! Stricter than an API need be: unknown or repeated members, `null`, blank
//! strings and empty arrays are errors, because the importer must never send them.
//! What a lenient double accepts, the real API may refuse or store wrongly.
//!
//! serde checks names and types; what a value may be is checked below.

use serde::de::value::StringDeserializer;
use serde::de::{Error as _, IgnoredAny, IntoDeserializer as _, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};

use crate::sandbox::store::catalog::{self, Offer};
use crate::sandbox::store::customer::{
    CURRENCIES, ContactField, CreateOptions, CustomerChange, NewCustomer, StoredContact,
};

/// The body of create.
#[derive(Debug, Default, Deserialize)]
#[serde(
    rename_all = "camelCase",
    deny_unknown_fields,
    default,
    expecting = "an object"
)]
struct CreateBody {
    #[serde(deserialize_with = "present")]
    client_id: Option<String>,
    #[serde(deserialize_with = "present")]
    company_name: Option<String>,
    #[serde(deserialize_with = "present")]
    currency: Option<String>,
    #[serde(deserialize_with = "present")]
    stripe_customer_id: Option<String>,
    #[serde(deserialize_with = "present")]
    plan_ids: Option<Vec<String>>,
    #[serde(deserialize_with = "present")]
    bundle_ids: Option<Vec<String>>,
    #[serde(deserialize_with = "contact")]
    billing_contact: Option<StoredContact>,
}

/// The body of update.
#[derive(Debug, Default, Deserialize)]
#[serde(
    rename_all = "camelCase",
    deny_unknown_fields,
    default,
    expecting = "an object"
)]
struct UpdateBody {
    /// Known, to be refused by name.
    #[serde(deserialize_with = "present")]
    client_id: Option<IgnoredAny>,
    #[serde(deserialize_with = "present")]
    company_name: Option<String>,
    #[serde(deserialize_with = "present")]
    currency: Option<String>,
    #[serde(deserialize_with = "present")]
    stripe_customer_id: Option<String>,
    #[serde(deserialize_with = "contact")]
    billing_contact: Option<StoredContact>,
}

/// The body of a call that adds plans.
#[derive(Debug, Default, Deserialize)]
#[serde(
    rename_all = "camelCase",
    deny_unknown_fields,
    default,
    expecting = "an object"
)]
struct AddPlansBody {
    #[serde(deserialize_with = "present")]
    plan_ids: Option<Vec<String>>,
}

/// The body of a call that removes plans.
#[derive(Debug, Default, Deserialize)]
#[serde(
    rename_all = "camelCase",
    deny_unknown_fields,
    default,
    expecting = "an object"
)]
struct RemovePlansBody {
    #[serde(deserialize_with = "present")]
    plan_ids: Option<Vec<String>>,
    #[serde(deserialize_with = "present")]
    plan_id: Option<String>,
}

/// The body of a call that adds or removes a bundle.
#[derive(Debug, Default, Deserialize)]
#[serde(
    rename_all = "camelCase",
    deny_unknown_fields,
    default,
    expecting = "an object"
)]
struct BundleBody {
    #[serde(deserialize_with = "present")]
    bundle_id: Option<String>,
}

/// The body of a call without fields.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, expecting = "an object")]
struct EmptyBody {}

/// Reads a member that is there. serde alone reads `null` as a member that is not.
fn present<'de, D, T>(member: D) -> Result<Option<T>, D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de>,
{
    T::deserialize(member).map(Some)
}

/// Reads a billing contact. serde alone keeps the last of two members with one name.
fn contact<'de, D: Deserializer<'de>>(member: D) -> Result<Option<StoredContact>, D::Error> {
    struct ContactVisitor;

    impl<'de> Visitor<'de> for ContactVisitor {
        type Value = StoredContact;

        fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str("an object")
        }

        fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<StoredContact, A::Error> {
            let mut contact = StoredContact::new();
            // Read as text, so that the path of an error has it.
            while let Some(name) = members.next_key::<String>()? {
                let name: StringDeserializer<A::Error> = name.into_deserializer();
                let field = ContactField::deserialize(name)?;
                if contact.insert(field, members.next_value()?).is_some() {
                    return Err(A::Error::custom(format!("duplicate field `{field}`")));
                }
            }
            Ok(contact)
        }
    }

    member.deserialize_map(ContactVisitor).map(Some)
}

fn read<'de, T: Deserialize<'de>>(bytes: &'de [u8]) -> Result<T, String> {
    // serde reads a struct from an array as well.
    if bytes.trim_ascii_start().starts_with(b"[") {
        return Err("the body is an array (wanted an object)".to_owned());
    }
    let not_json = |error: &serde_json::Error| format!("the body is not JSON: {error}");
    let mut json = serde_json::Deserializer::from_slice(bytes);
    let body = serde_path_to_error::deserialize(&mut json).map_err(|error| {
        let path = error.path().to_string();
        let error = error.into_inner();
        if !error.is_data() {
            not_json(&error)
        } else if path == "." {
            format!("the body is wrong: {error}")
        } else {
            format!("{path} is wrong: {error}")
        }
    })?;
    json.end().map_err(|error| not_json(&error))?;
    Ok(body)
}

/// Reads the query of create.
pub(super) fn options(query: Option<&str>) -> Result<CreateOptions, String> {
    let mut options = CreateOptions::default();
    let pairs = query.into_iter().flat_map(|query| query.split('&'));
    for pair in pairs.filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        let value = match value {
            "true" => true,
            "false" => false,
            other => {
                return Err(format!(
                    "query parameter {name} is {other:?} (wanted true or false)"
                ));
            }
        };
        match name {
            "stripe" => options.stripe = value,
            "keys" => options.keys = value,
            _ => return Err(format!("query parameter {name:?} is unknown")),
        }
    }
    Ok(options)
}

/// Reads the body of create.
pub(super) fn new_customer(
    bytes: &[u8],
    options: CreateOptions,
    stripe_connected: bool,
) -> Result<NewCustomer, String> {
    let body: CreateBody = read(bytes)?;
    let customer = NewCustomer {
        client_id: required("clientId", body.client_id)?,
        company_name: required("companyName", body.company_name)?,
        currency: known_currency(required("currency", body.currency)?)?,
        stripe_customer_id: filled("stripeCustomerId", body.stripe_customer_id)?,
        plans: offers("planIds", body.plan_ids, catalog::plan)?.unwrap_or_default(),
        bundles: offers("bundleIds", body.bundle_ids, catalog::bundle)?.unwrap_or_default(),
        billing_contact: filled_contact(body.billing_contact)?,
        options,
        body: String::from_utf8_lossy(bytes).into_owned(),
    };
    if options.stripe && !stripe_connected && customer.stripe_customer_id.is_none() {
        return Err("stripe is true, but this account is not connected to Stripe".to_owned());
    }
    Ok(customer)
}

/// Reads the body of update. An empty text clears a value that may be missing: the reference
/// names no other way to clear one.
pub(super) fn update(bytes: &[u8]) -> Result<CustomerChange, String> {
    let body: UpdateBody = read(bytes)?;
    if body.client_id.is_some() {
        return Err("clientId cannot be changed".to_owned());
    }
    let (contact, cleared): (StoredContact, StoredContact) = body
        .billing_contact
        .clone()
        .unwrap_or_default()
        .into_iter()
        .partition(|(_, text)| !text.is_empty());
    if body.billing_contact.is_some() && cleared.is_empty() || !contact.is_empty() {
        filled_contact(Some(contact))?;
    }
    let stripe = body.stripe_customer_id;
    Ok(CustomerChange::Update {
        company_name: filled("companyName", body.company_name)?,
        currency: filled("currency", body.currency)?
            .map(known_currency)
            .transpose()?,
        stripe_customer_id: match stripe {
            Some(text) if text.is_empty() => Some(text),
            other => filled("stripeCustomerId", other)?,
        },
        billing_contact: body.billing_contact,
    })
}

/// Reads the plans that are added.
pub(super) fn added_plans(bytes: &[u8]) -> Result<Vec<&'static Offer>, String> {
    let body: AddPlansBody = read(bytes)?;
    let plans = offers("planIds", body.plan_ids, catalog::plan)?;
    plans.ok_or_else(|| "planIds is missing".to_owned())
}

/// Reads the plans that are removed.
pub(super) fn removed_plans(bytes: &[u8]) -> Result<Vec<&'static Offer>, String> {
    let body: RemovePlansBody = read(bytes)?;
    let many = offers("planIds", body.plan_ids, catalog::plan)?;
    let one = offer("planId", body.plan_id, catalog::plan)?;
    let plans: Vec<_> = many.into_iter().flatten().chain(one).collect();
    if plans.is_empty() {
        return Err("planIds is missing, and planId too".to_owned());
    }
    Ok(plans)
}

/// Reads the bundle that is added or removed.
pub(super) fn bundle(bytes: &[u8]) -> Result<&'static Offer, String> {
    let body: BundleBody = read(bytes)?;
    offer("bundleId", body.bundle_id, catalog::bundle)?
        .ok_or_else(|| "bundleId is missing".to_owned())
}

/// Checks that there is no body, or an empty object.
pub(super) fn nothing(bytes: &[u8]) -> Result<(), String> {
    if bytes.is_empty() {
        return Ok(());
    }
    read(bytes).map(|EmptyBody {}| ())
}

fn required(name: &str, text: Option<String>) -> Result<String, String> {
    filled(name, text)?.ok_or_else(|| format!("{name} is missing"))
}

fn filled(name: &str, text: Option<String>) -> Result<Option<String>, String> {
    match text {
        Some(text) if text.trim().is_empty() => {
            Err(format!("{name} is blank; leave it out instead"))
        }
        text => Ok(text),
    }
}

fn filled_contact(contact: Option<StoredContact>) -> Result<Option<StoredContact>, String> {
    let Some(contact) = contact else {
        return Ok(None);
    };
    if contact.is_empty() {
        return Err("billingContact is empty; leave it out instead".to_owned());
    }
    match contact.iter().find(|(_, text)| text.trim().is_empty()) {
        Some((field, _)) => Err(format!(
            "billingContact.{field} is blank; leave it out instead"
        )),
        None => Ok(Some(contact)),
    }
}

fn known_currency(text: String) -> Result<String, String> {
    if CURRENCIES.contains(&text.as_str()) {
        Ok(text)
    } else {
        let known = CURRENCIES.join(", ");
        Err(format!("currency is {text:?} (wanted one of {known})"))
    }
}

fn offer(
    name: &str,
    id: Option<String>,
    find: fn(&str) -> Option<&'static Offer>,
) -> Result<Option<&'static Offer>, String> {
    filled(name, id)?
        .map(|id| find(&id).ok_or_else(|| format!("{name}: there is no {id:?}")))
        .transpose()
}

fn offers(
    name: &str,
    ids: Option<Vec<String>>,
    find: fn(&str) -> Option<&'static Offer>,
) -> Result<Option<Vec<&'static Offer>>, String> {
    let Some(ids) = ids else {
        return Ok(None);
    };
    if ids.is_empty() {
        return Err(format!("{name} is empty; leave it out instead"));
    }
    let mut found = Vec::with_capacity(ids.len());
    for id in ids {
        let offer = find(&id).ok_or_else(|| format!("{name}: there is no {id:?}"))?;
        if found.contains(&offer) {
            return Err(format!("{name} names {id:?} twice"));
        }
        found.push(offer);
    }
    Ok(Some(found))
}

#[cfg(test)]
mod tests {
    use super::{added_plans, new_customer, nothing, options, removed_plans, update};
    use crate::sandbox::store::catalog::{BUNDLES, PLANS};
    use crate::sandbox::store::customer::CreateOptions;

    const WITH_STRIPE: CreateOptions = CreateOptions {
        stripe: true,
        keys: false,
    };

    /// Reads a good create with `more` members.
    fn with(more: &str) -> Result<(), String> {
        let body =
            format!(r#"{{"clientId": "c-1", "companyName": "Aster", "currency": "USD"{more}}}"#);
        new_customer(body.as_bytes(), CreateOptions::default(), false).map(drop)
    }

    fn refusal(body: &str) -> String {
        new_customer(body.as_bytes(), CreateOptions::default(), false).unwrap_err()
    }

    #[test]
    fn every_field_of_the_reference_is_accepted() {
        let contact = [
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
        ]
        .map(|name| format!("{name:?}: \"x\""))
        .join(",");
        let more = format!(
            r#", "stripeCustomerId": "cus_9", "planIds": ["{}"], "bundleIds": ["{}"], "billingContact": {{{contact}}}"#,
            PLANS[0].id, BUNDLES[1].id
        );
        assert_eq!(with(&more), Ok(()));
        assert_eq!(with(""), Ok(()));
    }

    #[test]
    fn a_missing_member_is_named() {
        assert_eq!(refusal("{}"), "clientId is missing");
        assert_eq!(refusal(r#"{"clientId": "c"}"#), "companyName is missing");
        let two = r#"{"clientId": "c", "companyName": "n"}"#;
        assert_eq!(refusal(two), "currency is missing");
    }

    #[test]
    fn a_body_that_is_not_an_object_is_refused() {
        assert_eq!(refusal("[]"), "the body is an array (wanted an object)");
        assert!(refusal("5").contains("integer `5`, expected an object"));
        assert!(refusal("").starts_with("the body is not JSON: EOF"));
        assert!(refusal("{} {}").starts_with("the body is not JSON: trailing"));
        assert!(
            new_customer(b"{\"clientId\": \"\xff\"}", CreateOptions::default(), false).is_err()
        );
    }

    #[test]
    fn values_that_the_importer_must_never_send_are_refused() {
        for (more, message) in [
            (
                r#", "stripeCustomerId": " ""#,
                "stripeCustomerId is blank; leave it out instead",
            ),
            (
                r#", "planIds": []"#,
                "planIds is empty; leave it out instead",
            ),
            (
                r#", "planIds": ["pln_1"]"#,
                "planIds: there is no \"pln_1\"",
            ),
            (
                r#", "bundleIds": ["bun_1"]"#,
                "bundleIds: there is no \"bun_1\"",
            ),
            (
                r#", "billingContact": {}"#,
                "billingContact is empty; leave it out instead",
            ),
            (
                r#", "billingContact": {"city": ""}"#,
                "billingContact.city is blank; leave it out instead",
            ),
        ] {
            assert_eq!(with(more), Err(message.to_owned()), "{more}");
        }
        let twice = format!(r#", "planIds": ["{0}", "{0}"]"#, PLANS[0].id);
        assert!(with(&twice).unwrap_err().ends_with("twice"));
    }

    #[test]
    fn unknown_repeated_and_mistyped_members_are_refused() {
        for (more, message) in [
            (r#", "name": "x""#, "name is wrong: unknown field `name`"),
            (
                r#", "clientId": "c-2""#,
                "the body is wrong: duplicate field `clientId`",
            ),
            (
                r#", "stripeCustomerId": null"#,
                "stripeCustomerId is wrong: invalid type: null, expected a string",
            ),
            (
                r#", "stripeCustomerId": 7"#,
                "stripeCustomerId is wrong: invalid type: integer `7`, expected a string",
            ),
            (
                r#", "planIds": "pln_1""#,
                "planIds is wrong: invalid type: string \"pln_1\", expected a sequence",
            ),
            (
                r#", "planIds": [null]"#,
                "planIds[0] is wrong: invalid type: null, expected a string",
            ),
            (
                r#", "billingContact": null"#,
                "billingContact is wrong: invalid type: null, expected an object",
            ),
            (
                r#", "billingContact": []"#,
                "billingContact is wrong: invalid type: sequence, expected an object",
            ),
            (
                r#", "billingContact": {"zip": "1"}"#,
                "billingContact is wrong: unknown variant `zip`",
            ),
            (
                r#", "billingContact": {"city": true}"#,
                "billingContact.city is wrong: invalid type: boolean `true`, expected a string",
            ),
            (
                r#", "billingContact": {"city": "a", "city": "a"}"#,
                "billingContact is wrong: duplicate field `city`",
            ),
        ] {
            let error = with(more).unwrap_err();
            assert!(error.starts_with(message), "{more}: {error}");
        }
    }

    #[test]
    fn a_currency_outside_the_enum_is_refused() {
        let body = |code: &str| {
            format!(r#"{{"clientId": "c", "companyName": "n", "currency": "{code}"}}"#)
        };
        assert!(refusal(&body("CHF")).starts_with("currency is \"CHF\" (wanted one of USD, CAD"));
        assert!(refusal(&body("usd")).starts_with("currency is \"usd\""));
    }

    #[test]
    fn stripe_needs_a_connected_account_or_a_given_id() {
        let body = br#"{"clientId": "c", "companyName": "n", "currency": "USD"}"#;
        assert!(new_customer(body, WITH_STRIPE, true).is_ok());
        let refused = new_customer(body, WITH_STRIPE, false).unwrap_err();
        assert!(refused.contains("not connected to Stripe"));
        let own =
            br#"{"clientId": "c", "companyName": "n", "currency": "USD", "stripeCustomerId": "s"}"#;
        assert!(new_customer(own, WITH_STRIPE, false).is_ok());
    }

    #[test]
    fn the_query_has_two_booleans() {
        let both = CreateOptions {
            stripe: true,
            keys: true,
        };
        assert_eq!(options(None), Ok(CreateOptions::default()));
        assert_eq!(options(Some("stripe=true&keys=true")), Ok(both));
        assert_eq!(options(Some("stripe=true&keys=false")), Ok(WITH_STRIPE));
        assert!(options(Some("keys=1")).unwrap_err().contains("\"1\""));
        assert!(options(Some("limit=true")).unwrap_err().contains("limit"));
    }

    #[test]
    fn an_update_may_not_touch_the_client_id_or_the_plans() {
        let refusal = |body: &str| update(body.as_bytes()).unwrap_err();
        assert_eq!(
            refusal(r#"{"clientId": "d"}"#),
            "clientId cannot be changed"
        );
        assert!(refusal(r#"{"planIds": ["x"]}"#).contains("unknown field `planIds`"));
        assert!(refusal(r#"{"currency": "XXX"}"#).starts_with("currency is"));
        assert!(update(b"{}").is_ok());
    }

    #[test]
    fn plans_and_bundles_are_named_as_in_the_reference() {
        let (plan, bundle) = (PLANS[2].id, BUNDLES[0].id);
        let many = format!(r#"{{"planIds": ["{plan}"]}}"#);
        let one = format!(r#"{{"planId": "{plan}"}}"#);
        let one_bundle = format!(r#"{{"bundleId": "{bundle}"}}"#);
        let plans = vec![&PLANS[2]];
        assert_eq!(added_plans(many.as_bytes()), Ok(plans.clone()));
        assert_eq!(removed_plans(many.as_bytes()), Ok(plans.clone()));
        assert_eq!(removed_plans(one.as_bytes()), Ok(plans));
        assert_eq!(super::bundle(one_bundle.as_bytes()), Ok(&BUNDLES[0]));
        let unknown = added_plans(one.as_bytes()).unwrap_err();
        assert!(unknown.contains("unknown field `planId`"), "{unknown}");
        assert!(removed_plans(b"{}").is_err());
        assert!(super::bundle(br#"{"bundleId": "bun_0"}"#).is_err());
    }

    #[test]
    fn calls_without_fields_take_no_body_or_an_empty_object() {
        assert_eq!(nothing(b""), Ok(()));
        assert_eq!(nothing(b"{}"), Ok(()));
        assert!(nothing(br#"{"why": "x"}"#).is_err());
        assert!(nothing(b"[]").is_err());
    }
}
