//! The client of one account: each call of the API, one request each.

use std::sync::{Arc, OnceLock};

use reqwest::header::{
    ACCEPT, CACHE_CONTROL, CONTENT_LENGTH, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue,
};
use reqwest::{Body, Method, RequestBuilder, Url};
use secrecy::ExposeSecret;

use super::change_body::change_body;
use super::customer_pages::{CustomerPages, PageEnd};
use super::customer_reader::CustomerReader;
use super::endpoints::Endpoints;
use super::list_search::{ListSearch, RepeatedCustomers};
use super::redaction::Redaction;
use super::response::{self, RawResponse};
use super::settings::{ClientError, Settings};
use super::transport::{LONGEST_BODY, Transport};
use super::wire::{self, BundlePlans};
use super::{
    Created, CustomerAddress, CustomerApi, Exchange, Failure, LookUpReply, Preflight, ProbeReply,
    Refusal, Removal, RemovalEffect, Reply, Trouble,
};
use crate::domain::catalog::Catalog;
use crate::domain::customer::Customer;
use crate::domain::remote::RemoteCustomer;
use crate::domain::remote_change::RemoteChange;

/// The longest list of plans or bundles that is read.
const LONGEST_LIST: usize = 64 << 20;

/// A client of one account. Clones share its connections.
#[derive(Debug, Clone)]
pub struct Client {
    transport: Transport,
    endpoints: Endpoints,
    /// The credentials as headers of `/authenticate`.
    authentication: HeaderMap,
    redaction: Redaction,
    bundle_plans: Arc<OnceLock<Arc<BundlePlans>>>,
}

impl Client {
    /// A client with these settings. Nothing is sent yet.
    pub fn new(settings: &Settings) -> Result<Self, ClientError> {
        let secret = settings.client_secret.expose_secret();
        let redaction = Redaction::of([secret]);
        let mut secret = HeaderValue::from_str(secret)
            .map_err(|_it_names_the_value| ClientError::Credential("client secret"))?;
        secret.set_sensitive(true);
        let id = HeaderValue::from_str(&settings.client_id)
            .map_err(|_it_names_the_value| ClientError::Credential("client id"))?;
        // The same two credentials again, under other names (`docs/api.md`, "Calls").
        let authentication = HeaderMap::from_iter([
            (HeaderName::from_static("x-client-id"), id.clone()),
            (HeaderName::from_static("x-api-key"), secret.clone()),
        ]);
        // On every request, also without a body (`docs/api.md`, "Hosts,
        // transport, authentication").
        let json = HeaderValue::from_static("application/json");
        let headers = HeaderMap::from_iter([
            (HeaderName::from_static("kable-client-id"), id),
            (HeaderName::from_static("kable-client-secret"), secret),
            (CONTENT_TYPE, json.clone()),
            (ACCEPT, json),
        ]);
        Ok(Self {
            transport: Transport::new(settings, headers, redaction.clone())?,
            endpoints: Endpoints::new(settings)?,
            authentication,
            redaction,
            bundle_plans: Arc::default(),
        })
    }

    /// `POST /authenticate`: whether the credentials are accepted.
    pub async fn authenticate(&self) -> Exchange<Preflight<()>> {
        // reqwest sends no `Content-Length` without a body; the API wants one
        // (`docs/api.md`, "Hosts, transport, authentication").
        let request = self
            .transport
            .request(Method::POST, self.endpoints.authenticate.clone())
            .headers(self.authentication.clone())
            .header(CONTENT_LENGTH, HeaderValue::from_static("0"));
        self.preflight(request, LONGEST_BODY, |_body| Ok(())).await
    }

    /// `GET /plans`: all plans.
    pub async fn plans(&self) -> Exchange<Preflight<Catalog>> {
        self.catalog(self.endpoints.plans.clone()).await
    }

    /// `GET /bundles`: all bundles. Stores which plans each contains, for comparing
    /// customers later.
    pub async fn bundles(&self) -> Exchange<Preflight<Catalog>> {
        self.catalog(self.endpoints.bundles.clone()).await
    }

    /// `GET /customers`: all customers, of which nothing is read yet.
    pub fn customer_pages(&self) -> CustomerPages {
        CustomerPages::new(
            self.transport.clone(),
            self.redaction.clone(),
            self.endpoints.customers.clone(),
        )
    }

    /// A parser for the JSON that [`CustomerPages::read`] passes on.
    pub fn customer_reader(&self) -> CustomerReader {
        CustomerReader {
            redaction: self.redaction.clone(),
            bundle_plans: self.bundle_plans(),
        }
    }

    fn bundle_plans(&self) -> Arc<BundlePlans> {
        self.bundle_plans.get().cloned().unwrap_or_default()
    }

    async fn catalog(&self, url: Url) -> Exchange<Preflight<Catalog>> {
        let request = self.transport.request(Method::GET, url);
        let read = |body: &[u8]| {
            let (catalog, bundle_plans) = wire::catalog(body)?;
            if !bundle_plans.is_empty() {
                self.bundle_plans.get_or_init(|| Arc::new(bundle_plans));
            }
            Ok(catalog)
        };
        self.preflight(request, LONGEST_LIST, read).await
    }

    async fn preflight<T>(
        &self,
        request: RequestBuilder,
        longest: usize,
        read: impl FnOnce(&[u8]) -> serde_json::Result<T>,
    ) -> Exchange<Preflight<T>> {
        match self.transport.send(request, longest).await {
            Ok(response) => response.into_exchange(|response| response::preflight(response, read)),
            Err(failure) => {
                Exchange::without_response(Preflight::Unreachable(failure.trouble, failure.unsent))
            }
        }
    }

    /// Sends a body that creates or changes a customer; `read` says what the
    /// response means.
    async fn write<T>(
        &self,
        url: Url,
        body: serde_json::Result<String>,
        read: impl FnOnce(RawResponse) -> Reply<T>,
    ) -> Exchange<Reply<T>> {
        let body = match body {
            Ok(body) => body,
            Err(error) => {
                return Exchange::without_response(Reply::Refused(Refusal {
                    message: error.to_string(),
                    ..Refusal::default()
                }));
            }
        };
        // A body that can't be cloned, so that no layer below can resend it.
        let request = self.transport.request(Method::POST, url);
        self.send_write(request.body(Body::wrap(body)), read).await
    }

    /// Sends a request that changes something; `read` says what the response means.
    async fn send_write<T>(
        &self,
        request: RequestBuilder,
        read: impl FnOnce(RawResponse) -> Reply<T>,
    ) -> Exchange<Reply<T>> {
        match self.transport.send(request, LONGEST_BODY).await {
            Ok(response) => response.into_exchange(read),
            Err(failure) if failure.unsent => {
                Exchange::without_response(Reply::Failed(Failure::Unsent(failure.trouble)))
            }
            Err(failure) => {
                Exchange::without_response(Reply::Failed(Failure::Unknown(failure.trouble)))
            }
        }
    }
}

impl CustomerApi for Client {
    async fn create(&self, customer: &Customer) -> Exchange<Reply<Created>> {
        let (url, body) = (self.endpoints.create.clone(), wire::create_body(customer));
        let read = |response| response::created(response, customer);
        self.write(url, body, read).await
    }

    async fn change(
        &self,
        address: CustomerAddress<'_>,
        change: &RemoteChange,
    ) -> Exchange<Reply<Box<RemoteCustomer>>> {
        let url = self.endpoints.change(address.path_id(), change);
        let body = change_body(change);
        let bundle_plans = self.bundle_plans();
        let read = |response| response::updated(response, address, &bundle_plans);
        self.write(url, body, read).await
    }

    async fn remove(&self, customer_id: &str, removal: Removal) -> Exchange<Reply<RemovalEffect>> {
        let url = self.endpoints.removal(customer_id, removal);
        let request = self
            .transport
            .request(Method::POST, url)
            .header(CONTENT_LENGTH, HeaderValue::from_static("0"));
        let read = |response| response::removed(response, customer_id, removal);
        self.send_write(request, read).await
    }

    async fn probe(&self) -> Exchange<ProbeReply> {
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

    async fn find(&self, address: CustomerAddress<'_>) -> Exchange<LookUpReply> {
        let request = self
            .transport
            .request(Method::GET, self.endpoints.customer(address.path_id()))
            // A look-up must see what was written a moment ago (RFC 9111 §5.2.1.4).
            .header(CACHE_CONTROL, HeaderValue::from_static("no-cache"));
        let bundle_plans = self.bundle_plans();
        match self.transport.send(request, LONGEST_BODY).await {
            Ok(response) => response
                .into_exchange(|response| response::looked_up(response, address, &bundle_plans)),
            Err(failure) => {
                Exchange::without_response(LookUpReply::Failed(Failure::Unknown(failure.trouble)))
            }
        }
    }

    async fn find_in_list(
        &self,
        client_ids: &[String],
    ) -> Exchange<Result<Vec<LookUpReply>, Trouble>> {
        let mut search = ListSearch::new(client_ids);
        let reader = self.customer_reader();
        let mut pages = self.customer_pages();
        let mut repeats = RepeatedCustomers::default();
        let exchange = loop {
            let exchange = pages
                .read(|body| match reader.read(body) {
                    Some(remote) => {
                        repeats.add(&remote.customer_id);
                        search.compare(&remote);
                    }
                    None => search.pass_unreadable(reader.ids(body)),
                })
                .await;
            if !matches!(exchange.reply, Preflight::Good(PageEnd::More)) {
                break exchange;
            }
        };
        exchange.map(|reply| match reply {
            Preflight::Good(PageEnd::Whole | PageEnd::More) => {
                match repeats.doubt().filter(|_| pages.is_divided()) {
                    None => Ok(search.finish()),
                    Some(why) => Err(incomplete(why)),
                }
            }
            Preflight::Good(PageEnd::Short(why) | PageEnd::DeadEnd(why)) => Err(incomplete(&why)),
            Preflight::Denied(refusal) | Preflight::Refused(refusal) => Err(Trouble {
                status: Some(refusal.status),
                message: format!("the customers could not be listed: {}", refusal.message),
                request_id: refusal.request_id,
                ..Trouble::default()
            }),
            Preflight::Unreachable(trouble, _) => Err(trouble),
        })
    }
}

/// Why nothing was found in the list.
fn incomplete(why: &str) -> Trouble {
    Trouble {
        // The API works: this is no outage.
        status: Some(200),
        message: format!("the list of customers was incomplete ({why})"),
        ..Trouble::default()
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{Client, Settings};

    fn client(base: &str) -> Client {
        Client::new(&Settings {
            base_url: base.parse().unwrap(),
            loopback: false,
            client_id: "kci_1".to_owned(),
            client_secret: "sk_test.1".into(),
            timeout: Duration::from_secs(5),
            connections: 1,
            stripe: true,
            keys: true,
        })
        .unwrap()
    }

    #[test]
    fn the_urls_of_all_calls_are_those_of_the_api_reference() {
        for base in ["https://test.kable.example", "https://test.kable.example/"] {
            let endpoints = client(base).endpoints;
            assert_eq!(
                endpoints.create.as_str(),
                "https://test.kable.example/api/v1/customers/create?stripe=true&keys=true"
            );
            assert_eq!(
                endpoints.customer("a/b ü?").as_str(),
                "https://test.kable.example/api/v1/customers/a%2Fb%20%C3%BC%3F"
            );
        }
    }

    #[test]
    fn debug_output_of_a_client_does_not_contain_its_secret() {
        let shown = format!("{:?}", client("https://test.kable.example"));
        assert!(!shown.contains("sk_test"), "{shown}");
    }
}
