//! Inputs: every bad one gets a clear error and loses nothing, and every odd but valid one
//! is understood.

use std::fmt::Write;

use serde_json::json;

use crate::common::{Run, Summary, customers_of_csv, json_lines, rows, rows_from};

const HEADER: &str = "clientId,companyName,currency\n";

/// `content` as `name` is refused with all of `words` and a hint: no checkpoint is begun,
/// an existing one is not touched, nothing is sent.
fn refused(name: &str, content: &[u8], words: &[&str]) -> crate::common::EndedRun {
    let run = Run::new().input(name, content).input("good.csv", rows(3));
    run.import("good.csv --checkpoint run.db").code(0);
    let before = run.bytes("run.db");
    run.import(&format!("{name} --checkpoint run.db"))
        .refuses(1, words);
    assert!(run.bytes("run.db") == before, "the checkpoint was touched");
    run.go(&format!("validate {name}")).refuses(1, words);
    let ended = run.import(name).refuses(1, words);
    assert!(
        !run.exists(&format!("{name}.checkpoint.db")),
        "a checkpoint was begun"
    );
    assert_eq!(run.held().len(), 3);
    ended
}

/// One bad row among many good ones is rejected with `code` and the words;
/// the others are created.
fn one_rejected(row: &[u8], code: &str, words: &str) -> Run {
    let mut content = rows(20).into_bytes();
    content.extend_from_slice(row);
    content.extend_from_slice(b"\nc-last,Last,USD\n");
    let run = Run::new().input("in.csv", content);
    run.import("in.csv").code(3).says(words);
    let summary = run.summary("in.csv");
    assert_eq!((summary.rows("read"), summary.rows("rejected")), (22, 1));
    summary.outcomes(&[("created", 21)]);
    assert_eq!(summary.lines_of(code), [22]);
    assert!(run.held().contains_key("c-last"));
    run
}

#[test]
fn an_input_that_is_not_there() {
    let run = Run::new();
    for command in ["import nowhere.csv --sandbox", "validate nowhere.csv"] {
        run.go(command).refuses(1, &["nowhere.csv"]);
    }
    assert!(!run.exists("nowhere.csv.checkpoint.db"));
}

#[test]
fn a_mistyped_name_leaves_nothing_behind() {
    let run = Run::new();
    run.go("validate nowhere.csv").refuses(1, &["nowhere.csv"]);
    assert!(!run.exists("nowhere.csv.results"), "a folder was made");
}

#[test]
fn a_pattern_that_fits_nothing() {
    Run::new()
        .go("validate nothing-*.csv")
        .refuses(1, &["nothing-*.csv"]);
}

#[test]
fn a_folder() {
    let run = Run::new().input("folder/in.csv", rows(1));
    run.import("folder").refuses(1, &["folder is a folder"]);
    assert!(!run.exists("folder.checkpoint.db"));
}

#[test]
fn an_empty_file() {
    refused("in.csv", b"", &["in.csv is empty"]);
    refused("in.csv", b" \r\n\n \t", &["in.csv is empty"]);
    refused("in.csv", b"\xef\xbb\xbf", &["in.csv is empty"]);
    refused("in.jsonl", b"", &["in.jsonl is empty"]);
}

#[test]
fn no_header() {
    refused(
        "in.csv",
        b"c-1,Aster,USD\nc-2,Beryl,EUR\n",
        &["in.csv", "clientId", "companyName", "currency", "\"c-1\""],
    )
    .hints("--map clientId=COLUMN --map companyName=COLUMN --map currency=COLUMN");
    refused(
        "in.csv",
        b"Report\n\nAll of them\n\nNr,Ort,Art\n1,Bonn,x\n",
        &["its columns are"],
    )
    .hints("kable-bulk init INPUT");
}

#[test]
fn a_missing_required_column_is_named_with_what_is_there_and_a_guess() {
    refused(
        "in.csv",
        b"clientId,Customer,currency\nc-1,Aster,USD\n",
        &[
            "in.csv",
            "companyName",
            "\"clientId\"",
            "\"Customer\"",
            "\"currency\"",
        ],
    )
    .hints("--map companyName=Customer");
    refused(
        "in.csv",
        b"client id,companyNam,billing\nc-1,Aster,USD\n",
        &["companyName", "currency"],
    )
    .hints("--map companyName=companyNam");
}

#[test]
fn the_preset_of_another_system_is_named_where_the_wrong_one_was_given() {
    let run = Run::new().input(
        "in.csv",
        std::fs::read(crate::common::sample("exports/shopify.csv")).unwrap(),
    );
    run.go("validate in.csv --preset stripe")
        .refuses(1, &["in.csv has no column"])
        .hints("--preset shopify");
}

#[test]
fn two_columns_for_one_field() {
    refused(
        "in.csv",
        b"clientId,Client ID,companyName,currency\nc-1,c-2,Aster,USD\n",
        &["in.csv", "\"clientId\"", "\"Client ID\""],
    )
    .hints("--map clientId=");
}

#[test]
fn a_header_that_is_not_utf_8() {
    let row = "c-1,Gr\u{fc}n,USD,\u{e4}\u{f6}\n";
    let content = [b"clientId,companyName,currency,Stra\xdfe\n", row.as_bytes()];
    refused(
        "in.csv",
        &content.concat(),
        &["in.csv, line 1", "not UTF-8"],
    )
    .hints("--encoding");
}

/// The other rows show that the file is UTF-8.
#[test]
fn a_row_that_is_not_utf_8() {
    let content = [
        HEADER.as_bytes(),
        "c-1,Grün,USD\nc-2,Öl,USD\n".as_bytes(),
        b"c-x,Stra\xdfe,EUR\nc-last,Last,USD\n",
    ];
    let run = Run::new().input("in.csv", content.concat());
    run.import("in.csv --max-errors 2").code(3).says("UTF-8");
    let summary = run.summary("in.csv");
    assert_eq!(summary.lines_of("malformed_row"), [4]);
    summary.outcomes(&[("created", 3)]);
}

#[test]
fn a_binary_file() {
    let noise: Vec<u8> = (0..4096_u32).map(|n| (n * 37).to_le_bytes()[0]).collect();
    refused("in.csv", &noise, &["in.csv", "binary"]);
    refused("in.csv", b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0", &["in.csv"]);
}

#[test]
fn files_of_other_kinds_are_named() {
    refused("in.csv", b"BZh91AY&SY", &["in.csv", "bzip2"]).hints("unpack");
    refused("in.csv", b"\xfd7zXZ\0\0\x04", &["in.csv", "xz"]).hints("xz -dc");
    refused(
        "in.xlsx",
        b"PK\x03\x04\x14\0\x06\0",
        &["in.xlsx", "a ZIP archive, but no workbook"],
    )
    .hints("unpack");
    refused("in.csv", b"\xff\xfe\0\0c\0\0\0", &["in.csv", "UTF-32"]).hints("iconv");
    refused("in.db", b"SQLite format 3\0\x10\0", &["in.db", "SQLite"]);
}

/// A pipe can be read only once, and the input is read three times.
#[cfg(unix)]
#[test]
fn a_pipe_is_read_like_a_file() {
    let run = Run::new().server(&[]);
    let pipe = run.path("pipe");
    let made = std::process::Command::new("mkfifo").arg(&pipe).status();
    assert!(made.unwrap().success());
    let writer = std::thread::spawn(move || std::fs::write(pipe, rows(50)));
    run.import("pipe --format csv").code(0);
    writer.join().unwrap().unwrap();
    run.holds(&customers_of_csv(&rows(50)));
}

#[test]
fn a_row_of_a_million_characters() {
    let long = format!("c-x,{},USD", "x".repeat(1_000_000));
    let run = one_rejected(long.as_bytes(), "invalid_value", "1000000 characters");
    let rejects = run.text("in.csv.results/rejects.csv");
    assert!(rejects.contains(&long), "the row is given back whole");
    let problems = run.bytes("in.csv.results/problems.csv");
    assert!(
        problems.len() < 10_000,
        "the value is cut where it is shown"
    );
}

#[test]
fn a_row_of_a_million_characters_in_json() {
    let mut lines: Vec<String> = (1..=20)
        .map(|n| json!({"clientId": format!("c-{n}"), "companyName": "A", "currency": "USD"}))
        .map(|body| body.to_string())
        .collect();
    let long = "x".repeat(1_000_000);
    lines.push(json!({"clientId": "c-x", "companyName": long, "currency": "USD"}).to_string());
    let run = Run::new().input("in.jsonl", lines.join("\n"));
    run.import("in.jsonl").code(3).says("1000000 characters");
    run.summary("in.jsonl").outcomes(&[("created", 20)]);
}

#[test]
fn a_quote_that_is_never_closed() {
    let content = format!(
        "{}c-x,\"Aster,USD\n{}",
        rows(20),
        "c-y,Beryl,USD\n".repeat(3)
    );
    let run = Run::new().input("in.csv", content);
    run.import("in.csv").code(3).says("never closed");
    let summary = run.summary("in.csv");
    assert_eq!(summary.lines_of("malformed_row"), [22]);
    summary.outcomes(&[("created", 20)]);
}

/// A problem of one row swallows no other row in the rejects file: the first closes its
/// quote in the line below it, `two.csv` never does.
#[test]
fn a_rejected_row_comes_back_as_one_row() {
    let header = "clientId,companyName,currency,email\n";
    let run = Run::new()
        .input(
            "one.csv",
            format!("{header}a1,\"Les,USD,\na2,\"Far, Pike\",USD,\na3,Good,Euro,\na4,Fine,USD,\n"),
        )
        .input("two.csv", format!("{header}b1,Acme,USD,\nb2,\"Acme,USD,\n"))
        .input("three.csv", format!("{header}c1,Gum,Euro,\n"));
    run.go("validate one.csv two.csv three.csv --out all")
        .code(3);
    // What follows an unclosed quote stands in another file.
    for (rejects, mended) in [("rejects.csv", "mended.csv"), ("rejects-2.csv", "more.csv")] {
        let rejects = run.text(&format!("all/{rejects}"));
        run.write(mended, rejects.replace(",Euro,", ",EUR,"));
    }
    run.go("validate mended.csv more.csv").code(3);
    let summary = run.summary("mended.csv");
    assert_eq!(summary.rows("read"), 4);
    assert_eq!(summary.rows("rejected"), 2);
    summary.outcomes(&[("pending", 2)]);
}

#[test]
fn a_cell_with_nul() {
    one_rejected(b"c-x,As\0ter,USD", "invalid_value", "U+0000");
}

#[test]
fn ragged_rows() {
    one_rejected(b"c-x,Aster", "malformed_row", "2 cells, wanted 3");
    one_rejected(b"c-x,Aster, Inc.,USD", "malformed_row", "4 cells, wanted 3");
}

/// Each cause has a line of its own, with the rows that it is about.
#[test]
fn malformed_rows_are_grouped_by_cause() {
    let content = "clientId,companyName,currency\na,A,USD\nb,B\nc,\"C\"x,USD\nd,D\n\
                   e,E,USD,zz\nf,\"F\"y,USD\n\"g,G\n";
    let run = Run::new().input("in.csv", content);
    let ended = run.go("validate in.csv").code(3);
    let problems = &run.summary("in.csv").0["problems"];
    let groups: Vec<(&str, String)> = problems
        .as_array()
        .unwrap()
        .iter()
        .map(|group| {
            assert_eq!(group["code"], "malformed_row");
            let message = group["message"].as_str().unwrap();
            assert!(ended.stdout.contains(message), "{message}");
            (message, group["lines"].to_string())
        })
        .collect();
    for (words, lines) in [
        ("text follows a closing quote", "[4,7]"),
        ("the row has 2 cells, wanted 3", "[3,5]"),
        ("the row has 4 cells, wanted 3", "[6]"),
        ("a quote is opened and never closed", "[8]"),
    ] {
        let group = groups
            .iter()
            .find(|(message, _)| message.starts_with(words));
        assert_eq!(group.unwrap().1, lines, "{words}");
    }
    assert_eq!(groups.len(), 4, "{groups:?}");
}

#[test]
fn text_behind_a_closing_quote() {
    one_rejected(b"c-x,\"As\"ter,USD", "malformed_row", "closing quote");
}

#[test]
fn every_problem_of_a_row_is_told() {
    let run = one_rejected(
        b"1.2E+15,,EURO",
        "missing_field",
        "missing_field in companyName",
    );
    let summary = run.summary("in.csv");
    assert_eq!(summary.lines_of("invalid_value"), [22]);
    assert_eq!(summary.lines_of("unknown_currency"), [22]);
    let rejects = run.text("in.csv.results/rejects.csv");
    assert!(rejects.contains(
        "22,invalid_value;missing_field;unknown_currency,clientId;companyName;currency,"
    ));
}

/// Each problem has its place, the value found, and what was expected.
#[test]
fn every_problem_says_where_it_is_what_was_found_and_what_was_wanted() {
    let table = b"clientId,companyName,currency,planIds,stripeCustomerId,email,country\n\
        c-1,A,USD,,,a@b.example,\nc-1,A,EUR,,,,\nC-1,A,USD,,,,\nc-2,A,USD,,,a@b.example,\n\
        ,,,,,,\n,x,,,,,\nc-3,,DEM,gold,sub_1,nobody,Atlantis\n1.2E+15,#N/A,CHF,,,,\nc-4,NULL,TRL,,,,\n\
        null,x,XQX,,,,\n c-5,x\0,UKP,,,,\n..,x,USD,,,,\nc-6,x\nc-7,x,USD,,,,,\nc-8,\xff,USD,,,,\n\
        c-9,\"x\"y,USD,,,,\nc-10,\"x,USD,,,,\n";
    let lines = "{\"clientId\":1,\"companyName\":[],\"currency\":{},\"planIds\":\"x\",\"billingContact\":\"me\"}\n\
        [1]\n\"x\"\n{\"clientId\":\n{\"a\":1,\"a\":2}\n";
    for (name, content) in [("in.csv", table.as_slice()), ("in.jsonl", lines.as_bytes())] {
        let run = Run::new().input(name, content);
        run.go(&format!("validate {name} --json")).code(3);
        let problems = run.bytes(&format!("{name}.results/problems.csv"));
        let mut reader = csv::Reader::from_reader(problems.as_slice());
        let header = "line,record,clientId,severity,code,field,value,message";
        assert_eq!(
            reader.headers().unwrap(),
            header.split(',').collect::<Vec<_>>()
        );
        let mut codes = std::collections::BTreeSet::new();
        for record in reader.records() {
            let record = record.unwrap();
            assert!(record[0].parse::<u64>().unwrap() > record[1].parse::<u64>().unwrap() - 1);
            let whole_row = &record[4] == "malformed_row";
            assert_eq!(record[5].is_empty(), whole_row, "{record:?}");
            let found = whole_row || &record[4] == "missing_field" || &record[4] == "wrong_type";
            assert!(found || !record[6].is_empty(), "{record:?}");
            let says = ["wanted ", "must be doubled"];
            let says = says.iter().any(|word| record[7].contains(word));
            assert!(says || &record[3] == "correction", "{record:?}");
            codes.insert(record[4].to_owned());
        }
        assert!(
            codes.len() >= if name == "in.csv" { 7 } else { 2 },
            "{codes:?}"
        );
    }
}

#[test]
fn tables_are_read_however_they_are_written() {
    let expected = customers_of_csv(
        "clientId,companyName,currency,planIds,billingContact.email\n\
         c-1,\"Aster, \"\"the\"\" one\",USD,,a@x.example\n\
         c-2,\"Two\nlines\",EUR,,\n",
    );
    let variants: [(&str, String); 8] = [
        ("comma", "clientId,companyName,currency,planIds,billingContact.email\nc-1,\"Aster, \"\"the\"\" one\",USD,,a@x.example\nc-2,\"Two\nlines\",EUR,,\n".to_owned()),
        ("semicolon", "clientId;companyName;currency;planIds;billingContact.email\nc-1;Aster, \"the\" one;USD;;a@x.example\nc-2;\"Two\nlines\";EUR;;\n".to_owned()),
        ("tab", "clientId\tcompanyName\tcurrency\tplanIds\tbillingContact.email\nc-1\tAster, \"the\" one\tUSD\t\ta@x.example\nc-2\t\"Two\nlines\"\tEUR\t\t\n".to_owned()),
        ("bar", "clientId|companyName|currency|planIds|billingContact.email\nc-1|Aster, \"the\" one|USD||a@x.example\nc-2|\"Two\nlines\"|EUR||\n".to_owned()),
        ("mark", "\u{feff}clientId,companyName,currency,planIds,billingContact.email\nc-1,\"Aster, \"\"the\"\" one\",USD,,a@x.example\nc-2,\"Two\nlines\",EUR,,".to_owned()),
        ("named", "sep=;\nclientId;companyName;currency;planIds;billingContact.email\nc-1;Aster, \"the\" one;USD;;a@x.example\nc-2;\"Two\nlines\";EUR;;\n".to_owned()),
        ("headers", "Currency,BILLING_CONTACT_EMAIL,Client ID,company-name\nUSD,a@x.example,c-1,\"Aster, \"\"the\"\" one\"\nEUR,,c-2,\"Two\nlines\"\n".to_owned()),
        ("ends", "clientId,companyName,currency,planIds,email\r\nc-1,\"Aster, \"\"the\"\" one\",USD,,a@x.example\r\n\r\nc-2,\"Two\nlines\",EUR,,\r\n".to_owned()),
    ];
    for (name, content) in variants {
        let input = format!("{name}.csv");
        let run = Run::new().input(&input, content);
        run.import(&input).code(0);
        run.holds(&expected);
    }
}

#[test]
fn a_delimiter_can_be_told() {
    let run = Run::new().input(
        "in.txt",
        "clientId^companyName^currency\nc-1^Aster, Inc.;|^USD\n",
    );
    run.import("in.txt --delimiter ^ --format csv").code(0);
    assert_eq!(run.held()["c-1"]["companyName"], "Aster, Inc.;|");
}

#[test]
fn lists_in_cells_are_split() {
    let plan = "pln_5a3b0c7d9e1f42638495a6b7c8d9e0f1";
    let other = "pln_6b4c1d8e0f2a53749506b7c8d9e0f1a2";
    let content = format!(
        "clientId,companyName,currency,planIds\nc-1,A,USD,{plan};{other}\nc-2,A,USD,{plan}|{other}\n\
         c-3,A,USD,\"{plan}, {other}\"\nc-4,A,USD,\"[\"\"{plan}\"\",\"\"{other}\"\"]\"\nc-5,A,USD,\n"
    );
    let run = Run::new().input("in.csv", content);
    run.import("in.csv").code(0);
    let held = run.held();
    for id in ["c-1", "c-2", "c-3", "c-4"] {
        assert_eq!(held[id]["planIds"], json!([plan, other]), "{id}");
    }
    let bare = json!({"clientId": "c-5", "companyName": "A", "currency": "USD"});
    assert_eq!(held["c-5"], bare, "no nulls, no empty arrays");
}

#[test]
fn plans_that_are_not_there_are_found_before_anything_is_sent() {
    let content = format!(
        "{}\nc-x,A,USD,pln_00000000000000000000000000000000\n",
        rows(20)
            .replace("currency", "currency,planIds")
            .replace(",USD", ",USD,")
            .trim_end()
    );
    let run = Run::new().input("in.csv", content);
    run.import("in.csv").code(3);
    assert_eq!(run.summary("in.csv").lines_of("unknown_plan"), [22]);
    assert_eq!(run.held().len(), 20);
}

#[test]
fn broken_lines_of_jsonl_are_rejected_each_by_itself() {
    let good =
        |n: u32| format!("{{\"clientId\":\"c-{n}\",\"companyName\":\"A\",\"currency\":\"USD\"}}");
    let mut lines: Vec<String> = (1..=40).map(good).collect();
    lines[4] = "{\"clientId\":\"c-5\",".to_owned();
    lines[9] = "[1,2]".to_owned();
    lines[14] = String::new();
    lines[19] = "{\"clientId\":7,\"companyName\":\"A\",\"currency\":\"USD\"}".to_owned();
    let run = Run::new().input("in.jsonl", lines.join("\n"));
    run.import("in.jsonl").code(3);
    let summary = run.summary("in.jsonl");
    let counts = ["read", "skipped", "rejected"].map(|what| summary.rows(what));
    assert_eq!(counts, [40, 1, 3]);
    summary.outcomes(&[("created", 36)]);
    assert_eq!(summary.lines_of("malformed_row"), [5, 10]);
    assert_eq!(summary.lines_of("wrong_type"), [20]);
    assert_eq!(run.held().len(), 36);
}

#[test]
fn mended_rejects_of_jsonl_are_taken_back() {
    let good =
        |n: u32| format!("{{\"clientId\":\"c-{n}\",\"companyName\":\"A\",\"currency\":\"USD\"}}\n");
    let content = (1..=20).map(good).collect::<String>()
        + "{ \"clientId\" : \"c-x\",\"companyName\":\"A\", \"currency\":\"Euro\",\"note\":1.50}\n";
    let run = Run::new().input("in.jsonl", content);
    run.import("in.jsonl").code(3);
    let rejects = run.text("in.jsonl.results/rejects.jsonl");
    let lines = json_lines(&rejects);
    assert_eq!(lines.len(), 1);
    let line = lines.first().unwrap();
    assert_eq!(line["_line"], 21);
    assert_eq!(line["_code"], "unknown_currency");
    assert_eq!(line["_field"], "currency");
    assert!(
        rejects.ends_with(
            ",\"clientId\" : \"c-x\",\"companyName\":\"A\", \"currency\":\"Euro\",\"note\":1.50}\n"
        ),
        "{rejects}"
    );
    run.write("mended.jsonl", rejects.replace("Euro", "EUR"));
    run.import("mended.jsonl --checkpoint in.jsonl.checkpoint.db")
        .code(0)
        .keeps_to_itself("_line");
    assert_eq!(
        run.held()["c-x"],
        json!({"clientId": "c-x", "companyName": "A", "currency": "EUR"})
    );
    assert_eq!(run.held().len(), 21);
}

#[test]
fn jsonl_is_recognised_without_its_name() {
    let body = json!({"clientId": "c-1", "companyName": "A", "currency": "USD"});
    let run = Run::new().input("customers", format!("{body}\n"));
    run.import("customers").code(0);
    assert_eq!(run.held()["c-1"], body);
}

#[test]
fn several_files_are_one_input() {
    let run = Run::new()
        .input("a.csv", rows(3))
        .input("b.csv", "currency;companyName;clientId\nEUR;Other;c-9\n")
        .input(
            "c.jsonl",
            "{\"clientId\":\"c-10\",\"companyName\":\"J\",\"currency\":\"USD\"}\n",
        );
    run.import("a.csv b.csv c.jsonl").code(0);
    run.summary("a.csv").outcomes(&[("created", 5)]);
    assert_eq!(run.held().len(), 5);
    assert_eq!(run.held()["c-9"]["companyName"], "Other");
    assert_eq!(run.result("a.csv", "c-9")["file"], "b.csv");
}

#[test]
fn a_pattern_names_files() {
    let run = Run::new()
        .input("part-1.csv", rows_from(1, 3))
        .input("part-2.csv", rows_from(4, 6))
        .input("other.csv", rows_from(7, 9))
        .input(".part-3.csv", rows_from(10, 12))
        .input("._part-1.csv", [0, 5, 22, 7]);
    run.import("part-*.csv").code(0);
    run.holds(&customers_of_csv(&rows(6)));
    run.import("*.csv").code(0);
    run.holds(&customers_of_csv(&rows(9)));
    run.import(".part-*.csv").code(0);
    assert_eq!(run.held().len(), 12);
}

#[test]
fn the_same_file_twice_is_refused() {
    Run::new()
        .input("a.csv", rows(1))
        .import("a.csv ./a.csv")
        .refuses(1, &["named twice"]);
}

#[test]
fn standard_input_is_read() {
    let run = Run::new().stdin(rows(7));
    run.import("- --checkpoint run.db --out results").code(0);
    run.holds(&customers_of_csv(&rows(7)));
    let summary = Summary::of(&run.text("results/summary.json"));
    summary.outcomes(&[("created", 7)]);
}

#[test]
fn standard_input_can_be_empty() {
    let run = Run::new();
    run.import("- --checkpoint run.db --out results")
        .refuses(1, &["standard input is empty"]);
    assert!(!run.exists("run.db"));
}

#[test]
fn a_duplicate_names_the_line_of_the_first() {
    one_rejected(b"c-5,Other,USD", "duplicate_client_id", "line 6");
}

#[test]
fn a_duplicate_in_another_file_names_file_and_line() {
    let run = Run::new()
        .input("a.csv", rows(20))
        .input("b.csv", rows_from(20, 30));
    run.import("a.csv b.csv").code(3).says("a.csv, line 21");
    let summary = run.summary("a.csv");
    assert_eq!(summary.rows("rejected"), 1);
    summary.outcomes(&[("created", 30)]);
    assert!(
        run.text("a.csv.results/rejects.csv")
            .contains("b.csv,2,duplicate_client_id,clientId,")
    );
}

#[test]
fn a_rejected_row_takes_nobodys_id() {
    let content = rows(20) + "c-x,,USD\nc-x,Good,USD\n";
    let run = Run::new().input("in.csv", content);
    run.import("in.csv").code(3);
    assert_eq!(run.held()["c-x"]["companyName"], "Good");
    run.summary("in.csv").outcomes(&[("created", 21)]);
}

#[test]
fn unknown_columns_are_named_once() {
    let content = "clientId,companyName,currency,Region,=Sum\nc-1,A,USD,x,y\nc-2,A,USD,x,y\n";
    let run = Run::new().input("in.csv", content);
    let ended = run.import("in.csv").code(0);
    for name in ["\"Region\"", "\"=Sum\""] {
        let all = format!("{}{}", ended.stdout, ended.stderr);
        assert_eq!(all.matches(name).count(), 1, "{all}");
    }
    let run = Run::new().input(
        "in.jsonl",
        "{\"clientId\":\"c-1\",\"companyName\":\"A\",\"currency\":\"USD\",\"region\":1}\n\
         {\"clientId\":\"c-2\",\"companyName\":\"A\",\"currency\":\"USD\",\"region\":2}\n",
    );
    let ended = run.import("in.jsonl").code(0);
    assert_eq!(
        ended.stderr.matches("region").count(),
        1,
        "{}",
        ended.stderr
    );
}

#[test]
fn columns_can_be_mapped_and_values_set() {
    let run = Run::new().input(
        "in.csv",
        "Konto,Kunde Name,currency\nk-1,Aster,\nk-2,Beryl,EUR\n",
    );
    run.go_words(&[
        "import",
        "in.csv",
        "--sandbox",
        "--map",
        "clientId=Konto",
        "--map",
        "companyName=Kunde Name",
        "--set",
        "currency=USD",
        "--set",
        "billingContact.country=DE",
    ])
    .code(0);
    assert_eq!(
        run.held()["k-1"],
        json!({"clientId": "k-1", "companyName": "Aster", "currency": "USD",
               "billingContact": {"country": "DE"}})
    );
    assert_eq!(run.held()["k-2"]["currency"], "EUR");
}

/// No row could have it: nothing need be read to know.
#[test]
fn a_currency_that_kable_does_not_take_is_no_default() {
    let run = Run::new().input("in.csv", "clientId,companyName\nc-1,A\n");
    for (value, words) in [
        ("XXX", "--allow-currency XXX"),
        ("CHF", "--allow-currency CHF"),
        ("Euro", "perhaps EUR"),
        ("DEM", "was withdrawn in"),
    ] {
        run.go(&format!("validate in.csv --set currency={value}"))
            .refuses(2, &["--set", &format!("currency \"{value}\""), words]);
    }
    run.go("validate in.csv --set currency=chf --allow-currency CHF")
        .code(0);
    run.write("kable-bulk.toml", "set = { currency = 'Euro' }\n");
    run.go("validate in.csv")
        .refuses(1, &["kable-bulk.toml", "line 1", "currency \"Euro\""]);
}

#[test]
fn a_mapped_column_that_is_not_there_is_named() {
    let run = Run::new().input("in.csv", rows(1));
    run.import("in.csv --map companyName=Kunde")
        .refuses(1, &["in.csv", "\"Kunde\"", "companyName", "\"currency\""]);
    assert!(!run.exists("in.csv.checkpoint.db"));
}

#[test]
fn only_the_first_rows() {
    let run = Run::new().input("in.csv", rows(30));
    run.import("in.csv --limit 4").code(0);
    assert_eq!(run.summary("in.csv").rows("read"), 4);
    run.holds(&customers_of_csv(&rows(4)));
}

#[test]
fn lines_and_records_are_told_apart_behind_line_breaks_in_quotes() {
    let content = format!(
        "{HEADER}c-1,\"Three\nlines\r\nhere\",USD\nc-2,,USD\r\n\r\nc-3,\"Two\nlines\",Euro\n{}",
        "c-9,A,USD\n"
    );
    let run = Run::new().input("in.csv", content);
    run.import("in.csv --max-errors 9").code(3);
    let problems = run.text("in.csv.results/problems.csv");
    let mut reader = csv::Reader::from_reader(problems.as_bytes());
    let places: Vec<(String, String, String)> = reader
        .records()
        .map(|record| record.unwrap())
        .map(|record| {
            (
                record[0].to_owned(),
                record[1].to_owned(),
                record[2].to_owned(),
            )
        })
        .collect();
    let place =
        |line: &str, record: &str, id: &str| (line.to_owned(), record.to_owned(), id.to_owned());
    // Names of several lines are reported too.
    let third = place("7", "4", "c-3");
    let first = [place("2", "1", "c-1"), place("5", "2", "c-2")];
    assert_eq!(places, [&first[..], &[third.clone(), third]].concat());
    let lines: Vec<u64> = run
        .results("in.csv")
        .iter()
        .map(|line| line["line"].as_u64().unwrap())
        .collect();
    assert_eq!(lines, [2, 5, 6, 7, 9]);
}

#[test]
fn rejects_are_given_back_byte_for_byte_and_taken_back_mended() {
    let bad = "c-x, \"odd\" ,\"Eu\"\"ro\",\"two\r\nlines\"";
    let other = "c-y,,USD,";
    let content = format!(
        "clientId,companyName,currency,city\r\n{}{bad}\r\n{other}\r\n",
        (1..=30)
            .map(|n| format!("c-{n},A,USD,\r\n"))
            .collect::<Vec<_>>()
            .concat()
    );
    let run = Run::new().input("in.csv", content);
    run.import("in.csv").code(3).says("rejects.csv");
    let rejects = run.text("in.csv.results/rejects.csv");
    let (header, rest) = rejects.split_once("\r\n").unwrap();
    assert_eq!(
        header,
        "_line,_code,_field,_message,clientId,companyName,currency,city"
    );
    assert!(rest.starts_with("32,unknown_currency,currency,"), "{rest}");
    assert!(
        rest.contains(&format!(",{bad}\r\n34,missing_field,companyName,")),
        "{rest}"
    );
    assert!(rest.ends_with(&format!(",{other}\r\n")), "{rest}");

    // The first round corrects one of the two; the second one corrects the other.
    run.write("one.csv", rejects.replace("\"Eu\"\"ro\"", "EUR"));
    run.import("one.csv --checkpoint in.csv.checkpoint.db --max-errors 1")
        .code(3);
    assert_eq!(run.held()["c-x"]["billingContact"]["city"], "two\r\nlines");
    run.summary("one.csv").outcomes(&[("created", 1)]);
    let again = run.text("one.csv.results/rejects.csv");
    assert_eq!(again.matches("_line").count(), 1, "{again}");
    assert!(again.ends_with(&format!(",{other}\r\n")), "{again}");
    run.write("two.csv", again.replace("c-y,,USD", "c-y,Mended,USD"));
    run.import("two.csv --checkpoint in.csv.checkpoint.db")
        .code(0);
    assert_eq!(run.held().len(), 32);
    assert_eq!(run.held()["c-y"]["companyName"], "Mended");
}

#[test]
fn rejects_of_an_earlier_run_go_when_there_are_none() {
    let run = Run::new().input("in.csv", rows(20) + "c-x,,USD\n");
    run.import("in.csv").code(3);
    assert!(run.exists("in.csv.results/rejects.csv"));
    run.write("in.csv", rows(20) + "c-x,Mended,USD\n");
    run.import("in.csv").code(0);
    assert!(!run.exists("in.csv.results/rejects.csv"));
    assert_eq!(run.held().len(), 21);
}

#[test]
fn problems_are_harmless_in_a_spreadsheet_and_rejects_are_as_they_were() {
    let content = format!("{}\"=HYPERLINK(\"\"x\"\")\",+A,\"@SUM(1)\"\n", rows(20));
    let run = Run::new().input("in.csv", content);
    run.import("in.csv").code(3);
    let problems = run.text("in.csv.results/problems.csv");
    let mut reader = csv::Reader::from_reader(problems.as_bytes());
    for record in reader.records() {
        for cell in &record.unwrap() {
            assert!(
                !cell.starts_with(['=', '+', '-', '@', '\t', '\r']),
                "{cell}"
            );
        }
    }
    assert!(problems.contains("'=HYPERLINK") && problems.contains("'@SUM"));
    let rejects = run.text("in.csv.results/rejects.csv");
    assert!(rejects.ends_with(",\"=HYPERLINK(\"\"x\"\")\",+A,\"@SUM(1)\"\n"));
}

#[test]
fn corrections_are_made_counted_and_sent() {
    let run = Run::new().input("in.csv", format!("{HEADER}c-1,  Aster ,usd\n"));
    run.import("in.csv").code(0);
    assert_eq!(
        run.held()["c-1"],
        json!({"clientId": "c-1", "companyName": "Aster", "currency": "USD"})
    );
    let summary = run.summary("in.csv");
    assert_eq!(summary.lines_of("corrected"), [2, 2]);
}

#[test]
fn a_currency_can_be_allowed() {
    let run = Run::new().input("in.csv", format!("{HEADER}c-1,A,CHF\nc-2,A,AED\n"));
    run.go("validate in.csv").code(3);
    assert_eq!(run.summary("in.csv").lines_of("unsupported_currency"), [2]);
    run.go("validate in.csv --allow-currency CHF").code(0);
    run.summary("in.csv").outcomes(&[("pending", 2)]);
}

/// Several passes read it at once: from start to end, and where rows are repeated.
#[test]
fn standard_input_is_the_file_that_it_was() {
    let mut text = "clientId,companyName,currency\n".to_owned();
    for number in 0..8000 {
        let id = if number % 50 == 49 {
            number - 49
        } else {
            number
        };
        writeln!(text, "c-{id},Company number {number} of them all,USD").unwrap();
    }
    let run = Run::new().input("in.csv", &text).stdin(&text);
    run.go("validate in.csv").code(3);
    run.go("validate - --out piped").code(3);
    for file in ["problems.csv", "rejects.csv"] {
        let of = |folder: &str| run.text(&format!("{folder}/{file}"));
        assert!(of("in.csv.results") == of("piped"), "{file}");
    }
    run.import("- --out sent --checkpoint sent.db").code(3);
    let summary = Summary::of(&run.text("sent/summary.json"));
    summary.outcomes(&[("created", 7840)]);
    assert_eq!(summary.rows("rejected"), 160);
}

/// People rename files: what they hold certainly beats the ending of their names.
#[test]
fn content_beats_the_ending_of_a_name() {
    let lines = "{\"clientId\":\"c-1\",\"companyName\":\"A\",\"currency\":\"USD\"}\n\
                 {\"clientId\":\"c-2\",\"companyName\":\"B\"}\n";
    let run = Run::new()
        .input("a.csv", lines)
        .input("b.csv", format!("[{}]", lines.trim().replace('\n', ",")))
        .input(
            "c.jsonl",
            "clientId,companyName,currency\nc-1,A,USD\nc-2,B,\n",
        );
    for (name, read) in [("a.csv", "JSON"), ("b.csv", "JSON"), ("c.jsonl", "a table")] {
        let ending = name.split_once('.').unwrap().1;
        run.go(&format!("validate {name}")).code(3).says(&format!(
            "{name}: read as {read}, though its name ends in .{ending}"
        ));
        assert_eq!(run.summary(name).rows("rejected"), 1, "{name}");
    }
    run.go("validate a.csv --format csv")
        .refuses(1, &["header cannot be read"]);
    assert!(run.exists("a.csv.results/rejects.jsonl"));
    assert!(run.exists("c.jsonl.results/rejects.csv"));
}

#[test]
fn files_that_hold_no_table_are_named_for_what_they_are() {
    for (content, kind, hint) in [
        (
            &b"<html xmlns:x=\"urn:schemas-microsoft-com:office:excel\">\n<table><tr><td>clientId"[..],
            "a web page (HTML) with a table",
            "save it as XLSX or CSV",
        ),
        (
            b"<!DOCTYPE html>\n<html><body>Please log in</body></html>",
            "a web page (HTML), perhaps of a log-in",
            "browser",
        ),
        (
            b"<?xml version=\"1.0\"?>\n<Workbook xmlns=\"urn:schemas-microsoft-com:office:spreadsheet\">",
            "a workbook in XML",
            "save it as XLSX or CSV",
        ),
        (b"-- MySQL dump 10.13\n\nINSERT INTO `c` VALUES (1);\n", "an SQL dump", "CSV"),
        (b"BEGIN:VCARD\nFN:Ada\n", "vCard", "CSV"),
        (b"%PDF-1.7\n%\xe2\xe3", "a PDF", "CSV"),
        (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", "a picture (PNG)", "picture"),
        (b"PK\x03\x04\x14\0\0\0\x08\0", "a ZIP archive", "unpack"),
    ] {
        for name in ["in.xls", "in.csv", "in.jsonl"] {
            let run = Run::new().input(name, content);
            run.go(&format!("validate {name}"))
                .refuses(1, &[name, kind])
                .hints(hint);
        }
    }
}

#[test]
fn json_whose_rows_are_no_objects_is_named_for_what_it_is() {
    for (text, kind, hint) in [
        (
            r#"{"columns":["clientId"],"index":[0],"data":[["c-1"]]}"#,
            "JSON with columns apart from their rows",
            "orient=\"records\"",
        ),
        (
            r#"{"a":{"clientId":"c-1","currency":"USD"},"b":{"clientId":"c-2","currency":"USD"}}"#,
            "JSON with each row under a key of its own",
            "jq -c '.[]'",
        ),
    ] {
        let run = Run::new().input("in.json", text);
        run.go("validate in.json").refuses(1, &[kind]).hints(hint);
    }
}

/// A COPY of SQL in text form ends with a line that is no row.
#[test]
fn a_copy_of_a_database_with_a_header_is_read() {
    let text = "clientId\tcompanyName\tcurrency\nc-1\tAster\\tGmbH\tEUR\nc-2\tBeryl\tUSD\n\\.\n";
    let run = Run::new().input("in.txt", text);
    run.go("validate in.txt")
        .code(0)
        .says("2  fit to send")
        .says("backslashes");
}

/// Rows of a document store have objects for numbers and ids.
#[test]
fn members_of_an_exported_object_can_be_named() {
    let text =
        "{\"_id\":{\"$oid\":\"507f1f77bcf86cd799439011\"},\"name\":\"A\",\"currency\":\"USD\"}\n";
    let run = Run::new().input("in.json", text);
    run.go("validate in.json --map clientId=_id.$oid --map companyName=name")
        .code(0)
        .says("1  fit to send");
}
