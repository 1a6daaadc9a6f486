//! The folder for results: created, checked for writing, locked, and kept apart
//! from the user's files.

use std::ffi::OsString;
use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::hint::{HintedError, hinted};
use super::shell_word::shown;
use crate::domain::object_address::is_address;
use crate::domain::text::listed;
use crate::report::manifest::foreign;
use crate::report::result_names::is_result_name;
use crate::source::Format;
use crate::source::input::Input;

/// How often a folder in which a page is written is tried, and how long to wait in between.
const PATIENCE: u32 = 200;
const PAUSE: Duration = Duration::from_millis(50);

/// The folder for results. It is removed again if this process created it and left
/// it empty.
#[derive(Debug)]
pub(super) struct ResultFolder {
    made: Option<PathBuf>,
}

impl ResultFolder {
    /// Creates the folder and checks that it can be written to, so that an error
    /// shows now instead of after hours of sending.
    pub(super) fn prepare(out: &Path) -> anyhow::Result<Self> {
        if is_address(out.as_os_str()) {
            return Err(hinted(
                format!(
                    "this command writes its results to a folder, and {} is none",
                    shown(out)
                ),
                "name a folder with --out DIR",
            ));
        }
        let made = (!out.exists()).then(|| out.to_owned());
        let tried =
            std::fs::create_dir_all(out).and_then(|()| tempfile::tempfile_in(out).map(drop));
        tried.map_err(|error| {
            anyhow::Error::new(error).context(HintedError {
                what: format!("cannot write results to {}", out.display()),
                hint: "name another folder with --out DIR".to_owned(),
            })
        })?;
        Ok(Self { made })
    }
}

impl Drop for ResultFolder {
    fn drop(&mut self) {
        if let Some(made) = &self.made {
            // Fails, as intended, if it has results.
            std::fs::remove_dir(made).ok();
        }
    }
}

/// Locks a folder for this process until the value is dropped: two runs would
/// overwrite each other's results. Waits for a page that is written beside them. `None` if
/// the system can't lock folders.
pub(super) fn lock_folder(folder: &Path) -> anyhow::Result<Option<File>> {
    lock_folder_waiting(folder, &mut || {
        #[expect(
            clippy::disallowed_methods,
            reason = "nothing else runs before the results can be written"
        )]
        std::thread::sleep(PAUSE);
    })
}

/// Locks a folder; `pause` is called between two tries.
fn lock_folder_waiting(folder: &Path, pause: &mut impl FnMut()) -> anyhow::Result<Option<File>> {
    let Ok(opened) = File::open(folder) else {
        return Ok(None);
    };
    for _ in 0..PATIENCE {
        match opened.try_lock() {
            // A run holds it exclusively, a page that is written shared.
            Err(TryLockError::WouldBlock) if opened.try_lock_shared().is_ok() => {}
            Err(TryLockError::WouldBlock) => break,
            Ok(()) | Err(TryLockError::Error(_)) => return Ok(Some(opened)),
        }
        opened.unlock()?;
        pause();
    }
    Err(hinted(
        format!("another run is writing its results to {}", folder.display()),
        "wait for it to end, or name another folder with --out DIR",
    ))
}

/// Locks a folder while a page is written to it, so that a run that begins meanwhile waits.
/// `None` if a run has the folder: it writes its page at its end, which replaces this one.
pub(super) fn lock_folder_for_page(folder: &Path) -> Option<File> {
    let opened = File::open(folder).ok()?;
    opened.try_lock_shared().is_ok().then_some(opened)
}

/// Refuses an input with the path of a result: a mended `rejects.csv` must not be
/// overwritten by the run that reads it.
pub(super) fn refuse_own_results(names: &[OsString], out: &Path) -> anyhow::Result<()> {
    let real = |path: &Path| std::fs::canonicalize(path).ok();
    let Some(folder) = real(out) else {
        return Ok(());
    };
    for name in names.iter().filter(|name| *name != "-") {
        let inside =
            real(Path::new(name)).is_some_and(|input| input.parent() == Some(folder.as_path()));
        if inside && is_result_name(Path::new(name)) {
            return Err(hinted(
                format!(
                    "{} stands where this run writes its own results",
                    shown(Path::new(name))
                ),
                "name another folder with --out DIR",
            ));
        }
    }
    Ok(())
}

/// Refuses a folder in which other files have the names of results, so that the
/// error shows now instead of after hours of sending.
pub(super) fn refuse_foreign(out: &Path, command: &str, inputs: &[Input]) -> anyhow::Result<()> {
    let is_table = |input: &Input| matches!(input.format, Format::Csv { .. });
    if command == "report" {
        // It writes one page, under another name if that is taken.
        return Ok(());
    }
    let mut names = vec!["summary.json", "problems.csv"];
    if inputs.iter().any(is_table) {
        names.extend(["rejects.csv", "failures.csv"]);
    }
    if !inputs.iter().all(is_table) {
        names.extend(["rejects.jsonl", "failures.jsonl"]);
    }
    if command == "import" {
        names.push("results.jsonl");
    }
    let found = foreign(out, &names).map_err(|error| {
        anyhow::Error::new(error).context(HintedError {
            what: format!("cannot write results to {}", shown(out)),
            hint: "name another folder with --out DIR".to_owned(),
        })
    })?;
    if found.is_empty() {
        return Ok(());
    }
    Err(hinted(
        format!(
            "{} holds {}, which kable-bulk did not write",
            shown(out),
            listed(&found, 3)
        ),
        "name another folder with --out DIR, or move that file away",
    ))
}

#[cfg(test)]
mod tests {
    use super::{lock_folder, lock_folder_for_page, lock_folder_waiting};

    #[test]
    fn a_run_waits_for_a_page_and_not_for_another_run() {
        let folder = tempfile::tempdir().unwrap();
        let mut page = lock_folder_for_page(folder.path());
        assert!(page.is_some());
        let mut pauses = 0;
        let run = lock_folder_waiting(folder.path(), &mut || {
            pauses += 1;
            if pauses == 3 {
                page.take();
            }
        });
        assert!(run.unwrap().is_some());
        assert_eq!(pauses, 3);
        let run = lock_folder(folder.path()).unwrap();
        assert!(lock_folder_for_page(folder.path()).is_none());
        assert!(lock_folder_waiting(folder.path(), &mut || panic!("it waits")).is_err());
        drop(run);
        let page = lock_folder_for_page(folder.path());
        assert!(page.is_some());
        assert!(lock_folder_waiting(folder.path(), &mut || ()).is_err());
    }
}
