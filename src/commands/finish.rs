//! The end of a command: every row's account, the files, the summary.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Context;

use super::exit::Exit;
use super::hint::HintedError;
use super::page_text::PageText;
use super::prepared::Prepared;
use super::progress_view::palette;
use super::shell_word::shown;
use crate::cli::{AnnotationPlatform, LogFormat};
use crate::config::display::DisplaySettings;
use crate::domain::row::Revisit;
use crate::domain::summary::Summary;
use crate::domain::text::{counted, escaped, escaped_json, escaped_lines, listed, quoted};
use crate::engine::account::{AccountSources, account, demand_agreement, review};
use crate::engine::survey::unmapped::MOST_NAMED;
use crate::ledger::LedgerError;
use crate::report::annotations::{Annotations, disarmed};
use crate::report::atomic_file::WrittenFile;
use crate::report::failure_kinds::FailureKinds;
use crate::report::files::{OptionalFiles, ResultFiles};
use crate::report::log_line::{log_line, log_summary};
use crate::report::manifest::{KeptFile, PublishedFiles};
use crate::report::progress::ProgressDisplay;
use crate::report::summary_sink::SummarySink;
use crate::report::text::{self, SummaryNotes};
use crate::source::SourceError;

/// Writes and shows the results of a command.
pub(super) struct Results<'p> {
    pub(super) prepared: &'p Prepared,
    /// The platform for which problems are annotated.
    pub(super) annotations: Option<AnnotationPlatform>,
}

/// What is shown of single rows.
struct RowNotes {
    failures: FailureKinds,
    annotations: Option<Annotations>,
}

impl RowNotes {
    /// Separates the result files from what is shown of single rows.
    fn split(sink: SummarySink) -> (ResultFiles, Self) {
        let SummarySink {
            files,
            failures,
            annotations,
            ..
        } = sink;
        let notes = Self {
            failures,
            annotations,
        };
        (files, notes)
    }
}

/// The account of the rows.
pub(super) struct AccountedRows {
    pub(super) listing: SummarySink,
    pub(super) interrupted: bool,
}

impl Results<'_> {
    /// Accounts for the rows, and puts the counts into `summary`. With `every_row`,
    /// the name of a file, all rows are listed in it; otherwise only rows with a
    /// verdict are accounted for. The rows are given twice, because both positions
    /// of a repeated row are read at once.
    pub(super) fn account<R>(
        &self,
        [mut rows, others]: [R; 2],
        every_row: Option<&str>,
        sources: AccountSources<'_>,
        summary: &mut Summary,
    ) -> anyhow::Result<AccountedRows>
    where
        R: Revisit<Error: std::error::Error + Send + Sync + 'static> + Send,
    {
        let optional = OptionalFiles {
            every_row,
            compares: sources.remote_list.is_some() || sources.ledger.is_some(),
        };
        let mut listing = self.listing(optional)?;
        let (surveyed, watcher) = (sources.surveyed, self.prepared.watcher.as_ref());
        let accounted = match every_row {
            Some(_) => account(&mut rows, others, sources, &mut listing, watcher),
            None => review(&mut rows, others, sources, &mut listing, watcher),
        }
        .map_err(|error| self.incomplete(error))?;
        demand_agreement(&accounted, surveyed)?;
        summary.rows = accounted.rows;
        summary.outcomes = accounted.outcomes;
        summary.outcomes.leave_out_impossible(&summary.command);
        summary.would = accounted.forecast;
        summary.created_by_this_checkpoint = accounted.ours;
        summary.problems = accounted.problems;
        summary.differences = accounted.compared.differ();
        summary.not_compared = accounted.compared.not_compared();
        Ok(AccountedRows {
            listing,
            interrupted: accounted.interrupted,
        })
    }

    fn listing(&self, optional: OptionalFiles<'_>) -> anyhow::Result<SummarySink> {
        let prepared = self.prepared;
        let several = prepared.inputs.len() > 1;
        let origin = prepared.origin.clone();
        let files = ResultFiles::begin(&prepared.out, several, optional, origin)
            .with_context(|| self.cannot_write())?;
        let verbose = prepared.display.verbose;
        let shown_on = verbose.then(|| Arc::clone(&prepared.watcher));
        let mut listing = SummarySink::new(files, shown_on);
        listing.annotations = self
            .annotations
            .map(|AnnotationPlatform::Github| Annotations::default());
        Ok(listing)
    }

    /// Files for the rejected rows and their problems alone.
    pub(super) fn rejects_alone(&self) -> anyhow::Result<ResultFiles> {
        let prepared = self.prepared;
        let several = prepared.inputs.len() > 1;
        let (optional, origin) = (OptionalFiles::default(), prepared.origin.clone());
        ResultFiles::begin(&prepared.out, several, optional, origin)
            .with_context(|| self.cannot_write())
    }

    pub(super) fn cannot_write(&self) -> String {
        format!("cannot write results to {}", self.prepared.out.display())
    }

    /// Adds the folder and a hint to an error of the account: sending is over by
    /// then, and nothing of it is lost.
    fn incomplete(&self, error: anyhow::Error) -> anyhow::Error {
        if error
            .chain()
            .any(<dyn std::error::Error>::is::<SourceError>)
        {
            // It has a hint of its own.
            return error;
        }
        let what = format!(
            "the results in {} are not complete",
            self.prepared.out.display()
        );
        if error
            .chain()
            .any(<dyn std::error::Error>::is::<LedgerError>)
        {
            // So has this.
            return error.context(what);
        }
        error.context(HintedError {
            what,
            hint:
                "make room, or name another folder with --out DIR, and run the same command again; \
                   what an import has done is kept in its checkpoint"
                    .to_owned(),
        })
    }

    /// Moves the files to their places, writes the metrics, and shows the summary.
    pub(super) fn publish<W: Fn(&[KeptFile]) -> SummaryNotes>(
        &self,
        listing: SummarySink,
        summary: &Summary,
        keys: Option<PathBuf>,
        page: &PageText<W>,
    ) -> anyhow::Result<()> {
        self.prepared.notice.summary(summary);
        let (files, notes) = RowNotes::split(listing);
        let on_page = page.notes(self.prepared, summary);
        let published = files.finish(summary, &on_page);
        let mut published = published.with_context(|| self.cannot_write())?;
        let mut kept = std::mem::take(&mut *self.prepared.kept.lock());
        kept.append(&mut published.kept);
        published.kept = kept;
        if let Some(place) = keys {
            published.written.push(WrittenFile { place, rows: 0 });
        }
        let metrics = self.prepared.metrics.as_ref();
        if let Some(warning) = metrics.and_then(|metrics| metrics.finish(&summary.into())) {
            self.prepared.watcher.say(&warning);
        }
        let words = (page.words)(&published.kept);
        let upload = self.prepared.upload.as_ref();
        let uploaded = upload.map_or(Ok(()), |upload| upload.finish(&self.prepared.runtime));
        // What could not be copied is named where it is.
        let public = |text: &str| match &uploaded {
            Ok(()) => self.prepared.public_text(text),
            Err(_) => text.to_owned(),
        };
        self.show(notes, &published, summary, (words, &public))?;
        uploaded
    }

    /// Prints the summary.
    fn show(
        &self,
        notes: RowNotes,
        published: &PublishedFiles,
        summary: &Summary,
        (mut words, public): (SummaryNotes, &dyn Fn(&str) -> String),
    ) -> anyhow::Result<()> {
        let files = &published.written;
        words.failures = notes.failures.into_kinds();
        let (display, watcher) = (&self.prepared.display, &self.prepared.watcher);
        let kept: Vec<String> = published.kept.iter().map(kept_note).collect();
        if display.json || display.quiet {
            for note in &kept {
                watcher.say(&format!("note: {note}"));
            }
        }
        words.kept = kept;
        watcher.close();
        log_summary(summary);
        say_bad_end(
            *display,
            summary.exit_code,
            &log_line(summary),
            public(&shown(&self.prepared.out)).as_ref(),
        );
        let text = if display.json {
            escaped_json(&serde_json::to_string_pretty(summary)?).into_owned() + "\n"
        } else if display.quiet {
            String::new()
        } else {
            {
                let palette = palette(display.color, &std::io::stdout());
                public(&text::summary(summary, &words, files, palette))
            }
        };
        let Some(annotations) = notes.annotations else {
            return print(&text);
        };
        let problems = files.iter().map(|file| &file.place);
        let problems = problems.filter(|place| place.ends_with("problems.csv"));
        let place = problems.map(|place| place.display().to_string()).next();
        let commands = annotations.commands(&place.unwrap_or_default());
        print(&escaped_lines(&commands))?;
        watcher.say_lines(disarmed(&text).trim_end());
        Ok(())
    }
}

/// With `--quiet`, says in one line that not all was done, and where the results are. An
/// error that ends the command says so itself.
pub(super) fn say_bad_end(display: DisplaySettings, exit_code: u8, line: &str, out: &Path) {
    let is_text = display.log_format != Some(LogFormat::Json);
    if display.quiet && is_text && exit_code > Exit::Failed as u8 {
        let line = format!("{line}; see {}", shown(out));
        // Standard error may be closed; then the line is dropped.
        writeln!(std::io::stderr(), "{}", escaped(&line)).ok();
    }
}

/// Says which file was kept from being replaced, and why.
pub(super) fn kept_note(kept: &KeptFile) -> String {
    let why = if kept.changed {
        "was changed since it was written"
    } else {
        "is of another input or a real run"
    };
    format!(
        "{} {why}: it is kept as {}",
        kept.place.display(),
        kept.kept.display()
    )
}

/// Prints to standard output. A reader that closes the pipe early (`| head`) is no
/// error.
pub(super) fn print(text: &str) -> anyhow::Result<()> {
    let mut out = std::io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if !is_closed(&error) => Err(error).context("cannot write to standard output"),
        Ok(()) | Err(_) => Ok(()),
    }
}

/// Whether there is no reader any more: of a pipe, or of a terminal, which then answers EIO.
fn is_closed(error: &std::io::Error) -> bool {
    const EIO: i32 = 5;
    error.kind() == std::io::ErrorKind::BrokenPipe
        || cfg!(unix) && error.raw_os_error() == Some(EIO)
}

/// The exit code of a command that dealt with all rows.
pub(super) fn exit_of(summary: &Summary) -> Exit {
    let pruned = summary.pruned.unwrap_or_default();
    let is_left = summary.rows.rejected + summary.left_the_file.unresolved + pruned.left() > 0;
    if !is_left && summary.outcomes.all_succeeded() {
        Exit::Done
    } else {
        Exit::RowsLeft
    }
}

/// Lists the columns that feed no field.
pub(super) fn say_unused(watcher: &ProgressDisplay, unused: &[(String, Vec<String>)]) {
    for (input, columns) in unused.iter().filter(|(_, columns)| !columns.is_empty()) {
        let names: Vec<String> = columns.iter().map(|name| quoted(name)).collect();
        let (many, first) = if names.len() == MOST_NAMED + 1 {
            let shown: Vec<&str> = names.iter().take(12).map(String::as_str).collect();
            (
                format!("more than {MOST_NAMED} columns that feed"),
                format!("{} and more", shown.join(", ")),
            )
        } else {
            (
                counted(
                    columns.len() as u64,
                    "column that feeds",
                    "columns that feed",
                ),
                listed(&names, 12),
            )
        };
        watcher.say(&format!("note: {input} has {many} no field: {first}"));
    }
}
