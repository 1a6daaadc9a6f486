//! The files of a checkpoint: where they are, and who may read them.

use std::fs::OpenOptions;
use std::path::{Path, PathBuf};

/// Makes files readable by their owner only, where the system knows owners.
pub(in crate::ledger) fn owner_only(options: &mut OpenOptions) {
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(options, 0o600);
    #[cfg(not(unix))]
    let _unused = options;
}

/// How many links are followed, as Linux does (`path_resolution(7)`).
const MOST_LINKS: usize = 40;

/// Where the checkpoint is or will be: links are followed, also where the last
/// one leads to no file yet.
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

/// The file beside `path` whose name has this ending more.
pub(in crate::ledger) fn beside(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(ending);
    PathBuf::from(name)
}

/// The lock's file, beside the checkpoint itself: a link to it is the same
/// checkpoint.
pub(in crate::ledger) fn lock_path(path: &Path) -> PathBuf {
    beside(&real_place(path), ".lock")
}
