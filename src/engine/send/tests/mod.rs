//! The whole pipeline over an in-memory ledger and an API with scripted failures.

mod chance;
mod doubt;
mod keys;
mod proved;
mod stops;

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use proptest::prelude::*;
use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;

use super::dispatch::Dispatch;
use super::queue::{TicketQueue, WaitingRows};
use super::selection::Selection;
use super::systemic_refusal::SystemicRefusal;
use super::{PipelineParts, RunContext, Settings, run};
use crate::domain::customer::Customer;
use crate::domain::customer::tests::{aster, digest_of};
use crate::domain::decision::{ExistingPolicy, RowPolicy};
use crate::domain::outcome::Outcome;
use crate::domain::plan_policy::PlanRules;
use crate::domain::remote::{MissingContact, RemoteCustomer};
use crate::domain::summary::OrphanCounts;
use crate::domain::timeline::WaitKind;
use crate::engine::account::listed_outcomes::ListedOutcomes;
use crate::engine::account::{Account, AccountSources, account, demand_agreement};
use crate::engine::checker::CheckSettings;
use crate::engine::claim_numbers::ClaimNumbers;
use crate::engine::pace::PaceSettings;
use crate::engine::pace::rate::Rate;
use crate::engine::stop::{Halt, Stop};
use crate::engine::survey::settings::SurveySettings;
use crate::engine::survey::{KnownCustomers, Survey, survey};
use crate::engine::testing::ledger::{CLAIMED_EARLIER_BY, MemoryLedger};
use crate::engine::testing::memory_api::{ApiCall, CallFate, MemoryApi};
use crate::engine::testing::rows::MemoryRows;
use crate::engine::testing::{
    BELIEVING, DATE, EAGER, NOW_MS, UNLIMITED_RETRIES, remote_of, sender_to, survey_settings,
};
use crate::engine::ticket::{ClaimTime, EarlierRuns, FirstStep, Ticket};
use crate::engine::wall_clock::WallClock;
use crate::kable::{Created, CustomerApi, Exchange, LookUpReply, Reply};
use crate::ledger::{Ledger, RunStart};
use crate::report::keys::KeyFile;
use crate::report::{RowAccount, RowResult, RowSink, Silent};

/// A ledger, an account at Kable, and the settings of a run; each test changes what it is
/// about.
struct TestBed {
    folder: tempfile::TempDir,
    ledger: MemoryLedger,
    kable: MemoryApi,
    stop: Stop,
    policy: RowPolicy,
    settings: Settings,
    /// Whether keys are written to `keys.csv` in the folder.
    keys: bool,
}

/// The result of a run.
struct RunResult {
    left: OrphanCounts,
    account: Account,
    /// `LINE OUTCOME` of every row, and its problem.
    told: Vec<String>,
    halt: Option<Halt>,
}

/// Keeps the reported rows.
#[derive(Default)]
struct RowResults(Vec<String>);

impl RowSink for RowResults {
    fn add_row(&mut self, row: &RowAccount<'_>) -> io::Result<()> {
        let fate = match row.result {
            RowResult::Skipped => "skipped",
            RowResult::Rejected => "rejected",
            RowResult::Outcome(came) => came.outcome.name(),
        };
        let mut told = format!("{} {fate}", row.row.origin.line);
        for problem in row.problems {
            told = format!("{told}: {problem}");
        }
        self.0.push(told);
        Ok(())
    }
}

impl TestBed {
    fn new() -> Self {
        let ledger = MemoryLedger::default();
        Self {
            folder: tempfile::tempdir().unwrap(),
            kable: MemoryApi::new(&ledger),
            ledger,
            stop: Stop::default(),
            policy: RowPolicy::default(),
            settings: Settings {
                landing: BELIEVING,
                pacing: PaceSettings {
                    ceiling: Rate::Unlimited,
                    at_once: true,
                    concurrency: 8,
                },
                retry: EAGER,
                allowance: UNLIMITED_RETRIES,
                existing: ExistingPolicy::Skip,
                plans: PlanRules::IMPORT,
                missing_contact: MissingContact::Unknown,
                stripe: false,
                selection: Selection::ALL,
                errors: 0,
                allowed_errors: u64::MAX,
                rejected: 0,
                applies: false,
            },
            keys: false,
        }
    }

    fn key_file(&self) -> Option<KeyFile> {
        let place = self.folder.path().join("keys.csv");
        self.keys.then(|| KeyFile::open(&place).unwrap())
    }

    /// A site that does this about customers that exist and differ.
    fn with_existing(existing: ExistingPolicy) -> Self {
        let mut site = Self::new();
        site.settings.existing = existing;
        site.policy.existing = existing;
        site
    }

    /// A site that sends one row at a time.
    fn one_by_one() -> Self {
        let mut site = Self::new();
        site.settings.pacing.concurrency = 1;
        site
    }

    /// Imports one table with these rows.
    async fn import<S: Into<String>>(&self, rows: impl IntoIterator<Item = S>) -> RunResult {
        self.import_rows(MemoryRows::one(rows)).await.unwrap()
    }

    fn survey(
        &self,
        rows: &MemoryRows,
        reading: &CheckSettings,
        ledger: &mut MemoryLedger,
    ) -> anyhow::Result<Survey> {
        let running = Stop::default();
        let surveying = SurveySettings {
            policy: self.policy,
            ..survey_settings(reading, self.folder.path(), &running)
        };
        survey(
            &mut rows.clone(),
            &surveying,
            KnownCustomers {
                ledger: Some(ledger),
                list: None,
                surplus: false,
            },
            &Silent,
        )
    }

    /// Surveys, sends and reports, as a command does.
    async fn import_rows(&self, rows: MemoryRows) -> anyhow::Result<RunResult> {
        let reading = Arc::new(CheckSettings {
            names: rows.names(),
            ..CheckSettings::default()
        });
        let mut ledger = self.ledger.clone();
        let surveyed = self.survey(&rows, &reading, &mut ledger)?;
        ledger.begin(&RunStart {
            command: "import".to_owned(),
            inputs: reading.names.clone(),
            fit_rows: surveyed.fit(),
            now_ms: NOW_MS,
            shared: None,
        })?;
        let parts = PipelineParts {
            rows: rows.clone(),
            reading: Arc::clone(&reading),
            verdicts: surveyed.verdicts,
            sync: None,
            orphans: surveyed.orphans,
            numbers: ClaimNumbers::InOrder(surveyed.first_new_id),
            gaps: surveyed.gaps,
            parts: None,
            api: self.kable.clone(),
            ledger,
            keys: self.key_file(),
            observer: Silent,
            context: RunContext {
                stop: self.stop.clone(),
                wall: WallClock::stopped_at(NOW_MS),
                jitter: || 1.0,
                bucket: None,
                dates: vec![DATE],
            },
        };
        let mut ended = run(parts, self.settings).await?;
        let accounting = AccountSources {
            check: &reading,
            surveyed: surveyed.rows,
            verdicts: &mut ended.verdicts,
            numbers: Some(ClaimNumbers::InOrder(surveyed.first_new_id)),
            ledger: Some(&mut ended.ledger),
            remote_list: None,
            listed: ListedOutcomes::BEFORE_IMPORT,
            sync: None,
            preview: None,
            stop: None,
        };
        let mut told = RowResults::default();
        let others = rows.clone();
        let account = account(&mut rows.clone(), others, accounting, &mut told, &Silent)?;
        demand_agreement(&account, surveyed.rows)?;
        Ok(RunResult {
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

/// What [`MemoryApi`] holds once [`good`] rows are there.
fn good_customers(many: usize) -> BTreeSet<(String, String)> {
    (1..=many)
        .map(|number| (format!("c-{number}"), format!("Aster {number}")))
        .collect()
}

fn held_by(kable: &MemoryApi) -> BTreeSet<(String, String)> {
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
    let site = TestBed::new();
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
    let site = TestBed::new();
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
    let site = TestBed::new();
    let first = site.import(good(30)).await;
    let sent = (site.kable.creates(), site.kable.finds());
    let second = site.import(good(30)).await;
    assert_eq!((site.kable.creates(), site.kable.finds()), sent);
    assert_eq!(second.told, first.told);
}

#[tokio::test]
async fn a_row_that_was_changed_after_it_was_created_differs_and_is_not_sent() {
    let site = TestBed::new();
    site.import(["c-1,Aster,USD"]).await;
    let second = site.import(["c-1,Astre,USD"]).await;
    assert_eq!(second.told, ["2 differs"]);
    assert_eq!(site.kable.creates(), ["c-1"]);
}

#[tokio::test]
async fn rows_are_known_wherever_they_stand_in_the_next_file() {
    let site = TestBed::new();
    site.import(good(10)).await;
    let mut rows = good(20);
    rows.reverse();
    site.import(rows).await;
    assert_eq!(site.kable.creates().len(), 20);
    assert_eq!(held_by(&site.kable), good_customers(20));
}

#[tokio::test]
async fn a_duplicate_is_rejected_with_the_first_ones_line() {
    let site = TestBed::new();
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
    let site = TestBed::new();
    let tables = MemoryRows::of([
        ("clientId,companyName,currency", ["c-1,Aster,USD"]),
        ("currency,companyName,clientId", ["USD,Aster,c-1"]),
    ]);
    let came = site.import_rows(tables).await.unwrap();
    assert_eq!(
        came.told[1],
        "2 rejected: clientId \"c-1\" stands already on a.csv, line 2, with the same values \
         (wanted one row a customer)"
    );
}

#[tokio::test]
async fn the_ledger_keeps_count_of_the_requests() {
    let site = TestBed::new();
    let mut number = 0;
    site.kable.behave(move |_| {
        number += 1;
        match number % 5 {
            1 => CallFate::LostBefore,
            2 => CallFate::Throttled,
            _ => CallFate::Answered,
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

#[tokio::test]
async fn the_ledger_keeps_what_a_run_did_over_time() {
    let mut site = TestBed::one_by_one();
    // The row whose create is lost is the only one that is left, for this long.
    site.settings.landing.given = Some(Duration::from_secs(1));
    let mut number = 0;
    site.kable.behave(move |_| {
        number += 1;
        match number {
            20 => CallFate::Throttled,
            30 => CallFate::LostBefore,
            _ => CallFate::Answered,
        }
    });
    site.import(good(50)).await;
    let figures = site.ledger.figures();
    let timeline = figures.timeline.unwrap();
    let total = timeline.total();
    assert_eq!((total.created, total.failed), (50, 0));
    assert_eq!(
        (total.sent, total.retried, total.throttled),
        (
            figures.requests.sent,
            figures.requests.retried,
            figures.requests.throttled
        )
    );
    let waits: Vec<WaitKind> = timeline.waits.iter().map(|wait| wait.kind).collect();
    assert_eq!(waits, [WaitKind::Proof], "{timeline:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_thousands_of_rows_at_once_every_one_is_created_exactly_once() {
    let mut site = TestBed::new();
    site.settings.pacing.concurrency = 64;
    // Each row's first three requests have their own results.
    let mut asked = BTreeMap::<String, usize>::new();
    site.kable.behave(move |ask| {
        let (ApiCall::Create(id) | ApiCall::Update(id) | ApiCall::Remove(id) | ApiCall::Find(id)) =
            ask;
        let number = asked.entry(id.to_owned()).or_default();
        *number += 1;
        match id.len() * 7 + id.bytes().map(usize::from).sum::<usize>() * *number {
            _ if *number > 3 => CallFate::Answered,
            fate if fate % 11 == 3 => CallFate::LostAfter,
            fate if fate % 11 == 5 => CallFate::LostBefore,
            fate if fate % 11 == 7 => CallFate::Throttled,
            _ => CallFate::Answered,
        }
    });
    let came = site.import(good(5000)).await;
    assert_eq!(came.account.outcomes.of(Outcome::Created), 5000);
    assert_eq!(site.kable.too_often(), Vec::<String>::new());
    assert_eq!(held_by(&site.kable), good_customers(5000));
}
