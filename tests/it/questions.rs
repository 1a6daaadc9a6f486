//! The table "What each response means" of `docs/guarantees.md`, for look-ups: which
//! responses decide whether a customer exists, and a row's outcome while none does.

use crate::common::answers::{DOUBTS, PAGE, REFUSALS, endless, unreadable};
use crate::common::raw::{Act, Ask, Raw, Then, raw, says, says_with};
use crate::common::table::{ASKED_AGAIN, DIFFERS, FOUND, Line, SENT_AGAIN, create, hold, look_up};
use crate::common::{Run, rows};

#[test]
fn answers_to_the_question() {
    let mut lines: Vec<Line> = unreadable()
        .into_iter()
        .map(|(what, body)| {
            // A response about another customer leads to the list of all customers.
            let fate = if what.ends_with(" customer") {
                FOUND
            } else {
                ASKED_AGAIN
            };
            look_up(what, says("200 OK", &body), fate)
        })
        .collect();
    let refusals = REFUSALS
        .into_iter()
        .filter(|status| !status.starts_with("404"));
    for status in refusals.chain(DOUBTS) {
        lines.push(look_up(status, says(status, "{}"), ASKED_AGAIN));
    }
    let there =
        r#"{"customerId":"cus_1","clientId":"CLIENT","companyName":"Company 0","currency":"USD"}"#;
    lines.push(look_up("another company", says("200 OK", there), DIFFERS));
    // Odd values are not compared, and prove no ownership.
    let odd = r#"{"customerId":"cus_1","clientId":"CLIENT","companyName":"COMPANY","currency":"USD",
        "status":null,"plans":[null],"bundles":7,"billingContact":"x","created":1646092800}"#;
    let existed = ("create lookup", "already_existed");
    lines.push(look_up("odd members", says("200 OK", odd), existed));
    lines.push(look_up(
        "by 203, and zipped by name only",
        says_with(
            "203 Non-Authoritative Information",
            "Content-Encoding: gzip\r\n",
            "CUSTOMER",
        ),
        FOUND,
    ));
    hold(&lines, "");
}

#[test]
fn a_404_to_the_question_is_believed_whatever_its_body() {
    let gone = |body: &str| says("404 Not Found", body);
    let lost = || says("500 Internal Server Error", "");
    let acts = [
        ("no body", gone("")),
        ("a page", gone(PAGE)),
        ("a megabyte and more", gone(&endless())),
        ("cut off", gone(PAGE).short(9).then(Then::Close)),
    ];
    hold(
        &acts.map(|(what, act)| create(what, lost(), SENT_AGAIN).asked([act])),
        "",
    );
}

#[test]
fn a_question_that_is_never_answered_stays_one_until_the_next_run() {
    let unresolved = ("create lookup lookup lookup", "unresolved");
    let no = says("422 Unprocessable Content", "");
    let creates = [
        ("refused", no.clone()),
        ("in doubt, done", says("200 OK", "").done()),
        ("in doubt, not done", says("200 OK", "")),
    ];
    let asked = [
        ("refused", no),
        ("not told", says("200 OK", "{}")),
        ("timed out", says("408 Request Timeout", "")),
    ];
    let mut lines = Vec::new();
    for (what, act) in &creates {
        for (how, answer) in &asked {
            let what = format!("{what}, the question {how}");
            let answers = std::iter::repeat_n(answer.clone(), 3);
            lines.push(create(what, act.clone(), unresolved).asked(answers));
        }
    }
    let held = hold(&lines, "--retries 2");
    let url = held.server.url();
    held.run
        .go(&format!("import in.csv --base-url {url}"))
        .code(0);
    for number in 1..=lines.len() {
        let id = format!("c-{number}");
        let calls = held.server.calls(&id);
        let wanted = "create lookup lookup lookup lookup";
        assert!(calls.starts_with(wanted), "{id}: {calls}");
        assert_eq!(held.server.times_created(&id), 1, "{id}");
    }
}

/// A create is sent again once for each of `--retries`, and never without a look-up.
#[test]
fn a_create_that_is_lost_again_and_again() {
    let line = |what, act: Act, outcome| {
        let fate = ("create lookup create lookup create lookup", outcome);
        hold(
            &[create(what, act.clone(), fate).again([act.clone(), act])],
            "--retries 2",
        );
    };
    // The row may not be at fault, and no other row shows that creates work.
    line("reset", raw("").then(Then::Reset), "unresolved");
    line("without a body", says("201 Created", ""), "unresolved");
    line("408", says("408 Request Timeout", ""), "unresolved");
    line(
        "a proxy's 500",
        says("500 Internal Server Error", PAGE),
        "unresolved",
    );
    // The API's own word.
    let failing = r#"{"message":"it is broken"}"#;
    line("500", says("500 Internal Server Error", failing), "failed");
}

/// Customers in the list that can't be read, with this `clientId` if it can.
fn unreadable_in_list(client_id: &str) -> [String; 3] {
    [
        format!(r#"{{"customerId":"cus_1","clientId":"{client_id}","companyName":"A\tB"}}"#),
        format!(r#"{{"customerId":null,"clientId":"{client_id}"}}"#),
        format!(r#"{{"customerId":"cus_1","clientId":"{client_id}","clientId":"{client_id}"}}"#),
    ]
    .map(|entry| entry.replace("\\t", "\t"))
}

/// An id with a slash is only absent if the list lacks it.
#[test]
fn a_list_that_cannot_be_read_in_part_proves_no_absence() {
    for entry in unreadable_in_list("a/b") {
        let lost = raw("").done().then(Then::Reset);
        let server = Raw::start(1024, [(Ask::Create, "a/b".to_owned(), vec![lost])]);
        server.answers(
            "GET /api/v1/customers HTTP",
            says("200 OK", &format!("[{entry}]")),
        );
        let run = Run::new()
            .credentials()
            .input("in.csv", "clientId,companyName,currency\na/b,Fir,USD\n");
        let url = server.url();
        run.go(&format!(
            "import in.csv --base-url {url} --settle 0s --retries 1"
        ))
        .code(3);
        run.summary("in.csv").outcomes(&[("unresolved", 1)]);
        assert_eq!(server.calls("a/b"), "create", "{entry}");
    }
}

#[test]
fn a_sync_looks_up_what_it_cannot_read_in_the_list() {
    for entry in unreadable_in_list("c-1") {
        let server = Raw::start(1024, []);
        server.has("c-1", "Company 1");
        server.answers(
            "GET /api/v1/customers HTTP",
            says("200 OK", &format!("[{entry}]")),
        );
        let run = Run::new().credentials().input("in.csv", rows(1));
        run.go(&format!("sync in.csv --base-url {}", server.url()))
            .code(0);
        assert_eq!(server.calls("c-1"), "lookup", "{entry}");
    }
}
