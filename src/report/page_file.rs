//! Writes `report.html` by itself.

use std::io::{self, Write};
use std::path::Path;

use super::atomic_file::PendingFile;
use super::html::page_rows::PageRows;
use super::html::{PageNotes, page};
use super::manifest::{Manifest, PublishedFiles, ResultsOrigin};
use crate::domain::summary::Summary;

/// The name of the page.
const PAGE: &str = "report.html";

/// The page of a results folder.
#[derive(Debug)]
pub struct PageFile<'f> {
    /// The folder.
    pub folder: &'f Path,
    /// The command and inputs of the page.
    pub origin: ResultsOrigin,
}

impl PageFile<'_> {
    /// Writes the page, and leaves the other results as they are. A page that was changed
    /// since it was written is renamed.
    pub fn write(
        self,
        summary: &Summary,
        rows: &PageRows,
        notes: &PageNotes,
    ) -> io::Result<PublishedFiles> {
        let manifest = Manifest::read(self.folder, self.origin)?;
        let part = pending_page(&manifest, summary, rows, notes)?;
        manifest.publish(vec![part], &[])
    }
}

/// The page, to be published with the manifest.
pub(super) fn pending_page(
    manifest: &Manifest,
    summary: &Summary,
    rows: &PageRows,
    notes: &PageNotes,
) -> io::Result<PendingFile> {
    let name = manifest.name_for(PAGE)?;
    let mut file = PendingFile::begin(manifest.folder(), &name)?;
    let page = page(summary, rows, notes).map_err(io::Error::other)?;
    file.write_all(page.as_bytes())?;
    Ok(file)
}
