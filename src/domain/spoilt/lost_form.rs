//! Numbers, dates and truth values that a spreadsheet or a program made of other text.

use super::value_use::{ValueUse, is_digits};
use super::{month_date, whole_date};

/// What a value has become.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::domain) enum LostForm {
    /// `1.23E+15`: digits are lost.
    Exponent,
    /// `175928847299117000`: a spreadsheet keeps fifteen digits.
    Rounded,
    /// `7210448301009.0`.
    Decimals,
    /// `7,210,448`.
    Thousands,
    /// `7 210 448`, `7.210.448`: an id may be written so, as `732 829 320` or `900.123.456`.
    Grouped,
    /// `01-Mar`, `2024-03-01 00:00:00`, `T09:42:00`.
    Date,
    /// `05.01.2024`, `2024-01-05`: an id may be one; `jan-12` is a date in some languages.
    PossibleDate,
    /// `TRUE`.
    Truth,
}

/// The most bytes of a value that has lost its form: a date that JavaScript prints, with
/// the name of a time zone.
const LONGEST: usize = 80;

/// Truth values as spreadsheets write them.
pub(super) const TRUTHS: [&str; 18] = [
    "TRUE",
    "FALSE",
    "true",
    "false",
    "WAHR",
    "FALSCH",
    "VRAI",
    "FAUX",
    "VERDADERO",
    "VERDADEIRO",
    "WAAR",
    "ONWAAR",
    "VERO",
    "FALSO",
    "PRAWDA",
    "FAŁSZ",
    "ИСТИНА",
    "ЛОЖЬ",
];

/// The same, where no word of a language is expected.
pub(super) const TRUTHS_IN_IDS: [&str; 22] = [
    "True",
    "False",
    "wahr",
    "falsch",
    "vrai",
    "faux",
    "SANT",
    "FALSKT",
    "SAND",
    "FALSK",
    "SANN",
    "USANN",
    "DOĞRU",
    "YANLIŞ",
    "IGAZ",
    "HAMIS",
    "PRAVDA",
    "NEPRAVDA",
    "TOSI",
    "EPÄTOSI",
    "ΑΛΗΘΗΣ",
    "ΨΕΥΔΗΣ",
];

/// What `value` has become, if it has lost its form.
pub(super) fn lost_form(value: &str, is_used: ValueUse) -> Option<LostForm> {
    if value.len() > LONGEST {
        return None;
    }
    if lost_digits(value) {
        return Some(LostForm::Exponent);
    }
    if TRUTHS.contains(&value) || is_used == ValueUse::Id && TRUTHS_IN_IDS.contains(&value) {
        return Some(LostForm::Truth);
    }
    if is_date(value, is_used) {
        let is_possible = is_used == ValueUse::Id && is_slug(value);
        return Some(if is_possible {
            LostForm::PossibleDate
        } else {
            LostForm::Date
        });
    }
    match is_used {
        ValueUse::Words => None,
        ValueUse::Id if is_rounded(value) => Some(LostForm::Rounded),
        ValueUse::Id if whole_date::is_whole_date(value) => Some(LostForm::PossibleDate),
        ValueUse::Id | ValueUse::Number if has_decimals(value) => Some(LostForm::Decimals),
        ValueUse::Id | ValueUse::Number => {
            let has_points = value
                .bytes()
                .all(|byte| byte.is_ascii_digit() || byte == b'.');
            let form = if value.contains(' ') || has_points {
                LostForm::Grouped
            } else {
                LostForm::Thousands
            };
            has_thousands(value, is_used).then_some(form)
        }
    }
}

/// Whether `value` is a number that a spreadsheet shortened, `1.23E+15`, or that a program
/// keeps as one: `7.210448301009E12`.
fn lost_digits(value: &str) -> bool {
    let Some((mantissa, exponent)) = value.split_once(['E', 'e']) else {
        return false;
    };
    let mantissa = mantissa.strip_prefix(['+', '-', '−']).unwrap_or(mantissa);
    let Some(exponent) = exponent.strip_prefix('+') else {
        return is_double(mantissa, exponent);
    };
    is_digits(exponent)
        && match mantissa.split_once(['.', ',', '٫']) {
            Some((whole, part)) => is_digits(whole) && is_digits(part),
            None => is_digits(mantissa),
        }
}

/// Whether these are the parts of a large number as Java and others write it, without a
/// plus sign (`Double.toString` does so from 10^7 on). `1E5` and `1.5E9` may be ids.
fn is_double(mantissa: &str, exponent: &str) -> bool {
    const LEAST_EXPONENT: u16 = 7;
    let exponent = exponent.parse().ok().filter(|_| is_digits(exponent));
    let is_large = exponent.is_some_and(|exponent: u16| exponent >= LEAST_EXPONENT);
    let parts = mantissa.split_once('.');
    is_large
        && parts.is_some_and(|(whole, part)| {
            whole.len() == 1
                && is_digits(whole)
                && is_digits(part)
                && (part.len() > 1 || part == "0")
        })
}

/// Whether `value` is a number of which a spreadsheet lost the end. Of shorter numbers,
/// too many end in zeros by chance.
fn is_rounded(value: &str) -> bool {
    const KEPT: usize = 15;
    const SHORTEST: usize = 18;
    let ends = value.split_at_checked(KEPT).filter(|_| is_digits(value));
    value.len() >= SHORTEST
        && !value.starts_with('0')
        && ends.is_some_and(|(kept, lost)| {
            !kept.ends_with("000") && lost.bytes().all(|digit| digit == b'0')
        })
}

/// Whether `value` is a whole number with decimals that a program added. With a comma,
/// one digit is more likely an amount.
fn has_decimals(value: &str) -> bool {
    let split = value.split_once(['.', ',']);
    split.is_some_and(|(whole, part)| {
        let long_enough = whole.len() > 1 || value.contains('.');
        long_enough && is_digits(whole) && matches!(part, "0" | "00")
    })
}

/// Whether `value` is a number in groups of three digits. Phone numbers have such groups,
/// but none with commas; `7.210` could be an id.
fn has_thousands(value: &str, is_used: ValueUse) -> bool {
    let Some(mark) = value.chars().find(|letter| !letter.is_ascii_digit()) else {
        return false;
    };
    let least = match (mark, is_used) {
        (',', _) => 2,
        ('.' | '\'' | '’' | ' ' | '\u{a0}' | '\u{2009}' | '\u{202f}', ValueUse::Id) => 3,
        _another => return false,
    };
    let decimals = if mark == ',' { '.' } else { ',' };
    let whole = match value.split_once(decimals) {
        Some((whole, part)) if is_digits(part) => whole,
        Some(_) => return false,
        None => value,
    };
    let mut groups = whole.split(mark);
    let first = groups.next().unwrap_or_default();
    let others: Vec<&str> = groups.collect();
    is_digits(first)
        && first.len() <= 3
        && others.len() + 1 >= least
        && others
            .iter()
            .all(|group| group.len() == 3 && is_digits(group))
}

/// Whether `value` is a date as spreadsheets turn other values into one.
fn is_date(value: &str, is_used: ValueUse) -> bool {
    if is_time_cell(value) {
        return true;
    }
    if let Some((day, time)) = value.split_once([' ', 'T']) {
        let time = time.trim_end_matches('Z');
        let fraction = time.strip_prefix("00:00:00");
        if fraction.is_some_and(|rest| rest.bytes().all(|byte| matches!(byte, b'.' | b'0'))) {
            return is_iso_day(day);
        }
    }
    month_date::names_month(value, is_used)
}

/// Whether `value` may be an id of a word and a number, as people make them, `jan-12`. Most
/// spreadsheets begin the months of Latin letters with a capital.
fn is_slug(value: &str) -> bool {
    value.is_ascii() && value.starts_with(|letter: char| letter.is_ascii_lowercase())
}

/// Whether `value` is the text of a workbook's cell with a time: `T09:42:00`.
fn is_time_cell(value: &str) -> bool {
    let parts = value.strip_prefix('T').map(|time| time.split(':'));
    parts.is_some_and(|parts| {
        parts.clone().count() == 3
            && parts.clone().all(|part| {
                let (whole, fraction) = part.split_once('.').unwrap_or((part, "0"));
                whole.len() >= 2 && is_digits(whole) && is_digits(fraction)
            })
    })
}

fn is_iso_day(day: &str) -> bool {
    let parts: Vec<&str> = day.split('-').collect();
    matches!(parts.as_slice(), [year, month, day]
        if [year.len(), month.len(), day.len()] == [4, 2, 2]
            && [year, month, day].iter().all(|part| is_digits(part)))
}

#[cfg(test)]
mod tests {
    use super::{LostForm, ValueUse, lost_form};

    #[test]
    fn what_spreadsheets_make_of_ids_is_found() {
        for (value, form) in [
            ("1.23E+15", LostForm::Exponent),
            ("7E+12", LostForm::Exponent),
            ("1,23e+15", LostForm::Exponent),
            ("8,9E+11", LostForm::Exponent),
            ("7.21045E+12", LostForm::Exponent),
            ("7.210448301009E12", LostForm::Exponent),
            ("4.915e12", LostForm::Exponent),
            ("1.23E15", LostForm::Exponent),
            ("7.0E9", LostForm::Exponent),
            ("7210448301009.0", LostForm::Decimals),
            ("12,0", LostForm::Decimals),
            ("7,210,448", LostForm::Thousands),
            ("7,210", LostForm::Thousands),
            ("7.210.448", LostForm::Grouped),
            ("900.123.456", LostForm::Grouped),
            ("12.345.678", LostForm::Grouped),
            ("12.345.678,00", LostForm::Thousands),
            ("7'210'448", LostForm::Thousands),
            ("7\u{202f}210\u{202f}448", LostForm::Thousands),
            ("7 210 448", LostForm::Grouped),
            ("12 210 448,00", LostForm::Grouped),
            ("2024-03-01", LostForm::PossibleDate),
            ("2024-03-01 12:30:00", LostForm::PossibleDate),
            ("05.01.2024", LostForm::PossibleDate),
            ("1/5/24", LostForm::PossibleDate),
            ("7,210,448.00", LostForm::Thousands),
            ("01-Mar", LostForm::Date),
            ("1-Mar-24", LostForm::Date),
            ("1-mar-24", LostForm::Date),
            ("févr-24", LostForm::Date),
            ("jan-12", LostForm::PossibleDate),
            ("mag-42", LostForm::PossibleDate),
            ("dec-2024", LostForm::PossibleDate),
            ("Mar-01", LostForm::Date),
            ("Mär-01", LostForm::Date),
            ("1. Mrz", LostForm::Date),
            ("01. Mrz", LostForm::Date),
            ("01-mars", LostForm::Date),
            ("01-Mai-2024", LostForm::Date),
            ("01.мар", LostForm::Date),
            ("2024-03-01 00:00:00", LostForm::Date),
            ("2024-03-01T00:00:00", LostForm::Date),
            ("2024-03-01 00:00:00.000", LostForm::Date),
            ("T09:42:00", LostForm::Date),
            ("T36:00:00.123", LostForm::Date),
            ("PRAVDA", LostForm::Truth),
            ("EPÄTOSI", LostForm::Truth),
            ("ΑΛΗΘΗΣ", LostForm::Truth),
            ("TRUE", LostForm::Truth),
            ("FALSCH", LostForm::Truth),
            ("VRAI", LostForm::Truth),
        ] {
            assert_eq!(lost_form(value, ValueUse::Id), Some(form), "{value}");
        }
    }

    #[test]
    fn ids_that_look_a_little_like_it_are_kept() {
        for value in [
            "E",
            "12E4",
            "1E5",
            "acct_1E+2",
            "1.5E9",
            "1.23E6",
            "12.34E10",
            "1.234E",
            "1.23E10A",
            "E+15",
            "1.E+2",
            "12-34",
            "2024-03",
            "7 210",
            "12 34 56 78",
            "MAR-01",
            "7.210",
            "1.5",
            "10.25",
            "1,2",
            "192.168.0.1",
            "1.2.3",
            "123.456",
            "01-Marketing",
            "march-01",
            "set-01",
            "out-12",
            "may",
            "c-01",
            "mar-1",
            "12-345-678",
            "00123",
            "12 May",
            "1 Mar",
            "truely",
            "09:42:00",
            "T09:42",
            "T1:42:00",
            "T",
        ] {
            assert_eq!(lost_form(value, ValueUse::Id), None, "{value}");
        }
    }

    #[test]
    fn phones_postal_codes_and_words_have_other_forms() {
        for (value, form) in [
            ("8,9E+11", Some(LostForm::Exponent)),
            ("+4.91512E+12", Some(LostForm::Exponent)),
            ("2134.0", Some(LostForm::Decimals)),
            ("2,134", Some(LostForm::Thousands)),
            ("555.123.456", None),
            ("555 123 456", None),
            ("1010 AB", None),
            ("12-Dec", Some(LostForm::Date)),
        ] {
            assert_eq!(lost_form(value, ValueUse::Number), form, "{value}");
        }
        for value in [
            "1. Mai",
            "17. Juni",
            "10. Mai",
            "Mai 68",
            "May 24",
            "True",
            "Vero",
            "Sand",
            "PRAVDA",
            "Tosi",
            "2.0",
            "7.210.448",
        ] {
            assert_eq!(lost_form(value, ValueUse::Words), None, "{value}");
        }
        for value in [
            "01-Mar",
            "01. Mrz",
            "12. Mrz",
            "01. Mai",
            "01.мар",
            "01-set",
            "01-paź",
            "12-gru",
            "1-févr.",
            "мар.24",
            "mar-24",
        ] {
            let form = lost_form(value, ValueUse::Words);
            assert_eq!(form, Some(LostForm::Date), "{value}");
        }
        for value in ["ИСТИНА", "ЛОЖЬ", "FAŁSZ", "VERO", "FALSO", "ONWAAR"] {
            let form = lost_form(value, ValueUse::Words);
            assert_eq!(form, Some(LostForm::Truth), "{value}");
        }
        assert_eq!(lost_form("TRUE", ValueUse::Words), Some(LostForm::Truth));
    }
}
