//! Regular expressions of a mapping.

use regex_lite::Regex;

/// A regular expression; two are equal if they are written the same.
#[derive(Debug, Clone)]
pub struct Pattern(Regex);

impl Pattern {
    /// Reads a regular expression; says what is wrong with it otherwise.
    pub fn new(text: &str) -> Result<Self, String> {
        match Regex::new(text) {
            Ok(regex) => Ok(Self(regex)),
            Err(error) => Err(error.to_string()),
        }
    }

    /// The expression as it was written.
    pub fn text(&self) -> &str {
        self.0.as_str()
    }

    /// Whether it is found in `value`.
    pub(super) fn is_in(&self, value: &str) -> bool {
        self.0.is_match(value)
    }

    /// The text of its first group in `value`, or without groups of the whole match;
    /// empty if it isn't found.
    pub(super) fn extracted<'v>(&self, value: &'v str) -> &'v str {
        let Some(found) = self.0.captures(value) else {
            return "";
        };
        let part = usize::from(self.0.captures_len() > 1);
        found.get(part).map_or("", |found| found.as_str())
    }
}

impl PartialEq for Pattern {
    fn eq(&self, other: &Self) -> bool {
        self.text() == other.text()
    }
}

impl Eq for Pattern {}
