//! What the headers of a list say about its other pages: `Link` (RFC 8288) and the
//! number of all entries.
//!
//! The API documents no pages (`docs/api.md`, "Calls"), so any form that says that there
//! are more is believed.

use reqwest::header::{HeaderMap, LINK};

/// Headers with the number of entries on all pages together.
const TOTALS: [&str; 3] = ["x-total-count", "x-total", "total-count"];

/// The paging headers of one response.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct PagingHeaders {
    /// The address of the next page, as it is written, perhaps relative.
    pub(super) next: Option<String>,
    /// How many entries there are, and the header that says so.
    pub(super) total: Option<(u64, &'static str)>,
}

impl PagingHeaders {
    pub(super) fn of(headers: &HeaderMap) -> Self {
        let mut links = headers.get_all(LINK).iter();
        let totals = TOTALS.iter().flat_map(|name| {
            let values = headers.get_all(*name).iter();
            values.filter_map(move |value| {
                let value = value.to_str().ok()?.trim();
                Some((value.parse().ok()?, *name))
            })
        });
        Self {
            next: links.find_map(|value| next_of(&String::from_utf8_lossy(value.as_bytes()))),
            total: totals.max_by_key(|(total, _)| *total),
        }
    }
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
        PagingHeaders::of(&headers)
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
            (&[("x-total-count", "many"), ("x-total", "-1")], None),
            (&[("x-total-pages", "3")], None),
        ] {
            assert_eq!(read(lines).total, total, "{lines:?}");
        }
    }
}
