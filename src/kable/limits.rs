//! Parses the rate limits in a response's headers.
//!
//! Four kinds are known: the current IETF draft (draft-ietf-httpapi-ratelimit-headers:
//! `RateLimit` with `RateLimit-Policy`), the same names in the syntax of draft 07,
//! the three older `RateLimit-*`, and `X-RateLimit-*`. A server that sends several
//! means the same limits, so only the newest kind with any value is used. A value
//! that can't be parsed is ignored; the server still enforces its limit with 429s.

use std::time::Duration;

use reqwest::header::HeaderMap;

use super::structured_fields::{self, MOST_ITEMS, RateLimitItem, Subject};
use super::{Advice, Quota, QuotaUnit, headers};

/// The longest wait that is obeyed: an hour. After it the next request is sent even
/// if the server asked for more.
const LONGEST_WAIT: Duration = Duration::from_hours(1);

/// The longest window, and the latest reset, that is accepted: a year. There are
/// yearly quotas, and no run can wait longer.
const LONGEST_WINDOW: Duration = Duration::from_hours(366 * 24);

/// A reset of this size or more is not a span but a time, in Unix seconds: it is
/// September 2001 as a time and 31 years as a span.
const FIRST_EPOCH_SECONDS: u64 = 1_000_000_000;

/// A reset of this size or more is a time in Unix milliseconds: it is March 1973,
/// or the year 5138 in seconds.
const FIRST_EPOCH_MILLIS: u64 = 100_000_000_000;

/// The three headers of a kind: limit, remaining, reset.
type Three = [&'static str; 3];

/// Drafts 00 to 06.
const PLAIN: Three = ["ratelimit-limit", "ratelimit-remaining", "ratelimit-reset"];

/// The names in use before any draft.
const CUSTOMARY: [Three; 2] = [
    [
        "x-ratelimit-limit",
        "x-ratelimit-remaining",
        "x-ratelimit-reset",
    ],
    [
        "x-rate-limit-limit",
        "x-rate-limit-remaining",
        "x-rate-limit-reset",
    ],
];

/// The wait and the quotas in `headers`.
pub(super) fn advice(headers: &HeaderMap) -> Advice {
    let asked = headers::retry_after(headers);
    Advice {
        wait: asked.map(|asked| asked.min(LONGEST_WAIT)),
        capped: asked.is_some_and(|asked| asked > LONGEST_WAIT),
        quotas: quotas(headers),
    }
}

fn quotas(headers: &HeaderMap) -> Vec<Quota> {
    // A fast path for responses without any of them.
    let is_limit = |name: &str| name.starts_with("ratelimit") || name.starts_with("x-rate");
    if !headers.keys().any(|name| is_limit(name.as_str())) {
        return Vec::new();
    }
    let policies = items(headers, "ratelimit-policy");
    let policies_without_names: Vec<Quota> = policies.iter().filter_map(without_name).collect();
    let mut quotas = with_names(policies, items(headers, "ratelimit"));
    if quotas.is_empty() {
        let (closest, mut further) = closest_of_draft_07(headers)
            .map_or_else(|| three(headers, PLAIN), |closest| (closest, Vec::new()));
        further.extend(policies_without_names);
        quotas = joined(closest, further);
    }
    for names in CUSTOMARY {
        if quotas.is_empty() {
            let (closest, further) = three(headers, names);
            quotas = joined(closest, further);
        }
    }
    quotas.truncate(MOST_ITEMS);
    quotas
}

/// All items of the header `name`. A line that can't be parsed, which may be a
/// proxy's, does not affect the others.
fn items(headers: &HeaderMap, name: &str) -> Vec<RateLimitItem> {
    let lines = headers.get_all(name).iter();
    lines
        .flat_map(|line| structured_fields::items(line.as_bytes()))
        .take(MOST_ITEMS)
        .collect()
}

/// Policies and service limits of the current draft, matched by name.
fn with_names(policies: Vec<RateLimitItem>, states: Vec<RateLimitItem>) -> Vec<Quota> {
    let mut quotas: Vec<Quota> = Vec::new();
    let mut in_other_units = Vec::new();
    for policy in policies {
        match (policy.subject, policy.unit) {
            (Subject::Name(name), Some(unit)) => quotas.push(Quota {
                name,
                limit: policy.quota.and_then(limit),
                window: policy.window.and_then(window),
                unit,
                ..Quota::default()
            }),
            (Subject::Name(name), None) => in_other_units.push(name),
            (Subject::Number(_) | Subject::Neither, _) => {}
        }
    }
    for state in states {
        let Subject::Name(name) = state.subject else {
            continue;
        };
        if in_other_units.contains(&name) {
            continue;
        }
        let remaining = state.remaining.map(whole);
        let reset = state.reset.and_then(span);
        let has_no_state = |quota: &Quota| quota.remaining.is_none() && quota.reset.is_none();
        let mut namesakes = quotas.iter_mut().filter(|quota| quota.name == name);
        match namesakes.find(|quota| has_no_state(quota)) {
            Some(policy) => (policy.remaining, policy.reset) = (remaining, reset),
            None => quotas.push(Quota {
                name,
                remaining,
                reset,
                ..Quota::default()
            }),
        }
    }
    quotas.retain(says_something);
    quotas
}

/// A policy as drafts 03 to 07 have it: `100;w=60`.
fn without_name(item: &RateLimitItem) -> Option<Quota> {
    match (&item.subject, item.unit) {
        (Subject::Number(number), Some(unit)) => Some(Quota {
            limit: limit(*number),
            window: item.window.and_then(window),
            unit,
            ..Quota::default()
        }),
        _ => None,
    }
}

/// `RateLimit: limit=100, remaining=50, reset=5`.
fn closest_of_draft_07(headers: &HeaderMap) -> Option<Quota> {
    let mut lines = headers.get_all("ratelimit").iter();
    let closest = lines.find_map(|line| structured_fields::closest(line.as_bytes()))?;
    let quota = Quota {
        limit: closest.limit.and_then(limit),
        remaining: closest.remaining.map(whole),
        reset: closest.reset.and_then(span),
        ..Quota::default()
    };
    says_something(&quota).then_some(quota)
}

/// The limit that is closest to being reached, and the policies beside it:
/// drafts 00 to 02 have them in the limit, `100, 100;w=60, 1000;w=3600`.
fn three(headers: &HeaderMap, [limits, remaining, reset]: Three) -> (Quota, Vec<Quota>) {
    let first = |name| values(headers, name).next().and_then(headers::decimal);
    let mut limits = values(headers, limits);
    let closest = Quota {
        remaining: first(remaining).map(whole),
        reset: first(reset).and_then(|reset| until(reset, headers)),
        ..limits.next().and_then(numbered).unwrap_or_default()
    };
    // A second number without a window is not a policy but a proxy's own limit.
    let further = limits
        .filter_map(numbered)
        .filter(|quota| quota.window.is_some());
    (closest, further.take(MOST_ITEMS).collect())
}

/// The comma-separated values of a header, on all its lines.
fn values<'h>(headers: &'h HeaderMap, name: &str) -> impl Iterator<Item = &'h str> {
    let lines = headers.get_all(name).into_iter();
    lines
        .filter_map(|line| line.to_str().ok())
        .flat_map(|line| line.split(','))
}

/// `100`, or `100;w=60` with other parameters around the window.
fn numbered(value: &str) -> Option<Quota> {
    let mut parts = value.split(';');
    let limit = headers::decimal(parts.next()?).and_then(limit)?;
    let seconds = parts.find_map(|parameter| parameter.trim().strip_prefix("w="));
    Some(Quota {
        limit: Some(limit),
        window: seconds.and_then(headers::decimal).and_then(window),
        ..Quota::default()
    })
}

/// The policies, with the state of the closest limit at the one with its number.
fn joined(closest: Quota, policies: Vec<Quota>) -> Vec<Quota> {
    let mut quotas = policies;
    let only_one = quotas.len() == 1;
    let is_closest = |policy: &&mut Quota| {
        policy.unit == QuotaUnit::Requests
            && (policy.limit == closest.limit || closest.limit.is_none() && only_one)
            && (policy.window == closest.window || closest.window.is_none())
    };
    match quotas.iter_mut().find(is_closest) {
        Some(policy) => (policy.remaining, policy.reset) = (closest.remaining, closest.reset),
        None => quotas.insert(0, closest),
    }
    quotas.retain(says_something);
    quotas
}

/// A window alone is no limit.
fn says_something(quota: &Quota) -> bool {
    quota.limit.is_some() || quota.remaining.is_some() || quota.reset.is_some()
}

/// Rounds down: half a request can't be sent.
fn whole(number: Duration) -> u64 {
    number.as_secs()
}

/// A limit; `None` between 0 and 1, which would round down to "no request ever".
fn limit(number: Duration) -> Option<u64> {
    let limit = whole(number);
    (limit > 0 || number.is_zero()).then_some(limit)
}

fn window(number: Duration) -> Option<Duration> {
    span(number).filter(|window| !window.is_zero())
}

fn span(number: Duration) -> Option<Duration> {
    (number <= LONGEST_WINDOW).then_some(number)
}

/// The reset of the three headers: seconds from now (Zendesk), Unix seconds
/// (GitHub, GitLab) or Unix milliseconds. A time is compared with the server's own
/// `Date`, for the local clock may differ.
fn until(reset: Duration, headers: &HeaderMap) -> Option<Duration> {
    let at_ms = match reset.as_secs() {
        ..FIRST_EPOCH_SECONDS => return span(reset),
        FIRST_EPOCH_SECONDS..FIRST_EPOCH_MILLIS => u64::try_from(reset.as_millis()).ok()?,
        FIRST_EPOCH_MILLIS.. => reset.as_secs(),
    };
    let date_ms = u64::try_from(headers::date_ms(headers)?).ok()?;
    // A time far in the past is no reset either.
    span(Duration::from_millis(at_ms.abs_diff(date_ms)))?;
    Some(Duration::from_millis(at_ms.saturating_sub(date_ms)))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use proptest::prelude::*;
    use reqwest::header::{HeaderMap, HeaderName, HeaderValue};

    use super::{CUSTOMARY, LONGEST_WAIT, LONGEST_WINDOW, MOST_ITEMS, PLAIN, advice};
    use crate::kable::{Quota, QuotaUnit};

    /// Headers, written as they come over the wire.
    fn headers(lines: &str) -> HeaderMap {
        let fields = lines
            .lines()
            .filter_map(|line| line.trim().split_once(": "));
        let parsed = fields.map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap()));
        parsed.fold(HeaderMap::new(), |mut all, (name, value)| {
            all.append::<HeaderName>(name, value);
            all
        })
    }

    fn assert_quotas(lines: &str, expected: &[Quota]) {
        assert_eq!(advice(&headers(lines)).quotas, expected, "{lines}");
    }

    fn quota(limit: u64, seconds: u64) -> Quota {
        Quota {
            limit: Some(limit),
            window: (seconds > 0).then(|| Duration::from_secs(seconds)),
            ..Quota::default()
        }
    }

    fn rest(remaining: u64, reset: u64) -> Quota {
        Quota::default().with(remaining, reset)
    }

    impl Quota {
        fn named(self, name: &str) -> Self {
            let name = name.to_owned();
            Self { name, ..self }
        }

        fn with(self, remaining: u64, reset: u64) -> Self {
            Self {
                remaining: Some(remaining),
                reset: Some(Duration::from_secs(reset)),
                ..self
            }
        }

        fn in_flight(self) -> Self {
            let unit = QuotaUnit::InFlight;
            Self { unit, ..self }
        }
    }

    const DATE: &str = "Date: Sun, 22 Nov 2026 10:00:00 GMT";

    /// The same, in Unix seconds.
    const DATE_SECONDS: u64 = 1_795_341_600;

    #[test]
    fn the_current_draft_has_named_policies() {
        assert_quotas(
            "RateLimit-Policy: \"burst\";q=100;w=60, \"daily\";q=1000;w=86400;qu=\"requests\"
             RateLimit: \"burst\";r=50;t=30",
            &[
                quota(100, 60).named("burst").with(50, 30),
                quota(1000, 86400).named("daily"),
            ],
        );
        assert_quotas(
            "RateLimit-Policy: \"permin\";q=50;w=60,\"perhr\";q=1000;w=3600;pk=:dHJpYWwxMjEzMjM=:
             RateLimit: \"perhr\";r=399;t=2402
             RateLimit: \"permin\";r=20;t=23",
            &[
                quota(50, 60).named("permin").with(20, 23),
                quota(1000, 3600).named("perhr").with(399, 2402),
            ],
        );
        assert_quotas(
            "RateLimit: \"default\";r=50;t=30",
            &[rest(50, 30).named("default")],
        );
        // Drafts on the way to it named with tokens.
        assert_quotas(
            "RateLimit-Policy: default;q=100;w=10;qu=request
             RateLimit: default;r=50;t=5",
            &[quota(100, 10).named("default").with(50, 5)],
        );
    }

    #[test]
    fn quotas_count_requests_or_requests_in_flight() {
        assert_quotas(
            "RateLimit-Policy: \"slots\";q=10;qu=\"concurrent-requests\", \"bytes\";q=9;qu=\"content-bytes\"
             RateLimit-Policy: \"moons\";q=1;qu=\"moons\", \"odd\";q=1;qu=7
             RateLimit: \"slots\";r=3, \"bytes\";r=0;t=9, \"moons\";r=0, \"odd\";r=0",
            &[Quota {
                remaining: Some(3),
                ..quota(10, 0).named("slots").in_flight()
            }],
        );
    }

    #[test]
    fn draft_07_has_a_dictionary_and_numbers() {
        assert_quotas(
            "RateLimit: limit=100, remaining=50, reset=5
             RateLimit-Policy: 100;w=60, 1000;w=3600",
            &[quota(100, 60).with(50, 5), quota(1000, 3600)],
        );
        assert_quotas(
            "RateLimit: limit=12, remaining=0, reset=5.5
             RateLimit-Policy: 100;w=60;comment=\"a, b\"",
            &[
                Quota {
                    reset: Some(Duration::from_millis(5500)),
                    ..quota(12, 0).with(0, 5)
                },
                quota(100, 60),
            ],
        );
    }

    #[test]
    fn older_drafts_have_three_headers() {
        assert_quotas(
            "RateLimit-Limit: 100
             RateLimit-Remaining: 50
             RateLimit-Reset: 50",
            &[quota(100, 0).with(50, 50)],
        );
        assert_quotas(
            "RateLimit-Limit: 100, 100;window=1;w=60, 1000;w=3600;comment=\"a, b\"
             RateLimit-Remaining: 50",
            &[
                Quota {
                    remaining: Some(50),
                    ..quota(100, 60)
                },
                quota(1000, 3600),
            ],
        );
        // Drafts 03 to 06, and express-rate-limit's "draft-6".
        assert_quotas(
            "RateLimit-Policy: 100;w=900
             RateLimit-Limit: 100
             RateLimit-Remaining: 99
             RateLimit-Reset: 840",
            &[quota(100, 900).with(99, 840)],
        );
        assert_quotas(
            "RateLimit-Policy: 100;w=900
             RateLimit-Remaining: 99
             RateLimit-Reset: 840",
            &[quota(100, 900).with(99, 840)],
        );
    }

    #[test]
    fn well_known_servers_are_understood() {
        // GitHub
        let lines = format!(
            "{DATE}\nX-RateLimit-Limit: 5000\nX-RateLimit-Remaining: 4999\nX-RateLimit-Used: 1
             X-RateLimit-Reset: {}\nX-RateLimit-Resource: core",
            DATE_SECONDS + 1800
        );
        assert_quotas(&lines, &[quota(5000, 0).with(4999, 1800)]);
        // X
        let lines = format!(
            "{DATE}\nx-rate-limit-limit: 900\nx-rate-limit-remaining: 0\nx-rate-limit-reset: {}",
            DATE_SECONDS + 900
        );
        assert_quotas(&lines, &[quota(900, 0).with(0, 900)]);
        // GitLab
        let lines = format!(
            "{DATE}\nRateLimit-Limit: 60\nRateLimit-Name: throttle_authenticated_web
             RateLimit-Observed: 67\nRateLimit-Remaining: 0\nRateLimit-Reset: {}
             RateLimit-ResetTime: Sun, 22 Nov 2026 10:00:30 GMT",
            DATE_SECONDS + 30
        );
        assert_quotas(&lines, &[quota(60, 0).with(0, 30)]);
        // Zendesk
        assert_quotas(
            "X-Rate-Limit: 700\nratelimit-limit: 700\nratelimit-remaining: 699\nratelimit-reset: 41
             zendesk-ratelimit-tickets-index: total=100; remaining=99; resets=41",
            &[quota(700, 0).with(699, 41)],
        );
        // OpenAI, Shopify, Stripe: by names of their own, or not at all
        assert_quotas(
            "x-ratelimit-limit-requests: 60\nx-ratelimit-remaining-requests: 59",
            &[],
        );
        assert_quotas(
            "x-ratelimit-reset-requests: 1s\nx-ratelimit-reset-tokens: 6m0s",
            &[],
        );
        assert_quotas("X-Shopify-Shop-Api-Call-Limit: 32/40", &[]);
        assert_quotas("Stripe-Rate-Limited-Reason: global-rate", &[]);
    }

    #[test]
    fn a_reset_is_a_span_or_a_time_by_its_size() {
        let year = LONGEST_WINDOW.as_secs();
        let at = DATE_SECONDS;
        for (dated, reset, seconds) in [
            (false, "30".to_owned(), Some(30.0)),
            (false, "0.5".to_owned(), Some(0.5)),
            (false, year.to_string(), Some(31_622_400.0)),
            (false, (year + 1).to_string(), None),
            (false, (at + 60).to_string(), None),
            (true, (at + 60).to_string(), Some(60.0)),
            (true, format!("{}.25", at + 60), Some(60.25)),
            (true, format!("{}250", at + 60), Some(60.25)),
            (true, (at - 60).to_string(), Some(0.0)),
            (true, (at + 2 * year).to_string(), None),
            (true, (at - 2 * year).to_string(), None),
            (true, format!("{at}000000"), None),
            (true, "1s".to_owned(), None),
        ] {
            for name in ["X-RateLimit-Reset", "RateLimit-Reset"] {
                let date = if dated { DATE } else { "" };
                let told = advice(&headers(&format!("{date}\n{name}: {reset}"))).quotas;
                let told = told.first().and_then(|quota| quota.reset);
                assert_eq!(told, seconds.map(Duration::from_secs_f64), "{reset}");
            }
        }
    }

    #[test]
    fn the_newest_kind_with_a_value_is_used() {
        let kinds = [
            ("RateLimit: \"a\";r=1;t=1", rest(1, 1).named("a")),
            ("RateLimit-Policy: 2;w=2", quota(2, 2)),
            ("RateLimit-Remaining: 3\nRateLimit-Reset: 3", rest(3, 3)),
            ("X-RateLimit-Remaining: 4\nX-RateLimit-Reset: 4", rest(4, 4)),
            (
                "X-Rate-Limit-Remaining: 5\nX-Rate-Limit-Reset: 5",
                rest(5, 5),
            ),
        ];
        for (at, (_, expected)) in kinds.iter().enumerate() {
            // One policy and the three headers are of one draft.
            let expected = if at == 1 {
                quota(2, 2).with(3, 3)
            } else {
                expected.clone()
            };
            let lines: Vec<_> = kinds.iter().skip(at).map(|(lines, _)| *lines).collect();
            assert_quotas(&lines.join("\n"), &[expected]);
        }
        assert_quotas(
            "RateLimit: ?1\nX-RateLimit-Remaining: 4\nX-RateLimit-Reset: 4",
            &[rest(4, 4)],
        );
    }

    #[test]
    fn a_malformed_value_does_not_affect_others() {
        let one_left = Quota {
            remaining: Some(1),
            ..Quota::default()
        };
        for malformed in [
            "-1",
            "",
            "many",
            "1e3",
            "0x10",
            "99999999999999999999",
            "1_000",
            "1 0",
        ] {
            let lines = format!("X-RateLimit-Limit: {malformed}\nX-RateLimit-Remaining: 1");
            assert_quotas(&lines, std::slice::from_ref(&one_left));
            let lines = format!("X-RateLimit-Reset: {malformed}\nX-RateLimit-Remaining: 1");
            assert_quotas(&lines, std::slice::from_ref(&one_left));
        }
        // A proxy's line, then the server's.
        assert_quotas(
            "RateLimit: limit: 5;;\nRateLimit: \"a\";r=-1;t=9;q=?1, (\"b\" \"c\");r=1",
            &[Quota {
                remaining: None,
                ..rest(1, 9).named("a")
            }],
        );
        assert_quotas(
            "RateLimit-Policy: \"a\";q=5;w=0, \"b\";q=-5;w=60, \"c\";q=7;w=99999999, \"d\";w=6",
            &[quota(5, 0).named("a"), quota(7, 0).named("c")],
        );
        assert_quotas("X-RateLimit-Limit: 0.5", &[]);
        assert_quotas("X-RateLimit-Limit: 0", &[quota(0, 0)]);
        let more_than_allowed = "RateLimit-Limit: 5\nRateLimit-Remaining: 9.9\nRateLimit-Reset: 1";
        assert_quotas(more_than_allowed, &[quota(5, 0).with(9, 1)]);
    }

    #[test]
    fn the_number_of_quotas_is_bounded() {
        let list = |letter| {
            let items = (0..MOST_ITEMS).map(|at| format!("\"{letter}{at}\";q=1;r=1"));
            items.collect::<Vec<_>>().join(", ")
        };
        let lines = format!("RateLimit-Policy: {}\nRateLimit: {}", list('a'), list('b'));
        assert_eq!(advice(&headers(&lines)).quotas.len(), MOST_ITEMS);
    }

    #[test]
    fn a_wait_is_capped_at_an_hour() {
        for (asked, wait, capped) in [("3600", 3600, false), ("3601", 3600, true)] {
            let told = advice(&headers(&format!("Retry-After: {asked}")));
            assert_eq!(told.wait, Some(Duration::from_secs(wait)));
            assert_eq!(told.capped, capped);
        }
        let later = format!("{DATE}\nRetry-After: Mon, 23 Nov 2026 10:00:00 GMT");
        assert_eq!(advice(&headers(&later)).wait, Some(LONGEST_WAIT));
        assert!(advice(&headers(&later)).capped);
    }

    /// Arbitrary bytes, and values that resemble these headers.
    fn any_value() -> impl Strategy<Value = Vec<u8>> {
        let number = r"(0|-?[0-9]{1,15}(\.[0-9]{1,3})?)";
        let text = r#"("[ -!#-Z]{0,6}"|\*|requests|\?1|@1|:YQ==:)"#;
        let item = format!(r#"("a"|"b"|{number})(;(q|w|r|t|qu|pk)=({number}|{text})){{0,5}}"#);
        let pair = format!("(limit|remaining|reset|else)={number}");
        let matching = |pattern: &str| proptest::string::string_regex(pattern).unwrap();
        prop_oneof![
            proptest::collection::vec(any::<u8>(), 0..60),
            matching(r"[0-9]{1,20}(\.[0-9]{1,20})?").prop_map(String::into_bytes),
            matching(&format!("{item}(, {item}){{0,8}}")).prop_map(String::into_bytes),
            matching(&format!("{pair}(, {pair}){{0,3}}")).prop_map(String::into_bytes),
        ]
    }

    proptest! {
        #[test]
        fn any_bytes_are_parsed_within_the_bounds(
            values in proptest::collection::vec((0_usize..13, any_value()), 0..8),
        ) {
            let plain = ["ratelimit", "ratelimit-policy", "retry-after", "date"];
            let all = [PLAIN, CUSTOMARY[0], CUSTOMARY[1]];
            let names: Vec<_> = plain.into_iter().chain(all.into_iter().flatten()).collect();
            let mut headers = HeaderMap::new();
            headers.insert("date", HeaderValue::from_static("Sun, 22 Nov 2026 10:00:00 GMT"));
            for (at, value) in values {
                if let Ok(value) = HeaderValue::from_bytes(&value) {
                    headers.append(names[at], value);
                }
            }
            let told = advice(&headers);
            prop_assert!(told.wait.is_none_or(|wait| wait <= LONGEST_WAIT));
            prop_assert!(told.quotas.len() <= MOST_ITEMS);
            for quota in told.quotas {
                prop_assert!(quota.limit.is_some() || quota.remaining.is_some() || quota.reset.is_some());
                prop_assert!(quota.window.is_none_or(|window| !window.is_zero()));
                prop_assert!(quota.window.max(quota.reset) <= Some(LONGEST_WINDOW));
            }
        }
    }
}
