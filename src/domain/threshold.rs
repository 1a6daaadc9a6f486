//! How many rows may be rejected or fail before a run stops.

use std::str::FromStr;

/// With fewer rows a share is not meaningful: one bad row of five is no reason to
/// stop.
const FEWEST_ROWS: u64 = 100;

/// A number of rows, or a share of all of them.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Threshold {
    /// A number of rows.
    Rows(u64),
    /// A percentage of all rows.
    Percent(f64),
}

impl Threshold {
    /// How many of `rows` rows may be bad.
    pub fn of(self, rows: u64) -> u64 {
        match self {
            Self::Rows(most) => most,
            Self::Percent(share) if share <= 0.0 => 0,
            Self::Percent(_) if rows < FEWEST_ROWS => u64::MAX,
            Self::Percent(share) => share_of(share, rows, f64::floor),
        }
    }

    /// How many of `rows` may be cancelled: a share holds for few as well, rounded up.
    pub fn also_of_few(self, rows: u64) -> u64 {
        match self {
            Self::Rows(most) => most,
            Self::Percent(share) => share_of(share, rows, f64::ceil),
        }
    }
}

#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a share of a count of rows, rounded, is a count of rows"
)]
fn share_of(share: f64, rows: u64, round: fn(f64) -> f64) -> u64 {
    round(rows as f64 * share / 100.0) as u64
}

impl std::fmt::Display for Threshold {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Rows(rows) => write!(f, "{rows}"),
            Self::Percent(share) => write!(f, "{share}%"),
        }
    }
}

impl FromStr for Threshold {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("{text:?} is neither a number of rows nor a share, wanted N or N%");
        match text.strip_suffix('%') {
            None => text
                .parse()
                .map(Self::Rows)
                .map_err(|_not_a_number| wrong()),
            Some(share) => match share.trim().parse::<f64>() {
                Ok(share) if (0.0..=100.0).contains(&share) => Ok(Self::Percent(share)),
                Ok(_) | Err(_) => Err(wrong()),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Threshold;

    fn allowed(text: &str, rows: u64) -> u64 {
        text.parse::<Threshold>().unwrap().of(rows)
    }

    #[test]
    fn a_share_of_few_is_rounded_up_where_it_holds_for_them() {
        let allowed = |text: &str, rows| text.parse::<Threshold>().unwrap().also_of_few(rows);
        assert_eq!(allowed("20%", 4), 1);
        assert_eq!(allowed("20%", 1000), 200);
        assert_eq!(allowed("0%", 4), 0);
        assert_eq!(allowed("3", 4), 3);
    }

    #[test]
    fn a_number_is_a_number_and_a_share_a_share() {
        assert_eq!(allowed("7", 5), 7);
        assert_eq!(allowed("10%", 1999), 199);
        assert_eq!(allowed("0.5%", 1000), 5);
    }

    #[test]
    fn a_share_of_few_rows_allows_all_unless_it_is_zero() {
        assert_eq!(allowed("10%", 99), u64::MAX);
        assert_eq!(allowed("0%", 99), 0);
    }

    #[test]
    fn anything_else_is_refused() {
        for bad in ["", "x", "-1", "101%", "5.5", "NaN%"] {
            assert!(bad.parse::<Threshold>().is_err(), "{bad}");
        }
    }
}
