//! The parts of an import, built from what was typed.

use std::ffi::OsString;
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::Context;
use tokio::time::Instant;

use crate::cli::{ChangeOptions, ImportOptions};
use crate::commands::checkpoint::{self, StoredLedger};
use crate::commands::checkpoint_choice::import_checkpoint;
use crate::commands::confirm::{confirm_that, demand_terminal, has_terminal};
use crate::commands::connect::{ConnectSettings, Connected, connect};
use crate::commands::customer_list::{ListError, list};
use crate::commands::deadline::Deadlines;
use crate::commands::exit::Exit;
use crate::commands::hint::hinted;
use crate::commands::notify::RunNotice;
use crate::commands::own_files::ResolvedInputs;
use crate::commands::preflight::Calls;
use crate::commands::prepared::{Prepared, origin, unless_stopped};
use crate::commands::send_command::SendCommand;
use crate::commands::send_time::{ForeseenRequests, send_time_until, stop_note};
use crate::commands::system::wall_clock;
use crate::config::changes::{ChangeSettings, changes, refuse_import_options};
use crate::config::display::{DisplaySettings, display};
use crate::config::input::{InputSettings, input};
use crate::config::monitor::{MonitorSettings, monitor};
use crate::config::requests::requests;
use crate::config::send::{SendSettings, sending};
use crate::config::target::{Destination, destination, unnamed_target};
use crate::config::{ConfigError, Environment, FileOptions, InheritedOptions};
use crate::domain::decision::ExistingPolicy;
use crate::domain::outcome::Outcome;
use crate::domain::text::counted;
use crate::engine::pace::token_bucket::TokenBucket;
use crate::engine::stop::Halt;
use crate::engine::survey::remote_list::RemoteList;
use crate::engine::survey::{KnownCustomers, Survey};
use crate::ledger::{IS_DURABLE, Ledger};
use crate::report::keys::KeyFile;

/// What was typed, or stands in a file or in the environment, decided.
struct ImportDecisions {
    input: InputSettings,
    sending: SendSettings,
    display: DisplaySettings,
    destination: Destination,
    changes: Option<ChangeSettings>,
    monitor: MonitorSettings,
}

impl ImportDecisions {
    fn of(
        (typed, typed_changes): (ImportOptions, Option<&ChangeOptions>),
        file: FileOptions,
        inputs: Vec<OsString>,
        environment: &Environment,
    ) -> Result<Self, ConfigError> {
        let monitor = monitor(&typed.monitor, &file)?;
        let saves_plan = typed.plan.save_plan.is_some();
        if typed_changes.is_some() {
            refuse_import_options(&typed.sending)?;
        }
        let decided = typed_changes.map(|typed| changes(typed, &file.changes));
        let changes = decided.transpose()?;
        let is_sandbox = file.is_sandbox(&typed.target);
        let concurrency = typed.sending.concurrency.or(file.sending.concurrency);
        let requests = requests(typed.requests, file.requests, concurrency)?;
        let mut sending = sending(typed.sending, file.sending, requests, &inputs, is_sandbox)?;
        sending.dry_run |= saves_plan;
        let mut input = input(inputs, typed.input.reading, file.reading)?.keeping(sending.keys)?;
        if let Some(changes) = changes {
            changes.demand_all_rows(input.limit)?;
            sending.canary = None;
            sending.policy.existing = ExistingPolicy::Update;
            if changes.clears_empty {
                input.rules.clear_empty(sending.stripe);
            }
        }
        Ok(Self {
            sending,
            input,
            changes,
            monitor,
            display: display(&typed.display, &file.display)?,
            destination: destination(typed.target, file.target, environment)?,
        })
    }
}

/// The parts of an import.
pub(in crate::commands) struct Session {
    pub(in crate::commands) prepared: Prepared,
    pub(in crate::commands) sending: SendSettings,
    /// What a sync changes; `None` of an import.
    pub(in crate::commands) changes: Option<ChangeSettings>,
    /// The typed command, and the options that the next command inherits.
    pub(in crate::commands) command: SendCommand,
    pub(in crate::commands) inherited: InheritedOptions,
    pub(in crate::commands) connected: Connected,
    /// When it began: of the run, and of the clock.
    pub(in crate::commands) began: Instant,
    pub(in crate::commands) started_ms: i64,
    /// The token bucket of `--rate`, from the first call on.
    pub(in crate::commands) bucket: Option<Arc<TokenBucket>>,
}

impl Session {
    /// Builds the parts of `command`, and connects; an exit code if it was stopped
    /// before that.
    pub(in crate::commands) fn begin(
        command: SendCommand,
        environment: &Environment,
        notice: &RunNotice,
    ) -> anyhow::Result<Result<Self, Exit>> {
        let (began, started_ms) = (Instant::now(), wall_clock());
        let typed = command.options();
        let file = FileOptions::read(&typed.input.file, environment)?;
        let inherited = file.inherited();
        let inputs = ResolvedInputs::of(&typed.input.inputs)?;
        let is_sandbox = file.is_sandbox(&typed.target);
        let origin = origin(command.name(), &inputs.names, is_sandbox);
        let is_typed = |long: &str| command.types(long);
        let (mut notes, stored) = file.taken(command.name(), is_typed);
        let named = typed.sending.checkpoint.as_deref();
        let named = named.or(file.sending.checkpoint.as_deref());
        let choice = import_checkpoint(named, &inputs, is_sandbox)?;
        notes.extend(inputs.note.into_iter().chain(choice.note));
        let target_note = unnamed_target(file.unnamed_target.as_ref(), &typed.target);
        let assignments = file.assignments.clone();
        let mut decided = typed.clone();
        decided.sending.checkpoint = choice.path.or(decided.sending.checkpoint);
        let ImportDecisions {
            input,
            sending,
            display,
            destination,
            changes,
            monitor,
        } = ImportDecisions::of(
            (decided, command.changes.as_ref()),
            file,
            inputs.names,
            environment,
        )
        .map_err(|error| error.located(&assignments, is_typed))?;
        notice.begin(command.name(), monitor.notify.command, environment);
        demand_permission(&destination, &sending)?;
        // Counts from here, before standard input is read.
        let deadlines = Deadlines::from_now(sending.limits);
        let metrics = monitor.metrics.of_run(sending.dry_run);
        let mut prepared = Prepared::open(input, display, origin, metrics)?;
        prepared.say_options(&notes, stored);
        prepared.notice = notice.clone();
        for note in target_note.iter().chain(&monitor.notify.note) {
            prepared.watcher.say_always(note);
        }
        let bucket = rate_bucket(&sending)?;
        let connecting = (destination, ConnectSettings::of(&sending), deadlines);
        let connected = connected(&mut prepared, bucket.as_deref(), connecting)?;
        let Some(connected) = connected else {
            return Ok(Err(stopped(&prepared, "before anything was read")));
        };
        Ok(Ok(Self {
            prepared,
            sending,
            changes,
            command,
            inherited,
            connected,
            began,
            started_ms,
            bucket,
        }))
    }

    /// Opens the file of keys, if keys are requested.
    pub(in crate::commands) fn key_file(&self) -> anyhow::Result<Option<KeyFile>> {
        if !self.sending.keys {
            return Ok(None);
        }
        let place = self.keys_place();
        let file = KeyFile::open(&place)
            .with_context(|| format!("cannot write to {}", place.display()))?;
        Ok(Some(file))
    }

    /// The file of keys, if keys are requested and one was written.
    pub(in crate::commands) fn keys_written(&self) -> Option<PathBuf> {
        Some(self.keys_place()).filter(|place| self.sending.keys && place.exists())
    }

    fn keys_place(&self) -> PathBuf {
        self.prepared.out.join("keys.csv")
    }

    /// Lists the customers; `None` if everything was stopped.
    fn list(&self) -> anyhow::Result<Option<Result<RemoteList, ListError>>> {
        let Prepared {
            watcher,
            out,
            stop,
            runtime,
            ..
        } = &self.prepared;
        let calls = Calls::new(self.bucket.as_deref(), watcher);
        let listing = list(&self.connected.client, out, calls);
        runtime.block_on(unless_stopped(listing, stop)).transpose()
    }

    /// Lists the customers for a sync, which can do nothing without them. `None` if
    /// everything was stopped.
    pub(in crate::commands) fn demand_list(&self) -> anyhow::Result<Option<RemoteList>> {
        let listed = self.list()?.transpose();
        listed.map_err(|error| {
            let advice = format!("{}: nothing was sent", error.advice);
            hinted(error.to_string(), advice)
        })
    }

    /// Lists the customers for a dry run. `None` if it is not a dry run, the list
    /// can't be read, or everything was stopped.
    pub(in crate::commands) fn list_for_dry_run(&self) -> anyhow::Result<Option<RemoteList>> {
        if !self.sending.dry_run {
            return Ok(None);
        }
        match self.list()? {
            None => Ok(None),
            Some(Ok(listed)) => Ok(Some(listed)),
            Some(Err(error)) => {
                let watcher = &self.prepared.watcher;
                watcher.say(&format!(
                    "warning: {error}: the following is what the checkpoint alone knows; \
                     which of the other rows Kable has already, and how they differ, is not known"
                ));
                Ok(None)
            }
        }
    }

    /// Surveys the input against the checkpoint and the list of customers.
    pub(in crate::commands) fn survey(
        &self,
        ledger: Option<&mut StoredLedger>,
        listed: Option<&mut RemoteList>,
    ) -> anyhow::Result<Survey> {
        let known = KnownCustomers {
            ledger: ledger.map(|ledger| ledger as &mut dyn Ledger),
            list: listed,
            surplus: self.changes.is_some(),
        };
        self.prepared.survey(self.sending.policy, false, known)
    }

    /// Why the input can't be sent, if it has too many errors.
    pub(in crate::commands) fn too_many_errors(&self, surveyed: &Survey) -> Option<Halt> {
        let (errors, allowed) = (errors(surveyed), self.allowed_errors(surveyed));
        (errors > allowed).then_some(Halt::TooManyErrors { errors, allowed })
    }

    /// Asks before a live run, and on a terminal before the first run into the account of a
    /// TEST key: LIVE sees the customers that it makes.
    pub(in crate::commands) fn confirm(&self, surveyed: &Survey) -> anyhow::Result<()> {
        let is_first = surveyed.done.sum() == 0 && surveyed.to_look_up == 0;
        let is_test = self.connected.is_test_host() && is_first && has_terminal();
        let asks = self.connected.live || is_test;
        if !asks || self.sending.yes || surveyed.to_do() == 0 {
            return Ok(());
        }
        let many = counted(surveyed.to_do(), "customer", "customers");
        let kind = if self.connected.live { "LIVE" } else { "TEST" };
        let account = &self.connected.target.kable_client_id;
        let what = format!("{many} will be created in the {kind} account {account}.");
        let Prepared {
            runtime,
            stop,
            watcher,
            ..
        } = &self.prepared;
        runtime.block_on(confirm_that(&what, (watcher, stop)))
    }

    /// Says how long it takes to send what is `foreseen`, and when it stops if it is limited.
    pub(in crate::commands) fn say_time(&self, foreseen: ForeseenRequests) {
        let watcher = &self.prepared.watcher;
        let (pacing, limits) = (self.sending.requests.pacing, self.sending.limits);
        let now = watcher.now();
        watcher.say(&send_time_until(foreseen, pacing, &now));
        if let Some(note) = stop_note(foreseen, pacing, limits, &now) {
            watcher.say(&note);
        }
    }

    /// How many rows may be rejected or fail.
    pub(in crate::commands) fn allowed_errors(&self, surveyed: &Survey) -> u64 {
        if self.sending.all_or_nothing && surveyed.rows.rejected > 0 {
            return 0;
        }
        self.sending.max_errors.of(surveyed.rows.read)
    }
}

/// The token bucket of `--rate`. It is that of all workers from the first call on.
fn rate_bucket(sending: &SendSettings) -> anyhow::Result<Option<Arc<TokenBucket>>> {
    let bucket = TokenBucket::new(sending.requests.pacing.ceiling).map(Arc::new);
    if let (Some(bucket), false) = (&bucket, sending.dry_run)
        && let Some(pace) = checkpoint::shared_pace(&sending.checkpoint)?
    {
        bucket.share(pace);
    }
    Ok(bucket)
}

/// Connects; `None` if everything was stopped meanwhile.
fn connected(
    prepared: &mut Prepared,
    bucket: Option<&TokenBucket>,
    (destination, settings, deadlines): (Destination, ConnectSettings, Deadlines),
) -> anyhow::Result<Option<Connected>> {
    let connected = prepared.runtime.block_on(async {
        deadlines.keep(&prepared.stop);
        let rules = &mut Arc::make_mut(&mut prepared.reading).rules;
        let calls = Calls::new(bucket, &prepared.watcher);
        let connecting = connect(destination, settings, rules, calls);
        unless_stopped(connecting, &prepared.stop).await
    });
    let connected = connected.transpose()?;
    if let Some(warning) = connected.as_ref().and_then(|one| one.warning.as_ref()) {
        let warning = format!("warning: {warning}; their ids are not checked");
        prepared.watcher.say(&warning);
    }
    Ok(connected)
}

/// Rows that were rejected, or failed in an earlier run.
pub(in crate::commands) fn errors(surveyed: &Survey) -> u64 {
    surveyed.rows.rejected + surveyed.done.of(Outcome::Failed)
}

/// Fails if nothing may be sent to `destination`.
fn demand_permission(destination: &Destination, sending: &SendSettings) -> anyhow::Result<()> {
    if destination.is_live() && !sending.yes && !sending.dry_run {
        demand_terminal("this is a live run")?;
    }
    if !IS_DURABLE && !destination.is_here() {
        anyhow::bail!("this build keeps no promise: it is for benchmarks on this machine");
    }
    Ok(())
}

/// Says that everything was stopped before anything was sent.
pub(in crate::commands) fn stopped(prepared: &Prepared, when: &str) -> Exit {
    prepared.watcher.close();
    let (why, exit) = match prepared.stop.reason() {
        Some(Halt::OutOfTime { option }) => (format!("stopped by {option}"), Exit::Stopped),
        _ => ("interrupted".to_owned(), Exit::Interrupted),
    };
    let text = format!("{why} {when}: nothing was sent");
    prepared.watcher.say(&text);
    exit
}
