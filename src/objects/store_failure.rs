//! What a store's refusal means.
//!
//! The library's own text is never shown: it holds the request's address and the answer's
//! body, which may repeat credentials.

use object_store::client::HttpError;

use super::error::ObjectError;
use super::http_client::is_unknown_host;
use super::opened::{OpenFailure, refusal_code};
use super::recorder::RefusedStatus;
use super::redirects::{RedirectFault, RefusedRedirect};
use super::web::answer;
use crate::domain::error_cause::{cause, innermost};
use crate::domain::object_address::{AddressScheme, ObjectAddress};

/// Where credentials are asked for when the environment has none.
const METADATA_SERVERS: [&str; 6] = [
    "169.254.169.254",
    "169.254.170.2",
    "metadata.google.internal",
    "/latest/api/token",
    "/computeMetadata/",
    "/metadata/identity",
];

/// How credentials are given, by the kind of store.
const S3_CREDENTIALS: &str = "set AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_REGION; from a profile: eval \"$(aws configure export-credentials --format env)\"; for a public bucket: AWS_SKIP_SIGNATURE=true";
const GCS_CREDENTIALS: &str = "set GOOGLE_APPLICATION_CREDENTIALS to a key's file, or run gcloud auth application-default login; for a public bucket: GOOGLE_SKIP_SIGNATURE=true";
const AZURE_CREDENTIALS: &str = "set AZURE_STORAGE_ACCOUNT_NAME, and AZURE_STORAGE_ACCOUNT_KEY or AZURE_STORAGE_SAS_TOKEN; for a public container: AZURE_SKIP_SIGNATURE=true";

/// The words of stores for credentials that are wrong or have expired.
const WRONG_CREDENTIALS: [&str; 8] = [
    "AuthenticationFailed",
    "ExpiredToken",
    "InvalidAccessKeyId",
    "InvalidAuthenticationInfo",
    "InvalidToken",
    "RequestTimeTooSkewed",
    "SignatureDoesNotMatch",
    "TokenRefreshRequired",
];

/// A request that a store refused.
#[derive(Debug)]
pub(super) struct StoreRefusal<'a> {
    /// What it was about.
    pub(super) address: &'a ObjectAddress,
    /// From where on it was to be read.
    pub(super) offset: u64,
    /// The last answer of the store that was no success.
    pub(super) last: Option<RefusedStatus>,
}

impl StoreRefusal<'_> {
    /// What `error` means for an object that is read.
    pub(super) fn of(&self, error: &object_store::Error) -> OpenFailure {
        if let object_store::Error::Precondition { .. } = error {
            return OpenFailure::Another;
        }
        if METADATA_SERVERS
            .iter()
            .any(|server| error.to_string().contains(server))
        {
            return OpenFailure::Lasting(self.no_credentials());
        }
        if let Some(error) = cause::<HttpError>(error) {
            return self.unreachable(error);
        }
        match &self.last {
            Some(refused) => self.of_status(refused, &error.to_string()),
            // The answer is no part, though one was asked for.
            None if self.offset > 0 => OpenFailure::OnlyWhole,
            None => {
                let (name, answer) = (self.name(), innermost(error));
                OpenFailure::Lasting(ObjectError::Refused { name, answer })
            }
        }
    }

    /// Likewise where nothing is tried again.
    pub(super) fn lasting(&self, error: &object_store::Error) -> ObjectError {
        match self.of(error) {
            OpenFailure::Lasting(error) | OpenFailure::Passing(error) => error,
            OpenFailure::Another | OpenFailure::OnlyWhole => {
                ObjectError::Changed { name: self.name() }
            }
        }
    }

    fn of_status(&self, refused: &RefusedStatus, body: &str) -> OpenFailure {
        let (name, code) = (self.name(), refusal_code(body));
        let status = refused.status;
        let region = || refused.region.clone().or_else(|| element(body, "Region"));
        let word = code.as_deref().unwrap_or_default();
        OpenFailure::Lasting(match status.as_u16() {
            412 | 416 if self.offset > 0 => return OpenFailure::Another,
            _ if WRONG_CREDENTIALS.contains(&word) => ObjectError::BadCredentials { name, code },
            _ if matches!(word, "NoSuchBucket" | "ContainerNotFound") => ObjectError::NoBucket {
                name,
                bucket: self.address.host().to_owned(),
            },
            300..=399 => self.redirected(region()),
            400 if word == "AuthorizationHeaderMalformed" => self.redirected(region()),
            401 => ObjectError::BadCredentials { name, code },
            403 => ObjectError::NoPermission { name, code },
            404 | 410 => ObjectError::NoObject { name },
            408 | 429 | 500..=599 => {
                let answer = answer(status, code);
                return OpenFailure::Passing(ObjectError::Refused { name, answer });
            }
            _ => {
                let answer = answer(status, code);
                ObjectError::Refused { name, answer }
            }
        })
    }

    fn redirected(&self, region: Option<String>) -> ObjectError {
        let name = self.name();
        match self.address.scheme() {
            AddressScheme::S3 => ObjectError::OtherRegion { name, region },
            AddressScheme::Gcs
            | AddressScheme::Azure
            | AddressScheme::Https
            | AddressScheme::Http => ObjectError::Redirected {
                name,
                refused: RefusedRedirect::nowhere(RedirectFault::OfStore),
            },
        }
    }

    fn unreachable(&self, error: &HttpError) -> OpenFailure {
        let name = self.name();
        if is_unknown_host(error) {
            return OpenFailure::Passing(ObjectError::NoHost { name });
        }
        let why = innermost(error);
        if why.contains("scheme is not allowed") {
            return OpenFailure::Lasting(ObjectError::Settings {
                name,
                why: "the endpoint is not encrypted (http://)".to_owned(),
                hint: "use https://; for a server that you trust, AWS_ALLOW_HTTP=true or AZURE_ALLOW_HTTP=true",
            });
        }
        OpenFailure::Passing(ObjectError::Unreachable { name, why })
    }

    fn no_credentials(&self) -> ObjectError {
        ObjectError::NoCredentials {
            name: self.name(),
            hint: credentials_hint(self.address.scheme()),
        }
    }

    fn name(&self) -> String {
        self.address.shown()
    }
}

/// How credentials for this kind of store are given.
pub(super) fn credentials_hint(scheme: AddressScheme) -> &'static str {
    match scheme {
        AddressScheme::Gcs => GCS_CREDENTIALS,
        AddressScheme::Azure => AZURE_CREDENTIALS,
        AddressScheme::S3 | AddressScheme::Https | AddressScheme::Http => S3_CREDENTIALS,
    }
}

/// What is wrong with the settings of a store. The library's text may quote a key.
pub(super) fn settings_words(error: &object_store::Error) -> String {
    let text = error.to_string();
    if let Some((_, rest)) = text.split_once("Unable to open ") {
        return format!("cannot open {rest}");
    }
    let cause = innermost(error);
    let may_quote = cause.contains(['"', '`', '\'']) || cause.contains("symbol");
    if may_quote {
        "a key or a file of credentials is malformed".to_owned()
    } else {
        cause
    }
}

/// The text of the first element `name` of an answer, if it is a plain word.
fn element(body: &str, name: &str) -> Option<String> {
    let (_, rest) = body.split_once(&format!("<{name}>"))?;
    let (text, _) = rest.split_once('<')?;
    let is_word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
    (text.len() < 64 && text.bytes().all(is_word)).then(|| text.to_owned())
}
