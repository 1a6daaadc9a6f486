use std::io::Write;
use std::path::Path;
use std::sync::Arc;

use proptest::prelude::*;

use crate::domain::row::{Cell, Origin, ParallelRows, ReadState, Revisit, Row, Rows};
use crate::source::csv::splitter::LONGEST_ROW;
use crate::source::input::{Input, open};
use crate::source::reader::InputReader;
use crate::source::{Settings, SourceError};

/// What a caller sees of a row: its position, state, bytes and cells.
type RowSnapshot = (Origin, ReadState, Vec<u8>, Vec<(String, String)>);

fn seen(row: &Row, rows: &impl Rows) -> RowSnapshot {
    let names = &rows.columns().names;
    let cell = |cell: Cell<'_>| {
        let name = names.get(cell.column).cloned().unwrap_or_default();
        (name, cell.value.to_owned())
    };
    let cells = row.cells().map(cell).collect();
    (row.origin, row.state.clone(), row.raw().to_vec(), cells)
}

fn one_by_one(mut rows: impl Rows<Error = SourceError>) -> Vec<RowSnapshot> {
    let mut row = Row::default();
    let mut all = Vec::new();
    while rows.next(&mut row).unwrap() {
        all.push(seen(&row, &rows));
    }
    all
}

fn in_parts(mut parts: InputReader) -> Vec<RowSnapshot> {
    let mut all = Vec::new();
    while let Some(part) = parts.next_part().unwrap() {
        let rows = one_by_one(part.rows);
        assert_eq!(rows.len() as u64, part.count);
        assert!(rows.iter().all(|row| row.0.input == part.input));
        all.extend(rows);
    }
    all
}

fn inputs(folder: &Path, texts: &[(&str, &[u8])]) -> Arc<[Input]> {
    let input = |(name, text): &(&str, &[u8])| {
        let place = folder.join(name);
        std::fs::File::create(&place)
            .unwrap()
            .write_all(text)
            .unwrap();
        open(place.as_os_str(), &Settings::default(), folder).unwrap()
    };
    texts.iter().map(input).collect()
}

/// Reads `texts` row by row, in parts and by position, and asserts that the rows
/// are the same.
fn all_alike(texts: &[(&str, &[u8])], limit: Option<u64>) -> Vec<RowSnapshot> {
    let folder = tempfile::tempdir().unwrap();
    let inputs = inputs(folder.path(), texts);
    let reader = || InputReader::new(Arc::clone(&inputs), limit);
    let wanted = one_by_one(reader());
    assert!(in_parts(reader()) == wanted, "{texts:?}");
    let mut again = reader();
    let mut row = Row::default();
    // Every third row first, then the rest.
    let order = (0..wanted.len())
        .filter(|n| n % 3 == 0)
        .chain((0..wanted.len()).filter(|n| n % 3 != 0));
    for at in order {
        assert!(again.revisit(wanted[at].0, &mut row).unwrap());
        assert!(seen(&row, &again) == wanted[at], "{at} of {texts:?}");
    }
    assert_jumps(reader(), &wanted);
    wanted
}

/// Asserts that `rows` are those that were `wanted` where more and more are skipped.
fn assert_jumps(mut rows: InputReader, wanted: &[RowSnapshot]) {
    let mut row = Row::default();
    let (mut at, mut many) = (0, 1);
    while at + many < wanted.len() {
        let last = wanted[at + many - 1].0;
        assert!(rows.skip_to(last, many as u64, &mut row).unwrap());
        assert!(rows.next(&mut row).unwrap());
        assert!(seen(&row, &rows) == wanted[at + many], "{at} and {many}");
        at += many + 1;
        many = 2 * many + 1;
    }
    assert!(one_by_one(rows) == wanted[at..], "{at}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn parts_and_places_give_the_same_rows(
        table in prop::collection::vec(prop::sample::select(b"ab,, \"\"\n\n\r\xff".to_vec()), 0..60),
        lines in prop::collection::vec(prop::sample::select(vec!["{\"a\":1}", "{\"b\":\"x\"}", "{}", "", "\r", "[", "{\"c\":{\"d\":[\"1\"]}}"]), 1..9),
        limit in prop::option::of(0u64..12),
    ) {
        let table = [b"a,b\nc,d\n".as_slice(), &table].concat();
        let lines = format!("{{}}\n{}", lines.join("\n"));
        all_alike(&[("a.csv", &table), ("b.jsonl", lines.as_bytes()), ("c.csv", b"a\n1\n")], limit);
    }
}

#[test]
fn parts_together_are_all_rows() {
    let row = "\"x, \"\"y\"\"\",\"two\nlines\",z\r\n";
    let table = format!("a,b,c\n{}", row.repeat(60_000));
    let line = "{\"a\":\"x\",\"b\":{\"c\":[\"y\",\"z\"]}}\n";
    let rows = all_alike(
        &[
            ("a.csv", table.as_bytes()),
            ("b.jsonl", line.repeat(40_000).as_bytes()),
        ],
        None,
    );
    assert_eq!(rows.len(), 100_000);
    assert_eq!(rows[59_999].0.line, 2 + 2 * 59_999);
}

#[test]
fn rows_near_the_length_limit_are_read_the_same() {
    for longer in [0, 1, 2, 300_000] {
        let long = "x".repeat(LONGEST_ROW + longer);
        let open = "y".repeat(LONGEST_ROW + longer);
        let table = format!("a\n1\n{long}\n2\n\"{open}\n");
        let lines = format!("{{}}\n{long}\n{{}}\n");
        let rows = all_alike(
            &[("a.csv", table.as_bytes()), ("b.jsonl", lines.as_bytes())],
            None,
        );
        let is_long = |row: &RowSnapshot| matches!(&row.1, ReadState::Broken(why) if why.starts_with("the row is longer"));
        let long: Vec<bool> = rows.iter().map(is_long).collect();
        let over = longer > 0;
        assert_eq!(
            long,
            [false, over, false, true, false, over, false],
            "{longer}"
        );
    }
}

/// The last row may be longer than one read, and need not end with a line end.
#[test]
fn a_long_last_row_without_a_line_end_is_read() {
    for length in [
        100_000,
        131_000,
        200_000,
        300_000,
        1_000_000,
        LONGEST_ROW + 300_000,
    ] {
        let long = "x".repeat(length);
        let table = format!("a\n1\n{long}");
        let lines = format!("{{}}\n{{\"a\":\"{long}\"}}");
        let rows = all_alike(
            &[("a.csv", table.as_bytes()), ("b.jsonl", lines.as_bytes())],
            None,
        );
        assert_eq!(rows.len(), 4, "{length}");
    }
}
