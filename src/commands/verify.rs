//! `kable-bulk verify`: compares what Kable has with the file, field by field; changes
//! nothing.

use std::ffi::OsString;
use std::sync::Arc;

use anyhow::Context;
use tokio::time::Instant;

use super::command_line::TypedCommand;
use super::customer_list::{add_surplus, how_many, say_unread};
use super::exit::Exit;
use super::finish::{AccountedRows, Results, exit_of, say_unused};
use super::notify::RunNotice;
use super::own_files::ResolvedInputs;
use super::page_text::{PageText, detail};
use super::prepared::{Prepared, origin, unless_stopped};
use super::remote_state::{RemoteQuery, RemoteState, look_up};
use super::result_folder::lock_folder;
use super::shell_word::shell_word;
use super::system::{seconds, span_since, wall_clock};
use crate::cli::VerifyOptions;
use crate::config::display::{DisplaySettings, display};
use crate::config::input::{InputSettings, input};
use crate::config::monitor::{MonitorSettings, monitor};
use crate::config::requests::{RequestSettings, requests};
use crate::config::target::{Destination, destination, unnamed_target};
use crate::config::{ConfigError, Environment, FileOptions};
use crate::domain::compared_fields::FieldCount;
use crate::domain::decision::RowPolicy;
use crate::domain::outcome::Outcome;
use crate::domain::summary::{InputDigest, Summary};
use crate::domain::text::{counted, listed};
use crate::engine::account::AccountSources;
use crate::engine::account::listed_outcomes::ListedOutcomes;
use crate::engine::claim_numbers::ClaimNumbers;
use crate::engine::survey::{KnownCustomers, Survey};
use crate::report::manifest::KeptFile;
use crate::report::text::SummaryNotes;

/// The file with the outcome of every row.
const EVERY_ROW: &str = "verified.jsonl";

/// Compares the input with Kable, with `options`, which were typed to `program`.
pub fn run(
    program: OsString,
    options: VerifyOptions,
    environment: &Environment,
    notice: &RunNotice,
) -> anyhow::Result<Exit> {
    let (began, started_ms) = (Instant::now(), wall_clock());
    let command = TypedCommand { program, options };
    let is_typed = |long: &str| command.types(long);
    let typed = &command.options;
    let file = FileOptions::read(&typed.input.file, environment)?;
    let inputs = ResolvedInputs::of(&typed.input.inputs)?;
    let origin = origin("verify", &inputs.names, false);
    let (mut notes, stored) = file.taken("verify", is_typed);
    notes.extend(inputs.note);
    notes.extend(unnamed_target(file.unnamed_target.as_ref(), &typed.target));
    let assignments = file.assignments.clone();
    let MonitorSettings { metrics, notify } =
        monitor(&typed.monitor, &file).map_err(|error| error.located(&assignments, is_typed))?;
    let decided = VerifyDecisions::of(typed.clone(), file, inputs.names, environment)
        .map_err(|error| error.located(&assignments, is_typed))?;
    notice.begin("verify", notify.command, environment);
    let mut prepared = Prepared::open(decided.input, decided.display, origin, metrics)?;
    prepared.notice = notice.clone();
    prepared.say_options(&notes, stored);
    if let Some(note) = &notify.note {
        prepared.watcher.say_always(note);
    }
    let _results = lock_folder(&prepared.out)?;
    // Before anything is compared: what is read afterwards is held to be the same.
    let digests = digests(&prepared)?;
    let rules = &mut Arc::make_mut(&mut prepared.reading).rules;
    let query = RemoteQuery {
        destination: decided.destination,
        requests: decided.requests,
        folder: &prepared.out,
        watcher: &prepared.watcher,
        otherwise: "",
    };
    let looking_up = unless_stopped(look_up(query, rules), &prepared.stop);
    let Some(remote) = prepared.runtime.block_on(looking_up) else {
        prepared.watcher.close();
        return Ok(Exit::Interrupted);
    };
    let verification = Verification {
        command_line: command.line(),
        prepared,
        remote: remote?,
        digests,
        began,
        started_ms,
    };
    verification.compare()
}

fn digests(prepared: &Prepared) -> anyhow::Result<Vec<InputDigest>> {
    let digest = |name: &String| {
        let digest = prepared.input_digest(name);
        digest.with_context(|| format!("cannot read {name}"))
    };
    let names = &prepared.reading.names;
    names
        .iter()
        .filter_map(|name| digest(name).transpose())
        .collect()
}

/// What was typed, or stands in a file or in the environment, decided.
struct VerifyDecisions {
    input: InputSettings,
    display: DisplaySettings,
    destination: Destination,
    requests: RequestSettings,
}

impl VerifyDecisions {
    fn of(
        typed: VerifyOptions,
        file: FileOptions,
        inputs: Vec<OsString>,
        environment: &Environment,
    ) -> Result<Self, ConfigError> {
        Ok(Self {
            input: input(inputs, typed.input.reading, file.reading)?,
            display: display(&typed.display, &file.display)?,
            requests: requests(typed.requests, file.requests, file.sending.concurrency)?,
            destination: destination(typed.target, file.target, environment)?,
        })
    }
}

/// The parts of a verification.
struct Verification {
    command_line: String,
    prepared: Prepared,
    remote: RemoteState,
    digests: Vec<InputDigest>,
    began: Instant,
    started_ms: i64,
}

impl Verification {
    /// Reads and checks all rows, and compares them with what Kable has.
    fn compare(mut self) -> anyhow::Result<Exit> {
        self.remote.listed.fill_contacts();
        let known = KnownCustomers {
            ledger: None,
            list: Some(&mut self.remote.listed),
            surplus: true,
        };
        let surveyed = self.prepared.survey(RowPolicy::default(), false, known)?;
        let (prepared, listed) = (&self.prepared, &self.remote.listed);
        if surveyed.interrupted {
            prepared.watcher.close();
            return Ok(Exit::Interrupted);
        }
        if !prepared.display.quiet {
            say_unused(&prepared.watcher, &surveyed.unused);
            prepared.watcher.say(&how_many(listed));
        }
        say_unread(&prepared.watcher, Some(listed));
        self.finish(surveyed)
    }

    /// Accounts for the rows, writes the results, and shows the summary.
    fn finish(mut self, mut surveyed: Survey) -> anyhow::Result<Exit> {
        let prepared = &self.prepared;
        let mut summary = Summary {
            command: "verify".to_owned(),
            target: self.remote.target.clone(),
            inputs: prepared.reading.names.clone(),
            input_digests: std::mem::take(&mut self.digests),
            surplus: Some(surveyed.missing_count()),
            skipped_rows: surveyed.tally.skipped(),
            defaults: surveyed.tally.defaults(&prepared.reading.mapping),
            detail: detail(&surveyed.tally, &[]),
            ..Summary::default()
        };
        let sources = AccountSources {
            check: &prepared.reading,
            surveyed: surveyed.rows,
            verdicts: &mut surveyed.verdicts,
            numbers: Some(ClaimNumbers::InOrder(surveyed.first_new_id)),
            ledger: None,
            remote_list: Some(&mut self.remote.listed),
            listed: ListedOutcomes::VERIFIED,
            sync: None,
            preview: None,
            stop: Some(&prepared.stop),
        };
        let results = Results {
            prepared,
            annotations: None,
        };
        let rows = [prepared.rows(), prepared.single_rows()];
        let accounted = results.account(rows, Some(EVERY_ROW), sources, &mut summary)?;
        if accounted.interrupted {
            prepared.watcher.close();
            return Ok(Exit::Interrupted);
        }
        let AccountedRows { mut listing, .. } = accounted;
        let listed = &mut self.remote.listed;
        for customers in [
            &mut surveyed.surplus,
            &mut surveyed.near,
            &mut surveyed.lost_zeros,
        ] {
            add_surplus(customers, listed, &mut listing.files)?;
        }
        let exit = exit_of(&summary);
        summary.exit_code = exit as u8;
        summary.elapsed_seconds = seconds(self.began.elapsed());
        summary.span = Some(span_since(self.started_ms));
        let page = PageText {
            words: |_: &[KeptFile]| words(&summary),
            command_line: self.command_line,
            runs: Vec::new(),
            digests: None,
        };
        results.publish(listing, &summary, None, &page)?;
        Ok(exit)
    }
}

/// How many rows have a value that Kable does not show, by field.
fn unseen(fields: &[FieldCount]) -> String {
    let of = |count: &FieldCount| {
        let rows = counted(count.rows, "row", "rows");
        format!("{} of {rows}", count.field)
    };
    let names: Vec<String> = fields.iter().map(of).collect();
    listed(&names, 3)
}

fn words(summary: &Summary) -> SummaryNotes {
    let names: Vec<String> = summary.inputs.iter().map(shell_word).collect();
    let target = &summary.target;
    let is_proved = summary.rows.rejected == 0 && summary.outcomes.all_succeeded();
    let verdict = if is_proved && summary.not_compared.is_empty() {
        "Every row is there, and equal.".to_owned()
    } else if is_proved {
        format!(
            "Every row is there, and equal as far as Kable shows it. Not compared: {}.",
            unseen(&summary.not_compared)
        )
    } else {
        let wrong = summary.rows.rejected
            + summary.outcomes.of(Outcome::Missing)
            + summary.outcomes.of(Outcome::Differs);
        format!("Not equal: {} to look at.", counted(wrong, "row", "rows"))
    };
    SummaryNotes {
        title: format!(
            "Compared {} with {} (account {})\n{verdict}",
            names.join(" "),
            target.base_url,
            target.kable_client_id
        ),
        ..SummaryNotes::default()
    }
}
