//! Workbooks: the same table has the same verdicts as XLSX, ODS and XLS, on the rows of the
//! sheet, and a sheet is chosen openly.

use std::io::Write;
use std::path::Path;

use flate2::Compression;
use flate2::write::GzEncoder;

use crate::common::{Run, Summary};

fn workbook(name: &str) -> Vec<u8> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/workbooks");
    std::fs::read(folder.join(name)).unwrap()
}

fn run_with(name: &str) -> Run {
    Run::new().input(name, workbook(name))
}

#[test]
fn every_kind_of_workbook_gives_the_same_customers() {
    for name in ["customers.xlsx", "customers.ods", "customers.xls"] {
        let run = run_with(name);
        run.import(&format!("{name} --max-errors 3"))
            .code(3)
            .says("sheet \"Customers\"; other sheets: \"Notes\"; hidden sheets: \"Old\"");
        let summary = run.summary(name);
        let counts = ["read", "skipped", "rejected"].map(|what| summary.rows(what));
        assert_eq!(counts, [7, 1, 3], "{name}");
        assert_eq!(summary.lines_of("invalid_value"), [5, 6], "{name}");
        assert_eq!(summary.lines_of("unsupported_currency"), [8], "{name}");
        let held = run.held();
        let ids: Vec<&String> = held.keys().collect();
        assert_eq!(ids, ["00123", "1234567890123", "42"], "{name}");
        let first = &held["1234567890123"];
        assert_eq!(first["companyName"], "Müller & Söhne GmbH", "{name}");
        if name != "customers.xls" {
            assert_eq!(first["billingContact"]["postalCode"], "02134", "{name}");
        }
    }
}

#[test]
fn rejected_rows_come_back_as_a_table() {
    for name in ["customers.xlsx", "customers.ods", "customers.xls"] {
        let run = run_with(name);
        run.go(&format!("validate {name}")).code(3);
        let rejects = run.text(&format!("{name}.results/rejects.csv"));
        assert!(
            rejects.contains("1.23456789012346E+15,Lost Digits Inc,USD"),
            "{rejects}"
        );
        assert!(rejects.contains("c-6,#N/A,USD,,,,"), "{rejects}");
        run.write(
            "mended.csv",
            rejects
                .replace("1.23456789012346E+15", "c-5")
                .replace("#N/A", "Six"),
        );
        run.go("validate mended.csv").code(3);
        assert_eq!(run.summary("mended.csv").rows("rejected"), 1);
    }
}

#[test]
fn values_are_texts_as_people_mean_them() {
    let run = run_with("customers.xlsx");
    run.go("validate customers.xlsx --map companyName=since --map country=note -v")
        .code(3);
    let results = run.text("customers.xlsx.results/problems.csv");
    // A boolean, and a cell with a line break, stand where they stood.
    assert!(results.contains("TRUE"), "{results}");
    run.import("customers.xlsx --map companyName=since --max-errors 9 --checkpoint a.db")
        .code(3);
    let held = run.held();
    assert_eq!(held["1234567890123"]["companyName"], "2024-03-11T00:00:00");
    assert_eq!(held["42"]["companyName"], "2024-03-11T09:42:00");
}

/// A spreadsheet makes dates of ids such as `3-1`. A date with a time was more likely one
/// from the start.
#[test]
fn a_cell_with_a_date_is_no_id() {
    for name in ["customers.xlsx", "customers.ods", "customers.xls"] {
        let run = run_with(name);
        run.go(&format!("validate {name} --map clientId=since"))
            .code(3);
        let problems = run.text(&format!("{name}.results/problems.csv"));
        for (value, found) in [
            (
                "2024-03-11T00:00:00",
                "is a date or a time that a spreadsheet made",
            ),
            (
                "2024-03-11T09:42:00",
                "is a date, which a spreadsheet may have made",
            ),
        ] {
            let message = format!("clientId \"\"{value}\"\" {found}");
            assert!(problems.contains(&message), "{name}: {problems}");
        }
    }
}

/// Libraries that write formulas do not calculate them: the values that nobody has seen
/// must not be missing in customers.
#[test]
fn a_formula_without_a_value_rejects_its_row() {
    for name in ["formulas.xlsx", "formulas.ods"] {
        let run = run_with(name);
        run.import(&format!("{name} --max-errors 9"))
            .code(3)
            .says("formulas without a value: 8 (open the workbook in a spreadsheet program");
        let summary = run.summary(name);
        let mut lines = summary.lines_of("invalid_value");
        lines.sort_unstable();
        assert_eq!(lines, [2, 3, 4, 5, 7, 8, 8, 8], "{name}");
        // An empty text is a value.
        let held = run.held();
        let ids: Vec<&String> = held.keys().collect();
        assert_eq!(ids, ["f-6"], "{name}");
        let problems = run.text(&format!("{name}.results/problems.csv"));
        for field in [
            "billingContact.email",
            "billingContact.city",
            "billingContact.state",
            "currency",
            "clientId",
            "companyName",
        ] {
            let message = format!("{field} is a formula that was saved without its value");
            assert!(problems.contains(&message), "{name}: {field}: {problems}");
        }
        // The rejected rows are not taken for values when they come back.
        let rejects = run.text(&format!("{name}.results/rejects.csv"));
        run.write("again.csv", &rejects);
        run.go("validate again.csv").code(3);
        assert_eq!(run.summary("again.csv").rows("rejected"), 6, "{name}");
    }
}

/// The sheet shows `CUST-0042`: a customer `42` would be another one.
#[test]
fn ids_are_what_the_sheet_shows() {
    for name in ["numbers.xlsx", "numbers.ods", "numbers.xls"] {
        let run = run_with(name);
        let ended = run.import(name).code(0);
        let held = run.held();
        let ids: Vec<&String> = held.keys().collect();
        assert_eq!(ids, ["00007", "CUST-0042"], "{name}");
        let contact = &held["CUST-0042"]["billingContact"];
        assert_eq!(contact["postalCode"], "02134", "{name}");
        assert_eq!(contact["phone"], "555-1234", "{name}");
        let contact = &held["00007"]["billingContact"];
        assert_eq!(contact["postalCode"], "12345", "{name}");
        assert_eq!(contact["phone"], "(212) 555-1234", "{name}");
        if name != "numbers.ods" {
            ended.says("such as 12345 in D3, format #,##0\" pieces\"");
        }
    }
}

/// Titles above the header are passed over; lines are the rows of the sheet, although a
/// cell has a line break.
#[test]
fn a_table_below_a_merged_title_is_found() {
    let run = run_with("titled.xlsx");
    run.import("titled.xlsx --max-errors 1").code(3);
    let summary = run.summary("titled.xlsx");
    assert_eq!(summary.rows("read"), 3);
    assert_eq!(summary.lines_of("unknown_currency"), [6]);
    assert_eq!(run.result("titled.xlsx", "c-3")["line"], 7);
    assert_eq!(run.held()["c-3"]["companyName"], "Cobalt AG");
}

#[test]
fn a_sheet_is_named_or_numbered() {
    for sheet in ["Old", "old", "3"] {
        let run = run_with("customers.xlsx");
        run.import(&format!("customers.xlsx --sheet {sheet}"))
            .code(0)
            .says("sheet \"Old\", as --sheet says");
        assert!(run.held().contains_key("old-1"));
    }
    let run = run_with("customers.xlsx");
    run.go("validate customers.xlsx --sheet Custmers")
        .refuses(
            1,
            &["has no sheet \"Custmers\"", "\"Customers\"", "\"Notes\""],
        )
        .hints("--sheet");
    run.go("validate customers.xlsx --sheet Chart")
        .refuses(1, &["\"Chart\"", "a chart"]);
    run.go("validate customers.xlsx --sheet Notes")
        .refuses(1, &["clientId"]);
    assert!(!run.exists("customers.xlsx.results"));
}

#[test]
fn workbooks_that_cannot_be_read_are_named() {
    for (name, words) in [
        ("locked.xlsx", "is a workbook with a password"),
        ("hidden.xlsx", "has rows in hidden sheets only: \"Old\""),
        ("empty.xlsx", "is a workbook without rows"),
    ] {
        let run = run_with(name);
        run.import(name).refuses(1, &[name, words]);
        assert!(!run.exists(&format!("{name}.results")), "{name}");
    }
    run_with("hidden.xlsx")
        .import("hidden.xlsx --sheet Old")
        .code(0);
}

/// The library reads some of its cells as empty. The name of a part tells the kind.
#[test]
fn a_binary_workbook_is_refused_by_name() {
    let name = "xl/workbook.bin";
    let length = [u8::try_from(name.len()).unwrap(), 0];
    // The version, flags, no compression, the time, the date; an empty file.
    let common = [
        &[20, 0, 0, 0, 0, 0, 0, 0, 0x21, 0x5a][..],
        &[0; 12],
        &length,
        &[0; 2],
    ]
    .concat();
    let file = [b"PK\x03\x04", &*common, name.as_bytes()].concat();
    let entry = [b"PK\x01\x02\x14\0", &*common, &[0; 14], name.as_bytes()].concat();
    let sizes = [entry.len(), file.len()].map(|size| u32::try_from(size).unwrap().to_le_bytes());
    let end = [
        &b"PK\x05\x06\0\0\0\0\x01\0\x01\0"[..],
        &sizes.concat(),
        &[0; 2],
    ]
    .concat();
    let run = Run::new().input("in.xlsb", [file, entry, end].concat());
    for options in ["", " --format xlsx", " --sheet 1"] {
        run.go(&format!("validate in.xlsb{options}"))
            .refuses(1, &["in.xlsb is a binary workbook (XLSB)"])
            .hints("save it as XLSX");
    }
    run.import("in.xlsb")
        .refuses(1, &["in.xlsb is a binary workbook"]);
    assert!(!run.exists("in.xlsb.results"));
}

#[test]
fn the_format_can_be_said() {
    let run = run_with("customers.xls").input("in.csv", "clientId,companyName,currency\n");
    run.go("validate customers.xls --format xlsx").code(3);
    run.go("validate customers.xls --format csv")
        .refuses(1, &["is a workbook (XLS)"]);
    run.go("validate in.csv --format xlsx")
        .refuses(1, &["in.csv is no workbook"]);
}

#[test]
fn a_workbook_is_recognised_whatever_it_is_called_and_however_it_is_packed() {
    let mut packed = GzEncoder::new(Vec::new(), Compression::fast());
    packed.write_all(&workbook("customers.ods")).unwrap();
    let run = Run::new()
        .input("export", workbook("customers.xlsx"))
        .input("export.gz", packed.finish().unwrap());
    for name in ["export", "export.gz"] {
        let ended = run.go(&format!("validate {name} --json")).code(3);
        assert_eq!(Summary::of(&ended.stdout).rows("read"), 7, "{name}");
    }
    let run = Run::new().stdin(workbook("customers.xlsx"));
    run.go("validate - --out results")
        .code(3)
        .says("standard input: XLSX, sheet");
}

/// Any byte of a workbook may be wrong: that is an error or a verdict, never a crash.
#[test]
fn damaged_workbooks_are_errors() {
    for name in ["customers.xlsx", "customers.ods", "customers.xls"] {
        let whole = workbook(name);
        let run = Run::new();
        for at in (8..whole.len()).step_by(whole.len() / 12) {
            let mut spoilt = whole.clone();
            spoilt[at] ^= 0x55;
            run.write(name, &spoilt);
            let ended = run.go(&format!("validate {name}"));
            ended.keeps_to_itself("memory allocation");
            run.write(name, &whole[..at]);
            run.go(&format!("validate {name}")).refuses(1, &[name]);
        }
    }
}

/// The place of `bytes` in `whole`.
fn place_of(bytes: &[u8], whole: &[u8]) -> usize {
    let mut windows = whole.windows(bytes.len());
    windows.position(|window| window == bytes).unwrap()
}

/// The library takes sizes and chains of sectors as they are written, and would end the
/// process: for lack of memory there is no panic.
#[test]
fn impossible_sizes_and_endless_chains_are_errors() {
    let whole = workbook("customers.xls");
    let table = 512 * (1 + usize::from(whole[76]));
    let directory = whole[48];
    let run = Run::new();
    for (changes, words) in [
        // The last row that a sheet says that it has.
        (
            &[(place_of(b"\x00\x02\x0e\x00", &whole) + 8, [0xff; 4])][..],
            "too many cells",
        ),
        // The row and the column of a number.
        (
            &[(place_of(b"\x03\x02\x0e\x00", &whole) + 4, [0xff; 4])],
            "too many cells",
        ),
        // The sector that follows that of the directory.
        (
            &[(table + 4 * usize::from(directory), [directory, 0, 0, 0])],
            "has no end",
        ),
        // The sector that follows in the list of the table's sectors: the table itself.
        (&[(68, [0; 4]), (table + 508, [0; 4])], "has no end"),
    ] {
        let mut spoilt = whole.clone();
        for (at, bytes) in changes {
            spoilt[*at..at + 4].copy_from_slice(bytes);
        }
        run.write("in.xls", &spoilt);
        run.go("validate in.xls").refuses(1, &["in.xls", words]);
    }
}
