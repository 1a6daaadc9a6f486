//! `sync --prune`: customers that the file no longer has are reported or cancelled.

use kable_bulk::sandbox::http::routes::Call;
use kable_bulk::sandbox::store::inspect;

use crate::common::{DATABASE, EndedRun, Run, rows, rows_from, until};

fn sync(run: &Run, rest: &str) -> EndedRun {
    run.go(&format!("sync --base-url {} {rest}", run.url()))
}

/// A server with ten customers, and a file that no longer has three of them.
fn three_left_the_file(faults: &[&str]) -> Run {
    let run = Run::new().server(faults).input("in.csv", rows(10));
    sync(&run, "in.csv").code(0);
    run.write("in.csv", rows_from(1, 7));
    run
}

const PRUNE: &str = "in.csv --prune cancel --yes --max-changes 50%";

fn cancelled(run: &Run) -> Vec<String> {
    let held = inspect::customers(&run.path(DATABASE)).unwrap();
    let cancelled = held.into_iter().filter(|held| held.status == "CANCELLED");
    let mut ids: Vec<String> = cancelled.map(|held| held.client_id).collect();
    ids.sort();
    ids
}

#[test]
fn customers_that_the_file_no_longer_has_are_cancelled_on_request_alone() {
    let run = three_left_the_file(&[]);
    for report in ["in.csv", "in.csv --prune report"] {
        sync(&run, report)
            .code(0)
            .says("3  more customers at Kable that no row of the file has");
        assert_eq!(run.counts().of(Call::Cancel), 0);
    }
    sync(&run, &format!("{PRUNE} --dry-run"))
        .code(0)
        .says("Would cancel 3 customers: no row of the file has them");
    assert_eq!(run.counts().of(Call::Cancel), 0);
    sync(&run, PRUNE).code(0).says("3  of them cancelled");
    assert_eq!(cancelled(&run), ["c-10", "c-8", "c-9"]);
    let summary = run.summary("in.csv");
    summary.outcomes(&[("unchanged", 7)]);
    assert_eq!(summary.0["pruned"]["cancelled"], 3, "{}", summary.0);
    // Each is looked up before it is cancelled.
    assert_eq!(summary.0["requests"]["sent"], 6, "{}", summary.0);
    let lines = run.text("in.csv.results/cancelled.jsonl");
    assert_eq!(lines.lines().count(), 3);
    for line in lines.lines() {
        let line: serde_json::Value = serde_json::from_str(line).unwrap();
        assert_eq!(line["outcome"], "cancelled");
        assert!(line["requestId"].is_string(), "{line}");
        assert_eq!(line["attempts"], 2, "{line}");
    }
    // Those that are cancelled are no work for the next night.
    sync(&run, PRUNE).code(0);
    assert_eq!(run.counts().of(Call::Cancel), 3);
    assert_eq!(run.summary("in.csv").0["pruned"]["cancelled"], 0);
}

#[test]
fn a_share_of_few_customers_holds_for_cancellations() {
    let run = three_left_the_file(&[]);
    sync(&run, "in.csv --prune cancel --yes")
        .code(5)
        .says("3 customers would be updated or cancelled (3 cancelled), and no more than 2 of the 10 that are not cancelled may be")
        .says("--prune cancel --max-changes 3");
    assert_eq!(run.counts().of(Call::Cancel), 0);
    assert_eq!(run.summary("in.csv").0["pruned"]["pending"], 3);
    sync(&run, "in.csv --prune cancel --yes --max-changes 3").code(0);
    assert_eq!(cancelled(&run).len(), 3);
}

/// Else a file that was cut off would cancel those that are left of an old account.
#[test]
fn a_share_is_of_the_customers_that_are_not_cancelled() {
    let run = Run::new().server(&[]).input("in.csv", rows(10));
    sync(&run, "in.csv").code(0);
    run.write("in.csv", rows(4));
    sync(&run, "in.csv --prune cancel --yes --max-changes 60%").code(0);
    run.write("in.csv", rows(2));
    sync(&run, "in.csv --prune cancel --yes")
        .code(5)
        .says("Kable has 10 customers, 6 of them not active")
        .says("(2 cancelled), and no more than 1 of the 4 that are not cancelled may be (--max-changes)");
    assert_eq!(cancelled(&run).len(), 6);
}

#[test]
fn nothing_is_cancelled_without_the_whole_file_or_a_confirmation() {
    let run = three_left_the_file(&[]);
    sync(&run, &format!("{PRUNE} --limit 5")).refuses(2, &["--prune", "leave --limit out"]);
    sync(&run, "in.csv --prune cancel").refuses(1, &["--prune cancel cancels customers"]);
    // The id of one row is lost: it may be that of any of them.
    run.write("in.csv", format!("{},No Id,USD\n", rows_from(1, 7)));
    sync(&run, &format!("{PRUNE} --max-errors 3"))
        .code(3)
        .says("1 rejected row has no certain clientId, and may be that of any customer: none is cancelled");
    assert_eq!(run.counts().of(Call::Cancel), 0);
    // Too many errors stop everything.
    sync(&run, &format!("{PRUNE} --max-errors 0")).code(5);
    assert_eq!(run.counts().of(Call::Cancel), 0);
}

#[test]
fn a_rejected_row_keeps_its_customer() {
    let run = three_left_the_file(&[]);
    let wrong = rows_from(8, 8).replace("USD", "XXX");
    let wrong = wrong.lines().nth(1).unwrap();
    run.write("in.csv", format!("{}{wrong}\n", rows_from(1, 7)));
    sync(&run, &format!("{PRUNE} --max-errors 3")).code(3);
    assert_eq!(cancelled(&run), ["c-10", "c-9"]);
}

#[test]
fn one_that_is_changed_while_the_sync_runs_is_left() {
    let mut run = three_left_the_file(&[]);
    run.write("in.csv", format!("{}c-11,New,USD\n", rows_from(1, 7)));
    run.write("other.csv", rows_from(8, 8).replace("Company", "Firm"));
    run.server_again(|settings| settings.faults = vec!["delay:3s@create:1".parse().unwrap()]);
    let running = run.start(&format!("sync --base-url {} {PRUNE}", run.url()));
    // Cancellations wait until the rows are sent.
    until("the create", || run.counts().of(Call::Create) > 0);
    let update = "--existing update --checkpoint other.db --out other";
    run.go(&format!(
        "import --base-url {} other.csv {update}",
        run.url()
    ))
    .code(0);
    running
        .end()
        .code(3)
        .says("1  of them left: changed while the sync ran");
    assert_eq!(cancelled(&run), ["c-10", "c-9"]);
    let pruned = &run.summary("in.csv").0["pruned"];
    assert_eq!(
        (&pruned["changed"], &pruned["cancelled"]),
        (&1.into(), &2.into())
    );
}

#[test]
fn a_refused_cancellation_is_reported() {
    let mut run = three_left_the_file(&[]);
    run.server_again(|settings| settings.faults = vec!["status:400@cancel:1".parse().unwrap()]);
    sync(&run, PRUNE)
        .code(3)
        .says("2  of them cancelled")
        .says("1  of them left: Kable refused to cancel them");
    sync(&run, PRUNE).code(0);
    assert_eq!(cancelled(&run).len(), 3);
}

/// SIGKILL again and again, with responses lost, cancellations that land late and reads that
/// lag: all are cancelled in the end, and no other.
#[test]
fn killed_at_any_moment_exactly_those_are_cancelled() {
    const FAULTS: [&str; 3] = [
        "lost-reply=5%@cancel",
        "reset-then-land:300ms=5%@cancel",
        "status-then-land:503/300ms=5%@cancel",
    ];
    let run = Run::new()
        .server_with(&FAULTS, |settings| {
            settings.read_lag = std::time::Duration::from_millis(100);
        })
        .input("in.csv", rows(200));
    let line = format!(
        "sync --base-url {} in.csv --prune cancel --yes --max-changes 100% --timeout 400ms \
         --concurrency 4 --settle 2s --rate 200/s",
        run.url()
    );
    run.go(&line).code(0);
    run.write("in.csv", rows_from(1, 100));
    let seed = fastrand::u64(..);
    let mut chance = fastrand::Rng::with_seed(seed);
    let cancels = || run.counts().of(Call::Cancel);
    let kills = run.killed_again_and_again(&line, &mut chance, 20, cancels);
    run.go(&line).code(0);
    run.settled();
    assert!(kills >= 5, "{kills} kills, seed {seed}");
    let cancelled = cancelled(&run);
    assert_eq!(cancelled.len(), 100, "seed {seed}");
    for number in 101..=200 {
        assert!(cancelled.contains(&format!("c-{number}")), "seed {seed}");
    }
    let sent = run.counts().of(Call::Cancel);
    run.go(&line).code(0);
    assert_eq!(run.counts().of(Call::Cancel), sent, "seed {seed}");
}

/// Rows whose `clientId` is not exactly that of a customer, but may mean it.
#[test]
fn a_row_keeps_the_customer_that_it_may_mean() {
    let run = Run::new()
        .server_with(&[], |settings| settings.ignore_case = true)
        .input("in.csv", rows(10));
    sync(&run, "in.csv").code(0);
    // The API takes C-7 for c-7, and a blank before an id is an error.
    let text = rows(8).replace("c-7", "C-7").replace("c-8", "\" c-8\"");
    run.write("in.csv", text);
    let line = format!("{PRUNE} --max-errors 5");
    sync(&run, &format!("{line} --dry-run"))
        .code(3)
        .says("note: 2 customers have an id that differs from a row's clientId in case")
        .says("Would cancel 2 customers: no row of the file has them");
    // As failed rows of earlier nights, too.
    for _ in 0..2 {
        sync(&run, &line)
            .code(3)
            .says("takes this clientId for that of customer \"c-7\"");
        assert_eq!(cancelled(&run), ["c-10", "c-9"]);
    }
}

/// A spreadsheet takes ids for numbers.
#[test]
fn a_customer_is_kept_whose_leading_zeros_the_file_lost() {
    let text = rows(10).replace("c-7,", "007,").replace("c-8,", "008,");
    let run = Run::new().server(&[]).input("in.csv", &text);
    sync(&run, "in.csv").code(0);
    let lost = text.replace("007,", "7,").replace("008,", "8,");
    run.write("in.csv", lost.replace("c-10,Company 10,USD\n", ""));
    let why = "2 customers have an id that differs from a row's clientId in leading zeros alone, such as \"00";
    sync(&run, "in.csv --dry-run").says(why);
    // The second night, too, when Kable has customers of the rows' own.
    for _ in 0..2 {
        sync(&run, PRUNE)
            .code(3)
            .says(why)
            .says("2  of them left: rows of the file may be missing, or may be theirs");
        assert_eq!(cancelled(&run), ["c-10"]);
        assert_eq!(run.summary("in.csv").0["pruned"]["withheld"], 2);
        assert_eq!(run.summary("in.csv").0["surplus"], 3);
    }
    // With the zeros back, the others are those that no row has.
    run.write("in.csv", text.replace("c-10,Company 10,USD\n", ""));
    sync(&run, PRUNE).code(0);
    assert_eq!(cancelled(&run), ["7", "8", "c-10"]);
}

/// The rows of `text` as JSON objects.
fn objects(text: &str) -> Vec<String> {
    let object = |line: &str| {
        let cells: Vec<&str> = line.split(',').collect();
        let [id, name, currency] = cells[..] else {
            panic!("{line}")
        };
        serde_json::json!({"clientId": id, "companyName": name, "currency": currency}).to_string()
    };
    text.lines().skip(1).map(object).collect()
}

/// Ten customers, of which the input has seven, as far as it was read.
#[test]
fn none_is_cancelled_while_rows_may_be_missing() {
    let run = Run::new().server(&[]).input("in.csv", rows(10));
    sync(&run, "in.csv").code(0);
    let objects = objects(&rows(7)).join(",\n");
    // From the quote in row 5 to that in row 8 all is one cell.
    let noted = rows(10)
        .lines()
        .enumerate()
        .fold(String::new(), |text, (at, line)| {
            let note = match at {
                0 => "note",
                5 => "\"x",
                8 => "x\"",
                _ => "",
            };
            text + line + "," + note + "\n"
        });
    for (file, text, why) in [
        (
            "cut.json",
            format!("[{objects}"),
            "before its JSON is closed",
        ),
        (
            "page.json",
            format!("{{\"data\":[{objects}],\"has_more\":true}}"),
            "it is one page of more",
        ),
        (
            "total.json",
            format!("{{\"total\":10,\"limit\":7,\"data\":[{objects}]}}"),
            "it has 7 rows of the 10 that \"total\" beside them counts",
        ),
        ("quote.csv", noted, "where a stray quote took them along"),
    ] {
        run.write(file, text);
        let line = format!("{file} --prune cancel --yes --max-changes 50% --max-errors 9");
        let dry = sync(&run, &format!("{line} --dry-run"));
        dry.says(why).says("none is cancelled");
        let real = sync(&run, &line).code(3);
        real.says(why)
            .says("none is cancelled")
            .says("of them left: rows of the file may be missing");
        sync(&run, &format!("{file} --max-errors 9")).says("the file no longer has is not certain");
    }
    assert_eq!(run.counts().of(Call::Cancel), 0);
}

#[test]
fn the_pages_of_one_list_are_the_whole_list_together() {
    let run = Run::new().server(&[]).input("in.csv", rows(10));
    sync(&run, "in.csv").code(0);
    for (file, objects) in [
        ("first.json", objects(&rows(4))),
        ("rest.json", objects(&rows_from(5, 7))),
    ] {
        let objects = objects.join(",");
        let text = format!("{{\"meta\":{{\"total_count\":7}},\"data\":[{objects}]}}");
        run.write(file, text);
    }
    sync(&run, "rest.json --prune cancel --yes")
        .code(3)
        .says("rest.json may lack rows (it has 3 rows of the 7");
    assert_eq!(run.counts().of(Call::Cancel), 0);
    let line = "first.json rest.json --prune cancel --yes --max-changes 50%";
    sync(&run, line).code(0);
    assert_eq!(cancelled(&run), ["c-10", "c-8", "c-9"]);
}

/// With rows enough for its `total`, by a page that is there twice.
#[test]
fn none_is_cancelled_while_a_page_is_there_twice() {
    let run = Run::new().server(&[]).input("in.csv", rows(10));
    sync(&run, "in.csv").code(0);
    let page = |first, last, beside: &str| {
        let objects = objects(&rows_from(first, last)).join(",");
        format!("{{{beside}\"data\":[{objects}]}}")
    };
    let total = "\"total\":9,";
    let twice = "of the pages that were read, one may be there twice";
    for (inputs, texts, why) in [
        (
            "1.json 2.json 3.json",
            vec![page(1, 3, total), page(4, 6, total), page(4, 6, total)],
            twice,
        ),
        (
            "all.json",
            vec![page(1, 3, total) + &page(4, 6, total) + &page(4, 6, total)],
            twice,
        ),
        (
            "cursors.json",
            vec![page(1, 3, "") + &page(4, 6, "") + &page(4, 6, "")],
            twice,
        ),
        // Of two lists that count as many rows, a page each.
        (
            "a.json b.json",
            vec![page(1, 3, "\"total\":5,"), page(4, 6, "\"total\":5,")],
            "a.json may lack rows (it has 3 rows of the 5",
        ),
        (
            "ab.json",
            vec![page(1, 3, "\"total\":5,") + &page(4, 6, "\"total\":5,")],
            "ab.json may lack rows (it has 6 rows and not the 5",
        ),
    ] {
        for (name, text) in inputs.split(' ').zip(texts) {
            run.write(name, text);
        }
        let line = format!("{inputs} --prune cancel --yes --max-changes 50% --max-errors 9");
        let real = sync(&run, &line).code(3);
        real.says(why).says("none is cancelled");
    }
    assert_eq!(run.counts().of(Call::Cancel), 0);
}

/// Of a part of an export that failed, all customers would be cancelled.
#[test]
fn none_is_cancelled_while_an_input_has_no_rows() {
    let run = Run::new().server(&[]).input("in.csv", rows(10));
    sync(&run, "in.csv").code(0);
    run.write("part-1.csv", rows(7));
    let header = "clientId,companyName,currency\n";
    for (file, text, why) in [
        ("part-2.csv", String::new(), "part-2.csv is empty"),
        ("part-2.csv", header.to_owned(), "part-2.csv has no rows of"),
        (
            "part-2.csv",
            format!("{header},,\n"),
            "part-2.csv has no rows of",
        ),
        ("part-2.jsonl", "\n".to_owned(), "part-2.jsonl "),
    ] {
        run.write(file, text);
        let line = format!("part-1.csv {file} --prune cancel --yes --max-changes 50%");
        let dry = sync(&run, &format!("{line} --dry-run"));
        dry.says(why).says("none is cancelled");
        sync(&run, &line)
            .code(3)
            .says(why)
            .says("none is cancelled");
    }
    assert_eq!(run.counts().of(Call::Cancel), 0);
    // No row had to be mended.
    run.write("rejects.csv", format!("_line,_code,_message,{header}"));
    let line = "part-1.csv rejects.csv --prune cancel --yes --max-changes 50%";
    sync(&run, line).code(0);
    assert_eq!(cancelled(&run), ["c-10", "c-8", "c-9"]);
}

#[test]
fn mended_rejects_alone_cancel_nothing() {
    let run = Run::new().server(&[]).input("in.csv", rows(10));
    sync(&run, "in.csv").code(0);
    run.write("in.csv", rows(10).replacen("USD", "XXX", 1));
    sync(&run, &format!("{PRUNE} --max-errors 5"))
        .code(3)
        .says("Mend the rejected rows and feed them back")
        .keeps_to_itself("--prune");
    let rejects = "in.csv.results/rejects.csv";
    let mended = run.text(rejects).replace("XXX", "USD");
    run.write(rejects, mended);
    sync(
        &run,
        &format!("{rejects} --prune cancel --yes --max-changes 30"),
    )
    .refuses(1, &["has only rows that an earlier run rejected"]);
    assert_eq!(run.counts().of(Call::Cancel), 0);
}
