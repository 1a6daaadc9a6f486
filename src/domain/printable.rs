//! Whether text needs a look at its characters.
//!
//! Every row goes through this, so that only few values are looked at closely.

use std::ops::Range;

/// Whether certainly no byte of `text` is part of a control character, of an invisible
/// one, of U+FFFD, of text that was decoded with the wrong encoding, or of markup such as
/// `&amp;`, `<br>`, `%20` and `\u00fc`. Beyond ASCII the first two bytes in UTF-8 are looked
/// at: those of most letters of most alphabets begin nothing else.
pub(super) fn is_printable(text: &[u8]) -> bool {
    unprintable_in(text).is_empty()
}

/// A part of `text` outside of which all is printable ([`is_printable`]); empty if all is.
///
/// Printable ASCII is passed over sixteen bytes at a time, and so is the rest, without a
/// branch for each.
pub(super) fn unprintable_in(text: &[u8]) -> Range<usize> {
    let (sixteens, _) = text.as_chunks::<16>();
    // The same bytes, each with the one that follows it.
    let following = text.split_first().map_or(text, |(_, following)| following);
    let (nexts, last) = following.as_chunks::<16>();
    let is_looked_at = |(bytes, next): (&[u8; 16], &[u8; 16])| {
        let is_plain = bytes.iter().fold(true, |all, byte| all & is_plain(*byte));
        !is_plain && !are_harmless(bytes, next.iter())
    };
    let mut pieces = sixteens.iter().zip(nexts);
    let rest = text.len() - text.len().min(last.len() + 1);
    let first = pieces.clone().position(is_looked_at);
    if !are_harmless(text.split_at(rest).1, last.iter().chain(b" ")) {
        first.map_or(rest, |piece| piece * 16)..text.len()
    } else if let Some(first) = first {
        let last = pieces.rposition(is_looked_at).unwrap_or(first);
        first * 16..(last + 1) * 16
    } else {
        0..0
    }
}

/// Whether a byte is printable ASCII and starts no markup; without a branch, so that many
/// bytes are judged at once.
#[expect(
    clippy::needless_bitwise_bool,
    reason = "with branches, a byte is judged at a time: a tenth of the time of a check"
)]
const fn is_plain(byte: u8) -> bool {
    (byte >= b' ') & (byte <= b'~') & !may_start_markup(byte)
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

/// Whether no byte begins, with the one of `nexts` that follows it, anything that is looked
/// at.
fn are_harmless<'t>(bytes: &[u8], nexts: impl Iterator<Item = &'t u8> + Clone) -> bool {
    // All are tested, without a branch, which is faster than stopping at the first.
    let found = bytes
        .iter()
        .zip(nexts.clone())
        .fold(0, |all, (byte, next)| {
            all | looked_at_after(*byte) >> (next & 0x3f)
        });
    found & 1 == 0
        || !bytes
            .iter()
            .zip(nexts)
            .any(|(byte, next)| is_looked_at(*byte, *next))
}

fn looked_at_after(byte: u8) -> u64 {
    let seconds = LOOKED_AT.get(usize::from(byte)).copied();
    seconds.unwrap_or(u64::MAX)
}

fn is_looked_at(byte: u8, next: u8) -> bool {
    if may_start_markup(byte) {
        // Markup goes on without a blank: `Smith & Sons` has none.
        matches!(next, b'#'..=b'~')
    } else {
        looked_at_after(byte) >> (next & 0x3f) & 1 == 1
    }
}

/// By byte: the bytes after it, by their lower six bits, with which it begins a character
/// that is looked at. A control character does so with any, and so may the beginning of
/// markup.
static LOOKED_AT: [u64; 256] = looked_at();

/// C2 begins control characters, the no-break space and the soft hyphen, C5, C6 and CB
/// what Windows-1252 has at 80 to 9F, CD, D8, E1 to E3, EF, F0 and F3 invisible ones. `Â` and
/// `Ã` (C3 82, C3 83) are rare as letters, and frequent in text that was decoded wrongly.
#[expect(
    clippy::cast_possible_truncation,
    clippy::indexing_slicing,
    reason = "computed when this is compiled, where an index out of range is an error"
)]
const fn looked_at() -> [u64; 256] {
    let mut looked_at = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        looked_at[byte] = match byte as u8 {
            0..=0x1f
            | b'%'
            | b'&'
            | b'<'
            | b'\\'
            | 0x7f
            | 0xc2
            | 0xc6
            | 0xcb
            | 0xcd
            | 0xe2
            | 0xf3 => u64::MAX,
            0xc3 => seconds(0x82..0x84),
            // Œ and œ, Š and š, Ÿ, Ž and ž.
            0xc5 => {
                seconds(0x92..0x94)
                    | seconds(0xa0..0xa2)
                    | seconds(0xb8..0xb9)
                    | seconds(0xbd..0xbf)
            }
            // The mark of Arabic.
            0xd8 => seconds(0x9c..0x9d),
            // Not the letters of Vietnamese, U+1E00 to U+1EFF.
            0xe1 => !seconds(0xb8..0xbc),
            // Not Hiragana, Katakana and Bopomofo, nor the signs of Japanese.
            0xe3 => !seconds(0x80..0x85),
            // Not the wide and narrow forms U+FF00 to U+FF7F.
            0xef => !seconds(0xbc..0xbe),
            // The marks of shorthand and of musical notation.
            0xf0 => seconds(0x9b..0x9c) | seconds(0x9d..0x9e),
            _another => 0,
        };
        byte += 1;
    }
    looked_at
}

/// The bits of these bytes of UTF-8 that go on a character.
const fn seconds(bytes: Range<u8>) -> u64 {
    let mut bits = 0;
    let mut byte = bytes.start;
    while byte < bytes.end {
        bits |= 1 << (byte & 0x3f);
        byte += 1;
    }
    bits
}

#[cfg(test)]
mod tests {
    use super::{is_printable, unprintable_in};
    use proptest::prelude::*;

    /// The characters that are looked at begin with these bytes.
    fn slowly(text: &[u8]) -> bool {
        let is_begun = |byte: u8, next: u8| match byte {
            0xc2 | 0xc6 | 0xcb | 0xcd | 0xe2 | 0xf3 => true,
            0xc3 => matches!(next & 63, 0x02 | 0x03),
            0xc5 => matches!(next & 63, 0x12 | 0x13 | 0x20 | 0x21 | 0x38 | 0x3d | 0x3e),
            0xd8 => next & 63 == 0x1c,
            0xe1 => !matches!(next & 63, 0x38..=0x3b),
            0xe3 => !matches!(next & 63, 0..=4),
            0xef => !matches!(next & 63, 0x3c | 0x3d),
            0xf0 => matches!(next & 63, 0x1b | 0x1d),
            _another => byte.is_ascii_control(),
        };
        let nexts = text.iter().skip(1).chain(b" ");
        let mut pairs = text.iter().zip(nexts);
        !pairs.any(|(byte, next)| {
            is_begun(*byte, *next) || b"&<%\\".contains(byte) && matches!(next, b'#'..=b'~')
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
