//! Rows that wait to be looked up in the list of all customers, because their ids can't be
//! looked up by path.

use parking_lot::Mutex;
use tokio::sync::{Mutex as Turn, oneshot};

use crate::kable::LookUpReply;

/// Rows that wait for the list.
#[derive(Debug, Default)]
pub(in crate::engine) struct ListLookup {
    pub(super) waiting: Mutex<Vec<(String, oneshot::Sender<LookUpReply>)>>,
    /// Only one reading at a time.
    pub(super) turn: Turn<()>,
}

/// Whether web servers and proxies are known to rewrite this id's path, so that a 404
/// proves nothing: encoded slashes and percent signs, and segments of dots only (RFC 3986
/// §6.2.2, WHATWG URL).
pub(super) fn is_unsafe_in_path(client_id: &str) -> bool {
    client_id.contains(['/', '\\', '%', ';', '?', '#'])
        || client_id.chars().all(|char| char == '.')
        || client_id.ends_with('.')
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
