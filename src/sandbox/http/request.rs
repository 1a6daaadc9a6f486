//! Turns a request into the operation that it asks for, or into the response that refuses it.

use axum::body::Bytes;
use axum::http::header::{ACCEPT, ALLOW, CONTENT_LENGTH, CONTENT_TYPE};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode};

use super::bodies;
use super::response::ApiResponse;
use super::routes::{Call, Route, RouteError};
use crate::sandbox::settings::Settings;
use crate::sandbox::store::catalog::{self, Offer};
use crate::sandbox::store::customer::{CustomerChange, NewCustomer};

/// The largest body that is accepted: some thousand times what a customer needs.
const LARGEST_BODY: usize = 1024 * 1024;

/// What a request asks for, after every check.
#[derive(Debug)]
pub(in crate::sandbox) enum Operation {
    Authenticate,
    ListPlans,
    ListBundles,
    ShowPlan(&'static Offer),
    ShowBundle(&'static Offer),
    /// No plan or bundle has this id.
    UnknownOffer(String),
    ListCustomers,
    Create(Box<NewCustomer>),
    LookUp(String),
    ListEntitlements(String),
    Change(String, CustomerChange),
}

impl Operation {
    /// The id of the customer that it is about; empty if there is none.
    pub(in crate::sandbox) fn client(&self) -> &str {
        match self {
            Self::Create(customer) => &customer.client_id,
            Self::LookUp(id) | Self::ListEntitlements(id) | Self::Change(id, _) => id,
            Self::Authenticate
            | Self::ListPlans
            | Self::ListBundles
            | Self::ShowPlan(_)
            | Self::ShowBundle(_)
            | Self::UnknownOffer(_)
            | Self::ListCustomers => "",
        }
    }
}

/// The response to a request without a route.
pub(in crate::sandbox) fn no_route(error: &RouteError, parts: &Parts) -> ApiResponse {
    let path = parts.uri.path();
    match error {
        RouteError::NoSuchPath => {
            ApiResponse::message(StatusCode::NOT_FOUND, &format!("nothing is at {path}"))
        }
        RouteError::WrongMethod(allowed) => {
            let message = format!("{path} takes {allowed}, not {}", parts.method);
            let response = ApiResponse::message(StatusCode::METHOD_NOT_ALLOWED, &message);
            match HeaderValue::from_str(allowed.as_str()) {
                Ok(allow) => response.with(ALLOW, allow),
                Err(_) => response,
            }
        }
    }
}

/// The response to wrong credentials.
pub(in crate::sandbox) fn unauthorized() -> ApiResponse {
    ApiResponse::message(StatusCode::UNAUTHORIZED, "the credentials are not valid")
}

/// Whether the request carries the account's credentials in the headers of this call.
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

/// Every check that comes after the credentials.
///
/// `body` is `None` if it was too large to be read.
pub(in crate::sandbox) fn check(
    route: Route,
    parts: &Parts,
    body: Option<&Bytes>,
    settings: &Settings,
) -> Result<Operation, ApiResponse> {
    // The vendor wants both headers on each request, also on those without a body.
    if !accepts_json(&parts.headers) {
        let message = "Accept is missing or excludes application/json";
        return Err(ApiResponse::message(StatusCode::NOT_ACCEPTABLE, message));
    }
    let bytes = body
        .filter(|bytes| bytes.len() <= LARGEST_BODY)
        .ok_or_else(|| {
            let message = "the body is larger than 1 MiB";
            ApiResponse::message(StatusCode::PAYLOAD_TOO_LARGE, message)
        })?;
    if !is_json(&parts.headers) {
        let message = "Content-Type is not application/json";
        return Err(ApiResponse::message(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            message,
        ));
    }
    if parts.method == Method::POST
        && bytes.is_empty()
        && !parts.headers.contains_key(CONTENT_LENGTH)
    {
        let message = "a POST without a body wants Content-Length: 0";
        return Err(ApiResponse::message(StatusCode::LENGTH_REQUIRED, message));
    }
    operation(route, parts, bytes, settings)
        .map_err(|message| ApiResponse::message(StatusCode::BAD_REQUEST, &message))
}

fn operation(
    route: Route,
    parts: &Parts,
    bytes: &[u8],
    settings: &Settings,
) -> Result<Operation, String> {
    let Route { call, id } = route;
    let query = parts.uri.query();
    if let Some(query) = query.filter(|query| call != Call::Create && !query.is_empty()) {
        return Err(format!("this call takes no query, not {query:?}"));
    }
    let without_body = |operation| bodies::nothing(bytes).map(|()| operation);
    match call {
        Call::Create => {
            let options = bodies::options(query)?;
            let customer = bodies::new_customer(bytes, options, settings.stripe_connected)?;
            Ok(Operation::Create(Box::new(customer)))
        }
        Call::Update => bodies::update(bytes).map(|update| Operation::Change(id, update)),
        Call::AddPlans => {
            let plans = bodies::added_plans(bytes)?;
            Ok(Operation::Change(id, CustomerChange::AddPlans(plans)))
        }
        Call::RemovePlans => {
            let plans = bodies::removed_plans(bytes)?;
            Ok(Operation::Change(id, CustomerChange::RemovePlans(plans)))
        }
        Call::AddBundle => {
            let bundle = bodies::bundle(bytes)?;
            Ok(Operation::Change(id, CustomerChange::AddBundle(bundle)))
        }
        Call::RemoveBundle => {
            let bundle = bodies::bundle(bytes)?;
            Ok(Operation::Change(id, CustomerChange::RemoveBundle(bundle)))
        }
        Call::Cancel => without_body(Operation::Change(id, CustomerChange::Cancel)),
        Call::Delete => without_body(Operation::Change(id, CustomerChange::Delete)),
        Call::Authenticate => without_body(Operation::Authenticate),
        Call::Plans => without_body(Operation::ListPlans),
        Call::Bundles => without_body(Operation::ListBundles),
        Call::List => without_body(Operation::ListCustomers),
        Call::Plan => without_body(match catalog::plan_by_any_id(&id) {
            Some(plan) => Operation::ShowPlan(plan),
            None => Operation::UnknownOffer(id),
        }),
        Call::Bundle => without_body(match catalog::bundle(&id) {
            Some(bundle) => Operation::ShowBundle(bundle),
            None => Operation::UnknownOffer(id),
        }),
        Call::Lookup => without_body(Operation::LookUp(id)),
        Call::Entitlements => without_body(Operation::ListEntitlements(id)),
    }
}

fn is_json(headers: &HeaderMap) -> bool {
    headers
        .get(CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .map(|value| value.split_once(';').map_or(value, |(kind, _)| kind))
        .is_some_and(|kind| kind.trim().eq_ignore_ascii_case("application/json"))
}

/// RFC 9110 §12.5.1: `q=0` refuses.
fn accepts_json(headers: &HeaderMap) -> bool {
    let given = headers.get_all(ACCEPT).iter();
    given
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .any(range_includes_json)
}

fn range_includes_json(range: &str) -> bool {
    let (kind, parameters) = range.split_once(';').unwrap_or((range, ""));
    let kind = kind.trim().to_ascii_lowercase();
    let refused = parameters
        .split(';')
        .filter_map(|parameter| parameter.trim().strip_prefix("q="))
        .any(|weight| weight.parse() == Ok(0.0));
    matches!(kind.as_str(), "application/json" | "application/*" | "*/*") && !refused
}

#[cfg(test)]
mod tests {
    use axum::http::header::{ACCEPT, CONTENT_TYPE};
    use axum::http::{HeaderMap, HeaderValue};

    use super::{accepts_json, is_json};

    #[test]
    fn accept_is_read_as_in_the_rfc() {
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
