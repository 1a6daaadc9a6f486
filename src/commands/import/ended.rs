//! How an import ended: its exit code, and the checkpoint's term for it.

use crate::commands::exit::Exit;
use crate::commands::finish::exit_of;
use crate::domain::summary::Summary;
use crate::engine::stop::Halt;

/// The exit code of an import, which `halt` ended early if it is set.
pub(in crate::commands) fn exit(halt: Option<&Halt>, dry_run: bool, summary: &Summary) -> Exit {
    match halt {
        Some(Halt::Interrupted) => Exit::Interrupted,
        Some(Halt::Denied { .. } | Halt::Broken) => Exit::Failed,
        Some(Halt::OutOfTime { .. }) => Exit::Stopped,
        Some(
            Halt::AllAlike { .. }
            | Halt::TooManyErrors { .. }
            | Halt::TooManyChanges { .. }
            | Halt::Canary { .. }
            | Halt::Declined,
        ) => Exit::NeedsPerson,
        None if dry_run && summary.rows.rejected == 0 => Exit::Done,
        None => exit_of(summary),
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
            | Halt::TooManyErrors { .. }
            | Halt::TooManyChanges { .. }
            | Halt::OutOfTime { .. }
            | Halt::Canary { .. }
            | Halt::Declined
            | Halt::Broken,
        ) => "stopped",
    }
}
