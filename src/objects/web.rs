//! An object of a web server, read with `GET`.
//!
//! A presigned address may be good for `GET` alone, so that nothing else is asked.

use reqwest::header::{
    CONTENT_RANGE, CONTENT_TYPE, ETAG, HeaderMap, HeaderName, IF_MATCH, LOCATION, RANGE,
};
use reqwest::{Client, Response, StatusCode, Url};

use super::ObjectPin;
use super::error::ObjectError;
use super::http_client::{CONNECT, ClientSettings, http_client, is_loopback, is_unknown_host};
use super::opened::{
    ObjectBody, OpenFailure, OpenedObject, content_range, ensure_same, refusal_code,
};
use super::redirects::{RedirectFault, RefusedRedirect};
use crate::domain::error_cause::{cause, innermost};
use crate::domain::object_address::{AddressScheme, ObjectAddress};

/// How much of a refusal is read.
const LONGEST_REFUSAL: usize = 16 << 10;

/// An object of a web server.
#[derive(Debug)]
pub(super) struct WebObject {
    client: Client,
    url: Url,
    name: String,
}

impl WebObject {
    /// The object at `address`.
    pub(super) fn new(address: &ObjectAddress) -> Result<Self, ObjectError> {
        let name = address.shown();
        if address.lacks_query() {
            return Err(ObjectError::NoQuery { name });
        }
        let bad = |why| ObjectError::BadAddress {
            name: name.clone(),
            why,
        };
        let parsed = Url::parse(address.with_secrets());
        let url = parsed.map_err(|_not_a_url| bad("it can't be read as one"))?;
        if url.host_str().is_none_or(str::is_empty) {
            return Err(bad("it has no host"));
        }
        let (unencrypted, is_loopback) =
            (address.scheme() == AddressScheme::Http, is_loopback(&url));
        if unencrypted && !is_loopback {
            return Err(ObjectError::Unencrypted { name });
        }
        let client = http_client(ClientSettings {
            unencrypted,
            is_loopback,
            follows_redirects: true,
            connect: CONNECT,
        });
        let client = client.map_err(|error| ObjectError::Settings {
            name: name.clone(),
            why: innermost(&error),
            hint: "check the proxy (HTTPS_PROXY, NO_PROXY) and the system's certificates",
        })?;
        Ok(Self { client, url, name })
    }

    /// Begins to read at `offset`, where it must be what `pin` says.
    pub(super) async fn open(
        &self,
        offset: u64,
        pin: &ObjectPin,
    ) -> Result<OpenedObject, OpenFailure> {
        let mut request = self.client.get(self.url.clone());
        if offset > 0 {
            let Some(etag) = pin.strong() else {
                return Err(OpenFailure::OnlyWhole);
            };
            request = request.header(RANGE, format!("bytes={offset}-"));
            request = request.header(IF_MATCH, etag);
        }
        let sent = request.send().await;
        let response = sent.map_err(|error| self.unreachable(&error.without_url()))?;
        let status = response.status();
        if status == StatusCode::OK {
            if offset > 0 {
                ensure_same(pin, &pin_of(&response))?;
                return Err(OpenFailure::OnlyWhole);
            }
            if is_page(response.headers()) && !self.is_named_as_page() {
                let name = self.name.clone();
                return Err(ObjectError::WebPage { name }.into());
            }
            let size = response.content_length();
            return Ok(opened(response, size));
        }
        if status == StatusCode::PARTIAL_CONTENT && offset > 0 {
            let part = header(response.headers(), &CONTENT_RANGE).and_then(content_range);
            return match part {
                Some((first, size)) if first == offset => {
                    ensure_same(pin, &pin_of(&response))?;
                    Ok(opened(response, size))
                }
                Some(_) | None => Err(OpenFailure::OnlyWhole),
            };
        }
        Err(self.refused(response, offset).await)
    }

    /// Whether its name is that of a page: a table that was saved as one is refused when
    /// its content is looked at, with a hint of its own.
    fn is_named_as_page(&self) -> bool {
        let path = self.url.path().to_ascii_lowercase();
        [".html", ".htm", ".xls"]
            .iter()
            .any(|ending| path.ends_with(ending))
    }

    fn unreachable(&self, error: &reqwest::Error) -> OpenFailure {
        let name = self.name.clone();
        if let Some(refused) = cause::<RefusedRedirect>(error) {
            let refused = refused.clone();
            return OpenFailure::Lasting(ObjectError::Redirected { name, refused });
        }
        OpenFailure::Passing(if is_unknown_host(error) {
            ObjectError::NoHost { name }
        } else {
            let why = innermost(error);
            ObjectError::Unreachable { name, why }
        })
    }

    async fn refused(&self, mut response: Response, offset: u64) -> OpenFailure {
        let (name, status) = (self.name.clone(), response.status());
        let mut body = Vec::new();
        while let Ok(Some(chunk)) = response.chunk().await {
            body.extend(&chunk);
            if body.len() > LONGEST_REFUSAL {
                break;
            }
        }
        let code = refusal_code(&String::from_utf8_lossy(&body));
        OpenFailure::Lasting(match status.as_u16() {
            412 | 416 if offset > 0 => return OpenFailure::Another,
            404 | 410 if code.as_deref() == Some("NoSuchBucket") => ObjectError::NoBucket {
                name,
                bucket: self.url.host_str().unwrap_or_default().to_owned(),
            },
            404 | 410 => ObjectError::NoObject { name },
            401 => ObjectError::BadCredentials { name, code },
            403 => ObjectError::NoPermission { name, code },
            300..=399 => ObjectError::Redirected {
                name,
                refused: unfollowed(&response),
            },
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
}

fn opened(response: Response, size: Option<u64>) -> OpenedObject {
    OpenedObject {
        pin: pin_of(&response),
        size,
        body: ObjectBody::Web(response),
    }
}

/// What the object is.
fn pin_of(response: &Response) -> ObjectPin {
    ObjectPin {
        etag: header(response.headers(), &ETAG).map(str::to_owned),
        version: None,
    }
}

/// A status, and the server's word for it.
pub(super) fn answer(status: StatusCode, code: Option<String>) -> String {
    let code = code.map_or_else(String::new, |code| format!(" ({code})"));
    format!("{status}{code}")
}

/// A redirect that could not even be tried.
fn unfollowed(response: &Response) -> RefusedRedirect {
    let Some(place) = header(response.headers(), &LOCATION) else {
        return RefusedRedirect::nowhere(RedirectFault::NoPlace);
    };
    match response.url().join(place) {
        Ok(next) => RefusedRedirect::untried(response.url(), &next),
        Err(_no_url) => RefusedRedirect::nowhere(RedirectFault::NoUrl),
    }
}

fn is_page(headers: &HeaderMap) -> bool {
    header(headers, &CONTENT_TYPE).is_some_and(|kind| kind.starts_with("text/html"))
}

fn header<'h>(headers: &'h HeaderMap, name: &HeaderName) -> Option<&'h str> {
    headers.get(name)?.to_str().ok()
}
