//! Shows which column feeds which field before a run, with a sample value.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::domain::candidate::FieldValue;
use crate::domain::card_number::masked;
use crate::domain::field::Field;
use crate::domain::mapping::{Binding, FieldFeed, Mapping};
use crate::domain::row::{ReadState, Row, Rows};
use crate::domain::text::{counted, listed, quoted};
use crate::source::input::Input;
use crate::source::reader::InputReader;

/// How many rows are searched for sample values.
const ROWS_SEARCHED: u64 = 20;

/// The most characters of a sample value.
const SHOWN: usize = 40;

/// The most different mappings that are shown: inputs with the same columns share one.
const MOST_SHOWN: usize = 5;

/// The most inputs that are looked into for how their columns are used.
const MOST_LOOKED_INTO: usize = 50;

/// What feeds the fields of inputs with the same columns.
struct SharedMapping<'i> {
    /// The names of their columns; of JSON, the first row's.
    columns: Vec<String>,
    uses: ColumnUses,
    lines: Vec<String>,
    inputs: Vec<&'i str>,
}

/// What the columns of an input are used for.
#[derive(Debug, Default, PartialEq, Eq)]
struct ColumnUses {
    feeds: Vec<FieldFeed>,
    /// A line for each column that only conditions read.
    tested: Vec<String>,
}

impl ColumnUses {
    /// Whether `feed` is shown: of inputs whose columns are mapped, all are.
    fn is_shown(&self, feed: &FieldFeed, all: bool) -> bool {
        let is_mapped = self.feeds.iter().any(|feed| feed.is_mapped);
        all || is_mapped || !self.tested.is_empty() || !feed.is_obvious
    }
}

/// A line for each field that something feeds, if a mapping says which column that is for
/// any field, or `all` is set; otherwise for those with a default. A line as well for each
/// column that only conditions read. Inputs whose columns are used differently are shown apart.
pub(super) fn shown_mapping(
    mapping: &Mapping,
    inputs: &Arc<[Input]>,
    all: bool,
) -> anyhow::Result<Vec<String>> {
    let mut known: Vec<SharedMapping<'_>> = Vec::new();
    let (mut looked_into, mut shown, mut others) = (0, 0, 0);
    for (number, input) in (0_u16..).zip(inputs.iter()) {
        let columns = input.columns()?.names;
        if let Some(same) = known.iter_mut().find(|same| same.columns == columns) {
            same.inputs.push(&input.name);
            continue;
        }
        if looked_into == MOST_LOOKED_INTO {
            others += 1;
            continue;
        }
        looked_into += 1;
        let (uses, lines) = lines_of(mapping, inputs, number, all)?;
        if let Some(same) = known.iter_mut().find(|same| same.uses == uses) {
            same.inputs.push(&input.name);
            continue;
        }
        if shown == MOST_SHOWN && !lines.is_empty() {
            others += 1;
            continue;
        }
        shown += usize::from(!lines.is_empty());
        known.push(SharedMapping {
            columns,
            uses,
            lines,
            inputs: vec![&input.name],
        });
    }
    Ok(together(known, others))
}

/// The lines of all mappings, under the names of their inputs if there are several.
fn together(known: Vec<SharedMapping<'_>>, others: u64) -> Vec<String> {
    let are_several = known.len() > 1;
    let mut lines = Vec::new();
    for shared in known.into_iter().filter(|shared| !shared.lines.is_empty()) {
        if are_several {
            lines.push(format!("{}:", listed(&shared.inputs, 3)));
            lines.extend(shared.lines.iter().map(|line| format!("  {line}")));
        } else {
            lines.extend(shared.lines);
        }
    }
    if others > 0 {
        let others = counted(others, "more input has", "more inputs have");
        lines.push(format!(
            "{others} other columns: validate one alone to see what they feed"
        ));
    }
    lines
}

/// What feeds the fields of the input `number`, and the lines that say so.
fn lines_of(
    mapping: &Mapping,
    inputs: &Arc<[Input]>,
    number: u16,
    all: bool,
) -> anyhow::Result<(ColumnUses, Vec<String>)> {
    let Some(input) = inputs.get(usize::from(number)) else {
        return Ok((ColumnUses::default(), Vec::new()));
    };
    let mut rows = InputReader::from_input(Arc::clone(inputs), number, ROWS_SEARCHED);
    let mut row = Row::default();
    let mut samples: BTreeMap<Field, String> = BTreeMap::new();
    let mut columns = input.columns()?;
    let mut binding = Binding::new(mapping, &columns, &input.name)?;
    while rows.next(&mut row)? && row.origin.input == number {
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
    let uses = ColumnUses {
        feeds: binding.feeds(&columns),
        tested: binding.tested_columns(),
    };
    let shown = uses.feeds.iter().filter(|feed| uses.is_shown(feed, all));
    let fed = shown.map(|feed| {
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
    let lines = fed.chain(uses.tested.iter().cloned()).collect();
    Ok((uses, lines))
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
