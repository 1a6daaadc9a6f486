//! `kable-bulk import`: creates the customers; started again, goes on.
//!
//! - `session.rs`: what an import is made of, built from what was typed
//! - `passage.rs`: which rows are sent, and ahead of which others
//! - `canary.rs`: what is shown of a canary, and the question whether to go on
//! - `dry_run.rs`: `--dry-run`: what a run would do
//! - `ended.rs`: exit codes, and the checkpoint's word for an end
//! - `changed_input.rs`: what is said where an input was changed under a run
//! - `summary.rs`: what is said at the end, and what to type next

mod canary;
mod changed_input;
mod dry_run;
mod ended;
mod passage;
mod session;
pub(super) mod summary;

use std::path::PathBuf;
use std::time::Duration;

use self::ended::exit;
use self::passage::Passage;
use self::session::{Begun, Session, begin, stopped};
use self::summary::{Speaking, planned};
use super::argv::Typed;
use super::confirm::ask;
use super::finish::{Ending, Shown, say_unused, seconds};
use super::{Exit, hinted, lock_folder, threads, wall_clock};
use crate::cli::Import;
use crate::config::Environment;
use crate::domain::outcome::Outcome;
use crate::domain::summary::Summary;
use crate::domain::text::counted;
use crate::engine::account::Accounting;
use crate::engine::send::metrics::latency;
use crate::engine::stop::Halt;
use crate::engine::survey::remote_list::Listed;
use crate::engine::survey::settings::Surveying;
use crate::engine::survey::{Beforehand, Survey, survey};
use crate::ledger::Ledger;
use crate::ledger::sqlite::SqliteLedger;
use crate::report::files::PublishedFiles;
use crate::report::text::SummaryNotes;

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

impl Session {
    pub(super) fn survey(
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

    pub(super) fn errors(surveyed: &Survey) -> u64 {
        surveyed.rows.rejected + surveyed.done.of(Outcome::Failed)
    }

    pub(super) fn allowed_errors(&self, surveyed: &Survey) -> u64 {
        if self.dispatch.all_or_nothing && surveyed.rows.rejected > 0 {
            return 0;
        }
        self.dispatch.max_errors.of(surveyed.rows.read)
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
        let (files, shown) = Shown::split(accounted.listing);
        let rejects = files.rejects();
        let keys = Some(self.keys_place()).filter(|place| self.dispatch.keys && place.exists());
        let published = ending.publish(files, &summary, keys)?;
        let mut words = self.words(&summary, halt.as_ref(), &rejects, &published);
        if let (Some(would), None) = (&summary.would, &halt) {
            words.plan = Some(planned(would.to_send(), self.dispatch.pacing));
            words.halt = self.foreseen_stop(&surveyed, would);
        }
        ending.show(shown, &published, &summary, words)?;
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
        published: &PublishedFiles,
    ) -> SummaryNotes {
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
            let figures = ledger.status()?.figures;
            summary.checkpoint = self.dispatch.checkpoint.display().to_string();
            summary.elapsed_seconds = seconds(Duration::from_millis(figures.elapsed_ms));
            summary.requests = figures.requests;
            summary.latency_ms = latency(&figures.latencies);
        }
        Ok(summary)
    }
}
