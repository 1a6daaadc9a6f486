//! Values that are certainly not those of the field whose name their column has: a `State`
//! may be that of an address, or of a contract.

use std::collections::HashSet;

use super::field::Field;

/// How many values are quoted.
const QUOTED: usize = 3;

/// What a column says of a customer's own state, in place of that of an address.
const CONDITIONS: [&str; 40] = [
    "active",
    "archived",
    "blocked",
    "canceled",
    "cancelled",
    "churned",
    "closed",
    "current",
    "customer",
    "dead",
    "deleted",
    "disabled",
    "draft",
    "enabled",
    "expired",
    "false",
    "former",
    "future",
    "inactive",
    "lead",
    "live",
    "lost",
    "new",
    "no",
    "non_renewing",
    "open",
    "paid",
    "past_due",
    "paused",
    "pending",
    "prospect",
    "renewing",
    "suspended",
    "terminated",
    "test",
    "trial",
    "trialing",
    "true",
    "won",
    "yes",
];

/// The first of `values` that can't be those of `field`; none if all may be.
pub fn misfits(field: Field, values: &[String]) -> Vec<&str> {
    let mut misfits: Vec<&str> = Vec::new();
    for value in values.iter().map(|value| value.trim()) {
        if is_misfit(field, value) && !misfits.contains(&value) {
            misfits.push(value);
        }
    }
    misfits.truncate(QUOTED);
    misfits
}

/// Whether `values` can't be ids, each of another row, because they repeat.
pub fn repeat(values: &[String]) -> bool {
    let different: HashSet<&String> = values.iter().collect();
    different.len() < values.len()
}

fn is_misfit(field: Field, value: &str) -> bool {
    let has = |what: fn(&char) -> bool| value.chars().any(|letter| what(&letter));
    let (has_digit, has_letter) = (
        has(|letter| letter.is_numeric()),
        has(|letter| letter.is_alphabetic()),
    );
    let is_structure = value.starts_with(['{', '[']);
    match field {
        Field::Email => !value.contains('@'),
        Field::Phone => !has_digit,
        Field::StripeCustomerId => !value.starts_with("cus_"),
        Field::State | Field::Country => {
            value.contains('@') || !has_letter || is_structure || is_condition(value)
        }
        Field::City | Field::FirstName | Field::LastName => {
            value.contains('@') || !has_letter || is_structure
        }
        Field::PostalCode => value.contains('@') || !has_digit,
        Field::CompanyName | Field::AddressLine1 | Field::AddressLine2 => {
            value.contains('@') || is_structure
        }
        // Ids may be anything; what is said of plans and currencies says more.
        Field::ClientId | Field::Currency | Field::PlanIds | Field::BundleIds => false,
    }
}

fn is_condition(value: &str) -> bool {
    let value = value.to_lowercase().replace([' ', '-'], "_");
    CONDITIONS.binary_search(&value.as_str()).is_ok()
}

#[cfg(test)]
mod tests {
    use super::{CONDITIONS, Field, misfits, repeat};

    fn of(field: Field, values: &[String]) -> Vec<&str> {
        misfits(field, values)
    }

    #[test]
    fn the_words_can_be_searched() {
        assert!(CONDITIONS.is_sorted());
    }

    #[test]
    fn values_of_something_else_are_found_and_quoted_once() {
        let values = |list: &[&str]| list.iter().map(|one| (*one).to_owned()).collect::<Vec<_>>();
        let states = values(&["Live", "CA", "past due", "Live", "lead", "dead"]);
        assert_eq!(of(Field::State, &states), ["Live", "past due", "lead"]);
        let good = values(&["CA", "New York", "Île-de-France", "NSW"]);
        assert!(of(Field::State, &good).is_empty());
        for (field, value) in [
            (Field::Email, "Aster"),
            (Field::Phone, "yes"),
            (Field::Country, "17"),
            (Field::City, "05641"),
            (Field::PostalCode, "Barre"),
            (Field::AddressLine1, "{\"line1\":\"1 Elm\"}"),
            (Field::StripeCustomerId, "17"),
        ] {
            assert_eq!(of(field, &values(&[value])), [value], "{field}");
        }
        for (field, value) in [
            (Field::Email, "ap@aster.example"),
            (Field::Phone, "+1 (802) 555-0100"),
            (Field::Country, "US"),
            (Field::City, "Barre"),
            (Field::PostalCode, "D02 AF30"),
            (Field::AddressLine1, "1 Elm"),
            (Field::CompanyName, "17"),
            (Field::ClientId, "live"),
        ] {
            assert!(of(field, &values(&[value])).is_empty(), "{field}");
        }
        assert!(repeat(&values(&["a", "b", "a"])));
        assert!(!repeat(&values(&["a", "b"])));
    }
}
