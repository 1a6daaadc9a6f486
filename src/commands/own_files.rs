//! Which files a pattern leaves out: those that this program wrote itself, so that
//! the same command with the same pattern reads the same inputs again.
//!
//! Checkpoints and sandboxes are recognised by their content, whatever their names
//! are. Rejects and failures are read where the pattern asks for them.

use std::collections::HashSet;
use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::Read;
use std::path::Path;

use super::fetched::with_listed;
use super::shell_word::shown;
use crate::domain::text::{counted, listed};
use crate::report::result_names::{KINDS, holds_results, is_result_name};
use crate::source::patterns::resolve;

/// The first bytes of a SQLite database (<https://sqlite.org/fileformat.html>).
const SQLITE: &[u8] = b"SQLite format 3\0";

/// The first line of a file of API keys.
const KEYS: &[u8] = b"clientId,key\n";

/// The first bytes of a file of metrics: `# HELP kable_bulk_`, as far as is read.
const METRICS: &[u8] = b"# HELP kable_bul";

/// The first bytes of a saved plan, as far as is read.
const PLAN: &[u8] = b"{\"kable_bulk_pla";

/// The ends of the names of checkpoints, also of those without readable content.
const CHECKPOINT_ENDINGS: [&str; 2] = [".checkpoint.db", ".checkpoint.db.saved"];

/// The ends of the names of files beside a checkpoint or a sandbox.
const COMPANION_ENDINGS: [&str; 4] = ["-wal", "-shm", "-journal", ".lock"];

/// The end of a results folder's name.
const RESULTS_ENDING: &str = ".results";

/// The fewest letters by which a pattern asks for a kind of files: `rej*.csv`.
const ASKING_LETTERS: usize = 3;

/// The inputs of a command, with patterns resolved.
#[derive(Debug)]
pub(super) struct ResolvedInputs {
    /// Their names.
    pub(super) names: Vec<OsString>,
    /// The patterns among what was typed.
    pub(super) patterns: Vec<OsString>,
    /// Which files were left out, if any.
    pub(super) note: Option<String>,
}

impl ResolvedInputs {
    /// Resolves what was typed.
    ///
    /// A shell may have expanded a pattern before: of several names, those of files
    /// that can't be inputs are left out as well.
    pub(super) fn of(typed: &[OsString]) -> anyhow::Result<Self> {
        let is_no_input = |name: &&OsString| {
            let path = Path::new(name);
            typed.len() > 1 && (is_never_input(path) || path.is_dir() && is_results_name(name))
        };
        let (mut left_out, mut names): (Vec<&OsString>, Vec<&OsString>) =
            typed.iter().partition(is_no_input);
        if names.is_empty() {
            std::mem::swap(&mut names, &mut left_out);
        }
        let names: Vec<OsString> = names.into_iter().cloned().collect();
        let resolved = resolve(&with_listed(names.clone(), is_own_object)?, is_own)?;
        let found: HashSet<&OsString> = resolved.names.iter().collect();
        let patterns = names.iter().filter(|name| !found.contains(name));
        let patterns = patterns.cloned().collect();
        let left_out = left_out.into_iter().chain(&resolved.left_out);
        let left_out: Vec<String> = left_out.map(|name| shown(Path::new(name))).collect();
        Ok(Self {
            note: note(&left_out),
            patterns,
            names: resolved.names,
        })
    }
}

fn note(left_out: &[String]) -> Option<String> {
    let many = u64::try_from(left_out.len()).unwrap_or(u64::MAX);
    (many > 0).then(|| {
        format!(
            "left out {} that kable-bulk wrote itself: {}",
            counted(many, "file", "files"),
            listed(left_out, 3)
        )
    })
}

/// Whether an object of this name is one that this program wrote, and `pattern` does not ask
/// for it; `beside_manifest` says whether results are in its folder.
fn is_own_object(key: &str, pattern: &str, beside_manifest: bool) -> bool {
    let path = Path::new(key);
    let in_results = folder_names(path).any(is_results_name);
    let is_result = in_results || beside_manifest && is_result_file(path);
    is_result && !asks_for(pattern, path)
}

/// Whether this program wrote the file at `path`, and `pattern` does not ask for it.
fn is_own(path: &Path, pattern: &str) -> bool {
    is_never_input(path) || is_result(path) && !asks_for(pattern, path)
}

/// Whether the file at `path` is one of this program that is never an input.
fn is_never_input(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let is_settings = name == "kable-bulk.toml" || name.ends_with(".mapping.toml");
    is_settings || is_checkpoint_name(&name) || is_companion(path) || {
        let start = start_of(path);
        start == SQLITE || start == METRICS || start == PLAN || start.starts_with(KEYS)
    }
}

fn is_checkpoint_name(name: &str) -> bool {
    CHECKPOINT_ENDINGS
        .iter()
        .any(|ending| name.ends_with(ending))
}

/// Whether the file belongs to a database beside it.
fn is_companion(path: &Path) -> bool {
    let Some(name) = path.file_name().and_then(OsStr::to_str) else {
        return false;
    };
    let mut databases = COMPANION_ENDINGS
        .iter()
        .filter_map(|ending| name.strip_suffix(ending));
    databases.any(|database| {
        is_checkpoint_name(database) || start_of(&path.with_file_name(database)) == SQLITE
    })
}

/// As many first bytes of a file as a SQLite database is recognised by; none of a
/// stream, which could be read only once.
fn start_of(path: &Path) -> Vec<u8> {
    let mut start = Vec::new();
    if path.is_file()
        && let Ok(file) = File::open(path)
    {
        // A file that can't be read is reported when it is opened as an input.
        file.take(SQLITE.len() as u64).read_to_end(&mut start).ok();
    }
    start
}

/// Whether the file is in a results folder of that name, or a result in a folder of
/// another name, which may hold inputs as well.
fn is_result(path: &Path) -> bool {
    folder_names(path).any(is_results_name)
        || is_result_file(path) && path.parent().is_some_and(holds_results)
}

fn folder_names(path: &Path) -> impl Iterator<Item = &OsStr> {
    path.ancestors().skip(1).filter_map(Path::file_name)
}

fn is_results_name(name: impl AsRef<OsStr>) -> bool {
    let name = name.as_ref().as_encoded_bytes();
    name.strip_suffix(b"/")
        .unwrap_or(name)
        .ends_with(RESULTS_ENDING.as_bytes())
}

/// Whether a file has the name of a result, perhaps of one that was kept from being
/// replaced, or that is being written.
fn is_result_file(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let original = match name.split_once(".kept-") {
        Some((stem, number)) => {
            let ending = number.trim_start_matches(|digit: char| digit.is_ascii_digit());
            format!("{stem}{ending}")
        }
        None => name.to_string(),
    };
    is_result_name(Path::new(&original)) || name.starts_with('.') && name.ends_with(".part")
}

/// Whether `pattern` asks for the result at `path`: it names rejects or failures, or
/// the results folder that the file is in. Results that are not made to be read
/// again are not asked for.
fn asks_for(pattern: &str, path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let kind = KINDS.iter().find(|kind| name.starts_with(**kind));
    if kind.is_none() && is_result_file(path) {
        return false;
    }
    let (folder, file) = pattern.rsplit_once('/').unwrap_or(("", pattern));
    let (typed, _) = file.split_once(['*', '?', '[']).unwrap_or((file, ""));
    let names_kind = kind.is_some_and(|kind| {
        typed.starts_with(kind) || typed.len() >= ASKING_LETTERS && kind.starts_with(typed)
    });
    names_kind
        || folder
            .split('/')
            .filter(|part| part.ends_with(RESULTS_ENDING))
            .filter_map(|part| glob::Pattern::new(part).ok())
            .any(|part| folder_names(path).any(|name| part.matches(&name.to_string_lossy())))
}

#[cfg(test)]
mod tests {
    use std::ffi::OsString;
    use std::path::Path;

    use super::{ResolvedInputs, asks_for, is_own};
    use crate::commands::hint;

    /// A folder with an input, and all that belongs to its runs.
    fn used_folder() -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, content: &[u8]| {
            let path = folder.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, content).unwrap();
        };
        write("a.csv", b"clientId\n");
        for name in ["run.db", "a.csv.checkpoint.db", "kable-sandbox.db"] {
            write(name, b"SQLite format 3\0\x10");
            write(&format!("{name}-wal"), b"");
            write(&format!("{name}.lock"), b"");
        }
        write("b.checkpoint.db.saved", b"");
        write("keys-copy.csv", b"clientId,key\nc-1,sk_test.1\n");
        write("night.prom", b"# HELP kable_bulk_rows Rows.\n");
        write("kable-bulk.toml", b"");
        write("stripe.mapping.toml", b"");
        for folder in ["a.csv.results", "out"] {
            for name in [
                "problems.csv",
                "rejects.csv",
                "failures-2.jsonl",
                "rejects.kept-1.csv",
            ] {
                write(&format!("{folder}/{name}"), b"_line\n");
            }
            write(&format!("{folder}/.kable-bulk"), b"{}");
            write(&format!("{folder}/mine.csv"), b"clientId\n");
        }
        folder
    }

    #[test]
    fn a_pattern_leaves_out_what_runs_wrote() {
        let folder = used_folder();
        for (pattern, wanted) in [
            ("*", vec!["a.csv"]),
            ("**/*", vec!["a.csv", "out/mine.csv"]),
            ("**/*.csv", vec!["a.csv", "out/mine.csv"]),
            ("out/*.csv", vec!["out/mine.csv"]),
            (
                "out/rej*.csv",
                vec!["out/rejects.csv", "out/rejects.kept-1.csv"],
            ),
            (
                "*.results/*",
                vec![
                    "a.csv.results/failures-2.jsonl",
                    "a.csv.results/mine.csv",
                    "a.csv.results/rejects.csv",
                    "a.csv.results/rejects.kept-1.csv",
                ],
            ),
            (
                "*/rejects.csv",
                vec!["a.csv.results/rejects.csv", "out/rejects.csv"],
            ),
        ] {
            let typed = folder.path().join(pattern).into_os_string();
            let resolved = ResolvedInputs::of(&[typed]).unwrap();
            let names = resolved.names.iter().map(|name| {
                let path = Path::new(name).strip_prefix(folder.path()).unwrap();
                path.to_str().unwrap()
            });
            assert_eq!(names.collect::<Vec<_>>(), wanted, "{pattern}");
        }
    }

    #[test]
    fn a_pattern_that_fits_own_files_only_is_explained() {
        let folder = used_folder();
        let typed = folder.path().join("*.db*").into_os_string();
        let error = ResolvedInputs::of(&[typed]).unwrap_err();
        let text = error.to_string();
        assert!(text.contains("that kable-bulk wrote itself"), "{text}");
        assert!(hint(&error).unwrap().contains("type the name"));
    }

    #[test]
    fn names_are_kept_but_for_those_of_a_shell_that_expanded_a_pattern() {
        let folder = used_folder();
        let path = |name: &str| folder.path().join(name).into_os_string();
        let checkpoint = path("a.csv.checkpoint.db");
        let names = |typed: &[OsString]| ResolvedInputs::of(typed).unwrap().names;
        assert_eq!(
            names(std::slice::from_ref(&checkpoint)),
            std::slice::from_ref(&checkpoint)
        );
        let rejects = path("a.csv.results/rejects.csv");
        let expanded = [path("a.csv"), checkpoint, path("a.csv.results"), rejects];
        assert_eq!(names(&expanded), [expanded[0].clone(), expanded[3].clone()]);
    }

    #[test]
    fn a_stream_is_not_read_to_see_what_it_is() {
        assert!(!is_own(Path::new("/dev/stdin"), "*"));
        assert!(!asks_for("*", Path::new("a.results/rejects.csv")));
    }
}
