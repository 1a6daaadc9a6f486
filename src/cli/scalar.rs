//! Numbers: with a unit, as text, and whole ones.

use std::str::FromStr;

/// A number that may have a unit, such as `200/s` or `5%`, as it is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scalar(pub String);

impl From<&str> for Scalar {
    fn from(text: &str) -> Self {
        Self(text.to_owned())
    }
}

/// Reads a whole number.
pub(super) fn whole<N: FromStr>(text: &str) -> Result<N, String> {
    text.parse().map_err(|_not_a_number| {
        let is_number = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        if is_number {
            "it is too large".to_owned()
        } else {
            "wanted a whole number".to_owned()
        }
    })
}
