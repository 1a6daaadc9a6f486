//! Parses customers from the list of all.

use std::sync::Arc;

use serde::de::IgnoredAny;
use serde::{Deserialize, Deserializer};

use super::redaction::Redaction;
use super::wire::{BundlePlans, if_readable};
use super::{response, wire};
use crate::domain::remote::{RemoteCustomer, is_inactive};

/// The ids of a listed customer, and its status. They can be read wherever the customer can.
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ListedIds {
    /// Kable's own, `cus_…`.
    pub customer_id: String,
    /// The caller's.
    pub client_id: String,
    /// Whether it has a `billingContact`.
    #[serde(rename = "billingContact", default, deserialize_with = "is_given")]
    pub has_contact: bool,
    /// `status`; empty if it has none.
    #[serde(default, deserialize_with = "if_readable")]
    pub status: String,
}

impl ListedIds {
    /// Whether the customer was cancelled or deleted.
    pub fn is_inactive(&self) -> bool {
        is_inactive(&self.status)
    }
}

/// Whether a member is there, and not null.
fn is_given<'de, D: Deserializer<'de>>(deserializer: D) -> Result<bool, D::Error> {
    Option::<IgnoredAny>::deserialize(deserializer).map(|given| given.is_some())
}

/// Parses customers from the list of all.
#[derive(Debug, Clone, Default)]
pub struct CustomerReader {
    pub(super) redaction: Redaction,
    pub(super) bundle_plans: Arc<BundlePlans>,
}

impl CustomerReader {
    /// Parses the ids of one customer alone, which is quicker; `None` if it is invalid.
    pub fn ids(&self, body: &[u8]) -> Option<ListedIds> {
        let mut ids: ListedIds = serde_json::from_slice(wire::without_mark(body)).ok()?;
        self.redaction.redact_value(&mut ids.customer_id);
        Some(ids)
    }

    /// Parses one customer; `None` if it is invalid.
    pub fn read(&self, body: &[u8]) -> Option<RemoteCustomer> {
        let mut remote = wire::customer(body, &self.bundle_plans).ok()?;
        response::redact_customer(&mut remote, &self.redaction);
        Some(remote)
    }
}

#[cfg(test)]
mod tests {
    use super::CustomerReader;

    #[test]
    fn the_ids_alone_are_those_of_the_customer() {
        let reader = CustomerReader::default();
        for body in [
            r#"{"customerId":"cus_1","clientId":"c-1","companyName":null,"plans":17}"#,
            "\u{feff}{\"clientId\":\"c\\u0041\",\"customerId\":\"cus_2\",\"x\":[{}]}",
            r#"{"customerId":"cus_3","clientId":"c-3","status":"CANCELLED"}"#,
            r#"{"customerId":"cus_3","clientId":"c-3","status":"deleted"}"#,
            r#"{"customerId":"cus_4","clientId":"c-4","status":["CANCELLED"]}"#,
            r#"{"customerId":"cus_3","clientId":"c-3","billingContact":null}"#,
            r#"{"customerId":"cus_4","clientId":"c-4","billingContact":{}}"#,
            r#"{"customerId":"cus_5","clientId":"c-5","billingContact":{"email":"a@b.example","x":[1]}}"#,
        ] {
            let (ids, remote) = (reader.ids(body.as_bytes()), reader.read(body.as_bytes()));
            let (ids, remote) = (ids.unwrap(), remote.unwrap());
            assert_eq!(ids.is_inactive(), remote.is_inactive(), "{body}");
            assert_eq!(
                (ids.customer_id, ids.client_id, ids.has_contact),
                (
                    remote.customer_id,
                    remote.client_id,
                    remote.contact.is_some()
                )
            );
        }
        for body in [
            "",
            "17",
            r#"{"clientId":"c-1"}"#,
            r#"{"clientId":1,"customerId":"a"}"#,
            r#"{"customerId":"a","clientId":"b""#,
        ] {
            assert!(reader.ids(body.as_bytes()).is_none(), "{body}");
            assert!(reader.read(body.as_bytes()).is_none(), "{body}");
        }
    }
}
