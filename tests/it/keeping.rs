//! What a run must never remove or hide: corrected rows, keys that are returned once,
//! another run's files; and secrets that a server echoes.

use std::collections::BTreeSet;
use std::io::{Read, Write};

use kable_bulk::sandbox::http::routes::Call;

use crate::common::{Run, customers_of_csv, json_lines, rows, rows_from, until};

/// The run that reads corrected rejects must not remove them.
#[test]
fn mended_rejects_are_not_replaced_by_the_run_that_reads_them() {
    let run = Run::new()
        .server(&[])
        .input("in.csv", rows(20) + "c-x,,USD\n");
    run.import("in.csv --out results").code(3);
    let mended = run
        .text("results/rejects.csv")
        .replace(",,USD", ",Xenia,USD");
    run.write("results/rejects.csv", &mended);
    run.import("results/rejects.csv --out results --checkpoint in.csv.checkpoint.db")
        .refuses(1, &["results/rejects.csv", "its own results"])
        .hints("--out");
    assert_eq!(run.text("results/rejects.csv"), mended);
    run.import("results/rejects.csv --checkpoint in.csv.checkpoint.db")
        .code(0);
    assert_eq!(run.held().len(), 21);
}

#[test]
fn the_command_that_is_shown_feeds_all_rejects_back() {
    let run = Run::new()
        .server(&[])
        .input("a.csv", rows(10) + "x-1,,USD\n")
        .input("b.csv", "companyName;clientId;currency\n;x-2;USD\n");
    run.import("a.csv b.csv --out results")
        .code(3)
        .says("import results/rejects.csv results/rejects-2.csv --base-url")
        .says("--checkpoint a.csv.checkpoint.db")
        .keeps_to_itself("--out results results");
}

/// Every key is in `keys.csv`, or its row is reported to have lost it.
#[test]
fn each_key_is_kept_or_said_to_be_lost() {
    let run = Run::new()
        .server(&[
            "lost-reply=15%@create",
            "status-after:400=10%@create",
            "cut-body=5%@create",
        ])
        .input("in.csv", rows(80));
    run.import("in.csv --keys --max-errors 100%").code(0);
    let (kept, lost) = run.keys("in.csv");
    let all: BTreeSet<String> = customers_of_csv(&rows(80)).into_keys().collect();
    assert!(!lost.is_empty() && kept.is_disjoint(&lost), "{lost:?}");
    assert_eq!(kept.union(&lost).cloned().collect::<BTreeSet<_>>(), all);
}

#[test]
fn two_runs_do_not_share_a_folder_for_results() {
    let run = Run::new()
        .server(&[])
        .input("a.csv", rows(200))
        .input("b.csv", rows_from(201, 220));
    let first = run.start_import("a.csv --out results --rate 40/s --keys");
    until("a create", || run.counts().of(Call::Create) > 0);
    run.import("b.csv --out results --keys")
        .refuses(1, &["another run", "results"])
        .hints("--out");
    first.signal("INT");
    first.end().code(130);
    assert!(!run.exists("b.csv.checkpoint.db"));
}

/// A link to a checkpoint is the same checkpoint.
#[cfg(unix)]
#[test]
fn a_link_is_no_way_round_the_lock() {
    let run = Run::new()
        .server(&[])
        .input("a.csv", rows(200))
        .input("b.csv", rows(200));
    let first = run.start_import("a.csv --checkpoint run.db --rate 40/s");
    until("a create", || run.counts().of(Call::Create) > 0);
    std::os::unix::fs::symlink(run.path("run.db"), run.path("link.db")).unwrap();
    let named = format!("process {}", first.id());
    run.import("b.csv --checkpoint link.db")
        .refuses(1, &[&named]);
    first.signal("INT");
    first.end().code(130);
    std::fs::hard_link(run.path("run.db"), run.path("hard.db")).unwrap();
    run.import("b.csv --checkpoint hard.db")
        .refuses(1, &["hard link"]);
    assert_eq!(run.creates_in_vain(), 0);
}

/// Rows that are appended while an import runs have not been checked, and are left for the
/// next run.
#[test]
fn rows_that_are_appended_meanwhile_are_not_sent() {
    let run = Run::new().server(&[]).input("in.csv", rows(60));
    let running = run.start_import("in.csv --rate 60/s");
    until("a create", || run.counts().of(Call::Create) > 0);
    let more = rows_from(61, 70);
    let more = more.split_once('\n').unwrap().1;
    let mut file = std::fs::OpenOptions::new()
        .append(true)
        .open(run.path("in.csv"))
        .unwrap();
    file.write_all(more.as_bytes()).unwrap();
    running
        .end()
        .code(0)
        .says("in.csv grew")
        .says("run the same command again");
    run.holds(&customers_of_csv(&rows(60)));
    run.import("in.csv").code(0);
    run.holds(&customers_of_csv(&rows(70)));
    assert_eq!(run.creates_in_vain(), 0);
}

/// A server that echoes the request in its refusal.
fn echoing_server() -> String {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut request = [0; 8192];
            let size = stream.read(&mut request).unwrap();
            let request = String::from_utf8_lossy(&request[..size]);
            let body = serde_json::json!({ "message": request }).to_string();
            let status = match request.split(' ').nth(1).unwrap_or_default() {
                "/api/v1/authenticate" => "200 OK",
                path if path.ends_with("/create") => "400 Bad Request",
                _ => "404 Not Found",
            };
            let answer = format!(
                "HTTP/1.1 {status}\r\nContent-Type: application/json\r\nConnection: close\r\nContent-Length: {}\r\n\r\n{body}",
                body.len()
            );
            stream.write_all(answer.as_bytes()).ok();
        }
    });
    format!("http://{address}")
}

#[test]
fn a_secret_that_a_server_gives_back_is_not_shown_or_kept() {
    let run = Run::new()
        .input("in.csv", rows(3))
        .env("KABLE_CLIENT_ID", "kci_1")
        .env("KABLE_CLIENT_SECRET", "sk_test.very-secret");
    let url = echoing_server();
    run.go(&format!(
        "import in.csv --base-url {url} -v --rate unlimited"
    ))
    .code(3)
    .keeps_to_itself("very-secret");
    for path in run.files() {
        let bytes = std::fs::read(&path).unwrap();
        let found = bytes.windows(11).any(|part| part == b"very-secret");
        assert!(!found, "{}", path.display());
    }
}

/// A rejected line that is no JSON is written to the rejects each time.
#[test]
fn a_line_that_is_never_mended_is_never_lost() {
    let run = Run::new().input(
        "in.jsonl",
        "{\"clientId\":\"c-1\",\"companyName\":\"A\",\"currency\":\"USD\"}\nacct_9;Foo;USD\n",
    );
    run.go("validate in.jsonl --out one").code(3);
    run.go("validate one/rejects.jsonl --out two").code(3);
    run.go("validate two/rejects.jsonl --out three").code(3);
    let rows = json_lines(&run.text("three/rejects.jsonl"));
    assert_eq!(rows.len(), 1);
    assert_eq!(rows.first().unwrap()["_raw"], "acct_9;Foo;USD");
}
