//! `kable-bulk report`: writes the page `report.html` of a checkpoint again, without sending
//! anything, even while another process runs it.
//!
//! The input is read again, so that every row is accounted for. If it can't be read any
//! more, the page has what the checkpoint alone knows, and says so.
//!
//! - `known_run.rs`: what the checkpoint knows of its latest run

mod known_run;

use std::ffi::OsString;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Context;

use self::known_run::KnownRun;
use super::checkpoint_choice::{subject, viewed_checkpoint};
use super::command_line::TypedCommand;
use super::exit::Exit;
use super::finish::{kept_note, print};
use super::own_files::ResolvedInputs;
use super::page_text::{PageText, detail};
use super::prepared::Prepared;
use super::result_folder::{ResultFolder, lock_folder_for_page};
use super::shell_word::shown;
use super::system::{timestamp, wall_clock};
use crate::cli::{DisplayOptions, LogFormat, ReportOptions, SandboxChoice};
use crate::commands::checkpoint::{self, StoredLedger};
use crate::config::display::display;
use crate::config::input::input;
use crate::config::monitor::MetricsSettings;
use crate::config::values::{beside, is_nameless};
use crate::config::{Environment, FileOptions};
use crate::domain::decision::RowPolicy;
use crate::domain::object_address::{ObjectAddress, is_address};
use crate::domain::row_tally::RowTally;
use crate::domain::summary::Summary;
use crate::domain::text::escaped;
use crate::engine::account::listed_outcomes::ListedOutcomes;
use crate::engine::account::{AccountSources, account, demand_agreement};
use crate::engine::survey::{KnownCustomers, Survey};
use crate::ledger::{ClaimRecord, Ledger};
use crate::report::html::PageNotes;
use crate::report::html::page_rows::PageRows;
use crate::report::manifest::{KeptFile, PublishedFiles, ResultsOrigin};
use crate::report::page_file::PageFile;

/// Writes the page with `options`, which were typed to `program`.
pub fn run(
    program: OsString,
    options: ReportOptions,
    environment: &Environment,
) -> anyhow::Result<Exit> {
    let command = TypedCommand { program, options };
    let typed = &command.options;
    let file = FileOptions::read(&typed.file, environment)?;
    let sandbox = typed.sandbox.as_ref().map(SandboxChoice::is_on);
    let named = typed.checkpoint.as_deref();
    let (path, choice) = viewed_checkpoint(named, sandbox, &typed.inputs, &file)?;
    let (mut notes, stored) = file.taken("report", |long| command.types(long));
    notes.extend(choice);
    let mut ledger = checkpoint::open_to_read(&path)?;
    let known = KnownRun::of(path, &mut ledger)?;
    let inputs = if typed.inputs.is_empty() {
        known.inputs()
    } else {
        let inputs = ResolvedInputs::of(&typed.inputs)?;
        notes.extend(inputs.note);
        inputs.names
    };
    let page = Repeated {
        command: &command,
        known,
        origin: ResultsOrigin::default(),
        notes,
        stored,
    };
    match unreadable(&inputs) {
        None => page.with_rows(inputs, file, ledger),
        Some(why) => page.without_rows(&inputs, &file, &mut ledger, why),
    }
}

/// Why the rows can't be read again, if so.
fn unreadable(inputs: &[OsString]) -> Option<String> {
    if inputs.is_empty() {
        return Some("no run on this checkpoint named an input".to_owned());
    }
    let is_gone =
        |name: &&OsString| is_nameless(name) || !is_address(name) && !Path::new(name).exists();
    let lacks_query =
        |name: &&OsString| ObjectAddress::of(name).is_some_and(|address| address.lacks_query());
    if let Some(named) = inputs.iter().find(lacks_query) {
        return Some(format!(
            "what follows the question mark of {} is not kept",
            named.display()
        ));
    }
    let gone = inputs.iter().find(is_gone)?;
    Some(if is_nameless(gone) {
        "its rows came from standard input".to_owned()
    } else {
        format!("{} is not there any more", shown(Path::new(gone)))
    })
}

/// A page that is written again.
struct Repeated<'c> {
    command: &'c TypedCommand<ReportOptions>,
    known: KnownRun,
    origin: ResultsOrigin,
    /// What is said beside it.
    notes: Vec<String>,
    /// The options of the file and of the environment.
    stored: Vec<String>,
}

impl Repeated<'_> {
    /// Reads the input again, and accounts for every row.
    fn with_rows(
        mut self,
        inputs: Vec<OsString>,
        file: FileOptions,
        mut ledger: StoredLedger,
    ) -> anyhow::Result<Exit> {
        let typed = &self.command.options;
        let is_typed = |long: &str| self.command.types(long);
        self.origin = self.known.origin(&inputs);
        let shown = DisplayOptions {
            quiet: typed.quiet,
            log_format: Some(LogFormat::Text),
            ..DisplayOptions::default()
        };
        let display = display(&shown, &file.display)?;
        let settings = input(inputs, typed.reading.clone(), file.reading)
            .map_err(|error| error.located(&file.assignments, is_typed))?;
        let prepared = Prepared::open(
            settings,
            display,
            self.origin.clone(),
            MetricsSettings::default(),
        )?;
        prepared.say_unless_quiet(&self.notes);
        let known = KnownCustomers {
            ledger: Some(&mut ledger),
            ..KnownCustomers::default()
        };
        let surveyed = prepared.survey(RowPolicy::default(), false, known)?;
        let watcher = Arc::clone(&prepared.watcher);
        let accounted = self.account(&prepared, surveyed, &mut ledger);
        watcher.close();
        let Some((summary, rows)) = accounted? else {
            return Ok(Exit::Interrupted);
        };
        let page = PageText {
            words: |_: &[KeptFile]| self.known.words(&summary),
            command_line: self.command.line(),
            runs: self.known.runs.clone(),
            digests: None,
        };
        let notes = PageNotes {
            again: Some(self.known.again(None, summary.rows)),
            stored: self.stored.clone(),
            ..page.notes(&prepared, &summary)
        };
        self.write(&prepared.out, display.quiet, |page| {
            page.write(&summary, &rows, &notes)
        })
    }

    /// The figures, and the rows to look at; `None` if it was interrupted.
    fn account(
        &self,
        prepared: &Prepared,
        mut surveyed: Survey,
        ledger: &mut StoredLedger,
    ) -> anyhow::Result<Option<(Summary, PageRows)>> {
        let mut rows = PageRows::default();
        let mut summary = self.known.summary(&prepared.reading.names);
        summary.skipped_rows = surveyed.tally.skipped();
        summary.defaults = surveyed.tally.defaults(&prepared.reading.mapping);
        summary.left_the_file = surveyed.left;
        summary.detail = detail(&surveyed.tally, &self.known.status.figures.latencies);
        let sources = AccountSources {
            check: &prepared.reading,
            surveyed: surveyed.rows,
            verdicts: &mut surveyed.verdicts,
            // Another process may be claiming rows meanwhile.
            numbers: None,
            ledger: Some(ledger),
            remote_list: None,
            listed: ListedOutcomes::BEFORE_IMPORT,
            sync: None,
            preview: None,
            stop: Some(&prepared.stop),
        };
        let watcher = prepared.watcher.as_ref();
        let mut all = prepared.rows();
        let accounted = account(
            &mut all,
            prepared.single_rows(),
            sources,
            &mut rows,
            watcher,
        )?;
        if surveyed.interrupted || accounted.interrupted {
            return Ok(None);
        }
        demand_agreement(&accounted, surveyed.rows)?;
        summary.rows = accounted.rows;
        summary.outcomes = accounted.outcomes;
        summary.created_by_this_checkpoint = accounted.ours;
        summary.problems = accounted.problems;
        summary.differences = accounted.compared.differ();
        self.known.decide_exit(&mut summary);
        Ok(Some((summary, rows)))
    }

    /// Writes what the checkpoint alone knows.
    fn without_rows(
        mut self,
        inputs: &[OsString],
        file: &FileOptions,
        ledger: &mut StoredLedger,
        why: String,
    ) -> anyhow::Result<Exit> {
        let typed = &self.command.options;
        self.origin = self.known.origin(inputs);
        let quiet = typed.quiet.or(file.display.quiet) == Some(true);
        for note in self.notes.iter().filter(|_| !quiet) {
            say(note);
        }
        let out = match typed.reading.out.as_ref().or(file.reading.out.as_ref()) {
            Some(out) => out.clone(),
            None => self.named_after(inputs)?,
        };
        let names: Vec<String> = inputs.iter().map(|name| shown(Path::new(name))).collect();
        let mut summary = self.known.summary(&names);
        summary.outcomes = self.known.status.tally;
        summary.rows.read = summary.outcomes.sum();
        summary.created_by_this_checkpoint = self.known.status.ours;
        summary.detail = detail(&RowTally::default(), &self.known.status.figures.latencies);
        self.known.decide_exit(&mut summary);
        let mut rows = PageRows::default();
        ledger.records(&mut |record: ClaimRecord| {
            rows.add_claim(
                record.outcome,
                &record.client_id,
                record.status,
                record.message.as_deref(),
            );
            Ok(())
        })?;
        if !quiet {
            say(&format!(
                "note: {why}: the page has what the checkpoint alone knows"
            ));
        }
        let notes = PageNotes {
            words: self.known.words(&summary),
            command_line: self.command.line(),
            runs: self.known.runs.clone(),
            version: env!("CARGO_PKG_VERSION"),
            written: timestamp(wall_clock()),
            again: Some(self.known.again(Some(why), summary.rows)),
            stored: self.stored.clone(),
            ..PageNotes::default()
        };
        let _folder = ResultFolder::prepare(&out)?;
        self.write(&out, quiet, |page| page.write(&summary, &rows, &notes))
    }

    /// The folder of the results that are named after the inputs or the checkpoint.
    fn named_after(&self, inputs: &[OsString]) -> anyhow::Result<PathBuf> {
        let first = inputs.first().filter(|name| !is_nameless(name));
        let name = first.cloned().unwrap_or_else(|| subject(&self.known.path));
        Ok(beside(&[name], ".results", "out")?)
    }

    /// Writes the page to the folder `out`.
    fn write(
        &self,
        out: &Path,
        quiet: bool,
        write: impl FnOnce(PageFile<'_>) -> std::io::Result<PublishedFiles>,
    ) -> anyhow::Result<Exit> {
        let _results = lock_folder_for_page(out);
        let page = PageFile {
            folder: out,
            origin: self.origin.clone(),
        };
        let published =
            write(page).with_context(|| format!("cannot write results to {}", out.display()))?;
        for kept in &published.kept {
            say(&format!("note: {}", kept_note(kept)));
        }
        for written in published.written.iter().filter(|_| !quiet) {
            print(&format!("Wrote {}\n", escaped(&shown(&written.place))))?;
        }
        Ok(Exit::Done)
    }
}

/// Prints a line beside the result.
fn say(line: &str) {
    // Standard error may be closed; then the line is dropped.
    writeln!(std::io::stderr(), "{}", escaped(line)).ok();
}
