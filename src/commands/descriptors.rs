//! How many files and connections this process may have open, and how many of
//! them requests may take: at the end the results need some.

use std::fs::File;

use crate::engine::pace::Wanted;

/// How many are held back while customers are sent, for the results.
const SPARE: usize = 24;

/// How many more are left to the checkpoint, to look-ups of names, and to
/// connections that are about to end.
const SLACK: usize = 24;

/// Descriptors that are held back, and free once this is dropped.
#[derive(Debug)]
pub(super) struct Spare {
    _held: Vec<File>,
}

impl Spare {
    /// Takes some, as many as there are.
    pub(super) fn hold() -> Self {
        let held = std::iter::from_fn(|| File::open("/dev/null").ok());
        Self {
            _held: held.take(SPARE).collect(),
        }
    }
}

/// Allows this process as many open files as it may allow itself: the usual
/// limit is a quarter of a thousand to a thousand, far below what is possible.
#[cfg(unix)]
pub(super) fn raise_limit() {
    use rustix::process::{Resource, getrlimit, setrlimit};
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    if setrlimit(Resource::Nofile, limit).is_err() {
        // macOS has a maximum of its own below an unlimited one.
        limit.current = Some(10_240);
        setrlimit(Resource::Nofile, limit).ok();
    }
}

#[cfg(not(unix))]
pub(super) fn raise_limit() {}

/// `pacing` with no more requests in flight than there are descriptors for, and
/// what is to be said where that is fewer than asked for. A server in this
/// process takes one for each of ours.
pub(super) fn fitting(pacing: Wanted, server_inside: bool) -> (Wanted, Option<String>) {
    let Some((limit, open)) = limit().zip(open()) else {
        return (pacing, None);
    };
    let room = room(limit, open, server_inside);
    if pacing.concurrency <= room {
        return (pacing, None);
    }
    let said = format!(
        "concurrency is {room} instead of {}: this process may have only {limit} files and \
         connections open (ulimit -n)",
        pacing.concurrency
    );
    let pacing = Wanted {
        concurrency: room,
        ..pacing
    };
    (pacing, Some(said))
}

/// How many requests may be in flight where `open` of `limit` are in use.
fn room(limit: usize, open: usize, server_inside: bool) -> usize {
    let free = limit.saturating_sub(open + SPARE + SLACK);
    (if server_inside { free / 2 } else { free }).max(1)
}

#[cfg(unix)]
fn limit() -> Option<usize> {
    let limit = rustix::process::getrlimit(rustix::process::Resource::Nofile);
    usize::try_from(limit.current?).ok()
}

#[cfg(not(unix))]
fn limit() -> Option<usize> {
    None
}

/// How many are open.
fn open() -> Option<usize> {
    Some(std::fs::read_dir("/dev/fd").ok()?.count())
}

#[cfg(test)]
mod tests {
    use super::room;

    #[test]
    fn what_is_open_and_what_the_results_need_is_left_out() {
        assert_eq!(room(1024, 26, false), 950);
        assert_eq!(room(1024, 26, true), 475);
        assert_eq!(room(32, 26, false), 1);
    }
}
