//! Reads a JSON object into cells under their paths, without building it in memory.

use std::borrow::Cow;
use std::collections::HashMap;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};

use crate::domain::field::Field;
use crate::domain::mapping::ADDED;
use crate::domain::row::{CellKind, Columns};

/// The most columns of an input. Members beyond them (named by an id, say) feed no
/// field and are ignored.
pub(super) const MOST_COLUMNS: usize = 4096;

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

/// The tree of paths seen so far; node 0 is the row itself.
#[derive(Debug)]
pub(super) struct Paths {
    pub(super) columns: Columns,
    nodes: Vec<PathNode>,
    /// The number of the current row.
    row: u64,
}

#[derive(Debug, Default)]
struct PathNode {
    name: Box<str>,
    column: Option<usize>,
    children: HashMap<Box<str>, usize>,
    /// The children in the order in which they were first seen. Rows mostly have
    /// their members in the same order, so that this is looked at first.
    in_order: Vec<usize>,
    /// This node's index in its parent's `in_order`.
    place: usize,
    /// The number of the last row that had it.
    met_in: u64,
}

impl Default for Paths {
    fn default() -> Self {
        Self {
            columns: Columns::open(),
            nodes: vec![PathNode::default()],
            row: 1,
        }
    }
}

impl Paths {
    pub(super) fn known(&self, parent: usize, name: &str) -> Option<usize> {
        self.nodes.get(parent)?.children.get(name).copied()
    }

    /// Starts the next row.
    pub(super) fn begin_row(&mut self) {
        self.row += 1;
    }

    /// Records that the row has this node; false if it had it before.
    fn meet(&mut self, node: usize) -> bool {
        let row = self.row;
        let met = self.nodes.get_mut(node).map(|node| &mut node.met_in);
        met.is_none_or(|met| std::mem::replace(met, row) != row)
    }

    pub(super) fn column(&self, node: usize) -> Option<usize> {
        self.nodes.get(node)?.column
    }

    /// The node of member `name` of `parent`, which is probably its child at
    /// `place`; `None` if there are too many columns.
    pub(super) fn node(&mut self, parent: usize, place: usize, name: &str) -> Option<usize> {
        let probable = self.nodes.get(parent)?.in_order.get(place).copied();
        if let Some(node) = probable
            .filter(|node| {
                self.nodes
                    .get(*node)
                    .is_some_and(|node| *node.name == *name)
            })
            .or_else(|| self.known(parent, name))
        {
            return Some(node);
        }
        let path = match self
            .column(parent)
            .and_then(|column| self.columns.names.get(column))
        {
            Some(above) => format!("{above}.{name}"),
            None => name.to_owned(),
        };
        // Fields are exempt from the limit.
        if self.columns.names.len() >= MOST_COLUMNS && !feeds_a_field(&path) {
            return None;
        }
        let node = self.nodes.len();
        let parent = self.nodes.get_mut(parent)?;
        let place = parent.in_order.len();
        parent.in_order.push(node);
        parent.children.insert(name.into(), node);
        self.nodes.push(PathNode {
            name: name.into(),
            column: Some(self.columns.names.len()),
            place,
            ..PathNode::default()
        });
        self.columns.names.push(path);
        Some(node)
    }

    /// The probable index of the member after `node`.
    pub(super) fn after(&self, node: usize) -> usize {
        self.nodes.get(node).map_or(0, |node| node.place + 1)
    }
}

/// Whether `path` is a member of the API's request body, or one that a rejects file
/// adds.
fn feeds_a_field(path: &str) -> bool {
    path == "billingContact" || ADDED.contains(&path) || Field::of_name(path).is_some()
}

/// Reads the members of one object into cells.
pub(super) struct ObjectReader<'p, 'de> {
    pub(super) text: &'de str,
    pub(super) node: usize,
    pub(super) paths: &'p mut Paths,
    pub(super) found: &'p mut Vec<ParsedValue>,
}

impl<'de> DeserializeSeed<'de> for ObjectReader<'_, 'de> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for ObjectReader<'_, 'de> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let mut place = 0;
        while let Some(MemberName(name)) = map.next_key::<MemberName<'de>>()? {
            let Some(node) = self.paths.node(self.node, place, &name) else {
                map.next_value::<serde::de::IgnoredAny>()?;
                continue;
            };
            place = self.paths.after(node);
            let Some(column) = self.paths.column(node) else {
                continue;
            };
            if !self.paths.meet(node) {
                return Err(serde::de::Error::custom(format_args!(
                    "a member stands twice: {}, wanted once",
                    crate::domain::text::quoted(&name)
                )));
            }
            map.next_value_seed(MemberReader {
                text: self.text,
                node,
                column,
                paths: self.paths,
                found: self.found,
            })?;
        }
        Ok(())
    }
}

/// A member's name, borrowed unless it has escapes.
#[derive(serde::Deserialize)]
struct MemberName<'t>(#[serde(borrow)] Cow<'t, str>);

/// Reads one member's value.
struct MemberReader<'p, 'de> {
    text: &'de str,
    node: usize,
    column: usize,
    paths: &'p mut Paths,
    found: &'p mut Vec<ParsedValue>,
}

impl<'de> MemberReader<'_, 'de> {
    fn push(&mut self, kind: CellKind, value: ValueText) {
        self.found.push(ParsedValue {
            column: self.column,
            kind,
            value,
        });
    }

    /// The range of `part`, which was borrowed from the row's text.
    fn span(&self, part: &'de str) -> ValueText {
        let start = part.as_ptr().addr().wrapping_sub(self.text.as_ptr().addr());
        if self.text.get(start..start.wrapping_add(part.len())) == Some(part) {
            ValueText::Span(start, start + part.len())
        } else {
            ValueText::Text(part.to_owned())
        }
    }
}

impl<'de> DeserializeSeed<'de> for MemberReader<'_, 'de> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for MemberReader<'_, 'de> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_borrowed_str<E>(mut self, value: &'de str) -> Result<(), E> {
        let value = self.span(value);
        self.push(CellKind::Text, value);
        Ok(())
    }

    fn visit_str<E>(mut self, value: &str) -> Result<(), E> {
        self.push(CellKind::Text, ValueText::Text(value.to_owned()));
        Ok(())
    }

    fn visit_unit<E>(mut self) -> Result<(), E> {
        self.push(CellKind::Null, ValueText::Text(String::new()));
        Ok(())
    }

    fn visit_bool<E>(mut self, value: bool) -> Result<(), E> {
        self.push(CellKind::Bool, ValueText::Text(value.to_string()));
        Ok(())
    }

    fn visit_i64<E>(mut self, value: i64) -> Result<(), E> {
        self.push(CellKind::Number, ValueText::Text(value.to_string()));
        Ok(())
    }

    fn visit_u64<E>(mut self, value: u64) -> Result<(), E> {
        self.push(CellKind::Number, ValueText::Text(value.to_string()));
        Ok(())
    }

    fn visit_f64<E>(mut self, value: f64) -> Result<(), E> {
        self.push(CellKind::Number, ValueText::Text(value.to_string()));
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(mut self, map: A) -> Result<(), A::Error> {
        self.push(CellKind::Object, ValueText::Text(String::new()));
        ObjectReader {
            text: self.text,
            node: self.node,
            paths: self.paths,
            found: self.found,
        }
        .visit_map(map)
    }

    fn visit_seq<A: SeqAccess<'de>>(mut self, mut items: A) -> Result<(), A::Error> {
        let before = self.found.len();
        while let Some(item) = items.next_element::<ArrayItem<'de>>()? {
            match item {
                ArrayItem::Text(text) => match text {
                    Cow::Borrowed(text) => {
                        let value = self.span(text);
                        self.push(CellKind::Item, value);
                    }
                    Cow::Owned(text) => self.push(CellKind::Item, ValueText::Text(text)),
                },
                ArrayItem::Other(_) => {
                    while items.next_element::<serde::de::IgnoredAny>()?.is_some() {}
                    self.found.truncate(before);
                    self.push(CellKind::MixedList, ValueText::Text(String::new()));
                    return Ok(());
                }
            }
        }
        if self.found.len() == before {
            self.push(CellKind::EmptyList, ValueText::Text(String::new()));
        }
        Ok(())
    }
}

/// An item of an array: a string, or anything else, which no field accepts.
#[derive(serde::Deserialize)]
#[serde(untagged)]
enum ArrayItem<'t> {
    Text(#[serde(borrow)] Cow<'t, str>),
    Other(serde::de::IgnoredAny),
}
