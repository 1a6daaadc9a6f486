//! `verify`: compares what Kable holds with the file, and changes nothing.

use crate::common::raw::{Raw, says};
use crate::common::{EndedRun, Run};

const LIST: &str = "GET /api/v1/customers HTTP";

const HEADER: &str = "clientId,companyName,currency,email,city\n";

const FIRST: [&str; 3] = [
    "c-1,Aster,USD,a@aster.example,Bonn",
    "c-2,Birch,USD,b@birch.example,Kiel",
    "c-3,Cedar,EUR,,",
];

fn table(rows: &[&str]) -> String {
    format!("{HEADER}{}\n", rows.join("\n"))
}

/// A server that holds the customers of [`FIRST`].
fn three_are_there(faults: &[&str]) -> Run {
    let run = Run::new().server(faults).input("first.csv", table(&FIRST));
    run.import("first.csv").code(0);
    run
}

fn json(run: &Run, name: &str) -> serde_json::Value {
    serde_json::from_str(&run.text(name)).unwrap()
}

fn verify(run: &Run, rest: &str) -> EndedRun {
    run.go(&format!("verify --base-url {} {rest}", run.url()))
}

#[test]
fn what_was_imported_is_there_and_equal_and_the_summary_proves_it() {
    let run = three_are_there(&[]);
    let before = run.held();
    verify(&run, "first.csv --out proof")
        .code(0)
        .says("Every row is there, and equal.");
    assert_eq!(run.held(), before);
    let summary = json(&run, "proof/summary.json");
    assert_eq!(summary["outcomes"]["unchanged"], 3);
    assert_eq!(summary["surplus"], 0);
    assert_eq!(summary["exit_code"], 0);
    let digest = &summary["input_digests"][0];
    assert_eq!(digest["bytes"], table(&FIRST).len());
    assert_eq!(digest["sha256"].as_str().unwrap().len(), 64);
    assert!(summary["started"].as_str() <= summary["finished"].as_str());
    assert_eq!(
        run.text("proof/differences.csv"),
        "line,clientId,field,file,kable\n"
    );
}

#[test]
fn a_contact_that_kable_does_not_show_is_not_called_equal() {
    let run = Run::new().server(&[]);
    run.write("few.csv", "clientId,companyName,currency\nc-1,Aster,USD\n");
    run.import("few.csv").code(0);
    run.write("one.csv", table(&FIRST[..1]));
    verify(&run, "one.csv").code(0).says(
        "Every row is there, and equal as far as Kable shows it. Not compared: \
         billingContact.city of 1 row and billingContact.email of 1 row.",
    );
    let page = run.text("one.csv.results/report.html");
    assert!(page.contains("equal as far as Kable shows it"));
    // Once it shows one of any customer, a missing one is empty.
    run.write("more.csv", table(&FIRST[1..2]));
    run.import("more.csv").code(0);
    verify(&run, "one.csv")
        .code(3)
        .says("Not equal: 1 row to look at.");
    let differences = run.text("one.csv.results/differences.csv");
    let expected = "2,c-1,billingContact.email,a@aster.example,\n";
    assert!(differences.contains(expected), "{differences}");
}

#[test]
fn what_differs_is_missing_or_is_more_is_a_line_each() {
    let run = three_are_there(&[]);
    run.write(
        "now.csv",
        table(&[
            "c-1,Aster & Sons,USD,a@aster.example,Köln",
            "c-3,Cedar,EUR,,",
            "c-4,Date,USD,,",
            "C-2,Elm,USD,,",
            "c-5,,USD,,",
        ]),
    );
    verify(&run, "now.csv")
        .code(3)
        .says("Not equal: 4 rows to look at.")
        .says("differences.csv (5)")
        .says("verified.jsonl")
        .says("Differ in billingContact.city 1, companyName 1")
        .says("1  more customers at Kable that no row of the file has");
    let summary = run.summary("now.csv");
    summary.outcomes(&[("unchanged", 1), ("differs", 1), ("missing", 2)]);
    assert_eq!(summary.rows("rejected"), 1);
    assert_eq!(
        run.text("now.csv.results/differences.csv"),
        "line,clientId,field,file,kable\n\
         2,c-1,companyName,Aster & Sons,Aster\n\
         2,c-1,billingContact.city,Köln,Bonn\n\
         4,c-4,clientId,c-4,\n\
         5,C-2,clientId,C-2,\n\
         ,c-2,clientId,,c-2\n"
    );
    let told = run.text("now.csv.results/verified.jsonl");
    assert_eq!(told.matches("\"missing\"").count(), 2, "{told}");
}

/// A row that is rejected still says that its customer belongs to the file.
#[test]
fn the_customer_of_a_rejected_row_is_not_surplus() {
    let run = three_are_there(&[]);
    run.write("now.csv", table(&[FIRST[0], FIRST[1], "c-3,Cedar,XXX,,"]));
    verify(&run, "now.csv")
        .code(3)
        .says("Errors (these rows are not compared):")
        .keeps_to_itself("not sent");
    assert_eq!(json(&run, "now.csv.results/summary.json")["surplus"], 0);
}

/// Else a customer that is charged twice passes for equal.
#[test]
fn customers_with_the_same_client_id_are_a_difference_and_left_alone() {
    let customer = |number: u32, id: &str, status: &str| {
        format!(
            "{{\"customerId\":\"cus_{number}\",\"clientId\":\"{id}\",\"companyName\":\"Aster\",\
             \"currency\":\"USD\",\"status\":\"{status}\",\"plans\":[],\"bundles\":[]}}"
        )
    };
    let all = [
        customer(1, "c-1", "ACTIVE"),
        customer(2, "c-2", "CANCELLED"),
        customer(3, "c-1", "ACTIVE"),
        customer(4, "c-2", "ACTIVE"),
    ];
    let server = Raw::start(16, []);
    server.answers(LIST, says("200 OK", &format!("[{}]", all.join(","))));
    for call in ["/plans", "/bundles"] {
        server.answers(call, says("200 OK", "[]"));
    }
    let run = Run::new().credentials();
    run.write(
        "in.csv",
        "clientId,companyName,currency\nc-1,Aster & Sons,USD\nc-2,Aster,USD\n",
    );
    for command in [
        "verify",
        "sync --prune cancel --max-changes 100% --yes",
        "validate --online",
    ] {
        run.go(&format!("{command} in.csv --base-url {}", server.url()))
            .code(3)
            .says("customerId 1")
            .says("Kable holds several customers with this clientId: cus_1 cus_3");
        let differences = run.text("in.csv.results/differences.csv");
        assert!(
            differences.contains("\n2,c-1,customerId,,cus_1 cus_3\n"),
            "{command}: {differences}"
        );
        assert!(!differences.contains("c-2"), "{command}: {differences}");
    }
    let heads = server.heads();
    assert!(
        heads.iter().all(|(_, head)| !head.contains("/customers/")),
        "{heads:?}"
    );
}

#[test]
fn the_results_of_the_import_are_kept() {
    let run = three_are_there(&[]);
    let imported = run.text("first.csv.results/summary.json");
    verify(&run, "first.csv").code(0);
    assert_eq!(run.text("first.csv.results/summary.json"), imported);
    let proof = json(&run, "first.csv.results/verify-summary.json");
    assert_eq!(proof["command"], "verify");
}

#[test]
fn without_the_list_nothing_is_said_to_be_equal() {
    let run = three_are_there(&["status:500@list"]);
    verify(&run, "first.csv").refuses(1, &["the customers could not be listed"]);
}
