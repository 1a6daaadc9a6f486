//! Detects the encoding of a text: UTF-8, which is read as it is, or another one,
//! which is converted first.
//!
//! A byte-order mark decides, then the user, then the bytes. Only as much is read as
//! a decision needs: of a file in UTF-8 with any letter beyond ASCII in its first
//! 64 KiB nothing more.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};

use chardetng::{EncodingDetector, Iso2022JpDetection, Utf8Detection};
use encoding_rs::{Encoding, MACINTOSH, UTF_8, UTF_16BE, UTF_16LE};

use super::sniff::UTF8_MARK;
use super::word_sense::senseless_letters;

/// How many bytes an encoding is guessed from.
const EVIDENCE: u64 = 1 << 20;

/// How many bytes before the first one beyond ASCII belong to the evidence.
const BEFORE: u64 = 1 << 10;

/// From so many bytes beyond ASCII, a guess is likely to be right.
const LIKELY_FROM: usize = 12;

/// If one letter beyond ASCII in so many makes no sense where it stands, another encoding is
/// tried.
const SENSELESS: usize = 5;

/// If one in so many makes none, a guess is not likely to be right.
const SENSE: usize = 50;

/// How an encoding is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::source) enum EncodingSource {
    /// By the user.
    Given,
    /// By a byte-order mark.
    Mark,
    /// By the zero bytes of UTF-16.
    Zeros,
    /// By the letters, of which there are enough.
    Likely,
    /// By the letters, of which there are few.
    Guess,
}

/// The encoding of a text that is not UTF-8.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::source) struct TextEncoding {
    /// The encoding.
    pub(in crate::source) encoding: &'static Encoding,
    /// How it is known.
    pub(in crate::source) source: EncodingSource,
    /// A word with a letter beyond ASCII, from which a person sees whether the
    /// encoding is right.
    pub(in crate::source) word: String,
}

impl TextEncoding {
    /// Detects the encoding of `file`, which begins with `start`; `None` for UTF-8.
    pub(in crate::source) fn detect(
        file: &mut File,
        start: &[u8],
        given: Option<&'static Encoding>,
    ) -> io::Result<Option<Self>> {
        let known = |encoding, source| {
            Ok(Some(Self {
                encoding,
                source,
                word: String::new(),
            }))
        };
        if start.starts_with(UTF8_MARK) {
            return Ok(None);
        }
        if let Some(encoding) = marked(start) {
            return known(encoding, EncodingSource::Mark);
        }
        let zeros = utf16_by_zeros(start);
        match given {
            Some(given) if given == UTF_8 => return Ok(None),
            // "utf-16" says nothing about the order of bytes.
            Some(given) if given == UTF_16LE => {
                return known(zeros.unwrap_or(given), EncodingSource::Given);
            }
            Some(given) => return known(given, EncodingSource::Given),
            None => {}
        }
        if let Some(encoding) = zeros {
            return known(encoding, EncodingSource::Zeros);
        }
        let Some(first) = beyond_ascii(file, start)? else {
            return Ok(None);
        };
        if first < start.len() as u64 && is_utf8(start) {
            return Ok(None);
        }
        file.seek(SeekFrom::Start(first.saturating_sub(BEFORE)))?;
        let mut evidence = Vec::new();
        file.take(EVIDENCE).read_to_end(&mut evidence)?;
        Ok((!is_utf8(&evidence)).then(|| Self::guess(&evidence)))
    }

    /// Guesses an encoding from letters.
    fn guess(evidence: &[u8]) -> Self {
        let mut detector = EncodingDetector::new(Iso2022JpDetection::Deny);
        detector.feed(evidence, false);
        let encoding = detector.guess(None, Utf8Detection::Deny);
        let many = evidence.iter().filter(|byte| !byte.is_ascii()).count();
        let (mut text, _) = encoding.decode_without_bom_handling(evidence);
        let (mut encoding, mut senseless) = (encoding, senseless_letters(&text));
        // The detector does not know the encoding of old Macs.
        if encoding.is_single_byte() && senseless > 0 && senseless * SENSELESS >= many {
            let (as_mac, _) = MACINTOSH.decode_without_bom_handling(evidence);
            let senseless_as_mac = senseless_letters(&as_mac);
            if senseless_as_mac * 4 < senseless {
                (encoding, text, senseless) = (MACINTOSH, as_mac, senseless_as_mac);
            }
        }
        let spoilt = |letter: char| letter == '\u{fffd}' || ('\u{80}'..'\u{a0}').contains(&letter);
        let makes_sense = senseless * SENSE < many && !text.contains(spoilt);
        let is_likely = many >= LIKELY_FROM && makes_sense;
        Self {
            encoding,
            source: if is_likely {
                EncodingSource::Likely
            } else {
                EncodingSource::Guess
            },
            word: word_of(&text),
        }
    }

    /// Its name, as it is shown.
    pub(in crate::source) fn name(&self) -> String {
        shown_name(self.encoding)
    }

    /// What was detected, and how sure that is.
    pub(in crate::source) fn described(&self) -> String {
        let name = self.name();
        let word = match self.word.as_str() {
            "" => String::new(),
            word => format!(", with words such as {word}"),
        };
        match self.source {
            EncodingSource::Given => format!("read as {name}, as --encoding says"),
            EncodingSource::Mark => format!("read as {name}, as its byte-order mark says"),
            EncodingSource::Zeros => {
                format!("read as {name}, as its zero bytes show; it has no byte-order mark")
            }
            EncodingSource::Likely => {
                format!("read as {name} (likely{word}; say --encoding NAME if names look wrong)")
            }
            EncodingSource::Guess => {
                format!("read as {name} (a guess{word}; say --encoding NAME if names look wrong)")
            }
        }
    }
}

/// The encoding that a byte-order mark names, UTF-8 aside.
fn marked(start: &[u8]) -> Option<&'static Encoding> {
    match start {
        // UTF-32.
        [0xff, 0xfe, 0, 0, ..] => None,
        [0xff, 0xfe, ..] => Some(UTF_16LE),
        [0xfe, 0xff, ..] => Some(UTF_16BE),
        _ => None,
    }
}

/// Whether `start` begins with the byte-order mark of UTF-16.
pub(in crate::source) fn is_utf16(start: &[u8]) -> bool {
    marked(start).is_some() || utf16_by_zeros(start).is_some()
}

/// UTF-16 without a byte-order mark: every other byte of a text in ASCII is zero,
/// and most of every table or JSON is ASCII.
fn utf16_by_zeros(start: &[u8]) -> Option<&'static Encoding> {
    let (pairs, _) = start.as_chunks::<2>();
    let zeros = |of: fn(&[u8; 2]) -> u8| pairs.iter().filter(|pair| of(pair) == 0).count();
    let (first, second) = (zeros(|pair| pair[0]), zeros(|pair| pair[1]));
    let (most, few) = (pairs.len() / 2, pairs.len() / 20);
    if pairs.len() < 2 {
        None
    } else if second > most && first <= few {
        Some(UTF_16LE)
    } else if first > most && second <= few {
        Some(UTF_16BE)
    } else {
        None
    }
}

/// Where the first byte beyond ASCII is; `None` if there is none.
fn beyond_ascii(file: &mut File, start: &[u8]) -> io::Result<Option<u64>> {
    let in_piece = |piece: &[u8]| {
        let ascii = Encoding::ascii_valid_up_to(piece);
        (ascii < piece.len()).then_some(ascii as u64)
    };
    if let Some(place) = in_piece(start) {
        return Ok(Some(place));
    }
    let mut at = start.len() as u64;
    file.seek(SeekFrom::Start(at))?;
    let mut piece = vec![0; 256 << 10];
    loop {
        let read = match file.read(&mut piece) {
            Ok(0) => return Ok(None),
            Ok(read) => read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        if let Some(place) = in_piece(piece.split_at(read).0) {
            return Ok(Some(at + place));
        }
        at += read as u64;
    }
}

/// Whether at least as many letters beyond ASCII are UTF-8 as are not: in another encoding
/// two letters hardly ever are one of UTF-8, while a row pasted from elsewhere may spoil a
/// file in UTF-8.
fn is_utf8(bytes: &[u8]) -> bool {
    let (mut valid, mut invalid) = (0_usize, 0_usize);
    let mut chunks = bytes.utf8_chunks().peekable();
    while let Some(chunk) = chunks.next() {
        valid += chunk
            .valid()
            .chars()
            .filter(|letter| !letter.is_ascii())
            .count();
        // The last letter may be cut off.
        let is_cut = chunks.peek().is_none() && chunk.invalid().len() < 4;
        let is_whole = chunk.invalid().is_empty() || (is_cut && valid > 0);
        invalid += usize::from(!is_whole);
    }
    valid > 0 && valid >= invalid
}

/// The first word with a letter beyond ASCII.
fn word_of(text: &str) -> String {
    const LONGEST: usize = 20;
    let is_telling = |word: &&str| {
        word.contains(|letter: char| !letter.is_ascii()) && word.chars().count() <= LONGEST
    };
    let mut words = text.split(|letter: char| !letter.is_alphabetic());
    words.find(is_telling).unwrap_or_default().to_owned()
}

/// The name of `encoding`, as it is shown.
pub(in crate::source) fn shown_name(encoding: &'static Encoding) -> String {
    let name = encoding.name();
    match name.strip_prefix("windows-") {
        Some(number) => format!("Windows-{number}"),
        None => name.to_owned(),
    }
}

#[cfg(test)]
#[path = "text_encoding_tests.rs"]
mod tests;
