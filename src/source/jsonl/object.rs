//! Reads a JSON object into cells under their paths, without building it in memory.
//!
//! The grammar holds for the whole row. What a value means matters only where it feeds
//! a field: elsewhere a member may be repeated, a string may have half a surrogate
//! pair, and values may be nested to any depth.

use std::borrow::Cow;

use super::paths::Paths;
use super::syntax::{Lexer, StringSpan, SyntaxFault, ValueKind};
use super::unescape::unescaped;
use crate::domain::row::CellKind;
use crate::domain::text::quoted;

/// Members that are nested more deeply are no columns.
const DEEPEST_COLUMN: usize = 32;

/// A value of a row.
#[derive(Debug, Clone)]
pub(super) struct ParsedValue {
    pub(super) column: usize,
    pub(super) kind: CellKind,
    pub(super) value: ValueText,
}

#[derive(Debug, Clone)]
/// The text of a value: a range of the row, or, if it is escaped there, its own.
pub(super) enum ValueText {
    Span(usize, usize),
    Text(String),
}

impl ValueText {
    /// The text of a value without one.
    pub(super) const NONE: Self = Self::Span(0, 0);
}

/// Why the cells of a row can't be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum RowFault {
    /// It is not JSON.
    Syntax(SyntaxFault),
    /// It is JSON, but no object.
    NoObject(ValueKind),
    /// What a member says is not known.
    Unclear(String),
}

impl From<SyntaxFault> for RowFault {
    fn from(fault: SyntaxFault) -> Self {
        Self::Syntax(fault)
    }
}

/// Reads the members of one row into cells.
pub(super) struct ObjectReader<'p, 't> {
    pub(super) lexer: Lexer<'t>,
    pub(super) paths: &'p mut Paths,
    pub(super) found: &'p mut Vec<ParsedValue>,
}

/// Reads `text` into `found`.
pub(super) fn read(
    text: &str,
    paths: &mut Paths,
    found: &mut Vec<ParsedValue>,
) -> Result<(), RowFault> {
    paths.begin_row();
    let mut reader = ObjectReader {
        lexer: Lexer::new(text, 0),
        paths,
        found,
    };
    let kind = reader.lexer.kind()?;
    if kind != ValueKind::Object {
        reader.lexer.skip_value()?;
        reader.lexer.end()?;
        return Err(RowFault::NoObject(kind));
    }
    reader.object(0, 0)?;
    Ok(reader.lexer.end()?)
}

impl<'t> ObjectReader<'_, 't> {
    /// Reads the object that begins here into cells below `node`.
    pub(super) fn object(&mut self, node: usize, depth: usize) -> Result<(), RowFault> {
        if self.lexer.opens_empty(b'}') {
            return Ok(());
        }
        let mut place = 0;
        loop {
            let name = self.lexer.name()?;
            let (name, _) = self.text_of(name);
            if let Some(member) = self.paths.member(node, place, &name) {
                place = self.paths.after(member);
                self.member(member, depth)?;
            } else {
                self.lexer.skip_value()?;
            }
            if !self.lexer.more(b'}')? {
                return Ok(());
            }
        }
    }

    /// Reads the value of a member, unless the row has it already.
    pub(super) fn member(&mut self, node: usize, depth: usize) -> Result<(), RowFault> {
        if !self.paths.meet(node) {
            if self.paths.feeds(node) {
                return Err(RowFault::Unclear(format!(
                    "a member stands twice: {}, wanted once",
                    quoted(self.paths.path(node))
                )));
            }
            return Ok(self.lexer.skip_value()?);
        }
        if self.paths.has_twin(node) {
            // The nested member goes before the one whose name looks like its path.
            if self.paths.is_literal(node) {
                return Ok(self.lexer.skip_value()?);
            }
            let column = self.paths.column(node);
            self.found.retain(|found| Some(found.column) != column);
        }
        self.value(node, depth)
    }

    /// Reads the value that begins here.
    pub(super) fn value(&mut self, node: usize, depth: usize) -> Result<(), RowFault> {
        let kind = self.lexer.kind()?;
        let start = self.lexer.at;
        match kind {
            ValueKind::Object => {
                self.push(node, CellKind::Object, ValueText::NONE);
                if depth < DEEPEST_COLUMN {
                    return self.object(node, depth + 1);
                }
                self.lexer.skip_value()?;
            }
            ValueKind::Array => self.list(node, depth)?,
            ValueKind::Text => {
                let span = self.lexer.string()?;
                let text = self.value_of(node, span)?;
                self.push(node, CellKind::Text, text);
            }
            ValueKind::Null => {
                self.lexer.bare()?;
                self.push(node, CellKind::Null, ValueText::NONE);
            }
            ValueKind::Bool => {
                self.lexer.bare()?;
                self.push(node, CellKind::Bool, ValueText::Span(start, self.lexer.at));
            }
            ValueKind::Number => {
                let whole = whole_number(self.lexer.bare()?);
                let text = ValueText::Span(start, start + whole.len());
                self.push(node, CellKind::Number, text);
            }
        }
        Ok(())
    }

    /// Reads an array: as a whole, and its first items as columns of their own.
    fn list(&mut self, node: usize, depth: usize) -> Result<(), RowFault> {
        let start = self.lexer;
        if self.lexer.opens_empty(b']') {
            self.push(node, CellKind::EmptyList, ValueText::NONE);
            return Ok(());
        }
        let before = self.found.len();
        let mut is_mixed = false;
        loop {
            if self.lexer.kind()? == ValueKind::Text && !is_mixed {
                let span = self.lexer.string()?;
                let text = self.value_of(node, span)?;
                self.push(node, CellKind::Item, text);
            } else {
                // No field accepts a list with anything but strings.
                is_mixed |= self.lexer.kind()? != ValueKind::Text;
                self.lexer.skip_value()?;
            }
            if !self.lexer.more(b']')? {
                break;
            }
        }
        if is_mixed {
            self.found.truncate(before);
            self.push(node, CellKind::MixedList, ValueText::NONE);
        }
        let after = std::mem::replace(&mut self.lexer, start);
        if depth < DEEPEST_COLUMN && self.paths.has_items(node) {
            self.items(node, depth + 1)?;
        }
        self.lexer = after;
        Ok(())
    }

    /// Reads the items of a list that are columns. The list was found to be JSON.
    fn items(&mut self, list: usize, depth: usize) -> Result<(), RowFault> {
        self.lexer.at += 1;
        for index in 0.. {
            if self.lexer.kind()? == ValueKind::Object
                && let Some((key, value)) = self.key_and_value()?
            {
                // A map written as a list: {"key": "tier", "value": "gold"}.
                let after = self.lexer.at;
                if let Some(node) = self.paths.member(list, index, &key) {
                    self.lexer.at = value;
                    self.member(node, depth)?;
                }
                self.lexer.at = after;
            } else if !self.paths.may_be_item(index) {
                self.lexer.skip_value()?;
            } else if let Some(node) = self.paths.item(list, index)
                && self.paths.meet(node)
            {
                self.value(node, depth)?;
            } else {
                self.lexer.skip_value()?;
            }
            if !self.lexer.more(b']')? {
                break;
            }
        }
        Ok(())
    }

    /// The text of `key` and the place of `value`, if the object that begins here has
    /// both; then it is passed.
    fn key_and_value(&mut self) -> Result<Option<(String, usize)>, RowFault> {
        let start = self.lexer.at;
        let (mut key, mut value) = (None, None);
        if !self.lexer.opens_empty(b'}') {
            loop {
                let name = self.lexer.name()?;
                let kind = self.lexer.kind()?;
                let at = self.lexer.at;
                match self.lexer.part(name.start, name.end) {
                    "key" if kind == ValueKind::Text => {
                        let span = self.lexer.string()?;
                        key = Some(self.text_of(span).0.into_owned());
                        self.lexer.at = at;
                    }
                    "value" => value = Some(at),
                    _ => {}
                }
                self.lexer.skip_value()?;
                if !self.lexer.more(b'}')? {
                    break;
                }
            }
        }
        let both = key.zip(value);
        if both.is_none() {
            self.lexer.at = start;
        }
        Ok(both)
    }

    fn push(&mut self, node: usize, kind: CellKind, value: ValueText) {
        if let Some(column) = self.paths.column(node) {
            self.found.push(ParsedValue {
                column,
                kind,
                value,
            });
        }
    }

    fn text_of(&self, span: StringSpan) -> (Cow<'t, str>, bool) {
        let inside = self.lexer.part(span.start, span.end);
        if span.escaped {
            let (text, is_whole) = unescaped(inside);
            (Cow::Owned(text), is_whole)
        } else {
            (Cow::Borrowed(inside), true)
        }
    }

    fn value_of(&self, node: usize, span: StringSpan) -> Result<ValueText, RowFault> {
        match self.text_of(span) {
            (Cow::Borrowed(_), _) => Ok(ValueText::Span(span.start, span.end)),
            (Cow::Owned(text), is_whole) if is_whole || !self.paths.feeds(node) => {
                Ok(ValueText::Text(text))
            }
            (Cow::Owned(_), _) => Err(RowFault::Unclear(format!(
                "{} has half of a surrogate pair ({}), wanted whole characters",
                self.paths.path(node),
                quoted(self.lexer.part(span.start, span.end)),
            ))),
        }
    }
}

/// A number without a fraction of zeros: an id that went through a program without
/// integers is still the same id.
pub(super) fn whole_number(number: &str) -> &str {
    match number.split_once('.') {
        Some((whole, fraction)) if fraction.bytes().all(|digit| digit == b'0') => whole,
        Some(_) | None => number,
    }
}
