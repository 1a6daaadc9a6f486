//! The result files of a rollback: `rolled-back.jsonl`, `rollback-summary.json`.

use std::io::{self, Write};
use std::path::Path;

use serde::Serialize;

use super::atomic_file::{PendingFile, remove_abandoned};
use super::manifest::{Manifest, PublishedFiles, ResultsOrigin};

/// The files while they are written.
#[derive(Debug)]
pub struct RemovalFiles {
    manifest: Manifest,
    lines: PendingFile,
}

/// A line of `rolled-back.jsonl`.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RemovalLine<'r> {
    /// The customer's `clientId`.
    pub client_id: &'r str,
    /// Kable's id for it.
    pub customer_id: Option<&'r str>,
    /// What became of it.
    pub outcome: &'static str,
    /// `X-REQUEST-ID` of the last response.
    pub request_id: Option<&'r str>,
    /// How many requests were sent for it.
    pub attempts: u32,
    /// The last response's HTTP status.
    pub status: Option<u16>,
    /// The API's message, or why it was left.
    pub message: Option<&'r str>,
}

impl RemovalFiles {
    /// Starts the files in `folder`.
    pub fn begin(folder: &Path, origin: ResultsOrigin) -> io::Result<Self> {
        remove_abandoned(folder);
        let manifest = Manifest::read(folder, origin)?;
        let name = manifest.name_for("rolled-back.jsonl")?;
        Ok(Self {
            lines: PendingFile::begin(folder, &name)?,
            manifest,
        })
    }

    /// Adds a customer.
    pub fn add(&mut self, line: &RemovalLine<'_>) -> io::Result<()> {
        serde_json::to_writer(&mut self.lines, line)?;
        self.lines.rows += 1;
        self.lines.write_all(b"\n")
    }

    /// Moves the files to their places.
    pub fn finish(self, summary: &impl Serialize) -> io::Result<PublishedFiles> {
        let name = self.manifest.name_for("rollback-summary.json")?;
        let mut file = PendingFile::begin(self.manifest.folder(), &name)?;
        serde_json::to_writer_pretty(&mut file, summary)?;
        file.write_all(b"\n")?;
        self.manifest.publish(vec![self.lines, file], &[])
    }
}
