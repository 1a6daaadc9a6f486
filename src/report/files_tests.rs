use std::path::Path;

use super::{OptionalFiles, PageNotes, ResultFiles, harmless};
use crate::domain::field::Field;
use crate::domain::outcome::Outcome;
use crate::domain::problem::{Code, Problem};
use crate::domain::remote::{Difference, DifferingField};
use crate::domain::row::{Columns, Origin, ReadState, Row, after_cells};
use crate::domain::summary::Summary;
use crate::report::manifest;
use crate::report::{OutcomeDetails, RowAccount, RowResult, RowSink};

fn row(raw: &str, line: u64) -> Row {
    let mut row = Row::default();
    let origin = Origin {
        line,
        record: line - 1,
        ..Origin::default()
    };
    row.refill(origin, raw.as_bytes());
    row
}

fn table() -> Columns {
    let header = "clientId;\"company;Name\"";
    Columns::table(
        vec!["clientId".to_owned(), "company;Name".to_owned()],
        header,
        b';',
    )
}

fn rejected<'a>(row: &'a Row, columns: &'a Columns, problems: &'a [Problem]) -> RowAccount<'a> {
    RowAccount {
        row,
        columns,
        leading_own: 0,
        input: "in.csv",
        client_id: "c-1",
        result: RowResult::Rejected,
        problems,
    }
}

fn problems() -> Vec<Problem> {
    vec![
        Problem::of_row(Code::MalformedRow, "it has; flaws"),
        Problem::of(
            Code::MissingField,
            Field::Currency,
            "=1+1",
            "currency is missing",
        ),
    ]
}

fn begin(folder: &Path) -> ResultFiles {
    let optional = OptionalFiles {
        every_row: Some("results.jsonl"),
        compares: true,
    };
    let origin = manifest::ResultsOrigin::default();
    ResultFiles::begin(folder, false, optional, origin).unwrap()
}

fn write(folder: &Path, accounts: &[RowAccount<'_>]) {
    let mut files = begin(folder);
    for account in accounts {
        files.add_row(account).unwrap();
    }
    files
        .finish(&Summary::default(), &PageNotes::default())
        .unwrap();
}

fn read(folder: &Path, name: &str) -> String {
    std::fs::read_to_string(folder.join(name)).unwrap()
}

#[test]
fn a_rejected_row_is_unchanged_after_the_added_cells() {
    let folder = tempfile::tempdir().unwrap();
    let (row, columns, problems) = (row("c-1; \"a;b\" ;surplus", 7), table(), problems());
    write(folder.path(), &[rejected(&row, &columns, &problems)]);
    assert_eq!(
        read(folder.path(), "rejects.csv"),
        "_line;_code;_field;_message;clientId;\"company;Name\"\n\
         7;malformed_row;missing_field;;currency;\"it has; flaws; currency is missing\";c-1; \"a;b\" ;surplus\n"
            .replace("malformed_row;missing_field;;currency", "\"malformed_row;missing_field\";\";currency\"")
    );
}

#[test]
fn cells_added_by_an_earlier_run_are_replaced() {
    let folder = tempfile::tempdir().unwrap();
    let columns = Columns::table(vec![], "_line,_code,_field,_message,clientId", b',');
    let mut row = row("3,x,y,\"said, before\",c-1", 2);
    row.added_cells = 4;
    let account = RowAccount {
        leading_own: 4,
        ..rejected(&row, &columns, &[])
    };
    write(folder.path(), &[account]);
    assert_eq!(
        read(folder.path(), "rejects.csv"),
        "_line,_code,_field,_message,clientId\n2,,,,c-1\n"
    );
}

#[test]
fn json_rows_keep_their_members_unchanged() {
    let folder = tempfile::tempdir().unwrap();
    let columns = Columns::open();
    let rows = [
        row(r#"{"clientId": "c-1", "n": 1.50}"#, 1),
        row("{}", 2),
        row(r#"{"_line":9,"_code":"x","n": 1.50}"#, 3),
    ];
    let accounts: Vec<_> = rows
        .iter()
        .map(|row| rejected(row, &columns, &[]))
        .collect();
    write(folder.path(), &accounts);
    assert_eq!(
        read(folder.path(), "rejects.jsonl"),
        "{\"_line\":1,\"_code\":\"\",\"_field\":\"\",\"_message\":\"\",\"clientId\": \"c-1\", \"n\": 1.50}\n\
         {\"_line\":2,\"_code\":\"\",\"_field\":\"\",\"_message\":\"\"}\n\
         {\"_line\":3,\"_code\":\"\",\"_field\":\"\",\"_message\":\"\",\"n\":1.50}\n"
    );
}

#[test]
fn a_line_that_is_not_json_is_written_as_a_string() {
    let folder = tempfile::tempdir().unwrap();
    let columns = Columns::open();
    let mut broken = row("{\"clientId\":\"c-1", 4);
    broken.state = ReadState::Broken("not JSON".to_owned());
    write(folder.path(), &[rejected(&broken, &columns, &[])]);
    assert!(
        read(folder.path(), "rejects.jsonl")
            .ends_with(",\"_raw\":\"{\\\"clientId\\\":\\\"c-1\"}\n")
    );
}

#[test]
fn failures_have_the_message_of_the_api() {
    let folder = tempfile::tempdir().unwrap();
    let (row, columns) = (row("c-1;Aster", 2), table());
    let account = RowAccount {
        result: RowResult::Outcome(OutcomeDetails {
            outcome: Outcome::Failed,
            customer_id: None,
            request_id: Some("req_1"),
            attempts: 2,
            status: Some(422),
            message: Some("no way"),
            differences: &[],
        }),
        ..rejected(&row, &columns, &[])
    };
    write(folder.path(), &[account]);
    assert_eq!(
        read(folder.path(), "failures.csv"),
        "_line;_code;_field;_message;_status;_request_id;clientId;\"company;Name\"\n2;refused;;no way;422;req_1;c-1;Aster\n"
    );
    assert_eq!(
        read(folder.path(), "results.jsonl"),
        "{\"line\":2,\"clientId\":\"c-1\",\"outcome\":\"failed\",\"customerId\":null,\"requestId\":\"req_1\",\"attempts\":2}\n"
    );
}

#[test]
fn problems_are_harmless_in_a_spreadsheet() {
    let folder = tempfile::tempdir().unwrap();
    let (row, columns, problems) = (row("x", 7), table(), problems());
    write(folder.path(), &[rejected(&row, &columns, &problems)]);
    assert!(
        read(folder.path(), "problems.csv")
            .contains("7,6,c-1,error,missing_field,currency,'=1+1,currency is missing")
    );
    for (text, shown) in [("@x", "'@x"), ("+1", "'+1"), ("a=1", "a=1"), ("", "")] {
        assert_eq!(harmless(text), shown);
    }
}

#[test]
fn rejects_of_an_earlier_run_are_removed_when_there_are_none() {
    let folder = tempfile::tempdir().unwrap();
    let (row, columns) = (row("x", 7), table());
    write(folder.path(), &[rejected(&row, &columns, &[])]);
    write(folder.path(), &[]);
    assert!(!folder.path().join("rejects.csv").exists());
}

#[test]
fn tables_with_other_headers_have_files_of_their_own() {
    let folder = tempfile::tempdir().unwrap();
    let (row, columns, other) = (row("x", 7), table(), Columns::table(vec![], "a,b", b','));
    write(
        folder.path(),
        &[rejected(&row, &columns, &[]), rejected(&row, &other, &[])],
    );
    assert!(read(folder.path(), "rejects-2.csv").starts_with("_line,_code,_field,_message,a,b\n"));
}

#[test]
fn a_row_after_an_unclosed_quote_goes_to_another_file() {
    let folder = tempfile::tempdir().unwrap();
    let columns = table();
    let mut open = row("c-1;\"open", 2);
    open.state = ReadState::Broken("open".to_owned());
    let next = row("c-2;x", 3);
    write(
        folder.path(),
        &[
            rejected(&open, &columns, &[]),
            rejected(&next, &columns, &[]),
        ],
    );
    let header = "_line;_code;_field;_message;clientId;\"company;Name\"\n";
    for (name, row) in [
        ("rejects.csv", "2;;;;c-1;\"open\n"),
        ("rejects-2.csv", "3;;;;c-2;x\n"),
    ] {
        assert_eq!(read(folder.path(), name), format!("{header}{row}"));
    }
}

#[test]
fn a_table_is_written_back_as_it_was_written() {
    let folder = tempfile::tempdir().unwrap();
    let columns = Columns {
        is_marked: true,
        line_end: "\r\n",
        ..table()
    };
    let row = row("c-1;\"two\nlines\"", 7);
    write(folder.path(), &[rejected(&row, &columns, &[])]);
    assert_eq!(
        read(folder.path(), "rejects.csv"),
        "\u{feff}_line;_code;_field;_message;clientId;\"company;Name\"\r\n\
         7;;;;c-1;\"two\nlines\"\r\n"
    );
    assert!(read(folder.path(), "problems.csv").starts_with("\u{feff}line,"));
}

#[cfg(unix)]
#[test]
fn only_their_owner_can_read_them() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), &[]);
    for name in ["results.jsonl", "problems.csv", "summary.json"] {
        let mode = std::fs::metadata(folder.path().join(name))
            .unwrap()
            .permissions()
            .mode();
        assert_eq!(mode & 0o777, 0o600, "{name}");
    }
}

#[test]
fn cells_are_cut_off_with_their_quotes() {
    assert_eq!(after_cells(b"a,\"b,\"\"c\",d,e", b',', 2), b"d,e");
    assert_eq!(after_cells(b"a,b", b',', 0), b"a,b");
    assert_eq!(after_cells(b"a", b',', 1), b"");
}

#[test]
fn differences_have_a_line_each_and_one_side_may_lack_a_customer() {
    let folder = tempfile::tempdir().unwrap();
    let (row, columns) = (row("c-1;Aster", 2), table());
    let differs = [Difference {
        field: DifferingField::OfRow(Field::City),
        ours: "=Bonn, DE".to_owned(),
        theirs: String::new(),
    }];
    let came = |outcome, differences| RowAccount {
        result: RowResult::Outcome(OutcomeDetails {
            outcome,
            customer_id: None,
            request_id: None,
            attempts: 0,
            status: None,
            message: None,
            differences,
        }),
        client_id: "c-1",
        ..rejected(&row, &columns, &[])
    };
    let mut files = begin(folder.path());
    for account in [
        came(Outcome::Differs, &differs),
        came(Outcome::Missing, &[]),
        came(Outcome::Unchanged, &[]),
    ] {
        files.add_row(&account).unwrap();
    }
    files.add_surplus("c-9").unwrap();
    files
        .finish(&Summary::default(), &PageNotes::default())
        .unwrap();
    assert_eq!(
        read(folder.path(), "differences.csv"),
        "line,clientId,field,file,kable\n\
         2,c-1,billingContact.city,\"=Bonn, DE\",\n\
         2,c-1,clientId,c-1,\n\
         ,c-9,clientId,,c-9\n"
    );
}
