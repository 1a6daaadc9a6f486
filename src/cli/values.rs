//! Values of options that are no plain text or number.

use clap::ValueEnum;
use serde::Deserialize;

/// Text, or in a file a number as well: `rate = 200` is meant as `"200"`.
#[derive(Debug, Clone, Deserialize)]
#[serde(from = "TextOrNumber")]
pub struct Text(pub String);

#[derive(Deserialize)]
#[serde(untagged)]
enum TextOrNumber {
    Text(String),
    Number(i64),
}

impl From<TextOrNumber> for Text {
    fn from(given: TextOrNumber) -> Self {
        match given {
            TextOrNumber::Text(text) => Self(text),
            TextOrNumber::Number(number) => Self(number.to_string()),
        }
    }
}

impl From<&str> for Text {
    fn from(text: &str) -> Self {
        Self(text.to_owned())
    }
}

/// What to do about a customer that is there already and differs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Existing {
    /// Leave it, and say so.
    Skip,
    /// Make it equal to the row.
    Update,
    /// Count it as failed.
    Fail,
}
