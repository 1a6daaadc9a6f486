//! Lists all customers that Kable has, stores them on disk, and reports those without a row.

use std::path::Path;
use std::pin::pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use anyhow::Context;

use super::preflight::{Calls, refusal_text};
use crate::domain::remote::RemoteCustomer;
use crate::domain::text::{counted, thousands};
use crate::engine::survey::remote_list::{RemoteList, RemoteListWriter};
use crate::engine::survey::surplus::Surplus;
use crate::kable::Preflight;
use crate::kable::client::Client;
use crate::kable::customer_pages::PageEnd;
use crate::report::files::ResultFiles;
use crate::report::progress::ProgressDisplay;

/// How often an incomplete list is requested.
const TRIES: u32 = 4;

/// The pause before the second try; it doubles.
const PAUSE: Duration = Duration::from_secs(1);

/// How often a long reading says how far it is.
const SIGN_OF_LIFE: Duration = Duration::from_secs(10);

/// Why the customers could not be listed.
pub(super) struct ListError {
    message: String,
    /// What to do now.
    pub(super) advice: &'static str,
}

impl ListError {
    /// The API refused: a retry is pointless.
    fn refused(message: String) -> Self {
        Self {
            message,
            advice: "check what the account may do",
        }
    }

    /// There is more of the list than can be read.
    fn dead_end(message: String) -> Self {
        Self {
            message,
            advice: "check --base-url, and what a proxy there does to the list of customers",
        }
    }

    fn failed(message: String) -> Self {
        Self {
            message,
            advice: "run the same command again later",
        }
    }
}

impl std::fmt::Display for ListError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "the customers could not be listed ({})", self.message)
    }
}

/// Adds the customers `surplus` of the list, which no row has, to `files`.
pub(super) fn add_surplus(
    surplus: &mut Surplus,
    listed: &mut RemoteList,
    files: &mut ResultFiles,
) -> anyhow::Result<()> {
    let add = &mut |remote: &RemoteCustomer, _| files.add_surplus(&remote.client_id);
    surplus
        .each(listed, add)
        .context("cannot write the results")
}

/// Lists all customers, and stores them in `folder`.
pub(super) async fn list(
    client: &Client,
    folder: &Path,
    calls: Calls<'_>,
) -> anyhow::Result<Result<RemoteList, ListError>> {
    let cannot_store = || format!("cannot store the list of customers in {}", folder.display());
    let (mut pause, mut left, mut lists_left) = (PAUSE, TRIES, TRIES);
    let mut listing = RemoteListWriter::new(folder).with_context(cannot_store)?;
    let mut pages = client.customer_pages();
    let read = AtomicU64::new(0);
    loop {
        left -= 1;
        let mut stored = Ok(());
        let mut is_begun = false;
        calls.start().await;
        let reading = pages.read(|body| {
            is_begun = true;
            read.fetch_add(1, Ordering::Relaxed);
            if stored.is_ok() {
                stored = listing.push(body);
            }
        });
        let answered = with_signs_of_life(reading, &read, |line| calls.watcher.say(line)).await;
        stored.with_context(cannot_store)?;
        let (message, wait) = match answered.reply {
            Preflight::Good(PageEnd::Whole) => {
                let listed = listing.finish(client.customer_reader());
                return listed.map(Ok).with_context(cannot_store);
            }
            Preflight::Good(PageEnd::More) => {
                (pause, left) = (PAUSE, lists_left);
                continue;
            }
            Preflight::Good(PageEnd::Short(why)) => {
                // It can have changed while it was read, hardly twice.
                (is_begun, lists_left) = (true, lists_left.min(2));
                (why, None)
            }
            Preflight::Good(PageEnd::DeadEnd(why)) => return Ok(Err(ListError::dead_end(why))),
            Preflight::Denied(refusal) | Preflight::Refused(refusal) => {
                return Ok(Err(ListError::refused(refusal_text(&refusal))));
            }
            Preflight::Unreachable(trouble, _) => (trouble.message, trouble.wait),
        };
        lists_left -= u32::from(is_begun);
        if left.min(lists_left) == 0 {
            return Ok(Err(ListError::failed(message)));
        }
        let wait = pause.max(wait.unwrap_or_default());
        calls.watcher.say(&format!(
            "the list of customers was incomplete ({message}); again in {}",
            humantime::format_duration(wait)
        ));
        tokio::time::sleep(wait).await;
        pause *= 2;
        // A page of which nothing was read is requested again, else the whole list.
        if is_begun {
            listing = RemoteListWriter::new(folder).with_context(cannot_store)?;
            pages = client.customer_pages();
            read.store(0, Ordering::Relaxed);
        }
    }
}

/// Waits for `reading`, and says now and then how many customers were `read`.
async fn with_signs_of_life<T>(
    reading: impl Future<Output = T>,
    read: &AtomicU64,
    say: impl Fn(&str),
) -> T {
    let mut reading = pin!(reading);
    loop {
        match tokio::time::timeout(SIGN_OF_LIFE, &mut reading).await {
            Ok(ended) => return ended,
            Err(_elapsed) => say(&format!(
                "reading the list of customers: {} so far",
                thousands(read.load(Ordering::Relaxed))
            )),
        }
    }
}

/// How many customers Kable has.
pub(super) fn how_many(listed: &RemoteList) -> String {
    let many = counted(listed.customer_count(), "customer", "customers");
    let cancelled = match listed.cancelled_count() {
        0 => String::new(),
        cancelled => format!(", {} of them cancelled", thousands(cancelled)),
    };
    format!("Kable has {many}{cancelled}")
}

/// Says how many customers of the list can't be read.
pub(super) fn say_unread(watcher: &ProgressDisplay, listed: Option<&RemoteList>) {
    let unread = listed.map_or(0, RemoteList::unreadable);
    if unread > 0 {
        watcher.say(&format!(
            "warning: {} that Kable has cannot be read; their rows look new, and a sync looks \
             new rows up first",
            counted(unread, "customer", "customers")
        ));
    }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;
    use std::sync::atomic::{AtomicU64, Ordering};
    use std::time::Duration;

    use super::with_signs_of_life;

    #[tokio::test(start_paused = true)]
    async fn a_list_that_takes_long_says_how_far_it_is() {
        let (read, said) = (AtomicU64::new(0), RefCell::new(Vec::new()));
        let reading = async {
            for _ in 0..5 {
                tokio::time::sleep(Duration::from_millis(4900)).await;
                read.fetch_add(1000, Ordering::Relaxed);
            }
            "whole"
        };
        let say = |line: &str| said.borrow_mut().push(line.to_owned());
        assert_eq!(with_signs_of_life(reading, &read, say).await, "whole");
        let told = [
            "reading the list of customers: 2,000 so far",
            "reading the list of customers: 4,000 so far",
        ];
        assert_eq!(*said.borrow(), told);
    }
}
