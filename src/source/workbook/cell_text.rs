//! A cell's value as text, as an import needs it and not always as the sheet shows it.
//!
//! Numbers have all their digits, because most are ids. A spreadsheet keeps fifteen
//! of them: an integer with more is written as a spreadsheet shows it, `1.23E+15`,
//! which the checks refuse in an id. Dates and times are ISO 8601 texts, `2024-03-11T00:00:00`
//! and `T09:42:00`: that form tells a cell with a date, which a spreadsheet often made of an
//! id, from a text that reads like one.

use std::fmt::Write;

use calamine::{DataRef, ExcelDateTime};

use super::number_format::{Formatted, with_format};

/// The smallest integer of which a spreadsheet does not keep every digit.
const TOO_LARGE: f64 = 1e15;

/// What follows the day of a date.
const MIDNIGHT: &str = "T00:00:00";

/// Appends the text of `value` to `into`; `format` is the cell's number format. Returns
/// whether the sheet shows another text by it, which is not known.
pub(super) fn text_of(value: &DataRef<'_>, format: Option<&str>, into: &mut String) -> bool {
    match value {
        DataRef::Int(number) => return write_number(&number.to_string(), format, into),
        DataRef::Float(number) => return write_number(&number_text(*number), format, into),
        DataRef::String(text) => into.push_str(text),
        DataRef::DateTimeIso(text) => {
            into.push_str(text);
            if text.len() == "2024-03-11".len() {
                into.push_str(MIDNIGHT);
            }
        }
        DataRef::DurationIso(text) => match clock_time(text) {
            Some((hours, minutes, seconds)) => {
                write!(into, "T{hours:0>2}:{minutes:0>2}:{seconds:0>2}").unwrap_or_default();
            }
            None => into.push_str(text),
        },
        DataRef::SharedString(text) => into.push_str(text),
        DataRef::Bool(is_true) => into.push_str(if *is_true { "TRUE" } else { "FALSE" }),
        DataRef::DateTime(time) => write_time(time, into),
        // Writing to a string can't fail.
        DataRef::Error(error) => write!(into, "{error}").unwrap_or_default(),
        DataRef::Empty => {}
    }
    false
}

/// The hours, minutes and seconds of an ISO 8601 duration: `PT09H15M00S`.
fn clock_time(duration: &str) -> Option<(&str, &str, &str)> {
    let (hours, rest) = duration.strip_prefix("PT")?.split_once('H')?;
    let (minutes, rest) = rest.split_once('M')?;
    Some((hours, minutes, rest.strip_suffix('S')?))
}

/// Appends a number; the format of an id or a postal code is applied.
fn write_number(number: &str, format: Option<&str>, into: &mut String) -> bool {
    let made = format.map_or(Formatted::AsIs, |format| with_format(number, format));
    match &made {
        Formatted::Text(text) => into.push_str(text),
        Formatted::AsIs | Formatted::Unknown => into.push_str(number),
    }
    made == Formatted::Unknown
}

/// The digits of a number.
pub(super) fn number_text(number: f64) -> String {
    if number.fract() == 0.0 && number.abs() < TOO_LARGE {
        return format!("{number:.0}");
    }
    // What is beyond the fifteenth digit is left over from arithmetic, or from an id
    // that was longer.
    let kept = format!("{number:.14e}").parse().unwrap_or(number);
    if kept.abs() >= TOO_LARGE {
        return format!("{kept:E}").replacen('E', "E+", 1);
    }
    kept.to_string()
}

fn write_time(time: &ExcelDateTime, into: &mut String) {
    let value = time.as_f64();
    // A date that is none: Excel's end on 9999-12-31.
    if !(0.0..2_958_466.0).contains(&value) {
        into.push_str(&number_text(value));
        return;
    }
    let (year, month, day, hour, minute, second, milli) = time.to_ymd_hms_milli();
    let mut write = || -> std::fmt::Result {
        if value >= 1.0 && !time.is_duration() {
            write!(into, "{year:04}-{month:02}-{day:02}")?;
        }
        let days = if time.is_duration() { whole(value) } else { 0 };
        write!(
            into,
            "T{:02}:{minute:02}:{second:02}",
            u64::from(hour) + 24 * days
        )?;
        if milli > 0 {
            write!(into, ".{milli:03}")?;
        }
        Ok(())
    };
    // Writing to a string can't fail.
    write().unwrap_or_default();
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "within the range of dates"
)]
fn whole(value: f64) -> u64 {
    value.trunc() as u64
}

#[cfg(test)]
mod tests {
    use calamine::{CellErrorType, DataRef, ExcelDateTime, ExcelDateTimeType};

    use super::text_of;

    fn text(value: &DataRef<'_>, format: Option<&str>) -> String {
        let mut text = String::new();
        assert!(!text_of(value, format, &mut text));
        text
    }

    #[test]
    fn numbers_have_all_their_digits() {
        for (number, wanted) in [
            (1_234_567_890_123.0, "1234567890123"),
            (42.0, "42"),
            (0.0, "0"),
            (-7.0, "-7"),
            (999_999_999_999_999.0, "999999999999999"),
            (1_234_567_890_123_460.0, "1.23456789012346E+15"),
            (1_234_567_890_123_456.0, "1.23456789012346E+15"),
            (1_234_567_890_123_456.8, "1.23456789012346E+15"),
            (1e21, "1E+21"),
            (8.25, "8.25"),
            (0.1 + 0.2, "0.3"),
            (1e-7, "0.0000001"),
        ] {
            assert_eq!(text(&DataRef::Float(number), None), wanted);
        }
        assert_eq!(text(&DataRef::Int(42), Some("General")), "42");
    }

    #[test]
    fn the_format_of_an_id_is_applied() {
        for (number, format, wanted) in [
            (2134.0, "00000", "02134"),
            (97201.0, "00000", "97201"),
            (7.0, "0", "7"),
            (7.5, "000", "7.5"),
            (-7.0, "000", "-7"),
            (7.0, "0.00", "7"),
            (42.0, "\"CUST-\"0000", "CUST-0042"),
        ] {
            assert_eq!(text(&DataRef::Float(number), Some(format)), wanted);
        }
    }

    #[test]
    fn dates_are_iso_texts() {
        let time = |value, kind| DataRef::DateTime(ExcelDateTime::new(value, kind, false));
        for (value, wanted) in [
            (45_362.0, "2024-03-11T00:00:00"),
            (45_362.404_166_666_67, "2024-03-11T09:42:00"),
            (0.404_166_666_67, "T09:42:00"),
            (-1.0, "-1"),
            (1e9, "1000000000"),
        ] {
            assert_eq!(
                text(&time(value, ExcelDateTimeType::DateTime), None),
                wanted
            );
        }
        assert_eq!(
            text(&time(1.5, ExcelDateTimeType::TimeDelta), None),
            "T36:00:00"
        );
    }

    #[test]
    fn iso_texts_of_dates_and_times_have_the_same_form() {
        for (text_in_file, wanted) in [
            ("2024-03-11", "2024-03-11T00:00:00"),
            ("2024-03-11T09:42:00", "2024-03-11T09:42:00"),
        ] {
            let cell = DataRef::DateTimeIso(text_in_file.to_owned());
            assert_eq!(text(&cell, None), wanted);
        }
        for (text_in_file, wanted) in [
            ("PT09H15M00S", "T09:15:00"),
            ("PT9H5M7S", "T09:05:07"),
            ("P1D", "P1D"),
        ] {
            let cell = DataRef::DurationIso(text_in_file.to_owned());
            assert_eq!(text(&cell, None), wanted);
        }
    }

    #[test]
    fn other_values_are_their_text() {
        assert_eq!(text(&DataRef::Bool(true), None), "TRUE");
        assert_eq!(text(&DataRef::Error(CellErrorType::NA), None), "#N/A");
        assert_eq!(
            text(&DataRef::SharedString("00123"), Some("00000000")),
            "00123"
        );
        assert_eq!(text(&DataRef::Empty, None), "");
    }
}
