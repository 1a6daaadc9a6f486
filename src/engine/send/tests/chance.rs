//! Random sequences of runs and failures.

use super::*;

/// One run of a random sequence.
#[derive(Debug, Clone)]
struct Turn {
    /// How far the rows are rotated, because files are sorted between runs.
    turned: usize,
    /// What happens to the first requests; the others succeed.
    answers: Vec<CallFate>,
    /// The number of the request at which the run is stopped.
    stopped_at: Option<usize>,
    /// The number of the batch whose write to the ledger fails, as if the process had been
    /// killed there.
    killed_at: Option<usize>,
    concurrency: usize,
    retries: u32,
    retry_failed: bool,
}

fn answer() -> impl Strategy<Value = CallFate> {
    prop_oneof![
        4 => Just(CallFate::Answered),
        2 => Just(CallFate::LostAfter),
        2 => Just(CallFate::LostBefore),
        1 => "[ab]".prop_map(CallFate::Refused),
        1 => Just(CallFate::Throttled),
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

/// Runs as `turn` describes; `None` if it was killed.
async fn run_turn(bed: &mut TestBed, turn: &Turn, lines: &[String]) -> Option<RunResult> {
    bed.stop = Stop::default();
    bed.settings.pacing.concurrency = turn.concurrency;
    bed.settings.retry.retries = turn.retries;
    bed.policy.retry_failed = turn.retry_failed;
    let (stop, stopped_at) = (bed.stop.clone(), turn.stopped_at);
    let (mut number, mut answers) = (0, turn.answers.clone().into_iter());
    bed.kable.behave(move |_| {
        if stopped_at == Some(number) {
            stop.halt(Halt::Interrupted);
        }
        number += 1;
        answers.next().unwrap_or(CallFate::Answered)
    });
    let (batches, killed_at) = (AtomicUsize::new(0), turn.killed_at);
    bed.ledger.behind(move |_| {
        let number = batches.fetch_add(1, Ordering::Relaxed);
        if killed_at.is_some_and(|at| number >= at) {
            return Err(MemoryLedger::no_room());
        }
        Ok(())
    });
    let mut lines = lines.to_vec();
    let turned = turn.turned % lines.len();
    lines.rotate_left(turned);
    let came = bed.import_rows(MemoryRows::one(lines)).await;
    match came {
        Err(error) if turn.killed_at.is_some() && error.to_string().contains("checkpoint") => None,
        came => Some(came.unwrap()),
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
        let mut site = TestBed::new();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        for turn in &turns {
            if let Some(came) = runtime.block_on(run_turn(&mut site, turn, &lines)) {
                prop_assert_eq!(came.told.len(), lines.len());
            }
        }
        let last = runtime.block_on(run_turn(&mut site, &calm, &lines)).unwrap();
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
