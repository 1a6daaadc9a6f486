//! The rows of the inputs in parts, to be read side by side; and single rows
//! once more, where they stand.

use std::io;
use std::sync::Arc;

use super::SourceError;
use super::bytes::chunk::Found;
use super::csv::CsvRows;
use super::input::{AnyRows, Reader};
use super::jsonl::JsonlRows;
use crate::domain::row::{Columns, InputPart, Origin, ParallelRows, Revisit, Row, Rows};

/// Some rows of one input that follow each other.
pub struct PartRows(Kind);

enum Kind {
    Csv(CsvRows<io::Empty>),
    Jsonl(JsonlRows<io::Empty>),
    /// A row that is too long to be handed on, and is known not to be one.
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
        match &mut self.0 {
            Kind::Csv(rows) => rows.next(row),
            Kind::Jsonl(rows) => rows.next(row),
            Kind::One(one, _) => match one.take() {
                Some(one) => {
                    *row = one;
                    Ok(true)
                }
                None => Ok(false),
            },
        }
    }

    fn columns(&self) -> &Columns {
        match &self.0 {
            Kind::Csv(rows) => rows.columns(),
            Kind::Jsonl(rows) => rows.columns(),
            Kind::One(_, columns) => columns,
        }
    }
}

impl ParallelRows for Reader {
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
                if let Some(part) = part_of(current, input, most)? {
                    self.limit = self.limit.map(|left| left - part.many);
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

/// The next part of an input, of at most `most` rows.
fn part_of(
    current: &mut AnyRows,
    input: u16,
    most: u64,
) -> Result<Option<InputPart<PartRows>>, SourceError> {
    let (kind, many) = match current {
        AnyRows::Csv(rows) => match rows.cut(most)? {
            (Found::Rows(cut), first) => {
                let many = cut.rows;
                let columns = Arc::clone(rows.columns());
                (Kind::Csv(CsvRows::over(cut, first, input, columns)), many)
            }
            (Found::Overlong, _) => {
                let mut row = Row::default();
                let more = rows.next(&mut row)?;
                (
                    Kind::One(more.then_some(row), Arc::clone(rows.columns())),
                    1,
                )
            }
            (Found::End, _) => return Ok(None),
        },
        AnyRows::Jsonl(rows) => match rows.cut(most)? {
            Found::Rows(cut) => {
                let many = cut.rows;
                (Kind::Jsonl(JsonlRows::over(cut, input)), many)
            }
            Found::Overlong => {
                let mut row = Row::default();
                let more = rows.next(&mut row)?;
                (Kind::One(more.then_some(row), Arc::new(Columns::open())), 1)
            }
            Found::End => return Ok(None),
        },
    };
    Ok(Some(InputPart {
        rows: PartRows(kind),
        input,
        many,
    }))
}

impl Revisit for Reader {
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
        if !more {
            self.finish()?;
        }
        Ok(more)
    }

    fn finish(&mut self) -> Result<(), SourceError> {
        self.demand_unchanged()
    }
}

#[cfg(test)]
#[path = "reader_tests.rs"]
mod tests;
