//! Orphaned claims: rows that an earlier run may have sent and that have left the input
//! since.
//!
//! They are looked up while the run's rows are sent. There is no row to compare with, so a
//! look-up only finds out whether the customer exists and whether this checkpoint created
//! it. No orphaned claim is sent again.

use std::io;
use std::path::Path;
use std::sync::Arc;

use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;

use super::absence::Absence;
use super::inbox::RecorderMessage;
use super::look_up::{LookedUp, look_up_until_known};
use super::sender::Sender;
use super::settle::Settled;
use crate::domain::decision::{KnownClaim, UNKNOWN_DIGEST, is_ours};
use crate::domain::outcome::Outcome;
use crate::domain::remote::RemoteCustomer;
use crate::domain::send_times::SendTimes;
use crate::domain::summary::OrphanCounts;
use crate::domain::text::quoted;
use crate::engine::survey::codec::{six, take_six};
use crate::kable::{CustomerApi, Trouble};
use crate::ledger::{ClaimRecord, Settlement};
use crate::report::Observer;
use crate::spill::{Sorted, Sorter};

/// How many are looked up at once.
const AT_ONCE: usize = 64;

/// Collects the claims without a row in the input.
#[derive(Debug)]
pub(in crate::engine) struct OrphanSorter {
    in_doubt: Sorter<6>,
    many: u64,
    left: OrphanCounts,
}

impl OrphanSorter {
    pub(in crate::engine) fn new(folder: &Path) -> Self {
        Self {
            in_doubt: Sorter::new(folder, 8),
            many: 0,
            left: OrphanCounts::default(),
        }
    }

    /// Whether a claim without a row is an orphan.
    pub(in crate::engine) fn takes(known: &KnownClaim) -> bool {
        known.in_doubt || known.orphan
    }

    pub(in crate::engine) fn push(&mut self, known: &KnownClaim) -> io::Result<()> {
        if known.in_doubt {
            self.many += 1;
            return self.in_doubt.push(six(known.id));
        }
        if known.orphan {
            // An earlier run looked it up.
            self.left
                .add(known.last.unwrap_or(Outcome::Pending), known.ours);
        }
        Ok(())
    }

    pub(in crate::engine) fn finish(self) -> io::Result<Orphans> {
        Ok(Orphans {
            in_doubt: self.in_doubt.finish()?,
            many: self.many,
            left: self.left,
        })
    }
}

/// Claims without a row in the input; by default none.
#[derive(Debug, Default)]
pub struct Orphans {
    /// The numbers of those in doubt.
    in_doubt: Sorted<6>,
    many: u64,
    left: OrphanCounts,
}

impl Orphans {
    /// What is known of them before any look-up.
    pub fn left(&self) -> OrphanCounts {
        OrphanCounts {
            unresolved: self.left.unresolved + self.many,
            ..self.left
        }
    }
}

/// Looks up all that are in doubt, and records the results.
pub(super) async fn ask<A: CustomerApi, O: Observer>(
    mut orphans: Orphans,
    sender: Arc<Sender<A, O>>,
    recorder: mpsc::Sender<RecorderMessage>,
) -> anyhow::Result<OrphanCounts> {
    let mut left = orphans.left();
    let mut tasks: JoinSet<Option<(Outcome, bool)>> = JoinSet::new();
    let mut learn = |found: Option<(Outcome, bool)>| {
        if let Some((outcome, ours)) = found {
            left.unresolved = left.unresolved.saturating_sub(1);
            left.add(outcome, ours);
        }
    };
    while let Some(id) = orphans.in_doubt.read_next()? {
        if sender.stop.is_halted() {
            break;
        }
        if tasks.len() >= AT_ONCE
            && let Some(found) = tasks.join_next().await
        {
            learn(found?);
        }
        let id = take_six(&mut id.as_slice());
        let (sender, recorder) = (Arc::clone(&sender), recorder.clone());
        tasks.spawn(async move { look_up_and_record(&sender, id, &recorder).await });
    }
    while let Some(found) = tasks.join_next().await {
        learn(found?);
    }
    Ok(left)
}

/// Finds the outcome of claim `id` and has it recorded; `None` if it could not be looked
/// up, so that it stays as it is.
async fn look_up_and_record<A: CustomerApi, O: Observer>(
    sender: &Sender<A, O>,
    id: u64,
    recorder: &mpsc::Sender<RecorderMessage>,
) -> Option<(Outcome, bool)> {
    let (answer, answered) = oneshot::channel();
    recorder
        .send(RecorderMessage::Read { id, answer })
        .await
        .ok()?;
    let entry = answered.await.ok()??;
    let settlement = found_out(sender, id, &entry).await?;
    // Pending: its customer is not there.
    let (outcome, ours) = (settlement.outcome, settlement.ours);
    let settled = Settled {
        from_before: true,
        ..Settled::keyless(settlement)
    };
    recorder.send(RecorderMessage::Settle(settled)).await.ok()?;
    Some((outcome, ours))
}

/// Looks an orphaned claim's customer up until it is known whether it exists.
async fn found_out<A: CustomerApi, O: Observer>(
    sender: &Sender<A, O>,
    id: u64,
    entry: &ClaimRecord,
) -> Option<Settlement> {
    let mut attempts = 0;
    let client_id = &entry.client_id;
    let absence = Absence::of_earlier_run();
    let looked_up = look_up_until_known(sender, client_id, absence, &mut attempts, |_| {}).await;
    let settled = |outcome| Settlement {
        id,
        client_id: client_id.clone(),
        digest: UNKNOWN_DIGEST,
        outcome,
        ours: entry.ours,
        orphan: true,
        place: None,
        keys_lost: false,
        customer_id: None,
        request_id: None,
        attempts,
        status: None,
        message: None,
        modified: None,
        differing: None,
    };
    let unresolved = |trouble: Trouble| Settlement {
        status: trouble.status,
        request_id: trouble.request_id,
        message: Some(trouble.message),
        ..settled(Outcome::Unresolved)
    };
    match looked_up {
        LookedUp::There(remote, request_id) | LookedUp::Listed(remote, request_id) => {
            Some(Settlement {
                request_id,
                ..there(
                    entry,
                    &remote,
                    (sender.keys, &sender.earlier),
                    settled(Outcome::Created),
                )
            })
        }
        LookedUp::Absent => Some(settled(Outcome::Pending)),
        LookedUp::Twin(other, _) | LookedUp::TwinInList(other, _) => Some(unresolved(Trouble {
            message: format!(
                "a look-up of it finds customer {}",
                quoted(&other.client_id)
            ),
            ..Trouble::default()
        })),
        LookedUp::Failed(trouble) => Some(unresolved(trouble)),
        LookedUp::Throttled | LookedUp::Stopped => None,
    }
}

/// The customer of an orphaned claim exists: did this checkpoint create it?
fn there(
    entry: &ClaimRecord,
    remote: &RemoteCustomer,
    (keys, times): (bool, &SendTimes),
    settled: Settlement,
) -> Settlement {
    let is_another = entry.is_another(&remote.customer_id);
    let was_ours = entry.ours && !is_another;
    let is_proved = is_ours(remote.created, entry.claimed_by) && times.include(remote.created);
    let ours = was_ours || is_proved;
    let was_never = matches!(entry.last, None | Some(Outcome::Pending));
    let last = entry.last.filter(|_| !is_another);
    Settlement {
        outcome: match last.filter(|last| last.customer_exists()) {
            Some(last) => last,
            None if ours => Outcome::Created,
            None => Outcome::AlreadyExisted,
        },
        // A customer that this checkpoint created has the claimed values. The values of
        // others are not known: if their rows return, they are looked up.
        digest: if ours && was_never {
            entry.digest
        } else {
            UNKNOWN_DIGEST
        },
        ours,
        keys_lost: keys && ours && !was_ours,
        customer_id: Some(remote.customer_id.clone()),
        modified: remote.modified,
        ..settled
    }
}

#[cfg(test)]
mod tests {
    use super::{ClaimRecord, Outcome, SendTimes, Settlement, UNKNOWN_DIGEST, there};
    use crate::domain::customer::tests::aster;
    use crate::engine::testing::remote_of;
    use crate::ledger::conformance::settlement;

    /// What is made of a claim with this `last` outcome of a customer of ours, if Kable shows
    /// `customer_id`, created at 500.
    fn found(last: Outcome, claimed_by: i64, customer_id: &str) -> Settlement {
        let entry = ClaimRecord {
            last: Some(last),
            ours: true,
            digest: [7; 16],
            claimed_by: Some(claimed_by),
            customer_id: Some("cus_old".to_owned()),
            ..ClaimRecord::default()
        };
        let mut remote = remote_of(&aster(), 500);
        remote.customer_id = customer_id.to_owned();
        let keys_and_times = (false, &SendTimes::default());
        there(
            &entry,
            &remote,
            keys_and_times,
            settlement(1, Outcome::Created),
        )
    }

    #[test]
    fn a_customer_that_others_made_anew_is_theirs() {
        for last in [Outcome::Created, Outcome::Updated, Outcome::Failed] {
            let theirs = found(last, 501, "cus_new");
            let known = (theirs.outcome, theirs.ours, theirs.digest);
            let expected = (Outcome::AlreadyExisted, false, UNKNOWN_DIGEST);
            assert_eq!(known, expected, "{last:?}");
            // A create of ours that was in doubt made it.
            let ours = found(last, 500, "cus_new");
            assert_eq!((ours.outcome, ours.ours), (Outcome::Created, true));
        }
        let same = found(Outcome::Updated, 501, "cus_old");
        assert_eq!((same.outcome, same.ours), (Outcome::Updated, true));
    }
}
