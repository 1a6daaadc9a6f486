//! What is asked of the recorder, and how its requests are gathered.

use std::collections::HashMap;
use std::time::Duration;

use tokio::sync::{Notify, mpsc, oneshot};
use tokio::time::timeout;

use super::settle::Settled;
use crate::domain::outcome::Outcome;
use crate::engine::survey::finding_store::PriorClaim;
use crate::engine::ticket::ClaimTime;
use crate::kable::Key;
use crate::ledger::workers::{ClaimAnswer, PartAnswer};
use crate::ledger::{Claim, ClaimRecord};

/// The most messages written in one transaction.
pub(super) const MOST_AT_ONCE: usize = 2048;

/// Flush interval without a pending claim; a crash within it costs one look-up a row.
const LINGER: Duration = Duration::from_millis(20);

/// A request to the recorder.
#[derive(Debug)]
pub(super) enum RecorderMessage {
    /// These rows are about to be sent; answered with the time of their claims once they
    /// are on disk.
    Claim {
        claims: Vec<Claim>,
        /// The part of the input that the rows are of, in a run that several workers share.
        part: Option<u32>,
        written: oneshot::Sender<Claimed>,
    },
    /// Lease the next part of the input, from this number on.
    TakePart {
        from: u32,
        answer: oneshot::Sender<PartAnswer>,
    },
    /// All rows of this part were claimed.
    Fed(u32),
    /// Read a claim from the ledger.
    Read {
        id: u64,
        answer: oneshot::Sender<Option<ClaimRecord>>,
    },
    /// Settle a row.
    Settle(Settled),
    /// Write the keys of a row that is settled later.
    Keys { client_id: String, keys: Vec<Key> },
    /// A customer was left as it is: for the progress.
    Left,
}

/// Kable's id on record of a customer that is not known to have the `clientId` of `claim`: one
/// that an earlier run may have created for it under another.
pub(super) fn other_id(
    recorder: &mpsc::Sender<RecorderMessage>,
    claim: &PriorClaim,
) -> Option<String> {
    // One under another `clientId` that is proved to be ours differs from its row.
    let is_its_own = claim.ours || claim.last.is_some_and(Outcome::customer_exists);
    if is_its_own && claim.last != Some(Outcome::Differs) || !claim.there {
        return None;
    }
    let (answer, answered) = oneshot::channel();
    let read = RecorderMessage::Read {
        id: claim.id,
        answer,
    };
    recorder.blocking_send(read).ok()?;
    answered.blocking_recv().ok().flatten()?.customer_id
}

/// What became of claims.
#[derive(Debug)]
pub(super) struct Claimed {
    /// When they were made.
    pub(super) time: ClaimTime,
    /// Answers to those that are not simply granted, by their numbers.
    pub(super) answers: HashMap<u64, ClaimAnswer>,
}

/// Waits for messages, and for [`LINGER`] for more; false when the channel is closed.
///
/// It sleeps through that time: waking up for each outcome costs more than writing it.
pub(super) async fn gather(
    inbox: &mut mpsc::Receiver<RecorderMessage>,
    hurry: &Notify,
    messages: &mut Vec<RecorderMessage>,
) -> bool {
    if inbox.recv_many(messages, MOST_AT_ONCE).await == 0 {
        return false;
    }
    let waits = |message: &RecorderMessage| {
        !matches!(
            message,
            RecorderMessage::Settle(_)
                | RecorderMessage::Keys { .. }
                | RecorderMessage::Left
                | RecorderMessage::Fed(_)
        )
    };
    if !messages.iter().any(waits) {
        timeout(LINGER, hurry.notified()).await.ok();
    }
    while messages.len() < MOST_AT_ONCE
        && let Ok(message) = inbox.try_recv()
    {
        messages.push(message);
    }
    true
}
