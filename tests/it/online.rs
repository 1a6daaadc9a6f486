//! `validate --online`: reports what Kable holds, and changes nothing.

use kable_bulk::sandbox::http::routes::Call;

use crate::common::Run;

const HEADER: &str = "clientId,companyName,currency,email,planIds\n";

fn table(rows: &[&str]) -> String {
    format!("{HEADER}{}\n", rows.join("\n"))
}

/// A server that holds c-1 and c-2.
fn two_are_there(faults: &[&str]) -> Run {
    let rows = [
        "c-1,Aster,USD,a@aster.example,",
        "c-2,Birch,USD,b@birch.example,",
    ];
    let run = Run::new().server(faults).input("first.csv", table(&rows));
    run.import("first.csv").code(0);
    run
}

fn online(run: &Run, rest: &str) -> crate::common::EndedRun {
    run.go(&format!(
        "validate --online --base-url {} {rest}",
        run.url()
    ))
}

#[test]
fn each_row_is_new_or_there_or_another_and_nothing_is_sent() {
    let run = two_are_there(&[]);
    let before = run.held();
    run.write(
        "in.csv",
        table(&[
            "c-1,Aster,USD,a@aster.example,",
            "c-2,Birch & Sons,EUR,b@birch.example,",
            "c-3,Cedar,USD,,",
            "c-4,Date,USD,,",
            "C-1,Elm,USD,,",
            "c-6,,USD,,",
        ]),
    );
    online(&run, "in.csv --rate 2")
        .code(3)
        .says("To send: 7 requests, 4s at 2/s")
        .says("companyName is \"Birch\" at Kable, \"Birch & Sons\" in the file");
    let summary = run.summary("in.csv");
    summary.outcomes(&[("pending", 3), ("already_existed", 1), ("differs", 1)]);
    assert_eq!(summary.rows("rejected"), 1);
    let told = run.text("in.csv.results/online.jsonl");
    let birch = told.lines().find(|line| line.contains("\"c-2\""));
    assert!(birch.unwrap().contains("\"differs\""), "{told}");
    assert_eq!(run.held(), before);
    assert_eq!(
        (run.counts().of(Call::Create), run.counts().of(Call::Update)),
        (2, 0)
    );
}

#[test]
fn plans_that_kable_does_not_have_are_told() {
    let run = two_are_there(&[]);
    let plan = "pln_00000000000000000000000000000000";
    run.write("in.csv", table(&[&format!("c-3,Cedar,USD,,{plan}")]));
    online(&run, "in.csv")
        .code(3)
        .says("unknown_plan in planIds");
    assert_eq!(run.summary("in.csv").lines_of("unknown_plan"), [2]);
}

#[test]
fn what_is_all_there_and_equal_is_well() {
    let run = two_are_there(&[]);
    online(&run, "first.csv")
        .code(0)
        .says("already there, and equal to the file");
}

#[test]
fn a_list_that_breaks_off_is_asked_for_again() {
    let run = two_are_there(&["cut-body*2@list"]);
    online(&run, "first.csv").code(0).says("was incomplete");
}

#[test]
fn what_cannot_be_looked_up_is_an_error_and_not_a_guess() {
    let run = two_are_there(&["status:500@list"]);
    online(&run, "first.csv").refuses(1, &["the customers could not be listed"]);
}

#[test]
fn where_to_look_up_is_ignored_without_looking_up() {
    let run = Run::new().input("in.csv", table(&["c-1,Aster,USD,,"]));
    run.go("validate in.csv --base-url http://localhost:1 -v")
        .code(0)
        .says("ignores --base-url");
}

#[test]
fn wrong_credentials_are_told() {
    let run = two_are_there(&[]).env("KABLE_CLIENT_SECRET", "sk_test.another");
    online(&run, "first.csv").refuses(1, &["refuses the credentials"]);
}

#[test]
fn a_list_that_hangs_is_given_up_and_asked_for_again() {
    let run = two_are_there(&["hang*1@list"]);
    online(&run, "first.csv --timeout 1s")
        .code(0)
        .says("no answer within 1s");
}

#[test]
fn what_an_import_left_is_not_written_over() {
    let run = two_are_there(&[]);
    let before = run.text("first.csv.results/results.jsonl");
    online(&run, "first.csv").code(0);
    assert_eq!(run.text("first.csv.results/results.jsonl"), before);
}

/// Sent, the row would become a second customer.
#[test]
fn a_customer_is_named_whose_id_the_file_has_without_its_zeros() {
    let first = table(&["000370,Aster,USD,,", "c-2,Birch,USD,,"]);
    let run = Run::new().server(&[]).input("first.csv", first);
    run.import("first.csv").code(0);
    run.write("in.csv", table(&["370,Aster,USD,,", "c-2,Birch,USD,,"]));
    let why = "1 customer has an id that differs from a row's clientId in leading zeros alone, such as \"000370\"";
    online(&run, "in.csv").code(0).says(why);
    run.import("in.csv --dry-run").code(0).says(why);
    run.write("in.csv", table(&["000370,Aster,USD,,", "c-2,Birch,USD,,"]));
    online(&run, "in.csv")
        .code(0)
        .keeps_to_itself("leading zeros");
}
