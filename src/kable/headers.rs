//! What a response's headers say about time and identity.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use reqwest::header::{DATE, HeaderMap, RETRY_AFTER};

/// The longest wait that is obeyed: an hour. A server that asks for more is
/// asked again then.
const LONGEST_WAIT: Duration = Duration::from_hours(1);

/// `X-REQUEST-ID` (API reference, "Hosts, transport, authentication").
pub(super) fn request_id(headers: &HeaderMap) -> Option<String> {
    let value = headers.get("x-request-id")?.to_str().ok()?.trim();
    (!value.is_empty()).then(|| value.chars().take(200).collect())
}

/// `Date`, in Unix milliseconds (RFC 9110 §6.6.1).
pub(super) fn date_ms(headers: &HeaderMap) -> Option<i64> {
    unix_ms(httpdate::parse_http_date(headers.get(DATE)?.to_str().ok()?).ok()?)
}

/// `Retry-After`: seconds, or a date held against the server's own `Date`
/// (RFC 9110 §10.2.3). Malformed ones, and dates without a `Date`, are ignored.
pub(super) fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let value = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    let wait = if value.bytes().all(|b| b.is_ascii_digit()) {
        Duration::from_secs(value.parse().ok()?)
    } else {
        let until = unix_ms(httpdate::parse_http_date(value).ok()?)?;
        let left = until.saturating_sub(date_ms(headers)?);
        Duration::from_millis(u64::try_from(left).unwrap_or_default())
    };
    Some(wait.min(LONGEST_WAIT))
}

fn unix_ms(time: SystemTime) -> Option<i64> {
    i64::try_from(time.duration_since(UNIX_EPOCH).ok()?.as_millis()).ok()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use reqwest::header::{HeaderMap, HeaderValue};

    use super::retry_after;

    fn wait(pairs: &[(&'static str, &'static str)]) -> Option<Duration> {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.insert(*name, HeaderValue::from_static(value));
        }
        retry_after(&headers)
    }

    #[test]
    fn a_wait_is_seconds_or_a_date_by_the_servers_clock() {
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
    fn a_date_that_has_passed_is_no_wait() {
        assert_eq!(
            wait(&[
                ("date", "Sun, 22 Nov 2026 10:00:00 GMT"),
                ("retry-after", "Sun, 22 Nov 2026 09:00:00 GMT"),
            ]),
            Some(Duration::ZERO)
        );
    }

    #[test]
    fn what_is_malformed_is_ignored_and_what_is_endless_is_capped() {
        assert_eq!(wait(&[("retry-after", "soon")]), None);
        assert_eq!(wait(&[("retry-after", "-5")]), None);
        assert_eq!(
            wait(&[("retry-after", "Sun, 22 Nov 2026 10:00:30 GMT")]),
            None
        );
        assert_eq!(
            wait(&[("retry-after", "86400")]),
            Some(Duration::from_hours(1))
        );
    }
}
