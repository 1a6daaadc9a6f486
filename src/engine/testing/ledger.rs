//! An in-memory ledger that satisfies the contract of `ledger/conformance/`.

use std::collections::BTreeMap;
use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use super::NOW_MS;
use crate::domain::customer::tests::digest_of;
use crate::domain::customer::{Customer, Fingerprint};
use crate::domain::decision::{KnownClaim, digest_when_claimed};
use crate::domain::outcome::{Outcome, OutcomeCounts};
use crate::domain::send_times::{RunTime, SendTimes};
use crate::domain::summary::TargetAccount;
use crate::domain::timeline::RunHistory;
use crate::ledger::conformance::{LedgerStore, ledger_contract};
use crate::ledger::workers::ClaimAnswer;
use crate::ledger::{
    Batch, Claim, ClaimRecord, Ledger, LedgerError, LedgerStatus, MOST_HISTORIES, RunFigures,
    RunStart, Settlement, latencies,
};

/// Our clock when an earlier run claimed the rows that [`MemoryLedger::remember`] adds.
const EARLIER_MS: i64 = NOW_MS - 60_000;

/// The first moment on the server's clock that is certainly not before a claim of that run.
pub(in crate::engine) const CLAIMED_EARLIER_BY: i64 = EARLIER_MS + 1000;

const DAY_MS: i64 = 24 * 60 * 60 * 1000;

type WriteHook = Arc<dyn Fn(&Batch) -> Result<(), LedgerError> + Send + Sync>;

/// A ledger of maps. Clones share their contents, which outlive a failed run as a file
/// does.
///
/// Settling a claim that is not open fails the test: no ledger defines the result.
#[derive(Clone, Default)]
pub(in crate::engine) struct MemoryLedger {
    contents: Arc<Mutex<Contents>>,
    write_hook: Arc<Mutex<Option<WriteHook>>>,
    /// Whether reading a claim fails.
    pub(in crate::engine) unreadable: Arc<AtomicBool>,
    /// The index of the run that was begun here.
    run: Option<usize>,
}

#[derive(Default)]
struct Contents {
    account: Option<TargetAccount>,
    claims: BTreeMap<u64, ClaimInMemory>,
    ids: BTreeMap<String, u64>,
    runs: Vec<RunInMemory>,
    gaps: bool,
    /// Whether there are claims of a run that is not among `runs`.
    remembers: bool,
}

/// Its `record.outcome` is not maintained: [`Self::record`] computes it.
struct ClaimInMemory {
    record: ClaimRecord,
    /// Whether it may be settled: claimed, or in doubt from an earlier run.
    is_open: bool,
    /// Whether it is in doubt: claimed, and not settled for good since.
    in_doubt: bool,
    orphan: bool,
}

struct RunInMemory {
    start: RunStart,
    changed_ms: i64,
    ended: Option<String>,
    figures: RunFigures,
}

impl MemoryLedger {
    /// From now on `hook` is called before each write, and may delay or fail it.
    pub(in crate::engine) fn behind(
        &self,
        hook: impl Fn(&Batch) -> Result<(), LedgerError> + Send + Sync + 'static,
    ) {
        *self.write_hook.lock().unwrap() = Some(Arc::new(hook));
    }

    /// Removes the hook.
    pub(in crate::engine) fn open(&self) {
        *self.write_hook.lock().unwrap() = None;
    }

    /// Whether `client_id` is claimed and not settled.
    pub(in crate::engine) fn is_in_doubt(&self, client_id: &str) -> bool {
        let contents = self.contents.lock().unwrap();
        contents
            .ids
            .get(client_id)
            .is_some_and(|id| contents.claims[id].in_doubt)
    }

    /// Adds a claim of an earlier run with this `outcome`, or in doubt.
    pub(in crate::engine) fn remember(&self, customer: &Customer, outcome: Option<Outcome>) {
        let mut contents = self.contents.lock().unwrap();
        contents.remembers = true;
        let id = contents.claims.len() as u64 + 1;
        let mut claimed = ClaimInMemory::new(customer.client_id());
        claimed.record.digest = digest_of(customer);
        claimed.record.claimed_by = Some(CLAIMED_EARLIER_BY);
        let last = outcome.filter(|outcome| *outcome != Outcome::Unresolved);
        claimed.record.last = last;
        claimed.record.ours = last == Some(Outcome::Created);
        claimed.in_doubt = last.is_none();
        let client_id = customer.client_id().to_owned();
        contents.ids.insert(client_id, id);
        contents.claims.insert(id, claimed);
    }

    /// Adds a claim that failed in an earlier run, which recorded Kable's id of a customer.
    pub(in crate::engine) fn remember_failed(&self, customer: &Customer, customer_id: &str) {
        self.remember(customer, Some(Outcome::Failed));
        let mut contents = self.contents.lock().unwrap();
        let id = contents.ids[customer.client_id()];
        if let Some(claimed) = contents.claims.get_mut(&id) {
            claimed.record.customer_id = Some(customer_id.to_owned());
        }
    }

    /// From now on it may lack customers that were sent.
    pub(in crate::engine) fn forget(&self) {
        self.contents.lock().unwrap().gaps = true;
    }

    /// The number of claims by outcome.
    pub(in crate::engine) fn tally(&self) -> OutcomeCounts {
        let contents = self.contents.lock().unwrap();
        let mut tally = OutcomeCounts::default();
        for claim in contents.claims.values() {
            tally.add(claim.record().outcome);
        }
        tally
    }

    /// The figures of the latest run.
    pub(in crate::engine) fn figures(&self) -> RunFigures {
        let contents = self.contents.lock().unwrap();
        let latest = contents.runs.last();
        latest.map(|run| run.figures.clone()).unwrap_or_default()
    }

    /// The error of a write to a full disk.
    pub(in crate::engine) fn no_room() -> LedgerError {
        refused(io::ErrorKind::StorageFull.into())
    }
}

fn refused(source: io::Error) -> LedgerError {
    LedgerError::Database {
        doing: "write to",
        path: "in memory".into(),
        source: source.into(),
    }
}

impl Contents {
    /// Whether the claim's number and `clientId` are both new, or belong together.
    fn allows(&self, claim: &Claim) -> bool {
        let known = self.claims.get(&claim.id);
        let id = self.ids.get(&claim.client_id);
        known.is_none_or(|known| known.record.client_id == claim.client_id)
            && id.is_none_or(|id| *id == claim.id)
    }

    fn claim(&mut self, claim: &Claim, claimed_by: Option<i64>) {
        let next = self.claims.len() as u64 + 1;
        assert!(claim.id <= next, "claim {next} was left out");
        self.ids.insert(claim.client_id.clone(), claim.id);
        let new = || ClaimInMemory::new(&claim.client_id);
        let claimed = self.claims.entry(claim.id).or_insert_with(new);
        let (held, last) = (claimed.record.digest, claimed.record.last);
        claimed.record.digest = digest_when_claimed(held, last, claimed.in_doubt, claim.digest);
        // A claim in doubt may have been sent, and keeps its time.
        if !claimed.in_doubt {
            claimed.record.claimed_by = claimed_by;
        }
        (claimed.is_open, claimed.in_doubt, claimed.orphan) = (true, true, false);
    }
}

impl ClaimInMemory {
    fn new(client_id: &str) -> Self {
        Self {
            record: ClaimRecord {
                client_id: client_id.to_owned(),
                outcome: Outcome::Unresolved,
                last: None,
                digest: Fingerprint::default(),
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
            is_open: false,
            in_doubt: false,
            orphan: false,
        }
    }

    fn is_unsettled(&self) -> bool {
        matches!(self.record.last, None | Some(Outcome::Pending))
    }

    fn record(&self) -> ClaimRecord {
        let last = self.record.last.filter(|_| !self.in_doubt);
        ClaimRecord {
            outcome: last.unwrap_or(Outcome::Unresolved),
            ..self.record.clone()
        }
    }

    fn known(&self, id: u64) -> KnownClaim {
        let record = &self.record;
        KnownClaim {
            id,
            digest: record.digest,
            last: record.last,
            in_doubt: self.in_doubt,
            sent: self.in_doubt || record.attempts > 0,
            there: record.last != Some(Outcome::Deleted)
                && (record.ours
                    || record.customer_id.is_some()
                    || record.last.is_some_and(Outcome::customer_exists)),
            ours: record.ours,
            orphan: self.orphan,
            claimed_by: record.claimed_by,
        }
    }

    fn settle(&mut self, settled: &Settlement, now_ms: i64) {
        assert!(self.is_open, "claim {} was settled twice", settled.id);
        let was_unsettled = self.is_unsettled();
        let is_another = settled.is_of_another(&self.record);
        let record = &mut self.record;
        self.is_open = false;
        self.in_doubt = settled.outcome == Outcome::Unresolved;
        self.orphan = settled.orphan;
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
                if matches!(settled.outcome, Outcome::Created | Outcome::Deleted) {
                    record.keys_lost = false;
                }
                record.keys_lost |= settled.keys_lost;
                record.ours = record.ours && !is_another || settled.ours;
                if settled.outcome == Outcome::Deleted {
                    record.ours = false;
                }
                record.differing.clone_from(&settled.differing);
                record.last = Some(settled.outcome);
                record.digest = settled.digest;
                record.settled = Some(now_ms);
            }
        }
        if settled.outcome != Outcome::Pending {
            record.customer_id = settled.customer_id.clone().or(record.customer_id.take());
            let before = record.modified.filter(|_| !is_another);
            let modified = settled.modified.or(before);
            record.modified = modified.filter(|_| settled.outcome != Outcome::Deleted);
        }
        record.request_id = settled.request_id.clone().or(record.request_id.take());
        record.status = settled.status;
        record.message.clone_from(&settled.message);
    }
}

impl Ledger for MemoryLedger {
    fn scan(
        &mut self,
        each: &mut dyn FnMut(&str, KnownClaim) -> io::Result<()>,
    ) -> Result<(), LedgerError> {
        let contents = self.contents.lock().unwrap();
        for (id, claim) in &contents.claims {
            each(&claim.record.client_id, claim.known(*id)).map_err(|source| LedgerError::Io {
                path: "in memory".into(),
                source,
            })?;
        }
        Ok(())
    }

    fn has_gaps(&mut self) -> Result<bool, LedgerError> {
        Ok(self.contents.lock().unwrap().gaps)
    }

    fn next_id(&mut self) -> Result<u64, LedgerError> {
        Ok(self.contents.lock().unwrap().claims.len() as u64 + 1)
    }

    fn landing_ms(&mut self, now_ms: i64) -> Result<u64, LedgerError> {
        let contents = self.contents.lock().unwrap();
        let recent = contents
            .runs
            .iter()
            .filter(|run| run.changed_ms >= now_ms - DAY_MS);
        let landings = recent.map(|run| run.figures.landing_ms);
        Ok(landings.max().unwrap_or_default())
    }

    fn send_times(&mut self) -> Result<SendTimes, LedgerError> {
        let contents = self.contents.lock().unwrap();
        if contents.remembers {
            return Ok(SendTimes::default());
        }
        let runs = contents.runs.iter().enumerate();
        let others =
            runs.filter(|(at, run)| Some(*at) != self.run && run.start.command != "rollback");
        Ok(SendTimes::of(others.map(|(_, run)| RunTime {
            began_ms: run.start.now_ms,
            alive_ms: Some(run.changed_ms),
            clock_ahead_ms: run.figures.clock_ahead_ms,
            landing_ms: run.figures.landing_ms,
        })))
    }

    fn begin(&mut self, start: &RunStart) -> Result<(), LedgerError> {
        let mut contents = self.contents.lock().unwrap();
        for claim in contents.claims.values_mut() {
            claim.is_open = claim.in_doubt;
        }
        self.run = Some(contents.runs.len());
        contents.runs.push(RunInMemory {
            start: start.clone(),
            changed_ms: start.now_ms,
            ended: None,
            figures: RunFigures::default(),
        });
        Ok(())
    }

    fn write(&mut self, batch: &Batch) -> Result<Vec<(u64, ClaimAnswer)>, LedgerError> {
        let hook = self.write_hook.lock().unwrap().clone();
        if let Some(hook) = hook {
            hook(batch)?;
        }
        let contents = &mut *self.contents.lock().unwrap();
        let Some(run) = self.run else {
            return Err(refused(io::Error::other("no run has begun")));
        };
        if !batch.claims.iter().all(|claim| contents.allows(claim)) {
            return Err(refused(io::Error::other("the claim is another customer's")));
        }
        for settled in &batch.settlements {
            let claim = contents.claims.get_mut(&settled.id);
            claim
                .expect("settled, never claimed")
                .settle(settled, batch.now_ms);
        }
        for claim in &batch.claims {
            contents.claim(claim, batch.claimed_by);
        }
        let run = &mut contents.runs[run];
        run.changed_ms = batch.now_ms;
        let before = std::mem::replace(&mut run.figures, batch.figures.clone());
        if run.figures.latencies.is_empty() {
            run.figures.latencies = before.latencies;
        }
        if run.figures.timeline.is_none() {
            run.figures.timeline = before.timeline;
        }
        Ok(Vec::new())
    }

    fn end(&mut self, how: &str, now_ms: i64) -> Result<(), LedgerError> {
        if let Some(run) = self.run {
            let run = &mut self.contents.lock().unwrap().runs[run];
            (run.ended, run.changed_ms) = (Some(how.to_owned()), now_ms);
        }
        Ok(())
    }

    fn claim_record(&mut self, id: u64) -> Result<Option<ClaimRecord>, LedgerError> {
        if self.unreadable.load(Ordering::Relaxed) {
            return Err(refused(io::Error::other("the disk fails")));
        }
        let contents = self.contents.lock().unwrap();
        Ok(contents.claims.get(&id).map(ClaimInMemory::record))
    }

    fn records(
        &mut self,
        each: &mut dyn FnMut(ClaimRecord) -> io::Result<()>,
    ) -> Result<(), LedgerError> {
        let records: Vec<ClaimRecord> = {
            let contents = self.contents.lock().unwrap();
            contents
                .claims
                .values()
                .map(ClaimInMemory::record)
                .collect()
        };
        for record in records {
            each(record).map_err(|source| LedgerError::Io {
                path: "in memory".into(),
                source,
            })?;
        }
        Ok(())
    }

    fn runs(&mut self) -> Result<Vec<RunHistory>, LedgerError> {
        let contents = self.contents.lock().unwrap();
        let early = contents.runs.len().saturating_sub(MOST_HISTORIES);
        let runs = contents.runs.iter().skip(early).map(|run| RunHistory {
            command: run.start.command.clone(),
            began_ms: run.start.now_ms,
            changed_ms: run.changed_ms,
            ended: run.ended.clone(),
            timeline: run.figures.timeline.clone().unwrap_or_default(),
        });
        Ok(runs.collect())
    }

    fn status(&mut self) -> Result<LedgerStatus, LedgerError> {
        let tally = self.tally();
        let contents = self.contents.lock().unwrap();
        let mut status = LedgerStatus {
            target: contents.account.clone().unwrap_or_default(),
            tally,
            gaps: contents.gaps,
            ..LedgerStatus::default()
        };
        for claim in contents.claims.values() {
            status.ours += u64::from(claim.record.ours);
            if claim.orphan {
                status.left.add(claim.record().outcome, claim.record.ours);
            }
        }
        for run in &contents.runs {
            let figures = &mut status.figures;
            figures.elapsed_ms += run.figures.elapsed_ms;
            figures.requests = figures.requests.plus(run.figures.requests);
            latencies::add(&mut figures.latencies, &run.figures.latencies);
        }
        if let Some(latest) = contents.runs.last() {
            status.figures.pacing = latest.figures.pacing;
            status.inputs.clone_from(&latest.start.inputs);
            status.command.clone_from(&latest.start.command);
            status.fit_rows = latest.start.fit_rows;
            status.changed_ms = latest.changed_ms;
            status.runs = contents.runs.len() as u64;
            status.first_began_ms = contents.runs[0].start.now_ms;
            status.ended.clone_from(&latest.ended);
        }
        Ok(status)
    }
}

/// Contents that outlive the ledgers opened on them.
struct MemoryStore(MemoryLedger);

impl LedgerStore for MemoryStore {
    type Opened = MemoryLedger;

    fn start() -> Option<Self> {
        Some(Self(MemoryLedger::default()))
    }

    fn open(&self, account: &TargetAccount) -> Result<MemoryLedger, LedgerError> {
        let mut contents = self.0.contents.lock().unwrap();
        let recorded = contents.account.get_or_insert_with(|| account.clone());
        if recorded != account {
            return Err(LedgerError::OtherAccount {
                path: "in memory".into(),
                recorded: recorded.kable_client_id.clone(),
                given: account.kable_client_id.clone(),
            });
        }
        drop(contents);
        Ok(self.0.clone())
    }
}

ledger_contract!(MemoryStore);
