//! Reports inputs that were changed during a run.

use std::path::Path;

use crate::commands::checkpoint;
use crate::commands::shell_word::shell_word;
use crate::domain::outcome::Outcome;
use crate::domain::text::{counted, thousands};
use crate::ledger::Ledger;
use crate::report::progress::ProgressDisplay;
use crate::source::SourceError;
use crate::source::bytes::held_file::FileChange;
use crate::source::input::Input;

/// Explains the error of a run whose input was changed, with what `checkpoint`
/// records as done. Rows can't be identified by their lines any more, so no results
/// are written.
pub(in crate::commands) fn explained(error: anyhow::Error, checkpoint: &Path) -> anyhow::Error {
    let is_changed = |cause: &SourceError| matches!(cause, SourceError::Changed { .. });
    let mut causes = error.chain().filter_map(|cause| cause.downcast_ref());
    if !causes.any(is_changed) {
        return error;
    }
    let status = checkpoint::open_to_read(checkpoint).and_then(|mut ledger| ledger.status());
    let Ok(status) = status else {
        return error;
    };
    let outcomes = Outcome::ALL
        .into_iter()
        .filter(|outcome| *outcome != Outcome::Pending);
    let done: Vec<String> = outcomes
        .map(|outcome| (status.tally.of(outcome), outcome.name()))
        .filter(|(count, _)| *count > 0)
        .map(|(count, name)| format!("{} {name}", thousands(count)))
        .collect();
    let done = match done.as_slice() {
        [] => "nothing was sent".to_owned(),
        _ => format!("so far {}", done.join(", ")),
    };
    error.context(format!(
        "stopped before any row was sent that was not checked; {done} (checkpoint {checkpoint}); no \
         results were written, for rows may stand on other lines now: kable-bulk list --checkpoint \
         {checkpoint} --as jsonl lists what was done",
        checkpoint = shell_word(checkpoint),
    ))
}

/// Reports inputs that were changed since they were opened.
pub(in crate::commands) fn report_changes(inputs: &[Input], watcher: &ProgressDisplay) {
    for input in inputs {
        match input.change() {
            FileChange::Same => {}
            FileChange::Grown(bytes) => watcher.say(&format!(
                "note: {} grew by {} since it was opened: this run is about the rows before; run the \
                 same command again for the others",
                input.name,
                counted(bytes, "byte", "bytes")
            )),
            FileChange::Replaced => watcher.say(&format!(
                "note: {} was replaced or removed since it was opened: this run is about the file \
                 that was there before",
                input.name
            )),
        }
    }
}
