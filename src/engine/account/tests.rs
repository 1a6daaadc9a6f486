use std::io;

use super::{Account, Accounting, LOOK_UP_EVERY, account, demand_agreement};
use crate::domain::customer::tests::{aster, aster_bare, digest_of};
use crate::domain::decision::RowPolicy;
use crate::domain::outcome::Outcome;
use crate::domain::summary::RowCounts;
use crate::engine::checker::Reading;
use crate::engine::stop::{Halt, Stop};
use crate::engine::survey::settings::Surveying;
use crate::engine::survey::{Beforehand, survey};
use crate::engine::testing::NOW_MS;
use crate::engine::testing::ledger::MemoryLedger;
use crate::engine::testing::rows::MemoryRows;
use crate::ledger::{Batch, Claim, Ledger, RunStart, Settlement};
use crate::report::{RowAccount, RowResult, RowSink, Silent};

const HEADER: &str = "clientId,companyName,currency";

/// Keeps a line of text about every row.
#[derive(Default)]
struct Told(Vec<String>);

impl RowSink for Told {
    fn add_row(&mut self, told: &RowAccount<'_>) -> io::Result<()> {
        let fate = match told.result {
            RowResult::Skipped => "skipped".to_owned(),
            RowResult::Rejected => "rejected".to_owned(),
            RowResult::Outcome(came) => format!(
                "{} {} {:?} {:?} {}",
                came.outcome.name(),
                told.client_id,
                came.customer_id,
                came.status,
                came.attempts
            ),
        };
        self.0
            .push(format!("{}:{} {fate}", told.input, told.row.origin.line));
        Ok(())
    }
}

/// Gives an account of `rows` as a later command would, with nothing sent.
fn told_of(
    rows: &MemoryRows,
    ledger: Option<&MemoryLedger>,
) -> anyhow::Result<(Account, Vec<String>)> {
    let reading = Reading {
        names: rows.names(),
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
    let (mut surveys, mut accounts) = (ledger.cloned(), ledger.cloned());
    let ledger = surveys.as_mut().map(|ledger| ledger as &mut dyn Ledger);
    let mut surveyed = survey(
        &mut rows.clone(),
        &surveying,
        ledger.map_or(Beforehand::Nothing, Beforehand::ByLedger),
        &Silent,
    )?;
    let accounting = Accounting {
        reading: &reading,
        surveyed: surveyed.rows,
        verdicts: &mut surveyed.verdicts,
        first_new_id: surveyed.first_new_id,
        ledger: accounts.as_mut().map(|ledger| ledger as &mut dyn Ledger),
        listed: None,
        foreseeing: None,
        stop: None,
    };
    let mut told = Told::default();
    let account = account(
        &mut rows.clone(),
        rows.clone(),
        accounting,
        &mut told,
        &Silent,
    )?;
    demand_agreement(&account, surveyed.rows)?;
    Ok((account, told.0))
}

/// A ledger with one row, `c-1,Aster,USD`, settled as `settled` says.
fn ledger_with(settled: impl FnOnce(&mut Settlement)) -> MemoryLedger {
    let mut ledger = MemoryLedger::default();
    let digest = digest_of(&aster());
    let mut settlement = Settlement {
        id: 1,
        client_id: "c-1".to_owned(),
        digest,
        outcome: Outcome::AlreadyExisted,
        ours: false,
        orphan: false,
        keys_lost: false,
        customer_id: Some("cus_1".to_owned()),
        request_id: None,
        attempts: 3,
        status: Some(409),
        message: None,
    };
    settled(&mut settlement);
    let start = RunStart {
        command: "import".to_owned(),
        inputs: Vec::new(),
        fit_rows: 1,
        now_ms: NOW_MS,
    };
    ledger.begin(&start).unwrap();
    let claim = Claim {
        id: 1,
        client_id: "c-1".to_owned(),
        digest,
    };
    for (claims, settlements) in [(vec![claim], Vec::new()), (Vec::new(), vec![settlement])] {
        let batch = Batch {
            claims,
            settlements,
            ..Batch::default()
        };
        ledger.write(&batch).unwrap();
    }
    ledger
}

#[test]
fn a_row_is_told_with_what_the_ledger_holds_of_it() {
    // A row that was changed, and not sent before everything was stopped, is
    // another one than the customer is known to be.
    for (digest, outcome) in [
        (digest_of(&aster_bare()), "already_existed"),
        ([9; 16], "differs"),
    ] {
        let ledger = ledger_with(|settled| settled.digest = digest);
        let (_, told) = told_of(&MemoryRows::one(["c-1,Aster,USD"]), Some(&ledger)).unwrap();
        assert_eq!(
            told,
            [format!("a.csv:2 {outcome} c-1 Some(\"cus_1\") Some(409) 3")]
        );
    }
}

#[test]
fn a_row_that_the_ledger_does_not_know_is_pending() {
    for ledger in [None, Some(&MemoryLedger::default())] {
        let (_, told) = told_of(&MemoryRows::one(["c-1,Aster,USD"]), ledger).unwrap();
        assert_eq!(told, ["a.csv:2 pending c-1 None None 0"]);
    }
}

#[test]
fn a_row_in_doubt_is_unresolved() {
    let ledger = MemoryLedger::default();
    ledger.remember(&aster(), None);
    let (account, _) = told_of(&MemoryRows::one(["c-1,Aster,USD"]), Some(&ledger)).unwrap();
    assert_eq!(account.outcomes.of(Outcome::Unresolved), 1);
}

#[test]
fn lost_keys_are_a_problem_of_a_row_that_was_created() {
    let ledger = ledger_with(|settled| {
        settled.outcome = Outcome::Created;
        settled.keys_lost = true;
    });
    let (account, _) = told_of(&MemoryRows::one(["c-1,Aster,USD"]), Some(&ledger)).unwrap();
    let told: Vec<_> = account
        .problems
        .iter()
        .map(|kind| (kind.code, kind.severity, kind.message.as_str()))
        .collect();
    let message = "customer \"c-1\" may have been created by this import, and the answer with its keys was lost: issue new ones";
    assert_eq!(told, [("keys_lost", "warning", message)]);
}

#[test]
fn rows_of_several_inputs_are_told_with_their_inputs() {
    let tables = MemoryRows::of([(HEADER, ["c-1,Aster,USD"]), (HEADER, ["c-1,Aster,USD"])]);
    let (_, told) = told_of(&tables, None).unwrap();
    assert_eq!(
        told,
        ["a.csv:2 pending c-1 None None 0", "b.csv:2 rejected"]
    );
}

#[test]
fn problems_are_counted_with_their_lines() {
    let tables = MemoryRows::one(["c-1,,USD", "c-2,Birch,USD", "c-3,,USD"]);
    let (account, _) = told_of(&tables, None).unwrap();
    let told: Vec<_> = account
        .problems
        .iter()
        .map(|kind| (kind.code, kind.field, kind.count, kind.lines.as_slice()))
        .collect();
    assert_eq!(told, [("missing_field", "companyName", 2, &[2, 4][..])]);
}

#[test]
fn a_claim_of_another_customer_under_a_rows_number_is_refused() {
    let ledger = ledger_with(|_| ());
    let reading = Reading::default();
    let folder = tempfile::tempdir().unwrap();
    let surveying = Surveying {
        threads: 2,
        note_rows: false,
        reading: &reading,
        policy: RowPolicy::default(),
        folder: folder.path(),
        stop: &Stop::default(),
    };
    let rows = MemoryRows::one(["c-2,Birch,USD"]);
    let mut surveyed = survey(&mut rows.clone(), &surveying, Beforehand::Nothing, &Silent).unwrap();
    let ledger: &mut dyn Ledger = &mut ledger.clone();
    let accounting = Accounting {
        reading: &reading,
        surveyed: surveyed.rows,
        verdicts: &mut surveyed.verdicts,
        first_new_id: 1,
        ledger: Some(ledger),
        listed: None,
        foreseeing: None,
        stop: None,
    };
    let error = account(
        &mut rows.clone(),
        rows.clone(),
        accounting,
        &mut Told::default(),
        &Silent,
    )
    .unwrap_err();
    assert!(
        error
            .to_string()
            .starts_with("the checkpoint holds \"c-1\" where \"c-2\" was claimed"),
        "{error}"
    );
}

/// Gives an account of more rows than are read between two looks at the stop
/// signal, which is given from the start.
fn stopped(listens: bool) -> Account {
    let reading = Reading::default();
    let stop = Stop::default();
    stop.halt(Halt::Interrupted);
    let folder = tempfile::tempdir().unwrap();
    let surveying = Surveying {
        threads: 2,
        note_rows: false,
        reading: &reading,
        policy: RowPolicy::default(),
        folder: folder.path(),
        stop: &Stop::default(),
    };
    let rows =
        MemoryRows::one((0..LOOK_UP_EVERY + 5).map(|number| format!("c-{number},Aster,USD")));
    let mut surveyed = survey(&mut rows.clone(), &surveying, Beforehand::Nothing, &Silent).unwrap();
    let accounting = Accounting {
        reading: &reading,
        surveyed: surveyed.rows,
        verdicts: &mut surveyed.verdicts,
        first_new_id: 1,
        ledger: None,
        listed: None,
        foreseeing: None,
        stop: listens.then_some(&stop),
    };
    account(
        &mut rows.clone(),
        rows.clone(),
        accounting,
        &mut Told::default(),
        &Silent,
    )
    .unwrap()
}

#[test]
fn a_stop_ends_an_account_that_listens_to_it() {
    let account = stopped(true);
    assert_eq!(
        (account.rows.read, account.interrupted),
        (LOOK_UP_EVERY, true)
    );
}

#[test]
fn an_account_of_an_interrupted_run_goes_to_the_end() {
    let account = stopped(false);
    assert_eq!(
        (account.rows.read, account.interrupted),
        (LOOK_UP_EVERY + 5, false)
    );
}

#[test]
fn sums_that_do_not_agree_are_refused() {
    let mut account = Account::default();
    account.rows.read = 2;
    account.outcomes.add(Outcome::Created);
    let counted = |read, skipped| RowCounts {
        read,
        skipped,
        rejected: 0,
    };
    assert!(demand_agreement(&account, counted(2, 0)).is_err());
    account.outcomes.add(Outcome::Pending);
    assert!(demand_agreement(&account, counted(2, 0)).is_ok());
    assert!(demand_agreement(&account, counted(3, 1)).is_err());
}
