//! Outcomes in words.

use crate::domain::outcome::Outcome;

/// Describes an outcome for readers who don't know the manual.
pub(super) fn outcome_text(outcome: Outcome, command: &str) -> &'static str {
    match outcome {
        Outcome::Created => "created",
        Outcome::AlreadyExisted => "already there, and equal to the file",
        Outcome::Updated => "updated",
        Outcome::Unchanged if command == "verify" => "there, and equal to the file",
        Outcome::Unchanged => "unchanged",
        Outcome::Deleted => "deleted",
        Outcome::Differs if command == "sync" => {
            "differ in what a sync does not change: left as they are"
        }
        Outcome::Differs if command == "verify" => "there, and not equal to the file",
        Outcome::Differs => "already there, and not equal to the file: left as they are",
        Outcome::Missing => "missing: not at Kable",
        Outcome::Failed => "failed: refused by Kable",
        Outcome::Unresolved => {
            "unresolved: sent, and not known whether they arrived; the next run asks"
        }
        Outcome::Pending if command == "validate" => "fit to send",
        Outcome::Pending => "pending: not sent yet",
    }
}
