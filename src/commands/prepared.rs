//! What every command over an input builds first: the opened inputs, the rules for
//! their rows, the folder for results, the runtime.

use std::ffi::{OsStr, OsString};
use std::path::PathBuf;
use std::sync::Arc;

use parking_lot::Mutex;
use tokio::runtime::Runtime;

use super::descriptors;
use super::explain::explain;
use super::fetched::{FetchedInputs, digest_of};
use super::hint::hinted;
use super::notify::RunNotice;
use super::progress_view::{progress_view, say_stopped_at_once};
use super::recognised::{InputMapping, PresetProposal, mapping_for};
use super::result_folder::{ResultFolder, refuse_foreign, refuse_own_results};
use super::result_upload::ResultUpload;
use super::run_metrics::RunMetrics;
use super::screening::refuse_card_data;
use super::shell_word::shown;
use super::shown_mapping::shown_mapping;
use super::signals;
use super::system::{runtime, threads};
use crate::config::display::DisplaySettings;
use crate::config::input::InputSettings;
use crate::config::monitor::MetricsSettings;
use crate::config::values::is_nameless;
use crate::domain::decision::RowPolicy;
use crate::domain::object_address::ObjectAddress;
use crate::domain::row::Matching;
use crate::domain::summary::InputDigest;
use crate::domain::text::{counted, listed};
use crate::engine::checker::CheckSettings;
use crate::engine::stop::Stop;
use crate::engine::survey::settings::SurveySettings;
use crate::engine::survey::{KnownCustomers, Survey, survey};
use crate::report::manifest::{KeptFile, ResultsOrigin};
use crate::report::progress::ProgressDisplay;
use crate::report::{Event, Observer};
use crate::source::SourceError;
use crate::source::input::{FoundInput, Input};
use crate::source::reader::InputReader;

/// The most inputs that are held open: a process may open 1024 files at once on
/// many systems.
const MOST_HELD_OPEN: usize = 64;

/// What every command over an input builds first.
pub(super) struct Prepared {
    pub(super) inputs: Arc<[Input]>,
    /// What rows are checked against.
    pub(super) reading: Arc<CheckSettings>,
    /// What identifies the inputs that are objects.
    pub(super) fetched: Vec<InputDigest>,
    /// A preset that fits the columns, and is not used.
    pub(super) proposal: Option<PresetProposal>,
    limit: Option<u64>,
    /// For how many rows it is shown where each value came from.
    explain: u64,
    pub(super) out: PathBuf,
    /// Where the results are copied to at the end.
    pub(super) upload: Option<ResultUpload>,
    pub(super) display: DisplaySettings,
    /// The command and inputs of the results.
    pub(super) origin: ResultsOrigin,
    /// Held so that the folder is removed if nothing is put into it.
    _folder: ResultFolder,
    /// The options of the file and of the environment, for the page.
    pub(super) stored: Vec<String>,
    /// The file of `--metrics-file`.
    pub(super) metrics: Option<RunMetrics>,
    /// What is told of the run at its end.
    pub(super) notice: RunNotice,
    pub(super) watcher: Arc<ProgressDisplay>,
    pub(super) stop: Stop,
    /// What is said of inputs that are empty, which are left out.
    pub(super) empty: Vec<String>,
    /// Result files that were kept from being replaced while rows were sent.
    pub(super) kept: Mutex<Vec<KeptFile>>,
    pub(super) runtime: Runtime,
}

impl Prepared {
    /// Opens the inputs, creates the folder for results, and starts to handle
    /// signals. While standard input is read, Ctrl-C ends the process, because
    /// nothing has been done yet. Metrics are served before an input is read, which may take
    /// long.
    pub(super) fn open(
        mut settings: InputSettings,
        display: DisplaySettings,
        origin: ResultsOrigin,
        metrics: MetricsSettings,
    ) -> anyhow::Result<Self> {
        descriptors::raise_limit();
        let (stop, runtime) = (Stop::default(), runtime()?);
        let upload = ResultUpload::begin(&mut settings, &origin.command, &runtime)?;
        let watcher = progress_view(display, &origin.command, &settings.inputs);
        let metrics = RunMetrics::begin(metrics, &origin.command, &watcher)?;
        let OpenedInputs {
            inputs,
            mapping,
            folder,
            warnings,
            empty,
            fetched,
        } = open_inputs(&settings, &origin.command, (&runtime, &watcher))
            .inspect_err(|_| watcher.close())?;
        {
            let (_entered, watcher) = (runtime.enter(), Arc::clone(&watcher));
            signals::listen(stop.clone(), move || say_stopped_at_once(&watcher));
        }
        if !display.quiet {
            say_notes(&inputs, &watcher);
            for note in &fetched.notes {
                watcher.say(note);
            }
            for warning in empty.iter().chain(&warnings).chain(&mapping.warnings) {
                watcher.say(warning);
            }
        }
        if let Some(proposal) = mapping.proposal.as_ref().filter(|_| !display.quiet) {
            watcher.say(&format!("note: {}", proposal.sentence));
        }
        if !display.quiet {
            for line in &shown_mapping(&mapping.mapping, &inputs, display.verbose)? {
                watcher.say(line);
            }
        }
        Ok(Self {
            reading: Arc::new(CheckSettings {
                mapping: mapping.mapping,
                rules: settings.rules,
                names: inputs.iter().map(|input| input.name.clone()).collect(),
            }),
            inputs,
            fetched: fetched.digests,
            proposal: mapping.proposal,
            limit: settings.limit,
            explain: settings.explain,
            out: settings.out,
            upload,
            stored: Vec::new(),
            metrics,
            notice: RunNotice::default(),
            watcher,
            display,
            origin,
            _folder: folder,
            stop,
            empty,
            kept: Mutex::default(),
            runtime,
        })
    }

    /// Says which options come from a file or the environment, and keeps what they are.
    pub(super) fn say_options(&mut self, notes: &[String], stored: Vec<String>) {
        self.stored = stored;
        self.say_unless_quiet(notes);
    }

    /// Says what is not an error and was not asked for.
    pub(super) fn say_unless_quiet(&self, notes: &[String]) {
        for note in notes.iter().filter(|_| !self.display.quiet) {
            self.watcher.say(note);
        }
    }

    /// `text`, which names results, as a user can use it.
    pub(super) fn public_text(&self, text: &str) -> String {
        let upload = self.upload.as_ref();
        upload.map_or_else(|| text.to_owned(), |upload| upload.public_text(text))
    }

    /// What identifies the input `name` as it was read; `None` if it is a stream.
    pub(super) fn input_digest(&self, name: &str) -> std::io::Result<Option<InputDigest>> {
        digest_of(&self.fetched, OsStr::new(name))
    }

    /// A reader of all rows.
    pub(super) fn rows(&self) -> InputReader {
        InputReader::new(Arc::clone(&self.inputs), self.limit)
    }

    /// Makes readers of all rows.
    pub(super) fn rows_again(&self) -> Box<dyn FnMut() -> InputReader + Send> {
        let (inputs, limit) = (Arc::clone(&self.inputs), self.limit);
        Box::new(move || InputReader::new(Arc::clone(&inputs), limit))
    }

    /// A reader of single rows.
    pub(super) fn single_rows(&self) -> InputReader {
        InputReader::of_single_rows(Arc::clone(&self.inputs))
    }

    /// Surveys all rows. With `note_rows`, rows with a warning or a correction get
    /// a verdict too.
    pub(super) fn survey(
        &self,
        policy: RowPolicy,
        note_rows: bool,
        known: KnownCustomers<'_>,
    ) -> anyhow::Result<Survey> {
        explain(&self.inputs, &self.reading, &self.watcher, self.explain)?;
        let surveying = SurveySettings {
            threads: threads(),
            note_rows,
            check: &self.reading,
            policy,
            folder: &self.out,
            stop: &self.stop,
        };
        let watcher = self.watcher.as_ref();
        let surveyed = survey(&mut self.rows(), &surveying, known, watcher)?;
        let rows = surveyed.rows;
        watcher.observe(&Event::Checked { rows });
        Ok(surveyed)
    }
}

/// The result of `work`; `None` if everything is stopped first. A server that asks
/// for a long pause must not delay a stop.
pub(super) async fn unless_stopped<T>(work: impl Future<Output = T>, stop: &Stop) -> Option<T> {
    tokio::select! {
        biased;
        () = stop.halted() => None,
        result = work => Some(result),
    }
}

/// The inputs, opened.
struct OpenedInputs {
    inputs: Arc<[Input]>,
    mapping: InputMapping,
    folder: ResultFolder,
    /// What a user should know before anything is sent.
    warnings: Vec<String>,
    /// The same of inputs that are empty.
    empty: Vec<String>,
    /// The inputs that are objects.
    fetched: FetchedInputs,
}

/// Opens every input, and creates the folder for results. Files are opened first,
/// so that a wrong name leaves nothing behind; what cannot be read as it is is copied
/// into the folder.
fn open_inputs(
    settings: &InputSettings,
    command: &str,
    (runtime, watcher): (&Runtime, &ProgressDisplay),
) -> anyhow::Result<OpenedInputs> {
    if settings.inputs.len() > usize::from(u16::MAX) {
        return Err(hinted("too many inputs", "name at most 65,535 at once"));
    }
    refuse_own_results(&settings.inputs, &settings.out)?;
    let (found, mut empty) = beside_empty(found(settings))?;
    let copies = found.iter().any(FoundInput::needs_copy);
    let first = copies
        .then(|| ResultFolder::prepare(&settings.out))
        .transpose()?;
    let reading = (runtime, watcher);
    let mut fetched = FetchedInputs::read(&settings.inputs, &settings.out, reading)?;
    // Signals are handled from the first object on, and end the process until rows are read.
    let ending = (!fetched.is_empty()).then(|| runtime.spawn(signals::end_at_once()));
    let open = |(number, found): (usize, FoundInput)| {
        let copy = fetched.take(found.typed());
        let mut opened = found.open(&settings.source, &settings.out, copy)?;
        if number >= MOST_HELD_OPEN {
            opened.close_file();
        }
        Ok(opened)
    };
    let (opened, left_out) = beside_empty(found.into_iter().enumerate().map(open))?;
    empty.extend(left_out);
    let mut warnings = Vec::new();
    let opened: Arc<[Input]> = opened.into();
    // Before anything of them is shown: the first line may be no header.
    refuse_card_data(&opened)?;
    let mapping = mapping_for(&settings.mapping, &opened)?;
    for input in opened.iter() {
        if input.has_titles() {
            let columns = input.columns()?;
            let unit = if columns.is_sheet { "row" } else { "line" };
            warnings.push(format!(
                "{}: the header is {unit} {}; what stands before it is no part of the table",
                input.name, columns.header_line
            ));
        }
        if !input.has_rows()? {
            let header = if input.columns()?.matching == Matching::Exact {
                ""
            } else {
                "a header and "
            };
            warnings.push(format!("{} has {header}no rows", input.name));
        }
    }
    let folder = match first {
        Some(folder) => folder,
        None => ResultFolder::prepare(&settings.out)?,
    };
    refuse_foreign(&settings.out, command, &opened)?;
    if let Some(ending) = ending {
        ending.abort();
    }
    Ok(OpenedInputs {
        fetched,
        inputs: opened,
        mapping,
        folder,
        warnings,
        empty,
    })
}

/// The inputs that are not empty, and a warning for each that is: an empty part of an
/// export must not stop the others. An error if all are empty.
fn beside_empty<I>(
    inputs: impl Iterator<Item = Result<I, SourceError>>,
) -> Result<(Vec<I>, Vec<String>), SourceError> {
    let (mut opened, mut empty) = (Vec::new(), Vec::new());
    for input in inputs {
        match input {
            Ok(input) => opened.push(input),
            Err(error @ SourceError::Empty { .. }) => empty.push(error),
            Err(error) => return Err(error),
        }
    }
    let warnings = empty.iter().map(ToString::to_string).collect();
    match empty.into_iter().next() {
        Some(error) if opened.is_empty() => Err(error),
        Some(_) | None => Ok((opened, warnings)),
    }
}

/// Finds every input, and looks at the start of each file.
fn found(settings: &InputSettings) -> impl Iterator<Item = Result<FoundInput, SourceError>> {
    let find = |(number, name): (usize, &OsString)| {
        let mut found = FoundInput::of(name, &settings.source)?;
        if number >= MOST_HELD_OPEN {
            found.close_file();
        }
        Ok(found)
    };
    settings.inputs.iter().enumerate().map(find)
}

/// How many different notes on inputs are said.
const MOST_NOTES: usize = 20;

/// Says what was detected of the inputs, those with the same note together.
fn say_notes(inputs: &[Input], watcher: &ProgressDisplay) {
    let mut notes: Vec<(&str, Vec<&str>)> = Vec::new();
    let mut others = 0;
    for input in inputs {
        let Some(note) = input.note() else {
            continue;
        };
        let is_full = notes.len() == MOST_NOTES;
        match notes.iter_mut().find(|(known, _)| *known == note) {
            Some((_, names)) => names.push(&input.name),
            None if is_full => others += 1,
            None => notes.push((note, vec![&input.name])),
        }
    }
    for (note, names) in notes {
        watcher.say(&format!("{}: {note}", listed(&names, 3)));
    }
    if others > 0 {
        let others = counted(others, "more input was", "more inputs were");
        watcher.say(&format!(
            "{others} converted: validate one alone to see how"
        ));
    }
}

/// The command and inputs of results.
pub(super) fn origin(command: &str, names: &[OsString], rehearsal: bool) -> ResultsOrigin {
    let absolute = |name: &OsString| {
        let path = std::path::absolute(name).unwrap_or_else(|_| PathBuf::from(name));
        // A stream that a shell opens has another number each time.
        if is_nameless(name) {
            "-".to_owned()
        } else if let Some(address) = ObjectAddress::of(name) {
            address.shown()
        } else {
            shown(&path)
        }
    };
    ResultsOrigin {
        command: command.to_owned(),
        inputs: names.iter().map(absolute).collect(),
        rehearsal,
    }
}
