//! The escapes by which a text may hide another: JSON's, a URL's, HTML's.
//!
//! A text is a sequence of units; each is a byte that is read and the part of
//! the original text that it was written as.

/// A byte that is read, in small letters, and where it was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Unit {
    pub(super) byte: u8,
    pub(super) start: usize,
    pub(super) end: usize,
}

/// `text`, nothing decoded.
pub(super) fn units(text: &str) -> Vec<Unit> {
    text.char_indices()
        .flat_map(|(start, letter)| {
            let end = start + letter.len_utf8();
            let bytes = text.as_bytes().get(start..end).unwrap_or_default();
            bytes.iter().map(move |byte| Unit {
                byte: byte.to_ascii_lowercase(),
                start,
                end,
            })
        })
        .collect()
}

/// The units that no eye and no parser passes over: printable ASCII.
pub(super) fn visible(units: &[Unit]) -> Vec<Unit> {
    let visible = units.iter().filter(|unit| unit.byte.is_ascii_graphic());
    visible.copied().collect()
}

/// `units` with one layer of escapes decoded; `None` where there is none.
pub(super) fn decoded(units: &[Unit]) -> Option<Vec<Unit>> {
    let mut decoded = Vec::with_capacity(units.len());
    let mut rest = units;
    let mut any = false;
    while let Some((unit, after)) = rest.split_first() {
        let Some((byte, length)) = escape(rest) else {
            decoded.push(*unit);
            rest = after;
            continue;
        };
        any = true;
        let last = rest.get(length - 1).unwrap_or(unit);
        decoded.push(Unit {
            byte: byte.to_ascii_lowercase(),
            start: unit.start,
            end: last.end,
        });
        rest = rest.get(length..).unwrap_or_default();
    }
    any.then_some(decoded)
}

/// The byte that an escape at the start of `units` stands for, and how many
/// units it takes. Characters beyond ASCII are a byte that is none.
fn escape(units: &[Unit]) -> Option<(u8, usize)> {
    let at = |place: usize| units.get(place).map(|unit| unit.byte);
    match at(0)? {
        b'\\' => match at(1)? {
            b'u' if at(2) == Some(b'{') => {
                let digits = digits(units, 3, 16, 6);
                Some((ascii(number(units, 3, digits, 16)?), 4 + digits))
                    .filter(|(_, length)| at(length - 1) == Some(b'}'))
            }
            b'u' => Some((ascii(exactly(units, 2, 4)?), 6)),
            b'x' => Some((ascii(exactly(units, 2, 2)?), 4)),
            b'n' | b'r' | b't' | b'b' | b'f' => Some((b' ', 2)),
            byte if byte.is_ascii_punctuation() => Some((byte, 2)),
            _ => None,
        },
        b'%' | b'=' => Some((ascii(exactly(units, 1, 2)?), 3)),
        b'&' if at(1) == Some(b'#') => {
            let (from, radix) = if at(2) == Some(b'x') {
                (3, 16)
            } else {
                (2, 10)
            };
            let digits = digits(units, from, radix, 10);
            let value = number(units, from, digits, radix)?;
            let end = from + digits;
            Some((ascii(value), end + usize::from(at(end) == Some(b';'))))
        }
        b'&' => NAMED.iter().find_map(|(name, byte)| {
            let named = name.bytes().enumerate();
            let mut same = named.map(|(place, byte)| at(place + 1) == Some(byte));
            same.all(|same| same).then_some((*byte, name.len() + 1))
        }),
        _ => None,
    }
}

/// HTML's names for what a secret may hold.
const NAMED: [(&str, u8); 9] = [
    ("amp;", b'&'),
    ("quot;", b'"'),
    ("apos;", b'\''),
    ("lt;", b'<'),
    ("gt;", b'>'),
    ("period;", b'.'),
    ("lowbar;", b'_'),
    ("percnt;", b'%'),
    ("bsol;", b'\\'),
];

fn ascii(value: u32) -> u8 {
    u8::try_from(value).unwrap_or(u8::MAX)
}

fn digits(units: &[Unit], from: usize, radix: u32, most: usize) -> usize {
    let rest = units.get(from..).unwrap_or_default().iter().take(most);
    rest.take_while(|unit| char::from(unit.byte).is_digit(radix))
        .count()
}

fn exactly(units: &[Unit], from: usize, many: usize) -> Option<u32> {
    (digits(units, from, 16, many) == many)
        .then(|| number(units, from, many, 16))
        .flatten()
}

fn number(units: &[Unit], from: usize, digits: usize, radix: u32) -> Option<u32> {
    let digits = units
        .get(from..from + digits)
        .filter(|some| !some.is_empty())?;
    digits.iter().try_fold(0_u32, |value, unit| {
        let digit = char::from(unit.byte).to_digit(radix)?;
        value.checked_mul(radix)?.checked_add(digit)
    })
}

#[cfg(test)]
mod tests {
    use super::{decoded, units};

    #[test]
    fn each_escape_is_one_byte_and_knows_where_it_was_written() {
        for (text, byte) in [
            ("\\u0073", b's'),
            ("\\u{73}", b's'),
            ("\\x73", b's'),
            ("%73", b's'),
            ("=73", b's'),
            ("&#115;", b's'),
            ("&#x73", b's'),
            ("\\/", b'/'),
            ("&lowbar;", b'_'),
        ] {
            let all = decoded(&units(text)).unwrap();
            assert_eq!(all.len(), 1, "{text}");
            assert_eq!((all[0].byte, all[0].end), (byte, text.len()), "{text}");
        }
    }

    #[test]
    fn what_is_no_escape_stays() {
        for text in ["100% of", "a = b", "AT&T", "\\", "&#", "\\u12", "%", "ü"] {
            assert_eq!(decoded(&units(text)), None, "{text}");
        }
    }
}
