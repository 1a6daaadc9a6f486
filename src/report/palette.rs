//! Colours: only where they mean something, and never without a word that says the same.

use std::fmt::Display;

/// Whether text is coloured.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Palette {
    /// Whether it is.
    pub is_on: bool,
}

impl Palette {
    /// No colours.
    pub const PLAIN: Self = Self { is_on: false };

    /// Something failed.
    pub fn error(self, text: impl Display) -> String {
        self.painted("31", text)
    }

    /// Something to look at.
    pub fn warning(self, text: impl Display) -> String {
        self.painted("33", text)
    }

    /// All is well.
    pub fn good(self, text: impl Display) -> String {
        self.painted("32", text)
    }

    /// What the eye should find first.
    pub fn strong(self, text: impl Display) -> String {
        self.painted("1", text)
    }

    /// `text`, whose control characters were escaped before; its `error:`, `warning:` or
    /// `note:` is coloured.
    pub fn line(self, text: &str) -> String {
        let start = |word: &str| text.strip_prefix(word);
        if let Some(rest) = start("error:") {
            format!("{}{rest}", self.error("error:"))
        } else if let Some(rest) = start("warning:") {
            format!("{}{rest}", self.warning("warning:"))
        } else {
            text.to_owned()
        }
    }

    /// In the colour of this code (ECMA-48, SGR).
    fn painted(self, code: &str, text: impl Display) -> String {
        if self.is_on {
            format!("\x1b[{code}m{text}\x1b[0m")
        } else {
            text.to_string()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Palette;

    #[test]
    fn only_the_first_word_of_a_warning_is_coloured() {
        let palette = Palette { is_on: true };
        let line = palette.line("warning: the disk is nearly full");
        assert_eq!(line, "\x1b[33mwarning:\x1b[0m the disk is nearly full");
        assert_eq!(palette.line("note: no"), "note: no");
        let plain = Palette::PLAIN.line("error: no");
        assert_eq!(plain, "error: no");
    }
}
