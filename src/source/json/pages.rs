//! Whether a list is one page of more, by what an API says beside it.

use serde_json::{Map, Value};

use crate::source::input_note::ListPart;

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

/// How many rows the list has on all its pages.
const TOTALS: [&str; 18] = [
    "total_count",
    "totalCount",
    "total_results",
    "totalResults",
    "total_items",
    "totalItems",
    "total_records",
    "totalRecords",
    "total_entries",
    "totalEntries",
    "total_elements",
    "totalElements",
    "totalSize",
    "recordsTotal",
    "@odata.count",
    "hydra:totalItems",
    "total",
    COUNT,
];

/// The rows of the list or those of the page: of the list, if it is more than those, and one
/// of [`BESIDE_COUNT`] stands there.
const COUNT: &str = "count";
const BESIDE_COUNT: [&str; 4] = ["limit", "offset", "next", "previous"];

/// A list that says how many rows it has, as far as it was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct CountedList {
    /// The member that says it.
    pub(super) name: String,
    pub(super) part: ListPart,
    /// How many of its pages were read.
    pages: u64,
}

impl CountedList {
    /// Whether what was read is not just the list: it has other pages, or pages of another
    /// list that counts as many rows were taken for its own.
    pub(super) fn is_part(&self) -> bool {
        let ListPart { rows, total } = self.part;
        rows < total || self.pages > 1 && rows > total
    }
}

/// The list after a page of it was read with `rows`, of which `members` stand beside the
/// list; `before` is what was read before that. Of a list that is not complete, another one
/// does not have the rest.
pub(super) fn counted_list(
    before: Option<CountedList>,
    members: &Map<String, Value>,
    rows: u64,
) -> Option<CountedList> {
    let Some((name, total)) = total_of(members) else {
        return before;
    };
    match before {
        Some(mut list) if list.is_part() => {
            if list.part.total == total {
                list.part.rows += rows;
                list.pages += 1;
            }
            Some(list)
        }
        Some(_) | None => Some(CountedList {
            name,
            part: ListPart { rows, total },
            pages: 1,
        }),
    }
}

/// How many rows the list has, and the member that says it.
fn total_of(members: &Map<String, Value>) -> Option<(String, u64)> {
    levels(members).into_iter().find_map(|(prefix, members)| {
        let is_paged = BESIDE_COUNT.iter().any(|name| members.contains_key(*name));
        let mut names = TOTALS.iter().filter(|name| **name != COUNT || is_paged);
        names.find_map(|name| {
            let total = match members.get(*name)? {
                Value::Number(number) => number.as_u64(),
                Value::String(text) => text.parse().ok(),
                Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
            };
            Some((format!("{prefix}{name}"), total?))
        })
    })
}

/// `members`, and those of the objects among them that tell of pages, such as
/// `"meta": {"pagination": {…}}`; each with what stands before their names.
fn levels(members: &Map<String, Value>) -> Vec<(String, &Map<String, Value>)> {
    let mut all = vec![(String::new(), members)];
    let mut last = all.clone();
    for _ in 0..2 {
        last = last.iter().flat_map(inner).collect();
        all.extend(last.iter().cloned());
    }
    all
}

fn inner<'m>(
    (prefix, members): &(String, &'m Map<String, Value>),
) -> Vec<(String, &'m Map<String, Value>)> {
    let objects = BESIDE.iter().filter_map(|name| {
        let object = members.get(*name)?.as_object()?;
        Some((format!("{prefix}{name}."), object))
    });
    objects.collect()
}

/// Whether [`more_after`] or [`counted_list`] looks at the member `name`. Others need not be kept: an object
/// may have any number of them.
pub(super) fn is_looked_at(name: &str) -> bool {
    let is_number = |(this, last): &(&str, &str)| *this == name || *last == name;
    BESIDE.contains(&name)
        || MORE.contains(&name)
        || NEXT.contains(&name)
        || TOTALS.contains(&name)
        || BESIDE_COUNT.contains(&name)
        || NUMBERS.iter().any(is_number)
}

/// What says that there are more pages than the one whose members beside the list are
/// `members`.
pub(super) fn more_after(members: &Map<String, Value>) -> Option<String> {
    levels(members).into_iter().find_map(|(prefix, members)| {
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

    use super::{CountedList, counted_list, is_looked_at, more_after};

    /// What is read of the pages of a list, each with its members beside the rows.
    fn read(pages: &[(serde_json::Value, u64)]) -> Option<CountedList> {
        let mut list = None;
        for (members, rows) in pages {
            let mut members = members.as_object().unwrap().clone();
            members.retain(|name, _| is_looked_at(name));
            list = counted_list(list, &members, *rows);
        }
        list
    }

    #[test]
    fn a_list_that_counts_more_rows_than_were_read_is_a_part() {
        for (members, name) in [
            (json!({"total": 120, "limit": 100, "offset": 0}), "total"),
            (
                json!({"has_more": false, "totalCount": "120"}),
                "totalCount",
            ),
            (
                json!({"meta": {"total_count": 120, "per_page": 100, "page": 1}}),
                "meta.total_count",
            ),
            (
                json!({"meta": {"pagination": {"total": 120, "count": 100}}}),
                "meta.pagination.total",
            ),
            (
                json!({"page_info": {"total_results": 120}}),
                "page_info.total_results",
            ),
            (
                json!({"paging": {"totalResults": 120}}),
                "paging.totalResults",
            ),
            (json!({"count": 120, "offset": 100}), "count"),
            (
                json!({"count": 120, "next": null, "previous": "/x"}),
                "count",
            ),
            (
                json!({"page": {"totalElements": 120}}),
                "page.totalElements",
            ),
        ] {
            let list = read(&[(members.clone(), 100)]).unwrap();
            assert_eq!(
                (list.name.as_str(), list.is_part()),
                (name, true),
                "{members}"
            );
            let whole = read(&[(members.clone(), 120)]).unwrap();
            assert!(!whole.is_part(), "{members}");
        }
        for members in [
            json!({"count": 120}),
            json!({"total": 12.5, "limit": 100}),
            json!({"total": null}),
            json!({"items": {"total": 120}}),
        ] {
            assert_eq!(read(&[(members.clone(), 100)]), None, "{members}");
        }
    }

    #[test]
    fn the_pages_of_a_list_count_together() {
        let (page, other) = (json!({"total": 120}), json!({"total": 7}));
        let is_part = |pages: &[_]| read(pages).unwrap().is_part();
        assert!(!is_part(&[(page.clone(), 100), (page.clone(), 20)]));
        assert!(is_part(&[(page.clone(), 100), (page.clone(), 19)]));
        assert!(is_part(&[(page.clone(), 100), (other.clone(), 7)]));
        assert!(is_part(&[(other.clone(), 7), (page.clone(), 100)]));
        assert!(!is_part(&[(other, 7), (page.clone(), 120), (json!({}), 3)]));
        // Two lists that count as many rows: each in whole, and a page of each.
        assert!(!is_part(&[(page.clone(), 120), (page.clone(), 120)]));
        assert!(is_part(&[(page.clone(), 120), (page.clone(), 100)]));
        assert!(is_part(&[(page.clone(), 100), (page.clone(), 100)]));
    }

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
            (
                json!({"meta": {"pagination": {"current_page": 1, "total_pages": 2}}}),
                Some("it is page 1 of 2"),
            ),
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
