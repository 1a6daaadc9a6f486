//! Runs that stop on their own when their time is over.

use kable_bulk::sandbox::http::routes::Call;

use crate::common::{Run, customers_of_csv, rows, until};

#[test]
fn a_run_whose_time_is_over_stops_softly_and_the_next_one_finishes() {
    let run = Run::new().server(&[]).input("in.csv", rows(200));
    run.import("in.csv --rate 20/s --max-duration 1")
        .code(4)
        .says("Stops to")
        .says(", after at most 20 of 200 rows at 20/s (--max-duration 1s)")
        .says("Stopped by --max-duration 1s. What was done is kept.")
        .says("Go on where it stopped:");
    let summary = run.summary("in.csv");
    let created = summary.outcome("created");
    // How many depends on the machine, too.
    assert!((1..200).contains(&created), "{created}");
    summary.outcomes(&[("created", created), ("pending", 200 - created)]);
    assert_eq!(summary.0["interrupted"], false);
    assert_eq!(summary.0["exit_code"], 4);
    run.go("status in.csv").code(0).says("stopped");

    run.import("in.csv --max-duration 1h").code(0);
    run.summary("in.csv").outcomes(&[("created", 200)]);
    run.holds(&customers_of_csv(&rows(200)));
    assert_eq!(run.counts().of(Call::Create), 200);
}

#[test]
fn an_outage_lasts_no_longer_than_the_run_may() {
    let run = Run::new()
        .server(&["outage:600s@create:2"])
        .input("in.csv", rows(30));
    run.import("in.csv --max-duration 2s")
        .code(4)
        .says("--max-duration");
    let summary = run.summary("in.csv");
    assert_eq!(summary.outcome("failed"), 0);
    assert_eq!(summary.outcome("created"), run.held().len() as u64);
}

#[test]
fn a_time_of_day_that_is_not_near_changes_nothing() {
    let run = Run::new().server(&[]).input("in.csv", rows(10));
    let soon = jiff::Zoned::now() + jiff::Span::new().hours(2);
    let soon = soon.strftime("%H:%M");
    run.import(&format!("in.csv --stop-at {soon}"))
        .code(0)
        .says(" at the latest (--stop-at)");
    run.summary("in.csv").outcomes(&[("created", 10)]);
}

#[test]
fn times_that_are_none_are_wrong_usage() {
    let run = Run::new().input("in.csv", rows(1));
    for (options, said) in [
        (
            "--stop-at 25:00",
            "is no time of day, wanted for example 05:30",
        ),
        ("--stop-at 5", "is no time of day"),
        ("--stop-at +5:30", "is no time of day"),
        ("--max-duration 0s", "is no time at all"),
        ("--max-duration soon", "is no length of time"),
    ] {
        run.go(&format!("import in.csv --sandbox {options}"))
            .code(2)
            .says(said);
    }
}

#[test]
fn an_api_that_fails_at_every_create_and_answers_questions_is_not_stormed() {
    let run = Run::new()
        .server(&["status:500@create"])
        .input("in.csv", rows(500));
    run.import("in.csv --max-duration 4s").code(4);
    let summary = run.summary("in.csv");
    assert_eq!(summary.outcome("failed"), 0);
    let sent = summary.0["requests"]["sent"].as_u64().unwrap();
    assert!(sent < 400, "{sent}");
}

#[test]
fn a_long_pause_before_the_first_create_does_not_hold_up_a_stop() {
    let run = Run::new()
        .server(&["throttle:3600@authenticate"])
        .input("in.csv", rows(5));
    run.import("in.csv --max-duration 2s")
        .code(4)
        .says("the API asks for a pause of 1h")
        .says("stopped by --max-duration 2s before anything was read: nothing was sent");
    let waiting = run.start_import("in.csv");
    until("the second try", || {
        run.counts().of(Call::Authenticate) >= 2
    });
    waiting.signal("TERM");
    waiting.end().code(130);
}

#[test]
fn plans_that_cannot_be_looked_up_for_long_are_a_warning() {
    let run = Run::new()
        .server(&["throttle:3600@plans"])
        .input("in.csv", rows(5));
    run.import("in.csv")
        .code(0)
        .says("their ids are not checked");
}
