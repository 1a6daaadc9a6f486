//! An imitation of the Kable API on loopback, for trying the importer and for its tests.
//!
//! It is written from the API's reference alone and shares no type with the
//! client on purpose: a double built from the client's own types would agree
//! with the client's mistakes. Where the reference is silent it is strict.
//!
//! - `settings.rs`: how a sandbox behaves
//! - `server.rs`: the way of a request: counted, checked, struck, done, answered
//! - `http/`: routes, requests and responses
//! - `api.rs`: does what a request asks for
//! - `store/`: the customers, in a SQLite file
//! - `faults/`: how it misbehaves
//! - `throttle/`: the rate limit
//! - `counts.rs`: counts of requests, responses and faults
//! - `error.rs`: why a sandbox cannot be started
//! - `testing.rs`: an HTTP client on bare sockets, for its own tests

mod api;
#[cfg(test)]
mod behaviour_tests;
pub mod counts;
pub mod error;
pub mod faults;
pub mod http;
mod server;
pub mod settings;
pub mod store;
#[cfg(test)]
mod testing;
pub mod throttle;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_util::sync::DropGuard;

use self::http::connection::{BreakableListener, ResetHandle};
use self::http::routes;
use crate::sandbox::counts::Counts;
use crate::sandbox::error::SandboxError;
use crate::sandbox::server::Server;
use crate::sandbox::settings::Settings;
use crate::sandbox::store::Store;

/// How long a stop waits for requests in flight.
const GRACE: Duration = Duration::from_secs(2);

/// A sandbox that is running. If it is dropped, it stops a little later.
#[derive(Debug)]
pub struct RunningSandbox {
    address: SocketAddr,
    server: Arc<Server>,
    serving: JoinHandle<()>,
    store: std::thread::JoinHandle<()>,
    _stops: DropGuard,
}

impl RunningSandbox {
    /// Opens the file, listens and serves.
    pub async fn start(settings: Settings) -> Result<Self, SandboxError> {
        let failed = |address| move |source| SandboxError::Listen { address, source };
        let listener = TcpListener::bind(settings.address)
            .await
            .map_err(failed(settings.address))?;
        let address = listener.local_addr().map_err(failed(settings.address))?;
        let (store, thread) = Store::open(&settings)?;
        let server = Arc::new(Server::new(settings, store));
        let app = routes::router(&server::serve)
            .with_state(Arc::clone(&server))
            .into_make_service_with_connect_info::<ResetHandle>();
        let stopping = server.stopping.clone();
        let serving = axum::serve(BreakableListener(listener), app)
            .with_graceful_shutdown(stopping.clone().cancelled_owned());
        Ok(Self {
            address,
            server,
            // Serving ends with the stop and has no other errors.
            serving: tokio::spawn(async move { drop(serving.await) }),
            store: thread,
            _stops: stopping.drop_guard(),
        })
    }

    /// The address it listens on.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Its base URL, without the API's path.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The counts since the start.
    pub fn requests(&self) -> Counts {
        self.server.counter.counts()
    }

    /// Waits until all delayed work is done: the file then contains the effects of all
    /// requests so far.
    pub async fn settled(&self) {
        self.server.delayed.settled().await;
    }

    /// Stops: finishes requests in flight, resets connections that hang, does delayed
    /// work at once, closes the file.
    pub async fn stop(mut self) {
        self.server.stopping.cancel();
        if tokio::time::timeout(GRACE, &mut self.serving)
            .await
            .is_err()
        {
            self.serving.abort();
        }
        self.server.delayed.settled_within(GRACE).await;
        self.server.store.end().await;
        let store = self.store;
        // Either may have ended in a panic, which was reported where it happened.
        drop(tokio::task::spawn_blocking(move || store.join()).await);
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, SystemTime};

    use serde_json::json;

    use super::http::routes::Call;
    use super::store::catalog::{GROWTH, ONBOARDING, STARTER};
    use super::store::inspect;
    use crate::sandbox::RunningSandbox;
    use crate::sandbox::error::SandboxError;
    use crate::sandbox::settings::{CLIENT_ID, CLIENT_SECRET, Settings};
    use crate::sandbox::testing::{TestRequest, aster, sandbox};

    /// 2022-03-01, always.
    fn first_of_march() -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_hours(457_248)
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_created_customer_is_returned_and_found_by_both_ids() {
        let dir = tempfile::tempdir().unwrap();
        let settings = Settings {
            now: first_of_march,
            ..Settings::new(dir.path().join("s.db"))
        };
        let sandbox = RunningSandbox::start(settings).await.unwrap();
        let body = json!({
            "clientId": "a/b é", "companyName": "Aster", "currency": "EUR",
            "stripeCustomerId": "cus_9", "planIds": [STARTER.id], "bundleIds": [ONBOARDING.id],
            "billingContact": {"city": "Graz", "email": "a@b.example"}
        });
        let created = TestRequest::post("customers/create", body.to_string()).to(&sandbox);
        assert_eq!(created.status, 201);
        assert_eq!(created.headers["content-type"], "application/json");
        assert_eq!(created.headers["date"], "Tue, 01 Mar 2022 00:00:00 GMT");
        let customer = created.json();
        let id = customer["customerId"].as_str().unwrap();
        let (plans, bundles) = (&customer["plans"], &customer["bundles"]);
        assert_eq!(plans[0]["planId"], STARTER.id);
        assert_eq!(bundles[0]["bundleId"], ONBOARDING.id);
        assert_eq!(
            customer,
            json!({
                "kableClientId": CLIENT_ID, "customerId": id, "clientId": "a/b é",
                "companyName": "Aster", "currency": "EUR", "status": "ACTIVE",
                "plans": plans, "bundles": bundles,
                "entitlements": ["api"], "created": "2022-03-01T00:00:00.000Z",
                "modified": "2022-03-01T00:00:00.000Z",
                "billingContact": {"city": "Graz", "email": "a@b.example"}, "sandbox": true
            })
        );
        for name in [id, "a%2Fb%20%C3%A9"] {
            let found = TestRequest::get(&format!("customers/{name}")).to(&sandbox);
            assert_eq!((found.status, found.json()), (200, customer.clone()));
        }
        let customers = inspect::customers(&dir.path().join("s.db")).unwrap();
        assert_eq!(customers[0].body, body.to_string());
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn every_response_has_its_own_request_id() {
        let dir = tempfile::tempdir().unwrap();
        let sandbox = sandbox(dir.path(), &[]).await;
        let id = |request: TestRequest| request.to(&sandbox).headers["x-request-id"].clone();
        let first = id(TestRequest::get("plans"));
        assert!(first.starts_with("req_"));
        assert_ne!(first, id(TestRequest::get("plans")));
        assert!(id(TestRequest::get("nowhere")).starts_with("req_"));
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_client_id_that_exists_is_refused_and_counted() {
        let dir = tempfile::tempdir().unwrap();
        let sandbox = sandbox(dir.path(), &[]).await;
        assert_eq!(TestRequest::create("c-1").to(&sandbox).status, 201);
        let again = TestRequest::create("c-1").to(&sandbox);
        assert_eq!(again.status, 409);
        assert_eq!(
            again.message(),
            "a customer with clientId \"c-1\" exists already"
        );
        let counts = sandbox.requests();
        assert_eq!(counts.of(Call::Create), 2);
        assert_eq!((counts.status(201), counts.status(409)), (1, 1));
        let path = dir.path().join("sandbox.db");
        assert_eq!(inspect::customers(&path).unwrap().len(), 1);
        assert_eq!(inspect::fruitless(&path).unwrap()[0].existing, 1);
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn the_status_for_an_existing_customer_can_be_chosen() {
        let dir = tempfile::tempdir().unwrap();
        let settings = Settings {
            exists_status: 400,
            ..Settings::new(dir.path().join("s.db"))
        };
        let sandbox = RunningSandbox::start(settings).await.unwrap();
        assert_eq!(TestRequest::create("c-1").to(&sandbox).status, 201);
        assert_eq!(TestRequest::create("c-1").to(&sandbox).status, 400);
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn keys_are_shown_once_and_not_stored() {
        let dir = tempfile::tempdir().unwrap();
        let sandbox = sandbox(dir.path(), &[]).await;
        let created = TestRequest::post("customers/create?keys=true", aster("c-1")).to(&sandbox);
        let keys = created.json()["keys"].clone();
        assert_eq!(keys[0]["clientId"], "c-1");
        let key = keys[0]["key"].as_str().unwrap();
        assert!(key.starts_with("sk_test."));
        assert!(keys[0]["created"].is_string());
        let found = TestRequest::get("customers/c-1").to(&sandbox);
        assert_eq!(found.json().get("keys"), None);
        let without = TestRequest::create("c-2").to(&sandbox);
        assert_eq!(without.json().get("keys"), None);
        let path = dir.path().join("sandbox.db");
        let issued: Vec<_> = inspect::customers(&path).unwrap();
        assert_eq!([issued[0].keys_issued, issued[1].keys_issued], [1, 0]);
        sandbox.stop().await;
        let file = String::from_utf8_lossy(&std::fs::read(path).unwrap()).into_owned();
        assert!(!file.contains(key));
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn the_stripe_parameter_needs_a_connected_account() {
        let dir = tempfile::tempdir().unwrap();
        let request = TestRequest::post("customers/create?stripe=true", aster("c-1"));
        let apart = sandbox(dir.path(), &[]).await;
        let refused = request.to(&apart);
        assert_eq!(refused.status, 400);
        assert!(refused.message().contains("not connected to Stripe"));
        let settings = Settings {
            stripe_connected: true,
            ..Settings::new(dir.path().join("s.db"))
        };
        let connected = RunningSandbox::start(settings).await.unwrap();
        let created = request.to(&connected);
        assert_eq!(created.status, 201);
        assert_eq!(created.json().get("stripeCustomerId"), None);
        connected.stop().await;
        let settings = Settings {
            show_stripe_ids: true,
            ..Settings::new(dir.path().join("s.db"))
        };
        let showing = RunningSandbox::start(settings).await.unwrap();
        for customer in [
            TestRequest::get("customers/c-1").to(&showing).json(),
            TestRequest::get("customers").to(&showing).json()[0].clone(),
        ] {
            assert_eq!(customer["stripeCustomerId"], "cus_sandbox00000001");
        }
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn an_update_is_shown_and_stored() {
        let dir = tempfile::tempdir().unwrap();
        let sandbox = sandbox(dir.path(), &[]).await;
        TestRequest::create("c-1").to(&sandbox);
        let body = r#"{"companyName": "Beryl", "billingContact": {"city": "Wien"}}"#;
        let updated = TestRequest::post("customers/c-1/update", body).to(&sandbox);
        assert_eq!(updated.status, 201);
        assert_eq!(updated.json()["companyName"], "Beryl");
        let found = TestRequest::get("customers/c-1").to(&sandbox);
        assert_eq!(found.json()["billingContact"], json!({"city": "Wien"}));
        assert_eq!(found.json(), updated.json());
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn plans_and_bundles_are_added_and_removed_by_their_own_calls() {
        let dir = tempfile::tempdir().unwrap();
        let sandbox = sandbox(dir.path(), &[]).await;
        TestRequest::create("c-1").to(&sandbox);
        let plan = json!({"planIds": [GROWTH.id]}).to_string();
        let bundle = json!({"bundleId": ONBOARDING.id}).to_string();
        let post = |what: &str, body: &str| {
            let answer = TestRequest::post(&format!("customers/c-1/{what}"), body).to(&sandbox);
            assert_eq!(answer.status, 201, "{}", answer.body);
            answer.json()
        };
        assert_eq!(post("plans/add", &plan)["plans"][0]["name"], "Growth");
        let both = post("bundles/add", &bundle);
        assert_eq!(both["bundles"][0]["bundleId"], ONBOARDING.id);
        assert_eq!(both["plans"][1]["name"], "Starter");
        assert_eq!(TestRequest::get("customers/c-1").to(&sandbox).json(), both);
        let entitlements = TestRequest::get("customers/c-1/entitlements").to(&sandbox);
        let all = (200, json!(["api", "reports"]));
        assert_eq!((entitlements.status, entitlements.json()), all);
        let without = post("plans/remove", &plan);
        assert_eq!(without["plans"][0]["name"], "Starter");
        let none = post("bundles/remove", &bundle);
        assert_eq!((&none["bundles"], &none["plans"]), (&json!([]), &json!([])));
        assert_eq!(
            TestRequest::get("customers/c-2/entitlements")
                .to(&sandbox)
                .status,
            404
        );
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_cancelled_customer_is_still_found_and_a_deleted_one_is_not() {
        let dir = tempfile::tempdir().unwrap();
        let sandbox = sandbox(dir.path(), &[]).await;
        TestRequest::create("c-1").to(&sandbox);
        let cancelled = TestRequest::post("customers/c-1/cancel", "").to(&sandbox);
        assert_eq!(cancelled.status, 201);
        let found = TestRequest::get("customers/c-1").to(&sandbox);
        assert_eq!(found.json()["status"], "CANCELLED");
        assert_eq!(
            TestRequest::post("customers/c-1/delete", "")
                .to(&sandbox)
                .status,
            201
        );
        for request in [
            TestRequest::get("customers/c-1"),
            TestRequest::post("customers/c-1/update", "{}"),
            TestRequest::post("customers/c-1/cancel", ""),
            TestRequest::post("customers/c-1/delete", ""),
        ] {
            let gone = request.to(&sandbox);
            assert_eq!(gone.status, 404);
            assert_eq!(gone.message(), "no customer is \"c-1\"");
        }
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn plans_and_bundles_are_listed() {
        let dir = tempfile::tempdir().unwrap();
        let sandbox = sandbox(dir.path(), &[]).await;
        let plans = TestRequest::get("plans").to(&sandbox).json();
        assert_eq!(plans.as_array().unwrap().len(), 3);
        assert_eq!(plans[1]["planId"], GROWTH.id);
        let bundles = TestRequest::get("bundles").to(&sandbox).json();
        assert_eq!(bundles.as_array().unwrap().len(), 2);
        assert_eq!(bundles[1]["bundleId"], ONBOARDING.id);
        let one = |path: &str| TestRequest::get(path).to(&sandbox);
        for id in [GROWTH.id, GROWTH.external_id] {
            assert_eq!(one(&format!("plans/{id}")).json(), plans[1]);
        }
        let bundle = one(&format!("bundles/{}", ONBOARDING.id));
        assert_eq!(bundle.json(), bundles[1]);
        assert_eq!(bundle.json()["plans"][0]["planId"], STARTER.id);
        assert_eq!(one("plans/nothing").status, 404);
        assert_eq!(one("bundles/onboarding").status, 404);
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn the_list_is_one_array_of_all_customers() {
        let dir = tempfile::tempdir().unwrap();
        let sandbox = sandbox(dir.path(), &[]).await;
        assert_eq!(TestRequest::get("customers").to(&sandbox).json(), json!([]));
        // Enough for several pieces.
        for number in 0..300 {
            TestRequest::create(&format!("c-{number}")).to(&sandbox);
        }
        let list = TestRequest::get("customers").to(&sandbox);
        assert!(list.whole && list.body.len() > 64 * 1024);
        let list = list.json();
        assert_eq!(list.as_array().unwrap().len(), 300);
        assert_eq!(
            list[299],
            TestRequest::get("customers/c-299").to(&sandbox).json()
        );
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn every_call_needs_credentials() {
        let dir = tempfile::tempdir().unwrap();
        let sandbox = sandbox(dir.path(), &[]).await;
        for request in [
            TestRequest::get("plans").without("Kable-Client-Id"),
            TestRequest::get("customers").without("Kable-Client-Secret"),
            TestRequest::get("customers/c").with("Kable-Client-Id", "kci_0"),
            TestRequest::create("c").with("Kable-Client-Secret", "sk_test.other"),
        ] {
            let refused = request.to(&sandbox);
            assert_eq!(refused.status, 401);
            assert!(!refused.message().is_empty());
        }
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn authenticate_accepts_the_headers_of_the_vendors_clients() {
        let dir = tempfile::tempdir().unwrap();
        let sandbox = sandbox(dir.path(), &[]).await;
        let status = |request: &TestRequest| request.to(&sandbox).status;
        let bare = TestRequest::post("authenticate", "");
        let go = bare.clone().with("X-Client-Id", CLIENT_ID);
        let node = go.clone().with("X-Api-Key", CLIENT_SECRET);
        let old = node.clone().without("Kable-Client-Secret");
        let older = old.clone().without("X-Client-Id");
        let oldest = old.clone().without("Kable-Client-Id");
        for right in [&go, &node, &old, &older, &oldest] {
            assert_eq!(status(right), 200, "{right:?}");
            for name in [
                "X-Client-Id",
                "X-Api-Key",
                "Kable-Client-Id",
                "Kable-Client-Secret",
            ] {
                let wrong = right.clone().with(name, "sk_test.other");
                assert_eq!(status(&wrong), 401, "{wrong:?}");
            }
        }
        let no_id = oldest.without("X-Client-Id");
        let no_key = older.without("X-Api-Key");
        for short in [bare, no_id, no_key, node.without("Kable-Client-Id")] {
            assert_eq!(status(&short), 401, "{short:?}");
        }
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn requests_with_wrong_headers_paths_or_bodies_are_refused() {
        let dir = tempfile::tempdir().unwrap();
        let sandbox = sandbox(dir.path(), &[]).await;
        let status = |request: TestRequest| request.to(&sandbox).status;
        let create = || TestRequest::create("c");
        assert_eq!(status(create().with("Content-Type", "text/plain")), 415);
        assert_eq!(status(create().without("Content-Type")), 415);
        assert_eq!(status(create().with("Accept", "text/html")), 406);
        assert_eq!(status(create().without("Accept")), 406);
        let plans = || TestRequest::get("plans");
        assert_eq!(status(plans().without("Content-Type")), 415);
        assert_eq!(status(plans().without("Accept")), 406);
        assert_eq!(status(plans().without("Content-Length")), 200);
        let cancel = || TestRequest::post("customers/c/cancel", "");
        assert_eq!(status(cancel().without("Content-Length")), 411);
        assert_eq!(status(cancel()), 404);
        assert_eq!(status(TestRequest::get("nowhere")), 404);
        assert_eq!(status(TestRequest::post("customers/c/plans", "")), 404);
        let method = TestRequest::new("PUT", "customers/c", "").to(&sandbox);
        assert_eq!((method.status, &*method.headers["allow"]), (405, "GET"));
        assert_eq!(status(TestRequest::post("customers/create", "{}")), 400);
        assert_eq!(
            status(TestRequest::post("customers/create?x=true", aster("d"))),
            400
        );
        assert_eq!(status(TestRequest::get("customers?limit=5")), 400);
        let large = format!("{{\"clientId\": \"{}\"}}", "x".repeat(1024 * 1024));
        assert_eq!(status(TestRequest::post("customers/create", large)), 413);
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn customers_survive_a_restart() {
        let dir = tempfile::tempdir().unwrap();
        let first = sandbox(dir.path(), &[]).await;
        let created = TestRequest::create("c-1").to(&first).json();
        first.stop().await;
        let second = sandbox(dir.path(), &[]).await;
        assert_eq!(
            TestRequest::get("customers/c-1").to(&second).json(),
            created
        );
        let id = created["customerId"].as_str().unwrap();
        assert_eq!(
            TestRequest::get(&format!("customers/{id}"))
                .to(&second)
                .json(),
            created
        );
        let other = TestRequest::create("c-2").to(&second).json();
        assert_ne!(other["customerId"], created["customerId"]);
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn the_file_can_be_read_during_and_after_serving() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("sandbox.db");
        let sandbox = sandbox(dir.path(), &[]).await;
        TestRequest::create("c-1").to(&sandbox);
        let during = inspect::customers(&path).unwrap();
        sandbox.stop().await;
        assert_eq!(inspect::customers(&path).unwrap(), during);
        assert_eq!(during[0].client_id, "c-1");
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn requests_above_the_rate_are_refused_with_rate_headers() {
        let dir = tempfile::tempdir().unwrap();
        let settings = Settings {
            requests_per_second: Some("0.01".parse().unwrap()),
            ..Settings::new(dir.path().join("s.db"))
        };
        let sandbox = RunningSandbox::start(settings).await.unwrap();
        let first = TestRequest::create("c-1").to(&sandbox);
        assert_eq!(
            (first.status, &*first.headers["x-ratelimit-limit"]),
            (201, "1")
        );
        assert_eq!(first.headers.get("retry-after"), None);
        let second = TestRequest::create("c-2").to(&sandbox);
        assert_eq!(second.status, 429);
        assert_eq!(second.headers["retry-after"], "100");
        assert_eq!(second.headers["x-ratelimit-remaining"], "0");
        assert_eq!(TestRequest::get("nowhere").to(&sandbox).status, 404);
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_port_in_use_is_an_error_with_a_hint() {
        let dir = tempfile::tempdir().unwrap();
        let first = sandbox(dir.path(), &[]).await;
        assert_eq!(first.url(), format!("http://{}", first.address()));
        let settings = Settings {
            address: first.address(),
            ..Settings::new(dir.path().join("other.db"))
        };
        let error = RunningSandbox::start(settings).await.unwrap_err();
        assert!(matches!(error, SandboxError::Listen { .. }));
        assert!(error.hint().is_some());
    }
}
