//! Recognises JSON that holds a table in another way than as objects: columns apart from
//! rows, or rows under their keys. Its rows can't be read as they stand.

use crate::source::bytes::sniff::UnsupportedKind;
use crate::source::jsonl::syntax::{Lexer, SyntaxFault, ValueKind};

/// How to write one object a row with the program that likely wrote it.
const PANDAS: &str =
    "write one object a row, for example df.to_json(\"NEW.jsonl\", orient=\"records\", lines=True)";
const LISTED: &str = "write one object a row, for example jq -c '[to_entries[] | .key as $name | .value | map({($name): .})] | transpose[] | add' FILE > NEW.jsonl";
const APART: &str = "write one object a row; if the names are texts in \"fields\" and the rows in \"rows\": jq -c '.fields as $names | .rows[] | [$names, .] | transpose | map({(.[0]): .[1]}) | add' FILE > NEW.jsonl";
const KEYED: &str = "write one object a row, for example jq -c '.[]' FILE > NEW.jsonl; the keys get lost, so that the objects must have them too";

/// Members that hold the names of columns.
const NAMES: [&str; 6] = ["columns", "fields", "headers", "header", "names", "keys"];

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
    let (members, is_alone) = members(lexer);
    let is_called = |name: &str, kind| {
        let mut of_name = members.iter().filter(|member| member.name == name);
        of_name.any(|member| member.kind == kind)
    };
    let has_lists = members.iter().any(|member| member.holds_lists);
    let has_names = |name: &&str| is_called(name, ValueKind::Array);
    if has_lists && let Some(name) = NAMES.into_iter().find(has_names) {
        let hint = if name == "columns" { PANDAS } else { APART };
        return unsupported("JSON with columns apart from their rows", hint);
    }
    if are_columns(&members, is_alone) {
        return unsupported("JSON with a list for each column", LISTED);
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

/// Whether each of `members` is a list of values, in an object that `is_alone`. Of a
/// customer only plans and bundles are lists.
fn are_columns(members: &[Member<'_>], is_alone: bool) -> bool {
    is_alone && members.len() > 1 && members.iter().all(|member| member.holds_values)
}

/// A member of the outermost object.
struct Member<'t> {
    name: &'t str,
    kind: ValueKind,
    /// The first names in it, if it is an object.
    names: Vec<&'t str>,
    /// Whether it is a list of lists.
    holds_lists: bool,
    /// Whether it is a list of texts, numbers or the like.
    holds_values: bool,
}

/// The members of the object at `lexer`, as far as they can be read, and whether nothing
/// follows it.
fn members(mut lexer: Lexer<'_>) -> (Vec<Member<'_>>, bool) {
    let mut members = Vec::new();
    if lexer.opens_empty(b'}') {
        return (members, false);
    }
    while let Ok(span) = lexer.name()
        && let Ok(kind) = lexer.kind()
    {
        let mut inner = lexer;
        let has_items = kind == ValueKind::Array && !inner.opens_empty(b']');
        let item = inner.kind().ok().filter(|_| has_items);
        members.push(Member {
            name: lexer.part(span.start, span.end),
            kind,
            names: if kind == ValueKind::Object {
                first_names(lexer)
            } else {
                Vec::new()
            },
            holds_lists: item == Some(ValueKind::Array),
            holds_values: item
                .is_some_and(|kind| !matches!(kind, ValueKind::Array | ValueKind::Object)),
        });
        // Of a long text only the start was read.
        if let Err(SyntaxFault { at, .. }) = lexer.skip_value() {
            return (members, at >= lexer.text.len());
        }
        match lexer.more(b'}') {
            Ok(true) => {}
            Ok(false) => return (members, lexer.end().is_ok()),
            Err(SyntaxFault { at, .. }) => return (members, at >= lexer.text.len()),
        }
    }
    (members, lexer.at >= lexer.text.len())
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
            (
                r#"{"fields":["id"],"total":1,"rows":[["x"]]}"#,
                "columns apart",
            ),
            (r#"{"headers":["id","name"],"data":[["x","A"]]}"#, "apart"),
            (r#"{"id":["x","y"],"name":["A","B"]}"#, "list for each"),
            (r#"{"id":["x","y"],"name":["A","B""#, "list for each"),
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
            "{\"id\":[\"x\"],\"name\":[\"A\"]}\n{\"id\":\"y\",\"name\":\"B\"}\n",
            r#"{"fields":["id"],"rows":[{"id":"x"}]}"#,
            r#"{"planIds":["p"],"id":"x"}"#,
            r#"{"planIds":["p"]}"#,
            r#"{"a":{},"b":{}}"#,
            "{\"a\":{\"x\":1}}\n{\"b\":{\"x\":1}}\n",
            "1\n",
            "",
        ] {
            assert!(other_orientation(text.as_bytes()).is_none(), "{text}");
        }
    }
}
