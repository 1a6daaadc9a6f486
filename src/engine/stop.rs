//! One signal that ends the sending, and why it was given.

use std::sync::{Arc, OnceLock};

use tokio_util::sync::CancellationToken;

/// Why the sending ends before the input does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Halt {
    /// The user asked for it.
    Interrupted,
    /// The credentials don't hold (any more).
    Denied {
        /// What the API said.
        message: String,
    },
    /// The first rows of a kind were all refused with the same words.
    AllAlike {
        /// How many rows.
        rows: usize,
        /// The kind, as it follows "rows".
        kind: &'static str,
        /// What the API said.
        message: String,
    },
    /// More rows were rejected or failed than allowed.
    TooManyErrors {
        /// How many.
        errors: u64,
        /// How many are allowed.
        allowed: u64,
    },
    /// The time that was given for it is over.
    OutOfTime {
        /// The option that says so, with its value.
        option: String,
    },
    /// Rows that were sent ahead are not at Kable as they should be.
    Canary {
        /// How many.
        wrong: usize,
        /// Of how many.
        of: usize,
    },
    /// The user was asked, and declined.
    Declined,
    /// A part of the pipeline can't go on; its own error says why.
    Broken,
}

/// The signal. Clones are the same signal; the first reason counts.
#[derive(Debug, Clone, Default)]
pub struct Stop {
    token: CancellationToken,
    reason: Arc<OnceLock<Halt>>,
}

impl Stop {
    /// Ends the sending.
    pub fn halt(&self, reason: Halt) {
        // A later reason is a consequence, or comes too late to matter.
        self.reason.set(reason).ok();
        self.token.cancel();
    }

    /// Whether the sending has been ended.
    pub fn is_halted(&self) -> bool {
        // The token would take a lock to say it. The reason is there before it.
        self.reason.get().is_some()
    }

    /// Waits until the sending is ended.
    pub async fn halted(&self) {
        self.token.cancelled().await;
    }

    /// Why it was ended, if it was.
    pub fn reason(&self) -> Option<Halt> {
        self.reason.get().cloned()
    }
}
