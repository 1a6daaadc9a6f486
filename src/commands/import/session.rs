//! What an import is made of: the parts, built from what was typed.

use std::path::PathBuf;
use std::sync::Arc;

use anyhow::Context;
use tokio::runtime::Runtime;

use crate::cli::{Import, Showing};
use crate::commands::argv::Typed;
use crate::commands::confirm::demand_somebody;
use crate::commands::connect::{Wanted, connect};
use crate::commands::deadline::Deadlines;
use crate::commands::descriptors;
use crate::commands::preflight::{Calls, ServerDate};
use crate::commands::{
    Exit, ResultFolder, hinted, open_inputs, origin, runtime, signals, style, wall_clock,
};
use crate::config::reading::reading;
use crate::config::sending::{Dispatch, dispatch};
use crate::config::target::{Destination, destination};
use crate::config::{Environment, FileOptions, Said, showing};
use crate::domain::summary::TargetAccount;
use crate::engine::checker::Reading;
use crate::engine::pace::token_bucket::TokenBucket;
use crate::engine::stop::{Halt, Stop};
use crate::engine::survey::Survey;
use crate::engine::wall_clock::WallClock;
use crate::kable::client::Client;
use crate::ledger::Ledger;
use crate::ledger::sqlite::SqliteLedger;
use crate::ledger::sqlite::mounts;
use crate::report::keys::KeyFile;
use crate::report::manifest::ResultsOrigin;
use crate::report::progress::ProgressDisplay;
use crate::sandbox::RunningSandbox;
use crate::source::input::Input;
use crate::source::patterns::resolve;
use crate::source::reader::InputReader;

/// What came of the beginning.
pub(super) enum Begun {
    /// Everything is there.
    Ready(Box<Session>),
    /// It was stopped before.
    Stopped(Exit),
}

/// Everything that an import is made of.
pub(super) struct Session {
    pub(super) inputs: Arc<[Input]>,
    pub(super) reading: Arc<Reading>,
    pub(super) limit: Option<u64>,
    pub(super) out: PathBuf,
    pub(super) dispatch: Dispatch,
    pub(super) showing: Showing,
    /// What was typed, and what a file says beside it.
    pub(super) typed: Typed,
    pub(super) said: Said,
    /// For what results are written.
    pub(super) origin: ResultsOrigin,
    pub(super) target: TargetAccount,
    pub(super) live: bool,
    pub(super) client: Client,
    pub(super) clock: WallClock,
    pub(super) dates: Vec<ServerDate>,
    /// The starts that the rate allows, from the first call on.
    pub(super) bucket: Option<Arc<TokenBucket>>,
    /// Held so that it goes if nothing is put into it.
    _folder: ResultFolder,
    /// Held so that it is served until the end.
    pub(super) sandbox: Option<RunningSandbox>,
    pub(super) watcher: Arc<ProgressDisplay>,
    pub(super) stop: Stop,
    pub(super) runtime: Runtime,
}

/// Builds the parts from `options`, which were `typed`.
pub(super) fn begin(
    options: Import,
    environment: &Environment,
    typed: Typed,
) -> anyhow::Result<Begun> {
    let mut file = FileOptions::of(&options.reading, environment)?;
    let said = file.said();
    let inputs = resolve(&options.reading.inputs)?;
    let is_sandbox = file.is_sandbox(&options.target);
    let dispatch = dispatch(options.sending, &mut file, &inputs, is_sandbox)?;
    let origin = origin("import", &inputs, is_sandbox);
    let reading = reading(inputs, options.reading.options, &mut file)?;
    let showing = showing(options.showing, &mut file);
    let target_found = file.target_found(&options.target);
    let destination = destination(options.target, &mut file, environment)?;
    demand_permission(&destination, &dispatch)?;
    descriptors::raise_limit();
    // Time is counted from here; while standard input is read, Ctrl-C ends it
    // all, for nothing has been done.
    let deadlines = Deadlines::from_now(dispatch.limits);
    let (inputs, folder) = open_inputs(&reading, "import")?;
    let (stop, runtime) = (Stop::default(), runtime()?);
    let watcher = watcher(&showing, target_found);
    let mut rules = reading.rules;
    let bucket = TokenBucket::new(dispatch.pacing.ceiling).map(Arc::new);
    let calls = Calls::new(bucket.as_deref(), &watcher);
    let connecting = connect(destination, Wanted::by(&dispatch), &mut rules, calls);
    let connected = runtime.block_on(unless_stopped(connecting, &stop, deadlines));
    let Some(connected) = connected else {
        return Ok(Begun::Stopped(stopped(
            &stop,
            &watcher,
            "before anything was read",
        )));
    };
    let connected = connected?;
    if let Some(warning) = &connected.warning {
        watcher.say(&format!("warning: {warning}"));
    }
    Ok(Begun::Ready(Box::new(Session {
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
        typed,
        said,
        origin,
        target: connected.target,
        live: connected.live,
        client: connected.client,
        clock: connected.clock,
        dates: connected.dates,
        bucket,
        sandbox: connected.sandbox,
        watcher,
        stop,
        runtime,
    })))
}

/// What comes of `connecting`; `None` where everything is stopped before.
async fn unless_stopped<T>(
    connecting: impl Future<Output = T>,
    stop: &Stop,
    deadlines: Deadlines,
) -> Option<T> {
    signals::listen(stop.clone());
    deadlines.keep(stop);
    // A server that asks for a long pause here must not hold up a stop.
    tokio::select! {
        biased;
        () = stop.halted() => None,
        connected = connecting => Some(connected),
    }
}

/// A watcher that begins with what is to be said of the target.
fn watcher(showing: &Showing, target_found: Option<String>) -> Arc<ProgressDisplay> {
    let watcher = ProgressDisplay::new(style(showing));
    if let Some(found) = target_found {
        watcher.say(&found);
    }
    Arc::new(watcher)
}

/// Fails where nothing may be sent to `destination`.
fn demand_permission(destination: &Destination, dispatch: &Dispatch) -> anyhow::Result<()> {
    if destination.is_live() && !dispatch.yes && !dispatch.dry_run {
        demand_somebody()?;
    }
    if cfg!(feature = "bench-without-durability") && !destination.is_here() {
        anyhow::bail!("this build keeps no promise: it is for benchmarks on this machine");
    }
    Ok(())
}

/// Says that everything was stopped before anything was sent.
pub(super) fn stopped(stop: &Stop, watcher: &ProgressDisplay, when: &str) -> Exit {
    watcher.close();
    let (why, exit) = match stop.reason() {
        Some(Halt::OutOfTime { option }) => (format!("stopped by {option}"), Exit::Stopped),
        _ => ("interrupted".to_owned(), Exit::Interrupted),
    };
    watcher.say(&format!("{why} {when}: nothing was sent"));
    exit
}

impl Session {
    /// Opens the checkpoint if there is one. A new one is not begun before the
    /// input has been found fit: a wrong name must not leave a file behind.
    pub(super) fn known_ledger(&self) -> anyhow::Result<Option<SqliteLedger>> {
        let checkpoint = &self.dispatch.checkpoint;
        if let Some(warning) = mounts::warning(checkpoint) {
            self.watcher.say(&format!("warning: {warning}"));
        }
        if !checkpoint.exists() {
            return Ok(None);
        }
        if self.dispatch.dry_run {
            // Not even an older format is brought up to date.
            let ledger = SqliteLedger::open_to_plan(checkpoint, &self.target)?;
            return Ok(Some(ledger));
        }
        let ledger = SqliteLedger::open(checkpoint, &self.target, wall_clock())?;
        Ok(Some(ledger))
    }

    /// The checkpoint that was surveyed, or a new one.
    pub(super) fn writable_ledger(
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
    pub(super) fn key_file(&self) -> anyhow::Result<Option<KeyFile>> {
        if !self.dispatch.keys {
            return Ok(None);
        }
        let place = self.keys_place();
        let file = KeyFile::open(&place)
            .with_context(|| format!("cannot write to {}", place.display()))?;
        Ok(Some(file))
    }

    pub(super) fn keys_place(&self) -> PathBuf {
        self.out.join("keys.csv")
    }

    /// The rows, from the start.
    pub(super) fn rows(&self) -> InputReader {
        InputReader::new(Arc::clone(&self.inputs), self.limit)
    }

    /// The rows, to look at single ones.
    pub(super) fn single_rows(&self) -> InputReader {
        InputReader::of_single_rows(Arc::clone(&self.inputs))
    }
}
