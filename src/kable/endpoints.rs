//! The URL of each call (`docs/api.md`, "Calls").

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use reqwest::Url;

use super::Removal;
use super::settings::{ClientError, Settings};
use crate::domain::remote_change::RemoteChange;

/// The characters that are not escaped in a path segment (RFC 3986 §2.3, "unreserved").
const SEGMENT: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// The URLs of one API.
#[derive(Debug, Clone)]
pub(super) struct Endpoints {
    pub(super) authenticate: Url,
    pub(super) plans: Url,
    pub(super) bundles: Url,
    pub(super) customers: Url,
    pub(super) create: Url,
}

impl Endpoints {
    pub(super) fn new(settings: &Settings) -> Result<Self, ClientError> {
        let api = extended(&settings.base_url, &["api", "v1"])?;
        let customers = extended(&api, &["customers"])?;
        let mut create = extended(&customers, &["create"])?;
        if settings.stripe {
            create.query_pairs_mut().append_pair("stripe", "true");
        }
        if settings.keys {
            create.query_pairs_mut().append_pair("keys", "true");
        }
        Ok(Self {
            authenticate: extended(&api, &["authenticate"])?,
            plans: extended(&api, &["plans"])?,
            bundles: extended(&api, &["bundles"])?,
            customers,
            create,
        })
    }

    /// The URL to read the customer `id`.
    pub(super) fn customer(&self, id: &str) -> Url {
        self.customer_path(id, "")
    }

    /// The URL to make `change` to the customer `id`.
    pub(super) fn change(&self, id: &str, change: &RemoteChange) -> Url {
        let call = match change {
            RemoteChange::Update(_) => "/update",
            RemoteChange::AddPlans(_) => "/plans/add",
            RemoteChange::RemovePlans(_) => "/plans/remove",
            RemoteChange::AddBundle(_) => "/bundles/add",
            RemoteChange::RemoveBundle(_) => "/bundles/remove",
        };
        self.customer_path(id, call)
    }

    /// The URL to remove the customer `customer_id`.
    pub(super) fn removal(&self, customer_id: &str, removal: Removal) -> Url {
        self.customer_path(
            customer_id,
            match removal {
                Removal::Cancel => "/cancel",
                Removal::Delete => "/delete",
            },
        )
    }

    fn customer_path(&self, id: &str, rest: &str) -> Url {
        let mut url = self.customers.clone();
        let segment = utf8_percent_encode(id, SEGMENT);
        url.set_path(&format!("{}/{segment}{rest}", url.path()));
        url
    }
}

fn extended(url: &Url, segments: &[&str]) -> Result<Url, ClientError> {
    let mut longer = url.clone();
    match longer.path_segments_mut() {
        Ok(mut path) => path.pop_if_empty().extend(segments),
        Err(()) => return Err(ClientError::BaseUrl(url.clone())),
    };
    Ok(longer)
}
