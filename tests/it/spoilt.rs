//! Values that a spreadsheet, a database or a wrong encoding spoilt are found in every
//! field: errors in ids, warnings elsewhere.

use crate::common::Run;

const HEADER: &str = "clientId,companyName,currency,email,phone,addressLine1,city,postalCode";

/// The severity, code and field of each problem of a row with `value` in `field`.
fn found(values: &[(&str, &str)]) -> Vec<(String, String, String)> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    let columns: Vec<&str> = HEADER.split(',').collect();
    writer.write_record(&columns).unwrap();
    for (number, (field, value)) in values.iter().enumerate() {
        let (id, name) = (format!("c-{number}"), format!("Aster {number}"));
        let row = columns.iter().map(|column| match *column {
            column if column == *field => (*value).to_owned(),
            "clientId" => id.clone(),
            "companyName" => name.clone(),
            "currency" => "EUR".to_owned(),
            _empty => String::new(),
        });
        writer.write_record(row).unwrap();
    }
    let run = Run::new().input("in.csv", writer.into_inner().unwrap());
    run.go("validate in.csv --quiet");
    let problems = run.bytes("in.csv.results/problems.csv");
    let mut reader = csv::Reader::from_reader(problems.as_slice());
    let records = reader.records().map(|record| {
        let record = record.unwrap();
        (
            format!("{}:{}", &record[1], &record[3]),
            record[4].to_owned(),
            record[5].to_owned(),
        )
    });
    records.collect()
}

/// Field, value and what a row with it gets.
const CASES: [(&str, &str, &str); 44] = [
    ("clientId", "#WERT!", "error"),
    ("clientId", "NULL", "error"),
    ("clientId", "7,21045E+12", "error"),
    ("clientId", "7210448301009.0", "error"),
    ("clientId", "7,210,448", "error"),
    ("clientId", "01-Mar", "error"),
    ("clientId", "05.01.2024", "warning"),
    ("clientId", "2024-01-05", "warning"),
    ("clientId", "1/5/24", "warning"),
    ("clientId", "1 234 567", "warning"),
    ("clientId", "1\u{a0}234\u{a0}567", "error"),
    ("clientId", "1\u{202f}234\u{202f}567", "error"),
    ("clientId", "TRUE", "error"),
    ("clientId", "c\u{200b}1", "error"),
    ("clientId", "\"c-1\"", "error"),
    ("clientId", "M\u{c3}\u{bc}ller", "error"),
    ("clientId", "a&amp;b", "error"),
    ("companyName", "Smith &amp; Sons", "warning"),
    ("companyName", "O&#39;Brien, M&uuml;ller", "warning"),
    ("companyName", "Acme%20Ltd", "warning"),
    ("companyName", "O\\'Brien", "warning"),
    ("addressLine1", "12 Elm St<br/>Rear", "warning"),
    ("companyName", "#NV", "error"),
    ("companyName", "M\u{fffd}ller", "error"),
    ("companyName", "M\u{c3}\u{bc}ller", "warning"),
    ("companyName", "--", "warning"),
    ("companyName", "\\N", "error"),
    ("companyName", "??????? ???", "error"),
    ("clientId", "=T(\"00123\")", "error"),
    ("clientId", "=\"00123\"", "error"),
    ("clientId", "175928847299117000", "warning"),
    ("companyName", "\u{ef}\u{bb}\u{bf}Aster", "warning"),
    ("companyName", "Aster\nGmbH", "warning"),
    ("companyName", "Total", "warning"),
    ("companyName", "As\u{202e}ter", "warning"),
    ("phone", "########", "warning"),
    ("phone", "8,9E+11", "warning"),
    ("phone", "\\N", "warning"),
    ("addressLine1", "<null>", "warning"),
    ("addressLine1", "#BEZUG!", "warning"),
    ("postalCode", "2134.0", "warning"),
    ("postalCode", "n/a", "warning"),
    ("city", "(blank)", "warning"),
    ("email", "#ERROR!", "warning"),
];

#[test]
fn spoilt_values_are_found_where_they_are() {
    let rows: Vec<(&str, &str)> = CASES
        .iter()
        .map(|(field, value, _)| (*field, *value))
        .collect();
    let wanted: Vec<(String, String, String)> = (1..)
        .zip(CASES)
        .map(|(number, (field, _, severity))| {
            let code = match severity {
                "error" => "invalid_value",
                _warning => "suspect_value",
            };
            let field = match field {
                "clientId" | "companyName" => field.to_owned(),
                in_contact => format!("billingContact.{in_contact}"),
            };
            (format!("{number}:{severity}"), code.to_owned(), field)
        })
        .collect();
    assert_eq!(found(&rows), wanted);
}

#[test]
fn ordinary_values_that_look_a_little_like_it_are_accepted() {
    let rows = [
        ("clientId", "1E5"),
        ("clientId", "12-34"),
        ("clientId", "2024-03"),
        ("clientId", "MAR-01"),
        ("clientId", "7.210"),
        ("companyName", "#1 Pizza"),
        ("companyName", "'t Hooft BV"),
        (
            "companyName",
            "\u{645}\u{6cc}\u{200c}\u{62e}\u{648}\u{627}\u{647}\u{645}",
        ),
        ("companyName", "I \u{2764}\u{fe0f} Ltd"),
        ("companyName", "«Aster»"),
        ("companyName", "Smith & Sons"),
        ("companyName", "AT&T; R&D"),
        ("companyName", "100% Pure"),
        ("companyName", "I <3 Pizza"),
        ("clientId", "a%20b"),
        ("phone", "555.123.456"),
        ("phone", "555 123 456"),
        ("addressLine1", "2024-01-05"),
        ("phone", "+1 (503) 555-0142 x12"),
        ("addressLine1", "#42"),
        ("addressLine1", "# 12, 1. Mai-Platz"),
        ("addressLine1", "12 Example St\nLevel 2"),
        ("city", "None"),
        ("postalCode", "1010 AB"),
    ];
    assert_eq!(found(&rows), []);
}

#[test]
fn twins_that_differ_by_invisible_characters_are_found() {
    let run = Run::new().input(
        "in.csv",
        "clientId,companyName,currency,email\n\
         m\u{fc}ller,M\u{fc}ller GmbH,EUR,a@b.example\n\
         mu\u{308}ller,Mu\u{308}ller\u{ad} GmbH,EUR,a@b.example\n\
         c-1,Other,EUR,\n",
    );
    run.go("validate in.csv").code(0);
    let summary = run.summary("in.csv");
    assert_eq!(summary.lines_of("similar_client_id"), [3]);
    assert_eq!(summary.lines_of("same_customer"), [3]);
}
