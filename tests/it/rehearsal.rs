//! `import --dry-run`: what it reports is what the run then does, and it changes nothing
//! itself.

use kable_bulk::sandbox::http::routes::Call;
use serde_json::{Value, json};

use crate::common::Run;

const HEADER: &str = "clientId,companyName,currency,email\n";
const CHECKPOINT: &str = "in.csv.checkpoint.db";

fn table(rows: &[&str]) -> String {
    format!("{HEADER}{}\n", rows.join("\n"))
}

/// Three customers that an import of their own created.
const FIRST: [&str; 3] = [
    "c-1,Aster,USD,a@aster.example",
    "c-2,Birch,USD,b@birch.example",
    "c-3,Cedar,USD,c@cedar.example",
];

/// One that equals those, two that differ, two new ones.
const MIXED: [&str; 5] = [
    "c-1,Aster,USD,a@aster.example",
    "c-2,Birch & Sons,EUR,b@birch.example",
    "c-3,Cedar Ltd,USD,new@cedar.example",
    "c-4,Date,USD,",
    "c-5,Elm,USD,",
];

fn three_are_there(faults: &[&str]) -> Run {
    let run = Run::new().server(faults).input("first.csv", table(&FIRST));
    run.import("first.csv").code(0);
    run
}

fn summary(run: &Run) -> Value {
    serde_json::from_str(&run.text("in.csv.results/summary.json")).unwrap()
}

/// Runs a dry run of `import` that changes nothing; returns `would` of the summary.
fn foretold(run: &Run, rest: &str) -> Value {
    let before = (run.held(), changes(run));
    let checkpoint = run.exists(CHECKPOINT).then(|| run.bytes(CHECKPOINT));
    run.import(&format!("in.csv --dry-run {rest}")).code(0);
    assert_eq!((run.held(), changes(run)), before, "something was changed");
    let after = run.exists(CHECKPOINT).then(|| run.bytes(CHECKPOINT));
    assert!(after == checkpoint, "the checkpoint was touched");
    run.summary("in.csv");
    summary(run)["would"].clone()
}

fn changes(run: &Run) -> Vec<u64> {
    [Call::Create, Call::Update, Call::Delete, Call::Cancel]
        .map(|call| run.counts().of(call))
        .to_vec()
}

/// Compares the dry run with the run that follows. Returns what the dry run reported.
fn comes_true(run: &Run, rest: &str) -> Value {
    let would = foretold(run, rest);
    let (held, updates) = (run.held().len() as u64, run.counts().of(Call::Update));
    run.import(&format!("in.csv {rest}"));
    let did = run.summary("in.csv");
    let of = |name: &str| would[name].as_u64().unwrap();
    assert_eq!(
        of("create"),
        run.held().len() as u64 - held,
        "{rest}: {would}"
    );
    assert_eq!(
        of("update"),
        run.counts().of(Call::Update) - updates,
        "{rest}: {would}"
    );
    assert_eq!(
        of("leave_differing") + of("update_differing"),
        did.outcome("differs"),
        "{rest}: {would}"
    );
    assert_eq!(of("fail"), did.outcome("failed"), "{rest}: {would}");
    let all = ["create", "update", "leave_equal", "leave_differing", "fail"].map(of);
    let fit = did.rows("read") - did.rows("skipped") - did.rows("rejected");
    assert_eq!(all.iter().sum::<u64>(), fit, "{rest}: {would}");
    assert_eq!(of("ask"), 0);
    assert_eq!(would["listed"], true);
    would
}

#[test]
fn on_a_fresh_checkpoint_it_knows_what_kable_holds() {
    for (existing, update, differing, fail) in
        [("skip", 0, 2, 0), ("update", 2, 0, 0), ("fail", 0, 0, 2)]
    {
        let run = three_are_there(&[]);
        run.write("in.csv", table(&MIXED));
        let would = comes_true(&run, &format!("--existing {existing}"));
        let of = |name: &str| would[name].as_u64().unwrap();
        assert_eq!(
            (
                of("create"),
                of("update"),
                of("leave_differing"),
                of("fail")
            ),
            (2, update, differing, fail)
        );
        assert_eq!((of("leave_equal"), of("edited")), (1, 0));
        if existing == "update" {
            assert_eq!(
                would["update_fields"],
                json!({"companyName": 2, "currency": 1, "billingContact.email": 1})
            );
        }
    }
}

#[test]
fn after_a_complete_run_it_knows_edited_rows() {
    for existing in ["skip", "update", "fail"] {
        let run = Run::new().server(&[]).input("in.csv", table(&FIRST));
        run.import("in.csv").code(0);
        run.write("in.csv", table(&MIXED));
        let would = comes_true(&run, &format!("--existing {existing}"));
        assert_eq!(would["edited"], 2, "{existing}: {would}");
        assert_eq!(would["create"], 2, "{existing}: {would}");
        // And after that run, a dry run reports nothing new.
        let again = comes_true(&run, &format!("--existing {existing}"));
        assert_eq!((&again["create"], &again["update"]), (&json!(0), &json!(0)));
    }
}

#[test]
fn after_a_run_that_differed_another_policy_is_foretold() {
    for existing in ["update", "fail"] {
        let run = three_are_there(&[]);
        run.write("in.csv", table(&MIXED));
        run.import("in.csv").code(3);
        let would = comes_true(&run, &format!("--existing {existing}"));
        assert_eq!(would["create"], 0, "{existing}: {would}");
    }
}

#[test]
fn after_a_run_that_was_killed_it_knows_what_arrived() {
    for (fault, existing) in [
        ("hang-after@create:3", "skip"),
        ("hang@create:3", "skip"),
        ("hang-after@create:2", "update"),
        ("hang@create:1", "fail"),
    ] {
        let mut run = Run::new().server(&[fault]).input("in.csv", table(&FIRST));
        let running = run.start_import("in.csv --concurrency 1");
        let wanted: u64 = fault.rsplit(':').next().unwrap().parse().unwrap();
        crate::common::until("the create", || run.counts().of(Call::Create) >= wanted);
        running.kill();
        run.server_again(|_| {});
        run.write("in.csv", table(&MIXED));
        comes_true(&run, &format!("--existing {existing}"));
    }
}

#[test]
fn failed_rows_are_left_or_tried_again() {
    let run = Run::new()
        .server(&["status:422*1@create:2"])
        .input("in.csv", table(&FIRST));
    run.import("in.csv --concurrency 1 --max-errors 9").code(3);
    assert_eq!(foretold(&run, "--max-errors 9")["fail"], 1);
    let would = comes_true(&run, "--max-errors 9 --retry-failed");
    assert_eq!((&would["create"], &would["fail"]), (&json!(1), &json!(0)));
}

/// A customer that is there takes a create that is refused and a look-up, and one that is
/// updated another request.
#[test]
fn as_many_requests_are_sent_as_were_foretold() {
    for (options, requests) in [("", 8), ("--existing update", 10)] {
        let run = three_are_there(&[]);
        run.write("in.csv", table(&MIXED));
        let said = format!("To send: {requests} requests");
        run.import(&format!("in.csv --dry-run {options}"))
            .says(&said);
        run.import(&format!("in.csv {options}"));
        assert_eq!(summary(&run)["requests"]["sent"], requests, "{options}");
    }
}

#[test]
fn it_speaks_of_what_would_be() {
    let run = three_are_there(&[]);
    run.write("in.csv", table(&MIXED));
    run.import("in.csv --dry-run --existing update")
        .code(0)
        .says("Would create 2 customers")
        .says("Would update 2: companyName 2, ")
        .says("currency 1")
        .says("Would leave 1 as they are: done before, or equal to the file")
        .says("companyName is \"Birch\" at Kable, \"Birch & Sons\" in the file")
        .says("To send: 10 requests");
    run.import("in.csv --dry-run")
        .code(0)
        .says("Would leave 2 as they are: they differ from the file");
    run.summary("in.csv")
        .outcomes(&[("pending", 2), ("already_existed", 1), ("differs", 2)]);
    run.import("in.csv --dry-run --existing fail --max-errors 1")
        .code(0)
        .says("Would count 2 rows as failed")
        .says("It would stop before the end");
    run.import("in.csv").code(3);
    assert_eq!(summary(&run).get("would"), None);
}

#[test]
fn without_a_list_it_says_that_the_rest_is_not_known() {
    let run = Run::new()
        .server(&["status:403@list"])
        .input("in.csv", table(&FIRST));
    run.import("in.csv").code(0);
    run.write("in.csv", table(&MIXED));
    run.import("in.csv --dry-run --existing update")
        .code(0)
        .says("the customers could not be listed")
        .says("is not known")
        .says("Would create 2 customers (it is not known whether some are there already)")
        .says("Would ask for 2 customers first: what would follow is not known");
    let would = &summary(&run)["would"];
    assert_eq!(
        (&would["listed"], &would["ask"]),
        (&json!(false), &json!(2))
    );
}

#[test]
fn a_list_that_hangs_can_be_stopped() {
    let run = Run::new()
        .server(&["hang@list"])
        .input("in.csv", table(&FIRST));
    let running = run.start_import("in.csv --dry-run");
    crate::common::until("the list", || run.counts().of(Call::List) > 0);
    running.signal("INT");
    running.end().code(130);
}
