//! One writer on a checkpoint: a locked file beside it, naming its holder.
//!
//! The lock is the operating system's and goes with the process, so that one
//! left by a dead process is no lock. The name in the file is for people.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, Write};
use std::path::{Path, PathBuf};

use super::LedgerError;
use super::file::owner_only;

/// The lock, held as long as this value lives.
#[derive(Debug)]
pub struct Lock {
    file: File,
}

impl Lock {
    /// Takes the lock on the checkpoint at `path`.
    pub fn take(path: &Path) -> Result<Self, LedgerError> {
        let failed = |source: io::Error| LedgerError::Database {
            doing: "lock",
            path: path.to_owned(),
            source: Box::new(source),
        };
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false);
        owner_only(&mut options);
        let mut file = options.open(lock_path(path)).map_err(failed)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(LedgerError::InUse {
                    path: path.to_owned(),
                    holder: holder(&mut file),
                });
            }
            Err(TryLockError::Error(error)) => return Err(failed(error)),
        }
        file.set_len(0).map_err(failed)?;
        let name = format!("process {} on {}\n", std::process::id(), host());
        file.write_all(name.as_bytes()).map_err(failed)?;
        Ok(Self { file })
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        // The file stays, for removing it could remove the next holder's. An
        // empty one says that nobody holds it; if even that fails, the lock is
        // gone all the same.
        self.file.set_len(0).ok();
    }
}

/// Who holds the lock on the checkpoint at `path`, if anybody does.
pub fn held_by(path: &Path) -> Option<String> {
    let mut file = File::open(lock_path(path)).ok()?;
    match file.try_lock_shared() {
        Err(TryLockError::WouldBlock) => Some(holder(&mut file)),
        Ok(()) | Err(TryLockError::Error(_)) => None,
    }
}

/// The lock's file, beside the checkpoint itself: a link to it is the same
/// checkpoint.
pub(super) fn lock_path(path: &Path) -> PathBuf {
    let real = std::fs::canonicalize(path).unwrap_or_else(|_not_there_yet| path.to_owned());
    let mut name = real.as_os_str().to_owned();
    name.push(".lock");
    PathBuf::from(name)
}

fn holder(file: &mut File) -> String {
    let mut name = String::new();
    let read = file.rewind().and_then(|()| file.read_to_string(&mut name));
    match read {
        Ok(1..) => name.trim().to_owned(),
        Ok(0) | Err(_) => "another process".to_owned(),
    }
}

fn host() -> String {
    std::fs::read_to_string("/proc/sys/kernel/hostname")
        .or_else(|_no_proc| std::fs::read_to_string("/etc/hostname"))
        .map_or_else(
            |_unknown| "this host".to_owned(),
            |name| name.trim().to_owned(),
        )
}

#[cfg(test)]
mod tests {
    use super::{Lock, held_by};
    use crate::ledger::LedgerError;

    #[test]
    fn a_second_lock_is_refused_with_the_holders_name_until_the_first_goes() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("run.db");
        let first = Lock::take(&path).unwrap();
        let refused = Lock::take(&path).unwrap_err();
        let us = format!("process {}", std::process::id());
        assert!(
            matches!(&refused, LedgerError::InUse { holder, .. } if holder.starts_with(&us)),
            "{refused}"
        );
        assert!(held_by(&path).is_some());
        drop(first);
        assert_eq!(held_by(&path), None);
        Lock::take(&path).unwrap();
    }
}
