//! The checkpoint as a file: whose it is, and whether it is one.

use std::fs::{File, OpenOptions};
use std::io::Read;
use std::path::Path;

use super::LedgerError;

/// What every SQLite file begins with (SQLite documentation, "Database File Format").
const MAGIC: &[u8] = b"SQLite format 3\0";

/// Makes files readable by their owner only, where the system knows owners.
pub(super) fn owner_only(options: &mut OpenOptions) {
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(options, 0o600);
    #[cfg(not(unix))]
    let _unused = options;
}

/// Refuses what is there and is not SQLite, before anything touches it.
pub(super) fn refuse_other_files(path: &Path) -> Result<(), LedgerError> {
    if is_hard_linked(path) {
        return Err(LedgerError::Linked {
            path: path.to_owned(),
        });
    }
    if path.is_dir() {
        return Err(LedgerError::NotALedger {
            path: path.to_owned(),
        });
    }
    let Ok(mut file) = File::open(path) else {
        // Not there, or not ours to read: opening it will tell.
        return Ok(());
    };
    let mut start = Vec::new();
    let read = file
        .by_ref()
        .take(MAGIC.len() as u64)
        .read_to_end(&mut start);
    match read {
        Ok(0) | Err(_) => Ok(()),
        Ok(_) if start == MAGIC => Ok(()),
        Ok(_) => Err(LedgerError::NotALedger {
            path: path.to_owned(),
        }),
    }
}

/// Whether the file has a second name. SQLite would keep a log beside each of
/// them, and corrupt it (SQLite documentation, "How To Corrupt", §2.5).
fn is_hard_linked(path: &Path) -> bool {
    #[cfg(unix)]
    {
        use std::os::unix::fs::MetadataExt;
        std::fs::metadata(path).is_ok_and(|found| found.is_file() && found.nlink() > 1)
    }
    #[cfg(not(unix))]
    {
        let _unused = path;
        false
    }
}
