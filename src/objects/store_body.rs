//! The bytes of an object of a store, as they arrive.

use std::fmt;
use std::future::poll_fn;
use std::pin::Pin;

use futures_core::Stream;
use futures_core::stream::BoxStream;

use crate::domain::error_cause::innermost;

/// The bytes of an object, as they arrive.
pub(super) struct StoreBody(pub(super) BoxStream<'static, object_store::Result<bytes::Bytes>>);

impl fmt::Debug for StoreBody {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StoreBody").finish_non_exhaustive()
    }
}

impl StoreBody {
    /// Appends the next bytes to `buffer`; whether there were any.
    pub(super) async fn read(&mut self, buffer: &mut Vec<u8>) -> Result<bool, String> {
        match next(&mut self.0).await {
            None => Ok(false),
            Some(Ok(bytes)) => {
                buffer.extend(&bytes);
                Ok(true)
            }
            Some(Err(error)) => Err(innermost(&error)),
        }
    }
}

/// The next item of a stream.
pub(super) async fn next<T>(stream: &mut BoxStream<'_, T>) -> Option<T> {
    poll_fn(|context| Pin::new(&mut *stream).poll_next(context)).await
}
