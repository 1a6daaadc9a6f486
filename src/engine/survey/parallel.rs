//! Processes the parts of an input in parallel, with results in input order.
//!
//! The calling thread splits the input and receives the results; the workers process the
//! parts. Only as many parts are under way as keep all workers busy, so that memory does
//! not grow with the input.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc;

use anyhow::bail;
use parking_lot::Mutex;

use crate::domain::row::{InputPart, ParallelRows};

/// Parts under way per worker: one in work, one waiting, and one that is done but waits
/// for an earlier one.
const UNDER_WAY: usize = 3;

/// A part, its number, and the ordinal of its first row.
type Job<R> = (u64, u64, InputPart<R>);

/// Passes every part to one of `workers`, and the results in order to `on_result`, which
/// returns whether to go on. Returns the workers.
pub(super) fn run_parallel<P, W, T>(
    parts: &mut P,
    workers: Vec<W>,
    work: impl Fn(&mut W, u64, InputPart<P::Part>) -> anyhow::Result<T> + Sync,
    mut on_result: impl FnMut(T) -> anyhow::Result<bool>,
) -> anyhow::Result<Vec<W>>
where
    P: ParallelRows<Error: std::error::Error + Send + Sync + 'static>,
    W: Send,
    T: Send,
{
    let most = UNDER_WAY * workers.len().max(1);
    let (jobs, queue) = mpsc::channel::<Job<P::Part>>();
    let queue = Mutex::new(queue);
    let (done, results) = mpsc::channel();
    std::thread::scope(|scope| {
        let threads: Vec<_> = workers
            .into_iter()
            .map(|mut worker| {
                let (queue, work, done) = (&queue, &work, done.clone());
                scope.spawn(move || {
                    while let Some((number, first, part)) = next_job(queue) {
                        // The caller waits for the result of every part: without one
                        // it would wait forever.
                        let result =
                            catch_unwind(AssertUnwindSafe(|| work(&mut worker, first, part)));
                        let lost =
                            || anyhow::anyhow!("a worker failed; this is a bug in kable-bulk");
                        let result = result.unwrap_or_else(|_panic| Err(lost()));
                        if done.send((number, result)).is_err() {
                            break;
                        }
                    }
                    worker
                })
            })
            .collect();
        let finished = distribute(parts, most, &jobs, &results, &mut on_result);
        drop(jobs);
        finished?;
        let mut workers = Vec::new();
        for thread in threads {
            match thread.join() {
                Ok(worker) => workers.push(worker),
                Err(_panic) => bail!("a worker failed; this is a bug in kable-bulk"),
            }
        }
        Ok(workers)
    })
}

fn next_job<R>(queue: &Mutex<mpsc::Receiver<Job<R>>>) -> Option<Job<R>> {
    queue.lock().recv().ok()
}

/// Splits off parts while fewer than `most` are under way, and passes on their results in
/// order.
fn distribute<P, T>(
    parts: &mut P,
    most: usize,
    jobs: &mpsc::Sender<Job<P::Part>>,
    results: &mpsc::Receiver<(u64, anyhow::Result<T>)>,
    on_result: &mut impl FnMut(T) -> anyhow::Result<bool>,
) -> anyhow::Result<()>
where
    P: ParallelRows<Error: std::error::Error + Send + Sync + 'static>,
{
    let mut early = BTreeMap::new();
    let (mut sent, mut received, mut rows) = (0_u64, 0_u64, 0);
    let mut ended = None;
    loop {
        while ended.is_none() && sent - received < most as u64 {
            match parts.next_part() {
                Ok(Some(part)) => {
                    let first = rows;
                    rows += part.count;
                    if jobs.send((sent, first, part)).is_err() {
                        bail!("no worker is left; this is a bug in kable-bulk");
                    }
                    sent += 1;
                }
                Ok(None) => ended = Some(Ok(())),
                // The results of earlier parts come first.
                Err(error) => ended = Some(Err(error)),
            }
        }
        if received == sent {
            return Ok(ended.unwrap_or(Ok(()))?);
        }
        let (number, result) = results.recv()?;
        early.insert(number, result);
        while let Some(result) = early.remove(&received) {
            received += 1;
            if !on_result(result?)? {
                return Ok(());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use super::run_parallel;
    use crate::domain::row::{Columns, InputPart, ParallelRows, Row, Rows};

    /// Parts of one row each, which hold nothing.
    struct NumberedParts(u64);

    struct EmptyPart;

    impl Rows for EmptyPart {
        type Error = Infallible;

        fn next(&mut self, _: &mut Row) -> Result<bool, Infallible> {
            Ok(false)
        }

        fn columns(&self) -> &Columns {
            unreachable!("these parts are never read")
        }
    }

    impl ParallelRows for NumberedParts {
        type Error = Infallible;
        type Part = EmptyPart;

        fn next_part(&mut self) -> Result<Option<InputPart<EmptyPart>>, Infallible> {
            let Some(left) = self.0.checked_sub(1) else {
                return Ok(None);
            };
            self.0 = left;
            Ok(Some(InputPart {
                rows: EmptyPart,
                input: 0,
                count: 2,
            }))
        }
    }

    #[test]
    fn results_come_in_order() {
        let mut heard = Vec::new();
        let slow_now_and_then = |done: &mut u64, first: u64, _| {
            *done += 1;
            if first.is_multiple_of(7) {
                assert!((0..100_000).all(|turn| std::hint::black_box(turn) >= 0));
            }
            Ok(first)
        };
        let workers = run_parallel(
            &mut NumberedParts(200),
            vec![0, 0, 0],
            slow_now_and_then,
            |first| {
                heard.push(first);
                Ok(true)
            },
        );
        assert_eq!(workers.unwrap().iter().sum::<u64>(), 200);
        assert_eq!(heard, (0..200).map(|part| part * 2).collect::<Vec<_>>());
    }

    #[test]
    fn the_first_error_ends_it() {
        let mut heard = 0;
        let bad = |(): &mut (), first: u64, _| match first {
            20.. => Err(anyhow::anyhow!("bad at {first}")),
            _ => Ok(()),
        };
        let error = run_parallel(&mut NumberedParts(100), vec![(), ()], bad, |()| {
            heard += 1;
            Ok(true)
        });
        assert_eq!(error.unwrap_err().to_string(), "bad at 20");
        assert_eq!(heard, 10);
    }

    #[test]
    fn the_receiver_of_results_can_end_it() {
        let mut heard = 0;
        let done = run_parallel(
            &mut NumberedParts(1000),
            vec![(), ()],
            |(), _, _| Ok(()),
            |()| {
                heard += 1;
                Ok(heard < 5)
            },
        );
        assert_eq!((done.unwrap().len(), heard), (2, 5));
    }

    #[test]
    fn a_panic_of_a_worker_is_an_error() {
        let error = run_parallel(
            &mut NumberedParts(9),
            vec![(), ()],
            |(), _, _| -> anyhow::Result<()> { panic!("on purpose") },
            |()| Ok(true),
        );
        assert!(error.unwrap_err().to_string().contains("this is a bug"));
    }
}
