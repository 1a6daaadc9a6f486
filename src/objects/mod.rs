//! Objects at `s3://`, `gs://`, `az://` and `https://`: read into a file, listed, written.
//!
//! - `error.rs`: what went wrong, and what to do about it
//! - `redirects.rs`: which redirects are followed
//! - `http_client.rs`: the connections
//! - `opened.rs`: an object that is being read, or why it can't be
//! - `web.rs`: an object of a web server
//! - `stores.rs`: an object of S3, Google Cloud Storage or Azure (feature `object-stores`)
//! - `store_body.rs`: its bytes, as they arrive (likewise)
//! - `recorder.rs`: notes what a store refuses (likewise)
//! - `store_failure.rs`: what a store's refusal means (likewise)
//! - `fetch.rs`: reads an object whole, though connections are cut
//! - `listing.rs`: the objects that fit a pattern
//! - `results.rs`: results at an address
//! - `no_stores.rs`: what stands for the stores where they are left out

pub mod error;
pub mod fetch;
mod http_client;
pub mod listing;
#[cfg(not(feature = "object-stores"))]
mod no_stores;
mod opened;
#[cfg(feature = "object-stores")]
mod recorder;
mod redirects;
pub mod results;
#[cfg(feature = "object-stores")]
mod store_body;
#[cfg(feature = "object-stores")]
mod store_failure;
#[cfg(feature = "object-stores")]
mod stores;
mod web;

/// What an object was when its reading began: it is read on only as long as it is the same.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ObjectPin {
    /// Its `ETag`.
    pub etag: Option<String>,
    /// Its version, where the bucket keeps versions.
    pub version: Option<String>,
}

impl ObjectPin {
    /// The `ETag` on which a server may be asked to make a part depend: a weak one says
    /// only that two versions mean the same (RFC 9110 §13.1.1).
    fn strong(&self) -> Option<&str> {
        let etag = self.etag.as_deref();
        etag.filter(|etag| !etag.starts_with("W/"))
    }
}
