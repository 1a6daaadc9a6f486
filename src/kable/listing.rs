//! The call that lists all customers, which may be more than fit into memory.

use std::collections::HashMap;
use std::time::Duration;

use reqwest::Method;

use super::array_stream::Elements;
use super::client::{Client, LONGEST_BODY, undated};
use super::response::asked;
use super::{Exchange, LookUpReply, Preflight, Trouble};

/// How long the list of all customers may take to come.
const LONGEST_LISTING: Duration = Duration::from_hours(4);

impl Client {
    /// `GET /customers`: all customers, each given to `hear` as it comes, for
    /// there may be more than fit into memory. Where the answer breaks off, some
    /// of them have been heard of. The time-out is for each piece of the answer,
    /// not for the whole.
    pub async fn customers(&self, mut hear: impl FnMut(&[u8]) + Send) -> Exchange<Preflight<()>> {
        let request = self.http.request(Method::GET, self.customers_url.clone());
        let sent = request.timeout(LONGEST_LISTING).send();
        let mut response = match tokio::time::timeout(self.timeout, sent).await {
            Ok(Ok(response)) => response,
            Ok(Err(error)) => {
                let lost = self.lost(&error);
                return undated(Preflight::Unreachable(lost.trouble, lost.unsent));
            }
            Err(_elapsed) => return undated(broken_off(self.too_late("no answer"))),
        };
        let mut answer = Self::answer_of(&response);
        if answer.status.is_success() {
            let read = self.read_elements(&mut response, &mut hear).await;
            return answer.meaning(|_answer| match read {
                Ok(()) => Preflight::Good(()),
                Err(message) => broken_off(message),
            });
        }
        // What it says is as much of an explanation as there is.
        self.read_body(&mut response, &mut answer, LONGEST_BODY)
            .await
            .ok();
        answer.redact(&self.redaction);
        answer.meaning(|answer| asked(answer, |_body| Ok(())))
    }

    /// Looks for customers in the list of all: what was found of each id, in their
    /// order.
    pub(super) async fn look_through(
        &self,
        client_ids: &[String],
    ) -> Exchange<Result<Vec<LookUpReply>, Trouble>> {
        let mut places: HashMap<String, Vec<usize>> = HashMap::new();
        for (place, id) in client_ids.iter().enumerate() {
            places.entry(id.to_lowercase()).or_default().push(place);
        }
        let mut found = vec![LookUpReply::Absent; client_ids.len()];
        let reader = self.customer_reader();
        let answered = self
            .customers(|body| {
                let Some(remote) = reader.read(body) else {
                    return;
                };
                let same_but_for_case = places.get(&remote.client_id.to_lowercase());
                for place in same_but_for_case.into_iter().flatten() {
                    let exact = client_ids.get(*place) == Some(&remote.client_id);
                    let Some(slot) = found.get_mut(*place) else {
                        continue;
                    };
                    if exact {
                        *slot = LookUpReply::There {
                            remote: Box::new(remote.clone()),
                            request_id: None,
                        };
                    } else if matches!(slot, LookUpReply::Absent) {
                        *slot = LookUpReply::Other {
                            remote: Box::new(remote.clone()),
                            request_id: None,
                        };
                    }
                }
            })
            .await;
        answered.map(|reply| match reply {
            Preflight::Good(()) => Ok(found),
            Preflight::Denied(refusal) | Preflight::Refused(refusal) => Err(Trouble {
                status: Some(refusal.status),
                message: format!("the customers could not be listed: {}", refusal.message),
                request_id: refusal.request_id,
                ..Trouble::default()
            }),
            Preflight::Unreachable(trouble, _) => Err(trouble),
        })
    }

    fn too_late(&self, missing: &str) -> String {
        let time = humantime::format_duration(self.timeout);
        format!("{missing} within {time}")
    }

    async fn read_elements(
        &self,
        response: &mut reqwest::Response,
        hear: &mut (impl FnMut(&[u8]) + Send),
    ) -> Result<(), String> {
        let mut elements = Elements::new();
        loop {
            let Ok(chunk) = tokio::time::timeout(self.timeout, response.chunk()).await else {
                return Err(self.too_late("no more of the answer"));
            };
            let wrong = match chunk {
                Ok(Some(chunk)) => elements.take(&chunk, hear),
                Ok(None) => return elements.finish().map_err(|wrong| wrong.to_string()),
                Err(error) => return Err(self.lost(&error).trouble.message),
            };
            wrong.map_err(|wrong| wrong.to_string())?;
        }
    }
}

/// No list, or no whole one.
fn broken_off(message: String) -> Preflight<()> {
    let trouble = Trouble {
        message,
        ..Trouble::default()
    };
    Preflight::Unreachable(trouble, false)
}
