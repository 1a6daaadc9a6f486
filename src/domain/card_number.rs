//! Full numbers of payment cards (PANs) in text. They are never stored, sent or shown:
//! PCI DSS applies to every system that does.

use std::borrow::Cow;

use super::field::Field;

/// The most digits of a card's number (ISO/IEC 7812-1).
const MOST_DIGITS: usize = 19;

/// The fewest digits of one that is looked for in text. There are shorter ones, which are
/// not told from other numbers.
const FEWEST_DIGITS: usize = 14;

/// A run of digits in a text, with no letter beside it.
#[derive(Debug, Clone, Copy)]
struct DigitGroup {
    start: usize,
    end: usize,
    /// Whether exactly one blank, hyphen or dot is before it, and a group before that.
    joined: bool,
    /// Whether what is before it begins an IBAN.
    in_iban: bool,
}

/// A card's number in a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct CardSpan {
    start: usize,
    end: usize,
}

/// Whether `digits` are a card's: first digits and length of one that is issued, and the
/// right check digit.
fn is_card(digits: &[u8]) -> bool {
    is_issued(digits) && has_check_digit(digits)
}

/// Whether cards with these first digits have so many: Visa, Mastercard, American
/// Express, Discover, Diners Club, JCB, `UnionPay`, Maestro, Mir.
fn is_issued(digits: &[u8]) -> bool {
    let begin = |many: usize| {
        let first = digits.iter().take(many);
        first.fold(0_u32, |number, digit| number * 10 + u32::from(digit - b'0'))
    };
    match digits.len() {
        13 => begin(1) == 4,
        14 => matches!(begin(3), 300..=305 | 309) || matches!(begin(2), 36 | 38 | 39),
        15 => matches!(begin(2), 34 | 37),
        16..=MOST_DIGITS => {
            begin(1) == 4 && matches!(digits.len(), 16 | 19)
                || matches!(begin(2), 51..=55) && digits.len() == 16
                || matches!(begin(4), 2221..=2720) && digits.len() == 16
                || matches!(begin(4), 3528..=3589 | 6011 | 2200..=2204)
                || matches!(begin(3), 300..=305 | 644..=649)
                || matches!(begin(2), 36 | 38 | 39 | 50 | 56..=58 | 60..=63 | 65 | 67..=69)
        }
        _another => false,
    }
}

/// Whether the last digit is the check digit of the others (ISO/IEC 7812-1, annex B).
fn has_check_digit(digits: &[u8]) -> bool {
    let weighted = digits.iter().rev().enumerate().map(|(place, digit)| {
        let digit = u32::from(digit - b'0') << (place % 2);
        if digit > 9 { digit - 9 } else { digit }
    });
    weighted.sum::<u32>().is_multiple_of(10)
}

/// Whether `value` is a card's number by itself, with or without blanks and hyphens, of
/// 13 to 19 digits. Any number may be one by chance; a column of them is not.
pub(super) fn is_card_number(value: &str) -> bool {
    let mut digits = [0; MOST_DIGITS];
    let mut count = 0;
    for byte in value.trim().trim_start_matches('\'').bytes() {
        match byte {
            b'0'..=b'9' => match digits.get_mut(count) {
                Some(digit) => {
                    *digit = byte;
                    count += 1;
                }
                None => return false,
            },
            b' ' | b'-' => {}
            _another => return false,
        }
    }
    digits.get(..count).is_some_and(is_card)
}

/// Whether `value` is a long number, whatever it is of: a card's, if its column says so.
pub(super) fn is_long_number(value: &str) -> bool {
    let digits = value.bytes().filter(u8::is_ascii_digit).count();
    (12..=MOST_DIGITS).contains(&digits)
        && value
            .bytes()
            .all(|byte| byte.is_ascii_digit() || b" -'.".contains(&byte))
}

/// Whether `value` of `field` certainly holds a card's number. A `clientId` or a phone
/// number is one only if it is written in a card's groups: of other numbers with as many
/// digits some have a right check digit by chance.
pub(super) fn holds_card_number(field: Field, value: &str) -> bool {
    let only_grouped = matches!(field, Field::ClientId | Field::Phone);
    card_span(value, only_grouped).is_some()
}

/// `value` of `field` as it may be shown: without a card's number.
pub fn without_card_number(field: Field, value: &str) -> Cow<'_, str> {
    if holds_card_number(field, value) {
        masked(value)
    } else {
        Cow::Borrowed(value)
    }
}

/// The last four digits of the card's number in `value`; empty if there is none.
pub(super) fn last_digits(value: &str) -> String {
    let span = card_span(value, false);
    let digits = span.and_then(|span| value.get(span.start..span.end));
    let digits: Vec<char> = digits
        .unwrap_or_default()
        .chars()
        .filter(char::is_ascii_digit)
        .collect();
    digits.iter().skip(digits.len().saturating_sub(4)).collect()
}

/// `text` with stars instead of all but the last four digits of each card's number.
pub fn masked(text: &str) -> Cow<'_, str> {
    let mut rest = text;
    let mut out = String::new();
    while let Some(span) = card_span(rest, false) {
        let (before, from_span) = rest.split_at(span.start);
        let (_, after) = from_span.split_at(span.end - span.start);
        out.push_str(before);
        out.push_str("************");
        out.push_str(&last_digits(from_span));
        rest = after;
    }
    if out.is_empty() {
        return Cow::Borrowed(text);
    }
    out.push_str(rest);
    Cow::Owned(out)
}

/// Where the first card's number of `text` is. One with 14 or 15 digits that is not
/// grouped is not told from other numbers where `only_grouped` is set.
fn card_span(text: &str, only_grouped: bool) -> Option<CardSpan> {
    // A fast path for nearly all texts.
    if text.bytes().filter(u8::is_ascii_digit).count() < FEWEST_DIGITS {
        return None;
    }
    let groups = digit_groups(text);
    let lengths = |from: usize, many: usize| {
        let window = groups.get(from..from + many)?;
        let joined = window.iter().skip(1).all(|group| group.joined);
        joined.then(|| {
            let lengths: Vec<usize> = window.iter().map(|group| group.end - group.start).collect();
            lengths
        })
    };
    for (place, first) in groups.iter().enumerate() {
        if first.in_iban {
            continue;
        }
        let alone = first.end - first.start;
        let grouped = [(4, &[4, 4, 4, 4][..]), (3, &[4, 6, 5]), (3, &[4, 6, 4])]
            .into_iter()
            .find(|(many, wanted)| lengths(place, *many).is_some_and(|found| found == *wanted));
        let many = match grouped {
            Some((many, _)) => many,
            None if !only_grouped && (FEWEST_DIGITS..=MOST_DIGITS).contains(&alone) => 1,
            None => continue,
        };
        let Some(last) = groups.get(place + many - 1) else {
            continue;
        };
        let written = text.get(first.start..last.end).unwrap_or_default();
        let digits: Vec<u8> = written.bytes().filter(u8::is_ascii_digit).collect();
        if is_card(&digits) {
            return Some(CardSpan {
                start: first.start,
                end: last.end,
            });
        }
    }
    None
}

/// The runs of digits in `text` that no letter is beside.
fn digit_groups(text: &str) -> Vec<DigitGroup> {
    let mut groups: Vec<DigitGroup> = Vec::new();
    let mut rest = text;
    let mut before = "";
    let is_word = |letter: char| letter.is_alphanumeric() || letter == '_' || letter == '*';
    while let Some(start) = rest.find(is_word) {
        let (between, from_word) = rest.split_at(start);
        let end = from_word.find(|letter| !is_word(letter));
        let (word, after) = from_word.split_at(end.unwrap_or(from_word.len()));
        if word.bytes().all(|byte| byte.is_ascii_digit()) {
            let at = text.len() - from_word.len();
            let is_single = matches!(
                between,
                " " | "-" | "." | "\u{a0}" | "\u{2011}" | "\u{202f}"
            );
            let follows = groups
                .last()
                .is_some_and(|last| last.end + between.len() == at);
            let in_iban = is_single
                && (is_iban_start(before)
                    || follows && groups.last().is_some_and(|last| last.in_iban));
            groups.push(DigitGroup {
                start: at,
                end: at + word.len(),
                joined: is_single && follows,
                in_iban,
            });
        }
        before = word;
        rest = after;
    }
    groups
}

/// Whether `word` is the first four characters of an IBAN: `DE89`.
fn is_iban_start(word: &str) -> bool {
    match word.as_bytes() {
        [country, land, check, digit] => {
            country.is_ascii_alphabetic()
                && land.is_ascii_alphabetic()
                && check.is_ascii_digit()
                && digit.is_ascii_digit()
        }
        _another => false,
    }
}

#[cfg(test)]
mod tests {
    use super::{holds_card_number, is_card_number, is_long_number, masked};
    use crate::domain::field::Field;

    /// Numbers that the card networks and processors publish for tests.
    const CARDS: [&str; 11] = [
        "4242424242424242",
        "5555555555554444",
        "2223003122003222",
        "378282246310005",
        "6011111111111117",
        "30569309025904",
        "36227206271667",
        "3566002020360505",
        "6200000000000005",
        "4242-4242-4242-4242",
        "3782 822463 10005",
    ];

    #[test]
    fn a_full_number_is_found_and_masked_wherever_it_is() {
        for card in CARDS {
            assert!(is_card_number(card), "{card}");
            for text in [
                card.to_owned(),
                format!("Visa {card} 12/29"),
                format!("({card})"),
            ] {
                assert!(holds_card_number(Field::AddressLine2, &text), "{text}");
                let shown = masked(&text);
                let digits = shown.bytes().filter(u8::is_ascii_digit).count();
                assert!(digits <= 8, "{shown}");
                assert!(shown.contains("************"), "{shown}");
            }
        }
        assert_eq!(
            masked("a 4242 4242 4242 4242 b 5555555555554444"),
            "a ************4242 b ************4444"
        );
    }

    #[test]
    fn other_numbers_are_none() {
        for text in [
            "4242424242424241",
            "************4242",
            "4242",
            "xxxx-xxxx-xxxx-4242",
            "7210448301001",
            "+49 151 2345 6789",
            "4915123456789",
            "DE89 3704 0044 0532 0130 00",
            "pln_4242424242424242",
            "4242424242424242abc",
            "1234567890123456",
            "51 824 753 556",
            "1710150120000",
            "4 2 4 2 4 2 4 2 4 2 4 2 4 2 4 2",
        ] {
            assert!(!holds_card_number(Field::AddressLine1, text), "{text}");
            assert_eq!(masked(text), text);
        }
    }

    #[test]
    fn an_id_or_phone_number_is_a_card_only_in_its_groups() {
        for field in [Field::ClientId, Field::Phone] {
            assert!(!holds_card_number(field, "4242424242424242"));
            assert!(holds_card_number(field, "4242 4242 4242 4242"));
        }
        assert!(is_long_number("4111 1111 1111 1112") && !is_long_number("4242"));
    }
}
