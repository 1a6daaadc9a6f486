//! Shows which column feeds which field before a run, with a sample value.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::domain::candidate::FieldValue;
use crate::domain::card_number::masked;
use crate::domain::field::Field;
use crate::domain::mapping::{Binding, Mapping};
use crate::domain::row::{ReadState, Row, Rows};
use crate::domain::text::quoted;
use crate::source::input::Input;
use crate::source::reader::InputReader;

/// How many rows are searched for sample values.
const ROWS_SEARCHED: u64 = 20;

/// The most characters of a sample value.
const SHOWN: usize = 40;

/// A line for each field that is not simply fed by the column of its name; for every
/// field if `all` is set.
pub(super) fn shown_mapping(
    mapping: &Mapping,
    inputs: &Arc<[Input]>,
    all: bool,
) -> anyhow::Result<Vec<String>> {
    let Some(input) = inputs.first() else {
        return Ok(Vec::new());
    };
    let mut rows = InputReader::new(Arc::clone(inputs), Some(ROWS_SEARCHED));
    let mut row = Row::default();
    let mut samples: BTreeMap<Field, String> = BTreeMap::new();
    let mut binding = Binding::new(mapping, &input.columns()?, &input.name)?;
    let mut columns = input.columns()?;
    while rows.next(&mut row)? && row.origin.input == 0 {
        columns.clone_from(rows.columns());
        binding.extend(&columns)?;
        binding.derive(&mut row);
        if row.state != ReadState::Good {
            continue;
        }
        let candidate = binding.candidate(&row);
        for field in Field::ALL {
            let value = match candidate.get(field) {
                FieldValue::Text(text) => text.trim().to_owned(),
                FieldValue::List(items) => items.join(", "),
                FieldValue::Absent | FieldValue::Wrong(..) => continue,
            };
            if !value.is_empty() {
                samples.entry(field).or_insert(value);
            }
        }
    }
    let feeds = binding.feeds(&columns).into_iter();
    let feeds = feeds.filter(|feed| all || !feed.is_obvious);
    let lines = feeds.map(|feed| {
        let sample = samples.get(&feed.field).map_or_else(String::new, |value| {
            if is_secret(value) {
                " (values are not shown)".to_owned()
            } else {
                let start: String = masked(value).chars().take(SHOWN).collect();
                format!(", such as {}", quoted(&start))
            }
        });
        format!("{} is taken from {}{sample}", feed.field, feed.from)
    });
    Ok(lines.collect())
}

/// Whether `value` may be a card number or a secret key.
fn is_secret(value: &str) -> bool {
    let digits = value.chars().filter(char::is_ascii_digit).count();
    let is_number = value
        .chars()
        .all(|letter| letter.is_ascii_digit() || " -".contains(letter));
    let is_key = ["sk_", "rk_", "whsec_"]
        .iter()
        .any(|start| value.starts_with(start));
    is_key || is_number && (13..=19).contains(&digits)
}

#[cfg(test)]
mod tests {
    use super::is_secret;

    #[test]
    fn card_numbers_and_keys_are_not_shown() {
        for value in ["4242 4242 4242 4242", "4242424242424242", "sk_live_abc"] {
            assert!(is_secret(value), "{value}");
        }
        for value in ["cus_1", "+1 555 0100", "00123", "Aster GmbH"] {
            assert!(!is_secret(value), "{value}");
        }
    }
}
