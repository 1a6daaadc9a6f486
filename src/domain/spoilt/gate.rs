//! A cheap test that lets nearly all ordinary values pass without a closer look.
//!
//! Every value of every row goes through it: one look into a table by first byte and
//! length, and for numbers one pass over their bytes.

use super::TOTALS;
use super::error_value::LOADING;
use super::lost_form::{MONTHS, TRUTHS, TRUTHS_IN_IDS};
use super::placeholder::{CERTAIN, PROBABLE};

/// Lengths from this one on share a bit.
const LONGEST: usize = 31;

/// The fewest digits of a card's number that is looked for in a single value.
const FEWEST_DIGITS: usize = 14;

/// By first byte: bit `n` is set if a value of `n` bytes must be looked at closely.
static LENGTHS: [u32; 256] = lengths();

/// By last byte: bit `n` is set if a word of `n` bytes ends in it. A month's year ends in
/// a digit.
static ENDS: [u32; 256] = ends();

/// By byte: what it is in a number.
static CLASSES: [u8; 256] = classes();

const DIGIT: u8 = 1;
/// A letter, or a byte of one.
const LETTER: u8 = 1 << 1;
/// A sign that joins a day and a month.
const JOINT: u8 = 1 << 2;
/// A sign of decimals, thousands, hours, exponents.
const SIGN: u8 = 1 << 3;

/// Whether `value` needs no closer look: it is no word for nothing, no number that a
/// spreadsheet could have written, not quoted and without a card's number.
///
/// It says nothing about characters beyond ASCII inside of the value.
#[inline]
pub(in crate::domain) fn is_ordinary(value: &[u8]) -> bool {
    let Some(first) = value.first() else {
        return true;
    };
    let lengths = LENGTHS
        .get(usize::from(*first))
        .copied()
        .unwrap_or(u32::MAX);
    if lengths >> value.len().min(LONGEST) & 1 == 0 {
        // Ids such as `cus_…` and `pln_…` are long, and full of digits.
        return value.len() < FEWEST_DIGITS || value.get(3) == Some(&b'_') || has_few_digits(value);
    }
    if first.is_ascii_digit() || *first == b'+' {
        is_plain_number(value)
    } else {
        first.is_ascii_alphabetic() && is_no_word(value)
    }
}

/// Whether `value` ends in a letter that no word of its length ends in, or in a number
/// that is no year of a month's.
fn is_no_word(value: &[u8]) -> bool {
    let Some(last) = value.last() else {
        return true;
    };
    if value.len() >= FEWEST_DIGITS && !has_few_digits(value) {
        return false;
    }
    let ends = ENDS.get(usize::from(*last)).copied().unwrap_or(u32::MAX);
    if ends >> value.len().min(LONGEST) & 1 == 0 {
        return true;
    }
    let has_at_end = |from_end: usize, marks: &[u8]| {
        let place = value.len().checked_sub(from_end);
        let byte = place.and_then(|place| value.get(place));
        byte.is_some_and(|byte| marks.contains(byte))
    };
    last.is_ascii_digit()
        && !has_at_end(3, b"- .")
        && !has_at_end(4, b":")
        && !has_at_end(5, b"- .")
}

/// Whether `value` has no run of so many digits that it could be a card's number, with
/// blanks or signs between them.
fn has_few_digits(value: &[u8]) -> bool {
    if has_few_digits_at_all(value) {
        return true;
    }
    let count = |(run, longest): (usize, usize), byte: &u8| {
        let run = match byte {
            b'0'..=b'9' => run + 1,
            byte if byte.is_ascii_alphabetic() => 0,
            _between => run,
        };
        (run, longest.max(run))
    };
    value.iter().fold((0, 0), count).1 < FEWEST_DIGITS
}

/// Whether fewer than [`FEWEST_DIGITS`] bytes of `value` are digits, counted eight at a
/// time.
fn has_few_digits_at_all(value: &[u8]) -> bool {
    const EACH: u64 = 0x0101_0101_0101_0101;
    // Beyond this a byte of the sum could overflow.
    const LONGEST_SUM: usize = 248;
    let (eights, rest) = value.as_chunks::<8>();
    let (Some(end), true) = (value.last_chunk::<8>(), value.len() <= LONGEST_SUM) else {
        return false;
    };
    // A byte is a digit if it differs from `0` by less than ten.
    let digits = |eight: &[u8; 8]| {
        let differs = u64::from_le_bytes(*eight) ^ (EACH * 0x30);
        let others = ((differs & (EACH * 0x7f)) + EACH * 0x76) | differs;
        (!others >> 7) & EACH
    };
    let whole: u64 = eights.iter().map(digits).sum();
    // Of the last eight bytes, those that are in no other eight.
    let left = digits(end).checked_shr(64 - 8 * u32::try_from(rest.len()).unwrap_or(0));
    let sums = whole + left.unwrap_or(0);
    sums.wrapping_mul(EACH) >> 56 < FEWEST_DIGITS as u64
}

/// Whether `value`, which is a number without letters, could be a date (`1/5/24`,
/// `2024-01-05`) or one with blanks before its thousands (`1 234 567`).
fn has_three_parts(value: &[u8]) -> bool {
    const SHORTEST_DATE: usize = 6;
    const LONGEST_DATE: usize = 10;
    let at = |place: usize| value.get(place).copied().unwrap_or_default();
    let is_joint = |place| matches!(at(place), b'-' | b'/');
    let joins = is_joint(1) || is_joint(2) || is_joint(4);
    joins && (SHORTEST_DATE..=LONGEST_DATE).contains(&value.len())
        || (1..=3).any(|place| at(place) == b' ' && at(place + 4) == b' ')
}

/// Whether `value`, which begins with a digit or a plus sign, is a short number without
/// decimals or thousands, and no date; words may follow it.
fn is_plain_number(value: &[u8]) -> bool {
    let class = |byte: &u8| CLASSES.get(usize::from(*byte)).copied().unwrap_or(SIGN);
    let found = value.iter().skip(1).fold(0, |all, byte| all | class(byte));
    found & SIGN == 0
        && !(found & LETTER == 0 && has_three_parts(value))
        && found & (LETTER | JOINT) != LETTER | JOINT
        && (value.len() < FEWEST_DIGITS || has_few_digits(value))
}

#[expect(
    clippy::indexing_slicing,
    reason = "computed when this is compiled, where an index out of range is an error"
)]
const fn lengths() -> [u32; 256] {
    let mut lengths = [0; 256];
    // What begins with a digit may be a number; a quote or bracket begins few values.
    let marks = b"0123456789+#'\"-_?.*\\<[{(=";
    let mut at = 0;
    while at < marks.len() {
        lengths[marks[at] as usize] = if matches!(marks[at], b'0'..=b'9' | b'+' | b'(') {
            0
        } else {
            u32::MAX
        };
        at += 1;
    }
    let mut digit = b'0';
    while digit <= b'9' {
        lengths[digit as usize] = !0b11;
        digit += 1;
    }
    lengths[b'+' as usize] = !0b11;
    add_all_words(&mut lengths, false);
    lengths
}

const fn ends() -> [u32; 256] {
    let mut ends = [0; 256];
    add_all_words(&mut ends, true);
    ends
}

/// Sets the bits of all words, by their first or their last bytes.
#[expect(
    clippy::indexing_slicing,
    reason = "computed when this is compiled, where an index out of range is an error"
)]
const fn add_all_words(lengths: &mut [u32; 256], last: bool) {
    add_words(lengths, &CERTAIN, last);
    add_words(lengths, &PROBABLE, last);
    add_words(lengths, &TRUTHS, last);
    add_words(lengths, &TRUTHS_IN_IDS, last);
    add_words(lengths, &TOTALS, last);
    add_words(lengths, &LOADING, last);
    let mut digit = b'0';
    while digit <= b'9' {
        let end = if last { Some(digit) } else { None };
        add_word(lengths, "Err:502", 0, end);
        let mut month = 0;
        while month < MONTHS.len() {
            // With a year of two or four digits.
            add_word(lengths, MONTHS[month], 3, end);
            add_word(lengths, MONTHS[month], 5, end);
            month += 1;
        }
        digit += 1;
    }
}

#[expect(
    clippy::indexing_slicing,
    reason = "computed when this is compiled, where an index out of range is an error"
)]
const fn add_words(lengths: &mut [u32; 256], words: &[&str], last: bool) {
    let mut at = 0;
    while at < words.len() {
        let word = words[at].as_bytes();
        let end = if last {
            Some(word[word.len() - 1])
        } else {
            None
        };
        add_word(lengths, words[at], 0, end);
        at += 1;
    }
}

/// Sets the bit of a word that is `longer` by so many bytes: by its last byte, or else
/// by its first.
#[expect(
    clippy::indexing_slicing,
    reason = "computed when this is compiled, where an index out of range is an error"
)]
const fn add_word(lengths: &mut [u32; 256], word: &str, longer: usize, last: Option<u8>) {
    let bit = 1 << (word.len() + longer);
    let byte = match last {
        Some(last) => last,
        None => word.as_bytes()[0],
    };
    lengths[byte.to_ascii_lowercase() as usize] |= bit;
    lengths[byte.to_ascii_uppercase() as usize] |= bit;
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::indexing_slicing,
    reason = "computed when this is compiled, where an index out of range is an error"
)]
const fn classes() -> [u8; 256] {
    let mut classes = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        classes[byte] = match byte as u8 {
            b'0'..=b'9' => DIGIT,
            b'a'..=b'z' | b'A'..=b'Z' | 0x80.. => LETTER,
            b'-' | b'/' => JOINT,
            b',' | b'.' | b':' | b'+' | b'\'' => SIGN,
            _another => 0,
        };
        byte += 1;
    }
    classes
}

#[cfg(test)]
mod tests {
    use super::is_ordinary;
    use crate::domain::field::Field;
    use crate::domain::spoilt::spoilt;
    use proptest::prelude::*;

    #[test]
    fn ordinary_values_pass_and_others_do_not() {
        for value in [
            "Northwind Widgets LLC",
            "cus_PzExA1m7Lm2aBc",
            "c-1",
            "USD",
            "12 Harbor Blvd",
            "97201",
            "+1 503-555-0142",
            "(503) 555-0142",
            "1010 AB",
            "ap@northwind.example",
            "Berlin",
            "OR",
            "pln_5a3b0c7d9e1f42638495a6b7c8d9e0f1",
            "acct-00001234",
            "42",
        ] {
            assert!(is_ordinary(value.as_bytes()), "{value}");
        }
        for value in [
            "NULL",
            "n/a",
            "-",
            "#NV",
            "\"Acme\"",
            "'Acme'",
            "8,9E+11",
            "12.0",
            "7,210",
            "01-Mar",
            "1/5/24",
            "2024-01-05",
            "05.01.2024",
            "1 234 567",
            "Mar-01",
            "Mrz 2024",
            "TRUE",
            "(null)",
            "4242 4242 4242 4242",
            "4242424242424242",
            "Visa 4242-4242-4242-4242",
            "Total",
            "Err:502",
            "Loading...",
            "Loading…",
            "[null]",
            "=\"00123\"",
            "=T(\"00123\")",
            "??????? ???",
            "175928847299117000",
            "\\N",
            "k.A.",
            "не указано",
        ] {
            let closely = !is_ordinary(value.as_bytes());
            assert!(closely || value == "не указано", "{value}");
        }
    }

    proptest! {
        /// The gate lets nothing through that a closer look would find.
        #[test]
        fn nothing_spoilt_passes(
            value in "([0-9]{1,4}[-,.+'E /0-9A-Za-z:]{0,9}|[#=A-Za-z(<*\\\\?._-][A-Za-z0-9/ .:+)>-]{0,8})",
        ) {
            for field in Field::ALL {
                if spoilt(field, &value).is_some() {
                    prop_assert!(!is_ordinary(value.as_bytes()), "{field} {value:?}");
                }
            }
        }
    }
}
