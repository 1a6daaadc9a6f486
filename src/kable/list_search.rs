//! Searches a streamed list of all customers by `clientId`.

use std::collections::HashMap;

use super::LookUpReply;
use crate::domain::remote::RemoteCustomer;

/// The ids to search for, and the matches so far.
#[derive(Debug)]
pub(super) struct ListSearch<'i> {
    /// The indices of the ids in the reply, by the id in lower case.
    places: HashMap<String, Vec<usize>>,
    /// Each id, and its match.
    replies: Vec<(&'i str, LookUpReply)>,
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

    /// The match of each id, in their order.
    pub(super) fn finish(self) -> Vec<LookUpReply> {
        self.replies.into_iter().map(|(_, reply)| reply).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::{ListSearch, LookUpReply, RemoteCustomer};

    #[test]
    fn the_exact_id_is_found_and_one_of_another_case_is_another_customer() {
        let ids = ["C-1", "c-1", "c-2", "c-1"].map(str::to_owned);
        for listed in [["c-1", "C-3"], ["C-3", "c-1"]] {
            let mut search = ListSearch::new(&ids);
            for client_id in listed {
                search.compare(&RemoteCustomer {
                    client_id: client_id.to_owned(),
                    ..RemoteCustomer::default()
                });
            }
            let found: Vec<&str> = search
                .finish()
                .iter()
                .map(|reply| {
                    if matches!(reply, LookUpReply::There { .. }) {
                        "there"
                    } else if matches!(reply, LookUpReply::Other { .. }) {
                        "other"
                    } else {
                        "absent"
                    }
                })
                .collect();
            assert_eq!(found, ["other", "there", "absent", "there"]);
        }
    }

    #[test]
    fn an_exact_match_replaces_one_of_another_case() {
        let ids = ["c-1".to_owned()];
        for listed in [["C-1", "c-1"], ["c-1", "C-1"]] {
            let mut search = ListSearch::new(&ids);
            for client_id in listed {
                search.compare(&RemoteCustomer {
                    client_id: client_id.to_owned(),
                    ..RemoteCustomer::default()
                });
            }
            let found = search.finish();
            assert!(
                matches!(found[..], [LookUpReply::There { .. }]),
                "{listed:?}"
            );
        }
    }
}
