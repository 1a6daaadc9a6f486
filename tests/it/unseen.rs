//! Rows that were edited while it was in doubt what Kable has of them, in a field that Kable
//! does not show.

use kable_bulk::sandbox::http::routes::Call;

use crate::common::{Run, until};

const FIRST: &str = "cus_AAAAAAAAAAAAAA1";
const EDITED: &str = "cus_BBBBBBBBBBBBBB1";

fn row(stripe: &str) -> String {
    format!("clientId,companyName,currency,stripeCustomerId\nc-1,Aster,USD,{stripe}\n")
}

/// A run that was killed while the first request that hangs was not answered.
fn killed(faults: &[&str], command: &str) -> Run {
    let run = Run::new().server(faults).input("in.csv", row(FIRST));
    killed_again(&run, command, 1);
    run
}

fn killed_again(run: &Run, command: &str, faults: u64) {
    let line = format!("{command} in.csv --base-url {} --yes", run.url());
    let running = run.start(&line);
    until("a request hangs", || run.counts().all_faults() == faults);
    running.kill();
}

fn sync(run: &Run, outcome: &str) {
    let line = format!("sync in.csv --base-url {} --settle 1s --yes", run.url());
    run.go(&line).code(0);
    run.summary("in.csv").outcomes(&[(outcome, 1)]);
}

fn at_stripe(run: &Run) -> String {
    let held = run.now("c-1");
    held["stripeCustomerId"].as_str().unwrap().to_owned()
}

#[test]
fn a_row_that_may_have_been_sent_otherwise_is_not_called_equal() {
    let run = killed(&["hang-after@create:1"], "import");
    assert_eq!(at_stripe(&run), FIRST);
    run.write("in.csv", row(EDITED));
    for _ in 0..2 {
        run.import("in.csv --settle 1s").code(3).says(
            "Kable does not show stripeCustomerId, and may have what the row had before it was edited",
        );
        run.summary("in.csv").outcomes(&[("differs", 1)]);
    }
    run.import("in.csv --existing update").code(0);
    run.summary("in.csv").outcomes(&[("updated", 1)]);
    assert_eq!(at_stripe(&run), EDITED);
    assert_eq!(run.counts().of(Call::Create), 1);
}

#[test]
fn a_second_kill_does_not_hide_the_edit() {
    let run = killed(&["hang-after@create:1", "hang@lookup:1"], "sync");
    run.write("in.csv", row(EDITED));
    killed_again(&run, "sync", 2);
    sync(&run, "updated");
    assert_eq!(at_stripe(&run), EDITED);
    sync(&run, "unchanged");
}

#[test]
fn an_edit_that_was_taken_back_is_sent_if_it_may_have_been_sent() {
    let run = Run::new()
        .server(&["hang-after@update:1"])
        .input("in.csv", row(FIRST));
    sync(&run, "created");
    run.write("in.csv", row(EDITED));
    killed_again(&run, "sync", 1);
    assert_eq!(at_stripe(&run), EDITED);
    run.write("in.csv", row(FIRST));
    sync(&run, "updated");
    assert_eq!(at_stripe(&run), FIRST);
    sync(&run, "unchanged");
}
