//! Interprets whole responses. Status codes are classified nowhere else.

use reqwest::StatusCode;
use reqwest::header::LOCATION;

use super::redaction::Redaction;
use super::wire::BundlePlans;
use super::{
    Advice, AnsweredCustomer, Created, CustomerAddress, Exchange, Failure, LookUpReply, Preflight,
    Refusal, Removal, RemovalEffect, Reply, Trouble, headers, limits, message, wire,
};
use crate::domain::customer::{BillingContact, Customer};
use crate::domain::remote::{RemoteCustomer, misdirected};
use crate::domain::text::on_one_line;

/// What a response to the create of `customer` means.
pub(super) fn created(response: RawResponse, customer: &Customer) -> Reply<Created> {
    written(response, |body, redaction| {
        let (client_id, mut created) = wire::created(body, customer)?;
        redaction.redact_value(&mut created.customer_id);
        let other = (client_id != customer.client_id()).then(|| OtherAnswer {
            client_id,
            created: Some(Box::new(AnsweredCustomer {
                customer_id: created.customer_id.clone(),
                created: created.created,
                altered: created.altered,
            })),
        });
        Ok((other, created))
    })
}

/// What a response to an update means.
pub(super) fn updated(
    response: RawResponse,
    address: CustomerAddress<'_>,
    bundle_plans: &BundlePlans,
) -> Reply<Box<RemoteCustomer>> {
    written(response, |body, redaction| {
        let mut remote = wire::customer(body, bundle_plans)?;
        let other = (!address.is_of(&remote)).then(|| OtherAnswer {
            client_id: remote.client_id.clone(),
            created: None,
        });
        redact_customer(&mut remote, redaction);
        Ok((other, Box::new(remote)))
    })
}

/// A customer in a response that is not the one that was meant.
struct OtherAnswer {
    client_id: String,
    /// What is known of it, if it answers a create.
    created: Option<Box<AnsweredCustomer>>,
}

/// What a response to a create or an update means; `read` returns the customer in its
/// body, and which it is if it is not the one that was meant.
fn written<T>(
    response: RawResponse,
    read: impl FnOnce(&[u8], &Redaction) -> serde_json::Result<(Option<OtherAnswer>, T)>,
) -> Reply<T> {
    match meaning_of(response.status) {
        StatusMeaning::Success => match read(&response.body, &response.redaction) {
            Ok((None, customer)) => Reply::Done {
                customer,
                status: response.status.as_u16(),
                request_id: response.request_id,
            },
            Ok((Some(other), _)) => {
                let client_id = response.redaction.redacted(&other.client_id);
                let message = misdirected(&client_id);
                Reply::Failed(Failure::Misdirected(
                    response.broken(message),
                    other.created,
                ))
            }
            Err(error) => Reply::Failed(Failure::Unknown(response.unreadable(&error))),
        },
        StatusMeaning::Denied => Reply::Failed(Failure::Denied(response.refusal())),
        StatusMeaning::Refused if !response.is_page() || response.status.is_redirection() => {
            Reply::Refused(response.refusal())
        }
        StatusMeaning::Throttled => Reply::Failed(Failure::Throttled(response.advice.wait)),
        // A server without this call, and one that sends a page, is not the API
        // but a proxy or another host in front of it.
        StatusMeaning::Refused
        | StatusMeaning::Absent
        | StatusMeaning::NoSuchCall
        | StatusMeaning::Unknown => Reply::Failed(Failure::Unknown(response.trouble())),
    }
}

/// What a response to the `removal` of `customer_id` means. Its body is not documented: any
/// will do that is no web page and does not say that the customer is still there.
pub(super) fn removed(
    response: RawResponse,
    customer_id: &str,
    removal: Removal,
) -> Reply<RemovalEffect> {
    let done = |response: RawResponse, customer| Reply::Done {
        customer,
        status: response.status.as_u16(),
        request_id: response.request_id,
    };
    match meaning_of(response.status) {
        StatusMeaning::Success if !response.is_page() => {
            match not_removed(&response, customer_id, removal) {
                None => done(response, RemovalEffect::Removed),
                Some(why) => Reply::Failed(Failure::Unknown(Trouble {
                    by_api: true,
                    ..response.broken(why.to_owned())
                })),
            }
        }
        StatusMeaning::Absent if !response.is_page() => done(response, RemovalEffect::WasAbsent),
        StatusMeaning::Denied => Reply::Failed(Failure::Denied(response.refusal())),
        StatusMeaning::Refused if !response.is_page() || response.status.is_redirection() => {
            Reply::Refused(response.refusal())
        }
        StatusMeaning::Throttled => Reply::Failed(Failure::Throttled(response.advice.wait)),
        StatusMeaning::Success
        | StatusMeaning::Refused
        | StatusMeaning::Absent
        | StatusMeaning::NoSuchCall
        | StatusMeaning::Unknown => Reply::Failed(Failure::Unknown(response.trouble())),
    }
}

/// Why a removal may not have been done that the API accepted, if its answer says so.
fn not_removed(
    response: &RawResponse,
    customer_id: &str,
    removal: Removal,
) -> Option<&'static str> {
    // By RFC 9110 §15.3.3 it is yet to be done.
    if response.status == StatusCode::ACCEPTED {
        return Some("the answer is that it will be done later");
    }
    wire::removal_members(&response.body)?.not_removed(customer_id, removal)
}

/// What a response to the look-up of the customer at `address` means.
pub(super) fn looked_up(
    response: RawResponse,
    address: CustomerAddress<'_>,
    bundle_plans: &BundlePlans,
) -> LookUpReply {
    match meaning_of(response.status) {
        StatusMeaning::Success => match wire::customer(&response.body, bundle_plans) {
            Ok(mut remote) => {
                let is_it = address.is_of(&remote);
                redact_customer(&mut remote, &response.redaction);
                let (remote, request_id) = (Box::new(remote), response.request_id);
                if is_it {
                    LookUpReply::There { remote, request_id }
                } else {
                    LookUpReply::Other { remote, request_id }
                }
            }
            Err(error) => LookUpReply::Failed(Failure::Unknown(response.unreadable(&error))),
        },
        // The body of the API's 404 is not documented; a page may also be a
        // proxy's.
        StatusMeaning::Absent if response.is_page() => LookUpReply::AbsentPage(response.trouble()),
        StatusMeaning::Absent => LookUpReply::Absent,
        StatusMeaning::Denied => LookUpReply::Failed(Failure::Denied(response.refusal())),
        StatusMeaning::Throttled => LookUpReply::Failed(Failure::Throttled(response.advice.wait)),
        StatusMeaning::Refused | StatusMeaning::NoSuchCall | StatusMeaning::Unknown => {
            LookUpReply::Failed(Failure::Unknown(response.trouble()))
        }
    }
}

/// Removes secrets from a customer's data, which messages about differences show.
pub(super) fn redact_customer(remote: &mut RemoteCustomer, redaction: &Redaction) {
    let texts = [
        &mut remote.customer_id,
        &mut remote.company_name,
        &mut remote.currency,
        &mut remote.status,
    ];
    for text in texts {
        redaction.redact_value(text);
    }
    let ids = [&mut remote.plan_ids, &mut remote.bundle_ids];
    for id in ids.into_iter().flatten().flatten() {
        redaction.redact_value(id);
    }
    for value in remote
        .contact
        .iter_mut()
        .flat_map(BillingContact::values_mut)
    {
        redaction.redact_value(value);
    }
}

/// What a response to a call before the first create means; `read` parses the
/// body of a success.
pub(super) fn preflight<T>(
    response: RawResponse,
    read: impl FnOnce(&[u8]) -> serde_json::Result<T>,
) -> Preflight<T> {
    match meaning_of(response.status) {
        // A login page or a captive portal: customers' data must not go there.
        StatusMeaning::Success if response.is_page() => {
            let refusal = response.refusal();
            Preflight::Refused(Refusal {
                message: format!("a web page: {}", refusal.message),
                ..refusal
            })
        }
        StatusMeaning::Success => match read(&response.body) {
            Ok(value) => Preflight::Good(value),
            Err(error) => Preflight::Unreachable(response.unreadable(&error), false),
        },
        StatusMeaning::Denied => Preflight::Denied(response.refusal()),
        StatusMeaning::Refused | StatusMeaning::Absent | StatusMeaning::NoSuchCall => {
            Preflight::Refused(response.refusal())
        }
        StatusMeaning::Throttled | StatusMeaning::Unknown => {
            Preflight::Unreachable(response.trouble(), false)
        }
    }
}

/// The meaning of a status that does not depend on the call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum StatusMeaning {
    Success,
    Denied,
    Absent,
    NoSuchCall,
    Refused,
    Throttled,
    Unknown,
}

/// The table of statuses; `docs/guarantees.md` has it in words.
fn meaning_of(status: StatusCode) -> StatusMeaning {
    match status.as_u16() {
        200..=299 => StatusMeaning::Success,
        401 | 403 => StatusMeaning::Denied,
        404 => StatusMeaning::Absent,
        405 => StatusMeaning::NoSuchCall,
        429 => StatusMeaning::Throttled,
        // The server gave up waiting for the request, or won't risk a replay:
        // how much of it was processed is not known (RFC 9110 §15.5.9, RFC 8470).
        408 | 425 => StatusMeaning::Unknown,
        300..=499 => StatusMeaning::Refused,
        _ => StatusMeaning::Unknown,
    }
}

/// How much of a server's message is shown and kept, in characters.
const LONGEST_MESSAGE: usize = 300;

/// A response, head and body, whose meaning depends on the call.
pub(super) struct RawResponse {
    status: StatusCode,
    date_ms: Option<i64>,
    request_id: Option<String>,
    advice: Advice,
    redirect: Option<String>,
    pub(super) body: Vec<u8>,
    /// Redacts everything that is shown or stored of the response.
    redaction: Redaction,
}

impl RawResponse {
    /// The head of `response`, without the secrets that `redaction` finds; the
    /// body is still to be read.
    pub(super) fn of_head(response: &reqwest::Response, redaction: &Redaction) -> Self {
        let status = response.status();
        let location = response.headers().get(LOCATION);
        let mut raw = Self {
            status,
            date_ms: headers::date_ms(response.headers()),
            request_id: headers::request_id(response.headers()),
            advice: limits::advice(response.headers()),
            redirect: location
                .filter(|_| status.is_redirection())
                .map(|location| String::from_utf8_lossy(location.as_bytes()).into_owned()),
            body: Vec::new(),
            redaction: redaction.clone(),
        };
        raw.redact_head();
        raw
    }

    /// Removes secrets from the head. The body, where they may be encoded in many
    /// ways, is redacted when it is read.
    fn redact_head(&mut self) {
        let redaction = &self.redaction;
        let redact = |text: &mut String| *text = redaction.redacted(text);
        self.redirect.iter_mut().for_each(redact);
        let quotas = self.advice.quotas.iter_mut();
        quotas.map(|quota| &mut quota.name).for_each(redact);
        if let Some(id) = &mut self.request_id {
            redaction.redact_value(id);
        }
    }

    /// The exchange that this response ends, with the reply that `read` finds in it.
    pub(super) fn into_exchange<T>(self, read: impl FnOnce(Self) -> T) -> Exchange<T> {
        Exchange {
            date_ms: self.date_ms,
            advice: self.advice.clone(),
            reply: read(self),
        }
    }

    pub(super) fn is_success(&self) -> bool {
        meaning_of(self.status) == StatusMeaning::Success
    }

    /// The message in the body, cut short, without secrets and keys.
    fn message(&self) -> String {
        let found = message::message_of(&self.body);
        let keys = Redaction::of(found.keys.iter().map(String::as_str));
        let text = keys.redacted(&self.redaction.redacted(&found.text));
        on_one_line(&text, LONGEST_MESSAGE)
    }

    /// Whether the body is a web page.
    fn is_page(&self) -> bool {
        wire::is_page(&self.body)
    }

    fn refusal(self) -> Refusal {
        let message = match &self.redirect {
            Some(location) => format!(
                "redirected to {}, which is not followed",
                on_one_line(location, LONGEST_MESSAGE)
            ),
            None => self.message(),
        };
        Refusal {
            status: self.status.as_u16(),
            message,
            request_id: self.request_id,
        }
    }

    fn trouble(self) -> Trouble {
        let status = self.status.as_u16();
        let message = match self.message() {
            none if none.is_empty() => format!("status {status}"),
            message => format!("status {status}: {message}"),
        };
        Trouble {
            status: Some(status),
            message,
            by_api: self.status == StatusCode::INTERNAL_SERVER_ERROR
                && wire::is_documented_failure(&self.body),
            is_page: self.is_page(),
            request_id: self.request_id,
            wait: self.advice.wait,
            local: false,
        }
    }

    /// A success whose body can't be parsed.
    fn unreadable(&self, error: &serde_json::Error) -> Trouble {
        let status = self.status.as_u16();
        let message = if self.body.is_empty() {
            format!("status {status} without a body")
        } else {
            format!(
                "status {status} with a body that can't be read ({})",
                message::explained(error)
            )
        };
        Trouble {
            is_page: self.is_page(),
            ..self.broken(message)
        }
    }

    /// A success that can't be used, for the reason in `message`.
    pub(super) fn broken(&self, message: String) -> Trouble {
        Trouble {
            status: Some(self.status.as_u16()),
            message,
            request_id: self.request_id.clone(),
            ..Trouble::default()
        }
    }
}

#[cfg(test)]
mod tests {
    use std::ops::RangeInclusive;

    use reqwest::StatusCode;

    use super::{Advice, RawResponse, Redaction, StatusMeaning, meaning_of};
    use crate::kable::Quota;

    const README: &str = include_str!("../../docs/guarantees.md");

    #[test]
    fn a_response_that_echoes_the_request_shows_no_secret() {
        let mut response = RawResponse {
            status: StatusCode::BAD_REQUEST,
            date_ms: None,
            request_id: Some("req sk_test.1".to_owned()),
            advice: Advice {
                quotas: vec![Quota {
                    name: "for sk_test.1".to_owned(),
                    ..Quota::default()
                }],
                ..Advice::default()
            },
            redirect: Some("https://x.example/?s=sk_test.1".to_owned()),
            body: br#"{"message":"you sent sk_test.1"}"#.to_vec(),
            redaction: Redaction::of(["sk_test.1"]),
        };
        response.redact_head();
        assert_eq!(response.advice.quotas[0].name, "for …");
        assert_eq!(response.redirect.as_deref(), Some("https://x.example/?s=…"));
        response.redirect = None;
        let refusal = response.refusal();
        assert_eq!(refusal.message, "you sent …");
        assert_eq!(refusal.request_id.as_deref(), Some("req …"));
    }

    /// The lines of `docs/guarantees.md` about statuses, and which they are.
    const TABLE: [(&str, StatusMeaning, &[RangeInclusive<u16>]); 7] = [
        (
            "| 2xx with the customer in it",
            StatusMeaning::Success,
            &[200..=299],
        ),
        (
            "| 400, 409, 413, 422 and other 4xx, 3xx |",
            StatusMeaning::Refused,
            &[
                300..=400,
                402..=402,
                406..=407,
                409..=424,
                426..=428,
                430..=499,
            ],
        ),
        (
            "| 404, 405, and any 4xx with a web page |",
            StatusMeaning::Absent,
            &[404..=404],
        ),
        (
            "| 404, 405, and any 4xx with a web page |",
            StatusMeaning::NoSuchCall,
            &[405..=405],
        ),
        (
            "| 401, 403 |",
            StatusMeaning::Denied,
            &[401..=401, 403..=403],
        ),
        ("| 429 |", StatusMeaning::Throttled, &[429..=429]),
        (
            "| 408, 425, 5xx, and any status that isn't named here |",
            StatusMeaning::Unknown,
            &[100..=199, 408..=408, 425..=425, 500..=999],
        ),
    ];

    #[test]
    fn every_status_means_what_the_readme_says() {
        let mut statuses: Vec<u16> = Vec::new();
        for (line, meaning, ranges) in TABLE {
            assert!(README.contains(line), "not in the README: {line}");
            for status in ranges.iter().cloned().flatten() {
                let found = meaning_of(StatusCode::from_u16(status).unwrap());
                assert_eq!(found, meaning, "{status}");
                statuses.push(status);
            }
        }
        statuses.sort_unstable();
        assert!(statuses.into_iter().eq(100..=999), "each of them once");
    }
}
