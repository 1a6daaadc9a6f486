//! Rows that wrap a customer: `{"customer": {…}}`, as some APIs answer.
//!
//! The members of the inner object are then the row's own. The row's text stays as it
//! stood, so that a rejected row is written back with its wrapper.

use super::object::{ObjectReader, ParsedValue, RowFault};
use super::paths::{Paths, RAW, WRAPPERS, feeds};
use super::syntax::{Lexer, StringSpan, SyntaxFault, ValueKind};
use crate::domain::field::Field;
use crate::domain::mapping::ADDED;

/// A wrapper may be in a wrapper.
const DEEPEST_WRAPPER: usize = 3;

/// Members that an object with an identity of its own has.
const OWN: [&str; 2] = ["id", "name"];

/// An object in a wrapper.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Wrapped {
    /// Where the object begins.
    start: usize,
    /// The names of the members beside it, and where their values begin.
    beside: Vec<(StringSpan, usize)>,
}

/// The object that `text` wraps, if the row has no member that feeds a field and no
/// other object; `named` are the paths that the mapping names.
pub(super) fn wrapped(text: &str, named: &[String]) -> Option<Wrapped> {
    let mut lexer = Lexer::new(text, 0);
    let mut found = level(&mut lexer, named).ok().flatten()?;
    lexer.end().ok()?;
    for _ in 1..DEEPEST_WRAPPER {
        let mut lexer = Lexer::new(text, found.start);
        let Some(inner) = level(&mut lexer, named).ok().flatten() else {
            break;
        };
        found.start = inner.start;
    }
    Some(found)
}

/// The object that the object at `lexer` wraps.
fn level(lexer: &mut Lexer<'_>, named: &[String]) -> Result<Option<Wrapped>, SyntaxFault> {
    if lexer.kind()? != ValueKind::Object || lexer.opens_empty(b'}') {
        return Ok(None);
    }
    let (mut best, mut objects, mut scalars) = (None, 0, 0);
    let mut beside = Vec::new();
    loop {
        let span = lexer.name()?;
        let name = lexer.part(span.start, span.end);
        let kind = lexer.kind()?;
        let is_added = ADDED.contains(&name) && name != RAW;
        let is_own = OWN.contains(&name) && kind != ValueKind::Null;
        if is_own || !is_added && feeds_something(name, named) {
            return Ok(None);
        }
        if kind == ValueKind::Object {
            objects += 1;
        } else if !is_added {
            scalars += 1;
        }
        let rank = WRAPPERS.iter().position(|wrapper| *wrapper == name);
        match rank.filter(|_| kind == ValueKind::Object) {
            Some(rank) if best.is_none_or(|(found, _)| rank < found) => {
                best = Some((rank, lexer.at));
            }
            Some(_) | None => beside.push((span, lexer.at)),
        }
        lexer.skip_value()?;
        if !lexer.more(b'}')? {
            break;
        }
    }
    // A customer may come with a card or a subscription, which are objects too.
    let is_sure = |rank| objects == 1 || rank == 0 && scalars == 0;
    Ok(best
        .filter(|(rank, _)| is_sure(*rank))
        .map(|(_, start)| Wrapped { start, beside }))
}

fn feeds_something(name: &str, named: &[String]) -> bool {
    name == "billingContact" || Field::of_name(name).is_some() || feeds(named, name)
}

/// Reads the object in the wrapper, and what stands beside it, into `found`.
pub(super) fn read(
    text: &str,
    wrapped: &Wrapped,
    paths: &mut Paths,
    found: &mut Vec<ParsedValue>,
) -> Result<(), RowFault> {
    paths.begin_row();
    let mut reader = ObjectReader {
        lexer: Lexer::new(text, wrapped.start),
        paths,
        found,
    };
    reader.object(0, 0)?;
    for (name, value) in &wrapped.beside {
        let name = reader.lexer.part(name.start, name.end);
        if let Some(node) = reader.paths.member(0, 0, name)
            && reader.paths.meet(node)
        {
            reader.lexer.at = *value;
            reader.value(node, 0)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::wrapped;

    fn inner<'t>(text: &'t str, named: &[&str]) -> Option<&'t str> {
        let named: Vec<String> = named.iter().map(|name| (*name).to_owned()).collect();
        wrapped(text, &named).map(|found| text.split_at(found.start).1)
    }

    #[test]
    fn a_wrapper_is_a_lone_object_of_a_known_name() {
        for (text, object) in [
            (r#"{"customer":{"a":1}}"#, r#"{"a":1}}"#),
            (
                r#" { "data" : {"a":1}, "next": null }"#,
                r#"{"a":1}, "next": null }"#,
            ),
            (
                r#"{"_line":7,"_code":"x","customer":{"a":1}}"#,
                r#"{"a":1}}"#,
            ),
            (r#"{"data":{"customer":{"a":1}}}"#, r#"{"a":1}}}"#),
            (
                r#"{"customer":{"a":1},"card":{"b":1}}"#,
                r#"{"a":1},"card":{"b":1}}"#,
            ),
            (r#"{"cursor":"x","node":{"a":1}}"#, r#"{"a":1}}"#),
            (r#"{"account":{}}"#, "{}}"),
        ] {
            assert_eq!(inner(text, &["b"]), Some(object), "{text}");
        }
        for text in [
            "{}",
            r#"{"a":{"b":1}}"#,
            r#"{"customer":"x"}"#,
            r#"{"customer":[{"a":1}]}"#,
            r#"{"clientId":"c-1","customer":{"a":1}}"#,
            r#"{"billingContact":{},"customer":{"a":1}}"#,
            r#"{"id":"1","account":{"a":1}}"#,
            r#"{"customer":{"a":1},"card":{"b":1},"status":"x"}"#,
            r#"{"data":{"a":1},"meta":{"b":1}}"#,
            r#"{"named":1,"customer":{"a":1}}"#,
            r#"{"customer":{"a":1}"#,
            r#"{"customer":{"a":1}} x"#,
        ] {
            assert_eq!(inner(text, &["named"]), None, "{text}");
        }
        assert_eq!(inner(r#"{"customer":{"a":1}}"#, &["customer.a"]), None);
    }
}
