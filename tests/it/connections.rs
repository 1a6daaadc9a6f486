//! The table "What each response means" of `docs/guarantees.md`, for connections: every way
//! in which one can fail to open or break, at every moment of a request.

use std::time::Duration;

use crate::common::raw::{Act, Ask, Door, Raw, Then, created, raw, says, says_with};
use crate::common::table::{
    ASKED_AGAIN, CREATED, EXISTED, FAILED, FOUND, Line, SAME, SENT_AGAIN, create, hold, look_up,
};
use crate::common::{Run, rows};

/// Acts after which nothing is known, and nothing was done yet.
fn breaks() -> Vec<(&'static str, Act)> {
    let half = || raw("HTTP/1.1 201 Cre");
    vec![
        ("closed", raw("").then(Then::Close)),
        ("reset", raw("").then(Then::Reset)),
        ("closed in the head", half().then(Then::Close)),
        ("reset in the head", half().then(Then::Reset)),
        (
            "closed in the body",
            created_not().short(30).then(Then::Close),
        ),
        (
            "reset in the body",
            created_not().short(30).then(Then::Reset),
        ),
        (
            "closed in a chunk",
            created_not().chunked().short(40).then(Then::Close),
        ),
        (
            "closed before the last chunk",
            created_not().chunked().short(20).then(Then::Close),
        ),
        (
            "closed without a length, in the body",
            raw("HTTP/1.0 200 OK\r\n\r\nCUSTOMER")
                .short(30)
                .then(Then::Close),
        ),
        (
            "a length that is too long",
            raw("HTTP/1.1 201 Created\r\nContent-Length: 5000\r\n\r\nCUSTOMER").then(Then::Close),
        ),
    ]
}

/// Acts that take longer than any time-out.
fn hangs() -> Vec<(&'static str, Act)> {
    vec![
        ("while waiting", raw("").then(Then::Hang)),
        ("in the head", raw("HTTP/1.1 201 Cre").then(Then::Hang)),
        ("in the body", created_not().short(30).then(Then::Hang)),
        (
            "in a chunk",
            created_not().chunked().short(40).then(Then::Hang),
        ),
        (
            "in a body that drips too slowly",
            created_not().slow(Duration::from_millis(200)),
        ),
        (
            "in a head that drips for ever",
            raw(&format!("HTTP/1.1 201 Created\r\nX: {}", "x".repeat(9000)))
                .slow(Duration::from_millis(10)),
        ),
    ]
}

/// The correct response to a create, although nothing was created.
fn created_not() -> Act {
    says("201 Created", "CUSTOMER")
}

fn broken_at_every_moment(acts: &[(&'static str, Act)], options: &str) {
    let mut lines = Vec::new();
    for (what, act) in acts {
        let act = || act.clone();
        lines.push(create(format!("{what}, not done"), act(), SENT_AGAIN));
        lines.push(create(format!("{what}, done"), act().done(), FOUND));
        lines.push(create(format!("{what}, there"), act(), EXISTED).there(SAME));
        lines.push(look_up(format!("{what}, look-up"), act(), ASKED_AGAIN));
    }
    hold(&lines, options);
}

#[test]
fn closed_and_reset() {
    broken_at_every_moment(&breaks(), "");
}

#[test]
fn time_outs() {
    broken_at_every_moment(&hangs(), "--timeout 2s");
}

#[test]
fn a_drip_within_the_time_out_is_an_answer() {
    let drip = Duration::from_millis(2);
    hold(
        &[
            create("done", created().slow(drip), CREATED),
            look_up("there", says("200 OK", "CUSTOMER").slow(drip), FOUND),
        ],
        "--timeout 20s",
    );
}

/// A response is a refusal once its status has arrived, whatever happens to its text.
#[test]
fn broken_in_the_text_of_a_refusal() {
    let no = || says("422 Unprocessable Content", r#"{"message":"no"}"#).short(5);
    let lines: [Line; 3] = [
        create("closed", no().then(Then::Close), FAILED),
        create("hangs", no().then(Then::Hang), FAILED),
        create("hangs, there", no().then(Then::Hang), EXISTED).there(SAME),
    ];
    hold(&lines, "--timeout 2s");
}

/// A row whose create is larger than what the sockets' buffers at both ends hold while the
/// server does not read (4 MiB at most with Linux's defaults), and just below the longest
/// row that is read.
fn large_row() -> String {
    let plans: Vec<String> = (0..1000).map(|n| format!("{n:04050}")).collect();
    let plans = plans.join(r#"",""#);
    format!(r#"{{"clientId":"c-1","companyName":"Large","currency":"USD","planIds":["{plans}"]}}"#)
        + "\n"
}

fn sending(act: Act) -> (Raw, Run) {
    let act = act.half_read();
    let server = Raw::start(1024, [(Ask::Create, "c-1".to_owned(), vec![act])]);
    let run = Run::new().credentials().input("in.jsonl", large_row());
    (server, run)
}

#[test]
fn while_sending() {
    let ends = |what: &str, act| {
        let (server, run) = sending(act);
        let url = server.url();
        run.go(&format!("import in.jsonl --base-url {url} --timeout 2s"))
            .code(0);
        assert_eq!(server.calls("c-1"), "create lookup create", "{what}");
        assert_eq!(server.times_created("c-1"), 1, "{what}");
    };
    // Each waits for what it lost to land; they need not wait for each other.
    std::thread::scope(|scope| {
        scope.spawn(|| ends("time-out", raw("").then(Then::Hang)));
        scope.spawn(|| ends("closed", raw("").then(Then::Close)));
        scope.spawn(|| ends("reset", raw("").then(Then::Reset)));
    });
}

/// An import of four rows, one at a time; after the first no connection is accepted for a while.
fn shut_out(door: Door) -> (Raw, Run) {
    let shut = Then::Shut(door, Duration::from_millis(1500));
    let last = says_with("201 Created", "Connection: close\r\n", "CUSTOMER");
    let act = last.done().then(shut);
    let room = if door == Door::Unheard { 1 } else { 1024 };
    let server = Raw::start(room, [(Ask::Create, "c-1".to_owned(), vec![act])]);
    let run = Run::new().credentials().input("in.csv", rows(4));
    let url = server.url();
    run.go(&format!(
        "import in.csv --base-url {url} --rate 4 --concurrency 1 --timeout 2s --max-errors 0"
    ))
    .code(0);
    run.summary("in.csv").outcomes(&[("created", 4)]);
    for id in ["c-1", "c-2", "c-3", "c-4"] {
        assert_eq!(server.times_created(id), 1, "{id}");
    }
    (server, run)
}

/// A request that certainly did not leave needs no look-up.
fn not_sent(door: Door) {
    let (server, run) = shut_out(door);
    for id in ["c-1", "c-2", "c-3", "c-4"] {
        assert_eq!(server.calls(id), "create", "{id}");
    }
    // The second row tried to connect more than once.
    let attempts = run.result("in.csv", "c-2")["attempts"].as_u64().unwrap();
    assert!(attempts > 1, "{attempts}");
    assert_eq!(run.summary("in.csv").requests("throttled"), 0);
}

#[test]
fn refused_for_a_while() {
    not_sent(Door::Refused);
}

#[test]
fn time_out_while_connecting() {
    not_sent(Door::Unheard);
}

#[test]
fn reset_before_anything_was_sent() {
    let (server, _run) = shut_out(Door::Reset);
    for id in ["c-1", "c-2", "c-3", "c-4"] {
        let calls = server.calls(id);
        // Whether anything had left by then is not known.
        assert!(
            ["create", "lookup create"].contains(&&*calls),
            "{id}: {calls}"
        );
    }
}

/// A server may close a connection that it has promised to keep.
#[test]
fn closed_between_two_requests() {
    for then in [Then::Close, Then::Reset] {
        let acts = ["c-1", "c-2", "c-3"].map(|id| {
            let act = created().then(then);
            (Ask::Create, id.to_owned(), vec![act])
        });
        let server = Raw::start(1024, acts);
        let run = Run::new().credentials().input("in.csv", rows(4));
        let line = format!("import in.csv --base-url {} --concurrency 1", server.url());
        // Slow enough for the end to be noticed before the next request leaves.
        run.go(&format!("{line} --rate 4")).code(0);
        run.summary("in.csv").outcomes(&[("created", 4)]);
        for id in ["c-1", "c-2", "c-3", "c-4"] {
            assert_eq!(server.calls(id), "create", "{then:?} {id}");
            assert_eq!(server.times_created(id), 1);
        }
    }
}

/// The end of the connection and the request may come in either order.
#[test]
fn closed_just_as_the_next_request_leaves() {
    for then in [Then::Close, Then::Reset] {
        let acts = (1..=40).map(|number| {
            let act = created().then(then);
            (Ask::Create, format!("c-{number}"), vec![act])
        });
        let server = Raw::start(1024, acts);
        let run = Run::new().credentials().input("in.csv", rows(40));
        let url = server.url();
        run.go(&format!("import in.csv --base-url {url} --rate unlimited"))
            .code(0);
        run.summary("in.csv").outcomes(&[("created", 40)]);
        for number in 1..=40 {
            assert_eq!(server.times_created(&format!("c-{number}")), 1);
        }
    }
}

/// An unsolicited response answers no request: neither a server that says why it
/// closes, nor one that says that the next row is there.
#[test]
fn an_answer_that_nobody_asked_for() {
    let whole = |status: &str, id: usize| {
        let body = format!(r#"{{"customerId":"cus_1","clientId":"c-{id}"}}"#);
        let length = body.len();
        format!("HTTP/1.1 {status}\r\nContent-Length: {length}\r\n\r\n{body}")
    };
    for (more, then) in [
        ("408 Request Timeout", Then::Close),
        ("201 Created", Then::Keep),
    ] {
        let acts = (1..=9).map(|row| {
            let both = whole("201 Created", row) + &whole(more, row + 1);
            let act = raw(&both).done().then(then);
            (Ask::Create, format!("c-{row}"), vec![act])
        });
        let server = Raw::start(1024, acts);
        let run = Run::new().credentials().input("in.csv", rows(10));
        let url = server.url();
        let line = format!("import in.csv --base-url {url} --rate unlimited");
        run.go(&format!("{line} --concurrency 1")).code(0);
        for row in 1..=10 {
            assert_eq!(server.times_created(&format!("c-{row}")), 1, "{more} {row}");
        }
    }
}

#[test]
fn nobody_there_at_the_start() {
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = closed.local_addr().unwrap();
    drop(closed);
    let run = Run::new().credentials().input("in.csv", rows(3));
    run.go(&format!("import in.csv --base-url http://{address}"))
        .refuses(1, &["cannot reach", &address.to_string()])
        .hints("nothing was sent");
}

#[test]
fn no_tls_there() {
    let server = Raw::start(1024, []);
    let run = Run::new().credentials().input("in.csv", rows(3));
    let url = server.url().replace("http:", "https:");
    run.go(&format!("import in.csv --base-url {url}"))
        .refuses(1, &["cannot reach"])
        .hints("nothing was sent");
}
