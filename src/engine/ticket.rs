//! A claimed row on its way to the API.

use crate::domain::customer::{Customer, Fingerprint};
use crate::domain::outcome::Outcome;

/// A row on its way: what is claimed, and then sent.
#[derive(Debug, Clone)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is known by itself, and they come in many combinations"
)]
pub(crate) struct Ticket {
    /// The claim's number in the ledger.
    pub(crate) id: u64,
    /// What is sent.
    pub(crate) customer: Customer,
    /// Its digest.
    pub(crate) digest: Fingerprint,
    /// Whether an earlier run may have sent it, or it is known to exist: then
    /// it is asked for first.
    pub(crate) ask_first: bool,
    /// Whether a claim of ours may have been sent and is in doubt.
    pub(crate) in_doubt: bool,
    /// Whether the row is another one than an earlier run settled, or claimed.
    pub(crate) changed: bool,
    /// What it was last settled as, also while it is in doubt.
    pub(crate) history: Option<Outcome>,
    /// Whether the customer was ever seen at Kable.
    pub(crate) there: bool,
    /// Whether this checkpoint created the customer.
    pub(crate) ours: bool,
    /// Whether the row was given back for repeating another one's `clientId`, and still
    /// does: the customer is that one's, and is not changed.
    pub(crate) is_repeat: bool,
    /// Whether an earlier run may have sent it and its claim may be lost. Then
    /// it is asked for first, and where it exists it cannot be told whose it is.
    pub(crate) forgotten: bool,
    /// When the claim in doubt was made.
    pub(crate) claim: ClaimTime,
}

/// When a claim was made.
#[derive(Debug, Clone, Copy)]
pub(crate) enum ClaimTime {
    /// In an earlier run: a moment on the server's clock not before it, where
    /// that is known.
    Earlier(Option<i64>),
    /// In this run.
    Now {
        /// In Unix milliseconds by our clock.
        at_ms: i64,
        /// A moment on the server's clock not before it, as far as that was known at
        /// the claim: a clock that is set later does not move it.
        by_ms: Option<i64>,
    },
}
