//! Customers that exist already and differ: left, or updated to equal the row.

use kable_bulk::sandbox::http::routes::Call;
use kable_bulk::sandbox::store::inspect;

use crate::common::{DATABASE, Run};

const HEADER: &str = "clientId,companyName,currency,email,phone,planIds\n";

fn table(rows: &[&str]) -> String {
    format!("{HEADER}{}\n", rows.join("\n"))
}

/// Three customers are there from an import of their own.
fn three_are_there(faults: &[&str]) -> Run {
    let rows = [
        "c-1,Aster,USD,a@aster.example,+1 555,",
        "c-2,Birch,USD,b@birch.example,+2 555,",
        "c-3,Cedar,USD,c@cedar.example,+3 555,",
    ];
    let run = Run::new().server(faults).input("first.csv", table(&rows));
    run.import("first.csv").code(0);
    run
}

const CHANGED: [&str; 3] = [
    "c-1,Aster,USD,a@aster.example,,",
    "c-2,Birch & Sons,EUR,new@birch.example,,",
    "c-4,Date,USD,,,",
];

#[test]
fn they_are_made_equal_to_the_row_and_keep_what_it_does_not_speak_of() {
    let run = three_are_there(&[]);
    run.write("in.csv", table(&CHANGED));
    run.import("in.csv --existing update").code(0);
    let summary = run.summary("in.csv");
    summary.outcomes(&[("created", 1), ("already_existed", 1), ("updated", 1)]);
    assert_eq!(run.counts().of(Call::Update), 1);
    let birch = run.now("c-2");
    assert_eq!(birch["companyName"], "Birch & Sons");
    assert_eq!(birch["currency"], "EUR");
    assert_eq!(birch["billingContact"]["email"], "new@birch.example");
    assert_eq!(birch["billingContact"]["phone"], "+2 555");
    assert_eq!(run.now("c-3")["companyName"], "Cedar");

    run.import("in.csv --existing update").code(0);
    run.summary("in.csv")
        .outcomes(&[("created", 1), ("already_existed", 1), ("updated", 1)]);
    assert_eq!(run.counts().of(Call::Update), 1);
}

#[test]
fn a_row_that_was_changed_after_it_was_created_differs_or_is_updated() {
    let run = three_are_there(&[]);
    let mended = ["c-1,Aster Ltd,USD,a@aster.example,,", CHANGED[2]];
    run.write("in.csv", table(&mended));
    let on_the_same = "in.csv --checkpoint first.csv.checkpoint.db";
    run.import(on_the_same).code(3);
    run.summary("in.csv")
        .outcomes(&[("created", 1), ("differs", 1)]);
    assert_eq!(run.now("c-1")["companyName"], "Aster");

    run.import(&format!("{on_the_same} --existing update"))
        .code(0);
    run.summary("in.csv")
        .outcomes(&[("created", 1), ("updated", 1)]);
    assert_eq!(run.now("c-1")["companyName"], "Aster Ltd");
    assert_eq!(run.creates_in_vain(), 0);
}

#[test]
fn a_stripe_id_that_was_changed_is_sent_though_it_cannot_be_seen() {
    let stripe =
        |id: &str| format!("clientId,companyName,currency,stripeCustomerId\nc-1,Aster,USD,{id}\n");
    let run = Run::new().server(&[]).input("in.csv", stripe("cus_One1"));
    run.import("in.csv").code(0);
    run.write("in.csv", stripe("cus_Two2"));
    run.import("in.csv --existing update").code(0);
    run.summary("in.csv").outcomes(&[("updated", 1)]);
    assert_eq!(run.counts().of(Call::Update), 1);
    assert_eq!(run.now("c-1")["stripeCustomerId"], "cus_Two2");
}

#[test]
fn what_an_update_cannot_reach_differs_and_is_named() {
    let run = three_are_there(&[]);
    let plan = "pln_5a3b0c7d9e1f42638495a6b7c8d9e0f1";
    run.write("in.csv", table(&[&format!("c-1,Aster Ltd,USD,,,{plan}")]));
    run.import("in.csv --existing update -v")
        .code(3)
        .says("planIds is \"\" at Kable");
    run.summary("in.csv").outcomes(&[("differs", 1)]);
    assert_eq!(run.now("c-1")["companyName"], "Aster Ltd");
}

#[test]
fn updates_survive_what_creates_survive() {
    for fault in [
        "lost-reply@update:1",
        "reset@update:1",
        "status:503@update:1",
        "status-after:500@update:1",
        "throttle@update:1",
        "cut-body@update:1",
        "html-after@update:1",
        "other-body@update:1",
    ] {
        let run = three_are_there(&[fault]);
        run.write("in.csv", table(&CHANGED));
        run.import("in.csv --existing update").code(0);
        let outcomes = [("created", 1), ("already_existed", 1), ("updated", 1)];
        run.summary("in.csv").outcomes(&outcomes);
        assert_eq!(run.now("c-2")["companyName"], "Birch & Sons", "{fault}");
        assert_eq!(run.now("c-2")["currency"], "EUR", "{fault}");
    }
}

#[test]
fn an_update_that_is_refused_fails_its_row() {
    let run = three_are_there(&["status:422@update:1"]);
    run.write("in.csv", table(&CHANGED));
    run.import("in.csv --existing update").code(3);
    run.summary("in.csv")
        .outcomes(&[("created", 1), ("already_existed", 1), ("failed", 1)]);
    assert_eq!(run.now("c-2")["companyName"], "Birch");
}

#[test]
fn a_run_that_was_killed_in_an_update_finishes_it() {
    let mut run = three_are_there(&["hang-after@update:1"]);
    run.write("in.csv", table(&CHANGED));
    let running = run.start_import("in.csv --existing update");
    crate::common::until("the update", || run.now("c-2")["currency"] == "EUR");
    running.kill();
    run.server_again(|_| {});
    run.import("in.csv --existing update").code(0);
    let summary = run.summary("in.csv");
    let well = ["created", "already_existed", "updated"].map(|name| summary.outcome(name));
    assert_eq!(well.iter().sum::<u64>(), 3);
    assert_eq!(run.held().len(), 4);
}

#[test]
fn what_stays_different_is_not_updated_again_and_again() {
    let run = three_are_there(&[]);
    let plan = "pln_5a3b0c7d9e1f42638495a6b7c8d9e0f1";
    let header = "clientId,companyName,currency,stripeCustomerId,planIds";
    run.write(
        "in.csv",
        format!("{header}\nc-1,Aster,USD,cus_One1,{plan}\n"),
    );
    for _ in 0..2 {
        run.import("in.csv --existing update").code(3);
        assert_eq!(run.counts().of(Call::Update), 0);
    }
}

/// The lines of `differences.csv` after its header.
fn differences(run: &Run) -> Vec<String> {
    let text = run.text("in.csv.results/differences.csv");
    let mut lines = text.lines();
    assert_eq!(lines.next(), Some("line,clientId,field,file,kable"));
    lines.map(str::to_owned).collect()
}

#[test]
fn how_they_differ_is_a_file_and_the_fields_are_counted() {
    let run = three_are_there(&[]);
    let rows = [CHANGED[1], "c-3,\"Cedar, Ltd\",USD,,,", CHANGED[2]];
    run.write("in.csv", table(&rows));
    let expected = [
        "2,c-2,companyName,Birch & Sons,Birch",
        "2,c-2,currency,EUR,USD",
        "2,c-2,billingContact.email,new@birch.example,b@birch.example",
        "3,c-3,companyName,\"Cedar, Ltd\",Cedar",
    ];
    // The second run asks for nothing: the checkpoint knows.
    for _ in 0..2 {
        run.import("in.csv")
            .code(3)
            .says("Differ in companyName 2, billingContact.email 1, currency 1");
        assert_eq!(differences(&run), expected);
        let summary = run.summary("in.csv");
        assert_eq!(summary.0["differences"][0]["rows"], 2);
    }

    // A row that was mended by now differs no more.
    run.import("in.csv --existing update").code(0);
    assert_eq!(differences(&run), [""; 0]);
    assert_eq!(run.summary("in.csv").0.get("differences"), None);
}

/// A customer whose `clientId` is another one's id at Kable: a path with it finds the other.
fn one_has_the_others_id(faults: &[&str]) -> (Run, String) {
    let header = "clientId,companyName,currency,planIds\n";
    let run = Run::new()
        .server(faults)
        .input("first.csv", format!("{header}p-1,Aster,USD,\n"));
    run.import("first.csv").code(0);
    let held = inspect::customers(&run.path(DATABASE)).unwrap();
    let id = held[0].customer_id.clone();
    run.write("second.csv", format!("{header}{id},Birch,USD,\n"));
    run.import("second.csv").code(0);
    run.summary("second.csv").outcomes(&[("created", 1)]);
    let plan = "pln_5a3b0c7d9e1f42638495a6b7c8d9e0f1";
    run.write(
        "in.csv",
        format!("{header}p-1,Aster,USD,\n{id},Birch & Sons,EUR,{plan}\n"),
    );
    (run, id)
}

/// Names, currencies and plans of both, the first one's first.
fn both(run: &Run, id: &str) -> [String; 2] {
    ["p-1", id].map(|client_id| {
        let customer = run.now(client_id);
        let plans = customer["planIds"].as_array().map_or(0, Vec::len);
        let (name, currency) = (&customer["companyName"], &customer["currency"]);
        format!("{name} {currency} {plans}")
    })
}

#[test]
fn a_change_never_lands_on_the_customer_whose_kable_id_the_row_has() {
    let changed = [r#""Aster" "USD" 0"#, r#""Birch & Sons" "EUR" 1"#];
    for faults in [&[][..], &["lost-reply@update:1"], &["reset@add-plans:1"]] {
        let (run, id) = one_has_the_others_id(faults);
        run.go(&format!(
            "sync in.csv --base-url {} --max-changes 100%",
            run.url()
        ))
        .code(0);
        let summary = run.summary("in.csv");
        summary.outcomes(&[("unchanged", 1), ("updated", 1)]);
        assert_eq!(both(&run, &id), changed, "{faults:?}");
    }
    let (run, id) = one_has_the_others_id(&[]);
    run.import("in.csv --existing update").code(3);
    let outcomes = [("already_existed", 1), ("differs", 1)];
    run.summary("in.csv").outcomes(&outcomes);
    let renamed = [r#""Aster" "USD" 0"#, r#""Birch & Sons" "EUR" 0"#];
    assert_eq!(both(&run, &id), renamed, "an import changes no plans");
}
