//! The limits that a server states, as the client reads them from the headers.

use std::time::Duration;

use kable_bulk::kable::{Quota, QuotaUnit};
use serde::Deserialize;

use super::limits::{LimitKind, LimitMeter};

/// Which headers are used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum LimitHeaders {
    #[default]
    Nothing,
    /// `RateLimit-Policy` and `RateLimit`: every limit, with window and name.
    Ietf,
    /// `RateLimit-ServerLimit: 10, 10;w=1, 100;w=60` with `-Remaining` and `-Reset`: every
    /// limit and its window; the remainder of the closest.
    Legacy,
    /// `X-RateLimit-*`: the closest limit, without a window.
    X,
}

/// `Retry-After` on a refusal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum RetryAfter {
    /// Always this many seconds.
    Seconds(u64),
    /// Until the limit is reset, rounded up to seconds.
    Reset,
}

/// Values that are stated wrongly.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct WrongHeaders {
    /// This many times the limit.
    pub(crate) limit: f64,
    /// Always this many left.
    pub(crate) left: Option<f64>,
    /// Always this reset.
    pub(crate) reset: Option<f64>,
}

impl Default for WrongHeaders {
    fn default() -> Self {
        Self {
            limit: 1.0,
            left: None,
            reset: None,
        }
    }
}

impl LimitHeaders {
    /// The limits in the headers of a response.
    pub(crate) fn quotas(self, meters: &[LimitMeter], lies: &WrongHeaders) -> Vec<Quota> {
        let share_left = |meter: &LimitMeter| meter.left() / meter.many();
        let closest = (0..meters.len())
            .min_by(|a, b| f64::total_cmp(&share_left(&meters[*a]), &share_left(&meters[*b])));
        let all = meters.iter().enumerate();
        let told = all.map(|(at, meter)| (at, quota(at, meter, lies)));
        let is_closest = |at| Some(at) == closest;
        match self {
            Self::Nothing => Vec::new(),
            Self::Ietf => told.map(|(_, quota)| quota).collect(),
            Self::Legacy => told
                .map(|(at, quota)| Quota {
                    name: String::new(),
                    remaining: quota.remaining.filter(|_| is_closest(at)),
                    reset: quota.reset.filter(|_| is_closest(at)),
                    ..quota
                })
                .collect(),
            Self::X => told
                .filter(|(at, _)| is_closest(*at))
                .map(|(_, quota)| Quota {
                    name: String::new(),
                    window: None,
                    ..quota
                })
                .collect(),
        }
    }
}

fn quota(at: usize, meter: &LimitMeter, lies: &WrongHeaders) -> Quota {
    let in_flight = meter.limit.kind == LimitKind::InFlight;
    // Headers state whole seconds, and never zero.
    let seconds = |time: f64| Some(Duration::from_secs(time.ceil().max(1.0) as u64));
    let reset = lies.reset.map(Duration::from_secs_f64);
    Quota {
        name: at.to_string(),
        limit: Some((meter.many() * lies.limit).round() as u64),
        window: seconds(meter.limit.seconds).filter(|_| !in_flight),
        remaining: Some(lies.left.unwrap_or_else(|| meter.left()) as u64),
        reset: reset.or(seconds(meter.reset())).filter(|_| !in_flight),
        unit: if in_flight {
            QuotaUnit::InFlight
        } else {
            QuotaUnit::Requests
        },
    }
}
