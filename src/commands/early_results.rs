//! Results that a person can look at while a run goes on: the rejected rows before anything
//! is sent, and the rows that the API has refused so far.
//!
//! The account of all rows replaces them at the end.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::Duration;

use anyhow::Context;
use tokio::time::Instant;

use super::finish::Results;
use super::prepared::Prepared;
use super::shell_word::shown;
use crate::domain::outcome::Outcome;
use crate::domain::row::{Revisit, Row, Rows};
use crate::engine::account::{AccountSources, review_rejected};
use crate::engine::checker::{CheckSettings, Checker};
use crate::engine::survey::Survey;
use crate::report::growing_failures::GrowingFailures;
use crate::report::manifest::{KeptFile, ResultsOrigin};
use crate::report::progress::ProgressDisplay;
use crate::report::{Event, FailedRow, Observer, OutcomeDetails, RowAccount, RowResult};
use crate::source::reader::InputReader;

/// The shortest time between two batches of refused rows.
const EVERY: Duration = Duration::from_secs(2);

/// The time between two batches is so many times what a batch takes: rows are sent meanwhile.
const PATIENCE: u32 = 20;

/// Writes the rejected rows and their problems, if there are any.
pub(super) fn write_rejects(prepared: &Prepared, surveyed: &mut Survey) -> anyhow::Result<()> {
    if surveyed.rows.rejected == 0 {
        return Ok(());
    }
    let unwritten = || {
        let out = shown(&prepared.out);
        format!("cannot write the rejected rows to {out} before anything is sent")
    };
    reviewed_rejects(prepared, surveyed).with_context(unwritten)
}

fn reviewed_rejects(prepared: &Prepared, surveyed: &mut Survey) -> anyhow::Result<()> {
    let results = Results {
        prepared,
        annotations: None,
    };
    let mut listing = results.rejects_alone()?;
    let sources = AccountSources::of_input(&prepared.reading, surveyed, &prepared.stop);
    let (mut rows, others) = (prepared.single_rows(), prepared.single_rows());
    let watcher = prepared.watcher.as_ref();
    let reviewed = review_rejected(&mut rows, others, sources, &mut listing, watcher)?;
    if !reviewed.interrupted {
        let written = listing.finish_rejects();
        let written = written.with_context(|| results.cannot_write())?;
        prepared.kept.lock().extend(written.kept);
    }
    Ok(())
}

/// Writes the rows that the API refuses, in batches, on a thread of its own.
pub(super) struct FailureWriter {
    sender: Sender<WriterMessage>,
    thread: JoinHandle<Vec<KeptFile>>,
}

enum WriterMessage {
    Failed(FailedRow),
    End,
}

impl FailureWriter {
    /// Starts it. Files of an earlier run are continued, unless `begins` is set.
    pub(super) fn start(prepared: &Prepared, begins: bool) -> Self {
        let (sender, inbox) = channel();
        let mut files = FailureFiles {
            rows: prepared.single_rows(),
            reading: Arc::clone(&prepared.reading),
            folder: prepared.out.clone(),
            origin: prepared.origin.clone(),
            several: prepared.inputs.len() > 1,
            begins,
            kept: Vec::new(),
        };
        let watcher = Arc::clone(&prepared.watcher);
        let thread = std::thread::spawn(move || {
            if let Err(error) = files.write_all(&inbox) {
                watcher.say(&format!(
                    "warning: refused rows can't be written while the run goes on ({error:#}); they are at its end"
                ));
            }
            files.kept
        });
        Self { sender, thread }
    }

    /// What is shown on `display`, and passed to this.
    pub(super) fn observer(&self, display: &Arc<ProgressDisplay>) -> RunObserver {
        RunObserver {
            display: Arc::clone(display),
            failed: self.sender.clone(),
        }
    }

    /// Writes the last batch.
    pub(super) fn end(self, prepared: &Prepared) {
        // It ends by itself on an error, which it has reported.
        self.sender.send(WriterMessage::End).ok();
        let kept = self.thread.join().unwrap_or_default();
        prepared.kept.lock().extend(kept);
    }
}

/// Shows events, and passes refused rows to be written.
pub(super) struct RunObserver {
    display: Arc<ProgressDisplay>,
    failed: Sender<WriterMessage>,
}

impl Observer for RunObserver {
    fn observe(&self, event: &Event) {
        if let Event::Failed(row) = event {
            // The writer has ended after an error.
            self.failed.send(WriterMessage::Failed(row.clone())).ok();
        }
        self.display.observe(event);
    }
}

/// The files of refused rows, and what a row is read again with.
struct FailureFiles {
    rows: InputReader,
    reading: Arc<CheckSettings>,
    folder: PathBuf,
    origin: ResultsOrigin,
    several: bool,
    /// Whether the next batch begins the files anew.
    begins: bool,
    /// Files that were kept from being replaced.
    kept: Vec<KeptFile>,
}

impl FailureFiles {
    /// Writes batches until the end.
    fn write_all(&mut self, inbox: &Receiver<WriterMessage>) -> anyhow::Result<()> {
        let mut failed = Vec::new();
        // The first one is written at once.
        let mut due = Instant::now();
        loop {
            let wait = if failed.is_empty() {
                Duration::MAX
            } else {
                due.saturating_duration_since(Instant::now())
            };
            match inbox.recv_timeout(wait) {
                Ok(WriterMessage::Failed(row)) => failed.push(row),
                Err(RecvTimeoutError::Timeout) => {
                    let began = Instant::now();
                    self.write(&mut failed)?;
                    due = Instant::now() + EVERY.max(began.elapsed() * PATIENCE);
                }
                Ok(WriterMessage::End) | Err(RecvTimeoutError::Disconnected) => {
                    return self.write(&mut failed);
                }
            }
        }
    }

    /// Writes a batch, in the order of the input.
    fn write(&mut self, failed: &mut Vec<FailedRow>) -> anyhow::Result<()> {
        if failed.is_empty() {
            return Ok(());
        }
        failed.sort_unstable_by_key(|failed| (failed.place.input, failed.place.byte));
        let (folder, origin) = (&self.folder, self.origin.clone());
        let begun = GrowingFailures::begin(folder, self.several, origin, self.begins);
        let mut files = begun?;
        self.begins = false;
        let mut checker = Checker::new(&self.reading);
        let mut row = Row::default();
        for failed in failed.drain(..) {
            if !self.rows.revisit(failed.place, &mut row)? {
                continue;
            }
            let columns = self.rows.columns();
            checker.derive(&mut row, columns)?;
            files.add(&RowAccount {
                row: &row,
                columns,
                leading_own: checker.bind(failed.place.input, columns)?.leading_added(),
                input: checker.input_name(failed.place.input),
                client_id: "",
                result: RowResult::Outcome(OutcomeDetails {
                    outcome: Outcome::Failed,
                    customer_id: None,
                    request_id: failed.request_id.as_deref(),
                    attempts: 0,
                    status: failed.status,
                    message: failed.message.as_deref(),
                    differences: &[],
                }),
                problems: &[],
            })?;
        }
        self.kept.extend(files.finish()?);
        Ok(())
    }
}
