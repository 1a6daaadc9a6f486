//! Whole runs: what the server holds at the end, what the results say, and what a
//! checkpoint refuses.

use std::collections::BTreeMap;

use kable_bulk::sandbox::http::routes::Call;
use kable_bulk::sandbox::settings::CLIENT_ID;
use kable_bulk::sandbox::store::inspect;
use serde_json::{Value, json};

use crate::common::{
    Run, Summary, customers_of_csv, customers_of_jsonl, rows, rows_from, sample, until,
};

const CHECKPOINT: &str = "in.csv.checkpoint.db";

#[test]
fn the_csv_sample_arrives_whole_and_once() {
    let run = Run::new().sample("customers.csv");
    run.import("customers.csv").code(0).says("200  created");
    let text = std::fs::read_to_string(sample("customers.csv")).unwrap();
    let expected = customers_of_csv(&text);
    assert_eq!(expected.len(), 200);
    run.holds(&expected);
    let summary = run.summary("customers.csv");
    assert_eq!(summary.rows("read"), 200);
    summary.outcomes(&[("created", 200)]);
    for line in run.results("customers.csv") {
        assert_eq!(line["outcome"], "created");
        assert_eq!(line["attempts"], 1);
        assert!(line["customerId"].as_str().unwrap().starts_with("cus_"));
        assert!(line["requestId"].as_str().unwrap().starts_with("req_"));
    }
}

#[test]
fn the_results_name_the_servers_ids() {
    let run = Run::new().input("in.csv", rows(10));
    run.import("in.csv").code(0);
    let ids: BTreeMap<String, String> = inspect::customers(&run.path(crate::common::DATABASE))
        .unwrap()
        .into_iter()
        .map(|customer| (customer.client_id, customer.customer_id))
        .collect();
    for line in run.results("in.csv") {
        let client_id = line["clientId"].as_str().unwrap();
        assert_eq!(line["customerId"], *ids[client_id]);
    }
}

#[test]
fn the_jsonl_sample_arrives_whole_and_once() {
    let run = Run::new().sample("customers.jsonl");
    run.import("customers.jsonl").code(0);
    let text = std::fs::read_to_string(sample("customers.jsonl")).unwrap();
    let expected = customers_of_jsonl(&text);
    assert_eq!(expected.len(), 200);
    run.holds(&expected);
    run.summary("customers.jsonl").outcomes(&[("created", 200)]);
}

#[test]
fn both_samples_are_the_same_customers() {
    let read = |name: &str| std::fs::read_to_string(sample(name)).unwrap();
    let csv = customers_of_csv(&read("customers.csv"));
    assert_eq!(csv, customers_of_jsonl(&read("customers.jsonl")));
}

#[test]
fn the_same_command_again_sends_no_create() {
    let run = Run::new().server(&[]).sample("customers.csv");
    run.import("customers.csv").code(0);
    assert_eq!(run.counts().of(Call::Create), 200);
    let first = run.results("customers.csv");
    run.import("customers.csv").code(0).says("200  created");
    assert_eq!(run.counts().of(Call::Create), 200);
    assert_eq!(run.counts().of(Call::Lookup), 0);
    assert_eq!(run.results("customers.csv"), first);
    run.summary("customers.csv").outcomes(&[("created", 200)]);
}

#[test]
fn the_sample_with_mistakes_leaves_the_rest_whole() {
    let run = Run::new().server(&[]).sample("with-mistakes.csv");
    run.import("with-mistakes.csv").code(3);
    let summary = run.summary("with-mistakes.csv");
    let counts = ["read", "skipped", "rejected"].map(|what| summary.rows(what));
    assert_eq!(counts, [243, 3, 13]);
    summary.outcomes(&[("created", 227)]);
    assert_eq!(summary.0["exit_code"], 3);
    assert_eq!(run.held().len(), 227);
    let results = run.results("with-mistakes.csv");
    let of = |outcome: &str| {
        results
            .iter()
            .filter(|line| line["outcome"] == outcome)
            .count()
    };
    assert_eq!([of("created"), of("rejected"), of("skipped")], [227, 13, 3]);
    let rejects = run.text("with-mistakes.csv.results/rejects.csv");
    let mut reader = csv::ReaderBuilder::new()
        .flexible(true)
        .from_reader(rejects.as_bytes());
    assert_eq!(reader.records().count(), 13);
    run.import("with-mistakes.csv").code(3);
    assert_eq!(run.counts().of(Call::Create), 227);
}

#[test]
fn a_customer_that_is_there_and_equal_already_existed() {
    let run = Run::new().server(&[]).input("in.csv", rows(6));
    run.import("in.csv --checkpoint first.db").code(0);
    run.import("in.csv --checkpoint second.db").code(0);
    let summary = run.summary("in.csv");
    summary.outcomes(&[("already_existed", 6)]);
    run.holds(&customers_of_csv(&rows(6)));
    assert_eq!(run.counts().of(Call::Create), 12);
    let line = run.result("in.csv", "c-3");
    assert!(line["customerId"].as_str().unwrap().starts_with("cus_"));
    // Settled rows are not looked up again.
    let before = run.counts().of(Call::Create) + run.counts().of(Call::Lookup);
    run.import("in.csv --checkpoint second.db").code(0);
    let after = run.counts().of(Call::Create) + run.counts().of(Call::Lookup);
    assert_eq!(before, after);
}

#[test]
fn a_customer_that_is_there_is_no_failure_whatever_the_status() {
    for status in [400, 409, 422, 500] {
        let run = Run::new()
            .server_with(&[], |settings| settings.exists_status = status)
            .input("in.csv", rows(3));
        run.import("in.csv --checkpoint first.db").code(0);
        run.import("in.csv --checkpoint second.db").code(0);
        let summary = run.summary("in.csv");
        assert_eq!(summary.outcome("failed"), 0, "{status}");
        assert_eq!(
            summary.outcome("already_existed") + summary.outcome("created"),
            3
        );
        run.holds(&customers_of_csv(&rows(3)));
    }
}

#[test]
fn a_customer_that_is_there_and_different_differs() {
    let run = Run::new().server(&[]).input("in.csv", rows(6));
    run.import("in.csv --checkpoint first.db").code(0);
    run.write("in.csv", rows(6).replace("Company 4", "Changed 4"));
    run.import("in.csv --checkpoint second.db")
        .code(3)
        .says("Changed 4");
    run.summary("in.csv")
        .outcomes(&[("already_existed", 5), ("differs", 1)]);
    assert_eq!(run.result("in.csv", "c-4")["outcome"], "differs");
    run.holds(&customers_of_csv(&rows(6)));
}

#[test]
fn a_customer_that_is_there_and_different_can_fail() {
    let run = Run::new().server(&[]).input("in.csv", rows(6));
    run.import("in.csv --checkpoint first.db").code(0);
    run.write(
        "in.csv",
        rows(6).replace("c-4,Company 4,USD", "c-4,Company 4,EUR"),
    );
    run.import("in.csv --checkpoint second.db --existing fail --max-errors 50%")
        .code(3);
    run.summary("in.csv")
        .outcomes(&[("already_existed", 5), ("failed", 1)]);
    let failures = run.text("in.csv.results/failures.csv");
    assert!(failures.contains(",c-4,Company 4,EUR"), "{failures}");
    run.holds(&customers_of_csv(&rows(6)));
}

#[test]
fn a_row_that_was_changed_after_its_creation_differs_and_is_not_sent() {
    let run = Run::new().server(&[]).input("in.csv", rows(6));
    run.import("in.csv").code(0);
    run.write("in.csv", rows(6).replace("Company 2", "Changed 2"));
    run.import("in.csv").code(3);
    run.summary("in.csv")
        .outcomes(&[("created", 5), ("differs", 1)]);
    assert_eq!(run.result("in.csv", "c-2")["outcome"], "differs");
    assert_eq!(run.counts().of(Call::Create), 6);
    run.holds(&customers_of_csv(&rows(6)));
}

#[test]
fn an_input_may_be_sorted_cut_and_extended_between_runs() {
    let run = Run::new().server(&[]).input("in.csv", rows(8));
    run.import("in.csv").code(0);
    let mut lines: Vec<String> = rows_from(5, 12)
        .lines()
        .skip(1)
        .map(str::to_owned)
        .collect();
    lines.reverse();
    run.write(
        "other.csv",
        format!("clientId,companyName,currency\n{}\n", lines.join("\n")),
    );
    run.import(&format!("other.csv --checkpoint {CHECKPOINT}"))
        .code(0);
    run.summary("other.csv").outcomes(&[("created", 8)]);
    assert_eq!(run.counts().of(Call::Create), 12);
    run.holds(&customers_of_csv(&rows(12)));
}

#[test]
fn keys_are_kept_in_their_file_and_nowhere_else() {
    let run = Run::new().server(&[]).input("in.csv", rows(9));
    run.import("in.csv --keys -v").code(0).says("keys.csv");
    let keys = run.text("in.csv.results/keys.csv");
    let mut reader = csv::Reader::from_reader(keys.as_bytes());
    assert_eq!(reader.headers().unwrap(), vec!["clientId", "key"]);
    let keys: BTreeMap<String, String> = reader
        .records()
        .map(|record| record.unwrap())
        .map(|record| (record[0].to_owned(), record[1].to_owned()))
        .collect();
    let expected: Vec<String> = customers_of_csv(&rows(9)).into_keys().collect();
    assert_eq!(keys.keys().cloned().collect::<Vec<_>>(), expected);
    for customer in inspect::customers(&run.path(crate::common::DATABASE)).unwrap() {
        assert_eq!(customer.keys_issued, 1);
    }
    for path in run.files() {
        if path.ends_with("keys.csv") {
            continue;
        }
        let bytes = std::fs::read(&path).unwrap();
        for key in keys.values() {
            let found = bytes.windows(key.len()).any(|part| part == key.as_bytes());
            assert!(!found, "a key in {}", path.display());
        }
    }
    let again = run.import("in.csv --keys").code(0);
    for key in keys.values() {
        assert!(!again.stdout.contains(key) && !again.stderr.contains(key));
    }
    assert_eq!(run.text("in.csv.results/keys.csv").lines().count(), 10);
}

#[test]
fn keys_of_a_lost_answer_are_said_to_be_lost() {
    let run = Run::new()
        .server(&["throttle:2@create:1", "lost-reply@create:2"])
        .input("in.csv", rows(1));
    run.import("in.csv --keys").code(0).says("keys_lost");
    let summary = run.summary("in.csv");
    summary.outcomes(&[("created", 1)]);
    assert_eq!(summary.lines_of("keys_lost"), [2]);
    assert_eq!(run.text("in.csv.results/keys.csv"), "clientId,key\n");
}

#[cfg(unix)]
#[test]
fn files_with_customers_data_are_their_owners_only() {
    let run = Run::new()
        .server(&["status:422@create:3"])
        .input("in.csv", rows(20) + "c-x,,USD\n");
    run.import("in.csv --keys --max-errors 5").code(3);
    for name in [
        "in.csv.results/keys.csv",
        "in.csv.results/rejects.csv",
        "in.csv.results/failures.csv",
        "in.csv.results/problems.csv",
        "in.csv.results/results.jsonl",
        "in.csv.results/summary.json",
        CHECKPOINT,
    ] {
        assert_eq!(run.mode(name), 0o600, "{name}");
    }
}

#[test]
fn all_or_nothing_sends_nothing_if_a_row_is_rejected() {
    let run = Run::new()
        .server(&[])
        .input("in.csv", rows(30) + "c-x,,USD\n");
    run.import("in.csv --all-or-nothing")
        .code(5)
        .says("Nothing was sent");
    assert_eq!(run.counts().of(Call::Create), 0);
    let summary = run.summary("in.csv");
    summary.outcomes(&[("pending", 30)]);
    assert_eq!((summary.rows("rejected"), run.held().len()), (1, 0));
    assert!(run.exists("in.csv.results/rejects.csv"));
    run.write("in.csv", rows(30) + "c-x,Mended,USD\n");
    run.import("in.csv --all-or-nothing").code(0);
    assert_eq!(run.held().len(), 31);
}

#[test]
fn too_many_rejected_rows_stop_it_before_the_first_create() {
    let bad: Vec<String> = (1..=13).map(|n| format!("bad-{n},,USD\n")).collect();
    let run = Run::new()
        .server(&[])
        .input("in.csv", rows(107) + &bad.concat());
    // A tenth of 120 rows is twelve.
    run.import("in.csv").code(5).says("--max-errors");
    run.summary("in.csv").outcomes(&[("pending", 107)]);
    run.import("in.csv --max-errors 12").code(5);
    assert_eq!(run.counts().of(Call::Create), 0);
    run.import("in.csv --max-errors 13").code(3);
    run.summary("in.csv").outcomes(&[("created", 107)]);
}

#[test]
fn too_many_failed_rows_stop_it_and_it_can_go_on() {
    let run = Run::new()
        .server(&["status:422@create:5-7"])
        .input("in.csv", rows(30));
    run.import("in.csv --max-errors 2 --concurrency 1")
        .code(5)
        .says("--max-errors");
    run.summary("in.csv")
        .outcomes(&[("created", 4), ("failed", 3), ("pending", 23)]);
    run.import("in.csv --max-errors 10").code(3);
    run.summary("in.csv")
        .outcomes(&[("created", 27), ("failed", 3)]);
    run.import("in.csv --max-errors 10 --retry-failed").code(0);
    run.summary("in.csv").outcomes(&[("created", 30)]);
    run.holds(&customers_of_csv(&rows(30)));
    assert_eq!(run.creates_in_vain(), 0);
}

#[test]
fn a_dry_run_sends_nothing_and_leaves_no_checkpoint() {
    let run = Run::new()
        .server(&[])
        .input("in.csv", rows(30) + "c-x,,USD\n");
    run.import("in.csv --dry-run").code(3).says("30");
    run.summary("in.csv").outcomes(&[("pending", 30)]);
    for call in [Call::Create, Call::Update, Call::Delete, Call::Cancel] {
        assert_eq!(run.counts().of(call), 0);
    }
    assert!(!run.exists(CHECKPOINT));
    run.write("in.csv", rows(30));
    run.import("in.csv --dry-run").code(0);
    assert!(!run.exists(CHECKPOINT));
}

#[test]
fn a_dry_run_of_a_run_that_was_begun_changes_nothing() {
    let run = Run::new().server(&[]).input("in.csv", rows(5));
    run.import("in.csv").code(0);
    run.write("in.csv", rows(9));
    let before = run.bytes(CHECKPOINT);
    run.import("in.csv --dry-run").code(0);
    run.summary("in.csv")
        .outcomes(&[("created", 5), ("pending", 4)]);
    assert!(run.bytes(CHECKPOINT) == before, "it was touched");
    assert_eq!(run.counts().of(Call::Create), 5);
}

#[test]
fn strict_rejects_what_would_need_a_correction_or_bears_a_warning() {
    let content = format!(
        "clientId,companyName,currency,email\n{}c-x,A,usd,\nc-y,A,USD,nobody\n",
        (1..=30)
            .map(|n| format!("c-{n},A,USD,\n"))
            .collect::<Vec<_>>()
            .concat()
    );
    let run = Run::new().server(&[]).input("in.csv", content);
    run.import("in.csv --strict").code(3);
    let summary = run.summary("in.csv");
    assert_eq!(summary.rows("rejected"), 2);
    assert_eq!(summary.lines_of("corrected"), [32]);
    assert_eq!(summary.lines_of("suspect_value"), [33]);
    summary.outcomes(&[("created", 30)]);
    run.import("in.csv").code(0);
    assert_eq!(run.held().len(), 32);
}

#[test]
fn validate_sends_nothing_and_counts_what_is_fit_as_pending() {
    let run = Run::new().server(&[]).sample("with-mistakes.csv");
    run.go("validate with-mistakes.csv").code(3);
    let summary = run.summary("with-mistakes.csv");
    assert_eq!(summary.0["command"], "validate");
    assert_eq!(summary.rows("rejected"), 13);
    summary.outcomes(&[("pending", 227)]);
    assert_eq!(run.counts().requests, 0);
    assert!(!run.exists("with-mistakes.csv.checkpoint.db"));
    assert!(run.exists("with-mistakes.csv.results/rejects.csv"));
}

#[test]
fn validate_of_a_good_file_is_well() {
    let run = Run::new().sample("customers.csv");
    run.go("validate customers.csv").code(0);
    run.summary("customers.csv").outcomes(&[("pending", 200)]);
    assert!(!run.exists("customers.csv.results/rejects.csv"));
}

#[test]
fn status_says_where_a_run_stands() {
    let run = Run::new()
        .server(&["status:422@create:2"])
        .input("in.csv", rows(20));
    run.import("in.csv --max-errors 5").code(3);
    run.go("status in.csv")
        .code(0)
        .says(&run.url())
        .says("20  settled")
        .says("19  created")
        .says("1  failed")
        .says("finished");
    let status = run.go("status in.csv --json").code(0).json();
    assert_eq!(status["outcomes"]["created"], 19);
    assert_eq!(status["outcomes"]["failed"], 1);
    assert_eq!(status["running"], Value::Null);
    assert_eq!(status["target"]["kable_client_id"], CLIENT_ID);
    assert_eq!(status["phase"], "ended");
    assert_eq!(
        (&status["percent"], &status["rows"]),
        (&json!(100), &json!(20))
    );
    assert_eq!(status["this_run"]["created"], 19);
    assert_eq!(status["all_runs"]["runs"], 1);
    let mut named = run
        .go(&format!("status --checkpoint {CHECKPOINT} --json"))
        .code(0)
        .json();
    named["time"].clone_from(&status["time"]);
    assert_eq!(named, status);
}

#[test]
fn status_of_nothing_is_refused() {
    let run = Run::new().input("text.db", "not a database at all, only some words\n");
    run.go("status in.csv").refuses(1, &[CHECKPOINT]);
    run.go("status --checkpoint text.db")
        .refuses(1, &["text.db"]);
    assert!(!run.exists(CHECKPOINT));
}

#[test]
fn while_it_runs_status_shows_it_and_a_second_process_is_refused() {
    let run = Run::new().server(&[]).input("in.csv", rows(500));
    let running = run.start_import("in.csv --rate 10/s");
    let id = running.id().to_string();
    until("two creates", || run.counts().of(Call::Create) >= 2);
    run.go("status in.csv").code(0).says("running: ").says(&id);
    let status = run.go("status in.csv --json").code(0).json();
    assert!(status["running"].as_str().unwrap().contains(&id));
    assert_eq!(status["fit_rows"], 500);
    run.import("in.csv").refuses(1, &[CHECKPOINT, &id]);
    running.signal("INT");
    running.end().code(130);
    // The refused process has not disturbed the first one.
    run.import("in.csv").code(0);
    run.holds(&customers_of_csv(&rows(500)));
    assert_eq!(run.creates_in_vain(), 0);
}

#[test]
fn a_checkpoint_of_another_account_is_refused() {
    let mut run = Run::new().server(&[]).input("in.csv", rows(3));
    run.import("in.csv").code(0);
    let before = run.bytes(CHECKPOINT);
    run.server_again(|settings| settings.client_id = "kci_other".to_owned());
    let run = run.env("KABLE_CLIENT_ID", "kci_other");
    run.import("in.csv")
        .refuses(1, &[CHECKPOINT, CLIENT_ID, "kci_other"]);
    assert!(run.bytes(CHECKPOINT) == before, "it was touched");
    assert_eq!(run.counts().of(Call::Create), 0);
}

#[test]
fn a_checkpoint_of_another_address_is_refused() {
    let run = Run::new().server(&[]).input("in.csv", rows(3));
    run.import("in.csv").code(0);
    let before = run.bytes(CHECKPOINT);
    let other = Run::new().server(&[]).input("in.csv", rows(3));
    other.write(CHECKPOINT, &before);
    other
        .import("in.csv")
        .refuses(1, &[CHECKPOINT, &run.url(), &other.url()]);
    assert!(other.bytes(CHECKPOINT) == before, "it was touched");
    assert_eq!(other.counts().of(Call::Create), 0);
}

#[test]
fn a_checkpoint_that_is_no_database_is_refused_and_not_touched() {
    for content in [
        "my notes: do not lose them\n".as_bytes(),
        b"SQLite format 3\0 and then nothing of the kind",
        b"x",
    ] {
        let run = Run::new()
            .input("in.csv", rows(3))
            .input("notes.txt", content);
        run.import("in.csv --checkpoint notes.txt")
            .refuses(1, &["notes.txt"]);
        assert_eq!(run.bytes("notes.txt"), content);
        assert!(run.held().is_empty());
    }
}

#[test]
fn a_database_of_another_program_is_refused_and_not_touched() {
    let run = Run::new().input("in.csv", rows(3));
    let db = rusqlite::Connection::open(run.path("other.db")).unwrap();
    db.execute_batch("CREATE TABLE customer (id INTEGER); INSERT INTO customer VALUES (7);")
        .unwrap();
    db.close().unwrap();
    let before = run.bytes("other.db");
    run.import("in.csv --checkpoint other.db")
        .refuses(1, &["other.db"]);
    assert!(run.bytes("other.db") == before, "it was touched");
}

#[test]
fn a_checkpoint_of_a_newer_format_is_refused() {
    let run = Run::new().server(&[]).input("in.csv", rows(3));
    run.import("in.csv").code(0);
    let db = rusqlite::Connection::open(run.path(CHECKPOINT)).unwrap();
    db.pragma_update(None, "user_version", 99).unwrap();
    db.close().unwrap();
    run.write("in.csv", rows(5));
    run.import("in.csv").refuses(1, &[CHECKPOINT, "99"]);
    run.go("status in.csv").refuses(1, &[CHECKPOINT, "99"]);
    assert_eq!(run.held().len(), 3);
}

#[test]
fn a_checkpoint_that_cannot_be_made_is_named() {
    let run = Run::new().server(&[]).input("in.csv", rows(3));
    run.import("in.csv --checkpoint in.csv/run.db")
        .refuses(1, &["in.csv/run.db"]);
    assert_eq!(run.counts().of(Call::Create), 0);
}

#[test]
fn a_folder_for_results_that_cannot_be_made_is_named_before_anything_is_sent() {
    let run = Run::new().server(&[]).input("in.csv", rows(3));
    run.import("in.csv --out in.csv/results")
        .refuses(1, &["in.csv/results"])
        .hints("--out");
    assert_eq!(run.counts().of(Call::Create), 0);
    assert!(!run.exists(CHECKPOINT));
    run.go("validate in.csv --out in.csv/results")
        .refuses(1, &["in.csv/results"]);
}

#[cfg(unix)]
#[test]
fn a_folder_for_results_that_is_read_only_is_named() {
    use std::os::unix::fs::PermissionsExt;
    let run = Run::new().server(&[]).input("in.csv", rows(3));
    std::fs::create_dir(run.path("results")).unwrap();
    let read_only = std::fs::Permissions::from_mode(0o500);
    std::fs::set_permissions(run.path("results"), read_only).unwrap();
    // Root may write anywhere; then nothing is refused.
    let root = std::fs::write(run.path("results/try"), "").is_ok();
    let ended = run.import("in.csv --out results");
    if root {
        ended.code(0);
    } else {
        ended.refuses(1, &["results"]);
    }
}

#[test]
fn the_bodies_hold_what_is_given_and_nothing_else() {
    let plan = "pln_5a3b0c7d9e1f42638495a6b7c8d9e0f1";
    let bundle = "bun_9e7f4a1b3c5d86072839e0f1a2b3c4d5";
    let whole = json!({
        "clientId": "a/b c?&#%é", "companyName": "Ünïcödé \"& Söhne\"", "currency": "JPY",
        "stripeCustomerId": "cus_Q6ZF7VuQBnlbtf", "planIds": [plan], "bundleIds": [bundle],
        "billingContact": {
            "firstName": "A", "lastName": "B", "email": "a@x.example", "phone": "+1 555",
            "addressLine1": "1", "addressLine2": "2", "city": "C", "state": "S",
            "postalCode": "00123", "country": "JP"
        }
    });
    let bare = json!({"clientId": "c-2", "companyName": "B", "currency": "USD"});
    let empty = json!({
        "clientId": "c-2", "companyName": "B", "currency": "USD", "stripeCustomerId": "",
        "planIds": [], "bundleIds": null, "billingContact": {"city": "", "email": null}
    });
    let run = Run::new()
        .server(&[])
        .input("in.jsonl", format!("{whole}\n{empty}\n"));
    run.import("in.jsonl").code(0);
    let expected =
        [&whole, &bare].map(|body| (body["clientId"].as_str().unwrap().to_owned(), body.clone()));
    run.holds(&BTreeMap::from(expected));
    // Looked up under its odd id, it is found and equal.
    run.import("in.jsonl --checkpoint other.db").code(0);
    run.summary("in.jsonl").outcomes(&[("already_existed", 2)]);
}

#[test]
fn an_id_that_reads_like_kables_own_is_not_mistaken() {
    let run = Run::new().server(&[]).input("in.csv", rows(1));
    run.import("in.csv").code(0);
    let first = run.result("in.csv", "c-1")["customerId"].clone();
    let id = first.as_str().unwrap();
    run.write(
        "other.csv",
        format!("clientId,companyName,currency\n{id},Other,USD\n"),
    );
    run.import("other.csv").code(0);
    assert_eq!(run.held().len(), 2);
    assert_eq!(run.held()[id]["companyName"], "Other");
}

#[test]
fn two_runs_side_by_side_into_one_account_make_each_customer_once() {
    let run = Run::new()
        .server(&[])
        .input("a.csv", rows(120))
        .input("b.csv", rows_from(61, 180));
    let (one, other) = (run.start_import("a.csv"), run.start_import("b.csv"));
    one.end().code(0);
    other.end().code(0);
    run.holds(&customers_of_csv(&rows(180)));
    let (one, other) = (run.summary("a.csv"), run.summary("b.csv"));
    let well = |summary: &Summary| summary.outcome("created") + summary.outcome("already_existed");
    assert_eq!([well(&one), well(&other)], [120, 120]);
    assert!(one.outcome("created") + other.outcome("created") <= 180);
}

#[test]
fn the_sandbox_in_the_program_keeps_what_it_has() {
    let run = Run::new()
        .input("a.csv", rows(5))
        .input("b.csv", rows_from(4, 8));
    run.go("import a.csv --sandbox=mine.db --rate unlimited")
        .code(0);
    run.go("import b.csv --sandbox=mine.db --rate unlimited")
        .code(0);
    run.summary("b.csv")
        .outcomes(&[("created", 3), ("already_existed", 2)]);
    assert_eq!(inspect::customers(&run.path("mine.db")).unwrap().len(), 8);
}
