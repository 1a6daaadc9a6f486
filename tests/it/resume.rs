//! Stopped at any moment and started again: every customer exactly once.

use std::time::Duration;

use kable_bulk::sandbox::http::routes::Call;
use kable_bulk::sandbox::store::inspect;

use crate::common::{Run, customers_of_csv, rows, rows_from, until};

/// Stops a slow run by `signal` in its middle, and lets the next one finish.
fn interrupted_by(signal: &str) {
    let run = Run::new().server(&[]).input("in.csv", rows(200));
    let running = run.start_import("in.csv --rate 20/s");
    until("five creates", || run.counts().of(Call::Create) >= 5);
    running.signal(signal);
    let ended = running.end().code(130);
    let ended = ended.says("Go on where it stopped:");
    let command = ended
        .stdout
        .lines()
        .skip_while(|line| !line.starts_with("Go on where it stopped"))
        .nth(1)
        .unwrap();
    assert!(command.contains("import in.csv"), "{command}");
    let summary = run.summary("in.csv");
    assert_eq!(summary.0["interrupted"], true);
    assert_eq!(summary.0["exit_code"], 130);
    let created = summary.outcome("created");
    assert!((5..200).contains(&created), "{created}");
    assert_eq!(created, run.held().len() as u64);
    summary.outcomes(&[("created", created), ("pending", 200 - created)]);
    run.go("status in.csv").code(0).says("interrupted");

    run.import("in.csv").code(0);
    let summary = run.summary("in.csv");
    summary.outcomes(&[("created", 200)]);
    assert_eq!(summary.0["interrupted"], false);
    run.holds(&customers_of_csv(&rows(200)));
    assert_eq!(run.counts().of(Call::Create), 200);
    assert_eq!(run.creates_in_vain(), 0);
}

#[test]
fn ctrl_c_stops_it_softly_and_the_next_run_finishes() {
    interrupted_by("INT");
}

#[test]
fn sigterm_stops_it_softly_and_the_next_run_finishes() {
    interrupted_by("TERM");
}

#[test]
fn an_interrupted_json_run_prints_its_summary_all_the_same() {
    let run = Run::new().server(&[]).input("in.csv", rows(200));
    let running = run.start_import("in.csv --rate 20/s --json");
    until("three creates", || run.counts().of(Call::Create) >= 3);
    running.signal("INT");
    let ended = running.end().code(130);
    let printed = crate::common::Summary::of(&ended.stdout);
    assert_eq!(printed.0["interrupted"], true);
    assert!(printed.outcome("pending") > 0);
}

#[test]
fn what_is_in_flight_is_let_finish() {
    let run = Run::new()
        .server(&["delay:1s@create:3"])
        .input("in.csv", rows(10));
    let running = run.start_import("in.csv --concurrency 1");
    until("the third create", || run.counts().of(Call::Create) >= 3);
    running.signal("INT");
    running.end().code(130);
    run.summary("in.csv")
        .outcomes(&[("created", 3), ("pending", 7)]);
    assert_eq!(run.held().len(), 3);
}

#[test]
fn a_second_signal_stops_it_at_once_and_nothing_is_lost() {
    let mut run = Run::new()
        .server(&["hang-after@create:3"])
        .input("in.csv", rows(10));
    let running = run.start_import("in.csv --concurrency 1 --timeout 50s");
    until("the third create", || run.counts().all_faults() >= 1);
    until("its customer", || run.held().len() == 3);
    running.signal("INT");
    running.signal("TERM");
    // The two may be delivered as one; then a third ends it.
    running.signal("INT");
    running.end().code(130);
    run.server_again(|_| {});
    run.import("in.csv").code(0);
    run.holds(&customers_of_csv(&rows(10)));
    assert_eq!(run.creates_in_vain(), 0);
}

#[test]
fn an_outage_can_be_interrupted() {
    let run = Run::new()
        .server(&["outage:600s@create:2"])
        .input("in.csv", rows(30));
    let running = run.start_import("in.csv");
    until("the outage", || run.counts().all_faults() >= 1);
    running.signal("INT");
    running.end().code(130);
    let summary = run.summary("in.csv");
    assert_eq!(summary.outcome("failed"), 0);
    assert_eq!(summary.outcome("created"), run.held().len() as u64);
}

/// Issue 12, point 3: rows that a killed run may have sent are looked up, also if they have
/// left the file; and rows whose update was not sent are as they were before.
#[test]
fn rows_in_doubt_that_have_left_the_file_are_asked_for_and_counted() {
    let mut run = Run::new()
        .server(&["hang-after@create:5+"])
        .input("in.csv", rows(10));
    let running = run.start_import("in.csv --concurrency 1 --timeout 50s");
    until("five customers", || run.held().len() == 5);
    running.kill();
    run.server_again(|_| {});
    run.write("in.csv", rows(3));
    for asked in [true, false] {
        run.import("in.csv").code(0).says("no longer in the file");
        let summary = run.summary("in.csv");
        // Those of the first second can't be distinguished from others' by the server's clock.
        let well = summary.outcome("created") + summary.outcome("already_existed");
        assert_eq!(well, 3);
        let left = &summary.0["left_the_file"];
        let of = |name: &str| left[name].as_u64().unwrap();
        assert!(of("created") + of("already_existed") >= 1, "{left}");
        assert!(of("absent") >= 1 && of("unresolved") == 0, "{left}");
        if asked {
            assert_eq!(run.counts().of(Call::Create), 0);
        }
    }
    let status = run.go("status in.csv --json").code(0).json();
    assert_eq!(
        status["left_the_file"],
        run.summary("in.csv").0["left_the_file"]
    );
    run.go("status in.csv").says("had left the file");

    run.write("in.csv", rows(10));
    run.comes_right("in.csv", &rows(10));
}

#[test]
fn an_interrupted_update_leaves_rows_what_they_were() {
    let mut run = Run::new()
        .server(&["delay:300ms@update:3+"])
        .input("in.csv", rows(40));
    run.import("in.csv").code(0);
    run.write("in.csv", rows(40).replace(",Company ", ",Firm "));
    let running = run.start_import("in.csv --existing update --concurrency 1");
    until("the third update", || run.counts().of(Call::Update) >= 3);
    running.signal("INT");
    running.end().code(130);
    let summary = run.summary("in.csv");
    let updated = summary.outcome("updated");
    assert!((3..40).contains(&updated), "{updated}");
    summary.outcomes(&[("updated", updated), ("differs", 40 - updated)]);
    assert_eq!(summary.0["created_by_this_checkpoint"], 40);

    // With the original file, all except those that were updated are created again.
    run.server_again(|_| {});
    run.write("in.csv", rows(40));
    run.import("in.csv").code(3);
    run.summary("in.csv")
        .outcomes(&[("created", 40 - updated), ("differs", updated)]);
    assert_eq!(run.counts().of(Call::Create), 0);
}

/// How many times the crash test kills.
#[expect(
    clippy::disallowed_methods,
    reason = "the program's environment is empty; this is the test's own"
)]
fn kills_wanted() -> usize {
    std::env::var("KABLE_BULK_KILLS").map_or(200, |kills| kills.parse().unwrap())
}

/// The faults of the crash test's server. A create may be lost, before or after it was
/// done, refused, or land after the program's time-out, a refusal or a reset; with
/// `unchecked`, so that sending it again creates the customer twice.
const CRASH_FAULTS: [&str; 6] = [
    "lost-reply=1%@create",
    "reset=1%@create",
    "status:503=1%@create",
    "land-late-unchecked:700ms=0.5%@create",
    "status-then-land:503/300ms=0.5%@create",
    "reset-then-land:300ms=0.5%@create",
];

/// How far its reads lag.
const CRASH_LAG: Duration = Duration::from_millis(100);

/// The most kills of one import. Each uses up ten customers, so that a run starts to send
/// soon.
const KILLS_A_ROUND: usize = 500;

/// SIGKILL again and again at any moment, with responses lost, creates that land late and
/// reads that lag: no customer twice, none lost, and none that was created reported
/// otherwise.
///
/// A create lands and is visible within 800 ms, and look-ups must find nothing for two
/// seconds after its time-out before it is sent again. For longer:
///
/// ```sh
/// KABLE_BULK_KILLS=10000 cargo test --release --test it resume::killed_at_any_moment -- --nocapture
/// ```
#[test]
fn killed_at_any_moment_every_customer_is_made_exactly_once() {
    let wanted = kills_wanted();
    let mut killed = 0;
    while killed < wanted {
        killed += round_of_kills((wanted - killed).min(KILLS_A_ROUND));
        println!("{killed} kills survived");
    }
}

/// Kills one import about this many times, and compares the results with the file.
fn round_of_kills(wanted: usize) -> usize {
    let many_rows = wanted * 10;
    let run = Run::new()
        .input("in.csv", rows(many_rows))
        .env("KABLE_BULK_SETTLE", "2s")
        .server_with(&CRASH_FAULTS, |settings| settings.read_lag = CRASH_LAG);
    let line = "in.csv --concurrency 32 --timeout 500ms";
    let many = || inspect::count(&run.path(crate::common::DATABASE)).unwrap();
    let seed = fastrand::u64(..);
    let mut chance = fastrand::Rng::with_seed(seed);
    let mut kills = 0;
    while kills < wanted {
        let mut running = run.start_import(line);
        let held = many();
        // Sometimes before anything was sent, mostly during sending, and so that enough is
        // left for the remaining kills.
        let share = many_rows.saturating_sub(held) / (wanted - kills);
        let more = if kills % 5 == 0 {
            0
        } else {
            chance.usize(0..=share * 3 / 2)
        };
        // A run that only waits for creates that land late is killed in that wait too.
        let mut looks = chance.usize(5..100);
        until("some customers more", || {
            looks = looks.saturating_sub(1);
            many() >= held + more || looks == 0 || !running.runs()
        });
        for _ in 0..chance.usize(..100_000) {
            std::hint::spin_loop();
        }
        if !running.runs() {
            break;
        }
        running.kill();
        kills += 1;
    }
    assert!(kills >= wanted / 2, "{kills} kills, seed {seed}");
    run.import(line).code(0);
    run.settled();
    let summary = run.summary("in.csv");
    let well = summary.outcome("created") + summary.outcome("already_existed");
    assert_eq!(well, many_rows as u64, "seed {seed}");
    run.holds(&customers_of_csv(&rows(many_rows)));
    assert_eq!(run.results("in.csv").len(), many_rows);
    assert_eq!(run.creates_in_vain(), 0, "seed {seed}");
    let creates = run.counts().of(Call::Create);
    run.import(line).code(0);
    assert_eq!(run.counts().of(Call::Create), creates);
    println!(
        "{kills} kills, {many_rows} customers, {creates} creates, {} ours, seed {seed}; struck: {:?}",
        summary.outcome("created"),
        run.counts().faults
    );
    kills
}

#[test]
fn killed_with_faults_around_every_customer_is_made_exactly_once() {
    let run = Run::new()
        .server(&[
            "lost-reply=5%@create",
            "cut-body=5%@create",
            "reset=5%@create",
            "reset=5%@lookup",
        ])
        .input("in.csv", rows(400));
    for round in 1..=8 {
        let mut running = run.start_import("in.csv --concurrency 8");
        let goal = round * 40;
        until("some customers more", || {
            run.held().len() >= goal || !running.runs()
        });
        running.kill();
    }
    run.import("in.csv").code(0);
    run.holds(&customers_of_csv(&rows(400)));
    assert_eq!(run.results("in.csv").len(), 400);
    assert_eq!(run.creates_in_vain(), 0);
}

#[test]
fn a_killed_run_is_said_to_have_been_cut_off() {
    let run = Run::new().server(&[]).input("in.csv", rows(200));
    let running = run.start_import("in.csv --rate 20/s");
    until("two creates", || run.counts().of(Call::Create) >= 2);
    running.kill();
    run.go("status in.csv").code(0).says("cut off");
    // No process holds its lock.
    run.import("in.csv").code(0);
    run.holds(&customers_of_csv(&rows(200)));
    assert_eq!(run.creates_in_vain(), 0);
}

#[test]
fn a_killed_run_goes_on_with_another_file_of_the_same_customers() {
    let run = Run::new().server(&[]).input("in.csv", rows(100));
    let running = run.start_import("in.csv --rate 30/s");
    until("ten creates", || run.counts().of(Call::Create) >= 10);
    running.kill();
    run.write("rest.csv", rows_from(6, 110));
    run.import("rest.csv --checkpoint in.csv.checkpoint.db")
        .code(0);
    let held = run.held();
    let expected = customers_of_csv(&rows_from(6, 110));
    for (client_id, body) in &expected {
        assert_eq!(held.get(client_id), Some(body), "{client_id}");
    }
    assert_eq!(run.creates_in_vain(), 0);
}

#[test]
fn keys_that_were_shown_before_a_kill_are_kept() {
    let run = Run::new().server(&[]).input("in.csv", rows(60));
    let running = run.start_import("in.csv --keys --rate 40/s");
    until("twenty creates", || run.counts().of(Call::Create) >= 20);
    running.kill();
    run.import("in.csv --keys").code(0);
    let keys = run.text("in.csv.results/keys.csv");
    let lost = run.summary("in.csv");
    let lost = lost.0["problems"].as_array().unwrap();
    let lost: u64 = lost
        .iter()
        .filter(|problem| problem["code"] == "keys_lost")
        .map(|problem| problem["count"].as_u64().unwrap())
        .sum();
    let existed = run.summary("in.csv").outcome("already_existed");
    let kept = keys.lines().count() as u64 - 1;
    assert!(
        kept <= 60 && kept + lost + existed >= 60,
        "{kept} {lost} {existed}"
    );
    run.holds(&customers_of_csv(&rows(60)));
}
