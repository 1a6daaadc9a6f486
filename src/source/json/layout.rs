//! Finds out how the objects of a JSON input are arranged, from its first few KiB.
//!
//! When in doubt, each line is a row: a first line that is cut off must not make one
//! row of the whole file.

use crate::domain::field::Field;
use crate::domain::mapping::ADDED;
use crate::source::bytes::sniff::UTF8_MARK;
use crate::source::jsonl::syntax::{Lexer, SyntaxFault, ValueKind};

/// How the objects of an input are arranged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::source) enum Layout {
    /// One on each line.
    Lines,
    /// In arrays, in lists at this path of an object, or over several lines.
    Nested(Vec<String>),
}

/// Members that hold the list, the likeliest first.
const LISTS: [&str; 19] = [
    "customers",
    "data",
    "results",
    "items",
    "accounts",
    "list",
    "records",
    "companies",
    "organizations",
    "organisations",
    "clients",
    "contacts",
    "rows",
    "value",
    "values",
    "entries",
    "objects",
    "nodes",
    "edges",
];

/// Members that hold an object with the list.
const AROUND: [&str; 11] = [
    "data",
    "result",
    "results",
    "response",
    "payload",
    "body",
    "d",
    "customers",
    "accounts",
    "_embedded",
    "page",
];

/// Members that a customer has, and the object around a list has not.
const OWN: [&str; 10] = [
    "id",
    "name",
    "email",
    "currency",
    "external_id",
    "externalId",
    "company",
    "customer_id",
    "legal_name",
    "phone",
];

/// Lists of objects that belong to one customer.
const PARTS: [&str; 5] = [
    "metadata",
    "contacts",
    "addresses",
    "subscriptions",
    "sources",
];

/// The most objects around a list.
const DEEPEST_LIST: usize = 3;

/// The arrangement of an input that begins with `start`.
pub(in crate::source) fn layout_of(start: &[u8]) -> Layout {
    let start = start.strip_prefix(UTF8_MARK).unwrap_or(start);
    let text = String::from_utf8_lossy(start);
    let mut lexer = Lexer::new(&text, 0);
    lexer.skip_blanks();
    match lexer.peek() {
        Some(b'[') => Layout::Nested(Vec::new()),
        Some(b'{') => of_object(lexer),
        Some(_) | None => Layout::Lines,
    }
}

fn of_object(mut lexer: Lexer<'_>) -> Layout {
    let (text, start) = (lexer.text, lexer.at);
    let line_end = text
        .get(start..)
        .and_then(|rest| rest.find('\n'))
        .map_or(text.len(), |end| start + end);
    let read = lexer.skip_value();
    let end = lexer.at;
    let is_alone = match read {
        Ok(()) => lexer.end().is_ok(),
        Err(SyntaxFault { at, .. }) => !starts_a_line(text, at),
    };
    let list = list_path(&mut Lexer::new(text, start), is_alone, 1);
    let is_nested = match read {
        Ok(()) if end > line_end => true,
        Ok(()) => {
            let rest = text.get(end..line_end).unwrap_or_default().trim_start();
            rest.starts_with(['{', '[', ','])
        }
        Err(SyntaxFault { at, .. }) if at >= text.len() => line_end < text.len(),
        Err(SyntaxFault { at, .. }) => at > line_end && !starts_a_line(text, at),
    };
    match list {
        Some(path) => Layout::Nested(path),
        None if is_nested => Layout::Nested(Vec::new()),
        None => Layout::Lines,
    }
}

/// Whether an object is the first on its line at `at`.
fn starts_a_line(text: &str, at: usize) -> bool {
    let (before, after) = text.split_at_checked(at).unwrap_or((text, ""));
    after.starts_with('{') && before.trim_end_matches([' ', '\t', '\r']).ends_with('\n')
}

/// The path to the list in the object at `lexer`, which may be cut off; `is_alone`
/// says whether nothing follows the outermost object.
fn list_path(lexer: &mut Lexer<'_>, is_alone: bool, depth: usize) -> Option<Vec<String>> {
    let mut lists: Vec<(&str, Option<ValueKind>)> = Vec::new();
    let mut around = None;
    let mut has_own = false;
    if lexer.opens_empty(b'}') {
        return None;
    }
    while let Ok(span) = lexer.name()
        && let Ok(kind) = lexer.kind()
    {
        let name = lexer.part(span.start, span.end);
        if name == "billingContact" || Field::of_name(name).is_some() || ADDED.contains(&name) {
            return None;
        }
        let mut inner = *lexer;
        match kind {
            ValueKind::Array => {
                let is_empty = inner.opens_empty(b']');
                let first = if is_empty { None } else { inner.kind().ok() };
                lists.push((name, first));
            }
            ValueKind::Object if depth < DEEPEST_LIST && AROUND.contains(&name) => {
                let path = list_path(&mut inner, is_alone, depth + 1);
                around = around.or(path.map(|path| [vec![name.to_owned()], path].concat()));
            }
            ValueKind::Text | ValueKind::Number => has_own |= OWN.contains(&name),
            ValueKind::Object | ValueKind::Bool | ValueKind::Null => {}
        }
        if lexer.skip_value().is_err() || lexer.more(b'}') != Ok(true) {
            break;
        }
    }
    if has_own {
        return None;
    }
    let direct = direct_list(&lists, is_alone).map(|name| vec![name.to_owned()]);
    direct.or(around)
}

/// The list among `lists`, each with the kind of its first item.
fn direct_list<'t>(lists: &[(&'t str, Option<ValueKind>)], is_alone: bool) -> Option<&'t str> {
    let holds_objects = |first: Option<ValueKind>| first == Some(ValueKind::Object);
    let known = LISTS.iter().find_map(|known| {
        let mut of_name = lists.iter().filter(|(name, _)| name == known);
        of_name.find(|(_, first)| holds_objects(*first))
    });
    if let Some((name, _)) = known {
        return Some(name);
    }
    let mut objects = lists.iter().filter(|(_, first)| holds_objects(*first));
    if let (Some((name, _)), None) = (objects.next(), objects.next()) {
        return (is_alone && !PARTS.contains(name)).then_some(*name);
    }
    match lists {
        [(name, None)] if LISTS.contains(name) => Some(name),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::{Layout, layout_of};

    fn said(text: &str) -> Option<String> {
        match layout_of(text.as_bytes()) {
            Layout::Lines => None,
            Layout::Nested(path) => Some(path.join("/")),
        }
    }

    #[test]
    fn lines_are_lines() {
        for text in [
            r#"{"clientId":"c-1"}"#,
            "{\"a\":1}\n{\"a\":2}\n",
            "{}\n",
            // The first line is broken, and must not swallow the others.
            "{\"a\":\"x\n{\"a\":2}\n",
            "{\"a\":1\n{\"a\":2}\n{\"a\":3}\n",
            "{\"a\":1,\n{\"a\":2}\n",
            "{\"a\":\n{\"a\":2}\n{\"a\":3}\n",
            "{\"a\":[\n  {\"a\":2}\n{\"a\":3}\n",
            "{'a':1}\n{'a':2}\n",
            "broken\n{}\n",
            "{\"a\":1} x\n",
            "{\"a\":\"cut o",
            // A customer with lists of its own.
            r#"{"id":"x","name":"y","items":[{"a":1}]}"#,
            r#"{"name":"y","data":[{"a":1}]}"#,
            r#"{"clientId":"c","customers":[{"a":1}]}"#,
            r#"{"a":"x","metadata":[{"key":"k"}]}"#,
            "{\"a\":\"x\",\"tags\":[{\"k\":1}]}\n{\"a\":\"y\",\"tags\":[]}\n",
            r#"{"customer":{"a":1}}"#,
            r#"{"_line":3,"data":[{"a":1}]}"#,
        ] {
            assert_eq!(said(text), None, "{text}");
        }
    }

    #[test]
    fn arrays_lists_and_several_lines_are_nested() {
        for (text, path) in [
            ("[]", ""),
            ("\u{feff} \n[{\"a\":1}]", ""),
            ("[{\"a\":", ""),
            ("{\n  \"a\": 1\n}\n", ""),
            ("{\n  \"a\": 1,\n", ""),
            ("{ \"a\": 1,\n  \"b\": }\n", ""),
            ("{\"a\":1} {\"a\":2}\n", ""),
            ("{\"a\":1},\n{\"a\":2},\n", ""),
            (r#"{"data":[{"a":1}]}"#, "data"),
            (r#"{"customers":[]}"#, "customers"),
            (
                r#"{"object":"list","url":"/v1","has_more":true,"data":[{"id":"x"}]}"#,
                "data",
            ),
            (r#"{"data":[{"a":1},{"a""#, "data"),
            (r#"{"data":[{"a":1},{a}]}"#, "data"),
            ("{\"data\":[\n{\"a\":1},\n{\"a\":2}\n]}", "data"),
            (
                r#"{"items":[1],"accounts":[{"a":1}],"results":[{"a":1}]}"#,
                "results",
            ),
            (r#"{"exported":"today","firms":[{"a":1}]}"#, "firms"),
            (
                r#"{"data":{"customers":{"edges":[{"node":{"id":"x"}}]}}}"#,
                "data/customers/edges",
            ),
            (
                r#"{"_embedded":{"customers":[{"a":1}]},"page":{"size":1}}"#,
                "_embedded/customers",
            ),
            (
                r#"{"list":[{"customer":{"id":"x"}}],"next_offset":"[1]"}"#,
                "list",
            ),
            ("{\n \"customer\": {\"id\": \"x\"}\n}", ""),
        ] {
            assert_eq!(said(text).as_deref(), Some(path), "{text}");
        }
    }
}
