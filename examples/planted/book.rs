//! The two files, row by row: where each row is, and what is wrong with it.

use std::collections::BTreeMap;
use std::io::Write;

use super::broken::Broken;
use super::encode::{self, Format};
use super::row::{Field, Row};
use super::truth::{BROKEN, Code, Place, Planted, Truth};

/// The counts of the generated files.
#[derive(Debug, Default)]
pub(crate) struct Made {
    pub(crate) rows: u64,
    /// Blank rows.
    pub(crate) blank: u64,
    /// Rows with an error.
    pub(crate) rejected: u64,
    pub(crate) bytes: u64,
    /// How often each form of every mistake was planted, at least.
    pub(crate) rounds: usize,
    /// How many mistakes of each code.
    pub(crate) planted: BTreeMap<Code, u64>,
}

/// A longer id is cut where it is shown.
const SHOWN: usize = 80;

/// The two files.
pub(super) struct Book<O: Write, T: Write> {
    out: O,
    truth: Truth<T>,
    format: Format,
    made: Made,
    /// The line that comes next.
    line: u64,
}

impl<O: Write, T: Write> Book<O, T> {
    /// Begins them.
    pub(super) fn new(format: Format, out: O, truth: T) -> anyhow::Result<Self> {
        let mut book = Self {
            out,
            truth: Truth::new(truth)?,
            format,
            made: Made::default(),
            line: 1,
        };
        if format == Format::Csv {
            book.write(encode::header().as_bytes())?;
        }
        Ok(book)
    }

    /// Writes a customer, and the problems that should be reported for it.
    pub(super) fn customer(&mut self, row: &Row, planted: &[Planted]) -> anyhow::Result<()> {
        self.made.rows += 1;
        let damages_id = |planted: &Planted| {
            planted.field == Field::ClientId.path() && planted.code != Code::Duplicate
        };
        let id = row.text(Field::ClientId);
        let is_shown = !planted.iter().any(damages_id) && id.chars().count() <= SHOWN;
        for one in planted {
            let place = Place {
                line: self.line,
                record: self.made.rows,
                client_id: if is_shown { id } else { "" },
            };
            self.tell(place, *one)?;
        }
        let is_error = |planted: &Planted| planted.code.severity() == "error";
        self.made.rejected += u64::from(planted.iter().any(is_error));
        self.write(encode::line(row, self.format).as_bytes())
    }

    /// Writes rows that can't be read.
    pub(super) fn broken(&mut self, broken: &Broken) -> anyhow::Result<()> {
        for row in 0..broken.rows {
            self.made.rows += 1;
            self.made.rejected += 1;
            let place = Place {
                line: self.line + row,
                record: self.made.rows,
                client_id: "",
            };
            self.tell(place, BROKEN)?;
        }
        self.write(&broken.bytes)
    }

    /// Writes a blank row.
    pub(super) fn blank(&mut self, blank: &str) -> anyhow::Result<()> {
        self.made.rows += 1;
        self.made.blank += 1;
        self.write(blank.as_bytes())
    }

    fn tell(&mut self, place: Place<'_>, planted: Planted) -> anyhow::Result<()> {
        *self.made.planted.entry(planted.code).or_default() += 1;
        Ok(self.truth.tell(place, planted)?)
    }

    /// Writes a row and its line end.
    fn write(&mut self, row: &[u8]) -> anyhow::Result<()> {
        self.out.write_all(row)?;
        self.out.write_all(b"\n")?;
        self.line += 1 + memchr::memchr_iter(b'\n', row).count() as u64;
        self.made.bytes += row.len() as u64 + 1;
        Ok(())
    }

    /// Ends them.
    pub(super) fn close(mut self) -> anyhow::Result<Made> {
        self.out.flush()?;
        self.truth.finish()?;
        Ok(self.made)
    }
}
