//! Which checkpoint a command uses where none is named.
//!
//! That of several inputs is named after the first of them. A file that sorts before it,
//! or that was moved away since, must not make an import begin anew: then the checkpoint
//! that is there is used, or one has to be named.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use super::checkpoint::is_database;
use super::hint::hinted;
use super::own_files::ResolvedInputs;
use super::shell_word::{shell_word, shown};
use crate::cli::TargetOptions;
use crate::config::values::{
    CHECKPOINT_ENDING, SANDBOX_CHECKPOINT_ENDING, default_checkpoint, ensure_checkpoint,
};
use crate::config::{ConfigError, FileOptions};
use crate::domain::object_address::ObjectAddress;
use crate::domain::text::{counted, listed};
use crate::source::patterns::resolve;

/// How many checkpoints are listed.
const CHECKPOINTS_SHOWN: usize = 3;

/// A checkpoint, and what is said about it.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct CheckpointChoice {
    /// The checkpoint; of an import `None` for the one that is named after the first input.
    pub(super) path: Option<PathBuf>,
    /// Why it is this one, if that is not obvious.
    pub(super) note: Option<String>,
}

/// What is decided about an import's checkpoint before it begins, unless it is `named`.
pub(super) fn import_checkpoint(
    named: Option<&Path>,
    inputs: &ResolvedInputs,
    is_sandbox: bool,
) -> anyhow::Result<CheckpointChoice> {
    if named.is_some() {
        return Ok(CheckpointChoice::default());
    }
    let Ok(default) = default_checkpoint(&inputs.names, is_sandbox) else {
        // A stream's has to be named, which is said where it is needed.
        return Ok(CheckpointChoice::default());
    };
    let others = other_checkpoints(inputs, &default, is_sandbox);
    if default.exists() {
        return Ok(CheckpointChoice {
            path: None,
            note: (!others.is_empty()).then(|| unused_note(&default, &others)),
        });
    }
    let begins = format!(
        "; to begin anew, --checkpoint {}: rows that only the others know are then sent as new ones",
        shell_word(&default)
    );
    match the_one(&default, &others, &begins)? {
        None => Ok(CheckpointChoice::default()),
        Some(path) => Ok(CheckpointChoice {
            note: Some(used_note(&default, path)),
            path: Some(path.to_owned()),
        }),
    }
}

/// The checkpoint that was typed, or stands in the file, or else that of the import of
/// these inputs.
pub(super) fn chosen_checkpoint(
    typed: Option<&Path>,
    inputs: &[OsString],
    file: &FileOptions,
) -> anyhow::Result<(PathBuf, Option<String>)> {
    if let Some(path) = typed.or(file.sending.checkpoint.as_deref()) {
        ensure_checkpoint(path)?;
        return Ok((path.to_owned(), None));
    }
    let likely = file.is_sandbox(&TargetOptions::default());
    // Of a rehearsal's and a real run's, the latter, unless customers go to a sandbox.
    first_checkpoint(inputs, &[likely, !likely])
}

/// Likewise for a command that only looks at it: `sandbox` says whether that of a run with
/// the sandbox is meant, if it was said.
pub(super) fn viewed_checkpoint(
    typed: Option<&Path>,
    sandbox: Option<bool>,
    inputs: &[OsString],
    file: &FileOptions,
) -> anyhow::Result<(PathBuf, Option<String>)> {
    match sandbox.filter(|_| typed.is_none()) {
        Some(is_sandbox) => target_checkpoint(inputs, is_sandbox),
        None => chosen_checkpoint(typed, inputs, file),
    }
}

/// The name after which the results of a checkpoint are named where its inputs have none:
/// its input's, if it stands beside one.
pub(super) fn subject(checkpoint: &Path) -> OsString {
    let name = checkpoint.as_os_str();
    let text = name.to_str().unwrap_or_default();
    if is_database(checkpoint) {
        return schema_in(text).into();
    }
    let input = [SANDBOX_CHECKPOINT_ENDING, CHECKPOINT_ENDING]
        .into_iter()
        .find_map(|ending| text.strip_suffix(ending));
    match input {
        Some(input) if !input.is_empty() => input.into(),
        Some(_) | None => name.to_owned(),
    }
}

/// The schema in the address of a database, as the name of a file.
fn schema_in(address: &str) -> String {
    let mut parameters = address.split(['?', '&']).skip(1);
    let schema = parameters.find_map(|pair| pair.strip_prefix("schema="));
    let is_plain = |letter: char| letter.is_alphanumeric() || "-_".contains(letter);
    schema
        .unwrap_or("kable_bulk")
        .replace(|letter| !is_plain(letter), "_")
}

/// The checkpoint of the import of these inputs that went to the sandbox, or did not.
fn target_checkpoint(
    inputs: &[OsString],
    is_sandbox: bool,
) -> anyhow::Result<(PathBuf, Option<String>)> {
    first_checkpoint(inputs, &[is_sandbox])
}

/// The first checkpoint of the import of these inputs that is there, of those to the
/// sandbox or not in this order; if none is, the first that could be.
fn first_checkpoint(
    inputs: &[OsString],
    order: &[bool],
) -> anyhow::Result<(PathBuf, Option<String>)> {
    if inputs.is_empty() {
        let wrong = "neither an input nor a checkpoint is named".to_owned();
        let option = "checkpoint";
        return Err(ConfigError::Value { option, wrong }.into());
    }
    let inputs = ResolvedInputs::of(inputs)?;
    for &is_sandbox in order {
        let default = default_checkpoint(&inputs.names, is_sandbox)?;
        if default.exists() {
            return Ok((default, None));
        }
        let others = other_checkpoints(&inputs, &default, is_sandbox);
        if let Some(path) = the_one(&default, &others, "")? {
            return Ok((path.to_owned(), Some(used_note(&default, path))));
        }
    }
    let is_sandbox = order.first() == Some(&true);
    Ok((default_checkpoint(&inputs.names, is_sandbox)?, None))
}

/// The checkpoints of the other inputs; if they have none, those of files that are gone,
/// and fitted the pattern by which the inputs are named.
fn other_checkpoints(inputs: &ResolvedInputs, default: &Path, is_sandbox: bool) -> Vec<PathBuf> {
    let of_input = |name: &OsString| default_checkpoint(std::slice::from_ref(name), is_sandbox);
    let named = inputs.names.iter().skip(1);
    let named = named.filter_map(|name| of_input(name).ok());
    let found: Vec<PathBuf> = named.filter(|path| path.exists()).collect();
    if !found.is_empty() || default.exists() {
        return found;
    }
    let ending = if is_sandbox {
        SANDBOX_CHECKPOINT_ENDING
    } else {
        CHECKPOINT_ENDING
    };
    let is_other_kind = |path: &PathBuf| {
        let name = path.as_os_str().as_encoded_bytes();
        !is_sandbox && name.ends_with(SANDBOX_CHECKPOINT_ENDING.as_bytes())
    };
    let of_pattern = |pattern: &OsString| {
        let local = ObjectAddress::of(pattern).map(|address| address.local_path());
        let mut pattern = local.map_or_else(|| pattern.clone(), PathBuf::into_os_string);
        pattern.push(ending);
        // That none fits is no error here.
        resolve(&[pattern], |_, _| false).unwrap_or_default().names
    };
    let gone = inputs.patterns.iter().flat_map(of_pattern);
    let gone = gone.map(PathBuf::from);
    let mut gone: Vec<PathBuf> = gone.filter(|path| !is_other_kind(path)).collect();
    gone.sort();
    gone.dedup();
    gone
}

/// The only one of `others`, where there is no `default`. Of several, one has to be named.
fn the_one<'p>(
    default: &Path,
    others: &'p [PathBuf],
    begins: &str,
) -> anyhow::Result<Option<&'p Path>> {
    match others {
        [] => Ok(None),
        [one] => Ok(Some(one)),
        [first, ..] => Err(hinted(
            format!(
                "the checkpoint of these inputs is not certain: there is none of the first, {}, and there are {}",
                shown(default),
                listed_paths(others)
            ),
            format!(
                "name the one to go on with, such as --checkpoint {}{begins}",
                shell_word(first)
            ),
        )),
    }
}

fn used_note(default: &Path, used: &Path) -> String {
    format!(
        "note: the checkpoint is {}, which an earlier import of these inputs left; there is no {} \
         (--checkpoint FILE names another)",
        shown(used),
        shown(default)
    )
}

fn unused_note(default: &Path, others: &[PathBuf]) -> String {
    let many = u64::try_from(others.len()).unwrap_or(u64::MAX);
    format!(
        "note: the checkpoint is {}; {} of these inputs left unread: {} (--checkpoint FILE names \
         another)",
        shown(default),
        counted(many, "other checkpoint is", "other checkpoints are"),
        listed_paths(others)
    )
}

fn listed_paths(paths: &[PathBuf]) -> String {
    let shown: Vec<String> = paths.iter().map(|path| shown(path)).collect();
    listed(&shown, CHECKPOINTS_SHOWN)
}

#[cfg(test)]
mod tests {
    use super::{CheckpointChoice, Path, ResolvedInputs, import_checkpoint, subject};

    #[test]
    fn results_of_a_database_are_named_after_its_schema() {
        for (address, name) in [
            ("postgres://u@db/kable", "kable_bulk"),
            ("postgres://u@db/kable?schema=nightly&lease=1s", "nightly"),
            ("postgres://u@db/kable?lease=1s&schema=..%2Fa/b", "___2Fa_b"),
        ] {
            assert_eq!(subject(Path::new(address)), name);
        }
    }

    /// What is chosen for `pattern` in a folder with these files, in its terms.
    fn chosen(files: &[&str], pattern: &str) -> Result<CheckpointChoice, String> {
        let folder = tempfile::tempdir().unwrap();
        for name in files {
            std::fs::write(folder.path().join(name), "x").unwrap();
        }
        let inputs = ResolvedInputs::of(&[folder.path().join(pattern).into()]).unwrap();
        let mut choice = import_checkpoint(None, &inputs, false)
            .map_err(|error| format!("{error}; {}", crate::commands::hint(&error).unwrap()))?;
        let relative = |path: &Path| path.strip_prefix(folder.path()).unwrap().to_owned();
        choice.path = choice.path.map(|path| relative(&path));
        Ok(choice)
    }

    fn path(files: &[&str], pattern: &str) -> Option<String> {
        let path = chosen(files, pattern).unwrap().path?;
        Some(path.to_str().unwrap().to_owned())
    }

    #[test]
    fn a_new_first_file_or_one_that_is_gone_does_not_begin_anew() {
        let b = Some("b.csv.checkpoint.db".to_owned());
        for (files, expected) in [
            (&["a.csv", "b.csv"][..], None),
            (&["a.csv", "b.csv", "a.csv.checkpoint.db"], None),
            (&["a.csv", "b.csv", "b.csv.checkpoint.db"], b.clone()),
            (&["c.csv", "b.csv.checkpoint.db"], b.clone()),
            // Of a rehearsal, or of no input of the pattern.
            (&["c.csv", "b.csv.sandbox.checkpoint.db"], None),
            (&["c.csv", "b.json.checkpoint.db"], None),
            // Those of inputs that are there come first.
            (
                &[
                    "a.csv",
                    "b.csv",
                    "b.csv.checkpoint.db",
                    "0.csv.checkpoint.db",
                ],
                b.clone(),
            ),
        ] {
            assert_eq!(path(files, "*.csv"), expected, "{files:?}");
        }
        let files = ["c.csv", "b.csv.checkpoint.db"];
        assert_eq!(path(&files, "*"), b);
        assert_eq!(path(&files, "c.csv"), None);
    }

    #[test]
    fn what_is_chosen_is_said() {
        let note = |files: &[&str]| chosen(files, "*.csv").unwrap().note;
        assert_eq!(note(&["a.csv", "b.csv", "a.csv.checkpoint.db"]), None);
        let used = note(&["a.csv", "b.csv", "b.csv.checkpoint.db"]).unwrap();
        assert!(used.contains("b.csv.checkpoint.db, which"), "{used}");
        let unused = note(&[
            "a.csv",
            "b.csv",
            "a.csv.checkpoint.db",
            "b.csv.checkpoint.db",
        ]);
        assert!(
            unused.unwrap().contains("1 other checkpoint is"),
            "it is said"
        );
    }

    #[test]
    fn of_several_one_has_to_be_named() {
        for files in [
            &["a.csv", "b.csv", "c.csv"][..],
            // Files that are gone.
            &["a.csv"],
        ] {
            let checkpoints = ["b.csv.checkpoint.db", "c.csv.checkpoint.db"];
            let error = chosen(&[files, &checkpoints].concat(), "*.csv").unwrap_err();
            assert!(error.contains("is not certain"), "{error}");
            assert!(error.contains("such as --checkpoint "), "{error}");
            assert!(error.contains("to begin anew"), "{error}");
        }
    }
}
