//! What stands in `report.html` beside the figures.

use std::ffi::OsStr;
use std::thread::JoinHandle;

use super::fetched::digest_of;
use super::prepared::Prepared;
use super::shown_mapping::shown_mapping;
use super::system::{timestamp, wall_clock};
use crate::domain::row_tally::RowTally;
use crate::domain::summary::{InputDigest, Summary, SummaryDetail};
use crate::domain::timeline::RunHistory;
use crate::domain::version::VERSION;
use crate::engine::send::metrics::percentiles;
use crate::report::html::PageNotes;
use crate::report::manifest::KeptFile;
use crate::report::text::SummaryNotes;

/// What stands in the page beside the figures.
pub(super) struct PageText<W> {
    /// What was done, why it ended early, and what to do next, where these files were kept
    /// from being replaced.
    pub(super) words: W,
    /// The command as it was typed.
    pub(super) command_line: String,
    /// The runs that the page is about, the latest last.
    pub(super) runs: Vec<RunHistory>,
    /// What identifies the inputs, if that is known by now.
    pub(super) digests: Option<Vec<InputDigest>>,
}

impl<W: Fn(&[KeptFile]) -> SummaryNotes> PageText<W> {
    /// All of it, for a page that is written now, before any file is replaced.
    pub(super) fn notes(&self, prepared: &Prepared, summary: &Summary) -> PageNotes {
        let digests = match (&self.digests, summary.input_digests.as_slice()) {
            (Some(known), _) => known.clone(),
            (None, []) => digests(&prepared.fetched, &summary.inputs),
            (None, known) => known.to_vec(),
        };
        let mapping = shown_mapping(&prepared.reading.mapping, &prepared.inputs, true);
        let mut words = (self.words)(&[]);
        for (_, command) in &mut words.next {
            *command = prepared.public_text(command);
        }
        PageNotes {
            words,
            command_line: self.command_line.clone(),
            version: VERSION,
            written: timestamp(wall_clock()),
            // The inputs were read twice by now; what can't be read again is left out.
            settings: mapping.unwrap_or_default(),
            stored: prepared.stored.clone(),
            digests,
            runs: self.runs.clone(),
            again: None,
        }
    }
}

/// Computes what identifies the inputs in a thread of its own, while their rows are read:
/// afterwards it would take a tenth of the time of a check or an account.
#[derive(Debug)]
pub(super) struct DigestThread(JoinHandle<Vec<InputDigest>>);

impl DigestThread {
    /// Starts to read the inputs.
    pub(super) fn start(prepared: &Prepared) -> Self {
        let fetched = prepared.fetched.clone();
        let names = prepared.reading.names.clone();
        Self(std::thread::spawn(move || digests(&fetched, &names)))
    }

    /// Waits for the digests.
    pub(super) fn finish(self) -> Vec<InputDigest> {
        // A page without them is better than none.
        self.0.join().unwrap_or_default()
    }
}

/// The digests of the inputs of these names that are files and can be read; of objects those
/// that were `fetched`.
fn digests(fetched: &[InputDigest], names: &[String]) -> Vec<InputDigest> {
    let digests = names
        .iter()
        .map(|name| digest_of(fetched, OsStr::new(name)).ok().flatten());
    digests.flatten().collect()
}

/// The figures of the rows and latencies for the page.
pub(super) fn detail(tally: &RowTally, latencies: &[(u64, u64)]) -> SummaryDetail {
    SummaryDetail {
        currencies: tally.currencies.clone(),
        countries: tally.countries.clone(),
        percentiles: percentiles(latencies),
    }
}
