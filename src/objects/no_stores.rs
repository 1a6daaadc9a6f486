//! Stands in for `stores.rs` in a program that is built without them: there is no bucket.

use std::path::Path;

use super::error::ObjectError;
use crate::domain::object_address::ObjectAddress;

/// A bucket, which there never is.
#[derive(Debug)]
pub(super) enum AbsentBucket {}

#[expect(clippy::unused_async, reason = "they are asynchronous with the stores")]
impl AbsentBucket {
    /// An error.
    pub(super) fn of(address: &ObjectAddress) -> Result<Self, ObjectError> {
        Err(ObjectError::NotBuiltIn {
            name: address.shown(),
        })
    }

    /// The names of its objects.
    pub(super) async fn list(&self, _folder: &str) -> Result<Vec<String>, ObjectError> {
        match *self {}
    }

    /// The object at `key`.
    pub(super) async fn read(&self, _key: &str) -> Result<Option<Vec<u8>>, ObjectError> {
        match *self {}
    }

    /// Writes an object.
    pub(super) async fn write(&self, _key: &str, _file: &Path) -> Result<(), ObjectError> {
        match *self {}
    }

    /// Removes an object.
    pub(super) async fn remove(&self, _key: &str) -> Result<(), ObjectError> {
        match *self {}
    }
}
