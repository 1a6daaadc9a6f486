//! Recognises JSON that holds a table in another way than as objects: columns apart from
//! rows, or rows under their keys. Its rows can't be read as they stand.

use crate::source::bytes::sniff::UnsupportedKind;
use crate::source::jsonl::syntax::{Lexer, ValueKind};

/// How to write one object a row with the program that likely wrote it.
const PANDAS: &str =
    "write one object a row, for example df.to_json(\"NEW.jsonl\", orient=\"records\", lines=True)";
const KEYED: &str = "write one object a row, for example jq -c '.[]' FILE > NEW.jsonl; the keys get lost, so that the objects must have them too";

/// How many members of objects are compared.
const COMPARED: usize = 3;

/// The kind of JSON that begins with `text`, if its rows are no objects of a list.
pub(in crate::source) fn other_orientation(text: &[u8]) -> Option<UnsupportedKind> {
    let text = String::from_utf8_lossy(text);
    let mut lexer = Lexer::new(&text, 0);
    lexer.skip_blanks();
    let unsupported = |kind, hint| Some(UnsupportedKind { kind, hint });
    if lexer.peek() != Some(b'{') {
        return None;
    }
    let members = members(lexer);
    let is_called = |name: &str, kind| {
        let mut of_name = members.iter().filter(|member| member.name == name);
        of_name.any(|member| member.kind == kind)
    };
    let has_lists = members.iter().any(|member| member.holds_lists);
    if has_lists && is_called("columns", ValueKind::Array) {
        return unsupported("JSON with columns apart from their rows", PANDAS);
    }
    let first: Vec<&Member<'_>> = members.iter().take(COMPARED).collect();
    let [one, other, ..] = first.as_slice() else {
        return None;
    };
    let are_objects = members
        .iter()
        .all(|member| member.kind == ValueKind::Object);
    let are_alike = first.iter().all(|member| member.names == one.names);
    if !are_objects || !are_alike || one.names.is_empty() || other.names.is_empty() {
        return None;
    }
    let is_number = |name: &&str| name.bytes().all(|byte| byte.is_ascii_digit());
    if one.names.iter().all(is_number) {
        return unsupported("JSON with an object for each column", PANDAS);
    }
    unsupported("JSON with each row under a key of its own", KEYED)
}

/// A member of the outermost object.
struct Member<'t> {
    name: &'t str,
    kind: ValueKind,
    /// The first names in it, if it is an object.
    names: Vec<&'t str>,
    /// Whether it is a list of lists.
    holds_lists: bool,
}

/// The members of the object at `lexer`, as far as they can be read.
fn members(mut lexer: Lexer<'_>) -> Vec<Member<'_>> {
    let mut members = Vec::new();
    if lexer.opens_empty(b'}') {
        return members;
    }
    while let Ok(span) = lexer.name()
        && let Ok(kind) = lexer.kind()
    {
        let mut inner = lexer;
        let holds_lists = kind == ValueKind::Array
            && !inner.opens_empty(b']')
            && inner.kind() == Ok(ValueKind::Array);
        members.push(Member {
            name: lexer.part(span.start, span.end),
            kind,
            names: if kind == ValueKind::Object {
                first_names(lexer)
            } else {
                Vec::new()
            },
            holds_lists,
        });
        if lexer.skip_value().is_err() || lexer.more(b'}') != Ok(true) {
            break;
        }
    }
    members
}

/// The first names in the object at `lexer`.
fn first_names(mut lexer: Lexer<'_>) -> Vec<&str> {
    let mut names = Vec::new();
    if lexer.opens_empty(b'}') {
        return names;
    }
    while names.len() < COMPARED
        && let Ok(span) = lexer.name()
    {
        names.push(lexer.part(span.start, span.end));
        if lexer.skip_value().is_err() || lexer.more(b'}') != Ok(true) {
            break;
        }
    }
    names
}

#[cfg(test)]
mod tests {
    use super::other_orientation;

    #[test]
    fn tables_that_are_no_list_of_objects_are_named() {
        for (text, words) in [
            (r#"{"columns":["a"],"index":[0],"data":[["x"]]}"#, "apart"),
            (r#"{"columns":["a"],"data":[["x"],["y""#, "apart"),
            (r#"{"a":{"0":"x","1":"y"},"b":{"0":"x","1":"y"}}"#, "column"),
            (
                r#"{"0":{"id":"x","name":"A"},"1":{"id":"y","name":"B"}}"#,
                "key",
            ),
            (r#"{"-Nx":{"id":"x"},"-Ny":{"id":"y"}}"#, "key"),
        ] {
            let kind = other_orientation(text.as_bytes()).map(|other| other.kind);
            assert!(
                kind.is_some_and(|kind| kind.contains(words)),
                "{text} {kind:?}"
            );
        }
    }

    #[test]
    fn lists_and_lines_of_objects_are_read() {
        for text in [
            "[]",
            "[[\"id\"],[\"x\"]]",
            "[{\"a\":[[1]]}]",
            "{}",
            r#"{"data":[{"a":1}],"columns":["a"]}"#,
            r#"{"clientId":"c-1","billingContact":{"email":"x"}}"#,
            r#"{"customer":{"id":"x","first_name":"A"},"subscription":{"id":"s","plan":"p"}}"#,
            r#"{"customer":{"id":"x"}}"#,
            r#"{"a":{},"b":{}}"#,
            "{\"a\":{\"x\":1}}\n{\"b\":{\"x\":1}}\n",
            "1\n",
            "",
        ] {
            assert!(other_orientation(text.as_bytes()).is_none(), "{text}");
        }
    }
}
