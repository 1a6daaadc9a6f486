//! Writes a result file under a temporary name beside its place, and renames it at
//! the end.

use std::fs::{File, OpenOptions};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;

use super::result_names::is_result_name;

/// Makes files readable by their owner only, on Unix.
pub fn owner_only(options: &mut OpenOptions) {
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(options, 0o600);
    #[cfg(not(unix))]
    let _unused = options;
}

/// The byte-order mark by which a spreadsheet recognises UTF-8.
pub(super) const MARK: &[u8] = b"\xef\xbb\xbf";

/// The suffix of a temporary name: `.`, the file's name, `.`, random letters, and
/// this.
const ENDING: &str = ".part";

/// A file that is being written under a new temporary name beside its place,
/// readable by its owner only.
#[derive(Debug)]
pub(super) struct PendingFile {
    /// Its final path.
    pub(super) place: PathBuf,
    file: BufWriter<HashingFile>,
    /// How many rows it holds so far.
    pub(super) rows: u64,
}

impl PendingFile {
    /// Starts the file `name` in `folder`.
    pub(super) fn begin(folder: &Path, name: &str) -> io::Result<Self> {
        let mut builder = tempfile::Builder::new();
        let prefix = format!(".{name}.");
        let file = builder.prefix(&prefix).suffix(ENDING).tempfile_in(folder)?;
        // The lock shows other runs that the file is not abandoned.
        file.as_file().try_lock().ok();
        let digesting = HashingFile {
            file,
            digest: blake3::Hasher::new(),
            bytes: 0,
        };
        Ok(Self {
            file: BufWriter::with_capacity(64 << 10, digesting),
            place: folder.join(name),
            rows: 0,
        })
    }

    /// Its final name.
    pub(super) fn name(&self) -> String {
        let name = self.place.file_name().unwrap_or_default();
        name.to_string_lossy().into_owned()
    }

    /// Syncs it to disk; returns its length and digest.
    pub(super) fn seal(&mut self) -> io::Result<(u64, blake3::Hash)> {
        self.file.flush()?;
        let inner = self.file.get_ref();
        inner.file.as_file().sync_all()?;
        Ok((inner.bytes, inner.digest.finalize()))
    }

    /// Renames it to its final path. It is synced first, so that a power failure
    /// leaves either the earlier file or this one whole.
    pub(super) fn finish(mut self) -> io::Result<WrittenFile> {
        self.seal()?;
        let digesting = self.file.into_inner();
        let digesting = digesting.map_err(io::IntoInnerError::into_error)?;
        let moved = digesting.file.persist(&self.place);
        moved.map_err(|error| error.error)?;
        sync_folder(&self.place);
        Ok(WrittenFile {
            place: self.place,
            rows: self.rows,
        })
    }
}

/// A file, and the digest of what was written to it.
#[derive(Debug)]
struct HashingFile {
    file: NamedTempFile,
    digest: blake3::Hasher,
    bytes: u64,
}

impl Write for HashingFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let size = self.file.write(bytes)?;
        self.digest.update(bytes.split_at(size).0);
        self.bytes += size as u64;
        Ok(size)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

/// Syncs the folder of `place`, where folders can be synced.
pub(super) fn sync_folder(place: &Path) {
    if let Some(folder) = place.parent().and_then(|folder| File::open(folder).ok()) {
        folder.sync_all().ok();
    }
}

/// Removes temporary files that killed runs have left in `folder`.
pub(super) fn remove_abandoned(folder: &Path) {
    let Ok(entries) = std::fs::read_dir(folder) else {
        return;
    };
    for entry in entries.flatten() {
        let is_file = entry.file_type().is_ok_and(|kind| kind.is_file());
        let name = entry.file_name();
        if is_file && name.to_str().is_some_and(is_part_name) {
            let path = entry.path();
            let held = File::open(&path).is_ok_and(|file| file.try_lock().is_err());
            if !held {
                // A file that can't be removed does no harm.
                std::fs::remove_file(path).ok();
            }
        }
    }
}

/// Whether `name` is a temporary name, of this version or of an earlier one without
/// random letters.
fn is_part_name(name: &str) -> bool {
    let middle = name
        .strip_prefix('.')
        .and_then(|name| name.strip_suffix(ENDING));
    let Some(middle) = middle else { return false };
    let of_chance = |letters: &str| {
        letters.len() == 6 && letters.bytes().all(|byte| byte.is_ascii_alphanumeric())
    };
    let result = match middle.rsplit_once('.') {
        Some((result, letters)) if of_chance(letters) => result,
        Some(_) | None => middle,
    };
    is_result_name(Path::new(result))
}

/// A file that was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WrittenFile {
    /// Its path.
    pub place: PathBuf,
    /// How many rows or problems it holds.
    pub rows: u64,
}

impl Write for PendingFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::{PendingFile, is_part_name, remove_abandoned};

    #[test]
    fn only_temporary_result_names_are_taken_for_abandoned() {
        for (found, ours) in [
            (".summary.json.part", true),
            (".summary.json.aB3dE9.part", true),
            (".summary.json.mine.part", false),
            (".summary.json.aB3d.9.part", false),
            ("summary.json.part", false),
            (".rejects-2.jsonl.aB3dE9.part", true),
            (".notes.txt.aB3dE9.part", false),
        ] {
            assert_eq!(is_part_name(found), ours, "{found}");
        }
    }

    #[test]
    fn abandoned_files_are_removed_and_locked_ones_are_kept() {
        let folder = tempfile::tempdir().unwrap();
        let abandoned = folder.path().join(".summary.json.aB3dE9.part");
        std::fs::write(&abandoned, "{").unwrap();
        let first = PendingFile::begin(folder.path(), "summary.json").unwrap();
        remove_abandoned(folder.path());
        let mut second = PendingFile::begin(folder.path(), "summary.json").unwrap();
        assert!(!abandoned.exists());
        second.write_all(b"{}").unwrap();
        second.finish().unwrap();
        drop(first);
        let names = std::fs::read_dir(folder.path()).unwrap();
        let names: Vec<_> = names.map(|entry| entry.unwrap().file_name()).collect();
        assert_eq!(names, ["summary.json"]);
    }

    #[cfg(unix)]
    #[test]
    fn links_are_not_followed_and_modes_are_not_kept() {
        use std::os::unix::fs::{MetadataExt, symlink};
        let folder = tempfile::tempdir().unwrap();
        let victim = folder.path().join("victim");
        std::fs::write(&victim, "mine").unwrap();
        symlink(&victim, folder.path().join(".summary.json.part")).unwrap();
        symlink(&victim, folder.path().join("summary.json")).unwrap();
        let mut part = PendingFile::begin(folder.path(), "summary.json").unwrap();
        part.write_all(b"{}").unwrap();
        let place = part.finish().unwrap().place;
        assert_eq!(std::fs::read(&victim).unwrap(), b"mine");
        let written = std::fs::symlink_metadata(place).unwrap();
        assert!(written.is_file());
        assert_eq!(written.mode() & 0o777, 0o600);
    }
}
