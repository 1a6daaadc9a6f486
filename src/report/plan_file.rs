//! A saved plan: a header, and a line of JSON for each customer that something is sent for.

use std::fs::File;
use std::io::{self, BufRead, BufReader, BufWriter, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use ring::digest::{Context, SHA256};
use serde::{Deserialize, Serialize};

use super::atomic_file::sync_folder;
use crate::domain::hex::hex;
use crate::domain::saved_plan::PlannedCustomer;
use crate::domain::summary::{InputDigest, TargetAccount};

/// The version of the format.
const FORMAT: u32 = 1;

/// How every plan starts.
const START: &[u8] = b"{\"kable_bulk_plan\":";

/// The longest header that is read, in bytes: that of many thousand inputs.
const LONGEST_HEADER: u64 = 64 << 20;

/// Why a plan can't be written or read.
#[derive(Debug, thiserror::Error)]
pub enum PlanFileError {
    /// A file that a user may need.
    #[error("there is a file that is no plan of kable-bulk")]
    Foreign,
    /// A folder, a device, a pipe.
    #[error("it is no regular file")]
    NotRegular,
    /// Something else was named.
    #[error("it is no plan of kable-bulk")]
    NoPlan,
    /// Another version wrote it.
    #[error("it is a plan of format {0}, and this version reads format {FORMAT}")]
    Version(u32),
    /// It was cut off or edited.
    #[error("it is not as it was written: it was edited or cut off")]
    Altered,
    /// The disk or its permissions.
    #[error(transparent)]
    Io(#[from] io::Error),
}

/// The state that was known when a plan was made.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct KnownState {
    /// How many customers Kable held.
    pub customers_at_kable: u64,
    /// The checkpoint.
    pub checkpoint: String,
    /// How many claims it held.
    pub claims: u64,
}

/// What a plan says beside the customers: its first line.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct PlanHeader {
    /// The version of the format.
    pub kable_bulk_plan: u32,
    /// The version of the program.
    pub version: String,
    /// The command that is applied, as it is typed into a shell.
    pub command: String,
    /// The folder that its paths start from.
    pub folder: String,
    /// When it was made (RFC 3339, UTC).
    pub made: String,
    /// The account.
    pub target: TargetAccount,
    /// What identifies the inputs.
    pub inputs: Vec<InputDigest>,
    /// SHA-256 of which column feeds which field.
    pub mapping: String,
    /// What was known.
    pub known: KnownState,
    /// What is done besides.
    pub side_effects: Vec<String>,
    /// What is done, counted.
    pub would: serde_json::Value,
    /// How many lines follow.
    pub lines: u64,
    /// SHA-256 of those lines, and of this one after them without this value.
    pub sha256: String,
}

impl PlanHeader {
    /// The digest of a plan with this header and the lines that `digest` has.
    fn seal(&self, mut digest: DigestWriter) -> io::Result<String> {
        let open = Self {
            sha256: String::new(),
            ..self.clone()
        };
        serde_json::to_writer(&mut digest, &open)?;
        digest.write_all(b"\n")?;
        Ok(digest.hex())
    }
}

/// A plan while it is made.
#[derive(Debug)]
pub struct PlanDraft {
    place: PathBuf,
    lines: BufWriter<File>,
    many: u64,
    digest: DigestWriter,
}

impl PlanDraft {
    /// A plan that will stand at `place`. A file there that is none is not replaced.
    pub fn begin(place: PathBuf) -> Result<Self, PlanFileError> {
        match std::fs::metadata(&place) {
            // Neither is a device replaced, nor is a pipe waited for.
            Ok(found) if !found.is_file() => return Err(PlanFileError::NotRegular),
            Ok(_) => {
                let mut start = Vec::new();
                File::open(&place)?
                    .take(START.len() as u64)
                    .read_to_end(&mut start)?;
                if !start.is_empty() && start != START {
                    return Err(PlanFileError::Foreign);
                }
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error.into()),
        }
        Ok(Self {
            lines: BufWriter::new(tempfile::tempfile_in(folder_of(&place))?),
            place,
            many: 0,
            digest: DigestWriter(Context::new(&SHA256)),
        })
    }

    /// Adds a customer.
    pub fn add(&mut self, planned: &PlannedCustomer) -> io::Result<()> {
        let mut line = serde_json::to_vec(planned)?;
        line.push(b'\n');
        self.digest.write_all(&line)?;
        self.many += 1;
        self.lines.write_all(&line)
    }

    /// Writes the plan, whole or not at all.
    pub fn finish(self, header: PlanHeader) -> io::Result<PathBuf> {
        let mut header = PlanHeader {
            kable_bulk_plan: FORMAT,
            lines: self.many,
            ..header
        };
        header.sha256 = header.seal(self.digest)?;
        let lines = self.lines.into_inner();
        let mut lines = lines.map_err(io::IntoInnerError::into_error)?;
        lines.rewind()?;
        let file = tempfile::NamedTempFile::new_in(folder_of(&self.place))?;
        let mut writer = BufWriter::new(file);
        serde_json::to_writer(&mut writer, &header)?;
        writer.write_all(b"\n")?;
        io::copy(&mut lines, &mut writer)?;
        let file = writer
            .into_inner()
            .map_err(io::IntoInnerError::into_error)?;
        file.as_file().sync_all()?;
        file.persist(&self.place).map_err(|error| error.error)?;
        sync_folder(&self.place);
        Ok(self.place)
    }
}

fn folder_of(place: &Path) -> &Path {
    match place.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        Some(_) | None => Path::new("."),
    }
}

/// Digests what is written to it.
struct DigestWriter(Context);

impl std::fmt::Debug for DigestWriter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("DigestWriter").finish_non_exhaustive()
    }
}

impl DigestWriter {
    fn hex(self) -> String {
        hex(self.0.finish().as_ref())
    }
}

impl Write for DigestWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.update(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// SHA-256 of `text`, in hexadecimal digits.
pub fn sha256_of(text: &str) -> String {
    let mut digest = DigestWriter(Context::new(&SHA256));
    // Nothing is written to a disk.
    digest.write_all(text.as_bytes()).ok();
    digest.hex()
}

/// A plan that was saved.
#[derive(Debug)]
pub struct SavedPlan {
    /// Where it stands.
    pub place: PathBuf,
    /// Its first line.
    pub header: PlanHeader,
    lines: BufReader<File>,
    /// Where its second line begins.
    start: u64,
}

impl SavedPlan {
    /// Opens the plan at `place`, and makes sure that it is as it was written.
    pub fn open(place: PathBuf) -> Result<Self, PlanFileError> {
        if !std::fs::metadata(&place)?.is_file() {
            return Err(PlanFileError::NotRegular);
        }
        let mut lines = BufReader::new(File::open(&place)?);
        let mut first = Vec::new();
        let mut start = Read::by_ref(&mut lines).take(LONGEST_HEADER);
        start.read_until(b'\n', &mut first)?;
        if !first.starts_with(START) {
            return Err(PlanFileError::NoPlan);
        }
        let version = serde_json::from_slice::<FormatVersion>(&first);
        match version.map(|version| version.kable_bulk_plan) {
            Ok(FORMAT) => {}
            Ok(other) => return Err(PlanFileError::Version(other)),
            Err(_) => return Err(PlanFileError::Altered),
        }
        let header: PlanHeader =
            serde_json::from_slice(&first).map_err(|_error| PlanFileError::Altered)?;
        let mut digest = DigestWriter(Context::new(&SHA256));
        io::copy(&mut lines, &mut digest)?;
        if header.seal(digest)? != header.sha256 {
            return Err(PlanFileError::Altered);
        }
        let start = first.len() as u64;
        lines.seek(SeekFrom::Start(start))?;
        Ok(Self {
            place,
            header,
            lines,
            start,
        })
    }

    /// Begins with the first customer again.
    pub fn rewind(&mut self) -> io::Result<()> {
        self.lines.seek(SeekFrom::Start(self.start)).map(|_| ())
    }

    /// The next customer; `None` at the end.
    pub fn read_next(&mut self) -> io::Result<Option<PlannedCustomer>> {
        let mut line = String::new();
        if self.lines.read_line(&mut line)? == 0 {
            return Ok(None);
        }
        Ok(Some(serde_json::from_str(&line)?))
    }
}

/// What is read of a plan of any version.
#[derive(Deserialize)]
struct FormatVersion {
    kable_bulk_plan: u32,
}

#[cfg(test)]
mod tests {
    use super::{PlanDraft, PlanFileError, PlanHeader, SavedPlan};
    use crate::domain::saved_plan::{CustomerAction, PlannedCustomer};

    #[test]
    fn a_plan_is_read_back_as_it_was_written() {
        let folder = tempfile::tempdir().unwrap();
        let place = folder.path().join("plan.jsonl");
        let planned = |id: &str| PlannedCustomer::new(CustomerAction::Create, id.to_owned());
        // Also over an earlier one.
        for ids in [&["c-1"][..], &["c-1", "c-2"]] {
            let mut draft = PlanDraft::begin(place.clone()).unwrap();
            for id in ids {
                draft.add(&planned(id)).unwrap();
            }
            let header = PlanHeader {
                command: "kable-bulk import in.csv".to_owned(),
                ..PlanHeader::default()
            };
            draft.finish(header).unwrap();
            let mut saved = SavedPlan::open(place.clone()).unwrap();
            assert_eq!(saved.header.lines, ids.len() as u64);
            for id in ids {
                assert_eq!(saved.read_next().unwrap(), Some(planned(id)));
            }
            assert_eq!(saved.read_next().unwrap(), None);
        }
    }

    #[test]
    fn what_is_no_plan_any_more_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let place = folder.path().join("plan.jsonl");
        let mut draft = PlanDraft::begin(place.clone()).unwrap();
        let planned = PlannedCustomer::new(CustomerAction::Create, "c-1".to_owned());
        draft.add(&planned).unwrap();
        draft.finish(PlanHeader::default()).unwrap();
        let text = std::fs::read_to_string(&place).unwrap();
        let (header, lines) = text.split_once('\n').unwrap();
        let reads = |text: &str| {
            std::fs::write(&place, text).unwrap();
            SavedPlan::open(place.clone()).map(|_| ())
        };
        assert!(reads(&text).is_ok());
        for altered in [
            format!("{header}\n"),
            format!("{header}\n{}", lines.replace("c-1", "c-2")),
            format!("{header}\n{lines}{lines}"),
            format!("{}\n{lines}", header.replace("\"lines\":1", "\"lines\":2")),
            header.chars().take(40).collect(),
        ] {
            assert!(
                matches!(reads(&altered), Err(PlanFileError::Altered)),
                "{altered}"
            );
        }
        let newer = text.replace("\"kable_bulk_plan\":1", "\"kable_bulk_plan\":2");
        assert!(matches!(reads(&newer), Err(PlanFileError::Version(2))));
        assert!(matches!(reads("clientId\n"), Err(PlanFileError::NoPlan)));
        // What a user made is not replaced.
        let begun = PlanDraft::begin(place.clone());
        assert!(matches!(begun, Err(PlanFileError::Foreign)));
    }

    #[test]
    fn a_plan_is_a_regular_file() {
        let folder = tempfile::tempdir().unwrap();
        let device = std::path::PathBuf::from("/dev/full");
        for place in [folder.path().to_path_buf(), device] {
            let begun = PlanDraft::begin(place.clone());
            assert!(matches!(begun, Err(PlanFileError::NotRegular)), "{begun:?}");
            let opened = SavedPlan::open(place);
            assert!(matches!(opened, Err(PlanFileError::NotRegular)));
        }
    }

    #[test]
    fn a_plan_of_many_inputs_is_read() {
        let folder = tempfile::tempdir().unwrap();
        let place = folder.path().join("plan.jsonl");
        let header = PlanHeader {
            command: "x".repeat(3 << 20),
            ..PlanHeader::default()
        };
        let draft = PlanDraft::begin(place.clone()).unwrap();
        draft.finish(header).unwrap();
        assert_eq!(
            SavedPlan::open(place).unwrap().header.command.len(),
            3 << 20
        );
    }
}
