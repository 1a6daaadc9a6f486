//! The API behind the server: does an operation and makes its response.

use std::sync::Arc;
use std::time::SystemTime;

use axum::body::Bytes;
use axum::http::StatusCode;
use tokio::sync::mpsc;

use super::http::render::{self, BundleJson, CustomerView, PlanJson};
use super::http::request::Operation;
use super::http::response::{ApiResponse, ResponseBody, StreamedBody};
use super::store::catalog::{BUNDLES, PLANS};
use super::store::customer::{CustomerChange, NewCustomer, StoredCustomer};
use crate::sandbox::settings::Settings;
use crate::sandbox::store::Store;
use crate::sandbox::store::task::{StoreError, Uniqueness};

/// How many bytes of the list are sent at once.
const LIST_PIECE: usize = 64 * 1024;

/// The operations of the API, over the customers in the store.
#[derive(Debug, Clone)]
pub(super) struct Api {
    settings: Arc<Settings>,
    store: Arc<Store>,
}

impl Api {
    pub(super) fn new(settings: Arc<Settings>, store: Arc<Store>) -> Self {
        Self { settings, store }
    }

    pub(super) async fn perform(
        &self,
        operation: Operation,
        uniqueness: Uniqueness,
    ) -> ApiResponse {
        match operation {
            Operation::Authenticate => {
                ApiResponse::json(StatusCode::OK, b"{\"authenticated\":true}".into())
            }
            Operation::ListPlans => ok(&PLANS.each_ref().map(PlanJson::from)),
            Operation::ListBundles => ok(&BUNDLES.each_ref().map(BundleJson::from)),
            Operation::ShowPlan(plan) => ok(&PlanJson::from(plan)),
            Operation::ShowBundle(bundle) => ok(&BundleJson::from(bundle)),
            Operation::UnknownOffer(id) => {
                ApiResponse::message(StatusCode::NOT_FOUND, &format!("nothing is {id:?}"))
            }
            Operation::ListCustomers => self.list(),
            Operation::Create(customer) => self.create(*customer, uniqueness).await,
            Operation::LookUp(id) => self.look_up(id).await,
            Operation::ListEntitlements(id) => match self.store.look_up(id.clone()).await {
                Ok(customer) => ok(&customer.entitlements()),
                Err(error) => self.refuse(error, &id),
            },
            Operation::Change(id, change) => self.change(id, change).await,
        }
    }

    /// Refuses a create whose `clientId` is there, without creating the customer.
    pub(super) async fn check_unique(&self, client_id: &str) -> Result<(), ApiResponse> {
        let checked = self.store.check_unique(client_id.to_owned()).await;
        checked.map_err(|error| self.refuse(error, client_id))
    }

    /// Notes a create that a fault stopped before anything was done.
    pub(super) async fn note_stopped(&self, client_id: String) -> Result<(), ApiResponse> {
        let noted = self.store.note_stopped(client_id).await;
        noted.map_err(|error| self.refuse(error, ""))
    }

    async fn create(&self, customer: NewCustomer, uniqueness: Uniqueness) -> ApiResponse {
        let (keys, client_id) = (customer.options.keys, customer.client_id.clone());
        match self.store.create(customer, uniqueness, self.now()).await {
            Ok(customer) => {
                let key = keys.then(|| key(self.settings.seed, &customer.id));
                self.show(StatusCode::CREATED, &customer, key.as_deref())
            }
            Err(error) => self.refuse(error, &client_id),
        }
    }

    async fn look_up(&self, id: String) -> ApiResponse {
        match self.store.look_up(id.clone()).await {
            Ok(customer) => self.show(StatusCode::OK, &customer, None),
            Err(error) => self.refuse(error, &id),
        }
    }

    async fn change(&self, id: String, change: CustomerChange) -> ApiResponse {
        match self.store.change(id.clone(), change, self.now()).await {
            Ok(customer) => self.show(StatusCode::CREATED, &customer, None),
            Err(error) => self.refuse(error, &id),
        }
    }

    /// Streams all customers: there may be millions.
    fn list(&self) -> ApiResponse {
        let (to, stream) = StreamedBody::channel(2);
        let api = self.clone();
        tokio::task::spawn_blocking(move || {
            if let Err(error) = api.send_list(&to) {
                // The response has begun, so all that is left is to end it early.
                // If the client is gone, there is no reader to tell.
                drop(to.blocking_send(Err(std::io::Error::other(error))));
            }
        });
        let length = None;
        ApiResponse::new(StatusCode::OK, ResponseBody::Stream { length, stream })
    }

    fn send_list(
        &self,
        to: &mpsc::Sender<std::io::Result<Bytes>>,
    ) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
        let mut piece = b"[".to_vec();
        let mut comma = false;
        let mut failure = None;
        self.store.each(&self.settings.database, |customer| {
            if std::mem::replace(&mut comma, true) {
                piece.push(b',');
            }
            match render::customer(customer, self.view(None)) {
                Ok(json) => piece.extend(json),
                Err(error) => failure = Some(error),
            }
            if piece.len() < LIST_PIECE {
                return failure.is_none();
            }
            to.blocking_send(Ok(std::mem::take(&mut piece).into()))
                .is_ok()
        })?;
        if let Some(error) = failure {
            return Err(error.into());
        }
        piece.push(b']');
        to.blocking_send(Ok(piece.into()))?;
        Ok(())
    }

    fn show(
        &self,
        status: StatusCode,
        customer: &StoredCustomer,
        key: Option<&str>,
    ) -> ApiResponse {
        match render::customer(customer, self.view(key)) {
            Ok(json) => ApiResponse::json(status, json),
            Err(error) => ApiResponse::broken(&error.to_string()),
        }
    }

    fn view<'a>(&'a self, key: Option<&'a str>) -> CustomerView<'a> {
        CustomerView {
            account: &self.settings.client_id,
            stripe_id: self.settings.show_stripe_ids,
            key,
        }
    }

    fn refuse(&self, error: StoreError, id: &str) -> ApiResponse {
        match error {
            StoreError::Exists => ApiResponse::message(
                StatusCode::from_u16(self.settings.exists_status).unwrap_or(StatusCode::CONFLICT),
                &format!("a customer with clientId {id:?} exists already"),
            ),
            StoreError::NotFound => {
                ApiResponse::message(StatusCode::NOT_FOUND, &format!("no customer is {id:?}"))
            }
            StoreError::Broken(why) => ApiResponse::broken(&why),
        }
    }

    /// Milliseconds since 1970.
    fn now(&self) -> i64 {
        (self.settings.now)()
            .duration_since(SystemTime::UNIX_EPOCH)
            .ok()
            .and_then(|since| i64::try_from(since.as_millis()).ok())
            .unwrap_or_default()
    }
}

fn ok(value: &impl serde::Serialize) -> ApiResponse {
    match serde_json::to_vec(value) {
        Ok(json) => ApiResponse::json(StatusCode::OK, json),
        Err(error) => ApiResponse::broken(&error.to_string()),
    }
}

/// A new API key. It follows from the customer's id, so it need not be stored.
fn key(seed: u64, customer_id: &str) -> String {
    let mixed = customer_id.bytes().fold(seed, |mixed, byte| {
        mixed.rotate_left(7).wrapping_mul(31) ^ u64::from(byte)
    });
    format!("sk_test.{:032x}", fastrand::Rng::with_seed(mixed).u128(..))
}
