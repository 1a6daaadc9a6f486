//! `Date`, `Retry-After` and `X-REQUEST-ID` of a response.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use reqwest::header::{DATE, HeaderMap, RETRY_AFTER};

/// How much of a request's id is kept, in characters.
const LONGEST_REQUEST_ID: usize = 200;

/// `X-REQUEST-ID` (`docs/api.md`, "Hosts, transport, authentication").
pub(super) fn request_id(headers: &HeaderMap) -> Option<String> {
    // `to_str` accepts ASCII only: a byte is a character.
    let value = headers.get("x-request-id")?.to_str().ok()?.trim();
    let value = value.get(..LONGEST_REQUEST_ID).unwrap_or(value);
    (!value.is_empty()).then(|| value.to_owned())
}

/// `Date`, in Unix milliseconds (RFC 9110 §6.6.1).
pub(super) fn date_ms(headers: &HeaderMap) -> Option<i64> {
    unix_ms(httpdate::parse_http_date(headers.get(DATE)?.to_str().ok()?).ok()?)
}

/// `Retry-After`: seconds, or a date that is compared with the server's own `Date`
/// (RFC 9110 §10.2.3). A malformed value, and a date without a `Date`, is ignored.
pub(super) fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let value = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    if let Some(wait) = decimal(value) {
        return Some(wait);
    }
    let until = unix_ms(httpdate::parse_http_date(value).ok()?)?;
    let left = until.saturating_sub(date_ms(headers)?);
    Some(Duration::from_millis(
        u64::try_from(left).unwrap_or_default(),
    ))
}

/// A decimal number such as `60` or `0.5` as a span of that many seconds: exact to
/// the ninth decimal, and never negative.
pub(super) fn decimal(text: &str) -> Option<Duration> {
    let text = text.trim();
    let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
    let is_number = |digits: &str| !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit());
    if !is_number(whole) || !is_number(fraction) {
        return None;
    }
    let nanos = fraction
        .bytes()
        .chain(std::iter::repeat(b'0'))
        .take(9)
        .fold(0, |nanos, digit| nanos * 10 + u32::from(digit - b'0'));
    Some(Duration::new(whole.parse().ok()?, nanos))
}

fn unix_ms(time: SystemTime) -> Option<i64> {
    i64::try_from(time.duration_since(UNIX_EPOCH).ok()?.as_millis()).ok()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use reqwest::header::{HeaderMap, HeaderValue};

    use super::{request_id, retry_after};

    fn wait(pairs: &[(&'static str, &'static str)]) -> Option<Duration> {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.insert(*name, HeaderValue::from_static(value));
        }
        retry_after(&headers)
    }

    #[test]
    fn a_request_id_is_cut_at_two_hundred_characters() {
        let long = "r".repeat(201);
        for (sent, kept) in [
            (" req_1 ", Some("req_1")),
            (long.as_str(), long.get(..200)),
            (" ", None),
            ("é", None),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(
                "x-request-id",
                HeaderValue::from_bytes(sent.as_bytes()).unwrap(),
            );
            assert_eq!(request_id(&headers).as_deref(), kept, "{sent:?}");
        }
    }

    #[test]
    fn retry_after_is_seconds_or_a_date_by_the_servers_clock() {
        assert_eq!(wait(&[("retry-after", "7")]), Some(Duration::from_secs(7)));
        assert_eq!(
            wait(&[
                ("date", "Sun, 22 Nov 2026 10:00:00 GMT"),
                ("retry-after", "Sun, 22 Nov 2026 10:00:30 GMT"),
            ]),
            Some(Duration::from_secs(30))
        );
    }

    #[test]
    fn a_date_that_has_passed_is_a_wait_of_zero() {
        assert_eq!(
            wait(&[
                ("date", "Sun, 22 Nov 2026 10:00:00 GMT"),
                ("retry-after", "Sun, 22 Nov 2026 09:00:00 GMT"),
            ]),
            Some(Duration::ZERO)
        );
    }

    #[test]
    fn a_wait_may_be_a_fraction_of_a_second() {
        assert_eq!(
            wait(&[("retry-after", "0.25")]),
            Some(Duration::from_millis(250))
        );
    }

    #[test]
    fn a_malformed_value_is_ignored() {
        for malformed in [
            "",
            "soon",
            "-5",
            "+5",
            "1.",
            ".5",
            "1.5.2",
            "99999999999999999999",
        ] {
            assert_eq!(wait(&[("retry-after", malformed)]), None, "{malformed:?}");
        }
        assert_eq!(
            wait(&[("retry-after", "Sun, 22 Nov 2026 10:00:30 GMT")]),
            None
        );
    }
}
