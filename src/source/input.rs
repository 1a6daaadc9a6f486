//! From what was typed to readable inputs, and from those to rows.

use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::SystemTime;

use super::bytes::block_hashes::{Altered, Blocks};
use super::bytes::held_file::{Place, Since};
use super::bytes::positioned::Positioned;
use super::bytes::sniff;
use super::csv::CsvRows;
use super::jsonl::JsonlRows;
use super::patterns::shown_name;
use super::{Format, Settings, SourceError, Wanted};
use crate::domain::row::{Columns, Row, Rows};

/// How much of an input is looked at to tell what it is.
const LOOKED_AT: usize = 64 << 10;

/// A file, or standard input kept in a file.
#[derive(Debug)]
pub struct Input {
    /// The name, as the user knows it.
    pub name: String,
    /// How it is written.
    pub format: Format,
    place: Place,
    size: u64,
    changed: Option<SystemTime>,
    blocks: Arc<Blocks>,
    /// Whether it was read to its end once.
    read_through: AtomicBool,
}

/// Whether the input called `name` can be read only once: standard input, a
/// pipe. It is kept in a file then.
pub fn is_stream(name: &OsStr) -> bool {
    name == "-" || std::fs::metadata(name).is_ok_and(|found| !found.is_file() && !found.is_dir())
}

/// Looks at the input called `name` without reading it through.
///
/// A stream is kept in an unnamed file in `spool`, for it is read more than
/// once.
pub fn open(name: &OsStr, settings: Settings, spool: &Path) -> Result<Input, SourceError> {
    let failed = |source: io::Error| SourceError::Io {
        name: shown_name(name),
        source,
    };
    let place = place_of(name, spool)?;
    let shown = if name == "-" {
        "standard input".to_owned()
    } else {
        shown_name(name)
    };
    let file = place.open().map_err(failed)?;
    let metadata = file.metadata().map_err(failed)?;
    let (mut start, blocks) = (Vec::new(), Arc::default());
    Positioned::new(file, metadata.len(), Arc::clone(&blocks))
        .take(LOOKED_AT as u64)
        .read_to_end(&mut start)
        .map_err(failed)?;
    let text = start.strip_prefix(sniff::UTF8_MARK).unwrap_or(&start);
    if text.iter().all(u8::is_ascii_whitespace) && text.len() < LOOKED_AT {
        return Err(SourceError::Empty { name: shown });
    }
    let format = recognise(name, text, settings);
    let other = sniff::other_kind(&start).or_else(|| {
        Some(text)
            .filter(|_| format == Format::Jsonl)
            .and_then(sniff::other_json)
    });
    if let Some(other) = other {
        return Err(SourceError::OtherKind {
            name: shown,
            kind: other.kind,
            hint: other.hint,
        });
    }
    Ok(Input {
        format,
        name: shown,
        place,
        size: metadata.len(),
        changed: metadata.modified().ok(),
        blocks,
        read_through: AtomicBool::new(false),
    })
}

fn place_of(name: &OsStr, spool: &Path) -> Result<Place, SourceError> {
    let name_of = || shown_name(name);
    if name == "-" {
        return keep(&mut io::stdin().lock(), spool);
    }
    let failed = |source| SourceError::Io {
        name: name_of(),
        source,
    };
    let path = PathBuf::from(name);
    match std::fs::metadata(&path) {
        Ok(found) if found.is_dir() => Err(SourceError::Folder { name: name_of() }),
        Ok(found) => {
            let mut file = File::open(&path).map_err(failed)?;
            if found.is_file() {
                Place::of(Some(path), file).map_err(failed)
            } else {
                keep(&mut file, spool)
            }
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            Err(SourceError::NotThere { name: name_of() })
        }
        Err(source) => Err(failed(source)),
    }
}

fn keep(stream: &mut impl Read, folder: &Path) -> Result<Place, SourceError> {
    let kept = tempfile::tempfile_in(folder)
        .and_then(|mut file| io::copy(stream, &mut file).map(|_size| file))
        .and_then(|file| Place::of(None, file));
    kept.map_err(|source| SourceError::Spool {
        folder: folder.to_owned(),
        source,
    })
}

fn recognise(name: &OsStr, start: &[u8], settings: Settings) -> Format {
    let ending = Path::new(name)
        .extension()
        .map(|ending| ending.to_string_lossy().to_lowercase())
        .unwrap_or_default();
    let jsonl = match settings.format {
        Wanted::Csv => false,
        Wanted::Jsonl => true,
        Wanted::Auto => match ending.as_str() {
            "jsonl" | "ndjson" => true,
            "csv" | "tsv" => false,
            _ => matches!(start.trim_ascii_start().first(), Some(b'{' | b'[')),
        },
    };
    if jsonl {
        return Format::Jsonl;
    }
    Format::Csv {
        delimiter: settings
            .delimiter
            .unwrap_or_else(|| super::csv::delimiter_of(start)),
    }
}

impl Input {
    /// Its size in bytes.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Its columns, as far as the first row shows them.
    pub fn columns(&self) -> Result<Columns, SourceError> {
        let mut row = Row::default();
        match self.rows(0)? {
            AnyRows::Csv(mut rows) => {
                rows.next(&mut row)?;
                Ok(Columns::clone(rows.columns()))
            }
            AnyRows::Jsonl(mut rows) => {
                rows.next(&mut row)?;
                Ok(rows.columns().clone())
            }
        }
    }

    fn rows(&self, number: u16) -> Result<AnyRows, SourceError> {
        let file = self.place.open().map_err(|source| self.failed(source))?;
        let file = Positioned::new(file, self.size, Arc::clone(&self.blocks));
        match self.format {
            Format::Csv { delimiter } => {
                CsvRows::new(file, &self.name, number, delimiter).map(AnyRows::Csv)
            }
            Format::Jsonl => Ok(AnyRows::Jsonl(JsonlRows::new(file, &self.name, number))),
        }
    }

    /// Closes its file between passes: it is opened again by its name.
    pub fn let_go(&mut self) {
        self.place.let_go();
    }

    /// What became of its file since.
    pub fn since(&self) -> Since {
        self.place.since(self.size)
    }

    fn failed(&self, source: io::Error) -> SourceError {
        SourceError::reading(&self.name, None, source)
    }

    /// An error where the file is known to be another than it was, but for what
    /// was appended.
    fn demand_unchanged(&self) -> Result<(), SourceError> {
        if self.place.is_unnamed() {
            return Ok(());
        }
        let found = self.place.open().and_then(|file| file.metadata());
        let found = found.map_err(|source| self.failed(source))?;
        let how = match found.len().checked_sub(self.size) {
            None => Altered::Shortened,
            Some(0) if found.modified().ok() != self.changed => Altered::Rewritten,
            Some(_) => return Ok(()),
        };
        Err(self.failed(how.into()))
    }

    /// Is done with a pass. Later ones are held against the first, block by
    /// block, so that it makes no difference what else is done to the file.
    fn close(&self) -> Result<(), SourceError> {
        if self.read_through.swap(true, Ordering::Relaxed) {
            return Ok(());
        }
        self.demand_unchanged()
    }
}

pub(super) enum AnyRows {
    Csv(CsvRows<Positioned>),
    Jsonl(JsonlRows<Positioned>),
}

/// The rows of several inputs, as of one.
pub struct Reader {
    inputs: Arc<[Input]>,
    next: usize,
    pub(super) current: Option<AnyRows>,
    pub(super) limit: Option<u64>,
    reads_little: bool,
    columns: Columns,
}

impl std::fmt::Debug for Reader {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Reader")
            .field("next", &self.next)
            .finish_non_exhaustive()
    }
}

impl Reader {
    /// Reads `inputs` from their start; at most `limit` rows.
    pub fn new(inputs: Arc<[Input]>, limit: Option<u64>) -> Self {
        Self {
            inputs,
            next: 0,
            current: None,
            limit,
            reads_little: false,
            columns: Columns::open(),
        }
    }

    /// Looks at single rows of `inputs`.
    pub fn of_single_rows(inputs: Arc<[Input]>) -> Self {
        Self {
            reads_little: true,
            ..Self::new(inputs, None)
        }
    }

    /// Goes to the next row of this input or the next; reads it if `wanted`.
    fn advance(&mut self, row: &mut Row, wanted: bool) -> Result<bool, SourceError> {
        if self.limit == Some(0) {
            return Ok(false);
        }
        loop {
            if let Some(current) = &mut self.current {
                let more = match current {
                    AnyRows::Csv(rows) => rows.next(row)?,
                    AnyRows::Jsonl(rows) if wanted => rows.next(row)?,
                    AnyRows::Jsonl(rows) => rows.skip()?,
                };
                if more {
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

    /// The number of the input that is being read.
    pub(super) fn number(&self) -> u16 {
        // More inputs than a number of 16 bits counts are not opened.
        u16::try_from(self.next.saturating_sub(1)).unwrap_or(u16::MAX)
    }

    /// Begins with the next input; false where there is none.
    pub(super) fn open_next(&mut self) -> Result<bool, SourceError> {
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
        self.current = Some(rows);
        Ok(true)
    }

    /// Is done with the input that was read to its end.
    pub(super) fn close(&mut self) -> Result<(), SourceError> {
        self.current = None;
        match self.next.checked_sub(1).and_then(|at| self.inputs.get(at)) {
            Some(input) => input.close(),
            None => Ok(()),
        }
    }

    /// An error where any of the inputs is not what it was.
    pub(super) fn demand_unchanged(&self) -> Result<(), SourceError> {
        self.inputs.iter().try_for_each(Input::demand_unchanged)
    }

    /// Goes to the input of this number, wherever it was.
    pub(super) fn open_at(&mut self, number: u16) -> Result<bool, SourceError> {
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

impl Rows for Reader {
    type Error = SourceError;

    fn next(&mut self, row: &mut Row) -> Result<bool, SourceError> {
        self.advance(row, true)
    }

    fn skip(&mut self, row: &mut Row) -> Result<bool, SourceError> {
        self.advance(row, false)
    }

    fn columns(&self) -> &Columns {
        match &self.current {
            Some(AnyRows::Csv(rows)) => rows.columns(),
            Some(AnyRows::Jsonl(rows)) => rows.columns(),
            None => &self.columns,
        }
    }
}
