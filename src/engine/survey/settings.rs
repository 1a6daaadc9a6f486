//! What a survey needs beside the rows.

use std::path::Path;

use crate::domain::decision::RowPolicy;
use crate::engine::checker::Reading;
use crate::engine::stop::Stop;

/// What a survey needs beside the rows.
#[derive(Debug)]
pub struct Surveying<'s> {
    /// What rows are held against.
    pub reading: &'s Reading,
    /// What is wanted for rows that are not new.
    pub policy: RowPolicy,
    /// Where temporary files go.
    pub folder: &'s Path,
    /// How many threads read and check.
    pub threads: usize,
    /// Whether rows of which something is to be said are to have a verdict,
    /// even if nothing else is known of them.
    pub note_rows: bool,
    /// Ends the reading.
    pub stop: &'s Stop,
}
