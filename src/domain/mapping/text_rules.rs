//! How a text is changed: blanks, apostrophes, case, slugs.

use super::plan::{Apostrophes, FieldRule, LetterCase};
use crate::domain::text::{is_hostile, trimmed};

impl FieldRule {
    /// `text` as it is taken from a cell: without what a spreadsheet put around it.
    pub(super) fn bare<'t>(&self, text: &'t str) -> &'t str {
        let mut bare = self.without_blanks(text);
        if self.unwrap != Some(false) {
            bare = self.without_blanks(unwrapped(bare));
        }
        match (self.apostrophe, bare.strip_prefix('\'')) {
            (Some(Apostrophes::Always), Some(rest)) => self.without_blanks(rest),
            (Some(Apostrophes::Formula), Some(rest)) if rest.starts_with(['=', '+', '-', '@']) => {
                rest
            }
            (Some(_) | None, _) => bare,
        }
    }

    fn without_blanks<'t>(&self, text: &'t str) -> &'t str {
        if self.trim == Some(false) {
            text
        } else {
            trimmed(text)
        }
    }

    /// `text` with its part taken and its texts replaced.
    pub(super) fn replaced(&self, text: &str) -> String {
        let part = match &self.pattern {
            Some(pattern) => pattern.extracted(text),
            None => text,
        };
        let mut out = part.to_owned();
        for (from, to) in &self.replace {
            out = out.replace(from.as_str(), to);
        }
        if self.trim != Some(false) && !(self.replace.is_empty() && self.pattern.is_none()) {
            out = trimmed(&out).to_owned();
        }
        out
    }

    /// `text` in the case that the rule wants, or as a derived id.
    pub(super) fn recased(&self, text: String) -> String {
        let text = match self.case {
            Some(LetterCase::Upper) => text.to_uppercase(),
            Some(LetterCase::Lower) => text.to_lowercase(),
            None => text,
        };
        if self.slug == Some(true) {
            slug(&text)
        } else {
            text
        }
    }
}

/// `00123` of `="00123"`, by which a spreadsheet is kept from reading a number.
fn unwrapped(text: &str) -> &str {
    let inner = text
        .strip_prefix("=\"")
        .and_then(|rest| rest.strip_suffix('"'));
    inner.filter(|inner| !inner.contains('"')).unwrap_or(text)
}

/// An id derived from a name: letters and digits of any script in lower case, all else
/// as one dash. A colon, which parts a parent from a child, is kept.
pub(super) fn slug(text: &str) -> String {
    let mut slug = String::with_capacity(text.len());
    for letter in text.chars().flat_map(char::to_lowercase) {
        if letter.is_alphanumeric() || is_mark(letter) && !slug.is_empty() {
            slug.push(letter);
        } else if letter == ':' {
            slug.truncate(slug.trim_end_matches(['-', ':']).len());
            slug.push(letter);
        } else if letter.is_control() || !is_hostile(letter) {
            slug.push('-');
            let bare = slug.trim_end_matches('-').len();
            slug.truncate(bare);
            if !slug.is_empty() && !slug.ends_with(':') {
                slug.push('-');
            }
        }
    }
    slug.trim_matches(['-', ':']).to_owned()
}

/// Whether `letter` is a mark that belongs to the letter before it.
fn is_mark(letter: char) -> bool {
    matches!(letter, '\u{300}'..='\u{36f}')
}
