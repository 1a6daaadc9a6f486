//! What a survey needs beside the rows.

use std::path::Path;

use crate::domain::decision::RowPolicy;
use crate::engine::checker::CheckSettings;
use crate::engine::stop::Stop;

/// What a survey needs beside the rows.
#[derive(Debug)]
pub struct SurveySettings<'s> {
    /// What rows are checked against.
    pub check: &'s CheckSettings,
    /// What to do with rows that the ledger knows.
    pub policy: RowPolicy,
    /// Where temporary files go.
    pub folder: &'s Path,
    /// How many threads read and check.
    pub threads: usize,
    /// Whether fit rows with a warning or a correction get a verdict, even if nothing else is
    /// known about them, as unfit rows do.
    pub note_rows: bool,
    /// Ends the reading.
    pub stop: &'s Stop,
}
