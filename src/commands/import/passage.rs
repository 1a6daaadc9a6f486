//! The sending of an import: which rows are sent, and ahead of which others.

use std::sync::Arc;
use std::time::Duration;

use super::canary;
use super::ended::how;
use super::session::Session;
use crate::commands::confirm::{is_anybody_there, is_wanted};
use crate::commands::{descriptors, jitter, wall_clock};
use crate::domain::text::counted;
use crate::engine::pace::Wanted;
use crate::engine::pace::retry_budget::Allowance;
use crate::engine::send::canary::CanaryResult;
use crate::engine::send::orphaned_claims::Orphans;
use crate::engine::send::{self, PipelineParts, RunContext};
use crate::engine::stop::Halt;
use crate::engine::survey::Survey;
use crate::kable::client::Client;
use crate::ledger::sqlite::SqliteLedger;
use crate::ledger::{Ledger, RunStart};
use crate::report::progress::ProgressDisplay;
use crate::report::{Event, Observer};
use crate::source::reader::InputReader;

/// Which rows are sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Passage {
    /// All that are to be.
    All,
    /// So many new ones, ahead of the others.
    CanaryRow(usize),
    /// None: those that an earlier run left in doubt are asked for.
    Doubts,
}

impl Session {
    /// Sends some rows ahead of the others, and reads them back. Unless they are
    /// as they should be, and the user wants to go on, everything stops.
    pub(super) fn send_ahead(
        &self,
        ledger: SqliteLedger,
        surveyed: &mut Survey,
        rows: usize,
    ) -> anyhow::Result<SqliteLedger> {
        let (mut ledger, sightings) = self.send(ledger, surveyed, Passage::CanaryRow(rows))?;
        let wrong = sightings.iter().filter(|seen| !seen.agrees()).count();
        if wrong > 0 || !self.showing.quiet {
            for line in canary::lines(&sightings, &self.reading.names) {
                self.watcher.say(&line);
            }
        }
        if wrong > 0 {
            let of = sightings.len();
            self.stop.halt(Halt::Canary { wrong, of });
        }
        if !self.stop.is_halted() {
            let rest = self.survey(Some(&mut ledger), None)?;
            if !rest.interrupted {
                *surveyed = rest;
                self.go_on_with(surveyed.to_do())?;
            }
        }
        ledger.end(how(self.stop.reason().as_ref()), wall_clock())?;
        Ok(ledger)
    }

    /// Asks whether to go on after a canary, where there is a terminal.
    fn go_on_with(&self, rows: u64) -> anyhow::Result<()> {
        if rows == 0 {
            return Ok(());
        }
        let others = counted(rows, "other row", "other rows");
        if self.dispatch.yes || !is_anybody_there() {
            if !self.showing.quiet {
                self.watcher.say(&format!("Going on with the {others}"));
            }
            return Ok(());
        }
        let question = format!("Go on with the {others}?");
        let asked = || self.runtime.block_on(is_wanted(&question, &self.stop));
        if !self.watcher.suspended(asked)? {
            self.stop.halt(Halt::Declined);
        }
        Ok(())
    }

    /// Sends the rows of this `passage`.
    pub(super) fn send(
        &self,
        mut ledger: SqliteLedger,
        surveyed: &mut Survey,
        passage: Passage,
    ) -> anyhow::Result<(SqliteLedger, Vec<CanaryResult>)> {
        let canary = match passage {
            Passage::CanaryRow(rows) => Some(rows),
            Passage::All | Passage::Doubts => None,
        };
        ledger.begin(&RunStart {
            command: "import".to_owned(),
            inputs: self.reading.names.clone(),
            fit_rows: surveyed.fit(),
            now_ms: wall_clock(),
        })?;
        self.watcher.observe(&Event::Sending {
            total: canary.map_or(surveyed.to_do(), |rows| surveyed.to_create.min(rows as u64)),
        });
        // They are asked for beside the rows that follow a canary.
        let orphans = match canary {
            None => std::mem::take(&mut surveyed.orphans),
            Some(_) => Orphans::default(),
        };
        let parts = PipelineParts {
            rows: self.rows(),
            orphans,
            reading: Arc::clone(&self.reading),
            verdicts: std::mem::take(&mut surveyed.verdicts),
            first_new_id: surveyed.first_new_id,
            gaps: surveyed.gaps,
            api: self.client.clone(),
            ledger,
            keys: self.key_file()?,
            observer: Arc::clone(&self.watcher),
            context: self.context(),
        };
        // Free again before the results are written, whatever connections are
        // left open until then.
        let _spare = descriptors::Spare::hold();
        let settings = send::Settings {
            pacing: self.fitting_pace(canary.is_none()),
            retry: self.dispatch.retry,
            landing: self.dispatch.landing,
            allowance: Allowance::at(self.dispatch.pacing.ceiling),
            existing: self.dispatch.policy.existing,
            stripe: self.dispatch.stripe,
            canary,
            doubts_only: passage == Passage::Doubts,
            errors: Self::errors(surveyed),
            allowed_errors: match passage {
                Passage::Doubts => u64::MAX,
                Passage::All | Passage::CanaryRow(_) => self.allowed_errors(surveyed),
            },
        };
        let mut ended = self.run(parts, settings)?;
        surveyed.verdicts = ended.verdicts;
        if canary.is_none() {
            surveyed.left = ended.left;
        }
        // After a canary there is more to come, or not.
        if canary.is_none() || self.stop.is_halted() {
            let how = how(self.stop.reason().as_ref());
            ended.ledger.end(how, wall_clock())?;
        }
        Ok((ended.ledger, ended.sightings))
    }

    fn run(
        &self,
        parts: PipelineParts<InputReader, Client, SqliteLedger, Arc<ProgressDisplay>>,
        settings: send::Settings,
    ) -> anyhow::Result<send::PipelineResult<SqliteLedger>> {
        let sent = self.runtime.block_on(async {
            let ticker = tokio::spawn(tick(Arc::clone(&self.watcher)));
            let ended = send::run(parts, settings).await;
            ticker.abort();
            ended
        });
        sent.map_err(|error| self.explained(error))
    }

    fn context(&self) -> RunContext {
        RunContext {
            stop: self.stop.clone(),
            wall: self.clock,
            jitter,
            bucket: self.bucket.clone(),
            dates: self.dates.clone(),
        }
    }

    /// The pace that is wanted, with no more at once than there are descriptors for.
    fn fitting_pace(&self, aloud: bool) -> Wanted {
        let (pacing, said) = descriptors::fitting(self.dispatch.pacing, self.sandbox.is_some());
        if let Some(said) = said.filter(|_| aloud) {
            self.watcher.say(&format!("note: {said}"));
        }
        pacing
    }
}

/// Prints a line now and then where there is no terminal.
async fn tick(watcher: Arc<ProgressDisplay>) {
    loop {
        tokio::time::sleep(Duration::from_secs(1)).await;
        watcher.tick();
    }
}
