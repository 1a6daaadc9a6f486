use proptest::prelude::*;

use super::dialect::TableLayout;
use super::splitter::tests::Pieces;
use super::{CsvRows, LONGEST_ROW};
use crate::domain::row::{ReadState, Row};
use crate::domain::skip::SkipReason;
use crate::source::{Settings, ShortRows};

fn open<'t>(text: &'t [u8], piece: usize, settings: &Settings) -> CsvRows<Pieces<'t>> {
    let layout = TableLayout::detect(text, settings, "in.csv").unwrap();
    CsvRows::new(Pieces(text, piece), "in.csv", 0, &layout).unwrap()
}

fn rows(text: &[u8], piece: usize) -> Vec<Row> {
    rows_by(text, piece, &Settings::default())
}

fn rows_by(text: &[u8], piece: usize, settings: &Settings) -> Vec<Row> {
    all(open(text, piece, settings))
}

fn all(mut rows: CsvRows<Pieces<'_>>) -> Vec<Row> {
    let mut all = Vec::new();
    let mut row = Row::default();
    while rows.next(&mut row).unwrap() {
        all.push(row.clone());
    }
    all
}

fn cells(row: &Row) -> Vec<&str> {
    row.cells().map(|cell| cell.value).collect()
}

fn places(rows: &[Row]) -> Vec<(u64, u64, u64)> {
    rows.iter()
        .map(|row| (row.origin.line, row.origin.record, row.origin.byte))
        .collect()
}

fn broken(row: &Row) -> &str {
    match &row.state {
        ReadState::Broken(why) => why,
        ReadState::Good | ReadState::Skipped(_) => "",
    }
}

#[test]
fn quoted_cells_line_breaks_and_a_byte_order_mark_are_read() {
    let text = b"\xef\xbb\xbfa,b\r\n\"x \"\"y\"\", z\",\"two\r\nlines\"\r\n1,2";
    for piece in [1, 2, 3, 1000] {
        let rows = rows(text, piece);
        assert_eq!(cells(&rows[0]), ["x \"y\", z", "two\r\nlines"]);
        assert_eq!(rows[0].raw(), b"\"x \"\"y\"\", z\",\"two\r\nlines\"");
        assert_eq!(cells(&rows[1]), ["1", "2"]);
        assert_eq!(places(&rows), [(2, 1, 8), (4, 2, 35)]);
    }
}

#[test]
fn every_kind_of_line_end_counts_once() {
    let rows = rows(b"a\n1\r\n2\r3\n\r\n4", 1);
    assert_eq!(
        places(&rows),
        [(2, 1, 2), (3, 2, 5), (4, 3, 7), (5, 4, 9), (6, 5, 11)]
    );
    assert_eq!(rows[3].state, ReadState::Skipped(SkipReason::Blank));
}

#[test]
fn rows_of_blank_cells_are_blank() {
    let rows = rows(b"a,b,c\n\n,,\n  ,\"\",\t\n,\n", 7);
    assert!(
        rows.iter()
            .all(|row| row.state == ReadState::Skipped(SkipReason::Blank)),
        "{rows:?}"
    );
    assert_eq!(rows.len(), 4);
}

#[test]
fn rows_with_too_few_or_too_many_cells_are_read() {
    let rows = rows(b"a,b\n1\n1,2,3\n1,2\n", 3);
    assert_eq!(
        broken(&rows[0]),
        "the row has 1 cell, wanted 2 as in the header \
         (with --short-rows accept, missing cells at the end are empty)"
    );
    assert!(broken(&rows[1]).starts_with("the row has 3 cells, wanted 2"));
    assert_eq!(rows[2].state, ReadState::Good);
}

#[test]
fn an_unclosed_quote_takes_the_rest_and_is_reported() {
    let rows = rows(b"a,b\n1,\"open\n2,3\n", 4);
    assert_eq!(rows.len(), 1);
    assert_eq!(
        broken(&rows[0]),
        "a quote is opened and never closed, wanted one that closes it: everything from line 2 to 3 was read as one row"
    );
    assert_eq!(rows[0].origin.line, 2);
    assert_eq!(rows[0].raw(), b"1,\"open\n2,3\n");
}

#[test]
fn text_after_a_closing_quote_is_an_error_and_spaces_are_not() {
    let rows = rows(b"a,b\n\"Foo\" Inc,2\n\"x\"  ,\"y\" \n", 2);
    assert!(broken(&rows[0]).starts_with("text follows a closing quote"));
    assert_eq!(cells(&rows[1]), ["x", "y"]);
}

#[test]
fn a_quote_within_an_unquoted_cell_is_a_character() {
    assert_eq!(
        cells(&rows(b"a,b\n5\" pipe,x\"y\"\n", 3)[0]),
        ["5\" pipe", "x\"y\""]
    );
}

#[test]
fn invalid_utf8_breaks_only_its_row() {
    let rows = rows(b"a,b\nM\xfcller,2\n3,4\n", 5);
    assert_eq!(
        broken(&rows[0]),
        "not UTF-8 at byte 2 of the row, wanted UTF-8 throughout"
    );
    assert_eq!(rows[0].raw(), b"M\xfcller,2");
    assert_eq!(rows[1].state, ReadState::Good);
}

#[test]
fn an_overlong_row_is_discarded_and_the_next_is_read() {
    let mut text = b"a,b\n1,\"".to_vec();
    text.extend(std::iter::repeat_n(b"long\n", LONGEST_ROW / 4).flatten());
    text.extend(b"\"\n3,4\n");
    let rows = rows(&text, 1 << 16);
    assert!(broken(&rows[0]).starts_with("the row is longer than 4 MiB"));
    assert_eq!(cells(&rows[1]), ["3", "4"]);
    assert_eq!(rows[1].origin.line, 3 + LONGEST_ROW as u64 / 4);
    assert_eq!(rows[1].origin.byte, text.len() as u64 - 4);
}

#[test]
fn a_header_without_rows_has_no_rows() {
    for text in [&b"a,b"[..], b"a,b\r\n", b"\xef\xbb\xbfa,b\n\n"] {
        let rows = rows(text, 3);
        assert!(rows.iter().all(|row| row.state != ReadState::Good));
    }
}

#[test]
fn how_a_table_is_written_is_remembered() {
    for (text, is_marked, line_end, header) in [
        (&b"a,b\n1,2\n"[..], false, "\n", "a,b"),
        (
            b"\xef\xbb\xbf\"a\" , b\r\n1,\"2\n3\"\r\n",
            true,
            "\r\n",
            "\"a\" , b",
        ),
        (
            b"title\r\n\r\nclientId;name\r\n",
            false,
            "\r\n",
            "clientId;name",
        ),
        (b"a\r1\r", false, "\n", "a"),
        (b"a", false, "\n", "a"),
    ] {
        let rows = open(text, 2, &Settings::default());
        let columns = rows.columns();
        assert_eq!(
            (columns.is_marked, columns.line_end, columns.header.as_str()),
            (is_marked, line_end, header)
        );
    }
}

#[test]
fn lines_before_the_header_are_no_rows() {
    let text = b"sep=;\r\nCustomer List\r\n\"As of\nOctober\"\r\n\r\nid;name;Currency\r\n1;2;3\r\n";
    for piece in [1, 1000] {
        let rows = rows(text, piece);
        assert_eq!(rows.len(), 1);
        assert_eq!(cells(&rows[0]), ["1", "2", "3"]);
        assert_eq!((rows[0].origin.line, rows[0].origin.record), (7, 1));
    }
}

#[test]
fn a_quote_after_blanks_opens_a_cell() {
    let rows = rows(
        b"a,b,c\n1, \"x, y\", z\n  \"p\n\"\"q\"\"\",  ,\" r\"\n1, 5\" pipe,2\n",
        2,
    );
    assert_eq!(cells(&rows[0]), ["1", "x, y", " z"]);
    assert_eq!(cells(&rows[1]), ["p\n\"q\"", "  ", " r"]);
    assert_eq!(cells(&rows[2]), ["1", " 5\" pipe", "2"]);
}

#[test]
fn names_that_occur_twice_are_both_kept() {
    let rows = open(b"name,id,name\n1,2,3\n", 9, &Settings::default());
    assert_eq!(rows.columns().names, ["name", "id", "name"]);
}

#[test]
fn a_formula_that_keeps_zeros_is_text() {
    let rows = rows(b"a,b\n=\"00123\",\"=\"\"00123\"\"\"\n", 9);
    assert_eq!(cells(&rows[0]), ["=\"00123\"", "=\"00123\""]);
}

#[test]
fn empty_cells_beyond_the_header_are_no_error() {
    let rows = rows(b"a,b,,\n1,2,,,, \n3,4\n5,6,7\n8,9,,,x\n1\n", 5);
    assert_eq!(cells(&rows[0]), ["1", "2", "", ""]);
    assert_eq!(cells(&rows[1]), ["3", "4"]);
    assert_eq!(cells(&rows[2]), ["5", "6", "7"]);
    assert!(broken(&rows[3]).starts_with("the row has 5 cells, wanted 4"));
    assert!(broken(&rows[4]).contains("--short-rows accept"));
}

#[test]
fn short_rows_are_accepted_if_told() {
    let text = b"a,b,c\n1\n1,2\n\n1,2,3,4\n";
    let layout = TableLayout {
        short_rows: ShortRows::Accept,
        ..TableLayout::detect(text, &Settings::default(), "in.csv").unwrap()
    };
    let rows = all(CsvRows::new(Pieces(text, 5), "in.csv", 0, &layout).unwrap());
    assert_eq!(cells(&rows[0]), ["1"]);
    assert_eq!(cells(&rows[1]), ["1", "2"]);
    assert_eq!(rows[2].state, ReadState::Skipped(SkipReason::Blank));
    assert!(broken(&rows[3]).starts_with("the row has 4 cells, wanted 3"));
}

/// `mysqldump --tab` writes a backslash before a line break within a value: the line is
/// not whole, however many cells are missing.
#[test]
fn an_escaped_line_end_is_said() {
    let text =
        b"a\tb\tc\td\n1\t12 Elm St\\\nRear\tx\ty\n2\tC:\\\\\n1\t2\t3\t4\t5\\\r\n1\t2\t3\td:\\\n";
    for short_rows in [ShortRows::Reject, ShortRows::Accept] {
        let layout = TableLayout {
            short_rows,
            ..TableLayout::detect(text, &Settings::default(), "in.txt").unwrap()
        };
        let rows = all(CsvRows::new(Pieces(text, 5), "in.txt", 0, &layout).unwrap());
        for (row, counts) in [(0, "has 2 cells, wanted 4"), (3, "has 5 cells, wanted 4")] {
            let why = broken(&rows[row]);
            assert!(why.contains(counts), "{why}");
            assert!(why.contains("its line ends in a backslash"), "{why}");
            assert!(why.contains("--fields-enclosed-by='\"'"), "{why}");
        }
        for row in [1, 2] {
            match short_rows {
                ShortRows::Accept => assert_eq!(rows[row].state, ReadState::Good),
                ShortRows::Reject => assert!(broken(&rows[row]).contains("--short-rows accept")),
            }
        }
        // A value may end in a backslash.
        assert_eq!(cells(&rows[4]), ["1", "2", "3", "d:\\"]);
    }
}

/// How each row of a table of id, company and currency, or with other `columns`, is read.
fn footers(columns: &str, lines: &[&str]) -> Vec<bool> {
    let text = format!("{columns}\n{}\n", lines.join("\n"));
    let rows = rows(text.as_bytes(), 7);
    let is_footer = |row: &Row| row.state == ReadState::Skipped(SkipReason::Footer);
    assert_eq!(rows.len(), lines.len());
    rows.iter().map(is_footer).collect()
}

#[test]
fn totals_and_footers_are_skipped() {
    let lines = [
        "Total,,,\"1,550.00\",",
        "Total,,,,",
        ",,,Total,12",
        "Grand Totals (5700 records)",
        "\"Grand Totals (5700 records)\",,,,",
        "Confidential Information - Do Not Distribute",
        "Copyright (c) 2000-2026 salesforce.com, inc. All rights reserved.",
        "\"Copyright (c) 2000-2026 salesforce.com, inc. All rights reserved.\"",
        "\"Thursday, October 1, 2026 07:33 AM GMTZ\",,,,",
        "Thursday, October 1, 2026 07:33 AM GMTZ",
        "Generated By: Dana Whitfield 10/1/2026",
        "(57 rows)",
        "-----,-----,---,--- ,----",
        "TOTAL,,,,\"-12,50\",,",
    ];
    let found = footers("clientId,companyName,currency,Open Balance,Visits", &lines);
    for (line, is_footer) in lines.iter().zip(found) {
        assert!(is_footer, "{line}");
    }
}

#[test]
fn the_header_again_is_no_customer() {
    let lines = [
        "c-1,A,USD",
        "clientId,companyName,currency",
        "\"clientId\",\"companyName\", currency ",
        "clientId,companyName,USD",
        "clientId,companyName",
    ];
    assert_eq!(
        footers("clientId,companyName,currency", &lines),
        [false, true, true, false, false]
    );
    assert_eq!(footers("clientId", &["clientId"]), [false]);
}

#[test]
fn customers_that_are_called_total_are_customers() {
    let lines = [
        "Total,c-9,USD,,",
        "Total,17,,12.50,",
        "Total Wine,,,,",
        "Total Wine,c-8,USD,\"1,550.00\",",
        ",Total,USD,,",
        "Total,,USD,12.50,",
        "Copyright Agency,c-7,EUR,,",
        "Monday,c-6,EUR,,",
        "c-5,Grand Totals (5700 records),USD,,",
        "2026-10-01,Date Ltd,USD,,",
        "Totally short",
        "c-4,---,---,,",
    ];
    let found = footers("companyName,clientId,currency,Open Balance,Visits", &lines);
    for (line, is_footer) in lines.iter().zip(found) {
        assert!(!is_footer, "{line}");
    }
    assert_eq!(footers("clientId", &["Total"]), [false]);
    // The end of PostgreSQL's COPY.
    assert_eq!(
        footers("clientId,companyName,currency", &["\\.", "\\.,A,USD"]),
        [true, false]
    );
}

/// Named columns are empty in a total, unless they are what it sums.
#[test]
fn a_total_is_one_whatever_columns_are_named() {
    let settings = Settings {
        columns: ["Kunde", "Nr", "Open Balance", "Total Spend"]
            .map(str::to_owned)
            .into(),
        ..Settings::default()
    };
    let text = b"Kunde,Nr,Open Balance,Total Spend\nTotal,17,12,13\nTotal,,12,13\n";
    let rows = rows_by(text, 9, &settings);
    assert_eq!(rows[0].state, ReadState::Good);
    assert_eq!(rows[1].state, ReadState::Skipped(SkipReason::Footer));
}

#[test]
fn the_end_of_an_old_file_is_a_blank_row() {
    for text in [&b"a,b\r\n1,2\r\n\x1a"[..], b"a,b\r\n1,2\r\n\x1a\x1a\r\n"] {
        let rows = rows(text, 4);
        assert_eq!(rows[0].state, ReadState::Good);
        assert_eq!(rows[1].state, ReadState::Skipped(SkipReason::Blank));
        assert_eq!(rows.len(), 2);
    }
}

#[test]
fn the_end_of_an_old_file_may_follow_its_last_cell() {
    for (last, read) in [
        (&b"2\x1a"[..], &["1", "2"][..]),
        (b"\"2\"\x1a", &["1", "2"]),
        (b"\"2\" \x1a", &["1", "2"]),
    ] {
        let text = [b"a,b\r\n1,", last].concat();
        for piece in [1, 2, 100] {
            let rows = rows(&text, piece);
            assert_eq!(cells(&rows[0]), read, "{last:?}");
            assert_eq!(rows.len(), 1);
        }
    }
    for last in [&b"\"2\"\x1a\x1a"[..], b"\"2\"\x1ax", b"\"2\"\x1a\n3,4"] {
        let text = [b"a,b\r\n1,", last].concat();
        assert!(broken(&rows(&text, 3)[0]).contains("closing quote"));
    }
}

/// In a mended rejects file, the lines that an unclosed quote had taken along lack the
/// added cells.
#[test]
fn rows_of_a_rejects_file_may_lack_the_added_cells() {
    let header = "_line,_code,_field,_message,clientId,companyName,currency";
    let lines = [
        "3,malformed_row,,\"text, follows\",c-2,Birch,USD",
        "c-3,Cedar,USD",
        "4,Fir,USD",
        "5,malformed_row,,short,c-5,Gum",
        "c-6,Hazel",
        ",,,,c-7,Ivy,USD",
        "c-8,\"Kiri\" Ltd,USD",
        "6,missing_field;corrected,currency,m,c-9,\"Oak\" Ltd,USD",
        "c-10,Elm,USD,,,,",
    ];
    let rows = rows(format!("{header}\n{}\n", lines.join("\n")).as_bytes(), 6);
    let added: Vec<usize> = rows.iter().map(|row| row.added_cells).collect();
    assert_eq!(added, [4, 0, 0, 4, 0, 4, 0, 4, 0]);
    let columns = |row: &Row| row.cells().map(|cell| cell.column).collect::<Vec<_>>();
    assert_eq!(cells(&rows[1]), ["c-3", "Cedar", "USD"]);
    assert_eq!(columns(&rows[1]), [4, 5, 6]);
    assert_eq!(columns(&rows[2]), [4, 5, 6]);
    assert!(broken(&rows[3]).starts_with("the row has 6 cells, wanted 7"));
    assert!(broken(&rows[4]).starts_with("the row has 2 cells, wanted 3"));
    assert_eq!(columns(&rows[5]).len(), 7);
    assert!(broken(&rows[6]).starts_with("text follows"));
    assert_eq!(columns(&rows[8]), [4, 5, 6]);
}

/// Cells as people may have them.
fn cell() -> impl Strategy<Value = String> {
    "[ab0-9é名=' ,;\t|\"\n\r.:-]{0,8}"
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(600))]

    /// Any table that the `csv` crate writes is read back equal, in any dialect.
    #[test]
    fn tables_are_read_back_as_they_were_written(
        cells_of in prop::collection::vec(prop::collection::vec(cell(), 3), 1..12),
        delimiter in prop::sample::select(b",;\t|^: ".to_vec()),
        style in 0..3_usize,
        ends in 0..3_usize,
        mark in any::<bool>(),
        told in any::<bool>(),
    ) {
        let header = ["clientId", "companyName", "currency"].map(str::to_owned);
        let mut writer = ::csv::WriterBuilder::new();
        writer.delimiter(delimiter);
        writer.quote_style([::csv::QuoteStyle::Necessary, ::csv::QuoteStyle::Always, ::csv::QuoteStyle::NonNumeric][style]);
        writer.terminator([::csv::Terminator::CRLF, ::csv::Terminator::Any(b'\n'), ::csv::Terminator::Any(b'\r')][ends]);
        let mut writer = writer.from_writer(if mark { "\u{feff}".into() } else { Vec::new() });
        writer.write_record(&header).unwrap();
        for cells in &cells_of {
            writer.write_record(cells).unwrap();
        }
        let text = writer.into_inner().unwrap();
        let is_usual = b",;\t|".contains(&delimiter);
        let settings = Settings {
            delimiter: Some(delimiter).filter(|_| told || !is_usual),
            ..Settings::default()
        };
        let mut rows = open(&text, 1000, &settings);
        prop_assert_eq!(&rows.columns().names, &header);
        prop_assert_eq!(rows.columns().delimiter, delimiter);
        prop_assert_eq!(rows.columns().is_marked, mark);
        let mut row = Row::default();
        for wanted in &cells_of {
            prop_assert!(rows.next(&mut row).unwrap());
            // A cell that begins with blanks and a quote was quoted by the crate.
            prop_assert_eq!(&cells(&row), wanted);
        }
        prop_assert!(!rows.next(&mut row).unwrap());
    }
}
