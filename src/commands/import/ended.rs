//! How a run ended: its exit code, and the checkpoint's term for it.

use crate::commands::exit::Exit;
use crate::commands::finish::exit_of;
use crate::commands::hint::hinted;
use crate::domain::summary::Summary;
use crate::engine::stop::Halt;

/// The exit code of an import, which `halt` ended early if it is set.
pub(in crate::commands) fn exit(halt: Option<&Halt>, dry_run: bool, summary: &Summary) -> Exit {
    match halt {
        Some(halt) => exit_of_halt(halt),
        None if dry_run && summary.rows.rejected == 0 => Exit::Done,
        None => exit_of(summary),
    }
}

/// The exit code of a run that `halt` ended early.
pub(in crate::commands) fn exit_of_halt(halt: &Halt) -> Exit {
    match halt {
        Halt::Interrupted => Exit::Interrupted,
        Halt::Denied { .. } | Halt::Broken => Exit::Failed,
        Halt::OutOfTime { .. } => Exit::Stopped,
        Halt::AllAlike { .. }
        | Halt::Unreadable { .. }
        | Halt::NoKeys { .. }
        | Halt::TooManyErrors { .. }
        | Halt::TooManyChanges { .. }
        | Halt::Canary { .. }
        | Halt::Declined => Exit::NeedsPerson,
    }
}

/// Fails if the credentials were refused at `base_url`.
pub(in crate::commands) fn demand_accepted(
    halt: Option<&Halt>,
    base_url: &str,
) -> anyhow::Result<()> {
    match halt {
        Some(Halt::Denied { message }) => Err(hinted(
            format!("{base_url} refuses the credentials ({message})"),
            "mend the credentials and run the same command again: it continues where it stopped",
        )),
        Some(
            Halt::Interrupted
            | Halt::AllAlike { .. }
            | Halt::Unreadable { .. }
            | Halt::NoKeys { .. }
            | Halt::TooManyErrors { .. }
            | Halt::TooManyChanges { .. }
            | Halt::OutOfTime { .. }
            | Halt::Canary { .. }
            | Halt::Declined
            | Halt::Broken,
        )
        | None => Ok(()),
    }
}

/// Why a run ended early, as the summary names it.
pub(in crate::commands) fn reason_word(halt: &Halt) -> &'static str {
    match halt {
        Halt::Interrupted => "interrupted",
        Halt::Denied { .. } => "credentials_refused",
        Halt::AllAlike { .. } => "refused_alike",
        Halt::Unreadable { .. } => "unreadable_answers",
        Halt::NoKeys { .. } => "no_keys",
        Halt::TooManyErrors { .. } => "too_many_errors",
        Halt::TooManyChanges { .. } => "too_many_changes",
        Halt::OutOfTime { .. } => "out_of_time",
        Halt::Canary { .. } => "canary_differs",
        Halt::Declined => "declined",
        Halt::Broken => "broken",
    }
}

/// The checkpoint's term for how a run ended.
pub(in crate::commands) fn how(halt: Option<&Halt>) -> &'static str {
    match halt {
        None => "finished",
        Some(Halt::Interrupted) => "interrupted",
        Some(
            Halt::Denied { .. }
            | Halt::AllAlike { .. }
            | Halt::Unreadable { .. }
            | Halt::NoKeys { .. }
            | Halt::TooManyErrors { .. }
            | Halt::TooManyChanges { .. }
            | Halt::OutOfTime { .. }
            | Halt::Canary { .. }
            | Halt::Declined
            | Halt::Broken,
        ) => "stopped",
    }
}
