//! What is sent over the wire and what must not come back from it: headers, the rate of the
//! first calls, local failures, secrets, hostile text (issue 12, points 10, 12, 16 and 19).

use std::io::{Read, Write};
use std::net::TcpListener;

use kable_bulk::sandbox::settings::{CLIENT_ID, CLIENT_SECRET};

use crate::common::raw::{Ask, Raw, raw, says};
use crate::common::{Run, rows};

/// The value of a header in a request's head; its name is in lower case.
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

/// A proxy in the environment gets a `CONNECT` with its credentials, and nothing of ours: what
/// is sent to the API goes through the tunnel, encrypted.
#[test]
fn a_proxy_is_asked_for_a_tunnel() {
    let proxy = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://user:word@{}", proxy.local_addr().unwrap());
    let run = Run::new()
        .credentials()
        .env("https_proxy", &address)
        .env("no_proxy", "other.example")
        .input("in.csv", rows(1));
    let heard = std::thread::spawn(move || {
        let (mut client, _) = proxy.accept().unwrap();
        let (mut heard, mut byte) = (Vec::new(), [0]);
        while !heard.ends_with(b"\r\n\r\n") && client.read(&mut byte).unwrap() > 0 {
            heard.extend(byte);
        }
        client
            .write_all(b"HTTP/1.1 407 Proxy Authentication Required\r\n\r\n")
            .unwrap();
        String::from_utf8(heard).unwrap()
    });
    let ended = run.go("import in.csv --base-url https://api.kable.example --timeout 5s");
    let heard = heard.join().unwrap();
    let lines: Vec<&str> = heard.lines().collect();
    assert_eq!(lines[0], "CONNECT api.kable.example:443 HTTP/1.1");
    assert_eq!(
        header(&heard, "proxy-authorization"),
        Some("Basic dXNlcjp3b3Jk"),
        "{heard}"
    );
    assert!(
        header(&heard, "user-agent")
            .unwrap()
            .starts_with("kable-bulk/")
    );
    assert!(!heard.contains("kable-client"), "{heard}");
    ended.refuses(1, &["cannot reach", "proxy"]);
}

/// A refusal that echoes the secret in one of many ways, and the keys in a response, appear
/// in no output or file.
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

/// With few descriptors the run sends fewer requests at once and reports it; its results
/// are complete.
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

/// The soft limit does not apply if the hard one is higher.
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

/// The first calls count toward the rate like any other: seven of them are six intervals.
#[test]
fn the_rate_counts_the_first_calls() {
    let server = Raw::start(64, []);
    let run = Run::new().credentials().input("in.csv", rows(4));
    let began = tokio::time::Instant::now();
    let url = server.url();
    run.go(&format!("import in.csv --base-url {url} --rate 4"))
        .code(0);
    let took = began.elapsed();
    assert_eq!(server.heads().len(), 7);
    assert!(took >= std::time::Duration::from_millis(1500), "{took:?}");
}

/// Members with another name in each row are listed up to a number, and the output says
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
    let said = "more than 300 columns that feed no field: \"x0\", \"x1\", \"x2\"";
    assert!(ended.stderr.contains(said), "{}", ended.stderr);
    ended.code(0);
}

/// Plans that come with a bundle are no difference, whichever call returns them.
#[test]
fn a_row_with_plans_and_a_bundle_agrees_with_what_kable_holds() {
    let customer = |bundle: &str| {
        format!(
            r#"{{"customerId":"cus_1","clientId":"c-1","companyName":"Aster","currency":"USD",
                "status":"ACTIVE","created":"2001-01-01T00:00:00.000Z","plans":[{{"planId":"pln_1"}},
                {{"planId":"pln_2"}}],"bundles":[{bundle}]}}"#
        )
    };
    let listed = r#"[{"bundleId":"bun_1","plans":[{"planId":"pln_2"}]}]"#;
    let brings_another = r#"{"bundleId":"bun_1","plans":[{"planId":"pln_3"}]}"#;
    let brings_it = r#"{"bundleId":"bun_1","plans":[{"planId":"pln_2"}]}"#;
    let silent = r#"{"bundleId":"bun_1"}"#;
    for (bundle, bundles, outcome) in [
        (brings_it, "[{\"bundleId\":\"bun_1\"}]", "already_existed"),
        (silent, listed, "already_existed"),
        (silent, "[{\"bundleId\":\"bun_1\"}]", "already_existed"),
        (brings_another, listed, "differs"),
    ] {
        let found = says("200 OK", &customer(bundle));
        let acts = [
            (Ask::Create, "c-1".to_owned(), vec![says("409 No", "{}")]),
            (Ask::LookUp, "c-1".to_owned(), vec![found]),
        ];
        let server = Raw::start(64, acts);
        server.answers("/plans ", says("200 OK", r#"[{"planId":"pln_1"}]"#));
        server.answers("/bundles ", says("200 OK", bundles));
        let text = "clientId,companyName,currency,planIds,bundleIds\nc-1,Aster,USD,pln_1,bun_1\n";
        let run = Run::new().credentials().input("in.csv", text);
        run.go(&format!("import in.csv --base-url {}", server.url()));
        run.summary("in.csv").outcomes(&[(outcome, 1)]);
    }
}

/// An external id is refused with a message that names the Kable id; with `--plan-ids
/// external` that id is sent.
#[test]
fn an_external_id_is_offered_its_plan_or_sent_as_it() {
    let text =
        "clientId,companyName,currency,planIds,bundleIds\nc-1,Aster,USD,starter;starter,support\n";
    let run = Run::new().input("in.csv", text).server(&[]);
    let ended = run.go("validate in.csv --online --base-url URL");
    assert!(
        ended.stdout.contains("is the externalId of \"pln_"),
        "{}",
        ended.stdout
    );
    assert!(
        ended.stdout.contains("--plan-ids external"),
        "{}",
        ended.stdout
    );
    ended.code(3);
    run.import("in.csv --plan-ids external").code(0);
    let held = &run.held()["c-1"];
    assert_eq!(held["planIds"].as_array().unwrap().len(), 1);
    assert!(
        held["planIds"][0].as_str().unwrap().starts_with("pln_"),
        "{held}"
    );
    assert!(
        held["bundleIds"][0].as_str().unwrap().starts_with("bun_"),
        "{held}"
    );
}

/// Without the list of plans it is not known which is meant, and nothing is sent.
#[test]
fn without_the_plans_no_external_id_is_sent() {
    let server = Raw::start(64, []);
    let run = Run::new().credentials().input("in.csv", rows(1));
    run.go(&format!(
        "import in.csv --base-url {} --plan-ids external",
        server.url()
    ))
    .refuses(1, &["the bundles could not be looked up", "external ids"])
    .hints("nothing was sent");
    assert_eq!(server.times_created("c-1"), 0);
}

/// Text of a file or a server can't control a terminal.
#[cfg(unix)]
#[test]
fn nothing_hostile_reaches_the_terminal_raw() {
    let evil = "\u{1b}]0;x\u{7}\u{9b}2J\u{7f}\u{202e}\u{2066}\u{200b}\u{2028}";
    let name = format!("in{evil}\nerror: fake.csv");
    let json = serde_json::json!(evil).to_string().replace('"', "");
    let customer = format!(
        r#"{{"customerId":"cus_{json}","clientId":"c-2","companyName":"{json}","currency":"{json}","created":"x"}}"#
    );
    let refusal = says("422 No", &format!(r#"{{"message":"no {json}"}}"#));
    let moved = raw(&format!(
        "HTTP/1.1 302 Found\r\nLocation: /{}\r\nContent-Length: 0\r\n\r\n",
        "\u{9b}2J\u{202e}"
    ));
    let made = format!(r#"{{"customerId":"cus_{json}","clientId":"c-4"}}"#);
    let acts = [
        (Ask::Create, "c-1".to_owned(), vec![refusal]),
        (Ask::Create, "c-2".to_owned(), vec![says("409 No", "{}")]),
        (
            Ask::LookUp,
            "c-2".to_owned(),
            vec![says("200 OK", &customer)],
        ),
        (Ask::Create, "c-3".to_owned(), vec![moved]),
        (
            Ask::Create,
            "c-4".to_owned(),
            vec![says("201 Created", &made)],
        ),
    ];
    let server = Raw::start(64, acts);
    let header = format!("clientId,companyName,currency,\"X{evil}\"\n");
    let text = format!(
        "c-1,Aster,USD,1\nc-2,Aster,USD,1\nc-3,Aster,USD,1\nc-4,Aster,USD,1\nc-5,Aster,{evil},1\n"
    );
    let run = Run::new().credentials().input(&name, header + &text);
    let url = server.url();
    let import = ["import", &name, "--base-url", &url, "--max-errors", "90%"];
    let checkpoint = format!("{name}.checkpoint.db");
    for words in [
        [&import[..], &["-v"]].concat(),
        [&import[..], &["--json"]].concat(),
        vec!["validate", &name],
        vec!["validate", &name, "--annotations", "github"],
        vec!["status", "--checkpoint", &checkpoint],
        vec!["status", "--checkpoint", &checkpoint, "--json"],
        vec!["import", "no\u{1b}[2J\u{202e}.csv", "--sandbox"],
    ] {
        let ended = run.go_words(&words);
        for shown in [&ended.stdout, &ended.stderr] {
            let hostile =
                |letter: &char| *letter != '\n' && kable_bulk::domain::text::is_hostile(*letter);
            assert_eq!(shown.chars().find(hostile), None, "{words:?}: {shown:?}");
            assert!(
                !shown.lines().any(|line| line.starts_with("error: fake")),
                "{shown}"
            );
        }
    }
    let results = run.text(&format!("{name}.results/results.jsonl"));
    let held = results.lines().find(|line| line.contains("c-4")).unwrap();
    let held: serde_json::Value = serde_json::from_str(held).unwrap();
    assert_eq!(held["customerId"], format!("cus_{evil}"));
}

/// The default target is named, also with `-q`.
#[test]
fn a_target_from_a_file_that_was_found_is_named() {
    let server = Raw::start(64, []);
    let config = format!("base-url = '{}'\n", server.url());
    let run = Run::new()
        .credentials()
        .input("in.csv", rows(1))
        .input("kable-bulk.toml", config);
    let said = format!("target from ./kable-bulk.toml: base-url {}", server.url());
    for options in ["", "--json", "-q"] {
        let ended = run.go(&format!("import in.csv {options}"));
        assert!(ended.stderr.contains(&said), "{options}: {}", ended.stderr);
        ended.code(0);
    }
    let ended = run.go(&format!("import in.csv --base-url {}", server.url()));
    assert!(!ended.stderr.contains("target from"), "{}", ended.stderr);
    let ended = run.go("import in.csv --config kable-bulk.toml");
    assert!(!ended.stderr.contains("target from"), "{}", ended.stderr);
}

/// Temporary names can't be predicted, links at them are not followed, and files that a
/// killed run left half written are removed.
#[cfg(unix)]
#[test]
fn results_follow_no_link_and_leave_no_parts() {
    let run = Run::new().input("in.csv", rows(2)).input("mine", "mine");
    std::fs::create_dir(run.path("in.csv.results")).unwrap();
    for name in ["summary.json", "results.jsonl", "problems.csv"] {
        let link = run.path(&format!("in.csv.results/.{name}.part"));
        std::os::unix::fs::symlink(run.path("mine"), link).unwrap();
    }
    run.write("in.csv.results/.results.jsonl.aB3dE9.part", "{");
    run.import("in.csv").code(0);
    assert_eq!(run.text("mine"), "mine");
    assert_eq!(run.mode("in.csv.results/summary.json"), 0o600);
    assert!(!run.exists("in.csv.results/.results.jsonl.aB3dE9.part"));
}
