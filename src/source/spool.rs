//! Copies of inputs that cannot be read as they are: streams, compressed files, text
//! in other encodings, workbooks. A copy is an unnamed file in the results' folder:
//! the system removes it when this process ends, however it ends.

use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, BufWriter, Read, Write};
use std::path::Path;

use super::bytes::compression::{Compression, UnpackError};
use super::bytes::decoding::{DecodeError, decode};
use super::bytes::held_file::HeldFile;
use super::bytes::text_encoding::TextEncoding;
use super::input_note::InputNote;
use super::json::rows::{RowsError, write_rows};
use super::workbook::{WorkbookError, WorkbookKind, write_sheet};
use super::{Settings, SourceError};

/// The size of writes.
const PIECE: usize = 256 << 10;

/// An unnamed file that is being written.
pub(super) struct Spool<'p> {
    file: BufWriter<File>,
    folder: &'p Path,
}

impl<'p> Spool<'p> {
    /// Begins a file in `folder`.
    pub(super) fn new(folder: &'p Path) -> Result<Self, SourceError> {
        match tempfile::tempfile_in(folder) {
            Ok(file) => Ok(Self {
                file: BufWriter::with_capacity(PIECE, file),
                folder,
            }),
            Err(error) => Err(failed(folder, error)),
        }
    }

    /// Copies all of `from`, the input called `name`.
    pub(super) fn copy(&mut self, from: &mut impl Read, name: &str) -> Result<(), SourceError> {
        let mut piece = vec![0; PIECE];
        loop {
            match from.read(&mut piece) {
                Ok(0) => return Ok(()),
                Ok(read) => {
                    let (read, _) = piece.split_at(read);
                    let written = self.file.write_all(read);
                    written.map_err(|error| failed(self.folder, error))?;
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(SourceError::reading(name, None, error)),
            }
        }
    }

    /// Unpacks all of `from`.
    pub(super) fn unpack(
        &mut self,
        from: impl Read,
        compression: Compression,
        name: &str,
    ) -> Result<(), SourceError> {
        let unpacked = compression.unpack(from, &mut self.file);
        unpacked.map_err(|error| match error {
            UnpackError::Read(error) => SourceError::reading(name, None, error),
            UnpackError::Write(error) => failed(self.folder, error),
            UnpackError::Damaged(why) => SourceError::Damaged {
                name: name.to_owned(),
                kind: compression.name(),
                why,
            },
        })
    }

    /// Converts all of `from` to UTF-8.
    pub(super) fn decode(
        &mut self,
        from: impl Read,
        encoding: &TextEncoding,
        name: &str,
    ) -> Result<(), SourceError> {
        let decoded = decode(encoding.encoding, from, &mut self.file);
        decoded.map_err(|error| match error {
            DecodeError::Read(error) => SourceError::reading(name, None, error),
            DecodeError::Write(error) => failed(self.folder, error),
        })
    }

    /// Writes the rows of the JSON `from`, a line each. Returns what is to be said about
    /// them.
    pub(super) fn rows(
        &mut self,
        from: impl Read,
        path: &[String],
        name: &str,
    ) -> Result<Vec<InputNote>, SourceError> {
        let written = write_rows(from, path, &mut self.file);
        written.map_err(|error| match error {
            RowsError::Read(error) => SourceError::reading(name, None, error),
            RowsError::Write(error) => failed(self.folder, error),
        })
    }

    /// Converts a sheet of the workbook `file` to a table, and returns which.
    pub(super) fn sheet(
        &mut self,
        file: &mut File,
        kind: WorkbookKind,
        (name, settings): (&str, &Settings),
    ) -> Result<InputNote, SourceError> {
        let wanted = (settings.sheet.as_deref(), settings.columns.as_ref());
        let written = write_sheet(file, kind, wanted, &mut self.file);
        written.map_err(|error| match error {
            WorkbookError::Read(error) => SourceError::reading(name, None, error),
            WorkbookError::Write(error) => failed(self.folder, error),
            WorkbookError::Refused { why, hint } => SourceError::Workbook {
                name: name.to_owned(),
                why,
                hint,
            },
        })
    }

    /// The file, whole.
    pub(super) fn finish(self) -> Result<HeldFile, SourceError> {
        let folder = self.folder;
        let finished = self
            .file
            .into_inner()
            .map_err(io::IntoInnerError::into_error);
        finished
            .and_then(|file| HeldFile::of(None, file))
            .map_err(|error| failed(folder, error))
    }
}

/// The copy of an object.
pub(super) fn held(copy: File, name: &str) -> Result<HeldFile, SourceError> {
    HeldFile::of(None, copy).map_err(|source| SourceError::reading(name, None, source))
}

/// A copy of the stream at `path`.
pub(super) fn kept(path: &OsStr, name: &str, folder: &Path) -> Result<HeldFile, SourceError> {
    let mut spool = Spool::new(folder)?;
    if path == "-" {
        spool.copy(&mut io::stdin().lock(), name)?;
    } else {
        let opened = File::open(path);
        let mut stream = opened.map_err(|source| SourceError::reading(name, None, source))?;
        spool.copy(&mut stream, name)?;
    }
    spool.finish()
}

/// The error of a copy in `folder` that cannot be written.
fn failed(folder: &Path, source: io::Error) -> SourceError {
    SourceError::Spool {
        folder: folder.to_owned(),
        source,
    }
}
