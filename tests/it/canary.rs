//! The first rows are sent and read back before all others.

use kable_bulk::sandbox::http::routes::Call;

use crate::common::{Run, customers_of_csv, rows};

#[test]
fn where_all_agree_the_others_follow() {
    let run = Run::new().server(&[]).input("in.csv", rows(50));
    run.import("in.csv --canary 5")
        .code(0)
        .says("Canary: 5 rows were sent ahead and read back; 5 as in the file, 0 not")
        .says("line 2, \"c-1\": created, 3 fields agree");
    let summary = run.summary("in.csv");
    summary.outcomes(&[("created", 50)]);
    assert_eq!(summary.0["requests"]["lookups"], 5);
    assert_eq!(run.counts().of(Call::Lookup), 5);
    assert_eq!(run.counts().of(Call::Create), 50);
    run.holds(&customers_of_csv(&rows(50)));
    assert_eq!(run.results("in.csv").len(), 50);
}

#[test]
fn where_one_does_not_nothing_else_is_sent() {
    let run = Run::new()
        .server(&["altered@lookup:2"])
        .input("in.csv", rows(50));
    let ended = run.import("in.csv --canary 3").code(5);
    ended
        .says("companyName is \"ALTERED\" at Kable")
        .says("Stopped by the canary: 1 of 3 rows sent ahead")
        .says("Go on once they are mended: the same rows are compared again first");
    run.summary("in.csv")
        .outcomes(&[("created", 3), ("pending", 47)]);
    assert_eq!(run.counts().of(Call::Create), 3);

    run.import("in.csv").code(0);
    run.holds(&customers_of_csv(&rows(50)));
    assert_eq!(run.creates_in_vain(), 0);
}

#[test]
fn a_row_that_is_refused_is_a_canary_that_does_not_agree() {
    let run = Run::new()
        .server(&["status:422@create:2"])
        .input("in.csv", rows(50));
    run.import("in.csv --canary 3 --concurrency 1")
        .code(5)
        .says("line 3, \"c-2\": failed: ");
    assert_eq!(run.counts().of(Call::Create), 3);
}

#[test]
fn trouble_in_reading_back_is_waited_out() {
    let run = Run::new()
        .server(&["status:503@lookup:1", "throttle@lookup:2", "reset@lookup:3"])
        .input("in.csv", rows(20));
    run.import("in.csv --canary 2").code(0);
    run.summary("in.csv").outcomes(&[("created", 20)]);
}

#[test]
fn rows_in_doubt_wait_for_the_canary_too() {
    let mut run = Run::new()
        .server(&["hang-after@create:1"])
        .input("in.csv", rows(10));
    let running = run.start_import("in.csv --concurrency 1 --rate 4/s");
    crate::common::until("the first customer", || run.held().len() == 1);
    running.kill();
    run.server_again(|settings| {
        settings.faults = vec!["altered@lookup:1".parse().unwrap()];
    });
    run.import("in.csv --canary 2").code(5);
    // The row in doubt was not one of the two.
    assert_eq!(run.held().len(), 3);
    let summary = run.summary("in.csv");
    assert_eq!(summary.outcome("created"), 2);
    assert!(summary.outcome("unresolved") >= 1);
    run.import("in.csv").code(0);
    run.holds(&customers_of_csv(&rows(10)));
    assert_eq!(run.creates_in_vain(), 0);
}

#[test]
fn a_canary_of_more_rows_than_there_are_is_all_of_them() {
    let run = Run::new().server(&[]).input("in.csv", rows(3));
    run.import("in.csv --canary 10").code(0);
    assert_eq!(run.counts().of(Call::Lookup), 3);
    // No row is left for a canary.
    run.import("in.csv --canary 10").code(0);
    assert_eq!(run.counts().of(Call::Lookup), 3);
}

#[test]
fn a_canary_of_none_is_wrong_usage() {
    let run = Run::new().input("in.csv", rows(1));
    run.go("import in.csv --sandbox --canary 0")
        .code(2)
        .says("wanted 1 to 1000");
}

#[test]
fn a_canary_that_is_refused_for_everybodys_sake_fails_no_row() {
    let run = Run::new()
        .server(&["status:422@create:1-10"])
        .input("in.csv", rows(30));
    for _ in 0..2 {
        run.import("in.csv --canary 5").code(5);
        run.summary("in.csv").outcomes(&[("pending", 30)]);
    }
    run.import("in.csv --canary 5").code(0);
    run.summary("in.csv").outcomes(&[("created", 30)]);
}

#[test]
fn a_canary_that_waits_can_be_stopped() {
    let run = Run::new()
        .server(&["status:503@lookup"])
        .input("in.csv", rows(30));
    // Stopped by the clock: the same command continues.
    run.import("in.csv --canary 2 --max-duration 2s")
        .code(4)
        .says("could not be read back: everything was stopped");
    run.summary("in.csv")
        .outcomes(&[("created", 2), ("pending", 28)]);
    run.go("status in.csv").code(0).says("stopped");
}

#[test]
fn the_same_command_stops_again_until_the_rows_are_mended() {
    for fault in ["altered@client:c-2", "status:422@create:2"] {
        let run = Run::new().server(&[fault]).input("in.csv", rows(20));
        let import = "in.csv --canary 3 --concurrency 1";
        run.import(import).code(5);
        let creates = run.counts().of(Call::Create);
        for _ in 0..2 {
            run.import(import)
                .code(5)
                .says("Stopped by the canary: 1 of 3 rows")
                .says("Without --canary, all rows are sent");
            assert_eq!(run.counts().of(Call::Create), creates, "{fault}");
        }
    }
}
