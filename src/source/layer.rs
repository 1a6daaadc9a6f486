//! What stands between an input's file and its rows: compression, another encoding, a
//! workbook, a byte-order mark that became letters, record separators.
//! Each layer is copied once, as a stream, into what the next one is read from.

use std::io::{self, Read};
use std::path::Path;
use std::sync::Arc;
use std::time::SystemTime;

use encoding_rs::UTF_8;

use super::bytes::block_hashes::{Altered, BlockHashes};
use super::bytes::compression::Compression;
use super::bytes::drawn_table::drawn_table_kind;
use super::bytes::held_file::HeldFile;
use super::bytes::misread_mark::misread_marks;
use super::bytes::positioned::Positioned;
use super::bytes::sniff;
use super::bytes::text_encoding::{TextEncoding, is_utf16};
use super::input_note::InputNote;
use super::json::sequence::{WithoutSeparators, is_sequence};
use super::spool::Spool;
use super::workbook::WorkbookKind;
use super::{FormatChoice, Settings, SourceError};

/// How many bytes of a layer are read to detect what it is.
const LOOKED_AT: usize = 64 << 10;

/// How often a file may be compressed.
const MOST_COMPRESSED: usize = 3;

/// What was done to an input before it could be read.
#[derive(Debug, Default)]
pub(super) struct Conversion {
    /// How it was compressed, the outermost first.
    pub(super) compression: Vec<Compression>,
    /// Its encoding, if that is not UTF-8.
    pub(super) encoding: Option<TextEncoding>,
    /// The sheet that was read, if it is a workbook.
    pub(super) sheet: Option<InputNote>,
    /// Whether a byte-order mark that became letters was dropped.
    pub(super) drops_marks: bool,
    /// Whether it has a record separator before each JSON text.
    is_sequence: bool,
}

impl Conversion {
    /// What was detected, and how sure that is; `None` for a file that is read as it
    /// is.
    pub(super) fn described(&self) -> Option<InputNote> {
        let Self {
            compression,
            encoding,
            sheet,
            drops_marks,
            is_sequence,
        } = self;
        let unpacked = compression.iter().map(|compression| compression.name());
        let mut parts: Vec<String> = unpacked.map(str::to_owned).collect();
        parts.extend(encoding.as_ref().map(TextEncoding::described));
        parts.extend(sheet.as_ref().map(|sheet| sheet.text.clone()));
        if *drops_marks {
            let dropped =
                "its byte-order mark was decoded wrongly (ï»¿) or is repeated, and is left out";
            parts.push(dropped.to_owned());
        }
        if *is_sequence {
            parts.push("read as JSON texts with record separators (RFC 7464)".to_owned());
        }
        let text = (!parts.is_empty()).then(|| parts.join("; "))?;
        Some(if sheet.as_ref().is_some_and(|sheet| sheet.lacks_rows) {
            InputNote::of_missing_rows(text)
        } else {
            InputNote::of(text)
        })
    }
}

/// What must be done with a layer before its rows can be read.
#[derive(Debug, PartialEq, Eq)]
enum LayerKind {
    /// Nothing.
    Plain,
    /// To be unpacked.
    Compressed(Compression),
    /// To be converted to UTF-8.
    Encoded(TextEncoding),
    /// To be converted to a table.
    Workbook(WorkbookKind),
    /// To be read without this many bytes at its start, which were byte-order marks.
    Marked(usize),
    /// JSON texts, to be read without the record separators before them.
    Sequence,
}

/// An input, or what was unpacked from it.
#[derive(Debug)]
pub(super) struct Layer {
    pub(super) place: HeldFile,
    pub(super) size: u64,
    pub(super) changed: Option<SystemTime>,
    /// What its first blocks were when they were looked at.
    pub(super) blocks: Arc<BlockHashes>,
    /// What it begins with.
    start: Vec<u8>,
    kind: LayerKind,
}

impl Layer {
    /// Looks at the start of `place`, which belongs to the input `name`.
    pub(super) fn of(
        place: HeldFile,
        name: &str,
        settings: &Settings,
    ) -> Result<Self, SourceError> {
        let failed = |source| SourceError::reading(name, None, source);
        let mut file = place.open().map_err(failed)?;
        let metadata = file.metadata().map_err(failed)?;
        let (mut start, blocks) = (Vec::new(), Arc::default());
        let reading = file.try_clone().map_err(failed)?;
        Positioned::new(reading, metadata.len(), Arc::clone(&blocks))
            .take(LOOKED_AT as u64)
            .read_to_end(&mut start)
            .map_err(failed)?;
        let workbook = WorkbookKind::of(&mut file, &start).map_err(failed)?;
        let kind = if let Some(compression) = Compression::of(&start) {
            LayerKind::Compressed(compression)
        } else if let Some(kind) = workbook {
            ensure_format(kind, name, settings)?;
            LayerKind::Workbook(kind)
        } else {
            ensure_text(&start, name)?;
            let detected = TextEncoding::detect(&mut file, &start, settings.encoding);
            let encoding = detected.map_err(failed)?;
            match (encoding, misread_marks(&start)) {
                (Some(encoding), _) => LayerKind::Encoded(encoding),
                (None, Some(length)) => LayerKind::Marked(length),
                (None, None) if is_sequence(&start) => LayerKind::Sequence,
                (None, None) => LayerKind::Plain,
            }
        };
        Ok(Self {
            place,
            size: metadata.len(),
            changed: metadata.modified().ok(),
            blocks,
            start,
            kind,
        })
    }

    /// Whether nothing must be done before its rows can be read.
    pub(super) fn is_plain(&self) -> bool {
        self.kind == LayerKind::Plain
    }

    /// What it begins with.
    pub(super) fn start(&self) -> &[u8] {
        &self.start
    }

    /// The text that it begins with, without a byte-order mark.
    pub(super) fn text(&self) -> &[u8] {
        let start = self.start.as_slice();
        start.strip_prefix(sniff::UTF8_MARK).unwrap_or(start)
    }

    /// Copies what is within it to `folder`, and notes what was done.
    pub(super) fn unwrap(
        &self,
        (name, settings, folder): (&str, &Settings, &Path),
        conversion: &mut Conversion,
    ) -> Result<Self, SourceError> {
        let mut spool = Spool::new(folder)?;
        let file = self.place.open();
        let mut file = file.map_err(|source| SourceError::reading(name, None, source))?;
        if let LayerKind::Workbook(kind) = self.kind {
            conversion.sheet = Some(spool.sheet(&mut file, kind, (name, settings))?);
            self.ensure_same(name)?;
            return Self::of_copy(spool.finish()?, name, settings);
        }
        let mut bytes = Positioned::new(file, self.size, Arc::clone(&self.blocks));
        match &self.kind {
            LayerKind::Compressed(_) if conversion.compression.len() == MOST_COMPRESSED => {
                return Err(SourceError::OtherKind {
                    name: name.to_owned(),
                    kind: "compressed many times over",
                    hint: "unpack it first",
                });
            }
            LayerKind::Compressed(compression) => {
                spool.unpack(bytes, *compression, name)?;
                conversion.compression.push(*compression);
            }
            LayerKind::Encoded(encoding) => {
                spool.decode(bytes, encoding, name)?;
                conversion.encoding = Some(encoding.clone());
            }
            LayerKind::Marked(length) => {
                let mut marks = bytes.by_ref().take(*length as u64);
                let read = io::copy(&mut marks, &mut io::sink());
                read.map_err(|source| SourceError::reading(name, None, source))?;
                spool.copy(&mut bytes, name)?;
                conversion.drops_marks = true;
            }
            LayerKind::Sequence => {
                spool.copy(&mut WithoutSeparators(bytes), name)?;
                conversion.is_sequence = true;
            }
            LayerKind::Plain | LayerKind::Workbook(_) => spool.copy(&mut bytes, name)?,
        }
        self.ensure_same(name)?;
        let mut inner = match &conversion.encoding {
            Some(_) => Self::of_copy(spool.finish()?, name, settings),
            None => Self::of(spool.finish()?, name, settings),
        }?;
        // What is nothing but marks is not copied again and again.
        if let (LayerKind::Marked(_), LayerKind::Marked(_)) = (&self.kind, &inner.kind) {
            inner.kind = LayerKind::Plain;
        }
        Ok(inner)
    }

    /// Looks at the start of a copy that was converted to UTF-8.
    fn of_copy(place: HeldFile, name: &str, settings: &Settings) -> Result<Self, SourceError> {
        let settings = Settings {
            encoding: Some(UTF_8),
            ..settings.clone()
        };
        Self::of(place, name, &settings)
    }

    /// Writes the rows of its JSON to `folder`, a line each; those of the list at `path`
    /// if its objects have one. Returns what is to be said about them, too.
    pub(super) fn write_rows(
        &self,
        path: &[String],
        (name, folder): (&str, &Path),
    ) -> Result<(Self, Vec<InputNote>), SourceError> {
        let mut spool = Spool::new(folder)?;
        let file = self.place.open();
        let file = file.map_err(|source| SourceError::reading(name, None, source))?;
        let bytes = Positioned::new(file, self.size, Arc::clone(&self.blocks));
        let notes = spool.rows(bytes, path, name)?;
        self.ensure_same(name)?;
        let place = spool.finish()?;
        let found = place.open().and_then(|file| file.metadata());
        let metadata = found.map_err(|source| SourceError::reading(name, None, source))?;
        let rows = Self {
            place,
            size: metadata.len(),
            changed: metadata.modified().ok(),
            blocks: Arc::default(),
            start: Vec::new(),
            kind: LayerKind::Plain,
        };
        Ok((rows, notes))
    }

    /// An error if the text is empty.
    pub(super) fn ensure_content(&self, name: &str) -> Result<(), SourceError> {
        let text = self.text();
        if text.len() < LOOKED_AT && text.iter().all(u8::is_ascii_whitespace) {
            return Err(SourceError::Empty {
                name: name.to_owned(),
            });
        }
        Ok(())
    }

    /// An error if the file was changed while it was copied. Appended bytes are
    /// allowed.
    fn ensure_same(&self, name: &str) -> Result<(), SourceError> {
        let failed = |source| SourceError::reading(name, None, source);
        if self.place.is_unnamed() {
            return Ok(());
        }
        let found = self.place.open().and_then(|file| file.metadata());
        altered(&found.map_err(failed)?, self.size, self.changed)
            .map_or(Ok(()), |how| Err(failed(how.into())))
    }
}

/// How a file has changed whose size was `size` and that was written to at
/// `changed`. Appended bytes are allowed.
pub(super) fn altered(
    found: &std::fs::Metadata,
    size: u64,
    changed: Option<SystemTime>,
) -> Option<Altered> {
    match found.len().checked_sub(size) {
        None => Some(Altered::Shortened),
        Some(0) if found.modified().ok() != changed => Some(Altered::Rewritten),
        Some(_) => None,
    }
}

/// An error if a workbook is said to be something else.
fn ensure_format(kind: WorkbookKind, name: &str, settings: &Settings) -> Result<(), SourceError> {
    match settings.format {
        FormatChoice::Auto | FormatChoice::Xlsx => Ok(()),
        FormatChoice::Csv | FormatChoice::Json => Err(SourceError::Workbook {
            name: name.to_owned(),
            why: format!("is a workbook ({}), not what --format says", kind.name()),
            hint: "leave --format out, or say --format xlsx",
        }),
    }
}

/// An error if a file that begins with `start` is not text.
fn ensure_text(start: &[u8], name: &str) -> Result<(), SourceError> {
    let other = if is_utf16(start) {
        None
    } else {
        sniff::other_kind(start).or_else(|| drawn_table_kind(start))
    };
    other.map_or(Ok(()), |other| {
        Err(SourceError::OtherKind {
            name: name.to_owned(),
            kind: other.kind,
            hint: other.hint,
        })
    })
}

#[cfg(test)]
#[path = "layer_tests.rs"]
mod tests;
