//! What the head of a list's response says about its other pages: `Link` (RFC 8288),
//! `206 Partial Content`, `Content-Range` (RFC 9110 §14.4), and the usual headers beside them.
//!
//! The API documents no pages (`docs/api.md`, "Calls"), so any form that says that there
//! are more is believed.

use reqwest::StatusCode;
use reqwest::header::{CONTENT_RANGE, HeaderMap, LINK};

/// Headers with the number of entries on all pages together. All names are those that
/// [`meant_by`] makes.
const TOTALS: [&str; 7] = [
    "total",
    "totalcount",
    "totalitems",
    "totalrecords",
    "totalresults",
    "totalentries",
    "totalelements",
];

/// Headers that say whether there are more pages.
const MORE: [&str; 8] = [
    "more",
    "hasmore",
    "hasnext",
    "hasnextpage",
    "moreresults",
    "morepages",
    "truncated",
    "istruncated",
];

/// Headers that name the next page, in a form that can't be followed.
const NEXT: [&str; 12] = [
    "next",
    "nextpage",
    "nextcursor",
    "nextoffset",
    "nexttoken",
    "nextpagetoken",
    "nextmarker",
    "nextlink",
    "nexturl",
    "nextpageurl",
    "continuation",
    "continuationtoken",
];

/// Headers with the number of pages.
const PAGES: [&str; 4] = ["pages", "totalpages", "lastpage", "numberofpages"];

/// What [`NEXT`] and [`MORE`] have after the last page.
const NONE: [&str; 9] = [
    "",
    "0",
    "-1",
    "no",
    "none",
    "null",
    "nil",
    "false",
    "undefined",
];

/// The paging headers of one response.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct PagingHeaders {
    /// The address of the next page, as it is written, perhaps relative.
    pub(super) next: Option<String>,
    /// How many entries there are, and the header that says so.
    pub(super) total: Option<(u64, String)>,
    /// The header that says that there is another page, but no address.
    pub(super) more: Option<String>,
    /// How many pages there are, and the header that says so.
    pub(super) pages: Option<(u64, String)>,
    /// Whether the response is a part of the list.
    pub(super) is_part: bool,
}

impl PagingHeaders {
    pub(super) fn of(status: StatusCode, headers: &HeaderMap) -> Self {
        let mut links = headers.get_all(LINK).iter();
        let mut paging = Self {
            next: links.find_map(|value| next_of(&String::from_utf8_lossy(value.as_bytes()))),
            is_part: status == StatusCode::PARTIAL_CONTENT,
            ..Self::default()
        };
        for (name, value) in headers {
            if let Ok(value) = value.to_str() {
                paging.add(name.as_str(), value.trim());
            }
        }
        paging
    }

    fn add(&mut self, name: &str, value: &str) {
        let meant = meant_by(name);
        let is_one_of = |names: &[&str]| names.contains(&meant.as_str());
        if name == CONTENT_RANGE.as_str() && value.starts_with("bytes") {
            // Those of the body, not of the list.
            return;
        }
        if name == CONTENT_RANGE.as_str() {
            let total = value.rsplit_once('/').map(|(_, total)| total.trim());
            self.is_part |= total == Some("*");
            keep_highest(&mut self.total, total.unwrap_or_default(), name);
        } else if is_one_of(&TOTALS) {
            keep_highest(&mut self.total, value, name);
        } else if is_one_of(&PAGES) {
            keep_highest(&mut self.pages, value, name);
        } else if (is_one_of(&MORE) || is_one_of(&NEXT))
            && !NONE.contains(&value.trim_matches('"').to_lowercase().as_str())
        {
            self.more = Some(name.to_owned());
        }
    }

    /// The header that says that there are more pages than the `read` ones.
    pub(super) fn sign_of_more(&self, read: usize) -> Option<&str> {
        let pages = self.pages.as_ref();
        let beyond =
            pages.filter(|(pages, _)| usize::try_from(*pages).unwrap_or(usize::MAX) > read);
        let more = self.more.as_deref();
        more.or_else(|| beyond.map(|(_, name)| name.as_str()))
    }
}

/// Keeps `value` if it is a number above the one that is known.
fn keep_highest(known: &mut Option<(u64, String)>, value: &str, name: &str) {
    if let Ok(number) = value.parse()
        && known.as_ref().is_none_or(|(known, _)| *known < number)
    {
        *known = Some((number, name.to_owned()));
    }
}

/// The name of a header without prefixes and hyphens.
fn meant_by(name: &str) -> String {
    let name = name.to_lowercase().replace(['-', '_'], "");
    let mut meant = name.as_str();
    for prefix in ["x", "ms", "pagination", "paging"] {
        meant = meant.strip_prefix(prefix).unwrap_or(meant);
    }
    meant.to_owned()
}

/// The target of the first link in a `Link` header whose `rel` has `next` among its types.
fn next_of(header: &str) -> Option<String> {
    parts(header, ',').find_map(|link| {
        let mut parts = parts(link, ';');
        let target = parts.next()?.trim();
        let is_next = parts.any(|parameter| {
            let (name, value) = parameter.split_once('=').unwrap_or((parameter, ""));
            let types = value.trim().trim_matches(['"', '\'']).split_whitespace();
            name.trim().eq_ignore_ascii_case("rel")
                && types
                    .into_iter()
                    .any(|kind| kind.eq_ignore_ascii_case("next"))
        });
        let target = target.strip_prefix('<').unwrap_or(target);
        let target = target.strip_suffix('>').unwrap_or(target).trim();
        is_next.then(|| target.to_owned())
    })
}

/// The parts of `text` between separators that are in no `<…>` and no quotation.
fn parts(text: &str, separator: char) -> impl Iterator<Item = &str> {
    let (mut in_address, mut quoted, mut escaped) = (false, false, false);
    text.split(move |letter| {
        let separates = letter == separator && !in_address && !quoted;
        match letter {
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '"' if !in_address => quoted = !quoted,
            '<' if !quoted => in_address = true,
            '>' if !quoted => in_address = false,
            _ => {}
        }
        separates
    })
}

#[cfg(test)]
mod tests {
    use reqwest::StatusCode;
    use reqwest::header::{HeaderMap, HeaderName, HeaderValue};

    use super::PagingHeaders;

    fn read(lines: &[(&'static str, &str)]) -> PagingHeaders {
        let mut headers = HeaderMap::new();
        for (name, value) in lines {
            headers.append(
                HeaderName::from_static(name),
                HeaderValue::from_bytes(value.as_bytes()).unwrap(),
            );
        }
        PagingHeaders::of(StatusCode::OK, &headers)
    }

    #[test]
    fn the_next_page_is_found_in_every_form_of_a_link() {
        for links in [
            &["</c?page=2>; rel=\"next\""][..],
            &["</c?page=2>; rel=next"],
            &["</c?page=2>;REL = \"last NEXT\""],
            &["</c?page=2> ; title=\"a, b; c \\\" d\"; rel='next'"],
            &["</c?page=9>; rel=\"last\", </c?page=2>; rel=\"next\""],
            &["</c?a=1,2;rel=next>; rel=prev , </c?page=2>; rel=next"],
            &["</c?page=9>; rel=\"last\"", "</c?page=2>; rel=\"next\""],
            &[
                "</c?page=9>; title=\"é; rel=next\"",
                "</c?page=2>; rel=next",
            ],
            &["/c?page=2; rel=next"],
            &["</c?page=2>; rel=\"next"],
        ] {
            let lines: Vec<_> = links.iter().map(|link| ("link", *link)).collect();
            assert_eq!(read(&lines).next.as_deref(), Some("/c?page=2"), "{links:?}");
        }
    }

    #[test]
    fn a_link_to_anything_else_is_not_the_next_page() {
        for link in [
            "",
            "</c?page=1>; rel=\"prev\"",
            "</c>; rel=\"https://rels.example/next\"",
            "</c>; title=\"rel=next\"",
            "</c>; title=\"next\"",
            "<style.css?rel=next>; rel=preload",
            "<next>",
        ] {
            assert_eq!(read(&[("link", link)]).next, None, "{link}");
        }
    }

    #[test]
    fn the_highest_total_counts() {
        for (lines, total) in [
            (
                &[("x-total-count", " 20 ")][..],
                Some((20, "x-total-count")),
            ),
            (
                &[("x-total", "20"), ("total-count", "21")],
                Some((21, "total-count")),
            ),
            (
                &[("content-range", "customers 0-99/300")],
                Some((300, "content-range")),
            ),
            (
                &[("pagination-total-items", "7")],
                Some((7, "pagination-total-items")),
            ),
            (&[("x-total-count", "many"), ("x-total", "-1")], None),
            (&[("content-range", "customers 0-99/*")], None),
            (&[("content-range", "bytes 0-999/1000")], None),
            (&[("x-total-pages", "3")], None),
        ] {
            let total = total.map(|(total, name): (u64, &str)| (total, name.to_owned()));
            assert_eq!(read(lines).total, total, "{lines:?}");
        }
    }

    #[test]
    fn signs_of_more_pages_are_found_without_an_address() {
        for (name, value) in [
            ("x-has-more", "true"),
            ("x-pagination-has-next", "1"),
            ("x-next-page", "3"),
            ("x-next-cursor", "abc"),
            ("x-ms-continuation", "token"),
            ("next-page-token", "abc"),
            ("x-total-pages", "3"),
        ] {
            assert_eq!(read(&[(name, value)]).sign_of_more(2), Some(name));
        }
        for (name, value) in [
            ("x-has-more", "false"),
            ("x-next-page", ""),
            ("x-next-page", "null"),
            ("x-next-cursor", "\"\""),
            // Many mean the rows of this page.
            ("x-page-count", "3"),
            ("x-total-pages", "2"),
            ("x-page", "7"),
            ("x-per-page", "100"),
            ("x-request-id", "9"),
        ] {
            assert_eq!(read(&[(name, value)]).sign_of_more(2), None, "{name}");
        }
    }

    #[test]
    fn a_part_is_known_by_its_status_or_its_range() {
        assert!(PagingHeaders::of(StatusCode::PARTIAL_CONTENT, &HeaderMap::new()).is_part);
        assert!(read(&[("content-range", "0-99/*")]).is_part);
        assert!(!read(&[("content-range", "0-99/100")]).is_part);
    }
}
