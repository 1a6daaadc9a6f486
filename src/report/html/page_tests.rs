use super::page_rows::PageRows;
use super::{PageNotes, page};
use crate::domain::field::Field;
use crate::domain::outcome::Outcome;
use crate::domain::problem::{Code, Problem};
use crate::domain::problem_groups::ProblemCounts;
use crate::domain::row::{Columns, Row};
use crate::domain::summary::{RowCounts, Summary};
use crate::report::text::SummaryNotes;
use crate::report::{OutcomeDetails, RowAccount, RowResult};

/// Text that would leave its place in the page.
const HOSTILE: &str = "<script>alert(1)</script>\"'><img src=x onerror=alert(2)>&amp;</style><!--";

/// The most bytes of a page.
const MOST_BYTES: usize = 2_000_000;

fn rejected<'a>(row: &'a Row, columns: &'a Columns, problems: &'a [Problem]) -> RowAccount<'a> {
    RowAccount {
        row,
        columns,
        leading_own: 0,
        input: HOSTILE,
        client_id: HOSTILE,
        result: RowResult::Rejected,
        problems,
    }
}

fn failed<'a>(row: &'a Row, columns: &'a Columns) -> RowAccount<'a> {
    RowAccount {
        result: RowResult::Outcome(OutcomeDetails {
            outcome: Outcome::Failed,
            customer_id: None,
            request_id: None,
            attempts: 1,
            status: Some(400),
            message: Some(HOSTILE),
            differences: &[],
        }),
        ..rejected(row, columns, &[])
    }
}

fn summary(rows: u64, problems: ProblemCounts) -> Summary {
    let mut summary = Summary {
        command: "import".to_owned(),
        exit_code: 3,
        inputs: vec![HOSTILE.to_owned(), "b.csv".to_owned()],
        checkpoint: HOSTILE.to_owned(),
        rows: RowCounts {
            read: rows,
            skipped: 0,
            rejected: rows,
        },
        problems: problems.into_groups(),
        ..Summary::default()
    };
    summary.target.kable_client_id = HOSTILE.to_owned();
    summary.detail.currencies.add(HOSTILE);
    summary.detail.countries.add(HOSTILE);
    summary
}

#[test]
fn whatever_comes_from_files_is_only_text() {
    let (row, columns) = (Row::default(), Columns::open());
    let problem = Problem::of(Code::InvalidValue, Field::CompanyName, HOSTILE, HOSTILE);
    let mut counts = ProblemCounts::default();
    counts.add(1, &problem);
    let mut rows = PageRows::default();
    rows.add_row(&rejected(&row, &columns, &[problem]));
    rows.add_row(&failed(&row, &columns));
    let notes = PageNotes {
        words: SummaryNotes {
            title: HOSTILE.to_owned(),
            halt: Some(HOSTILE.to_owned()),
            plan: Some(HOSTILE.to_owned()),
            next: vec![(HOSTILE.to_owned(), HOSTILE.to_owned())],
            ..SummaryNotes::default()
        },
        command_line: HOSTILE.to_owned(),
        settings: vec![HOSTILE.to_owned()],
        ..PageNotes::default()
    };
    let page = page(&summary(2, counts), &rows, &notes).unwrap();
    // Those of the page itself.
    assert_eq!(page.matches("<script>").count(), 1);
    assert_eq!(page.matches("</script>").count(), 1);
    assert_eq!(page.matches("</style>").count(), 1);
    for part in ["<img", "<!--", "\"'>"] {
        assert!(!page.contains(part), "{part}");
    }
    let places = page.matches("alert(1)").count();
    assert!(places > 12, "{places} places");
}

#[test]
fn the_page_stays_small_whatever_the_rows_and_counts_them_all() {
    let (row, columns) = (Row::default(), Columns::open());
    let long = HOSTILE.repeat(99);
    let codes = [
        Code::Corrected,
        Code::MissingField,
        Code::UnknownCurrency,
        Code::WrongType,
        Code::InvalidValue,
        Code::SuspectValue,
    ];
    let mut counts = ProblemCounts::default();
    let mut rows = PageRows::default();
    for line in 0..3000 {
        for code in codes {
            let problem = Problem::of(code, Field::CompanyName, &long, &long);
            counts.add(line, &problem);
            rows.add_row(&rejected(&row, &columns, &[problem]));
        }
    }
    rows.add_row(&failed(&row, &columns));
    let mut summary = summary(18_001, counts);
    summary.inputs = vec![long.clone(); 50_000];
    let notes = PageNotes {
        settings: vec![long.clone(); 5_000],
        ..PageNotes::default()
    };
    let page = page(&summary, &rows, &notes).unwrap();
    assert!(page.len() < MOST_BYTES, "{} bytes", page.len());
    assert!(page.contains("<option value=\"corrected\">corrected (3,000)</option>"));
    // The last kind came when the room of the others was used up.
    assert!(page.contains("data-kind=\"failed\""));
    assert!(
        page.contains("not on this page"),
        "what is left out is said"
    );
}

#[test]
fn a_run_without_rows_has_a_page() {
    let page = page(
        &Summary::default(),
        &PageRows::default(),
        &PageNotes::default(),
    )
    .unwrap();
    assert!(page.contains("Rows read"));
    for part in ["id=\"rows\"", "How to go on", "Latency"] {
        assert!(!page.contains(part), "{part}");
    }
}
