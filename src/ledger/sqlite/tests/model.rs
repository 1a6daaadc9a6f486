//! Property test: the ledger is a map.

use super::*;

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
        let found: Vec<KnownClaim> = known(&mut ledger).into_values().collect();
        let wanted: BTreeMap<String, KnownClaim> = model
            .iter()
            .map(|(id, row)| {
                let known = KnownClaim {
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
            prop_assert_eq!(ledger.claim_record(id).unwrap().unwrap().outcome, outcome);
        }
    }
}
