//! The columns of JSON: the paths of members, as they are first seen.
//!
//! A column's name is a path: `address.postal_code`, `ingest_aliases[0]`. A member
//! whose own name looks like a path is another column: `["address.postal_code"]`. Only
//! if the mapping names `address.postal_code`, such a member feeds it, in rows without
//! the nested one.

use std::collections::HashMap;
use std::sync::Arc;

use crate::domain::field::Field;
use crate::domain::mapping::ADDED;
use crate::domain::row::Columns;

/// The most columns of an input. Members beyond them (named by an id, say) feed no
/// field and are ignored.
pub(super) const MOST_COLUMNS: usize = 4096;

/// The members that wrap a row, the likeliest first.
pub(super) const WRAPPERS: [&str; 4] = ["customer", "account", "data", "node"];

/// The member of a rejects file that holds a line that was not JSON.
pub(super) const RAW: &str = "_raw";

/// So many items of a list are columns; those beyond them only if the mapping names
/// them.
const FIRST_ITEMS: usize = 4;

/// With how many members a name is compared, which is faster than hashing it.
const MOST_COMPARED: usize = 16;

/// Up to this many members of an object, one that is new is kept beside the one before it;
/// more are appended, because all after it are numbered anew.
const MOST_ORDERED: usize = 64;

/// The tree of paths seen so far; node 0 is the row itself.
#[derive(Debug)]
pub(super) struct Paths {
    pub(super) columns: Columns,
    nodes: Vec<PathNode>,
    /// The paths that the mapping names.
    named: Arc<[String]>,
    /// How many items of a list may be columns.
    most_items: usize,
    /// The columns of members that may wrap a whole row.
    wrappers: Vec<usize>,
    /// The column of [`RAW`].
    raw: Option<usize>,
    /// The number of the current row.
    row: u64,
}

#[derive(Debug, Default)]
struct PathNode {
    name: Box<str>,
    column: Option<usize>,
    children: HashMap<Box<str>, usize>,
    /// The children, each after the one that it was first seen after. Rows mostly have
    /// their members in nearly the same order, so that this is looked at first.
    in_order: Vec<ChildNode>,
    /// The nodes of a list's items; `None` for an item that is no column.
    items: Vec<Option<usize>>,
    /// This node's index in its parent's `in_order`.
    place: usize,
    parent: usize,
    /// The number of the last row that had it.
    met_in: u64,
    /// Whether it, or something in it, feeds a field.
    feeds: bool,
    /// Whether the member's own name looks like a path.
    is_literal: bool,
    /// Another node with the same column.
    twin: Option<usize>,
    /// Whether it is a list of the API's own body, which is used whole.
    is_whole: bool,
}

/// A node in another one.
#[derive(Debug, Clone, Copy)]
struct ChildNode {
    key: u32,
    node: usize,
}

/// The length of a member's name and its first and last byte: few names of an object share
/// them, so that few are compared.
fn name_key(name: &str) -> u32 {
    let byte = |at: Option<&u8>| u32::from(at.copied().unwrap_or(0));
    let bytes = name.as_bytes();
    let length = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
    length << 16 | byte(bytes.first()) << 8 | byte(bytes.last())
}

/// How many nodes and columns there were at one time.
#[derive(Debug, Clone, Copy)]
pub(super) struct PathMark(usize, usize);

impl Default for Paths {
    fn default() -> Self {
        Self::naming(Arc::default())
    }
}

impl Paths {
    /// No columns yet; the mapping names those in `named`.
    pub(super) fn naming(named: Arc<[String]>) -> Self {
        let items = named.iter().filter_map(|name| highest_index(name));
        Self {
            columns: Columns::open(),
            nodes: vec![PathNode::default()],
            most_items: items.max().map_or(0, |last| last + 1).max(FIRST_ITEMS),
            named,
            wrappers: Vec::new(),
            raw: None,
            row: 1,
        }
    }

    /// The paths that the mapping names.
    pub(super) fn named(&self) -> &Arc<[String]> {
        &self.named
    }

    fn known(&self, parent: usize, name: &str) -> Option<usize> {
        self.nodes.get(parent)?.children.get(name).copied()
    }

    /// Starts the next row.
    pub(super) fn begin_row(&mut self) {
        self.row += 1;
    }

    /// Records that the row has this node; false if it had it before.
    pub(super) fn meet(&mut self, node: usize) -> bool {
        let row = self.row;
        let met = self.nodes.get_mut(node).map(|node| &mut node.met_in);
        met.is_none_or(|met| std::mem::replace(met, row) != row)
    }

    /// Whether the row has another node with the same column.
    pub(super) fn has_twin(&self, node: usize) -> bool {
        let twin = self.nodes.get(node).and_then(|node| node.twin);
        twin.and_then(|twin| self.nodes.get(twin))
            .is_some_and(|twin| twin.met_in == self.row)
    }

    /// Whether the member's own name looks like a path.
    pub(super) fn is_literal(&self, node: usize) -> bool {
        self.nodes.get(node).is_some_and(|node| node.is_literal)
    }

    /// Whether the node, or something in it, feeds a field.
    pub(super) fn feeds(&self, node: usize) -> bool {
        self.nodes.get(node).is_some_and(|node| node.feeds)
    }

    pub(super) fn column(&self, node: usize) -> Option<usize> {
        self.nodes.get(node)?.column
    }

    /// The node's path.
    pub(super) fn path(&self, node: usize) -> &str {
        let column = self.column(node);
        let name = column.and_then(|column| self.columns.names.get(column));
        name.map_or("", String::as_str)
    }

    /// The node of member `name` of `parent`, which is probably its child at `place`, or
    /// one of the next if the row lacks some; `None` if there are too many columns.
    #[inline]
    pub(super) fn member(&mut self, parent: usize, place: usize, name: &str) -> Option<usize> {
        let probable = self.nodes.get(parent)?.in_order.get(place);
        if let Some(child) = probable
            && self.is_named(child.node, name)
        {
            return Some(child.node);
        }
        let found = self.member_near(parent, place, name);
        found.or_else(|| self.add_member(parent, place, name))
    }

    #[inline]
    fn is_named(&self, node: usize, name: &str) -> bool {
        self.nodes.get(node).is_some_and(|node| *node.name == *name)
    }

    /// The node of member `name` of `parent`, if there is one, which is probably after
    /// `place`.
    fn member_near(&self, parent: usize, place: usize, name: &str) -> Option<usize> {
        let in_order = self.nodes.get(parent)?.in_order.as_slice();
        let (before, after) = in_order.split_at(place.min(in_order.len()));
        let key = name_key(name);
        let is_it = |child: &&ChildNode| child.key == key && self.is_named(child.node, name);
        let near = after.iter().take(MOST_COMPARED).find(is_it);
        let near = near.or_else(|| before.iter().take(MOST_COMPARED).find(is_it));
        let near = near.map(|child| child.node);
        near.or_else(|| self.known(parent, name))
    }

    #[cold]
    fn add_member(&mut self, parent: usize, place: usize, name: &str) -> Option<usize> {
        let above = self.path(parent);
        let plain = if parent == 0 {
            name.to_owned()
        } else {
            format!("{above}.{name}")
        };
        let (path, is_literal) = if !looks_like_a_path(name) {
            (plain, false)
        } else if feeds(&self.named, &plain) {
            (plain, true)
        } else {
            (format!("{above}[{name:?}]"), false)
        };
        let node = self.add(parent, path, is_literal)?;
        let above = self.nodes.get_mut(parent)?;
        let child = ChildNode {
            key: name_key(name),
            node,
        };
        let children = above.in_order.len();
        let place = if children < MOST_ORDERED {
            place.min(children)
        } else {
            children
        };
        above.in_order.insert(place, child);
        above.children.insert(name.into(), node);
        let added = self.nodes.get_mut(node)?;
        added.name = name.into();
        if parent == 0 && WRAPPERS.contains(&name) {
            self.wrappers.extend(added.column);
        }
        if parent == 0 && name == RAW {
            self.raw = added.column;
        }
        self.number_children(parent, place);
        Some(node)
    }

    /// Tells the children of `parent` from the one at `first` on their places.
    fn number_children(&mut self, parent: usize, first: usize) {
        let in_order = self.nodes.get_mut(parent);
        let in_order = in_order.map(|parent| std::mem::take(&mut parent.in_order));
        let in_order = in_order.unwrap_or_default();
        for (place, child) in in_order.iter().enumerate().skip(first) {
            if let Some(child) = self.nodes.get_mut(child.node) {
                child.place = place;
            }
        }
        if let Some(parent) = self.nodes.get_mut(parent) {
            parent.in_order = in_order;
        }
    }

    /// The node of an item of `list`, counted from 0; `None` if it is no column.
    pub(super) fn item(&mut self, list: usize, index: usize) -> Option<usize> {
        if index >= self.most_items {
            return None;
        }
        if let Some(known) = self.nodes.get(list)?.items.get(index) {
            return *known;
        }
        let path = format!("{}[{index}]", self.path(list));
        let is_wanted = index < FIRST_ITEMS || feeds(&self.named, &path);
        let node = is_wanted.then(|| self.add(list, path, false)).flatten();
        // Indices come in order.
        self.nodes.get_mut(list)?.items.push(node);
        node
    }

    /// Whether items of `list` may be columns.
    pub(super) fn has_items(&self, list: usize) -> bool {
        self.nodes.get(list).is_some_and(|list| !list.is_whole)
    }

    /// The columns of members that may wrap a whole row.
    pub(super) fn wrappers(&self) -> &[usize] {
        &self.wrappers
    }

    /// The column of [`RAW`].
    pub(super) fn raw(&self) -> Option<usize> {
        self.raw
    }

    /// Whether the item of this index, or one after it, may be a column.
    pub(super) fn may_be_item(&self, index: usize) -> bool {
        index < self.most_items
    }

    fn add(&mut self, parent: usize, path: String, is_literal: bool) -> Option<usize> {
        let is_named = feeds(&self.named, &path);
        let field = Field::of_name(&path);
        let feeds = is_named || field.is_some() || is_beside_fields(&path);
        let is_whole = field.is_some_and(Field::is_list);
        let names = &mut self.columns.names;
        // Fields are exempt from the limit.
        if names.len() >= MOST_COLUMNS && !feeds {
            return None;
        }
        let same = if is_named {
            names.iter().position(|name| *name == path)
        } else {
            None
        };
        let column = same.unwrap_or(names.len());
        let node = self.nodes.len();
        let mut twin = None;
        if same.is_some() {
            twin = self.nodes.iter().position(|other| other.column == same);
            if let Some(other) = twin.and_then(|twin| self.nodes.get_mut(twin)) {
                other.twin = Some(node);
            }
        } else {
            self.columns.names.push(path);
        }
        self.nodes.push(PathNode {
            column: Some(column),
            parent,
            feeds,
            is_literal,
            twin,
            is_whole,
            ..PathNode::default()
        });
        Some(node)
    }

    /// The probable index of the member after `node`.
    pub(super) fn after(&self, node: usize) -> usize {
        self.nodes.get(node).map_or(0, |node| node.place + 1)
    }

    pub(super) fn mark(&self) -> PathMark {
        PathMark(self.nodes.len(), self.columns.names.len())
    }

    /// Removes the paths that were added since `mark`.
    pub(super) fn forget_since(&mut self, mark: PathMark) {
        while self.nodes.len() > mark.0.max(1) {
            let Some(node) = self.nodes.pop() else {
                return;
            };
            if let Some(twin) = node.twin.and_then(|twin| self.nodes.get_mut(twin)) {
                twin.twin = None;
            }
            let gone = self.nodes.len();
            let Some(parent) = self.nodes.get_mut(node.parent) else {
                continue;
            };
            let children = &mut parent.in_order;
            if let Some(index) = children.iter().rposition(|child| child.node == gone) {
                children.remove(index);
                parent.children.remove(&node.name);
                self.number_children(node.parent, index);
            } else if let Some(index) = parent.items.iter().rposition(|item| *item == Some(gone)) {
                parent.items.truncate(index);
            }
        }
        self.columns.names.truncate(mark.1);
        self.wrappers.retain(|column| *column < mark.1);
        self.raw.take_if(|column| *column >= mark.1);
    }
}

/// Whether `path` is the member of the API's request body that has fields in it, or one
/// that a rejects file adds.
fn is_beside_fields(path: &str) -> bool {
    path == "billingContact" || ADDED.contains(&path)
}

/// Whether one of `named` is `path`, or in it.
pub(in crate::source) fn feeds(named: &[String], path: &str) -> bool {
    let first = path.as_bytes().first();
    named.iter().any(|name| {
        // Spares most comparisons: a row may have hundreds of thousands of members.
        if name.as_bytes().first() != first && first.is_some() {
            return false;
        }
        let Some(rest) = name.strip_prefix(path) else {
            return false;
        };
        let item = rest.strip_prefix('[').unwrap_or_default();
        rest.is_empty() || rest.starts_with('.') || item.starts_with(|c: char| c.is_ascii_digit())
    })
}

/// Whether the name of a member could be taken for a path.
fn looks_like_a_path(name: &str) -> bool {
    name.contains('.') || name.contains("[\"") || highest_index(name).is_some()
}

/// The highest of the indices in `path`.
fn highest_index(path: &str) -> Option<usize> {
    let parts = path.split('[').skip(1);
    let indices = parts.filter_map(|part| part.split_once(']')?.0.parse().ok());
    indices.max()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::{MOST_COLUMNS, Paths, feeds, highest_index};

    #[test]
    fn a_path_is_named_by_itself_and_by_what_is_in_it() {
        let named = ["a.b".to_owned(), "c[1].d".to_owned()];
        for path in ["a", "a.b", "c", "c[1]", "c[1].d"] {
            assert!(feeds(&named, path), "{path}");
        }
        for path in ["", "b", "a.b.c", "a.", "c[", "c[0]", "ab"] {
            assert!(!feeds(&named, path), "{path}");
        }
        assert!(!feeds(&["customer[id]".to_owned()], "customer"));
        assert_eq!(highest_index("a[3].b[12][0]"), Some(12));
        assert_eq!(highest_index("customer[id]"), None);
    }

    #[test]
    fn paths_that_were_added_are_forgotten() {
        let mut paths = Paths::naming(Arc::from(["x.y".to_owned()]));
        let a = paths.member(0, 0, "a").unwrap();
        paths.item(a, 0).unwrap();
        let mark = paths.mark();
        let x = paths.member(0, 1, "x").unwrap();
        paths.member(x, 0, "y").unwrap();
        paths.member(0, 2, "x.y").unwrap();
        paths.item(a, 1).unwrap();
        assert_eq!(paths.columns.names, ["a", "a[0]", "x", "x.y", "a[1]"]);
        paths.forget_since(mark);
        assert_eq!(paths.columns.names, ["a", "a[0]"]);
        let literal = paths.member(0, 1, "x.y").unwrap();
        assert!(paths.is_literal(literal) && !paths.has_twin(literal));
        assert_eq!(paths.item(a, 1), Some(literal + 1));
    }

    #[test]
    fn a_member_is_found_wherever_it_stands() {
        let mut paths = Paths::default();
        let names: Vec<String> = (0..100).map(|number| format!("m{number}")).collect();
        let mut found = vec![0; 100];
        // The first row has every other one, the second has all.
        for step in [2, 1] {
            let mut place = 0;
            for number in (0..100).step_by(step) {
                found[number] = paths.member(0, place, &names[number]).unwrap();
                place = paths.after(found[number]);
            }
        }
        for place in [0, 1, 50, 99, 100, 5000] {
            for (name, node) in names.iter().zip(&found) {
                assert_eq!(paths.member(0, place, name), Some(*node));
            }
        }
        // The others were put in between.
        assert_eq!(paths.after(found[1]), paths.after(found[0]) + 1);
        assert_eq!(paths.after(found[2]), paths.after(found[1]) + 1);
    }

    #[test]
    fn columns_of_fields_are_beyond_the_limit() {
        let mut paths = Paths::default();
        for number in 0..MOST_COLUMNS {
            assert!(paths.member(0, number, &format!("m{number}")).is_some());
        }
        assert_eq!(paths.member(0, 0, "other"), None);
        assert!(paths.member(0, 0, "clientId").is_some());
    }
}
