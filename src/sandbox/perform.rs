//! Does what a request asks for, and says what came of it.

use std::sync::Arc;

use axum::body::Bytes;
use axum::http::StatusCode;

use super::http::answer::{Answer, Content, Pieces};
use super::http::render::{ShownBundle, ShownPlan, View, show};
use super::http::request::Work;
use super::store::catalog::{BUNDLES, PLANS};
use super::store::customer::{Change, Customer, Draft};
use crate::sandbox::server::Server;
use crate::sandbox::settings::Settings;
use crate::sandbox::store::{Refusal, Store, Uniqueness};

/// What is gathered of the list before it is sent on.
const LIST_PIECE: usize = 64 * 1024;

impl Server {
    pub(super) async fn perform(&self, work: Work, uniqueness: Uniqueness) -> Answer {
        match work {
            Work::Authenticate => Answer::json(StatusCode::OK, b"{\"authenticated\":true}".into()),
            Work::Plans => all(PLANS.iter().map(ShownPlan::from)),
            Work::Bundles => all(BUNDLES.iter().map(ShownBundle::from)),
            Work::Plan(plan) => json(&ShownPlan::from(plan)),
            Work::Bundle(bundle) => json(&ShownBundle::from(bundle)),
            Work::NoOffer(name) => {
                Answer::message(StatusCode::NOT_FOUND, &format!("nothing is {name:?}"))
            }
            Work::List => self.list(),
            Work::Create(draft) => self.create(*draft, uniqueness).await,
            Work::Look(name) => self.look(name).await,
            Work::Entitlements(name) => match self.store.look(name.clone()).await {
                Ok(customer) => json(&customer.entitlements()),
                Err(refusal) => self.refuse(refusal, &name),
            },
            Work::Change(name, change) => self.change(name, change).await,
        }
    }

    async fn create(&self, draft: Draft, uniqueness: Uniqueness) -> Answer {
        let (keys, client_id) = (draft.options.keys, draft.client_id.clone());
        match self.store.create(draft, uniqueness, self.now()).await {
            Ok(customer) => {
                let key = keys.then(|| key(self.settings.seed, &customer.id));
                self.shown(StatusCode::CREATED, &customer, key.as_deref())
            }
            Err(refusal) => self.refuse(refusal, &client_id),
        }
    }

    async fn look(&self, name: String) -> Answer {
        match self.store.look(name.clone()).await {
            Ok(customer) => self.shown(StatusCode::OK, &customer, None),
            Err(refusal) => self.refuse(refusal, &name),
        }
    }

    async fn change(&self, name: String, change: Change) -> Answer {
        match self.store.change(name.clone(), change, self.now()).await {
            Ok(customer) => self.shown(StatusCode::CREATED, &customer, None),
            Err(refusal) => self.refuse(refusal, &name),
        }
    }

    /// All customers, read and sent on piece by piece: there may be millions.
    fn list(&self) -> Answer {
        let (to, pieces) = Pieces::channel(2);
        let (store, settings) = (Arc::clone(&self.store), self.settings.clone());
        tokio::task::spawn_blocking(move || {
            if let Err(error) = send_list(&store, &settings, &to) {
                // The answer has begun; all that is left is to end it visibly
                // early. The client may be gone; then there is no reader to tell.
                drop(to.blocking_send(Err(std::io::Error::other(error))));
            }
        });
        let length = None;
        Answer::new(StatusCode::OK, Content::Pieces { length, pieces })
    }

    fn shown(&self, status: StatusCode, customer: &Customer, key: Option<&str>) -> Answer {
        match show(customer, view(&self.settings, key)) {
            Ok(json) => Answer::json(status, json),
            Err(error) => Answer::broken(&error.to_string()),
        }
    }

    pub(super) fn refuse(&self, refusal: Refusal, name: &str) -> Answer {
        match refusal {
            Refusal::Exists => Answer::message(
                StatusCode::from_u16(self.settings.exists_status).unwrap_or(StatusCode::CONFLICT),
                &format!("a customer with clientId {name:?} exists already"),
            ),
            Refusal::NotFound => {
                Answer::message(StatusCode::NOT_FOUND, &format!("no customer is {name:?}"))
            }
            Refusal::Broken(why) => Answer::broken(&why),
        }
    }
}

fn all<T: serde::Serialize>(offers: impl Iterator<Item = T>) -> Answer {
    json(&offers.collect::<Vec<_>>())
}

fn json(value: &impl serde::Serialize) -> Answer {
    match serde_json::to_vec(value) {
        Ok(json) => Answer::json(StatusCode::OK, json),
        Err(error) => Answer::broken(&error.to_string()),
    }
}

fn view<'a>(settings: &'a Settings, key: Option<&'a str>) -> View<'a> {
    View {
        account: &settings.client_id,
        stripe_id: settings.show_stripe_ids,
        key,
    }
}

/// A new API key. It follows from the customer, so nothing has to be kept.
fn key(seed: u64, customer_id: &str) -> String {
    let mixed = customer_id.bytes().fold(seed, |mixed, byte| {
        mixed.rotate_left(7).wrapping_mul(31) ^ u64::from(byte)
    });
    format!("sk_test.{:032x}", fastrand::Rng::with_seed(mixed).u128(..))
}

fn send_list(
    store: &Store,
    settings: &Settings,
    to: &tokio::sync::mpsc::Sender<std::io::Result<Bytes>>,
) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    let mut piece = b"[".to_vec();
    let mut comma = false;
    let mut unshown = None;
    store.each(&settings.database, |customer| {
        if std::mem::replace(&mut comma, true) {
            piece.push(b',');
        }
        match show(customer, view(settings, None)) {
            Ok(json) => piece.extend(json),
            Err(error) => unshown = Some(error),
        }
        if piece.len() < LIST_PIECE {
            return unshown.is_none();
        }
        to.blocking_send(Ok(std::mem::take(&mut piece).into()))
            .is_ok()
    })?;
    if let Some(error) = unshown {
        return Err(error.into());
    }
    piece.push(b']');
    to.blocking_send(Ok(piece.into()))?;
    Ok(())
}
