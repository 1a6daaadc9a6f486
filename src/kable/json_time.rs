//! Times in responses, in Unix milliseconds.
//!
//! The API documents RFC 3339. A server may write seconds or milliseconds since 1970
//! instead, which name an instant as well. A time without a zone names none: it serves to
//! see whether `modified` is still the same, and never to compare `created` with a claim.

use std::borrow::Cow;

use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

/// A string, borrowed if it is written without escapes.
#[derive(Deserialize)]
struct TimeText<'b>(#[serde(borrow)] Cow<'b, str>);

/// A time as a response has it.
enum WrittenTime<'b> {
    Number(i64),
    Text(Cow<'b, str>),
}

/// Reads an instant; any other value as missing.
pub(super) fn instant<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<i64>, D::Error> {
    let written = WrittenTime::of(<&'de RawValue>::deserialize(deserializer)?);
    Ok(written.and_then(|written| written.instant_ms()))
}

/// Reads an instant, or a time without a zone as if it were in UTC.
pub(super) fn instant_or_local<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<i64>, D::Error> {
    let written = WrittenTime::of(<&'de RawValue>::deserialize(deserializer)?);
    Ok(written.and_then(|written| written.instant_ms().or_else(|| written.zoneless_ms())))
}

impl<'b> WrittenTime<'b> {
    fn of(value: &'b RawValue) -> Option<Self> {
        match serde_json::from_str(value.get()) {
            Ok(TimeText(text)) => Some(Self::Text(text)),
            Err(_) => serde_json::from_str(value.get()).ok().map(Self::Number),
        }
    }

    fn instant_ms(&self) -> Option<i64> {
        match self {
            Self::Number(number) => since_1970(*number),
            Self::Text(text) => instant_of_text(text),
        }
    }

    fn zoneless_ms(&self) -> Option<i64> {
        match self {
            Self::Number(_) => None,
            Self::Text(text) => zoneless(text),
        }
    }
}

/// RFC 3339, `2022-03-01 00:00:00+00:00` as in the vendor's examples, or a number.
fn instant_of_text(text: &str) -> Option<i64> {
    match text.parse::<jiff::Timestamp>() {
        Ok(time) => Some(time.as_millisecond()),
        Err(_) => since_1970(text.parse().ok()?),
    }
}

/// Seconds or milliseconds since 1970, which their size tells apart from 2001 to 5138.
fn since_1970(number: i64) -> Option<i64> {
    match number {
        1_000_000_000..100_000_000_000 => number.checked_mul(1000),
        1_000_000_000_000..100_000_000_000_000 => Some(number),
        _ => None,
    }
}

/// A date with a time of day, as if it were in UTC. A date alone hides most changes.
fn zoneless(text: &str) -> Option<i64> {
    let time: jiff::civil::DateTime = text.contains(':').then(|| text.parse().ok())??;
    let time = time.to_zoned(jiff::tz::TimeZone::UTC).ok()?;
    Some(time.timestamp().as_millisecond())
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::{instant, instant_or_local};

    #[derive(Deserialize)]
    struct Times {
        #[serde(default, deserialize_with = "instant")]
        created: Option<i64>,
        #[serde(default, deserialize_with = "instant_or_local")]
        modified: Option<i64>,
    }

    fn read(written: &str) -> (Option<i64>, Option<i64>) {
        let body = format!("{{\"created\":{written},\"modified\":{written}}}");
        let Times { created, modified } = serde_json::from_str(&body).unwrap();
        (created, modified)
    }

    const SECONDS: i64 = 1_646_092_800;

    #[test]
    fn every_spelling_of_an_instant_is_read() {
        for (written, ms) in [
            ("\"2022-03-01T00:00:00.000Z\"", 0),
            ("\"2022-03-01 00:00:00+00:00\"", 0),
            ("\"2022-03-01T01:00:00.5+01:00\"", 500),
            ("1646092800", 0),
            ("\"1646092800\"", 0),
            ("1646092800123", 123),
            ("\"1646092800123\"", 123),
        ] {
            let time = Some(SECONDS * 1000 + ms);
            assert_eq!(read(written), (time, time), "{written}");
        }
    }

    #[test]
    fn a_time_without_a_zone_tells_changes_and_no_instant() {
        for written in ["\"2022-03-01 00:00:00\"", "\"2022-03-01T00:00:00.000\""] {
            assert_eq!(read(written), (None, Some(SECONDS * 1000)), "{written}");
        }
    }

    #[test]
    fn what_is_no_time_is_read_as_missing() {
        for written in [
            "null",
            "0",
            "-1",
            "99",
            "16460928001234567",
            "1.5",
            "true",
            "[]",
            "{}",
            "\"\"",
            "\"2022-03-01\"",
            "\"yesterday\"",
            "\"Tue, 01 Mar 2022 00:00:00 GMT\"",
        ] {
            assert_eq!(read(written), (None, None), "{written}");
        }
    }
}
