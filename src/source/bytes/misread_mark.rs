//! Byte-order marks that became letters: `ï»¿clientId`.

use super::sniff::UTF8_MARK;

/// What the UTF-8 byte-order mark looks like after it was read in another encoding and
/// saved as UTF-8: Windows-1252, twice, Mac Roman, Windows-1251, -1250 and -1253, and the
/// code pages 437, 850 and 866.
const MISREAD: [&str; 9] = [
    "ï»¿",
    "Ã¯Â»Â¿",
    "Ôªø",
    "п»ї",
    "ď»ż",
    "ο»Ώ",
    "∩╗┐",
    "´╗┐",
    "я╗┐",
];

/// How many bytes of marks a text has that begins with `start`, if others are among them
/// than a single right one.
pub(in crate::source) fn misread_marks(start: &[u8]) -> Option<usize> {
    let (mut rest, mut found) = (start, 0);
    let marks = || {
        MISREAD
            .iter()
            .map(|mark| mark.as_bytes())
            .chain([UTF8_MARK])
    };
    while let Some(after) = marks().find_map(|mark| rest.strip_prefix(mark)) {
        rest = after;
        found += 1;
    }
    let length = start.len() - rest.len();
    (found > 1 || found == 1 && length != UTF8_MARK.len()).then_some(length)
}

#[cfg(test)]
mod tests {
    use super::misread_marks;

    #[test]
    fn marks_that_became_letters_are_found() {
        for (start, length) in [
            ("ï»¿clientId", Some(6)),
            ("\u{feff}ï»¿clientId", Some(9)),
            ("\u{feff}\u{feff}clientId", Some(6)),
            ("Ã¯Â»Â¿clientId", Some(12)),
            ("п»їclientId", Some(6)),
            ("\u{feff}clientId", None),
            ("ïd,n", None),
            ("clientId", None),
            ("", None),
        ] {
            assert_eq!(misread_marks(start.as_bytes()), length, "{start}");
        }
    }
}
