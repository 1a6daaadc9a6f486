//! A number with a unit, as text.

/// A number that may have a unit, such as `200/s` or `5%`, as it is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scalar(pub String);

impl From<&str> for Scalar {
    fn from(text: &str) -> Self {
        Self(text.to_owned())
    }
}
