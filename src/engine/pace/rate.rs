//! Requests per time, as users write it: `50/s`, `30/m` (pure).

use std::num::NonZeroU32;
use std::str::FromStr;
use std::time::Duration;

/// How many requests may start in how much time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rate {
    /// No limit.
    Unlimited,
    /// At most `starts` in any interval of `window`.
    Limited {
        /// The number of starts.
        starts: NonZeroU32,
        /// The length of the sliding interval.
        window: Duration,
    },
}

impl Rate {
    /// At most `starts` in any second.
    pub const fn per_second(starts: NonZeroU32) -> Self {
        Self::Limited {
            starts,
            window: Duration::from_secs(1),
        }
    }

    /// Starts per second; infinite where unlimited.
    pub fn a_second(self) -> f64 {
        match self {
            Self::Unlimited => f64::INFINITY,
            Self::Limited { starts, window } => f64::from(starts.get()) / window.as_secs_f64(),
        }
    }
}

impl std::fmt::Display for Rate {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Unlimited => f.write_str("unlimited"),
            Self::Limited { starts, window } if *window == Duration::from_mins(1) => {
                write!(f, "{starts}/m")
            }
            Self::Limited { starts, .. } => write!(f, "{starts}/s"),
        }
    }
}

impl FromStr for Rate {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text == "unlimited" {
            return Ok(Self::Unlimited);
        }
        let (number, window) = match text.split_once('/') {
            None | Some((_, "s")) => (text.trim_end_matches("/s"), Duration::from_secs(1)),
            Some((number, "m")) => (number, Duration::from_mins(1)),
            Some(_) => {
                return Err(format!(
                    "{text:?} is not a rate (wanted N, N/s, N/m or unlimited)"
                ));
            }
        };
        let starts = number.parse().map_err(|_not_a_number| {
            format!("{number:?} is not a whole number above 0 (wanted N, N/s, N/m or unlimited)")
        })?;
        Ok(Self::Limited { starts, window })
    }
}

#[cfg(test)]
mod tests {
    use super::Rate;

    #[test]
    fn rates_are_parsed_and_displayed() {
        for (text, shown) in [
            ("200", "200/s"),
            ("5/s", "5/s"),
            ("30/m", "30/m"),
            ("unlimited", "unlimited"),
        ] {
            assert_eq!(text.parse::<Rate>().unwrap().to_string(), shown);
        }
        for bad in ["", "0", "-1", "1.5", "5/h", "fast"] {
            assert!(bad.parse::<Rate>().is_err(), "{bad}");
        }
    }
}
