//! What a command that writes brings to a checkpoint, and gets.

use std::fmt::Debug;
use std::sync::Arc;
use std::time::Duration;

use crate::engine::stop::Stop;
use crate::ledger::Ledger;
use crate::report::progress::ProgressDisplay;

/// An open checkpoint.
pub(in crate::commands) type StoredLedger = Box<dyn Ledger>;

/// What a command that writes brings to a checkpoint.
#[cfg_attr(
    not(feature = "postgres"),
    expect(dead_code, reason = "a checkpoint in a file needs none of it")
)]
pub(in crate::commands) struct CheckpointWriter {
    /// Whether other processes may work on the same run.
    pub(in crate::commands) shares: bool,
    /// The longest time that a request waits for its response.
    pub(in crate::commands) timeout: Duration,
    pub(in crate::commands) watcher: Arc<ProgressDisplay>,
    pub(in crate::commands) stop: Stop,
}

impl Debug for CheckpointWriter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("CheckpointWriter").finish_non_exhaustive()
    }
}
