//! JSON texts with a record separator before each (RFC 7464).

use std::io::{self, Read};

use crate::source::bytes::sniff::UTF8_MARK;

/// The record separator.
const SEPARATOR: u8 = 0x1e;

/// Whether a text that begins with `start` is such a sequence.
pub(in crate::source) fn is_sequence(start: &[u8]) -> bool {
    let start = start.strip_prefix(UTF8_MARK).unwrap_or(start);
    let first = start.trim_ascii_start().strip_prefix(&[SEPARATOR]);
    first.is_some_and(|text| matches!(text.trim_ascii_start().first(), Some(b'{' | b'[')))
}

/// What `R` yields, with blanks for record separators: in JSON they stand between texts
/// only (RFC 8259 §7).
pub(in crate::source) struct WithoutSeparators<R>(pub(in crate::source) R);

impl<R: Read> Read for WithoutSeparators<R> {
    fn read(&mut self, piece: &mut [u8]) -> io::Result<usize> {
        let read = self.0.read(piece)?;
        for byte in piece.iter_mut().take(read) {
            if *byte == SEPARATOR {
                *byte = b' ';
            }
        }
        Ok(read)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use super::{WithoutSeparators, is_sequence};

    #[test]
    fn a_sequence_begins_with_a_separator_before_json() {
        for text in [
            "\u{1e}{\"a\":1}\n\u{1e}{}",
            "\u{feff}\u{1e} {}",
            "\n\u{1e}\n[1]",
        ] {
            assert!(is_sequence(text.as_bytes()), "{text}");
        }
        for text in ["{}\n", "", "\u{1e}", "\u{1e}clientId\u{1f}companyName"] {
            assert!(!is_sequence(text.as_bytes()), "{text}");
        }
    }

    #[test]
    fn blanks_stand_for_separators() {
        let mut text = String::new();
        let mut from = WithoutSeparators(&b"\x1e{}\n\x1e{}"[..]);
        from.read_to_string(&mut text).unwrap();
        assert_eq!(text, " {}\n {}");
    }
}
