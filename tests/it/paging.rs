//! A list of customers that comes in pages, or as one page of several: no customer that was
//! not read is taken for a new one.

use crate::common::Run;
use crate::common::raw::{Raw, says, says_with};

const FIRST: &str = "GET /api/v1/customers HTTP";

/// Two customers of this number and the next.
fn page(number: u32) -> String {
    let customer = |number| {
        format!(
            "{{\"customerId\":\"cus_{number}\",\"clientId\":\"c-{number}\",\"companyName\":\
             \"Company {number}\",\"currency\":\"USD\",\"status\":\"ACTIVE\",\"plans\":[],\
             \"bundles\":[],\"created\":\"2001-01-01T00:00:00.000Z\"}}"
        )
    };
    format!("[{},{}]", customer(number), customer(number + 1))
}

/// A run with the customers 1 to 4, and a server of whose list the first page is this.
fn first_page(head: &str) -> (Run, Raw) {
    let rows = (1..=4).map(|number| format!("c-{number},Company {number},USD\n"));
    let text = format!(
        "clientId,companyName,currency\n{}",
        rows.collect::<String>()
    );
    let server = Raw::start(16, []);
    server.answers(FIRST, says_with("200 OK", head, &page(1)));
    for (call, answer) in [("/plans", "[]"), ("/bundles", "[]")] {
        server.answers(call, says("200 OK", answer));
    }
    (Run::new().credentials().input("in.csv", text), server)
}

fn requests(server: &Raw, part: &str) -> usize {
    let heads = server.heads().into_iter();
    heads.filter(|(_, head)| head.contains(part)).count()
}

#[test]
fn all_pages_of_the_list_are_read() {
    let (run, server) = first_page("Link: <?page=2>; rel=\"next\"\r\nX-Total-Count: 4\r\n");
    server.answers("page=2 ", says("200 OK", &page(3)));
    let url = server.url();
    run.go(&format!("verify in.csv --base-url {url}")).code(0);
    run.go(&format!("sync in.csv --base-url {url} --yes"))
        .code(0);
    run.summary("in.csv").outcomes(&[("unchanged", 4)]);
    assert_eq!(requests(&server, "page=2 "), 2);
    assert_eq!(requests(&server, "/create"), 0);
}

#[test]
fn a_list_that_ends_too_early_is_refused() {
    let (run, server) = first_page("X-Total-Count: 4\r\n");
    let url = server.url();
    let sync = format!("sync in.csv --base-url {url} --max-changes 100% --yes");
    let why = "(2 of 4 customers were read: x-total-count says that there are more)";
    run.go(&sync)
        .refuses(1, &["the customers could not be listed", why])
        .hints("run the same command again later: nothing was sent");
    assert_eq!(requests(&server, FIRST), 2);
    assert_eq!(requests(&server, "/create"), 0);
}

#[test]
fn the_credentials_go_to_no_other_server_for_a_page() {
    let other = Raw::start(16, []);
    let (run, server) = first_page(&format!("Link: <{}/page>; rel=next\r\n", other.url()));
    let url = server.url();
    for command in [
        "sync --max-changes 100% --yes",
        "verify",
        "validate --online",
    ] {
        let why = "there are more customers than the 2 that were read: the next page is at http://127.0.0.1:";
        run.go(&format!("{command} in.csv --base-url {url}"))
            .refuses(1, &[why])
            .hints("check --base-url");
    }
    assert_eq!(requests(&server, FIRST), 3);
    assert_eq!(requests(&server, "/create"), 0);
    assert_eq!(other.heads().len(), 0);
}

/// Pages by offset, of a list that changes while it is read: the sum is right, and one
/// customer is on two pages, another on none.
#[test]
fn a_list_with_a_customer_on_two_pages_is_refused() {
    let (run, server) = first_page("Link: <?page=2>; rel=\"next\"\r\nX-Total-Count: 4\r\n");
    server.answers("page=2 ", says("200 OK", &page(2)));
    let url = server.url();
    run.go(&format!(
        "sync in.csv --base-url {url} --max-changes 100% --yes"
    ))
    .refuses(
        1,
        &["a customer is listed twice: it changed while it was read"],
    )
    .hints("run the same command again later: nothing was sent");
    assert_eq!(requests(&server, "page=2 "), 2);
    assert_eq!(requests(&server, "/create"), 0);
}

#[test]
fn a_partial_answer_is_not_the_whole_list() {
    let (run, server) = first_page("");
    for head in ["Content-Range: 0-1/4\r\n", "Content-Range: 0-1/*\r\n", ""] {
        server.answers(FIRST, says_with("206 Partial Content", head, &page(1)));
        let verify = format!("verify in.csv --base-url {}", server.url());
        run.go(&verify)
            .refuses(1, &["the customers could not be listed"]);
    }
}

/// A page that gets no answer does not cost the pages before it.
#[test]
fn a_page_that_is_refused_for_a_while_is_requested_again() {
    let (run, server) = first_page("Link: <?page=2>; rel=next\r\n");
    server.answers("page=2 ", says("503 Service Unavailable", "{}"));
    let verify = format!("verify in.csv --base-url {}", server.url());
    run.go(&verify)
        .refuses(1, &["the customers could not be listed (status 503"]);
    assert_eq!(
        (requests(&server, FIRST), requests(&server, "page=2 ")),
        (1, 4)
    );
}
