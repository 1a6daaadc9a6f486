//! Which fields `--empty clear` clears, where a rule says what they are taken from.

use super::{bound, mapping, row, table};
use crate::domain::field::Field;
use crate::domain::mapping::Mapping;
use crate::domain::row::{CellKind, Columns, Origin, Row};
use crate::domain::rules::Rules;
use crate::domain::validate::{CheckedRow, check};

const NAMES: [&str; 5] = ["clientId", "companyName", "currency", "tel", "plan"];

/// The fields that `row` clears.
fn cleared(mapping: &Mapping, columns: &Columns, mut row: Row) -> Vec<&'static str> {
    let binding = bound(mapping, columns);
    binding.derive(&mut row);
    let mut rules = Rules::default();
    rules.clear_empty(false);
    match check(&row, &binding, &rules) {
        CheckedRow::Fit(fit) => {
            let customer = fit.values.to_customer();
            customer.cleared().map(Field::name).collect()
        }
        other @ (CheckedRow::Skipped(_) | CheckedRow::Unfit(_)) => panic!("{other:?}"),
    }
}

/// Those that a row of a table clears; it may lack cells at its end.
fn cleared_by_cells(mapping: &Mapping, cells: &[&str]) -> Vec<&'static str> {
    cleared(mapping, &table(&NAMES), row(cells))
}

#[test]
fn a_field_is_cleared_only_if_the_row_has_a_cell_of_its_rule() {
    let mapping = mapping(
        "[fields.phone]\nfrom = ['tel', 'plan']\n\
         [fields.planIds]\nfrom = 'plan'\nvalues = { a = 'b' }",
    );
    let cleared = |cells: &[&str]| cleared_by_cells(&mapping, cells);
    let phone = "billingContact.phone";
    assert_eq!(cleared(&["c-1", "Aster", "USD"]), [""; 0]);
    assert_eq!(cleared(&["c-1", "Aster", "USD", ""]), [phone]);
    assert_eq!(
        cleared(&["c-1", "Aster", "USD", "", ""]),
        ["planIds", phone]
    );
    assert_eq!(cleared(&["c-1", "Aster", "USD", "+1 555", ""]), ["planIds"]);
}

#[test]
fn a_row_without_the_cell_takes_a_default_and_a_value_of_the_rule() {
    for rule in [
        "[fields.phone]\nfrom = 'tel'\ndefault = '+1 555'",
        "[fields.phone]\nfrom = ['tel', { value = '+1 555' }]",
    ] {
        for cells in [&["c-1", "Aster", "USD"][..], &["c-1", "Aster", "USD", ""]] {
            assert_eq!(cleared_by_cells(&mapping(rule), cells), [""; 0], "{rule}");
        }
    }
}

/// One column for two fields is a rule as well.
#[test]
fn a_shared_column_that_the_row_lacks_clears_nothing() {
    let mut plain = Mapping::default();
    plain.set_column(Field::Phone, "tel");
    plain.set_column(Field::City, "tel");
    let cleared = |cells: &[&str]| cleared_by_cells(&plain, cells);
    assert_eq!(cleared(&["c-1", "Aster", "USD"]), [""; 0]);
    assert_eq!(
        cleared(&["c-1", "Aster", "USD", ""]),
        ["billingContact.phone", "billingContact.city"]
    );
}

/// Another row of the file has it, so that it is known as a column.
#[test]
fn a_member_that_the_object_lacks_clears_nothing_and_null_does() {
    let mapping = mapping("[fields.phone]\nfrom = 'tel'\n[fields.planIds]\nfrom = 'plan'");
    let columns = Columns {
        names: NAMES.map(str::to_owned).into(),
        ..Columns::open()
    };
    let object = |last: &[(usize, CellKind)]| {
        let mut row = Row::default();
        row.refill(Origin::default(), b"{}");
        for (column, text) in ["c-1", "Aster", "USD"].into_iter().enumerate() {
            row.push_unescaped(column, CellKind::Text, text);
        }
        for (column, kind) in last {
            row.push_unescaped(*column, *kind, "");
        }
        cleared(&mapping, &columns, row)
    };
    assert_eq!(object(&[]), [""; 0]);
    let (tel, plan) = ((3, CellKind::Null), (4, CellKind::EmptyList));
    assert_eq!(object(&[tel]), ["billingContact.phone"]);
    assert_eq!(object(&[tel, plan]), ["planIds", "billingContact.phone"]);
}
