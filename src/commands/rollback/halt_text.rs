//! Why a rollback ended early, in a sentence.

use crate::engine::stop::Halt;

/// Why it stopped early.
pub(super) fn why(halt: &Halt) -> Option<String> {
    match halt {
        Halt::Interrupted => Some("Interrupted.".to_owned()),
        Halt::OutOfTime { option } => Some(format!("Stopped by {option}.")),
        Halt::AllAlike {
            rows,
            kind,
            message,
        } => Some(format!(
            "Stopped: the first {rows} customers {kind} were all refused alike: {message}"
        )),
        Halt::Unreadable { message } => Some(format!(
            "Stopped: the first answers about customers can't be read ({message}). Check --base-url, and what answers there."
        )),
        Halt::Denied { .. }
        | Halt::TooManyErrors { .. }
        | Halt::TooManyChanges { .. }
        | Halt::Canary { .. }
        | Halt::NoKeys { .. }
        | Halt::Declined
        | Halt::Broken => None,
    }
}
