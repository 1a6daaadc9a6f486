//! Ensures a single writer per checkpoint: locks a file beside it, which names the
//! holder, and on Linux also the database itself.
//!
//! The locks are advisory locks of the operating system and end with the process,
//! so a lock file left by a dead process does not lock. The second lock works even
//! if the lock file was removed. It is a `flock`, which on Linux is independent of
//! SQLite's `fcntl` locks. Closing any handle of the database would release SQLite's
//! locks (POSIX, `fcntl`), so this handle is opened before SQLite opens the file and
//! closed after. On other systems the two kinds conflict: a lock on the database
//! would lock SQLite out.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::watch::{FileIdentity, identity};
use crate::ledger::LedgerError;
use crate::ledger::paths::lock_path;
use crate::ledger::paths::owner_only;

/// How many times, and at what interval, the lock is tried while other processes
/// hold it shared to check for a run: five seconds, as SQLite waits for a writer.
const PATIENCE: u32 = 500;
const PAUSE: Duration = Duration::from_millis(10);

/// The lock, released on drop.
#[derive(Debug)]
pub struct CheckpointLock {
    file: File,
    /// The path and the identity of the lock file.
    pub(super) place: PathBuf,
    pub(super) identity: Option<FileIdentity>,
}

impl CheckpointLock {
    /// Takes the lock on the checkpoint at `path`.
    pub fn acquire(path: &Path) -> Result<Self, LedgerError> {
        Self::acquire_waiting(path, &mut || {
            #[expect(
                clippy::disallowed_methods,
                reason = "nothing else runs before the checkpoint is open"
            )]
            std::thread::sleep(PAUSE);
        })
    }

    /// Takes the lock; `pause` is called between two tries.
    fn acquire_waiting(path: &Path, pause: &mut impl FnMut()) -> Result<Self, LedgerError> {
        let failed = |source: io::Error| LedgerError::Database {
            doing: "lock",
            path: path.to_owned(),
            source: Box::new(source),
        };
        let place = lock_path(path);
        for _ in 0..PATIENCE {
            let mut file = open_lock(&place).map_err(failed)?;
            match file.try_lock() {
                Ok(()) => {}
                Err(TryLockError::WouldBlock) => {
                    // A run holds it exclusively; `lock_holder` takes it shared.
                    if let Err(TryLockError::WouldBlock) = file.try_lock_shared() {
                        return Err(in_use(path, holder(&mut file)));
                    }
                    drop(file);
                    pause();
                    continue;
                }
                Err(TryLockError::Error(error)) => return Err(failed(error)),
            }
            let locked = identity(&file.metadata().map_err(failed)?);
            let there = std::fs::symlink_metadata(&place);
            if there.is_ok_and(|there| identity(&there) == locked) {
                file.set_len(0).map_err(failed)?;
                let name = format!("process {} on {}\n", std::process::id(), host());
                file.write_all(name.as_bytes()).map_err(failed)?;
                return Ok(Self {
                    file,
                    place,
                    identity: locked,
                });
            }
            // The lock file was removed between opening and locking: other processes
            // would lock a new one.
            pause();
        }
        Err(in_use(path, "another process".to_owned()))
    }
}

impl Drop for CheckpointLock {
    fn drop(&mut self) {
        // Don't remove the file: it may be the next holder's by then. Empty it,
        // since no process holds it; the lock is released even if that fails.
        self.file.set_len(0).ok();
    }
}

/// Opens or creates the lock file at `place`. Symbolic links are not followed.
fn open_lock(place: &Path) -> io::Result<File> {
    if let Ok(found) = std::fs::symlink_metadata(place)
        && !found.is_file()
    {
        let what = format!("{} is not a file", place.display());
        return Err(io::Error::new(io::ErrorKind::InvalidInput, what));
    }
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false);
    owner_only(&mut options);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::custom_flags(
        &mut options,
        rustix::fs::OFlags::NOFOLLOW.bits().cast_signed(),
    );
    options.open(place)
}

/// Locks the database file at `real`. Returns `None` if the system or the file
/// system does not support that.
pub(super) fn lock_database(path: &Path, real: &Path) -> Result<Option<File>, LedgerError> {
    if !cfg!(target_os = "linux") {
        return Ok(None);
    }
    let Ok(file) = File::open(real) else {
        // SQLite will report why it can't be opened.
        return Ok(None);
    };
    match file.try_lock() {
        Ok(()) => Ok(Some(file)),
        Err(TryLockError::WouldBlock) => {
            let holder = "another process, whose lock file was removed";
            Err(in_use(path, holder.to_owned()))
        }
        Err(TryLockError::Error(_no_such_lock)) => Ok(None),
    }
}

fn in_use(path: &Path, holder: String) -> LedgerError {
    LedgerError::InUse {
        path: path.to_owned(),
        holder,
    }
}

/// The process that holds the lock on the checkpoint at `path`, if any.
pub fn lock_holder(path: &Path) -> Option<String> {
    let mut file = File::open(lock_path(path)).ok()?;
    match file.try_lock_shared() {
        Err(TryLockError::WouldBlock) => Some(holder(&mut file)),
        Ok(()) | Err(TryLockError::Error(_)) => None,
    }
}

/// When the lock on the checkpoint at `path` was last taken or released, in Unix
/// milliseconds.
pub fn lock_changed_ms(path: &Path) -> Option<i64> {
    let changed = std::fs::metadata(lock_path(path)).and_then(|found| found.modified());
    let since = changed.ok()?.duration_since(std::time::UNIX_EPOCH).ok()?;
    i64::try_from(since.as_millis()).ok()
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
    let name = gethostname::gethostname();
    match name.to_string_lossy().trim() {
        "" => "this host".to_owned(),
        name => name.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::{CheckpointLock, lock_holder};
    use crate::ledger::LedgerError;
    use crate::ledger::paths::lock_path;

    #[test]
    fn a_second_lock_is_refused_with_the_holders_name_until_the_first_goes() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("run.db");
        let first = CheckpointLock::acquire(&path).unwrap();
        let refused = CheckpointLock::acquire(&path).unwrap_err();
        let us = format!("process {}", std::process::id());
        assert!(
            matches!(&refused, LedgerError::InUse { holder, .. } if holder.starts_with(&us)),
            "{refused}"
        );
        assert!(lock_holder(&path).is_some());
        drop(first);
        assert_eq!(lock_holder(&path), None);
        CheckpointLock::acquire(&path).unwrap();
    }

    /// `status` holds the lock shared for a moment.
    #[test]
    fn acquiring_the_lock_waits_for_shared_holders() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("run.db");
        drop(CheckpointLock::acquire(&path).unwrap());
        let looking = std::fs::File::open(lock_path(&path)).unwrap();
        looking.try_lock_shared().unwrap();
        let (mut looking, mut pauses) = (Some(looking), 0);
        let taken = CheckpointLock::acquire_waiting(&path, &mut || {
            pauses += 1;
            if pauses == 3 {
                looking = None;
            }
        });
        assert!(taken.is_ok() && pauses == 3, "{pauses}");
    }

    #[cfg(unix)]
    #[test]
    fn a_symbolic_link_at_the_lock_files_path_is_not_followed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("run.db");
        for target in ["precious.txt", "not-there.txt"] {
            std::fs::write(folder.path().join("precious.txt"), "precious").unwrap();
            std::os::unix::fs::symlink(target, lock_path(&path)).unwrap();
            CheckpointLock::acquire(&path).unwrap_err();
            std::fs::remove_file(lock_path(&path)).unwrap();
        }
        let kept = std::fs::read_to_string(folder.path().join("precious.txt"));
        assert_eq!(kept.unwrap(), "precious");
        assert!(!folder.path().join("not-there.txt").exists());
    }
}
