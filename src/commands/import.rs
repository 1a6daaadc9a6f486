//! `kable-bulk import`: creates the customers; started again, goes on.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use super::canary;
use super::consent::{ask, is_anybody_there, is_wanted};
use super::descriptors;
use super::ended::{exit, how};
use super::results::{Ending, Shown, say_unused, seconds};
use super::session::{Begun, Session, begin, stopped};
use super::typed::Typed;
use super::words::{Speaking, planned};
use super::{Exit, hinted, jitter, lock_folder, threads, wall_clock};
use crate::cli::Import;
use crate::config::Environment;
use crate::domain::outcome::Outcome;
use crate::domain::summary::Summary;
use crate::domain::text::counted;
use crate::engine::account::Accounting;
use crate::engine::budget::Allowance;
use crate::engine::canary::Sighting;
use crate::engine::gauges::latency;
use crate::engine::listed::Listed;
use crate::engine::orphans::Orphans;
use crate::engine::pace::Wanted;
use crate::engine::pipeline::{self, Around, Parts};
use crate::engine::stop::Halt;
use crate::engine::survey::{Beforehand, Survey, Surveying, survey};
use crate::kable::client::Client;
use crate::ledger::sqlite::SqliteLedger;
use crate::ledger::{Ledger, RunStart};
use crate::report::files::Published;
use crate::report::listing::Listing;
use crate::report::progress::Watcher;
use crate::report::text::Words;
use crate::report::{Event, Observer};
use crate::source::input::Reader;

/// Imports with `options`, which were `typed`.
pub fn run(options: Import, environment: &Environment, typed: Typed) -> anyhow::Result<Exit> {
    let session = match begin(options, environment, typed)? {
        Begun::Ready(session) => *session,
        Begun::Stopped(exit) => return Ok(exit),
    };
    let mut ledger = session.known_ledger()?;
    let _results = lock_folder(&session.out)?;
    let mut listed = session.foreseen_list()?;
    if session.stop.is_halted() {
        return Ok(stopped(&session.stop, &session.watcher, "while checking"));
    }
    let mut surveyed = session.survey(ledger.as_mut(), listed.as_mut())?;
    if surveyed.interrupted {
        return Ok(stopped(&session.stop, &session.watcher, "while checking"));
    }
    if !session.showing.quiet {
        say_unused(&session.watcher, &surveyed.unused);
    }
    session.say_unread(listed.as_ref());
    let mut halt = session.refuse_to_send(&surveyed)?;
    let sends = halt.is_none() && !session.dispatch.dry_run;
    if sends && surveyed.to_do() > 0 && !session.showing.quiet {
        let plan = planned(surveyed.to_do(), session.dispatch.pacing);
        session.watcher.say(&plan);
    }
    if halt.is_some() && !session.dispatch.dry_run && surveyed.to_look_up > 0 {
        // Rows that an earlier run may have sent are asked for all the same.
        if let Some(open) = ledger.take() {
            let (mut open, _) = session.send(open, &mut surveyed, Passage::Doubts)?;
            open.end("stopped", wall_clock())?;
            ledger = Some(open);
        }
    }
    if sends {
        let mut open = session.writable_ledger(ledger, &surveyed)?;
        let is_new = surveyed.to_create > 0 || (surveyed.gaps && surveyed.to_do() > 0);
        if let Some(rows) = session.dispatch.canary.filter(|_| is_new) {
            open = session.send_ahead(open, &mut surveyed, rows)?;
        }
        if !session.stop.is_halted() {
            (open, _) = session.send(open, &mut surveyed, Passage::All)?;
        }
        ledger = Some(open);
        halt = session.stop.reason();
    }
    session.end((ledger, listed), surveyed, halt)
}

/// Which rows are sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Passage {
    /// All that are to be.
    All,
    /// So many new ones, ahead of the others.
    Ahead(usize),
    /// None: those that an earlier run left in doubt are asked for.
    Doubts,
}

impl Session {
    fn survey(
        &self,
        ledger: Option<&mut SqliteLedger>,
        listed: Option<&mut Listed>,
    ) -> anyhow::Result<Survey> {
        let surveying = Surveying {
            threads: threads(),
            note_rows: false,
            reading: &self.reading,
            policy: self.dispatch.policy,
            folder: &self.out,
            stop: &self.stop,
        };
        survey(
            &mut self.rows(),
            &surveying,
            match (ledger, listed) {
                (Some(ledger), Some(listed)) => Beforehand::ByBoth(ledger, listed),
                (Some(ledger), None) => Beforehand::ByLedger(ledger),
                (None, Some(listed)) => Beforehand::ByKable(listed),
                (None, None) => Beforehand::Nothing,
            },
            &self.watcher,
        )
    }

    /// Whether the input is too bad to be sent, or the user says no.
    fn refuse_to_send(&self, surveyed: &Survey) -> anyhow::Result<Option<Halt>> {
        let (errors, allowed) = (Self::errors(surveyed), self.allowed_errors(surveyed));
        if errors > allowed {
            return Ok(Some(Halt::TooManyErrors { errors, allowed }));
        }
        if self.live && !self.dispatch.yes && !self.dispatch.dry_run && surveyed.to_do() > 0 {
            let many = counted(surveyed.to_do(), "customer", "customers");
            self.runtime
                .block_on(ask(&many, &self.target.kable_client_id, &self.stop))?;
        }
        Ok(None)
    }

    fn errors(surveyed: &Survey) -> u64 {
        surveyed.rows.rejected + surveyed.done.of(Outcome::Failed)
    }

    pub(super) fn allowed_errors(&self, surveyed: &Survey) -> u64 {
        if self.dispatch.all_or_nothing && surveyed.rows.rejected > 0 {
            return 0;
        }
        self.dispatch.max_errors.of(surveyed.rows.read)
    }

    /// Sends some rows ahead of the others, and reads them back. Unless they are
    /// as they should be, and whoever is there wants to go on, everything stops.
    fn send_ahead(
        &self,
        ledger: SqliteLedger,
        surveyed: &mut Survey,
        rows: usize,
    ) -> anyhow::Result<SqliteLedger> {
        let (mut ledger, sightings) = self.send(ledger, surveyed, Passage::Ahead(rows))?;
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

    /// Asks whether to go on after a canary, where somebody is there.
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
        if !self.watcher.aside(asked)? {
            self.stop.halt(Halt::Declined);
        }
        Ok(())
    }

    fn run(
        &self,
        parts: Parts<Reader, Client, SqliteLedger, Arc<Watcher>>,
        settings: pipeline::Settings,
    ) -> anyhow::Result<pipeline::Ended<SqliteLedger>> {
        let sent = self.runtime.block_on(async {
            let ticker = tokio::spawn(tick(Arc::clone(&self.watcher)));
            let ended = pipeline::run(parts, settings).await;
            ticker.abort();
            ended
        });
        sent.map_err(|error| self.explained(error))
    }

    /// Sends the rows of this `passage`.
    fn send(
        &self,
        mut ledger: SqliteLedger,
        surveyed: &mut Survey,
        passage: Passage,
    ) -> anyhow::Result<(SqliteLedger, Vec<Sighting>)> {
        let canary = match passage {
            Passage::Ahead(rows) => Some(rows),
            Passage::All | Passage::Doubts => None,
        };
        ledger.begin(&RunStart {
            command: "import".to_owned(),
            inputs: self.reading.names.clone(),
            fit_rows: surveyed.fit(),
            now_ms: wall_clock(),
        })?;
        self.watcher.hear(&Event::Sending {
            total: canary.map_or(surveyed.to_do(), |rows| surveyed.to_create.min(rows as u64)),
        });
        // They are asked for beside the rows that follow a canary.
        let orphans = match canary {
            None => std::mem::take(&mut surveyed.orphans),
            Some(_) => Orphans::default(),
        };
        let parts = Parts {
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
            around: self.around(),
        };
        // Free again before the results are written, whatever connections are
        // left open until then.
        let _spare = descriptors::Spare::hold();
        let settings = pipeline::Settings {
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
                Passage::All | Passage::Ahead(_) => self.allowed_errors(surveyed),
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

    fn around(&self) -> Around {
        Around {
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

    /// Accounts for every row, and shows what came of it all.
    fn end(
        self,
        (mut ledger, mut listed): (Option<SqliteLedger>, Option<Listed>),
        mut surveyed: Survey,
        halt: Option<Halt>,
    ) -> anyhow::Result<Exit> {
        let ending = Ending {
            watcher: &self.watcher,
            out: self.out.clone(),
            several: self.inputs.len() > 1,
            showing: self.showing.clone(),
            origin: self.origin.clone(),
            annotations: None,
        };
        let mut summary = self.summary(ledger.as_mut(), halt.as_ref())?;
        summary.left_the_file = surveyed.left;
        let foreseeing = self.foreseeing(&surveyed);
        let accounting = Accounting {
            reading: &self.reading,
            surveyed: surveyed.rows,
            verdicts: &mut surveyed.verdicts,
            first_new_id: surveyed.first_new_id,
            ledger: ledger.as_mut().map(|ledger| ledger as &mut dyn Ledger),
            listed: listed.as_mut(),
            foreseeing,
            stop: None,
        };
        let accounted = ending.account(
            [self.rows(), self.single_rows()],
            Some("results.jsonl"),
            accounting,
            &mut summary,
        )?;
        self.say_news();
        let exit = exit(halt.as_ref(), self.dispatch.dry_run, &summary);
        summary.exit_code = exit as u8;
        let Listing {
            files,
            told,
            annotations,
            ..
        } = accounted.listing;
        let rejects = files.rejects();
        let keys = Some(self.keys_place()).filter(|place| self.dispatch.keys && place.exists());
        let published = ending.publish(files, &summary, keys)?;
        let mut words = self.words(&summary, halt.as_ref(), &rejects, &published);
        if let (Some(would), None) = (&summary.would, &halt) {
            words.plan = Some(planned(would.to_send(), self.dispatch.pacing));
            words.halt = self.foreseen_stop(&surveyed, would);
        }
        ending.show(Shown { told, annotations }, &published, &summary, words)?;
        if let Some(Halt::Denied { message }) = halt {
            return Err(hinted(
                format!(
                    "{} refuses the credentials ({message})",
                    self.target.base_url
                ),
                "mend the credentials and run the same command again: it goes on where it stopped",
            ));
        }
        if let Some(sandbox) = self.sandbox {
            self.runtime.block_on(sandbox.stop());
        }
        Ok(exit)
    }

    fn words(
        &self,
        summary: &Summary,
        halt: Option<&Halt>,
        rejects: &[PathBuf],
        published: &Published,
    ) -> Words {
        Speaking {
            summary,
            halt,
            typed: &self.typed,
            said: &self.said,
            dry_run: self.dispatch.dry_run,
            rejects,
            kept: &published.kept,
            strict: self.reading.rules.strict,
            checkpoint: &self.dispatch.checkpoint,
            constants: &self.reading.mapping.constants,
        }
        .words()
    }

    /// What is known before the rows are accounted for.
    fn summary(
        &self,
        ledger: Option<&mut SqliteLedger>,
        halt: Option<&Halt>,
    ) -> anyhow::Result<Summary> {
        let mut summary = Summary {
            command: "import".to_owned(),
            interrupted: halt == Some(&Halt::Interrupted),
            target: self.target.clone(),
            inputs: self.reading.names.clone(),
            ..Summary::default()
        };
        if let Some(ledger) = ledger {
            let figures = ledger.standing()?.figures;
            summary.checkpoint = self.dispatch.checkpoint.display().to_string();
            summary.elapsed_seconds = seconds(Duration::from_millis(figures.elapsed_ms));
            summary.requests = figures.requests;
            summary.latency_ms = latency(&figures.latencies);
        }
        Ok(summary)
    }
}

/// Prints a line now and then where nobody watches a bar.
async fn tick(watcher: Arc<Watcher>) {
    loop {
        tokio::time::sleep(Duration::from_secs(1)).await;
        watcher.tick();
    }
}
