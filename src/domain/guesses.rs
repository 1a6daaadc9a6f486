//! Which columns of an unknown export probably feed which fields.
//!
//! Guesses are for people: `kable-bulk init` writes them down, marked, for a person to
//! decide. Nothing is ever imported by one.

use super::currency;
use super::field::Field;
use super::header::normalised;
use super::synonyms::synonyms;

/// A column, and some of its values.
#[derive(Debug, Clone, Default)]
pub struct ColumnSample {
    /// Its name.
    pub name: String,
    /// Values of the first rows, without empty ones.
    pub values: Vec<String>,
    /// Whether it was an object of JSON, whose members are columns.
    pub is_object: bool,
}

impl ColumnSample {
    /// Whether it may feed a field. What only held objects can't.
    fn may_feed(&self) -> bool {
        !self.is_object || !self.values.is_empty()
    }
}

/// Why a column is thought to feed a field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GuessReason {
    /// It has the field's name.
    Name,
    /// It has a name that other systems use for the field.
    Synonym,
    /// Its values look like the field's.
    Values,
}

/// The column that probably feeds a field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldGuess<'c> {
    /// The field.
    pub field: Field,
    /// The column.
    pub column: &'c str,
    /// Why.
    pub reason: GuessReason,
    /// Other columns that may feed it.
    pub others: Vec<&'c str>,
}

/// Guesses a column for each field; fields without one are left out. A column is given
/// to one field.
pub fn guesses(columns: &[ColumnSample]) -> Vec<FieldGuess<'_>> {
    let mut taken: Vec<&str> = Vec::new();
    let mut found = Vec::new();
    for reason in [GuessReason::Name, GuessReason::Synonym, GuessReason::Values] {
        for field in Field::ALL {
            let is_known = |guess: &FieldGuess<'_>| guess.field == field;
            if found.iter().any(is_known) {
                continue;
            }
            let mut fitting = fitting(field, reason, columns);
            fitting.retain(|name| !taken.contains(name));
            let mut fitting = fitting.into_iter();
            if let Some(column) = fitting.next() {
                taken.push(column);
                found.push(FieldGuess {
                    field,
                    column,
                    reason,
                    others: fitting.collect(),
                });
            }
        }
    }
    found.sort_by_key(|guess| guess.field);
    found
}

/// The columns that fit `field` by `reason`, the best first.
fn fitting(field: Field, reason: GuessReason, columns: &[ColumnSample]) -> Vec<&str> {
    let by = |fits: &dyn Fn(&ColumnSample) -> bool| -> Vec<&str> {
        let fitting = columns.iter().filter(|column| column.may_feed());
        let fitting = fitting.filter(|column| fits(column));
        fitting.map(|column| column.name.as_str()).collect()
    };
    match reason {
        GuessReason::Name => {
            let mut whole = by(&|column| normalised(&column.name) == normalised(field.name()));
            let member = by(&|column| normalised(&column.name) == normalised(field.member()));
            whole.extend(member.into_iter().filter(|_| field.in_contact()));
            whole
        }
        GuessReason::Synonym => {
            let mut names: Vec<&str> = synonyms(field)
                .flat_map(|synonym| by(&|column| is_called(&column.name, field, synonym.name)))
                .collect();
            let mut seen: Vec<&str> = Vec::new();
            names.retain(|name| {
                !seen.contains(name) && {
                    seen.push(name);
                    true
                }
            });
            names
        }
        GuessReason::Values => {
            by(&|column| !column.values.is_empty() && column.values.iter().all(looks_like(field)))
        }
    }
}

/// Words in front of a name that say whose it is.
const OWNERS: [&str; 8] = [
    "billingaddress",
    "billingcontact",
    "billing",
    "billto",
    "invoice",
    "customer",
    "account",
    "address",
];

/// Words in a name that say that it is not the customer's own.
const STRANGERS: [&str; 8] = [
    "ship",
    "delivery",
    "card",
    "acquisition",
    "owner",
    "parent",
    "alternate",
    "supplier",
];

/// Whether a column's name is a synonym of `field`, with or without its owner.
fn is_called(name: &str, field: Field, synonym: &str) -> bool {
    if is_foreign(name) {
        return false;
    }
    let name = folded(name);
    let owned = |owner: &str| name.strip_prefix(owner) == Some(synonym);
    // A contact's name is not a company's, nor is an address's.
    let owners = if field.in_contact() || field == Field::Currency {
        OWNERS.as_slice()
    } else {
        &[]
    };
    name == synonym || owners.iter().any(|owner| owned(owner))
}

/// Whether a column's name says that it is not about the customer itself.
fn is_foreign(name: &str) -> bool {
    let name = folded(name);
    STRANGERS.iter().any(|word| name.contains(word))
}

/// The columns that may hold the customer's currency.
pub fn currency_candidates(columns: &[ColumnSample]) -> Vec<&str> {
    let looks_like = looks_like(Field::Currency);
    let may_be = |column: &&ColumnSample| {
        let is_called = folded(&column.name).contains("currency");
        let has_codes = !column.values.is_empty() && column.values.iter().all(&looks_like);
        (is_called || has_codes) && !is_foreign(&column.name)
    };
    let fitting = columns.iter().filter(may_be);
    fitting.map(|column| column.name.as_str()).collect()
}

/// The columns that may hold a plan's name or id of another system.
pub fn plan_candidates(columns: &[ColumnSample]) -> Vec<&str> {
    let is_plan = |column: &&ColumnSample| {
        let name = folded(&column.name);
        [
            "plan",
            "product",
            "price",
            "tariff",
            "tarif",
            "subscription",
        ]
        .contains(&name.as_str())
            || name.ends_with("planname")
            || name.ends_with("plancode")
    };
    let fitting = columns.iter().filter(is_plan);
    fitting.map(|column| column.name.as_str()).collect()
}

/// A name's letters and digits, in lower case.
fn folded(name: &str) -> String {
    let letters = name.chars().filter(|c| c.is_alphanumeric());
    letters.flat_map(char::to_lowercase).collect()
}

/// Whether a value is certainly one of `field`'s: few fields can be told by that.
fn looks_like(field: Field) -> impl Fn(&String) -> bool {
    move |value| match field {
        Field::Currency => currency::is_supported(&value.trim().to_uppercase()),
        Field::StripeCustomerId => value.starts_with("cus_"),
        Field::PlanIds => value.starts_with("pln_"),
        Field::BundleIds => value.starts_with("bun_"),
        Field::Email => value.contains('@') && !value.contains(' '),
        Field::ClientId
        | Field::CompanyName
        | Field::FirstName
        | Field::LastName
        | Field::Phone
        | Field::AddressLine1
        | Field::AddressLine2
        | Field::City
        | Field::State
        | Field::PostalCode
        | Field::Country => false,
    }
}

#[cfg(test)]
mod tests {
    use super::{
        ColumnSample, FieldGuess, GuessReason, currency_candidates, guesses, plan_candidates,
    };
    use crate::domain::field::Field;

    fn columns(names: &[(&str, &str)]) -> Vec<ColumnSample> {
        let column = |(name, value): &(&str, &str)| ColumnSample {
            name: (*name).to_owned(),
            values: vec![(*value).to_owned()],
            is_object: false,
        };
        names.iter().map(column).collect()
    }

    fn guess(columns: &[ColumnSample], field: Field) -> Option<FieldGuess<'_>> {
        guesses(columns)
            .into_iter()
            .find(|guess| guess.field == field)
    }

    #[test]
    fn names_go_before_synonyms_and_synonyms_before_values() {
        let columns = columns(&[
            ("Cust. No.", "1"),
            ("ID", "2"),
            ("Name", "Aster"),
            ("Legal name", "Aster Ltd"),
            ("Geld", "usd"),
            ("E-Mail", "a@b.example"),
            ("Backup", "c@d.example"),
        ]);
        let of = |field| guess(&columns, field).map(|guess| (guess.column, guess.reason));
        assert_eq!(of(Field::ClientId), Some(("ID", GuessReason::Synonym)));
        assert_eq!(
            of(Field::CompanyName),
            Some(("Legal name", GuessReason::Synonym))
        );
        assert_eq!(
            guess(&columns, Field::CompanyName).unwrap().others,
            ["Name"]
        );
        assert_eq!(of(Field::Currency), Some(("Geld", GuessReason::Values)));
        assert_eq!(of(Field::Email), Some(("E-Mail", GuessReason::Name)));
        assert_eq!(of(Field::Phone), None);
    }

    #[test]
    fn a_shipping_address_and_a_card_are_not_the_customers() {
        let columns = columns(&[
            ("Shipping City", "Reno"),
            ("Billing City", "Barre"),
            ("Card Country", "US"),
            ("acquisition_currency", "seashells"),
            ("address.postal_code", "05641"),
        ]);
        let of = |field| guess(&columns, field).map(|guess| guess.column);
        assert_eq!(of(Field::City), Some("Billing City"));
        assert_eq!(of(Field::Country), None);
        assert_eq!(of(Field::Currency), None);
        assert_eq!(of(Field::PostalCode), Some("address.postal_code"));
    }

    #[test]
    fn an_object_feeds_nothing_and_its_members_do() {
        let mut columns = columns(&[
            ("address", ""),
            ("address.house", "1 Elm"),
            ("street", "2 Oak"),
        ]);
        let object = columns.first_mut().unwrap();
        object.is_object = true;
        object.values.clear();
        let of = guess(&columns, Field::AddressLine1).unwrap();
        assert!(of.column != "address" && !of.others.contains(&"address"));
        // A text in other rows may.
        columns.first_mut().unwrap().values.push("3 Ash".to_owned());
        let of = guess(&columns, Field::AddressLine1).unwrap();
        assert!(of.column == "address" || of.others.contains(&"address"));
    }

    #[test]
    fn a_column_is_given_to_one_field() {
        let columns = columns(&[
            ("id", "cus_Abc"),
            ("customer", "Aster"),
            ("currency", "USD"),
        ]);
        let of = |field| guess(&columns, field).map(|guess| guess.column);
        assert_eq!(of(Field::ClientId), Some("id"));
        assert_eq!(of(Field::StripeCustomerId), None);
        assert_eq!(of(Field::Currency), Some("currency"));
    }

    #[test]
    fn columns_of_a_currency_and_of_plans_are_found_for_a_person_to_choose() {
        let columns = columns(&[
            ("account_acquisition_currency", "USD"),
            ("custom_field_currency", "seashells"),
            ("geld", "eur"),
            ("Plan", "Pro"),
            ("planet", "Mars"),
        ]);
        assert_eq!(
            currency_candidates(&columns),
            ["custom_field_currency", "geld"]
        );
        assert_eq!(plan_candidates(&columns), ["Plan"]);
    }
}
