//! Results that can be looked at while a run goes on, and after it was killed.

use kable_bulk::sandbox::http::routes::Call;

use crate::common::{Run, rows, until};

/// The `clientId`s of the rows of a file of failures.
fn failed(run: &Run) -> Vec<String> {
    let text = run.text("in.csv.results/failures.csv");
    assert!(text.ends_with('\n'), "the last row is not whole");
    let (header, rows) = text.split_once('\n').unwrap();
    assert_eq!(
        header.trim_end(),
        "_line,_code,_field,_message,_status,_request_id,clientId,companyName,currency"
    );
    let cell = |row: &str| row.split(',').nth(6).unwrap().to_owned();
    rows.lines().map(cell).collect()
}

#[test]
fn rejected_and_refused_rows_are_there_while_it_runs_and_after_kills() {
    let input = format!("{}x-1,,EUR\n", rows(900));
    let faults = [
        "status:422@create:5",
        "status:422@create:180",
        "status:422@create:400",
    ];
    let run = Run::new().server(&faults).input("in.csv", input);
    let line = "in.csv --rate 80 --concurrency 1 --max-errors 100%";
    let running = run.start_import(line);
    until("the rejects", || run.exists("in.csv.results/problems.csv"));
    // Before all is sent, and the problems beside it.
    assert!(run.counts().of(Call::Create) < 900);
    assert!(run.text("in.csv.results/rejects.csv").contains("x-1,,EUR"));
    assert!(
        run.text("in.csv.results/problems.csv")
            .contains("missing_field")
    );
    until("the first failure", || {
        run.exists("in.csv.results/failures.csv")
    });
    assert_eq!(failed(&run).len(), 1);
    until("the second failure", || failed(&run).len() == 2);
    running.kill();
    let after_kill = failed(&run);
    // Another run adds to it.
    let running = run.start_import(line);
    until("the third failure", || failed(&run).len() == 3);
    assert_eq!(failed(&run).get(..2), Some(&after_kill[..]));
    running.kill();
    // Nothing of it was taken for a file that a person had changed.
    run.import(&line.replace("80", "unlimited")).code(3);
    assert_eq!(failed(&run).len(), 3);
    let kept = |path: &std::path::PathBuf| path.to_string_lossy().contains(".kept");
    assert!(!run.files().iter().any(kept), "{:?}", run.files());
}

#[test]
fn what_a_person_mends_while_it_runs_is_kept() {
    let run = Run::new()
        .server(&["status:422@create:2"])
        .input("in.csv", format!("{}x-1,,EUR\n", rows(100)));
    let running = run.start_import("in.csv --rate 40 --concurrency 1 --max-errors 100%");
    until("a failure", || run.exists("in.csv.results/failures.csv"));
    run.write(
        "in.csv.results/rejects.csv",
        "clientId,companyName,currency\nx-1,Mended,EUR\n",
    );
    running.end().code(3).says("rejects.kept-1.csv");
    assert!(
        run.text("in.csv.results/rejects.kept-1.csv")
            .contains("Mended")
    );
    assert!(run.text("in.csv.results/rejects.csv").contains("x-1,,EUR"));
}
