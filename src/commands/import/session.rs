//! The parts of an import, built from what was typed.

use std::ffi::OsString;
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::Context;

use crate::cli::ImportOptions;
use crate::commands::checkpoint_choice::import_checkpoint;
use crate::commands::command_line::TypedCommand;
use crate::commands::confirm::{confirm, demand_terminal};
use crate::commands::connect::{ConnectSettings, Connected, connect};
use crate::commands::customer_list::list;
use crate::commands::deadline::Deadlines;
use crate::commands::exit::Exit;
use crate::commands::hint::hinted;
use crate::commands::own_files::ResolvedInputs;
use crate::commands::preflight::Calls;
use crate::commands::prepared::{Prepared, origin, unless_stopped};
use crate::commands::system::wall_clock;
use crate::config::display::{DisplaySettings, display};
use crate::config::input::{InputSettings, input};
use crate::config::requests::requests;
use crate::config::send::{SendSettings, sending};
use crate::config::target::{Destination, destination, unnamed_target};
use crate::config::{ConfigError, Environment, FileOptions, InheritedOptions};
use crate::domain::outcome::Outcome;
use crate::domain::text::counted;
use crate::engine::pace::token_bucket::TokenBucket;
use crate::engine::stop::Halt;
use crate::engine::survey::remote_list::RemoteList;
use crate::engine::survey::{KnownCustomers, Survey};
use crate::ledger::sqlite::SqliteLedger;
use crate::ledger::sqlite::mounts;
use crate::ledger::{IS_DURABLE, Ledger};
use crate::report::keys::KeyFile;

/// What was typed, or stands in a file or in the environment, decided.
struct ImportDecisions {
    input: InputSettings,
    sending: SendSettings,
    display: DisplaySettings,
    destination: Destination,
}

impl ImportDecisions {
    fn of(
        typed: ImportOptions,
        file: FileOptions,
        inputs: Vec<OsString>,
        environment: &Environment,
    ) -> Result<Self, ConfigError> {
        let is_sandbox = file.is_sandbox(&typed.target);
        let concurrency = typed.sending.concurrency.or(file.sending.concurrency);
        let requests = requests(typed.requests, file.requests, concurrency)?;
        Ok(Self {
            sending: sending(typed.sending, file.sending, requests, &inputs, is_sandbox)?,
            input: input(inputs, typed.input.reading, file.reading)?,
            display: display(typed.display, file.display)?,
            destination: destination(typed.target, file.target, environment)?,
        })
    }
}

/// The parts of an import.
pub(super) struct Session {
    pub(super) prepared: Prepared,
    pub(super) sending: SendSettings,
    /// The typed command, and the options that the next command inherits.
    pub(super) command: TypedCommand<ImportOptions>,
    pub(super) inherited: InheritedOptions,
    pub(super) connected: Connected,
    /// The token bucket of `--rate`, from the first call on.
    pub(super) bucket: Option<Arc<TokenBucket>>,
}

impl Session {
    /// Builds the parts of `command`, and connects; an exit code if it was stopped
    /// before that.
    pub(super) fn begin(
        command: TypedCommand<ImportOptions>,
        environment: &Environment,
    ) -> anyhow::Result<Result<Self, Exit>> {
        let typed = &command.options;
        let file = FileOptions::read(&typed.input.file, environment)?;
        let inherited = file.inherited();
        let inputs = ResolvedInputs::of(&typed.input.inputs)?;
        let origin = origin("import", &inputs.names, file.is_sandbox(&typed.target));
        let is_typed = |long: &str| command.types(long);
        let mut notes = file.notes("import", is_typed);
        let named = typed.sending.checkpoint.as_deref();
        let named = named.or(file.sending.checkpoint.as_deref());
        let choice = import_checkpoint(named, &inputs, file.is_sandbox(&typed.target))?;
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
        } = ImportDecisions::of(decided, file, inputs.names, environment)
            .map_err(|error| error.located(&assignments, is_typed))?;
        demand_permission(&destination, &sending)?;
        // Counts from here, before standard input is read.
        let deadlines = Deadlines::from_now(sending.limits);
        let mut prepared = Prepared::open(input, display, origin)?;
        prepared.say_unless_quiet(&notes);
        if let Some(note) = target_note {
            prepared.watcher.say(&note);
        }
        let bucket = TokenBucket::new(sending.requests.pacing.ceiling).map(Arc::new);
        let connected = prepared.runtime.block_on(async {
            deadlines.keep(&prepared.stop);
            let rules = &mut Arc::make_mut(&mut prepared.reading).rules;
            let calls = Calls::new(bucket.as_deref(), &prepared.watcher);
            let connecting = connect(destination, ConnectSettings::of(&sending), rules, calls);
            unless_stopped(connecting, &prepared.stop).await
        });
        let Some(connected) = connected.transpose()? else {
            return Ok(Err(stopped(&prepared, "before anything was read")));
        };
        if let Some(warning) = &connected.warning {
            prepared
                .watcher
                .say(&format!("warning: {warning}; their ids are not checked"));
        }
        Ok(Ok(Self {
            prepared,
            sending,
            command,
            inherited,
            connected,
            bucket,
        }))
    }

    /// Opens the checkpoint if there is one. A new one is created only after the
    /// survey, so that a wrong name leaves no file behind.
    pub(super) fn known_ledger(&self) -> anyhow::Result<Option<SqliteLedger>> {
        let checkpoint = &self.sending.checkpoint;
        if let Some(warning) = mounts::warning(checkpoint) {
            self.prepared.watcher.say(&format!("warning: {warning}"));
        }
        if !checkpoint.exists() {
            return Ok(None);
        }
        let target = &self.connected.target;
        let ledger = if self.sending.dry_run {
            // Does not upgrade an older format either.
            SqliteLedger::open_to_plan(checkpoint, target)?
        } else {
            SqliteLedger::open(checkpoint, target, wall_clock())?
        };
        Ok(Some(ledger))
    }

    /// Opens the surveyed checkpoint for writing, or creates a new one.
    pub(super) fn writable_ledger(
        &self,
        known: Option<SqliteLedger>,
        surveyed: &Survey,
    ) -> anyhow::Result<SqliteLedger> {
        let checkpoint = &self.sending.checkpoint;
        let mut ledger = match known {
            Some(ledger) => ledger,
            None => SqliteLedger::open(checkpoint, &self.connected.target, wall_clock())?,
        };
        // Another process may have created it since the survey, and ended.
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

    /// Opens the file of keys, if keys are requested.
    pub(super) fn key_file(&self) -> anyhow::Result<Option<KeyFile>> {
        if !self.sending.keys {
            return Ok(None);
        }
        let place = self.keys_place();
        let file = KeyFile::open(&place)
            .with_context(|| format!("cannot write to {}", place.display()))?;
        Ok(Some(file))
    }

    pub(super) fn keys_place(&self) -> PathBuf {
        self.prepared.out.join("keys.csv")
    }

    /// Lists the customers for a dry run. `None` if it is not a dry run, the list
    /// can't be read, or everything was stopped.
    pub(super) fn list_for_dry_run(&self) -> anyhow::Result<Option<RemoteList>> {
        if !self.sending.dry_run {
            return Ok(None);
        }
        let Prepared {
            watcher,
            out,
            stop,
            runtime,
            ..
        } = &self.prepared;
        let calls = Calls::new(self.bucket.as_deref(), watcher);
        let listing = list(&self.connected.client, out, calls);
        match runtime
            .block_on(unless_stopped(listing, stop))
            .transpose()?
        {
            None => Ok(None),
            Some(Ok(listed)) => Ok(Some(listed)),
            Some(Err(error)) => {
                watcher.say(&format!(
                    "warning: {error}: the following is what the checkpoint alone knows; \
                     which of the other rows Kable has already, and how they differ, is not known"
                ));
                Ok(None)
            }
        }
    }

    /// Surveys the input against the checkpoint and the list of customers.
    pub(super) fn survey(
        &self,
        ledger: Option<&mut SqliteLedger>,
        listed: Option<&mut RemoteList>,
    ) -> anyhow::Result<Survey> {
        let known = KnownCustomers {
            ledger: ledger.map(|ledger| ledger as &mut dyn Ledger),
            list: listed,
            surplus: false,
        };
        self.prepared.survey(self.sending.policy, false, known)
    }

    /// Returns why the input can't be sent, if it has too many errors. Asks before
    /// a live run.
    pub(super) fn refuse_to_send(&self, surveyed: &Survey) -> anyhow::Result<Option<Halt>> {
        let (errors, allowed) = (errors(surveyed), self.allowed_errors(surveyed));
        if errors > allowed {
            return Ok(Some(Halt::TooManyErrors { errors, allowed }));
        }
        let sends = !self.sending.dry_run && surveyed.to_do() > 0;
        if self.connected.live && !self.sending.yes && sends {
            let many = counted(surveyed.to_do(), "customer", "customers");
            let account = &self.connected.target.kable_client_id;
            let Prepared { runtime, stop, .. } = &self.prepared;
            runtime.block_on(confirm(&many, account, stop))?;
        }
        Ok(None)
    }

    /// How many rows may be rejected or fail.
    pub(super) fn allowed_errors(&self, surveyed: &Survey) -> u64 {
        if self.sending.all_or_nothing && surveyed.rows.rejected > 0 {
            return 0;
        }
        self.sending.max_errors.of(surveyed.rows.read)
    }
}

/// Rows that were rejected, or failed in an earlier run.
pub(super) fn errors(surveyed: &Survey) -> u64 {
    surveyed.rows.rejected + surveyed.done.of(Outcome::Failed)
}

/// Fails if nothing may be sent to `destination`.
fn demand_permission(destination: &Destination, sending: &SendSettings) -> anyhow::Result<()> {
    if destination.is_live() && !sending.yes && !sending.dry_run {
        demand_terminal()?;
    }
    if !IS_DURABLE && !destination.is_here() {
        anyhow::bail!("this build keeps no promise: it is for benchmarks on this machine");
    }
    Ok(())
}

/// Says that everything was stopped before anything was sent.
pub(super) fn stopped(prepared: &Prepared, when: &str) -> Exit {
    prepared.watcher.close();
    let (why, exit) = match prepared.stop.reason() {
        Some(Halt::OutOfTime { option }) => (format!("stopped by {option}"), Exit::Stopped),
        _ => ("interrupted".to_owned(), Exit::Interrupted),
    };
    let text = format!("{why} {when}: nothing was sent");
    prepared.watcher.say(&text);
    exit
}
