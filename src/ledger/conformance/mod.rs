//! The contract of [`Ledger`], as tests that every ledger passes.
//!
//! A ledger's tests say how it is opened ([`LedgerStore`]) and call
//! [`ledger_contract`], which makes one `#[test]` of each function here. Each
//! works on a store of its own and reaches it through [`LedgerStore::open`]
//! only, so that a ledger may live in another process.
//!
//! - `examples.rs`: tests of one clause each
//! - `history.rs`: random histories, compared with a model
//! - `model.rs`: the model, a `BTreeMap` of claims
//! - `shared_database.rs`: a model of a checkpoint that several workers share
//! - `shared_claims.rs`: its rows
//! - `shared_pace.rs`: its pace
//! - `shared_failover.rs`: what a failover does to it

pub(crate) mod examples;
pub(crate) mod history;
mod model;
mod shared_claims;
pub(crate) mod shared_database;
mod shared_failover;
mod shared_pace;

use std::collections::BTreeMap;

use crate::domain::decision::KnownClaim;
use crate::domain::outcome::Outcome;
use crate::domain::summary::TargetAccount;
use crate::ledger::{
    Batch, Claim, ClaimRecord, Ledger, LedgerError, LedgerStatus, RunStart, Settlement,
};

/// Where a ledger is stored: a file, a database, memory.
pub(crate) trait LedgerStore {
    /// The ledger under test.
    type Opened: Ledger;

    /// How many random histories it is put through.
    const HISTORIES: u32 = 64;

    /// An empty store that no other test uses; `None`, with a word about it, where there can
    /// be none.
    fn start() -> Option<Self>
    where
        Self: Sized;

    /// Opens the ledger for `account`, or creates it. Called again only after the
    /// previously opened ledger is dropped.
    fn open(&self, account: &TargetAccount) -> Result<Self::Opened, LedgerError>;

    /// Simulates a crash: `ledger` is not closed properly.
    fn crash(&self, ledger: Self::Opened) {
        drop(ledger);
    }
}

/// Makes a test of each part of the contract, for the ledgers of `$store`.
macro_rules! ledger_contract {
    ($store:ty) => {
        $crate::ledger::conformance::ledger_contract! {
            @examples $store:
            a_new_ledger_is_empty
            a_claim_without_a_settlement_is_in_doubt_after_a_crash
            a_claim_in_doubt_keeps_its_time
            a_claim_in_doubt_of_an_edited_row_has_no_known_digest
            a_claim_keeps_what_is_known_and_a_release_restores_it
            an_unresolved_settlement_keeps_what_is_known_and_the_doubt
            what_is_known_of_a_customer_is_not_true_of_another_one
            a_claim_for_another_client_id_writes_nothing_of_its_batch
            a_batch_settles_before_it_claims
            nothing_is_written_before_a_run_begins
            lost_keys_stay_lost_until_the_customer_is_created_again
            records_are_current_in_every_order_of_reading
            all_records_come_in_the_order_of_their_claims
            an_error_of_the_caller_ends_a_scan
            an_error_of_the_caller_ends_a_reading_of_all_records
            landing_times_of_the_last_day_are_kept
            when_creates_may_have_taken_effect_is_kept
            what_the_latest_runs_did_over_time_is_kept
            another_account_is_refused
        }

        #[test]
        fn random_histories_match_the_model() {
            $crate::ledger::conformance::history::random_histories_match_the_model::<$store>();
        }
    };
    (@examples $store:ty: $($name:ident)*) => {
        $(
            #[test]
            fn $name() {
                let store = <$store as $crate::ledger::conformance::LedgerStore>::start();
                if let Some(store) = store {
                    $crate::ledger::conformance::examples::$name(&store);
                }
            }
        )*
    };
}

pub(crate) use ledger_contract;

/// The account that the ledgers under test belong to.
pub(crate) fn account() -> TargetAccount {
    TargetAccount {
        base_url: "https://test.kable.example".to_owned(),
        kable_client_id: "kci_1".to_owned(),
    }
}

/// Opens the ledger of `store`.
fn open<S: LedgerStore>(store: &S) -> S::Opened {
    store.open(&account()).unwrap()
}

/// Opens the ledger of `store` and begins a run on it.
fn open_for_run<S: LedgerStore>(store: &S) -> S::Opened {
    let mut ledger = open(store);
    ledger.begin(&run_start(1)).unwrap();
    ledger
}

fn run_start(now_ms: i64) -> RunStart {
    RunStart {
        command: "import".to_owned(),
        inputs: vec!["in.csv".to_owned(), "\"more\" of.csv".to_owned()],
        fit_rows: 3,
        now_ms,
        shared: None,
    }
}

pub(crate) fn claim(id: u64) -> Claim {
    Claim {
        id,
        client_id: format!("c-{id}"),
        digest: [7; 16],
    }
}

/// A settlement of claim `id`, whose customer is named after it.
pub(crate) fn settlement(id: u64, outcome: Outcome) -> Settlement {
    Settlement {
        id,
        client_id: format!("c-{id}"),
        digest: [7; 16],
        outcome,
        ours: outcome == Outcome::Created,
        orphan: false,
        place: None,
        keys_lost: false,
        customer_id: Some(format!("cus_{id}")),
        request_id: None,
        attempts: 1,
        status: Some(201),
        message: None,
        modified: None,
        differing: None,
    }
}

fn write_claims(ledger: &mut impl Ledger, claims: Vec<Claim>) {
    let batch = Batch {
        claims,
        ..Batch::default()
    };
    ledger.write(&batch).unwrap();
}

fn write_settlements(ledger: &mut impl Ledger, settlements: Vec<Settlement>) {
    let batch = Batch {
        settlements,
        ..Batch::default()
    };
    ledger.write(&batch).unwrap();
}

/// The result of a scan, by `clientId`.
fn scanned(ledger: &mut impl Ledger) -> BTreeMap<String, KnownClaim> {
    let mut found = BTreeMap::new();
    ledger
        .scan(&mut |client_id, known| {
            let earlier = found.insert(client_id.to_owned(), known);
            assert!(earlier.is_none(), "{client_id} was scanned twice");
            Ok(())
        })
        .unwrap();
    found
}

/// What a ledger counts, without its workers.
fn counts(ledger: &mut impl Ledger) -> LedgerStatus {
    LedgerStatus {
        workers: Vec::new(),
        ..ledger.status().unwrap()
    }
}

/// All records, in the order in which they come.
fn all_records(ledger: &mut impl Ledger) -> Vec<ClaimRecord> {
    let mut records = Vec::new();
    let mut add = |record| {
        records.push(record);
        Ok(())
    };
    ledger.records(&mut add).unwrap();
    records
}

/// The record of an existing claim.
fn record(ledger: &mut impl Ledger, id: u64) -> ClaimRecord {
    ledger.claim_record(id).unwrap().unwrap()
}
