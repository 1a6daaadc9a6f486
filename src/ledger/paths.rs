//! The paths of a checkpoint's files, and their permissions.

use std::fs::OpenOptions;
use std::path::{Path, PathBuf};

/// Makes new files readable and writable by their owner only (on Unix).
pub(in crate::ledger) fn owner_only(options: &mut OpenOptions) {
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(options, 0o600);
    #[cfg(not(unix))]
    let _unused = options;
}

/// The most symbolic links that are followed, as on Linux (`path_resolution(7)`).
const MOST_LINKS: usize = 40;

/// The path of the checkpoint with symbolic links resolved, also if the file does
/// not exist yet.
pub(in crate::ledger) fn real_place(path: &Path) -> PathBuf {
    let mut place = path.to_owned();
    for _ in 0..MOST_LINKS {
        let Ok(to) = std::fs::read_link(&place) else {
            break;
        };
        place = place.with_file_name("").join(to);
    }
    let folder = match place.parent() {
        Some(folder) if folder.as_os_str().is_empty() => Path::new("."),
        Some(folder) => folder,
        None => return place,
    };
    match (std::fs::canonicalize(folder), place.file_name()) {
        (Ok(folder), Some(name)) => folder.join(name),
        _ => place,
    }
}

/// `path` with `ending` appended to the file name.
pub(in crate::ledger) fn beside(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(ending);
    PathBuf::from(name)
}

/// The path of the lock file. It is beside the resolved path, so that a checkpoint
/// and symbolic links to it have the same lock.
pub(in crate::ledger) fn lock_path(path: &Path) -> PathBuf {
    beside(&real_place(path), ".lock")
}
