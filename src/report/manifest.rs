//! Records which files of a results folder this program wrote, with the length and
//! digest of each, in a hidden file beside them.
//!
//! A file that was changed since, that another command wrote for other inputs, or
//! that this program did not write is never replaced or removed. New entries are on
//! disk before the files are moved to their places, and old ones are removed
//! afterwards: wherever a run is killed, its files remain known.

use std::collections::HashSet;
use std::fs::File;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::atomic_file::{PendingFile, WrittenFile};
use super::result_names::{MANIFEST, is_numbered};

/// The format that this program writes.
const FORMAT: u32 = 1;

/// The files of which a check writes its own beside those of an import.
const OF_IMPORTS: [&str; 2] = ["summary.json", "report.html"];

/// The command that writes results, and its inputs.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ResultsOrigin {
    /// The subcommand.
    pub command: String,
    /// The inputs, as absolute paths.
    pub inputs: Vec<String>,
    /// Whether rows were sent to a sandbox.
    pub rehearsal: bool,
}

impl ResultsOrigin {
    /// Whether files of `other` may be replaced: it had no further inputs, and a
    /// rehearsal does not replace results of a real run.
    fn covers(&self, other: &Self) -> bool {
        (other.rehearsal || !self.rehearsal || is_check(&other.command))
            && other.inputs.iter().all(|name| self.inputs.contains(name))
    }
}

/// A file as it was written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct ManifestEntry {
    name: String,
    bytes: u64,
    digest: String,
    #[serde(flatten)]
    origin: ResultsOrigin,
}

#[derive(Debug, Default, Serialize, Deserialize)]
struct ManifestFile {
    kable_bulk_results: u32,
    files: Vec<ManifestEntry>,
}

/// The state of a result file's place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum PlaceState {
    /// Nothing.
    Absent,
    /// An unchanged result file that may be replaced.
    Replaceable,
    /// An unchanged result file of other inputs, or of a real run.
    Others,
    /// A result file that was changed since it was written.
    Changed,
    /// Something that is not a file, or not in the manifest.
    Foreign,
}

/// A file that was kept from being replaced.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeptFile {
    /// Its former path.
    pub place: PathBuf,
    /// Its path now.
    pub kept: PathBuf,
    /// Whether it was changed since it was written; otherwise it belongs to another
    /// command.
    pub changed: bool,
}

/// The files that were written, and those kept from being replaced.
#[derive(Debug, Default)]
pub struct PublishedFiles {
    /// The files that were written.
    pub written: Vec<WrittenFile>,
    /// The files that were in their places, and were renamed.
    pub kept: Vec<KeptFile>,
}

/// Whether `command` sends nothing that changes anything, ever.
pub(super) fn is_check(command: &str) -> bool {
    matches!(command, "validate" | "verify")
}

/// The manifest of a folder.
#[derive(Debug)]
pub(super) struct Manifest {
    folder: PathBuf,
    origin: ResultsOrigin,
    entries: Vec<ManifestEntry>,
}

impl Manifest {
    /// Reads the manifest of `folder`, for results of `origin`.
    pub(super) fn read(folder: &Path, origin: ResultsOrigin) -> io::Result<Self> {
        let entries = match std::fs::read(folder.join(MANIFEST)) {
            Ok(bytes) => match serde_json::from_slice::<ManifestFile>(&bytes) {
                Ok(content) if content.kable_bulk_results == FORMAT => content.files,
                Ok(_) | Err(_) => {
                    return Err(io::Error::other(format!(
                        "{MANIFEST} there is not the list of results that kable-bulk keeps"
                    )));
                }
            },
            Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
            Err(error) => return Err(error),
        };
        Ok(Self {
            folder: folder.to_owned(),
            origin,
            entries,
        })
    }

    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    /// The state of the place of the file `name`.
    pub(super) fn state_of(&self, name: &str) -> io::Result<PlaceState> {
        let place = self.folder.join(name);
        let metadata = match std::fs::symlink_metadata(&place) {
            Ok(metadata) => metadata,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(PlaceState::Absent),
            Err(error) => return Err(error),
        };
        let mut known = self
            .entries
            .iter()
            .filter(|entry| entry.name == name)
            .peekable();
        if !metadata.is_file() || known.peek().is_none() {
            return Ok(PlaceState::Foreign);
        }
        let mut digest = None;
        let mut is_it = |entry: &&ManifestEntry| -> io::Result<bool> {
            if entry.bytes != metadata.len() {
                return Ok(false);
            }
            if digest.is_none() {
                digest = Some(digest_of(&place)?);
            }
            Ok(digest.as_ref() == Some(&entry.digest))
        };
        let mut state = PlaceState::Changed;
        for entry in known {
            if is_it(&entry)? {
                state = if self.origin.covers(&entry.origin) {
                    return Ok(PlaceState::Replaceable);
                } else {
                    PlaceState::Others
                };
            }
        }
        Ok(state)
    }

    /// The name under which `name` is written: another one if it is taken by a file
    /// that is not in the manifest.
    pub(super) fn name_for(&self, name: &str) -> io::Result<String> {
        let command = self.origin.command.as_str();
        if is_check(command) && OF_IMPORTS.contains(&name) && self.is_imports(name)? {
            return self.name_for(&format!("{command}-{name}"));
        }
        let mut free = name.to_owned();
        for number in 2.. {
            if self.state_of(&free)? != PlaceState::Foreign {
                break;
            }
            free = numbered(name, &format!("-{number}"));
        }
        Ok(free)
    }

    /// Whether the file `name` exists and a command that sends something wrote it.
    fn is_imports(&self, name: &str) -> io::Result<bool> {
        let of_it = |entry: &ManifestEntry| entry.name == name && !is_check(&entry.origin.command);
        Ok(self.entries.iter().any(of_it) && self.state_of(name)? != PlaceState::Absent)
    }

    /// Those of `names` that exist in the folder and are not in the manifest.
    pub(super) fn foreign<'n>(&self, names: &[&'n str]) -> io::Result<Vec<&'n str>> {
        let mut foreign = Vec::new();
        for name in names {
            if self.state_of(name)? == PlaceState::Foreign {
                foreign.push(*name);
            }
        }
        Ok(foreign)
    }

    /// Moves `parts` to their places, renames files that must not be replaced, and
    /// removes earlier files of these `kinds` that were not written again.
    pub(super) fn publish(
        mut self,
        mut parts: Vec<PendingFile>,
        kinds: &[&str],
    ) -> io::Result<PublishedFiles> {
        let mut new = Vec::new();
        for part in &mut parts {
            let (bytes, digest) = part.seal()?;
            new.push(ManifestEntry {
                name: part.name(),
                bytes,
                digest: digest.to_string(),
                origin: self.origin.clone(),
            });
        }
        let names: Vec<String> = new.iter().map(|entry| entry.name.clone()).collect();
        let states = names.iter().map(|name| self.state_of(name));
        let states: Vec<PlaceState> = states.collect::<io::Result<_>>()?;
        self.entries.extend(new.iter().cloned());
        self.write()?;
        let mut kept = Vec::new();
        let mut written = Vec::new();
        for (part, state) in parts.into_iter().zip(states) {
            match state {
                PlaceState::Absent | PlaceState::Replaceable => {}
                PlaceState::Others | PlaceState::Changed | PlaceState::Foreign => {
                    kept.push(KeptFile {
                        kept: keep_aside(&part.place)?,
                        place: part.place.clone(),
                        changed: state != PlaceState::Others,
                    });
                }
            }
            written.push(part.finish()?);
        }
        let names: HashSet<String> = names.into_iter().collect();
        let is_stale = |name: &String| {
            !names.contains(name) && kinds.iter().any(|kind| is_numbered(name, kind))
        };
        let all: Vec<String> = self
            .entries
            .iter()
            .map(|entry| entry.name.clone())
            .collect();
        for name in all.iter().filter(|name| is_stale(name)) {
            if self.state_of(name)? == PlaceState::Replaceable {
                remove_if_there(&self.folder.join(name))?;
            }
        }
        // Entries of files that were removed or replaced are dropped.
        self.entries
            .retain(|entry| !names.contains(&entry.name) || new.contains(entry));
        let folder = self.folder.clone();
        self.entries
            .retain(|entry| folder.join(&entry.name).exists());
        self.write()?;
        Ok(PublishedFiles { written, kept })
    }

    fn write(&self) -> io::Result<()> {
        let mut part = PendingFile::begin(&self.folder, MANIFEST)?;
        let content = ManifestFile {
            kable_bulk_results: FORMAT,
            files: self.entries.clone(),
        };
        serde_json::to_writer(&mut part, &content)?;
        part.write_all(b"\n")?;
        part.finish().map(drop)
    }
}

/// Those of `names` that exist in `folder` and are not in its manifest.
pub fn foreign<'n>(folder: &Path, names: &[&'n str]) -> io::Result<Vec<&'n str>> {
    Manifest::read(folder, ResultsOrigin::default())?.foreign(names)
}

/// Renames the file at `place` to a free numbered name.
fn keep_aside(place: &Path) -> io::Result<PathBuf> {
    let name = place.file_name().unwrap_or_default().to_string_lossy();
    for number in 1_u64.. {
        let aside = place.with_file_name(numbered(&name, &format!(".kept-{number}")));
        // A hard link: nothing can be lost in between, and no other file is
        // replaced.
        match std::fs::hard_link(place, &aside) {
            Ok(()) => return Ok(aside),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            // Fallback for folders, and for file systems without hard links.
            Err(_) if std::fs::symlink_metadata(&aside).is_err() => {
                std::fs::rename(place, &aside)?;
                return Ok(aside);
            }
            Err(_) => {}
        }
    }
    Err(io::Error::other("there is no free name"))
}

/// Inserts `number` before the extension of `name`.
fn numbered(name: &str, number: &str) -> String {
    match name.rsplit_once('.') {
        Some((stem, ending)) => format!("{stem}{number}.{ending}"),
        None => format!("{name}{number}"),
    }
}

fn digest_of(path: &Path) -> io::Result<String> {
    let mut file = File::open(path)?;
    let mut hasher = blake3::Hasher::new();
    let mut room = vec![0; 64 << 10];
    loop {
        let size = file.read(&mut room)?;
        if size == 0 {
            return Ok(hasher.finalize().to_string());
        }
        hasher.update(room.split_at(size).0);
    }
}

/// Removes a file, if there is one.
fn remove_if_there(path: &Path) -> io::Result<()> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        Ok(()) | Err(_) => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::path::Path;

    use super::{KeptFile, Manifest, PendingFile, PlaceState, ResultsOrigin, is_numbered};

    fn origin(inputs: &[&str], rehearsal: bool) -> ResultsOrigin {
        ResultsOrigin {
            command: "import".to_owned(),
            inputs: inputs.iter().map(|name| (*name).to_owned()).collect(),
            rehearsal,
        }
    }

    fn publish(folder: &Path, origin: ResultsOrigin, files: &[(&str, &str)]) -> Vec<KeptFile> {
        let manifest = Manifest::read(folder, origin).unwrap();
        let parts = files.iter().map(|(name, text)| {
            let mut part = PendingFile::begin(folder, &manifest.name_for(name).unwrap()).unwrap();
            part.write_all(text.as_bytes()).unwrap();
            part
        });
        let parts = parts.collect();
        manifest
            .publish(parts, &["rejects", "failures"])
            .unwrap()
            .kept
    }

    fn read(folder: &Path, name: &str) -> String {
        std::fs::read_to_string(folder.join(name)).unwrap()
    }

    #[test]
    fn unchanged_files_are_replaced_and_removed() {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path();
        let a = || origin(&["a"], false);
        publish(folder, a(), &[("rejects.csv", "1"), ("rejects-2.csv", "2")]);
        assert_eq!(publish(folder, a(), &[("rejects.csv", "3")]), []);
        assert_eq!(read(folder, "rejects.csv"), "3");
        assert!(!folder.join("rejects-2.csv").exists());
        // One run covers the inputs of another.
        let both = origin(&["a", "b"], false);
        assert_eq!(publish(folder, both, &[("rejects.csv", "4")]), []);
    }

    #[test]
    fn changed_files_are_renamed_each_time() {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path();
        let a = || origin(&["a"], false);
        for number in 1..3 {
            publish(folder, a(), &[("rejects.csv", "bad")]);
            std::fs::write(folder.join("rejects.csv"), format!("mended {number}")).unwrap();
            let kept = publish(folder, a(), &[("rejects.csv", "bad again")]);
            assert_eq!(kept.len(), 1);
            assert!(kept[0].changed);
            let name = format!("rejects.kept-{number}.csv");
            assert_eq!(kept[0].kept, folder.join(&name));
            assert_eq!(read(folder, &name), format!("mended {number}"));
            assert_eq!(read(folder, "rejects.csv"), "bad again");
        }
        std::fs::write(folder.join("rejects.csv"), "mended").unwrap();
        assert_eq!(publish(folder, a(), &[]), []);
        assert_eq!(read(folder, "rejects.csv"), "mended");
    }

    #[test]
    fn files_of_another_input_are_kept() {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path();
        publish(folder, origin(&["a"], false), &[("rejects.csv", "a")]);
        assert_eq!(publish(folder, origin(&["b"], false), &[]), []);
        assert_eq!(read(folder, "rejects.csv"), "a");
        let kept = publish(folder, origin(&["b"], false), &[("rejects.csv", "b")]);
        assert!(!kept[0].changed);
        assert_eq!(read(folder, "rejects.kept-1.csv"), "a");
        let kept = publish(folder, origin(&["b"], true), &[("rejects.csv", "r")]);
        assert_eq!(read(folder, "rejects.kept-2.csv"), "b");
        assert_eq!(kept.len(), 1);
        assert_eq!(
            publish(folder, origin(&["b"], false), &[("rejects.csv", "b")]),
            []
        );
    }

    #[test]
    fn foreign_files_are_never_touched() {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path();
        std::fs::write(folder.join("rejects.csv"), "mine").unwrap();
        assert_eq!(
            super::foreign(folder, &["rejects.csv", "failures.csv"]).unwrap(),
            ["rejects.csv"]
        );
        let a = || origin(&["a"], false);
        assert_eq!(publish(folder, a(), &[("rejects.csv", "ours")]), []);
        assert_eq!(read(folder, "rejects.csv"), "mine");
        assert_eq!(read(folder, "rejects-2.csv"), "ours");
        publish(folder, a(), &[]);
        assert_eq!(read(folder, "rejects.csv"), "mine");
        assert!(!folder.join("rejects-2.csv").exists());
        std::fs::write(folder.join(super::MANIFEST), "notes").unwrap();
        assert!(Manifest::read(folder, a()).is_err());
    }

    /// A run that was killed between two moves leaves old and new files; both are
    /// in the manifest.
    #[test]
    fn a_run_killed_between_two_moves_leaves_only_known_files() {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path();
        let a = || origin(&["a"], false);
        publish(
            folder,
            a(),
            &[("summary.json", "1"), ("results.jsonl", "1")],
        );
        let mut manifest = Manifest::read(folder, a()).unwrap();
        let mut part = PendingFile::begin(folder, "summary.json").unwrap();
        part.write_all(b"22").unwrap();
        let (bytes, digest) = part.seal().unwrap();
        let mut entry = manifest.entries[0].clone();
        (entry.bytes, entry.digest) = (bytes, digest.to_string());
        manifest.entries.push(entry);
        manifest.write().unwrap();
        for _ in 0..2 {
            let manifest = Manifest::read(folder, a()).unwrap();
            for name in ["summary.json", "results.jsonl"] {
                assert_eq!(manifest.state_of(name).unwrap(), PlaceState::Replaceable);
            }
            std::fs::write(folder.join("summary.json"), "22").unwrap();
        }
    }

    #[test]
    fn only_result_names_count_as_numbered() {
        for name in ["rejects.csv", "rejects-2.csv", "rejects-12.jsonl"] {
            assert!(is_numbered(name, "rejects"), "{name}");
        }
        for name in [
            "rejects-.csv",
            "rejects-of-may.csv",
            "rejects.kept-1.csv",
            "rejects.txt",
            "failures.csv",
        ] {
            assert!(!is_numbered(name, "rejects"), "{name}");
        }
    }
}
