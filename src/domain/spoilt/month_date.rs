//! Dates that name their month, as spreadsheets make them of other text and as programs
//! print them: `01-Mar`, `Mrz-24`, `3月1日`, `Fri Mar 01 00:00:00 CET 2024`.

use super::value_use::{ValueUse, is_digits};

/// Abbreviations of months as spreadsheets write them, in lower case: English, German,
/// French, Spanish, Italian, Portuguese, Dutch and Scandinavian, Russian, Greek. Those that
/// are words of other kinds (Italian `set`, Portuguese `out`, Polish `pro`) are not there.
pub(super) const MONTHS: [&str; 74] = [
    "jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "sept", "oct", "nov", "dec",
    "jän", "mär", "mrz", "märz", "mai", "juni", "juli", "okt", "dez", "janv", "févr", "mars",
    "avr", "juin", "juil", "août", "déc", "ene", "abr", "ago", "dic", "gen", "mag", "giu", "lug",
    "ott", "fev", "mrt", "mei", "maj", "des", "янв", "фев", "мар", "апр", "май", "июн", "июл",
    "авг", "сен", "окт", "ноя", "дек", "февр", "сент", "нояб", "ιαν", "φεβ", "μαρ", "απρ", "μαϊ",
    "μάι", "μαι", "ιουν", "ιουλ", "αυγ", "σεπ", "οκτ", "νοε", "δεκ", "σεπτ",
];

/// Abbreviations that are words or parts of ids too, unless a day precedes them: Italian
/// and Portuguese, Polish.
const MONTHS_AFTER_DAY: [&str; 14] = [
    "set", "out", "sty", "lut", "kwi", "cze", "lip", "sie", "wrz", "paź", "lis", "gru", "mars",
    "maja",
];

/// Turkish and Hungarian ones, which are words or parts of ids too, unless a point joins them
/// to a day or a year: `01.Oca`, `márc.01`.
pub(super) const MONTHS_AT_POINT: [&str; 17] = [
    "oca", "şub", "nis", "haz", "tem", "ağu", "eyl", "eki", "kas", "ara", "febr", "márc", "ápr",
    "máj", "jún", "júl", "szept",
];

/// Names in full, of which a date with its year is made: `01-March-2024`. Those that are not
/// abbreviated are in [`MONTHS`].
const NAMES: [&str; 46] = [
    "january",
    "february",
    "march",
    "april",
    "june",
    "july",
    "august",
    "september",
    "october",
    "november",
    "december",
    "januar",
    "jänner",
    "februar",
    "oktober",
    "dezember",
    "janvier",
    "février",
    "avril",
    "juillet",
    "septembre",
    "octobre",
    "novembre",
    "décembre",
    "enero",
    "febrero",
    "marzo",
    "abril",
    "mayo",
    "junio",
    "julio",
    "agosto",
    "septiembre",
    "octubre",
    "noviembre",
    "diciembre",
    "gennaio",
    "febbraio",
    "aprile",
    "maggio",
    "giugno",
    "luglio",
    "settembre",
    "ottobre",
    "novembre",
    "dicembre",
];

/// Days of the week as programs print them.
pub(super) const WEEKDAYS: [&str; 7] = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];

/// Months whose names are not abbreviated, or look as if they were not: `17. Juni` is a
/// street.
const NAMES_OF_STREETS: [&str; 10] = [
    "mai", "may", "maj", "mei", "märz", "mars", "juni", "juin", "juli", "août",
];

/// Whether `value` is a date with a month's name.
pub(super) fn names_month(value: &str, is_used: ValueUse) -> bool {
    if is_east_asian(value) || is_printed(value) {
        return true;
    }
    let Some((first, rest)) = value.split_once(['-', '.', '/', ' ']) else {
        return false;
    };
    if is_digits(first) && first.len() <= 2 {
        return if value.starts_with(&format!("{first} ")) {
            // `12 May` may be an id or a name, with a year it is neither.
            is_used == ValueUse::Id && is_month_and_year(rest.trim_start())
        } else {
            is_after_day(value, first, rest, is_used)
        };
    }
    let between = value.chars().find(|letter| !letter.is_alphabetic());
    let joins = between == Some('-')
        || between == Some(' ') && is_used == ValueUse::Id
        || between == Some('.') && !first.is_ascii();
    let is_known = joins && is_month(first) || between == Some('.') && is_month_at_point(first);
    is_known && is_year(rest)
}

/// Whether `rest`, which stands after the day `first`, is a month, perhaps with a year.
fn is_after_day(value: &str, first: &str, rest: &str, is_used: ValueUse) -> bool {
    let month = rest.trim_start_matches(' ').trim_end_matches('.');
    let (month, year) = month
        .split_once(['-', '/', ' ', '.'])
        .map_or((month, None), |(month, year)| (month, Some(year)));
    let is_known = is_month(month)
        || is_used != ValueUse::Id && is_one_of(&MONTHS_AFTER_DAY, month)
        || value.contains('.') && is_month_at_point(month)
        || year.is_some() && is_capitalised_or_small(month) && is_one_of(&NAMES, month);
    // `1. Mai` is a street, a square and a company.
    let is_street = is_used == ValueUse::Words
        && !value.contains('-')
        && !first.starts_with('0')
        && (first.len() < 2 || is_one_of(&NAMES_OF_STREETS, month));
    !is_street && is_known && year.is_none_or(|year| is_year(year.trim_start()))
}

/// Whether `text` is a month and a year of four digits: `Mar 2024`, `March 2024`.
fn is_month_and_year(text: &str) -> bool {
    text.split_once(' ').is_some_and(|(month, year)| {
        let is_known =
            is_month(month) || is_capitalised_or_small(month) && is_one_of(&NAMES, month);
        is_known && year.len() == 4 && is_digits(year)
    })
}

/// Whether `value` is a date as spreadsheets write it in Japanese, Chinese and Korean:
/// `3月1日`, `2024年3月1日`, `3월 1일`, `2024年3月`.
fn is_east_asian(value: &str) -> bool {
    let is_of = |[year, month, day]: [char; 3]| {
        let (before, rest) = match value.split_once(year) {
            Some((number, rest)) => (Some(number), rest.trim_start()),
            None => (None, value),
        };
        let Some((number, rest)) = rest.split_once(month) else {
            return false;
        };
        let is_short = |text: &str| is_digits(text) && text.len() <= 2;
        let days = rest.trim_start().strip_suffix(day);
        before.is_none_or(is_year)
            && is_short(number)
            && (days.is_some_and(is_short) || rest.is_empty() && before.is_some())
    };
    is_of(['年', '月', '日']) || is_of(['년', '월', '일'])
}

/// The fewest bytes of a date that a program prints: `Fri Mar  1 00:00:00 2024`.
pub(super) const SHORTEST_PRINTED: usize = 24;

/// Whether `value` has its first blanks where such a date has them.
pub(super) fn has_printed_shape(value: &[u8]) -> bool {
    let has_blank = |place: usize| value.get(place) == Some(&b' ');
    value.len() >= SHORTEST_PRINTED && has_blank(3) && has_blank(7) && has_blank(10)
}

/// Whether `value` is a date as Java, JavaScript and C print it: `Fri Mar 01 00:00:00 CET
/// 2024`, `Fri Mar 01 2024 00:00:00 GMT+0100 (…)`, `Fri Mar  1 00:00:00 2024`.
fn is_printed(value: &str) -> bool {
    if !has_printed_shape(value.as_bytes()) {
        return false;
    }
    let mut words = value.split_ascii_whitespace();
    let (Some(weekday), Some(month), Some(day)) = (words.next(), words.next(), words.next()) else {
        return false;
    };
    WEEKDAYS.contains(&weekday)
        && month.len() == 3
        && is_month(month)
        && is_digits(day)
        && words.clone().any(|word| word.len() == 4 && is_digits(word))
        && words.any(|word| word.len() == 8 && word.split(':').all(is_year))
}

/// Whether `text` has the digits of a year.
fn is_year(text: &str) -> bool {
    matches!(text.len(), 2 | 4) && is_digits(text)
}

/// Whether `word` is the abbreviation of a month, not in capitals: no spreadsheet
/// writes them so, but people number things `MAR-01`.
fn is_month(word: &str) -> bool {
    is_capitalised_or_small(word) && is_one_of(&MONTHS, word)
}

fn is_month_at_point(word: &str) -> bool {
    is_capitalised_or_small(word) && is_one_of(&MONTHS_AT_POINT, word)
}

/// Whether only the first letter of `word` may be a capital.
fn is_capitalised_or_small(word: &str) -> bool {
    let mut letters = word.chars();
    letters.next().is_some() && !letters.as_str().chars().any(char::is_uppercase)
}

/// Whether `word` is one of `months`, which are in lower case.
fn is_one_of(months: &[&str], word: &str) -> bool {
    months.contains(&word.trim_end_matches('.').to_lowercase().as_str())
}

#[cfg(test)]
mod tests {
    use super::{ValueUse, names_month};

    #[test]
    fn dates_of_other_languages_and_programs_are_found() {
        for value in [
            "3月1日",
            "03月01日",
            "2024年3月1日",
            "2024年3月",
            "3월 1일",
            "03월 01일",
            "2024년 3월 1일",
            "01.Oca",
            "Oca.24",
            "01.Şub",
            "Şub.24",
            "01.Ara.2024",
            "márc.01",
            "szept.24",
            "1-Μαρ",
            "Μαρ-24",
            "Σεπ-24",
            "01-March-2024",
            "1. März 2024",
            "01-octobre-24",
            "01/Mar/2024",
            "1 Mar 2024",
            "1 March 2024",
            "Fri Mar 01 00:00:00 CET 2024",
            "Fri Mar 01 00:00:00 GMT+01:00 2024",
            "Fri Mar  1 00:00:00 2024",
            "Fri Mar 01 2024 00:00:00 GMT+0100 (Central European Standard Time)",
        ] {
            assert!(names_month(value, ValueUse::Id), "{value}");
        }
        assert!(names_month("3月1日", ValueUse::Words));
    }

    #[test]
    fn what_only_begins_like_a_date_is_none() {
        for value in [
            "3月",
            "月日",
            "3月1日株式会社",
            "1日",
            "2024年",
            "123月1日",
            "Oca-24",
            "01-Oca",
            "KAS.24",
            "Kas.Ltd",
            "Ara.5",
            "jan.01",
            "March-01",
            "01-March",
            "01-Marching-2024",
            "1 Mar",
            "Mar 1",
            "Fri Mar 01",
            "Fri Mar 01 2024",
            "Sun Mar Trading 2024",
            "1 Mar 24",
        ] {
            assert!(!names_month(value, ValueUse::Id), "{value}");
        }
        for value in ["1 Mai 2024", "May 24, 2024", "March 24"] {
            assert!(!names_month(value, ValueUse::Words), "{value}");
        }
    }
}
