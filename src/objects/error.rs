//! Why an object can't be read or written, and what the user can do about it.

use std::io;
use std::path::PathBuf;

use super::redirects::RefusedRedirect;

/// Why an object can't be read or written. Names are shown addresses, without secrets.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ObjectError {
    /// The program was built without what this address needs.
    #[error("cannot use {name}: this kable-bulk was built without object stores")]
    NotBuiltIn {
        /// The address.
        name: String,
    },
    /// An address that can't be one.
    #[error("{name} is no address of an object: {why}")]
    BadAddress {
        /// The address.
        name: String,
        /// What is wrong with it.
        why: &'static str,
    },
    /// An address as it was displayed, without its query.
    #[error("{name} lacks what follows the question mark")]
    NoQuery {
        /// The address.
        name: String,
    },
    /// `http://` to another machine.
    #[error("{name} would be read without encryption")]
    Unencrypted {
        /// The address.
        name: String,
    },
    /// The settings of the store can't be used.
    #[error("cannot use the settings of the environment for {name}: {why}")]
    Settings {
        /// The address.
        name: String,
        /// What is wrong with them.
        why: String,
        /// Which there are.
        hint: &'static str,
    },
    /// No such object.
    #[error("there is no object {name}")]
    NoObject {
        /// The address.
        name: String,
    },
    /// No such bucket.
    #[error("there is no bucket or container {bucket}, which {name} names")]
    NoBucket {
        /// The address.
        name: String,
        /// The bucket or container.
        bucket: String,
    },
    /// No object fits a pattern.
    #[error("no object fits the pattern {name}")]
    NoMatch {
        /// The pattern.
        name: String,
    },
    /// A pattern that can't be one.
    #[error("{name} is no pattern of objects' names")]
    BadPattern {
        /// The pattern.
        name: String,
    },
    /// No credentials were found.
    #[error("found no credentials for {name}")]
    NoCredentials {
        /// The address.
        name: String,
        /// How to give them.
        hint: &'static str,
    },
    /// The credentials were refused.
    #[error("the credentials for {name} were refused{}", because(.code.as_deref()))]
    BadCredentials {
        /// The address.
        name: String,
        /// The server's word for it.
        code: Option<String>,
    },
    /// The credentials may not do this.
    #[error("no permission for {name}{}", because(.code.as_deref()))]
    NoPermission {
        /// The address.
        name: String,
        /// The server's word for it.
        code: Option<String>,
    },
    /// The bucket is in another region.
    #[error("the bucket of {name} is in another region{}", because(.region.as_deref()))]
    OtherRegion {
        /// The address.
        name: String,
        /// The region, if the server tells it.
        region: Option<String>,
    },
    /// The server leads elsewhere.
    #[error("{name} leads to {}, which is not followed: {}", .refused.to, .refused.why)]
    Redirected {
        /// The address.
        name: String,
        /// Where to, and why not.
        refused: RefusedRedirect,
    },
    /// A web page instead of a file.
    #[error("{name} is a web page instead of a file")]
    WebPage {
        /// The address.
        name: String,
    },
    /// The host has no address.
    #[error("the host of {name} was not found")]
    NoHost {
        /// The address.
        name: String,
    },
    /// There is no connection.
    #[error("cannot reach the server of {name}: {why}")]
    Unreachable {
        /// The address.
        name: String,
        /// The last error.
        why: String,
    },
    /// The connection was cut again and again.
    #[error("{name} was cut off after {read} bytes, again and again: {why}")]
    CutOff {
        /// The address.
        name: String,
        /// How much of it was read.
        read: u64,
        /// The last error.
        why: String,
    },
    /// The object was changed twice while it was read.
    #[error("{name} was changed while it was being read, and again after it was begun anew")]
    Changed {
        /// The address.
        name: String,
    },
    /// An answer that can't be used.
    #[error("the server of {name} answered {answer}")]
    Refused {
        /// The address.
        name: String,
        /// The status, and the server's word for it.
        answer: String,
    },
    /// An address at which no results can be written.
    #[error("cannot write results to {name}: wanted a folder, s3://, gs:// or az://")]
    NoPlace {
        /// The address.
        name: String,
    },
    /// Something else has the name of a result.
    #[error("{name} holds {what}, which no run of kable-bulk lists as its own")]
    ForeignResult {
        /// The address of the folder.
        name: String,
        /// The name there.
        what: String,
    },
    /// A result can't be read to be copied.
    #[error("cannot read what is to be copied to {name}")]
    NotRead {
        /// The address.
        name: String,
        /// What the system said.
        source: io::Error,
    },
    /// The copy can't be written.
    #[error("cannot keep a copy of {name} in {}", folder.display())]
    NotKept {
        /// The address.
        name: String,
        /// The folder of the copy.
        folder: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

/// The server's word for it, in brackets.
fn because(code: Option<&str>) -> String {
    code.map_or_else(String::new, |code| format!(" ({code})"))
}

impl ObjectError {
    /// What the user can do about it, if anything.
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            Self::NotBuiltIn { .. } => Some(
                "build it with them (cargo install --path . --features object-stores), or copy the object to a file first",
            ),
            Self::BadAddress { .. } => Some(
                "name it as s3://BUCKET/KEY, gs://BUCKET/KEY, az://CONTAINER/KEY or https://HOST/PATH",
            ),
            Self::NoQuery { .. } => Some(
                "type the whole address, in quotes: its query is left out of all that is shown, because it may hold a signature",
            ),
            Self::Unencrypted { .. } => {
                Some("use https://; http:// is for servers on this machine")
            }
            Self::NoObject { .. } => Some(
                "check the name, also its capitals; without the right to list the bucket, a store also says so of objects that it hides",
            ),
            Self::NoBucket { .. } => Some(
                "check its name, and that the credentials and the endpoint are those of its account",
            ),
            Self::NoMatch { .. } => Some("check the pattern; * does not reach beyond a slash"),
            Self::BadPattern { .. } => {
                Some("put brackets and stars that are meant literally in brackets: [*]")
            }
            Self::NoCredentials { hint, .. } | Self::Settings { hint, .. } => Some(hint),
            Self::BadCredentials { .. } => Some(
                "they may have expired, or be another account's; a presigned address is valid for a limited time: make a new one. Check this machine's clock as well",
            ),
            Self::NoPermission { .. } => Some(
                "let these credentials read the object (s3:GetObject, storage.objects.get, Storage Blob Data Reader; to write results, the like for writing); a presigned address may have expired",
            ),
            Self::OtherRegion { .. } => Some("name the bucket's region in AWS_REGION"),
            Self::Redirected { refused, .. } => Some(refused.why.hint()),
            Self::WebPage { .. } => Some(
                "open it in a browser: it may ask for a log-in, or be a page that leads to the file; name the address of the file itself, or a presigned one",
            ),
            Self::NoHost { .. } => Some("check the name, and this machine's connection and DNS"),
            Self::Unreachable { .. } => Some(
                "check the address, the endpoint, and the proxy (HTTPS_PROXY, NO_PROXY), then run the same command again",
            ),
            Self::CutOff { .. } => Some(
                "run the same command again later: nothing was sent; or copy the object to a file first",
            ),
            Self::Changed { .. } => {
                Some("let it be finished first, then run the same command again: nothing was sent")
            }
            Self::Refused { .. } => Some(
                "run the same command again later; if it stays so, ask those who run the server",
            ),
            Self::NoPlace { .. } => Some("name a folder with --out DIR, or a prefix in a bucket"),
            Self::ForeignResult { .. } => {
                Some("name another prefix with --out, or move that object away")
            }
            Self::NotRead { .. } | Self::NotKept { .. } => None,
        }
    }
}
