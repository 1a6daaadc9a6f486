//! Every command on a checkpoint in PostgreSQL.

use kable_bulk::sandbox::http::routes::Call;
use serde_json::Value;

use super::DatabaseCheckpoint;
use crate::common::raw::{Ask, Raw, says};
use crate::common::{EndedRun, Run, customers_of_csv, rows, rows_from, sample, until};

fn go(run: &Run, command: &str, rest: &str) -> EndedRun {
    run.go(&format!(
        "{command} {rest} --base-url URL --rate unlimited --timeout 1s"
    ))
}

/// A summary without what no two runs have in common.
fn comparable(run: &Run) -> Value {
    let mut summary = run.summary("in.csv").0;
    let own = [
        "checkpoint",
        "started",
        "finished",
        "elapsed_seconds",
        "latency_ms",
        "target",
    ];
    for name in own {
        summary.as_object_mut().unwrap().remove(name);
    }
    summary["this_run"]["elapsed_seconds"].take();
    summary
}

#[test]
fn the_results_are_those_of_a_checkpoint_in_a_file() {
    let Some(database) = DatabaseCheckpoint::new() else {
        return;
    };
    let input = std::fs::read(sample("with-mistakes.csv")).unwrap();
    let (stored, filed) = (database.run(), Run::new());
    let mut both = Vec::new();
    for run in [stored, filed] {
        let run = run.server(&["status:422@create:3"]).input("in.csv", &input);
        let line = "in.csv --max-errors 100% --concurrency 1";
        run.import(line).code(3);
        // Another run reports what the checkpoint knows.
        run.import(line).code(3);
        both.push(run);
    }
    let names = |run: &Run| {
        let mut names: Vec<_> = std::fs::read_dir(run.path("in.csv.results"))
            .unwrap()
            .map(|file| file.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    };
    assert_eq!(names(&both[0]), names(&both[1]));
    assert!(names(&both[0]).len() > 4);
    for name in names(&both[0]) {
        if [".kable-bulk", "report.html", "summary.json"].contains(&name.as_str()) {
            continue;
        }
        let text = |run: &Run| run.text(&format!("in.csv.results/{name}"));
        assert_eq!(text(&both[0]), text(&both[1]), "{name}");
    }
    let (one, other) = (comparable(&both[0]), comparable(&both[1]));
    for (name, value) in one.as_object().unwrap() {
        assert_eq!(value, &other[name], "{name}");
    }
    assert_eq!(one, other);
    assert!(!both[0].exists("in.csv.checkpoint.db"));
}

#[test]
fn an_import_with_a_canary_is_watched_verified_listed_and_rolled_back() {
    let Some(database) = DatabaseCheckpoint::new() else {
        return;
    };
    let run = database.run().server(&[]).input("in.csv", rows(30));
    go(&run, "import", "in.csv --dry-run")
        .code(0)
        .says("Would create 30 customers");
    assert_eq!(
        database.sql(&format!(
            "SELECT count(*) FROM pg_namespace WHERE nspname = '{}'",
            database.schema
        )),
        "0"
    );
    go(&run, "import", "in.csv --canary 5")
        .code(0)
        .says("Canary: 5 rows were sent ahead");
    run.holds(&customers_of_csv(&rows(30)));
    go(&run, "verify", "in.csv").code(0).says("and equal");
    let status = run.go("status in.csv --json").code(0).json();
    assert_eq!(
        (&status["percent"], &status["running"]),
        (&100.into(), &Value::Null)
    );
    assert!(
        status["checkpoint"]
            .as_str()
            .unwrap()
            .contains("postgres://")
    );
    let list = run.go("list created --as jsonl in.csv").code(0).stdout;
    assert_eq!(list.lines().count(), 30);
    std::fs::remove_file(run.path("in.csv.results/report.html")).unwrap();
    run.go("report in.csv").code(0);
    assert!(run.exists("in.csv.results/report.html"));
    go(&run, "rollback", "in.csv --yes")
        .code(0)
        .says("30  deleted");
    run.holds(&customers_of_csv(&rows(0)));
    assert!(run.exists(&format!("{}.results/rolled-back.jsonl", database.schema)));
    go(&run, "import", "in.csv").code(0);
    run.holds(&customers_of_csv(&rows(30)));
    assert_eq!(run.creates_in_vain(), 0);
}

#[test]
fn a_sync_is_planned_applied_and_prunes() {
    let Some(database) = DatabaseCheckpoint::new() else {
        return;
    };
    let run = database.run().server(&[]).input("in.csv", rows(6));
    go(&run, "sync", "in.csv").code(0);
    run.write(
        "in.csv",
        format!(
            "{}c-9,Nine,EUR\n",
            rows_from(1, 4).replace("Company 2", "Firm 2")
        ),
    );
    let prune = "--prune cancel --yes --max-changes 50%";
    go(
        &run,
        "sync",
        &format!("in.csv {prune} --save-plan plan.jsonl"),
    )
    .code(0);
    assert_eq!(run.counts().of(Call::Create), 6);
    run.go("apply plan.jsonl --yes").code(0);
    assert_eq!(run.counts().of(Call::Create), 7);
    assert_eq!(run.counts().of(Call::Cancel), 2);
    assert_eq!(run.now("c-2")["companyName"], "Firm 2");
    let changed = run.counts().of(Call::Update);
    go(&run, "sync", &format!("in.csv {prune}")).code(0);
    assert_eq!(run.counts().of(Call::Update), changed);
}

/// What was read of an answer, whatever its bytes.
#[test]
fn a_text_that_postgres_cannot_hold_is_kept_as_well_as_it_can() {
    let Some(database) = DatabaseCheckpoint::new() else {
        return;
    };
    let refusal = says("422 No", r#"{"message":"bad\u0000 name"}"#);
    let server = Raw::start(9, [(Ask::Create, "c-1".to_owned(), vec![refusal])]);
    let run = database
        .run()
        .credentials()
        .input("in.csv", rows(2).replace("Company 2", "Zwei \u{1F980}"));
    let line = format!(
        "import in.csv --rate unlimited --max-errors 100% --base-url {}",
        server.url()
    );
    run.go(&line).code(3);
    run.summary("in.csv")
        .outcomes(&[("created", 1), ("failed", 1)]);
    let failures = run.text("in.csv.results/failures.csv");
    assert!(failures.contains("bad"), "{failures}");
    let stored = database.sql("SELECT message FROM kb.customer WHERE outcome = 'failed'");
    assert!(stored.contains("bad"), "{stored}");
}

#[test]
fn it_is_shown_from_elsewhere_while_it_runs_and_no_second_one_writes() {
    let Some(database) = DatabaseCheckpoint::new() else {
        return;
    };
    let run = database
        .run()
        .server(&["delay:60ms@create"])
        .input("in.csv", rows(40));
    // Others may not join a run without a rate.
    let running = run.start_import("in.csv --concurrency 1");
    until("three creates", || run.counts().of(Call::Create) >= 3);
    let elsewhere = Run::new().input("in.csv", rows(40));
    let address = database.address();
    let watching = elsewhere.start(&format!(
        "status --checkpoint {address} --watch=100ms --json"
    ));
    elsewhere
        .go(&format!("status --checkpoint {address}"))
        .code(0)
        .says("running: process");
    run.import("in.csv --out other.results")
        .refuses(1, &["is in use by process"])
        .hints("kable-bulk status");
    running.end().code(0);
    let seen = watching.end().code(0).stdout;
    assert!(seen.lines().count() > 1);
    let last: Value = serde_json::from_str(seen.lines().last().unwrap()).unwrap();
    assert_eq!(
        (&last["phase"], &last["percent"]),
        (&"ended".into(), &100.into())
    );
    run.holds(&customers_of_csv(&rows(40)));
    assert_eq!(run.creates_in_vain(), 0);
}

/// The wait is that of a lease, and of requests that may be under way.
#[test]
fn a_killed_run_is_waited_for_and_finished() {
    let Some(database) = DatabaseCheckpoint::new() else {
        return;
    };
    let run = database.run().server(&[]).input("in.csv", rows(100));
    let running = run.start_import("in.csv --rate 40/s --timeout 1s");
    until("ten creates", || run.counts().of(Call::Create) >= 10);
    running.kill();
    run.import("in.csv --timeout 1s")
        .code(0)
        .says("waiting for ")
        .says("(at most ");
    run.holds(&customers_of_csv(&rows(100)));
    assert_eq!(run.creates_in_vain(), 0);
    let summary = run.summary("in.csv");
    let well = summary.outcome("created") + summary.outcome("already_existed");
    assert_eq!(well, 100, "{:#}", summary.0);
}

#[test]
fn killed_again_and_again_every_customer_is_made_exactly_once() {
    let Some(database) = DatabaseCheckpoint::new() else {
        return;
    };
    let run = database
        .run()
        .server(&["lost-reply=2%@create", "reset=2%@create"])
        .input("in.csv", rows(300));
    let mut kills = 0;
    for round in 1..=8 {
        let mut running = run.start_import("in.csv --concurrency 16");
        until("some customers more", || {
            run.held().len() >= round * 30 || !running.runs()
        });
        kills += u32::from(running.runs());
        running.kill();
        database.bury();
    }
    assert!(kills >= 4, "{kills}");
    run.comes_right("in.csv", &rows(300));
}
