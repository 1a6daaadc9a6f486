//! `differences.csv`: a line a difference between the input and Kable.
//!
//! Values stand as they are. A customer that only one side has is a difference in
//! `clientId`: the other side's cell is empty.

use std::io;
use std::path::Path;

use super::RowAccount;
use super::RowResult;
use super::atomic_file::PendingFile;
use crate::domain::field::Field;
use crate::domain::outcome::Outcome;

/// The name of the file.
pub(super) const DIFFERENCES: &str = "differences.csv";

/// The file while it is written.
#[derive(Debug)]
pub(super) struct DifferenceFile {
    writer: csv::Writer<PendingFile>,
    /// Whether rows come from several inputs, which are named then.
    several: bool,
    lines: u64,
}

impl DifferenceFile {
    pub(super) fn begin(folder: &Path, name: &str, several: bool) -> io::Result<Self> {
        let mut writer = csv::Writer::from_writer(PendingFile::begin(folder, name)?);
        let mut header = vec!["line", "clientId", "field", "file", "kable"];
        if several {
            header.push("input");
        }
        writer.write_record(header)?;
        Ok(Self {
            writer,
            several,
            lines: 0,
        })
    }

    /// Adds the differences of a row.
    pub(super) fn add_row(&mut self, account: &RowAccount<'_>) -> io::Result<()> {
        let RowResult::Outcome(came) = account.result else {
            return Ok(());
        };
        let line = account.row.origin.line.to_string();
        let place = (line.as_str(), account.input);
        if came.outcome == Outcome::Missing {
            let name = Field::ClientId.name();
            self.add(place, account.client_id, [name, account.client_id, ""])?;
        }
        for difference in came.differences {
            let values = [difference.name(), &difference.ours, &difference.theirs];
            self.add(place, account.client_id, values)?;
        }
        Ok(())
    }

    /// Adds a customer that no row has.
    pub(super) fn add_surplus(&mut self, client_id: &str) -> io::Result<()> {
        let name = Field::ClientId.name();
        self.add(("", ""), client_id, [name, "", client_id])
    }

    fn add(
        &mut self,
        (line, input): (&str, &str),
        client_id: &str,
        [field, ours, theirs]: [&str; 3],
    ) -> io::Result<()> {
        let mut record = vec![line, client_id, field, ours, theirs];
        if self.several {
            record.push(input);
        }
        self.lines += 1;
        Ok(self.writer.write_record(record)?)
    }

    /// The complete file.
    pub(super) fn finish(self) -> io::Result<PendingFile> {
        let finished = self.writer.into_inner();
        let mut file = finished.map_err(csv::IntoInnerError::into_error)?;
        file.rows = self.lines;
        Ok(file)
    }
}
