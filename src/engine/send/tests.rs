use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use proptest::prelude::*;
use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;

use super::dispatch::Dispatch;
use super::queue::{Queue, Waiting};
use super::systemic_refusal::SystemicRefusal;
use super::{Around, Parts, Settings, run};
use crate::domain::change::Change;
use crate::domain::customer::Customer;
use crate::domain::customer::tests::{aster, digest_of};
use crate::domain::outcome::Outcome;
use crate::domain::plan::{Existing, Policy, Remote};
use crate::domain::summary::Left;
use crate::engine::account::{Account, Accounting, account, demand_agreement};
use crate::engine::checker::Reading;
use crate::engine::pace::Wanted;
use crate::engine::pace::rate::Rate;
use crate::engine::pace::retry_budget::Allowance;
use crate::engine::stop::{Halt, Stop};
use crate::engine::survey::settings::Surveying;
use crate::engine::survey::{Beforehand, Survey, survey};
use crate::engine::testing::{
    Ask, BELIEVING, CLAIMED_EARLIER_BY, DATE, EAGER, Fate as Answer, Kable, MemoryLedger, NOW_MS,
    Tables, remote_of, sending,
};
use crate::engine::ticket::{ClaimTime, Ticket};
use crate::engine::wall_clock::WallClock;
use crate::kable::{Answered, Created, CustomerApi, Found, Reply};
use crate::ledger::{Ledger, RunStart};
use crate::report::{Fate, RowAccount, Silent, Sink};

/// A ledger, an account at Kable, and how a run behaves; a test changes the
/// one thing it is about.
struct Site {
    folder: tempfile::TempDir,
    ledger: MemoryLedger,
    kable: Kable,
    stop: Stop,
    policy: Policy,
    settings: Settings,
}

/// What a run came to.
struct Came {
    left: Left,
    account: Account,
    /// `LINE OUTCOME` of every row, and what is wrong with it.
    told: Vec<String>,
    halt: Option<Halt>,
}

/// Keeps what it is told of rows.
#[derive(Default)]
struct Told(Vec<String>);

impl Sink for Told {
    fn take(&mut self, row: &RowAccount<'_>) -> io::Result<()> {
        let fate = match row.fate {
            Fate::Skipped => "skipped",
            Fate::Rejected => "rejected",
            Fate::Came(came) => came.outcome.name(),
        };
        let mut told = format!("{} {fate}", row.row.origin.line);
        for problem in row.problems {
            told = format!("{told}: {problem}");
        }
        self.0.push(told);
        Ok(())
    }
}

impl Site {
    fn new() -> Self {
        let ledger = MemoryLedger::default();
        Self {
            folder: tempfile::tempdir().unwrap(),
            kable: Kable::new(&ledger),
            ledger,
            stop: Stop::default(),
            policy: Policy::default(),
            settings: Settings {
                landing: BELIEVING,
                doubts_only: false,
                pacing: Wanted {
                    ceiling: Rate::Unlimited,
                    at_once: true,
                    concurrency: 8,
                },
                retry: EAGER,
                allowance: Allowance::UNLIMITED,
                existing: Existing::Skip,
                stripe: false,
                canary: None,
                errors: 0,
                allowed_errors: u64::MAX,
            },
        }
    }

    /// A site that sends one row after the other.
    fn one_by_one() -> Self {
        let mut site = Self::new();
        site.settings.pacing.concurrency = 1;
        site
    }

    /// Imports one table with these rows.
    async fn import<S: Into<String>>(&self, rows: impl IntoIterator<Item = S>) -> Came {
        self.import_tables(Tables::one(rows)).await.unwrap()
    }

    fn survey(
        &self,
        rows: &Tables,
        reading: &Reading,
        ledger: &mut MemoryLedger,
    ) -> anyhow::Result<Survey> {
        let surveying = Surveying {
            threads: 2,
            note_rows: false,
            reading,
            policy: self.policy,
            folder: self.folder.path(),
            stop: &Stop::default(),
        };
        survey(
            &mut rows.clone(),
            &surveying,
            Beforehand::ByLedger(ledger),
            &Silent,
        )
    }

    /// Surveys, sends and gives an account, as a command does.
    async fn import_tables(&self, rows: Tables) -> anyhow::Result<Came> {
        let reading = Arc::new(Reading {
            names: rows.names(),
            ..Reading::default()
        });
        let mut ledger = self.ledger.clone();
        let surveyed = self.survey(&rows, &reading, &mut ledger)?;
        ledger.begin(&RunStart {
            command: "import".to_owned(),
            inputs: reading.names.clone(),
            fit_rows: surveyed.fit(),
            now_ms: NOW_MS,
        })?;
        let parts = Parts {
            rows: rows.clone(),
            reading: Arc::clone(&reading),
            verdicts: surveyed.verdicts,
            orphans: surveyed.orphans,
            first_new_id: surveyed.first_new_id,
            gaps: surveyed.gaps,
            api: self.kable.clone(),
            ledger,
            keys: None,
            observer: Silent,
            around: Around {
                stop: self.stop.clone(),
                wall: WallClock::stopped_at(NOW_MS),
                jitter: || 1.0,
                bucket: None,
                dates: vec![DATE],
            },
        };
        let mut ended = run(parts, self.settings).await?;
        let accounting = Accounting {
            reading: &reading,
            surveyed: surveyed.rows,
            verdicts: &mut ended.verdicts,
            first_new_id: surveyed.first_new_id,
            ledger: Some(&mut ended.ledger),
            listed: None,
            foreseeing: None,
            stop: None,
        };
        let mut told = Told::default();
        let others = rows.clone();
        let account = account(&mut rows.clone(), others, accounting, &mut told, &Silent)?;
        demand_agreement(&account, surveyed.rows)?;
        Ok(Came {
            left: ended.left,
            account,
            told: told.0,
            halt: self.stop.reason(),
        })
    }
}

/// `many` good rows.
fn good(many: usize) -> Vec<String> {
    (1..=many)
        .map(|number| format!("c-{number},Aster {number},USD"))
        .collect()
}

/// What [`Kable`] holds once [`good`] rows are there.
fn good_customers(many: usize) -> BTreeSet<(String, String)> {
    (1..=many)
        .map(|number| (format!("c-{number}"), format!("Aster {number}")))
        .collect()
}

fn held_by(kable: &Kable) -> BTreeSet<(String, String)> {
    kable.customers().into_iter().collect()
}

/// The customer `c-1` with nothing but a name.
fn plain(name: &str) -> Customer {
    use crate::domain::candidate::Candidate;
    use crate::domain::field::Field;
    use crate::domain::row::Origin;
    use crate::domain::rules::Rules;
    use crate::domain::validate::validate;

    let mut candidate = Candidate::new(Origin::default());
    candidate.set(Field::ClientId, "c-1");
    candidate.set(Field::CompanyName, name);
    candidate.set(Field::Currency, "USD");
    validate(&candidate, &Rules::default())
        .unwrap()
        .values
        .to_customer()
}

#[tokio::test]
async fn every_row_has_one_outcome() {
    let site = Site::new();
    site.kable.hold(remote_of(&plain("Another"), NOW_MS - 1));
    let rows = [
        "c-1,Aster,USD",
        "",
        "c-2,Birch,EUR",
        "c-3",
        "c-4,Cedar,XXX",
        "c-2,Birch,EUR",
        "c-5,Elm,USD",
    ];
    let words: Vec<String> = site
        .import(rows)
        .await
        .told
        .iter()
        .map(|told| told.split(':').next().unwrap_or_default().to_owned())
        .collect();
    assert_eq!(
        words,
        [
            "2 differs",
            "3 skipped",
            "4 created",
            "5 rejected",
            "6 rejected",
            "7 rejected",
            "8 created"
        ]
    );
}

#[tokio::test]
async fn an_account_counts_every_row_once() {
    let site = Site::new();
    let rows = ["c-1,Aster,USD", "", "c-2,Birch,EUR", "c-3", "c-2,Birch,EUR"];
    let account = site.import(rows).await.account;
    let counted = (
        account.rows.read,
        account.rows.skipped,
        account.rows.rejected,
    );
    assert_eq!(
        (counted, account.outcomes.of(Outcome::Created)),
        ((5, 1, 2), 2)
    );
}

#[tokio::test]
async fn a_second_run_sends_nothing() {
    let site = Site::new();
    let first = site.import(good(30)).await;
    let sent = (site.kable.creates(), site.kable.finds());
    let second = site.import(good(30)).await;
    assert_eq!((site.kable.creates(), site.kable.finds()), sent);
    assert_eq!(second.told, first.told);
}

#[tokio::test]
async fn a_row_that_was_changed_after_it_was_created_differs_and_is_not_sent() {
    let site = Site::new();
    site.import(["c-1,Aster,USD"]).await;
    let second = site.import(["c-1,Astre,USD"]).await;
    assert_eq!(second.told, ["2 differs"]);
    assert_eq!(site.kable.creates(), ["c-1"]);
}

#[tokio::test]
async fn rows_are_known_wherever_they_stand_in_the_next_file() {
    let site = Site::new();
    site.import(good(10)).await;
    let mut rows = good(20);
    rows.reverse();
    site.import(rows).await;
    assert_eq!(site.kable.creates().len(), 20);
    assert_eq!(held_by(&site.kable), good_customers(20));
}

#[tokio::test]
async fn a_duplicate_is_rejected_with_the_first_ones_line() {
    let site = Site::new();
    let came = site
        .import(["c-1,Aster,USD", "c-2,Birch,USD", "c-1,Astre,EUR"])
        .await;
    assert_eq!(
        came.told[2],
        "4 rejected: clientId \"c-1\" stands already on line 2, with another companyName and currency \
         (wanted one row a customer)"
    );
}

#[tokio::test]
async fn a_duplicate_in_another_input_is_rejected_with_the_first_ones_input() {
    let site = Site::new();
    let tables = Tables::of([
        ("clientId,companyName,currency", ["c-1,Aster,USD"]),
        ("currency,companyName,clientId", ["USD,Aster,c-1"]),
    ]);
    let came = site.import_tables(tables).await.unwrap();
    assert_eq!(
        came.told[1],
        "2 rejected: clientId \"c-1\" stands already on a.csv, line 2, with the same values \
         (wanted one row a customer)"
    );
}

#[tokio::test]
async fn a_row_in_doubt_is_asked_for_and_not_sent_where_it_is_there() {
    let site = Site::new();
    site.ledger.remember(&plain("Aster"), None);
    site.kable
        .hold(remote_of(&plain("Aster"), CLAIMED_EARLIER_BY));
    let came = site.import(["c-1,Aster,USD"]).await;
    assert_eq!(came.told, ["2 created"]);
    assert!(site.kable.creates().is_empty());
}

#[tokio::test]
async fn a_row_in_doubt_is_sent_where_it_is_absent() {
    let site = Site::new();
    site.ledger.remember(&plain("Aster"), None);
    site.import(["c-1,Aster,USD"]).await;
    assert_eq!(
        (site.kable.finds(), site.kable.creates()),
        (vec!["c-1".to_owned()], vec!["c-1".to_owned()])
    );
}

/// Issue 12, point 3: claims in doubt whose rows have left the file.
#[tokio::test]
async fn a_row_in_doubt_that_has_left_the_file_is_asked_for_and_never_sent() {
    let counts = |left: Left| {
        [
            left.created,
            left.already_existed,
            left.absent,
            left.unresolved,
        ]
    };
    for (created, wanted) in [
        (Some(CLAIMED_EARLIER_BY), [1, 0, 0, 0]),
        (Some(CLAIMED_EARLIER_BY - 1), [0, 1, 0, 0]),
        (None, [0, 0, 1, 0]),
    ] {
        let site = Site::new();
        site.ledger.remember(&plain("Aster"), None);
        if let Some(created) = created {
            site.kable.hold(remote_of(&plain("Aster"), created));
        }
        for asked in [1, 0] {
            let came = site.import(["c-2,Birch,USD"]).await;
            assert_eq!(counts(came.left), wanted);
            assert_eq!(came.told, ["2 created"]);
            assert_eq!(site.kable.creates(), ["c-2"]);
            let finds = site.kable.finds();
            assert_eq!(finds.len(), 1, "asked {asked} times more");
        }
        // The row comes back.
        let came = site.import(["c-1,Aster,USD", "c-2,Birch,USD"]).await;
        assert_eq!(counts(came.left), [0; 4]);
        let outcome = if wanted[1] == 1 {
            "already_existed"
        } else {
            "created"
        };
        assert_eq!(came.told, [format!("2 {outcome}"), "3 created".to_owned()]);
        assert_eq!(site.kable.too_often(), Vec::<String>::new());
    }
}

#[tokio::test]
async fn a_row_in_doubt_that_is_rejected_now_is_asked_for() {
    let site = Site::new();
    site.ledger.remember(&plain("Aster"), None);
    site.kable
        .hold(remote_of(&plain("Aster"), CLAIMED_EARLIER_BY));
    let came = site.import(["c-1,,USD", "c-2,Birch,USD"]).await;
    assert_eq!(came.left.created, 1);
}

#[tokio::test]
async fn a_row_in_doubt_that_was_changed_since_is_not_sent_where_the_old_one_is_there() {
    let site = Site::new();
    site.ledger.remember(&plain("Aster"), None);
    site.kable
        .hold(remote_of(&plain("Aster"), CLAIMED_EARLIER_BY));
    let came = site.import(["c-1,Astre,USD"]).await;
    assert_eq!(came.told, ["2 differs"]);
    assert!(site.kable.creates().is_empty());
}

#[tokio::test]
async fn from_a_ledger_with_gaps_nothing_is_sent_that_was_not_asked_for() {
    let site = Site::one_by_one();
    // Claims that the ledger holds may be older than what was done.
    site.ledger
        .remember(&plain("Aster"), Some(Outcome::Pending));
    site.ledger.forget();
    site.kable.hold(remote_of(&plain("Aster"), NOW_MS - 9000));
    let mut other = remote_of(&plain("Birch"), NOW_MS - 9000);
    "c-2".clone_into(&mut other.client_id);
    site.kable.hold(other.clone());
    "c-3".clone_into(&mut other.client_id);
    site.kable.hold(other);
    let rows = [
        "c-1,Aster,USD",
        "c-2,Birch,USD",
        "c-3,Cedar,USD",
        "c-4,Elm,USD",
    ];
    let came = site.import(rows).await;
    assert!(came.told[2].starts_with("4 differs"), "{:?}", came.told);
    assert_eq!(
        [&came.told[0], &came.told[1], &came.told[3]],
        ["2 already_existed", "3 already_existed", "5 created"]
    );
    assert_eq!(site.kable.finds(), ["c-1", "c-2", "c-3", "c-4"]);
    assert_eq!(site.kable.creates(), ["c-4"]);
}

#[tokio::test]
async fn what_a_ledger_with_gaps_knows_to_be_done_is_left_alone() {
    let site = Site::new();
    site.ledger
        .remember(&plain("Aster"), Some(Outcome::Created));
    site.ledger.forget();
    assert_eq!(site.import(["c-1,Aster,USD"]).await.told, ["2 created"]);
    assert!(site.kable.finds().is_empty() && site.kable.creates().is_empty());
}

#[tokio::test]
async fn an_unresolved_row_is_asked_for_by_the_next_run() {
    let mut site = Site::new();
    site.settings.retry.retries = 0;
    site.kable.behave(|ask| match ask {
        Ask::Create(_) => Answer::LostAfter,
        Ask::Update(_) | Ask::Find(_) => Answer::LostBefore,
    });
    let first = site.import(["c-1,Aster,USD"]).await;
    site.kable.behave(|_| Answer::Answered);
    let second = site.import(["c-1,Aster,USD"]).await;
    assert_eq!(
        (first.told, second.told),
        (
            vec!["2 unresolved".to_owned()],
            vec!["2 created".to_owned()]
        )
    );
    assert_eq!(site.kable.creates(), ["c-1"]);
}

#[tokio::test]
async fn what_a_stopped_run_did_not_send_is_pending_and_sent_by_the_next() {
    let mut site = Site::one_by_one();
    let (stop, mut left) = (site.stop.clone(), 3);
    site.kable.behave(move |_| {
        left -= 1;
        if left == 0 {
            stop.halt(Halt::Interrupted);
        }
        Answer::Answered
    });
    let first = site.import(good(10)).await;
    site.kable.behave(|_| Answer::Answered);
    site.stop = Stop::default();
    site.import(good(10)).await;
    let outcomes = first.account.outcomes;
    assert_eq!(
        (outcomes.of(Outcome::Created), outcomes.of(Outcome::Pending)),
        (3, 7)
    );
    assert_eq!(site.kable.creates().len(), 10);
    assert_eq!(held_by(&site.kable), good_customers(10));
    assert!(site.kable.finds().is_empty());
}

#[tokio::test]
async fn nothing_is_sent_before_its_claim_is_written() {
    let site = Site::new();
    let (entered, entering) = oneshot::channel();
    let (release, released) = std::sync::mpsc::channel();
    let door = Mutex::new((Some(entered), released));
    site.ledger.behind(move |batch| {
        let mut door = door.lock().unwrap();
        if let Some(entered) = door.0.take_if(|_| !batch.claims.is_empty()) {
            entered.send(()).unwrap();
            door.1.recv().unwrap();
        }
        Ok(())
    });
    let looking = async {
        entering.await.unwrap();
        for _ in 0..1000 {
            tokio::task::yield_now().await;
        }
        let seen = site.kable.creates();
        release.send(()).unwrap();
        seen
    };
    let (came, seen) = tokio::join!(site.import(good(3)), looking);
    assert_eq!(seen, Vec::<String>::new());
    assert_eq!(came.account.outcomes.of(Outcome::Created), 3);
}

#[tokio::test]
async fn a_ledger_that_cannot_be_written_ends_the_run_before_anything_is_sent() {
    let site = Site::new();
    site.ledger.behind(|_| Err(MemoryLedger::no_room()));
    let failed = site
        .import_tables(Tables::one(good(30)))
        .await
        .err()
        .unwrap();
    assert_eq!(failed.to_string(), "cannot write to checkpoint in memory");
    assert!(site.kable.creates().is_empty());
}

#[tokio::test]
async fn what_was_sent_when_the_ledger_failed_is_asked_for_by_the_next_run() {
    let mut site = Site::new();
    site.ledger.behind(|batch| {
        if batch.settlements.is_empty() {
            return Ok(());
        }
        Err(MemoryLedger::no_room())
    });
    assert!(site.import_tables(Tables::one(good(30))).await.is_err());
    let sent = site.kable.creates();
    site.ledger.open();
    site.stop = Stop::default();
    site.import(good(30)).await;
    assert!(
        !sent.is_empty() && sent.iter().all(|id| site.kable.finds().contains(id)),
        "{sent:?}"
    );
    assert_eq!(site.kable.too_often(), Vec::<String>::new());
    assert_eq!(held_by(&site.kable), good_customers(30));
}

/// Refuses every create with words of its own making.
fn refusing(
    words: impl Fn(&str) -> String + Send + 'static,
) -> impl FnMut(Ask<'_>) -> Answer + Send {
    move |ask| match ask {
        Ask::Create(id) => Answer::Refused(words(id)),
        Ask::Update(_) | Ask::Find(_) => Answer::Answered,
    }
}

#[tokio::test]
async fn twenty_refusals_alike_from_the_start_end_the_run() {
    let site = Site::new();
    site.kable
        .behave(refusing(|id| format!("no Stripe for {id}")));
    let came = site.import(good(100)).await;
    let message = "status 400: no Stripe for c-20".to_owned();
    assert_eq!(
        came.halt,
        Some(Halt::AllAlike {
            rows: 20,
            kind: "to be created",
            message,
        })
    );
    assert_eq!(site.kable.creates().len(), 20);
}

#[tokio::test]
async fn rows_that_were_refused_like_everybody_are_pending_and_sent_by_the_next_run() {
    let mut site = Site::new();
    site.kable.behave(refusing(|_| "no Stripe".to_owned()));
    let first = site.import(good(100)).await;
    site.kable.behave(|_| Answer::Answered);
    site.stop = Stop::default();
    let second = site.import(good(100)).await;
    assert_eq!(first.account.outcomes.of(Outcome::Pending), 100);
    assert_eq!(second.account.outcomes.of(Outcome::Created), 100);
}

#[tokio::test]
async fn refusals_that_differ_fail_their_rows_and_nothing_else() {
    let site = Site::new();
    site.kable.behave(|ask| match ask {
        Ask::Create(id) if id.ends_with('3') => {
            Answer::Refused(format!("bad plan of {}", id.len()))
        }
        Ask::Create(_) | Ask::Update(_) | Ask::Find(_) => Answer::Answered,
    });
    let came = site.import(good(60)).await;
    let outcomes = came.account.outcomes;
    assert_eq!(
        (outcomes.of(Outcome::Failed), outcomes.of(Outcome::Created)),
        (6, 54)
    );
    assert_eq!(came.halt, None);
}

#[tokio::test]
async fn too_few_refusals_alike_to_be_everybodys_fail_their_rows() {
    let site = Site::new();
    site.kable.behave(refusing(|_| "no".to_owned()));
    let came = site.import(good(19)).await;
    assert_eq!(
        (came.account.outcomes.of(Outcome::Failed), came.halt),
        (19, None)
    );
}

#[tokio::test]
async fn a_row_that_failed_is_left_alone_unless_it_is_to_be_tried_again() {
    for (retry_failed, creates) in [(false, 1), (true, 2)] {
        let mut site = Site::new();
        site.policy.retry_failed = retry_failed;
        site.kable.behave(refusing(|_| "no".to_owned()));
        site.import(good(1)).await;
        site.import(good(1)).await;
        assert_eq!(site.kable.creates().len(), creates, "{retry_failed}");
    }
}

#[tokio::test]
async fn too_many_errors_end_the_run() {
    let mut site = Site::one_by_one();
    (site.settings.errors, site.settings.allowed_errors) = (2, 4);
    let words = AtomicUsize::new(0);
    site.kable.behave(refusing(move |_| {
        format!("reason {}", words.fetch_add(1, Ordering::Relaxed))
    }));
    let came = site.import(good(50)).await;
    assert_eq!(
        came.halt,
        Some(Halt::TooManyErrors {
            errors: 5,
            allowed: 4
        })
    );
    let outcomes = came.account.outcomes;
    assert_eq!(
        (outcomes.of(Outcome::Failed), outcomes.of(Outcome::Pending)),
        (3, 47)
    );
}

#[tokio::test]
async fn credentials_that_no_longer_hold_end_the_run_and_no_row_failed() {
    let site = Site::one_by_one();
    let mut left = 3;
    site.kable.behave(move |_| {
        left -= 1;
        if left >= 0 {
            Answer::Answered
        } else {
            Answer::Denied
        }
    });
    let came = site.import(good(10)).await;
    let outcomes = came.account.outcomes;
    assert_eq!(
        (outcomes.of(Outcome::Created), outcomes.of(Outcome::Pending)),
        (3, 7)
    );
    assert!(
        matches!(came.halt, Some(Halt::Denied { .. })),
        "{:?}",
        came.halt
    );
}

#[tokio::test]
async fn a_worker_that_fails_ends_the_run_and_its_row_stays_in_doubt() {
    let site = Site::one_by_one();
    site.kable.behave(|_| panic!("as planned"));
    let failed = site
        .import_tables(Tables::one(good(5)))
        .await
        .err()
        .unwrap();
    assert_eq!(
        failed.to_string(),
        "a worker failed; this is a bug in kable-bulk"
    );
    assert!(site.ledger.is_in_doubt("c-1"));
}

#[tokio::test]
async fn the_ledger_keeps_count_of_the_requests() {
    let site = Site::new();
    let mut number = 0;
    site.kable.behave(move |_| {
        number += 1;
        match number % 5 {
            1 => Answer::LostBefore,
            2 => Answer::Throttled,
            _ => Answer::Answered,
        }
    });
    site.import(good(50)).await;
    let (creates, finds) = (
        site.kable.creates().len() as u64,
        site.kable.finds().len() as u64,
    );
    let requests = site.ledger.figures().requests;
    assert_eq!((requests.sent, requests.lookups), (creates + finds, finds));
    assert_eq!(requests.retried, creates - 50);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_thousands_of_rows_at_once_every_one_is_created_exactly_once() {
    let mut site = Site::new();
    site.settings.pacing.concurrency = 64;
    // Each row's first three requests have a fate of their own.
    let mut asked = BTreeMap::<String, usize>::new();
    site.kable.behave(move |ask| {
        let (Ask::Create(id) | Ask::Update(id) | Ask::Find(id)) = ask;
        let number = asked.entry(id.to_owned()).or_default();
        *number += 1;
        match id.len() * 7 + id.bytes().map(usize::from).sum::<usize>() * *number {
            _ if *number > 3 => Answer::Answered,
            fate if fate % 11 == 3 => Answer::LostAfter,
            fate if fate % 11 == 5 => Answer::LostBefore,
            fate if fate % 11 == 7 => Answer::Throttled,
            _ => Answer::Answered,
        }
    });
    let came = site.import(good(5000)).await;
    assert_eq!(came.account.outcomes.of(Outcome::Created), 5000);
    assert_eq!(site.kable.too_often(), Vec::<String>::new());
    assert_eq!(held_by(&site.kable), good_customers(5000));
}

/// Never answers.
struct Deaf;

impl CustomerApi for Deaf {
    async fn reach(&self) -> Answered<crate::kable::Reach> {
        std::future::pending().await
    }

    async fn create(&self, _customer: &Customer) -> Answered<Reply<Created>> {
        std::future::pending().await
    }

    async fn update(&self, _client_id: &str, _change: &Change) -> Answered<Reply<Box<Remote>>> {
        panic!("nothing is to be changed")
    }

    async fn find(&self, _client_id: &str) -> Answered<Found> {
        std::future::pending().await
    }

    async fn find_in_list(
        &self,
        _client_ids: &[String],
    ) -> Answered<Result<Vec<Found>, crate::kable::Trouble>> {
        std::future::pending().await
    }
}

#[tokio::test(start_paused = true)]
async fn after_a_stop_an_answer_is_awaited_for_ten_seconds_and_its_row_stays_claimed() {
    let (recorder, mut inbox) = mpsc::channel(8);
    let (tickets, queue) = mpsc::channel(8);
    let dispatch = Dispatch {
        sending: Arc::new(sending(Deaf)),
        canary: false,
        concurrency: 1,
        errors: 0,
        allowed_errors: 0,
        recorder,
        stripe: false,
        alike: SystemicRefusal::default(),
        held_back: None,
        waiting: Waiting::default(),
    };
    let (stop, began) = (dispatch.sending.stop.clone(), Instant::now());
    let ticket = Ticket {
        id: 1,
        digest: digest_of(&aster()),
        customer: aster(),
        ask_first: false,
        forgotten: false,
        in_doubt: false,
        changed: false,
        history: None,
        there: false,
        ours: false,
        is_repeat: false,
        claim: ClaimTime::Now {
            at_ms: NOW_MS,
            by_ms: None,
        },
    };
    tickets.send(vec![ticket]).await.unwrap();
    drop(tickets);
    let stopping = async {
        tokio::time::sleep(Duration::from_secs(1)).await;
        stop.halt(Halt::Interrupted);
    };
    let (dispatched, ()) = tokio::join!(
        dispatch.dispatch(Queue::of(queue, Arc::new(tokio::sync::Semaphore::new(0)))),
        stopping
    );
    dispatched.unwrap();
    assert_eq!(began.elapsed(), Duration::from_secs(11));
    assert!(inbox.recv().await.is_none());
}

/// One run of a random sequence.
#[derive(Debug, Clone)]
struct Turn {
    /// How far the rows are turned, for files are sorted between runs.
    turned: usize,
    /// What becomes of the first requests; the others are answered.
    answers: Vec<Answer>,
    /// The number of the request at which the run is stopped.
    stopped_at: Option<usize>,
    /// The number of the batch that the ledger can't take, as if the process
    /// had been killed there.
    killed_at: Option<usize>,
    concurrency: usize,
    retries: u32,
    retry_failed: bool,
}

fn answer() -> impl Strategy<Value = Answer> {
    prop_oneof![
        4 => Just(Answer::Answered),
        2 => Just(Answer::LostAfter),
        2 => Just(Answer::LostBefore),
        1 => "[ab]".prop_map(Answer::Refused),
        1 => Just(Answer::Throttled),
    ]
}

fn turn() -> impl Strategy<Value = Turn> {
    let answers = proptest::collection::vec(answer(), 0..30);
    let ends = (
        proptest::option::of(0..20usize),
        proptest::option::weighted(0.3, 0..4usize),
    );
    (0..20usize, answers, ends, 1..6usize, 0..3u32, any::<bool>()).prop_map(
        |(turned, answers, (stopped_at, killed_at), concurrency, retries, retry_failed)| Turn {
            turned,
            answers,
            stopped_at,
            killed_at,
            concurrency,
            retries,
            retry_failed,
        },
    )
}

/// A good row, the same each time its id is drawn; a bad one; a blank one.
fn line() -> impl Strategy<Value = String> {
    prop_oneof![
        12 => (1..=25u8).prop_map(|id| format!("c-{id},Aster {id},USD")),
        1 => (1..=25u8).prop_map(|id| format!("c-{id},,USD")),
        1 => Just(String::new()),
    ]
}

impl Site {
    /// Runs as `turn` says; `None` where it was killed.
    async fn take(&mut self, turn: &Turn, lines: &[String]) -> Option<Came> {
        self.stop = Stop::default();
        self.settings.pacing.concurrency = turn.concurrency;
        self.settings.retry.retries = turn.retries;
        self.policy.retry_failed = turn.retry_failed;
        let (stop, stopped_at) = (self.stop.clone(), turn.stopped_at);
        let (mut number, mut answers) = (0, turn.answers.clone().into_iter());
        self.kable.behave(move |_| {
            if stopped_at == Some(number) {
                stop.halt(Halt::Interrupted);
            }
            number += 1;
            answers.next().unwrap_or(Answer::Answered)
        });
        let (batches, killed_at) = (AtomicUsize::new(0), turn.killed_at);
        self.ledger.behind(move |_| {
            let number = batches.fetch_add(1, Ordering::Relaxed);
            if killed_at.is_some_and(|at| number >= at) {
                return Err(MemoryLedger::no_room());
            }
            Ok(())
        });
        let mut lines = lines.to_vec();
        let turned = turn.turned % lines.len();
        lines.rotate_left(turned);
        let came = self.import_tables(Tables::one(lines)).await;
        match came {
            Err(error) if turn.killed_at.is_some() && error.to_string().contains("checkpoint") => {
                None
            }
            came => Some(came.unwrap()),
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    #[test]
    fn whatever_happens_each_customer_is_created_once_and_each_row_has_one_outcome(
        lines in proptest::collection::vec(line(), 1..40),
        turns in proptest::collection::vec(turn(), 0..5),
    ) {
        let calm = Turn {
            turned: 0,
            answers: Vec::new(),
            stopped_at: None,
            killed_at: None,
            concurrency: 4,
            retries: 0,
            retry_failed: true,
        };
        let mut site = Site::new();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        for turn in &turns {
            if let Some(came) = runtime.block_on(site.take(turn, &lines)) {
                prop_assert_eq!(came.told.len(), lines.len());
            }
        }
        let last = runtime.block_on(site.take(&calm, &lines)).unwrap();
        let wanted: BTreeMap<String, String> = lines
            .iter()
            .filter_map(|line| line.strip_suffix(",USD")?.split_once(','))
            .filter(|(_, name)| !name.is_empty())
            .map(|(id, name)| (id.to_owned(), name.to_owned()))
            .collect();
        prop_assert_eq!(last.told.len(), lines.len());
        prop_assert_eq!(last.account.outcomes.of(Outcome::Created), wanted.len() as u64);
        prop_assert_eq!(site.kable.too_often(), Vec::<String>::new());
        prop_assert_eq!(held_by(&site.kable), wanted.into_iter().collect::<BTreeSet<_>>());
    }
}
