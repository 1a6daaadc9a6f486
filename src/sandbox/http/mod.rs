//! HTTP, as the sandbox speaks it.
//!
//! - `connection.rs`: connections that can be broken on purpose
//! - `routes.rs`: which call a method and a path mean
//! - `request.rs`: from a request to the work it asks for, or its refusal
//! - `body.rs`: what bodies and queries must look like
//! - `render.rs`: what the API shows
//! - `answer.rs`: an answer before it is HTTP

pub(super) mod answer;
mod body;
pub(super) mod connection;
pub(super) mod render;
pub(super) mod request;
pub mod routes;
