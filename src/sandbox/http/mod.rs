//! HTTP, as the sandbox speaks it.
//!
//! - `connection.rs`: connections that can be reset on purpose
//! - `routes.rs`: the calls of the API, and the router that finds them
//! - `request.rs`: turns a request into an operation, or refuses it
//! - `bodies.rs`: request bodies and queries
//! - `render.rs`: customers, plans and bundles as JSON
//! - `response.rs`: responses before they are HTTP

mod bodies;
pub(super) mod connection;
pub(super) mod render;
pub(super) mod request;
pub(super) mod response;
pub mod routes;
