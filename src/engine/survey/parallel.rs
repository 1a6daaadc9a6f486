//! The parts of an input, worked on side by side, and heard of in their order.
//!
//! The calling thread cuts the parts off and hears what came of them; the
//! others do the work. Only as many parts are under way as keep all threads busy, so
//! that memory does not grow with the input.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Mutex, PoisonError, mpsc};

use anyhow::bail;

use crate::domain::row::{InputPart, ParallelRows};

/// How many parts are under way for each worker: one in hand and one waiting,
/// and one that is done and waits for an earlier one.
const UNDER_WAY: usize = 3;

/// A part, its number, and the ordinal of its first row.
type Job<R> = (u64, u64, InputPart<R>);

/// Gives every part to one of `workers`, and what came of it to `hear`, which
/// says whether to go on. Returns the workers.
pub(super) fn abreast<P, W, T>(
    parts: &mut P,
    workers: Vec<W>,
    work: impl Fn(&mut W, u64, InputPart<P::Part>) -> anyhow::Result<T> + Sync,
    mut hear: impl FnMut(T) -> bool,
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
                        // The caller waits for every part: one that is never
                        // answered would keep it waiting for good.
                        let came =
                            catch_unwind(AssertUnwindSafe(|| work(&mut worker, first, part)));
                        let lost =
                            || anyhow::anyhow!("a worker failed; this is a bug in kable-bulk");
                        let came = came.unwrap_or_else(|_panic| Err(lost()));
                        if done.send((number, came)).is_err() {
                            break;
                        }
                    }
                    worker
                })
            })
            .collect();
        let heard = lead(parts, most, &jobs, &results, &mut hear);
        drop(jobs);
        heard?;
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
    let queue = queue.lock().unwrap_or_else(PoisonError::into_inner);
    queue.recv().ok()
}

/// Cuts off parts as there is room for them, and hears of them in order.
fn lead<P, T>(
    parts: &mut P,
    most: usize,
    jobs: &mpsc::Sender<Job<P::Part>>,
    results: &mpsc::Receiver<(u64, anyhow::Result<T>)>,
    hear: &mut impl FnMut(T) -> bool,
) -> anyhow::Result<()>
where
    P: ParallelRows<Error: std::error::Error + Send + Sync + 'static>,
{
    let mut early = BTreeMap::new();
    let (mut given, mut heard, mut rows) = (0_u64, 0_u64, 0);
    let mut ended = None;
    loop {
        while ended.is_none() && given - heard < most as u64 {
            match parts.next_part() {
                Ok(Some(part)) => {
                    let first = rows;
                    rows += part.count;
                    if jobs.send((given, first, part)).is_err() {
                        bail!("no worker is left; this is a bug in kable-bulk");
                    }
                    given += 1;
                }
                Ok(None) => ended = Some(Ok(())),
                // What stands before it is heard of first.
                Err(error) => ended = Some(Err(error)),
            }
        }
        if heard == given {
            return Ok(ended.unwrap_or(Ok(()))?);
        }
        let (number, came) = results.recv()?;
        early.insert(number, came);
        while let Some(came) = early.remove(&heard) {
            heard += 1;
            if !hear(came?) {
                return Ok(());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use super::abreast;
    use crate::domain::row::{Columns, InputPart, ParallelRows, Row, Rows};

    /// Parts of one row each, which hold nothing.
    struct Numbers(u64);

    struct Nothing;

    impl Rows for Nothing {
        type Error = Infallible;

        fn next(&mut self, _: &mut Row) -> Result<bool, Infallible> {
            Ok(false)
        }

        fn columns(&self) -> &Columns {
            unreachable!("nobody asks")
        }
    }

    impl ParallelRows for Numbers {
        type Error = Infallible;
        type Part = Nothing;

        fn next_part(&mut self) -> Result<Option<InputPart<Nothing>>, Infallible> {
            let Some(left) = self.0.checked_sub(1) else {
                return Ok(None);
            };
            self.0 = left;
            Ok(Some(InputPart {
                rows: Nothing,
                input: 0,
                count: 2,
            }))
        }
    }

    #[test]
    fn whoever_is_first_all_are_heard_in_order() {
        let mut heard = Vec::new();
        let slow_now_and_then = |done: &mut u64, first: u64, _| {
            *done += 1;
            if first.is_multiple_of(7) {
                assert!((0..100_000).all(|turn| std::hint::black_box(turn) >= 0));
            }
            Ok(first)
        };
        let workers = abreast(
            &mut Numbers(200),
            vec![0, 0, 0],
            slow_now_and_then,
            |first| {
                heard.push(first);
                true
            },
        );
        assert_eq!(workers.unwrap().iter().sum::<u64>(), 200);
        assert_eq!(heard, (0..200).map(|part| part * 2).collect::<Vec<_>>());
    }

    #[test]
    fn the_first_error_is_the_one_that_counts_and_what_follows_is_not_heard() {
        let mut heard = 0;
        let bad = |(): &mut (), first: u64, _| match first {
            20.. => Err(anyhow::anyhow!("bad at {first}")),
            _ => Ok(()),
        };
        let error = abreast(&mut Numbers(100), vec![(), ()], bad, |()| {
            heard += 1;
            true
        });
        assert_eq!(error.unwrap_err().to_string(), "bad at 20");
        assert_eq!(heard, 10);
    }

    #[test]
    fn who_has_heard_enough_is_obeyed() {
        let mut heard = 0;
        let done = abreast(
            &mut Numbers(1000),
            vec![(), ()],
            |(), _, _| Ok(()),
            |()| {
                heard += 1;
                heard < 5
            },
        );
        assert_eq!((done.unwrap().len(), heard), (2, 5));
    }

    #[test]
    fn a_panic_is_an_error_and_no_wait_without_end() {
        let error = abreast(
            &mut Numbers(9),
            vec![(), ()],
            |(), _, _| -> anyhow::Result<()> { panic!("on purpose") },
            |()| true,
        );
        assert!(error.unwrap_err().to_string().contains("this is a bug"));
    }
}
