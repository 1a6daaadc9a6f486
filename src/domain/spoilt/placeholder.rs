//! Words and signs by which programs and people write that there is no value.

use crate::domain::field::Field;

/// How sure it is that a value stands for none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::domain) enum PlaceholderKind {
    /// Only a program or a spreadsheet writes it.
    Certain,
    /// A person may have meant it.
    Probable,
}

/// What programs write, compared exactly.
pub(super) const CERTAIN: [&str; 51] = [
    "NULL",
    "null",
    "Null",
    "<null>",
    "<NULL>",
    "(null)",
    "(NULL)",
    "[null]",
    "[NULL]",
    "{null}",
    "\\N",
    "nil",
    "Nil",
    "<nil>",
    "(nil)",
    "NIL",
    "None",
    "<none>",
    "(none)",
    "[none]",
    "<None>",
    "NaN",
    "nan",
    "NAN",
    "<NA>",
    "NaT",
    "NA/NA",
    "undefined",
    "UNDEFINED",
    "(undefined)",
    "[object Object]",
    "(blank)",
    "(empty)",
    "<blank>",
    "<empty>",
    "(Leer)",
    "(leer)",
    "(vide)",
    "(en blanco)",
    "(vuoto)",
    "(leeg)",
    "*None",
    "N/A",
    "n/a",
    "N/a",
    "-",
    "--",
    "---",
    "?",
    "??",
    ".",
];

/// Those of them that a company could be called.
const NAMES: [&str; 6] = ["None", "Nil", "NIL", "Nan", "NAN", "Null"];

/// What people write, compared without regard to ASCII case.
pub(super) const PROBABLE: [&str; 40] = [
    "none",
    "na",
    "n.a.",
    "n.a",
    "n / a",
    "n/d",
    "n.d.",
    "k.a.",
    "k. a.",
    "k.a",
    "k/a",
    "n.v.t.",
    "nvt",
    "b/d",
    "tbd",
    "tba",
    "tbc",
    "t.b.d.",
    "to be determined",
    "unknown",
    "(unknown)",
    "<unknown>",
    "not available",
    "not applicable",
    "not provided",
    "not set",
    "not specified",
    "no data",
    "no value",
    "keine angabe",
    "unbekannt",
    "nicht bekannt",
    "inconnu",
    "desconocido",
    "sconosciuto",
    "onbekend",
    "desconhecido",
    "non renseigné",
    "н/д",
    "不明",
];

/// Whether `value` stands for no value in `field`.
///
/// A few words are values too: the town None near Turin, the surname Null, the first
/// name Nan, NA for Naples and for Namibia.
pub(super) fn placeholder(field: Field, value: &str) -> Option<PlaceholderKind> {
    if value.len() > 20 || is_value(field, value) {
        return None;
    }
    if CERTAIN.contains(&value) || is_dashes(value) {
        return Some(if field == Field::CompanyName && may_name(value) {
            PlaceholderKind::Probable
        } else {
            PlaceholderKind::Certain
        });
    }
    PROBABLE
        .iter()
        .any(|word| value.eq_ignore_ascii_case(word))
        .then_some(PlaceholderKind::Probable)
}

/// Whether a customer may be called `value`, or be without a name on purpose: a sign is
/// valid text.
fn may_name(value: &str) -> bool {
    NAMES.contains(&value) || !value.contains(char::is_alphanumeric)
}

/// Whether `value` is made of dashes only: `-----`, `–`, `——`.
fn is_dashes(value: &str) -> bool {
    !value.is_empty()
        && value
            .chars()
            .all(|letter| matches!(letter, '-' | '–' | '—' | '―' | '−' | '_'))
}

/// Whether `value` is a real name or code in `field`.
fn is_value(field: Field, value: &str) -> bool {
    match field {
        Field::FirstName | Field::LastName => {
            matches!(
                value,
                "Null" | "Nil" | "Nan" | "NAN" | "NIL" | "Na" | "NA" | "Tba"
            )
        }
        Field::City => value == "None",
        Field::State | Field::Country => value.eq_ignore_ascii_case("na"),
        Field::ClientId
        | Field::CompanyName
        | Field::Currency
        | Field::StripeCustomerId
        | Field::PlanIds
        | Field::BundleIds
        | Field::Email
        | Field::Phone
        | Field::AddressLine1
        | Field::AddressLine2
        | Field::PostalCode => false,
    }
}

#[cfg(test)]
mod tests {
    use super::{CERTAIN, PROBABLE, PlaceholderKind, may_name, placeholder};
    use crate::domain::field::Field;

    #[test]
    fn placeholders_are_found_in_every_field() {
        for field in [
            Field::ClientId,
            Field::CompanyName,
            Field::Phone,
            Field::AddressLine1,
            Field::PostalCode,
            Field::Email,
        ] {
            for word in CERTAIN.iter().chain(&["-----", "—", "___"]) {
                let wanted = if field == Field::CompanyName && may_name(word) {
                    PlaceholderKind::Probable
                } else {
                    PlaceholderKind::Certain
                };
                assert_eq!(placeholder(field, word), Some(wanted), "{word}");
            }
            for word in [
                "TBD",
                "n.A.",
                "Unknown",
                "K.A.",
                "Keine Angabe",
                "none",
                "NONE",
            ] {
                assert_eq!(placeholder(field, word), Some(PlaceholderKind::Probable));
            }
        }
        assert!(PROBABLE.iter().all(|word| word.to_lowercase() == **word));
    }

    #[test]
    fn names_and_codes_are_none() {
        for (field, value) in [
            (Field::City, "None"),
            (Field::LastName, "Null"),
            (Field::FirstName, "Nan"),
            (Field::LastName, "Na"),
            (Field::State, "NA"),
            (Field::Country, "NA"),
            (Field::CompanyName, "Nullsoft"),
            (Field::CompanyName, "N"),
            (Field::CompanyName, "Unknown Pleasures Ltd"),
            (Field::AddressLine2, "- 12"),
            (Field::Phone, "0"),
        ] {
            assert_eq!(placeholder(field, value), None, "{field} {value}");
        }
    }
}
