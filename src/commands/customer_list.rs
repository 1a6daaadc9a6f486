//! Lists all customers that Kable has, stores them on disk, and reports those without a row.

use std::io;
use std::path::Path;
use std::pin::pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use anyhow::Context;
use tokio::time::Instant;

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

/// What is wrong with a list whose pages overlap: another customer may be on none of them.
const LISTED_TWICE: &str = "a customer is listed twice: it changed while it was read";

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
    let new_listing = || RemoteListWriter::new(folder).with_context(cannot_store);
    let mut listing = new_listing()?;
    let mut pages = client.customer_pages();
    let read = AtomicU64::new(0);
    let mut sign_at = Instant::now() + SIGN_OF_LIFE;
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
        let say = |line: &str| calls.watcher.say(line);
        let answered = with_signs_of_life(reading, &mut sign_at, &read, say).await;
        stored.with_context(cannot_store)?;
        let (message, wait) = match answered.reply {
            Preflight::Good(PageEnd::Whole) => {
                let read = std::mem::replace(&mut listing, new_listing()?);
                let divided_in = pages.is_divided().then_some(folder);
                if let Some(listed) = whole(read, client, divided_in).with_context(cannot_store)? {
                    return Ok(Ok(listed));
                }
                (is_begun, lists_left) = (true, lists_left.min(2));
                (LISTED_TWICE.to_owned(), None)
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
        wait_again(calls, &message, pause.max(wait.unwrap_or_default())).await;
        pause *= 2;
        // A page of which nothing was read is requested again, else the whole list.
        if is_begun {
            listing = new_listing()?;
            pages = client.customer_pages();
            read.store(0, Ordering::Relaxed);
        }
    }
}

/// Says why the list is requested again, and waits before that.
async fn wait_again(calls: Calls<'_>, message: &str, wait: Duration) {
    calls.watcher.say(&format!(
        "the list of customers was incomplete ({message}); again in {}",
        humantime::format_duration(wait)
    ));
    tokio::time::sleep(wait).await;
}

/// The list that was read; `None` if a customer is twice in it. It is not compared on disk
/// if it is not divided.
fn whole(
    listing: RemoteListWriter,
    client: &Client,
    divided_in: Option<&Path>,
) -> io::Result<Option<RemoteList>> {
    let mut listed = listing.finish(client.customer_reader())?;
    let has_repeats = match divided_in {
        Some(folder) => listed.has_repeats(folder)?,
        None => false,
    };
    Ok((!has_repeats).then_some(listed))
}

/// Waits for `reading`, and says how many customers were `read` at `sign_at`, which is set
/// to the next time: a list may have many pages that are read quickly.
async fn with_signs_of_life<T>(
    reading: impl Future<Output = T>,
    sign_at: &mut Instant,
    read: &AtomicU64,
    say: impl Fn(&str),
) -> T {
    let mut reading = pin!(reading);
    loop {
        if let Ok(ended) = tokio::time::timeout_at(*sign_at, &mut reading).await {
            return ended;
        }
        say(&format!(
            "reading the list of customers: {} so far",
            thousands(read.load(Ordering::Relaxed))
        ));
        *sign_at = Instant::now() + SIGN_OF_LIFE;
    }
}

/// How many customers Kable has.
pub(super) fn how_many(listed: &RemoteList) -> String {
    let many = counted(listed.customer_count(), "customer", "customers");
    let inactive = match listed.inactive_count() {
        0 => String::new(),
        inactive => format!(", {} of them not active", thousands(inactive)),
    };
    format!("Kable has {many}{inactive}")
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

    use tokio::time::Instant;

    use super::{SIGN_OF_LIFE, with_signs_of_life};

    #[tokio::test(start_paused = true)]
    async fn a_list_that_takes_long_says_how_far_it_is() {
        let (read, said) = (AtomicU64::new(0), RefCell::new(Vec::new()));
        let mut sign_at = Instant::now() + SIGN_OF_LIFE;
        let say = |line: &str| said.borrow_mut().push(line.to_owned());
        for pages in [&[4900; 5][..], &[130; 100]] {
            for millis in pages {
                let reading = async {
                    tokio::time::sleep(Duration::from_millis(*millis)).await;
                    read.fetch_add(1000, Ordering::Relaxed);
                };
                with_signs_of_life(reading, &mut sign_at, &read, &say).await;
            }
        }
        let told = [
            "reading the list of customers: 2,000 so far",
            "reading the list of customers: 4,000 so far",
            "reading the list of customers: 47,000 so far",
        ];
        assert_eq!(*said.borrow(), told);
    }
}
