//! Which redirects of a web server are followed.
//!
//! One is refused where its address would be if it were typed, so that no server leads to
//! a place that is not allowed.

use std::ffi::OsStr;
use std::fmt;

use reqwest::Url;
use reqwest::redirect::Policy;

use crate::domain::loopback::is_loopback_host;
use crate::domain::object_address::ObjectAddress;

/// How many redirects are followed.
const MOST_REDIRECTS: usize = 5;

/// Why a redirect is not followed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RedirectFault {
    /// It is `http://` and not on this machine, or comes from `https://`.
    Unencrypted,
    /// It is neither `http://` nor `https://`.
    OtherScheme,
    /// It was there before.
    Circle,
    /// There were too many before it.
    TooMany,
    /// The answer is of a kind that is not followed.
    OtherKind,
    /// There is no `Location`.
    NoPlace,
    /// The `Location` is no URL.
    NoUrl,
    /// It is the answer of a store.
    OfStore,
}

impl RedirectFault {
    /// What the user can do about it.
    pub(super) fn hint(self) -> &'static str {
        match self {
            Self::Unencrypted => {
                "name an address of the file itself that begins with https://; http:// is for servers on this machine"
            }
            Self::OtherScheme
            | Self::Circle
            | Self::TooMany
            | Self::OtherKind
            | Self::NoPlace
            | Self::NoUrl
            | Self::OfStore => "name the address of the file itself",
        }
    }
}

impl fmt::Display for RedirectFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Unencrypted => "it would be read without encryption",
            Self::OtherScheme => "it is no address of a web server",
            Self::Circle => "it leads in a circle",
            Self::TooMany => "there were too many redirects",
            Self::OtherKind => "this kind of answer does not lead to a file",
            Self::NoPlace => "the server does not say where",
            Self::NoUrl => "the server says it in a way that can't be read",
            Self::OfStore => "a store does not do that",
        })
    }
}

impl RedirectFault {
    /// Why `next` is not followed after `previous`, the first of which was typed.
    fn of(previous: &[Url], next: &Url) -> Option<Self> {
        let from_encrypted = previous.iter().any(|url| url.scheme() == "https");
        let is_local = is_loopback_host(next.host_str().unwrap_or_default());
        match next.scheme() {
            "https" => {}
            "http" if is_local && !from_encrypted => {}
            "http" => return Some(Self::Unencrypted),
            _other => return Some(Self::OtherScheme),
        }
        if previous.contains(next) {
            return Some(Self::Circle);
        }
        (previous.len() > MOST_REDIRECTS).then_some(Self::TooMany)
    }
}

/// A redirect that is not followed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{why}")]
pub struct RefusedRedirect {
    /// Where it leads, without secrets.
    pub to: String,
    /// Why it is not followed.
    pub why: RedirectFault,
}

impl RefusedRedirect {
    /// One to an address that is not known.
    pub(super) fn nowhere(why: RedirectFault) -> Self {
        let to = "another address".to_owned();
        Self { to, why }
    }

    /// One from `from` to `next` that was not even tried.
    pub(super) fn untried(from: &Url, next: &Url) -> Self {
        let why = RedirectFault::of(std::slice::from_ref(from), next);
        Self {
            to: shown(next),
            why: why.unwrap_or(RedirectFault::OtherKind),
        }
    }
}

/// Follows redirects. Of one that is refused, the error has a [`RefusedRedirect`].
pub(super) fn redirect_policy() -> Policy {
    Policy::custom(
        |attempt| match RedirectFault::of(attempt.previous(), attempt.url()) {
            None => attempt.follow(),
            Some(why) => {
                let to = shown(attempt.url());
                attempt.error(RefusedRedirect { to, why })
            }
        },
    )
}

/// An address without secrets: of one that is not of the web, its scheme.
fn shown(url: &Url) -> String {
    let address = ObjectAddress::of(OsStr::new(url.as_str()));
    match address.filter(|address| address.scheme().is_web()) {
        Some(address) => address.shown(),
        None => format!("{}:…", url.scheme()),
    }
}

#[cfg(test)]
mod tests {
    use reqwest::Url;

    use super::{RedirectFault, shown};

    fn urls(texts: &[&str]) -> Vec<Url> {
        texts.iter().map(|text| text.parse().unwrap()).collect()
    }

    #[test]
    fn a_redirect_leads_only_where_a_first_address_may() {
        use RedirectFault::{Circle, OtherScheme, TooMany, Unencrypted};
        let (local, web) = ("http://127.0.0.1:1/in.csv", "https://x.example/in.csv");
        let five = [
            local,
            "http://localhost/1",
            "http://[::1]/2",
            "https://a/3",
            "https://a/4",
        ];
        for (previous, next, fault) in [
            (&[local][..], "http://localhost/in.csv", None),
            (&[local], "https://x.example/in.csv", None),
            (&[web], "https://y.example/in.csv", None),
            (&five, web, None),
            (&[local], "http://192.0.2.1/in.csv", Some(Unencrypted)),
            (
                &[local],
                "http://localhost.example/in.csv",
                Some(Unencrypted),
            ),
            (&[web], "http://y.example/in.csv", Some(Unencrypted)),
            (&[web], "http://127.0.0.1/in.csv", Some(Unencrypted)),
            (&[local, web], "http://127.0.0.1/in.csv", Some(Unencrypted)),
            (&[web], "ftp://x.example/in.csv", Some(OtherScheme)),
            (&[local], "file:///etc/passwd", Some(OtherScheme)),
            (&[local], local, Some(Circle)),
            (&[web, "https://x.example/2"], web, Some(Circle)),
            (
                &[five.as_slice(), &["https://a/5"]].concat(),
                web,
                Some(TooMany),
            ),
        ] {
            let next: Url = next.parse().unwrap();
            let found = RedirectFault::of(&urls(previous), &next);
            assert_eq!(found, fault, "{previous:?} to {next}");
        }
    }

    #[test]
    fn where_it_leads_is_shown_without_secrets() {
        for (url, expected) in [
            (
                "http://192.0.2.1/in.csv?X-Sig=hush",
                "http://192.0.2.1/in.csv?…",
            ),
            (
                "https://me:hush@x.example/in.csv",
                "https://x.example/in.csv",
            ),
            ("ftp://me:hush@x.example/in.csv", "ftp:…"),
            ("s3://hush/in.csv", "s3:…"),
        ] {
            assert_eq!(shown(&url.parse().unwrap()), expected);
        }
    }
}
