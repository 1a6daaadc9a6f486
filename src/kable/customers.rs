//! The calls about one customer: create, update, look up.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use reqwest::header::{CACHE_CONTROL, HeaderValue};
use reqwest::{Body, Method, Url};

use super::client::{Client, LONGEST_BODY, undated};
use super::response::{Answer, created, found, updated};
use super::{
    Created, CustomerApi, Exchange, Failure, LookUpReply, Preflight, ProbeReply, Refusal, Reply,
    Trouble, wire,
};
use crate::domain::customer::Customer;
use crate::domain::remote::RemoteCustomer;
use crate::domain::update::CustomerUpdate;

/// What may stand in a path segment as it is (RFC 3986, "unreserved").
const SEGMENT: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

impl Client {
    /// Sends a body that makes or changes a customer; `read` says what the answer
    /// means.
    async fn change<T>(
        &self,
        url: Url,
        body: serde_json::Result<String>,
        read: impl FnOnce(Answer) -> Reply<T>,
    ) -> Exchange<Reply<T>> {
        let body = match body {
            Ok(body) => body,
            Err(error) => {
                return undated(Reply::Refused(Refusal {
                    message: error.to_string(),
                    ..Refusal::default()
                }));
            }
        };
        let request = self
            .http
            .post(url)
            // A body that can't be cloned: no layer below can send it again.
            .body(Body::wrap(body));
        match self.send(request, LONGEST_BODY).await {
            Ok(answer) => answer.meaning(read),
            Err(lost) if lost.unsent => undated(Reply::Failed(Failure::Unsent(lost.trouble))),
            Err(lost) => undated(Reply::Failed(Failure::Unknown(lost.trouble))),
        }
    }

    /// Where the customer `client_id` is, or what is done to it.
    pub(super) fn customer_url(&self, client_id: &str, verb: &str) -> Url {
        let mut url = self.customers_url.clone();
        let segment = utf8_percent_encode(client_id, SEGMENT);
        let path = format!("{}/{segment}{verb}", url.path());
        url.set_path(&path);
        url
    }
}

impl CustomerApi for Client {
    async fn create(&self, customer: &Customer) -> Exchange<Reply<Created>> {
        let (url, body) = (self.create_url.clone(), wire::create_body(customer));
        let read = |answer| created(answer, customer);
        self.change(url, body, read).await
    }

    async fn update(
        &self,
        client_id: &str,
        change: &CustomerUpdate,
    ) -> Exchange<Reply<Box<RemoteCustomer>>> {
        let url = self.customer_url(client_id, "/update");
        let read = |answer| updated(answer, client_id);
        self.change(url, wire::update_body(change), read).await
    }

    async fn reach(&self) -> Exchange<ProbeReply> {
        self.authenticate().await.map(|reply| match reply {
            Preflight::Good(()) => ProbeReply::Good,
            Preflight::Denied(refusal) => ProbeReply::Denied(refusal),
            Preflight::Unreachable(trouble, _) if trouble.status == Some(429) => ProbeReply::Good,
            Preflight::Unreachable(trouble, _) => ProbeReply::Trouble(trouble),
            Preflight::Refused(refusal) => ProbeReply::Trouble(Trouble {
                is_page: true,
                ..refusal.into_trouble()
            }),
        })
    }

    async fn find(&self, client_id: &str) -> Exchange<LookUpReply> {
        let request = self
            .http
            .request(Method::GET, self.customer_url(client_id, ""))
            // A look-up must see what was written a moment ago (RFC 9111 §5.2.1.4).
            .header(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
        match self.send(request, LONGEST_BODY).await {
            Ok(answer) => answer.meaning(|answer| found(answer, client_id)),
            Err(lost) => undated(LookUpReply::Failed(Failure::Unknown(lost.trouble))),
        }
    }

    async fn find_in_list(
        &self,
        client_ids: &[String],
    ) -> Exchange<Result<Vec<LookUpReply>, Trouble>> {
        self.look_through(client_ids).await
    }
}
