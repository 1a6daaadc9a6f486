//! Decodes the escapes of JSON, URLs and HTML, and records the position of each
//! decoded byte in the original text.

/// A decoded byte, in lower case, and its position in the original text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct DecodedByte {
    pub(super) byte: u8,
    pub(super) start: usize,
    pub(super) end: usize,
}

/// The bytes of `text`, nothing decoded.
pub(super) fn units(text: &str) -> Vec<DecodedByte> {
    text.char_indices()
        .flat_map(|(start, letter)| {
            let end = start + letter.len_utf8();
            let mut bytes = [0; 4];
            let length = letter.encode_utf8(&mut bytes).len();
            bytes.into_iter().take(length).map(move |byte| DecodedByte {
                byte: byte.to_ascii_lowercase(),
                start,
                end,
            })
        })
        .collect()
}

/// Printable ASCII alone, without blanks and invisible characters.
pub(super) fn visible(units: &[DecodedByte]) -> Vec<DecodedByte> {
    let visible = units.iter().filter(|unit| unit.byte.is_ascii_graphic());
    visible.copied().collect()
}

/// `units` with one layer of escapes decoded; `None` if it holds no escape.
pub(super) fn decoded(units: &[DecodedByte]) -> Option<Vec<DecodedByte>> {
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
        let (escaped, after) = rest.split_at(length);
        let last = escaped.last().unwrap_or(unit);
        decoded.push(DecodedByte {
            byte: byte.to_ascii_lowercase(),
            start: unit.start,
            end: last.end,
        });
        rest = after;
    }
    any.then_some(decoded)
}

/// The byte that an escape at the start of `units` stands for, and the length of
/// the escape. A character beyond ASCII is `u8::MAX`, which no secret holds.
fn escape(units: &[DecodedByte]) -> Option<(u8, usize)> {
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

/// HTML's named references for characters that a secret may hold.
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

fn digits(units: &[DecodedByte], from: usize, radix: u32, most: usize) -> usize {
    let rest = units.iter().skip(from).take(most);
    rest.take_while(|unit| char::from(unit.byte).is_digit(radix))
        .count()
}

fn exactly(units: &[DecodedByte], from: usize, many: usize) -> Option<u32> {
    (digits(units, from, 16, many) == many)
        .then(|| number(units, from, many, 16))
        .flatten()
}

fn number(units: &[DecodedByte], from: usize, digits: usize, radix: u32) -> Option<u32> {
    if digits == 0 {
        return None;
    }
    let mut digits = units.iter().skip(from).take(digits);
    digits.try_fold(0_u32, |value, unit| {
        let digit = char::from(unit.byte).to_digit(radix)?;
        value.checked_mul(radix)?.checked_add(digit)
    })
}

#[cfg(test)]
mod tests {
    use super::{decoded, units};

    #[test]
    fn each_escape_is_one_byte_with_its_place_in_the_text() {
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
    fn text_without_an_escape_is_not_decoded() {
        for text in ["100% of", "a = b", "AT&T", "\\", "&#", "\\u12", "%", "ü"] {
            assert_eq!(decoded(&units(text)), None, "{text}");
        }
    }
}
