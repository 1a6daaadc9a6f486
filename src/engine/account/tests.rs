use std::io;

use super::listed_outcomes::ListedOutcomes;
use super::{Account, AccountSources, ROWS_PER_CHECK, account, demand_agreement};
use crate::domain::customer::tests::{aster, aster_bare, digest_of};
use crate::domain::outcome::Outcome;
use crate::domain::summary::RowCounts;
use crate::engine::checker::CheckSettings;
use crate::engine::claim_numbers::ClaimNumbers;
use crate::engine::stop::{Halt, Stop};
use crate::engine::survey::{KnownCustomers, survey};
use crate::engine::testing::ledger::MemoryLedger;
use crate::engine::testing::rows::MemoryRows;
use crate::engine::testing::{NOW_MS, survey_settings};
use crate::ledger::{Batch, Claim, Ledger, RunStart, Settlement};
use crate::report::{RowAccount, RowResult, RowSink, Silent};

const HEADER: &str = "clientId,companyName,currency";

/// Keeps a line of text for every row.
#[derive(Default)]
struct OutcomeLines(Vec<String>);

impl RowSink for OutcomeLines {
    fn add_row(&mut self, account: &RowAccount<'_>) -> io::Result<()> {
        let fate = match account.result {
            RowResult::Skipped => "skipped".to_owned(),
            RowResult::Rejected => "rejected".to_owned(),
            RowResult::Outcome(came) => format!(
                "{} {} {:?} {:?} {}",
                came.outcome.name(),
                account.client_id,
                came.customer_id,
                came.status,
                came.attempts
            ),
        };
        self.0.push(format!(
            "{}:{} {fate}",
            account.input, account.row.origin.line
        ));
        Ok(())
    }
}

/// Accounts for `rows` without sending any. Returns the totals and a line per row.
fn account_of(
    rows: &MemoryRows,
    ledger: Option<&MemoryLedger>,
) -> anyhow::Result<(Account, Vec<String>)> {
    let check = CheckSettings {
        names: rows.names(),
        ..CheckSettings::default()
    };
    let folder = tempfile::tempdir().unwrap();
    let running = Stop::default();
    let surveying = survey_settings(&check, folder.path(), &running);
    let (mut surveys, mut accounts) = (ledger.cloned(), ledger.cloned());
    let ledger = surveys.as_mut().map(|ledger| ledger as &mut dyn Ledger);
    let mut surveyed = survey(
        &mut rows.clone(),
        &surveying,
        KnownCustomers {
            ledger,
            list: None,
            surplus: false,
        },
        &Silent,
    )?;
    let sources = AccountSources {
        check: &check,
        surveyed: surveyed.rows,
        verdicts: &mut surveyed.verdicts,
        numbers: Some(ClaimNumbers::InOrder(surveyed.first_new_id)),
        ledger: accounts.as_mut().map(|ledger| ledger as &mut dyn Ledger),
        remote_list: None,
        listed: ListedOutcomes::BEFORE_IMPORT,
        sync: None,
        preview: None,
        stop: None,
    };
    let mut lines = OutcomeLines::default();
    let account = account(
        &mut rows.clone(),
        rows.clone(),
        sources,
        &mut lines,
        &Silent,
    )?;
    demand_agreement(&account, surveyed.rows)?;
    Ok((account, lines.0))
}

/// A ledger with one row, `c-1,Aster,USD`, settled as changed by `change`.
fn ledger_with(change: impl FnOnce(&mut Settlement)) -> MemoryLedger {
    let mut ledger = MemoryLedger::default();
    let digest = digest_of(&aster());
    let mut settlement = Settlement {
        id: 1,
        client_id: "c-1".to_owned(),
        digest,
        outcome: Outcome::AlreadyExisted,
        ours: false,
        orphan: false,
        place: None,
        keys_lost: false,
        customer_id: Some("cus_1".to_owned()),
        request_id: None,
        attempts: 3,
        status: Some(409),
        message: None,
        modified: None,
        differing: None,
    };
    change(&mut settlement);
    let start = RunStart {
        command: "import".to_owned(),
        inputs: Vec::new(),
        fit_rows: 1,
        now_ms: NOW_MS,
        shared: None,
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
fn a_row_is_reported_from_its_ledger_entry() {
    // A row that changed and was not sent again before the run stopped differs from its
    // customer.
    for (digest, outcome) in [
        (digest_of(&aster_bare()), "already_existed"),
        ([9; 16], "differs"),
    ] {
        let ledger = ledger_with(|settled| settled.digest = digest);
        let (_, lines) = account_of(&MemoryRows::one(["c-1,Aster,USD"]), Some(&ledger)).unwrap();
        assert_eq!(
            lines,
            [format!("a.csv:2 {outcome} c-1 Some(\"cus_1\") Some(409) 3")]
        );
    }
}

#[test]
fn a_row_without_ledger_entry_is_pending() {
    for ledger in [None, Some(&MemoryLedger::default())] {
        let (_, lines) = account_of(&MemoryRows::one(["c-1,Aster,USD"]), ledger).unwrap();
        assert_eq!(lines, ["a.csv:2 pending c-1 None None 0"]);
    }
}

#[test]
fn a_row_in_doubt_is_unresolved() {
    let ledger = MemoryLedger::default();
    ledger.remember(&aster(), None);
    let (account, _) = account_of(&MemoryRows::one(["c-1,Aster,USD"]), Some(&ledger)).unwrap();
    assert_eq!(account.outcomes.of(Outcome::Unresolved), 1);
}

#[test]
fn lost_keys_are_a_problem_of_a_row_that_was_created() {
    let ledger = ledger_with(|settled| {
        settled.outcome = Outcome::Created;
        settled.keys_lost = true;
    });
    let (account, _) = account_of(&MemoryRows::one(["c-1,Aster,USD"]), Some(&ledger)).unwrap();
    let problems: Vec<_> = account
        .problems
        .iter()
        .map(|kind| (kind.code, kind.severity, kind.message.as_str()))
        .collect();
    let message = "customer \"c-1\" may have been created by this import, and the answer with its keys was lost: issue new ones";
    assert_eq!(problems, [("keys_lost", "warning", message)]);
}

#[test]
fn rows_are_reported_with_their_inputs() {
    let tables = MemoryRows::of([(HEADER, ["c-1,Aster,USD"]), (HEADER, ["c-1,Aster,USD"])]);
    let (_, lines) = account_of(&tables, None).unwrap();
    assert_eq!(
        lines,
        ["a.csv:2 pending c-1 None None 0", "b.csv:2 rejected"]
    );
}

#[test]
fn problems_are_counted_with_their_lines() {
    let tables = MemoryRows::one(["c-1,,USD", "c-2,Birch,USD", "c-3,,USD"]);
    let (account, _) = account_of(&tables, None).unwrap();
    let problems: Vec<_> = account
        .problems
        .iter()
        .map(|kind| (kind.code, kind.field, kind.count, kind.lines.as_slice()))
        .collect();
    assert_eq!(problems, [("missing_field", "companyName", 2, &[2, 4][..])]);
}

#[test]
fn a_claim_of_another_customer_is_an_error() {
    let ledger = ledger_with(|_| ());
    let check = CheckSettings::default();
    let folder = tempfile::tempdir().unwrap();
    let running = Stop::default();
    let surveying = survey_settings(&check, folder.path(), &running);
    let rows = MemoryRows::one(["c-2,Birch,USD"]);
    let mut surveyed = survey(
        &mut rows.clone(),
        &surveying,
        KnownCustomers::default(),
        &Silent,
    )
    .unwrap();
    let ledger: &mut dyn Ledger = &mut ledger.clone();
    let sources = AccountSources {
        check: &check,
        surveyed: surveyed.rows,
        verdicts: &mut surveyed.verdicts,
        numbers: Some(ClaimNumbers::InOrder(1)),
        ledger: Some(ledger),
        remote_list: None,
        listed: ListedOutcomes::BEFORE_IMPORT,
        sync: None,
        preview: None,
        stop: None,
    };
    let error = account(
        &mut rows.clone(),
        rows.clone(),
        sources,
        &mut OutcomeLines::default(),
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

/// Accounts for more rows than are read between two checks of the stop signal, which is
/// set from the start.
fn account_while_halted(listens: bool) -> Account {
    let check = CheckSettings::default();
    let stop = Stop::default();
    stop.halt(Halt::Interrupted);
    let folder = tempfile::tempdir().unwrap();
    let running = Stop::default();
    let surveying = survey_settings(&check, folder.path(), &running);
    let rows =
        MemoryRows::one((0..ROWS_PER_CHECK + 5).map(|number| format!("c-{number},Aster,USD")));
    let mut surveyed = survey(
        &mut rows.clone(),
        &surveying,
        KnownCustomers::default(),
        &Silent,
    )
    .unwrap();
    let sources = AccountSources {
        check: &check,
        surveyed: surveyed.rows,
        verdicts: &mut surveyed.verdicts,
        numbers: Some(ClaimNumbers::InOrder(1)),
        ledger: None,
        remote_list: None,
        listed: ListedOutcomes::BEFORE_IMPORT,
        sync: None,
        preview: None,
        stop: listens.then_some(&stop),
    };
    account(
        &mut rows.clone(),
        rows.clone(),
        sources,
        &mut OutcomeLines::default(),
        &Silent,
    )
    .unwrap()
}

#[test]
fn the_stop_signal_ends_an_account() {
    let account = account_while_halted(true);
    assert_eq!(
        (account.rows.read, account.interrupted),
        (ROWS_PER_CHECK, true)
    );
}

#[test]
fn without_a_stop_signal_the_account_is_complete() {
    let account = account_while_halted(false);
    assert_eq!(
        (account.rows.read, account.interrupted),
        (ROWS_PER_CHECK + 5, false)
    );
}

#[test]
fn sums_that_do_not_agree_are_an_error() {
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
