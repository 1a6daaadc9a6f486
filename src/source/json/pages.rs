//! Whether a list is one page of more, by what an API says beside it.

use serde_json::{Map, Value};

/// Beside the list, or in one of these.
const BESIDE: [&str; 8] = [
    "meta",
    "pagination",
    "pagination_metadata",
    "paging",
    "page",
    "page_info",
    "pageInfo",
    "links",
];

/// True if there are more.
const MORE: [&str; 6] = [
    "has_more",
    "hasMore",
    "more",
    "has_next_page",
    "hasNextPage",
    "has_next",
];

/// Where the next page is.
const NEXT: [&str; 13] = [
    "next_page",
    "nextPage",
    "next_page_token",
    "nextPageToken",
    "next_page_uri",
    "next_offset",
    "next_cursor",
    "nextCursor",
    "next",
    "nextLink",
    "@odata.nextLink",
    "nextRecordsUrl",
    "_next",
];

/// The number of this page, and of the last one.
const NUMBERS: [(&str, &str); 4] = [
    ("current_page", "total_pages"),
    ("currentPage", "totalPages"),
    ("page", "total_pages"),
    ("current_page", "last_page"),
];

/// Whether [`more_after`] looks at the member `name`. Others need not be kept: an object
/// may have any number of them.
pub(super) fn is_looked_at(name: &str) -> bool {
    let is_number = |(this, last): &(&str, &str)| *this == name || *last == name;
    BESIDE.contains(&name)
        || MORE.contains(&name)
        || NEXT.contains(&name)
        || NUMBERS.iter().any(is_number)
}

/// What says that there are more pages than the one whose members beside the list are
/// `members`.
pub(super) fn more_after(members: &Map<String, Value>) -> Option<String> {
    let inner = BESIDE.iter().filter_map(|name| {
        let inner = members.get(*name)?.as_object()?;
        Some((format!("{name}."), inner))
    });
    let mut levels = std::iter::once((String::new(), members)).chain(inner);
    levels.find_map(|(prefix, members)| {
        let said = |name: &str| format!("\"{prefix}{name}\" is {}", shown(members.get(name)));
        // "has_more": false is clearer than a cursor that always stands there.
        let flag = MORE.iter().find_map(|name| {
            let more = members.get(*name)?.as_bool()?;
            Some((*name, more))
        });
        if let Some((name, more)) = flag {
            return more.then(|| said(name));
        }
        let number = |name: &str| members.get(name).and_then(Value::as_u64);
        let numbers = NUMBERS.iter().find_map(|(this, last)| {
            let (this, last) = (number(this)?, number(last)?);
            Some((this, last))
        });
        if let Some((this, last)) = numbers {
            return (this < last).then(|| format!("it is page {this} of {last}"));
        }
        let next = NEXT
            .iter()
            .find(|name| members.get(**name).is_some_and(is_there));
        next.map(|name| said(name))
    })
}

fn is_there(value: &Value) -> bool {
    match value {
        Value::Null | Value::Bool(false) => false,
        Value::String(text) => !text.is_empty(),
        Value::Bool(true) | Value::Number(_) | Value::Array(_) | Value::Object(_) => true,
    }
}

/// A cursor or address says nothing to people, and may be long.
fn shown(value: Option<&Value>) -> &'static str {
    match value {
        Some(Value::Bool(true)) => "true",
        Some(_) | None => "given",
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{is_looked_at, more_after};

    #[test]
    fn more_pages_are_found() {
        for (members, said) in [
            (json!({"has_more": true}), Some("\"has_more\" is true")),
            (
                json!({"object": "list", "url": "/v1/customers", "has_more": false}),
                None,
            ),
            (json!({"next_page": "abc"}), Some("\"next_page\" is given")),
            (
                json!({"next_page": null, "next": "", "next_offset": false}),
                None,
            ),
            (
                json!({"meta": {"current_page": 1, "total_pages": 3, "next_page": 2}}),
                Some("it is page 1 of 3"),
            ),
            (
                json!({"meta": {"current_page": 3, "total_pages": 3, "next_page": 3}}),
                None,
            ),
            (
                json!({"pagination_metadata": {"has_more": true, "next_cursor": "x"}}),
                Some("\"pagination_metadata.has_more\" is true"),
            ),
            (
                json!({"meta": {"pagination": {}}, "links": {"next": "/x"}}),
                Some("\"links.next\" is given"),
            ),
            (json!({"has_more": false, "next_cursor": "x"}), None),
            (json!({}), None),
        ] {
            let members = members.as_object().unwrap();
            let found = more_after(members);
            assert_eq!(found.as_deref(), said, "{members:?}");
            let mut looked_at = members.clone();
            looked_at.retain(|name, _| is_looked_at(name));
            assert_eq!(more_after(&looked_at), found, "{members:?}");
        }
        assert!(!is_looked_at("object") && !is_looked_at("url"));
    }
}
