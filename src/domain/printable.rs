//! Whether text needs a look at its characters.
//!
//! Every row goes through this, so that only few values are looked at closely.

use std::ops::Range;

/// Whether certainly no byte of `text` is part of a control character, of an invisible
/// one, of U+FFFD, of text that was decoded with the wrong encoding, of a word with a
/// question mark in it, or of markup such as `&amp;`, `<br>`, `%20` and `\u00fc`. Beyond
/// ASCII the first two bytes in UTF-8 are looked at: those of most letters of most alphabets
/// begin nothing else.
pub(super) fn is_printable(text: &[u8]) -> bool {
    unprintable_in(text).is_empty()
}

/// A part of `text` outside of which all is printable ([`is_printable`]); empty if all is.
///
/// Sixteen bytes are judged at a time, without a branch for each.
pub(super) fn unprintable_in(text: &[u8]) -> Range<usize> {
    let (pieces, _) = text.as_chunks::<PIECE>();
    // The same bytes, each with the one that follows it.
    let following = text.split_first().map_or(text, |(_, following)| following);
    let (nexts, last) = following.as_chunks::<PIECE>();
    let mut pieces = pieces.iter().zip(nexts);
    let rest = text.len() - text.len().min(last.len() + 1);
    let first = pieces.clone().position(must_be_looked_at);
    if must_rest_be_looked_at(text.split_at(rest).1) {
        first.map_or(rest, |piece| piece * PIECE)..text.len()
    } else if let Some(first) = first {
        let last = pieces.rposition(must_be_looked_at).unwrap_or(first);
        first * PIECE..(last + 1) * PIECE
    } else {
        0..0
    }
}

/// How many bytes are judged at a time.
const PIECE: usize = 16;

/// Whether any of these bytes begins, with the one of `nexts` that follows it, anything that
/// is looked at.
#[inline]
fn must_be_looked_at((bytes, nexts): (&[u8; PIECE], &[u8; PIECE])) -> bool {
    let are_plain = bytes.iter().fold(true, |all, byte| all & is_plain(*byte));
    !are_plain && is_any_looked_at(bytes, nexts)
}

#[inline(never)]
fn is_any_looked_at(bytes: &[u8; PIECE], nexts: &[u8; PIECE]) -> bool {
    let pairs = bytes.iter().zip(nexts);
    pairs.fold(false, |any, (byte, next)| any | is_looked_at(*byte, *next))
}

/// The same for the last bytes of a text, at most [`PIECE`].
fn must_rest_be_looked_at(rest: &[u8]) -> bool {
    let mut padded = [b' '; PIECE + 1];
    for (place, byte) in padded.iter_mut().zip(rest) {
        *place = *byte;
    }
    let pairs = padded.first_chunk().zip(padded.last_chunk());
    pairs.is_none_or(must_be_looked_at)
}

/// Whether a byte is printable ASCII, starts no markup and is no question mark.
#[expect(
    clippy::needless_bitwise_bool,
    reason = "with branches, a byte is judged at a time: a tenth of the time of a check"
)]
const fn is_plain(byte: u8) -> bool {
    // With one more sign to compare, this would be compiled to a look into a table for each byte:
    // seven times as slow. `<` to `?` begin with the same bits.
    let is_sign = (byte == b'&') | (byte & 0xfc == b'<') | (byte == b'%') | (byte == b'\\');
    (byte >= b' ') & (byte <= b'~') & !is_sign
}

/// Whether a name of a character, a tag, an encoded byte or an escape may begin with the
/// byte.
#[expect(
    clippy::needless_bitwise_bool,
    reason = "with branches, a byte is judged at a time: a tenth of the time of a check"
)]
const fn may_start_markup(byte: u8) -> bool {
    (byte == b'&') | (byte == b'<') | (byte == b'%') | (byte == b'\\')
}

/// Whether `byte` is a control character, begins markup, stands for a letter that was lost,
/// or begins with `next` a character that is looked at.
#[expect(
    clippy::needless_bitwise_bool,
    reason = "with branches, a byte is judged at a time: a tenth of the time of a check"
)]
const fn is_looked_at(byte: u8, next: u8) -> bool {
    // Markup goes on without a blank: `Smith & Sons` has none.
    let is_markup = may_start_markup(byte) & (next >= b'"') & (next <= b'~');
    let is_lost_letter = (byte == b'?') & (next >= b'a');
    let is_control = (byte < b' ') | (byte == 0x7f);
    // C2 begins control characters, the no-break space and the soft hyphen, C6 and CB what
    // Windows-1252 has at 80 to 9F, CD, E2 and F3 invisible ones.
    let is_sign = (byte == 0xc2)
        | (byte == 0xc6)
        | (byte == 0xcb)
        | (byte == 0xcd)
        | (byte == 0xe2)
        | (byte == 0xf3);
    // `Â` and `Ã` are rare as letters, and frequent in text that was decoded wrongly.
    let is_garbled = (byte == 0xc3) & (next & 0xfe == 0x82);
    // Œ and œ, Š and š, Ÿ, Ž and ž, which Windows-1252 has there, too.
    let is_windows = (byte == 0xc5)
        & ((next & 0xfe == 0x92)
            | (next & 0xfe == 0xa0)
            | (next == 0xb8)
            | (next == 0xbd)
            | (next == 0xbe));
    // `Ă` and `Ĺ`, which UTF-8 becomes that is read as Windows-1250.
    let is_central = (byte == 0xc4) & ((next == 0x82) | (next == 0xb9));
    // Letters of Serbian and Macedonian, which it becomes as Windows-1251: `Ѐ` to `Џ` and
    // `ј` to `џ`.
    let is_cyrillic = ((byte == 0xd0) & (next < 0x90)) | ((byte == 0xd1) & (next & 0xf8 == 0x98));
    // The first of `锟斤拷`.
    let is_replaced = (byte == 0xe9) & (next == 0x94);
    // The mark of Arabic.
    let is_mark = (byte == 0xd8) & (next == 0x9c);
    // Not the letters of Vietnamese, U+1E00 to U+1EFF.
    let is_rare = (byte == 0xe1) & ((next < 0xb8) | (next > 0xbb));
    // Not Hiragana, Katakana and Bopomofo, nor the signs of Japanese.
    let is_east_asian = (byte == 0xe3) & ((next < 0x80) | (next > 0x84));
    // Not the wide and narrow forms U+FF00 to U+FF7F.
    let is_special = (byte == 0xef) & (next & 0xfe != 0xbc);
    // The marks of shorthand and of musical notation.
    let is_notation = (byte == 0xf0) & ((next == 0x9b) | (next == 0x9d));
    is_markup
        | is_control
        | is_sign
        | is_garbled
        | is_windows
        | is_lost_letter
        | is_central
        | is_cyrillic
        | is_replaced
        | is_mark
        | is_rare
        | is_east_asian
        | is_special
        | is_notation
}

#[cfg(test)]
mod tests {
    use super::{is_printable, unprintable_in};
    use proptest::prelude::*;

    /// The characters that are looked at begin with these bytes.
    fn slowly(text: &[u8]) -> bool {
        let is_begun = |byte: u8, next: u8| match byte {
            0xc2 | 0xc6 | 0xcb | 0xcd | 0xe2 | 0xf3 => true,
            0xc3 => matches!(next, 0x82 | 0x83),
            0xc5 => matches!(next, 0x92 | 0x93 | 0xa0 | 0xa1 | 0xb8 | 0xbd | 0xbe),
            0xc4 => matches!(next, 0x82 | 0xb9),
            0xd0 => next < 0x90,
            0xd1 => matches!(next, 0x98..=0x9f),
            0xd8 => next == 0x9c,
            0xe9 => next == 0x94,
            b'?' => next >= b'a',
            0xe1 => !matches!(next, 0xb8..=0xbb),
            0xe3 => !matches!(next, 0x80..=0x84),
            0xef => !matches!(next, 0xbc | 0xbd),
            0xf0 => matches!(next, 0x9b | 0x9d),
            _another => byte.is_ascii_control(),
        };
        let nexts = text.iter().skip(1).chain(b" ");
        let mut pairs = text.iter().zip(nexts);
        !pairs.any(|(byte, next)| {
            is_begun(*byte, *next) || b"&<%\\".contains(byte) && matches!(next, b'"'..=b'~')
        })
    }

    #[test]
    fn letters_of_many_languages_are_printable() {
        for text in [
            "",
            "Zürich",
            "Société Générale",
            "ООО «Ромашка»",
            "株式会社日本",
            "Ã",
        ] {
            assert_eq!(
                is_printable(text.as_bytes()),
                slowly(text.as_bytes()),
                "{text}"
            );
        }
        assert!(is_printable(
            "Ein langer Name aus Zürich und Düsseldorf".as_bytes()
        ));
        assert!(!is_printable("Ein langer Name\u{200b}".as_bytes()));
        assert!(is_printable(b"Fifteen letters & Sons, and a longer name"));
        for text in [
            "Smith &amp; Sons and others",
            "Fifteen letter &amp; others here",
        ] {
            assert!(!is_printable(text.as_bytes()), "{text}");
        }
    }

    #[test]
    fn only_what_is_not_printable_is_told() {
        let text = format!("{}\u{200b}{}", "a".repeat(40), "b".repeat(40));
        assert_eq!(unprintable_in(text.as_bytes()), 32..48);
        assert_eq!(unprintable_in(format!("{text}\t").as_bytes()), 32..84);
        assert_eq!(unprintable_in("a".repeat(40).as_bytes()), 0..0);
    }

    proptest! {
        #[test]
        fn all_bytes_are_judged_alike_wherever_they_stand(
            text in proptest::collection::vec(prop_oneof![Just(b'a'), any::<u8>(), Just(0xc3), Just(0x83), Just(b'&')], 0..60),
        ) {
            prop_assert_eq!(is_printable(&text), slowly(&text));
            // What lies outside of the part is printable by itself, in whole characters.
            let text = String::from_utf8_lossy(&text);
            let part = unprintable_in(text.as_bytes());
            let before = text.get(..part.start).is_none_or(|text| slowly(text.as_bytes()));
            let after = text.get(part.end..).is_none_or(|text| slowly(text.as_bytes()));
            prop_assert!(before && after);
        }
    }
}
