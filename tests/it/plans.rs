//! `plans`: what it lists, in which formats, and what it says where it can't.

use kable_bulk::sandbox::http::routes::Call;
use kable_bulk::sandbox::store::catalog::{BUNDLES, PLANS, SUPPORT};

use crate::common::raw::{Raw, says};
use crate::common::{Run, rows};

/// A server of an account with these plans, and no bundles.
fn server_with(plans: &str) -> Raw {
    let server = Raw::start(16, []);
    server.answers("/plans", says("200 OK", plans));
    server.answers("/bundles", says("200 OK", "[]"));
    server
}

#[test]
fn plans_and_bundles_are_listed_with_their_ids() {
    let run = Run::new().server(&[]);
    let ended = run.go("plans --base-url URL").code(0);
    assert_eq!(ended.stderr, "");
    let lines: Vec<&str> = ended.stdout.lines().collect();
    assert_eq!(lines.len(), 1 + PLANS.len() + BUNDLES.len());
    assert!(lines[0].starts_with("kind    id "), "{}", lines[0]);
    for (offer, line) in PLANS.iter().chain(&BUNDLES).zip(&lines[1..]) {
        for value in [offer.id, offer.name, offer.external_id] {
            assert!(line.contains(value), "{value}: {line}");
        }
    }
    let kind = |line: &&&str| line.starts_with("plan ");
    assert_eq!(lines.iter().filter(kind).count(), PLANS.len());
    assert_eq!(run.counts().of(Call::Plans), 1);
    assert_eq!(run.counts().of(Call::Bundles), 1);
}

#[test]
fn every_format_has_the_same_values() {
    let run = Run::new();
    let array = run.go("plans --sandbox --json").code(0).json();
    let array = array.as_array().unwrap();
    assert_eq!(array.len(), PLANS.len() + BUNDLES.len());
    assert_eq!(array[0]["kind"], "plan");
    assert_eq!(array[0]["id"], PLANS[0].id);
    assert_eq!(array[0]["externalId"], PLANS[0].external_id);
    assert_eq!(array[0]["price"], PLANS[0].price);
    assert_eq!(array[3]["kind"], "bundle");
    assert_eq!(array[3]["planIds"][1], SUPPORT.plans[1].id);
    let lines = run.go("plans --sandbox --as jsonl").code(0).stdout;
    let lines: Vec<serde_json::Value> = lines
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(&lines, array);
    let csv = run.go("plans --sandbox --as csv").code(0).stdout;
    let mut reader = csv::Reader::from_reader(csv.as_bytes());
    assert_eq!(
        reader.headers().unwrap(),
        "kind id name externalId currency price interval planIds"
            .split(' ')
            .collect::<Vec<_>>()
    );
    let records: Vec<csv::StringRecord> = reader.records().map(Result::unwrap).collect();
    assert_eq!(records.len(), array.len());
    let bundle = &records[3];
    assert_eq!(&bundle[1], SUPPORT.id);
    let plans: Vec<&str> = bundle[7].split(';').collect();
    assert_eq!(plans, [SUPPORT.plans[0].id, SUPPORT.plans[1].id]);
    let bundles = run.go("plans bundles --sandbox --json").code(0).json();
    assert_eq!(bundles.as_array().unwrap()[..], array[3..]);
}

#[test]
fn a_file_of_values_can_be_read_as_it_is_written() {
    let run = Run::new().input(
        "in.csv",
        "clientId,companyName,currency,planIds,bundleIds\n\
         c-1,Aster,USD,growth;starter,\nc-2,Birch,EUR,,support\n",
    );
    let values = |kind: &str| {
        let line = format!("plans {kind} --sandbox --as values");
        run.go(&line).code(0).stdout
    };
    let of_plans = values("");
    assert_eq!(of_plans, values("planIds"));
    assert_eq!(of_plans.lines().next(), Some("from,to"));
    assert_eq!(of_plans.lines().count(), 1 + PLANS.len());
    run.write("plans.csv", of_plans);
    run.write("bundles.csv", values("bundles"));
    run.import("in.csv --values planIds=plans.csv --values bundleIds=bundles.csv")
        .code(0);
    let held = run.held();
    assert_eq!(held["c-1"]["planIds"][0], PLANS[1].id);
    assert_eq!(held["c-1"]["planIds"][1], PLANS[0].id);
    assert_eq!(held["c-2"]["bundleIds"][0], SUPPORT.id);
}

#[test]
fn a_name_that_stands_for_several_plans_is_warned_of() {
    let server = server_with(
        r#"[{"planId":"pln_1","name":"Pro","externalId":null,"tiers":{"a":[1]}},
            {"planId":"pln_2","name":"Pro"}]"#,
    );
    let run = Run::new().credentials();
    let line = format!("plans --base-url {} --as values", server.url());
    let ended = run.go(&line).code(0).says("warning: \"Pro\" stands for 2");
    assert_eq!(ended.stdout, "from,to\nPro,pln_1\nPro,pln_2\n");
}

#[test]
fn an_account_without_plans_is_an_empty_list() {
    let server = server_with("[]");
    let run = Run::new().credentials();
    let go = |rest: &str| run.go(&format!("plans --base-url {} {rest}", server.url()));
    let ended = go("")
        .code(0)
        .says("the account has no plans and no bundles");
    assert_eq!(ended.stdout, "");
    let ended = go("--quiet").code(0);
    assert_eq!((ended.stdout.as_str(), ended.stderr.as_str()), ("", ""));
    assert_eq!(go("--json").code(0).stdout, "[]\n");
    let csv = go("bundles --as csv")
        .says("the account has no bundles")
        .stdout;
    assert!(csv.starts_with("kind,id,"), "{csv}");
}

#[test]
fn a_wrong_key_and_a_server_that_is_not_there_are_refusals() {
    let run = Run::new()
        .server(&[])
        .env("KABLE_CLIENT_SECRET", "sk_test.wrong");
    run.go("plans --base-url URL")
        .refuses(1, &["credentials", &run.url()])
        .hints("KABLE_CLIENT_SECRET")
        .keeps_to_itself("sk_test.wrong");
    Run::new().go("plans").refuses(1, &["credentials"]);
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let run = run.credentials();
    run.go(&format!("plans --base-url http://{address}"))
        .refuses(1, &[&address.to_string()]);
    run.go("plans --as xml").code(2).says("--as");
    run.go("plans planz").code(2).says("plans");
}

#[test]
fn a_list_that_cannot_be_read_is_a_refusal() {
    for (fault, why) in [
        ("status:403@bundles", "the bundles could not be looked up"),
        ("status:404@plans", "the plans could not be looked up"),
    ] {
        let run = Run::new().server(&[fault]);
        run.go("plans --base-url URL").refuses(1, &[why]);
    }
    let server = server_with("[]");
    server.authenticates([says("200 OK", "<html>Sign in</html>")]);
    let run = Run::new().credentials();
    run.go(&format!("plans --base-url {}", server.url()))
        .refuses(1, &["does not answer as Kable does"]);
    // A short failure is outlasted.
    let run = Run::new().server(&["status:503*1@plans"]);
    run.go("plans --base-url URL").code(0);
}

#[test]
fn the_configuration_file_is_read() {
    let run = Run::new().input("in.csv", rows(1)).input(
        "kable-bulk.toml",
        "sandbox = 'mine.db'\nas = 'csv'\nrate = 5\n",
    );
    let ended = run.go("plans").code(0);
    assert!(ended.stdout.starts_with("kind,id,"), "{}", ended.stdout);
    let ended = ended.says("options from ./kable-bulk.toml: as\n");
    ended.says("target from ./kable-bulk.toml: sandbox mine.db");
    assert!(run.exists("mine.db"));
    let typed = run.go("plans --json").code(0);
    assert!(typed.json().is_array());
    typed.keeps_to_itself("options from");
    run.go("plans --no-config").refuses(1, &["credentials"]);
    run.write("kable-bulk.toml", "as = 'xml'\n");
    run.go("plans --sandbox")
        .refuses(1, &["kable-bulk.toml, line 1", "as", "xml"]);
    run.write("kable-bulk.toml", "timeout = 'soon'\n");
    run.go("plans --sandbox")
        .refuses(1, &["kable-bulk.toml, line 1", "timeout", "soon"]);
}
