//! `kable-bulk import`: creates the customers; started again, goes on.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use tokio::runtime::Runtime;

use super::connect::connect;
use super::consent::{ask, demand_somebody};
use super::preflight::{ServerDate, look_up_offers};
use super::results::{Ending, exit_of, say_unused, seconds};
use super::words::Speaking;
use super::{
    Exit, ResultFolder, deadline, hinted, jitter, lock_folder, open_inputs, runtime, signals,
    style, wall_clock,
};
use crate::cli::{Import, Showing};
use crate::config::reading::reading;
use crate::config::sending::{Dispatch, dispatch};
use crate::config::target::destination;
use crate::config::{Environment, FileOptions, showing};
use crate::domain::outcome::Outcome;
use crate::domain::summary::{Summary, Target};
use crate::domain::text::counted;
use crate::engine::Reading;
use crate::engine::account::Accounting;
use crate::engine::budget::Allowance;
use crate::engine::gauges::latency;
use crate::engine::pipeline::{self, Parts};
use crate::engine::stop::{Halt, Stop};
use crate::engine::survey::{Survey, Surveying, survey};
use crate::kable::client::Client;
use crate::ledger::sqlite::SqliteLedger;
use crate::ledger::{Ledger, RunStart};
use crate::report::keys::KeyFile;
use crate::report::progress::Watcher;
use crate::report::{Event, Observer};
use crate::sandbox::Sandbox;
use crate::source::input::{Input, Reader, resolve};

/// Everything that an import is made of.
struct Session {
    inputs: Arc<[Input]>,
    reading: Arc<Reading>,
    limit: Option<u64>,
    out: PathBuf,
    dispatch: Dispatch,
    showing: Showing,
    arguments: Vec<String>,
    typed_inputs: Vec<String>,
    target: Target,
    live: bool,
    client: Client,
    date: Option<ServerDate>,
    /// Held so that it goes if nothing is put into it.
    _folder: ResultFolder,
    /// Held so that it is served until the end.
    sandbox: Option<Sandbox>,
    watcher: Arc<Watcher>,
    stop: Stop,
    runtime: Runtime,
}

/// Imports; `arguments` is what was typed.
pub fn run(
    typed: Import,
    environment: &Environment,
    arguments: Vec<String>,
) -> anyhow::Result<Exit> {
    let session = begin(typed, environment, arguments)?;
    let mut ledger = session.known_ledger()?;
    let _results = lock_folder(&session.out)?;
    let mut surveyed = session.survey(ledger.as_mut())?;
    if surveyed.interrupted {
        return Ok(session.stopped_while_checking());
    }
    if !session.showing.quiet {
        say_unused(&session.watcher, &surveyed.unused);
    }
    let mut halt = session.refuse_to_send(&surveyed)?;
    if halt.is_none() && !session.dispatch.dry_run {
        let open = session.writable_ledger(ledger, &surveyed)?;
        ledger = Some(session.send(open, &mut surveyed)?);
        halt = session.stop.reason();
    }
    session.end(ledger, surveyed, halt)
}

fn begin(
    typed: Import,
    environment: &Environment,
    arguments: Vec<String>,
) -> anyhow::Result<Session> {
    let mut file = FileOptions::read(typed.reading.config.as_deref())?;
    let inputs = resolve(&typed.reading.inputs)?;
    let dispatch = dispatch(typed.sending, &mut file, &inputs)?;
    let reading = reading(inputs, typed.reading.options, &mut file)?;
    let showing = showing(typed.showing, &mut file);
    let destination = destination(typed.target, &mut file, environment)?;
    if destination.is_live() && !dispatch.yes && !dispatch.dry_run {
        demand_somebody()?;
    }
    let (inputs, folder) = open_inputs(&reading)?;
    let (stop, runtime) = (Stop::default(), runtime()?);
    runtime.block_on(async {
        signals::listen(stop.clone());
        deadline::keep(dispatch.limits, stop.clone());
    });
    let watcher = Arc::new(Watcher::new(style(&showing)));
    let connected = runtime.block_on(connect(destination, &dispatch))?;
    let mut rules = reading.rules;
    if let Some(warning) = runtime.block_on(look_up_offers(&connected.client, &mut rules)) {
        watcher.say(&format!("warning: {warning}"));
    }
    Ok(Session {
        reading: Arc::new(Reading {
            mapping: reading.mapping,
            rules,
            names: inputs.iter().map(|input| input.name.clone()).collect(),
        }),
        inputs,
        limit: reading.limit,
        out: reading.out,
        _folder: folder,
        dispatch,
        showing,
        arguments,
        typed_inputs: typed.reading.inputs,
        target: connected.target,
        live: connected.live,
        client: connected.client,
        date: connected.date,
        sandbox: connected.sandbox,
        watcher,
        stop,
        runtime,
    })
}

impl Session {
    /// Opens the checkpoint if there is one. A new one is not begun before the
    /// input has been found fit: a wrong name must not leave a file behind.
    fn known_ledger(&self) -> anyhow::Result<Option<SqliteLedger>> {
        let checkpoint = &self.dispatch.checkpoint;
        if !checkpoint.exists() {
            return Ok(None);
        }
        let ledger = SqliteLedger::open(checkpoint, &self.target, wall_clock())?;
        Ok(Some(ledger))
    }

    /// The checkpoint that was surveyed, or a new one.
    fn writable_ledger(
        &self,
        known: Option<SqliteLedger>,
        surveyed: &Survey,
    ) -> anyhow::Result<SqliteLedger> {
        let checkpoint = &self.dispatch.checkpoint;
        let mut ledger = match known {
            Some(ledger) => ledger,
            None => SqliteLedger::open(checkpoint, &self.target, wall_clock())?,
        };
        // Another process may have begun it since, and gone again.
        if ledger.next_id()? != surveyed.first_new_id {
            return Err(hinted(
                format!(
                    "checkpoint {} was begun by another run meanwhile",
                    checkpoint.display()
                ),
                "run the same command again",
            ));
        }
        Ok(ledger)
    }

    /// Opens the file of keys, where keys are asked for.
    fn key_file(&self) -> anyhow::Result<Option<KeyFile>> {
        if !self.dispatch.keys {
            return Ok(None);
        }
        let place = self.keys_place();
        let file = KeyFile::open(&place)
            .with_context(|| format!("cannot write to {}", place.display()))?;
        Ok(Some(file))
    }

    fn keys_place(&self) -> PathBuf {
        self.out.join("keys.csv")
    }

    fn survey(&self, ledger: Option<&mut SqliteLedger>) -> anyhow::Result<Survey> {
        let surveying = Surveying {
            reading: &self.reading,
            policy: self.dispatch.policy,
            folder: &self.out,
            stop: &self.stop,
        };
        survey(
            &mut self.rows(),
            &surveying,
            ledger.map(|ledger| ledger as &mut dyn Ledger),
            &self.watcher,
        )
    }

    fn stopped_while_checking(&self) -> Exit {
        self.watcher.close();
        let (why, exit) = match self.stop.reason() {
            Some(Halt::OutOfTime { option }) => (format!("stopped by {option}"), Exit::Stopped),
            _ => ("interrupted".to_owned(), Exit::Interrupted),
        };
        self.watcher
            .say(&format!("{why} while checking: nothing was sent"));
        exit
    }

    fn rows(&self) -> Reader {
        Reader::new(Arc::clone(&self.inputs), self.limit)
    }

    /// Whether the input is too bad to be sent, or the user says no.
    fn refuse_to_send(&self, surveyed: &Survey) -> anyhow::Result<Option<Halt>> {
        let (errors, allowed) = (Self::errors(surveyed), self.allowed_errors(surveyed));
        if errors > allowed {
            return Ok(Some(Halt::TooManyErrors { errors, allowed }));
        }
        if self.live && !self.dispatch.yes && !self.dispatch.dry_run && surveyed.to_do() > 0 {
            let many = counted(surveyed.to_do(), "customer", "customers");
            ask(&many, &self.target.kable_client_id)?;
        }
        Ok(None)
    }

    fn errors(surveyed: &Survey) -> u64 {
        surveyed.rows.rejected + surveyed.done.of(Outcome::Failed)
    }

    fn allowed_errors(&self, surveyed: &Survey) -> u64 {
        if self.dispatch.all_or_nothing && surveyed.rows.rejected > 0 {
            return 0;
        }
        self.dispatch.max_errors.of(surveyed.rows.read)
    }

    /// Sends what is to be sent.
    fn send(
        &self,
        mut ledger: SqliteLedger,
        surveyed: &mut Survey,
    ) -> anyhow::Result<SqliteLedger> {
        ledger.begin(&RunStart {
            command: "import".to_owned(),
            inputs: self.reading.names.clone(),
            fit_rows: surveyed.fit(),
            now_ms: wall_clock(),
        })?;
        let (errors, allowed_errors) = (Self::errors(surveyed), self.allowed_errors(surveyed));
        self.watcher.hear(&Event::Sending {
            total: surveyed.to_do(),
        });
        let parts = Parts {
            rows: self.rows(),
            reading: Arc::clone(&self.reading),
            verdicts: std::mem::take(&mut surveyed.verdicts),
            first_new_id: surveyed.first_new_id,
            api: self.client.clone(),
            ledger,
            keys: self.key_file()?,
            observer: Arc::clone(&self.watcher),
            stop: self.stop.clone(),
            wall: wall_clock,
            jitter,
            date: self.date,
        };
        let settings = pipeline::Settings {
            rate: self.dispatch.rate,
            concurrency: self.dispatch.concurrency,
            retry: self.dispatch.retry,
            allowance: Allowance::at(self.dispatch.rate),
            existing: self.dispatch.policy.existing,
            errors,
            allowed_errors,
        };
        let (mut ledger, verdicts) = self.runtime.block_on(async {
            let ticker = tokio::spawn(tick(Arc::clone(&self.watcher)));
            let ended = pipeline::run(parts, settings).await;
            ticker.abort();
            ended
        })?;
        surveyed.verdicts = verdicts;
        let how = match self.stop.reason() {
            None => "finished",
            Some(Halt::Interrupted) => "interrupted",
            Some(
                Halt::Denied { .. }
                | Halt::AllAlike { .. }
                | Halt::TooManyErrors { .. }
                | Halt::OutOfTime { .. }
                | Halt::Broken,
            ) => "stopped",
        };
        ledger.end(how, wall_clock())?;
        Ok(ledger)
    }

    /// Accounts for every row, and shows what came of it all.
    fn end(
        self,
        mut ledger: Option<SqliteLedger>,
        mut surveyed: Survey,
        halt: Option<Halt>,
    ) -> anyhow::Result<Exit> {
        let ending = Ending {
            watcher: &self.watcher,
            out: self.out.clone(),
            several: self.inputs.len() > 1,
            showing: self.showing.clone(),
        };
        let mut summary = self.summary(ledger.as_mut(), halt.as_ref())?;
        let accounting = Accounting {
            reading: &self.reading,
            verdicts: &mut surveyed.verdicts,
            first_new_id: surveyed.first_new_id,
            ledger: ledger.as_mut().map(|ledger| ledger as &mut dyn Ledger),
            stop: None,
        };
        let accounted =
            ending.account(&mut self.rows(), accounting, surveyed.rows, &mut summary)?;
        let exit = self.exit(halt.as_ref(), &summary);
        summary.exit_code = exit as u8;
        let words = Speaking {
            summary: &summary,
            halt: halt.as_ref(),
            arguments: &self.arguments,
            typed_inputs: &self.typed_inputs,
            dry_run: self.dispatch.dry_run,
            rejects: &accounted.listing.files.rejects(),
            checkpoint: &self.dispatch.checkpoint,
        }
        .words();
        let keys = Some(self.keys_place()).filter(|place| self.dispatch.keys && place.exists());
        ending.show(accounted, &summary, words, keys)?;
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

    fn exit(&self, halt: Option<&Halt>, summary: &Summary) -> Exit {
        match halt {
            Some(Halt::Interrupted) => Exit::Interrupted,
            Some(Halt::Denied { .. } | Halt::Broken) => Exit::Failed,
            Some(Halt::AllAlike { .. } | Halt::TooManyErrors { .. } | Halt::OutOfTime { .. }) => {
                Exit::Stopped
            }
            None if self.dispatch.dry_run && summary.rows.rejected == 0 => Exit::Done,
            None => exit_of(summary),
        }
    }
}

/// Prints a line now and then where nobody watches a bar.
async fn tick(watcher: Arc<Watcher>) {
    loop {
        tokio::time::sleep(Duration::from_secs(1)).await;
        watcher.tick();
    }
}
