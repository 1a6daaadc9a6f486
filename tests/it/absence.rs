//! Issue 12, points 1, 2 and 9: a customer that is not found is not proved absent, and one
//! that is found is not proved ours.
//!
//! Creates land after their time-out, look-ups lag, the server's clock is set. The tests
//! check what the server holds at the end: with `land-late-unchecked` a create that was
//! sent again makes a second customer, which [`Run::held`] refuses.

use std::time::{Duration, SystemTime};

use kable_bulk::sandbox::http::routes::Call;
use kable_bulk::sandbox::settings::Settings;
use rusqlite::{Connection, OpenFlags};
use serde_json::Value;

use crate::common::raw::{Act, Ask, Raw};
use crate::common::{Run, customers_of_csv, rows, until};

/// How many claims of this kind the checkpoint holds.
fn claims(run: &Run, which: &str) -> u64 {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY;
    let path = run.path("in.csv.checkpoint.db");
    let Ok(db) = Connection::open_with_flags(path, flags) else {
        return 0;
    };
    let sql = format!("SELECT count(*) FROM customer WHERE {which}");
    let count: Result<i64, _> = db.query_row(&sql, [], |row| row.get(0));
    count.unwrap_or_default().cast_unsigned()
}

/// This many customers exist, and each was created by one request. A customer that is found
/// in the run's first second may be older than the run, as far as the server's clock is
/// known by then: it counts as one that existed.
fn all_are_there_once(run: &Run, text: &str) {
    let expected = customers_of_csv(text);
    run.holds(&expected);
    let many = expected.len() as u64;
    let summary = run.summary("in.csv");
    let well = summary.outcome("created") + summary.outcome("already_existed");
    assert_eq!(well, many, "{:#}", summary.0);
    assert_eq!(run.counts().of(Call::Create), many);
    assert_eq!(run.creates_in_vain(), 0);
}

/// A server whose reads show a change one second late.
fn lagging(settings: &mut Settings) {
    settings.read_lag = Duration::from_secs(1);
}

/// Five rows whose creates are hit by `fault` end as five customers, each created by one
/// request.
fn five_land(fault: &str) {
    let run = Run::new().server(&[fault]).input("in.csv", rows(5));
    run.import("in.csv --timeout 500ms --settle 4s").code(0);
    run.holds(&customers_of_csv(&rows(5)));
    run.summary("in.csv").outcomes(&[("created", 5)]);
    assert_eq!(run.counts().of(Call::Create), 5);
    assert_eq!(run.creates_in_vain(), 0);
}

#[test]
fn creates_that_land_after_their_time_out() {
    five_land("land-late:2s@create");
}

/// If the server checks before it inserts, each further create makes a customer.
#[test]
fn creates_that_land_after_their_time_out_unchecked() {
    five_land("land-late-unchecked:2s@create");
}

#[test]
fn creates_that_land_after_a_503() {
    five_land("status-then-land:503/2s@create");
}

#[test]
fn creates_that_land_after_a_reset() {
    five_land("reset-then-land:2s@create");
}

/// Rows in doubt occupy no slot in the window: with one request at a time, others are
/// created while the first waits.
#[test]
fn who_waits_holds_up_no_others() {
    let run = Run::new()
        .server(&["reset-then-land:2s@create:1"])
        .input("in.csv", rows(30));
    let running = run.start_import("in.csv --concurrency 1 --settle 30s");
    until("all others are there and the first is not", || {
        let held = run.held();
        held.len() == 29 && !held.contains_key("c-1")
    });
    running.end().code(0);
    run.holds(&customers_of_csv(&rows(30)));
    run.summary("in.csv").outcomes(&[("created", 30)]);
}

/// A create of a killed run may land while the next run looks it up.
#[test]
fn creates_of_a_killed_run_that_land_in_the_next_one() {
    for fault in [
        "land-late-unchecked:2s@create:1-6",
        "land-late:2s@create:1-6",
    ] {
        let run = Run::new().server(&[fault]).input("in.csv", rows(10));
        let running = run.start_import("in.csv --concurrency 6 --settle 4s");
        until("six creates are under way", || {
            run.counts().all_faults() == 6
        });
        running.kill();
        assert_eq!(run.held().len(), 0);
        run.comes_right("in.csv --settle 4s", &rows(10));
        assert_eq!(run.counts().of(Call::Create), 10);
    }
}

/// What a killed run may have sent is waited for, and that is said.
#[test]
fn a_run_says_for_how_many_lost_creates_it_waits_and_how_long() {
    let run = Run::new()
        .server(&["hang@create:1-3"])
        .input("in.csv", rows(3));
    let running = run.start_import("in.csv --concurrency 3 --settle 3s");
    until("three creates are under way", || {
        run.counts().all_faults() == 3
    });
    running.kill();
    let line = |event: &str| {
        let event = format!("\"event\":\"{event}\"");
        move |line: &&str| line.contains(&event)
    };
    let ended = run.import("in.csv --settle 3s --log-format json").code(0);
    let said: Vec<&str> = ended.stderr.lines().filter(line("waiting")).collect();
    let said: Vec<Value> = said
        .iter()
        .map(|one| serde_json::from_str(one).unwrap())
        .collect();
    let [waiting] = said.as_slice() else {
        panic!("{said:?}");
    };
    assert_eq!(waiting["rows"], 3);
    assert!((1..=3).contains(&waiting["seconds"].as_u64().unwrap()));
    run.holds(&customers_of_csv(&rows(3)));
}

/// A create of a run with a longer time-out may land later than one of this run.
#[test]
fn a_run_with_a_shorter_time_out_waits_for_what_the_one_before_it_sent() {
    let run = Run::new()
        .default_settle()
        .server(&["land-late-unchecked:7s@create:1-3"])
        .input("in.csv", rows(5));
    let running = run.start_import("in.csv --concurrency 3 --timeout 4s");
    until("three creates are under way", || {
        run.counts().all_faults() == 3
    });
    running.kill();
    run.comes_right("in.csv --timeout 500ms", &rows(5));
    assert_eq!(run.counts().of(Call::Create), 5);
}

#[test]
fn no_more_is_claimed_ahead_than_is_needed() {
    let run = Run::new()
        .server_with(&[], |settings| {
            settings.latency = Duration::from_millis(200);
        })
        .input("in.csv", rows(100));
    let running = run.start_import("in.csv --rate 10");
    until("some are sent", || run.counts().of(Call::Create) >= 12);
    running.kill();
    // A request that left just before the kill may still be on its way.
    until("all but two of the claims were sent", || {
        claims(&run, "true") <= run.counts().of(Call::Create) + 2
    });
    run.comes_right("in.csv", &rows(100));
}

#[test]
fn lost_creates_that_look_ups_show_later() {
    let run = Run::new()
        .server_with(&["lost-reply@create:every-2"], lagging)
        .input("in.csv", rows(20));
    run.import("in.csv --settle 3s").code(0);
    all_are_there_once(&run, &rows(20));
}

/// A response "exists" and a look-up that finds nothing contradict each other: the look-up
/// is repeated.
#[test]
fn refusals_that_look_ups_contradict() {
    let run = Run::new()
        .server_with(&["status-after:409@create:every-2"], lagging)
        .input("in.csv", rows(20));
    run.import("in.csv --settle 3s").code(0);
    run.holds(&customers_of_csv(&rows(20)));
    let summary = run.summary("in.csv");
    summary.outcomes(&[("created", 10), ("already_existed", 10)]);
    assert_eq!(run.counts().of(Call::Create), 20);
}

/// Look-ups may lag for longer than the importer waits: then the outcome is not known, and
/// the list of all customers was searched too.
#[test]
fn a_contradiction_that_stays_is_unresolved() {
    let run = Run::new()
        .server_with(&["status-after:409@create:1"], |settings| {
            settings.read_lag = Duration::from_hours(1);
        })
        .input("in.csv", rows(3));
    run.import("in.csv --settle 1s --concurrency 1 -v")
        .code(3)
        .says("(refused, and the customer was not found)");
    let summary = run.summary("in.csv");
    summary.outcomes(&[("created", 2), ("unresolved", 1)]);
    assert_eq!(run.held().len(), 3);
    assert_eq!(run.counts().of(Call::Create), 3);
    assert_eq!(run.counts().of(Call::List), 1);
}

#[test]
fn customers_of_a_killed_run_that_look_ups_show_later() {
    let run = Run::new()
        .server_with(&["hang-after@create:4-9"], lagging)
        .input("in.csv", rows(30));
    let running = run.start_import("in.csv --concurrency 6 --settle 3s");
    until("six are done and not answered", || {
        run.counts().of(Call::Create) == 9 && run.held().len() == 9
    });
    running.kill();
    run.comes_right("in.csv --settle 3s", &rows(30));
    assert_eq!(run.counts().of(Call::Create), 30);
}

#[test]
fn a_canary_waits_for_what_look_ups_show_later() {
    let run = Run::new()
        .server_with(&[], lagging)
        .input("in.csv", rows(20));
    run.import("in.csv --canary 3 --settle 5s")
        .code(0)
        .says("3 rows were sent ahead and read back; 3 as in the file, 0 not");
    run.holds(&customers_of_csv(&rows(20)));
}

/// A canary uses every kind of look-up, including the list of all customers.
#[test]
fn a_canary_is_found_in_the_list_where_its_path_leads_nowhere() {
    let run = Run::new()
        .server(&["no-slashes"])
        .input("in.csv", CHANGED_BY_PATHS);
    run.import("in.csv --canary 5 --settle 1s")
        .code(0)
        .says("5 rows were sent ahead and read back; 5 as in the file, 0 not");
    run.holds(&customers_of_csv(CHANGED_BY_PATHS));

    let text = rows(10);
    let run = Run::new()
        .server(&["not-found-page@lookup", "firewall:c-2@lookup"])
        .input("in.csv", &text);
    run.import("in.csv --canary 3 --settle 1s")
        .code(0)
        .says("3 rows were sent ahead and read back; 3 as in the file, 0 not");
    run.holds(&customers_of_csv(&text));
}

/// Ids that web servers change in a path.
const CHANGED_BY_PATHS: &str = "clientId,companyName,currency\na/b,Aster,USD\n50%,Birch,USD\n\
    a//c/,Cedar,USD\nx?y#z,Date,USD\n%2F,Elm,USD\n100%25,Fig,USD\nplain,Gum,USD\n";

#[test]
fn ids_that_paths_change_are_found_in_the_list() {
    let run = Run::new()
        .server(&["no-slashes", "lost-reply@create"])
        .input("in.csv", CHANGED_BY_PATHS);
    run.import("in.csv --settle 1s").code(0);
    all_are_there_once(&run, CHANGED_BY_PATHS);

    // Another checkpoint has no record of them.
    run.import("in.csv --settle 1s --checkpoint other.db")
        .code(0);
    run.summary("in.csv").outcomes(&[("already_existed", 7)]);
    run.holds(&customers_of_csv(CHANGED_BY_PATHS));
}

#[test]
fn look_ups_ask_for_what_is_true_now() {
    let calls = (1..=3).map(|number| {
        let reset = crate::common::raw::created().then(crate::common::raw::Then::Reset);
        (Ask::Create, format!("c-{number}"), vec![reset.short(1)])
    });
    let server = Raw::start(64, calls.collect::<Vec<(Ask, String, Vec<Act>)>>());
    let run = Run::new().credentials().input("in.csv", rows(3));
    run.go(&format!("import in.csv --base-url {}", server.url()))
        .code(0);
    let heads = server.heads();
    let lookups: Vec<String> = heads
        .iter()
        .map(|(_, head)| head.to_ascii_lowercase())
        .filter(|head| head.starts_with("get /api/v1/customers/"))
        .collect();
    assert_eq!(lookups.len(), 3);
    for head in lookups {
        assert!(head.contains("\r\ncache-control: no-cache"), "{head}");
    }
}

/// An hour before now.
#[expect(
    clippy::disallowed_methods,
    reason = "the sandbox's own clock, set back"
)]
fn an_hour_ago() -> SystemTime {
    SystemTime::now() - Duration::from_hours(1)
}

const OTHERS: &str = "clientId,companyName,currency\nc-1,Company 1,USD\nc-2,Somebody else's,USD\n\
    c-3,Company 3,USD\n";

/// A server at which others created three customers an hour ago; the second has another
/// name than its row.
fn others_are_there(change: impl FnOnce(&mut Settings)) -> Run {
    let mut run = Run::new()
        .server_with(&[], |settings| settings.now = an_hour_ago)
        .input("others.csv", OTHERS)
        .input("in.csv", rows(6));
    run.import("others.csv").code(0);
    run.server_again(change);
    run
}

#[test]
fn a_success_for_an_older_customer_is_not_ours() {
    let run = others_are_there(|settings| settings.upsert = true);
    run.import("in.csv").code(3);
    let summary = run.summary("in.csv");
    summary.outcomes(&[("created", 3), ("already_existed", 2), ("differs", 1)]);
    assert_eq!(run.result("in.csv", "c-2")["outcome"], "differs");
    assert_eq!(run.now("c-2")["companyName"], "Somebody else's");
}

#[test]
fn a_success_that_changed_an_older_customer_is_not_a_creation() {
    let run = others_are_there(|settings| {
        settings.upsert = true;
        settings.upsert_updates = true;
    });
    run.import("in.csv").code(0);
    let summary = run.summary("in.csv");
    summary.outcomes(&[("created", 3), ("already_existed", 3)]);
}

/// Others' customers are never ours, whatever the server's clock is set to during a run.
#[test]
fn a_clock_that_is_set_makes_no_customer_ours() {
    for clock in [
        "clock:7200@create:1",
        "clock:-7200@create:1",
        "clock:7200@lookup:1",
        "clock:-7200@lookup:1",
        "clock:-7200@create:3",
        "clock:90@lookup:2",
    ] {
        let run = others_are_there(|settings| {
            settings.faults = [clock, "lost-reply@create:every-2", "garbage@create"]
                .map(|fault| fault.parse().unwrap())
                .to_vec();
        });
        run.import("in.csv --concurrency 1").code(3);
        for (client_id, outcome) in [
            ("c-1", "already_existed"),
            ("c-2", "differs"),
            ("c-3", "already_existed"),
        ] {
            let told = run.result("in.csv", client_id)["outcome"].clone();
            assert_eq!(told, outcome, "{clock}, {client_id}");
        }
        for client_id in ["c-4", "c-5", "c-6"] {
            let told = run.result("in.csv", client_id)["outcome"].clone();
            let well = told == "created" || told == "already_existed";
            assert!(well, "{clock}, {client_id}: {told}");
        }
        assert_eq!(run.held().len(), 6);
    }
}

/// The same for customers that were created a moment ago through another checkpoint.
#[test]
fn what_others_created_a_moment_ago_is_not_ours() {
    for clock in ["clock:3600@lookup:1", "clock:-3600@lookup:1"] {
        let mut run = Run::new().server(&[]).input("in.csv", rows(5));
        run.import("in.csv --checkpoint others.db").code(0);
        run.server_again(|settings| {
            settings.faults = [clock, "lost-reply@create"]
                .map(|fault| fault.parse().unwrap())
                .to_vec();
        });
        run.import("in.csv --concurrency 1").code(0);
        run.summary("in.csv").outcomes(&[("already_existed", 5)]);
    }
}

/// Creates that the API confirms are ours, whatever `Date` shows afterwards.
#[test]
fn a_clock_that_is_set_takes_no_creation_from_us() {
    for clock in [
        "clock:3600@create:10",
        "clock:-3600@create:10",
        "clock:20@request:1",
    ] {
        let run = Run::new().server(&[clock]).input("in.csv", rows(30));
        run.import("in.csv").code(0);
        run.summary("in.csv").outcomes(&[("created", 30)]);
        assert_eq!(run.counts().of(Call::Lookup), 0);
    }
}

#[test]
fn a_twin_that_differs_in_case_only_is_named() {
    let run = Run::new()
        .server_with(&[], |settings| settings.ignore_case = true)
        .input(
            "others.csv",
            "clientId,companyName,currency\nC-2,Other,USD\n",
        )
        .input("in.csv", rows(3));
    run.import("others.csv").code(0);
    run.import("in.csv --settle 1s").code(3);
    run.summary("in.csv")
        .outcomes(&[("created", 2), ("failed", 1)]);
    assert_eq!(run.result("in.csv", "c-2")["outcome"], "failed");
    let failures = run.text("in.csv.results/failures.csv");
    assert!(failures.contains("C-2"), "{failures}");
    assert_eq!(run.held().len(), 3);
}

/// Both are in the file: the server accepts whichever arrives first.
#[test]
fn of_two_twins_in_a_file_one_is_created() {
    let text = "clientId,companyName,currency\nacme,Acme,USD\nACME,Acme Ltd,USD\n";
    let run = Run::new()
        .server_with(&["lost-reply@create:1"], |settings| {
            settings.ignore_case = true;
        })
        .input("in.csv", text);
    run.import("in.csv --settle 1s --concurrency 1").code(3);
    let summary = run.summary("in.csv");
    let well = summary.outcome("created") + summary.outcome("already_existed");
    assert_eq!((well, summary.outcome("failed")), (1, 1));
    assert_eq!(run.result("in.csv", "ACME")["outcome"], "failed");
    let failures = run.text("in.csv.results/failures.csv");
    assert!(failures.contains("acme"), "{failures}");
    assert_eq!(run.held().len(), 1);
}

#[test]
fn existing_fail_fails_a_row_that_was_edited_after_its_creation() {
    let run = Run::new().server(&[]).input("in.csv", rows(3));
    run.import("in.csv").code(0);
    run.write("in.csv", rows(3).replace("Company 2", "Edited"));
    run.import("in.csv --existing fail").code(3);
    run.summary("in.csv")
        .outcomes(&[("created", 2), ("failed", 1)]);
    assert_eq!(run.result("in.csv", "c-2")["outcome"], "failed");
    let failures = run.text("in.csv.results/failures.csv");
    assert!(failures.contains("by --existing fail"), "{failures}");
    assert_eq!(run.now("c-2")["companyName"], "Company 2");
}
