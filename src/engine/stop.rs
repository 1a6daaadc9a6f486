//! The signal that ends the sending, and its reason.

use std::borrow::Cow;
use std::sync::{Arc, OnceLock};

use serde::{Deserialize, Serialize};
use tokio_util::sync::CancellationToken;

/// Why the sending ends before the input does.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Halt {
    /// The user interrupted it.
    Interrupted,
    /// The API denies the credentials.
    Denied {
        /// What the API said.
        message: String,
    },
    /// The first rows of a kind were all refused with the same message.
    AllAlike {
        /// How many rows.
        rows: usize,
        /// The kind, as it follows "rows".
        kind: Cow<'static, str>,
        /// What the API said.
        message: String,
    },
    /// The first answers about customers could not be read, and none could.
    Unreadable {
        /// What one of them was.
        message: String,
    },
    /// The first creates of the run asked for keys, and their answers have none that can be
    /// read.
    NoKeys {
        /// How many creates.
        creates: usize,
    },
    /// More rows were rejected or failed than allowed.
    TooManyErrors {
        /// How many.
        errors: u64,
        /// How many are allowed.
        allowed: u64,
    },
    /// A sync would change more customers than allowed.
    TooManyChanges {
        /// How many.
        changes: u64,
        /// How many of them are cancellations.
        cancels: u64,
        /// How many are allowed.
        allowed: u64,
        /// Of how many that are not cancelled that is a share, if it is one.
        active: Option<u64>,
    },
    /// A time limit was reached.
    OutOfTime {
        /// The option that sets it, with its value.
        option: String,
    },
    /// Canary rows differ at Kable from what was sent.
    Canary {
        /// How many.
        wrong: usize,
        /// Of how many.
        of: usize,
    },
    /// The user declined when asked.
    Declined,
    /// A part of the pipeline failed; its own error has the reason.
    Broken,
}

impl Halt {
    /// Whether no other worker of the same run should go on either.
    pub fn concerns_all(&self) -> bool {
        match self {
            Self::Denied { .. }
            | Self::AllAlike { .. }
            | Self::Unreadable { .. }
            | Self::NoKeys { .. }
            | Self::TooManyErrors { .. }
            | Self::TooManyChanges { .. }
            | Self::Canary { .. }
            | Self::Declined => true,
            Self::Interrupted | Self::OutOfTime { .. } | Self::Broken => false,
        }
    }
}

/// The signal. Clones share it; the first reason counts.
#[derive(Debug, Clone, Default)]
pub struct Stop {
    token: CancellationToken,
    reason: Arc<OnceLock<Halt>>,
}

impl Stop {
    /// Ends the sending.
    pub fn halt(&self, reason: Halt) {
        // Later reasons follow from the first.
        self.reason.set(reason).ok();
        self.token.cancel();
    }

    /// Whether the sending has been ended.
    pub fn is_halted(&self) -> bool {
        // Reading the token takes a lock. The reason is set before it.
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
