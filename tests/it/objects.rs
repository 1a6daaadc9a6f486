//! Inputs and results that are objects: S3, Google Cloud Storage, Azure, the web.

use std::io::Write;

use crate::common::object_server::{Mishap, ObjectServer, etag};
use crate::common::{Run, until};

/// A table with so many customers.
fn table(many: usize) -> String {
    let rows = (0..many).map(|number| format!("c-{number},Company {number},USD,a@b.co\n"));
    "clientId,companyName,currency,email\n".to_owned() + &rows.collect::<String>()
}

fn gzip(text: &str) -> Vec<u8> {
    let mut packer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    packer.write_all(text.as_bytes()).unwrap();
    packer.finish().unwrap()
}

/// How many rows a validation of `input` read.
fn validated(run: &Run, input: &str) -> u64 {
    let summary = run.text(&format!("{input}.results/summary.json"));
    serde_json::from_str::<serde_json::Value>(&summary).unwrap()["rows"]["read"]
        .as_u64()
        .unwrap()
}

/// What a run needs to find the server where S3 is expected, with these credentials.
fn with_s3(server: &ObjectServer) -> Run {
    Run::new()
        .env("AWS_ENDPOINT_URL", &server.url())
        .env("AWS_ALLOW_HTTP", "true")
        .env("AWS_ACCESS_KEY_ID", "AKIATEST")
        .env("AWS_SECRET_ACCESS_KEY", "not-a-secret")
}

#[test]
fn an_object_is_imported_as_the_same_file_is() {
    let text = table(40) + "c-1,Again,USD,a@b.co\n,Nobody,USD,a@b.co\n";
    let server = ObjectServer::start().object("/bucket/2026/in.csv", &text);
    let file = Run::new().server(&[]).input("in.csv", &text);
    file.import("in.csv").code(3);
    let run = with_s3(&server).server(&[]);
    let ended = run.import("s3://bucket/2026/in.csv").code(3);
    ended.says("s3://bucket/2026/in.csv: ");
    assert_eq!(run.held(), file.held());
    let results = |run: &Run| {
        let lines = run.results("in.csv").into_iter();
        let fields = lines.map(|line| [line["line"].clone(), line["outcome"].clone()]);
        fields.collect::<Vec<_>>()
    };
    assert_eq!(results(&run), results(&file));
    let rejects = "in.csv.results/rejects.csv";
    assert_eq!(run.text(rejects), file.text(rejects));
    let requests = server.requests();
    let signature = requests[0].header("authorization").unwrap();
    assert!(signature.starts_with("AWS4-HMAC-SHA256 Credential=AKIATEST/"));
    assert_eq!(requests.len(), 1, "it was read once");
    // The same name finds its checkpoint, and the mended rows go on with it.
    let status = run.go("status s3://bucket/2026/in.csv").code(0);
    status.says("s3://bucket/2026/in.csv");
    run.import("s3://bucket/2026/in.csv").code(3);
    assert_eq!(run.summary("in.csv").outcome("created"), 40);
}

#[test]
fn every_kind_of_store_and_compressed_and_other_formats_are_read() {
    let server = ObjectServer::start()
        .object("/bucket/in.csv", table(3))
        .object("/devstoreaccount1/container/in.csv.gz", gzip(&table(4)))
        .object(
            "/of/in.jsonl",
            "{\"clientId\":\"c-1\",\"companyName\":\"A\",\"currency\":\"USD\"}\n",
        )
        .object(
            "/of/customers",
            r#"{"data":[{"clientId":"c-1","companyName":"A","currency":"USD"}]}"#,
        );
    let url = server.url();
    let key = format!(
        r#"{{"gcs_base_url":"{url}","disable_oauth":true,"client_email":"","private_key":"","private_key_id":""}}"#
    );
    let run = Run::new()
        .input("key.json", key)
        .env("GOOGLE_SERVICE_ACCOUNT", "key.json")
        .env("GOOGLE_ALLOW_HTTP", "true")
        .env("AZURE_STORAGE_USE_EMULATOR", "true")
        .env("AZURITE_BLOB_STORAGE_URL", &url);
    let read = |name: &str, local: &str| {
        run.go(&format!("validate {name}")).code(0);
        validated(&run, local)
    };
    assert_eq!(read("gs://bucket/in.csv", "in.csv"), 3);
    assert_eq!(read("az://container/in.csv.gz", "in.csv.gz"), 4);
    assert_eq!(read(&format!("{url}/of/in.jsonl"), "in.jsonl"), 1);
    assert_eq!(read(&format!("{url}/of/customers"), "customers"), 1);
}

#[test]
fn a_cut_connection_goes_on_where_it_was() {
    let text = table(2000);
    let server = ObjectServer::start().object("/b/in.csv", &text);
    let run = with_s3(&server);
    for name in [
        "s3://b/in.csv".to_owned(),
        format!("{}/b/in.csv", server.url()),
    ] {
        server.mishaps([
            Mishap::Cut(5000),
            Mishap::Refuse(503, ""),
            Mishap::Cut(7000),
        ]);
        run.go(&format!("validate {name} --log-file log")).code(0);
        assert_eq!(validated(&run, "in.csv"), 2000);
        let requests = server.requests();
        let ranges: Vec<_> = requests
            .iter()
            .map(|request| request.header("range"))
            .collect();
        assert_eq!(ranges[0], None, "{requests:?}");
        let last = ranges.last().unwrap().unwrap();
        let from = last.strip_prefix("bytes=").unwrap().split('-').next();
        let from: usize = from.unwrap().parse().unwrap();
        assert!((7000..=12_000).contains(&from), "{last}");
        let pinned = requests[1..].iter().all(|request| {
            request
                .header("if-match")
                .is_none_or(|wanted| wanted == etag(text.as_bytes()))
        });
        assert!(pinned, "{requests:?}");
    }
}

#[test]
fn a_server_that_cannot_go_on_is_asked_for_the_whole_again() {
    let text = table(2000);
    let server = || ObjectServer::start().object("/in.csv", &text);
    for (server, ranges) in [
        (server().without_etags(), 0),
        // One is asked for, and then no more.
        (server().without_ranges(), 1),
    ] {
        let run = Run::new();
        let probe = (0..ranges).map(|_| Mishap::Fine);
        let cuts = [Mishap::Cut(7000), Mishap::Cut(9000)];
        server.mishaps([Mishap::Cut(5000)].into_iter().chain(probe).chain(cuts));
        let ended = run.go(&format!("validate {}/in.csv", server.url())).code(0);
        let anew = "the server can't go on from there: it is read anew";
        assert_eq!(ended.stderr.matches(anew).count(), 3, "{}", ended.stderr);
        ended
            .says("/in.csv: the connection was cut at ")
            .keeps_to_itself("was changed");
        assert_eq!(validated(&run, "in.csv"), 2000);
        let requests = server.requests();
        let asked = requests.iter().filter(|one| one.header("range").is_some());
        assert_eq!(asked.count(), ranges);
        assert_eq!(requests.len(), 4 + ranges);
    }
}

#[test]
fn a_redirect_that_is_not_followed_says_why() {
    let server = ObjectServer::start().object("/in.csv", table(3));
    let run = Run::new();
    let line = format!("validate {}/in.csv", server.url());
    let places = |places: &[&'static str]| {
        let redirects = places.iter().map(|place| Mishap::Redirect(place));
        redirects.collect::<Vec<_>>()
    };
    for (redirects, said) in [
        (
            &["http://192.0.2.1/in.csv?Signature=hush"][..],
            "leads to http://192.0.2.1/in.csv?…, which is not followed: it would be read without encryption",
        ),
        (
            &["/other", "/in.csv"],
            "/in.csv, which is not followed: it leads in a circle",
        ),
        (
            &["/1", "/2", "/3", "/4", "/5", "/6"],
            "/6, which is not followed: there were too many redirects",
        ),
        (
            &["ftp://me:hush@192.0.2.1/in.csv"],
            "leads to ftp:…, which is not followed: it is no address of a web server",
        ),
        (
            &["file:///in.csv"],
            "leads to file:…, which is not followed: it is no address of a web server",
        ),
    ] {
        server.mishaps(places(redirects));
        run.go(&line).refuses(1, &[said]).keeps_to_itself("hush");
        assert_eq!(server.requests().len(), redirects.len(), "{said}");
    }
    server.mishaps(places(&["/a", "/b", "/c", "/d", "/in.csv?again"]));
    run.go(&line).code(0);
}

#[test]
fn an_object_that_changes_is_begun_anew_once() {
    let (old, new) = (table(2000), table(1500));
    let server = ObjectServer::start().object("/b/in.csv", &old);
    let run = with_s3(&server);
    let url = server.url();
    for name in ["s3://b/in.csv", &format!("{url}/b/in.csv")] {
        server.put("/b/in.csv", &old);
        server.mishaps([Mishap::Cut(5000), Mishap::Change(new.clone().into())]);
        let ended = run.go(&format!("validate {name} --log-file log")).code(0);
        ended.says("was changed while it was being read: it is read anew");
        assert_eq!(validated(&run, "in.csv"), 1500);
        assert!(run.text("log").contains(r#""event":"fetching_anew""#));
    }
    let [first, second] = [&old, &new].map(|text| Mishap::Change(text.clone().into()));
    server.mishaps([Mishap::Cut(5000), first, Mishap::Cut(5000), second]);
    run.go(&format!("validate {url}/b/in.csv"))
        .refuses(1, &["was changed while it was being read, and again"]);
}

#[test]
fn a_secret_of_an_address_stands_nowhere() {
    let server = ObjectServer::start().object("/in.csv", table(3) + "c-1,,,\n");
    let run = with_s3(&server).server(&[]);
    let host = server.url().replace("http://", "");
    let name = format!("http://me:hush-hush@{host}/in.csv?X-Amz-Signature=hush-hush#hush-hush");
    let shown = format!("http://{host}/in.csv?…");
    let flags = "--base-url URL --log-file log --explain 1 -v";
    let mut told = Vec::new();
    for line in [
        format!("validate {name} {flags}"),
        format!("import {name} {flags}"),
        format!("import {name} {flags}"),
        format!("verify {name} {flags}"),
        format!("import {name} {name} {flags}"),
        format!("import {name} {flags} --save-plan plan.jsonl"),
        format!("status {name}"),
        format!("report {name}"),
        format!("init {name}"),
        "report --checkpoint in.csv.checkpoint.db".to_owned(),
    ] {
        let ended = run.go(&line);
        told.push(format!("{}{}", ended.stdout, ended.stderr));
    }
    server.mishaps([Mishap::Refuse(
        403,
        "<Error><Code>AccessDenied</Code>hush-hush</Error>",
    )]);
    let denied = run
        .go(&format!("validate {name} --log-format json"))
        .code(1);
    told.push(denied.stderr.clone());
    assert!(
        denied.stderr.contains("no permission for"),
        "{}",
        denied.stderr
    );
    assert!(
        told[0].contains(&shown) && told[1].contains(&shown),
        "{told:#?}"
    );
    assert!(told[4].contains("is named twice"), "{}", told[4]);
    assert!(told[5].contains("no plan can be made of"), "{}", told[5]);
    assert!(told[9].contains("is not kept"), "{}", told[9]);
    for text in told {
        assert!(!text.contains("hush-hush"), "{text}");
    }
    for file in run.files() {
        let content = std::fs::read(&file).unwrap();
        let holds = content.windows(9).any(|part| part == b"hush-hush");
        assert!(!holds, "{}", file.display());
    }
    // As it was displayed it can't be read, which is said.
    run.go(&format!("validate {shown}"))
        .refuses(1, &["lacks what follows the question mark"]);
}

/// A validation of each of these, with what happens at the server, says this.
fn each_says(run: &Run, server: &ObjectServer, cases: &[(&str, Mishap, &str)]) {
    for (name, mishap, said) in cases {
        server.mishaps([mishap.clone()]);
        let line = format!("validate {}", name.replace("HTTP", &server.url()));
        let ended = run.go(&line).refuses(1, &[said]);
        ended.keeps_to_itself("not-a-secret");
        assert!(!run.exists("in.csv.results"), "{name}");
    }
}

#[test]
fn what_is_wrong_with_an_object_of_a_store_is_said() {
    let server = ObjectServer::start().object("/b/in.csv", table(3));
    let run = with_s3(&server);
    let there = "s3://b/in.csv";
    let no_bucket = "<Error><Code>NoSuchBucket</Code></Error>";
    let denied = "<Error><Code>AccessDenied</Code></Error>";
    let wrong = "<Error><Code>SignatureDoesNotMatch</Code><Key>not-a-secret</Key></Error>";
    let region = "<Error><Code>PermanentRedirect</Code><Region>eu-west-3</Region></Error>";
    let cases = [
        (
            "s3://b/none",
            Mishap::Fine,
            "there is no object s3://b/none",
        ),
        (
            there,
            Mishap::Refuse(404, no_bucket),
            "there is no bucket or container b",
        ),
        (
            there,
            Mishap::Refuse(403, denied),
            "no permission for s3://b/in.csv (AccessDenied)",
        ),
        (
            there,
            Mishap::Refuse(403, wrong),
            "were refused (SignatureDoesNotMatch)",
        ),
        (there, Mishap::Refuse(301, region), "is in another region"),
        (there, Mishap::Refuse(400, ""), "answered 400"),
        ("s3://b/*.json", Mishap::Fine, "no object fits the pattern"),
        (
            "s3://b/[.csv",
            Mishap::Fine,
            "is no pattern of objects' names",
        ),
        (
            "s3://none/*.csv",
            Mishap::Refuse(404, ""),
            "there is no bucket or container none",
        ),
        ("s3://b", Mishap::Fine, "it names no object"),
        ("s3://me:you@b/in.csv", Mishap::Fine, "it has credentials"),
    ];
    each_says(&run, &server, &cases);
    let none = Run::new().env("AWS_METADATA_ENDPOINT", "http://127.0.0.1:1");
    let missing = "found no credentials for s3://b/in.csv";
    none.go("validate s3://b/in.csv").refuses(1, &[missing]);
    let missing = "Account must be specified";
    none.go("validate az://c/in.csv").refuses(1, &[missing]);
}

#[test]
fn what_is_wrong_with_an_object_of_the_web_is_said() {
    let server = ObjectServer::start()
        .object("/in.csv", table(3))
        .object("/page", "<!doctype html><title>Log in</title>");
    let page = Mishap::Head("Content-Type: text/html; charset=utf-8\r\n");
    let cases = [
        ("HTTP/none.csv", Mishap::Fine, "there is no object"),
        ("HTTP/in.csv", Mishap::Refuse(401, ""), "were refused"),
        ("HTTP/in.csv", Mishap::Refuse(403, ""), "no permission for"),
        (
            "HTTP/in.csv",
            Mishap::Refuse(302, ""),
            "leads to another address",
        ),
        ("HTTP/in.csv", page, "is a web page instead of a file"),
        ("HTTP/page", Mishap::Fine, "is a web page (HTML)"),
        (
            "http://example.com/in.csv",
            Mishap::Fine,
            "without encryption",
        ),
        (
            "https://host.invalid/in.csv",
            Mishap::Fine,
            "the host of https://host.invalid/in.csv",
        ),
        (
            "https://127.0.0.1:1/in.csv",
            Mishap::Fine,
            "cannot reach the server of",
        ),
    ];
    each_says(&Run::new(), &server, &cases);
}

#[test]
fn a_pattern_reads_the_objects_that_fit_but_not_our_own() {
    let server = ObjectServer::start()
        .object("/b/x/b.csv", table(2))
        .object("/b/x/a.csv", "clientId,companyName,currency\na-1,A,USD\n")
        .object("/b/x/deep/c.csv", table(9))
        .object("/b/x/rejects.csv", "no\n")
        .object("/b/x/.a.csv.part.csv", table(9))
        .object("/b/x/.kable-bulk", "{}")
        .object("/b/other.csv", "no\n");
    let run = with_s3(&server).server(&[]);
    run.import("s3://b/x/*.csv").code(0);
    let inputs = run.summary("a.csv").0["inputs"].clone();
    assert_eq!(
        inputs,
        serde_json::json!(["s3://b/x/a.csv", "s3://b/x/b.csv"])
    );
    assert_eq!(run.held().len(), 3);
    run.go("status s3://b/x/*.csv").code(0);
}

#[cfg(unix)]
#[test]
fn a_signal_ends_the_reading_at_once() {
    let server = ObjectServer::start().object("/b/in.csv", table(2000));
    let run = with_s3(&server);
    server.mishaps([Mishap::Hang(5000)]);
    let mut running = run.start("validate s3://b/in.csv");
    until("it is read", || !server.requests().is_empty());
    assert!(running.runs());
    running.signal("INT");
    let ended = running.end().code(130);
    ended.says("stopped while s3://b/in.csv was being read");
    assert!(!run.exists("in.csv.results"));
}

#[test]
fn results_are_copied_to_an_address() {
    let text = table(5) + ",Nobody,USD,a@b.co\n";
    let server = ObjectServer::start()
        .object("/b/in.csv", &text)
        .object("/b/out/night/mine.txt", "mine");
    let run = with_s3(&server).server(&[]).input("tmp/.keep", "");
    let run = run.env("TMPDIR", "tmp");
    let line = "s3://b/in.csv --out s3://b/out/night";
    let ended = run.import(line).code(3);
    ended
        .says("Results in s3://b/out/night/: rejects.csv (1)")
        .says("import s3://b/out/night/rejects.csv");
    let names = |server: &ObjectServer| {
        let objects = server.objects("/b/out/night/");
        objects.into_keys().collect::<Vec<_>>().join(" ")
    };
    assert_eq!(
        names(&server),
        ".kable-bulk differences.csv mine.txt problems.csv rejects.csv report.html results.jsonl summary.json"
    );
    let objects = server.objects("/b/out/night/");
    let page = String::from_utf8(objects["report.html"].clone()).unwrap();
    assert!(page.contains("s3://b/out/night/rejects.csv") && !page.contains("kable-bulk-results-"));
    let file = Run::new().server(&[]).input("in.csv", &text);
    file.import("in.csv").code(3);
    for name in ["rejects.csv", "problems.csv"] {
        let local = file.bytes(&format!("in.csv.results/{name}"));
        assert_eq!(objects[name], local, "{name}");
    }
    let every_row = String::from_utf8(objects["results.jsonl"].clone()).unwrap();
    assert_eq!(every_row.lines().count(), 6);
    // The mended rows go on from there; what is no result any more is removed.
    server.put("/b/in.csv", table(5));
    run.import(line).code(0);
    assert_eq!(
        names(&server),
        ".kable-bulk differences.csv mine.txt problems.csv report.html results.jsonl summary.json"
    );
    assert!(
        run.files()
            .iter()
            .all(|file| !file.starts_with(run.path("tmp")) || file.ends_with(".keep"))
    );
}

#[test]
fn results_that_cannot_be_copied_stay_on_this_machine() {
    let server = ObjectServer::start();
    let run = with_s3(&server).server(&[]).input("in.csv", table(3));
    let run = run.input("tmp/.keep", "").env("TMPDIR", "tmp");
    let denied = Mishap::Refuse(403, "<Error><Code>AccessDenied</Code></Error>");
    // The manifest is looked for, the prefix is listed, and both are tried out first.
    let first = [Mishap::Fine, Mishap::Fine, Mishap::Fine];
    server.mishaps(first.into_iter().chain([denied.clone()]));
    let ended = run.import("in.csv --out s3://b/out").code(1);
    assert!(
        ended
            .stderr
            .contains("the results are not at s3://b/out, they are in "),
        "{}",
        ended.stderr
    );
    assert!(
        ended.stderr.contains("no permission for"),
        "{}",
        ended.stderr
    );
    ended.says("kable-bulk-results-");
    let kept = |name: &str| run.files().iter().any(|file| file.ends_with(name));
    assert!(kept("summary.json") && kept("results.jsonl"));
    assert_eq!(run.held().len(), 3);
    // What can be known before, is said before.
    server.mishaps([Mishap::Fine, Mishap::Fine, denied]);
    run.import("in.csv --out s3://b/out")
        .refuses(1, &["no permission for"]);
}

#[test]
fn results_replace_nothing_else_and_keys_stay_on_a_disk() {
    let server = ObjectServer::start().object("/b/out/rejects.csv", "mine");
    let run = with_s3(&server).server(&[]).input("in.csv", table(3));
    let holds = "s3://b/out holds rejects.csv, which no run of kable-bulk lists as its own";
    run.import("in.csv --out s3://b/out").refuses(1, &[holds]);
    let own = "s3://b/out/rejects.csv stands where this run writes";
    run.import("s3://b/out/rejects.csv --out s3://b/out/")
        .refuses(1, &[own]);
    run.import("in.csv --keys --out s3://b/new")
        .refuses(2, &["wanted a folder on a disk"]);
    run.import("in.csv --out https://127.0.0.1/x")
        .refuses(1, &["wanted a folder, s3://"]);
    assert_eq!(run.held().len(), 0);
    run.import("in.csv").code(0);
    run.go("report in.csv --out s3://b/new")
        .refuses(1, &["writes its results to a folder"]);
    assert_eq!(server.objects("/b/").len(), 1);
}

#[test]
fn large_results_are_written_in_parts() {
    let cell = "x".repeat(1 << 20);
    let rows = (0..17).map(|row| format!("c-{row},{cell},USD\n"));
    let text = "clientId,companyName,currency\n".to_owned() + &rows.collect::<String>();
    let server = ObjectServer::start().object("/b/in.csv", &text);
    let run = with_s3(&server);
    run.go("validate s3://b/in.csv --out s3://b/out").code(3);
    let rejects = &server.objects("/b/out/")["rejects.csv"];
    assert!(rejects.len() > text.len() - 100, "{}", rejects.len());
    let parts = server.requests().into_iter();
    let parts = parts.filter(|request| request.line.contains("partNumber="));
    assert_eq!(parts.count(), 2);
}
