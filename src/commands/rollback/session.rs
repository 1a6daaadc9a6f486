//! The parts of a rollback, built from what was typed.

use std::path::PathBuf;
use std::sync::Arc;

use tokio::runtime::Runtime;
use tokio::time::Instant;

use super::summary::RollbackSummary;
use crate::cli::{ApplyOptions, RollbackOptions};
use crate::commands::checkpoint::{self, CheckpointWriter, StoredLedger};
use crate::commands::checkpoint_choice::{chosen_checkpoint, subject};
use crate::commands::command_line::TypedCommand;
use crate::commands::confirm::has_terminal;
use crate::commands::connect::{ConnectSettings, Connected, connect};
use crate::commands::deadline::Deadlines;
use crate::commands::descriptors;
use crate::commands::exit::Exit;
use crate::commands::hint::hinted;
use crate::commands::notify::RunNotice;
use crate::commands::preflight::Calls;
use crate::commands::prepared::{origin, unless_stopped};
use crate::commands::progress_view::{progress_view, say_stopped_at_once};
use crate::commands::result_folder::ResultFolder;
use crate::commands::run_metrics::RunMetrics;
use crate::commands::signals;
use crate::commands::system::runtime;
use crate::config::display::{DisplaySettings, display};
use crate::config::monitor::{MonitorSettings, monitor};
use crate::config::requests::requests;
use crate::config::send::{SendSettings, sending};
use crate::config::target::{Destination, destination, unnamed_target};
use crate::config::values::beside;
use crate::config::{ConfigError, Environment, FileOptions};
use crate::domain::rules::Rules;
use crate::domain::summary::TargetAccount;
use crate::engine::pace::PaceSettings;
use crate::engine::pace::token_bucket::TokenBucket;
use crate::engine::stop::{Halt, Stop};
use crate::ledger::LedgerError;
use crate::report::manifest::ResultsOrigin;
use crate::report::progress::ProgressDisplay;

/// The parts of a rollback.
pub(super) struct RollbackSession {
    pub(super) began: Instant,
    pub(super) command: TypedCommand<RollbackOptions>,
    /// The command that applies a plan of it, if that was typed.
    pub(super) applied: Option<TypedCommand<ApplyOptions>>,
    pub(super) sending: SendSettings,
    pub(super) even_if_changed: bool,
    pub(super) display: DisplaySettings,
    pub(super) out: PathBuf,
    pub(super) origin: ResultsOrigin,
    pub(super) connected: Connected,
    pub(super) bucket: Option<Arc<TokenBucket>>,
    /// The file of `--metrics-file`.
    pub(super) metrics: Option<RunMetrics>,
    /// What is told of it at its end.
    pub(super) notice: RunNotice,
    pub(super) watcher: Arc<ProgressDisplay>,
    pub(super) stop: Stop,
    pub(super) runtime: Runtime,
    /// Held so that the folder is removed if nothing is put into it.
    _folder: ResultFolder,
}

impl RollbackSession {
    /// Builds the parts of `command`, and connects; an exit code if it was stopped before
    /// that.
    #[expect(
        clippy::too_many_lines,
        reason = "it builds the parts one after the other"
    )]
    pub(super) fn begin(
        command: TypedCommand<RollbackOptions>,
        applied: Option<TypedCommand<ApplyOptions>>,
        environment: &Environment,
        notice: &RunNotice,
    ) -> anyhow::Result<Result<Self, Exit>> {
        let began = Instant::now();
        let typed = &command.options;
        let mut file = FileOptions::read(&typed.file, environment)?;
        let is_typed = |long: &str| command.types(long);
        let mut notes = file.notes("rollback", is_typed);
        notes.extend(unnamed_target(file.unnamed_target.as_ref(), &typed.target));
        if typed.target.names_a_target() {
            file.target.sandbox.clone_from(&typed.target.sandbox);
            (file.target.env, file.target.base_url) = (None, None);
        }
        let is_sandbox = file.is_sandbox(&typed.target);
        let given = typed.sending.checkpoint.as_deref();
        let (checkpoint, choice) = chosen_checkpoint(given, &typed.inputs, &file)?;
        notes.extend(choice);
        let names = if typed.inputs.is_empty() {
            vec![checkpoint.clone().into_os_string()]
        } else {
            typed.inputs.clone()
        };
        let out = match typed.sending.out.clone().or(file.reading.out.take()) {
            Some(out) => out,
            None => beside(&[subject(&checkpoint)], ".results", "out")?,
        };
        let even_if_changed = typed
            .removal
            .even_if_changed
            .or(file.removal.even_if_changed);
        let assignments = file.assignments.clone();
        let MonitorSettings { metrics, notify } = monitor(&typed.monitor, &file)
            .map_err(|error| error.located(&assignments, is_typed))?;
        let decided = decide(&command, file, checkpoint, environment)
            .map_err(|error| error.located(&assignments, is_typed))?;
        let (mut sending, display, destination) = decided;
        sending.dry_run |= typed.plan.save_plan.is_some();
        notice.begin("rollback", notify.command, environment);
        demand_permission(&sending)?;
        if !checkpoint::is_there(&sending.checkpoint)? {
            let path = sending.checkpoint.clone();
            return Err(LedgerError::NotThere { path }.into());
        }
        let deadlines = Deadlines::from_now(sending.limits);
        descriptors::raise_limit();
        let (stop, runtime) = (Stop::default(), runtime()?);
        let watcher = progress_view(display, "rollback", &names);
        {
            let (_entered, watcher) = (runtime.enter(), Arc::clone(&watcher));
            signals::listen(stop.clone(), move || say_stopped_at_once(&watcher));
        }
        let metrics = metrics.of_run(sending.dry_run);
        let metrics = RunMetrics::begin(metrics, "rollback", &watcher)?;
        for note in notes.iter().filter(|_| !display.quiet) {
            watcher.say(note);
        }
        if let Some(note) = &notify.note {
            watcher.say_always(note);
        }
        let folder = ResultFolder::prepare(&out)?;
        let bucket = TokenBucket::new(sending.requests.pacing.ceiling).map(Arc::new);
        let connected = runtime.block_on(async {
            deadlines.keep(&stop);
            let calls = Calls::new(bucket.as_deref(), &watcher);
            let (settings, mut rules) = (ConnectSettings::of(&sending), Rules::default());
            unless_stopped(connect(destination, settings, &mut rules, calls), &stop).await
        });
        let Some(connected) = connected.transpose()? else {
            watcher.close();
            watcher.say("stopped before anything was deleted");
            return Ok(Err(match stop.reason() {
                Some(Halt::OutOfTime { .. }) => Exit::Stopped,
                _ => Exit::Interrupted,
            }));
        };
        Ok(Ok(Self {
            began,
            origin: origin("rollback", &names, is_sandbox),
            sending,
            even_if_changed: even_if_changed == Some(true),
            display,
            out,
            connected,
            bucket,
            metrics,
            notice: notice.clone(),
            watcher,
            stop,
            runtime,
            _folder: folder,
            command,
            applied,
        }))
    }

    /// Opens the checkpoint, for reading only in a dry run.
    pub(super) fn ledger(&self) -> anyhow::Result<StoredLedger> {
        let (path, target) = (&self.sending.checkpoint, &self.connected.target);
        Ok(if self.sending.dry_run {
            checkpoint::open_to_plan(path, target)?
        } else {
            let writer = CheckpointWriter {
                shares: false,
                timeout: self.sending.requests.timeout,
                watcher: Arc::clone(&self.watcher),
                stop: self.stop.clone(),
            };
            checkpoint::open(path, target, &writer)?
        })
    }

    pub(super) fn target(&self) -> &TargetAccount {
        &self.connected.target
    }

    /// The pacing, limited to the descriptors available.
    pub(super) fn pacing(&self) -> PaceSettings {
        let has_server = self.connected.sandbox.is_some();
        let (pacing, note) = descriptors::fitting(self.sending.requests.pacing, has_server);
        if let Some(note) = note {
            self.watcher.say(&format!("note: {note}"));
        }
        pacing
    }

    /// The summary before anything was done.
    pub(super) fn summary(&self) -> RollbackSummary {
        RollbackSummary {
            command: "rollback",
            target: self.target().clone(),
            checkpoint: self.sending.checkpoint.display().to_string(),
            dry_run: self.sending.dry_run,
            ..RollbackSummary::default()
        }
    }

    pub(super) fn cannot_write(&self) -> String {
        format!("cannot write results to {}", self.out.display())
    }
}

fn decide(
    command: &TypedCommand<RollbackOptions>,
    file: FileOptions,
    checkpoint: PathBuf,
    environment: &Environment,
) -> Result<(SendSettings, DisplaySettings, Destination), ConfigError> {
    let typed = command.options.clone();
    let mut options = typed.sending.to_send_options();
    options.checkpoint = Some(checkpoint);
    let concurrency = options.concurrency.or(file.sending.concurrency);
    let requests = requests(typed.requests, file.requests, concurrency)?;
    Ok((
        sending(options, file.sending, requests, &[], false)?,
        display(&typed.display, &file.display)?,
        destination(typed.target, file.target, environment)?,
    ))
}

/// Fails if there is no terminal to ask on. Kable has no environment of its own for
/// rehearsals: a rollback with a test key deletes customers as well.
fn demand_permission(sending: &SendSettings) -> anyhow::Result<()> {
    if sending.yes || sending.dry_run || has_terminal() {
        return Ok(());
    }
    Err(hinted(
        "a rollback deletes customers, and there is no terminal to ask for confirmation on",
        "add --yes to run it without confirmation, or --dry-run to see what it would delete",
    ))
}
