//! Reads the list of all customers, page after page where it comes in several.
//!
//! The API documents one answer with all customers. A list that is only its beginning must
//! never pass for all of it: the others would look new, and be created a second time.

use std::collections::HashSet;
use std::hash::{DefaultHasher, Hash, Hasher};

use reqwest::{Method, Url};

use super::paging::PagingHeaders;
use super::redaction::Redaction;
use super::response;
use super::transport::{Streamed, Transport};
use super::{Exchange, Preflight, Trouble};

/// After so many empty pages in a row, a list is taken for one without an end.
const MOST_EMPTY: u32 = 10;

/// The most pages that are read: far beyond any account.
const MOST_PAGES: usize = 1_000_000;

/// What is known of the list after one of its pages.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PageEnd {
    /// It has another page.
    More,
    /// All of it was read.
    Whole,
    /// It ended too early. Perhaps it changed while it was read.
    Short(String),
    /// It has another page that is not read.
    DeadEnd(String),
}

/// The list of all customers. Its pages are one request each.
#[derive(Debug)]
pub struct CustomerPages {
    transport: Transport,
    redaction: Redaction,
    /// The address of the next page.
    url: Url,
    /// The hashes of the addresses of all pages so far.
    seen: HashSet<u64>,
    /// How many customers were read.
    count: u64,
    /// How many there are by the first page, and the header that says so.
    total: Option<(u64, String)>,
    /// How many pages in a row had no customer.
    empty: u32,
}

impl CustomerPages {
    /// The list at `url`, of which nothing is read yet.
    pub(super) fn new(transport: Transport, redaction: Redaction, url: Url) -> Self {
        Self {
            transport,
            redaction,
            seen: HashSet::from([hash_of(&url)]),
            url,
            count: 0,
            total: None,
            empty: 0,
        }
    }

    /// Reads the next page and calls `on_customer` with the JSON of each customer as it is
    /// received, since all of them may not fit into memory. If the response breaks off, it
    /// was called for some. The time-out is for each chunk of the response.
    pub async fn read(
        &mut self,
        mut on_customer: impl FnMut(&[u8]) + Send,
    ) -> Exchange<Preflight<PageEnd>> {
        let request = self.transport.request(Method::GET, self.url.clone());
        let mut count = 0;
        let mut counted = |body: &[u8]| {
            count += 1;
            on_customer(body);
        };
        let streamed = self.transport.stream(request, &mut counted).await;
        self.count += count;
        self.empty = if count == 0 { self.empty + 1 } else { 0 };
        let Streamed {
            response,
            paging,
            broken_off,
        } = match streamed {
            Ok(streamed) => streamed,
            Err(failure) => {
                let reply = Preflight::Unreachable(failure.trouble, failure.unsent);
                return Exchange::without_response(reply);
            }
        };
        response.into_exchange(|response| match broken_off {
            None => response::preflight(response, |_body| Ok(self.turned(&paging))),
            Some(message) => {
                let trouble = Trouble {
                    message,
                    ..Trouble::default()
                };
                Preflight::Unreachable(trouble, false)
            }
        })
    }

    /// Whether the list was read in several parts, or says how long it is. If it changed
    /// meanwhile, a customer may be on two of its pages, and another on none.
    pub fn is_divided(&self) -> bool {
        self.seen.len() > 1 || self.total.is_some()
    }

    /// Turns to the page that follows the one with these headers.
    fn turned(&mut self, paging: &PagingHeaders) -> PageEnd {
        if self.seen.len() == 1 {
            self.total.clone_from(&paging.total);
        }
        let Some(next) = &paging.next else {
            return self.ended(paging);
        };
        match self.followed(next) {
            Ok(url) => {
                self.url = url;
                PageEnd::More
            }
            Err(why) => PageEnd::DeadEnd(format!(
                "there are more customers than the {} that were read: {why}",
                self.count
            )),
        }
    }

    /// What is known after a page that links to no other.
    fn ended(&self, paging: &PagingHeaders) -> PageEnd {
        let read = self.count;
        match &self.total {
            Some((total, header)) if read < *total => {
                return PageEnd::Short(format!(
                    "{read} of {total} customers were read: {header} says that there are more"
                ));
            }
            None if paging.is_part => {
                return PageEnd::DeadEnd(format!(
                    "there may be more customers than the {read} that were read: the answer is \
                     a part, and does not say of how many"
                ));
            }
            // As many as there are: what else its headers say is no matter.
            Some(_) => return PageEnd::Whole,
            None => {}
        }
        match paging.sign_of_more(self.seen.len()) {
            Some(header) => PageEnd::DeadEnd(format!(
                "there are more customers than the {read} that were read: {header} says so, and \
                 no Link says where"
            )),
            None => PageEnd::Whole,
        }
    }

    /// The address of the next page. The credentials go to no other server, and not twice
    /// to one page.
    fn followed(&mut self, next: &str) -> Result<Url, String> {
        let mut url = match self.url.join(next) {
            Ok(url) => url,
            Err(error) => return Err(format!("the address of the next page is no URL ({error})")),
        };
        url.set_fragment(None);
        if url.origin() != self.url.origin()
            || (url.username(), url.password()) != (self.url.username(), self.url.password())
        {
            let origin = url.origin().ascii_serialization();
            return Err(format!(
                "the next page is at {}, and the credentials are not sent there",
                self.redaction.redacted(&origin)
            ));
        }
        if self.empty >= MOST_EMPTY {
            return Err(format!("its last {MOST_EMPTY} pages are empty"));
        }
        if self.seen.len() >= MOST_PAGES {
            return Err(format!("it has more than {MOST_PAGES} pages"));
        }
        if !self.seen.insert(hash_of(&url)) {
            return Err("its pages go round in a circle".to_owned());
        }
        Ok(url)
    }
}

fn hash_of(url: &Url) -> u64 {
    let mut hasher = DefaultHasher::new();
    url.as_str().hash(&mut hasher);
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::net::TcpListener;
    use std::time::Duration;

    use super::{CustomerPages, PageEnd};
    use crate::kable::client::Client;
    use crate::kable::settings::Settings;
    use crate::kable::{CustomerApi, LookUpReply, Preflight};

    /// A server's pages: what a request line contains, lines of the head, `clientId`s.
    type Page = (&'static str, &'static str, &'static [&'static str]);

    /// A client of a server that has these pages. `BASE` in a head is its address.
    fn client_of(pages: &[Page]) -> Client {
        let pages = pages.to_vec();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        let client = Client::new(&Settings {
            base_url: base.parse().unwrap(),
            loopback: true,
            client_id: "kci_1".to_owned(),
            client_secret: "sk_test.1".into(),
            timeout: Duration::from_secs(5),
            connections: 1,
            stripe: false,
            keys: false,
        });
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let (mut stream, mut request) = (stream.unwrap(), String::new());
                while !request.ends_with("\r\n\r\n") {
                    let mut byte = [0];
                    stream.read_exact(&mut byte).unwrap();
                    request.push(char::from(byte[0]));
                }
                assert!(
                    request.contains("kable-client-secret: sk_test.1"),
                    "{request}"
                );
                let (_, head, ids) = pages.iter().find(|page| request.contains(page.0)).unwrap();
                let ids = ids
                    .iter()
                    .map(|id| format!("{{\"customerId\":\"cus_{id}\",\"clientId\":\"{id}\"}}"));
                let body = format!("[{}]", ids.collect::<Vec<_>>().join(","));
                let head = head.replace("BASE", &base);
                let answer = format!("HTTP/1.1 200 OK\r\nConnection: close\r\n{head}\r\n{body}");
                stream.write_all(answer.as_bytes()).unwrap();
            }
        });
        client.unwrap()
    }

    /// Reads all pages: the bodies, and what is known at the end.
    async fn read(mut pages: CustomerPages) -> (String, PageEnd) {
        let mut text = String::new();
        loop {
            let add = |body: &[u8]| text.push_str(&String::from_utf8_lossy(body));
            let Preflight::Good(end) = pages.read(add).await.reply else {
                panic!("no page");
            };
            if end != PageEnd::More {
                return (text, end);
            }
        }
    }

    const FIRST: &str = "GET /api/v1/customers HTTP";

    #[tokio::test]
    async fn every_page_is_read_once_and_in_order() {
        let client = client_of(&[
            (
                FIRST,
                "Link: <BASE/api/v1/customers?page=1>; rel=prev\r\n\
                 Link: <BASE/api/v1/customers?page=2#x>; rel=\"next\"\r\nX-Total-Count: 4\r\n",
                &["c-1", "c-2"],
            ),
            (
                "page=2 ",
                "Link: <?page=3>; rel=next\r\nX-Total-Count: 9\r\n",
                &[],
            ),
            ("page=3 ", "Link: <?page=1>; rel=first\r\n", &["c-3", "c-4"]),
        ]);
        let (text, end) = read(client.customer_pages()).await;
        assert_eq!(end, PageEnd::Whole);
        let places: Vec<_> = ["\"c-1", "\"c-2", "\"c-3", "\"c-4"]
            .map(|id| text.find(id))
            .into();
        assert!(
            places.is_sorted() && places.iter().all(Option::is_some),
            "{text}"
        );
        assert_eq!(text.matches("cus_").count(), 4, "{text}");
    }

    /// Lists of which a part is missing, and what is said of each.
    const PARTIAL: &[(&[Page], &str)] = &[
        (
            &[(FIRST, "X-Total-Count: 20\r\n", &["c-1", "c-2"])],
            "2 of 20 customers were read: x-total-count",
        ),
        (
            &[
                (
                    FIRST,
                    "Link: <?page=2>; rel=next\r\nTotal-Count: 3\r\n",
                    &["c-1"],
                ),
                ("page=2 ", "", &["c-2"]),
            ],
            "2 of 3 customers",
        ),
        (
            &[(
                FIRST,
                "Link: <http://127.0.0.1:1/customers>; rel=next\r\n",
                &[],
            )],
            "at http://127.0.0.1:1,",
        ),
        (
            &[(FIRST, "Link: <//sk_test.1.example/>; rel=next\r\n", &[])],
            "credentials are not sent there",
        ),
        (
            &[(FIRST, "Link: <http://u:p@127.0.0.1:1/>; rel=next\r\n", &[])],
            "credentials are not sent there",
        ),
        (
            &[(FIRST, "Link: <http://[>; rel=next\r\n", &[])],
            "is no URL",
        ),
        (
            &[(FIRST, "Content-Range: customers 0-0/20\r\n", &["c-1"])],
            "1 of 20 customers were read: content-range",
        ),
        (
            &[(FIRST, "Content-Range: customers 0-0/*\r\n", &["c-1"])],
            "there may be more customers than the 1 that were read",
        ),
        (
            &[(FIRST, "X-Has-More: true\r\n", &["c-1"])],
            "there are more customers than the 1 that were read: x-has-more says so",
        ),
        (
            &[
                (FIRST, "Link: <?page=2>; rel=next\r\n", &["c-1"]),
                ("page=2 ", "X-Total-Pages: 3\r\n", &["c-2"]),
            ],
            "x-total-pages says so",
        ),
        (
            &[(FIRST, "Link: <>; rel=next\r\n", &["c-1"])],
            "there are more customers than the 1 that were read: its pages go round",
        ),
        (
            &[
                (FIRST, "Link: <?page=2>; rel=next\r\n", &["c-1"]),
                (
                    "page=2 ",
                    "Link: <BASE/api/v1/customers>; rel=next\r\n",
                    &["c-2"],
                ),
            ],
            "go round in a circle",
        ),
    ];

    /// Else the customers that were not read would be created a second time.
    #[tokio::test]
    async fn a_list_of_which_a_part_is_missing_is_never_whole() {
        for (pages, wanted) in PARTIAL {
            let client = client_of(pages);
            let (_, end) = read(client.customer_pages()).await;
            let (PageEnd::Short(why) | PageEnd::DeadEnd(why)) = end else {
                panic!("{wanted}: {end:?}");
            };
            assert!(why.contains(wanted) && !why.contains("sk_test"), "{why}");
            let found = client.find_in_list(&["c-7".to_owned()]).await.reply;
            let trouble = found.expect_err(wanted);
            assert_eq!(trouble.status, Some(200), "{wanted}");
            assert!(trouble.message.contains(wanted), "{trouble:?}");
        }
    }

    #[tokio::test]
    async fn headers_of_a_whole_list_do_not_make_it_a_part() {
        for head in [
            "X-Has-More: false\r\nX-Next-Page: \r\nX-Total-Pages: 1\r\n",
            "X-Total-Count: 1\r\nX-Next-Offset: 1\r\n",
            "Content-Range: customers 0-0/1\r\nX-Total-Count: 1\r\n",
        ] {
            let pages: &[Page] = &[(FIRST, Box::leak(head.to_owned().into_boxed_str()), &["c-1"])];
            let (_, end) = read(client_of(pages).customer_pages()).await;
            assert_eq!(end, PageEnd::Whole, "{head}");
        }
    }

    /// Each page links to another one, for ever.
    #[tokio::test]
    async fn empty_pages_without_an_end_are_a_dead_end() {
        let text = |text: String| -> &'static str { Box::leak(text.into_boxed_str()) };
        let mut pages: Vec<Page> = (1..20)
            .map(|page| {
                let next = format!("Link: <?page={}>; rel=next\r\n", page + 1);
                (text(format!("page={page} ")), text(next), &[][..])
            })
            .collect();
        pages.push((FIRST, "Link: <?page=1>; rel=next\r\n", &["c-1"]));
        let (_, end) = read(client_of(&pages).customer_pages()).await;
        let why = "there are more customers than the 1 that were read: its last 10 pages are empty";
        assert_eq!(end, PageEnd::DeadEnd(why.to_owned()));
    }

    /// One that moved from the first page to the second: another one is on none.
    #[tokio::test]
    async fn no_customer_is_absent_from_pages_of_which_one_is_on_two() {
        let client = client_of(&[
            (
                FIRST,
                "Link: <?page=2>; rel=next\r\nX-Total: 3\r\n",
                &["c-1"],
            ),
            ("page=2 ", "", &["c-1", "c-2"]),
        ]);
        let found = client.find_in_list(&["c-3".to_owned()]).await.reply;
        let trouble = found.expect_err("c-3 may be on none of them");
        assert!(trouble.message.contains("listed twice"), "{trouble:?}");
    }

    #[tokio::test]
    async fn a_customer_of_the_last_page_is_found() {
        let client = client_of(&[
            (FIRST, "Link: <?page=2>; rel=next\r\n", &["c-1"]),
            ("page=2 ", "", &["a/2"]),
        ]);
        let ids = ["a/2", "a/3"].map(str::to_owned);
        let found = client.find_in_list(&ids).await.reply.unwrap();
        assert!(
            matches!(found[..], [LookUpReply::There { .. }, LookUpReply::Absent]),
            "{found:?}"
        );
    }
}
