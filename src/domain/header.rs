//! What the names of columns mean: loosely matched, and guessed at.

use super::field::Field;

/// Other systems' usual names for a required field, normalised.
fn synonyms(field: Field) -> &'static [&'static str] {
    match field {
        Field::ClientId => &[
            "id",
            "customerid",
            "accountid",
            "externalid",
            "accountcode",
            "reference",
        ],
        Field::CompanyName => &[
            "name",
            "company",
            "customer",
            "organization",
            "organisation",
            "customername",
        ],
        Field::Currency => &["currencycode", "preferredcurrencycode", "cur", "ccy"],
        Field::StripeCustomerId
        | Field::PlanIds
        | Field::BundleIds
        | Field::FirstName
        | Field::LastName
        | Field::Email
        | Field::Phone
        | Field::AddressLine1
        | Field::AddressLine2
        | Field::City
        | Field::State
        | Field::PostalCode
        | Field::Country => &[],
    }
}

/// The column that is most likely meant for `field`, if one comes near.
pub(super) fn guess(field: Field, found: &[String]) -> Option<&str> {
    let wanted = normalised(field.name());
    let synonym = |name: &&String| synonyms(field).contains(&normalised(name).as_str());
    if let Some(name) = found.iter().find(synonym) {
        return Some(name);
    }
    found
        .iter()
        .map(|name| (strsim::jaro_winkler(&wanted, &normalised(name)), name))
        .filter(|(likeness, _)| *likeness > 0.85)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, name)| name.as_str())
}

/// A header's name without what makes no difference.
pub fn normalised(name: &str) -> String {
    name.chars()
        .filter(|c| !c.is_whitespace() && !matches!(c, '_' | '-' | '.' | '\u{feff}'))
        .flat_map(char::to_lowercase)
        .collect()
}

/// The field that a header names by itself, as its whole path or as a plain
/// member of the billing contact.
pub fn field_of_header(name: &str) -> Option<Field> {
    let name = normalised(name);
    let of = |spelling: fn(Field) -> &'static str| {
        Field::ALL
            .into_iter()
            .find(|field| normalised(spelling(*field)) == name)
    };
    of(Field::name).or_else(|| of(Field::member))
}
