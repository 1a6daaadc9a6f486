//! Opens inputs, detects their formats and makes readers for their rows.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::SystemTime;

use parking_lot::Mutex;

use super::bytes::block_hashes::BlockHashes;
use super::bytes::held_file::{FileChange, HeldFile};
use super::bytes::positioned::Positioned;
use super::bytes::text_encoding::TextEncoding;
use super::csv::CsvRows;
use super::csv::dialect::TableLayout;
use super::input_note::{Completeness, InputNote, InputNotes};
use super::json::layout::{Layout, layout_of};
use super::json::orientation::other_orientation;
use super::jsonl::{JsonlRows, LineForm};
use super::layer::{Conversion, Layer, altered};
use super::patterns::shown_name;
use super::spool::{held, kept};
use super::text_format::TextFormat;
use super::{Format, FormatChoice, Settings, ShortRows, SourceError};
use crate::domain::nearest::{ALIKE_OPTIONS, nearest_above};
use crate::domain::object_address::ObjectAddress;
use crate::domain::row::{Columns, Row};

/// A file, or an unnamed copy of what is read from one.
#[derive(Debug)]
pub struct Input {
    /// The name, as the user knows it.
    pub name: String,
    /// Its format.
    pub format: Format,
    /// How a table is written.
    layout: TableLayout,
    place: HeldFile,
    size: u64,
    changed: Option<SystemTime>,
    blocks: Arc<BlockHashes>,
    /// Whether a pass has read all of it.
    read_through: AtomicBool,
    /// The file that `place` is a copy of, and its size.
    original: Option<(HeldFile, u64)>,
    /// Its encoding, if that is not UTF-8.
    encoding: Option<String>,
    notes: InputNotes,
    /// How lines of JSON are read.
    lines: Mutex<LineForm>,
    /// What becomes of a table's short rows.
    short_rows: Mutex<ShortRows>,
}

/// Whether the input `name` is a stream (standard input, a pipe), which can be
/// read only once and is copied to a file.
fn is_stream(name: &OsStr) -> bool {
    name == "-" || std::fs::metadata(name).is_ok_and(|found| !found.is_file() && !found.is_dir())
}

/// Opens the input `name` and detects its format. Copies, if any are needed, are
/// unnamed files in `spool`.
pub fn open(name: &OsStr, settings: &Settings, spool: &Path) -> Result<Input, SourceError> {
    FoundInput::of(name, settings)?.open(settings, spool, None)
}

/// An input that exists, and of which only the start was read. A stream is not
/// opened yet.
#[derive(Debug)]
pub struct FoundInput {
    /// As the user typed it.
    typed: OsString,
    path: OsString,
    name: String,
    layer: Option<Layer>,
    /// Whether it is JSON of which the rows must be found first.
    is_nested: bool,
}

impl FoundInput {
    /// Finds the input `path`, and looks at its start if it is a file.
    pub fn of(path: &OsStr, settings: &Settings) -> Result<Self, SourceError> {
        let address = ObjectAddress::of(path);
        let name = match &address {
            Some(address) => address.shown(),
            None if path == "-" => "standard input".to_owned(),
            None => shown_name(path),
        };
        let layer = if address.is_some() || is_stream(path) {
            None
        } else {
            let layer = Layer::of(file_of(path)?, &name, settings)?;
            layer.ensure_content(&name)?;
            Some(layer)
        };
        let is_nested = layer.as_ref().is_some_and(|layer| {
            TextFormat::of(path, layer.text(), settings).is_json
                && layout_of(layer.text()) != Layout::Lines
        });
        Ok(Self {
            typed: path.to_owned(),
            // The name of a copy has the ending by which its format is known.
            path: address.map_or_else(|| path.to_owned(), |there| there.local_path().into()),
            name,
            layer,
            is_nested,
        })
    }

    /// The name as the user typed it, with the secrets of an address.
    pub fn typed(&self) -> &OsStr {
        &self.typed
    }

    /// Whether it must be copied to be read.
    pub fn needs_copy(&self) -> bool {
        self.is_nested || !self.layer.as_ref().is_some_and(Layer::is_plain)
    }

    /// Closes its file; it is opened again by name.
    pub fn close_file(&mut self) {
        if let Some(layer) = &mut self.layer {
            layer.place.close_file();
        }
    }

    /// Makes it readable, with copies in `folder` if any are needed, and detects its
    /// format. Of an object, `copy` is what was read.
    pub fn open(
        self,
        settings: &Settings,
        folder: &Path,
        copy: Option<File>,
    ) -> Result<Input, SourceError> {
        let name = self.name;
        let mut layer = match (self.layer, copy) {
            (Some(layer), _) => layer,
            (None, Some(copy)) => Layer::of(held(copy, &name)?, &name, settings)?,
            (None, None) => Layer::of(kept(&self.path, &name, folder)?, &name, settings)?,
        };
        let mut conversion = Conversion::default();
        let mut original = None;
        while !layer.is_plain() {
            let inner = layer.unwrap((&name, settings, folder), &mut conversion)?;
            original = replaced(&mut layer, inner).or(original);
        }
        layer.ensure_content(&name)?;
        let is_sheet = conversion.sheet.is_some();
        if settings.format == FormatChoice::Xlsx && !is_sheet {
            return Err(no_workbook(name));
        }
        let mut notes: Vec<InputNote> = conversion.described().into_iter().collect();
        let (format, mut layout) = if is_sheet {
            sheet_layout(&name, layer.start(), settings)?
        } else {
            let format = TextFormat::of(&self.path, layer.text(), settings);
            notes.extend(format.note.map(InputNote::of));
            if format.is_json {
                ensure_rows(&name, layer.text())?;
                (Format::Jsonl, TableLayout::default())
            } else {
                let layout = TableLayout::detect(layer.start(), settings, &name)?;
                let delimiter = layout.delimiter;
                (Format::Csv { delimiter }, layout)
            }
        };
        layout.is_converted = is_sheet || conversion.encoding.is_some() || conversion.drops_marks;
        let mut lines = LineForm {
            is_numbered: false,
            named: Arc::clone(&settings.columns),
        };
        if format == Format::Jsonl
            && let Layout::Nested(path) = layout_of(layer.text())
        {
            let (inner, said) = layer.write_rows(&path, (&name, folder))?;
            notes.extend(said);
            lines.is_numbered = true;
            original = replaced(&mut layer, inner).or(original);
        }
        Ok(Input {
            format,
            layout,
            name,
            place: layer.place,
            size: layer.size,
            changed: layer.changed,
            blocks: layer.blocks,
            read_through: AtomicBool::new(false),
            original,
            encoding: conversion.encoding.as_ref().map(TextEncoding::name),
            notes: notes.into(),
            lines: Mutex::new(lines),
            short_rows: Mutex::default(),
        })
    }
}

/// Puts `inner` in the place of `layer`; returns the file that it was converted from, if
/// the user named it.
fn replaced(layer: &mut Layer, inner: Layer) -> Option<(HeldFile, u64)> {
    let mut outer = std::mem::replace(layer, inner);
    if outer.place.is_unnamed() {
        return None;
    }
    outer.place.close_file();
    Some((outer.place, outer.size))
}

/// An error if the rows of JSON that begins with `text` are no objects.
fn ensure_rows(name: &str, text: &[u8]) -> Result<(), SourceError> {
    other_orientation(text).map_or(Ok(()), |other| {
        Err(SourceError::OtherKind {
            name: name.to_owned(),
            kind: other.kind,
            hint: other.hint,
        })
    })
}

fn no_workbook(name: String) -> SourceError {
    SourceError::Workbook {
        name,
        why: "is no workbook (XLSX, XLS or ODS), as --format says".to_owned(),
        hint: "leave --format out",
    }
}

fn file_of(name: &OsStr) -> Result<HeldFile, SourceError> {
    let shown = || shown_name(name);
    let failed = |source| SourceError::Io {
        name: shown(),
        source,
    };
    let path = PathBuf::from(name);
    match std::fs::metadata(&path) {
        Ok(found) if found.is_dir() => Err(SourceError::Folder { name: shown() }),
        Ok(_) => File::open(&path)
            .and_then(|file| HeldFile::of(Some(path), file))
            .map_err(failed),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let name = shown();
            let near = near_file(&path);
            Err(SourceError::NotThere { name, near })
        }
        Err(source) => Err(failed(source)),
    }
}

/// The file in the folder of `path` whose name is most like its own.
fn near_file(path: &Path) -> Option<String> {
    let folder = match path.parent()? {
        here if here.as_os_str().is_empty() => Path::new("."),
        folder => folder,
    };
    let name = path.file_name()?.to_str()?;
    let files = std::fs::read_dir(folder).ok()?.flatten();
    let files = files.filter(|file| file.path().is_file());
    let names: Vec<String> = files
        .filter_map(|file| file.file_name().into_string().ok())
        .collect();
    let near = nearest_above(ALIKE_OPTIONS, name, names.iter().map(String::as_str))?;
    Some(shown_name(path.with_file_name(near).as_os_str()))
}

/// The format of a workbook's sheet, which was converted to CSV.
fn sheet_layout(
    name: &str,
    start: &[u8],
    settings: &Settings,
) -> Result<(Format, TableLayout), SourceError> {
    let delimiter = b',';
    let written = Settings {
        delimiter: Some(delimiter),
        ..settings.clone()
    };
    let mut layout = TableLayout::detect(start, &written, name)?;
    layout.is_sheet = true;
    Ok((Format::Csv { delimiter }, layout))
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

    /// Whether lines with text precede a table's header.
    pub fn has_titles(&self) -> bool {
        self.layout.has_titles
    }

    /// Whether it has rows: a table may be nothing but a header.
    pub fn has_rows(&self) -> Result<bool, SourceError> {
        let mut row = Row::default();
        match self.rows(0)? {
            AnyRows::Csv(mut rows) => rows.next(&mut row),
            AnyRows::Jsonl(mut rows) => rows.next(&mut row),
        }
    }

    pub(super) fn rows(&self, number: u16) -> Result<AnyRows, SourceError> {
        let file = self.place.open().map_err(|source| self.failed(source))?;
        let file = Positioned::new(file, self.size, Arc::clone(&self.blocks));
        match self.format {
            Format::Csv { .. } => {
                let mut layout = self.layout.clone();
                layout.short_rows = *self.short_rows.lock();
                CsvRows::new(file, &self.name, number, &layout).map(AnyRows::Csv)
            }
            Format::Jsonl => {
                let lines = self.lines.lock().clone();
                Ok(AnyRows::Jsonl(JsonlRows::new(
                    file, &self.name, number, lines,
                )))
            }
        }
    }

    /// Tells it the columns that a mapping names which was chosen after it was opened.
    pub fn name_columns(&self, columns: Arc<[String]>) {
        self.lines.lock().named = columns;
    }

    /// Tells it what becomes of short rows by a mapping that was chosen after it was
    /// opened.
    pub fn treat_short_rows(&self, how: ShortRows) {
        *self.short_rows.lock() = how;
    }

    /// Closes its file between passes; the next pass opens it again by name.
    pub fn close_file(&mut self) {
        self.place.close_file();
    }

    /// How its file has changed since it was opened.
    pub fn change(&self) -> FileChange {
        match &self.original {
            Some((file, size)) => file.change(*size),
            None => self.place.change(self.size),
        }
    }

    /// What was detected and done to read it, and how sure that is; `None` for a
    /// file in UTF-8.
    pub fn note(&self) -> Option<&str> {
        self.notes.all.as_deref()
    }

    /// Why rows may be missing from what is read of it, and whether it has several pages.
    pub fn completeness(&self) -> &Completeness {
        &self.notes.completeness
    }

    /// Its encoding, if that is not UTF-8.
    pub fn encoding(&self) -> Option<&str> {
        self.encoding.as_deref()
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
        altered(&found, self.size, self.changed).map_or(Ok(()), |how| Err(self.failed(how.into())))
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
