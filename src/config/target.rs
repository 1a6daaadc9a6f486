//! Where customers are sent, and with which credentials.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use reqwest::Url;
use secrecy::SecretString;

use super::credentials::check_credentials;
use super::environment::Environment;
use super::error::{ConfigError, conflict, value_error};
use super::origin::DEFAULT_FILE;
use crate::cli::{Env, SandboxChoice, TargetOptions};
use crate::domain::loopback::is_loopback_host;

/// How much of a secret's file is read, in bytes.
const LONGEST_SECRET: u64 = 64 << 10;

/// Where customers are sent.
#[derive(Debug)]
pub enum Destination {
    /// A sandbox in this process, over this file.
    Sandbox(PathBuf),
    /// Kable, or another server of its API.
    Api {
        /// Its address.
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
    /// Whether it is on this machine.
    pub fn is_here(&self) -> bool {
        match self {
            Self::Sandbox(_) => true,
            Self::Api { base_url, .. } => is_loopback(base_url),
        }
    }

    /// Whether it is the live host.
    pub fn is_live(&self) -> bool {
        matches!(self, Self::Api { live: true, .. })
    }
}

/// Says which parts of the target come from the file `found` in the current folder
/// and not from what was typed: the user may not expect them.
pub fn unnamed_target(found: Option<&TargetOptions>, typed: &TargetOptions) -> Option<String> {
    let TargetOptions {
        env,
        base_url,
        sandbox,
        client_secret_file,
    } = found?;
    let path = |path: &PathBuf| path.display().to_string();
    let sandbox = sandbox.as_ref().map(|choice| match choice {
        SandboxChoice::Off => "false".to_owned(),
        SandboxChoice::File(file) => path(file),
    });
    let env = env.map(|env| match env {
        Env::Live => "live".to_owned(),
        Env::Test => "test".to_owned(),
    });
    let address = [
        ("env", env),
        ("base-url", base_url.clone()),
        ("sandbox", sandbox),
    ];
    let address = address.into_iter().filter(|_| !typed.names_a_target());
    let secret = client_secret_file.as_ref().map(path);
    let secret = secret.filter(|_| typed.client_secret_file.is_none());
    let parts: Vec<String> = address
        .chain([("client-secret-file", secret)])
        .filter_map(|(option, value)| Some(format!("{option} {}", value?)))
        .collect();
    (!parts.is_empty()).then(|| format!("target from ./{DEFAULT_FILE}: {}", parts.join(", ")))
}

/// Refuses an address that can't be used, whether or not anything is sent.
pub(super) fn check_target(options: &TargetOptions) -> Result<(), ConfigError> {
    let address = options.base_url.as_deref();
    address.map_or(Ok(()), |text| base_url(text).map(drop))
}

/// Decides where customers are sent.
pub fn destination(
    mut typed: TargetOptions,
    file: TargetOptions,
    environment: &Environment,
) -> Result<Destination, ConfigError> {
    typed.client_secret_file = typed.client_secret_file.or(file.client_secret_file);
    if !typed.names_a_target() {
        (typed.env, typed.base_url, typed.sandbox) = (file.env, file.base_url, file.sandbox);
    }
    if let Some(SandboxChoice::File(path)) = typed.sandbox {
        refuse_both("sandbox", "env", typed.env.is_some())?;
        refuse_both("sandbox", "base-url", typed.base_url.is_some())?;
        return Ok(Destination::Sandbox(path));
    }
    let is_both = typed.env.is_some() && typed.base_url.is_some();
    refuse_both("base-url", "env", is_both)?;
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
    let client_secret = match typed.client_secret_file {
        Some(path) => secret_from(path)?,
        None => environment
            .client_secret
            .clone()
            .ok_or(ConfigError::NoCredentials {
                missing: "KABLE_CLIENT_SECRET",
            })?,
    };
    check_credentials(&client_id, &client_secret, base_url.host_str())?;
    Ok(Destination::Api {
        live: live || base_url.host_str() == Some("live.kable.io"),
        base_url,
        client_id,
        client_secret,
    })
}

/// Refuses two options of a file that exclude each other; typed ones don't get here.
fn refuse_both(
    option: &'static str,
    other: &'static str,
    is_given: bool,
) -> Result<(), ConfigError> {
    if is_given {
        return Err(conflict(option, format!("cannot be used with --{other}")));
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

/// Whether the name of a file is rather a secret, which must not be shown.
fn is_like_a_secret(path: &Path) -> bool {
    path.file_name()
        .is_some_and(|name| name.as_encoded_bytes().starts_with(b"sk_"))
}

fn secret_from(path: PathBuf) -> Result<SecretString, ConfigError> {
    match read_start(&path) {
        Ok(text) if text.trim().is_empty() => Err(ConfigError::NoSecret { path }),
        Ok(text) => Ok(text.trim().into()),
        Err(_) if is_like_a_secret(&path) => Err(value_error("client-secret-file")(
            "wanted the name of a file that holds the secret, and not the secret itself",
        )),
        Err(source) => Err(ConfigError::SecretFile { path, source }),
    }
}

/// Reads a base URL; plain HTTP is for this machine only (API reference,
/// "transport").
pub(super) fn base_url(text: &str) -> Result<Url, ConfigError> {
    let wrong = |why: &str| {
        let example = "wanted for example https://test.kable.io";
        // Credentials and tokens in an address are secrets, also in one that is no URL.
        let named = if text.contains(['@', '?', '#']) || text.starts_with("sk_") {
            "the address".to_owned()
        } else {
            format!("{text:?}")
        };
        value_error("base-url")(format!("{named} {why}, {example}"))
    };
    let mut url: Url = text.parse().map_err(|_not_a_url| wrong("is no URL"))?;
    if url.cannot_be_a_base() || url.host_str().is_none() {
        return Err(wrong("is no base URL"));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(value_error("base-url")(
            "credentials have no place in a URL: use the environment",
        ));
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err(wrong("has a query or a fragment"));
    }
    match url.scheme() {
        "https" => {}
        "http" if is_loopback(&url) => {}
        "http" => return Err(wrong("is plain HTTP to another machine")),
        _ => return Err(wrong("is neither https nor http")),
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
    is_loopback_host(url.host_str().unwrap_or_default())
}
