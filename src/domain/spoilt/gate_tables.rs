//! The tables of `gate.rs`, which are computed when this is compiled.

use super::TOTALS;
use super::error_value::LOADING;
use super::lost_form::{TRUTHS, TRUTHS_IN_IDS};
use super::month_date::{MONTHS, MONTHS_AT_POINT, SHORTEST_PRINTED, WEEKDAYS};
use super::placeholder::{CERTAIN, PROBABLE};

/// Lengths from this one on share a bit.
pub(super) const LONGEST: usize = 31;

/// By first byte: bit `n` is set if a value of `n` bytes must be looked at closely.
pub(super) static LENGTHS: [u32; 256] = lengths();

/// By first and last byte, of each the lower five bits: bit `n` is set if a word of `n`
/// bytes begins and ends with them.
pub(super) static WORDS: [[u32; 32]; 32] = all_words().ends;

/// The same by the second byte and the last but one.
pub(super) static INNER_WORDS: [[u32; 32]; 32] = all_words().inner_ends;

/// By the lower five bits of the first byte: a bit for those of the second of a month.
pub(super) static MONTH_STARTS: [u32; 32] = month_starts();

/// The first byte of `＃ＲＥＦ！`, and of other wide forms.
pub(super) const WIDE: u8 = 0xef;

#[expect(
    clippy::indexing_slicing,
    reason = "computed when this is compiled, where an index out of range is an error"
)]
const fn lengths() -> [u32; 256] {
    let mut lengths = all_words().firsts;
    // A quote or bracket begins few values, but a round one begins phone numbers.
    let marks = b"#'\"-_?.*\\<[{=";
    let mut at = 0;
    while at < marks.len() {
        lengths[marks[at] as usize] = u32::MAX;
        at += 1;
    }
    // What begins with a digit may be a number.
    let mut digit = b'0';
    while digit <= b'9' {
        lengths[digit as usize] = !0b11;
        digit += 1;
    }
    lengths[b'+' as usize] = !0b11;
    lengths[WIDE as usize] = u32::MAX;
    lengths
}

/// The lengths of all words, a bit for each.
struct WordLengths {
    /// By first byte.
    firsts: [u32; 256],
    /// By the lower five bits of the first and of the last byte: letters of both cases.
    ends: [[u32; 32]; 32],
    /// By those of the second and of the last but one.
    inner_ends: [[u32; 32]; 32],
}

#[expect(
    clippy::indexing_slicing,
    reason = "computed when this is compiled, where an index out of range is an error"
)]
const fn all_words() -> WordLengths {
    let mut lengths = WordLengths {
        firsts: [0; 256],
        ends: [[0; 32]; 32],
        inner_ends: [[0; 32]; 32],
    };
    add_words(&mut lengths, &CERTAIN);
    add_words(&mut lengths, &PROBABLE);
    add_words(&mut lengths, &TRUTHS);
    add_words(&mut lengths, &TRUTHS_IN_IDS);
    add_words(&mut lengths, &TOTALS);
    add_words(&mut lengths, &LOADING);
    add_first(&mut lengths, b'E', "Err:502".len());
    // `T09:42:00`, with more hours and with parts of seconds.
    let mut length = "T09:42:00".len();
    while length <= "T100:42:00.000".len() {
        add_first(&mut lengths, b'T', length);
        length += 1;
    }
    add_months(&mut lengths, &MONTHS);
    add_months(&mut lengths, &MONTHS_AT_POINT);
    let mut day = 0;
    while day < WEEKDAYS.len() {
        let mut length = SHORTEST_PRINTED;
        while length <= LONGEST {
            add_first(&mut lengths, WEEKDAYS[day].as_bytes()[0], length);
            length += 1;
        }
        day += 1;
    }
    lengths
}

/// Adds the months with a year of two or four digits.
#[expect(
    clippy::indexing_slicing,
    reason = "computed when this is compiled, where an index out of range is an error"
)]
const fn add_months(lengths: &mut WordLengths, months: &[&str]) {
    let mut month = 0;
    while month < months.len() {
        let word = months[month].as_bytes();
        let mut years = 3;
        while years <= 5 {
            add_first(lengths, word[0], word.len() + years);
            add_first(lengths, first_of_capital(word[0]), word.len() + years);
            years += 2;
        }
        month += 1;
    }
}

/// The first byte of the capital of a letter that begins with this one: of small letters of
/// Cyrillic and Greek it is another.
const fn first_of_capital(byte: u8) -> u8 {
    match byte {
        0xcf | 0xd1 => byte - 1,
        _another => byte,
    }
}

const fn month_starts() -> [u32; 32] {
    let mut starts = [0; 32];
    add_starts(&mut starts, &MONTHS);
    add_starts(&mut starts, &MONTHS_AT_POINT);
    starts
}

#[expect(
    clippy::indexing_slicing,
    reason = "computed when this is compiled, where an index out of range is an error"
)]
const fn add_starts(starts: &mut [u32; 32], months: &[&str]) {
    let mut month = 0;
    while month < months.len() {
        let word = months[month].as_bytes();
        // The capital of `ş` is the letter before it.
        let second = word[1] ^ (word[0] == 0xc5) as u8;
        let bits = 1 << (word[1] & 0x1f) | 1 << (second & 0x1f);
        starts[(word[0] & 0x1f) as usize] |= bits;
        starts[(first_of_capital(word[0]) & 0x1f) as usize] |= bits;
        month += 1;
    }
}

#[expect(
    clippy::indexing_slicing,
    reason = "computed when this is compiled, where an index out of range is an error"
)]
const fn add_words(lengths: &mut WordLengths, words: &[&str]) {
    let mut at = 0;
    while at < words.len() {
        let word = words[at].as_bytes();
        let (first, last) = (word[0], word[word.len() - 1]);
        add_first(lengths, first, word.len());
        lengths.ends[(first & 0x1f) as usize][(last & 0x1f) as usize] |= 1 << word.len();
        if word.len() > 1 {
            let (second, last_but_one) = (word[1] & 0x1f, word[word.len() - 2] & 0x1f);
            lengths.inner_ends[second as usize][last_but_one as usize] |= 1 << word.len();
        }
        at += 1;
    }
}

/// Adds the length of a word that begins with this byte, in any case.
#[expect(
    clippy::indexing_slicing,
    reason = "computed when this is compiled, where an index out of range is an error"
)]
const fn add_first(lengths: &mut WordLengths, first: u8, length: usize) {
    lengths.firsts[first.to_ascii_lowercase() as usize] |= 1 << length;
    lengths.firsts[first.to_ascii_uppercase() as usize] |= 1 << length;
}
