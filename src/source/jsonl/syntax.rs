//! JSON's grammar (RFC 8259): where values begin and end, and where a text is not JSON.
//!
//! Nothing is built, and nothing recurses: nesting of any depth is skipped. A string
//! may have half a surrogate pair, and a number may have any size; both are JSON by
//! the grammar.

/// Where a text is not JSON, and what is wrong there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::source) struct SyntaxFault {
    /// The offset of the first byte that does not fit.
    pub(in crate::source) at: usize,
    /// What is wrong.
    pub(in crate::source) what: &'static str,
}

/// Where a string's text is, without its quotes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::source) struct StringSpan {
    pub(in crate::source) start: usize,
    pub(in crate::source) end: usize,
    /// Whether it has escapes.
    pub(in crate::source) escaped: bool,
}

/// What a value is, by its first byte.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::source) enum ValueKind {
    Object,
    Array,
    Text,
    Number,
    Bool,
    Null,
}

impl ValueKind {
    pub(in crate::source) const fn of(first: u8) -> Option<Self> {
        match first {
            b'{' => Some(Self::Object),
            b'[' => Some(Self::Array),
            b'"' => Some(Self::Text),
            b'-' | b'0'..=b'9' => Some(Self::Number),
            b't' | b'f' => Some(Self::Bool),
            b'n' => Some(Self::Null),
            _ => None,
        }
    }

    /// With its article, for a message.
    pub(in crate::source) const fn name(self) -> &'static str {
        match self {
            Self::Object => "an object",
            Self::Array => "an array",
            Self::Text => "a string",
            Self::Number => "a number",
            Self::Bool => "a boolean",
            Self::Null => "null",
        }
    }
}

pub(in crate::source) const fn is_blank(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\n' | b'\r')
}

/// Reads a text from `at` on.
#[derive(Debug, Clone, Copy)]
pub(in crate::source) struct Lexer<'t> {
    pub(in crate::source) text: &'t str,
    pub(in crate::source) at: usize,
}

impl<'t> Lexer<'t> {
    pub(in crate::source) const fn new(text: &'t str, at: usize) -> Self {
        Self { text, at }
    }

    pub(in crate::source) fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    /// The text at `start..end`.
    pub(in crate::source) fn part(&self, start: usize, end: usize) -> &'t str {
        self.text.get(start..end).unwrap_or_default()
    }

    pub(in crate::source) fn skip_blanks(&mut self) {
        while self.peek().is_some_and(is_blank) {
            self.at += 1;
        }
    }

    /// The fault of what is here; at the end of the text, that it is cut off.
    fn fault<T>(&self, what: &'static str, cut_off: &'static str) -> Result<T, SyntaxFault> {
        let what = if self.at < self.text.len() {
            what
        } else {
            cut_off
        };
        Err(SyntaxFault { at: self.at, what })
    }

    /// The kind of the value that begins after blanks.
    pub(in crate::source) fn kind(&mut self) -> Result<ValueKind, SyntaxFault> {
        self.skip_blanks();
        match self.peek().and_then(ValueKind::of) {
            Some(kind) => Ok(kind),
            None => self.fault("a value is missing or misspelt", "cut off before a value"),
        }
    }

    /// Passes the opening bracket that is here; true if `close` follows.
    pub(in crate::source) fn opens_empty(&mut self, close: u8) -> bool {
        self.at += 1;
        self.skip_blanks();
        let is_empty = self.peek() == Some(close);
        self.at += usize::from(is_empty);
        is_empty
    }

    /// Whether another member or item follows, or `close` ends the object or array.
    pub(in crate::source) fn more(&mut self, close: u8) -> Result<bool, SyntaxFault> {
        self.skip_blanks();
        match self.peek() {
            Some(b',') => {
                self.at += 1;
                Ok(true)
            }
            Some(byte) if byte == close => {
                self.at += 1;
                Ok(false)
            }
            Some(_) | None if close == b'}' => {
                self.fault("wanted , or } here", "cut off within an object")
            }
            Some(_) | None => self.fault("wanted , or ] here", "cut off within an array"),
        }
    }

    /// A member's name and the colon after it.
    pub(in crate::source) fn name(&mut self) -> Result<StringSpan, SyntaxFault> {
        self.skip_blanks();
        if self.peek() != Some(b'"') {
            return self.fault(
                "wanted the name of a member, in double quotes",
                "cut off within an object",
            );
        }
        let name = self.string()?;
        self.skip_blanks();
        if self.peek() != Some(b':') {
            return self.fault(
                "wanted : after the name of a member",
                "cut off after a name",
            );
        }
        self.at += 1;
        Ok(name)
    }

    /// The string that begins here.
    pub(in crate::source) fn string(&mut self) -> Result<StringSpan, SyntaxFault> {
        self.at += 1;
        let start = self.at;
        let mut escaped = false;
        loop {
            let rest = self.text.as_bytes().get(self.at..).unwrap_or_default();
            let plain = rest
                .iter()
                .position(|byte| matches!(byte, b'"' | b'\\' | 0..b' '));
            self.at += plain.unwrap_or(rest.len());
            match self.peek() {
                Some(b'"') => {
                    let end = self.at;
                    self.at += 1;
                    return Ok(StringSpan {
                        start,
                        end,
                        escaped,
                    });
                }
                Some(b'\\') => {
                    escaped = true;
                    self.escape()?;
                }
                Some(_) | None => {
                    return self.fault(
                        "a control character stands in a string unescaped",
                        "cut off within a string",
                    );
                }
            }
        }
    }

    fn escape(&mut self) -> Result<(), SyntaxFault> {
        self.at += 1;
        let digits = match self.peek() {
            Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => 0,
            Some(b'u') => 4,
            Some(_) | None => {
                return self.fault("there is no such escape", "cut off within a string");
            }
        };
        self.at += 1;
        for _ in 0..digits {
            if !self.peek().is_some_and(|byte| byte.is_ascii_hexdigit()) {
                return self.fault(
                    "\\u wants four hexadecimal digits",
                    "cut off within a string",
                );
            }
            self.at += 1;
        }
        Ok(())
    }

    /// The text of the number, `true`, `false` or `null` that begins here.
    pub(in crate::source) fn bare(&mut self) -> Result<&'t str, SyntaxFault> {
        let start = self.at;
        match self.peek() {
            Some(b't') => self.word("true")?,
            Some(b'f') => self.word("false")?,
            Some(b'n') => self.word("null")?,
            Some(_) | None => self.number()?,
        }
        Ok(self.part(start, self.at))
    }

    fn word(&mut self, word: &'static str) -> Result<(), SyntaxFault> {
        let rest = self.text.get(self.at..).unwrap_or_default();
        if rest.starts_with(word) {
            self.at += word.len();
            return Ok(());
        }
        if word.starts_with(rest) {
            self.at = self.text.len();
        }
        self.fault("wanted true, false or null", "cut off within a value")
    }

    fn number(&mut self) -> Result<(), SyntaxFault> {
        if self.peek() == Some(b'-') {
            self.at += 1;
        }
        if self.peek() == Some(b'0') {
            self.at += 1;
        } else {
            self.digits()?;
        }
        if self.peek() == Some(b'.') {
            self.at += 1;
            self.digits()?;
        }
        if matches!(self.peek(), Some(b'e' | b'E')) {
            self.at += 1;
            if matches!(self.peek(), Some(b'+' | b'-')) {
                self.at += 1;
            }
            self.digits()?;
        }
        Ok(())
    }

    fn digits(&mut self) -> Result<(), SyntaxFault> {
        let start = self.at;
        while self.peek().is_some_and(|byte| byte.is_ascii_digit()) {
            self.at += 1;
        }
        if self.at == start {
            return self.fault("wanted a digit here", "cut off within a number");
        }
        Ok(())
    }

    fn skip_scalar(&mut self, kind: ValueKind) -> Result<(), SyntaxFault> {
        if kind == ValueKind::Text {
            self.string().map(|_span| ())
        } else {
            self.bare().map(|_text| ())
        }
    }

    /// Skips a value of any depth.
    pub(in crate::source) fn skip_value(&mut self) -> Result<(), SyntaxFault> {
        let mut open: Vec<u8> = Vec::new();
        loop {
            let kind = self.kind()?;
            match kind {
                ValueKind::Object if !self.opens_empty(b'}') => {
                    self.name()?;
                    open.push(b'}');
                    continue;
                }
                ValueKind::Array if !self.opens_empty(b']') => {
                    open.push(b']');
                    continue;
                }
                ValueKind::Object | ValueKind::Array => {}
                ValueKind::Text | ValueKind::Number | ValueKind::Bool | ValueKind::Null => {
                    self.skip_scalar(kind)?;
                }
            }
            loop {
                let Some(close) = open.last().copied() else {
                    return Ok(());
                };
                if self.more(close)? {
                    if close == b'}' {
                        self.name()?;
                    }
                    break;
                }
                open.pop();
            }
        }
    }

    /// The fault if anything but blanks follows.
    pub(in crate::source) fn end(&mut self) -> Result<(), SyntaxFault> {
        self.skip_blanks();
        if self.at < self.text.len() {
            return self.fault("something follows the object", "");
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::Lexer;

    fn fault(text: &str) -> Option<(usize, &'static str)> {
        let mut lexer = Lexer::new(text, 0);
        let read = lexer.skip_value().and_then(|()| lexer.end());
        read.err().map(|fault| (fault.at, fault.what))
    }

    #[test]
    fn every_kind_of_value_is_skipped() {
        for text in [
            "{}",
            "[]",
            " [ ] ",
            "\"\"",
            "0",
            "-0",
            "-1.5e+10",
            "1E400",
            "true",
            "false",
            "null",
            r#"{"a":[1,{"b":[]},"c\u00e9\ud800\n"],"a":null}"#,
            "[[[[]]],\t\r\n[]]",
        ] {
            assert_eq!(fault(text), None, "{text}");
        }
        assert_eq!(
            fault(&format!("{}{}", "[".repeat(100_000), "]".repeat(100_000))),
            None
        );
    }

    #[test]
    fn a_fault_has_its_place() {
        for (text, at, what) in [
            ("", 0, "cut off before a value"),
            ("{", 1, "cut off within an object"),
            (r#"{"a"#, 3, "cut off within a string"),
            (r#"{"a":tru"#, 8, "cut off within a value"),
            (r#"{"a":1"#, 6, "cut off within an object"),
            (
                r#"{"a":1,}"#,
                7,
                "wanted the name of a member, in double quotes",
            ),
            ("[1,]", 3, "a value is missing or misspelt"),
            ("[1 2]", 3, "wanted , or ] here"),
            (
                "{'a':1}",
                1,
                "wanted the name of a member, in double quotes",
            ),
            (r#"{"a" 1}"#, 5, "wanted : after the name of a member"),
            ("[01]", 2, "wanted , or ] here"),
            ("[1.]", 3, "wanted a digit here"),
            ("[+1]", 1, "a value is missing or misspelt"),
            ("[NaN]", 1, "a value is missing or misspelt"),
            ("[nul]", 1, "wanted true, false or null"),
            (
                "[\"\t\"]",
                2,
                "a control character stands in a string unescaped",
            ),
            (r#"["\x"]"#, 3, "there is no such escape"),
            (r#"["\u12g4"]"#, 6, "\\u wants four hexadecimal digits"),
            ("{} {}", 3, "something follows the object"),
        ] {
            assert_eq!(fault(text), Some((at, what)), "{text}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2000))]

        #[test]
        fn what_serde_json_skips_is_skipped(pieces in prop::collection::vec(prop::sample::select(vec!["{", "}", "[", "]", ",", ":", "\"a\"", "1", "-", "0", ".", "e9", "true", "nul", "\"\\u00", "e9\"", "\\", " ", "\"\\ud800\""]), 0..9)) {
            let text = pieces.concat();
            let theirs = serde_json::from_str::<serde::de::IgnoredAny>(&text);
            prop_assert_eq!(fault(&text).is_none(), theirs.is_ok(), "{}", text);
        }
    }
}
