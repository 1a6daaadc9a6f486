//! The table "What each response means" of `docs/guarantees.md`, for responses that arrive:
//! one test for each of its lines, one entry for every status and every odd body.

use std::time::Duration;

use serde_json::json;

use crate::common::answers::{DOUBTS, PAGE, REFUSALS, endless, unreadable};
use crate::common::raw::{Act, Ask, DATE, Raw, SOON, Then, created, raw, says, says_with};
use crate::common::table::{
    ASKED_AGAIN, CONTRADICTED, CREATED, DIFFERS, EXISTED, FAILED, FOUND, Line, NOT_DONE, SAME,
    SENT_AGAIN, create, hold, look_up,
};
use crate::common::{Run, rows};

fn head(lines: &str) -> String {
    format!("HTTP/1.1 201 Created\r\nDate: {DATE}\r\n{lines}\r\n")
}

/// Bodies with our `clientId` and a `customerId`, whatever else they contain.
fn odd_customers() -> Vec<(&'static str, &'static str)> {
    vec![
        ("whole", "CUSTOMER"),
        ("a byte-order mark and blanks", "\u{feff}\r\n CUSTOMER \n"),
        (
            "the two ids and nothing else",
            r#"{"clientId":"CLIENT","customerId":"cus_1"}"#,
        ),
        (
            "unknown members",
            r#"{"customerId":"cus_1","object":{"clientId":"c-0"},"clientId":"CLIENT","v":[[1,{}]]}"#,
        ),
        (
            "a message beside it",
            r#"{"message":"error?","customerId":"cus_1","clientId":"CLIENT"}"#,
        ),
        (
            "nulls",
            r#"{"customerId":"cus_1","clientId":"CLIENT","companyName":null,"currency":null,
               "status":null,"plans":null,"bundles":null,"billingContact":null,"created":null,
               "keys":null}"#,
        ),
        (
            "other types",
            r#"{"customerId":"cus_1","clientId":"CLIENT","companyName":1,"currency":["USD"],
               "status":{"is":"ACTIVE"},"plans":"none","bundles":{},"billingContact":[],
               "created":[1646092800],"keys":true}"#,
        ),
        (
            "other types within",
            r#"{"customerId":"cus_1","clientId":"CLIENT","plans":["pln_1",null,{"planId":5}],
               "bundles":[{"bundleId":{}}],"billingContact":{"email":7},"created":"yesterday",
               "keys":[null,"k",{"key":5},{"name":"x"}]}"#,
        ),
    ]
}

#[test]
fn two_hundreds_with_the_customer_in_them() {
    let mut lines = Vec::new();
    for status in ["200 OK", "201 Created", "202 Accepted", "226 IM Used"] {
        for (what, body) in odd_customers() {
            lines.push(create(
                format!("{status}, {what}"),
                says(status, body).done(),
                CREATED,
            ));
        }
    }
    let odd_answers = [
        (
            "after 100 Continue",
            raw(&format!(
                "HTTP/1.1 100 Continue\r\n\r\n{}{{\"customerId\":\"cus_1\",\"clientId\":\"CLIENT\"}}",
                head("Connection: close\r\n")
            ))
            .then(Then::Close),
        ),
        (
            "after 103 Early Hints",
            raw(&format!(
                "HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n{}CUSTOMER",
                head("Connection: close\r\n")
            ))
            .then(Then::Close),
        ),
        (
            "HTTP/1.0 until the connection ends",
            raw(&format!("HTTP/1.0 200 OK\r\nDate: {DATE}\r\n\r\nCUSTOMER")).then(Then::Close),
        ),
        (
            "no reason, no blanks, strange cases",
            raw("HTTP/1.1 201\r\ncONTENT-lENGTH:LENGTH\r\nX:\r\n\r\nCUSTOMER"),
        ),
        ("in chunks", created().chunked()),
        (
            "byte by byte",
            created().slow(Duration::from_millis(1)),
        ),
        (
            "called a page",
            says_with("201 Created", "Content-Type: text/html\r\n", "CUSTOMER"),
        ),
        (
            "headers that say nothing",
            says_with(
                "201 Created",
                "Retry-After: soon\r\nX-Request-Id: \r\nSet-Cookie: a=b\r\nX-Odd: \u{e9}\r\n",
                "CUSTOMER",
            ),
        ),
    ];
    lines.extend(odd_answers.map(|(what, act)| create(what, act.done(), CREATED)));
    hold(&lines, "");
}

#[test]
fn two_hundreds_without_it() {
    let mut lines = Vec::new();
    for (what, body) in unreadable() {
        lines.push(create(
            format!("{what}, done"),
            says("201 Created", &body).done(),
            FOUND,
        ));
        lines.push(create(
            format!("{what}, not done"),
            says("200 OK", &body),
            SENT_AGAIN,
        ));
    }
    for (what, act) in [
        ("204", says("204 No Content", "")),
        ("202 and a word", says("202 Accepted", r#"{"queued":true}"#)),
        (
            "compressed without a request for it",
            says_with(
                "201 Created",
                "Content-Encoding: gzip\r\n",
                "\u{1f}\u{8b}\u{8}",
            ),
        ),
        (
            "a length that is too short",
            raw(&head("Content-Length: 20\r\n").replace("\r\n\r\n", "\r\n\r\nCUSTOMER")),
        ),
    ] {
        lines.push(create(what, act.done(), FOUND));
    }
    hold(&lines, "");
}

#[test]
fn refusals() {
    let mut lines = Vec::new();
    for status in REFUSALS {
        // The client follows no redirect, and on other statuses the header means nothing.
        let elsewhere = "Location: /api/v1/customers/create\r\n";
        let no = || says_with(status, elsewhere, r#"{"message":"no to CLIENT"}"#);
        let fate = match status {
            // It may not be the API's response.
            "404 Not Found" | "405 Method Not Allowed" => SENT_AGAIN,
            "409 Conflict" => CONTRADICTED,
            _ => FAILED,
        };
        lines.push(create(format!("{status}, not there"), no(), fate));
        lines.push(create(format!("{status}, there"), no(), EXISTED).there(SAME));
        lines.push(create(format!("{status}, another one there"), no(), DIFFERS).there("Other"));
    }
    let bodies = [
        ("no body", says("400 Bad Request", "")),
        ("a megabyte and more", says("400 Bad Request", &endless())),
        (
            "a megabyte and more of a redirect",
            says_with("302 Found", "Location: /there\r\n", &endless()),
        ),
        (
            "cut off",
            says("422 Unprocessable Content", r#"{"message":"no"}"#)
                .short(5)
                .then(Then::Close),
        ),
        (
            "a redirect cut off",
            says_with("302 Found", "Location: /there\r\n", PAGE)
                .short(5)
                .then(Then::Close),
        ),
        (
            "a redirect to nowhere",
            says_with("302 Found", "Location: ::::\r\n", ""),
        ),
    ];
    for (what, act) in bodies {
        lines.push(create(what, act.clone(), FAILED));
        lines.push(create(format!("{what}, there"), act, EXISTED).there(SAME));
    }
    let page = || says("400 Bad Request", PAGE);
    lines.push(create("a page", page(), SENT_AGAIN));
    lines.push(create("a page, there", page(), EXISTED).there(SAME));
    hold(&lines, "");
}

#[test]
fn a_duplicate_may_be_told_with_any_status() {
    let told = ["200 OK", "400 Bad Request", "409 Conflict"];
    let lines: Vec<Line> = told
        .into_iter()
        .chain(DOUBTS)
        .flat_map(|status| {
            let exists = || says(status, r#"{"message":"it exists"}"#);
            [
                create(status, exists(), EXISTED).there(SAME),
                create(status, exists(), DIFFERS).there("Other"),
            ]
        })
        .collect();
    hold(&lines, "");
}

#[test]
fn denials_stop_it_and_fail_nothing() {
    for status in ["401 Unauthorized", "403 Forbidden"] {
        denied(status, vec![says(status, PAGE)], vec![], "pending");
        let lost = raw("").done().then(Then::Reset);
        denied(status, vec![lost], vec![says(status, PAGE)], "unresolved");
        let refused = says("409 Conflict", "");
        denied(
            status,
            vec![refused],
            vec![says(status, PAGE)],
            "unresolved",
        );
    }
}

/// A run that stops at the first row, and the next one, whose key is accepted again.
fn denied(status: &str, creates: Vec<Act>, lookups: Vec<Act>, outcome: &str) {
    let asks = !lookups.is_empty();
    let acts = [(Ask::Create, creates), (Ask::LookUp, lookups)];
    let acts = acts.map(|(ask, acts)| (ask, "c-1".to_owned(), acts));
    let server = Raw::start(1024, acts);
    // The key is accepted at the start, and no longer when the row is refused.
    server.authenticates([says("200 OK", "{}"), says(status, "{}")]);
    let run = Run::new().credentials().input("in.csv", rows(3));
    let url = server.url();
    let line = format!("import in.csv --base-url {url} --concurrency 1");
    run.go(&line).code(1).says("credentials").says("hint: ");
    assert_eq!(run.result("in.csv", "c-1")["outcome"], outcome, "{status}");
    assert_eq!(run.result("in.csv", "c-3")["outcome"], "pending");
    assert_eq!(server.calls("c-3"), "");
    run.go(&line).code(0);
    let calls = server.calls("c-1");
    // A row for which a request may have been sent is looked up first.
    let wanted = if asks {
        "create lookup lookup"
    } else {
        "create lookup create"
    };
    assert!(calls.starts_with(wanted), "{status}: {calls}");
    for id in ["c-1", "c-2", "c-3"] {
        assert_eq!(server.times_created(id), 1, "{status}");
    }
}

#[test]
fn throttles() {
    let no = |head: &str, body: &str| says_with("429 Too Many Requests", head, body);
    let held = hold(
        &[
            create("without a wait", no("", ""), NOT_DONE),
            create("a bad wait", no("Retry-After: -1\r\n", ""), NOT_DONE),
            create("no wait", no("Retry-After: 0\r\n", ""), NOT_DONE),
            create("a page", no("", PAGE), NOT_DONE),
            look_up("a question", no("", ""), ASKED_AGAIN),
        ],
        "",
    );
    assert_eq!(held.run.summary("in.csv").requests("throttled"), 5);
}

/// Each alone, because a pause applies to all requests.
#[test]
fn throttles_that_ask_for_a_wait() {
    let no = |head: &str, body: &str| says_with("429 Too Many Requests", head, body);
    let seconds = "Retry-After: 1\r\n";
    let date = &format!("Retry-After: {SOON}\r\n");
    for (line, n) in [
        (create("seconds", no(seconds, ""), NOT_DONE), 1),
        (create("a date", no(date, ""), NOT_DONE), 1),
        (create("endless", no(seconds, &endless()), NOT_DONE), 1),
        (
            create(
                "cut off",
                no(date, PAGE).short(9).then(Then::Close),
                NOT_DONE,
            ),
            1,
        ),
        (look_up("a question", no(seconds, ""), ASKED_AGAIN), 2),
    ] {
        let gap = hold(&[line], "").server.gap("c-1", n);
        assert!(gap >= Duration::from_secs(1), "{gap:?}");
    }
}

#[test]
fn server_errors() {
    let mut lines = Vec::new();
    for status in DOUBTS {
        let no = || says(status, r#"{"message":"oh no"}"#);
        lines.push(create(format!("{status}, not done"), no(), SENT_AGAIN));
        lines.push(create(format!("{status}, done"), no().done(), FOUND));
    }
    for (what, act) in [
        ("a page", says("502 Bad Gateway", PAGE)),
        ("no body", says("503 Service Unavailable", "")),
        (
            "a megabyte and more",
            says("500 Internal Server Error", &endless()),
        ),
        (
            "cut off",
            says("500 Internal Server Error", PAGE)
                .short(9)
                .then(Then::Close),
        ),
    ] {
        lines.push(create(what, act.clone(), SENT_AGAIN));
        lines.push(create(format!("{what}, done"), act.done(), FOUND));
    }
    hold(&lines, "");
}

#[test]
fn a_server_error_that_asks_for_a_wait_gets_it() {
    let down = |body: &str| says_with("503 Service Unavailable", "Retry-After: 1\r\n", body);
    let whole = || down("");
    let mut lines = vec![
        create("whole", whole(), SENT_AGAIN),
        create("a megabyte and more", down(&endless()), SENT_AGAIN),
        create("cut off", down(PAGE).short(9).then(Then::Close), SENT_AGAIN),
    ];
    // Enough of them are an outage, which ends no sooner.
    lines.extend((0..9).map(|_| create("an outage", whole(), SENT_AGAIN)));
    let held = hold(&lines, "");
    for number in 1..=lines.len() {
        let gap = held.server.gap(&format!("c-{number}"), 1);
        assert!(gap >= Duration::from_secs(1), "c-{number}: {gap:?}");
    }
}

#[test]
fn no_answer_that_http_knows() {
    let acts: [(&str, Act); 9] = [
        ("no status line", raw("what?\r\n\r\n")),
        ("a status of letters", raw("HTTP/1.1 abc OK\r\n\r\n")),
        ("a status below all", raw("HTTP/1.1 099 Low\r\n\r\n")),
        ("another protocol", raw("ICY 200 OK\r\n\r\n")),
        ("a later HTTP", raw("HTTP/3.0 201 Created\r\n\r\n")),
        (
            "a header without a colon",
            raw("HTTP/1.1 201 Created\r\nbad header\r\n\r\n"),
        ),
        (
            "two lengths",
            raw("HTTP/1.1 201 Created\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nCUSTOMER"),
        ),
        (
            "a length of letters",
            raw("HTTP/1.1 201 Created\r\nContent-Length: five\r\n\r\nCUSTOMER"),
        ),
        (
            "a chunk of no length",
            raw("HTTP/1.1 201 Created\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\nCUSTOMER"),
        ),
    ];
    let lines: Vec<Line> = acts
        .into_iter()
        .flat_map(|(what, act)| {
            let act = act.then(Then::Close);
            [
                create(what, act.clone(), SENT_AGAIN),
                create(format!("{what}, done"), act.done(), FOUND),
            ]
        })
        .collect();
    hold(&lines, "");
}

/// Another server than the API, or another version of it.
#[test]
fn an_api_whose_answers_cannot_be_read_is_not_waited_for() {
    let many = 40;
    let envelope = r#"{"customer":CUSTOMER}"#;
    let acts = (1..=many).flat_map(|number| {
        let id = format!("c-{number}");
        let create = says("201 Created", envelope).done();
        [
            (Ask::Create, id.clone(), vec![create]),
            (Ask::LookUp, id, vec![says("200 OK", envelope); 9]),
        ]
    });
    let server = Raw::start(1024, acts);
    let run = Run::new().credentials().input("in.csv", rows(many));
    let url = server.url();
    run.go(&format!("import in.csv --base-url {url} --yes"))
        .code(5)
        .says("Stopped: the first answers about customers can't be read (status 200 with a body");
    assert_eq!(run.summary("in.csv").0["stop_reason"], "unreadable_answers");
    let created = |number| server.times_created(&format!("c-{number}"));
    let created: usize = (1..=many).map(created).sum();
    assert!(created < many / 2, "{created}");
}

#[test]
fn keys_in_another_form_are_kept() {
    let keys = r#""keys":{"TEST":"sk_test.1","LIVE":{"secret":"sk_live.1"}}"#;
    let body = format!(r#"{{"clientId":"CLIENT","customerId":"cus_1",{keys}}}"#);
    let act = says("201 Created", &body).done();
    let server = Raw::start(1024, [(Ask::Create, "c-1".to_owned(), vec![act])]);
    let run = Run::new().credentials().input("in.csv", rows(1));
    run.go(&format!("import in.csv --keys --base-url {}", server.url()))
        .code(0)
        .keeps_to_itself("sk_live.1");
    let kept = run.text("in.csv.results/keys.csv");
    assert_eq!(kept.lines().count(), 3, "{kept}");
}

#[test]
fn a_run_whose_first_creates_return_no_keys_stops() {
    let server = Raw::start(1024, []);
    let run = Run::new().credentials().input("in.csv", rows(50));
    let import = format!(
        "import in.csv --keys --concurrency 1 --base-url {}",
        server.url()
    );
    run.go(&import)
        .code(5)
        .says("the answers to the first 3 creates have no key that can be read (--keys)")
        .says("the answer to its create has no key that can be read: issue new ones");
    let summary = run.summary("in.csv");
    summary.outcomes(&[("created", 3), ("pending", 47)]);
    assert_eq!(summary.0["stop_reason"], "no_keys");
    assert_eq!(summary.lines_of("keys_lost"), [2, 3, 4]);
    run.go(&import.replace("--keys", "")).code(0);
}

/// A server that keeps ids in another form, without a look at those that it has.
#[test]
fn a_row_whose_customer_is_held_under_another_id_is_created_once() {
    let other = json!({
        "customerId": "cus_other", "clientId": "c-lo", "companyName": "Co", "currency": "USD",
        "status": "ACTIVE", "created": "2999-01-01T00:00:00.000Z",
    });
    let (made, shown) = (other.to_string(), says("200 OK", &other.to_string()));
    let server = Raw::start(
        64,
        [
            (
                Ask::Create,
                "c-long".to_owned(),
                vec![says("201 Created", &made); 4],
            ),
            (Ask::LookUp, "cus_other".to_owned(), vec![shown; 4]),
        ],
    );
    let text = "clientId,companyName,currency\nc-long,Co,USD\n";
    let run = Run::new().credentials().input("in.csv", text);
    let base = format!("--base-url {} --settle 1s --yes", server.url());
    let creates = || server.calls("c-long").matches("create").count();
    for (edit, more) in [("Co", ""), ("Company", ""), ("Company", "--retry-failed")] {
        run.write("in.csv", text.replace("Co,", &format!("{edit},")));
        run.go(&format!("import in.csv {base} {more}")).code(3);
        let result = run.result("in.csv", "c-long");
        assert_eq!(result["outcome"], "failed");
        assert_eq!(result["customerId"], "cus_other");
        let failures = run.text("in.csv.results/failures.csv");
        let says = "the answer is about another customer, \"\"c-lo\"\"; look there";
        assert!(failures.contains(says), "{failures}");
        assert_eq!(creates(), 1);
    }
    run.go(&format!("rollback in.csv {base}"))
        .code(0)
        .says("c-long (cus_other)")
        .says("it is not proved that this checkpoint created it");
}
