//! Look-ups in the list of all customers, for ids that can't be looked up by path.
//!
//! The list may be long, so rows that wait for it share one reading of it: while it
//! is read others gather, and the next reading is for all of them.

use std::sync::Mutex;

use tokio::sync::{Mutex as Turn, oneshot};

use super::metrics::Gauges;
use super::sender::{Sending, lock};
use crate::engine::pace::circuit_breaker::Access;
use crate::kable::{CustomerApi, Found, Trouble};
use crate::report::Observer;

/// Rows that wait for the list.
#[derive(Debug, Default)]
pub(in crate::engine) struct ListLookup {
    waiting: Mutex<Vec<(String, oneshot::Sender<Found>)>>,
    /// One reading at a time.
    turn: Turn<()>,
}

/// Whether web servers and proxies are known to read this id's path otherwise than
/// it was written, so that a 404 says nothing about it: encoded slashes and percent
/// signs, and segments that are only dots (RFC 3986 §6.2.2, WHATWG URL).
pub(super) fn is_unsafe_in_path(client_id: &str) -> bool {
    client_id.contains(['/', '\\', '%', ';', '?', '#'])
        || client_id.chars().all(|char| char == '.')
        || client_id.ends_with('.')
}

impl<A: CustomerApi, O: Observer> Sending<A, O> {
    /// Looks for a customer in the list; `None` where everything is stopped.
    pub(super) async fn find_in_list(&self, client_id: &str) -> Option<Found> {
        let (sender, mut answer) = oneshot::channel();
        lock(&self.list.waiting).push((client_id.to_owned(), sender));
        let _turn = self.list.turn.lock().await;
        if let Ok(found) = answer.try_recv() {
            return Some(found);
        }
        let waiting = std::mem::take(&mut *lock(&self.list.waiting));
        let admitted = self.admitted(true, Access::Read).await?;
        let (ids, senders): (Vec<String>, Vec<_>) = waiting.into_iter().unzip();
        Gauges::count(&self.gauges.sent);
        Gauges::count(&self.gauges.lookups);
        let (timed, listed) = self
            .timed(admitted.permit, self.api.find_in_list(&ids))
            .await;
        match listed {
            Ok(found) => {
                self.answered(timed.sent);
                self.refund();
                for (sender, found) in senders.into_iter().zip(found) {
                    // A row that was given up meanwhile doesn't wait any more.
                    sender.send(found).ok();
                }
            }
            Err(trouble) => {
                for sender in senders {
                    sender.send(Found::Unknown(trouble.clone())).ok();
                }
            }
        }
        let lost = || Found::Unknown(Trouble::default());
        Some(answer.try_recv().unwrap_or_else(|_closed| lost()))
    }
}

#[cfg(test)]
mod tests {
    use super::is_unsafe_in_path;

    #[test]
    fn ids_that_paths_change_are_known() {
        for id in [
            "a/b", "..", ".", "50%", "a\\b", "a;b=1", "x?y", "x#y", "co.",
        ] {
            assert!(is_unsafe_in_path(id), "{id}");
        }
        for id in ["c-1", "a b", "ä", "a.b", "a@b.example", "~x_1"] {
            assert!(!is_unsafe_in_path(id), "{id}");
        }
    }
}
