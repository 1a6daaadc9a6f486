//! Converts text to UTF-8 as a stream.
//!
//! Lines stay lines. What cannot be decoded becomes a byte that UTF-8 never has, so
//! that it is the problem of one row, as a broken byte of a file in UTF-8 is.

use std::io::{self, Read, Write};

use encoding_rs::{DecoderResult, Encoding};

/// Stands in the place of bytes that cannot be decoded.
const BROKEN: u8 = 0xff;

/// The size of reads.
const PIECE: usize = 64 << 10;

/// Where a conversion failed.
#[derive(Debug)]
pub(in crate::source) enum DecodeError {
    /// The text cannot be read.
    Read(io::Error),
    /// The converted text cannot be written.
    Write(io::Error),
}

/// Converts `from`, which is in `encoding`, to UTF-8 without a byte-order mark.
pub(in crate::source) fn decode(
    encoding: &'static Encoding,
    mut from: impl Read,
    into: &mut impl Write,
) -> Result<(), DecodeError> {
    let mut decoder = encoding.new_decoder_with_bom_removal();
    let (mut piece, mut text) = (vec![0; PIECE], vec![0; 4 * PIECE]);
    loop {
        let read = match from.read(&mut piece) {
            Ok(read) => read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(DecodeError::Read(error)),
        };
        let is_last = read == 0;
        let (mut rest, _) = piece.split_at(read);
        loop {
            let (result, taken, written) =
                decoder.decode_to_utf8_without_replacement(rest, &mut text, is_last);
            rest = rest.split_at(taken).1;
            let (written, _) = text.split_at(written);
            into.write_all(written).map_err(DecodeError::Write)?;
            match result {
                DecoderResult::InputEmpty => break,
                DecoderResult::OutputFull => {}
                DecoderResult::Malformed(..) => {
                    into.write_all(&[BROKEN]).map_err(DecodeError::Write)?;
                }
            }
        }
        if is_last {
            return Ok(());
        }
    }
}

#[cfg(test)]
mod tests {
    use encoding_rs::{EUC_KR, Encoding, GBK, SHIFT_JIS, UTF_16BE, UTF_16LE, WINDOWS_1252};
    use proptest::prelude::*;

    use super::decode;
    use crate::source::bytes::line_ends::line_ends;

    fn decoded(encoding: &'static Encoding, bytes: &[u8]) -> Vec<u8> {
        let mut text = Vec::new();
        decode(encoding, bytes, &mut text).unwrap();
        text
    }

    #[test]
    fn text_is_converted_and_marks_are_removed() {
        assert_eq!(
            decoded(WINDOWS_1252, b"Stra\xdfe \x80\n"),
            "Straße €\n".as_bytes()
        );
        assert_eq!(decoded(UTF_16LE, b"\xff\xfea\0\r\0\n\0"), b"a\r\n");
        assert_eq!(decoded(UTF_16BE, b"\0a\0\n"), b"a\n");
    }

    #[test]
    fn broken_bytes_break_their_line_only() {
        assert_eq!(decoded(SHIFT_JIS, b"a\x81\nb\n"), b"a\xff\nb\n");
        assert_eq!(decoded(UTF_16LE, b"a\0\x00\xd8\n\0b\0\n"), b"a\xff\nb\xff");
    }

    proptest! {
        #[test]
        fn the_number_of_lines_stays(bytes in prop::collection::vec(prop_oneof![
            any::<u8>(), Just(b'\n'), Just(b'\r')
        ], 0..200)) {
            // In encodings that keep ASCII, whatever surrounds it.
            for encoding in [WINDOWS_1252, SHIFT_JIS, GBK, EUC_KR] {
                prop_assert_eq!(line_ends(&decoded(encoding, &bytes), false), line_ends(&bytes, false));
            }
        }
    }
}
