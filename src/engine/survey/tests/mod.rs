//! Surveys of rows in memory, against a ledger in memory.

mod claims;
mod surplus;

use std::convert::Infallible;

use proptest::prelude::*;

use super::finding_store::{OtherRow, PriorClaim};
use super::{KnownCustomers, Survey, SurveySettings, survey};
use crate::domain::customer::tests::aster;
use crate::domain::decision::Decision;
use crate::domain::outcome::Outcome;
use crate::domain::row::{CellKind, Columns, InputPart, Origin, ParallelRows, Row, Rows};
use crate::domain::summary::RowCounts;
use crate::engine::checker::CheckSettings;
use crate::engine::stop::{Halt, Stop};
use crate::engine::testing::ledger::{CLAIMED_EARLIER_BY, MemoryLedger};
use crate::engine::testing::rows::MemoryRows;
use crate::engine::testing::{EventLog, survey_settings};
use crate::ledger::Ledger;
use crate::report::Event;

const HEADER: &str = "clientId,companyName,currency";

/// Surveys `rows` against `ledger`.
fn surveyed<R: ParallelRows<Error = Infallible>>(
    mut rows: R,
    names: &[&str],
    ledger: &MemoryLedger,
) -> anyhow::Result<Survey> {
    let check = CheckSettings {
        names: names.iter().map(|name| (*name).to_owned()).collect(),
        ..CheckSettings::default()
    };
    let folder = tempfile::tempdir().unwrap();
    let running = Stop::default();
    let surveying = survey_settings(&check, folder.path(), &running);
    let ledger: &mut dyn Ledger = &mut ledger.clone();
    survey(
        &mut rows,
        &surveying,
        KnownCustomers {
            ledger: Some(ledger),
            list: None,
            surplus: false,
        },
        &EventLog::default(),
    )
}

/// Surveys `tables` without a ledger, on several threads.
fn surveyed_alone(tables: &MemoryRows, strict: bool) -> Survey {
    let mut check = CheckSettings {
        names: tables.names(),
        ..CheckSettings::default()
    };
    check.rules.strict = strict;
    let folder = tempfile::tempdir().unwrap();
    let running = Stop::default();
    let surveying = SurveySettings {
        threads: 3,
        note_rows: true,
        ..survey_settings(&check, folder.path(), &running)
    };
    survey(
        &mut tables.clone(),
        &surveying,
        KnownCustomers::default(),
        &EventLog::default(),
    )
    .unwrap()
}

fn surveyed_rows(rows: &[&str]) -> Survey {
    surveyed(
        MemoryRows::one(rows.iter().copied()),
        &["a.csv"],
        &MemoryLedger::default(),
    )
    .unwrap()
}

#[test]
fn rows_are_counted_as_skipped_rejected_or_fit() {
    let survey = surveyed_rows(&["c-1,Aster,USD", "", "c-2", "c-3,,USD", "c-1,Aster,USD"]);
    let expected = RowCounts {
        read: 5,
        skipped: 1,
        rejected: 3,
    };
    assert_eq!(
        (survey.rows, survey.fit(), survey.to_create),
        (expected, 1, 1)
    );
}

#[test]
fn an_unfit_row_does_not_make_a_later_row_a_duplicate() {
    let mut survey = surveyed_rows(&["c-1,,USD", "c-1,Aster,USD", "c-1,Aster,USD"]);
    let mut repeats = |row| survey.verdicts.on(row).unwrap().unwrap().duplicate;
    let sent = OtherRow {
        input: 0,
        line: 3,
        byte: 0,
    };
    assert_eq!(repeats(0), Some(sent));
    assert_eq!(repeats(2), Some(sent));
    assert_eq!(survey.rows.rejected, 2);
}

#[test]
fn ids_that_differ_in_case_are_different() {
    assert_eq!(
        surveyed_rows(&["c-1,Aster,USD", "C-1,Aster,USD"]).to_create,
        2
    );
}

#[test]
fn each_input_is_read_by_its_own_columns() {
    let tables = MemoryRows::of([
        (HEADER, ["c-1,Aster,USD"]),
        ("currency,clientId,companyName", ["EUR,c-2,Birch"]),
    ]);
    let survey = surveyed(tables, &["a.csv", "b.csv"], &MemoryLedger::default()).unwrap();
    assert_eq!(survey.to_create, 2);
}

#[test]
fn a_missing_required_column_is_an_error_that_names_the_input() {
    let tables = MemoryRows::of([
        (HEADER, ["c-1,Aster,USD"]),
        ("clientId,companyName,cur", ["c-2,Birch,EUR"]),
    ]);
    let error = surveyed(tables, &["a.csv", "b.csv"], &MemoryLedger::default()).unwrap_err();
    assert!(
        error
            .to_string()
            .starts_with("b.csv has no column for currency"),
        "{error}"
    );
}

#[test]
fn unmapped_columns_are_listed_once_per_input() {
    let tables = MemoryRows::of([
        (
            "clientId,companyName,currency,Notes",
            ["c-1,Aster,USD,x", "c-2,Birch,USD,x"],
        ),
        (
            "clientId,companyName,currency,Owner",
            ["c-3,Cedar,USD,x", "c-4,Elm,USD,x"],
        ),
    ]);
    let survey = surveyed(tables, &["a.csv", "b.csv"], &MemoryLedger::default()).unwrap();
    let unused = |input: &str, column: &str| (input.to_owned(), vec![column.to_owned()]);
    assert_eq!(
        survey.unused,
        [unused("a.csv", "Notes"), unused("b.csv", "Owner")]
    );
}

#[test]
fn an_input_without_unmapped_columns_is_not_listed() {
    assert_eq!(surveyed_rows(&["c-1,Aster,USD"]).unused, []);
}

#[test]
fn unmapped_columns_are_listed_under_the_right_input_beside_an_empty_one() {
    let tables = MemoryRows::of([
        (HEADER, vec![]),
        (
            "clientId,companyName,currency,Owner",
            vec!["c-3,Cedar,USD,x", "c-4,Elm,USD,x"],
        ),
    ]);
    let survey = surveyed(tables, &["a.csv", "b.csv"], &MemoryLedger::default()).unwrap();
    assert_eq!(
        survey.unused,
        [("b.csv".to_owned(), vec!["Owner".to_owned()])]
    );
}

/// JSON rows, each with one member more than the one before.
#[derive(Clone)]
struct GrowingColumns(Columns, usize);

impl Rows for GrowingColumns {
    type Error = Infallible;

    fn next(&mut self, row: &mut Row) -> Result<bool, Infallible> {
        if self.1 == 3 {
            return Ok(false);
        }
        self.1 += 1;
        self.0.names.push(format!("extra{}", self.1));
        row.refill(Origin::default(), b"x").unwrap();
        row.push_span(self.0.names.len() - 1, CellKind::Text, 0, 1);
        Ok(true)
    }

    fn columns(&self) -> &Columns {
        &self.0
    }
}

impl ParallelRows for GrowingColumns {
    type Error = Infallible;
    type Part = Self;

    fn next_part(&mut self) -> Result<Option<InputPart<Self>>, Infallible> {
        let part = (self.1 == 0).then(|| self.clone());
        self.1 = 4;
        Ok(part.map(|rows| InputPart {
            rows,
            input: 0,
            count: 3,
        }))
    }
}

#[test]
fn unmapped_members_of_later_rows_are_listed_too() {
    let survey = surveyed(
        GrowingColumns(Columns::open(), 0),
        &["a.jsonl"],
        &MemoryLedger::default(),
    )
    .unwrap();
    let extra = |number| format!("extra{number}");
    assert_eq!(
        survey.unused,
        [("a.jsonl".to_owned(), vec![extra(1), extra(2), extra(3)])]
    );
}

#[test]
fn a_row_with_a_prior_claim_has_a_verdict() {
    for (outcome, decision, in_doubt) in [
        (None, Decision::LookUp, true),
        (Some(Outcome::Unresolved), Decision::LookUp, true),
        (Some(Outcome::Pending), Decision::Create, false),
        (
            Some(Outcome::Created),
            Decision::Skip(Outcome::Differs),
            false,
        ),
    ] {
        let ledger = MemoryLedger::default();
        ledger.remember(&aster(), outcome);
        let rows = MemoryRows::one(["c-0,Birch,USD", "c-1,Changed,USD"]);
        let mut survey = surveyed(rows, &["a.csv"], &ledger).unwrap();
        let expected = PriorClaim {
            changed: true,
            id: 1,
            decision,
            in_doubt,
            last: outcome.filter(|outcome| *outcome != Outcome::Unresolved),
            there: outcome == Some(Outcome::Created),
            ours: outcome == Some(Outcome::Created),
            claimed_by: Some(CLAIMED_EARLIER_BY),
        };
        assert_eq!(survey.verdicts.on(0).unwrap(), None);
        let verdict = survey.verdicts.on(1).unwrap().unwrap();
        assert_eq!(verdict.prior_claim, Some(expected), "{outcome:?}");
    }
}

#[test]
fn rows_to_do_and_rows_done_add_up_to_the_fit_rows() {
    let ledger = MemoryLedger::default();
    ledger.remember(&aster(), Some(Outcome::Created));
    let rows = MemoryRows::one(["c-0,Birch,USD", "c-1,Changed,USD", "c-2,Cedar,USD"]);
    let survey = surveyed(rows, &["a.csv"], &ledger).unwrap();
    assert_eq!((survey.to_do(), survey.done.sum(), survey.fit()), (2, 1, 3));
}

#[test]
fn with_gaps_in_the_ledger_every_row_is_looked_up() {
    let ledger = MemoryLedger::default();
    ledger.remember(&aster(), Some(Outcome::Created));
    ledger.forget();
    let rows = MemoryRows::one(["c-0,Birch,USD", "c-1,Changed,USD", "c-2,,USD"]);
    let survey = surveyed(rows, &["a.csv"], &ledger).unwrap();
    assert_eq!(
        (survey.to_create, survey.to_look_up, survey.done.sum()),
        (0, 1, 1)
    );
}

#[test]
fn new_claims_are_numbered_after_those_of_the_ledger() {
    let ledger = MemoryLedger::default();
    ledger.remember(&aster(), Some(Outcome::Created));
    assert_eq!(
        surveyed(MemoryRows::one(["c-2,Birch,USD"]), &["a.csv"], &ledger)
            .unwrap()
            .first_new_id,
        2
    );
}

#[test]
fn the_stop_signal_ends_the_reading() {
    let (check, stop, heard) = (
        CheckSettings::default(),
        Stop::default(),
        EventLog::default(),
    );
    stop.halt(Halt::Interrupted);
    let rows = (0..1000).map(|number| format!("c-{number},Aster,USD"));
    let folder = tempfile::tempdir().unwrap();
    let surveying = survey_settings(&check, folder.path(), &stop);
    let survey = survey(
        &mut MemoryRows::one(rows),
        &surveying,
        KnownCustomers::default(),
        &heard,
    )
    .unwrap();
    // No result is passed on after the first.
    assert_eq!((survey.rows.read, survey.interrupted), (3, true));
    assert_eq!(heard.events(), [Event::Checking { rows: 3 }]);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    /// The sort finds the same repeats as comparing every row with every other.
    #[test]
    fn repeats_are_those_that_comparing_all_pairs_finds(
        rows in prop::collection::vec((prop::sample::select(vec!["a", "A", " a", "b", "B ", "ß", "SS"]), 0..2, 0..4), 0..14),
        strict in any::<bool>(),
    ) {
        // Several companies, two of which are the same but for case; one that is
        // missing makes the row unfit.
        let company = |number: i32| ["Aster", "Birch", "ASTER", ""][usize::try_from(number).unwrap()];
        let line = |(id, city, of): &(&str, i32, i32)| format!("{id},{},USD,{city},x@y.example", company(*of));
        let tables = MemoryRows::of([("clientId,companyName,currency,city,email", rows.iter().map(line))]);
        let mut survey = surveyed_alone(&tables, strict);
        // An id with blanks around it is refused.
        let fit = |row: &(&str, i32, i32)| row.0.trim() == row.0 && row.2 != 3;
        let person_of = |at: usize| {
            let row = &rows[at];
            (0..rows.len()).find(|other| row.2 != 3 && company(rows[*other].2).to_lowercase() == company(row.2).to_lowercase())
        };
        // A row that is rejected for that warning must not win an id.
        let refused = |at: usize| strict && fit(&rows[at]) && person_of(at).is_some_and(|other| rows[other].0 != rows[at].0);
        let order = |at: &usize| (refused(*at), !fit(&rows[*at]), *at);
        let (mut rejected, mut unfit) = (0, 0);
        for (at, row) in rows.iter().enumerate() {
            let others = |alike: &dyn Fn(usize) -> bool| (0..rows.len()).filter(|other| alike(*other)).min_by_key(order);
            let first = others(&|other| rows[other].0 == row.0);
            let lead = others(&|other| rows[other].0.trim().to_lowercase() == row.0.trim().to_lowercase());
            let person = (0..rows.len()).find(|other| row.2 != 3 && company(rows[*other].2).to_lowercase() == company(row.2).to_lowercase());
            let place = |of: Option<usize>| of.filter(|of| *of != at).map(|of| OtherRow { input: 0, line: of as u64 + 2, byte: 0 });
            let duplicate = place(first);
            let similar = place(lead).filter(|_| first == Some(at));
            let same_customer = place(person).filter(|_| rows[person.unwrap()].0 != row.0);
            let found = survey.verdicts.on(at as u64).unwrap();
            prop_assert_eq!(found.and_then(|found| found.duplicate), duplicate, "{} of {:?}", at, rows);
            prop_assert_eq!(found.and_then(|found| found.similar), similar, "{} of {:?}", at, rows);
            prop_assert_eq!(found.and_then(|found| found.same_customer), same_customer, "{} of {:?}", at, rows);
            prop_assert_eq!(found.is_some(), !fit(row) || duplicate.or(similar).or(same_customer).is_some());
            unfit += u64::from(!fit(row));
            rejected += u64::from(fit(row) && (duplicate.is_some() || strict && (similar.is_some() || same_customer.is_some())));
        }
        prop_assert_eq!(survey.rows.rejected, unfit + rejected);
    }
}

#[test]
fn placeholder_cells_do_not_make_rows_the_same_customer() {
    let people = [
        "Aster,USD,n/a",
        "Aster,USD,#N/A",
        "#REF!,USD,a@b.example",
        "Birch,USD,a@b.example",
    ];
    let twice = people.iter().enumerate();
    let rows = twice.flat_map(|(at, person)| ["x", "y"].map(|id| format!("{id}{at},{person}")));
    let tables = MemoryRows::of([("clientId,companyName,currency,email", rows)]);
    let names = tables.names();
    let names: Vec<_> = names.iter().map(String::as_str).collect();
    let mut survey = surveyed(tables, &names, &MemoryLedger::default()).unwrap();
    let mut same = (0..8).filter(|row| {
        let verdict = survey.verdicts.on(*row).unwrap();
        verdict.is_some_and(|verdict| verdict.same_customer.is_some())
    });
    assert_eq!((same.next(), same.next()), (Some(7), None));
}

/// Under `--strict` the first `x` is rejected as `same_customer`, so the second is sent.
#[test]
fn a_row_rejected_for_a_warning_does_not_make_a_later_row_a_duplicate() {
    let rows = [
        "w,Aster,USD,a@b.example",
        "x,Aster,USD,a@b.example",
        "x,Birch,USD,b@b.example",
    ];
    let tables = MemoryRows::of([("clientId,companyName,currency,email", rows)]);
    for (strict, fit, repeats) in [(false, 2, [None, Some(3)]), (true, 2, [Some(4), None])] {
        let mut survey = surveyed_alone(&tables, strict);
        let found = [1, 2].map(|row| {
            let verdict = survey.verdicts.on(row).unwrap();
            verdict
                .and_then(|verdict| verdict.duplicate)
                .map(|other| other.line)
        });
        assert_eq!((survey.fit(), found), (fit, repeats), "strict: {strict}");
    }
}
