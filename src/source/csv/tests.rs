use super::splitter::tests::Pieces;
use super::{CsvRows, LONGEST_ROW, delimiter_of};
use crate::domain::row::{ReadState, Row};
use crate::domain::skip::SkipReason;
use crate::source::SourceError;

fn rows(text: &[u8], piece: usize) -> Vec<Row> {
    let mut rows = CsvRows::new(Pieces(text, piece), "in.csv", 0, b',').unwrap();
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
        "the row has 1 cells, wanted 2 as in the header"
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
fn a_header_without_rows_is_an_error() {
    let mut rows = CsvRows::new(&b"a,b\n"[..], "in.csv", 0, b',').unwrap();
    assert!(matches!(
        rows.next(&mut Row::default()),
        Err(SourceError::OnlyHeader { .. })
    ));
}

#[test]
fn the_delimiter_is_detected() {
    for (text, delimiter) in [
        (&b"clientId,companyName,currency\n"[..], b','),
        (b"clientId;companyName;currency\n", b';'),
        (b"clientId\tcompanyName\tcurrency\n", b'\t'),
        (b"clientId|companyName|currency\n", b'|'),
        (b"\xef\xbb\xbf\"client,Id\";companyName;currency\n", b';'),
        (b"a;b;c,d\n", b';'),
        (b"sep=;\nclientId,x;companyName\n", b';'),
        (b"clientId\n", b','),
    ] {
        assert_eq!(char::from(delimiter_of(text)), char::from(delimiter));
    }
}

#[test]
fn a_separator_line_is_not_the_header() {
    let mut rows = CsvRows::new(&b"sep=;\r\na;b\r\n1;2\r\n"[..], "in.csv", 0, b';').unwrap();
    assert_eq!(rows.columns().names, ["a", "b"]);
    let mut row = Row::default();
    assert!(rows.next(&mut row).unwrap());
    assert_eq!((row.origin.line, row.origin.record), (3, 2 - 1));
}
