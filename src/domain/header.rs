//! Matches the names of columns to fields, and guesses the field of others.

use super::field::Field;

/// Usual names of a required field in other systems, normalised.
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

/// The column that is most likely meant for `field`, if one is similar.
pub(super) fn guess(field: Field, columns: &[String]) -> Option<&str> {
    let name_of_field = normalised(field.name());
    let synonym = |name: &&String| synonyms(field).contains(&normalised(name).as_str());
    if let Some(name) = columns.iter().find(synonym) {
        return Some(name);
    }
    columns
        .iter()
        .map(|name| {
            (
                strsim::jaro_winkler(&name_of_field, &normalised(name)),
                name,
            )
        })
        .filter(|(similarity, _)| *similarity > 0.85)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, name)| name.as_str())
}

/// The name of a column in lower case, without blanks and separators.
pub fn normalised(name: &str) -> String {
    name.chars()
        .filter(|c| !c.is_whitespace() && !matches!(c, '_' | '-' | '.' | '\u{feff}'))
        .flat_map(char::to_lowercase)
        .collect()
}

/// The field whose path, or name in the billing contact, a column has.
pub fn field_of_header(name: &str) -> Option<Field> {
    let name = normalised(name);
    let of = |spelling: fn(Field) -> &'static str| {
        Field::ALL
            .into_iter()
            .find(|field| normalised(spelling(*field)) == name)
    };
    of(Field::name).or_else(|| of(Field::member))
}
