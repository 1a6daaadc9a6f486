//! One writer on a checkpoint: a lock on a file beside it, which names its
//! holder, and on Linux a second one on the database itself.
//!
//! The locks are the operating system's and go with the process, so that a lock
//! file left by a dead process is no lock. The second lock holds where the lock
//! file was removed. It is `flock`'s, which SQLite's own `fcntl` locks have
//! nothing to do with on Linux; closing any handle of the database would drop
//! those (POSIX, `fcntl`), so this one is opened before SQLite opens the file and
//! closed after. Other systems keep both kinds in one list: there a lock on the
//! database would keep SQLite out.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::watch::{FileIdentity, identity};
use crate::ledger::LedgerError;
use crate::ledger::paths::lock_path;
use crate::ledger::paths::owner_only;

/// How long a start waits for those who only look whether a run is there, and
/// how often it tries: as long as SQLite waits for another writer.
const PATIENCE: u32 = 500;
const PAUSE: Duration = Duration::from_millis(10);

/// The lock, held as long as this value lives.
#[derive(Debug)]
pub struct CheckpointLock {
    file: File,
    /// The lock file, and which file that is.
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

    /// Likewise; `pause` is called between two tries.
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
                    // A run holds it alone; who looks for one shares it.
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
            // It was removed between opening and locking it: what is locked is
            // a file that no other process finds.
            pause();
        }
        Err(in_use(path, "another process".to_owned()))
    }
}

impl Drop for CheckpointLock {
    fn drop(&mut self) {
        // The file stays, for removing it could remove the next holder's. An
        // empty one says that no process holds it; if even that fails, the lock
        // is gone all the same.
        self.file.set_len(0).ok();
    }
}

/// The lock file at `place`, made where there is none. A link is not followed.
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

/// Locks the database at `real` itself. `None` where the system or the file
/// system has no such lock.
pub(super) fn lock_database(path: &Path, real: &Path) -> Result<Option<File>, LedgerError> {
    if !cfg!(target_os = "linux") {
        return Ok(None);
    }
    let Ok(file) = File::open(real) else {
        // SQLite says why it can't be opened.
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

/// Who holds the lock on the checkpoint at `path`, if any process does.
pub fn lock_holder(path: &Path) -> Option<String> {
    let mut file = File::open(lock_path(path)).ok()?;
    match file.try_lock_shared() {
        Err(TryLockError::WouldBlock) => Some(holder(&mut file)),
        Ok(()) | Err(TryLockError::Error(_)) => None,
    }
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

    /// As `status` takes it for a moment.
    #[test]
    fn a_start_waits_for_those_who_look() {
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
    fn a_link_in_the_lock_files_place_is_not_followed() {
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
