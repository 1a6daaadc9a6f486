//! Opens inputs, detects their formats and makes readers for their rows.

use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::SystemTime;

use super::bytes::block_hashes::{Altered, BlockHashes};
use super::bytes::held_file::{FileChange, HeldFile};
use super::bytes::positioned::Positioned;
use super::bytes::sniff;
use super::csv::CsvRows;
use super::jsonl::JsonlRows;
use super::patterns::shown_name;
use super::{Format, FormatChoice, Settings, SourceError};
use crate::domain::row::{Columns, Row};

/// How many bytes of an input are read to detect its format.
const LOOKED_AT: usize = 64 << 10;

/// A file, or standard input copied to a file.
#[derive(Debug)]
pub struct Input {
    /// The name, as the user knows it.
    pub name: String,
    /// Its format.
    pub format: Format,
    place: HeldFile,
    size: u64,
    changed: Option<SystemTime>,
    blocks: Arc<BlockHashes>,
    /// Whether a pass has read all of it.
    read_through: AtomicBool,
}

/// Whether the input `name` is a stream (standard input, a pipe), which can be
/// read only once and is copied to a file.
pub fn is_stream(name: &OsStr) -> bool {
    name == "-" || std::fs::metadata(name).is_ok_and(|found| !found.is_file() && !found.is_dir())
}

/// Opens the input `name` and detects its format.
///
/// A stream is copied to an unnamed file in `spool`, because inputs are read more
/// than once.
pub fn open(name: &OsStr, settings: &Settings, spool: &Path) -> Result<Input, SourceError> {
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

fn place_of(name: &OsStr, spool: &Path) -> Result<HeldFile, SourceError> {
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
                HeldFile::of(Some(path), file).map_err(failed)
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

fn keep(stream: &mut impl Read, folder: &Path) -> Result<HeldFile, SourceError> {
    let kept = tempfile::tempfile_in(folder)
        .and_then(|mut file| io::copy(stream, &mut file).map(|_size| file))
        .and_then(|file| HeldFile::of(None, file));
    kept.map_err(|source| SourceError::Spool {
        folder: folder.to_owned(),
        source,
    })
}

fn recognise(name: &OsStr, start: &[u8], settings: &Settings) -> Format {
    let ending = Path::new(name)
        .extension()
        .map(|ending| ending.to_string_lossy().to_lowercase())
        .unwrap_or_default();
    let jsonl = match settings.format {
        FormatChoice::Csv => false,
        FormatChoice::Jsonl => true,
        FormatChoice::Auto => match ending.as_str() {
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
    /// Its columns; of JSONL, those of the first row.
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

    pub(super) fn rows(&self, number: u16) -> Result<AnyRows, SourceError> {
        let file = self.place.open().map_err(|source| self.failed(source))?;
        let file = Positioned::new(file, self.size, Arc::clone(&self.blocks));
        match self.format {
            Format::Csv { delimiter } => {
                CsvRows::new(file, &self.name, number, delimiter).map(AnyRows::Csv)
            }
            Format::Jsonl => Ok(AnyRows::Jsonl(JsonlRows::new(file, &self.name, number))),
        }
    }

    /// Closes its file between passes; the next pass opens it again by name.
    pub fn close_file(&mut self) {
        self.place.close_file();
    }

    /// How its file has changed since it was opened.
    pub fn change(&self) -> FileChange {
        self.place.change(self.size)
    }

    fn failed(&self, source: io::Error) -> SourceError {
        SourceError::reading(&self.name, None, source)
    }

    /// An error if the file was replaced or changed. Appended bytes are allowed.
    pub(super) fn ensure_unchanged(&self) -> Result<(), SourceError> {
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

    /// Ends a pass. Only the first checks the file's time and size: later ones
    /// compare every block with what the first read.
    pub(super) fn end_pass(&self) -> Result<(), SourceError> {
        if self.read_through.swap(true, Ordering::Relaxed) {
            return Ok(());
        }
        self.ensure_unchanged()
    }
}

pub(super) enum AnyRows {
    Csv(CsvRows<Positioned>),
    Jsonl(JsonlRows<Positioned>),
}
