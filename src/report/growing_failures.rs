//! The rows that the API refused so far, while a run goes on.
//!
//! With each batch of rows the file is written anew, with what it held before, and moved to
//! its place: a reader sees whole rows only, and a killed run leaves a file that is known as
//! ours. At the end the account of all rows replaces it.

use std::io;
use std::path::Path;

use super::RowAccount;
use super::RowResult;
use super::files::refusal;
use super::manifest::{KeptFile, Manifest, ResultsOrigin};
use super::reject_files::RejectFiles;
use super::result_names::FAILURES;

/// A batch of refused rows.
#[derive(Debug)]
pub struct GrowingFailures {
    manifest: Manifest,
    files: RejectFiles,
    several: bool,
}

impl GrowingFailures {
    /// A batch that is added to the files in `folder`, unless it `begins` them anew.
    /// `several` says whether rows come from several inputs.
    pub fn begin(
        folder: &Path,
        several: bool,
        origin: ResultsOrigin,
        begins: bool,
    ) -> io::Result<Self> {
        std::fs::create_dir_all(folder)?;
        Ok(Self {
            manifest: Manifest::read(folder, origin)?,
            files: if begins {
                RejectFiles::new(FAILURES)
            } else {
                RejectFiles::continuing(FAILURES)
            },
            several,
        })
    }

    /// Adds a row.
    pub fn add(&mut self, account: &RowAccount<'_>) -> io::Result<()> {
        match account.result {
            RowResult::Outcome(came) => {
                self.files
                    .add(&self.manifest, self.several, account, &refusal(&came))
            }
            RowResult::Skipped | RowResult::Rejected => Ok(()),
        }
    }

    /// Moves the files to their places; returns those that were kept from being replaced.
    pub fn finish(self) -> io::Result<Vec<KeptFile>> {
        let published = self.manifest.publish(self.files.parts(), &[])?;
        Ok(published.kept)
    }
}
