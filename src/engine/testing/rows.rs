//! Rows in memory.

use std::convert::Infallible;
use std::sync::Arc;

use crate::domain::row::{
    CellKind, Columns, InputPart, Origin, ParallelRows, ReadState, Revisit, Row, Rows,
};
use crate::domain::skip::SkipReason;

/// Rows of in-memory tables. A blank line is a blank row, and a line with another number of
/// cells than its header is a malformed row.
#[derive(Debug, Clone)]
pub(in crate::engine) struct MemoryRows {
    inputs: Arc<[(Columns, Vec<String>)]>,
    input: usize,
    place: usize,
    /// Where a part of an input ends; `None` for all inputs.
    end: Option<usize>,
}

impl MemoryRows {
    /// One input with the required columns and these rows.
    pub(in crate::engine) fn one<S: Into<String>>(rows: impl IntoIterator<Item = S>) -> Self {
        Self::of([("clientId,companyName,currency", rows)])
    }

    /// Several inputs: a header and rows each.
    pub(in crate::engine) fn of<S: Into<String>>(
        inputs: impl IntoIterator<Item = (&'static str, impl IntoIterator<Item = S>)>,
    ) -> Self {
        let table = |header: &str| {
            Columns::table(header.split(',').map(str::to_owned).collect(), header, b',')
        };
        Self {
            inputs: inputs
                .into_iter()
                .map(|(header, rows)| (table(header), rows.into_iter().map(Into::into).collect()))
                .collect(),
            input: 0,
            place: 0,
            end: None,
        }
    }

    /// The inputs' names: `a.csv`, `b.csv` …
    pub(in crate::engine) fn names(&self) -> Vec<String> {
        ('a'..='z')
            .take(self.inputs.len())
            .map(|letter| format!("{letter}.csv"))
            .collect()
    }
}

impl Rows for MemoryRows {
    type Error = Infallible;

    fn next(&mut self, row: &mut Row) -> Result<bool, Infallible> {
        if self.end == Some(self.place) {
            return Ok(false);
        }
        while self.input + 1 < self.inputs.len() && self.place == self.inputs[self.input].1.len() {
            (self.input, self.place) = (self.input + 1, 0);
        }
        let (columns, lines) = &self.inputs[self.input];
        let Some(line) = lines.get(self.place) else {
            return Ok(false);
        };
        self.place += 1;
        let origin = Origin {
            input: u16::try_from(self.input).unwrap(),
            line: self.place as u64 + 1,
            record: self.place as u64,
            byte: 0,
        };
        row.refill(origin, line.as_bytes()).unwrap();
        let mut start = 0;
        for (column, cell) in line.split(',').enumerate() {
            row.push_span(column, CellKind::Text, start, start + cell.len());
            start += cell.len() + 1;
        }
        if line.is_empty() {
            row.state = ReadState::Skipped(SkipReason::Blank);
        } else if row.cells().len() != columns.names.len() {
            row.break_off("another number of cells than the header");
        }
        Ok(true)
    }

    fn columns(&self) -> &Columns {
        &self.inputs[self.input].0
    }
}

impl ParallelRows for MemoryRows {
    type Error = Infallible;
    type Part = Self;

    /// Three rows of one input at most.
    fn next_part(&mut self) -> Result<Option<InputPart<Self>>, Infallible> {
        while self.input + 1 < self.inputs.len() && self.place == self.inputs[self.input].1.len() {
            (self.input, self.place) = (self.input + 1, 0);
        }
        let rows = &self.inputs[self.input].1;
        let many = 3.min(rows.len() - self.place);
        let part = Self {
            end: Some(self.place + many),
            ..self.clone()
        };
        self.place += many;
        Ok((many > 0).then(|| InputPart {
            rows: part,
            input: u16::try_from(self.input).unwrap(),
            count: many as u64,
        }))
    }
}

impl Revisit for MemoryRows {
    fn revisit(&mut self, place: Origin, row: &mut Row) -> Result<bool, Infallible> {
        self.input = usize::from(place.input);
        self.place = usize::try_from(place.record).unwrap() - 1;
        self.next(row)
    }

    fn finish(&mut self) -> Result<(), Infallible> {
        Ok(())
    }
}
