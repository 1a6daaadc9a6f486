//! The files in a ZIP archive (APPNOTE.TXT 6.3): their checksums, and limits on their
//! sizes.
//!
//! What is not a sheet is held in memory while a workbook is read, and so is the
//! longest text between two tags. Sizes in the archive's directory may be wrong, and
//! a sheet is not read to the end of its file, where its checksum is compared: so
//! each file is unpacked once before any is used.

use std::fs::File;
use std::io::{self, BufReader, Read, Seek, SeekFrom};
use std::path::Path;

use flate2::Crc;
use flate2::read::DeflateDecoder;
use memchr::memmem;

use super::error::WorkbookError;
use super::ods_size::ensure_small;
use super::shared_strings::StringCount;

/// The largest file of an archive that is held in memory.
const MOST_IN_MEMORY: u64 = 256 << 20;

/// The longest text between two tags: a cell has at most 32,767 characters.
const LONGEST_TEXT: usize = 8 << 20;

/// The largest directory of an archive.
const LARGEST_DIRECTORY: u64 = 16 << 20;

/// A file in an archive.
#[derive(Debug)]
struct ArchivedFile {
    name: String,
    compressed: u64,
    checksum: u32,
    /// The offset of its local header.
    offset: u64,
}

/// The files in a ZIP archive.
#[derive(Debug)]
pub(super) struct Archive(Vec<ArchivedFile>);

impl Archive {
    /// Reads the directory of `file`; `None` if it has none.
    pub(super) fn open(file: &mut File) -> io::Result<Option<Self>> {
        let Some(directory) = directory(file)? else {
            return Ok(None);
        };
        let mut rest = directory.as_slice();
        let mut files = Vec::new();
        while let Some((found, behind)) = archived_file(rest) {
            files.push(found);
            rest = behind;
        }
        Ok(Some(Self(files)))
    }

    /// Whether it has a file with this name.
    pub(super) fn has(&self, name: &str) -> bool {
        self.0.iter().any(|file| file.name == name)
    }

    /// The content of the file `name`; nothing if there is none.
    pub(super) fn content<'f>(
        &self,
        name: &str,
        file: &'f mut File,
    ) -> Result<Box<dyn Read + 'f>, WorkbookError> {
        match self.0.iter().find(|archived| archived.name == name) {
            Some(archived) => archived.content(file),
            None => Ok(Box::new(io::empty())),
        }
    }

    /// An error if a file of the workbook is damaged or would need too much memory.
    /// Returns whether the sheets of an XLSX may have formulas.
    pub(super) fn ensure_sound(&self, file: &mut File) -> Result<bool, WorkbookError> {
        let mut has_formulas = false;
        let is_read = |name: &str| {
            let folders = ["xl/media/", "xl/drawings/", "xl/embeddings/", "Thumbnails/"];
            let is_other = folders.iter().any(|folder| name.starts_with(folder));
            !is_other && is_ending(name, &["xml", "rels", "bin"])
        };
        for archived in self.0.iter().filter(|archived| is_read(&archived.name)) {
            let is_sheet = archived.name.starts_with("xl/worksheets/");
            let most = if is_sheet { u64::MAX } else { MOST_IN_MEMORY };
            has_formulas |= archived.ensure_sound(file, most)?;
        }
        Ok(has_formulas)
    }
}

impl ArchivedFile {
    /// An error if its checksum is wrong, if it is larger than `most`, or if it has a
    /// text that is too long. Returns whether it may have formulas.
    fn ensure_sound(&self, file: &mut File, most: u64) -> Result<bool, WorkbookError> {
        let mut limits = Limits {
            most,
            is_xml: !is_ending(&self.name, &["bin"]),
            strings: StringCount::of_file(&self.name),
            formulas: FormulaSearch::default(),
        };
        if checksum(self.content(file)?, &mut limits)? != self.checksum {
            return Err(WorkbookError::damaged(format!(
                "the checksum of {} is wrong",
                self.name
            )));
        }
        if self.name == "content.xml" {
            ensure_small(BufReader::new(self.content(file)?))?;
        }
        Ok(limits.formulas.is_found)
    }

    /// Its content, unpacked.
    fn content<'f>(&self, file: &'f mut File) -> Result<Box<dyn Read + 'f>, WorkbookError> {
        let mut header = [0; 30];
        file.seek(SeekFrom::Start(self.offset))
            .and_then(|_| file.read_exact(&mut header))
            .map_err(WorkbookError::damaged)?;
        let names = u64::from(number(&header, 26, 2)) + u64::from(number(&header, 28, 2));
        file.seek(SeekFrom::Start(self.offset + 30 + names))
            .map_err(WorkbookError::Read)?;
        let stored = file.take(self.compressed);
        let is_packed = number(&header, 8, 2) == 8;
        Ok(if is_packed {
            Box::new(DeflateDecoder::new(stored))
        } else {
            Box::new(stored)
        })
    }
}

fn is_ending(name: &str, endings: &[&str]) -> bool {
    let ending = Path::new(name).extension().unwrap_or_default();
    endings
        .iter()
        .any(|known| ending.eq_ignore_ascii_case(known))
}

/// Finds the end of a formula's tag: `<f>`, `</x:f>`.
#[derive(Default)]
struct FormulaSearch {
    is_found: bool,
    /// Whether what was read ends in its letter.
    ends_in_letter: bool,
}

impl FormulaSearch {
    fn read(&mut self, piece: &[u8]) {
        self.is_found |=
            memmem::find(piece, b"f>").is_some() || self.ends_in_letter && piece.starts_with(b">");
        self.ends_in_letter = piece.ends_with(b"f");
    }
}

/// What a file may hold, and what it holds.
struct Limits {
    /// The most bytes.
    most: u64,
    is_xml: bool,
    strings: Option<StringCount>,
    formulas: FormulaSearch,
}

/// The checksum of `text`; an error if it is beyond its limits.
fn checksum(mut text: impl Read, limits: &mut Limits) -> Result<u32, WorkbookError> {
    let (mut checksum, mut size, mut since_tag) = (Crc::new(), 0_u64, 0_usize);
    let mut piece = vec![0; 128 << 10];
    loop {
        let read = match text.read(&mut piece) {
            Ok(0) => break,
            Ok(read) => read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(WorkbookError::damaged(error)),
        };
        let (read, _) = piece.split_at(read);
        checksum.update(read);
        limits.formulas.read(read);
        if let Some(strings) = &mut limits.strings {
            strings.read(read);
        }
        size += read.len() as u64;
        since_tag = match memchr::memrchr(b'<', read) {
            Some(last) => read.len() - last,
            None => since_tag + read.len(),
        };
        if size > limits.most || (limits.is_xml && since_tag > LONGEST_TEXT) {
            return Err(WorkbookError::Refused {
                why: "is a workbook too large to be read: it would need too much memory".to_owned(),
                hint: "save the sheet as CSV and name that file",
            });
        }
    }
    if limits
        .strings
        .as_ref()
        .is_some_and(|strings| strings.most > size)
    {
        return Err(WorkbookError::damaged(
            "it says that it has more strings than it has",
        ));
    }
    Ok(checksum.sum())
}

/// The directory's bytes.
fn directory(file: &mut File) -> io::Result<Option<Vec<u8>>> {
    const END: usize = 22;
    let size = file.seek(SeekFrom::End(0))?;
    // A comment of up to 64 KiB may follow the end of the directory.
    let from = size.saturating_sub(END as u64 + (64 << 10));
    file.seek(SeekFrom::Start(from))?;
    let mut tail = Vec::new();
    file.take(size - from).read_to_end(&mut tail)?;
    let Some(place) = memmem::rfind(&tail, b"PK\x05\x06") else {
        return Ok(None);
    };
    let (before, end) = tail.split_at(place);
    let (mut length, mut offset) = (u64::from(number(end, 12, 4)), u64::from(number(end, 16, 4)));
    let locator = before.len().checked_sub(20).and_then(|at| before.get(at..));
    if let Some(locator) = locator.filter(|locator| locator.starts_with(b"PK\x06\x07")) {
        let mut wide = [0; 56];
        file.seek(SeekFrom::Start(wide_number(locator, 8)))?;
        if file.read_exact(&mut wide).is_err() {
            return Ok(None);
        }
        (length, offset) = (wide_number(&wide, 40), wide_number(&wide, 48));
    }
    if length > LARGEST_DIRECTORY || offset.saturating_add(length) > size {
        return Ok(None);
    }
    file.seek(SeekFrom::Start(offset))?;
    let mut directory = Vec::new();
    file.take(length).read_to_end(&mut directory)?;
    Ok(Some(directory))
}

/// The file at the start of a directory, and the rest of the directory.
fn archived_file(directory: &[u8]) -> Option<(ArchivedFile, &[u8])> {
    const HEADER: usize = 46;
    if !directory.starts_with(b"PK\x01\x02") {
        return None;
    }
    let (header, rest) = directory.split_at_checked(HEADER)?;
    let length = |at| number(header, at, 2) as usize;
    let (name, rest) = rest.split_at_checked(length(28))?;
    let (extra, rest) = rest.split_at_checked(length(30))?;
    let (_comment, rest) = rest.split_at_checked(length(32))?;
    let mut wide = wide_numbers(extra).into_iter();
    let mut widened = |at| match number(header, at, 4) {
        u32::MAX => wide.next().unwrap_or(u64::MAX),
        narrow => u64::from(narrow),
    };
    // In the extra field's order: the size, the compressed size, the offset.
    let (_size, compressed, offset) = (widened(24), widened(20), widened(42));
    let file = ArchivedFile {
        name: String::from_utf8_lossy(name).into_owned(),
        compressed,
        checksum: number(header, 16, 4),
        offset,
    };
    Some((file, rest))
}

/// The numbers that do not fit into 32 bits, from a header's extra field.
fn wide_numbers(extra: &[u8]) -> Vec<u64> {
    const ZIP64: u32 = 1;
    let mut rest = extra;
    while let Some((head, behind)) = rest.split_at_checked(4) {
        let Some((data, next)) = behind.split_at_checked(number(head, 2, 2) as usize) else {
            break;
        };
        if number(head, 0, 2) == ZIP64 {
            let (numbers, _) = data.as_chunks::<8>();
            return numbers
                .iter()
                .map(|bytes| u64::from_le_bytes(*bytes))
                .collect();
        }
        rest = next;
    }
    Vec::new()
}

/// The little-endian number of `size` bytes at `at`; missing bytes are zero.
fn number(bytes: &[u8], at: usize, size: usize) -> u32 {
    let digits = bytes.iter().skip(at).take(size).rev();
    digits.fold(0, |number, byte| number << 8 | u32::from(*byte))
}

fn wide_number(bytes: &[u8], at: usize) -> u64 {
    u64::from(number(bytes, at + 4, 4)) << 32 | u64::from(number(bytes, at, 4))
}

#[cfg(test)]
mod tests {
    use super::{FormulaSearch, Limits, StringCount, checksum};

    fn is_sound(text: &str) -> bool {
        let mut limits = Limits {
            most: u64::MAX,
            is_xml: true,
            strings: StringCount::of_file("xl/sharedStrings.xml"),
            formulas: FormulaSearch::default(),
        };
        checksum(text.as_bytes(), &mut limits).is_ok()
    }

    /// The library would make room for them, and the process would end there.
    #[test]
    fn more_strings_than_the_file_can_have_are_an_error() {
        assert!(is_sound("<sst uniqueCount=\"2\"><si/><si/></sst>"));
        assert!(is_sound("<sst><si/></sst>"));
        assert!(!is_sound("<sst uniqueCount=\"99999999999999\"><si/></sst>"));
    }

    #[test]
    fn formulas_are_found_in_pieces_of_any_size() {
        for (text, is_found) in [
            ("<c><f>A1</f></c>", true),
            ("<x:c><x:f t=\"shared\">A1</x:f></x:c>", true),
            ("<c><v>1</v></c><if/> f >", false),
        ] {
            for piece in 1..text.len() {
                let mut search = FormulaSearch::default();
                text.as_bytes()
                    .chunks(piece)
                    .for_each(|piece| search.read(piece));
                assert_eq!(search.is_found, is_found, "{text}");
            }
        }
    }
}
