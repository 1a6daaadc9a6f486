//! What is said where an input was changed under a run.

use super::session::Session;
use crate::domain::outcome::Outcome;
use crate::domain::text::{counted, thousands};
use crate::ledger::Ledger;
use crate::ledger::sqlite::SqliteLedger;
use crate::source::SourceError;
use crate::source::bytes::held_file::FileChange;

impl Session {
    /// The error of a run that an input was changed under, with what it had done
    /// by then: rows can't be told apart by their lines any more, and no results
    /// are written.
    pub(super) fn explained(&self, error: anyhow::Error) -> anyhow::Error {
        let is_changed = |cause: &SourceError| matches!(cause, SourceError::Changed { .. });
        let mut causes = error.chain().filter_map(|cause| cause.downcast_ref());
        if !causes.any(is_changed) {
            return error;
        }
        let standing = SqliteLedger::open_to_read(&self.dispatch.checkpoint)
            .and_then(|mut ledger| ledger.status());
        let Ok(standing) = standing else {
            return error;
        };
        let done = Outcome::ALL
            .into_iter()
            .filter(|outcome| *outcome != Outcome::Pending);
        let done: Vec<String> = done
            .map(|outcome| (standing.tally.of(outcome), outcome.name()))
            .filter(|(count, _)| *count > 0)
            .map(|(count, name)| format!("{} {name}", thousands(count)))
            .collect();
        let done = match done.as_slice() {
            [] => "nothing was sent".to_owned(),
            _ => format!("so far {}", done.join(", ")),
        };
        error.context(format!(
            "stopped before any row was sent that was not checked; {done} (checkpoint {}); no results \
             were written, for rows may stand on other lines now",
            self.dispatch.checkpoint.display()
        ))
    }

    /// Says what became of the inputs since they were opened.
    pub(super) fn say_news(&self) {
        for input in self.inputs.iter() {
            match input.change() {
                FileChange::Same => {}
                FileChange::Grown(bytes) => self.watcher.say(&format!(
                    "note: {} grew by {} since it was opened: this run is about the rows before; run the \
                     same command again for the others",
                    input.name,
                    counted(bytes, "byte", "bytes")
                )),
                FileChange::Replaced => self.watcher.say(&format!(
                    "note: {} was replaced or removed since it was opened: this run is about the file \
                     that was there before",
                    input.name
                )),
            }
        }
    }
}
