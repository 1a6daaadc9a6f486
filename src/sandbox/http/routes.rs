//! Which call a method and a path mean.

use axum::http::Method;
use percent_encoding::percent_decode_str;

/// What every path begins with.
const PREFIX: &str = "/api/v1/";

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

    /// The call's name in a fault.
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

    /// The call of this name.
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
}

/// A call and what its path names.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::sandbox) struct Route {
    /// Which call.
    pub(in crate::sandbox) call: Call,
    /// The `{customerId}`, `{planId}` or `{bundleId}`, decoded; empty for calls that have none.
    pub(in crate::sandbox) customer: String,
}

/// Why a request means no call.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::sandbox) enum Astray {
    /// Nothing is at this path.
    NoSuchPath,
    /// Something is, but for another method.
    WrongMethod(Method),
}

/// Finds the call.
pub(in crate::sandbox) fn route(method: &Method, path: &str) -> Result<Route, Astray> {
    let inner = path.strip_prefix(PREFIX).ok_or(Astray::NoSuchPath)?;
    // A customer may be called "create": only the method tells them apart.
    if inner == "customers/create" && method == Method::GET {
        return about(Call::Lookup, "create");
    }
    let mut parts = inner.splitn(3, '/');
    let found = match (parts.next(), parts.next(), parts.next()) {
        (Some("authenticate"), None, None) => nobody(Call::Authenticate),
        (Some("plans"), None, None) => nobody(Call::Plans),
        (Some("bundles"), None, None) => nobody(Call::Bundles),
        (Some("plans"), Some(plan), None) => about(Call::Plan, plan)?,
        (Some("bundles"), Some(bundle), None) => about(Call::Bundle, bundle)?,
        (Some("customers"), None, None) => nobody(Call::List),
        (Some("customers"), Some("create"), None) => nobody(Call::Create),
        (Some("customers"), Some(customer), None) => about(Call::Lookup, customer)?,
        (Some("customers"), Some(customer), Some(verb)) => {
            about(verb_of(verb).ok_or(Astray::NoSuchPath)?, customer)?
        }
        _ => return Err(Astray::NoSuchPath),
    };
    let wanted = found.call.method();
    if *method == wanted {
        Ok(found)
    } else {
        Err(Astray::WrongMethod(wanted))
    }
}

fn nobody(call: Call) -> Route {
    Route {
        call,
        customer: String::new(),
    }
}

fn about(call: Call, name: &str) -> Result<Route, Astray> {
    Ok(Route {
        call,
        customer: decoded(name)?,
    })
}

fn verb_of(verb: &str) -> Option<Call> {
    Some(match verb {
        "entitlements" => Call::Entitlements,
        "update" => Call::Update,
        "plans/add" => Call::AddPlans,
        "plans/remove" => Call::RemovePlans,
        "bundles/add" => Call::AddBundle,
        "bundles/remove" => Call::RemoveBundle,
        "cancel" => Call::Cancel,
        "delete" => Call::Delete,
        _ => return None,
    })
}

/// One segment of the path as text; an empty one, or one that is not UTF-8, names no customer.
fn decoded(segment: &str) -> Result<String, Astray> {
    percent_decode_str(segment)
        .decode_utf8()
        .ok()
        .filter(|text| !text.is_empty())
        .map(std::borrow::Cow::into_owned)
        .ok_or(Astray::NoSuchPath)
}

#[cfg(test)]
mod tests {
    use axum::http::Method;

    use super::{Astray, Call, Route, route};

    fn means(call: Call, customer: &str) -> Route {
        Route {
            call,
            customer: customer.to_owned(),
        }
    }

    #[test]
    fn every_call_has_its_path() {
        let post = |path: &str| route(&Method::POST, &format!("/api/v1/{path}"));
        let get = |path: &str| route(&Method::GET, &format!("/api/v1/{path}"));
        assert_eq!(post("authenticate").unwrap(), means(Call::Authenticate, ""));
        assert_eq!(get("plans").unwrap(), means(Call::Plans, ""));
        assert_eq!(get("bundles").unwrap(), means(Call::Bundles, ""));
        assert_eq!(get("customers").unwrap(), means(Call::List, ""));
        assert_eq!(post("customers/create").unwrap(), means(Call::Create, ""));
        assert_eq!(get("customers/c-1").unwrap(), means(Call::Lookup, "c-1"));
        assert_eq!(get("plans/p").unwrap(), means(Call::Plan, "p"));
        assert_eq!(get("bundles/b").unwrap(), means(Call::Bundle, "b"));
        let entitlements = get("customers/c-1/entitlements").unwrap();
        assert_eq!(entitlements, means(Call::Entitlements, "c-1"));
        for (verb, call) in [
            ("update", Call::Update),
            ("plans/add", Call::AddPlans),
            ("plans/remove", Call::RemovePlans),
            ("bundles/add", Call::AddBundle),
            ("bundles/remove", Call::RemoveBundle),
            ("cancel", Call::Cancel),
            ("delete", Call::Delete),
        ] {
            assert_eq!(
                post(&format!("customers/c-1/{verb}")).unwrap(),
                means(call, "c-1")
            );
        }
    }

    #[test]
    fn a_customer_is_decoded_as_one_segment() {
        let name = |path| route(&Method::GET, path).map(|route| route.customer);
        assert_eq!(name("/api/v1/customers/a%2Fb%20%C3%A9").unwrap(), "a/b é");
        assert_eq!(name("/api/v1/customers/create").unwrap(), "create");
        assert_eq!(name("/api/v1/customers/%FF"), Err(Astray::NoSuchPath));
        assert_eq!(name("/api/v1/customers/"), Err(Astray::NoSuchPath));
    }

    #[test]
    fn another_path_and_another_method_are_told_apart() {
        let no_path = Err(Astray::NoSuchPath);
        assert_eq!(route(&Method::GET, "/customers"), no_path);
        assert_eq!(route(&Method::GET, "/api/v1/invoices"), no_path);
        assert_eq!(route(&Method::POST, "/api/v1/customers/c/plans"), no_path);
        assert_eq!(
            route(&Method::PUT, "/api/v1/customers/c"),
            Err(Astray::WrongMethod(Method::GET))
        );
        assert_eq!(
            route(&Method::POST, "/api/v1/customers"),
            Err(Astray::WrongMethod(Method::GET))
        );
        assert_eq!(
            route(&Method::PUT, "/api/v1/customers/create"),
            Err(Astray::WrongMethod(Method::POST))
        );
    }
}
