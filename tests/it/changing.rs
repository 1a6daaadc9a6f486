//! An input that is changed during a run (issue 12, 5): what was checked is what is sent
//! and reported, or the run stops and the checkpoint contains nothing wrong.

use std::fs::File;
use std::io::Write;

use kable_bulk::sandbox::http::routes::Call;

use crate::common::{Run, Running, customers_of_csv, json_lines, rows, rows_from, until};

const WAS_CHANGED: &str = "in.csv was changed while it was being read";

/// `text` with a column beside it so wide that little is read ahead.
fn wide(text: &str) -> String {
    let lines = text.lines().enumerate().map(|(number, line)| match number {
        0 => format!("{line},note\n"),
        _ => format!("{line},{}\n", "x".repeat(3000)),
    });
    lines.collect()
}

/// A slow run over `content` that has sent some rows.
fn begun(content: &str) -> (Run, Running) {
    let run = Run::new().server(&[]).input("in.csv", content);
    let running = run.start_import("in.csv --rate 100/s");
    until("some creates", || run.counts().of(Call::Create) >= 5);
    (run, running)
}

/// Overwrites the file without truncating it first.
fn overwrite(run: &Run, text: &str) {
    let file = File::options().write(true).open(run.path("in.csv"));
    let mut file = file.unwrap();
    file.write_all(text.as_bytes()).unwrap();
    file.set_len(text.len() as u64).unwrap();
}

fn append(run: &Run, text: &str) {
    let mut file = File::options()
        .append(true)
        .open(run.path("in.csv"))
        .unwrap();
    file.write_all(text.as_bytes()).unwrap();
}

/// The printed command lists what was done: each customer that Kable holds, with its id.
fn list_as_printed(run: &Run) {
    let printed = "list --checkpoint in.csv.checkpoint.db --as jsonl";
    let listed = json_lines(&run.go(printed).code(0).stdout);
    let outcome = |name: &str| listed.iter().filter(|item| item["outcome"] == name).count();
    let held = run.held();
    let created = outcome("created");
    assert!(created >= 1);
    assert!(created + outcome("unresolved") >= held.len(), "{listed:?}");
    for item in listed.iter().filter(|item| item["outcome"] == "created") {
        assert!(
            held.contains_key(item["clientId"].as_str().unwrap()),
            "{item}"
        );
        assert!(
            item["customerId"].as_str().unwrap().starts_with("cus_"),
            "{item}"
        );
    }
}

/// The run stopped, and sent only rows of `rows(300)`; with that file in place again all of
/// it is created once.
fn stopped_and_comes_right(run: &Run, running: Running, why: &str) {
    running
        .end()
        .refuses(1, &[WAS_CHANGED, why, "so far", "created", "no results"])
        .hints("run the same command again")
        .says("kable-bulk list --checkpoint in.csv.checkpoint.db --as jsonl lists")
        .keeps_to_itself("line 1 ");
    list_as_printed(run);
    let original = customers_of_csv(&rows(300));
    let held = run.held();
    assert!((5..300).contains(&held.len()), "{}", held.len());
    for client_id in held.keys() {
        assert!(original.contains_key(client_id), "{client_id}");
    }
    assert!(!run.exists("in.csv.results/results.jsonl"));
    run.go("status in.csv")
        .code(0)
        .says("the last run was stopped");
    run.write("in.csv", wide(&rows(300)));
    run.import("in.csv").code(0);
    run.holds(&original);
    assert_eq!(run.creates_in_vain(), 0);
    run.summary("in.csv").outcomes(&[("created", 300)]);
}

#[test]
fn rewritten_in_place() {
    let (run, running) = begun(&wide(&rows(300)));
    // Each row is a line further down, with another's name.
    overwrite(&run, &wide(&rows_from(2, 301)));
    stopped_and_comes_right(&run, running, "no longer holds what was checked");
}

/// The same length and the same modification time.
#[test]
fn rewritten_in_place_without_a_trace() {
    let (run, running) = begun(&wide(&rows(300)));
    let before = std::fs::metadata(run.path("in.csv")).unwrap();
    let text = wide(&rows(300)).replace("c-299,", "c-200,");
    overwrite(&run, &text);
    let file = File::options()
        .write(true)
        .open(run.path("in.csv"))
        .unwrap();
    file.set_modified(before.modified().unwrap()).unwrap();
    assert_eq!(file.metadata().unwrap().len(), before.len());
    stopped_and_comes_right(&run, running, "no longer holds what was checked");
}

#[test]
fn cut_off() {
    let (run, running) = begun(&wide(&rows(300)));
    let file = File::options().write(true).open(run.path("in.csv"));
    file.unwrap().set_len(600_000).unwrap();
    stopped_and_comes_right(&run, running, "ends sooner");
}

/// Another run was interrupted before, and this one uses its outcomes.
#[test]
fn rewritten_under_a_run_that_goes_on() {
    let (run, running) = begun(&wide(&rows(300)));
    running.signal("INT");
    running.end().code(130);
    let before = run.counts().of(Call::Create);
    let running = run.start_import("in.csv --rate 100/s");
    until("some more", || run.counts().of(Call::Create) >= before + 5);
    overwrite(&run, &wide(&rows_from(2, 301)));
    running.end().refuses(1, &[WAS_CHANGED]);
    run.write("in.csv", wide(&rows(300)));
    run.import("in.csv").code(0);
    run.holds(&customers_of_csv(&rows(300)));
    run.summary("in.csv").outcomes(&[("created", 300)]);
}

#[test]
fn appended_rows_are_left_for_the_next_run() {
    let (run, running) = begun(&wide(&rows(150)));
    let more = wide(&rows_from(151, 160));
    append(&run, more.split_once('\n').unwrap().1);
    running
        .end()
        .code(0)
        .says("in.csv grew by")
        .says("run the same command again");
    run.holds(&customers_of_csv(&rows(150)));
    assert_eq!(run.results("in.csv").len(), 150);
    let ended = run.import("in.csv").code(0);
    ended.keeps_to_itself("grew by");
    run.holds(&customers_of_csv(&rows(160)));
    run.summary("in.csv").outcomes(&[("created", 160)]);
    assert_eq!(run.creates_in_vain(), 0);
}

#[test]
fn half_a_row_is_not_sent() {
    let whole = wide(&rows(300));
    let cut = whole.len() - 2000;
    let (run, running) = begun(whole.get(..cut).unwrap());
    append(&run, whole.get(cut..).unwrap());
    running
        .end()
        .refuses(1, &[WAS_CHANGED, "last line was not finished"]);
    assert!(!run.held().contains_key("c-300"));
    run.import("in.csv").code(0);
    run.holds(&customers_of_csv(&rows(300)));
}

/// As editors save and exports are written: the file that was checked is read to its end.
#[test]
fn replaced_by_another_file() {
    let (run, running) = begun(&wide(&rows(150)));
    run.write("new.csv", rows_from(1000, 1200));
    std::fs::rename(run.path("new.csv"), run.path("in.csv")).unwrap();
    running.end().code(0).says("in.csv was replaced or removed");
    run.holds(&customers_of_csv(&rows(150)));
    assert_eq!(run.results("in.csv").len(), 150);
}

/// A changed time alone proves nothing.
#[test]
fn touched() {
    let (run, running) = begun(&wide(&rows(150)));
    let file = File::options().write(true).open(run.path("in.csv"));
    let past = std::time::SystemTime::UNIX_EPOCH;
    file.unwrap().set_modified(past).unwrap();
    running.end().code(0);
    run.holds(&customers_of_csv(&rows(150)));
}
