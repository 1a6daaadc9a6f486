//! A whole answer → what it means. No status code is looked at anywhere else.

use std::sync::Arc;
use std::time::Duration;

use reqwest::StatusCode;

use super::redaction::Redaction;
use super::{
    Advice, BundlePlans, Created, Exchange, Failure, LookUpReply, Preflight, Refusal, Reply,
    Trouble, message, wire,
};
use crate::domain::customer::{BillingContact, Customer};
use crate::domain::remote::RemoteCustomer;
use crate::domain::text::on_one_line;

/// What an answer to the create of `customer` means.
pub(super) fn created(answer: Answer, customer: &Customer) -> Reply<Created> {
    done(answer, customer.client_id(), |body, redaction| {
        let (client_id, mut created) = wire::created(body, customer)?;
        redaction.redact_value(&mut created.customer_id);
        Ok((client_id, created))
    })
}

/// What an answer to an update means.
pub(super) fn updated(answer: Answer, client_id: &str) -> Reply<Box<RemoteCustomer>> {
    let bundle_plans = Arc::clone(&answer.bundle_plans);
    done(answer, client_id, |body, redaction| {
        let mut remote = wire::customer(body, &bundle_plans)?;
        let client_id = remote.client_id.clone();
        redact_customer(&mut remote, redaction);
        Ok((client_id, Box::new(remote)))
    })
}

/// What an answer to either means; `read` finds in it whose answer it is.
fn done<T>(
    answer: Answer,
    client_id: &str,
    read: impl FnOnce(&[u8], &Redaction) -> serde_json::Result<(String, T)>,
) -> Reply<T> {
    match judge(answer.status) {
        Standing::Success => match read(&answer.body, &answer.redaction) {
            Ok((of, customer)) if of == client_id => Reply::Done {
                customer,
                status: answer.status.as_u16(),
                request_id: answer.request_id,
            },
            Ok(_) => Reply::Failed(Failure::Unknown(
                answer
                    .broken("the answer is about another customer".to_owned())
                    .trouble,
            )),
            Err(error) => Reply::Failed(Failure::Unknown(answer.unreadable(&error))),
        },
        Standing::Denied => Reply::Failed(Failure::Denied(answer.refusal())),
        Standing::Refused if !answer.is_page() || answer.status.is_redirection() => {
            Reply::Refused(answer.refusal())
        }
        Standing::Throttled => Reply::Failed(Failure::Throttled(answer.wait)),
        // What has no such call, and what answers with a page, is not the API
        // but something before it.
        Standing::Refused | Standing::Absent | Standing::NoSuchCall | Standing::Unknown => {
            Reply::Failed(Failure::Unknown(answer.trouble()))
        }
    }
}

/// What an answer to the question for a customer means.
pub(super) fn found(answer: Answer, client_id: &str) -> LookUpReply {
    match judge(answer.status) {
        Standing::Success => match wire::customer(&answer.body, &answer.bundle_plans) {
            // A client id that reads like one of Kable's own ids could find
            // another customer by that.
            Ok(mut remote) => {
                let is_it = remote.client_id == client_id;
                redact_customer(&mut remote, &answer.redaction);
                let (remote, request_id) = (Box::new(remote), answer.request_id);
                if is_it {
                    LookUpReply::There { remote, request_id }
                } else {
                    LookUpReply::Other { remote, request_id }
                }
            }
            Err(error) => LookUpReply::Failed(Failure::Unknown(answer.unreadable(&error))),
        },
        // What a 404 holds is not documented; only of a page it is open whose it is.
        Standing::Absent if answer.is_page() => LookUpReply::AbsentPage(answer.trouble()),
        Standing::Absent => LookUpReply::Absent,
        Standing::Denied => LookUpReply::Failed(Failure::Denied(answer.refusal())),
        Standing::Throttled => LookUpReply::Failed(Failure::Throttled(answer.wait)),
        Standing::Refused | Standing::NoSuchCall | Standing::Unknown => {
            LookUpReply::Failed(Failure::Unknown(answer.trouble()))
        }
    }
}

/// Takes the secret out of what is shown and kept of a customer: a difference
/// names both sides.
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

/// What an answer to a call that is made before the first create means; `read`
/// reads the body of a success.
pub(super) fn asked<T>(
    answer: Answer,
    read: impl FnOnce(&[u8]) -> serde_json::Result<T>,
) -> Preflight<T> {
    match judge(answer.status) {
        // A login page, or a captive portal: customers' data is not for it.
        Standing::Success if answer.is_page() => {
            let refusal = answer.refusal();
            Preflight::Refused(Refusal {
                message: format!("a web page: {}", refusal.message),
                ..refusal
            })
        }
        Standing::Success => match read(&answer.body) {
            Ok(value) => Preflight::Good(value),
            Err(error) => Preflight::Unreachable(answer.unreadable(&error), false),
        },
        Standing::Denied => Preflight::Denied(answer.refusal()),
        Standing::Refused | Standing::Absent | Standing::NoSuchCall => {
            Preflight::Refused(answer.refusal())
        }
        Standing::Throttled | Standing::Unknown => Preflight::Unreachable(answer.trouble(), false),
    }
}

/// What a status means, whichever call it answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Standing {
    Success,
    Denied,
    Absent,
    NoSuchCall,
    Refused,
    Throttled,
    Unknown,
}

/// The table of statuses; the README has it in words.
fn judge(status: StatusCode) -> Standing {
    match status.as_u16() {
        200..=299 => Standing::Success,
        401 | 403 => Standing::Denied,
        404 => Standing::Absent,
        405 => Standing::NoSuchCall,
        429 => Standing::Throttled,
        // The server gave up waiting for the request, or won't risk a replay:
        // how much of it was taken is not known (RFC 9110 §15.5.9, RFC 8470).
        408 | 425 => Standing::Unknown,
        300..=499 => Standing::Refused,
        _ => Standing::Unknown,
    }
}

/// How much of what a server says is shown and kept, in characters.
const LONGEST_MESSAGE: usize = 300;

/// A whole answer.
pub(super) struct Answer {
    pub(in crate::kable) status: StatusCode,
    pub(super) date_ms: Option<i64>,
    pub(super) request_id: Option<String>,
    pub(super) wait: Option<Duration>,
    pub(super) advice: Advice,
    pub(super) redirect: Option<String>,
    pub(super) body: Vec<u8>,
    /// What must be in nothing that is shown or kept of the answer.
    pub(super) redaction: Redaction,
    /// The plans that the account's bundles bring.
    pub(super) bundle_plans: Arc<BundlePlans>,
}

/// No whole answer.
pub(super) struct Lost {
    pub(super) unsent: bool,
    pub(super) trouble: Trouble,
}

impl Answer {
    /// What it means, beside what its headers say whatever it means.
    pub(super) fn meaning<T>(mut self, read: impl FnOnce(Self) -> T) -> Exchange<T> {
        Exchange {
            date_ms: self.date_ms,
            advice: std::mem::take(&mut self.advice),
            reply: read(self),
        }
    }

    /// Takes the secret out of everything that may be shown of the head, and of
    /// the body as it is read: there it may be written in many ways.
    pub(super) fn redact(&mut self, redaction: &Redaction) {
        let redact = |text: &mut String| *text = redaction.redacted(text);
        self.redirect.iter_mut().for_each(redact);
        let quotas = self.advice.quotas.iter_mut();
        quotas.map(|quota| &mut quota.name).for_each(redact);
        self.request_id
            .iter_mut()
            .for_each(|id| redaction.redact_value(id));
        self.redaction = redaction.clone();
    }

    /// What the body says, in short, without secrets and keys.
    fn said(&self) -> String {
        let said = message::said(&self.body);
        let keys = Redaction::of(said.keys.iter().map(String::as_str));
        let text = keys.redacted(&self.redaction.redacted(&said.message));
        on_one_line(&text, LONGEST_MESSAGE)
    }

    /// Whether it is a web page.
    fn is_page(&self) -> bool {
        wire::is_page(&self.body)
    }

    pub(super) fn refusal(self) -> Refusal {
        let message = match &self.redirect {
            Some(location) => format!(
                "redirected to {}, which is not followed",
                on_one_line(location, LONGEST_MESSAGE)
            ),
            None => self.said(),
        };
        Refusal {
            status: self.status.as_u16(),
            message,
            request_id: self.request_id,
        }
    }

    pub(super) fn trouble(self) -> Trouble {
        let said = self.said();
        let message = if said.is_empty() {
            format!("status {}", self.status.as_u16())
        } else {
            format!("status {}: {said}", self.status.as_u16())
        };
        Trouble {
            status: Some(self.status.as_u16()),
            message,
            by_api: self.status == StatusCode::INTERNAL_SERVER_ERROR
                && wire::is_documented_failure(&self.body),
            is_page: self.is_page(),
            request_id: self.request_id,
            wait: self.wait,
            local: false,
        }
    }

    pub(super) fn unreadable(&self, error: &serde_json::Error) -> Trouble {
        let message = if self.body.is_empty() {
            format!("status {} without a body", self.status.as_u16())
        } else {
            format!(
                "status {} with a body that can't be read ({})",
                self.status.as_u16(),
                message::explained(error)
            )
        };
        Trouble {
            status: Some(self.status.as_u16()),
            message,
            is_page: self.is_page(),
            request_id: self.request_id.clone(),
            ..Trouble::default()
        }
    }

    pub(super) fn broken(&self, message: String) -> Lost {
        Lost {
            unsent: false,
            trouble: Trouble {
                status: Some(self.status.as_u16()),
                message,
                request_id: self.request_id.clone(),
                ..Trouble::default()
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use std::ops::RangeInclusive;
    use std::sync::Arc;

    use reqwest::StatusCode;

    use super::{Advice, Answer, Redaction, Standing, judge};
    use crate::kable::Quota;

    const README: &str = include_str!("../../docs/guarantees.md");

    #[test]
    fn a_request_that_is_given_back_shows_no_secret() {
        let mut answer = Answer {
            status: StatusCode::BAD_REQUEST,
            date_ms: None,
            request_id: Some("req sk_test.1".to_owned()),
            wait: None,
            advice: Advice {
                quotas: vec![Quota {
                    name: "for sk_test.1".to_owned(),
                    ..Quota::default()
                }],
                ..Advice::default()
            },
            redirect: Some("https://x.example/?s=sk_test.1".to_owned()),
            body: br#"{"message":"you sent sk_test.1"}"#.to_vec(),
            redaction: Redaction::default(),
            bundle_plans: Arc::default(),
        };
        answer.redact(&Redaction::of(["sk_test.1"]));
        assert_eq!(answer.advice.quotas[0].name, "for …");
        assert_eq!(answer.redirect.as_deref(), Some("https://x.example/?s=…"));
        answer.redirect = None;
        let refusal = answer.refusal();
        assert_eq!(refusal.message, "you sent …");
        assert_eq!(refusal.request_id.as_deref(), Some("req …"));
    }

    /// The README's lines about statuses, and which they are.
    const TABLE: [(&str, Standing, &[RangeInclusive<u16>]); 7] = [
        (
            "| 2xx with the customer in it",
            Standing::Success,
            &[200..=299],
        ),
        (
            "| 400, 409, 413, 422 and other 4xx, 3xx |",
            Standing::Refused,
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
            Standing::Absent,
            &[404..=404],
        ),
        (
            "| 404, 405, and any 4xx with a web page |",
            Standing::NoSuchCall,
            &[405..=405],
        ),
        ("| 401, 403 |", Standing::Denied, &[401..=401, 403..=403]),
        ("| 429 |", Standing::Throttled, &[429..=429]),
        (
            "| 408, 425, 5xx, and any status that isn't named here |",
            Standing::Unknown,
            &[100..=199, 408..=408, 425..=425, 500..=999],
        ),
    ];

    #[test]
    fn every_status_means_what_the_readme_says() {
        let mut statuses: Vec<u16> = Vec::new();
        for (line, standing, ranges) in TABLE {
            assert!(README.contains(line), "not in the README: {line}");
            for status in ranges.iter().cloned().flatten() {
                let judged = judge(StatusCode::from_u16(status).unwrap());
                assert_eq!(judged, standing, "{status}");
                statuses.push(status);
            }
        }
        statuses.sort_unstable();
        assert!(statuses.into_iter().eq(100..=999), "each of them once");
    }
}
