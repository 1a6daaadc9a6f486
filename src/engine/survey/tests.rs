use std::convert::Infallible;

use proptest::prelude::*;

use super::finding_store::{Other, Remembered};
use super::{Beforehand, Survey, Surveying, survey};
use crate::domain::customer::tests::aster;
use crate::domain::decision::{Decision, RowPolicy};
use crate::domain::outcome::Outcome;
use crate::domain::row::{CellKind, Columns, InputPart, Origin, ParallelRows, Row, Rows};
use crate::domain::summary::RowCounts;
use crate::engine::checker::Reading;
use crate::engine::stop::{Halt, Stop};
use crate::engine::testing::EventLog;
use crate::engine::testing::ledger::{CLAIMED_EARLIER_BY, MemoryLedger};
use crate::engine::testing::rows::MemoryRows;
use crate::ledger::Ledger;
use crate::report::Event;

const HEADER: &str = "clientId,companyName,currency";

/// Surveys `rows` against `ledger`, with nothing special wanted.
fn surveyed<R: ParallelRows<Error = Infallible>>(
    mut rows: R,
    names: &[&str],
    ledger: &MemoryLedger,
) -> anyhow::Result<Survey> {
    let reading = Reading {
        names: names.iter().map(|name| (*name).to_owned()).collect(),
        ..Reading::default()
    };
    let folder = tempfile::tempdir().unwrap();
    let surveying = Surveying {
        threads: 2,
        note_rows: false,
        reading: &reading,
        policy: RowPolicy::default(),
        folder: folder.path(),
        stop: &Stop::default(),
    };
    let ledger: &mut dyn Ledger = &mut ledger.clone();
    survey(
        &mut rows,
        &surveying,
        Beforehand::ByLedger(ledger),
        &EventLog::default(),
    )
}

/// Surveys `tables` by themselves, on several threads.
fn surveyed_alone(tables: &MemoryRows, strict: bool) -> Survey {
    let mut reading = Reading {
        names: tables.names(),
        ..Reading::default()
    };
    reading.rules.strict = strict;
    let folder = tempfile::tempdir().unwrap();
    let surveying = Surveying {
        threads: 3,
        note_rows: true,
        reading: &reading,
        policy: RowPolicy::default(),
        folder: folder.path(),
        stop: &Stop::default(),
    };
    let beforehand = Beforehand::Nothing;
    survey(
        &mut tables.clone(),
        &surveying,
        beforehand,
        &EventLog::default(),
    )
    .unwrap()
}

fn of_one(rows: &[&str]) -> Survey {
    surveyed(
        MemoryRows::one(rows.iter().copied()),
        &["a.csv"],
        &MemoryLedger::default(),
    )
    .unwrap()
}

#[test]
fn rows_are_counted_by_what_they_are() {
    let survey = of_one(&["c-1,Aster,USD", "", "c-2", "c-3,,USD", "c-1,Aster,USD"]);
    let wanted = RowCounts {
        read: 5,
        skipped: 1,
        rejected: 3,
    };
    assert_eq!(
        (survey.rows, survey.fit(), survey.to_create),
        (wanted, 1, 1)
    );
}

#[test]
fn a_row_that_cannot_be_sent_makes_no_duplicate_of_a_later_one() {
    let mut survey = of_one(&["c-1,,USD", "c-1,Aster,USD", "c-1,Aster,USD"]);
    let mut repeats = |row| survey.verdicts.on(row).unwrap().unwrap().duplicate;
    let sent = Other {
        input: 0,
        line: 3,
        byte: 0,
    };
    assert_eq!(repeats(0), Some(sent));
    assert_eq!(repeats(2), Some(sent));
    assert_eq!(survey.rows.rejected, 2);
}

#[test]
fn ids_that_differ_in_case_are_two() {
    assert_eq!(of_one(&["c-1,Aster,USD", "C-1,Aster,USD"]).to_create, 2);
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
fn an_input_without_a_required_column_is_named() {
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
fn unused_columns_are_named_once_for_each_input_that_has_some() {
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
fn an_input_whose_columns_are_all_used_is_not_named() {
    assert_eq!(of_one(&["c-1,Aster,USD"]).unused, []);
}

#[test]
fn an_input_without_rows_does_not_shift_the_others() {
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

/// Rows without a header, each with one member more than the one before.
#[derive(Clone)]
struct Growing(Columns, usize);

impl Rows for Growing {
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

impl ParallelRows for Growing {
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
fn columns_that_are_met_late_are_named_too() {
    let survey = surveyed(
        Growing(Columns::open(), 0),
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
fn a_row_that_the_ledger_knows_has_a_verdict() {
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
        let wanted = Remembered {
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
        assert_eq!(verdict.remembered, Some(wanted), "{outcome:?}");
    }
}

#[test]
fn what_is_to_be_done_adds_up_with_what_is_done() {
    let ledger = MemoryLedger::default();
    ledger.remember(&aster(), Some(Outcome::Created));
    let rows = MemoryRows::one(["c-0,Birch,USD", "c-1,Changed,USD", "c-2,Cedar,USD"]);
    let survey = surveyed(rows, &["a.csv"], &ledger).unwrap();
    assert_eq!((survey.to_do(), survey.done.sum(), survey.fit()), (2, 1, 3));
}

#[test]
fn of_a_ledger_with_gaps_all_that_is_to_be_done_is_asked_for() {
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
fn new_claims_are_numbered_behind_the_ledgers() {
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
fn a_stop_ends_the_reading() {
    let (reading, stop, heard) = (Reading::default(), Stop::default(), EventLog::default());
    stop.halt(Halt::Interrupted);
    let rows = (0..1000).map(|number| format!("c-{number},Aster,USD"));
    let folder = tempfile::tempdir().unwrap();
    let surveying = Surveying {
        threads: 2,
        note_rows: false,
        reading: &reading,
        policy: RowPolicy::default(),
        folder: folder.path(),
        stop: &stop,
    };
    let survey = survey(
        &mut MemoryRows::one(rows),
        &surveying,
        Beforehand::Nothing,
        &heard,
    )
    .unwrap();
    // No part is heard of after the first.
    assert_eq!((survey.rows.read, survey.interrupted), (3, true));
    assert_eq!(heard.events(), [Event::Checking { rows: 3 }]);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    /// What rows have to do with each other is what everyone can see who holds
    /// each against all others.
    #[test]
    fn repeats_are_what_comparing_all_with_all_finds(
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
        // A row that is refused for that warning must not win an id.
        let refused = |at: usize| strict && fit(&rows[at]) && person_of(at).is_some_and(|other| rows[other].0 != rows[at].0);
        let order = |at: &usize| (refused(*at), !fit(&rows[*at]), *at);
        let (mut rejected, mut unfit) = (0, 0);
        for (at, row) in rows.iter().enumerate() {
            let others = |alike: &dyn Fn(usize) -> bool| (0..rows.len()).filter(|other| alike(*other)).min_by_key(order);
            let first = others(&|other| rows[other].0 == row.0);
            let lead = others(&|other| rows[other].0.trim().to_lowercase() == row.0.trim().to_lowercase());
            let person = (0..rows.len()).find(|other| row.2 != 3 && company(rows[*other].2).to_lowercase() == company(row.2).to_lowercase());
            let place = |of: Option<usize>| of.filter(|of| *of != at).map(|of| Other { input: 0, line: of as u64 + 2, byte: 0 });
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
fn cells_that_hold_no_value_make_nobody_the_same_person() {
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

/// `x` is refused as the same customer under another id, and must not win an id.
#[test]
fn who_is_refused_for_a_warning_makes_no_duplicate() {
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
