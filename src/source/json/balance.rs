//! Finds where a value ends by its brackets and quotes, whether or not the rest of it
//! is JSON.
//!
//! A value that is broken should take no others with it: a bracket that is missing is
//! taken as closed with the next one outside of it, and a new object on a line of its
//! own, where none can be, begins the next row.

/// What to do with a byte.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    /// It belongs to the value.
    Within,
    /// It is the value's last.
    Last,
    /// The value ended before it.
    After,
    /// The value is broken, and another one begins here.
    Restart,
}

/// Where a value that is neither an object nor an array may stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum BareEnd {
    /// In an array or object: it ends at a comma or bracket.
    Item,
    /// Outside of all: it ends with its line, or where an object begins.
    Line,
}

/// More open brackets than any row has that is short enough.
const MOST_OPEN: usize = crate::source::csv::splitter::LONGEST_ROW;

/// How far a value has been read.
#[derive(Debug)]
pub(super) struct Balance {
    open: Vec<u8>,
    in_string: bool,
    escaped: bool,
    /// The last byte outside strings that is not blank.
    last: u8,
    /// The column on a line that has only had blanks so far.
    fresh: Option<usize>,
    /// The column of the value, if it is the first on its line.
    column: Option<usize>,
    bare: BareEnd,
}

impl Balance {
    /// Begins a value; `column` is where, if it is the first on its line.
    pub(super) fn new(bare: BareEnd, column: Option<usize>) -> Self {
        Self {
            open: Vec::new(),
            in_string: false,
            escaped: false,
            last: 0,
            fresh: None,
            column,
            bare,
        }
    }

    /// Whether the next bytes matter only if one of them is a quote, a backslash or a
    /// line break.
    pub(super) fn is_plain_string(&self) -> bool {
        self.in_string && !self.escaped && self.fresh.is_none()
    }

    pub(super) fn step(&mut self, byte: u8) -> Step {
        let fresh = self.fresh.take();
        match byte {
            b'\n' => self.fresh = Some(1),
            b' ' | b'\t' | b'\r' => self.fresh = fresh.map(|column| column + 1),
            b'{' if fresh.is_some() && fresh == self.column && self.cannot_be_here() => {
                return Step::Restart;
            }
            _ => {}
        }
        if self.in_string {
            return self.string(byte);
        }
        match byte {
            b'"' if self.open.is_empty() && self.last != 0 => return Step::After,
            b'"' => self.in_string = true,
            b'{' | b'[' => {
                if self.open.is_empty() && self.last != 0 {
                    return Step::After;
                }
                if self.open.len() < MOST_OPEN {
                    self.open.push(byte);
                }
            }
            b'}' | b']' => return self.close(byte),
            b',' if self.open.is_empty() && self.bare == BareEnd::Item => return Step::After,
            b'\n' if self.open.is_empty() => return Step::After,
            _ => {}
        }
        if !matches!(byte, b' ' | b'\t' | b'\r' | b'\n') {
            self.last = byte;
        }
        Step::Within
    }

    fn string(&mut self, byte: u8) -> Step {
        match byte {
            _ if self.escaped => self.escaped = false,
            b'\\' => self.escaped = true,
            b'"' => {
                self.in_string = false;
                self.last = byte;
                if self.open.is_empty() {
                    return Step::Last;
                }
            }
            _ => {}
        }
        Step::Within
    }

    fn close(&mut self, byte: u8) -> Step {
        let opening = if byte == b'}' { b'{' } else { b'[' };
        let place = self.open.iter().rposition(|open| *open == opening);
        let is_first = self.last == 0;
        self.last = byte;
        match place {
            Some(0) => Step::Last,
            Some(place) => {
                self.open.truncate(place);
                Step::Within
            }
            // It closes nothing of the value's; alone, it is a value of its own.
            None if is_first => Step::Last,
            None => Step::After,
        }
    }

    /// Whether no object can begin here, by JSON's grammar.
    fn cannot_be_here(&self) -> bool {
        match self.open.last() {
            _ if self.in_string => true,
            Some(b'{') => self.last != b':',
            Some(_) => !matches!(self.last, b',' | b'['),
            None => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Balance, BareEnd, Step};

    /// The texts of the values of `text`, and what is between them.
    fn values(text: &str, bare: BareEnd) -> Vec<&str> {
        let (mut all, mut start) = (Vec::new(), 0);
        let mut balance = Balance::new(bare, Some(1));
        let bytes = text.as_bytes();
        let mut at = 0;
        while at < bytes.len() {
            if start == at && matches!(bytes[at], b',' | b'\n' | b' ') {
                (start, at) = (at + 1, at + 1);
                continue;
            }
            let end = match balance.step(bytes[at]) {
                Step::Within => {
                    at += 1;
                    continue;
                }
                Step::Last => at + 1,
                Step::After | Step::Restart => at,
            };
            all.push(text.get(start..end).unwrap().trim());
            (start, at) = (end, end);
            balance = Balance::new(bare, Some(1));
        }
        all.extend(Some(text.split_at(start).1.trim()).filter(|rest| !rest.is_empty()));
        all
    }

    #[test]
    fn values_end_with_their_brackets() {
        for (text, found) in [
            (
                r#"{"a":[1,{"b":"}]"}]},{"c":"\"}"}"#,
                &[r#"{"a":[1,{"b":"}]"}]}"#, r#"{"c":"\"}"}"#][..],
            ),
            (
                r#"1,"a,b\"", null,[2,[3]]"#,
                &["1", r#""a,b\"""#, "null", "[2,[3]]"],
            ),
            ("{}{}", &["{}", "{}"]),
            ("x{}", &["x", "{}"]),
        ] {
            assert_eq!(values(text, BareEnd::Item), found, "{text}");
        }
        assert_eq!(
            values("a, b\n{}c,d\n", BareEnd::Line),
            ["a, b", "{}", "c,d"]
        );
    }

    #[test]
    fn a_broken_value_takes_no_others_with_it() {
        for (text, found) in [
            // A bracket is missing, or too much.
            (r#"{"a":[1},{"b":2}"#, &[r#"{"a":[1}"#, r#"{"b":2}"#][..]),
            (r#"{"a":1}},{"b":2}"#, &[r#"{"a":1}"#, "}", r#"{"b":2}"#]),
            (
                "{\"a\":{\"c\":1,\n{\"b\":2}",
                &["{\"a\":{\"c\":1,", "{\"b\":2}"],
            ),
            (
                "{\n  \"a\": [1\n{\n  \"b\": 2\n}",
                &["{\n  \"a\": [1", "{\n  \"b\": 2\n}"],
            ),
            // A quote is missing.
            ("{\"a\":\"x},\n{\"b\":2}", &["{\"a\":\"x},", "{\"b\":2}"]),
            (
                "{\"a\":\"x\ny\"},\n{\"b\":2}",
                &["{\"a\":\"x\ny\"}", "{\"b\":2}"],
            ),
        ] {
            assert_eq!(values(text, BareEnd::Item), found, "{text}");
        }
        // Without lines, what follows a missing bracket is part of the value.
        let one = r#"{"a":{"b":1},{"c":2}"#;
        assert_eq!(values(one, BareEnd::Item), [one]);
    }
}
