//! Dates with day, month and year, all in digits.

/// The most letters of a date with its time: `2024-01-05T12:30:00.000+01:00`.
const LONGEST: usize = 29;

/// The years that a date of a spreadsheet is likely to have.
const YEARS: std::ops::RangeInclusive<u16> = 1900..=2099;

/// Whether `value` is a date, as spreadsheets and databases write one: `2024-01-05`,
/// `05.01.2024`, `1/5/24`, also with a time. A year of two digits has slashes before it,
/// or dots and day and month of two digits: ids are numbered `10-02-31` and `1.2.24`.
pub(super) fn is_whole_date(value: &str) -> bool {
    if value.len() > LONGEST || !value.starts_with(|letter: char| letter.is_ascii_digit()) {
        return false;
    }
    let (day, time) = match value.split_once([' ', 'T']) {
        Some((day, time)) => (day, Some(time)),
        None => (value, None),
    };
    time.is_none_or(is_time) && is_day(day)
}

fn is_day(text: &str) -> bool {
    let Some(mark) = text.chars().find(|letter| !letter.is_ascii_digit()) else {
        return false;
    };
    if !matches!(mark, '-' | '.' | '/') {
        return false;
    }
    let mut parts = text.split(mark);
    let (Some(first), Some(second), Some(third), None) =
        (parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return false;
    };
    let (Some(one), Some(two), Some(three)) = (number(first), number(second), number(third)) else {
        return false;
    };
    let is_padded = (first.len(), second.len()) == (2, 2);
    match (first.len(), second.len(), third.len()) {
        (4, 1..=2, 1..=2) => YEARS.contains(&one) && is_day_of_month(three, two),
        (1..=2, 1..=2, 4) => YEARS.contains(&three) && is_either_order(one, two),
        (1..=2, 1..=2, 2) => (mark == '/' || mark == '.' && is_padded) && is_either_order(one, two),
        _other => false,
    }
}

/// Whether one of the numbers can be a month and the other a day of it.
fn is_either_order(one: u16, other: u16) -> bool {
    is_day_of_month(one, other) || is_day_of_month(other, one)
}

fn is_day_of_month(day: u16, month: u16) -> bool {
    (1..=31).contains(&day) && (1..=12).contains(&month)
}

/// The number that `text` is, if it is one to four digits.
fn number(text: &str) -> Option<u16> {
    let is_short = text.len() <= 4 && text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|_| is_short)
}

/// Whether `text` is a time of day: `12:30`, `12:30:00.000Z`, `3:05 PM`.
fn is_time(text: &str) -> bool {
    let is_of_time = |letter: char| {
        letter.is_ascii_digit()
            || matches!(letter, ':' | '.' | '+' | '-' | 'Z' | ' ' | 'A' | 'P' | 'M')
    };
    let (hours, _) = text.split_once(':').unwrap_or_default();
    number(hours).is_some_and(|hours| hours < 24) && text.chars().all(is_of_time)
}

#[cfg(test)]
mod tests {
    use super::is_whole_date;

    #[test]
    fn dates_are_found() {
        for value in [
            "2024-01-05",
            "2024/1/5",
            "05.01.2024",
            "5.1.2024",
            "31-12-2024",
            "12/31/2024",
            "1/5/24",
            "05.01.24",
            "2024-01-05 12:30:00",
            "2024-01-05T12:30:00.000+01:00",
            "1/5/2024 0:00",
            "1/5/2024 3:05 PM",
        ] {
            assert!(is_whole_date(value), "{value}");
        }
    }

    #[test]
    fn other_numbers_with_two_signs_are_not() {
        for value in [
            "",
            "2024-01",
            "2024-13-05",
            "1024-01-05",
            "10-02-31",
            "1.2.24",
            "1.2.3",
            "32/1/24",
            "13/13/2024",
            "0/1/2024",
            "10.0.0.1",
            "2024-01-05-7",
            "2024-01/05",
            "503-555-0142",
            "2024-01-05 Berlin",
            "2024-01-05 A",
            "2024-01-05 99:00",
            "+2024-01-05",
            "٢٠٢٤-٠١-٠٥",
        ] {
            assert!(!is_whole_date(value), "{value}");
        }
    }
}
