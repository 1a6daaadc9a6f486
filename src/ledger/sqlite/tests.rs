use std::collections::BTreeMap;

use proptest::prelude::*;

use super::SqliteLedger;
use crate::domain::outcome::Outcome;
use crate::domain::plan::Known;
use crate::domain::summary::Target;
use crate::ledger::{Batch, Claim, Ledger, LedgerError, RunFigures, RunStart, Settlement};

fn target() -> Target {
    Target {
        base_url: "https://test.kable.example".to_owned(),
        kable_client_id: "kci_1".to_owned(),
    }
}

fn open(path: &std::path::Path) -> SqliteLedger {
    let mut ledger = SqliteLedger::open(path, &target(), 1).unwrap();
    ledger
        .begin(&RunStart {
            command: "import".to_owned(),
            inputs: vec!["in.csv".to_owned()],
            fit_rows: 3,
            now_ms: 1,
        })
        .unwrap();
    ledger
}

fn claim(id: u64) -> Claim {
    Claim {
        id,
        client_id: format!("c-{id}"),
        digest: [7; 16],
    }
}

fn settled(id: u64, outcome: Outcome) -> Settlement {
    Settlement {
        id,
        digest: [7; 16],
        outcome,
        ours: outcome == Outcome::Created,
        orphan: false,
        keys_lost: false,
        customer_id: Some(format!("cus_{id}")),
        request_id: None,
        attempts: 1,
        status: Some(201),
        message: None,
    }
}

fn known(ledger: &mut SqliteLedger) -> BTreeMap<String, Known> {
    let mut found = BTreeMap::new();
    ledger
        .scan(&mut |client_id, known| {
            assert!(found.insert(client_id.to_owned(), known).is_none(), "twice");
            Ok(())
        })
        .unwrap();
    found
}

#[test]
fn nothing_is_claimed_for_a_run_that_has_not_begun() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("run.db");
    let mut ledger = SqliteLedger::open(&path, &target(), 1).unwrap();
    let batch = Batch {
        claims: vec![claim(1)],
        ..Batch::default()
    };
    assert!(ledger.write(&batch).is_err());
    assert!(known(&mut ledger).is_empty());
}

#[test]
fn entries_are_found_in_order_and_out_of_it_as_they_were_written_last() {
    let folder = tempfile::tempdir().unwrap();
    let mut ledger = open(&folder.path().join("run.db"));
    let write = |ledger: &mut SqliteLedger, claims: Vec<Claim>, settlements| {
        let batch = Batch {
            claims,
            settlements,
            ..Batch::default()
        };
        ledger.write(&batch).unwrap();
    };
    write(&mut ledger, (1..=600).map(claim).collect(), vec![]);
    let id_of = |ledger: &mut SqliteLedger, id| {
        let entry = ledger.entry(id).unwrap();
        entry.map(|entry| (entry.client_id, entry.outcome))
    };
    let orders = (1..=600).chain([600, 3, 4, 5, 2, 601, 1, 2, 599, 600, 601]);
    for id in orders {
        let wanted = (id <= 600).then(|| (format!("c-{id}"), Outcome::Unresolved));
        assert_eq!(id_of(&mut ledger, id), wanted, "{id}");
    }
    // What was read ahead is not told once it was written over.
    id_of(&mut ledger, 7);
    id_of(&mut ledger, 8);
    write(&mut ledger, vec![], vec![settled(9, Outcome::Created)]);
    let wanted = Some(("c-9".to_owned(), Outcome::Created));
    assert_eq!(id_of(&mut ledger, 9), wanted);
}

#[test]
fn what_is_claimed_and_not_settled_is_in_doubt_after_reopening() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("run.db");
    let mut ledger = open(&path);
    ledger
        .write(&Batch {
            claims: vec![claim(1), claim(2)],
            settlements: vec![],
            ..Batch::default()
        })
        .unwrap();
    ledger
        .write(&Batch {
            settlements: vec![settled(1, Outcome::Created)],
            ..Batch::default()
        })
        .unwrap();
    drop(ledger);
    let mut again = open(&path);
    let found = known(&mut again);
    assert_eq!(found["c-1"].last, Some(Outcome::Created));
    assert!(!found["c-1"].in_doubt && found["c-2"].in_doubt);
    assert_eq!(again.next_id().unwrap(), 3);
    assert_eq!(
        again.entry(1).unwrap().unwrap().customer_id.as_deref(),
        Some("cus_1")
    );
    assert_eq!(again.standing().unwrap().tally.of(Outcome::Unresolved), 1);
}

#[test]
fn keys_that_were_lost_stay_lost_until_the_customer_is_created_anew() {
    let folder = tempfile::tempdir().unwrap();
    let mut ledger = open(&folder.path().join("run.db"));
    for (outcome, keys_lost, wanted) in [
        (Outcome::Created, true, true),
        (Outcome::Updated, false, true),
        (Outcome::Created, false, false),
    ] {
        ledger
            .write(&Batch {
                claims: vec![claim(1)],
                ..Batch::default()
            })
            .unwrap();
        let settlement = Settlement {
            keys_lost,
            ..settled(1, outcome)
        };
        ledger
            .write(&Batch {
                settlements: vec![settlement],
                ..Batch::default()
            })
            .unwrap();
        let entry = ledger.entry(1).unwrap().unwrap();
        assert_eq!(entry.keys_lost, wanted, "{outcome:?}");
    }
}

#[test]
fn a_claim_in_doubt_keeps_its_time() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("run.db");
    let clocked = |claims, now_ms| Batch {
        now_ms,
        claimed_by: Some(now_ms + 10),
        claims,
        ..Batch::default()
    };
    let mut ledger = open(&path);
    ledger.write(&clocked(vec![claim(1)], 100)).unwrap();
    ledger.write(&clocked(vec![claim(1)], 200)).unwrap();
    assert_eq!(known(&mut ledger)["c-1"].claimed_by, Some(110));
    // What is known later of the server's clock doesn't move it.
    ledger
        .write(&Batch {
            figures: RunFigures {
                clock_ahead_ms: Some(-5000),
                ..RunFigures::default()
            },
            ..Batch::default()
        })
        .unwrap();
    assert_eq!(known(&mut ledger)["c-1"].claimed_by, Some(110));
    settle(&mut ledger, settled(1, Outcome::Pending));
    ledger.write(&clocked(vec![claim(1)], 300)).unwrap();
    assert_eq!(known(&mut ledger)["c-1"].claimed_by, Some(310));
}

#[test]
fn how_long_requests_of_earlier_runs_may_take_is_kept_for_a_day() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("run.db");
    let mut ledger = open(&path);
    assert_eq!(ledger.landing_ms(0).unwrap(), 0);
    for (now_ms, landing_ms) in [(100, 60_000), (200, 5000)] {
        let figures = RunFigures {
            landing_ms,
            ..RunFigures::default()
        };
        ledger
            .begin(&RunStart {
                command: "import".to_owned(),
                inputs: Vec::new(),
                fit_rows: 1,
                now_ms,
            })
            .unwrap();
        let batch = Batch {
            now_ms,
            figures,
            ..Batch::default()
        };
        ledger.write(&batch).unwrap();
    }
    let day = 24 * 60 * 60 * 1000;
    // A clock that was put back makes no run older.
    for (now_ms, kept) in [(0, 60_000), (day + 100, 60_000), (day + 101, 5000)] {
        assert_eq!(ledger.landing_ms(now_ms).unwrap(), kept, "{now_ms}");
    }
    assert_eq!(ledger.landing_ms(day + 201).unwrap(), 0);
}

fn settle(ledger: &mut SqliteLedger, settlement: Settlement) {
    let settlements = vec![settlement];
    ledger
        .write(&Batch {
            now_ms: 7,
            settlements,
            ..Batch::default()
        })
        .unwrap();
}

fn claim_again(ledger: &mut SqliteLedger, digest: [u8; 16]) {
    let claims = vec![Claim { digest, ..claim(1) }];
    ledger
        .write(&Batch {
            claims,
            ..Batch::default()
        })
        .unwrap();
}

/// Issue 12, point 3: what was once known is not forgotten.
#[test]
fn a_claim_erases_nothing_and_a_row_that_is_released_is_what_it_was() {
    let folder = tempfile::tempdir().unwrap();
    let mut ledger = open(&folder.path().join("run.db"));
    claim_again(&mut ledger, [7; 16]);
    settle(&mut ledger, settled(1, Outcome::Created));
    let before = known(&mut ledger)["c-1"];
    let told = ledger.entry(1).unwrap().unwrap();

    claim_again(&mut ledger, [8; 16]);
    let claimed = known(&mut ledger)["c-1"];
    assert!(claimed.in_doubt && claimed.ours && claimed.there);
    assert_eq!((claimed.last, claimed.digest), (before.last, before.digest));
    assert_eq!(
        ledger.entry(1).unwrap().unwrap().outcome,
        Outcome::Unresolved
    );

    let released = Settlement {
        digest: [8; 16],
        attempts: 0,
        ours: false,
        message: Some("it was not sent".to_owned()),
        ..settled(1, Outcome::Pending)
    };
    settle(&mut ledger, released);
    assert_eq!(
        Known {
            claimed_by: before.claimed_by,
            ..known(&mut ledger)["c-1"]
        },
        before
    );
    assert_eq!(ledger.entry(1).unwrap().unwrap(), told);
}

#[test]
fn what_could_not_be_found_out_leaves_what_was_known_and_stays_in_doubt() {
    let folder = tempfile::tempdir().unwrap();
    let mut ledger = open(&folder.path().join("run.db"));
    claim_again(&mut ledger, [7; 16]);
    settle(&mut ledger, settled(1, Outcome::Created));
    claim_again(&mut ledger, [8; 16]);
    let lost = Settlement {
        digest: [8; 16],
        ours: false,
        ..settled(1, Outcome::Unresolved)
    };
    settle(&mut ledger, lost);
    let left = known(&mut ledger)["c-1"];
    assert_eq!(
        (left.in_doubt, left.ours, left.last, left.digest),
        (true, true, Some(Outcome::Created), [7; 16])
    );
    let failed = Settlement {
        ours: false,
        ..settled(1, Outcome::Failed)
    };
    settle(&mut ledger, failed);
    let left = known(&mut ledger)["c-1"];
    assert!(left.ours && left.there && !left.in_doubt);
    let standing = ledger.standing().unwrap();
    assert_eq!((standing.ours, standing.tally.of(Outcome::Failed)), (1, 1));
    let created: i64 = ledger
        .db
        .query_row("SELECT created FROM customer", [], |row| row.get(0))
        .unwrap();
    assert_eq!(created, 7);
}

#[test]
fn a_claim_never_changes_whose_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let mut ledger = open(&folder.path().join("run.db"));
    claim_again(&mut ledger, [7; 16]);
    let others = Claim {
        client_id: "c-2".to_owned(),
        ..claim(1)
    };
    let batch = Batch {
        claims: vec![claim(2), others],
        ..Batch::default()
    };
    assert!(ledger.write(&batch).is_err());
    assert_eq!(known(&mut ledger).into_keys().collect::<Vec<_>>(), ["c-1"]);
}

#[test]
fn another_account_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("run.db");
    drop(open(&path));
    let other = Target {
        kable_client_id: "kci_2".to_owned(),
        ..target()
    };
    let refused = SqliteLedger::open(&path, &other, 1).unwrap_err();
    assert!(
        matches!(refused, LedgerError::OtherAccount { .. }),
        "{refused}"
    );
}

#[test]
fn a_newer_format_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("run.db");
    let ledger = open(&path);
    ledger.db.pragma_update(None, "user_version", 5).unwrap();
    drop(ledger);
    let refused = SqliteLedger::open(&path, &target(), 1).unwrap_err();
    assert!(
        matches!(
            refused,
            LedgerError::Newer {
                found: 5,
                known: 4,
                ..
            }
        ),
        "{refused}"
    );
}

#[test]
fn other_files_are_refused_and_left_as_they_are() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("notes.txt");
    std::fs::write(&path, "no database").unwrap();
    let refused = SqliteLedger::open(&path, &target(), 1).unwrap_err();
    assert!(
        matches!(refused, LedgerError::NotALedger { .. }),
        "{refused}"
    );
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "no database");

    let foreign = folder.path().join("foreign.db");
    let db = rusqlite::Connection::open(&foreign).unwrap();
    db.execute_batch("CREATE TABLE t (x)").unwrap();
    drop(db);
    let before = std::fs::read(&foreign).unwrap();
    let refused = SqliteLedger::open(&foreign, &target(), 1).unwrap_err();
    assert!(
        matches!(refused, LedgerError::NotALedger { .. }),
        "{refused}"
    );
    assert_eq!(std::fs::read(&foreign).unwrap(), before);
}

#[test]
fn a_run_can_be_looked_at_while_it_writes() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("run.db");
    let mut writer = open(&path);
    writer
        .write(&Batch {
            claims: vec![claim(1)],
            ..Batch::default()
        })
        .unwrap();
    let mut reader = SqliteLedger::open_to_read(&path).unwrap();
    assert_eq!(reader.standing().unwrap().tally.sum(), 1);
    assert!(reader.write(&Batch::default()).is_err());
}

#[cfg(unix)]
#[test]
fn only_its_owner_can_read_it() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("run.db");
    drop(open(&path));
    assert_eq!(
        std::fs::metadata(&path).unwrap().permissions().mode() & 0o777,
        0o600
    );
}

#[cfg(unix)]
#[test]
fn a_link_that_leads_nowhere_yet_leads_to_the_new_one() {
    let folder = tempfile::tempdir().unwrap();
    let (path, link) = (folder.path().join("run.db"), folder.path().join("link.db"));
    std::os::unix::fs::symlink("run.db", &link).unwrap();
    drop(SqliteLedger::open(&link, &target(), 1).unwrap());
    assert!(link.is_symlink() && path.is_file());
    drop(SqliteLedger::open(&path, &target(), 1).unwrap());
}

/// What a checkpoint begins with is in the file, and not in its log.
#[test]
fn a_new_one_is_whole_before_it_is_there() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("run.db");
    std::fs::write(folder.path().join("run.db.part"), "not ours").unwrap();
    drop(open(&path));
    std::fs::remove_file(folder.path().join("run.db-wal")).unwrap();
    let db = rusqlite::Connection::open(&path).unwrap();
    let whose: String = db
        .query_row("SELECT kable_client_id FROM account", [], |row| row.get(0))
        .unwrap();
    assert_eq!(whose, "kci_1");
    let other = std::fs::read_to_string(folder.path().join("run.db.part"));
    assert_eq!(other.unwrap(), "not ours");
    let names = std::fs::read_dir(folder.path()).unwrap();
    let parts = names.filter(|entry| {
        let name = entry.as_ref().unwrap().file_name();
        name.to_string_lossy().contains(".part")
    });
    assert_eq!(parts.count(), 1, "a temporary file was left");
}

#[cfg(target_os = "linux")]
#[test]
fn a_removed_lock_file_lets_no_second_writer_in() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("run.db");
    let mut first = open(&path);
    std::fs::remove_file(folder.path().join("run.db.lock")).unwrap();
    let refused = SqliteLedger::open(&path, &target(), 1).unwrap_err();
    assert!(matches!(refused, LedgerError::InUse { .. }), "{refused}");
    let refused = first.write(&Batch::default()).unwrap_err();
    assert!(matches!(refused, LedgerError::Parted { .. }), "{refused}");
    drop(first);
    SqliteLedger::open(&path, &target(), 1).unwrap();
}

/// One step of the model test.
#[derive(Debug, Clone)]
enum Step {
    ClaimNew(u8),
    ClaimAgain(prop::sample::Index, u8),
    Settle(prop::sample::Index, usize, u32),
    Reopen,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    prop::collection::vec(
        prop_oneof![
            (1u8..5).prop_map(Step::ClaimNew),
            (any::<prop::sample::Index>(), 1u8..9).prop_map(|(at, row)| Step::ClaimAgain(at, row)),
            (any::<prop::sample::Index>(), 0..Outcome::ALL.len(), 0u32..3)
                .prop_map(|(at, outcome, attempts)| Step::Settle(at, outcome, attempts)),
            Just(Step::Reopen),
        ],
        1..30,
    )
}

/// What the ledger is to know of a claim.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Modelled {
    last: Option<Outcome>,
    in_doubt: bool,
    digest: [u8; 16],
    ours: bool,
    attempts: u32,
    claimed_by: Option<i64>,
}

impl Modelled {
    fn claim(&mut self, digest: [u8; 16], claimed_by: i64) {
        if matches!(self.last, None | Some(Outcome::Pending)) {
            self.digest = digest;
        }
        if !self.in_doubt {
            self.claimed_by = Some(claimed_by);
        }
        self.in_doubt = true;
    }

    fn settle(&mut self, settled: &Settlement) {
        self.ours |= settled.ours;
        self.attempts += settled.attempts;
        self.in_doubt = settled.outcome == Outcome::Unresolved;
        if settled.outcome == Outcome::Pending {
            self.last = self.last.or(Some(Outcome::Pending));
        } else if settled.outcome != Outcome::Unresolved {
            (self.last, self.digest) = (Some(settled.outcome), settled.digest);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn the_ledger_is_a_map(steps in steps()) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("run.db");
        let mut ledger = open(&path);
        let mut model: BTreeMap<u64, Modelled> = BTreeMap::new();
        for (now, step) in steps.into_iter().enumerate() {
            let claimed_by = i64::try_from(now).unwrap();
            let mut batch = Batch { claimed_by: Some(claimed_by), ..Batch::default() };
            match step {
                Step::ClaimNew(many) => {
                    for _ in 0..many {
                        let id = model.len() as u64 + 1;
                        model.entry(id).or_default().claim([7; 16], claimed_by);
                        batch.claims.push(claim(id));
                    }
                }
                Step::ClaimAgain(at, row) if !model.is_empty() => {
                    let id = at.index(model.len()) as u64 + 1;
                    model.entry(id).or_default().claim([row; 16], claimed_by);
                    batch.claims.push(Claim { digest: [row; 16], ..claim(id) });
                }
                Step::Settle(at, outcome, attempts) if !model.is_empty() => {
                    let id = at.index(model.len()) as u64 + 1;
                    let settled = Settlement {
                        attempts,
                        customer_id: None,
                        ..settled(id, Outcome::ALL[outcome])
                    };
                    model.entry(id).or_default().settle(&settled);
                    batch.settlements.push(settled);
                }
                Step::ClaimAgain(..) | Step::Settle(..) => {}
                Step::Reopen => {
                    drop(ledger);
                    ledger = open(&path);
                }
            }
            ledger.write(&batch).unwrap();
        }
        let found: Vec<Known> = known(&mut ledger).into_values().collect();
        let wanted: BTreeMap<String, Known> = model
            .iter()
            .map(|(id, row)| {
                let known = Known {
                    id: *id,
                    digest: row.digest,
                    last: row.last,
                    in_doubt: row.in_doubt,
                    sent: row.in_doubt || row.attempts > 0,
                    there: row.ours || row.last.is_some_and(Outcome::is_there),
                    ours: row.ours,
                    orphan: false,
                    claimed_by: row.claimed_by,
                };
                (format!("c-{id}"), known)
            })
            .collect();
        prop_assert_eq!(found, wanted.into_values().collect::<Vec<_>>());
        for (id, row) in model {
            let outcome = row.last.filter(|_| !row.in_doubt).unwrap_or(Outcome::Unresolved);
            prop_assert_eq!(ledger.entry(id).unwrap().unwrap().outcome, outcome);
        }
    }
}
