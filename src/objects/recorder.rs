//! Notes which answers of a store were no successes: the library's errors don't tell it.

use std::pin::Pin;
use std::sync::Arc;

use object_store::client::{HttpError, HttpRequest, HttpResponse, HttpService};
use parking_lot::Mutex;
use reqwest::{Client, StatusCode};

/// The header in which S3 tells the region of a bucket.
const REGION: &str = "x-amz-bucket-region";

/// An answer that was no success.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct RefusedStatus {
    /// Its status.
    pub(super) status: StatusCode,
    /// The region that it names.
    pub(super) region: Option<String>,
}

/// The last answer that was no success. Clones share it.
#[derive(Debug, Clone, Default)]
pub(super) struct RefusalRecord(Arc<Mutex<Option<RefusedStatus>>>);

impl RefusalRecord {
    /// Takes it out.
    pub(super) fn take(&self) -> Option<RefusedStatus> {
        self.0.lock().take()
    }
}

/// Sends requests, and notes what is refused.
#[derive(Debug)]
pub(super) struct RecordingService {
    pub(super) client: Client,
    pub(super) record: RefusalRecord,
}

type ServiceCall<'a> = Pin<Box<dyn Future<Output = Result<HttpResponse, HttpError>> + Send + 'a>>;

impl HttpService for RecordingService {
    fn call<'s, 'a>(&'s self, request: HttpRequest) -> ServiceCall<'a>
    where
        's: 'a,
        Self: 'a,
    {
        Box::pin(async move {
            let response = HttpService::call(&self.client, request).await?;
            let status = response.status();
            let region = response.headers().get(REGION);
            let region = region.and_then(|region| region.to_str().ok());
            *self.record.0.lock() = (!status.is_success()).then(|| RefusedStatus {
                status,
                region: region.map(str::to_owned),
            });
            Ok(response)
        })
    }
}
