//! The reference model of a ledger.

use std::collections::BTreeMap;

use super::account;
use crate::domain::decision::{KnownClaim, digest_when_claimed};
use crate::domain::outcome::Outcome;
use crate::domain::timeline::RunHistory;
use crate::ledger::{
    Batch, Claim, ClaimRecord, LedgerStatus, MOST_HISTORIES, RunFigures, RunStart, Settlement,
    latencies,
};

/// A ledger in memory: claims by number, and runs.
#[derive(Debug, Default)]
pub(super) struct LedgerModel {
    pub(super) claims: BTreeMap<u64, ClaimModel>,
    runs: Vec<RunModel>,
}

#[derive(Debug)]
pub(super) struct ClaimModel {
    record: ClaimRecord,
    in_doubt: bool,
    orphan: bool,
    /// Whether it may be settled: it was claimed, or is in doubt from an earlier
    /// run, and was not settled since.
    pub(super) is_open: bool,
}

#[derive(Debug)]
struct RunModel {
    start: RunStart,
    changed_ms: i64,
    ended: Option<String>,
    figures: RunFigures,
}

impl LedgerModel {
    pub(super) fn begin(&mut self, start: &RunStart) {
        for claim in self.claims.values_mut() {
            claim.is_open = claim.in_doubt;
        }
        self.runs.push(RunModel {
            start: start.clone(),
            changed_ms: start.now_ms,
            ended: None,
            figures: RunFigures::default(),
        });
    }

    pub(super) fn end(&mut self, how: &str, now_ms: i64) {
        let run = self.runs.last_mut().unwrap();
        (run.ended, run.changed_ms) = (Some(how.to_owned()), now_ms);
    }

    pub(super) fn write(&mut self, batch: &Batch) {
        for settled in &batch.settlements {
            let claim = self.claims.get_mut(&settled.id).unwrap();
            claim.settle(settled, batch.now_ms);
        }
        for claim in &batch.claims {
            let new = || ClaimModel::new(claim);
            let known = self.claims.entry(claim.id).or_insert_with(new);
            known.claim(claim, batch.claimed_by);
        }
        let run = self.runs.last_mut().unwrap();
        run.changed_ms = batch.now_ms;
        let before = std::mem::replace(&mut run.figures, batch.figures.clone());
        if run.figures.latencies.is_empty() {
            run.figures.latencies = before.latencies;
        }
        if run.figures.timeline.is_none() {
            run.figures.timeline = before.timeline;
        }
    }

    pub(super) fn scan(&self) -> BTreeMap<String, KnownClaim> {
        let known =
            |(id, claim): (&u64, &ClaimModel)| (claim.record.client_id.clone(), claim.known(*id));
        self.claims.iter().map(known).collect()
    }

    pub(super) fn record(&self, id: u64) -> Option<ClaimRecord> {
        self.claims.get(&id).map(ClaimModel::record)
    }

    pub(super) fn runs(&self) -> Vec<RunHistory> {
        let early = self.runs.len().saturating_sub(MOST_HISTORIES);
        let runs = self.runs.iter().skip(early).map(|run| RunHistory {
            command: run.start.command.clone(),
            began_ms: run.start.now_ms,
            changed_ms: run.changed_ms,
            ended: run.ended.clone(),
            timeline: run.figures.timeline.clone().unwrap_or_default(),
        });
        runs.collect()
    }

    pub(super) fn status(&self) -> LedgerStatus {
        let mut status = LedgerStatus {
            target: account(),
            ..LedgerStatus::default()
        };
        for claim in self.claims.values() {
            let outcome = claim.record().outcome;
            status.tally.add(outcome);
            status.ours += u64::from(claim.record.ours);
            if claim.orphan {
                status.left.add(outcome, claim.record.ours);
            }
        }
        for run in &self.runs {
            let (all, figures) = (&mut status.figures, &run.figures);
            all.elapsed_ms += figures.elapsed_ms;
            all.requests = all.requests.plus(figures.requests);
            latencies::add(&mut all.latencies, &figures.latencies);
            all.pacing = figures.pacing;
            status.inputs.clone_from(&run.start.inputs);
            status.command.clone_from(&run.start.command);
            status.fit_rows = run.start.fit_rows;
            status.changed_ms = run.changed_ms;
            if status.runs == 0 {
                status.first_began_ms = run.start.now_ms;
            }
            status.runs += 1;
            status.ended.clone_from(&run.ended);
        }
        status
    }
}

impl ClaimModel {
    fn new(claim: &Claim) -> Self {
        Self {
            record: ClaimRecord {
                client_id: claim.client_id.clone(),
                outcome: Outcome::Unresolved,
                last: None,
                digest: claim.digest,
                ours: false,
                claimed_by: None,
                settled: None,
                keys_lost: false,
                customer_id: None,
                request_id: None,
                attempts: 0,
                status: None,
                message: None,
                modified: None,
                differing: None,
            },
            in_doubt: false,
            orphan: false,
            is_open: false,
        }
    }

    /// Whether it has no outcome but `pending`.
    fn is_unsettled(&self) -> bool {
        matches!(self.record.last, None | Some(Outcome::Pending))
    }

    fn claim(&mut self, claim: &Claim, claimed_by: Option<i64>) {
        let (held, last) = (self.record.digest, self.record.last);
        self.record.digest = digest_when_claimed(held, last, self.in_doubt, claim.digest);
        if !self.in_doubt {
            self.record.claimed_by = claimed_by;
        }
        (self.in_doubt, self.orphan, self.is_open) = (true, false, true);
    }

    fn settle(&mut self, settled: &Settlement, now_ms: i64) {
        let was_unsettled = self.is_unsettled();
        self.is_open = false;
        self.in_doubt = settled.outcome == Outcome::Unresolved;
        self.orphan = settled.orphan;
        let is_another = settled.is_of_another(&self.record);
        let record = &mut self.record;
        record.attempts += settled.attempts;
        match settled.outcome {
            Outcome::Pending if !was_unsettled => return,
            Outcome::Pending => {
                record.last = Some(Outcome::Pending);
                record.settled = Some(now_ms);
            }
            Outcome::Unresolved => {
                record.keys_lost |= settled.keys_lost;
                if is_another {
                    record.ours = settled.ours;
                }
            }
            Outcome::Created
            | Outcome::AlreadyExisted
            | Outcome::Updated
            | Outcome::Unchanged
            | Outcome::Deleted
            | Outcome::Differs
            | Outcome::Missing
            | Outcome::Failed => {
                let is_deleted = settled.outcome == Outcome::Deleted;
                let is_new = is_deleted || settled.outcome == Outcome::Created;
                record.keys_lost = settled.keys_lost || record.keys_lost && !is_new;
                record.ours = !is_deleted && (record.ours && !is_another || settled.ours);
                record.last = Some(settled.outcome);
                record.digest = settled.digest;
                record.differing.clone_from(&settled.differing);
                record.settled = Some(now_ms);
            }
        }
        if settled.outcome != Outcome::Pending && settled.customer_id.is_some() {
            record.customer_id.clone_from(&settled.customer_id);
        }
        if settled.outcome == Outcome::Deleted {
            record.modified = None;
        } else if settled.outcome != Outcome::Pending {
            record.modified = settled.modified.or(record.modified.filter(|_| !is_another));
        }
        if settled.request_id.is_some() {
            record.request_id.clone_from(&settled.request_id);
        }
        record.status = settled.status;
        record.message.clone_from(&settled.message);
    }

    fn record(&self) -> ClaimRecord {
        let settled = self.record.last.filter(|_| !self.in_doubt);
        ClaimRecord {
            outcome: settled.unwrap_or(Outcome::Unresolved),
            ..self.record.clone()
        }
    }

    fn known(&self, id: u64) -> KnownClaim {
        let record = &self.record;
        let was_there = record.last.is_some_and(Outcome::customer_exists);
        KnownClaim {
            id,
            digest: record.digest,
            last: record.last,
            in_doubt: self.in_doubt,
            sent: self.in_doubt || record.attempts > 0,
            there: (record.ours || record.customer_id.is_some() || was_there)
                && record.last != Some(Outcome::Deleted),
            ours: record.ours,
            orphan: self.orphan,
            claimed_by: record.claimed_by,
        }
    }
}
