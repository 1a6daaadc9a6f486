//! Reads all inputs as one sequence of rows: in order, in parts that threads parse
//! in parallel, or single rows by position.

use std::io;
use std::sync::Arc;

use super::SourceError;
use super::bytes::chunk::NextCut;
use super::csv::CsvRows;
use super::input::{AnyRows, Input};
use super::jsonl::JsonlRows;
use crate::domain::row::{Columns, InputPart, Origin, ParallelRows, Revisit, Row, Rows};

/// Reads several inputs as one sequence of rows.
pub struct InputReader {
    inputs: Arc<[Input]>,
    next: usize,
    current: Option<AnyRows>,
    limit: Option<u64>,
    reads_little: bool,
    columns: Columns,
    /// The current input's encoding, if that is not UTF-8.
    encoding: Option<Arc<str>>,
}

impl std::fmt::Debug for InputReader {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("InputReader")
            .field("next", &self.next)
            .finish_non_exhaustive()
    }
}

impl InputReader {
    /// Reads `inputs` from their start; at most `limit` rows.
    pub fn new(inputs: Arc<[Input]>, limit: Option<u64>) -> Self {
        Self {
            inputs,
            next: 0,
            current: None,
            limit,
            reads_little: false,
            columns: Columns::open(),
            encoding: None,
        }
    }

    /// Reads the first rows of an input and those after it, at most `limit`.
    pub fn from_input(inputs: Arc<[Input]>, number: u16, limit: u64) -> Self {
        Self {
            next: usize::from(number),
            ..Self::new(inputs, Some(limit))
        }
    }

    /// Reads single rows of `inputs`, in small pieces.
    pub fn of_single_rows(inputs: Arc<[Input]>) -> Self {
        Self {
            reads_little: true,
            ..Self::new(inputs, None)
        }
    }

    /// Moves to the next row, of this input or the next, and parses it if `parse`
    /// is set.
    fn advance(&mut self, row: &mut Row, parse: bool) -> Result<bool, SourceError> {
        if self.limit == Some(0) {
            return Ok(false);
        }
        loop {
            if let Some(current) = &mut self.current {
                let more = match current {
                    AnyRows::Csv(rows) => rows.next(row)?,
                    AnyRows::Jsonl(rows) if parse => rows.next(row)?,
                    AnyRows::Jsonl(rows) => rows.skip()?,
                };
                if more {
                    if parse {
                        self.name_encoding(row);
                    }
                    self.limit = self.limit.map(|left| left - 1);
                    return Ok(true);
                }
                self.close()?;
            }
            if !self.open_next()? {
                return Ok(false);
            }
        }
    }

    /// Names the current input's encoding if `row` is not valid in it.
    fn name_encoding(&self, row: &mut Row) {
        if let Some(encoding) = &self.encoding {
            row.name_encoding(encoding);
        }
    }

    /// The number of the current input.
    fn number(&self) -> u16 {
        // The number of inputs is limited to what fits into 16 bits.
        u16::try_from(self.next.saturating_sub(1)).unwrap_or(u16::MAX)
    }

    /// Opens the next input; false if there is none.
    fn open_next(&mut self) -> Result<bool, SourceError> {
        let Some(input) = self.inputs.get(self.next) else {
            return Ok(false);
        };
        self.next += 1;
        let mut rows = input.rows(self.number())?;
        if self.reads_little {
            match &mut rows {
                AnyRows::Csv(rows) => rows.read_little(),
                AnyRows::Jsonl(rows) => rows.read_little(),
            }
        }
        self.encoding = input.encoding().map(Arc::from);
        self.current = Some(rows);
        Ok(true)
    }

    /// Ends the pass over the current input.
    fn close(&mut self) -> Result<(), SourceError> {
        self.current = None;
        match self.next.checked_sub(1).and_then(|at| self.inputs.get(at)) {
            Some(input) => input.end_pass(),
            None => Ok(()),
        }
    }

    /// An error if any input was changed.
    fn ensure_unchanged(&self) -> Result<(), SourceError> {
        self.inputs.iter().try_for_each(Input::ensure_unchanged)
    }

    /// Opens the input of this number, unless it is open already.
    fn open_at(&mut self, number: u16) -> Result<bool, SourceError> {
        if self.current.is_some() {
            if self.number() == number {
                return Ok(true);
            }
            self.close()?;
        }
        self.next = usize::from(number);
        self.open_next()
    }
}

impl Rows for InputReader {
    type Error = SourceError;

    fn next(&mut self, row: &mut Row) -> Result<bool, SourceError> {
        self.advance(row, true)
    }

    fn skip(&mut self, row: &mut Row) -> Result<bool, SourceError> {
        self.advance(row, false)
    }

    fn skip_to(&mut self, place: Origin, many: u64, row: &mut Row) -> Result<bool, SourceError> {
        let Some(before) = many.checked_sub(1) else {
            return Ok(true);
        };
        if let Some(limit) = &mut self.limit {
            *limit = limit.saturating_sub(before);
        }
        if !self.open_at(place.input)? {
            return Ok(false);
        }
        match &mut self.current {
            Some(AnyRows::Csv(rows)) => rows.go_to(place)?,
            Some(AnyRows::Jsonl(rows)) => rows.go_to(place)?,
            None => return Ok(false),
        }
        self.skip(row)
    }

    fn columns(&self) -> &Columns {
        match &self.current {
            Some(AnyRows::Csv(rows)) => rows.columns(),
            Some(AnyRows::Jsonl(rows)) => rows.columns(),
            None => &self.columns,
        }
    }
}

/// Consecutive rows of one input.
pub struct PartRows {
    kind: PartKind,
    /// The input's encoding, if that is not UTF-8.
    encoding: Option<Arc<str>>,
}

enum PartKind {
    Csv(CsvRows<io::Empty>),
    Jsonl(JsonlRows<io::Empty>),
    /// A row above the length limit, already read.
    One(Option<Row>, Arc<Columns>),
}

impl std::fmt::Debug for PartRows {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PartRows").finish_non_exhaustive()
    }
}

impl Rows for PartRows {
    type Error = SourceError;

    fn next(&mut self, row: &mut Row) -> Result<bool, SourceError> {
        let more = match &mut self.kind {
            PartKind::Csv(rows) => rows.next(row),
            PartKind::Jsonl(rows) => rows.next(row),
            PartKind::One(one, _) => match one.take() {
                Some(one) => {
                    *row = one;
                    Ok(true)
                }
                None => Ok(false),
            },
        }?;
        if let Some(encoding) = self.encoding.as_deref().filter(|_| more) {
            row.name_encoding(encoding);
        }
        Ok(more)
    }

    fn columns(&self) -> &Columns {
        match &self.kind {
            PartKind::Csv(rows) => rows.columns(),
            PartKind::Jsonl(rows) => rows.columns(),
            PartKind::One(_, columns) => columns,
        }
    }
}

impl ParallelRows for InputReader {
    type Error = SourceError;
    type Part = PartRows;

    fn next_part(&mut self) -> Result<Option<InputPart<PartRows>>, SourceError> {
        let most = self.limit.unwrap_or(u64::MAX);
        if most == 0 {
            return Ok(None);
        }
        loop {
            let input = self.number();
            if let Some(current) = &mut self.current {
                if let Some(mut part) = part_of(current, input, most)? {
                    part.rows.encoding.clone_from(&self.encoding);
                    self.limit = self.limit.map(|left| left - part.count);
                    return Ok(Some(part));
                }
                self.close()?;
            }
            if !self.open_next()? {
                return Ok(None);
            }
        }
    }
}

/// The next part of an input, at most `most` rows.
fn part_of(
    current: &mut AnyRows,
    input: u16,
    most: u64,
) -> Result<Option<InputPart<PartRows>>, SourceError> {
    let (kind, many) = match current {
        AnyRows::Csv(rows) => match rows.cut(most)? {
            (NextCut::Rows(cut), first) => {
                let many = cut.rows;
                let table = Arc::clone(rows.table());
                (PartKind::Csv(CsvRows::over(cut, first, input, table)), many)
            }
            (NextCut::Overlong, _) => {
                let mut row = Row::default();
                let more = rows.next(&mut row)?;
                (
                    PartKind::One(more.then_some(row), Arc::clone(rows.columns())),
                    1,
                )
            }
            (NextCut::End, _) => return Ok(None),
        },
        AnyRows::Jsonl(rows) => match rows.cut(most)? {
            NextCut::Rows(cut) => {
                let many = cut.rows;
                let part = JsonlRows::over(cut, input, rows.form());
                (PartKind::Jsonl(part), many)
            }
            NextCut::Overlong => {
                let mut row = Row::default();
                let more = rows.next(&mut row)?;
                (
                    PartKind::One(more.then_some(row), Arc::new(Columns::open())),
                    1,
                )
            }
            NextCut::End => return Ok(None),
        },
    };
    Ok(Some(InputPart {
        rows: PartRows {
            kind,
            encoding: None,
        },
        input,
        count: many,
    }))
}

impl Revisit for InputReader {
    fn revisit(&mut self, place: Origin, row: &mut Row) -> Result<bool, SourceError> {
        if !self.open_at(place.input)? {
            return Ok(false);
        }
        let more = match &mut self.current {
            Some(AnyRows::Csv(rows)) => {
                rows.go_to(place)?;
                rows.next(row)?
            }
            Some(AnyRows::Jsonl(rows)) => {
                rows.go_to(place)?;
                rows.next(row)?
            }
            None => false,
        };
        if more {
            self.name_encoding(row);
        } else {
            self.finish()?;
        }
        Ok(more)
    }

    fn finish(&mut self) -> Result<(), SourceError> {
        self.ensure_unchanged()
    }
}

#[cfg(test)]
#[path = "reader_tests.rs"]
mod tests;
