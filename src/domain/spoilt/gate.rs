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

/// By first and last byte, of each the lower five bits: bit `n` is set if a word of `n`
/// bytes begins and ends with them.
static WORDS: [[u32; 32]; 32] = all_words().ends;

/// The same by the second byte and the last but one.
static INNER_WORDS: [[u32; 32]; 32] = all_words().inner_ends;

/// By the lower five bits of the first byte: a bit for those of the second of a month.
static MONTH_STARTS: [u32; 32] = month_starts();

/// The first byte of `＃ＲＥＦ！`, and of other wide forms.
const WIDE: u8 = 0xef;

/// Whether `value` needs no closer look: it is no word for nothing, no number that a
/// spreadsheet could have written, not quoted and without a card's number.
///
/// It says nothing about characters beyond ASCII inside of the value.
#[inline]
pub(in crate::domain) fn is_ordinary(value: &[u8]) -> bool {
    let Some(first) = value.first() else {
        return true;
    };
    if !may_be_word(*first, value.len()) {
        return has_no_card_number(value);
    }
    if first.is_ascii_digit() || *first == b'+' {
        is_plain_number(value)
    } else {
        let may_begin_word = first.is_ascii_alphabetic() || !first.is_ascii() && *first != WIDE;
        may_begin_word && is_no_word(value)
    }
}

/// Whether `value` may be one of the words that are looked for, or a dash of any kind.
pub(super) fn may_be_word_or_dash(value: &[u8]) -> bool {
    // Dashes beyond ASCII, U+2013 to U+2212, begin with this byte.
    const DASH: u8 = 0xe2;
    let first = value.first();
    first.is_some_and(|first| *first == DASH || may_be_word(*first, value.len()))
}

/// Whether a value that begins with this byte, and has so many, may be one of the words
/// that are looked for.
#[inline]
fn may_be_word(first: u8, length: usize) -> bool {
    let lengths = LENGTHS.get(usize::from(first)).copied();
    lengths.unwrap_or(u32::MAX) >> length.min(LONGEST) & 1 == 1
}

/// Whether `value` begins and ends with letters that no word of its length does, or ends
/// in a number that is no year of a month's.
fn is_no_word(value: &[u8]) -> bool {
    let ([first, second, ..], [.., last_but_one, last]) = (value, value) else {
        return false;
    };
    if !has_no_card_number(value) {
        return false;
    }
    if *first == b'T' && second.is_ascii_digit() {
        return false;
    }
    let low = |byte: &u8| usize::from(byte & 0x1f);
    if last.is_ascii_digit() {
        let at_end = |from_end: usize| {
            let place = value.len().checked_sub(from_end);
            place.and_then(|place| value.get(place))
        };
        let is_month = MONTH_STARTS
            .get(low(first))
            .is_none_or(|bits| bits >> low(second) & 1 == 1);
        let has_year = [at_end(3), at_end(5)]
            .iter()
            .flatten()
            .any(|byte| b"- .".contains(byte));
        return !(is_month && has_year) && at_end(4) != Some(&b':');
    }
    let bit = |table: &[[u32; 32]; 32], (first, last): (&u8, &u8)| {
        let lengths = table
            .get(low(first))
            .and_then(|lengths| lengths.get(low(last)));
        lengths.copied().unwrap_or(u32::MAX)
    };
    let lengths = bit(&WORDS, (first, last)) & bit(&INNER_WORDS, (second, last_but_one));
    lengths >> value.len().min(LONGEST) & 1 == 0
}

/// Whether `value` has no run of so many digits that it could be a card's number, with
/// one of the signs between them that its groups may have.
fn has_no_card_number(value: &[u8]) -> bool {
    if value.len() < FEWEST_DIGITS || has_few_digits(value) {
        return true;
    }
    let count = |(run, longest): (usize, usize), byte: &u8| {
        let run = if is_part_of_card(*byte) {
            run + usize::from(byte.is_ascii_digit())
        } else {
            0
        };
        (run, longest.max(run))
    };
    value.iter().fold((0, 0), count).1 < FEWEST_DIGITS
}

/// Whether certainly fewer than [`FEWEST_DIGITS`] bytes of `value` are digits, counted
/// sixteen at a time; some of the last ones may be counted twice.
fn has_few_digits(value: &[u8]) -> bool {
    // Beyond this the sum could overflow.
    const LONGEST_SUM: usize = 224;
    if value.len() > LONGEST_SUM {
        return false;
    }
    let digits = |bytes: &[u8]| -> u8 {
        let ones = bytes.iter().map(|byte| u8::from(byte.is_ascii_digit()));
        ones.sum()
    };
    let (sixteens, rest) = value.as_chunks::<16>();
    let whole: u8 = sixteens.iter().map(|bytes| digits(bytes)).sum();
    let last = match value.last_chunk::<16>() {
        Some(_) if rest.is_empty() => 0,
        Some(last) => digits(last),
        None => digits(rest),
    };
    usize::from(whole + last) < FEWEST_DIGITS
}

/// Whether the byte may be part of a card's number in groups: a digit, a blank, a hyphen,
/// a dot, or a byte of a no-break space, a no-break hyphen or a narrow space.
const fn is_part_of_card(byte: u8) -> bool {
    matches!(
        byte,
        b'0'..=b'9' | b' ' | b'-' | b'.' | 0x80 | 0x91 | 0xa0 | 0xaf | 0xc2 | 0xe2
    )
}

/// Whether `value`, which begins with a digit or a plus sign, is none of the forms that a
/// spreadsheet gives to numbers and dates, and no card's number.
fn is_plain_number(value: &[u8]) -> bool {
    let is_ordinary = match value.iter().position(|byte| !byte.is_ascii_digit()) {
        None => true,
        // Only an exponent is looked for in a number with its sign: `+4.9E+12`.
        Some(0) => !has_exponent(value),
        Some(end) => is_plain_after(value, end),
    };
    is_ordinary && has_no_card_number(value)
}

/// Whether `value` is ordinary, of which what precedes `end` is a number, and `end` is
/// none of its digits: `12 Harbor Blvd`, `3rd floor`, `03 555 7609`.
fn is_plain_after(value: &[u8], end: usize) -> bool {
    let (number, rest) = value.split_at(end);
    let Some((mark, after)) = rest.split_first() else {
        return true;
    };
    let letter = after.iter().position(|byte| is_letter(*byte));
    match (mark, letter) {
        // `7 210 448`: all groups but the first have three digits.
        (b' ', None) => {
            let is_grouped = rest.len() % 4 == 0 && after.get(3).is_none_or(|byte| *byte == b' ');
            number.len() > 3 || !is_grouped && !after.contains(&b',')
        }
        (b' ', Some(_)) => true,
        (b'-' | b'/', None) => !has_three_parts(value),
        // Of the others, the first bytes of typographic blanks and apostrophes, and of `٫`.
        (b',' | b'.' | b'\'' | b':', None) | (0xc2 | 0xd9 | 0xe2, _) => false,
        (b'-' | b'/' | b'.' | b',', Some(place)) => {
            let (between, word) = after.split_at(place);
            !begins_month(number, between) && !begins_time(between, word) && !has_exponent(value)
        }
        (b'e' | b'E', _) => after.first() != Some(&b'+'),
        _another => true,
    }
}

/// Whether the byte is a letter, or is part of one.
const fn is_letter(byte: u8) -> bool {
    byte.is_ascii_alphabetic() || !byte.is_ascii()
}

/// Whether the letter after `number`, a mark and `between` may begin a month: `01-Mar`,
/// `1. Mrz`.
fn begins_month(number: &[u8], between: &[u8]) -> bool {
    number.len() <= 2 && between.iter().all(|byte| *byte == b' ')
}

/// Whether `word` may go on a date or a time, and `between` a number, a mark and it:
/// `2024-01-05T00:00:00`, `1/5/24 3:05 PM`.
fn begins_time(between: &[u8], word: &[u8]) -> bool {
    match word {
        [b'T', next, ..] => next.is_ascii_digit(),
        [b'A' | b'P' | b'M' | b'Z', ..] => between.contains(&b':'),
        _another => false,
    }
}

/// Whether `value` may have an exponent: `8,9E+11`, `4.915E12`.
fn has_exponent(value: &[u8]) -> bool {
    memchr::memchr2_iter(b'E', b'e', value).any(|place| {
        let before = place.checked_sub(1).and_then(|place| value.get(place));
        let after = value.get(place + 1);
        before.is_some_and(u8::is_ascii_digit)
            && after.is_some_and(|after| after.is_ascii_digit() || *after == b'+')
    })
}

/// Whether `value`, which has no letters, could be a date: `1/5/24`, `2024-01-05`.
fn has_three_parts(value: &[u8]) -> bool {
    const SHORTEST_DATE: usize = 6;
    const LONGEST_DATE: usize = 29;
    let is_joint = |place: usize| matches!(value.get(place), Some(b'-' | b'/'));
    let joins = is_joint(1) || is_joint(2) || is_joint(4);
    joins && (SHORTEST_DATE..=LONGEST_DATE).contains(&value.len())
}

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
    add_months(&mut lengths);
    lengths
}

/// Adds the months with a year of two or four digits.
#[expect(
    clippy::indexing_slicing,
    reason = "computed when this is compiled, where an index out of range is an error"
)]
const fn add_months(lengths: &mut WordLengths) {
    let mut month = 0;
    while month < MONTHS.len() {
        let word = MONTHS[month].as_bytes();
        add_first(lengths, word[0], word.len() + 3);
        add_first(lengths, word[0], word.len() + 5);
        month += 1;
    }
}

#[expect(
    clippy::indexing_slicing,
    reason = "computed when this is compiled, where an index out of range is an error"
)]
const fn month_starts() -> [u32; 32] {
    let mut starts = [0; 32];
    let mut month = 0;
    while month < MONTHS.len() {
        let word = MONTHS[month].as_bytes();
        let bit = 1 << (word[1] & 0x1f);
        starts[(word[0] & 0x1f) as usize] |= bit;
        if word[0] == 0xd1 {
            // Small letters of Cyrillic whose capitals begin with D0.
            starts[(0xd0 & 0x1f) as usize] |= bit;
        }
        month += 1;
    }
    starts
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

#[cfg(test)]
mod tests {
    use super::{CERTAIN, LOADING, MONTHS, PROBABLE, TOTALS, TRUTHS, TRUTHS_IN_IDS, is_ordinary};
    use crate::domain::card_number::holds_card_number;
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
            "4.915E12",
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
            "ref_ 4242 4242 4242 4242",
            "Karte 4242\u{a0}4242\u{202f}4242\u{2011}4242 von Anna",
            "Total",
            "Err:502",
            "Loading...",
            "Loading…",
            "[null]",
            "T09:42:00",
            "T09:42:00.123",
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

    #[test]
    fn every_word_is_looked_at_in_any_case() {
        let lists = [
            CERTAIN.as_slice(),
            &PROBABLE,
            &TRUTHS,
            &TRUTHS_IN_IDS,
            &LOADING,
        ];
        for word in lists.into_iter().flatten() {
            for text in [word.to_ascii_lowercase(), word.to_ascii_uppercase()] {
                assert!(!is_ordinary(text.as_bytes()), "{text}");
            }
        }
        let capitalised = |word: &str| {
            let mut letters = word.chars();
            let first = letters.next().unwrap().to_uppercase();
            format!("{first}{}", letters.as_str())
        };
        for word in TOTALS {
            for text in [word.to_owned(), word.to_uppercase(), capitalised(word)] {
                assert!(!is_ordinary(text.as_bytes()), "{text}");
            }
        }
        for month in MONTHS
            .iter()
            .flat_map(|month| [(*month).to_owned(), capitalised(month)])
        {
            for year in ["-24", " 2024", ".19"] {
                let date = format!("{month}{year}");
                assert!(!is_ordinary(date.as_bytes()), "{date}");
            }
        }
        assert!(!is_ordinary("＃ＲＥＦ！".as_bytes()));
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

        #[test]
        fn no_date_or_shortened_number_passes(
            number in "[+]?[0-9]{0,4}",
            mark in "[-./ ,:]?",
            blanks in " {0,2}",
            month in prop_oneof![
                prop::sample::select(&MONTHS[..]),
                prop::sample::select(&["set", "out", "paź", "gru", "maja", "T", "PM", "E+", "e+", "E1", "e1"][..]),
            ],
            rest in "[.]?([-/ .][0-9]{1,4})?[0-9:.]{0,9}(Z| AM| PM)?",
        ) {
            let day = format!("{number}{mark}{blanks}{month}{rest}");
            let time = format!("{number}-01-05{mark}{rest}");
            for (field, value) in Field::ALL.into_iter().flat_map(|field| [(field, &day), (field, &time)]) {
                if spoilt(field, value).is_some() {
                    prop_assert!(!is_ordinary(value.as_bytes()), "{field} {value:?}");
                }
            }
        }

        #[test]
        fn no_card_number_passes(
            before in "([A-Za-z_#é]{0,9}[ :_]{0,2})?",
            card in prop::sample::select(&["4242424242424242", "378282246310005", "30569309025904"][..]),
            sign in prop::sample::select(&["", " ", "-", ".", "\u{a0}", "\u{2011}", "\u{202f}"][..]),
            after in "([ ,;][0-9A-Za-z]{0,9})?",
        ) {
            let lengths: &[usize] = if card.len() == 16 { &[4, 4, 4, 4] } else { &[4, 6, 5] };
            let mut digits = card.chars();
            let groups: Vec<String> = lengths.iter().map(|many| digits.by_ref().take(*many).collect()).collect();
            let value = format!("{before}{}{after}", groups.join(sign));
            if holds_card_number(Field::AddressLine1, &value) {
                prop_assert!(!is_ordinary(value.as_bytes()), "{value:?}");
            }
        }
    }
}
