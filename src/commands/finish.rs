//! The end of a command: every row's account, the files, the summary.

use std::io::Write;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context;

use super::{Exit, Hinted};
use crate::cli::{Platform, Showing};
use crate::domain::row::Revisit;
use crate::domain::summary::Summary;
use crate::domain::text::{counted, escaped, escaped_json, escaped_lines, listed, quoted};
use crate::engine::account::{Accounting, account, demand_agreement, review};
use crate::engine::survey::unmapped::MOST_NAMED;
use crate::report::annotations::{Annotations, disarmed};
use crate::report::atomic_file::WrittenFile;
use crate::report::files::{PublishedFiles, ResultFiles};
use crate::report::manifest::{KeptFile, ResultsOrigin};
use crate::report::progress::ProgressDisplay;
use crate::report::summary_sink::SummarySink;
use crate::report::text::{self, SummaryNotes};
use crate::source::SourceError;

/// What is shown at the end, and how.
#[derive(Debug)]
pub(super) struct Ending<'e> {
    pub(super) watcher: &'e ProgressDisplay,
    pub(super) out: PathBuf,
    pub(super) several: bool,
    pub(super) showing: Showing,
    /// For what results are written.
    pub(super) origin: ResultsOrigin,
    /// For which platform problems are annotated.
    pub(super) annotations: Option<Platform>,
}

/// What is shown of single rows.
pub(super) struct Shown {
    pub(super) first_failures: Vec<(u64, String)>,
    pub(super) annotations: Option<Annotations>,
}

impl Shown {
    /// Separates the result files from what is shown of single rows.
    pub(super) fn split(sink: SummarySink) -> (ResultFiles, Self) {
        let SummarySink {
            files,
            first_failures,
            annotations,
            ..
        } = sink;
        let shown = Self {
            first_failures,
            annotations,
        };
        (files, shown)
    }
}

/// What came of it all.
pub(super) struct Accounted {
    pub(super) listing: SummarySink,
    pub(super) interrupted: bool,
}

impl Ending<'_> {
    /// Accounts for the rows, and puts the counts into `summary`: for every row,
    /// in the file `every_row`, or where none is named for those of which there is
    /// something to be said. The rows are given twice, for of those that are
    /// repeated two are looked at at once.
    pub(super) fn account<R>(
        &self,
        [mut rows, others]: [R; 2],
        every_row: Option<&str>,
        accounting: Accounting<'_>,
        summary: &mut Summary,
    ) -> anyhow::Result<Accounted>
    where
        R: Revisit<Error: std::error::Error + Send + Sync + 'static>,
    {
        let mut listing = self.listing(every_row)?;
        let (surveyed, watcher) = (accounting.surveyed, self.watcher);
        let accounted = match every_row {
            Some(_) => account(&mut rows, others, accounting, &mut listing, watcher),
            None => review(&mut rows, others, accounting, &mut listing, watcher),
        }
        .map_err(|error| self.hinted(error))?;
        demand_agreement(&accounted, surveyed)?;
        summary.rows = accounted.rows;
        summary.outcomes = accounted.outcomes;
        summary.would = accounted.would;
        summary.created_by_this_checkpoint = accounted.ours;
        summary.problems = accounted.problems;
        Ok(Accounted {
            listing,
            interrupted: accounted.interrupted,
        })
    }

    fn listing(&self, every_row: Option<&str>) -> anyhow::Result<SummarySink> {
        let files = ResultFiles::begin(&self.out, self.several, every_row, self.origin.clone())
            .with_context(|| format!("cannot write results to {}", self.out.display()))?;
        let mut listing = SummarySink::new(files, self.showing.verbose);
        listing.annotations = self
            .annotations
            .map(|Platform::Github| Annotations::default());
        Ok(listing)
    }

    /// An error of the account, with the place and what to do: by now the
    /// sending is over, and nothing of it is lost.
    fn hinted(&self, error: anyhow::Error) -> anyhow::Error {
        if error
            .chain()
            .any(<dyn std::error::Error>::is::<SourceError>)
        {
            // It is not for want of room, and has a hint of its own.
            return error;
        }
        error.context(Hinted {
            what: format!("the results in {} are not complete", self.out.display()),
            hint:
                "make room, or name another folder with --out DIR, and run the same command again; \
                   what an import has done is kept in its checkpoint"
                    .to_owned(),
        })
    }

    /// Moves the files to their places.
    pub(super) fn publish(
        &self,
        files: ResultFiles,
        summary: &Summary,
        keys: Option<PathBuf>,
    ) -> anyhow::Result<PublishedFiles> {
        let mut published = files
            .finish(summary)
            .with_context(|| format!("cannot write results to {}", self.out.display()))?;
        if let Some(place) = keys {
            published.written.push(WrittenFile { place, rows: 0 });
        }
        Ok(published)
    }

    /// Shows the summary.
    pub(super) fn show(
        &self,
        shown: Shown,
        published: &PublishedFiles,
        summary: &Summary,
        mut words: SummaryNotes,
    ) -> anyhow::Result<()> {
        let files = &published.written;
        words.first_failures = shown.first_failures;
        let notes: Vec<String> = published.kept.iter().map(note).collect();
        if self.showing.json || self.showing.quiet {
            for note in &notes {
                writeln!(std::io::stderr(), "note: {}", escaped(note)).ok();
            }
        }
        words.kept = notes;
        self.watcher.close();
        let text = if self.showing.json {
            escaped_json(&serde_json::to_string_pretty(summary)?).into_owned() + "\n"
        } else if self.showing.quiet {
            String::new()
        } else {
            text::summary(summary, &words, files)
        };
        let Some(annotations) = shown.annotations else {
            return print(&text);
        };
        let problems = files.iter().map(|file| &file.place);
        let problems = problems.filter(|place| place.ends_with("problems.csv"));
        let place = problems.map(|place| place.display().to_string()).next();
        let commands = annotations.commands(&place.unwrap_or_default());
        print(&escaped_lines(&commands))?;
        self.watcher.say_lines(disarmed(&text).trim_end());
        Ok(())
    }
}

/// What is said of a file that was kept from being replaced.
fn note(kept: &KeptFile) -> String {
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

/// Prints to standard output. A reader who has gone away (`| head`) has seen
/// enough: that is no error.
pub(super) fn print(text: &str) -> anyhow::Result<()> {
    let mut out = std::io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => {
            Err(error).context("cannot write to standard output")
        }
        Ok(()) | Err(_) => Ok(()),
    }
}

/// Whether all rows came to a good end.
pub(super) fn exit_of(summary: &Summary) -> Exit {
    let is_left = summary.rows.rejected + summary.left_the_file.unresolved > 0;
    if !is_left && summary.outcomes.is_well() {
        Exit::Done
    } else {
        Exit::RowsLeft
    }
}

/// Seconds, to the millisecond.
#[expect(
    clippy::cast_precision_loss,
    reason = "milliseconds below 2⁵³ are exact, which is longer than anybody waits"
)]
pub(super) fn seconds(time: Duration) -> f64 {
    time.as_millis() as f64 / 1000.0
}

/// Names the columns that feed no field, once.
pub(super) fn say_unused(watcher: &ProgressDisplay, unused: &[(String, Vec<String>)]) {
    for (input, columns) in unused.iter().filter(|(_, columns)| !columns.is_empty()) {
        let names: Vec<String> = columns.iter().map(|name| quoted(name)).collect();
        let (many, first) = if names.len() == MOST_NAMED + 1 {
            let shown = names.get(..12).unwrap_or_default();
            (
                format!("more than {MOST_NAMED} columns"),
                format!("{} and more", shown.join(", ")),
            )
        } else {
            (
                counted(columns.len() as u64, "column", "columns"),
                listed(&names, 12),
            )
        };
        watcher.say(&format!(
            "note: {input} has {many} that no field is fed from: {first}"
        ));
    }
}
