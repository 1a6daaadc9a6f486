//! Issue 12, points 6 and 7: creates that fail while look-ups work, and responses that come
//! from a proxy instead of the API.

use kable_bulk::sandbox::http::routes::Call;

use crate::common::raw::{Ask, Raw, says};
use crate::common::{Run, customers_of_csv, rows};

/// All rows of a file are created in one run, whatever happens meanwhile.
fn all_are_created(faults: &[&str], many: usize, options: &str) -> Run {
    let run = Run::new().server(faults).input("in.csv", rows(many));
    run.import(&format!("in.csv {options}")).code(0);
    run.holds(&customers_of_csv(&rows(many)));
    let summary = run.summary("in.csv");
    // A customer found in the run's first second may be older than the run, as far as the
    // server's clock is known by then.
    let well = summary.outcome("created") + summary.outcome("already_existed");
    assert_eq!(well, many as u64, "{:#}", summary.0);
    run
}

#[test]
fn a_few_creates_are_down_while_look_ups_work() {
    all_are_created(&["down:1s@create"], 3, "");
    all_are_created(&["down:1s@create"], 3, "--concurrency 1");
}

#[test]
fn many_creates_are_down_while_look_ups_work() {
    all_are_created(&["down:1s@create"], 30, "");
    all_are_created(&["down:1s@create:20"], 30, "--retries 2 --concurrency 4");
}

/// A server that responds 500 to creates that it has done works.
#[test]
fn creates_that_fail_and_are_found_to_be_done_are_no_outage() {
    let text = rows(200);
    let run = Run::new()
        .server(&["status-after:500@create"])
        .input("in.csv", &text);
    run.import("in.csv --concurrency 4")
        .code(0)
        .keeps_to_itself("does not answer");
    run.holds(&customers_of_csv(&text));
    assert_eq!(run.counts().of(Call::Create), 200);
    assert_eq!(run.counts().of(Call::Lookup), 200);
    // A probe would be one more.
    assert_eq!(run.counts().of(Call::Authenticate), 1);

    // With many in flight, no look-up gets its response before five creates have failed.
    let run = Run::new()
        .server(&["status-after:500@create"])
        .input("in.csv", &text);
    run.import("in.csv")
        .code(0)
        .keeps_to_itself("does not answer");
    run.holds(&customers_of_csv(&text));
    assert_eq!(run.counts().of(Call::Create), 200);
    assert_eq!(run.counts().of(Call::Authenticate), 1);
}

/// A single row with server errors is no outage for the others.
#[test]
fn one_broken_row_is_its_own() {
    let run = Run::new()
        .server(&["status:500@client:c-7"])
        .input("in.csv", rows(30));
    run.import("in.csv --retries 2").code(3);
    let summary = run.summary("in.csv");
    assert_eq!(summary.outcome("created"), 29);
    assert_eq!(run.held().len(), 29);
}

/// A few rows with server errors are retried when no others are left: they fail
/// consecutively then, and that is no outage either.
#[test]
fn a_few_broken_rows_are_no_outage() {
    let broken = says("500 Internal Server Error", r#"{"message": "boom"}"#);
    let calls = [1, 15, 30].map(|number| {
        let client_id = format!("c-{number}");
        (Ask::Create, client_id, vec![broken.clone(); 9])
    });
    let server = Raw::start(64, calls);
    let run = Run::new().credentials().input("in.csv", rows(30));
    run.go(&format!(
        "import in.csv --retries 3 --base-url {}",
        server.url()
    ))
    .code(3)
    .keeps_to_itself("does not answer");
    run.summary("in.csv")
        .outcomes(&[("created", 27), ("failed", 3)]);
    for client_id in ["c-1", "c-15", "c-30"] {
        let creates = server.calls(client_id).matches("create").count();
        assert_eq!(creates, 4, "{}", server.calls(client_id));
    }
}

#[test]
fn a_page_that_says_not_found_for_a_while_fails_no_row() {
    all_are_created(&["not-found-page:1s@create:5"], 60, "");
    all_are_created(&["not-found-page:1s@create:1"], 3, "");
    all_are_created(&["not-found-page*40@request:10+"], 60, "");
    all_are_created(&["not-found-page=20%"], 60, "--max-errors 100%");
}

/// As the response to a look-up, such a page would have a customer created twice, or
/// failed.
#[test]
fn a_page_that_says_not_found_to_look_ups_proves_nothing() {
    let run = all_are_created(
        &["not-found-page:1s@lookup", "lost-reply@create:every-3"],
        30,
        "",
    );
    assert_eq!(run.counts().of(Call::Create), 30);
    assert_eq!(run.creates_in_vain(), 0);
}

#[test]
fn a_row_that_a_firewall_refuses_fails_alone() {
    let text = rows(30).replace("Company 7,", "DROP TABLE,");
    let run = Run::new()
        .server(&["firewall:DROP TABLE"])
        .input("in.csv", &text);
    run.import("in.csv").code(3);
    run.summary("in.csv")
        .outcomes(&[("created", 29), ("failed", 1)]);
    let failed = run.result("in.csv", "c-7");
    assert_eq!(failed["outcome"], "failed");
    let failures = run.text("in.csv.results/failures.csv");
    assert!(failures.contains(",403,"), "{failures}");
    assert_eq!(run.held().len(), 29);

    // It is the first row, and a later run does not depend on it.
    let text = rows(5).replace("Company 1,", "DROP TABLE,");
    let run = Run::new()
        .server(&["firewall:DROP TABLE"])
        .input("in.csv", &text);
    let import = "in.csv --concurrency 1 --max-errors 100%";
    run.import(import).code(3);
    run.import(import).code(3);
    run.summary("in.csv")
        .outcomes(&[("created", 4), ("failed", 1)]);
}

/// Customers' data must not be sent to a page that responds instead of the API.
#[test]
fn a_login_page_gets_no_customers() {
    let run = Run::new().server(&["login-page"]).input("in.csv", rows(20));
    run.import("in.csv").code(1);
    assert_eq!(run.counts().of(Call::Create), 0);
    assert_eq!(run.held().len(), 0);
}

#[test]
fn a_login_page_in_mid_run_loses_no_row() {
    // It responds to `/plans` only; the credentials are accepted.
    let run = Run::new()
        .server(&["login-page@plans"])
        .input("in.csv", rows(20));
    run.import("in.csv")
        .code(1)
        .says("does not answer as Kable does");
    assert_eq!(run.counts().of(Call::Create), 0);

    let run = all_are_created(&["login-page:1s@request:40"], 100, "--concurrency 8");
    assert_eq!(run.creates_in_vain(), 0);
}

#[test]
fn a_login_page_that_stays_is_waited_for_and_loses_no_row() {
    let mut run = Run::new()
        .server(&["login-page@request:40+"])
        .input("in.csv", rows(100));
    let import = "in.csv --concurrency 8";
    run.import(&format!("{import} --max-duration 2s")).code(4);
    let summary = run.summary("in.csv");
    assert_eq!(summary.outcome("failed"), 0, "{:#}", summary.0);
    let held = run.held().len() as u64;
    assert_eq!(summary.outcome("created"), held);
    // Those in flight when it appeared, and those that took the slots of the first four:
    // the fifth page in a row is an outage, and `/authenticate` gets the page too.
    let arrived = run.counts().of(Call::Create);
    assert!(
        arrived <= held + 8 + 4,
        "{arrived} creates for {held} customers"
    );
    run.server_again(|_| {});
    run.comes_right(import, &rows(100));
}
