//! An object that is being read, or why it can't be.

use super::ObjectPin;
use super::error::ObjectError;
#[cfg(feature = "object-stores")]
use super::store_body::StoreBody;
use crate::domain::error_cause::innermost;

/// An object that is being read.
pub(super) struct OpenedObject {
    /// What it is.
    pub(super) pin: ObjectPin,
    /// The size of all of it, if the server tells it.
    pub(super) size: Option<u64>,
    /// What is read next.
    pub(super) body: ObjectBody,
}

/// Why an object, or the rest of it, can't be read.
#[derive(Debug)]
pub(super) enum OpenFailure {
    /// Trying again doesn't help.
    Lasting(ObjectError),
    /// It may be over in a moment; the error if it is not.
    Passing(ObjectError),
    /// It is another object than before.
    Another,
    /// The server can't go on in it: it has no version to ask for, or no ranges.
    OnlyWhole,
}

/// Fails unless an object of which a part is read is `now` what it was: `pin`.
pub(super) fn ensure_same(pin: &ObjectPin, now: &ObjectPin) -> Result<(), OpenFailure> {
    match &now.etag {
        etag if *etag == pin.etag => Ok(()),
        Some(_) => Err(OpenFailure::Another),
        None => Err(OpenFailure::OnlyWhole),
    }
}

impl From<ObjectError> for OpenFailure {
    fn from(error: ObjectError) -> Self {
        Self::Lasting(error)
    }
}

/// The bytes of an object, as they arrive.
pub(super) enum ObjectBody {
    Web(reqwest::Response),
    #[cfg(feature = "object-stores")]
    Store(StoreBody),
}

impl ObjectBody {
    /// Appends the next bytes to `buffer`; whether there were any. An error says why the
    /// connection was cut.
    pub(super) async fn read(&mut self, buffer: &mut Vec<u8>) -> Result<bool, String> {
        match self {
            Self::Web(response) => match response.chunk().await {
                Ok(chunk) => {
                    buffer.extend(chunk.iter().flatten());
                    Ok(chunk.is_some())
                }
                Err(error) => Err(innermost(&error.without_url())),
            },
            #[cfg(feature = "object-stores")]
            Self::Store(body) => body.read(buffer).await,
        }
    }
}

/// The first and the last byte of a part, and the size of the whole, of `Content-Range`
/// (RFC 9110 §14.4).
pub(super) fn content_range(header: &str) -> Option<(u64, Option<u64>)> {
    let range = header.strip_prefix("bytes ")?;
    let (part, size) = range.split_once('/')?;
    let (first, _) = part.split_once('-')?;
    Some((first.parse().ok()?, size.parse().ok()))
}

/// The server's word in a body that explains a refusal: `<Code>` of S3, Google and Azure.
/// Nothing else of it is shown, because it may repeat what was sent.
pub(super) fn refusal_code(body: &str) -> Option<String> {
    let (_, rest) = body.split_once("<Code>")?;
    let (code, _) = rest.split_once("</Code>")?;
    let is_word = !code.is_empty() && code.len() < 64;
    (is_word && code.bytes().all(|byte| byte.is_ascii_alphanumeric())).then(|| code.to_owned())
}

#[cfg(test)]
mod tests {
    use super::{content_range, refusal_code};

    #[test]
    fn a_part_says_where_it_begins() {
        assert_eq!(content_range("bytes 5-9/10"), Some((5, Some(10))));
        assert_eq!(content_range("bytes 5-9/*"), Some((5, None)));
        for header in ["", "bytes */10", "5-9/10", "bytes -9/10"] {
            assert_eq!(content_range(header), None, "{header}");
        }
    }

    #[test]
    fn only_a_word_of_a_refusal_is_shown() {
        let body = "<Error><Code>AccessDenied</Code><Message>secret</Message></Error>";
        assert_eq!(refusal_code(body).unwrap(), "AccessDenied");
        for body in ["", "<Code>", "<Code>no word</Code>", "<Code></Code>"] {
            assert_eq!(refusal_code(body), None, "{body}");
        }
    }
}
