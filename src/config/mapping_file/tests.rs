mod empty_cells;
mod value_rules;

use proptest::prelude::*;

use self::value_rules::RULES;
use super::{keys, parse};
use crate::domain::candidate::FieldValue;
use crate::domain::field::Field;
use crate::domain::mapping::{Binding, Mapping, MappingError};
use crate::domain::row::{CellKind, Columns, Origin, ReadState, Row};
use crate::domain::rules::Rules;
use crate::domain::validate::{CheckedRow, check};

fn mapping(text: &str) -> Mapping {
    let text = format!("format = 1\n{text}");
    parse(&text, None)
        .unwrap_or_else(|wrong| panic!("{wrong} in {text}"))
        .mapping
}

/// A row of a table with these columns and cells.
fn row(cells: &[&str]) -> Row {
    let mut row = Row::default();
    row.refill(Origin::default(), cells.join(",").as_bytes());
    for (column, cell) in cells.iter().enumerate() {
        row.push_unescaped(column, CellKind::Text, cell);
    }
    row
}

fn table(names: &[&str]) -> Columns {
    let names = names.iter().map(|name| (*name).to_owned()).collect();
    Columns::table(names, "", b',')
}

fn bound(mapping: &Mapping, columns: &Columns) -> Binding {
    Binding::new(mapping, columns, "in.csv").unwrap()
}

/// The value of `field` in a row of columns `a` to `d`; the other required fields are set.
fn value(rules: &str, field: Field, cells: &[&str]) -> String {
    let mut mapping = mapping(rules);
    for required in Field::REQUIRED {
        if required != field {
            mapping.set_constant(required, "USD");
        }
    }
    let binding = bound(&mapping, &table(&["a", "b", "c", "d"]));
    let mut row = row(cells);
    binding.derive(&mut row);
    let candidate = binding.candidate(&row);
    match candidate.get(field) {
        FieldValue::Absent => "-".to_owned(),
        FieldValue::Text(text) => (*text).to_owned(),
        FieldValue::List(items) => format!("{items:?}"),
        FieldValue::Wrong(kind, text) => format!("{kind:?} {text}"),
    }
}

#[test]
fn a_value_is_taken_and_changed_as_the_rule_says() {
    for (rule, cells, expected) in RULES {
        let rules = format!("[fields.firstName]\n{rule}");
        let shown = value(&rules, Field::FirstName, cells);
        assert_eq!(shown, *expected, "{rule} of {cells:?}");
    }
}

#[test]
fn a_value_map_changes_each_item_of_a_list() {
    let rules = "[fields.planIds]\nfrom = \"a\"\nvalues = { Pro = \"p1\", Max = \"p2\", \"A, B\" = \"p3\" }";
    for (cell, expected) in [
        ("Pro", "p1"),
        ("Pro; Max", "[\"p1\", \"p2\"]"),
        ("[\"Max\",\"Pro\"]", "[\"p2\", \"p1\"]"),
        ("A, B", "p3"),
        ("", ""),
    ] {
        assert_eq!(value(rules, Field::PlanIds, &[cell]), expected, "{cell}");
    }
}

#[test]
fn texts_for_no_value_count_as_empty_in_every_column() {
    let rules = "[input]\nempty = ['NULL', '\\N']\n[fields.city]\nfrom = ['a', 'b']";
    assert_eq!(value(rules, Field::City, &["NULL", "y"]), "y");
    assert_eq!(value(rules, Field::City, &[" \\N ", "NULL"]), "");
    let padded = "[input]\nempty = [' - ', '\u{a0}none']\n[fields.city]\nfrom = ['a', 'b']";
    assert_eq!(value(padded, Field::City, &["-", "none"]), "");
    assert_eq!(value(padded, Field::City, &[" - ", "y"]), "y");
    let mapping = mapping("[input]\nempty = ['NULL']");
    let columns = table(&["clientId", "companyName", "currency", "city"]);
    let binding = bound(&mapping, &columns);
    let mut row = row(&["c-1", "Aster", "USD", " NULL"]);
    binding.derive(&mut row);
    let candidate = binding.candidate(&row);
    assert_eq!(*candidate.get(Field::City), FieldValue::Text(""));
    assert_eq!(*candidate.get(Field::ClientId), FieldValue::Text("c-1"));
}

/// What is said of a row with these columns and cells.
fn said(mapping: &Mapping, names: &[&str], cells: &[&str]) -> String {
    let columns = table(names);
    let binding = bound(mapping, &columns);
    let mut row = row(cells);
    binding.derive(&mut row);
    match check(&row, &binding, &Rules::default()) {
        CheckedRow::Skipped(reason) => format!("skipped: {reason}"),
        CheckedRow::Fit(fit) => {
            let notes: Vec<&str> = fit.notes.iter().map(|note| note.message.as_str()).collect();
            let defaulted: Vec<&str> = fit.defaulted.iter().map(Field::name).collect();
            let values = &fit.values;
            format!(
                "{} {:?} USD {defaulted:?} {}",
                values.client_id(),
                values.company_name(),
                notes.join("; ")
            )
        }
        CheckedRow::Unfit(rejection) => rejection.to_string(),
    }
}

const NAMES: [&str; 5] = ["id", "Name", "currency", "firstName", "lastName"];

#[test]
fn one_column_feeds_several_fields() {
    let mut plain = Mapping::default();
    plain.set_column(Field::ClientId, "id");
    plain.set_column(Field::StripeCustomerId, "ID");
    plain.set_column(Field::CompanyName, "id");
    let binding = bound(&plain, &table(&NAMES));
    let mut row = row(&["cus_1", "Aster", "USD", "", ""]);
    binding.derive(&mut row);
    let candidate = binding.candidate(&row);
    for field in [Field::ClientId, Field::StripeCustomerId, Field::CompanyName] {
        assert_eq!(*candidate.get(field), FieldValue::Text("cus_1"), "{field}");
    }
    assert_eq!(binding.unused(&table(&NAMES)), ["Name"]);
}

#[test]
fn a_column_that_is_given_to_a_field_feeds_the_one_of_its_name_too() {
    let mut plain = Mapping::default();
    plain.set_column(Field::ClientId, "currency");
    plain.set_column(Field::CompanyName, "Name");
    let said = said(&plain, &NAMES, &["x", "Aster", "USD", "", ""]);
    assert_eq!(said, "USD \"Aster\" USD [] ");
}

#[test]
fn computed_defaults_come_from_other_fields() {
    let base = "[fields.clientId]\nfrom = 'id'\n";
    for (rules, cells, expected) in [
        (
            "[fields.companyName]\nfrom = 'Name'\ndefault = '@person'",
            ["1", "", "USD", "Ada", "Byron"],
            "1 \"Ada Byron\" USD [\"companyName\"] ",
        ),
        (
            "[fields.companyName]\nfrom = 'Name'\ndefault = '@person'",
            ["1", "Aster", "USD", "Ada", "Byron"],
            "1 \"Aster\" USD [] ",
        ),
        (
            "[fields.companyName]\nfrom = 'Name'\ndefault = '@clientId'",
            ["1", "", "USD", "", ""],
            "1 \"1\" USD [\"companyName\"] ",
        ),
        (
            "[fields.companyName]\ndefault = '@lastName'",
            ["1", "", "USD", "", "Byron"],
            "1 \"Byron\" USD [\"companyName\"] ",
        ),
    ] {
        let mapping = mapping(&format!("{base}{rules}"));
        assert_eq!(said(&mapping, &NAMES, &cells), expected, "{rules}");
    }
    let derived = mapping(
        "[fields.companyName]\nfrom = 'Name'\n[fields.clientId]\nfrom = 'id'\ndefault = '@slug'",
    );
    let said = said(&derived, &NAMES, &["", "Aster & Co", "USD", "", ""]);
    assert_eq!(said, "aster-co \"Aster & Co\" USD [\"clientId\"] ");
}

#[test]
fn filters_leave_rows_out_and_warnings_do_not() {
    let base = "[fields.clientId]\nfrom = 'id'\n[fields.companyName]\nfrom = 'Name'\n";
    let with =
        |rest: &str, cells: [&str; 5]| said(&mapping(&format!("{base}{rest}")), &NAMES, &cells);
    let filter = "[[skip]]\nname = 'lead'\nwhen = { column = 'firstName', is = 'x' }";
    assert_eq!(with(filter, ["1", "A", "USD", "X", ""]), "skipped: lead");
    assert_eq!(with(filter, ["1", "A", "USD", "y", ""]), "1 \"A\" USD [] ");
    let off = format!("{filter}\non = false");
    assert_eq!(
        with(&off, ["1", "A", "USD", "x", ""]),
        "1 \"A\" USD [] the row filter \"lead\" fits this row, and is off (--skip lead leaves such rows out)"
    );
    let warn =
        "[[warn]]\nfield = 'clientId'\nwhen = { field = 'companyName', is = 'a' }\nmessage = 'odd'";
    assert_eq!(with(warn, ["1", "A", "USD", "", ""]), "1 \"A\" USD [] odd");
}

#[test]
fn an_unmapped_value_is_an_error_that_names_the_nearest() {
    let mapping = mapping(
        "[fields.clientId]\nfrom = 'id'\n[fields.companyName]\nfrom = 'Name'\n\
         [fields.currency]\nvalues = { Swiss = 'EUR', US = 'USD' }",
    );
    let said = said(&mapping, &NAMES, &["1", "A", "swiss", "", ""]);
    assert_eq!(
        said,
        "currency \"swiss\" is not in the value map (wanted one of its 2 values, perhaps \"Swiss\")"
    );
}

#[test]
fn an_id_is_not_changed_silently() {
    let mapping = mapping("[fields.clientId]\nfrom = 'id'\n[fields.companyName]\nfrom = 'Name'");
    let said = said(&mapping, &NAMES, &[" 1\u{a0}", " A ", "USD", "", ""]);
    assert_eq!(
        said,
        "1 \"A\" USD [] clientId \" 1\\u{a0}\" was read as \"1\", as its mapping says"
    );
}

#[test]
fn columns_that_the_mapping_needs_must_exist() {
    let columns = table(&["id", "NAME ", "currency", "x", "x"]);
    let error = |text: &str| {
        let text = format!("[fields.clientId]\nfrom = 'id'\n{text}");
        Binding::new(&mapping(&text), &columns, "in.csv").map(|_| ())
    };
    assert_eq!(error("[fields.companyName]\nfrom = 'Name'"), Ok(()));
    assert_eq!(error("[fields.companyName]\nfrom = 'x#2'"), Ok(()));
    let wrong = error("[fields.companyName]\nfrom = ['Nom', 'x#3']").unwrap_err();
    assert!(
        matches!(wrong, MappingError::NoSuchColumn { .. }),
        "{wrong}"
    );
    let wrong = error("[fields.companyName]\nfrom = 'Nom'\noptional = true").unwrap_err();
    assert!(
        matches!(wrong, MappingError::MissingColumns { .. }),
        "{wrong}"
    );
    let base = "[fields.companyName]\nfrom = 'Name'\n";
    let wrong = error(&format!(
        "{base}[[skip]]\nname = 'n'\nwhen = {{ column = 'y', is = '' }}"
    ));
    assert!(
        matches!(wrong, Err(MappingError::NoTestedColumn { .. })),
        "{wrong:?}"
    );
    let wrong = error(&format!("{base}[input]\nforbidden = ['X']")).unwrap_err();
    assert!(matches!(wrong, MappingError::Forbidden { .. }), "{wrong}");
}

#[test]
fn what_is_wrong_in_a_file_is_said_with_its_line() {
    let mut said = String::new();
    for text in [
        "",
        "format = 2",
        "format = 1\nfrmat = 2",
        "format = 1\n[fields.client]\nfrom = 'a'",
        "format = 1\n\n[fields.clientId]\nform = 'a'",
        "format = 1\n[fields.clientId]\nfrom = 'a'\nvalue = 'b'",
        "format = 1\n[fields.clientId]\nvalue = 'a'\ndefault = 'b'",
        "format = 1\n[fields.clientId]\n",
        "format = 1\n[fields.clientId]\nfrom = 'a'\npattern = '(a'",
        "format = 1\n[fields.clientId]\nfrom = 'a'\ncase = 'Upper'",
        "format = 1\n[fields.clientId]\nfrom = 'a'\nslug = 'yes'",
        "format = 1\n[fields.clientId]\nfrom = 'a'\nunmapped = 'keep'",
        "format = 1\n[fields.clientId]\nfrom = [{ colum = 'a' }]",
        "format = 1\n[fields.clientId]\nfrom = [{ column = 'a', value = 'b' }]",
        "format = 1\n[fields.clientId]\nfrom = [{ when = { column = 'a', is = '' } }]",
        "format = 1\n[fields.clientId]\nfrom = [{ column = 'a', when = { field = 'city', is = '' } }]",
        "format = 1\n[fields.clientId]\nfrom = 'a'\n[fields.client_id]\nfrom = 'b'",
        "format = 1\n[fields.clientId]\nfrom = 'a'\ndefault = '@nobody'",
        "format = 1\n[fields.clientId]\nfrom = 'a'\nvalues = {}",
        "format = 1\n[fields.clientId]\nfrom = 2026-01-01",
        "format = 1\n[fields]\nclientId = 'a'",
        "format = 1\n[[skip]]\nwhen = { column = 'a', is = 'b' }",
        "format = 1\n[[skip]]\nname = 'a'",
        "format = 1\n[[skip]]\nname = 'a'\nwhen = { is = 'b' }",
        "format = 1\n[[skip]]\nname = 'a'\nwhen = { column = 'a' }",
        "format = 1\n[[skip]]\nname = 'a'\nwhen = { column = 'a', is = 'b', empty = true }",
        "format = 1\n[[skip]]\nname = 'a'\nwhen = { column = 'a', field = 'city', is = 'b' }",
        "format = 1\n[[skip]]\nname = 'a'\nwhen = { all = [], column = 'b' }",
        "format = 1\n[[skip]]\nname = 'a'\nwhen = { all = [] }",
        "format = 1\n[[warn]]\nfield = 'city'\nwhen = { column = 'a', is = 'b' }",
        "format = 1\n[input]\nrepeated-ids = 'last'",
        "format = 1\n[input]\nrepeated-ids = { keep = { column = 'a' } }",
        "format = 1\n[input]\nshort-rows = true",
        "format = 1\n[recognise]\nnone = ['a']",
        "format = 1\n[fields.clientId\nfrom = 'a'",
        "format = 1\nformat = 1",
    ] {
        let wrong = parse(text, None).expect_err(text);
        said.push_str(&wrong);
        said.push('\n');
    }
    insta::assert_snapshot!(said);
}

proptest! {
    #[test]
    fn a_rule_with_only_a_column_is_that_option(
        cells in proptest::collection::vec("[a-zA-Z0-9 '.,@é#-]{0,12}", 5),
    ) {
        // The rule drops blanks around an id, and says so; the option refuses them.
        let cells: Vec<&str> = cells.iter().map(|cell| cell.trim()).collect();
        let ruled = mapping("[fields.clientId]\nfrom = 'id'\n[fields.companyName]\nfrom = 'Name'");
        let mut plain = Mapping::default();
        plain.set_column(Field::ClientId, "id");
        plain.set_column(Field::CompanyName, "Name");
        prop_assert_eq!(said(&ruled, &NAMES, &cells), said(&plain, &NAMES, &cells));
    }

    #[test]
    fn no_row_is_too_odd_to_be_derived(
        cells in proptest::collection::vec(
            (0_usize..6, 0_usize..8, "[a-z '=\"\u{a0}\u{200b}:;,-]{0,6}|.{0,8}"), 0..12,
        ),
    ) {
        let mapping = mapping(
            "[input]\nempty = ['-']\nrepeated-ids = { keep = { column = 'd', empty = false } }\n\
             [fields.clientId]\nfrom = ['a', { join = ['b', 'c'] }]\nslug = true\ndefault = '@companyName'\n\
             [fields.companyName]\nfrom = 'b'\nreplace = { '' = 'x' }\npattern = '(.?)$'\ndefault = '@slug'\n\
             [fields.planIds]\nfrom = ['c', 'd']\nvalues = { a = 'b' }\n\
             [fields.city]\nfrom = 'a'\napostrophe = 'always'\ncase = 'upper'\n\
             [[skip]]\nname = 's'\nwhen = { field = 'city', matches = '^A' }",
        );
        let columns = Columns {
            names: ["a", "b", "c", "d", "currency", "billingContact.city"].map(str::to_owned).into(),
            ..Columns::open()
        };
        let binding = bound(&mapping, &columns);
        let mut row = Row::default();
        row.refill(Origin::default(), b"{}");
        for (column, kind, text) in &cells {
            let kind = [
                CellKind::Text, CellKind::Item, CellKind::EmptyList, CellKind::Null,
                CellKind::Number, CellKind::Bool, CellKind::Object, CellKind::MixedList,
            ][*kind];
            row.push_unescaped(*column, kind, text);
        }
        binding.derive(&mut row);
        binding.derive(&mut row);
        prop_assert!(matches!(row.state, ReadState::Good | ReadState::Skipped(_)));
        check(&row, &binding, &Rules::default());
    }
}

/// The names of an object's properties in the schema.
fn properties(schema: &serde_json::Value, pointer: &str) -> Vec<String> {
    let properties = schema.pointer(&format!("{pointer}/properties")).unwrap();
    properties.as_object().unwrap().keys().cloned().collect()
}

#[test]
fn the_schema_has_the_keys_that_are_read() {
    let text = include_str!("../../../docs/mapping.schema.json");
    let schema: serde_json::Value = serde_json::from_str(text).unwrap();
    let known: [(&str, &[&str]); 9] = [
        ("", &keys::FILE),
        ("/$defs/input", &keys::INPUT),
        ("/$defs/repeated-ids", &keys::REPEATED_IDS),
        ("/$defs/recognise", &keys::RECOGNISE),
        ("/$defs/field", &keys::FIELD),
        ("/$defs/source", &keys::SOURCE),
        ("/$defs/condition", &keys::CONDITION),
        ("/$defs/skip", &keys::SKIP),
        ("/$defs/warn", &keys::WARN),
    ];
    for (pointer, keys) in known {
        let mut read = keys.to_vec();
        read.sort_unstable();
        let mut named = properties(&schema, pointer);
        named.sort_unstable();
        assert_eq!(named, read, "{pointer}");
    }
    let named = properties(&schema, "/properties/fields");
    for field in Field::ALL {
        assert!(named.iter().any(|name| name == field.name()), "{field}");
        assert!(named.iter().any(|name| name == field.member()), "{field}");
    }
}

#[test]
fn the_manual_has_every_key_and_its_examples_can_be_read() {
    let manual = include_str!("../../../docs/mapping.md");
    let examples: Vec<&str> = manual.split("```toml\n").skip(1).collect();
    assert!(examples.len() >= 3);
    for example in examples {
        let example = example.split("```").next().unwrap();
        parse(example, None).unwrap_or_else(|wrong| panic!("{wrong} in {example}"));
    }
    for key in [
        &keys::INPUT[..],
        &keys::FIELD,
        &keys::SOURCE,
        &keys::CONDITION,
        &keys::SKIP,
    ] {
        for key in key {
            assert!(manual.contains(&format!("`{key}")), "{key}");
        }
    }
}
