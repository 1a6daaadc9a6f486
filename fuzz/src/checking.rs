//! Checks the rows of an input as an import does, and what a check promises.

use std::sync::Arc;

use kable_bulk::config::presets::recognised;
use kable_bulk::domain::mapping::{Binding, Mapping};
use kable_bulk::domain::row::{Columns, Origin, Row, Rows};
use kable_bulk::domain::rules::Rules;
use kable_bulk::domain::text::{is_blank, trimmed};
use kable_bulk::domain::validate::{CheckedRow, check};
use kable_bulk::source::FormatChoice;
use kable_bulk::source::reader::InputReader;

use crate::reading::{opened, utf8};

/// Reads `content` as a file without an ending, and checks its rows with the mapping of
/// each preset that recognises its columns, and with none.
pub fn check_input(content: &[u8]) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let input = opened(folder.path(), "in", content, &utf8(FormatChoice::Auto));
    let Some(input) = input else {
        return;
    };
    let Ok(columns) = input.columns() else {
        return;
    };
    let inputs = Arc::from([input]);
    let presets = recognised(&columns.names).expect("presets can be read");
    let presets = presets.into_iter().map(|file| file.mapping);
    for mapping in presets.chain([Mapping::default()]) {
        check_rows(&mut InputReader::new(Arc::clone(&inputs), None), &mapping);
    }
}

/// Checks all `rows` with `mapping`, if it fits their columns.
fn check_rows(rows: &mut InputReader, mapping: &Mapping) {
    let (mut row, mut binding) = (Row::default(), None);
    while rows.next(&mut row).is_ok_and(|more| more) {
        let columns = rows.columns();
        let bound = match binding.take() {
            Some(bound) => Ok(bound),
            None => Binding::new(mapping, columns, "in"),
        };
        let bound = bound.and_then(|mut bound| bound.extend(columns).map(|()| bound));
        let bound = match bound {
            Ok(bound) => binding.insert(bound),
            Err(error) => {
                let _shown = error.to_string();
                return;
            }
        };
        check_row(&mut row, bound);
    }
}

/// Checks `row`, once as always and once strictly.
pub fn check_row(row: &mut Row, binding: &Binding) {
    binding.derive(row);
    let rules = Rules::default();
    let strict = Rules {
        strict: true,
        ..Rules::default()
    };
    let checked = check(row, binding, &rules);
    ensure_sound(&checked);
    let strictly = check(row, binding, &strict);
    ensure_sound(&strictly);
    match (&checked, &strictly) {
        (CheckedRow::Fit(fit), CheckedRow::Fit(_)) => assert!(fit.notes.is_empty()),
        (CheckedRow::Fit(fit), CheckedRow::Unfit(rejection)) => {
            assert_eq!(fit.notes, rejection.problems);
        }
        (CheckedRow::Unfit(one), CheckedRow::Unfit(other)) => assert_eq!(one, other),
        (CheckedRow::Skipped(one), CheckedRow::Skipped(other)) => assert_eq!(one, other),
        _ => panic!("{checked:?}, and strictly {strictly:?}"),
    }
}

/// What `domain::customer` and `domain::validate` promise.
fn ensure_sound(checked: &CheckedRow<'_>) {
    match checked {
        CheckedRow::Skipped(_) => {}
        CheckedRow::Unfit(rejection) => {
            assert!(!rejection.problems.is_empty());
            assert!(!rejection.to_string().is_empty());
        }
        CheckedRow::Fit(fit) => {
            let customer = fit.values.to_customer();
            let id = customer.client_id();
            assert!(!id.is_empty() && trimmed(id) == id, "{id:?}");
            assert!(!id.chars().any(char::is_control), "{id:?}");
            assert!(!customer.company_name().chars().all(is_blank));
            let currency = customer.currency().as_bytes();
            assert!(currency.len() == 3 && currency.is_ascii());
            assert_eq!(customer.client_id(), fit.values.client_id());
            assert_eq!(customer.company_name(), fit.values.company_name());
        }
    }
}

/// Rows of a table with these columns: each value stands in each column once.
pub fn check_values(columns: &Columns, values: &[&str], mapping: &Mapping) {
    let Ok(binding) = Binding::new(mapping, columns, "in") else {
        return;
    };
    let many = columns.names.len();
    let mut row = Row::default();
    for shift in 0..values.len() {
        let cells = (0..many).map(|place| values[(place + shift) % values.len()]);
        let (mut text, mut spans) = (String::new(), Vec::new());
        for cell in cells {
            let start = text.len();
            text.push_str(cell);
            spans.push((start, text.len()));
        }
        let origin = Origin {
            line: shift as u64 + 2,
            record: shift as u64 + 1,
            ..Origin::default()
        };
        assert!(row.refill(origin, text.as_bytes()).is_some());
        row.push_texts(0, spans.into_iter());
        check_row(&mut row, &binding);
    }
}
