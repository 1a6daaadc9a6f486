//! The calls of the API, and the router that finds the call of a request.

use axum::Router;
use axum::extract::{Extension, FromRequestParts as _, RawPathParams};
use axum::handler::Handler;
use axum::http::Method;
use axum::http::request::Parts;
use axum::routing::any;

/// A call of the API.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Call {
    /// `POST /authenticate`
    Authenticate,
    /// `GET /plans`
    Plans,
    /// `GET /bundles`
    Bundles,
    /// `GET /plans/{planId}`
    Plan,
    /// `GET /bundles/{bundleId}`
    Bundle,
    /// `POST /customers/create`
    Create,
    /// `GET /customers`
    List,
    /// `GET /customers/{customerId}`
    Lookup,
    /// `GET /customers/{customerId}/entitlements`
    Entitlements,
    /// `POST /customers/{customerId}/update`
    Update,
    /// `POST /customers/{customerId}/plans/add`
    AddPlans,
    /// `POST /customers/{customerId}/plans/remove`
    RemovePlans,
    /// `POST /customers/{customerId}/bundles/add`
    AddBundle,
    /// `POST /customers/{customerId}/bundles/remove`
    RemoveBundle,
    /// `POST /customers/{customerId}/cancel`
    Cancel,
    /// `POST /customers/{customerId}/delete`
    Delete,
}

impl Call {
    /// All calls, in the order of the API's page.
    pub const ALL: [Self; 16] = [
        Self::Authenticate,
        Self::Plans,
        Self::Bundles,
        Self::Plan,
        Self::Bundle,
        Self::Create,
        Self::List,
        Self::Lookup,
        Self::Entitlements,
        Self::Update,
        Self::AddPlans,
        Self::RemovePlans,
        Self::AddBundle,
        Self::RemoveBundle,
        Self::Cancel,
        Self::Delete,
    ];

    /// Its name in a fault.
    pub fn word(self) -> &'static str {
        match self {
            Self::Authenticate => "authenticate",
            Self::Plans => "plans",
            Self::Bundles => "bundles",
            Self::Plan => "plan",
            Self::Bundle => "bundle",
            Self::Create => "create",
            Self::List => "list",
            Self::Lookup => "lookup",
            Self::Entitlements => "entitlements",
            Self::Update => "update",
            Self::AddPlans => "add-plans",
            Self::RemovePlans => "remove-plans",
            Self::AddBundle => "add-bundle",
            Self::RemoveBundle => "remove-bundle",
            Self::Cancel => "cancel",
            Self::Delete => "delete",
        }
    }

    /// The call with this name.
    pub(in crate::sandbox) fn of_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|call| call.word() == word)
    }

    fn method(self) -> Method {
        match self {
            Self::Plans
            | Self::Bundles
            | Self::Plan
            | Self::Bundle
            | Self::List
            | Self::Lookup
            | Self::Entitlements => Method::GET,
            Self::Authenticate
            | Self::Create
            | Self::Update
            | Self::AddPlans
            | Self::RemovePlans
            | Self::AddBundle
            | Self::RemoveBundle
            | Self::Cancel
            | Self::Delete => Method::POST,
        }
    }

    /// Its path, as axum's router takes it.
    fn path(self) -> &'static str {
        match self {
            Self::Authenticate => "/api/v1/authenticate",
            Self::Plans => "/api/v1/plans",
            Self::Bundles => "/api/v1/bundles",
            Self::Plan => "/api/v1/plans/{plan}",
            Self::Bundle => "/api/v1/bundles/{bundle}",
            Self::Create => "/api/v1/customers/create",
            Self::List => "/api/v1/customers",
            Self::Lookup => "/api/v1/customers/{customer}",
            Self::Entitlements => "/api/v1/customers/{customer}/entitlements",
            Self::Update => "/api/v1/customers/{customer}/update",
            Self::AddPlans => "/api/v1/customers/{customer}/plans/add",
            Self::RemovePlans => "/api/v1/customers/{customer}/plans/remove",
            Self::AddBundle => "/api/v1/customers/{customer}/bundles/add",
            Self::RemoveBundle => "/api/v1/customers/{customer}/bundles/remove",
            Self::Cancel => "/api/v1/customers/{customer}/cancel",
            Self::Delete => "/api/v1/customers/{customer}/delete",
        }
    }
}

/// A call, and the id in its path.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::sandbox) struct Route {
    pub(in crate::sandbox) call: Call,
    /// The `{customerId}`, `{planId}` or `{bundleId}`, decoded; empty for calls that have none.
    pub(in crate::sandbox) id: String,
}

/// Why a request has no route.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::sandbox) enum RouteError {
    NoSuchPath,
    /// The path exists for this method only.
    WrongMethod(Method),
}

/// A router that hands every request to `handler`, which finds the call by [`route`].
///
/// The router knows the paths only. Were it to know the methods too, it would
/// answer `HEAD` with the handler of `GET`, and a wrong method by itself: but such
/// a request is counted, struck by faults and refused for its key like any other.
pub(in crate::sandbox) fn router<H, T, S>(handler: &H) -> Router<S>
where
    H: Handler<T, S>,
    T: 'static,
    S: Clone + Send + Sync + 'static,
{
    let router = Router::new().fallback(handler.clone());
    Call::ALL.into_iter().fold(router, |router, call| {
        let endpoint = any(handler.clone()).layer(Extension(call));
        router.route(call.path(), endpoint)
    })
}

/// The route of a request that came through [`router`].
pub(in crate::sandbox) async fn route(parts: &mut Parts) -> Result<Route, RouteError> {
    let call = *parts
        .extensions
        .get::<Call>()
        .ok_or(RouteError::NoSuchPath)?;
    let params = RawPathParams::from_request_parts(parts, &())
        .await
        .map_err(|_not_utf8| RouteError::NoSuchPath)?;
    let id = params.iter().map(|(_, id)| id.to_owned()).next();
    // The router also takes `customers//update` for a customer with an empty id.
    if id.as_deref() == Some("") {
        return Err(RouteError::NoSuchPath);
    }
    // A customer may be called "create": only the method tells the calls apart.
    let route = if call == Call::Create && parts.method == Method::GET {
        Route {
            call: Call::Lookup,
            id: "create".to_owned(),
        }
    } else {
        Route {
            call,
            id: id.unwrap_or_default(),
        }
    };
    let method = route.call.method();
    if parts.method == method {
        Ok(route)
    } else {
        Err(RouteError::WrongMethod(method))
    }
}

#[cfg(test)]
mod tests {
    use axum::body::Body;
    use axum::extract::Request;
    use axum::http::{Method, StatusCode};
    use tower::ServiceExt as _;

    use super::{Call, Route, RouteError, route, router};

    /// What the router and `route` make of a request.
    async fn routed(method: Method, path: &str) -> Result<Route, RouteError> {
        let (found, mut receiver) = tokio::sync::mpsc::channel(1);
        let app = router(&move |request: Request| async move {
            let mut parts = request.into_parts().0;
            found.send(route(&mut parts).await).await.unwrap();
            StatusCode::OK
        });
        let request = Request::builder().method(method).uri(path);
        let request = request.body(Body::empty()).unwrap();
        app.oneshot(request).await.unwrap();
        receiver.recv().await.unwrap()
    }

    async fn get(path: &str) -> Result<Route, RouteError> {
        routed(Method::GET, &format!("/api/v1/{path}")).await
    }

    async fn post(path: &str) -> Result<Route, RouteError> {
        routed(Method::POST, &format!("/api/v1/{path}")).await
    }

    fn to(call: Call, id: &str) -> Route {
        let id = id.to_owned();
        Route { call, id }
    }

    #[tokio::test]
    async fn every_call_has_its_path() {
        assert_eq!(post("authenticate").await, Ok(to(Call::Authenticate, "")));
        assert_eq!(get("plans").await, Ok(to(Call::Plans, "")));
        assert_eq!(get("bundles").await, Ok(to(Call::Bundles, "")));
        assert_eq!(get("customers").await, Ok(to(Call::List, "")));
        assert_eq!(post("customers/create").await, Ok(to(Call::Create, "")));
        assert_eq!(get("customers/c-1").await, Ok(to(Call::Lookup, "c-1")));
        assert_eq!(get("plans/p").await, Ok(to(Call::Plan, "p")));
        assert_eq!(get("bundles/b").await, Ok(to(Call::Bundle, "b")));
        let entitlements = get("customers/c-1/entitlements").await;
        assert_eq!(entitlements, Ok(to(Call::Entitlements, "c-1")));
        for (verb, call) in [
            ("update", Call::Update),
            ("plans/add", Call::AddPlans),
            ("plans/remove", Call::RemovePlans),
            ("bundles/add", Call::AddBundle),
            ("bundles/remove", Call::RemoveBundle),
            ("cancel", Call::Cancel),
            ("delete", Call::Delete),
        ] {
            for id in ["c-1", "create"] {
                let route = post(&format!("customers/{id}/{verb}")).await;
                assert_eq!(route, Ok(to(call, id)));
            }
        }
    }

    #[tokio::test]
    async fn an_id_is_decoded_as_one_path_segment() {
        let slash = get("customers/a%2Fb%20%C3%A9").await;
        assert_eq!(slash, Ok(to(Call::Lookup, "a/b é")));
        assert_eq!(
            get("customers/create").await,
            Ok(to(Call::Lookup, "create"))
        );
        let no_path = Err(RouteError::NoSuchPath);
        assert_eq!(get("customers/%FF").await, no_path);
        assert_eq!(get("customers/").await, no_path);
    }

    #[tokio::test]
    async fn unknown_paths_and_wrong_methods_are_told_apart() {
        let no_path = Err(RouteError::NoSuchPath);
        assert_eq!(routed(Method::GET, "/customers").await, no_path);
        for path in ["invoices", "plans/", "customers/c/", "customers//update"] {
            assert_eq!(get(path).await, no_path, "{path}");
        }
        assert_eq!(post("customers/c/plans").await, no_path);
        let put = |path| routed(Method::PUT, path);
        let only = |method| Err(RouteError::WrongMethod(method));
        assert_eq!(put("/api/v1/customers/c").await, only(Method::GET));
        assert_eq!(post("customers").await, only(Method::GET));
        assert_eq!(put("/api/v1/customers/create").await, only(Method::POST));
        let head = routed(Method::HEAD, "/api/v1/plans").await;
        assert_eq!(head, only(Method::GET));
    }
}
