//! Orphaned claims: rows that an earlier run may have sent, and that have left the
//! input since.
//!
//! No row tells of them any more, so they are asked for by themselves, beside the
//! rows of the run. There is nothing to compare them with: what is found out is
//! whether the customer is there, and whether it is there by our doing. None is
//! ever created again.

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;

use super::absence::{Absence, Proof};
use super::list_lookup::is_unsafe_in_path;
use super::metrics::Metrics;
use super::record::Message;
use super::sender::Sender;
use crate::domain::decision::{KnownClaim, UNKNOWN_DIGEST, is_our_doing};
use crate::domain::outcome::Outcome;
use crate::domain::remote::RemoteCustomer;
use crate::domain::summary::OrphanCounts;
use crate::domain::text::quoted;
use crate::engine::pace::backoff::delay;
use crate::engine::pace::circuit_breaker::Access;
use crate::engine::pace::sent::Sent;
use crate::engine::survey::codec::{six, take_six};
use crate::kable::{CustomerApi, LookUpReply, Trouble};
use crate::ledger::{ClaimRecord, Settlement};
use crate::report::{Event, Observer};
use crate::spill::{Sorted, Sorter};

/// How many are asked for at once.
const AT_ONCE: usize = 64;

/// Takes the claims that met no row of the input.
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

    /// Whether a claim without a row is one of them.
    pub(in crate::engine) fn takes(known: &KnownClaim) -> bool {
        known.in_doubt || known.orphan
    }

    pub(in crate::engine) fn push(&mut self, known: &KnownClaim) -> io::Result<()> {
        if known.in_doubt {
            self.many += 1;
            return self.in_doubt.push(six(known.id));
        }
        if known.orphan {
            // An earlier run asked for it.
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
    /// What is known of them while none is asked for.
    pub fn left(&self) -> OrphanCounts {
        OrphanCounts {
            unresolved: self.left.unresolved + self.many,
            ..self.left
        }
    }
}

/// Asks for all that are in doubt, and has what is found out recorded.
pub(super) async fn ask<A: CustomerApi, O: Observer>(
    mut orphans: Orphans,
    sending: Arc<Sender<A, O>>,
    recorder: mpsc::Sender<Message>,
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
        if sending.stop.is_halted() {
            break;
        }
        if tasks.len() >= AT_ONCE
            && let Some(found) = tasks.join_next().await
        {
            learn(found?);
        }
        let id = take_six(&mut id.as_slice());
        let (sending, recorder) = (Arc::clone(&sending), recorder.clone());
        tasks.spawn(async move { sending.ask_for_orphan(id, &recorder).await });
    }
    while let Some(found) = tasks.join_next().await {
        learn(found?);
    }
    Ok(left)
}

impl<A: CustomerApi, O: Observer> Sender<A, O> {
    /// Finds out what became of claim `id`, and has it recorded; `None` where it
    /// could not be asked for, so that it stays as it is.
    async fn ask_for_orphan(
        &self,
        id: u64,
        recorder: &mpsc::Sender<Message>,
    ) -> Option<(Outcome, bool)> {
        let (answer, answered) = oneshot::channel();
        recorder.send(Message::Read { id, answer }).await.ok()?;
        let entry = answered.await.ok()??;
        let settlement = self.found_orphan(id, &entry).await?;
        let ours = settlement.ours;
        // What is released is again what it was, and here it is not there.
        let outcome = settlement.outcome;
        let message = Message::Settle {
            settlement,
            client_id: entry.client_id,
            keys: Vec::new(),
            from_before: true,
        };
        recorder.send(message).await.ok()?;
        Some((outcome, ours))
    }

    /// Asks for the customer of an orphaned claim until it is known whether it is
    /// there.
    async fn found_orphan(&self, id: u64, entry: &ClaimRecord) -> Option<Settlement> {
        let (mut attempts, mut tries) = (0, 0);
        let mut last = Trouble::default();
        let mut absence = Absence::of_earlier_run();
        let settled = |outcome, attempts| Settlement {
            id,
            digest: UNKNOWN_DIGEST,
            outcome,
            ours: entry.ours,
            orphan: true,
            keys_lost: false,
            customer_id: None,
            request_id: None,
            attempts,
            status: None,
            message: None,
        };
        while tries <= self.retry.retries {
            attempts += 1;
            let (sent, found) = self.ask_once(&entry.client_id, tries > 0).await?;
            match found {
                LookUpReply::There { remote, request_id } => {
                    self.answered(sent);
                    return Some(Settlement {
                        request_id,
                        ..self.orphan_there(entry, &remote, settled(Outcome::Created, attempts))
                    });
                }
                LookUpReply::Absent => {
                    self.answered(sent);
                    let now = self.began.elapsed();
                    match absence.not_found(now, |doubt| self.landing_time(doubt)) {
                        Proof::Absent => return Some(settled(Outcome::Pending, attempts)),
                        Proof::LookAgain(at) => self.rest_until(at).await?,
                    }
                }
                LookUpReply::Other { remote, .. } => {
                    self.answered(sent);
                    let found = quoted(&remote.client_id);
                    last.message = format!("a look-up of it finds customer {found}");
                    break;
                }
                LookUpReply::Denied(refusal) => {
                    self.shut_out(&refusal);
                    return None;
                }
                LookUpReply::Throttled(wait) => self.hold_back(sent, wait),
                LookUpReply::AbsentPage(trouble) | LookUpReply::Unknown(trouble) => {
                    tries += self.rest_before_asking_again(tries, &trouble).await?;
                    last = trouble;
                }
            }
        }
        Some(Settlement {
            status: last.status,
            request_id: last.request_id,
            message: Some(last.message),
            ..settled(Outcome::Unresolved, attempts)
        })
    }

    /// Asks for a customer once, by its path or in the list of all; `None` where
    /// everything is stopped.
    async fn ask_once(&self, client_id: &str, is_retry: bool) -> Option<(Sent, LookUpReply)> {
        let admitted = self.admitted(is_retry, Access::Read).await?;
        Metrics::count(&self.metrics.sent);
        Metrics::count(&self.metrics.lookups);
        let asked = self.timed(admitted.permit, self.api.find(client_id));
        let (timed, found) = tokio::select! {
            answered = asked => answered,
            () = self.stop.halted() => return None,
        };
        let by_path_in_vain = match &found {
            LookUpReply::Absent => is_unsafe_in_path(client_id),
            LookUpReply::AbsentPage(_) | LookUpReply::Other { .. } => true,
            LookUpReply::There { .. }
            | LookUpReply::Denied(_)
            | LookUpReply::Throttled(_)
            | LookUpReply::Unknown(_) => false,
        };
        if by_path_in_vain {
            return Some((timed.sent, self.find_in_list(client_id).await?));
        }
        Some((timed.sent, found))
    }

    /// Waits after a trouble; 1 where it counts, `None` where everything is stopped.
    async fn rest_before_asking_again(&self, tries: u32, trouble: &Trouble) -> Option<u32> {
        if trouble.local {
            self.crowded(trouble).await;
            return Some(0);
        }
        // An outage is waited for before the next request.
        if self.is_outage(trouble, Access::Read) {
            return Some(0);
        }
        let message = trouble.message.clone();
        self.observer.observe(&Event::Trouble { message });
        let wait = delay(&self.retry, tries + 1, trouble.wait, (self.jitter)());
        self.rest_until(self.began.elapsed() + wait).await?;
        Some(1)
    }

    /// The customer of an orphaned claim is there: is it our doing?
    fn orphan_there(
        &self,
        entry: &ClaimRecord,
        remote: &RemoteCustomer,
        settled: Settlement,
    ) -> Settlement {
        let ours = entry.ours || is_our_doing(remote.created, entry.claimed_by);
        let was_never = matches!(entry.last, None | Some(Outcome::Pending));
        Settlement {
            outcome: match entry.last.filter(|last| last.is_there()) {
                Some(last) => last,
                None if ours => Outcome::Created,
                None => Outcome::AlreadyExisted,
            },
            // What we created is what was claimed. Of everything else it is not
            // known what it is now: its row, should it come back, is asked for.
            digest: if ours && was_never {
                entry.digest
            } else {
                UNKNOWN_DIGEST
            },
            ours,
            keys_lost: self.keys && ours && !entry.ours,
            customer_id: Some(remote.customer_id.clone()),
            ..settled
        }
    }

    /// Waits until `at`, since the run's start; `None` where everything is stopped.
    async fn rest_until(&self, at: Duration) -> Option<()> {
        tokio::select! {
            () = tokio::time::sleep_until(self.began + at) => Some(()),
            () = self.stop.halted() => None,
        }
    }
}
