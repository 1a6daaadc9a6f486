//! Card numbers: files of them are refused, and a single one is rejected and shown nowhere.

use std::fmt::Write;

use crate::common::{Run, sample};

/// Asserts that a card's number is in no output and in no file but the inputs and the
/// rejected rows.
fn shows_no_card(run: &Run, ended: &crate::common::EndedRun) {
    let bare = |text: &str| text.replace([' ', '-'], "");
    for text in [&ended.stdout, &ended.stderr] {
        assert!(!bare(text).contains("42424242"), "{text}");
    }
    for file in run.files() {
        let name = file.file_name().unwrap().to_string_lossy().into_owned();
        if name.starts_with("in.") || name.starts_with("rejects") {
            continue;
        }
        let content = String::from_utf8_lossy(&std::fs::read(&file).unwrap()).into_owned();
        assert!(!bare(&content).contains("42424242"), "{name}: {content}");
    }
}

/// `content` is refused by every command, without a trace of the number.
fn refused(name: &str, content: &[u8], words: &[&str]) {
    let run = Run::new().server(&[]).input(name, content);
    for ended in [
        run.go(&format!("validate {name}")),
        run.import(name),
        run.go(&format!(
            "validate {name} --map clientId=id --set companyName=A --set currency=USD"
        )),
    ] {
        let ended = ended
            .refuses(1, words)
            .hints("export again without card data");
        shows_no_card(&run, &ended);
    }
    assert!(run.held().is_empty());
    assert!(!run.exists(&format!("{name}.results")), "a folder was made");
    assert!(
        !run.exists(&format!("{name}.checkpoint.db")),
        "a checkpoint was begun"
    );
}

#[test]
fn a_migration_export_is_refused() {
    let cards = std::fs::read(sample("exports/stripe_cards.csv")).unwrap();
    refused(
        "in.csv",
        &cards,
        &["in.csv: column \"card.number\"", "PCI DSS"],
    );
    let braintree = "id,first_name,last_name,company,email,credit_card.token,credit_card.number\n\
        1,Ada,Elm,Aster,a@b.example,ab12,4242424242424242\n";
    refused("in.csv", braintree.as_bytes(), &["\"credit_card.number\""]);
    refused(
        "in.jsonl",
        b"{\"clientId\":\"c-1\",\"companyName\":\"A\",\"currency\":\"USD\",\
          \"card\":{\"number\":\"4242424242424242\"}}\n",
        &["\"card.number\""],
    );
}

#[test]
fn a_column_of_card_numbers_is_refused_whatever_its_name() {
    let mut content = "id,companyName,currency,notes\n".to_owned();
    for number in [
        "4242424242424242",
        "5555-5555-5555-4444",
        "3782 822463 10005",
    ] {
        writeln!(content, "c-{number},Aster,USD,{number}").unwrap();
    }
    refused("in.csv", content.as_bytes(), &["column \"notes\""]);
}

#[test]
fn a_file_without_a_header_shows_none_of_its_first_row() {
    let content = "c-1,Aster,USD,4242424242424242\nc-2,Beryl,USD,\n";
    refused(
        "in.csv",
        content.as_bytes(),
        &["column \"************4242\""],
    );
}

#[test]
fn a_line_that_is_no_object_shows_no_card() {
    let content = "{\"clientId\":\"c-1\",\"companyName\":\"A\",\"currency\":\"USD\"}\n\
        \"4242424242424242\"\n{\"clientId\":4242424242424242,\"currency\":\"USD\"}\n";
    let run = Run::new().input("in.jsonl", content);
    let ended = run.go("validate in.jsonl").code(3);
    shows_no_card(&run, &ended);
}

#[test]
fn masked_numbers_and_last_digits_are_fine() {
    let content = "clientId,companyName,currency,card_number,last4,gift card number\n\
        c-1,Aster,USD,************4242,4242,6012345678901235\n\
        c-2,Beryl,USD,xxxx-xxxx-xxxx-4444,4444,\n";
    let run = Run::new().input("in.csv", content);
    run.go("validate in.csv").code(0);
}

#[test]
fn one_card_number_rejects_its_row_and_is_shown_nowhere() {
    let mut content = "clientId,companyName,currency,addressLine2,extra\n".to_owned();
    for number in 1..=30 {
        writeln!(content, "c-{number},Aster {number},USD,,").unwrap();
    }
    content.push_str("c-41,Aster 4242424242424242,USD,,\n");
    content.push_str("c-42,Aster 42,USD,Visa 4242 4242 4242 4242 12/29,\n");
    content.push_str("c-43,Aster 43,USD,,4242424242424242\n");
    content.push_str("c-44,Aster,USD,4242424242424242\n");
    content.push_str("4242 4242 4242 4242,Aster,USD,,\n");
    content.push_str("c-45,\"4242424242424242\"x,USD,,\n");
    let run = Run::new().server(&[]).input("in.csv", content);
    let ended = run.import("in.csv --max-errors 50%").code(3);
    shows_no_card(&run, &ended);
    let summary = run.summary("in.csv");
    let mut lines = summary.lines_of("invalid_value");
    lines.sort_unstable();
    assert_eq!(lines, [32, 33, 36]);
    assert!(
        run.text("in.csv.results/problems.csv")
            .contains("************4242")
    );
    // Rejected rows are given back as they stood.
    let rejects = run.text("in.csv.results/rejects.csv");
    assert!(rejects.contains("4242 4242 4242 4242"));
    assert!(run.held().contains_key("c-43"));
}
