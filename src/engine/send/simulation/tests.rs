//! What the workers of one import hold, whatever happens to them.

use std::time::Duration;

use super::network::{SimulationResult, simulate};
use super::scenario::{Guard, WorkersScenario};

/// With how many seeds a few workers meet every fault, unless more are asked for.
const SEEDS: u64 = 60;

#[expect(clippy::disallowed_methods, reason = "it asks for more of this test")]
fn seeds() -> u64 {
    let given = std::env::var("KABLE_BULK_SIMULATIONS").ok();
    given.and_then(|many| many.parse().ok()).unwrap_or(SEEDS)
}

/// Asserts that nothing was created or settled twice, or not at all.
fn assert_once(result: &SimulationResult, seed: u64) {
    assert_eq!(result.doubles, [0; 0], "seed {seed}: created twice");
    assert_eq!(result.settled_twice, [0; 0], "seed {seed}: settled twice");
    assert!(result.ended.is_some(), "seed {seed}: it does not end");
    assert_eq!(result.missing, [0; 0], "seed {seed}: never created");
}

/// The most requests that started within one second.
fn most_in_a_second(starts: &[Duration]) -> usize {
    let second = Duration::from_secs(1);
    let within = |at: usize| starts.partition_point(|start| *start < starts[at] + second) - at;
    (0..starts.len()).map(within).max().unwrap_or(0)
}

#[test]
fn no_customer_is_created_twice_and_it_ends() {
    let (mut kills, mut late) = (0, 0);
    for seed in 0..seeds() {
        let result = simulate(WorkersScenario::of_faults(seed));
        assert_once(&result, seed);
        kills += result.kills;
        late += result.late;
    }
    assert!(kills > 0 && late > 0, "{kills} kills, {late} late creates");
    println!("{kills} kills, {late} creates landed after their worker had gone");
}

#[test]
fn a_thousand_workers_create_each_customer_once() {
    let scenario = WorkersScenario::of_a_thousand(1);
    let result = simulate(scenario);
    assert_once(&result, scenario.seed);
    let (most, rate) = (most_in_a_second(&result.starts), scenario.rate as usize);
    assert!(most <= rate, "{most} starts in a second");
    println!("{} kills, ended after {:?}", result.kills, result.ended);
}

#[test]
fn the_rate_is_kept_and_used_while_workers_are_killed() {
    for (seed, workers) in [(1, 1), (2, 3), (3, 16)] {
        let scenario = WorkersScenario::of_rate(seed, workers);
        let result = simulate(scenario);
        assert_once(&result, seed);
        let (most, rate) = (most_in_a_second(&result.starts), scenario.rate as usize);
        assert!(most <= rate, "{workers} workers: {most} starts in a second");
        // As long as every worker has a part of the input.
        let (from, until) = (Duration::from_secs(2), result.first_wait.unwrap());
        let starts = result.starts.iter().filter(|at| (from..until).contains(at));
        let wanted = until
            .saturating_sub(from)
            .mul_f64(f64::from(scenario.rate))
            .as_secs();
        let used = starts.count() as u64 * 1000 / wanted;
        assert!(used >= 990, "{workers} workers: {used} ‰ of the rate");
        println!("{workers} workers: at most {most} in a second, {used} ‰ of the rate");
    }
}

#[test]
fn no_customer_is_created_twice_although_commits_are_lost() {
    let mut failovers = 0;
    for seed in 0..seeds() / 4 {
        let result = simulate(WorkersScenario::of_failovers(seed));
        assert_once(&result, seed);
        failovers += result.failovers;
    }
    assert!(failovers > 0);
    println!("{failovers} failovers");
}

/// Each guard is needed: a simulation that lacks it finds a duplicate. If more seeds are asked
/// for, it says with how many of them.
#[test]
fn without_a_guard_against_lost_commits_a_customer_is_created_twice() {
    let asks_more = seeds() > SEEDS;
    // The first seed that finds one, so that the test takes little time.
    for (guard, first) in Guard::OF_FAILOVERS.into_iter().zip([18, 0, 14]) {
        let from = if asks_more { 0 } else { first };
        let doubles = (from..seeds()).filter(|seed| {
            let scenario = WorkersScenario {
                without: Some(guard),
                late_creates: 0.4,
                ..WorkersScenario::of_failovers(*seed)
            };
            !simulate(scenario).doubles.is_empty()
        });
        let many = if asks_more { usize::MAX } else { 1 };
        let found: Vec<u64> = doubles.take(many).collect();
        assert!(!found.is_empty(), "{guard:?} is of no use");
        let count = found.len();
        println!("without {guard:?} duplicates with {count} seeds: {found:?}");
    }
}

/// Each guard is needed: a simulation that lacks it finds a duplicate.
#[test]
fn without_any_one_guard_a_customer_is_created_twice() {
    for guard in Guard::OF_WORKERS {
        let found = (0..24).find(|seed| {
            let scenario = WorkersScenario {
                without: Some(guard),
                late_creates: 0.4,
                ..WorkersScenario::of_faults(*seed)
            };
            !simulate(scenario).doubles.is_empty()
        });
        assert!(found.is_some(), "{guard:?} is of no use");
        println!("without {guard:?} a duplicate with seed {found:?}");
    }
}
