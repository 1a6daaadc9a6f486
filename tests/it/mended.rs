//! A corrected rejects file and the input that it comes from import as one: on the same
//! checkpoint one after the other, or both named in one command.

use std::collections::BTreeMap;

use kable_bulk::sandbox::http::routes::Call;
use serde_json::Value;

use crate::common::{Run, customers_of_csv, customers_of_jsonl, rows};

/// An input with six bad rows, the corrections in its rejects file, and the resulting
/// customers.
struct Case {
    name: &'static str,
    rejects: &'static str,
    bad: String,
    mends: &'static [(&'static str, &'static str)],
    customers: BTreeMap<String, Value>,
}

/// Bad in six ways that decide whether a row can be recognised: by its id, by its lost or
/// missing id, as a repeat, and not at all.
fn table() -> Case {
    let header = "clientId,companyName,currency,billingContact.city,note\n";
    let good: Vec<String> = (1..=20)
        .map(|n| format!("c-{n},Company {n},USD,,\n"))
        .collect();
    let good = format!("{header}{}", good.concat());
    let bad = "c-21,Elm,Euro,x,\nc-22,,USD,\"two\nlines\",keep\n1.2E+15,Fir,USD,,\n,Gum,DEM,,\n\
               c-5,Other,USD,,\nc-26,Hazel,USD\n";
    let mended = "c-21,Elm,EUR,x,\nc-22,Ash,USD,\"two\nlines\",\nc-23,Fir,USD,,\nc-24,Gum,EUR,,\n\
                  c-25,Other,USD,,\nc-26,Hazel,USD,,\n";
    Case {
        name: "in.csv",
        rejects: "rejects.csv",
        bad: format!("{good}{bad}"),
        mends: &[
            (",c-21,Elm,Euro,", ",c-21,Elm,EUR,"),
            (",c-22,,USD,", ",c-22,Ash,USD,"),
            (",c-26,Hazel,USD\n", ",c-26,Hazel,USD,,\n"),
            (",1.2E+15,Fir,", ",c-23,Fir,"),
            (",,Gum,DEM,", ",c-24,Gum,EUR,"),
            (",c-5,Other,", ",c-25,Other,"),
        ],
        customers: customers_of_csv(&format!("{good}{mended}")),
    }
}

fn lines() -> Case {
    let line = |id: &str, name: &str, currency: &str| {
        format!(
            "{{\"clientId\":\"{id}\",\"companyName\":\"{name}\",\"currency\":\"{currency}\"}}\n"
        )
    };
    let good: Vec<String> = (1..=20)
        .map(|n| line(&format!("c-{n}"), &format!("Company {n}"), "USD"))
        .collect();
    let good = good.concat();
    let bad = [
        line("c-21", "Elm", "Euro"),
        "{\"clientId\":\"c-22\",\"currency\":\"USD\"}\n".to_owned(),
        line("1.2E+15", "Fir", "USD"),
        "{\"companyName\":\"Gum\",\"currency\":\"DEM\"}\n".to_owned(),
        line("c-5", "Other", "USD"),
        line("c-26", "Hazel", "USD").replace('}', ""),
    ];
    let mended = [
        line("c-21", "Elm", "EUR"),
        line("c-22", "Ash", "USD"),
        line("c-23", "Fir", "USD"),
        line("c-24", "Gum", "EUR"),
        line("c-25", "Other", "USD"),
        line("c-26", "Hazel", "USD"),
    ];
    Case {
        name: "in.jsonl",
        rejects: "rejects.jsonl",
        bad: format!("{good}{}", bad.concat()),
        mends: &[
            (
                "\"Elm\",\"currency\":\"Euro\"",
                "\"Elm\",\"currency\":\"EUR\"",
            ),
            (
                "\"clientId\":\"c-22\",",
                "\"clientId\":\"c-22\",\"companyName\":\"Ash\",",
            ),
            ("\\\"USD\\\"\"}", "\\\"USD\\\"}\"}"),
            ("\"clientId\":\"1.2E+15\"", "\"clientId\":\"c-23\""),
            (
                "\"companyName\":\"Gum\",\"currency\":\"DEM\"",
                "\"clientId\":\"c-24\",\"companyName\":\"Gum\",\"currency\":\"EUR\"",
            ),
            ("\"clientId\":\"c-5\"", "\"clientId\":\"c-25\""),
        ],
        customers: customers_of_jsonl(&format!("{good}{}", mended.concat())),
    }
}

impl Case {
    /// The rejects of a command, with these corrections made.
    fn mended(&self, run: &Run, folder: &str, mends: usize) -> String {
        let mut text = run.text(&format!("{folder}/{}", self.rejects));
        for (bad, good) in &self.mends[..mends] {
            assert_eq!(text.matches(bad).count(), 1, "{bad} in {text}");
            text = text.replace(bad, good);
        }
        text
    }

    /// Every customer exists once, and no create was sent for an existing one.
    fn is_there(&self, run: &Run) {
        run.holds(&self.customers);
        assert_eq!(run.creates_in_vain(), 0);
        assert_eq!(run.counts().of(Call::Create), 26);
    }
}

#[test]
fn mended_rejects_import_on_the_checkpoint_of_their_original() {
    for case in [table(), lines()] {
        let name = case.name;
        let run = Run::new().server(&[]).input(name, &case.bad);
        run.import(name).code(3);
        assert_eq!(run.held().len(), 20);
        let place = format!("{name}.results/{}", case.rejects);
        let mended = case.mended(&run, &format!("{name}.results"), 6);
        run.write(&place, &mended);
        run.import(&format!("{place} --checkpoint {name}.checkpoint.db"))
            .code(0);
        // The results stand beside those of the original.
        run.summary(&format!("{name}.rejects"))
            .outcomes(&[("created", 6)]);
        case.is_there(&run);
        assert_eq!(run.text(&place), mended, "the mended rows are taken away");
        // Named together afterwards, all of it is known to be done.
        run.import(&format!("{name} {place} --out both")).code(0);
        case.is_there(&run);
    }
}

#[test]
fn mended_rejects_of_a_check_import_after_their_original() {
    for case in [table(), lines()] {
        let name = case.name;
        let run = Run::new().server(&[]).input(name, &case.bad);
        run.go(&format!("validate {name} --out checked")).code(3);
        run.write("mended", case.mended(&run, "checked", 6));
        run.import(name).code(3);
        run.import(&format!("mended --checkpoint {name}.checkpoint.db"))
            .code(0);
        case.is_there(&run);
    }
}

/// Rejects of a check and of an import, corrected in whole or in part, together with the
/// input.
#[test]
fn mended_rejects_and_their_original_import_as_one() {
    for case in [table(), lines()] {
        for command in ["validate", "import --sandbox=other.db --checkpoint other"] {
            let name = case.name;
            let run = Run::new().server(&[]).input(name, &case.bad);
            run.go(&format!("{command} {name} --out checked")).code(3);
            run.write("mended", case.mended(&run, "checked", 6));
            for both in [format!("{name} mended"), format!("mended ./{name}")] {
                let ended = run.go(&format!("validate {both} --out both")).code(0);
                let summary = crate::common::Summary::of(&run.text("both/summary.json"));
                let counts = ["read", "skipped", "rejected"].map(|what| summary.rows(what));
                assert_eq!(counts, [32, 6, 0]);
                ended.says("6  skipped: no customers (rows mended in another input)");
            }
            run.import(&format!("{name} mended")).code(0);
            case.is_there(&run);
            run.import(&format!("{name} mended")).code(0);
            case.is_there(&run);
        }
    }
}

/// A row that is not corrected is reported once, where it is to be corrected, and for its
/// own problems only; the next round continues from there.
#[test]
fn rows_that_are_mended_in_part_are_told_once() {
    for case in [table(), lines()] {
        let name = case.name;
        let run = Run::new().server(&[]).input(name, &case.bad);
        run.go(&format!("validate {name} --out checked")).code(3);
        run.write("mended", case.mended(&run, "checked", 3));
        run.go(&format!("validate {name} mended --out both"))
            .code(3);
        let first = run.text("checked/problems.csv");
        let left = run.text("both/problems.csv");
        assert!(left.lines().skip(1).all(|line| line.ends_with(",mended")));
        let codes = |text: &str| -> Vec<String> {
            let mut reader = csv::Reader::from_reader(text.as_bytes());
            let records = reader.records().map(Result::unwrap);
            records.map(|record| record[4].to_owned()).collect()
        };
        // The first two and the last are corrected; the repeat repeats the same row.
        assert_eq!(codes(&left), codes(&first)[2..6]);
        // The rest is corrected in the rejects of both, which name their file.
        let place = format!("both/{}", case.rejects);
        let mut text = run.text(&place);
        for (bad, good) in &case.mends[3..] {
            text = text.replace(bad, good);
        }
        run.write("rest", text);
        run.import(&format!("{name} mended rest")).code(0);
        case.is_there(&run);
    }
}

/// A rejects file of an input that was changed since replaces no good row.
#[test]
fn old_rejects_never_take_a_good_row_away() {
    let run = Run::new()
        .server(&[])
        .input("in.csv", rows(20) + "c-21,,USD\nc-22,Fir,Euro\n,Gum,USD\n");
    run.go("validate in.csv --out checked").code(3);
    let mended = run
        .text("checked/rejects.csv")
        .replace("c-21,,USD", "c-21,Elm,USD")
        .replace("c-22,Fir,Euro", "c-22,Fir,EUR")
        .replace(",,Gum,USD", ",c-23,Gum,USD");
    run.write("mended.csv", mended);
    // Other rows are at the lines of the bad ones; one of them is bad too.
    run.write(
        "in.csv",
        rows(20) + "d-21,Other,USD\nd-22,,USD\nd-23,Third,USD\nc-22,Fir,EUR\n",
    );
    run.import("in.csv mended.csv").code(3);
    let summary = run.summary("in.csv");
    assert_eq!(summary.lines_of("missing_field"), [23]);
    assert_eq!(summary.lines_of("duplicate_client_id"), [3]);
    let held = run.held();
    for id in ["c-21", "c-22", "c-23", "d-21", "d-23"] {
        assert!(held.contains_key(id), "{id}");
    }
    assert_eq!(held.len(), 25);
}

/// A repeat that was rejected and not corrected still belongs to another row's customer,
/// also when existing customers are updated.
#[test]
fn a_repeat_that_was_not_mended_changes_no_customer() {
    let text = "clientId,companyName,currency\nk-1,First,USD\nk-1,Second,USD\nk-2,Two,USD\n";
    let run = Run::new().server(&[]).input("in.csv", text);
    run.import("in.csv --existing update").code(3);
    let command = "in.csv.results/rejects.csv --existing update --checkpoint in.csv.checkpoint.db --out again";
    run.import(&format!("{command} --dry-run")).code(0);
    assert!(!run.text("again/summary.json").contains("\"update\": 1"));
    run.import(command).code(3);
    assert_eq!(run.held()["k-1"]["companyName"], "First");
    assert_eq!(run.counts().of(Call::Update), 0);
    let told = run.text("again/results.jsonl");
    assert!(told.contains("\"outcome\":\"differs\""), "{told}");
}

/// The checkpoint of the other row, or one that knows nothing.
#[test]
fn a_rejected_duplicate_that_is_fed_back_changes_no_customer_and_says_why() {
    let twins = "clientId,companyName,currency\nc-1,Aster,USD\nc-1,Birch,USD\n";
    let run = Run::new().server(&[]).input("in.csv", twins);
    run.import("in.csv").code(3);
    let said = "another row has its clientId";
    for options in [
        "--checkpoint in.csv.checkpoint.db",
        "--checkpoint in.csv.checkpoint.db --existing update --dry-run",
        "--checkpoint in.csv.checkpoint.db --existing update",
        "--checkpoint other.db --existing update --dry-run",
        "--checkpoint other.db --existing update",
        "--checkpoint other.db",
    ] {
        let ended = run.import(&format!("in.csv.results/rejects.csv {options}"));
        let code = if options.contains("dry-run") { 0 } else { 3 };
        ended
            .code(code)
            .says(said)
            .keeps_to_itself("after it was sent")
            .keeps_to_itself("was edited");
        assert_eq!(run.now("c-1")["companyName"], "Aster", "{options}");
        let result = run.result("in.csv.rejects", "c-1");
        assert_eq!(result["outcome"], "differs", "{options}");
        assert!(result["message"].as_str().unwrap_or(said).contains(said));
    }
    // Its own row is as it was.
    run.import("in.csv").code(3);
    run.summary("in.csv").outcomes(&[("created", 1)]);
    // Mended, it is a customer.
    let rejects = run.text("in.csv.results/rejects.csv");
    run.write(
        "in.csv.results/rejects.csv",
        rejects.replace(",c-1,", ",c-2,"),
    );
    run.import("in.csv.results/rejects.csv --checkpoint in.csv.checkpoint.db")
        .code(0);
    assert_eq!(run.now("c-2")["companyName"], "Birch");
}
