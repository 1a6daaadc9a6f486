//! Reads JSON as programs write it: objects of strings, numbers, lists of strings,
//! and nested objects of these.
//!
//! Nearly every row of the API's own form is plain, and is read several times as fast
//! here as by `object.rs`. Rows with anything else (a list of objects, an escape in a name,
//! an error) are left to that, which alone decides what valid JSON is; a property test
//! checks that both agree.

use super::object::{ParsedValue, ValueText, whole_number};
use super::paths::Paths;
use super::syntax::{Lexer, StringSpan};
use super::unescape::unescaped;
use crate::domain::row::CellKind;
use crate::source::bytes::simd::{Block, WIDTH, lowest};

/// The deepest nesting of objects that is read here.
const DEEPEST: usize = 8;

/// Reads `text` into `found`. False if `text` is not plain; the contents of `found`
/// are then unspecified. `marks` is scratch space.
pub(super) fn read(
    text: &str,
    paths: &mut Paths,
    found: &mut Vec<ParsedValue>,
    marks: &mut Vec<u64>,
) -> bool {
    mark(text.as_bytes(), marks);
    let mut plain = Plain {
        text,
        marks,
        at: 0,
        paths,
        found,
        met: 0,
    };
    plain.skip_blanks();
    plain.object(0, 0).is_some() && {
        plain.skip_blanks();
        plain.at == text.len()
    }
}

struct Plain<'p, 't> {
    text: &'t str,
    /// A bit for each byte that can't be part of a plain string.
    marks: &'p [u64],
    at: usize,
    paths: &'p mut Paths,
    found: &'p mut Vec<ParsedValue>,
    /// A bit for each column that the row has; a row with more than 64 is not
    /// plain.
    met: u64,
}

/// Methods return `None` for what is not plain.
impl<'t> Plain<'_, 't> {
    fn byte(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn skip_blanks(&mut self) {
        // The first test alone decides for rows without white space.
        while self.byte().is_some_and(|byte| byte <= b' ')
            && matches!(self.byte(), Some(b' ' | b'\t' | b'\n' | b'\r'))
        {
            self.at += 1;
        }
    }

    fn expect(&mut self, wanted: u8) -> Option<()> {
        self.skip_blanks();
        (self.byte()? == wanted).then(|| self.at += 1)
    }

    /// Whether another item follows, or `close` ends the list or object.
    fn more(&mut self, close: u8) -> Option<bool> {
        self.skip_blanks();
        let byte = self.byte()?;
        self.at += 1;
        match byte {
            b',' => Some(true),
            byte if byte == close => Some(false),
            _ => None,
        }
    }

    fn object(&mut self, node: usize, depth: usize) -> Option<()> {
        self.expect(b'{')?;
        self.skip_blanks();
        if self.byte()? == b'}' {
            self.at += 1;
            return Some(());
        }
        let mut place = 0;
        loop {
            self.skip_blanks();
            let (start, end) = self.string()?;
            let name: &'t str = self.text.get(start..end)?;
            self.expect(b':')?;
            let member = self.paths.member(node, place, name)?;
            place = self.paths.after(member);
            let column = self.paths.column(member)?;
            self.meet(column)?;
            self.skip_blanks();
            self.value(member, column, depth)?;
            if !self.more(b'}')? {
                return Some(());
            }
        }
    }

    /// Records that the row has a member of `column`; `None` if it had one before.
    fn meet(&mut self, column: usize) -> Option<()> {
        let bit = 1_u64.checked_shl(u32::try_from(column).ok()?)?;
        let is_new = self.met & bit == 0;
        self.met |= bit;
        is_new.then_some(())
    }

    fn value(&mut self, member: usize, column: usize, depth: usize) -> Option<()> {
        match self.byte()? {
            b'"' => {
                let text = self.text()?;
                self.push(column, CellKind::Text, text);
                Some(())
            }
            b'{' if depth < DEEPEST => {
                self.push(column, CellKind::Object, ValueText::NONE);
                self.object(member, depth + 1)
            }
            b'[' => self.list(member, column),
            b'n' => {
                let rest = self.text.get(self.at..)?;
                rest.starts_with("null").then(|| self.at += 4)?;
                self.push(column, CellKind::Null, ValueText::NONE);
                Some(())
            }
            b't' | b'f' => {
                let start = self.bare()?;
                self.push(column, CellKind::Bool, ValueText::Span(start, self.at));
                Some(())
            }
            b'-' | b'0'..=b'9' => {
                let start = self.bare()?;
                let number = self.text.get(start..self.at)?;
                let end = start + whole_number(number).len();
                self.push(column, CellKind::Number, ValueText::Span(start, end));
                Some(())
            }
            _ => None,
        }
    }

    /// Passes the number, `true` or `false` that starts here, and returns where.
    fn bare(&mut self) -> Option<usize> {
        let mut lexer = Lexer::new(self.text, self.at);
        lexer.bare().ok()?;
        Some(std::mem::replace(&mut self.at, lexer.at))
    }

    fn list(&mut self, member: usize, column: usize) -> Option<()> {
        let before = self.found.len();
        self.at += 1;
        self.skip_blanks();
        if self.byte()? == b']' {
            self.at += 1;
            self.push(column, CellKind::EmptyList, ValueText::NONE);
            return Some(());
        }
        loop {
            self.skip_blanks();
            let text = self.text()?;
            self.push(column, CellKind::Item, text);
            if !self.more(b']')? {
                break;
            }
        }
        if self.paths.has_items(member) {
            self.items(member, before);
        }
        Some(())
    }

    /// Adds the columns of a list's items, which were found from `first` on.
    fn items(&mut self, list: usize, first: usize) {
        for index in 0..self.found.len() - first {
            if !self.paths.may_be_item(index) {
                break;
            }
            let item = self.paths.item(list, index);
            let column = item.and_then(|item| self.paths.column(item));
            let value = self.found.get(first + index).map(|item| item.value.clone());
            if let Some((column, value)) = column.zip(value) {
                self.push(column, CellKind::Text, value);
            }
        }
    }

    fn push(&mut self, column: usize, kind: CellKind, value: ValueText) {
        self.found.push(ParsedValue {
            column,
            kind,
            value,
        });
    }

    /// The text of the string that starts here.
    fn text(&mut self) -> Option<ValueText> {
        let start = self.at;
        if let Some((start, end)) = self.string() {
            return Some(ValueText::Span(start, end));
        }
        if self.text.as_bytes().get(start) != Some(&b'"') {
            return None;
        }
        let mut lexer = Lexer::new(self.text, start);
        let StringSpan { start, end, .. } = lexer.string().ok()?;
        self.at = lexer.at;
        let (text, is_whole) = unescaped(lexer.part(start, end));
        is_whole.then_some(ValueText::Text(text))
    }

    /// The range of the text of the string without escapes that starts here.
    fn string(&mut self) -> Option<(usize, usize)> {
        if self.byte()? != b'"' {
            return None;
        }
        let start = self.at + 1;
        let end = next_mark(self.marks, start)?;
        self.at = end + 1;
        (self.text.as_bytes().get(end) == Some(&b'"')).then_some((start, end))
    }
}

/// Marks all bytes that a string can't contain unescaped (RFC 8259 §7): quotes,
/// backslashes, control characters.
fn mark(bytes: &[u8], marks: &mut Vec<u64>) {
    marks.clear();
    marks.extend(bytes.chunks(WIDTH).map(|bytes| {
        let block = Block::of(bytes);
        let special = block.equal(b'"') | block.equal(b'\\') | block.below(b' ');
        special & lowest(bytes.len())
    }));
}

/// The position of the first mark from `start` on.
fn next_mark(marks: &[u64], start: usize) -> Option<usize> {
    let mut number = start / WIDTH;
    let mut rest = marks.get(number)? & !lowest(start % WIDTH);
    while rest == 0 {
        number += 1;
        rest = *marks.get(number)?;
    }
    Some(number * WIDTH + rest.trailing_zeros() as usize)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{mark, next_mark, read};
    use crate::domain::row::CellKind;
    use crate::source::jsonl::object::{self, ParsedValue, ValueText};
    use crate::source::jsonl::paths::Paths;

    /// What was found, with columns by their names.
    fn said(found: &[ParsedValue], paths: &Paths, text: &str) -> Vec<(String, CellKind, String)> {
        let said = |found: &ParsedValue| {
            let value = match &found.value {
                ValueText::Span(start, end) => text.get(*start..*end).unwrap().to_owned(),
                ValueText::Text(text) => text.clone(),
            };
            (paths.columns.names[found.column].clone(), found.kind, value)
        };
        found.iter().map(said).collect()
    }

    fn by_grammar(text: &str) -> Option<Vec<(String, CellKind, String)>> {
        let (mut paths, mut found) = (Paths::default(), Vec::new());
        object::read(text, &mut paths, &mut found).ok()?;
        Some(said(&found, &paths, text))
    }

    fn by_marks(text: &str, paths: &mut Paths) -> Option<Vec<(String, CellKind, String)>> {
        let mut found = Vec::new();
        read(text, paths, &mut found, &mut Vec::new()).then(|| said(&found, paths, text))
    }

    /// How many members a value has, with those of nested objects.
    fn members(value: &serde_json::Value) -> usize {
        let object = value.as_object().into_iter().flatten();
        object.map(|(_, value)| 1 + members(value)).sum()
    }

    /// A value as programs write it.
    fn value() -> impl Strategy<Value = String> {
        let string = r#"([a-cé ]|\\["nt/]|\\u00e9|\\ud83d\\ude00|\\ud83d){0,9}"#;
        let string = string.prop_map(|text| format!("\"{text}\""));
        let list = prop::collection::vec(string.clone(), 0..3);
        let leaf = prop_oneof![
            string,
            prop::sample::select(vec!["null", "true", "false", "0", "-1.50", "7.0"])
                .prop_map(str::to_owned),
            list.prop_map(|items| format!("[ {}]", items.join(", "))),
        ];
        leaf.prop_recursive(3, 12, 4, |inner| {
            prop::collection::vec(("[a-c]{1,2}", inner), 0..4).prop_map(|members| {
                let members: Vec<_> = members
                    .iter()
                    .map(|(name, value)| format!("\"{name}\": {value}"))
                    .collect();
                format!("{{{} }}", members.join(","))
            })
        })
    }

    proptest! {
        #[test]
        fn the_next_special_byte_is_found(bytes in prop::collection::vec(prop_oneof![9 => Just(b'a'), 1 => any::<u8>()], 0..150), start in 0usize..150) {
            let is_special = |byte: &u8| matches!(byte, b'"' | b'\\' | 0..=31);
            let wanted = bytes.iter().skip(start).position(is_special).map(|place| start + place);
            let mut marks = vec![7];
            mark(&bytes, &mut marks);
            prop_assert_eq!(next_mark(&marks, start), wanted);
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2000))]

        /// Everything read here is read the same by `object.rs`; and all that is read
        /// there of this form is read here, unless a member is repeated, or a string has half
        /// of a surrogate pair.
        #[test]
        fn plain_json_is_read_alike(texts in prop::collection::vec(value(), 1..4)) {
            let mut paths = Paths::default();
            for text in texts {
                let (ours, theirs) = (by_marks(&text, &mut paths), by_grammar(&text));
                if let Some(ours) = ours {
                    prop_assert_eq!(Some(ours), theirs, "{}", text);
                } else {
                    // `serde_json` refuses half of a surrogate pair.
                    let value = serde_json::from_str(&text).ok();
                    let is_left = value.is_none_or(|value| text.matches("\": ").count() > members(&value));
                    prop_assert!(theirs.is_none() || is_left, "{}", text);
                }
            }
        }

        /// Of altered JSON, nothing is read here that `object.rs` rejects.
        #[test]
        fn json_that_is_rejected_is_not_plain(text in value(), at in any::<prop::sample::Index>(), other in prop::sample::select(vec!["", "\"", "{", "}", "[", "]", ",", ":", "\\", "x", "1", "\n", "\u{1}", "\u{a0}"])) {
            let places: Vec<usize> = text.char_indices().map(|(place, _)| place).collect();
            let place = places[at.index(places.len())];
            let (before, after) = text.split_at(place);
            let mut after = after.chars();
            after.next();
            let text = format!("{before}{other}{}", after.as_str());
            if let Some(ours) = by_marks(&text, &mut Paths::default()) {
                prop_assert_eq!(Some(ours), by_grammar(&text), "{}", text);
            }
        }
    }

    #[test]
    fn only_objects_of_strings_are_plain() {
        let is_plain = |text: &str| {
            let mut found: Vec<ParsedValue> = Vec::new();
            read(text, &mut Paths::default(), &mut found, &mut Vec::new())
        };
        for plain in [
            "{}",
            "{\"a\":-1.50e3,\"b\":true ,\"c\":{\"d\":0}}",
            "{\"a\":\"x\\n\\u00e9\",\"b\":[\"\\\"\"]}",
            " {\"a\":\"é\", \"b\" : [ \"x\" , \"y\" ] ,\"c\":{\"d\":null,\"e\":[]}}\r",
        ] {
            assert!(is_plain(plain), "{plain}");
        }
        for other in [
            "",
            "{",
            "[]",
            "{\"a\"}",
            "{\"a\":1.}",
            "{\"a\":01}",
            "{\"a\":\"\\ud83d\"}",
            "{\"a\":\"\\x\"}",
            "{\"\\n\":\"a\"}",
            "{\"a\":\"\u{1}\"}",
            "{\"a\":\"\",}",
            "{\"a\":\"\",\"a\":\"\"}",
            "{\"a\":[\"x\",1]}",
            "{\"a\":[\"x\",]}",
            "{}x",
            "{\"a\":nul}",
            "{\"a\":\"",
            "{\"a\":[",
        ] {
            assert!(!is_plain(other), "{other}");
        }
    }
}
