//! `status`, beside a run: what it shows, `--watch`, and that it never disturbs the run.

use kable_bulk::sandbox::http::routes::Call;
use serde_json::Value;

use crate::common::{Run, customers_of_csv, rows, until};

const CHECKPOINT: &str = "in.csv.checkpoint.db";

fn objects(lines: &str) -> Vec<Value> {
    let lines = lines.lines();
    lines
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

/// The second of two runs, with the first and with all of them.
#[test]
fn beside_a_run_it_says_how_far_it_is_and_both_come_to_their_end() {
    let run = Run::new().server(&[]).input("in.csv", rows(40));
    run.import("in.csv --limit 10").code(0);
    let running = run.start_import("in.csv --rate 8/s");
    until("a checkpoint", || run.exists(CHECKPOINT));
    let status = || run.go("status in.csv --json").code(0).json();
    let mut seen = status();
    until("the second run settles rows", || {
        seen = status();
        seen["phase"] == "sending" && seen["this_run"]["settled"].as_u64() > Some(1)
    });
    let count = |value: &Value| value.as_u64().unwrap();
    let this = count(&seen["this_run"]["settled"]);
    assert_eq!(count(&seen["settled"]), 10 + this);
    assert_eq!(
        (count(&seen["rows"]), count(&seen["all_runs"]["runs"])),
        (40, 2)
    );
    assert_eq!(count(&seen["percent"]), (10 + this) * 100 / 40);
    assert!(seen["seconds_left"].is_u64() && seen["rows_per_second"].is_f64());
    for (time, later) in [
        (&seen["all_runs"]["started"], &seen["this_run"]["started"]),
        (&seen["this_run"]["started"], &seen["time"]),
        (&seen["time"], &seen["expected_end"]),
    ] {
        let moment = |time: &Value| time.as_str().unwrap().parse::<jiff::Timestamp>().unwrap();
        assert!(moment(time) <= moment(later), "{seen}");
    }
    let watching = run.start("status in.csv --watch=100ms --json");
    run.go("status in.csv")
        .code(0)
        .says(" left (")
        .says("this run");
    running.end().code(0);
    let seen = objects(&watching.end().code(0).stdout);
    assert!(seen.len() > 1);
    let last = seen.last().unwrap();
    assert_eq!(
        (&last["phase"], count(&last["percent"])),
        (&"ended".into(), 100)
    );
    run.holds(&customers_of_csv(&rows(40)));
    assert_eq!(run.creates_in_vain(), 0);
    let left = run.files();
    let left = left.iter().filter_map(|path| path.file_name()?.to_str());
    let left = left.filter(|name| name.starts_with(CHECKPOINT));
    // The log stays if the watcher was the last to read it.
    let known = ["", ".lock", "-wal", "-shm"];
    let mut others = left.filter(|name| {
        !known
            .iter()
            .any(|end| *name == format!("{CHECKPOINT}{end}"))
    });
    assert_eq!(others.next(), None);
}

#[test]
fn without_a_terminal_a_watch_prints_blocks_with_their_times() {
    let run = Run::new().server(&[]).input("in.csv", rows(300));
    let running = run.start_import("in.csv --rate 10/s");
    until("a checkpoint", || run.exists(CHECKPOINT));
    let watching = run.start("status in.csv --watch=50ms");
    until("some creates", || run.counts().of(Call::Create) >= 10);
    running.signal("INT");
    running.end().code(130);
    let shown = watching.end().code(0).says("the last run was interrupted");
    assert!(!shown.stdout.contains('\u{1b}'));
    let blocks: Vec<&str> = shown.stdout.split("\n\n20").collect();
    assert!(blocks.len() > 1, "{}", shown.stdout);
    let time = shown.stdout.lines().next().unwrap();
    time.parse::<jiff::civil::DateTime>().unwrap();
}

/// A run that has ended, or was killed, and one that is no run.
#[test]
fn a_watch_ends_by_itself_and_where_there_is_nothing_to_watch() {
    let run = Run::new().input("in.csv", rows(3));
    run.go("status in.csv --watch")
        .refuses(1, &["in.csv.checkpoint.db"]);
    run.go("status in.csv --watch=never")
        .refuses(2, &["--watch", "never", "30s"]);
    run.import("in.csv").code(0);
    let shown = run.go("status in.csv --watch").code(0);
    assert_eq!(shown.stdout.matches("Checkpoint ").count(), 1);
    assert_eq!(
        objects(&run.go("status in.csv --watch --json").code(0).stdout).len(),
        1
    );
}

#[test]
fn the_rows_that_the_latest_run_rejected_are_in_it() {
    let run = Run::new()
        .server(&[])
        .input("in.csv", format!("{}x-1,,EUR\n", rows(3)));
    run.import("in.csv --max-errors 100%").code(3);
    run.go("status in.csv")
        .code(0)
        .says("1             rejected: problems.csv says why");
    assert_eq!(run.go("status in.csv --json").code(0).json()["rejected"], 1);
}

#[test]
fn a_run_that_sent_nothing_is_the_latest() {
    let run = Run::new().server(&[]).input("in.csv", rows(3));
    let latest = |runs: u64, ended: &str| {
        let seen = run.go("status in.csv --json").code(0).json();
        assert_eq!(
            (&seen["all_runs"]["runs"], &seen["ended"]),
            (&runs.into(), &ended.into())
        );
    };
    let sync = |options: &str| run.go(&format!("sync in.csv --base-url URL {options}"));
    run.import("in.csv").code(0);
    latest(1, "finished");
    sync("").code(0);
    latest(2, "finished");
    sync("--dry-run").code(0);
    latest(2, "finished");
    run.write("in.csv", rows(3).replace("Company", "Firm"));
    sync("--max-changes 2").code(5);
    latest(3, "stopped");
    run.write("in.csv", format!("{}x-1,,EUR\n", rows(3)));
    run.import("in.csv --max-errors 0").code(5);
    latest(4, "stopped");
    sync("--max-errors 0").code(5);
    latest(5, "stopped");
}

#[test]
fn a_checkpoint_where_nothing_may_be_written_is_read() {
    let mut run = Run::new().server(&[]).input("in.csv", rows(3));
    run.import("in.csv").code(0);
    // Root may write everywhere unless it gives that up.
    let script = r#"[ "$(id -u)" != 0 ] || set -- setpriv --bounding-set=-dac_override "$@"
        chmod 555 .; "$@"; code=$?; chmod 755 .; exit "$code""#;
    run.shell(Some(script.to_owned()));
    run.go("status in.csv").code(0).says("100%");
    run.go("list in.csv").code(0).says("\nc-3,created,");
}
