//! Searches a streamed list of all customers by `clientId`.

use std::collections::{HashMap, HashSet};
use std::hash::{DefaultHasher, Hash, Hasher};

use super::customer_reader::ListedIds;
use super::{Failure, LookUpReply, Trouble};
use crate::domain::remote::RemoteCustomer;

/// The most customers that are remembered: some 40 MB of hashes.
const MOST: usize = 2_000_000;

/// Finds out whether a customer is on two pages of the list, as it is if the list changed
/// while it was read. Then another customer may be on none.
#[derive(Debug, Default)]
pub(super) struct RepeatedCustomers {
    hashes: HashSet<u64>,
    is_repeated: bool,
    is_full: bool,
}

impl RepeatedCustomers {
    pub(super) fn add(&mut self, customer_id: &str) {
        if self.hashes.len() >= MOST {
            self.is_full = true;
            return;
        }
        let mut hasher = DefaultHasher::new();
        customer_id.hash(&mut hasher);
        self.is_repeated |= !self.hashes.insert(hasher.finish());
    }

    /// Why a customer may be missing from a list that came in several parts.
    pub(super) fn doubt(&self) -> Option<&'static str> {
        if self.is_repeated {
            return Some("a customer is listed twice: it changed while it was read");
        }
        let too_long = "it has too many pages to be sure that no customer is missing";
        self.is_full.then_some(too_long)
    }
}

/// The ids to search for, and the matches so far.
#[derive(Debug)]
pub(super) struct ListSearch<'i> {
    /// The indices of the ids in the reply, by the id in lower case.
    places: HashMap<String, Vec<usize>>,
    /// Each id, and its match.
    replies: Vec<(&'i str, LookUpReply)>,
    /// Whether a customer can't be read, so that it may be any of them.
    has_unknown: bool,
}

impl<'i> ListSearch<'i> {
    pub(super) fn new(client_ids: &'i [String]) -> Self {
        let mut places: HashMap<String, Vec<usize>> = HashMap::new();
        for (place, id) in client_ids.iter().enumerate() {
            places.entry(id.to_lowercase()).or_default().push(place);
        }
        let replies = client_ids.iter().map(|id| (&**id, LookUpReply::Absent));
        Self {
            places,
            replies: replies.collect(),
            has_unknown: false,
        }
    }

    /// Compares one customer of the list with the ids. One whose `clientId`
    /// differs in case only is [`LookUpReply::Other`], unless the exact one is
    /// in the list as well.
    pub(super) fn compare(&mut self, remote: &RemoteCustomer) {
        let places = self.places.get(&remote.client_id.to_lowercase());
        for place in places.into_iter().flatten() {
            let Some((client_id, reply)) = self.replies.get_mut(*place) else {
                continue;
            };
            let (remote, request_id) = (Box::new(remote.clone()), None);
            if *client_id == remote.client_id {
                *reply = LookUpReply::There { remote, request_id };
            } else if matches!(reply, LookUpReply::Absent) {
                *reply = LookUpReply::Other { remote, request_id };
            }
        }
    }

    /// Passes one customer of the list that can't be read, but perhaps its ids. It is no
    /// match, and the id that it has, or may have, is not absent.
    pub(super) fn pass_unreadable(&mut self, ids: Option<ListedIds>) {
        let Some(ListedIds { client_id, .. }) = ids else {
            self.has_unknown = true;
            return;
        };
        let places = self.places.get(&client_id.to_lowercase());
        for place in places.into_iter().flatten() {
            if let Some((wanted, reply)) = self.replies.get_mut(*place)
                && *wanted == client_id
            {
                *reply = unreadable("this customer in the list of all can't be read");
            }
        }
    }

    /// The match of each id, in their order.
    pub(super) fn finish(self) -> Vec<LookUpReply> {
        let found = self.replies.into_iter().map(|(_, reply)| match reply {
            LookUpReply::Absent | LookUpReply::Other { .. } if self.has_unknown => {
                unreadable("a customer in the list of all can't be read, and may be this one")
            }
            known @ (LookUpReply::There { .. }
            | LookUpReply::Absent
            | LookUpReply::AbsentPage(_)
            | LookUpReply::Other { .. }
            | LookUpReply::Failed(_)) => known,
        });
        found.collect()
    }
}

fn unreadable(message: &str) -> LookUpReply {
    LookUpReply::Failed(Failure::Unknown(Trouble {
        // The API works: this is no outage.
        status: Some(200),
        message: message.to_owned(),
        ..Trouble::default()
    }))
}

#[cfg(test)]
mod tests {
    use super::{ListSearch, ListedIds, LookUpReply, RemoteCustomer};

    fn listed(client_id: &str) -> RemoteCustomer {
        RemoteCustomer {
            client_id: client_id.to_owned(),
            ..RemoteCustomer::default()
        }
    }

    fn word(reply: &LookUpReply) -> &'static str {
        match reply {
            LookUpReply::There { .. } => "there",
            LookUpReply::Other { .. } => "other",
            LookUpReply::Absent => "absent",
            LookUpReply::AbsentPage(_) => "page",
            LookUpReply::Failed(_) => "failed",
        }
    }

    /// Else a customer would be created a second time.
    #[test]
    fn an_id_that_an_unreadable_customer_may_have_is_not_absent() {
        let ids = ["c-1", "c-2", "c-3"].map(str::to_owned);
        for (unreadable, wanted) in [
            (Some("c-1"), ["failed", "absent", "there"]),
            (Some("C-1"), ["absent", "absent", "there"]),
            (Some("c-4"), ["absent", "absent", "there"]),
            (None, ["failed", "failed", "there"]),
        ] {
            let mut search = ListSearch::new(&ids);
            search.pass_unreadable(unreadable.map(|client_id| ListedIds {
                customer_id: "cus_1".to_owned(),
                client_id: client_id.to_owned(),
                ..ListedIds::default()
            }));
            search.compare(&listed("c-3"));
            let found = search.finish();
            assert_eq!(found.iter().map(word).collect::<Vec<_>>(), wanted);
        }
    }

    #[test]
    fn the_exact_id_is_found_and_one_of_another_case_is_another_customer() {
        let ids = ["C-1", "c-1", "c-2", "c-1"].map(str::to_owned);
        for all in [["c-1", "C-3"], ["C-3", "c-1"]] {
            let mut search = ListSearch::new(&ids);
            for client_id in all {
                search.compare(&listed(client_id));
            }
            let found = search.finish();
            let found: Vec<&str> = found.iter().map(word).collect();
            assert_eq!(found, ["other", "there", "absent", "there"]);
        }
    }

    #[test]
    fn an_exact_match_replaces_one_of_another_case() {
        let ids = ["c-1".to_owned()];
        for all in [["C-1", "c-1"], ["c-1", "C-1"]] {
            let mut search = ListSearch::new(&ids);
            for client_id in all {
                search.compare(&listed(client_id));
            }
            let found = search.finish();
            assert!(matches!(found[..], [LookUpReply::There { .. }]), "{all:?}");
        }
    }
}
