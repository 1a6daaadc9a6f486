//! Tables as people save them: how they are written is found out, what is around them is
//! no customer, and what is given back to be mended is written as they are.

use crate::common::{EndedRun, Run, Summary, customers_of_csv, rows};

const HEADER: &str = "clientId,companyName,currency\n";

/// How a table was read.
struct Checked {
    run: Run,
    ended: EndedRun,
    summary: Summary,
}

/// Validates `content`, in which these lines are rejected for errors, and no others.
fn reads(content: impl AsRef<[u8]>, options: &str, rejected: &[u64]) -> Checked {
    let run = Run::new().input("in.csv", content);
    let code = if rejected.is_empty() { 0 } else { 3 };
    let ended = run.go(&format!("validate in.csv {options}")).code(code);
    let summary = run.summary("in.csv");
    assert_eq!(errors(&run), rejected);
    Checked {
        run,
        ended,
        summary,
    }
}

/// The lines with errors.
fn errors(run: &Run) -> Vec<u64> {
    let problems = run.text("in.csv.results/problems.csv");
    let mut reader = csv::Reader::from_reader(problems.as_bytes());
    let records = reader.records().map(Result::unwrap);
    let errors = records.filter(|record| &record[3] == "error");
    let mut lines: Vec<u64> = errors.map(|record| record[0].parse().unwrap()).collect();
    lines.dedup();
    lines
}

impl Checked {
    /// Asserts how many rows are accepted and skipped.
    fn has(self, accepted: u64, skipped: u64) -> Self {
        let rows = (
            self.summary.outcome("pending"),
            self.summary.rows("skipped"),
        );
        assert_eq!(rows, (accepted, skipped));
        self
    }
}

/// Imports `content`; the customers are those of `customers`.
fn creates(content: impl AsRef<[u8]>, options: &str, customers: &str) {
    let run = Run::new().input("in.csv", content);
    run.import(&format!("in.csv {options}")).code(0);
    run.holds(&customers_of_csv(&format!("{HEADER}{customers}")));
}

#[test]
fn the_delimiter_is_found_from_header_rows_and_named_columns() {
    let map = "--map clientId=Nr --map companyName=Firma --set currency=EUR";
    creates(
        "\"Nr\";\"Firma\";\"Umsatz, netto\"\n\"1\";\"A, B\";\"1,5\"\n",
        map,
        "1,\"A, B\",EUR\n",
    );
    creates(
        "Nr;Firma;Saldo\n1;A;1,50\n2;B;2,50\n",
        map,
        "1,A,EUR\n2,B,EUR\n",
    );
    let run = Run::new().input(
        "in.csv",
        "Betrag (EUR, USD);Ort, PLZ\n12,5;Berlin, 10115\n7,0;Bonn, 53111\n",
    );
    let words = "import in.csv --sandbox --map companyName=Ort,\u{a0}PLZ --map clientId=Betrag\u{a0}(EUR,\u{a0}USD) --set currency=EUR";
    let words: Vec<String> = words
        .split(' ')
        .map(|word| word.replace('\u{a0}', " "))
        .collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    run.go_words(&words).code(0);
    assert_eq!(run.held()["12,5"]["companyName"], "Berlin, 10115");
    // Without names, the error still names the columns as a person sees them.
    Run::new()
        .input("in.csv", "Betrag (EUR, USD);Ort, PLZ\n12,5;Berlin, 10115\n")
        .go("validate in.csv")
        .refuses(1, &["\"Betrag (EUR, USD)\"", "\"Ort, PLZ\""]);
}

#[test]
fn unusual_delimiters_are_named_and_can_be_told() {
    for (delimiter, option) in [(" ", "' '"), ("^", "'^'"), (":", ":"), ("~", "'~'")] {
        let text = format!("{HEADER}c-1,\"As,ter\",USD\n").replace(',', delimiter);
        let run = Run::new().input("in.csv", &text);
        run.go("validate in.csv")
            .refuses(1, &["in.csv seems to be separated by"])
            .hints(&format!("--delimiter {option}"));
        run.go_words(&["import", "in.csv", "--sandbox", "--delimiter", delimiter])
            .code(0);
        assert_eq!(
            run.held()["c-1"]["companyName"],
            format!("As{delimiter}ter")
        );
    }
}

#[test]
fn a_quote_may_follow_blanks() {
    creates(
        "clientId, \"companyName\", currency\nc-1, \"b, c\", USD\n \"c-2\" ,\"5\"\"\" ,USD\n",
        "",
        "c-1,\"b, c\",USD\nc-2,\"5\"\"\",USD\n",
    );
    reads(
        format!("{HEADER}c-1, \"two\nlines\", USD\nc-2, \"open, USD\n"),
        "",
        &[4],
    )
    .has(1, 0);
}

#[test]
fn a_separator_line_is_obeyed() {
    for line in [
        "sep=;",
        "\"sep=;\"",
        "SEP=;",
        "\u{feff}sep=;",
        "\u{feff}\"SEP=;\"",
    ] {
        for end in ["\n", "\r\n"] {
            let text = format!("{line}\nid;\"companyName\";currency\n1;\"A, B\";USD\n2;;USD\n");
            let table = reads(text.replace('\n', end), "--map clientId=id", &[4]);
            table.has(1, 0);
        }
    }
}

#[test]
fn titles_and_comments_before_the_header_are_no_rows() {
    for (before, lines) in [
        (
            "Customer Contact List\nExample Ltd\n\"As of October 1, 2026\"\n\n",
            4,
        ),
        ("# made by a script\n# on Monday, and, well\n", 2),
        ("\u{feff}Customers,,\n,,\n", 2),
        ("{}\n", 1),
        ("\"A title of\ntwo lines\"\n", 2),
    ] {
        let text = format!("{before}{HEADER}c-1,Aster,USD\nc-2,,USD\n");
        let mut table = reads(&text, "", &[lines + 3]).has(1, 0);
        table.ended = table
            .ended
            .says(&format!("in.csv: the header is line {};", lines + 1));
        let problems = table.run.text("in.csv.results/problems.csv");
        assert!(
            problems.contains(&format!("\n{},2,c-2,", lines + 3)),
            "{problems}"
        );
        let rejects = table.run.text("in.csv.results/rejects.csv");
        let rejects = rejects.trim_start_matches('\u{feff}');
        assert!(
            rejects.starts_with("_line,_code,_field,_message,clientId,"),
            "{rejects}"
        );
    }
    // The header's names may be known by --map only.
    let text = "Kunden\n\nNr;Firma;Land\n1;A;DE\n";
    let map = "--map clientId=Nr --map companyName=Firma --set currency=EUR";
    creates(text, map, "1,A,EUR\n");
}

#[test]
fn a_report_of_quickbooks_is_read() {
    let report = std::fs::read(crate::common::sample("exports/quickbooks.csv")).unwrap();
    let table = reads(
        &report,
        "--map clientId=Customer --set companyName=Some",
        &[14, 15],
    );
    let table = table.has(8, 3);
    assert_eq!(table.summary.lines_of("unsupported_currency"), [14]);
    assert_eq!(table.summary.lines_of("missing_field"), [15]);
}

#[test]
fn totals_footers_and_time_stamps_are_skipped_and_counted() {
    let header = "clientId,companyName,currency,Open Balance,Visits\n";
    let around = [
        "Total,,,\"1,550.00\",",
        ",,,,",
        "Grand Totals (5700 records)",
        "Confidential Information - Do Not Distribute",
        "Copyright (c) 2000-2026 salesforce.com, inc. All rights reserved.",
        "\"Thursday, October 1, 2026 07:33 AM GMTZ\",,,,",
        "Generated By: Dana Whitfield 10/1/2026 7:33 AM",
        "(57 rows)",
        "",
        "\u{1a}",
    ];
    for end in ["\n", "\r\n", "\r"] {
        let text = format!("{header}c-1,A,USD,1,2\n{}", around.join("\n")).replace('\n', end);
        reads(text, "", &[]).has(1, around.len() as u64);
    }
    reads(format!("{HEADER}c-1,A,USD\r\nc-2,B,USD\u{1a}"), "", &[]).has(2, 0);
    // Between customers as well, in a file that is read in several parts.
    let many = 20_000_u64;
    let pair = |number| {
        let total = around[0];
        format!("c-{number},Company {number},USD,\"1,000.00\",\n{total}\n")
    };
    let text: String = (0..many).map(pair).collect();
    let text = format!("{header}{text}");
    reads(text, "", &[]).has(many, many);
}

#[test]
fn a_customer_that_is_called_total_is_a_customer() {
    let text = "companyName,clientId,currency,Open Balance\nTotal,c-1,USD,12\nTotal Wine,c-2,USD,\n\
                Total Wine,,,12\nTotal,3,,12\nMonday,c-4,USD,\nTotal,,,12\n";
    reads(text, "", &[4, 5]).has(3, 1);
}

#[test]
fn totals_below_the_columns_of_customers_are_skipped() {
    let header = "clientId,companyName,currency,email,planIds\n";
    let totals =
        "Summe,,,,3\nTotal,,\"1,550.00\",,\n,Total,,,3\nGesamt: 3 Kunden\n(3 Kunden)\nTotal,3,,,\n";
    reads(format!("{header}c-1,A,USD,,\n{totals}"), "", &[]).has(1, 6);
    // A customer with a strange id and name is one.
    reads(format!("{header}Total,3,USD,,\nc-3,Summe,EUR,,\n"), "", &[]).has(2, 0);
    reads("clientId,companyName\nTotal,3\n", "--set currency=USD", &[]).has(1, 0);
}

/// As many letters in UTF-8 as others: the rows with the others are rejected.
#[test]
fn a_few_broken_bytes_make_no_other_encoding_of_utf_8() {
    let text = [
        HEADER.as_bytes(),
        "c-1,Mü,USD\nc-2,ß,USD\n".as_bytes(),
        b"c-3,M\xfc,USD\nc-4,\xdf,USD\n",
    ]
    .concat();
    let checked = reads(text, "", &[4, 5]);
    assert_eq!(checked.summary.outcome("pending"), 2);
    checked.ended.says("not UTF-8 at byte 6 of the row");
}

/// Quotes that close some lines later than they should lose rows without a sign of it.
#[test]
fn rows_in_a_quoted_cell_are_found() {
    let text = format!("{HEADER}c-1,\"Acme,USD\nc-2,Beta,USD\nc-3,Coda\",USD\nc-4,D,USD\n");
    let checked = reads(&text, "", &[2]);
    assert_eq!(checked.summary.lines_of("malformed_row"), [2]);
    assert_eq!(checked.summary.outcome("pending"), 1);
    let run = checked.run;
    checked
        .ended
        .says("\"companyName\" holds 2 other rows of the table (lines 3 to 4)");
    // In the rejects, mended by hand.
    let rejects = run.text("in.csv.results/rejects.csv");
    run.write(
        "mended.csv",
        rejects.replace("\"Acme", "Acme").replace("Coda\"", "Coda"),
    );
    run.import("in.csv mended.csv --out both").code(0);
    let ids: Vec<String> = run.held().into_keys().collect();
    assert_eq!(ids, ["c-1", "c-2", "c-3", "c-4"]);

    // In a column that feeds no field it is a warning.
    let text = "clientId,companyName,currency,notes\nc-1,A,USD,\"x\nc-2,B,USD,\"\nc-3,C,USD,y\n";
    let checked = reads(text, "", &[]);
    assert_eq!(checked.summary.lines_of("suspect_value"), [2]);
    assert_eq!(checked.summary.outcome("pending"), 2);
    checked
        .ended
        .says("\"notes\" holds 1 other row of the table (line 3)");
}

#[test]
fn line_ends_of_all_kinds_are_read() {
    for end in ["\n", "\r\n", "\r"] {
        let text = format!("{HEADER}c-1,A,USD\nc-2,B,USD").replace('\n', end);
        creates(text, "", "c-1,A,USD\nc-2,B,USD\n");
    }
    let text = "clientId,companyName,currency\r\nc-1,\"two\nlines\",USD\r\nc-2,,USD\r\n";
    reads(text, "", &[4]);
}

#[test]
fn empty_cells_at_the_end_of_a_row_are_no_error() {
    let text = format!("{HEADER}c-1,A,USD,,,\nc-2,B,USD, ,\nc-3,C,USD,,x\nc-4,D\n");
    reads(text, "", &[4, 5]).has(2, 0);
    // Columns without a name may be left out.
    reads(
        "clientId,companyName,currency,,\nc-1,A,USD\nc-2,B,USD,,,\n",
        "",
        &[],
    )
    .has(2, 0);
}

#[test]
fn short_rows_are_rejected_or_accepted() {
    let text =
        "clientId,companyName,currency,city,note\nc-1,A,USD\nc-2,B,USD,x\nc-3,C\nc-4,D,USD,,,,\n";
    let table = reads(text, "", &[2, 3, 4]).has(1, 0);
    let problems = table.run.text("in.csv.results/problems.csv");
    assert!(
        problems.contains("the row has 3 cells, wanted 5"),
        "{problems}"
    );
    table.ended.says("--short-rows accept");
    let table = reads(text, "--short-rows accept", &[4]).has(3, 0);
    assert_eq!(table.summary.lines_of("missing_field"), [4]);
    let run = Run::new()
        .input("in.csv", text)
        .input("kable-bulk.toml", "short-rows = \"accept\"\n");
    run.go("validate in.csv --limit 2").code(0);
    run.go("validate in.csv --limit 2 --short-rows reject")
        .code(3);
}

#[test]
fn a_header_alone_is_no_rows_and_stops_no_neighbour() {
    for header in [
        HEADER,
        "clientId,companyName,currency",
        "\u{feff}clientId;companyName;currency\r\n",
    ] {
        let run = Run::new().input("in.csv", header);
        run.go("validate in.csv")
            .code(0)
            .says("in.csv has a header and no rows")
            .says("There is nothing to import")
            .keeps_to_itself("Import it");
        assert_eq!(run.summary("in.csv").rows("read"), 0);
        run.import("in.csv").code(0).says("no rows");
        let run = run.input("b.csv", rows(3));
        run.import("in.csv b.csv --checkpoint run.db --out both")
            .code(0)
            .says("in.csv has a header and no rows");
        run.holds(&customers_of_csv(&rows(3)));
    }
}

/// With a default for the currency it would be a customer.
#[test]
fn files_that_were_put_behind_each_other_have_one_header() {
    let text = "clientId,companyName\nc-1,A\nclientId,companyName\nc-2,B\n";
    let run = Run::new().input("in.csv", text);
    run.import("in.csv --set currency=USD").code(0);
    let ids: Vec<String> = run.held().into_keys().collect();
    assert_eq!(ids, ["c-1", "c-2"]);
    assert_eq!(run.summary("in.csv").rows("skipped"), 1);
}

/// As a spreadsheet saves a table that it took for one column.
#[test]
fn lines_that_are_one_cell_each_are_named() {
    for (text, options) in [
        ("\"clientId,companyName,currency\"\n\"c-1,A,USD\"\n", ""),
        ("\"Kundennr;Firma;Land\"\n\"c-1;A;DE\"\n", ""),
        (
            "clientId;companyName;currency\nc-1;A;USD\n",
            " --delimiter ,",
        ),
    ] {
        let run = Run::new().input("in.csv", text);
        run.go(&format!("validate in.csv{options}"))
            .refuses(1, &["in.csv has no column for"])
            .hints("the whole line is one cell");
    }
    let run = Run::new().input("in.csv", "clientId\nc-1\n");
    run.go("validate in.csv")
        .refuses(1, &["in.csv has no column for"])
        .hints("--map companyName=COLUMN");
}

#[test]
fn json_without_rows_has_no_header() {
    for text in ["[]", "{\"data\": []}"] {
        let run = Run::new().input("in.json", text);
        run.go("validate in.json")
            .code(0)
            .says("in.json has no rows")
            .keeps_to_itself("header");
    }
}

#[test]
fn an_empty_file_stops_no_neighbour() {
    let run = Run::new()
        .input("a.csv", "")
        .input("b.csv", rows(3))
        .input("c.csv", " \n");
    run.go("validate a.csv b.csv c.csv --out all")
        .code(0)
        .says("a.csv is empty")
        .says("c.csv is empty");
    let summary = Summary::of(&run.text("all/summary.json"));
    assert_eq!(summary.rows("read"), 3);
    run.go("validate a.csv c.csv")
        .refuses(1, &["a.csv is empty"]);
    run.go("validate a.csv").refuses(1, &["a.csv is empty"]);
}

#[test]
fn rejects_are_written_as_the_input_is() {
    for (mark, delimiter, end) in [
        ("", ";", "\n"),
        ("\u{feff}", ",", "\r\n"),
        ("\u{feff}", "\t", "\n"),
    ] {
        let header = format!("clientId,\"companyName\",currency,city{end}").replace(',', delimiter);
        let bad = "c-1, \"Au\ntos\" ,,'x'".replace(',', delimiter);
        let text = format!("{mark}{header}{bad}{end}");
        let table = reads(&text, "", &[2]);
        let rejects = table.run.text("in.csv.results/rejects.csv");
        let added = "_line,_code,_field,_message,".replace(',', delimiter);
        assert!(
            rejects.starts_with(&format!("{mark}{added}{header}2{delimiter}")),
            "{rejects:?}"
        );
        assert!(
            rejects.ends_with(&format!("{delimiter}{bad}{end}")),
            "{rejects:?}"
        );
        let mended = rejects.replace(
            &format!("{delimiter}{delimiter}'x'"),
            &format!("{delimiter}USD{delimiter}'x'"),
        );
        table.run.write("mended.csv", mended);
        table.run.import("mended.csv").code(0);
        assert_eq!(table.run.held()["c-1"]["companyName"], "Au\ntos");
    }
}

/// What was converted to UTF-8 is given back in UTF-8, which a spreadsheet must be told.
#[test]
fn rejects_of_another_encoding_have_a_byte_order_mark() {
    let text = format!("{HEADER}c-1,Müller,USD\nc-2,Jörg,\n");
    let text: Vec<u8> = text
        .chars()
        .map(|c| u8::try_from(u32::from(c)).unwrap())
        .collect();
    let table = reads(text, "", &[3]);
    let rejects = table.run.text("in.csv.results/rejects.csv");
    assert!(rejects.starts_with("\u{feff}_line,"), "{rejects}");
    assert!(rejects.ends_with(",c-2,Jörg,\n"), "{rejects}");
}

#[test]
fn problems_have_a_byte_order_mark() {
    let table = reads(format!("{HEADER}c-1,Müller,\n"), "", &[2]);
    let problems = table.run.text("in.csv.results/problems.csv");
    assert!(
        problems.starts_with("\u{feff}line,record,clientId,"),
        "{problems}"
    );
}

/// Rows that an unclosed quote took along: the rejects are mended by removing the quote,
/// and fed back after their original, or together with it.
#[test]
fn what_a_quote_took_along_is_mended_in_the_rejects() {
    let customers = format!(
        "{}c-21,Birch,USD\nc-22,Cedar,USD\nc-23,\"Doe, Inc\",USD\nc-24,Elm,USD\n",
        rows(20)
    );
    let cases = [
        // It ends at the next quote, or at the end of the file.
        customers.clone(),
        customers.replace("\"Doe, Inc\"", "Doe"),
    ];
    for (customers, end) in cases.iter().flat_map(|text| [(text, "\n"), (text, "\r\n")]) {
        let customers = &customers.replace('\n', end);
        let text = customers.replace("c-21,Birch", "c-21,\"Birch");
        for command in ["validate", "import --sandbox=other.db --checkpoint other"] {
            let run = Run::new().server(&[]).input("in.csv", &text);
            run.go(
                &format!("{command} in.csv --out checked --max-errors 9").replace(
                    "validate in.csv --out checked --max-errors 9",
                    "validate in.csv --out checked",
                ),
            )
            .code(3);
            let rejects = run.text("checked/rejects.csv");
            assert_eq!(rejects.matches("c-21,\"Birch").count(), 1, "{rejects}");
            run.write("mended.csv", rejects.replace("c-21,\"Birch", "c-21,Birch"));
            run.import("in.csv --max-errors 9").code(3);
            run.import("mended.csv --checkpoint in.csv.checkpoint.db")
                .code(0);
            run.holds(&customers_of_csv(customers));
            assert_eq!(run.creates_in_vain(), 0);

            let run = Run::new()
                .server(&[])
                .input("in.csv", &text)
                .input("mended.csv", run.bytes("mended.csv"));
            run.import("in.csv mended.csv --out both").code(0);
            run.holds(&customers_of_csv(customers));
            assert_eq!(run.creates_in_vain(), 0);
            run.import("in.csv mended.csv --out both").code(0);
        }
    }
}

/// A quote that takes the rest of one input along stands last in its rejects file.
#[test]
fn what_a_quote_took_along_is_mended_beside_other_rejects() {
    let run = Run::new()
        .input(
            "a.csv",
            format!("{HEADER}a-1,,USD\na-2,\"Two,USD\na-3,Three,USD\n"),
        )
        .input("b.csv", format!("{HEADER}b-1,,USD\nb-2,Two,USD\n"));
    run.go("validate a.csv b.csv --out all").code(3);
    let mended = |name: &str| {
        let text = run.text(&format!("all/{name}"));
        text.replace("a-2,\"Two", "a-2,Two")
            .replace("-1,,", "-1,One,")
    };
    let (first, second) = (mended("rejects.csv"), mended("rejects-2.csv"));
    run.write("first.csv", first);
    run.write("second.csv", second);
    run.import("a.csv b.csv first.csv second.csv --out both")
        .code(0);
    let ids: Vec<String> = run.held().into_keys().collect();
    assert_eq!(ids, ["a-1", "a-2", "a-3", "b-1", "b-2"]);
}

#[test]
fn results_of_rejects_stand_beside_those_of_their_original() {
    let run = Run::new().input("in.csv", format!("{}c-x,,USD\nc-y,,USD\n", rows(20)));
    run.go("validate in.csv").code(3);
    run.go("validate in.csv.results/rejects.csv").code(3);
    assert!(run.exists("in.csv.rejects.results/rejects.csv"));
    run.go("validate in.csv.rejects.results/rejects.csv")
        .code(3);
    assert!(run.exists("in.csv.rejects.rejects.results/rejects.csv"));
    let nested = run.files().into_iter().filter(|file| {
        let folders = file
            .components()
            .filter(|part| part.as_os_str().to_string_lossy().ends_with(".results"));
        folders.count() > 1
    });
    assert_eq!(nested.count(), 0);
    // A folder that was named is a folder of results as well.
    run.go("validate in.csv --out checked").code(3);
    run.go("validate checked/rejects.csv").code(3);
    assert!(run.exists("checked.rejects.results/summary.json"));
    // A file of that name in any other folder is an input like others.
    run.write("mine/rejects.csv", rows(1));
    run.go("validate mine/rejects.csv").code(0);
    assert!(run.exists("mine/rejects.csv.results/summary.json"));
}

#[test]
fn a_byte_order_mark_that_became_letters_is_dropped() {
    for start in [
        "\u{ef}\u{bb}\u{bf}clientId",
        "\u{feff}\u{ef}\u{bb}\u{bf}\"clientId\"",
        "\u{feff}\u{feff}clientId",
    ] {
        let text = format!("{start},companyName,currency\nc-1,A,USD\nc-2,,USD\n");
        let run = Run::new().input("in.csv", text);
        run.go("validate in.csv")
            .code(3)
            .says("byte-order mark was decoded wrongly");
        assert_eq!(run.summary("in.csv").lines_of("missing_field"), [3]);
        let rejects = run.text("in.csv.results/rejects.csv");
        assert!(rejects.starts_with('\u{feff}') && !rejects.contains('\u{ef}'));
    }
    let text =
        "\u{ef}\u{bb}\u{bf}{\"clientId\":\"c-1\",\"companyName\":\"A\",\"currency\":\"USD\"}\n";
    let run = Run::new().input("in.jsonl", text);
    run.go("validate in.jsonl").code(0);
}

#[test]
fn a_drawn_table_is_refused_by_name() {
    for (text, kind) in [
        (
            " clientid | companyname | currency \n----------+-------------+----------\n c-1      | A           | USD\n(1 row)\n",
            "psql",
        ),
        (
            "| clientId | companyName | currency |\n|---|:---:|---:|\n| c-1 | A | USD |\n",
            "Markdown",
        ),
        (
            "+----------+------+\n| clientId | name |\n+----------+------+\n| c-1      | A    |\n+----------+------+\n",
            "a database's client",
        ),
    ] {
        let run = Run::new().input("in.txt", text);
        run.go("validate in.txt").says("NEW.").refuses(1, &[kind]);
    }
}
