//! Where customers are sent, and with which credentials.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use reqwest::Url;
use secrecy::{ExposeSecret, SecretString};

use super::{ConfigError, Environment, FILE, FileOptions};
use crate::cli::{Env, Target};

/// How much of a secret's file is read, in bytes.
const LONGEST_SECRET: u64 = 64 << 10;

/// Where customers are sent.
#[derive(Debug)]
pub enum Destination {
    /// To a sandbox in this process, over this file.
    Sandbox(PathBuf),
    /// To Kable, or something that speaks like it.
    Api {
        /// Where it is.
        base_url: Url,
        /// Whether it is the live host.
        live: bool,
        /// `Kable-Client-Id`.
        client_id: String,
        /// `Kable-Client-Secret`.
        client_secret: SecretString,
    },
}

impl Destination {
    /// Whether customers are created on this machine only.
    pub fn is_here(&self) -> bool {
        match self {
            Self::Sandbox(_) => true,
            Self::Api { base_url, .. } => is_loopback(base_url),
        }
    }

    /// Whether customers are created live.
    pub fn is_live(&self) -> bool {
        matches!(self, Self::Api { live: true, .. })
    }
}

impl FileOptions {
    /// What it says of the target that was not typed, where the file was found in
    /// the current folder: the user may not expect it there.
    pub fn target_found(&self, typed: &Target) -> Option<String> {
        let Target {
            env,
            base_url,
            sandbox,
            client_secret_file,
        } = self.found.as_ref()?;
        let none_typed = typed.env.is_none() && typed.base_url.is_none() && typed.sandbox.is_none();
        let place = |path: &PathBuf| path.display().to_string();
        let env = env.map(|env| match env {
            Env::Live => "live".to_owned(),
            Env::Test => "test".to_owned(),
        });
        let secret = client_secret_file.as_ref();
        let secret = secret.filter(|_| typed.client_secret_file.is_none());
        let said = [
            ("env", env.filter(|_| none_typed)),
            ("base-url", base_url.clone().filter(|_| none_typed)),
            (
                "sandbox",
                sandbox.as_ref().map(place).filter(|_| none_typed),
            ),
            ("client-secret-file", secret.map(place)),
        ];
        let said = said.into_iter();
        let said: Vec<String> = said
            .filter_map(|(option, value)| Some(format!("{option} {}", value?)))
            .collect();
        (!said.is_empty()).then(|| format!("target from ./{FILE}: {}", said.join(", ")))
    }
}

/// Settles where customers are sent.
pub fn destination(
    mut typed: Target,
    file: &mut FileOptions,
    environment: &Environment,
) -> Result<Destination, ConfigError> {
    let other = std::mem::take(&mut file.target);
    if typed.env.is_none() && typed.base_url.is_none() && typed.sandbox.is_none() {
        typed.env = other.env;
        typed.base_url = other.base_url;
        typed.sandbox = other.sandbox;
    }
    if let Some(path) = typed.sandbox {
        return Ok(Destination::Sandbox(path));
    }
    let live = typed.base_url.is_none() && typed.env == Some(Env::Live);
    let base_url = match (&typed.base_url, typed.env) {
        (Some(text), _) => base_url(text)?,
        (None, Some(Env::Live)) => base_url("https://live.kable.io")?,
        (None, Some(Env::Test) | None) => base_url("https://test.kable.io")?,
    };
    let client_id = environment
        .client_id
        .clone()
        .ok_or(ConfigError::NoCredentials {
            missing: "KABLE_CLIENT_ID",
        })?;
    let client_secret = match typed.client_secret_file.or(other.client_secret_file) {
        Some(path) => secret_from(path)?,
        None => environment
            .client_secret
            .clone()
            .ok_or(ConfigError::NoCredentials {
                missing: "KABLE_CLIENT_SECRET",
            })?,
    };
    demand_their_shapes(&client_id, &client_secret)?;
    Ok(Destination::Api {
        live: live || base_url.host_str() == Some("live.kable.io"),
        base_url,
        client_id,
        client_secret,
    })
}

/// Refuses credentials that were taken for each other: a client id is shown
/// and kept, a secret must not be. Neither value is told.
fn demand_their_shapes(client_id: &str, secret: &SecretString) -> Result<(), ConfigError> {
    if client_id.starts_with("sk_") || secret.expose_secret().starts_with("kci_") {
        return Err(ConfigError::Swapped);
    }
    Ok(())
}

/// Reads the start of a file; a secret is short.
fn read_start(path: &Path) -> std::io::Result<String> {
    let mut text = String::new();
    File::open(path)?
        .take(LONGEST_SECRET)
        .read_to_string(&mut text)?;
    Ok(text)
}

fn secret_from(path: PathBuf) -> Result<SecretString, ConfigError> {
    match read_start(&path) {
        Ok(text) if text.trim().is_empty() => Err(ConfigError::NoCredentials {
            missing: "a secret in --client-secret-file",
        }),
        Ok(text) => Ok(text.trim().into()),
        Err(source) => Err(ConfigError::SecretFile { path, source }),
    }
}

/// Reads a base URL; plain HTTP is for this machine only (API reference,
/// "transport").
pub(super) fn base_url(text: &str) -> Result<Url, ConfigError> {
    let wrong = |why: &str| ConfigError::Value {
        option: "base-url",
        wrong: format!("{text:?} {why}, wanted for example https://test.kable.io"),
    };
    let mut url: Url = text.parse().map_err(|_not_a_url| wrong("is no URL"))?;
    if url.cannot_be_a_base() || url.host_str().is_none() {
        return Err(wrong("is no base URL"));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(ConfigError::Value {
            option: "base-url",
            wrong: "credentials have no place in a URL: use the environment".to_owned(),
        });
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err(wrong("has a query or a fragment"));
    }
    match url.scheme() {
        "https" => {}
        "http" if is_loopback(&url) => {}
        "http" => return Err(wrong("is plain HTTP to another machine")),
        _ => return Err(wrong("has no scheme that is spoken")),
    }
    let bare = url
        .path()
        .trim_end_matches('/')
        .trim_end_matches("/api/v1")
        .to_owned();
    url.set_path(&bare);
    Ok(url)
}

/// Whether `url` is this machine.
pub fn is_loopback(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default();
    let address = host.trim_start_matches('[').trim_end_matches(']');
    host == "localhost"
        || address
            .parse::<std::net::IpAddr>()
            .is_ok_and(|address| address.is_loopback())
}
