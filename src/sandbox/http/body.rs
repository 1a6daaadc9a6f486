//! What a request's body and query must look like; anything else is refused.
//!
//! Stricter than an API need be: unknown members, `null`, blank strings and
//! empty arrays are errors, because the importer must never send them. A mistake
//! that a lenient double would forgive is one that a customer's data pays for.

use serde_json::{Map, Value};

use super::routes::Call;
use crate::sandbox::store::catalog::{self, Offer};
use crate::sandbox::store::customer::{
    CONTACT_MEMBERS, CURRENCIES, Change, Contact, Draft, Options,
};

/// Why a body or query is refused: the answer's `message`.
pub(super) type Wrong = String;

/// Reads the query of create.
pub(super) fn options(query: Option<&str>) -> Result<Options, Wrong> {
    let mut options = Options::default();
    for pair in query
        .unwrap_or_default()
        .split('&')
        .filter(|p| !p.is_empty())
    {
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
pub(super) fn draft(
    bytes: &[u8],
    options: Options,
    stripe_connected: bool,
) -> Result<Draft, Wrong> {
    let mut fields = Fields::read(bytes)?;
    let draft = Draft {
        client_id: fields.required("clientId")?,
        company_name: fields.required("companyName")?,
        currency: currency(fields.required("currency")?)?,
        stripe_customer_id: fields.text("stripeCustomerId")?,
        plans: fields.offers("planIds", catalog::plan)?.unwrap_or_default(),
        bundles: fields
            .offers("bundleIds", catalog::bundle)?
            .unwrap_or_default(),
        billing_contact: fields.contact()?,
        options,
        body: String::from_utf8_lossy(bytes).into_owned(),
    };
    fields.end()?;
    if options.stripe && !stripe_connected && draft.stripe_customer_id.is_none() {
        return Err("stripe is true, but this account is not connected to Stripe".to_owned());
    }
    Ok(draft)
}

/// Reads the body of a call that changes a customer.
pub(super) fn change(call: Call, bytes: &[u8]) -> Result<Change, Wrong> {
    match call {
        Call::Update => update(bytes),
        Call::AddPlans => {
            let mut fields = Fields::read(bytes)?;
            let offers = fields.offers("planIds", catalog::plan)?;
            fields.end()?;
            Ok(Change::AddPlans(offers.ok_or("planIds is missing")?))
        }
        Call::RemovePlans => {
            let mut fields = Fields::read(bytes)?;
            let many = fields.offers("planIds", catalog::plan)?;
            let one = fields.offer("planId", catalog::plan)?;
            fields.end()?;
            let offers: Vec<_> = many.into_iter().flatten().chain(one).collect();
            if offers.is_empty() {
                return Err("planIds is missing, and planId too".to_owned());
            }
            Ok(Change::RemovePlans(offers))
        }
        Call::AddBundle => one_bundle(bytes).map(Change::AddBundle),
        Call::RemoveBundle => one_bundle(bytes).map(Change::RemoveBundle),
        Call::Cancel => nothing(bytes).map(|()| Change::Cancel),
        Call::Delete => nothing(bytes).map(|()| Change::Delete),
        Call::Authenticate
        | Call::Plans
        | Call::Bundles
        | Call::Plan
        | Call::Bundle
        | Call::Create
        | Call::List
        | Call::Lookup
        | Call::Entitlements => nothing(bytes).map(|()| Change::None),
    }
}

fn update(bytes: &[u8]) -> Result<Change, Wrong> {
    let mut fields = Fields::read(bytes)?;
    if fields.members.contains_key("clientId") {
        return Err("clientId cannot be changed".to_owned());
    }
    let change = Change::Update {
        company_name: fields.text("companyName")?,
        currency: fields.text("currency")?.map(currency).transpose()?,
        stripe_customer_id: fields.text("stripeCustomerId")?,
        billing_contact: fields.contact()?,
    };
    fields.end()?;
    Ok(change)
}

fn one_bundle(bytes: &[u8]) -> Result<&'static Offer, Wrong> {
    let mut fields = Fields::read(bytes)?;
    let offer = fields.offer("bundleId", catalog::bundle)?;
    fields.end()?;
    offer.ok_or_else(|| "bundleId is missing".to_owned())
}

/// A call without fields takes no body, or an empty object.
fn nothing(bytes: &[u8]) -> Result<(), Wrong> {
    if bytes.is_empty() {
        return Ok(());
    }
    Fields::read(bytes)?.end()
}

fn currency(text: String) -> Result<String, Wrong> {
    if CURRENCIES.contains(&text.as_str()) {
        Ok(text)
    } else {
        let known = CURRENCIES.join(", ");
        Err(format!("currency is {text:?} (wanted one of {known})"))
    }
}

/// The members of an object that have not been read yet.
struct Fields {
    members: Map<String, Value>,
    /// What stands before a member's name in a message.
    within: &'static str,
}

impl Fields {
    fn read(bytes: &[u8]) -> Result<Self, Wrong> {
        match serde_json::from_slice(bytes) {
            Ok(Value::Object(members)) => Ok(Self {
                members,
                within: "",
            }),
            Ok(other) => Err(format!("the body is {} (wanted an object)", kind(&other))),
            Err(error) => Err(format!("the body is not JSON: {error}")),
        }
    }

    fn required(&mut self, name: &'static str) -> Result<String, Wrong> {
        self.text(name)?.ok_or_else(|| format!("{name} is missing"))
    }

    fn text(&mut self, name: &'static str) -> Result<Option<String>, Wrong> {
        let within = self.within;
        match self.members.remove(name) {
            None => Ok(None),
            Some(Value::String(text)) if text.trim().is_empty() => {
                Err(format!("{within}{name} is blank; leave it out instead"))
            }
            Some(Value::String(text)) => Ok(Some(text)),
            Some(other) => Err(format!(
                "{within}{name} is {} (wanted a string)",
                kind(&other)
            )),
        }
    }

    fn offer(
        &mut self,
        name: &'static str,
        find: fn(&str) -> Option<&'static Offer>,
    ) -> Result<Option<&'static Offer>, Wrong> {
        self.text(name)?
            .map(|id| find(&id).ok_or_else(|| format!("{name}: there is no {id:?}")))
            .transpose()
    }

    fn offers(
        &mut self,
        name: &'static str,
        find: fn(&str) -> Option<&'static Offer>,
    ) -> Result<Option<Vec<&'static Offer>>, Wrong> {
        let items = match self.members.remove(name) {
            None => return Ok(None),
            Some(Value::Array(items)) if items.is_empty() => {
                return Err(format!("{name} is empty; leave it out instead"));
            }
            Some(Value::Array(items)) => items,
            Some(other) => {
                return Err(format!(
                    "{name} is {} (wanted an array of strings)",
                    kind(&other)
                ));
            }
        };
        let mut found = Vec::with_capacity(items.len());
        for item in items {
            let Value::String(id) = item else {
                return Err(format!("{name} has {} (wanted strings)", kind(&item)));
            };
            let offer = find(&id).ok_or_else(|| format!("{name}: there is no {id:?}"))?;
            if found.contains(&offer) {
                return Err(format!("{name} names {id:?} twice"));
            }
            found.push(offer);
        }
        Ok(Some(found))
    }

    fn contact(&mut self) -> Result<Option<Contact>, Wrong> {
        let members = match self.members.remove("billingContact") {
            None => return Ok(None),
            Some(Value::Object(members)) => members,
            Some(other) => {
                return Err(format!(
                    "billingContact is {} (wanted an object)",
                    kind(&other)
                ));
            }
        };
        let mut fields = Self {
            members,
            within: "billingContact.",
        };
        let mut contact = Contact::new();
        for name in CONTACT_MEMBERS {
            if let Some(text) = fields.text(name)? {
                contact.insert(name, text);
            }
        }
        fields.end()?;
        if contact.is_empty() {
            return Err("billingContact is empty; leave it out instead".to_owned());
        }
        Ok(Some(contact))
    }

    fn end(self) -> Result<(), Wrong> {
        match self.members.keys().next() {
            None => Ok(()),
            Some(name) => Err(format!("{}{name} is unknown", self.within)),
        }
    }
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "an array",
        Value::Object(_) => "an object",
    }
}

#[cfg(test)]
mod tests {
    use super::{change, draft, options};
    use crate::sandbox::http::routes::Call;
    use crate::sandbox::store::catalog::{BUNDLES, PLANS};
    use crate::sandbox::store::customer::{Change, Options};

    const WITH_STRIPE: Options = Options {
        stripe: true,
        keys: false,
    };

    /// What is said of a good create with `more` members.
    fn with(more: &str) -> Result<(), String> {
        let body =
            format!(r#"{{"clientId": "c-1", "companyName": "Aster", "currency": "USD"{more}}}"#);
        draft(body.as_bytes(), Options::default(), false).map(drop)
    }

    fn said(body: &str) -> String {
        draft(body.as_bytes(), Options::default(), false).unwrap_err()
    }

    #[test]
    fn every_field_of_the_reference_is_taken() {
        let contact: String = crate::sandbox::store::customer::CONTACT_MEMBERS
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
    fn what_is_missing_is_named() {
        assert_eq!(said("{}"), "clientId is missing");
        assert_eq!(said(r#"{"clientId": "c"}"#), "companyName is missing");
        let two = r#"{"clientId": "c", "companyName": "n"}"#;
        assert_eq!(said(two), "currency is missing");
    }

    #[test]
    fn what_is_no_object_is_refused() {
        assert_eq!(said("[]"), "the body is an array (wanted an object)");
        assert!(said("").starts_with("the body is not JSON: EOF"));
        assert!(said("{} {}").starts_with("the body is not JSON: trailing"));
        assert!(draft(b"{\"clientId\": \"\xff\"}", Options::default(), false).is_err());
    }

    #[test]
    fn what_the_importer_must_never_send_is_refused() {
        for (more, message) in [
            (r#", "name": "x""#, "name is unknown"),
            (
                r#", "stripeCustomerId": null"#,
                "stripeCustomerId is null (wanted a string)",
            ),
            (
                r#", "stripeCustomerId": 7"#,
                "stripeCustomerId is a number (wanted a string)",
            ),
            (
                r#", "stripeCustomerId": " ""#,
                "stripeCustomerId is blank; leave it out instead",
            ),
            (
                r#", "planIds": []"#,
                "planIds is empty; leave it out instead",
            ),
            (
                r#", "planIds": "pln_1""#,
                "planIds is a string (wanted an array of strings)",
            ),
            (
                r#", "planIds": [null]"#,
                "planIds has null (wanted strings)",
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
                r#", "billingContact": {"zip": "1"}"#,
                "billingContact.zip is unknown",
            ),
            (
                r#", "billingContact": {"city": true}"#,
                "billingContact.city is a boolean (wanted a string)",
            ),
            (
                r#", "billingContact": {"city": ""}"#,
                "billingContact.city is blank; leave it out instead",
            ),
            (
                r#", "billingContact": []"#,
                "billingContact is an array (wanted an object)",
            ),
        ] {
            assert_eq!(with(more), Err(message.to_owned()), "{more}");
        }
        let twice = format!(r#", "planIds": ["{0}", "{0}"]"#, PLANS[0].id);
        assert!(with(&twice).unwrap_err().ends_with("twice"));
    }

    #[test]
    fn a_currency_outside_the_enum_is_refused() {
        let body = |code: &str| {
            format!(r#"{{"clientId": "c", "companyName": "n", "currency": "{code}"}}"#)
        };
        assert!(said(&body("CHF")).starts_with("currency is \"CHF\" (wanted one of USD, CAD"));
        assert!(said(&body("usd")).starts_with("currency is \"usd\""));
    }

    #[test]
    fn stripe_needs_a_connection_or_an_id_of_its_own() {
        let body = br#"{"clientId": "c", "companyName": "n", "currency": "USD"}"#;
        assert!(draft(body, WITH_STRIPE, true).is_ok());
        let refused = draft(body, WITH_STRIPE, false).unwrap_err();
        assert!(refused.contains("not connected to Stripe"));
        let own =
            br#"{"clientId": "c", "companyName": "n", "currency": "USD", "stripeCustomerId": "s"}"#;
        assert!(draft(own, WITH_STRIPE, false).is_ok());
    }

    #[test]
    fn the_query_takes_two_booleans() {
        let both = Options {
            stripe: true,
            keys: true,
        };
        assert_eq!(options(None), Ok(Options::default()));
        assert_eq!(options(Some("stripe=true&keys=true")), Ok(both));
        assert_eq!(options(Some("stripe=true&keys=false")), Ok(WITH_STRIPE));
        assert!(options(Some("keys=1")).unwrap_err().contains("\"1\""));
        assert!(options(Some("limit=true")).unwrap_err().contains("limit"));
    }

    #[test]
    fn an_update_may_not_touch_the_client_id_or_the_plans() {
        let said = |body: &str| change(Call::Update, body.as_bytes()).unwrap_err();
        assert_eq!(said(r#"{"clientId": "d"}"#), "clientId cannot be changed");
        assert_eq!(said(r#"{"planIds": ["x"]}"#), "planIds is unknown");
        assert!(said(r#"{"currency": "XXX"}"#).starts_with("currency is"));
        assert!(change(Call::Update, b"{}").is_ok());
    }

    #[test]
    fn plans_and_bundles_are_named_as_the_reference_has_it() {
        let (plan, bundle) = (PLANS[2].id, BUNDLES[0].id);
        let many = format!(r#"{{"planIds": ["{plan}"]}}"#);
        let one = format!(r#"{{"planId": "{plan}"}}"#);
        let held = format!(r#"{{"bundleId": "{bundle}"}}"#);
        let plans = vec![&PLANS[2]];
        let of = |call, body: &str| change(call, body.as_bytes());
        assert_eq!(
            of(Call::AddPlans, &many),
            Ok(Change::AddPlans(plans.clone()))
        );
        assert_eq!(of(Call::AddPlans, &one), Err("planId is unknown".into()));
        assert_eq!(
            of(Call::RemovePlans, &many),
            Ok(Change::RemovePlans(plans.clone()))
        );
        assert_eq!(of(Call::RemovePlans, &one), Ok(Change::RemovePlans(plans)));
        assert!(of(Call::RemovePlans, "{}").is_err());
        assert_eq!(
            of(Call::AddBundle, &held),
            Ok(Change::AddBundle(&BUNDLES[0]))
        );
        assert_eq!(
            of(Call::RemoveBundle, &held),
            Ok(Change::RemoveBundle(&BUNDLES[0]))
        );
        assert!(of(Call::AddBundle, r#"{"bundleId": "bun_0"}"#).is_err());
    }

    #[test]
    fn calls_without_fields_take_nothing_or_an_empty_object() {
        assert_eq!(change(Call::Cancel, b""), Ok(Change::Cancel));
        assert_eq!(change(Call::Delete, b"{}"), Ok(Change::Delete));
        assert!(change(Call::Cancel, br#"{"why": "x"}"#).is_err());
    }
}
