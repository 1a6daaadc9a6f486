//! The result files of a run: results, problems, rejects, failures, summary.
//!
//! Every file is written under a temporary name and renamed at the end, so that
//! readers never see a partial file, and an interrupted run leaves the earlier
//! files.

use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use serde::Serialize;

use super::atomic_file::{MARK, PendingFile, remove_abandoned};
use super::difference_file::{DIFFERENCES, DifferenceFile};
use super::html::PageNotes;
use super::html::page_rows::PageRows;
use super::manifest::{Manifest, PublishedFiles, ResultsOrigin, is_check};
use super::page_file::pending_page;
use super::reject_files::RejectFiles;
use super::result_names::KINDS;
use super::{OutcomeDetails, RowAccount, RowResult, RowSink};
use crate::domain::outcome::Outcome;
use crate::domain::problem::{Problem, messages};
use crate::domain::summary::Summary;

/// The files that not every command writes.
#[derive(Debug, Clone, Copy, Default)]
pub struct OptionalFiles<'n> {
    /// The name of the file with the outcome of every row.
    pub every_row: Option<&'n str>,
    /// Whether rows are compared with what Kable holds.
    pub compares: bool,
}

/// Writes results to a folder.
#[derive(Debug)]
pub struct ResultFiles {
    folder: PathBuf,
    several: bool,
    results: Option<PendingFile>,
    differences: Option<DifferenceFile>,
    problems: csv::Writer<PendingFile>,
    problem_count: u64,
    rejects: RejectFiles,
    failures: RejectFiles,
    /// Lists of something other than rows.
    lists: Vec<PendingFile>,
    page_rows: PageRows,
    manifest: Manifest,
    /// Whether rows are sent, so that failures of an earlier run are removed.
    sends: bool,
}

/// A line of `results.jsonl`.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ResultLine<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    file: Option<&'a str>,
    line: u64,
    client_id: Option<&'a str>,
    outcome: &'a str,
    customer_id: Option<&'a str>,
    request_id: Option<&'a str>,
    attempts: u32,
}

impl ResultFiles {
    /// Starts the files in `folder`, which is created if missing. `several` says
    /// whether rows come from several inputs; `every_row` is the name of the file
    /// with the outcome of every row, if any.
    pub fn begin(
        folder: &Path,
        several: bool,
        optional: OptionalFiles<'_>,
        origin: ResultsOrigin,
    ) -> io::Result<Self> {
        std::fs::create_dir_all(folder)?;
        remove_abandoned(folder);
        let sends = !is_check(&origin.command);
        let manifest = Manifest::read(folder, origin)?;
        let begin = |name: &str| PendingFile::begin(folder, &manifest.name_for(name)?);
        let differences = if optional.compares {
            let name = manifest.name_for(DIFFERENCES)?;
            Some(DifferenceFile::begin(folder, &name, several)?)
        } else {
            None
        };
        let mut problems = begin("problems.csv")?;
        problems.write_all(MARK)?;
        let mut problems = csv::Writer::from_writer(problems);
        let mut header = vec![
            "line", "record", "clientId", "severity", "code", "field", "value", "message",
        ];
        if several {
            header.push("file");
        }
        problems.write_record(&header)?;
        Ok(Self {
            folder: folder.to_owned(),
            several,
            results: optional.every_row.map(begin).transpose()?,
            differences,
            problems,
            problem_count: 0,
            rejects: RejectFiles::new("rejects"),
            failures: RejectFiles::new("failures"),
            lists: Vec::new(),
            page_rows: PageRows::default(),
            manifest,
            sends,
        })
    }

    /// The paths of the files of rejected rows.
    pub fn rejects(&self) -> Vec<PathBuf> {
        self.rejects.places()
    }

    /// Moves the files to their places, and removes files of an earlier run that
    /// this one has no rows for; files that must not be replaced are renamed.
    pub fn finish(self, summary: &Summary, notes: &PageNotes) -> io::Result<PublishedFiles> {
        let mut parts = self.rejects.parts();
        parts.extend(self.failures.parts());
        parts.push(problems_file(self.problems, self.problem_count)?);
        parts.extend(self.results);
        parts.extend(self.lists);
        parts.extend(self.differences.map(DifferenceFile::finish).transpose()?);
        let name = self.manifest.name_for("summary.json")?;
        let mut file = PendingFile::begin(&self.folder, &name)?;
        serde_json::to_writer_pretty(&mut file, summary)?;
        file.write_all(b"\n")?;
        parts.push(file);
        parts.push(pending_page(
            &self.manifest,
            summary,
            &self.page_rows,
            notes,
        )?);
        let kinds = if self.sends { &KINDS[..] } else { &KINDS[..1] };
        self.manifest.publish(parts, kinds)
    }

    /// Moves only the rejected rows and their problems to their places: before anything is
    /// sent, nothing else is known. Files with more of them replace these at the end.
    pub fn finish_rejects(self) -> io::Result<PublishedFiles> {
        let mut parts = self.rejects.parts();
        parts.push(problems_file(self.problems, self.problem_count)?);
        self.manifest.publish(parts, &KINDS[..1])
    }

    /// Adds a customer that Kable holds and no row has.
    pub fn add_surplus(&mut self, client_id: &str) -> io::Result<()> {
        match &mut self.differences {
            Some(differences) => differences.add_surplus(client_id),
            None => Ok(()),
        }
    }

    /// Adds the file `name`, with `many` lines that are read from `lines`.
    pub fn add_list(&mut self, name: &str, many: u64, lines: &mut impl Read) -> io::Result<()> {
        let mut list = PendingFile::begin(&self.folder, &self.manifest.name_for(name)?)?;
        io::copy(lines, &mut list)?;
        list.rows = many;
        self.lists.push(list);
        Ok(())
    }

    fn result(&mut self, account: &RowAccount<'_>) -> io::Result<()> {
        let Some(results) = &mut self.results else {
            return Ok(());
        };
        let came = match account.result {
            RowResult::Outcome(came) => Some(came),
            RowResult::Skipped | RowResult::Rejected => None,
        };
        let line = ResultLine {
            file: self.several.then_some(account.input),
            line: account.row.origin.line,
            client_id: (!account.client_id.is_empty()).then_some(account.client_id),
            outcome: account.result.name(),
            customer_id: came.and_then(|came| came.customer_id),
            request_id: came.and_then(|came| came.request_id),
            attempts: came.map_or(0, |came| came.attempts),
        };
        serde_json::to_writer(&mut *results, &line)?;
        results.rows += 1;
        results.write_all(b"\n")
    }

    fn problem(&mut self, account: &RowAccount<'_>, problem: &Problem) -> io::Result<()> {
        let origin = account.row.origin;
        let mut record = vec![
            origin.line.to_string(),
            origin.record.to_string(),
            harmless(account.client_id),
            problem.code.severity().name().to_owned(),
            problem.code.name().to_owned(),
            problem.field.to_owned(),
            harmless(&problem.value),
            harmless(&problem.message),
        ];
        if self.several {
            record.push(harmless(account.input));
        }
        self.problem_count += 1;
        Ok(self.problems.write_record(&record)?)
    }

    fn failure(&mut self, account: &RowAccount<'_>) -> io::Result<()> {
        let RowResult::Outcome(came) = account.result else {
            return Ok(());
        };
        self.failures
            .add(&self.manifest, self.several, account, &refusal(&came))
    }

    fn reject(&mut self, account: &RowAccount<'_>) -> io::Result<()> {
        let joined = |part: fn(&Problem) -> &'static str| {
            let parts: Vec<&str> = account.problems.iter().map(part).collect();
            parts.join(";")
        };
        let added = [
            ("_code", joined(|problem| problem.code.name())),
            ("_field", joined(|problem| problem.field)),
            ("_message", messages(account.problems)),
        ];
        self.rejects
            .add(&self.manifest, self.several, account, &added)
    }
}

impl RowSink for ResultFiles {
    fn add_row(&mut self, account: &RowAccount<'_>) -> io::Result<()> {
        self.result(account)?;
        self.page_rows.add_row(account);
        if let Some(differences) = &mut self.differences {
            differences.add_row(account)?;
        }
        for problem in account.problems {
            self.problem(account, problem)?;
        }
        match account.result {
            RowResult::Rejected => self.reject(account),
            RowResult::Outcome(came) if came.outcome == Outcome::Failed => self.failure(account),
            RowResult::Skipped | RowResult::Outcome(_) => Ok(()),
        }
    }
}

/// The file of problems, with how many it holds.
fn problems_file(problems: csv::Writer<PendingFile>, many: u64) -> io::Result<PendingFile> {
    let written = problems.into_inner();
    let mut file = written.map_err(csv::IntoInnerError::into_error)?;
    file.rows = many;
    Ok(file)
}

/// What is added to a row that the API refused.
pub(super) fn refusal(came: &OutcomeDetails<'_>) -> [(&'static str, String); 5] {
    let status = came.status.map(|status| status.to_string());
    [
        ("_code", "refused".to_owned()),
        ("_field", String::new()),
        ("_message", came.message.unwrap_or_default().to_owned()),
        ("_status", status.unwrap_or_default()),
        (
            "_request_id",
            came.request_id.unwrap_or_default().to_owned(),
        ),
    ]
}

/// Turns a cell that a spreadsheet would run as a formula into text (OWASP, "CSV
/// Injection").
fn harmless(text: &str) -> String {
    if text.starts_with(['=', '+', '-', '@', '\t', '\r']) {
        format!("'{text}")
    } else {
        text.to_owned()
    }
}

#[cfg(test)]
#[path = "files_tests.rs"]
mod tests;
