//! `kable-bulk validate`: reads and checks everything, sends nothing.
//!
//! - `next_steps.rs`: what to do next, as commands

mod next_steps;

use std::ffi::OsString;
use std::sync::Arc;

use tokio::time::Instant;

use self::next_steps::advised;
use super::command_line::TypedCommand;
use super::customer_list::{how_many, say_unread};
use super::exit::Exit;
use super::finish::{Results, say_unused};
use super::lost_zeros::say_lost_zeros;
use super::own_files::ResolvedInputs;
use super::page_text::{DigestThread, PageText, detail};
use super::prepared::{Prepared, origin, unless_stopped};
use super::remote_state::{RemoteQuery, RemoteState, look_up};
use super::result_folder::lock_folder;
use super::send_time::{ForeseenRequests, send_time};
use super::shell_word::shell_word;
use super::system::{seconds, span_since, wall_clock};
use crate::cli::{AnnotationPlatform, CheckOptions, ReadingOptions, ValidateOptions};
use crate::config::display::{DisplaySettings, checks_and_display};
use crate::config::input::{InputSettings, input};
use crate::config::monitor::MetricsSettings;
use crate::config::requests::{RequestSettings, requests};
use crate::config::target::{Destination, destination, unnamed_target};
use crate::config::value_checks::check_values;
use crate::config::{ConfigError, Environment, FileOptions, InheritedOptions};
use crate::domain::advice::{CheckReport, advice};
use crate::domain::decision::RowPolicy;
use crate::domain::outcome::Outcome;
use crate::domain::summary::Summary;
use crate::engine::account::AccountSources;
use crate::engine::account::listed_outcomes::ListedOutcomes;
use crate::engine::claim_numbers::ClaimNumbers;
use crate::engine::survey::{KnownCustomers, Survey};
use crate::report::manifest::KeptFile;
use crate::report::text::SummaryNotes;

/// Checks the input with `options`, which were typed to `program`.
pub fn run(
    program: OsString,
    options: ValidateOptions,
    environment: &Environment,
) -> anyhow::Result<Exit> {
    let command = TypedCommand { program, options };
    let is_typed = |long: &str| command.types(long);
    let typed = &command.options;
    let file = FileOptions::read(&typed.input.file, environment)?;
    let inherited = file.inherited();
    let inputs = ResolvedInputs::of(&typed.input.inputs)?;
    let origin = origin("validate", &inputs.names, false);
    let (mut notes, stored) = file.taken("validate", is_typed);
    notes.extend(inputs.note);
    let target_note = unnamed_target(file.unnamed_target.as_ref(), &typed.target);
    let assignments = file.assignments.clone();
    let ValidateDecisions {
        input,
        checks,
        display,
        online,
    } = ValidateDecisions::of(typed.clone(), file, inputs.names, environment)
        .map_err(|error| error.located(&assignments, is_typed))?;
    if display.verbose {
        notes.extend(ignored_note(&command.ignored(online.is_some())));
    }
    let mut prepared = Prepared::open(input, display, origin, MetricsSettings::default())?;
    prepared.say_options(&notes, stored);
    let _results = lock_folder(&prepared.out)?;
    let remote = match online {
        None => None,
        Some((destination, requests)) => {
            if let Some(note) = target_note {
                prepared.watcher.say_always(&note);
            }
            let rules = &mut Arc::make_mut(&mut prepared.reading).rules;
            let query = RemoteQuery {
                destination,
                requests,
                folder: &prepared.out,
                watcher: &prepared.watcher,
                otherwise: "; without --online the file alone is checked",
            };
            let looking_up = look_up(query, rules);
            let looking_up = unless_stopped(looking_up, &prepared.stop);
            let Some(remote) = prepared.runtime.block_on(looking_up) else {
                prepared.watcher.close();
                return Ok(Exit::Interrupted);
            };
            Some(remote?)
        }
    };
    let validation = Validation {
        prepared,
        annotations: checks.annotations,
        began: Instant::now(),
        started_ms: wall_clock(),
        command,
        inherited,
    };
    validation.check(remote)
}

/// What was typed, or stands in a file or in the environment, decided.
struct ValidateDecisions {
    input: InputSettings,
    checks: CheckOptions,
    display: DisplaySettings,
    online: Option<(Destination, RequestSettings)>,
}

impl ValidateDecisions {
    fn of(
        typed: ValidateOptions,
        file: FileOptions,
        inputs: Vec<OsString>,
        environment: &Environment,
    ) -> Result<Self, ConfigError> {
        let unsent = (&typed.unsent.sending, &typed.unsent.changes);
        check_values(
            &ReadingOptions::default(),
            &typed.target,
            &typed.requests,
            unsent,
            &typed.unsent.monitor,
        )?;
        let input = input(inputs, typed.input.reading, file.reading)?;
        let (checks, display) =
            checks_and_display((typed.checks, file.checks), (&typed.display, &file.display))?;
        let online = if checks.online == Some(true) {
            let requests = requests(typed.requests, file.requests, file.sending.concurrency)?;
            let destination = destination(typed.target, file.target, environment)?;
            Some((destination, requests))
        } else {
            None
        };
        Ok(Self {
            input,
            checks,
            display,
            online,
        })
    }
}

/// Says which options are ignored.
fn ignored_note(longs: &[String]) -> Option<String> {
    let options: Vec<String> = longs.iter().map(|long| format!("--{long}")).collect();
    (!options.is_empty()).then(|| {
        let options = options.join(", ");
        format!("note: validate sends nothing, and ignores {options}")
    })
}

/// The parts of a validation.
struct Validation {
    prepared: Prepared,
    annotations: Option<AnnotationPlatform>,
    began: Instant,
    started_ms: i64,
    command: TypedCommand<ValidateOptions>,
    inherited: InheritedOptions,
}

impl Validation {
    /// Reads and checks everything, against what Kable has if that was looked up.
    fn check(&self, mut remote: Option<RemoteState>) -> anyhow::Result<Exit> {
        let digests = DigestThread::start(&self.prepared);
        let listed = remote.as_mut().map(|remote| &mut remote.listed);
        // With a list every row is accounted for, and none needs a note.
        let note_rows = listed.is_none();
        let known = KnownCustomers {
            ledger: None,
            list: listed,
            surplus: false,
        };
        let survey = self.prepared.survey(RowPolicy::default(), note_rows, known);
        let mut surveyed = survey?;
        let watcher = &self.prepared.watcher;
        if surveyed.interrupted {
            watcher.close();
            return Ok(Exit::Interrupted);
        }
        let listed = remote.as_mut().map(|remote| &mut remote.listed);
        if !self.prepared.display.quiet {
            say_unused(watcher, &surveyed.unused);
            if let Some(listed) = &listed {
                watcher.say(&how_many(listed));
            }
        }
        say_unread(watcher, listed.as_deref());
        say_lost_zeros(&self.prepared, &mut surveyed, listed)?;
        self.finish(surveyed, remote, digests)
    }

    /// Accounts for the rows, writes the results, and shows the summary.
    fn finish(
        &self,
        mut surveyed: Survey,
        mut remote: Option<RemoteState>,
        digests: DigestThread,
    ) -> anyhow::Result<Exit> {
        let prepared = &self.prepared;
        let mut summary = Summary {
            command: "validate".to_owned(),
            inputs: prepared.reading.names.clone(),
            skipped_rows: surveyed.tally.skipped(),
            defaults: surveyed.tally.defaults(&prepared.reading.mapping),
            detail: detail(&surveyed.tally, &[]),
            ..Summary::default()
        };
        let mut plan = None;
        if let Some(remote) = &remote {
            summary.target = remote.target.clone();
            let foreseen = ForeseenRequests::of_import(&surveyed, 0, true);
            plan = Some(send_time(foreseen, remote.requests.pacing));
        }
        let accounting = AccountSources {
            check: &prepared.reading,
            surveyed: surveyed.rows,
            verdicts: &mut surveyed.verdicts,
            numbers: Some(ClaimNumbers::InOrder(surveyed.first_new_id)),
            ledger: None,
            remote_list: remote.as_mut().map(|remote| &mut remote.listed),
            listed: ListedOutcomes::BEFORE_IMPORT,
            sync: None,
            preview: None,
            stop: Some(&prepared.stop),
        };
        let (rows, every_row) = match &plan {
            Some(_) => (prepared.rows(), Some("online.jsonl")),
            None => (prepared.single_rows(), None),
        };
        let rows = [rows, prepared.single_rows()];
        let results = Results {
            prepared,
            annotations: self.annotations,
        };
        let accounted = results.account(rows, every_row, accounting, &mut summary)?;
        if accounted.interrupted {
            prepared.watcher.close();
            return Ok(Exit::Interrupted);
        }
        let exit = if summary.rows.rejected + summary.outcomes.of(Outcome::Differs) == 0 {
            Exit::Done
        } else {
            Exit::RowsLeft
        };
        summary.exit_code = exit as u8;
        summary.elapsed_seconds = seconds(self.began.elapsed());
        summary.span = Some(span_since(self.started_ms));
        let words = self.words(&summary, &surveyed.unused_names(), plan)?;
        let page = PageText {
            words: |_: &[KeptFile]| words.clone(),
            command_line: self.command.line(),
            runs: Vec::new(),
            digests: Some(digests.finish()),
        };
        results.publish(accounted.listing, &summary, None, &page)?;
        Ok(exit)
    }

    fn words(
        &self,
        summary: &Summary,
        unused: &[String],
        plan: Option<String>,
    ) -> anyhow::Result<SummaryNotes> {
        let reading = &self.prepared.reading;
        let steps = advice(CheckReport {
            summary,
            unused,
            online: plan.is_some(),
            mapping: &reading.mapping,
            preset: self
                .prepared
                .proposal
                .as_ref()
                .map(|fits| fits.name.as_str()),
        });
        let names: Vec<String> = summary.inputs.iter().map(shell_word).collect();
        let checked = format!("Checked {}", names.join(" "));
        Ok(SummaryNotes {
            title: match plan {
                Some(_) => format!("{checked} against {}", summary.target.base_url),
                None => checked,
            },
            plan,
            strict: reading.rules.strict,
            next: advised(&steps, &self.command, &self.inherited)?,
            ..SummaryNotes::default()
        })
    }
}
