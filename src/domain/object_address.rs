//! Addresses of inputs and results that are no files: `s3://`, `gs://`, `az://`, `https://`.
//!
//! An address may hold secrets: a password, or the signature in the query of a presigned
//! URL. [`shown`](ObjectAddress::shown) leaves both out, and is the only form that is
//! displayed, logged or stored.

use std::borrow::Cow;
use std::ffi::OsStr;
use std::fmt;
use std::path::{Path, PathBuf};

use percent_encoding::percent_decode_str;

use crate::domain::text::is_hostile;

/// What stands in a shown address where its query was.
pub const LEFT_OUT: &str = "?…";

/// The longest name of a file that is made from an address, in bytes: endings follow, and
/// file systems take 255.
const LONGEST_NAME: usize = 200;

/// Where an object is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AddressScheme {
    /// Amazon S3, or a server that speaks its protocol.
    S3,
    /// Google Cloud Storage.
    Gcs,
    /// Azure Blob Storage.
    Azure,
    /// A web server.
    Https,
    /// A web server without encryption, which is only allowed on this machine.
    Http,
}

impl AddressScheme {
    const ALL: [(&'static str, Self); 5] = [
        ("s3://", Self::S3),
        ("gs://", Self::Gcs),
        ("az://", Self::Azure),
        ("https://", Self::Https),
        ("http://", Self::Http),
    ];

    /// Whether it is a web server, of which only single addresses can be read.
    pub const fn is_web(self) -> bool {
        match self {
            Self::Https | Self::Http => true,
            Self::S3 | Self::Gcs | Self::Azure => false,
        }
    }
}

/// The address of an object.
#[derive(Clone, PartialEq, Eq)]
pub struct ObjectAddress {
    scheme: AddressScheme,
    text: String,
}

impl fmt::Debug for ObjectAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("ObjectAddress").field(&self.shown()).finish()
    }
}

/// Whether an input, or a place for results, is an address.
pub fn is_address(name: &OsStr) -> bool {
    ObjectAddress::of(name).is_some()
}

/// The name of an input without the secrets that an address may hold.
pub fn without_secrets(name: &OsStr) -> Cow<'_, OsStr> {
    match ObjectAddress::of(name) {
        Some(address) => Cow::Owned(address.shown().into()),
        None => Cow::Borrowed(name),
    }
}

impl ObjectAddress {
    /// The address that `name` is, if it begins as one.
    pub fn of(name: &OsStr) -> Option<Self> {
        let text = name.to_str()?;
        let is_of = |prefix: &str| {
            let start = text.get(..prefix.len());
            start.is_some_and(|start| start.eq_ignore_ascii_case(prefix))
        };
        let known = AddressScheme::ALL.iter().find(|(prefix, _)| is_of(prefix));
        known.map(|(_, scheme)| Self {
            scheme: *scheme,
            text: text.to_owned(),
        })
    }

    /// Where the object is kept.
    pub fn scheme(&self) -> AddressScheme {
        self.scheme
    }

    /// All of it, with its secrets.
    pub fn with_secrets(&self) -> &str {
        &self.text
    }

    /// It as it is displayed and stored: without a password, and with `?…` for a query.
    pub fn shown(&self) -> String {
        let (prefix, _) = self.parts();
        // A password with a slash in it looks like a host and a path.
        let port = self.host().rsplit_once(':').map_or("", |(_, port)| port);
        let is_unclear = self.scheme.is_web() && !self.host().ends_with(']');
        if is_unclear && !port.bytes().all(|byte| byte.is_ascii_digit()) {
            return format!("{prefix}…");
        }
        let query = if self.query().is_some() { LEFT_OUT } else { "" };
        format!("{prefix}{}{}{query}", self.host(), self.path())
    }

    /// Whether it is one that was displayed, and lacks its query.
    pub fn lacks_query(&self) -> bool {
        self.query() == Some("…")
    }

    /// Whether it has a user or a password before its host.
    pub fn has_user(&self) -> bool {
        self.authority().contains('@')
    }

    /// The bucket, the container, or the host.
    pub fn host(&self) -> &str {
        let authority = self.authority();
        authority
            .rsplit_once('@')
            .map_or(authority, |(_, host)| host)
    }

    /// The name of the object in its bucket, or the path on its host, without the slash
    /// before it.
    pub fn key(&self) -> &str {
        let path = self.path();
        path.strip_prefix('/').unwrap_or(path)
    }

    /// Whether it is a pattern of objects' names.
    pub fn is_pattern(&self) -> bool {
        !self.scheme.is_web() && self.key().contains(['*', '?', '['])
    }

    /// The address of another object in the same bucket.
    #[must_use]
    pub fn with_key(&self, key: &str) -> Self {
        let (prefix, _) = self.parts();
        Self {
            scheme: self.scheme,
            text: format!("{prefix}{}/{key}", self.authority()),
        }
    }

    /// The address of `name` below it.
    #[must_use]
    pub fn join(&self, name: &str) -> Self {
        let key = self.key().trim_end_matches('/');
        if key.is_empty() {
            self.with_key(name)
        } else {
            self.with_key(&format!("{key}/{name}"))
        }
    }

    /// The name that a copy of it has: what is kept beside a file stands beside this name
    /// in the current folder. A folder of results stays before it.
    pub fn local_path(&self) -> PathBuf {
        let path = self.path().trim_end_matches('/');
        let mut segments = path.rsplit('/').filter(|segment| !segment.is_empty());
        let name = self.local_name(segments.next().unwrap_or_default());
        let folder = segments.next().unwrap_or_default();
        let is_results = Path::new(folder).extension();
        if is_results.is_some_and(|ending| ending == "results") {
            Path::new(&self.local_name(folder)).join(name)
        } else {
            PathBuf::from(name)
        }
    }

    /// `segment` as the name of a file.
    fn local_name(&self, segment: &str) -> String {
        let text = if self.scheme.is_web() {
            percent_decode_str(segment).decode_utf8_lossy()
        } else {
            Cow::Borrowed(segment)
        };
        let is_unfit = |letter: char| is_hostile(letter) || matches!(letter, '/' | '\\' | ':');
        let mut name = String::new();
        for letter in text.chars() {
            if name.len() + letter.len_utf8() > LONGEST_NAME {
                break;
            }
            name.push(if is_unfit(letter) { '_' } else { letter });
        }
        match name.as_str() {
            "" | "." | ".." => self.host().replace(':', "_"),
            _ => name,
        }
    }

    /// The scheme with its slashes, and the rest.
    fn parts(&self) -> (&'static str, &str) {
        let known = AddressScheme::ALL
            .iter()
            .find(|(_, scheme)| *scheme == self.scheme);
        let prefix = known.map_or("", |(prefix, _)| *prefix);
        (prefix, self.text.get(prefix.len()..).unwrap_or_default())
    }

    /// The rest without the query and the fragment, which only the web has.
    fn place(&self) -> &str {
        let (_, rest) = self.parts();
        if !self.scheme.is_web() {
            return rest;
        }
        rest.split(['?', '#']).next().unwrap_or(rest)
    }

    fn authority(&self) -> &str {
        let place = self.place();
        place
            .split_once('/')
            .map_or(place, |(authority, _)| authority)
    }

    fn path(&self) -> &str {
        let place = self.place();
        place.get(self.authority().len()..).unwrap_or_default()
    }

    fn query(&self) -> Option<&str> {
        if !self.scheme.is_web() {
            return None;
        }
        let (_, rest) = self.parts();
        let address = rest.split('#').next().unwrap_or(rest);
        address.split_once('?').map(|(_, query)| query)
    }
}

#[cfg(test)]
mod tests {
    use std::ffi::OsStr;
    use std::path::Path;

    use super::{AddressScheme, ObjectAddress, is_address, without_secrets};

    fn address(text: &str) -> ObjectAddress {
        ObjectAddress::of(OsStr::new(text)).unwrap()
    }

    #[test]
    fn secrets_are_never_shown() {
        for (typed, shown) in [
            ("s3://b/a/c.csv", "s3://b/a/c.csv"),
            ("S3://b/c.csv", "s3://b/c.csv"),
            ("s3://key:secret@b/c.csv", "s3://b/c.csv"),
            ("s3://b/what?.csv", "s3://b/what?.csv"),
            (
                "https://me:secret@example.com:8443/c.csv?X-Amz-Signature=secret#secret",
                "https://example.com:8443/c.csv?…",
            ),
            ("https://example.com?secret", "https://example.com?…"),
            ("https://a@secret@example.com/c", "https://example.com/c"),
            ("https://me:a/secret@example.com/c", "https://…"),
            ("http://[::1]:80/c", "http://[::1]:80/c"),
            ("http://[::1]/c", "http://[::1]/c"),
            ("https://example.com/c#secret", "https://example.com/c"),
            (
                "https://example.com/c#secret?secret",
                "https://example.com/c",
            ),
        ] {
            let address = address(typed);
            assert_eq!(address.shown(), shown);
            assert!(!format!("{address:?}").contains("secret"));
            assert_eq!(without_secrets(OsStr::new(typed)), OsStr::new(shown));
        }
        assert!(address("https://example.com/c.csv?…").lacks_query());
        assert!(!address("https://example.com/c.csv?a=…").lacks_query());
    }

    #[test]
    fn a_file_is_no_address() {
        for name in ["a.csv", "-", "s3:/b/a.csv", "https:", "file:///a.csv", "é"] {
            assert!(!is_address(OsStr::new(name)), "{name}");
        }
    }

    #[test]
    fn an_address_has_a_bucket_and_a_key() {
        let there = address("gs://bucket/a folder/*.csv");
        assert_eq!(there.scheme(), AddressScheme::Gcs);
        assert_eq!((there.host(), there.key()), ("bucket", "a folder/*.csv"));
        assert!(there.is_pattern() && !address("https://h/*.csv?a").is_pattern());
        assert_eq!(there.with_key("b").shown(), "gs://bucket/b");
        for folder in ["az://c/x", "az://c/x/"] {
            assert_eq!(address(folder).join("a.csv").shown(), "az://c/x/a.csv");
        }
        assert_eq!(address("az://c").join("a.csv").shown(), "az://c/a.csv");
    }

    #[test]
    fn a_copy_is_named_after_the_last_part() {
        for (typed, name) in [
            ("s3://b/2026/customers.csv", "customers.csv"),
            ("https://h/a%20b.csv?secret", "a b.csv"),
            ("https://h/%2e%2e%2fetc%2fpasswd", ".._etc_passwd"),
            ("https://h/..", "h"),
            ("https://h:80/", "h_80"),
            ("s3://b", "b"),
            ("s3://b/x\u{202e}y.csv", "x_y.csv"),
            (
                "s3://b/in.csv.results/rejects.csv",
                "in.csv.results/rejects.csv",
            ),
        ] {
            assert_eq!(address(typed).local_path(), Path::new(name), "{typed}");
        }
        let long = address(&format!("s3://b/{}", "é".repeat(400))).local_path();
        assert_eq!(long.as_os_str().len(), 200);
    }
}
