//! `validate` finds what was planted in a file, all of it and nothing else.
//!
//! The generator (`examples/planted`) records what was planted; it shares no code with the
//! program.

#[expect(dead_code, reason = "as a program it has a front of its own")]
#[path = "../../examples/planted/main.rs"]
mod generator;

use std::collections::{BTreeMap, BTreeSet};

use generator::book::Made;
use generator::compare::compare;
use generator::encode::Format;
use generator::generate::generate;
use generator::source::Order;

use crate::common::Run;

/// Enough bad rows to include every form of every mistake.
const ORDER: Order = Order {
    format: Format::Csv,
    rows: 20_000,
    bad: 100_000,
    seed: 7,
};

fn made(order: &Order) -> (Vec<u8>, Vec<u8>, Made) {
    let (mut file, mut truth) = (Vec::new(), Vec::new());
    let made = generate(order, &mut file, &mut truth).unwrap();
    (file, truth, made)
}

/// For every code in the truth, in how many fields it was planted.
fn fields(truth: &[u8]) -> BTreeMap<String, usize> {
    let mut fields: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for record in csv::Reader::from_reader(truth).records() {
        let record = record.unwrap();
        let of_code = fields.entry(record[4].to_owned()).or_default();
        of_code.insert(record[5].to_owned());
    }
    let counted = |(code, fields): (String, BTreeSet<String>)| (code, fields.len());
    fields.into_iter().map(counted).collect()
}

fn all_is_found(format: Format, name: &str, planted_in: &[(&str, usize)]) {
    let (file, truth, made) = made(&Order { format, ..ORDER });
    let wanted: BTreeMap<String, usize> = planted_in
        .iter()
        .map(|(code, fields)| ((*code).to_owned(), *fields))
        .collect();
    assert_eq!(fields(&truth), wanted, "what is planted");
    assert!(made.rounds > 0, "a form of a mistake is left out");

    let run = Run::new().input(name, file);
    run.go(&format!("validate {name} --quiet")).code(3);
    let problems = run.bytes(&format!("{name}.results/problems.csv"));
    let judgement = compare(&truth[..], &problems[..]).unwrap();
    assert!(judgement.is_clean(), "{judgement}");
    let summary = run.summary(name);
    let counts = ["read", "skipped", "rejected"].map(|what| summary.rows(what));
    assert_eq!(counts, [made.rows, made.blank, made.rejected]);
}

#[test]
fn all_that_is_planted_in_a_table_is_found() {
    all_is_found(
        Format::Csv,
        "in.csv",
        &[
            ("missing_field", 3),
            ("unknown_currency", 1),
            ("unsupported_currency", 1),
            ("duplicate_client_id", 1),
            ("malformed_row", 1),
            ("invalid_value", 15),
            ("same_customer", 1),
            ("similar_client_id", 1),
            ("suspect_value", 14),
            ("corrected", 16),
        ],
    );
}

#[test]
fn all_that_is_planted_in_jsonl_is_found() {
    all_is_found(
        Format::Jsonl,
        "in.jsonl",
        &[
            ("missing_field", 3),
            ("unknown_currency", 1),
            ("unsupported_currency", 1),
            ("duplicate_client_id", 1),
            ("wrong_type", 17),
            ("malformed_row", 1),
            ("invalid_value", 15),
            ("same_customer", 1),
            ("similar_client_id", 1),
            ("suspect_value", 14),
            // Of an id only a spreadsheet's apostrophe is dropped, which JSON has not.
            ("corrected", 15),
        ],
    );
}

#[test]
fn a_file_without_mistakes_has_none() {
    for (format, name) in [(Format::Csv, "in.csv"), (Format::Jsonl, "in.jsonl")] {
        let (file, _, made) = made(&Order {
            format,
            bad: 0,
            ..ORDER
        });
        let run = Run::new().input(name, file);
        run.go(&format!("validate {name}")).code(0);
        let summary = run.summary(name);
        assert_eq!(summary.0["problems"].as_array().unwrap().len(), 0);
        assert_eq!(summary.outcome("pending"), made.rows - made.blank);
    }
}

#[test]
fn a_seed_makes_one_file() {
    let few = |seed| {
        let (file, truth, _) = made(&Order {
            rows: 500,
            seed,
            ..ORDER
        });
        (file, truth)
    };
    assert!(few(7) == few(7), "the same seed");
    assert!(few(7).0 != few(8).0, "another seed");
}

#[test]
fn the_judge_sees_what_is_missed_and_what_is_false() {
    const TRUTH: &str = "line,record,clientId,severity,code,field\n\
        2,1,,error,malformed_row,\n\
        5,3,c-3,warning,suspect_value,planIds\n\
        5,3,c-3,warning,suspect_value,planIds\n";
    let judged = |problems: &str| {
        let problems =
            format!("line,record,clientId,severity,code,field,value,message\n{problems}");
        let judgement = compare(TRUTH.as_bytes(), problems.as_bytes()).unwrap();
        let counts = judgement.codes["suspect_value"];
        (judgement.is_clean(), counts.found, counts.unplanted)
    };
    let broken = "2,1,c-1,error,malformed_row,,,\n";
    let gold = "5,3,c-3,warning,suspect_value,planIds,gold,\n";
    let of_another = gold.replace("c-3", "c-4");
    let elsewhere = gold.replace("5,3", "6,3");
    for (problems, wanted) in [
        ([broken, gold, gold].concat(), (true, 2, 0)),
        ([broken, gold].concat(), (false, 1, 0)),
        ([gold, gold].concat(), (false, 2, 0)),
        ([broken, gold, gold, gold].concat(), (false, 2, 1)),
        ([broken, gold, &of_another].concat(), (false, 1, 1)),
        ([broken, gold, &elsewhere].concat(), (false, 1, 1)),
    ] {
        assert_eq!(judged(&problems), wanted, "{problems}");
    }
}
