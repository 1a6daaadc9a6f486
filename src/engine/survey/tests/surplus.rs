//! Which customers of the list no row of the input has.

use super::{CheckSettings, EventLog, KnownCustomers, Stop, survey};
use crate::domain::customer::tests::with_id;
use crate::domain::outcome::Outcome;
use crate::domain::remote::RemoteCustomer;
use crate::engine::survey::Survey;
use crate::engine::survey::remote_list::{RemoteList, RemoteListWriter};
use crate::engine::survey::surplus::Surplus;
use crate::engine::testing::ledger::MemoryLedger;
use crate::engine::testing::rows::MemoryRows;
use crate::engine::testing::survey_settings;
use crate::kable::customer_reader::CustomerReader;
use crate::ledger::Ledger;

/// A survey of rows against the customers `listed`, and their list.
struct Compared {
    survey: Survey,
    list: RemoteList,
}

impl Compared {
    /// Compares rows with these ids.
    fn ids(ids: &[&str], strict: bool, listed: &[&str]) -> Self {
        let rows: Vec<String> = ids.iter().map(|id| format!("{id},Aster,USD")).collect();
        Self::rows(MemoryRows::one(rows), strict, None, listed)
    }

    fn rows(
        mut rows: MemoryRows,
        strict: bool,
        ledger: Option<&mut MemoryLedger>,
        listed: &[&str],
    ) -> Self {
        let mut check = CheckSettings {
            names: rows.names(),
            ..CheckSettings::default()
        };
        check.rules.strict = strict;
        let folder = tempfile::tempdir().unwrap();
        let mut writer = RemoteListWriter::new(folder.path()).unwrap();
        for id in listed {
            let body = serde_json::json!({ "customerId": format!("cus_{id}"), "clientId": id });
            writer.push(body.to_string().as_bytes()).unwrap();
        }
        let mut list = writer.finish(CustomerReader::default()).unwrap();
        let running = Stop::default();
        let settings = survey_settings(&check, folder.path(), &running);
        let known = KnownCustomers {
            ledger: ledger.map(|ledger| ledger as &mut dyn Ledger),
            list: Some(&mut list),
            surplus: true,
        };
        let survey = survey(&mut rows, &settings, known, &EventLog::default());
        Self {
            survey: survey.unwrap(),
            list,
        }
    }

    /// The customers that no row has, and those that may be meant by one.
    fn missing(&mut self) -> (Vec<String>, Vec<String>) {
        let mut ids = |surplus: &mut Surplus| {
            let mut ids = Vec::new();
            let add = &mut |remote: &RemoteCustomer, _| {
                ids.push(remote.client_id.clone());
                Ok(())
            };
            surplus.each(&mut self.list, add).unwrap();
            assert_eq!(surplus.count(), ids.len() as u64);
            ids
        };
        (ids(&mut self.survey.surplus), ids(&mut self.survey.near))
    }
}

fn missing(ids: &[&str], strict: bool, listed: &[&str]) -> (Vec<String>, Vec<String>) {
    Compared::ids(ids, strict, listed).missing()
}

fn words(ids: &[&str]) -> Vec<String> {
    ids.iter().map(|id| (*id).to_owned()).collect()
}

#[test]
fn every_customer_of_an_id_that_no_row_has_is_missing() {
    let (surplus, near) = missing(&["p1"], false, &["p1", "p2", "p2", "p1"]);
    assert_eq!((surplus, near), (words(&["p2", "p2"]), words(&[])));
}

#[test]
fn a_customer_is_kept_whose_row_is_rejected_for_blanks_around_the_id() {
    for given in [
        " p1",
        "p1 ",
        "\tp1",
        "\u{a0}p1",
        "\u{feff}p1",
        "\u{200b}p1\u{2003}",
        " P1",
    ] {
        let found = missing(&[given, "p2"], false, &["p1", "p2", "p3"]);
        assert_eq!(found, (words(&["p3"]), words(&["p1"])), "{given:?}");
    }
}

#[test]
fn a_customer_is_kept_whose_id_would_only_be_corrected() {
    let found = missing(&["'p1", "p2"], true, &["p1", "p2", "p3"]);
    assert_eq!(found, (words(&["p3"]), Vec::new()));
    let found = missing(&["'p1", "p2"], false, &["p1", "p2", "p3"]);
    assert_eq!(found, (words(&["p3"]), Vec::new()));
}

#[test]
fn a_customer_is_kept_for_which_the_api_may_take_a_row() {
    for given in ["a3", "ａ3", "Ａ3"] {
        let found = missing(&["A1", given], false, &["A1", "A3", "A4"]);
        assert_eq!(found, (words(&["A4"]), words(&["A3"])), "{given:?}");
    }
    // With claims of an earlier run, which are merged with the rows.
    let mut ledger = MemoryLedger::default();
    for id in ["A1", "A3", "a3", "A4"] {
        let customer = with_id(id);
        ledger.remember(&customer, Some(Outcome::Created));
    }
    let rows = MemoryRows::one(["A1,Aster,USD", "a3,Aster,USD"]);
    let mut compared = Compared::rows(rows, false, Some(&mut ledger), &["A1", "A3", "A4"]);
    assert_eq!(compared.missing(), (words(&["A4"]), words(&["A3"])));
}

#[test]
fn a_customer_is_missing_beside_one_that_the_row_has() {
    // Kable holds both: it tells them apart.
    let found = missing(&["a3"], false, &["A3", "a3"]);
    assert_eq!(found, (words(&["A3"]), Vec::new()));
    let found = missing(&["a3", " A3"], false, &["A3", "a3"]);
    assert_eq!(found, (Vec::new(), words(&["A3"])));
}

/// The customers that no row has, and those that a row may mean without its zeros.
fn zeros(ids: &[&str], listed: &[&str]) -> (Vec<String>, Vec<String>) {
    let mut compared = Compared::ids(ids, false, listed);
    let lost_zeros = std::mem::take(&mut compared.survey.lost_zeros);
    let (surplus, near) = compared.missing();
    assert!(near.is_empty(), "{near:?}");
    compared.survey.near = lost_zeros;
    (surplus, compared.missing().1)
}

#[test]
fn a_customer_is_kept_whose_leading_zeros_a_row_lost() {
    for given in ["370", "0370", " 370", "'370"] {
        let found = zeros(&[given, "p2"], &["000370", "p2", "p3"]);
        assert_eq!(found, (words(&["p3"]), words(&["000370"])), "{given:?}");
    }
    // The night before created the row's own customer.
    let found = zeros(&["370"], &["000370", "370", "p3"]);
    assert_eq!(found, (words(&["p3"]), words(&["000370"])));
    // The zeros came back.
    let found = zeros(&["000370"], &["370"]);
    assert_eq!(found, (Vec::new(), words(&["370"])));
    let found = zeros(&["000370"], &["000370", "370"]);
    assert_eq!(found, (words(&["370"]), Vec::new()));
    // Both have a row, or the zeros are no number's.
    assert_eq!(zeros(&["7", "07"], &["7", "07"]).1, words(&[]));
    assert_eq!(zeros(&["c-7"], &["c-07"]), (words(&["c-07"]), Vec::new()));
}

#[test]
fn ids_that_differ_in_leading_zeros_alone_are_neither_repeated_nor_alike() {
    let mut compared = Compared::ids(&["7", "07", "007", " 07"], false, &[]);
    let mut similar = Vec::new();
    while let Some(verdict) = compared.survey.verdicts.read_next().unwrap() {
        assert!(verdict.duplicate.is_none());
        similar.extend(verdict.similar.map(|first| verdict.place.line - first.line));
    }
    // The last row, with the second one.
    assert_eq!(similar, [2]);
}

#[test]
fn rejected_rows_without_a_certain_id_are_counted() {
    let unidentified = |given: &str| {
        let compared = Compared::ids(&[given], false, &["p3", "18", "1234"]);
        compared.survey.tally.unidentified
    };
    for given in [
        "",
        "18.0",
        " 18.0",
        "\u{a0}'p3",
        "p\u{200b}3",
        "#REF!",
        "1.2345E+4",
        "\"12,345\"",
        "12345.0",
    ] {
        assert_eq!(unidentified(given), 1, "{given:?}");
    }
    for given in [" p3", "p3", "'p3"] {
        assert_eq!(unidentified(given), 0, "{given:?}");
    }
}

#[test]
fn an_id_that_a_spreadsheet_may_have_changed_is_counted_unless_kable_has_it() {
    let doubted = |listed: &[&str], strict| {
        let compared = Compared::ids(&["p1", "1234567890123450000"], strict, listed);
        let tally = compared.survey.tally;
        (tally.doubted, tally.unidentified)
    };
    assert_eq!(doubted(&["p1", "1234567890123456789"], false), (1, 0));
    assert_eq!(doubted(&["p1", "1234567890123450000"], false), (0, 0));
    assert_eq!(doubted(&["p1"], true), (0, 1));
}

#[test]
fn a_failed_row_whose_customer_kable_may_hold_under_another_id_is_counted() {
    let renamed = |listed: &[&str]| {
        let mut ledger = MemoryLedger::default();
        ledger.remember_failed(&with_id("p1-long"), "cus_1");
        ledger.remember(&with_id("p2"), Some(Outcome::Failed));
        let rows = ["p1-long,Aster,USD", "p2,Aster,USD", "p3,Aster,USD"];
        let rows = MemoryRows::one(rows.map(str::to_owned));
        let compared = Compared::rows(rows, false, Some(&mut ledger), listed);
        compared.survey.tally.renamed
    };
    assert_eq!(renamed(&["p1-lo", "p3"]), 1);
    assert_eq!(renamed(&["p1-long"]), 0);
}
