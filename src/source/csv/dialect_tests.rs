use super::TableLayout;
use crate::source::{Settings, SourceError};

/// The delimiter that is detected, and the text that the header starts with.
fn found<'t>(text: &'t str, named: &[&str]) -> (char, &'t str) {
    let settings = Settings {
        columns: named.iter().map(|name| (*name).to_owned()).collect(),
        ..Settings::default()
    };
    let layout = TableLayout::detect(text.as_bytes(), &settings, "in.csv").unwrap();
    let header = usize::try_from(layout.header).unwrap();
    let line = text
        .split_at(header)
        .1
        .trim_start_matches('\u{feff}')
        .lines()
        .next();
    (char::from(layout.delimiter), line.unwrap_or_default())
}

#[test]
fn the_delimiter_is_detected() {
    for (text, delimiter) in [
        ("clientId,companyName,currency\n", ','),
        ("clientId;companyName;currency\n", ';'),
        ("clientId\tcompanyName\tcurrency\n", '\t'),
        ("clientId|companyName|currency\n", '|'),
        ("\u{feff}\"client,Id\";companyName;currency\n", ';'),
        ("a;b;c,d\n", ';'),
        ("clientId\n", ','),
        ("", ','),
        // A header in quotes, without a name that is known.
        ("\"Kd-Nr\";\"Firma, Ort\"\n\"1\";\"A, B\"\n", ';'),
        ("\"a\";\"b\"", ';'),
        // The rows decide: decimal commas, one cell with the delimiter.
        ("Firma;Saldo\nA;1,50\nB;2,50\n", ';'),
        ("Firma,Saldo\nA;x,1\nB,2\nC;,3\n", ','),
        (
            "Betrag (EUR, USD);Ort, PLZ\n12,5;Berlin, 10115\n7,0;Bonn, 53111\n",
            ';',
        ),
        // Only the first row is wrong.
        ("clientId,companyName,\"client\" Id\n", ','),
    ] {
        assert_eq!(found(text, &[]).0, delimiter, "{text:?}");
    }
}

#[test]
fn names_that_were_given_count_as_known() {
    let text = "Betrag (EUR, USD);Ort, PLZ\n1,2;A, B\n";
    assert_eq!(found(text, &["Ort, PLZ"]).0, ';');
    let text = "x,y;Nr #2,z\n1,2;3,4\n";
    assert_eq!(found(text, &["z"]).0, ',');
    assert_eq!(found(text, &["x,y"]).0, ';');
    assert_eq!(found("N;O|N;P\n1;2|3;4\n", &["N#2", "P"]).0, ';');
}

#[test]
fn a_separator_line_gives_the_delimiter_and_is_not_the_header() {
    for line in [
        "sep=;",
        "SEP=;",
        "\"sep=;\"",
        "\u{feff}sep=;",
        "Sep=; ",
        "\u{feff}\"SEP=;\"",
    ] {
        for end in ["\n", "\r\n", "\r"] {
            let text = format!("{line}{end}a,b;c{end}1,2;3{end}");
            let (delimiter, header) = found(&text, &[]);
            assert_eq!(delimiter, ';', "{text:?}");
            assert!(header.starts_with("a,b;c"), "{text:?}: {header:?}");
        }
    }
    assert_eq!(found("sep=\t\na,b\tc\n", &[]), ('\t', "a,b\tc"));
    assert_eq!(found("sep=;,x\na,b\n", &[]).0, ',');
}

#[test]
fn the_header_is_found_below_titles_and_comments() {
    let header = "clientId,companyName,currency";
    for before in [
        "",
        "\n\n",
        "Customer Contact List\nExample Trading Ltd\n\"As of October 1, 2026\"\n\n",
        "\u{feff}Customers,,\nCurrency,USD,\n,,\n",
        "# exported by a script\n# 2026-10-01, all of them\n",
        "# one comment, with, commas\n",
        "{}\n",
        "A title with a \"quote\"\n",
        "1\n2\n3\n4\n5\n6\n7\n8\n9\n10\n11\n12\n13\n14\n15\n",
    ] {
        let text = format!("{before}{header}\nc-1,Aster,USD\n");
        assert_eq!(found(&text, &[]), (',', header), "{text:?}");
    }
    let text = "Kunden am 1.10.\n\nNr;Firma;Land\n1;A;DE\n";
    assert_eq!(found(text, &["Nr", "Firma"]), (';', "Nr;Firma;Land"));
    // A comment of one cell is never the header.
    assert_eq!(found("# x\na;b\n1;2\n", &[]), (';', "a;b"));
    assert_eq!(found("#;Firma\n1;A\n", &[]), (';', "#;Firma"));
}

/// Customers must not be taken for titles.
#[test]
fn rows_of_the_table_are_not_passed_over() {
    for text in [
        "Nr,Firma,Typ\n1,Aster,Customer\n2,Name,Company\n",
        "clientId,companyName,currency\nid,name,currency\n",
        "a,b\nid,name\n",
    ] {
        let header = text.lines().next().unwrap();
        assert_eq!(found(text, &[]), (',', header));
    }
}

#[test]
fn unusual_delimiters_are_named() {
    for (text, delimiter) in [
        (
            "clientId companyName currency\nc-1 Aster USD\n",
            "--delimiter ' '",
        ),
        ("clientId^companyName^currency\n", "--delimiter '^'"),
        ("id:name:currency\n", "--delimiter :"),
    ] {
        let error = TableLayout::detect(text.as_bytes(), &Settings::default(), "in.csv");
        let error = error.unwrap_err();
        assert!(matches!(error, SourceError::OtherDelimiter { .. }));
        assert!(error.hint().unwrap().contains(delimiter));
        let given = Settings {
            delimiter: Some(*delimiter.trim_end_matches('\'').as_bytes().last().unwrap()),
            ..Settings::default()
        };
        let layout = TableLayout::detect(text.as_bytes(), &given, "in.csv").unwrap();
        assert_eq!(layout.header, 0);
    }
    // A title in words, and a column of one name.
    assert_eq!(found("Customer Name\nx\n", &[]).0, ',');
    assert_eq!(found("Our name for the customer\nx\n", &[]).0, ',');
}

#[test]
fn a_header_of_unknown_names_is_found_below_titles() {
    for (text, header) in [
        (
            "Kundenliste;;;\nStand: 31.12.2024;;;\n\nDebitor;Name 1;Ort;Land\n1;A;B;DE\n",
            "Debitor;Name 1;Ort;Land",
        ),
        (
            "Kundenliste\nDebitor;Firma;Ort\n1;A;B\n",
            "Debitor;Firma;Ort",
        ),
        // A short header, and a table of one column.
        ("Debitor;\nName;Ort\n", "Debitor;"),
        ("Debitor\n1\n2\n", "Debitor"),
        ("clientId;;\n1;2;3\n", "clientId;;"),
    ] {
        assert_eq!(found(text, &[]).1, header, "{text}");
    }
}
