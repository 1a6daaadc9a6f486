//! The rate limit: which requests pass, and the headers that describe it.
//!
//! The time is passed in; there is no clock here.
//!
//! - `phases.rs`: the limit over time

pub mod phases;

use std::{str::FromStr, time::Duration};

use axum::http::{HeaderMap, HeaderName, HeaderValue, header::RETRY_AFTER};

use self::phases::Rps;

/// Which headers describe the rate.
///
/// Kable publishes no rate limit and no header for one, so an importer has to
/// understand every common form; each can be tried alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RateHeaders {
    /// `Retry-After` in whole seconds, on a 429 (RFC 9110 §10.2.3).
    pub retry_after: bool,
    /// `X-RateLimit-Limit`, `-Remaining` and `-Reset` (seconds from now), on every response.
    pub x_ratelimit: bool,
    /// `RateLimit` and `RateLimit-Policy` of draft-ietf-httpapi-ratelimit-headers, on every response.
    pub ietf: bool,
}

impl Default for RateHeaders {
    fn default() -> Self {
        Self {
            retry_after: true,
            x_ratelimit: true,
            ietf: false,
        }
    }
}

/// The text is not a list of rate headers.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0:?} is not a kind of rate header (wanted none, or some of retry-after, x-ratelimit, ietf with commas between)"
)]
pub struct RateHeadersError(String);

impl FromStr for RateHeaders {
    type Err = RateHeadersError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut chosen = Self {
            retry_after: false,
            x_ratelimit: false,
            ietf: false,
        };
        if text == "none" {
            return Ok(chosen);
        }
        for word in text.split(',') {
            match word.trim() {
                "retry-after" => chosen.retry_after = true,
                "x-ratelimit" => chosen.x_ratelimit = true,
                "ietf" => chosen.ietf = true,
                other => return Err(RateHeadersError(other.to_owned())),
            }
        }
        Ok(chosen)
    }
}

/// A token bucket that holds a tenth of a second's worth, and never less than one.
///
/// A larger one would let a client exceed the rate visibly in its first second.
#[derive(Debug)]
pub(super) struct ThrottleBucket {
    rps: Rps,
    /// When the first request arrived.
    began: Option<Duration>,
    /// The current rate.
    per_second: f64,
    size: f64,
    tokens: f64,
    filled: Duration,
}

/// Whether a request passed, and the state of the bucket after it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct BucketState {
    /// Whether the request passed.
    pub(super) passed: bool,
    /// How many more requests would pass now.
    pub(super) remaining: u64,
    /// The time until the next one passes.
    pub(super) wait: Duration,
    /// The time until the bucket is full again.
    pub(super) full_in: Duration,
}

impl ThrottleBucket {
    /// Full at time zero.
    pub(super) fn new(rps: Rps) -> Self {
        let mut bucket = Self {
            rps,
            began: None,
            per_second: 0.0,
            size: 0.0,
            tokens: f64::INFINITY,
            filled: Duration::ZERO,
        };
        bucket.set_rate(Duration::ZERO);
        bucket
    }

    fn set_rate(&mut self, since_the_first: Duration) {
        self.per_second = self.rps.at(since_the_first).max(0.001);
        self.size = (self.per_second / 10.0).max(1.0);
        self.tokens = self.tokens.min(self.size);
    }

    /// Takes a token for a request at `at`, a time since any fixed start.
    pub(super) fn take(&mut self, at: Duration) -> BucketState {
        let began = *self.began.get_or_insert(at);
        // The bucket was refilled at the current rate since the last request.
        self.set_rate(at.saturating_sub(began));
        let since = at.saturating_sub(self.filled).as_secs_f64();
        self.filled = self.filled.max(at);
        self.tokens = (self.tokens + since * self.per_second).min(self.size);
        let passed = self.tokens >= 1.0;
        if passed {
            self.tokens -= 1.0;
        }
        BucketState {
            passed,
            remaining: whole(self.tokens.floor()),
            wait: self.time_for(1.0 - self.tokens),
            full_in: self.time_for(self.size - self.tokens),
        }
    }

    fn time_for(&self, tokens: f64) -> Duration {
        Duration::from_secs_f64((tokens / self.per_second).max(0.0))
    }

    /// Adds the headers of `style` that describe `state`.
    pub(super) fn describe(&self, state: BucketState, style: RateHeaders, headers: &mut HeaderMap) {
        let limit = whole(self.per_second.ceil());
        let reset = seconds(state.full_in);
        let remaining = state.remaining;
        if style.retry_after && !state.passed {
            headers.insert(RETRY_AFTER, HeaderValue::from(seconds(state.wait)));
        }
        if style.x_ratelimit {
            for (name, value) in [
                ("x-ratelimit-limit", limit),
                ("x-ratelimit-remaining", remaining),
                ("x-ratelimit-reset", reset),
            ] {
                headers.insert(HeaderName::from_static(name), HeaderValue::from(value));
            }
        }
        if style.ietf {
            for (name, value) in [
                ("ratelimit-policy", format!("\"default\";q={limit};w=1")),
                ("ratelimit", format!("\"default\";r={remaining};t={reset}")),
            ] {
                if let Ok(value) = HeaderValue::from_str(&value) {
                    headers.insert(HeaderName::from_static(name), value);
                }
            }
        }
    }
}

/// Whole seconds, rounded up.
fn seconds(wait: Duration) -> u64 {
    whole(wait.as_secs_f64().ceil())
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a float that is whole and not negative; `as` saturates"
)]
fn whole(number: f64) -> u64 {
    number as u64
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use axum::http::HeaderMap;

    use crate::sandbox::throttle::{RateHeaders, ThrottleBucket};

    fn bucket(rps: &str) -> ThrottleBucket {
        ThrottleBucket::new(rps.parse().unwrap())
    }

    fn taken(bucket: &mut ThrottleBucket, millis: u64) -> bool {
        bucket.take(Duration::from_millis(millis)).passed
    }

    #[test]
    fn a_full_bucket_lets_a_tenth_of_a_second_pass_at_once() {
        let mut bucket = bucket("20");
        let passed: Vec<_> = (0..4).map(|_| taken(&mut bucket, 0)).collect();
        assert_eq!(passed, [true, true, false, false]);
        assert!(taken(&mut bucket, 50));
        assert!(!taken(&mut bucket, 60));
    }

    #[test]
    fn all_requests_at_the_rate_pass_and_half_of_those_at_twice_the_rate() {
        let count = |gap: u64| {
            let mut bucket = bucket("10");
            (0..100).filter(|n| taken(&mut bucket, n * gap)).count()
        };
        assert_eq!(count(100), 100);
        assert_eq!(count(50), 50);
    }

    #[test]
    fn phases_count_from_the_first_request() {
        let mut bucket = bucket("100,50@1s-2s");
        let passed: Vec<_> = (0..3)
            .map(|second| {
                let in_second = |n: &u64| taken(&mut bucket, 7000 + second * 1000 + n * 5);
                (0..200).filter(in_second).count()
            })
            .collect();
        // The bucket is full at first.
        assert_eq!(passed, [109, 50, 100]);
    }

    fn headers(style: &str) -> Vec<(String, String)> {
        let mut bucket = bucket("2");
        let mut headers = HeaderMap::new();
        assert!(taken(&mut bucket, 0));
        let state = bucket.take(Duration::ZERO);
        bucket.describe(state, style.parse().unwrap(), &mut headers);
        headers
            .iter()
            .map(|(name, value)| (name.to_string(), value.to_str().unwrap().to_owned()))
            .collect()
    }

    #[test]
    fn each_style_adds_its_own_headers_only() {
        let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        assert_eq!(headers("none"), []);
        assert_eq!(headers("retry-after"), [pair("retry-after", "1")]);
        assert_eq!(
            headers("x-ratelimit"),
            [
                pair("x-ratelimit-limit", "2"),
                pair("x-ratelimit-remaining", "0"),
                pair("x-ratelimit-reset", "1")
            ]
        );
        assert_eq!(
            headers("ietf"),
            [
                pair("ratelimit-policy", "\"default\";q=2;w=1"),
                pair("ratelimit", "\"default\";r=0;t=1")
            ]
        );
    }

    #[test]
    fn styles_are_read_as_a_list_and_an_unknown_one_is_named() {
        assert_eq!(
            "retry-after,x-ratelimit".parse(),
            Ok(RateHeaders::default())
        );
        let error = "retry-after,github".parse::<RateHeaders>().unwrap_err();
        assert!(error.to_string().starts_with("\"github\" is not a kind"));
    }
}
