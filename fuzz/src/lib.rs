//! Reads an input in every way that the program reads it, and compares.
//!
//! An input is read from start to end, in parts that threads parse, and row by row at
//! its position. All three must give the same rows, whatever the bytes are.

use std::sync::Arc;

use kable_bulk::domain::row::{
    CellKind, Columns, Origin, ParallelRows, ReadState, Revisit, Row, Rows,
};
use kable_bulk::source::Settings;
use kable_bulk::source::input::open;
use kable_bulk::source::reader::InputReader;

/// A row as it was read.
#[derive(Debug, PartialEq)]
struct Seen {
    origin: Origin,
    raw: Vec<u8>,
    state: ReadState,
    /// Column, kind and value of each cell.
    cells: Vec<(String, CellKind, String)>,
}

impl Seen {
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

/// Reads `content`, in a file called `name`, in every way.
///
/// # Panics
///
/// Panics if two ways give different rows.
pub fn read_every_way(name: &str, content: &[u8], settings: &Settings) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join(name);
    std::fs::write(&path, content).expect("a temporary file");
    let Ok(input) = open(path.as_os_str(), settings, folder.path()) else {
        return;
    };
    let inputs = Arc::from([input]);
    let mut reader = InputReader::new(Arc::clone(&inputs), None);
    let (mut row, mut rows) = (Row::default(), Vec::new());
    loop {
        match reader.next(&mut row) {
            Ok(true) => rows.push(Seen::of(&row, reader.columns())),
            Ok(false) => break,
            // A header that cannot be read.
            Err(_) => return,
        }
    }
    let mut parts = InputReader::new(Arc::clone(&inputs), None);
    let mut in_parts = Vec::new();
    while let Some(mut part) = parts.next_part().expect("it was read before") {
        while part.rows.next(&mut row).expect("it was read before") {
            in_parts.push(Seen::of(&row, part.rows.columns()));
        }
    }
    assert_eq!(rows, in_parts);
    let mut single = InputReader::of_single_rows(inputs);
    for seen in rows.iter().rev() {
        let found = single.revisit(seen.origin, &mut row);
        assert!(found.expect("it was read before"));
        assert_eq!(*seen, Seen::of(&row, single.columns()));
    }
}
