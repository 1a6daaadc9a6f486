//! `--save-plan` and `apply`: what was read is what is done, or nothing.

use std::fmt::Write;

use kable_bulk::sandbox::http::routes::Call;
use kable_bulk::sandbox::store::inspect;
use serde_json::{Value, json};

use crate::common::raw::{Ask, Raw, says};
use crate::common::{DATABASE, EndedRun, Run, rows, rows_from, until};

/// The calls that change something.
fn changes(run: &Run) -> u64 {
    let counts = run.counts();
    [Call::Create, Call::Update, Call::Cancel, Call::Delete]
        .into_iter()
        .map(|call| counts.of(call))
        .sum()
}

/// The header of a plan, and its customers.
fn read(run: &Run, name: &str) -> (Value, Vec<Value>) {
    let text = run.text(name);
    let mut lines = text.lines().map(|line| serde_json::from_str(line).unwrap());
    (lines.next().unwrap(), lines.collect())
}

fn go(run: &Run, command: &str, rest: &str) -> EndedRun {
    run.go(&format!("{command} --base-url {} {rest}", run.url()))
}

/// A server with six customers, and a file by which one is new, one changed, and two gone.
fn four_changes(faults: &[&str]) -> Run {
    let run = Run::new().server(faults).input("in.csv", rows(6));
    go(&run, "sync", "in.csv").code(0);
    let file = rows_from(1, 4).replace("Company 2", "Firm 2");
    run.write("in.csv", format!("{file}c-9,Nine,EUR\n"));
    run
}

const SYNC: &str = "in.csv --prune cancel --yes --max-changes 50% --save-plan plan.jsonl";

#[test]
fn an_import_is_planned_read_and_applied() {
    let run = Run::new()
        .server(&[])
        .input("in.csv", format!("{}c-4,,USD\n", rows(3)));
    go(
        &run,
        "import",
        "in.csv --max-errors 5 --save-plan plan.jsonl",
    )
    .code(3)
    .says("The plan for 3 customers is in plan.jsonl")
    .says("Read the plan, and do exactly that")
    .says("kable-bulk apply plan.jsonl");
    assert_eq!(changes(&run), 0);
    let (header, customers) = read(&run, "plan.jsonl");
    assert_eq!(header["kable_bulk_plan"], 1);
    assert_eq!(header["lines"], 3);
    assert_eq!(header["would"]["create"], 3);
    assert_eq!(header["inputs"][0]["name"], "in.csv");
    assert_eq!(header["inputs"][0]["sha256"].as_str().unwrap().len(), 64);
    let command = header["command"].as_str().unwrap();
    assert!(command.ends_with("--save-plan plan.jsonl"), "{command}");
    assert_eq!(
        customers[1],
        serde_json::json!({
            "action": "create", "row": {"file": "in.csv", "line": 3}, "number": 1,
            "clientId": "c-2", "changes": [
                {"field": "companyName", "to": "Company 2"}, {"field": "currency", "to": "USD"},
            ],
        })
    );
    run.go("apply plan.jsonl --dry-run")
        .code(3)
        .says("Everything is as planned")
        .says("kable-bulk apply plan.jsonl");
    assert_eq!(changes(&run), 0);
    run.go("apply plan.jsonl")
        .code(3)
        .says("Everything is as planned");
    assert_eq!(run.held().len(), 3);
    // What is done fits.
    run.go("apply plan.jsonl")
        .code(3)
        .says("Everything is as planned");
    assert_eq!(changes(&run), 3);
}

#[test]
fn a_sync_is_applied_as_it_was_read() {
    let run = four_changes(&[]);
    let before = changes(&run);
    go(&run, "sync", SYNC).code(0);
    assert_eq!(changes(&run), before);
    let (header, customers) = read(&run, "plan.jsonl");
    assert_eq!(header["known"]["customers_at_kable"], 6);
    assert_eq!(header["known"]["claims"], 6);
    assert_eq!(header["would"]["cancel"], 2);
    let actions: Vec<&str> = customers
        .iter()
        .map(|planned| planned["action"].as_str().unwrap())
        .collect();
    assert_eq!(actions, ["update", "create", "cancel", "cancel"]);
    assert_eq!(
        customers[0]["changes"],
        serde_json::json!([{"field": "companyName", "from": "Company 2", "to": "Firm 2"}])
    );
    assert!(customers[0]["customerId"].is_string());
    run.go("apply plan.jsonl").code(0);
    run.summary("in.csv")
        .outcomes(&[("updated", 1), ("created", 1), ("unchanged", 3)]);
    let held = inspect::customers(&run.path(DATABASE)).unwrap();
    let cancelled = held.iter().filter(|held| held.status == "CANCELLED");
    assert_eq!(cancelled.count(), 2);
    let sent = changes(&run);
    run.go("apply plan.jsonl").code(0);
    assert_eq!(changes(&run), sent);
}

#[test]
fn a_plan_is_refused_once_something_moved() {
    let run = four_changes(&[]);
    go(&run, "sync", SYNC).code(0);
    let refuses = |said: &str| {
        let sent = changes(&run);
        run.go("apply plan.jsonl")
            .refuses(5, &[said, "nothing was sent"])
            .says("make a new plan, and read it: ")
            .says("--save-plan plan.jsonl");
        assert_eq!(changes(&run), sent);
    };
    let update = "--existing update --checkpoint other.db --out other --rate unlimited";
    let other = |row: &str| {
        run.write(
            "other.csv",
            format!("clientId,companyName,currency\n{row}\n"),
        );
        go(&run, "import", &format!("other.csv {update}")).code(0);
    };
    let again = || go(&run, "sync", SYNC).code(0);
    other("c-2,Company 2,EUR");
    refuses("\"c-2\": currency was not to be changed");
    again();
    other("c-2,Second,EUR");
    refuses("\"c-2\": companyName was \"Company 2\" at Kable, and is \"Second\" now");
    again();
    // A customer that is to be cancelled, and one that was equal.
    other("c-5,Company 5,GBP");
    refuses("\"c-5\": it was changed at Kable since");
    again();
    other("c-1,First,USD");
    refuses("\"c-1\": nothing was planned for it, and now it would be updated");
    again();
    // One more that no row has, and one that was to be created.
    other("c-77,More,USD\nc-9,Nine,USD");
    refuses("2 customers are not as planned");
    again();
    run.write("in.csv", run.text("in.csv").replace("Nine", "Neun"));
    refuses("in.csv was changed since the plan was made");
}

/// Options of the environment decide as well, and are not in the plan.
#[test]
fn whether_customers_are_cancelled_is_part_of_a_plan() {
    let run = four_changes(&[]).env("KABLE_BULK_PRUNE", "cancel");
    let saves = "in.csv --yes --max-changes 50% --save-plan plan.jsonl";
    go(&run, "sync", saves).code(0);
    let sent = changes(&run);
    let (header, _) = read(&run, "plan.jsonl");
    let effects = serde_json::json!(["customers that no row has are cancelled"]);
    assert_eq!(header["side_effects"], effects);
    let run = run.env("KABLE_BULK_PRUNE", "report");
    run.go("apply plan.jsonl")
        .refuses(5, &["no row has are cancelled; now there are these: none"]);
    assert_eq!(changes(&run), sent);
}

#[test]
fn inputs_that_come_and_go_are_named() {
    let run = Run::new().server(&[]).input("a.csv", rows(2));
    go(&run, "import", "*.csv --save-plan plan.jsonl").code(0);
    run.write("b.csv", rows_from(3, 4));
    run.go("apply plan.jsonl")
        .refuses(5, &["b.csv is an input now, and was none"]);
    go(&run, "import", "*.csv --save-plan plan.jsonl").code(0);
    std::fs::remove_file(run.path("b.csv")).unwrap();
    run.go("apply plan.jsonl").refuses(
        5,
        &["b.csv was an input when the plan was made, and is none now"],
    );
    assert_eq!(changes(&run), 0);
}

#[test]
fn the_checkpoint_is_part_of_a_plan() {
    let run = Run::new().server(&[]).input("in.csv", rows(2));
    go(&run, "import", "in.csv").code(0);
    run.write("one.csv", rows_from(7, 7));
    go(&run, "import", "one.csv --checkpoint one.db --out one").code(0);
    go(&run, "rollback", "--checkpoint one.db --yes").code(0);
    go(&run, "rollback", "in.csv --save-plan plan.jsonl").code(0);
    // That one has nothing left to delete.
    let run = run.env("KABLE_BULK_CHECKPOINT", "one.db");
    run.go("apply plan.jsonl --yes").refuses(
        5,
        &["is of the checkpoint in.csv.checkpoint.db, and this is one.db"],
    );
    assert_eq!(run.held().len(), 2);
}

#[test]
fn what_is_done_besides_and_to_whom_is_part_of_a_plan() {
    let run = Run::new().server(&[]).input("in.csv", rows(2));
    go(&run, "import", "in.csv --save-plan plan.jsonl").code(0);
    let run = run.env("KABLE_BULK_KEYS", "true");
    run.go("apply plan.jsonl")
        .refuses(5, &["now there are these: API keys are created"]);
    let run = run.env("KABLE_BULK_MAP", "companyName=clientId");
    run.go("apply plan.jsonl")
        .refuses(5, &["other columns feed the fields"]);
    assert_eq!(changes(&run), 0);
    // The sandbox has one account: another server is another target.
    let other = Run::new().server(&[]);
    let here = run.url();
    let run = run.env("KABLE_BULK_BASE_URL", &here);
    run.go("import in.csv --save-plan plan.jsonl").code(0);
    let run = run.env("KABLE_BULK_BASE_URL", &other.url());
    run.go("apply plan.jsonl")
        .refuses(5, &["the plan is for account"]);
    assert_eq!(changes(&other), 0);
    assert_eq!(changes(&run), 0);
}

#[test]
fn what_is_no_plan_as_it_was_written_is_refused() {
    let run = Run::new().server(&[]).input("in.csv", rows(2));
    go(&run, "import", "in.csv --save-plan plan.jsonl").code(0);
    let text = run.text("plan.jsonl");
    for altered in [
        text.replace("c-2", "c-3"),
        text.lines().take(2).flat_map(|line| [line, "\n"]).collect(),
    ] {
        run.write("plan.jsonl", altered);
        run.go("apply plan.jsonl")
            .refuses(1, &["edited or cut off"]);
    }
    // So is what a reader of its first line believes.
    for (is, other) in [("import", "unimport"), ("\"create\":2", "\"create\":1")] {
        run.write("plan.jsonl", text.replacen(is, other, 1));
        run.go("apply plan.jsonl")
            .refuses(1, &["edited or cut off"]);
    }
    go(&run, "import", "in.csv --save-plan .").refuses(1, &["it is no regular file"]);
    run.go("apply .").refuses(1, &["it is no regular file"]);
    run.go("apply in.csv")
        .refuses(1, &["no plan of kable-bulk"]);
    run.write("elsewhere/plan.jsonl", &text);
    std::fs::rename(run.path("in.csv"), run.path("moved.csv")).unwrap();
    run.go("apply elsewhere/plan.jsonl")
        .refuses(1, &["there is no in.csv, which the plan reads"])
        .hints("start apply in the folder where the plan was made");
    std::fs::rename(run.path("moved.csv"), run.path("in.csv")).unwrap();
    run.go("apply none.jsonl")
        .refuses(1, &["cannot apply none.jsonl"]);
    // What a user made is not replaced, and a plan is no input.
    go(&run, "import", "in.csv --save-plan in.csv")
        .refuses(1, &["there is a file that is no plan"]);
    assert_eq!(run.text("in.csv"), rows(2));
    run.write("plan.jsonl", &text);
    go(&run, "import", "*.* --dry-run --checkpoint c.db --out o")
        .code(0)
        .says("2  rows read");
    assert_eq!(changes(&run), 0);
}

#[test]
fn no_plan_is_made_of_what_would_be_stopped_or_cannot_be_read_again() {
    let run = four_changes(&[]).stdin(rows(2));
    go(
        &run,
        "import",
        "- --checkpoint c.db --out o --save-plan plan.jsonl",
    )
    .refuses(1, &["no plan can be made of"]);
    go(
        &run,
        "sync",
        "in.csv --prune cancel --yes --max-changes 1 --save-plan plan.jsonl",
    )
    .code(5)
    .says("--save-plan plan.jsonl");
    assert!(!run.path("plan.jsonl").exists());
    run.write("bad.csv", "clientId,companyName,currency\nc-1,,USD\n");
    go(
        &run,
        "import",
        "bad.csv --max-errors 0 --save-plan plan.jsonl",
    )
    .code(5);
    assert!(!run.path("plan.jsonl").exists());
}

#[test]
fn a_rollback_is_planned_and_applied() {
    let run = Run::new().server(&[]).input("in.csv", rows(4));
    go(&run, "import", "in.csv").code(0);
    go(&run, "rollback", "in.csv --save-plan plan.jsonl")
        .code(0)
        .says("The plan for 4 customers is in plan.jsonl");
    let (header, customers) = read(&run, "plan.jsonl");
    assert_eq!(header["would"]["pending"], 4);
    assert_eq!(customers[3]["action"], "delete");
    run.write(
        "other.csv",
        "clientId,companyName,currency\nc-3,Third,USD\n",
    );
    go(
        &run,
        "import",
        "other.csv --existing update --checkpoint other.db --out other",
    )
    .code(0);
    run.go("apply plan.jsonl --yes")
        .refuses(5, &["\"c-3\": it was to be deleted"]);
    assert_eq!(run.held().len(), 4);
    go(
        &run,
        "rollback",
        "in.csv --even-if-changed --save-plan plan.jsonl",
    )
    .code(0);
    run.go("apply plan.jsonl")
        .refuses(1, &["no terminal to ask"]);
    run.go("apply plan.jsonl --yes").code(0);
    assert_eq!(run.held().len(), 0);
    run.go("apply plan.jsonl --yes").code(0);
}

/// The list of customers lacks one that look-ups find: it lags, or is cached.
#[test]
fn a_rollback_deletes_no_customer_that_its_plan_does_not_have() {
    let first = json!({
        "customerId": "cus_raw", "clientId": "c-1", "companyName": "Company 1", "currency": "USD",
        "status": "ACTIVE", "modified": "2999-01-01T00:00:00.000Z",
    });
    let shown = says("200 OK", &first.to_string());
    let made = says("201 Created", &first.to_string()).done();
    let acts = [
        (Ask::Create, "c-1".to_owned(), vec![made]),
        (Ask::LookUp, "cus_raw".to_owned(), vec![shown; 2]),
    ];
    let server = Raw::start(64, acts);
    let run = Run::new().credentials().input("in.csv", rows(2));
    let base = format!("--base-url {}", server.url());
    run.go(&format!("import in.csv {base}")).code(0);
    let list = says("200 OK", &json!([first]).to_string());
    server.answers("GET /api/v1/customers HTTP", list);
    server.answers("/delete", says("201 Created", "{}"));
    run.go(&format!("rollback in.csv {base} --save-plan plan.jsonl"))
        .code(0)
        .says("The plan for 1 customer is in plan.jsonl");
    let before = server.calls("c-2");
    run.go("apply plan.jsonl --yes")
        .code(3)
        .says("Everything is as planned")
        .says("1  deleted")
        .says("1  left: neither in the plan nor in the list of customers")
        .says("Look up also those that the plan does not have")
        .says("rollback in.csv");
    assert_eq!(server.calls("c-2"), before);
    let heads = server.heads();
    let deletes = heads.iter().filter(|(_, head)| head.contains("/delete"));
    assert_eq!(deletes.count(), 1);
}

/// SIGKILL again and again while a plan is applied, with responses lost, requests that land
/// late and reads that lag: the plan fits each time, and all of it is done, once.
#[test]
fn killed_at_any_moment_a_plan_is_applied_to_the_end() {
    const FAULTS: [&str; 5] = [
        "lost-reply=3%@create",
        "land-late-unchecked:300ms=1%@create",
        "lost-reply=3%@update",
        "status-then-land:503/300ms=1%@update",
        "lost-reply=3%@cancel",
    ];
    let run = Run::new()
        .env("KABLE_BULK_SETTLE", "2s")
        .server_with(&FAULTS, |settings| {
            settings.read_lag = std::time::Duration::from_millis(100);
        })
        .input("in.csv", rows(150));
    go(&run, "sync", "in.csv --timeout 400ms").code(0);
    let mut file = rows_from(1, 100).replace("Company", "Firm");
    for number in 201..=250 {
        writeln!(file, "c-{number},New {number},EUR").unwrap();
    }
    run.write("in.csv", &file);
    let rest = "in.csv --prune cancel --yes --max-changes 100% --timeout 400ms --concurrency 8 \
                --rate 300/s --save-plan plan.jsonl";
    // The list lags: the last customers that were created may not be in it yet.
    until("all of them are listed", || {
        go(&run, "sync", rest).code(0);
        read(&run, "plan.jsonl").0["lines"] == 200
    });
    let seed = fastrand::u64(..);
    let mut chance = fastrand::Rng::with_seed(seed);
    let before_all = changes(&run);
    let kills = run.killed_again_and_again("apply plan.jsonl", &mut chance, 40, || changes(&run));
    run.go("apply plan.jsonl").code(0);
    run.settled();
    assert!(kills >= 3, "{kills} kills, seed {seed}");
    assert!(changes(&run) >= before_all + 200, "seed {seed}");
    let held = inspect::customers(&run.path(DATABASE)).unwrap();
    assert_eq!(held.len(), 200, "seed {seed}");
    let cancelled = held.iter().filter(|held| held.status == "CANCELLED");
    assert_eq!(cancelled.count(), 50, "seed {seed}");
    for number in 1..=100 {
        let now = run.now(&format!("c-{number}"));
        assert_eq!(now["companyName"], format!("Firm {number}"), "seed {seed}");
    }
    assert_eq!(run.creates_in_vain(), 0, "seed {seed}");
}
