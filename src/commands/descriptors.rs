//! Limits on open files and connections of this process: some are reserved, because
//! the results need them at the end.

use std::fs::File;

use crate::engine::pace::PaceSettings;

/// How many are reserved for the results while customers are sent.
const RESERVED: usize = 24;

/// How many more are left for the checkpoint, for name resolution, and for closing
/// connections.
const SLACK: usize = 24;

/// Descriptors that are reserved until this is dropped.
#[derive(Debug)]
pub(super) struct ReservedDescriptors {
    _files: Vec<File>,
}

impl ReservedDescriptors {
    /// Reserves as many as there are, up to [`RESERVED`].
    pub(super) fn reserve() -> Self {
        let files = std::iter::from_fn(|| File::open("/dev/null").ok());
        Self {
            _files: files.take(RESERVED).collect(),
        }
    }
}

/// Raises the limit of open files to the highest that this process may set: the
/// usual limit is 256 to 1024, far below that.
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

/// `pacing` with requests in flight limited to the descriptors available, and a
/// note if that lowers it. A server in this process uses one for each of the
/// client's.
pub(super) fn fitting(pacing: PaceSettings, server_inside: bool) -> (PaceSettings, Option<String>) {
    let Some((limit, open)) = limit().zip(open()) else {
        return (pacing, None);
    };
    let room = room(limit, open, server_inside);
    if pacing.concurrency <= room {
        return (pacing, None);
    }
    let note = format!(
        "concurrency is {room} instead of {}: this process may have only {limit} files and \
         connections open (ulimit -n)",
        pacing.concurrency
    );
    let pacing = PaceSettings {
        concurrency: room,
        ..pacing
    };
    (pacing, Some(note))
}

/// How many requests may be in flight if `open` of `limit` are in use.
fn room(limit: usize, open: usize, server_inside: bool) -> usize {
    let free = limit.saturating_sub(open + RESERVED + SLACK);
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

/// The number of open descriptors.
fn open() -> Option<usize> {
    Some(std::fs::read_dir("/dev/fd").ok()?.count())
}

#[cfg(test)]
mod tests {
    use super::room;

    #[test]
    fn open_and_reserved_descriptors_are_subtracted() {
        assert_eq!(room(1024, 26, false), 950);
        assert_eq!(room(1024, 26, true), 475);
        assert_eq!(room(32, 26, false), 1);
    }
}
