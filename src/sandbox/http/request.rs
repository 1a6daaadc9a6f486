//! From a request to the work it asks for, or to the answer that refuses it.

use axum::body::Bytes;
use axum::http::header::{ACCEPT, ALLOW, CONTENT_LENGTH, CONTENT_TYPE};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode};

use super::answer::Answer;
use super::body;
use super::routes::{Astray, Call, Route};
use crate::sandbox::settings::Settings;
use crate::sandbox::store::catalog::{self, Offer};
use crate::sandbox::store::customer::{Change, Draft};

/// The largest body that is taken: some thousand times what a customer needs.
const LARGEST_BODY: usize = 1024 * 1024;

/// What a request asks for; every check is passed.
#[derive(Debug)]
pub(in crate::sandbox) enum Work {
    Authenticate,
    Plans,
    Bundles,
    List,
    Create(Box<Draft>),
    Plan(&'static Offer),
    Bundle(&'static Offer),
    /// There is no plan or bundle of this name.
    NoOffer(String),
    Look(String),
    Entitlements(String),
    Change(String, Change),
}

impl Work {
    /// The customer it is about, as the request names it; empty where there is none.
    pub(in crate::sandbox) fn client(&self) -> &str {
        match self {
            Self::Create(draft) => &draft.client_id,
            Self::Look(name) | Self::Entitlements(name) | Self::Change(name, _) => name,
            Self::Authenticate
            | Self::Plans
            | Self::Bundles
            | Self::Plan(_)
            | Self::Bundle(_)
            | Self::NoOffer(_)
            | Self::List => "",
        }
    }
}

/// The answer to a request that means no call.
pub(in crate::sandbox) fn astray(astray: &Astray, parts: &Parts) -> Answer {
    let path = parts.uri.path();
    match astray {
        Astray::NoSuchPath => {
            Answer::message(StatusCode::NOT_FOUND, &format!("nothing is at {path}"))
        }
        Astray::WrongMethod(wanted) => {
            let said = format!("{path} takes {wanted}, not {}", parts.method);
            let answer = Answer::message(StatusCode::METHOD_NOT_ALLOWED, &said);
            match HeaderValue::from_str(wanted.as_str()) {
                Ok(allow) => answer.with(ALLOW, allow),
                Err(_) => answer,
            }
        }
    }
}

/// The answer to a wrong key.
pub(in crate::sandbox) fn unauthorized() -> Answer {
    Answer::message(StatusCode::UNAUTHORIZED, "the credentials are not valid")
}

/// Whether the request carries the account's credentials where the call wants them.
///
/// The vendor's clients differ in what they send to `/authenticate`: Go sends all
/// but `X-Api-Key`, Node and Python all four, and the older document has
/// `X-Api-Key` with either id and no `Kable-Client-Secret`.
pub(in crate::sandbox) fn authorized(call: Call, headers: &HeaderMap, settings: &Settings) -> bool {
    let given = |name: &str| headers.get(name).map(HeaderValue::as_bytes);
    let (id, secret) = (given("kable-client-id"), given("kable-client-secret"));
    let right_id = Some(settings.client_id.as_bytes());
    let right_secret = Some(settings.client_secret.as_bytes());
    if call != Call::Authenticate {
        return id == right_id && secret == right_secret;
    }
    let (second_id, key) = (given("x-client-id"), given("x-api-key"));
    let none_is_wrong = [
        (id, right_id),
        (second_id, right_id),
        (secret, right_secret),
        (key, right_secret),
    ]
    .iter()
    .all(|(given, right)| given.is_none() || given == right);
    let as_today = id.is_some() && secret.is_some() && second_id.is_some();
    let as_before = key.is_some() && secret.is_none() && (id.is_some() || second_id.is_some());
    none_is_wrong && (as_today || as_before)
}

/// Everything that is left to check once the caller is known.
///
/// `body` is `None` if it was too large to be read at all.
pub(in crate::sandbox) fn check(
    route: Route,
    parts: &Parts,
    body: Option<&Bytes>,
    settings: &Settings,
) -> Result<Work, Answer> {
    // The vendor: "set both on each request", also on those without a body.
    if !accepts_json(&parts.headers) {
        let said = "Accept is missing or excludes application/json";
        return Err(Answer::message(StatusCode::NOT_ACCEPTABLE, said));
    }
    let bytes = body
        .filter(|bytes| bytes.len() <= LARGEST_BODY)
        .ok_or_else(|| {
            let said = "the body is larger than 1 MiB";
            Answer::message(StatusCode::PAYLOAD_TOO_LARGE, said)
        })?;
    if !is_json(&parts.headers) {
        let said = "Content-Type is not application/json";
        return Err(Answer::message(StatusCode::UNSUPPORTED_MEDIA_TYPE, said));
    }
    if parts.method == Method::POST
        && bytes.is_empty()
        && !parts.headers.contains_key(CONTENT_LENGTH)
    {
        let said = "a POST without a body wants Content-Length: 0";
        return Err(Answer::message(StatusCode::LENGTH_REQUIRED, said));
    }
    work(route, parts, bytes, settings)
        .map_err(|wrong| Answer::message(StatusCode::BAD_REQUEST, &wrong))
}

fn work(
    route: Route,
    parts: &Parts,
    bytes: &[u8],
    settings: &Settings,
) -> Result<Work, body::Wrong> {
    let query = parts.uri.query();
    if route.call == Call::Create {
        let options = body::options(query)?;
        let draft = body::draft(bytes, options, settings.stripe_connected)?;
        return Ok(Work::Create(Box::new(draft)));
    }
    if let Some(query) = query.filter(|query| !query.is_empty()) {
        return Err(format!("this call takes no query, not {query:?}"));
    }
    let change = body::change(route.call, bytes)?;
    Ok(match route.call {
        Call::Authenticate => Work::Authenticate,
        Call::Plans => Work::Plans,
        Call::Bundles => Work::Bundles,
        Call::List => Work::List,
        Call::Plan => match catalog::plan_by_any_id(&route.customer) {
            Some(plan) => Work::Plan(plan),
            None => Work::NoOffer(route.customer),
        },
        Call::Bundle => match catalog::bundle(&route.customer) {
            Some(bundle) => Work::Bundle(bundle),
            None => Work::NoOffer(route.customer),
        },
        Call::Lookup => Work::Look(route.customer),
        Call::Entitlements => Work::Entitlements(route.customer),
        Call::Create
        | Call::Update
        | Call::AddPlans
        | Call::RemovePlans
        | Call::AddBundle
        | Call::RemoveBundle
        | Call::Cancel
        | Call::Delete => Work::Change(route.customer, change),
    })
}

fn is_json(headers: &HeaderMap) -> bool {
    headers
        .get(CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .map(|value| value.split(';').next().unwrap_or_default().trim())
        .is_some_and(|kind| kind.eq_ignore_ascii_case("application/json"))
}

/// RFC 9110 §12.5.1: `q=0` refuses.
fn accepts_json(headers: &HeaderMap) -> bool {
    let given = headers.get_all(ACCEPT).iter();
    given
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .any(range_has_json)
}

fn range_has_json(range: &str) -> bool {
    let mut parts = range.split(';').map(str::trim);
    let kind = parts.next().unwrap_or_default().to_ascii_lowercase();
    let refused = parts
        .filter_map(|part| part.strip_prefix("q="))
        .any(|weight| weight.parse() == Ok(0.0));
    matches!(kind.as_str(), "application/json" | "application/*" | "*/*") && !refused
}

#[cfg(test)]
mod tests {
    use axum::http::header::{ACCEPT, CONTENT_TYPE};
    use axum::http::{HeaderMap, HeaderValue};

    use super::{accepts_json, is_json};

    #[test]
    fn accept_is_read_as_the_rfc_has_it() {
        let accepts = |value: &'static str| {
            accepts_json(
                &[(ACCEPT, HeaderValue::from_static(value))]
                    .into_iter()
                    .collect(),
            )
        };
        assert!(!accepts_json(&HeaderMap::new()));
        assert!(accepts("application/json"));
        assert!(accepts("text/html, application/*;q=0.5"));
        assert!(accepts("*/*"));
        assert!(!accepts("text/html"));
        assert!(!accepts("application/json;q=0, text/html"));
    }

    #[test]
    fn a_content_type_may_have_parameters() {
        let json = |value: &'static str| {
            let header = (CONTENT_TYPE, HeaderValue::from_static(value));
            is_json(&[header].into_iter().collect())
        };
        assert!(json("application/json"));
        assert!(json("Application/JSON; charset=utf-8"));
        assert!(!json("text/plain"));
        assert!(!is_json(&HeaderMap::new()));
    }
}
