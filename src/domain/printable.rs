//! Whether text needs a look at its characters.
//!
//! Every row goes through this, so that only few values are looked at closely.

/// Whether certainly no byte of `text` is part of a control character, of an invisible
/// one, of U+FFFD, of text that was decoded with the wrong encoding, or of markup such as
/// `&amp;`, `<br>`, `%20` and `\u00fc`. Beyond ASCII the first bytes in UTF-8 are looked at:
/// those of most letters of Latin, Greek, Cyrillic, Hebrew and of Chinese characters begin
/// nothing else.
///
/// Printable ASCII is passed over sixteen bytes at a time, without a branch for each.
pub(super) fn is_printable(text: &[u8]) -> bool {
    let (sixteens, rest) = text.as_chunks::<16>();
    let mut before = 0;
    for bytes in sixteens {
        let is_plain = bytes.iter().fold(true, |all, byte| all & is_plain(*byte));
        if is_plain && !may_start_markup(before) {
            before = 0;
        } else if !is_harmless(bytes, &mut before) {
            return false;
        }
    }
    is_harmless(rest, &mut before)
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

/// Whether no byte begins a character that is looked at; `before` is the byte before them,
/// and afterwards the last of them.
fn is_harmless(bytes: &[u8], before: &mut u8) -> bool {
    for byte in bytes {
        let begins = LOOKED_AT.get(usize::from(*byte)).copied().unwrap_or(true);
        // `Â` and `Ã` are rare as letters, and frequent in text that was decoded wrongly.
        let is_garbled = *before == 0xc3 && matches!(byte, 0x82 | 0x83);
        // Markup goes on without a blank: `Smith & Sons` has none.
        let is_markup = may_start_markup(*before) && matches!(byte, b'#'..=b'~');
        if begins || is_garbled || is_markup {
            return false;
        }
        *before = *byte;
    }
    true
}

/// By byte: whether it is a control character, or begins a character that is looked at.
static LOOKED_AT: [bool; 256] = looked_at();

/// C2 begins control characters, the no-break space and the soft hyphen, C5, C6 and CB
/// what Windows-1252 has at 80 to 9F, CD, D8, E1 to E3, EF and F3 invisible ones.
#[expect(
    clippy::cast_possible_truncation,
    clippy::indexing_slicing,
    reason = "computed when this is compiled, where an index out of range is an error"
)]
const fn looked_at() -> [bool; 256] {
    let mut looked_at = [false; 256];
    let mut byte = 0;
    while byte < 256 {
        looked_at[byte] = matches!(byte as u8,
            0..=0x1f | 0x7f | 0xc2 | 0xc5 | 0xc6 | 0xcb | 0xcd | 0xd8 | 0xe1..=0xe3 | 0xef | 0xf3);
        byte += 1;
    }
    looked_at
}

#[cfg(test)]
mod tests {
    use super::is_printable;
    use proptest::prelude::*;

    /// The characters that are looked at begin with these bytes.
    fn slowly(text: &[u8]) -> bool {
        let looked_at = |byte: &u8| {
            byte.is_ascii_control()
                || b"\xc2\xc5\xc6\xcb\xcd\xd8\xe1\xe2\xe3\xef\xf3".contains(byte)
        };
        let garbled = |pair: &[u8]| matches!(pair, [0xc3, 0x82 | 0x83]);
        let markup = |pair: &[u8]| matches!(pair, [b'&' | b'<' | b'%' | b'\\', b'#'..=b'~']);
        let mut pairs = text.windows(2);
        !text.iter().any(looked_at) && !pairs.any(|pair| garbled(pair) || markup(pair))
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

    proptest! {
        #[test]
        fn all_bytes_are_judged_alike_wherever_they_stand(
            text in proptest::collection::vec(prop_oneof![Just(b'a'), any::<u8>(), Just(0xc3), Just(0x83), Just(b'&')], 0..60),
        ) {
            prop_assert_eq!(is_printable(&text), slowly(&text));
        }
    }
}
