//! One rate, one pause and one outage for all workers.

use kable_bulk::sandbox::http::routes::Call;
use kable_bulk::sandbox::store::inspect;

use super::SharedImport;
use crate::common::{DATABASE, Running, customers_of_csv, rows};

/// Starts workers with this rate, and waits until all of them have joined. An import must
/// take so long that the last one joins before it is over, on a busy machine, too.
fn started<const N: usize>(import: &SharedImport, rate: &str) -> [Running; N] {
    let workers = std::array::from_fn(|place| {
        import.start(&format!("out-{place}"), &format!("--rate {rate}"))
    });
    import.until_live(N);
    workers
}

/// The times at which the sandbox created its customers, in milliseconds.
fn creations(import: &SharedImport) -> Vec<i64> {
    let held = inspect::customers(&import.run.path(DATABASE)).unwrap();
    let mut times: Vec<i64> = held.iter().map(|customer| customer.created).collect();
    times.sort_unstable();
    times
}

/// The most of these times, in ascending order, within `span` milliseconds.
fn busiest(times: &[i64], span: i64) -> usize {
    let within =
        |(at, first): (usize, &i64)| times.partition_point(|time| *time < first + span) - at;
    times
        .iter()
        .enumerate()
        .map(within)
        .max()
        .unwrap_or_default()
}

/// The longest time without one of these times, in ascending order.
fn longest_pause(times: &[i64]) -> i64 {
    let pauses = times.windows(2).map(|pair| pair[1] - pair[0]);
    pauses.max().unwrap_or_default()
}

/// Starts are exact; their arrivals are late by what a busy machine takes to run the processes
/// and the sandbox. How late shows in the longest time without an arrival: what was held up
/// then comes at once afterwards. `docs/scale.md` has what was measured.
#[test]
fn one_rate_is_the_rate_of_all() {
    let Some(import) = SharedImport::of(3000, &[]) else {
        return;
    };
    let workers: [Running; 3] = started(&import, "200/s");
    for worker in workers {
        worker.end().code(0);
    }
    import.run.holds(&customers_of_csv(&rows(3000)));
    assert_eq!(import.run.counts().of(Call::Create), 3000);
    let times = creations(&import);
    let (second, four) = (busiest(&times, 1000), busiest(&times, 4000));
    let held_up = longest_pause(&times);
    println!("busiest second and four of 200/s: {second}, {four}; none for {held_up} ms");
    let late = usize::try_from(held_up / 5).unwrap();
    assert!(second <= 202 + late, "{second} creates in a second");
    assert!(four <= 808 + late, "{four} creates in four seconds");
}

/// The sandbox tells one of the workers to wait for three seconds.
#[test]
fn a_wait_that_one_is_told_is_the_wait_of_all() {
    let Some(import) = SharedImport::of(1200, &["throttle:3@create:900"]) else {
        return;
    };
    let workers: [Running; 3] = started(&import, "60/s");
    for worker in workers {
        worker.end().code(0);
    }
    import.run.holds(&customers_of_csv(&rows(1200)));
    assert_eq!(import.run.counts().status(429), 1);
    let times = creations(&import);
    let longest = longest_pause(&times);
    println!("the longest time without a create: {longest} ms");
    // Starts that others had reserved already are used, and only arrive late.
    assert!(longest >= 2000, "{longest} ms");
}

/// All requests of five seconds are reset.
#[test]
fn one_outage_is_one_outage_for_all() {
    let faults = ["outage:5s@create:900"];
    let Some(import) = SharedImport::of(1200, &faults) else {
        return;
    };
    let workers: [Running; 3] = started(&import, "60/s");
    for worker in workers {
        worker.end().code(0);
    }
    import.run.holds(&customers_of_csv(&rows(1200)));
    let counts = import.run.counts();
    let probes = counts.of(Call::Authenticate);
    println!("{probes} authentications, {} requests", counts.requests);
    // One of each worker at its start; of the others there were seven or eight in three runs.
    assert!(probes <= 3 + 12, "{probes}");
}
