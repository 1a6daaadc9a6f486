//! `--metrics`: what a scraper sees of a run that goes on, and what it can't do to it.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::time::Duration;

use kable_bulk::sandbox::http::routes::Call;
use serde_json::Value;

use crate::common::{Run, Running, rows, until};

/// A command at the end that waits until the test has looked.
const WAIT: &str = "touch ended; while [ ! -e go ]; do sleep 0.02; done";

/// Where the run that logs to `run.log` serves its metrics.
fn address(run: &Run) -> SocketAddr {
    let mut found = None;
    until("the address of the metrics", || {
        let log = std::fs::read_to_string(run.path("run.log")).unwrap_or_default();
        let events = log
            .lines()
            .filter_map(|line| serde_json::from_str(line).ok());
        found = events
            .filter(|event: &Value| event["event"] == "serving_metrics")
            .find_map(|event| event["url"].as_str().map(str::to_owned));
        found.is_some()
    });
    let url = found.unwrap();
    let url = url.strip_prefix("http://").unwrap();
    url.strip_suffix("/metrics").unwrap().parse().unwrap()
}

/// What is served at `path` now; `None` where the connection is refused or reset.
fn scrape(address: SocketAddr, path: &str) -> Option<String> {
    let mut stream = TcpStream::connect(address).ok()?;
    let patience = Some(Duration::from_mins(1));
    stream.set_read_timeout(patience).ok()?;
    let request = format!("GET {path} HTTP/1.1\r\nHost: {address}\r\n\r\n");
    stream.write_all(request.as_bytes()).ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    let (head, body) = answer.split_once("\r\n\r\n")?;
    assert!(head.starts_with("HTTP/1.1 200 OK"), "{head}");
    Some(body.to_owned())
}

/// The value of the sample that begins with `kable_bulk_` and `name`.
fn value(text: &str, name: &str) -> u64 {
    let sample = format!("kable_bulk_{name} ");
    let line = text.lines().find(|line| line.starts_with(&sample));
    let line = line.unwrap_or_else(|| panic!("no {name} in {text}"));
    line.rsplit(' ').next().unwrap().parse().unwrap()
}

/// Starts `line` with metrics, and a command at its end that waits.
fn started(run: &Run, line: &str) -> (Running, SocketAddr) {
    let url = run.url();
    let mut words: Vec<&str> = line.split(' ').collect();
    words.extend(["--base-url", &url, "--metrics", "127.0.0.1:0"]);
    words.extend(["--log-file", "run.log", "--notify-command", WAIT]);
    let running = run.start_words(&words);
    (running, address(run))
}

/// The last metrics of a run that ends.
fn last(run: &Run, address: SocketAddr) -> String {
    until("the end", || run.exists("ended"));
    let text = scrape(address, "/metrics").unwrap();
    run.write("go", "");
    text
}

#[test]
fn what_is_served_grows_to_what_the_summary_has() {
    let run = Run::new()
        .server_with(
            &["status:500@create:3", "status:422@create:9"],
            |settings| {
                settings.latency = Duration::from_millis(20);
                settings.at_once = 1;
            },
        )
        .input("in.csv", format!("{}x-1,,USD\n", rows(40)));
    let (running, address) = started(&run, "import in.csv --max-errors 9 --canary 2 --json");
    let (mut was_sending, mut done) = (false, 0);
    while !run.exists("ended") {
        let text = scrape(address, "/metrics").unwrap();
        was_sending |= value(&text, r#"phase{command="import",phase="sending"}"#) == 1;
        let now = value(
            &text,
            r#"outcomes_total{command="import",outcome="created"}"#,
        );
        assert!(now >= done, "{now} after {done}");
        done = now;
    }
    assert!(was_sending);
    assert_eq!(scrape(address, "/healthz").as_deref(), Some("ok\n"));
    let text = last(&run, address);
    let ended = running.end().code(3);
    let summary = ended.json();
    let of = |kind: &str, label: &str, name: &str| {
        value(
            &text,
            &format!(r#"{kind}{{command="import",{label}="{name}"}}"#),
        )
    };
    for outcome in ["created", "failed", "already_existed", "unresolved"] {
        let wanted = summary["outcomes"][outcome].as_u64().unwrap();
        assert_eq!(of("outcomes_total", "outcome", outcome), wanted, "{text}");
    }
    for (kind, name) in [
        ("sent", "sent"),
        ("retried", "retried"),
        ("throttled", "throttled"),
        ("lookup", "lookups"),
    ] {
        let wanted = summary["requests"][name].as_u64().unwrap();
        assert_eq!(of("requests_total", "kind", kind), wanted, "{kind}: {text}");
    }
    for state in ["read", "skipped", "rejected"] {
        let wanted = summary["rows"][state].as_u64().unwrap();
        assert_eq!(of("rows", "state", state), wanted, "{text}");
    }
    assert_eq!(value(&text, r#"rows_processed{command="import"}"#), 40);
    assert_eq!(value(&text, r#"requests_in_flight{command="import"}"#), 0);
    let answered = value(&text, r#"request_duration_seconds_count{command="import"}"#);
    assert_eq!(answered, summary["requests"]["sent"].as_u64().unwrap());
    assert!(
        scrape(address, "/metrics").is_none(),
        "the process has ended"
    );
}

#[test]
fn rollback_and_verify_serve_what_they_do() {
    let run = Run::new().server(&[]).input("in.csv", rows(3));
    run.import("in.csv").code(0);
    let (verifying, address) = started(&run, "verify in.csv");
    let text = last(&run, address);
    verifying.end().code(0);
    assert_eq!(value(&text, r#"rows{command="verify",state="read"}"#), 3);
    for place in ["go", "ended", "run.log"] {
        std::fs::remove_file(run.path(place)).unwrap();
    }
    let (rolling, address) = started(&run, "rollback in.csv --yes");
    let text = last(&run, address);
    rolling.end().code(0);
    let deleted = r#"outcomes_total{command="rollback",outcome="deleted"}"#;
    assert_eq!(value(&text, deleted), 3);
}

/// An object may take an hour to be fetched: here it is a pipe.
#[test]
fn a_run_that_waits_for_its_input_is_alive() {
    let run = Run::new().server(&[]);
    let made = std::process::Command::new("mkfifo")
        .arg(run.path("pipe"))
        .status();
    assert!(made.unwrap().success());
    let line = "import pipe --checkpoint run.db --out results";
    let (running, address) = started(&run, line);
    assert_eq!(scrape(address, "/healthz").as_deref(), Some("ok\n"));
    std::fs::write(run.path("pipe"), rows(2)).unwrap();
    let text = last(&run, address);
    running.end().code(0);
    let created = r#"outcomes_total{command="import",outcome="created"}"#;
    assert_eq!(value(&text, created), 2);
}

#[test]
fn an_address_in_use_is_an_error_before_anything_is_sent() {
    let run = Run::new().server(&[]).input("in.csv", rows(3));
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let at = taken.local_addr().unwrap();
    run.import(&format!("in.csv --metrics {at}"))
        .refuses(1, &[&format!("cannot serve metrics at {at}: ")])
        .hints("port 0 is a free one");
    assert!(run.held().is_empty());
    assert!(!run.exists("in.csv.checkpoint.db") && !run.exists("in.csv.results"));
    run.import(&format!("in.csv --dry-run --metrics {at}"))
        .code(0);
    run.import("in.csv --metrics 9464")
        .refuses(2, &["--metrics: \"9464\" is no address with a port"])
        .hints("127.0.0.1:9464");
}

#[test]
fn scrapers_neither_stop_a_run_nor_outlive_it() {
    let run = Run::new()
        .server_with(&[], |settings| settings.latency = Duration::from_millis(5))
        .input("in.csv", rows(200));
    let line = format!(
        "import in.csv --base-url {} --metrics 127.0.0.1:0 --log-file run.log --concurrency 4",
        run.url()
    );
    let running = run.start(&line);
    let address = address(&run);
    let connect = |sent: &[u8]| {
        let mut stream = TcpStream::connect(address).ok()?;
        stream.write_all(sent).ok();
        Some(stream)
    };
    let silent: Vec<_> = (0..300).map(|_| connect(b"")).collect();
    let hostile: Vec<_> = (0..50).map(|_| connect(&[0xff; 4096])).collect();
    running.end().code(0);
    assert_eq!(run.held().len(), 200);
    drop((silent, hostile));
}

#[test]
fn a_signal_ends_a_run_that_is_being_scraped() {
    let run = Run::new().server(&[]).input("in.csv", rows(200));
    let line = format!(
        "import in.csv --base-url {} --metrics 127.0.0.1:0 --log-file run.log --rate 20/s",
        run.url()
    );
    let running = run.start(&line);
    let address = address(&run);
    let open = TcpStream::connect(address).unwrap();
    until("a create", || run.counts().of(Call::Create) >= 1);
    running.signal("TERM");
    running.end().code(130);
    drop(open);
}
