//! The contract of every ledger, in a PostgreSQL database.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use tokio::time::Instant;

use super::batch::{self, BatchWriter};
use super::open_ledger::{LOOK_AGAIN, PostgresLedger};
use super::{pages, runs, status, timeline};
use crate::domain::decision::KnownClaim;
use crate::domain::send_times::SendTimes;
use crate::domain::timeline::RunHistory;
use crate::ledger::claim_state::{from_sql, to_sql};
use crate::ledger::workers::{ClaimAnswer, LeaseDeadline, LedgerObserver, SharedLedger};
use crate::ledger::{Batch, ClaimRecord, Ledger, LedgerError, LedgerStatus, RunFigures, RunStart};

impl Ledger for PostgresLedger {
    fn scan(
        &mut self,
        each: &mut dyn FnMut(&str, KnownClaim) -> std::io::Result<()>,
    ) -> Result<(), LedgerError> {
        // Claims of its own session are not of an earlier run: all workers of a session see
        // the same.
        let before = self
            .writer
            .as_ref()
            .filter(|writer| writer.place.is_joined())
            .map_or(i64::MAX, |writer| writer.place.first_id);
        let mut last = i64::MIN;
        loop {
            let page =
                self.read(async |session| pages::known_after(session, last, before).await)?;
            let Some((_, latest)) = page.last() else {
                return Ok(());
            };
            last = to_sql(latest.id);
            for (client_id, known) in page {
                each(&client_id, known).map_err(|source| self.error_of_caller(source))?;
            }
        }
    }

    fn has_gaps(&mut self) -> Result<bool, LedgerError> {
        self.read(async |session| status::has_gaps(session).await)
    }

    fn next_id(&mut self) -> Result<u64, LedgerError> {
        if let Some(writer) = self.writer.as_ref().filter(|writer| writer.shares) {
            return Ok(from_sql(writer.place.first_id));
        }
        self.read(async |session| runs::next_id(session).await)
    }

    fn landing_ms(&mut self, now_ms: i64) -> Result<u64, LedgerError> {
        self.read(async |session| status::landing_ms(session, now_ms).await)
    }

    fn send_times(&mut self) -> Result<SendTimes, LedgerError> {
        let writer = self.writer.as_ref();
        let own = writer.map_or((0, false), |writer| (writer.run, writer.is_shared_run));
        let lease = self.connection.address.lease();
        self.read(async |session| status::send_times(session, own, lease).await)
    }

    fn begin(&mut self, run: &RunStart) -> Result<(), LedgerError> {
        let Some(writer) = &mut self.writer else {
            return Err(LedgerError::NotBegun);
        };
        let (place, last) = (writer.place, writer.run);
        let mut run = run.clone();
        if let Some(shared) = &mut run.shared {
            // How long others wait for a worker after a failover that lost it.
            let lease = humantime::format_duration(self.connection.address.lease());
            let lease = ("the lease".to_owned(), lease.to_string());
            shared.options.push(lease);
        }
        let run = &run;
        loop {
            let begun = self.connection.run("write to", async |session, is_again| {
                runs::begin(session, place, run, is_again.then_some(last)).await
            })?;
            let what = match begun {
                runs::Begun::First(id) | runs::Begun::Joined(id) => {
                    (writer.run, writer.is_shared_run) = (id, run.shared.is_some());
                    writer.parts.clear();
                    writer.is_first |= matches!(begun, runs::Begun::First(_));
                    return Ok(());
                }
                runs::Begun::NotYet if self.connection.is_patient() => {
                    self.connection.pause(LOOK_AGAIN);
                    continue;
                }
                runs::Begun::NotYet => "that it was not begun yet".to_owned(),
                runs::Begun::Gone => "that its first worker ended before it began".to_owned(),
                runs::Begun::Differs(what) => what,
            };
            return Err(LedgerError::OtherRun {
                path: self.connection.path(),
                what,
            });
        }
    }

    fn write(&mut self, batch: &Batch) -> Result<Vec<(u64, ClaimAnswer)>, LedgerError> {
        let mut answers = self.write_once(batch)?;
        let is_shared = self.writer.as_ref().is_some_and(|one| one.is_shared_run);
        let asked = Instant::now();
        // No other worker takes these rows later: what is held is what no one may claim yet.
        while !is_shared && answers.iter().any(is_held) && self.connection.is_patient() {
            self.connection.pause(LOOK_AGAIN);
            let held: HashSet<u64> = answers
                .iter()
                .filter(|one| is_held(one))
                .map(|one| one.0)
                .collect();
            let waited = i64::try_from(asked.elapsed().as_millis()).unwrap_or(i64::MAX);
            let again = Batch {
                now_ms: batch.now_ms + waited,
                claimed_by: batch.claimed_by.map(|time| time + waited),
                claims: batch
                    .claims
                    .iter()
                    .filter(|claim| held.contains(&claim.id))
                    .cloned()
                    .collect(),
                figures: batch.figures.clone(),
                ..Batch::default()
            };
            answers.retain(|one| !is_held(one));
            answers.extend(self.write_once(&again)?);
        }
        Ok(answers)
    }

    fn end(&mut self, how: &str, now_ms: i64) -> Result<(), LedgerError> {
        let Some(writer) = &self.writer else {
            return Err(LedgerError::NotBegun);
        };
        let (run, kept) = (writer.run, Arc::clone(&writer.kept));
        let ended = self.connection.run("write to", async |session, _| {
            runs::end(session, (run, kept.own()), how, now_ms).await
        });
        ended.map_err(|error| self.lost(error))
    }

    fn claim_record(&mut self, id: u64) -> Result<Option<ClaimRecord>, LedgerError> {
        self.ensure_lease()?;
        if let Some(most) = self.ahead.wanted(id) {
            let worker = self.worker_that_shares();
            let read = self.connection.run("read", async |session, _| {
                pages::records_from(session, id, most, worker).await
            })?;
            self.ahead.hold(id, read);
        }
        Ok(self.ahead.take(id))
    }

    fn records(
        &mut self,
        each: &mut dyn FnMut(ClaimRecord) -> std::io::Result<()>,
    ) -> Result<(), LedgerError> {
        let worker = self.worker_that_shares();
        let mut next = 0;
        loop {
            self.ensure_lease()?;
            let page = self.read(async |session| {
                pages::records_from(session, next, pages::PAGE, worker).await
            })?;
            let Some((latest, _)) = page.last() else {
                return Ok(());
            };
            next = latest + 1;
            for (_, record) in page {
                each(record).map_err(|source| self.error_of_caller(source))?;
            }
        }
    }

    fn runs(&mut self) -> Result<Vec<RunHistory>, LedgerError> {
        self.read(async |session| status::histories(session).await)
    }

    fn status(&mut self) -> Result<LedgerStatus, LedgerError> {
        let target = self.target.clone();
        self.connection.run("read", async |session, _| {
            status::read_status(session, &target).await
        })
    }

    fn figures(&mut self) -> Result<RunFigures, LedgerError> {
        self.read(async |session| status::read_figures(session).await)
    }

    fn lease(&self) -> Option<Arc<LeaseDeadline>> {
        let writer = self.writer.as_ref()?;
        Some(Arc::clone(&writer.kept.deadline))
    }

    fn shared(&mut self) -> Option<&mut dyn SharedLedger> {
        let is_shared = self.writer.as_ref().is_some_and(|writer| writer.shares);
        is_shared.then_some(self as &mut dyn SharedLedger)
    }

    fn observe(&mut self, observer: Arc<dyn LedgerObserver>) {
        if let Some(writer) = &self.writer {
            *writer.kept.observer.lock() = Some(Arc::clone(&observer));
        }
        self.connection.observe(observer);
    }
}

/// Whether a claim was not granted for now.
fn is_held((_, answer): &(u64, ClaimAnswer)) -> bool {
    *answer == ClaimAnswer::Held
}

impl PostgresLedger {
    /// Writes a batch, and asks for its claims once.
    fn write_once(&mut self, batch: &Batch) -> Result<Vec<(u64, ClaimAnswer)>, LedgerError> {
        self.ahead.forget();
        let Some(state) = &mut self.writer else {
            return Err(LedgerError::NotBegun);
        };
        let writer = BatchWriter {
            worker: state.place.id,
            nonce: state.place.nonce,
            run: state.run,
            shares: state.is_shared_run,
            runs_before: state.place.runs,
            lease: self.connection.address.lease(),
            number: state.kept.acknowledged.load(Ordering::Acquire) + 1,
        };
        let asked = state.kept.deadline.now();
        let written = self.connection.run("write to", async |session, is_again| {
            batch::write(session, writer, batch, is_again).await
        });
        let answers = match written {
            Ok(answers) => answers,
            Err(error) => return Err(self.lost(error)),
        };
        state
            .kept
            .acknowledged
            .store(writer.number, Ordering::Release);
        state.kept.deadline.granted(asked, writer.lease);
        for settled in &batch.settlements {
            state.open.remove(&settled.id);
        }
        for part in batch.finished_parts.iter().chain(&batch.returned_parts) {
            state.parts.remove(part);
        }
        state.open.extend(batch.claims.iter().map(|claim| claim.id));
        for (id, answer) in &answers {
            if matches!(answer, ClaimAnswer::Settled | ClaimAnswer::Held) {
                state.open.remove(id);
            }
        }
        Ok(answers)
    }

    /// The `error`, after which this worker sends nothing more if its lease is lost. If commits
    /// are gone, that is noted.
    fn lost(&mut self, error: LedgerError) -> LedgerError {
        let is_gap = matches!(error, LedgerError::LostCommits { .. });
        let Some(writer) = self
            .writer
            .as_ref()
            .filter(|_| is_gap || matches!(error, LedgerError::Fenced { .. }))
        else {
            return error;
        };
        let kept = Arc::clone(&writer.kept);
        kept.deadline.lose();
        if is_gap {
            let noted = self.connection.run("write to", async |session, _| {
                timeline::note_gaps(session, kept.requests_live).await
            });
            // The error tells of the lost claims in any case.
            noted.ok();
        }
        error
    }
}
