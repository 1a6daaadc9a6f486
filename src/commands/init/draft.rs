//! The text of a mapping file for an export that no preset knows: what is guessed, what a
//! person has to decide, and which columns feed nothing.

use std::fmt::Write;

use crate::domain::card_number::masked;
use crate::domain::currency::SUPPORTED;
use crate::domain::field::Field;
use crate::domain::guesses::{
    ColumnSample, FieldGuess, GuessReason, currency_candidates, guesses, plan_candidates,
};
use crate::domain::misfits::{misfits, repeat};

/// A mapping file for columns that no preset knows.
pub(super) fn of_unknown(columns: &[ColumnSample]) -> String {
    let guesses = guesses(columns);
    let mut text = String::from("format = 1\n");
    for field in Field::ALL {
        match guesses.iter().find(|guess| guess.field == field) {
            Some(guess) => text.push_str(&guessed(guess, columns)),
            None if Field::REQUIRED.contains(&field) => text.push_str(undecided(field)),
            None if field == Field::PlanIds => {
                let plans = plan_candidates(columns);
                text.extend(plans.first().map(|name| undecided_plans(name)));
            }
            None => {}
        }
    }
    let fed: Vec<&str> = guesses.iter().map(|guess| guess.column).collect();
    text.push_str(&unused(columns, &fed));
    text
}

/// What has to be decided about a currency that an export doesn't have.
pub(super) fn undecided_currency(columns: &[ColumnSample]) -> String {
    let mut text = undecided(Field::Currency).to_owned();
    for name in currency_candidates(columns) {
        // Writing to a string can't fail.
        writeln!(text, "# perhaps: from = {}", toml_text(name)).ok();
    }
    text
}

/// What has to be decided about plans of another system.
fn undecided_plans(name: &str) -> String {
    format!(
        "\n# DECIDE: are these plans? Kable's own ids are wanted for them.\n\
         # [fields.planIds]\n# from = {}\n# values = {{ \"Pro\" = \"pln_…\" }}\n",
        toml_text(name)
    )
}

/// The columns that are not among `fed`, as comments.
pub(super) fn unused(columns: &[ColumnSample], fed: &[&str]) -> String {
    let is_fed = |column: &&ColumnSample| fed.contains(&column.name.as_str());
    let unused: Vec<&ColumnSample> = columns.iter().filter(|column| !is_fed(column)).collect();
    if unused.is_empty() {
        return String::new();
    }
    let mut text = String::from("\n# Columns that feed nothing:\n");
    for column in unused {
        writeln!(text, "# - {}", toml_text(&column.name)).ok();
    }
    text
}

/// The table of a field with a guess.
fn guessed(guess: &FieldGuess<'_>, columns: &[ColumnSample]) -> String {
    let (field, column) = (guess.field, toml_text(guess.column));
    let mut text = String::from("\n");
    let question = match guess.reason {
        GuessReason::Name => None,
        GuessReason::Synonym => Some("by its name"),
        GuessReason::Values => Some("by its values"),
    };
    if let Some(why) = question {
        writeln!(
            text,
            "# DECIDE: is {column} the {field}? It looks like it {why}."
        )
        .ok();
    }
    let others: Vec<String> = guess.others.iter().map(|name| toml_text(name)).collect();
    if !others.is_empty() {
        writeln!(text, "# DECIDE: or one of these: {}", others.join(", ")).ok();
    }
    let column_of = |known: &&ColumnSample| known.name == guess.column;
    if let Some(sample) = columns.iter().find(column_of) {
        for hint in about(field, sample).into_iter().chain(doubt(field, sample)) {
            writeln!(text, "# DECIDE: {hint}").ok();
        }
    }
    writeln!(text, "[fields.{}]\nfrom = {column}", field.member()).ok();
    text
}

/// What the values of a column say about `field`.
fn about(field: Field, column: &ColumnSample) -> Option<String> {
    match field {
        Field::PlanIds | Field::BundleIds => (!column.values.iter().any(|id| id.contains('_')))
            .then(|| {
                "Kable's own ids are wanted; values = { \"Pro\" = \"pln_…\" } translates others"
                    .to_owned()
            }),
        Field::Currency => {
            let foreign =
                |value: &&String| !SUPPORTED.contains(&value.trim().to_uppercase().as_str());
            let mut foreign: Vec<&str> = column
                .values
                .iter()
                .filter(foreign)
                .map(String::as_str)
                .collect();
            foreign.sort_unstable();
            foreign.dedup();
            let shown: Vec<String> = foreign.iter().take(5).map(|code| toml_text(code)).collect();
            (!shown.is_empty()).then(|| {
                format!(
                    "Kable does not take {}; values = {{ … }} translates them",
                    shown.join(", ")
                )
            })
        }
        Field::ClientId
        | Field::CompanyName
        | Field::StripeCustomerId
        | Field::FirstName
        | Field::LastName
        | Field::Email
        | Field::Phone
        | Field::AddressLine1
        | Field::AddressLine2
        | Field::City
        | Field::State
        | Field::PostalCode
        | Field::Country => None,
    }
}

/// Why the values of a column may not be those of `field`, whatever its name is.
fn doubt(field: Field, column: &ColumnSample) -> Option<String> {
    let misfits = misfits(field, &column.values);
    if !misfits.is_empty() {
        let shown: Vec<String> = misfits.into_iter().map(toml_text).collect();
        return Some(format!(
            "is it? It has {}. If not, from = [] leaves the field empty",
            masked(&shown.join(", "))
        ));
    }
    (field == Field::ClientId && repeat(&column.values))
        .then(|| "its values repeat: is each row a customer, and this its id?".to_owned())
}

/// What has to be decided about a required field without a column.
fn undecided(field: Field) -> &'static str {
    match field {
        Field::ClientId => {
            "
# DECIDE: which column has your own id of the customer? `default` makes one of the name,
# which changes with the name.
# [fields.clientId]
# from = \"COLUMN\"
# default = \"@slug\"
"
        }
        Field::CompanyName => {
            "
# DECIDE: which column has the company's name? `default` takes the person's.
# [fields.companyName]
# from = \"COLUMN\"
# default = \"@person\"
"
        }
        Field::Currency => {
            "
# DECIDE: no column is the customer's currency. Give one for all rows, or name a column.
# [fields.currency]
# default = \"USD\"
"
        }
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
        | Field::Country => "",
    }
}

/// `text` as a string of TOML, in one line.
pub(super) fn toml_text(text: &str) -> String {
    let mut quoted = String::from("\"");
    for letter in text.chars() {
        match letter {
            '"' | '\\' => quoted.extend(['\\', letter]),
            '\n' => quoted.push_str("\\n"),
            letter if letter.is_control() => {
                write!(quoted, "\\u{:04X}", u32::from(letter)).ok();
            }
            letter => quoted.push(letter),
        }
    }
    quoted.push('"');
    quoted
}

#[cfg(test)]
mod tests {
    use super::{of_unknown, toml_text, undecided_currency};
    use crate::config::mapping_file::parse;
    use crate::domain::guesses::ColumnSample;

    fn columns(names: &[(&str, &[&str])]) -> Vec<ColumnSample> {
        let column = |(name, values): &(&str, &[&str])| ColumnSample {
            name: (*name).to_owned(),
            values: values.iter().map(|value| (*value).to_owned()).collect(),
            is_object: false,
        };
        names.iter().map(column).collect()
    }

    #[test]
    fn a_draft_is_a_mapping_file_with_its_decisions_marked() {
        let text = of_unknown(&columns(&[
            ("Kunden-Nr.\u{7} \"alt\"", &["1"]),
            ("Account No", &["17"]),
            ("Company", &["Aster"]),
            ("Legal Name", &["Aster Ltd"]),
            ("billingContact.email", &["ap@aster.example"]),
            ("Währung", &["EUR", "CHF"]),
            ("planIds", &["Pro"]),
            ("ZIP", &["05641"]),
        ]));
        let parsed = parse(&text, None);
        assert!(parsed.is_ok(), "{parsed:?}");
        insta::assert_snapshot!(text);
    }

    #[test]
    fn values_that_do_not_fit_the_name_are_left_to_decide() {
        let text = of_unknown(&columns(&[
            ("clientId", &["c-1", "c-2", "c-1"]),
            ("companyName", &["Aster"]),
            ("currency", &["USD"]),
            ("State", &["live", "lead", "dead"]),
            ("City", &["Barre"]),
        ]));
        let parsed = parse(&text, None);
        assert!(parsed.is_ok(), "{parsed:?}");
        let decisions: Vec<&str> = text
            .lines()
            .filter(|line| line.starts_with("# DECIDE"))
            .collect();
        assert_eq!(decisions.len(), 2, "{text}");
        assert!(
            text.contains("It has \"live\", \"lead\", \"dead\"."),
            "{text}"
        );
        assert!(text.contains("its values repeat"), "{text}");
    }

    #[test]
    fn a_draft_without_any_guess_is_still_a_mapping_file() {
        let text = of_unknown(&columns(&[("a", &[]), ("b", &["1"])]));
        let parsed = parse(&text, None);
        assert!(parsed.is_ok(), "{parsed:?}");
        assert_eq!(text.matches("# DECIDE").count(), 3);
    }

    #[test]
    fn columns_with_codes_are_named_where_a_currency_is_missing() {
        let text = undecided_currency(&columns(&[("cf", &["usd", "EUR"]), ("n", &["1"])]));
        assert!(text.contains("from = \"cf\""), "{text}");
        assert!(!text.contains("\"n\""), "{text}");
    }

    #[test]
    fn any_name_is_a_string_of_toml() {
        for name in ["a\"b\\c", "two\nlines", "tab\t", "\u{7}", "ü 株"] {
            let text = format!("x = {}", toml_text(name));
            let table: toml::Table = text.parse().unwrap();
            assert_eq!(table.get("x").and_then(toml::Value::as_str), Some(name));
        }
    }
}
