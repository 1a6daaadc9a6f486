//! A result file while it is being written: beside its place, moved at the end.

use std::fs::{File, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

/// Makes files readable by their owner only, where the system knows owners.
pub(super) fn owner_only(options: &mut OpenOptions) {
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(options, 0o600);
    #[cfg(not(unix))]
    let _unused = options;
}

/// Where the file `name` of `folder` is while it is being written.
pub(super) fn beside(folder: &Path, name: &str) -> PathBuf {
    folder.join(format!(".{name}.part"))
}

/// A file that is being written beside its place.
#[derive(Debug)]
pub(super) struct Part {
    beside: PathBuf,
    /// Where it will be.
    pub(super) place: PathBuf,
    file: BufWriter<Digesting>,
    /// How many rows it holds so far.
    pub(super) rows: u64,
    /// Whether the last of them has a quote that nothing closes.
    pub(super) open: bool,
}

impl Part {
    /// Begins the file `name` of `folder`.
    pub(super) fn begin(folder: &Path, name: &str) -> io::Result<Self> {
        let beside = beside(folder, name);
        let mut options = OpenOptions::new();
        options.write(true).create(true).truncate(true);
        owner_only(&mut options);
        Ok(Self {
            file: BufWriter::with_capacity(
                64 << 10,
                Digesting {
                    file: options.open(&beside)?,
                    digest: blake3::Hasher::new(),
                    bytes: 0,
                },
            ),
            place: folder.join(name),
            beside,
            rows: 0,
            open: false,
        })
    }

    /// Its name at its place.
    pub(super) fn name(&self) -> String {
        let name = self.place.file_name().unwrap_or_default();
        name.to_string_lossy().into_owned()
    }

    /// Makes sure that all of it is on disk; its length and digest.
    pub(super) fn seal(&mut self) -> io::Result<(u64, blake3::Hash)> {
        self.file.flush()?;
        let inner = self.file.get_ref();
        inner.file.sync_data()?;
        Ok((inner.bytes, inner.digest.finalize()))
    }

    /// Moves it to its place.
    pub(super) fn finish(mut self) -> io::Result<Written> {
        self.seal()?;
        std::fs::rename(&self.beside, &self.place)?;
        Ok(Written {
            place: std::mem::take(&mut self.place),
            rows: self.rows,
        })
    }
}

/// A file, and the digest of what was written to it.
#[derive(Debug)]
struct Digesting {
    file: File,
    digest: blake3::Hasher,
    bytes: u64,
}

impl Write for Digesting {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let size = self.file.write(bytes)?;
        self.digest.update(bytes.get(..size).unwrap_or_default());
        self.bytes += size as u64;
        Ok(size)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

impl Drop for Part {
    fn drop(&mut self) {
        // One that was moved is not there any more; one that was given up goes.
        if !self.place.as_os_str().is_empty() {
            std::fs::remove_file(&self.beside).ok();
        }
    }
}

/// A file that was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Written {
    /// Where it is.
    pub place: PathBuf,
    /// How many rows or problems it holds.
    pub rows: u64,
}

impl Write for Part {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}
