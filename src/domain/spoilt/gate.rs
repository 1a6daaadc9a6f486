//! A cheap test that lets nearly all ordinary values pass without a closer look.
//!
//! Every value of every row goes through it: one look into a table by first byte and
//! length, and for numbers one pass over their bytes.

use super::gate_tables::{INNER_WORDS, LENGTHS, LONGEST, MONTH_STARTS, WIDE, WORDS};
use super::month_date::has_printed_shape;

/// The fewest digits of a card's number that is looked for in a single value.
const FEWEST_DIGITS: usize = 14;

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
    if *first == b'T' && second.is_ascii_digit() || has_printed_shape(value) {
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
        (b' ', Some(_)) => number.len() > 2 || !ends_in_year(after),
        (b'-' | b'/', None) => !has_three_parts(value),
        // Of the others, the first bytes of typographic blanks and apostrophes, and of `٫`.
        (b',' | b'.' | b'\'' | b':', None) | (0xc2 | 0xd9 | 0xe2, _) => false,
        (b'-' | b'/' | b'.' | b',', Some(place)) => {
            let (between, word) = after.split_at(place);
            !begins_month(number, between) && !begins_time(between, word) && !has_exponent(value)
        }
        // Of `年`, `月`, `년` and `월`.
        (0xe5 | 0xe6 | 0xeb | 0xec, _) => !ends_east_asian_date(value),
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

/// Whether `text` ends in a word that may be a year: `1 Mar 2024`.
fn ends_in_year(text: &[u8]) -> bool {
    text.last_chunk()
        .is_some_and(|[blank, year @ ..]: &[u8; 5]| {
            *blank == b' ' && year.iter().all(u8::is_ascii_digit)
        })
}

/// Whether `value` ends as `3月1日`, `2024年3月` and the same in Korean.
fn ends_east_asian_date(value: &[u8]) -> bool {
    ["日", "月", "일", "월"]
        .iter()
        .any(|end| value.ends_with(end.as_bytes()))
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

#[cfg(test)]
mod tests {
    use super::is_ordinary;
    use crate::domain::card_number::holds_card_number;
    use crate::domain::field::Field;
    use crate::domain::spoilt::error_value::LOADING;
    use crate::domain::spoilt::lost_form::{TRUTHS, TRUTHS_IN_IDS};
    use crate::domain::spoilt::month_date::{MONTHS, MONTHS_AT_POINT};
    use crate::domain::spoilt::placeholder::{CERTAIN, PROBABLE};
    use crate::domain::spoilt::{TOTALS, spoilt};
    use proptest::prelude::*;

    #[test]
    fn ordinary_values_pass() {
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
    }

    #[test]
    fn spoilt_values_do_not_pass() {
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
            "3月1日",
            "2024년 3월 1일",
            "1 Mar 2024",
            "Fri Mar 01 00:00:00 CET 2024",
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
            .chain(&MONTHS_AT_POINT)
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
                prop::sample::select(&MONTHS_AT_POINT[..]),
                prop::sample::select(&["March", "oktober", "set", "out", "paź", "gru", "maja", "T", "PM", "E+", "e+", "E1", "e1"][..]),
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
        fn no_date_of_other_scripts_and_programs_passes(
            number in "[0-9]{0,4}",
            text in "[年月년월 ]{1,2}[0-9]{0,2}[年月日년월일 ]{0,2}[0-9]{0,2}[日일月]?",
            weekday in "(Mon|Fri|Sun|MON|x)",
            day in " (Mar|Dec|mar) [ 0-9][0-9]( 2024)? [0-9]{2}:[0-9]{2}:[0-9]{2}( CET| GMT[+]01:00)?( 2024)?",
            zone in "( \\([A-Z][a-z]{0,9} Time\\))?",
        ) {
            let (date, printed) = (format!("{number}{text}"), format!("{weekday}{day}{zone}"));
            for (field, value) in Field::ALL.into_iter().flat_map(|field| [(field, &date), (field, &printed)]) {
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
