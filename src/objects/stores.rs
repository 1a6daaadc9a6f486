//! An object of S3, Google Cloud Storage or Azure. Credentials come from the environment.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use object_store::aws::{AmazonS3Builder, AmazonS3ConfigKey};
use object_store::azure::MicrosoftAzureBuilder;
use object_store::client::{HttpClient, HttpConnector};
use object_store::gcp::GoogleCloudStorageBuilder;
use object_store::path::Path as ObjectPath;
use object_store::{
    BackoffConfig, ClientConfigKey, ClientOptions, GetOptions, GetRange, ObjectStore,
    ObjectStoreExt, RetryConfig, WriteMultipart,
};

use super::ObjectPin;
use super::error::ObjectError;
use super::http_client::{CONNECT, ClientSettings, http_client};
use super::opened::{ObjectBody, OpenFailure, OpenedObject, ensure_same};
use super::recorder::{RecordingService, RefusalRecord};
use super::store_body::{StoreBody, next};
use super::store_failure::{StoreRefusal, credentials_hint, settings_words};
use crate::domain::object_address::{AddressScheme, ObjectAddress};

/// How often a request is tried again at once. What is read is tried more often.
const RETRIES: usize = 2;

/// The longest time for these tries.
const RETRY_TIME: Duration = Duration::from_mins(2);

/// The size of the parts in which large files are written: S3 takes 10,000 of at least 5 MiB.
const PART: usize = 16 << 20;

/// How many parts are written at once.
const PARTS_IN_FLIGHT: usize = 3;

/// A bucket or container.
#[derive(Debug)]
pub(super) struct Bucket {
    store: Arc<dyn ObjectStore>,
    address: ObjectAddress,
    record: RefusalRecord,
}

impl Bucket {
    /// The bucket of `address`, with the settings and credentials of the environment.
    pub(super) fn of(address: &ObjectAddress) -> Result<Self, ObjectError> {
        let bad = |why| ObjectError::BadAddress {
            name: address.shown(),
            why,
        };
        if address.has_user() {
            return Err(bad("it has credentials, which belong into the environment"));
        }
        if address.host().is_empty() {
            return Err(bad("it has no bucket or container"));
        }
        let record = RefusalRecord::default();
        let store = store(address, &record);
        let store = store.map_err(|error| ObjectError::Settings {
            name: address.shown(),
            why: settings_words(&error),
            hint: credentials_hint(address.scheme()),
        })?;
        Ok(Self {
            store,
            address: address.clone(),
            record,
        })
    }

    /// The name of its object at `key`.
    pub(super) fn path(&self, key: &str) -> Result<ObjectPath, ObjectError> {
        let bad = |why| ObjectError::BadAddress {
            name: self.address.shown(),
            why,
        };
        if key.is_empty() || key.ends_with('/') {
            return Err(bad("it names no object"));
        }
        ObjectPath::parse(key)
            .map_err(|_unusual| bad("its parts must not be empty, dots or control characters"))
    }

    /// The names of its objects in `folder` and below.
    pub(super) async fn list(&self, folder: &str) -> Result<Vec<String>, ObjectError> {
        let prefix = match folder.trim_end_matches('/') {
            "" => None,
            prefix => Some(self.path(prefix)?),
        };
        let mut listed = self.store.list(prefix.as_ref());
        let mut found = Vec::new();
        while let Some(next) = next(&mut listed).await {
            let next = next.map_err(|error| self.not_listed(&error))?;
            found.push(next.location.into());
        }
        Ok(found)
    }

    /// The small object at `key`, if there is one.
    pub(super) async fn read(&self, key: &str) -> Result<Option<Vec<u8>>, ObjectError> {
        let path = self.path(key)?;
        let bytes = match self.store.get_opts(&path, GetOptions::default()).await {
            Ok(found) => found.bytes().await,
            Err(error) => Err(error),
        };
        let error = match bytes {
            Ok(bytes) => return Ok(Some(bytes.to_vec())),
            Err(error) => self.refusal(0).lasting(&error),
        };
        if let ObjectError::NoObject { .. } = error {
            return Ok(None);
        }
        Err(error)
    }

    /// Writes `file` to `key`, in parts if it is large.
    pub(super) async fn write(&self, key: &str, file: &Path) -> Result<(), ObjectError> {
        let path = self.path(key)?;
        let unreadable = |source| ObjectError::NotRead {
            name: self.address.with_key(key).shown(),
            source,
        };
        let mut file = File::open(file).map_err(unreadable)?;
        let mut part = next_part(&mut file).map_err(unreadable)?;
        let written = if part.len() < PART {
            self.store.put(&path, part.into()).await.map(drop)
        } else {
            let begun = self.store.put_multipart(&path).await;
            let mut upload = WriteMultipart::new_with_chunk_size(
                begun.map_err(|error| self.refusal(0).lasting(&error))?,
                PART,
            );
            while !part.is_empty() {
                let room = upload.wait_for_capacity(PARTS_IN_FLIGHT).await;
                room.map_err(|error| self.refusal(0).lasting(&error))?;
                upload.write(&part);
                part = next_part(&mut file).map_err(unreadable)?;
            }
            upload.finish().await.map(drop)
        };
        written.map_err(|error| self.refusal(0).lasting(&error))
    }

    /// Removes the object at `key`, if there is one.
    pub(super) async fn remove(&self, key: &str) -> Result<(), ObjectError> {
        match self.store.delete(&self.path(key)?).await {
            Ok(()) | Err(object_store::Error::NotFound { .. }) => Ok(()),
            Err(error) => Err(self.refusal(0).lasting(&error)),
        }
    }

    /// Why it can't be listed: what is not there is the bucket.
    fn not_listed(&self, error: &object_store::Error) -> ObjectError {
        let error = self.refusal(0).lasting(error);
        if let ObjectError::NoObject { name } = error {
            let bucket = self.address.host().to_owned();
            return ObjectError::NoBucket { name, bucket };
        }
        error
    }

    /// What was refused, for something that was to be read from `offset` on.
    fn refusal(&self, offset: u64) -> StoreRefusal<'_> {
        StoreRefusal {
            address: &self.address,
            offset,
            last: self.record.take(),
        }
    }
}

/// The next part of a file; empty at its end.
fn next_part(file: &mut File) -> io::Result<Vec<u8>> {
    let mut part = Vec::new();
    file.take(PART as u64).read_to_end(&mut part)?;
    Ok(part)
}

/// An object of a store.
#[derive(Debug)]
pub(super) struct StoredObject {
    bucket: Bucket,
    path: ObjectPath,
}

impl StoredObject {
    /// The object at `address`.
    pub(super) fn new(address: &ObjectAddress) -> Result<Self, ObjectError> {
        let bucket = Bucket::of(address)?;
        let path = bucket.path(address.key())?;
        Ok(Self { bucket, path })
    }

    /// Begins to read at `offset`, where it must be what `pin` says.
    pub(super) async fn open(
        &self,
        offset: u64,
        pin: &ObjectPin,
    ) -> Result<OpenedObject, OpenFailure> {
        let mut options = GetOptions::default();
        if offset > 0 {
            let Some(etag) = pin.strong() else {
                return Err(OpenFailure::OnlyWhole);
            };
            options.if_match = Some(etag.to_owned());
            options.range = Some(GetRange::Offset(offset));
        }
        let opened = self.bucket.store.get_opts(&self.path, options).await;
        let opened = opened.map_err(|error| self.bucket.refusal(offset).of(&error))?;
        let now = ObjectPin {
            etag: opened.meta.e_tag.clone(),
            version: opened.meta.version.clone(),
        };
        if offset > 0 {
            ensure_same(pin, &now)?;
        }
        Ok(OpenedObject {
            size: Some(opened.meta.size),
            pin: now,
            body: ObjectBody::Store(StoreBody(opened.into_stream())),
        })
    }
}

/// The store of `address`. What it refuses is put into `record`.
fn store(
    address: &ObjectAddress,
    record: &RefusalRecord,
) -> object_store::Result<Arc<dyn ObjectStore>> {
    let (bucket, connector) = (address.host(), Connector(record.clone()));
    let retries = RetryConfig {
        max_retries: RETRIES,
        retry_timeout: RETRY_TIME,
        backoff: BackoffConfig {
            init_backoff: Duration::from_millis(100),
            max_backoff: Duration::from_secs(5),
            base: 2.0,
        },
    };
    Ok(match address.scheme() {
        AddressScheme::Gcs => Arc::new(
            GoogleCloudStorageBuilder::from_env()
                .with_bucket_name(bucket)
                .with_retry(retries)
                .with_http_connector(connector)
                .build()?,
        ),
        AddressScheme::Azure => Arc::new(
            MicrosoftAzureBuilder::from_env()
                .with_container_name(bucket)
                .with_retry(retries)
                .with_http_connector(connector)
                .build()?,
        ),
        AddressScheme::S3 | AddressScheme::Https | AddressScheme::Http => Arc::new(
            AmazonS3Builder::from_env()
                // One by one, which every server that speaks the protocol can do.
                .with_config(AmazonS3ConfigKey::DisableBulkDelete, "true")
                .with_bucket_name(bucket)
                .with_retry(retries)
                .with_http_connector(connector)
                .build()?,
        ),
    })
}

/// Connects as the rest of this program does: with its TLS, without following redirects.
#[derive(Debug)]
struct Connector(RefusalRecord);

impl HttpConnector for Connector {
    fn connect(&self, options: &ClientOptions) -> object_store::Result<HttpClient> {
        let value = |key| options.get_config_value(&key).unwrap_or_default();
        let connect = humantime::parse_duration(&value(ClientConfigKey::ConnectTimeout));
        let client = http_client(ClientSettings {
            unencrypted: value(ClientConfigKey::AllowHttp) == "true",
            is_loopback: false,
            follows_redirects: false,
            connect: connect.unwrap_or(CONNECT),
        });
        let client = client.map_err(|error| object_store::Error::Generic {
            store: "HTTP",
            source: Box::new(error),
        })?;
        Ok(HttpClient::new(RecordingService {
            client,
            record: self.0.clone(),
        }))
    }
}
