//! What goes over the wire and what must not come back from it: headers, the
//! rate of the first calls, local trouble, secrets, hostile text (issue 12,
//! points 10, 12, 16 and 19).

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test may stop at the first surprise"
)]

#[expect(dead_code, reason = "each test file uses a part of the language")]
mod common;

use common::raw::{Ask, Raw, says};
use common::{Run, rows};
use kable_bulk::sandbox::settings::{CLIENT_ID, CLIENT_SECRET};

/// The value of a header in a request's head, whose name is in small letters.
fn header<'h>(head: &'h str, name: &str) -> Option<&'h str> {
    let mut lines = head.lines().filter_map(|line| line.split_once(": "));
    lines.find_map(|(other, value)| other.eq_ignore_ascii_case(name).then_some(value))
}

#[test]
fn every_request_carries_the_documented_headers() {
    let refusal = says("409 Conflict", r#"{"message":"no"}"#);
    let server = Raw::start(64, [(Ask::Create, "c-1".to_owned(), vec![refusal])]);
    let run = Run::new().credentials().input("in.csv", rows(2));
    run.go(&format!("import in.csv --base-url {}", server.url()));
    let heads = server.heads();
    let calls: Vec<&str> = heads
        .iter()
        .map(|(_, head)| head.split(" HTTP").next().unwrap())
        .collect();
    for call in [
        "POST /api/v1/authenticate",
        "GET /api/v1/plans",
        "GET /api/v1/bundles",
        "POST /api/v1/customers/create",
        "GET /api/v1/customers/c-1",
    ] {
        assert!(calls.contains(&call), "{call} in {calls:?}");
    }
    for (_, head) in &heads {
        for (name, value) in [
            ("content-type", "application/json"),
            ("accept", "application/json"),
            ("kable-client-id", CLIENT_ID),
            ("kable-client-secret", CLIENT_SECRET),
        ] {
            assert_eq!(header(head, name), Some(value), "{head}");
            let times = head.to_lowercase().matches(&format!("\n{name}:")).count();
            assert_eq!(times, 1, "{name} once in {head}");
        }
        if head.starts_with("POST /api/v1/authenticate") {
            assert_eq!(header(head, "content-length"), Some("0"), "{head}");
            assert_eq!(header(head, "x-client-id"), Some(CLIENT_ID), "{head}");
            assert_eq!(header(head, "x-api-key"), Some(CLIENT_SECRET), "{head}");
        } else {
            assert_eq!(header(head, "x-api-key"), None, "{head}");
        }
        if head.starts_with("GET") {
            assert_eq!(header(head, "content-length"), None, "{head}");
        }
    }
}

/// A refusal that echoes the secret in one of many ways, and keys that an
/// answer holds, are in nothing that is shown or kept.
#[test]
fn an_echoed_secret_is_in_nothing_that_is_shown_or_kept() {
    let each = |form: fn(u8) -> String| CLIENT_SECRET.bytes().map(form).collect::<String>();
    let forms = [
        CLIENT_SECRET.to_owned(),
        CLIENT_SECRET.to_uppercase(),
        each(|byte| format!("\\u{byte:04x}")),
        each(|byte| format!("\\\\u{byte:04x}")),
        each(|byte| format!("%{byte:02x}")),
        each(|byte| format!("&#{byte};")),
        format!("{}{CLIENT_SECRET}", "x".repeat(285)),
    ];
    let acts = forms.iter().zip(1..).map(|(form, row)| {
        let body = format!(r#"{{"message":"sent [{form}]"}}"#);
        let act = says("422 Unprocessable", &body);
        (Ask::Create, format!("c-{row}"), vec![act])
    });
    let keys = r#"{"customerId":"cus_1","keys":[{"key":"K3yOfACustomer"}]}"#;
    let found = r#"{"customerId":"cus_9","clientId":"c-9","companyName":"SECRET"}"#;
    let found = found.replace("SECRET", &forms[2]);
    let others = [
        (Ask::Create, "c-8".to_owned(), vec![says("422 No", keys)]),
        (Ask::Create, "c-9".to_owned(), vec![says("409 No", "{}")]),
        (Ask::LookUp, "c-9".to_owned(), vec![says("200 OK", &found)]),
    ];
    let server = Raw::start(64, acts.chain(others));
    let run = Run::new().credentials().input("in.csv", rows(9));
    let line = format!(
        "import in.csv --base-url {} -v --max-errors 90%",
        server.url()
    );
    let ended = run.go(&line);
    let mut seen = vec![ended.stdout.clone(), ended.stderr.clone()];
    for file in run.files() {
        seen.push(String::from_utf8_lossy(&std::fs::read(file).unwrap()).into_owned());
    }
    assert!(seen.iter().any(|text| text.contains("sent [")), "{seen:?}");
    for text in &seen {
        let text = text.to_lowercase();
        for part in [
            "not-a-se",
            "sandbox-only",
            "k3yofacustomer",
            "u0073k",
            "u006e\\u006f",
            "%6e%6f",
            "&#110;",
        ] {
            assert!(!text.contains(part), "{part} in {text}");
        }
    }
}

/// With few descriptors the run takes fewer requests at once and says so; its
/// results are whole.
#[cfg(unix)]
#[test]
fn few_descriptors_are_no_outage_and_the_results_are_whole() {
    let mut run = Run::new()
        .input("in.csv", rows(300))
        .server(&["delay:100ms"]);
    run.shell(Some("ulimit -n 96; exec \"$@\"".to_owned()));
    let ended = run.import("in.csv --concurrency 2000");
    assert!(ended.stderr.contains("concurrency is "), "{}", ended.stderr);
    assert!(ended.stderr.contains("instead of 2000"), "{}", ended.stderr);
    assert!(
        !ended.stderr.contains("does not answer"),
        "{}",
        ended.stderr
    );
    ended.code(0);
    run.summary("in.csv").outcomes(&[("created", 300)]);
    assert_eq!(run.held().len(), 300);
}

/// The soft limit is no limit where the hard one is higher.
#[cfg(unix)]
#[test]
fn the_soft_limit_of_descriptors_is_raised() {
    let mut run = Run::new().input("in.csv", rows(200)).server(&[]);
    run.shell(Some("ulimit -Sn 64; exec \"$@\"".to_owned()));
    let ended = run.import("in.csv --concurrency 200");
    assert!(!ended.stderr.contains("concurrency"), "{}", ended.stderr);
    ended.code(0);
    run.summary("in.csv").outcomes(&[("created", 200)]);
}

/// No second sees more requests than the rate allows, the first calls included.
#[test]
fn the_rate_counts_the_first_calls() {
    let server = Raw::start(64, []);
    let run = Run::new().credentials().input("in.csv", rows(4));
    run.go(&format!(
        "import in.csv --base-url {} --rate 4",
        server.url()
    ))
    .code(0);
    let times: Vec<_> = server.heads().into_iter().map(|(at, _)| at).collect();
    assert_eq!(times.len(), 7);
    for four in times.windows(5) {
        assert!(
            four[4] - four[0] >= std::time::Duration::from_secs(1),
            "{times:?}"
        );
    }
}

/// Members of another name in each row are named up to a number, and it is said
/// that there are more.
#[test]
fn of_members_without_end_the_first_are_named() {
    let row = |n: usize| {
        format!(
            "{{\"clientId\":\"c-{n}\",\"companyName\":\"Aster\",\"currency\":\"USD\",\"x{n}\":1}}\n"
        )
    };
    let text: String = (0..5000).map(row).collect();
    let run = Run::new().input("in.jsonl", text);
    let ended = run.go("validate in.jsonl");
    let said = "more than 300 columns that no field is fed from: \"x0\", \"x1\", \"x2\"";
    assert!(ended.stderr.contains(said), "{}", ended.stderr);
    ended.code(0);
}
