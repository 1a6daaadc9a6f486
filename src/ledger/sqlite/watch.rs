//! Detects that a checkpoint's files were removed, renamed or replaced.
//!
//! Writes to such a file succeed but are lost. To send nothing under a lost claim,
//! the file at each path is compared with the open one before and after each write.

use std::fs::Metadata;
use std::path::{Path, PathBuf};

use crate::ledger::LedgerError;

/// A file's device and inode.
pub(super) type FileIdentity = (u64, u64);

/// The file's device and inode; `None` on systems without them.
#[cfg_attr(
    unix,
    expect(clippy::unnecessary_wraps, reason = "other systems do not tell")
)]
pub(super) fn identity(found: &Metadata) -> Option<FileIdentity> {
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

/// Paths, and the identity of the file at each when it was opened.
#[derive(Debug, Default)]
pub(super) struct FileWatch(Vec<(PathBuf, Option<FileIdentity>)>);

impl FileWatch {
    /// Watches the path `name` of an open file.
    pub(super) fn add(&mut self, name: PathBuf, identity: Option<FileIdentity>) {
        self.0.retain(|(other, _)| *other != name);
        self.0.push((name, identity));
    }

    /// Watches the file that is at the path `name` now.
    pub(super) fn add_found(&mut self, name: PathBuf) {
        if let Ok(found) = std::fs::metadata(&name) {
            self.add(name, identity(&found));
        }
    }

    /// An error if one of them was replaced or removed.
    pub(super) fn ensure_in_place(&self, path: &Path) -> Result<(), LedgerError> {
        for (name, wanted) in &self.0 {
            let found = std::fs::metadata(name);
            if !found.is_ok_and(|found| identity(&found) == *wanted) {
                return Err(LedgerError::FileMoved {
                    path: path.to_owned(),
                    file: name.clone(),
                });
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::FileWatch;

    #[test]
    fn a_file_that_is_removed_renamed_or_replaced_is_noticed() {
        let folder = tempfile::tempdir().unwrap();
        let (path, other) = (folder.path().join("run.db"), folder.path().join("other"));
        std::fs::write(&path, "1").unwrap();
        let mut watch = FileWatch::default();
        watch.add_found(path.clone());
        std::fs::write(&path, "2").unwrap();
        watch.ensure_in_place(&path).unwrap();
        std::fs::rename(&path, &other).unwrap();
        let error = watch.ensure_in_place(&path).unwrap_err();
        assert!(error.to_string().contains("run.db"), "{error}");
        std::fs::write(&path, "2").unwrap();
        watch.ensure_in_place(&path).unwrap_err();
        std::fs::rename(&other, &path).unwrap();
        watch.ensure_in_place(&path).unwrap();
    }
}
