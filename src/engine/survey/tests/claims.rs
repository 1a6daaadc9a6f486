//! Rows meet their claims, wherever both stand.

use std::collections::HashMap;

use proptest::prelude::*;

use super::surveyed;
use crate::domain::customer::tests::with_id;
use crate::domain::outcome::Outcome;
use crate::engine::testing::ledger::MemoryLedger;
use crate::engine::testing::rows::MemoryRows;

/// A ledger of claims of the rows `c-0`, `c-1` … with these numbers, every third in doubt.
fn ledger_of(numbers: &[usize]) -> MemoryLedger {
    let ledger = MemoryLedger::default();
    for number in numbers {
        let customer = with_id(&format!("c-{number}"));
        let outcome = (number % 3 > 0).then_some(Outcome::Created);
        ledger.remember(&customer, outcome);
    }
    ledger
}

/// Surveys rows with these numbers, fit or not, and compares the verdicts
/// with what a look at all rows and claims finds.
fn assert_claims_meet_rows(rows: &[(usize, bool)], claims: &[usize]) {
    let line = |(number, fit): &(usize, bool)| {
        let company = if *fit { "Aster" } else { "" };
        format!("c-{number},{company},USD")
    };
    let table = MemoryRows::one(rows.iter().map(line));
    let mut survey = surveyed(table, &["a.csv"], &ledger_of(claims)).unwrap();
    let (mut first_row, mut first_fit, mut claimed) =
        (HashMap::new(), HashMap::new(), HashMap::new());
    for (at, (number, fit)) in rows.iter().enumerate() {
        first_row.entry(number).or_insert(at);
        if *fit {
            first_fit.entry(number).or_insert(at);
        }
    }
    for (at, number) in claims.iter().enumerate() {
        claimed.insert(number, at as u64 + 1);
    }
    for (at, (number, fit)) in rows.iter().enumerate() {
        let sent = first_fit.get(number).or(first_row.get(number)).unwrap();
        let found = survey.verdicts.on(at as u64).unwrap();
        let duplicate = found.and_then(|found| found.duplicate);
        let expected = (sent != &at).then_some(*sent as u64 + 2);
        assert_eq!(duplicate.map(|first| first.line), expected, "row {at}");
        let claim = found.and_then(|found| found.prior_claim);
        let expected = claimed.get(number).filter(|_| sent == &at && *fit);
        assert_eq!(claim.map(|claim| claim.id), expected.copied(), "row {at}");
        let in_doubt = claim.map(|claim| claim.in_doubt);
        assert_eq!(in_doubt, expected.map(|_| number % 3 == 0), "row {at}");
    }
    let is_orphan = |number: &&usize| number.is_multiple_of(3) && !first_fit.contains_key(number);
    let orphans = claims.iter().filter(is_orphan).count() as u64;
    assert_eq!(survey.left.unresolved, orphans);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    #[test]
    fn a_claim_meets_its_row_wherever_they_stand(
        mut rows in prop::collection::vec((0usize..90, prop::bool::weighted(0.9)), 0..120),
        is_sorted in any::<bool>(),
        claims in prop::collection::btree_set(0usize..90, 0..90),
        start in any::<prop::sample::Index>(),
    ) {
        if is_sorted {
            rows.sort_unstable();
        }
        let mut claims: Vec<_> = claims.into_iter().collect();
        if !claims.is_empty() {
            let start = start.index(claims.len());
            claims.rotate_left(start);
        }
        assert_claims_meet_rows(&rows, &claims);
    }
}

/// So many that they are merged on disk: most in the same order, some rows that are new,
/// repeated, unfit or moved, and some claims without a row.
#[test]
fn claims_meet_their_rows_in_an_input_that_does_not_fit_into_memory() {
    let mut chance = fastrand::Rng::with_seed(18);
    let mut rows: Vec<_> = (0..9000).map(|number| (number, true)).collect();
    for _ in 0..40 {
        let (at, other) = (chance.usize(..9000), chance.usize(..9000));
        rows[at].1 = false;
        rows[other].0 = chance.usize(..9000);
        rows.swap(chance.usize(..9000), chance.usize(..9000));
    }
    let mut claims: Vec<_> = (0..8000).filter(|number| number % 100 > 0).collect();
    claims.extend(20_000..20_100);
    assert_claims_meet_rows(&rows, &claims);
}

/// The thread that reads the claims must not wait for rows that never come.
#[test]
fn an_error_of_the_input_ends_the_reading_of_claims() {
    let claims: Vec<_> = (0..9000).collect();
    let table = MemoryRows::of([("clientId,companyName,cur", ["c-1,Aster,USD"])]);
    let error = surveyed(table, &["a.csv"], &ledger_of(&claims)).unwrap_err();
    let message = error.to_string();
    assert!(message.starts_with("a.csv has no column"), "{message}");
}
