//! The call that lists all customers, which may be more than fit into memory.

use std::time::Duration;

use reqwest::Method;
use secrecy::ExposeSecret;

use super::answer::{Standing, judge};
use super::client::{Client, LONGEST_BODY, undated};
use super::elements::Elements;
use super::{Answered, Preflight, Trouble};

/// How long the list of all customers may take to come.
const LONGEST_LISTING: Duration = Duration::from_hours(4);

impl Client {
    /// `GET /customers`: all customers, each given to `hear` as it comes, for
    /// there may be more than fit into memory. Where the answer breaks off, some
    /// of them have been heard of. The time-out is for each piece of the answer,
    /// not for the whole.
    pub async fn customers(&self, mut hear: impl FnMut(&[u8]) + Send) -> Answered<Preflight<()>> {
        let request = self.http.request(Method::GET, self.customers_url.clone());
        let sent = request.timeout(LONGEST_LISTING).send();
        let mut response = match tokio::time::timeout(self.timeout, sent).await {
            Ok(Ok(response)) => response,
            Ok(Err(error)) => {
                let lost = self.lost(&error);
                return undated(Preflight::Unreachable(lost.trouble, lost.unsent));
            }
            Err(_elapsed) => {
                let time = humantime::format_duration(self.timeout);
                let trouble = Trouble {
                    message: format!("no answer within {time}"),
                    ..Trouble::default()
                };
                return undated(Preflight::Unreachable(trouble, false));
            }
        };
        if !response.status().is_success() {
            let mut answer = Self::answer_of(&response);
            // What it says is as much of an explanation as there is.
            self.read_body(&mut response, &mut answer, LONGEST_BODY)
                .await
                .ok();
            answer.redact(self.secret.expose_secret());
            return answer.meaning(|answer| match judge(answer.status) {
                Standing::Denied => Preflight::Denied(answer.refusal()),
                Standing::Refused | Standing::Absent => Preflight::Refused(answer.refusal()),
                Standing::Success | Standing::Throttled | Standing::Unknown => {
                    Preflight::Unreachable(answer.trouble(), false)
                }
            });
        }
        let answer = Self::answer_of(&response);
        match self.read_elements(&mut response, &mut hear).await {
            Ok(()) => answer.meaning(|_answer| Preflight::Good(())),
            Err(message) => answer.meaning(|_answer| {
                let trouble = Trouble {
                    message,
                    ..Trouble::default()
                };
                Preflight::Unreachable(trouble, false)
            }),
        }
    }

    async fn read_elements(
        &self,
        response: &mut reqwest::Response,
        hear: &mut (impl FnMut(&[u8]) + Send),
    ) -> Result<(), String> {
        let mut elements = Elements::new();
        loop {
            let Ok(chunk) = tokio::time::timeout(self.timeout, response.chunk()).await else {
                let time = humantime::format_duration(self.timeout);
                return Err(format!("no more of the answer within {time}"));
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
