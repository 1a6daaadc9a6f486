//! The file behind an input: held open for all passes; with too many inputs, opened
//! again by name, when it must be the same file.

use std::fs::File;
use std::io;
use std::path::PathBuf;

use super::block_hashes::Altered;

/// How an input's file has changed since it was opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FileChange {
    /// Its size is the same.
    Same,
    /// This many bytes were appended, which are not read.
    Grown(u64),
    /// Its name belongs to another file, or to none; the original is read.
    Replaced,
}

#[derive(Debug)]
pub(in crate::source) struct HeldFile {
    /// The file's name; standard input is kept in a file without one.
    path: Option<PathBuf>,
    /// The file's device and inode, where the system has them.
    identity: Option<(u64, u64)>,
    /// The handle for all passes, so that the original is read even if it is
    /// replaced. `None` if there are too many inputs to hold all open.
    held: Option<File>,
}

impl HeldFile {
    /// A file that was opened by `path`, or that has no name.
    pub(in crate::source) fn of(path: Option<PathBuf>, file: File) -> io::Result<Self> {
        Ok(Self {
            path,
            identity: identity(&file.metadata()?),
            held: Some(file),
        })
    }

    /// Returns a handle to it.
    pub(in crate::source) fn open(&self) -> io::Result<File> {
        let path = match (&self.held, &self.path) {
            (Some(file), _) => return file.try_clone(),
            (None, Some(path)) => path,
            (None, None) => return Err(io::ErrorKind::NotFound.into()),
        };
        let file = File::open(path)?;
        if identity(&file.metadata()?) != self.identity {
            return Err(Altered::Replaced.into());
        }
        Ok(file)
    }

    /// Closes it between passes; it is opened again by name.
    pub(in crate::source) fn close_file(&mut self) {
        if self.path.is_some() {
            self.held = None;
        }
    }

    /// Whether it is a file without a name, which no other process can change.
    pub(in crate::source) fn is_unnamed(&self) -> bool {
        self.path.is_none()
    }

    /// How it has changed since its size was `size`.
    pub(in crate::source) fn change(&self, size: u64) -> FileChange {
        let Some(path) = &self.path else {
            return FileChange::Same;
        };
        match std::fs::metadata(path) {
            Ok(found) if identity(&found) == self.identity => {
                match found.len().saturating_sub(size) {
                    0 => FileChange::Same,
                    bytes => FileChange::Grown(bytes),
                }
            }
            Ok(_) | Err(_) => FileChange::Replaced,
        }
    }
}

/// The device and inode of a file, where the system has them.
#[cfg_attr(
    unix,
    expect(clippy::unnecessary_wraps, reason = "other systems do not tell")
)]
fn identity(found: &std::fs::Metadata) -> Option<(u64, u64)> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::MetadataExt;
        Some((found.dev(), found.ino()))
    }
    #[cfg(not(unix))]
    {
        let _unused = found;
        None
    }
}
