//! How many requests a second are taken, and when it is another number.
//!
//! `100,50@60s-120s,200@300s+`: usually 100; 50 in the minute after the first
//! minute; 200 from the fifth minute on. Of several times that hold, the first
//! counts. It is told the time and owns no clock.

use std::str::FromStr;
use std::time::Duration;

use crate::sandbox::faults::parse::read_time;

/// So many requests a second, and at times another number.
#[derive(Debug, Clone, PartialEq)]
pub struct Rps {
    usual: f64,
    phases: Vec<Phase>,
}

/// A time with a rate of its own.
#[derive(Debug, Clone, PartialEq)]
struct Phase {
    per_second: f64,
    from: Duration,
    /// `None` is for good.
    until: Option<Duration>,
}

/// The text is no rate, or has no times.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RpsError {
    /// The number is none.
    #[error("{0:?} is no rate (wanted a number above 0)")]
    Rate(String),
    /// The time is none.
    #[error("{0:?} is no time (wanted 60s-120s or 60s+, counted from the first request)")]
    Time(String),
    /// Two rates are there always.
    #[error("{0:?} says no time (wanted for example {0}@60s-120s; only the first rate has none)")]
    NoTime(String),
    /// No rate is there always.
    #[error("{0:?} is not for always (wanted the usual rate first, for example 100,{0})")]
    NotUsual(String),
}

impl Rps {
    /// Requests a second at `time`, counted from the first request.
    pub(super) fn at(&self, time: Duration) -> f64 {
        let holds =
            |phase: &&Phase| phase.from <= time && phase.until.is_none_or(|until| time < until);
        self.phases
            .iter()
            .find(holds)
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
            phases: parts.map(Phase::read).collect::<Result<_, _>>()?,
        })
    }
}

impl Phase {
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
    fn a_number_alone_is_for_always() {
        assert_eq!(at("0.5", &[0, 100_000]), [0.5, 0.5]);
    }

    #[test]
    fn other_times_have_other_rates() {
        let text = "100, 50@60s-120s, 200@300s+";
        let seconds = [0, 59, 60, 119, 120, 299, 300, 100_000];
        let rates = [100.0, 100.0, 50.0, 50.0, 100.0, 100.0, 200.0, 200.0];
        assert_eq!(at(text, &seconds), rates);
    }

    #[test]
    fn of_several_times_the_first_counts() {
        assert_eq!(at("9,1@500ms-2s,2@1s+", &[0, 1, 2]), [9.0, 1.0, 2.0]);
    }

    #[test]
    fn what_is_wrong_is_named() {
        for (text, message) in [
            ("", "\"\" is no rate"),
            ("fast", "\"fast\" is no rate"),
            ("0", "\"0\" is no rate"),
            ("inf", "\"inf\" is no rate"),
            ("100,-1@1s+", "\"-1\" is no rate"),
            ("100,", "\"\" is no rate"),
            ("100,50", "\"50\" says no time (wanted for example 50@60s-"),
            ("50@60s+", "\"50@60s+\" is not for always"),
            ("100,50@", "\"\" is no time"),
            ("100,50@60", "\"60\" is no time"),
            ("100,50@60-120", "\"60-120\" is no time (wanted 60s-120s"),
            ("100,50@2s-1s", "\"2s-1s\" is no time"),
        ] {
            let said = text.parse::<Rps>().unwrap_err().to_string();
            assert!(said.starts_with(message), "{text}: {said}");
        }
    }
}
