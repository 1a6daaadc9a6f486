//! Reads an input in every way that the program reads it, and compares.
//!
//! An input is read from start to end, in parts that threads parse, and row by row at
//! its position. All three must give the same rows, whatever the bytes are.

use std::path::Path;
use std::sync::Arc;

use encoding_rs::UTF_8;
use kable_bulk::domain::row::{
    CellKind, Columns, Origin, ParallelRows, ReadState, Revisit, Row, Rows,
};
use kable_bulk::source::input::{Input, open};
use kable_bulk::source::reader::InputReader;
use kable_bulk::source::{FormatChoice, Settings};

/// More bytes than are read at once: what is repeated to this length crosses the ends
/// of reads and of parts.
const LONG: usize = 300 << 10;

/// How many rows of an input are read alone at most.
const ALONE: usize = 128;

/// A row as it was read.
#[derive(Debug, PartialEq)]
struct SeenRow {
    origin: Origin,
    raw: Vec<u8>,
    state: ReadState,
    /// Column, kind and value of each cell.
    cells: Vec<(String, CellKind, String)>,
}

impl SeenRow {
    fn of(row: &Row, columns: &Columns) -> Self {
        let cells = row.cells().map(|cell| {
            let name = columns.names.get(cell.column);
            let name = name.map_or_else(|| format!("#{}", cell.column), String::clone);
            (name, cell.kind, cell.value.to_owned())
        });
        Self {
            origin: row.origin,
            raw: row.raw().to_owned(),
            state: row.state.clone(),
            cells: cells.collect(),
        }
    }
}

/// Reads this format in UTF-8. Most changes of bytes are not UTF-8, and to detect their
/// encoding takes longer than all else.
pub fn utf8(format: FormatChoice) -> Settings {
    Settings {
        format,
        encoding: Some(UTF_8),
        ..Settings::default()
    }
}

/// Writes `content` to a file called `name`, and opens it.
pub(crate) fn opened(
    folder: &Path,
    name: &str,
    content: &[u8],
    settings: &Settings,
) -> Option<Input> {
    let path = folder.join(name);
    std::fs::write(&path, content).expect("a temporary file");
    match open(path.as_os_str(), settings, folder) {
        Ok(input) => Some(input),
        Err(error) => {
            // What is shown to the user must not panic either.
            let _shown = (error.to_string(), error.hint());
            None
        }
    }
}

/// Reads `content`, in a file called `name`, in every way; now and then also repeated,
/// which crosses the ends of reads.
///
/// # Panics
///
/// Panics if two ways give different rows.
pub fn read_every_way(name: &str, content: &[u8], settings: &Settings) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    compare(folder.path(), name, content, settings);
    let sum = content
        .iter()
        .fold(0u8, |sum, byte| sum.wrapping_add(*byte));
    // It takes as long as hundreds of others.
    if sum == 0 && !content.is_empty() {
        let long = content.repeat(LONG / content.len() + 1);
        compare(folder.path(), name, &long, settings);
    }
}

fn compare(folder: &Path, name: &str, content: &[u8], settings: &Settings) {
    let Some(input) = opened(folder, name, content, settings) else {
        return;
    };
    let inputs = Arc::from([input]);
    let Some(rows) = in_sequence(&inputs) else {
        return;
    };
    ensure_equal(&rows, &in_parts(&inputs), "in parts");
    let skipped = skipped(&inputs);
    assert_eq!(rows.len(), skipped, "rows that were skipped");
    let step = rows.len() / ALONE + 1;
    let mut single = InputReader::of_single_rows(inputs);
    let mut row = Row::default();
    for seen in rows.iter().rev().step_by(step) {
        let found = single.revisit(seen.origin, &mut row);
        assert!(found.expect("it was read before"), "{seen:?} is gone");
        assert_eq!(*seen, SeenRow::of(&row, single.columns()), "read alone");
    }
}

/// The rows from start to end; `None` if the header cannot be read.
fn in_sequence(inputs: &Arc<[Input]>) -> Option<Vec<SeenRow>> {
    let mut reader = InputReader::new(Arc::clone(inputs), None);
    let (mut row, mut rows) = (Row::default(), Vec::new());
    loop {
        match reader.next(&mut row) {
            Ok(true) => rows.push(SeenRow::of(&row, reader.columns())),
            Ok(false) => return Some(rows),
            Err(error) => {
                assert!(rows.is_empty(), "a row ends the input: {error}");
                return None;
            }
        }
    }
}

/// The rows of all parts.
fn in_parts(inputs: &Arc<[Input]>) -> Vec<SeenRow> {
    let mut parts = InputReader::new(Arc::clone(inputs), None);
    let (mut row, mut rows) = (Row::default(), Vec::new());
    while let Some(mut part) = parts.next_part().expect("it was read before") {
        let before = rows.len();
        while part.rows.next(&mut row).expect("it was read before") {
            rows.push(SeenRow::of(&row, part.rows.columns()));
        }
        assert_eq!((rows.len() - before) as u64, part.count, "rows of a part");
    }
    rows
}

/// How many rows there are if none is parsed.
fn skipped(inputs: &Arc<[Input]>) -> usize {
    let mut reader = InputReader::new(Arc::clone(inputs), None);
    let (mut row, mut many) = (Row::default(), 0);
    while reader.skip(&mut row).expect("it was read before") {
        many += 1;
    }
    many
}

/// Like `assert_eq`, but shows only the first difference.
fn ensure_equal(wanted: &[SeenRow], found: &[SeenRow], how: &str) {
    for (wanted, found) in wanted.iter().zip(found) {
        assert_eq!(wanted, found, "{how}");
    }
    assert_eq!(wanted.len(), found.len(), "rows {how}");
}
