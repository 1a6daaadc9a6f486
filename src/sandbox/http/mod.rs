//! TODO map of sandbox::http.

pub(super) mod answer;
mod body;
pub(super) mod connection;
pub(super) mod render;
pub(super) mod request;
pub mod routes;
