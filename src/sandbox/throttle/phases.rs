//! The rate limit over time.
//!
//! `100,50@60s-120s,200@300s+` is 100 requests a second, but 50 from 60 s to 120 s and
//! 200 from 300 s on, counted from the first request. Where phases overlap, the
//! first one counts.

use std::str::FromStr;
use std::time::Duration;

use crate::sandbox::faults::parse::read_time;

/// A rate in requests a second, with phases of other rates.
#[derive(Debug, Clone, PartialEq)]
pub struct Rps {
    usual: f64,
    phases: Vec<RatePhase>,
}

/// A time with another rate.
#[derive(Debug, Clone, PartialEq)]
struct RatePhase {
    per_second: f64,
    from: Duration,
    /// `None` for no end.
    until: Option<Duration>,
}

/// Why a text is not a rate over time.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RpsError {
    /// The rate is not a positive number.
    #[error("{0:?} is not a rate (wanted a number above 0)")]
    Rate(String),
    /// The time is not a range.
    #[error("{0:?} is not a time (wanted 60s-120s or 60s+, counted from the first request)")]
    Time(String),
    /// A rate after the first has no time.
    #[error("{0:?} has no time (wanted for example {0}@60s-120s; only the first rate has none)")]
    NoTime(String),
    /// The first rate has a time.
    #[error("{0:?} has a time (wanted the usual rate first, for example 100,{0})")]
    NotUsual(String),
}

impl Rps {
    /// Requests a second at `time`, counted from the first request.
    pub(super) fn at(&self, time: Duration) -> f64 {
        let includes =
            |phase: &&RatePhase| phase.from <= time && phase.until.is_none_or(|until| time < until);
        self.phases
            .iter()
            .find(includes)
            .map_or(self.usual, |phase| phase.per_second)
    }
}

impl FromStr for Rps {
    type Err = RpsError;

    fn from_str(text: &str) -> Result<Self, RpsError> {
        let mut parts = text.split(',').map(str::trim);
        let usual = parts.next().unwrap_or_default();
        if usual.contains('@') {
            return Err(RpsError::NotUsual(usual.to_owned()));
        }
        Ok(Self {
            usual: read_rate(usual)?,
            phases: parts.map(RatePhase::read).collect::<Result<_, _>>()?,
        })
    }
}

impl RatePhase {
    fn read(text: &str) -> Result<Self, RpsError> {
        let Some((rate, when)) = text.split_once('@') else {
            read_rate(text)?;
            return Err(RpsError::NoTime(text.to_owned()));
        };
        let times = if let Some(from) = when.strip_suffix('+') {
            read_time(from).map(|from| (from, None))
        } else {
            when.split_once('-')
                .and_then(|(from, until)| read_time(from).zip(read_time(until)))
                .filter(|(from, until)| from < until)
                .map(|(from, until)| (from, Some(until)))
        };
        let (from, until) = times.ok_or_else(|| RpsError::Time(when.to_owned()))?;
        Ok(Self {
            per_second: read_rate(rate)?,
            from,
            until,
        })
    }
}

fn read_rate(text: &str) -> Result<f64, RpsError> {
    text.parse()
        .ok()
        .filter(|rate: &f64| rate.is_finite() && *rate > 0.0)
        .ok_or_else(|| RpsError::Rate(text.to_owned()))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::Rps;

    fn at(text: &str, seconds: &[u64]) -> Vec<f64> {
        let rps: Rps = text.parse().unwrap();
        let rate = |second: &u64| rps.at(Duration::from_secs(*second));
        seconds.iter().map(rate).collect()
    }

    #[test]
    fn a_single_rate_never_changes() {
        assert_eq!(at("0.5", &[0, 100_000]), [0.5, 0.5]);
    }

    #[test]
    fn phases_have_their_own_rates() {
        let text = "100, 50@60s-120s, 200@300s+";
        let seconds = [0, 59, 60, 119, 120, 299, 300, 100_000];
        let rates = [100.0, 100.0, 50.0, 50.0, 100.0, 100.0, 200.0, 200.0];
        assert_eq!(at(text, &seconds), rates);
    }

    #[test]
    fn the_first_of_overlapping_phases_counts() {
        assert_eq!(at("9,1@500ms-2s,2@1s+", &[0, 1, 2]), [9.0, 1.0, 2.0]);
    }

    #[test]
    fn an_error_names_what_is_wrong() {
        for (text, message) in [
            ("", "\"\" is not a rate"),
            ("fast", "\"fast\" is not a rate"),
            ("0", "\"0\" is not a rate"),
            ("inf", "\"inf\" is not a rate"),
            ("100,-1@1s+", "\"-1\" is not a rate"),
            ("100,", "\"\" is not a rate"),
            ("100,50", "\"50\" has no time (wanted for example 50@60s-"),
            ("50@60s+", "\"50@60s+\" has a time"),
            ("100,50@", "\"\" is not a time"),
            ("100,50@60", "\"60\" is not a time"),
            ("100,50@60-120", "\"60-120\" is not a time (wanted 60s-120s"),
            ("100,50@2s-1s", "\"2s-1s\" is not a time"),
        ] {
            let error = text.parse::<Rps>().unwrap_err().to_string();
            assert!(error.starts_with(message), "{text}: {error}");
        }
    }
}
