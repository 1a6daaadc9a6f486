//! Which connections are encrypted, and by whom a server's certificate may be issued.
//!
//! Only connections within this machine are plain text. Any other one is encrypted, and the
//! certificate and its name are verified, whatever `sslmode` is: `require` would accept a
//! server that nothing is known of, and `prefer` one that has no certificate.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::ClientConfig;
use rustls::RootCertStore;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls_platform_verifier::BuilderVerifierExt as _;
use tokio_postgres_rustls::MakeRustlsConnect;

use super::address_error::AddressError;
use super::hosts::{ServerHost, ServerPlace};
use super::parameters::Parameters;
use super::user_files::{UserFile, Variables};

/// What `sslmode` asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum SslMode {
    /// Plain text, or whatever the server likes.
    Plain,
    Verified,
}

/// How connections are encrypted.
#[derive(Debug, Clone)]
pub(super) struct TlsSettings {
    /// With where it was given.
    mode: Option<(SslMode, String)>,
    /// The certificates of authorities; `None` for the system's.
    authorities: Option<PathBuf>,
    /// Our certificate and its key.
    certificate: Option<(PathBuf, PathBuf)>,
    /// Whether the server is not asked before (PostgreSQL 17).
    pub(super) is_direct: bool,
}

impl TlsSettings {
    /// What `parameters` and the user's files say.
    pub(super) fn new(
        parameters: &Parameters,
        variables: &Variables<'_>,
    ) -> Result<Self, AddressError> {
        let wanted = "disable, prefer, require, verify-ca or verify-full";
        let mode = parameters.parsed("sslmode", wanted, |text| {
            let mode = match text {
                "disable" | "allow" | "prefer" => SslMode::Plain,
                "require" | "verify-ca" | "verify-full" => SslMode::Verified,
                _other => return None,
            };
            Some((
                mode,
                format!("sslmode={text}, {}", parameters.origin("sslmode")),
            ))
        })?;
        let wanted = "postgres or direct";
        let is_direct = parameters.parsed("sslnegotiation", wanted, |text| match text {
            "postgres" => Some(false),
            "direct" => Some(true),
            _other => None,
        })?;
        let authorities = match parameters.text("sslrootcert") {
            Some("system") => None,
            Some(path) => Some(path.into()),
            None => UserFile::Authorities.existing(variables),
        };
        let file = |name, usual: UserFile| match parameters.text(name) {
            Some(path) => Some(PathBuf::from(path)),
            None => usual.existing(variables),
        };
        let certificate = file("sslcert", UserFile::Certificate);
        let key = file("sslkey", UserFile::Key);
        if let (Some(path), None) = (&certificate, &key) {
            return Err(unusable(path, "no key of it is named with sslkey=FILE"));
        }
        Ok(Self {
            mode,
            authorities,
            certificate: certificate.zip(key),
            is_direct: is_direct.unwrap_or_default(),
        })
    }

    /// Whether connections to `place` are encrypted; an error if they would not be, and
    /// leave this machine.
    pub(super) fn encrypts(&self, place: &ServerPlace) -> Result<bool, AddressError> {
        if matches!(place.host, ServerHost::Socket(_)) {
            return Ok(false);
        }
        match &self.mode {
            Some((SslMode::Verified, _)) => Ok(true),
            None => Ok(!place.is_local()),
            Some((SslMode::Plain, _)) if place.is_local() => Ok(false),
            Some((SslMode::Plain, origin)) => Err(AddressError::Unencrypted {
                server: place.to_string(),
                origin: origin.clone(),
            }),
        }
    }

    /// What encrypts connections. The files are read anew each time: they may have been
    /// renewed.
    pub(super) fn connector(&self) -> Result<MakeRustlsConnect, AddressError> {
        let failed = |error: rustls::Error| AddressError::Tls {
            what: error.to_string(),
        };
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(failed)?;
        let builder = match &self.authorities {
            Some(path) => builder.with_root_certificates(authorities_in(path)?),
            None => builder.with_platform_verifier().map_err(failed)?,
        };
        let mut config = match &self.certificate {
            None => builder.with_no_client_auth(),
            Some((path, key)) => {
                let (chain, key) = (certificates_in(path)?, key_in(key)?);
                let mismatched = |error: rustls::Error| unusable(path, error);
                builder
                    .with_client_auth_cert(chain, key)
                    .map_err(mismatched)?
            }
        };
        if self.is_direct {
            config.alpn_protocols = vec![b"postgresql".to_vec()];
        }
        Ok(MakeRustlsConnect::new(config))
    }
}

fn authorities_in(path: &Path) -> Result<RootCertStore, AddressError> {
    let mut store = RootCertStore::empty();
    let (added, _) = store.add_parsable_certificates(certificates_in(path)?);
    if added == 0 {
        return Err(unusable(path, "it has no certificate of an authority"));
    }
    Ok(store)
}

fn certificates_in(path: &Path) -> Result<Vec<CertificateDer<'static>>, AddressError> {
    let unusable_here = |error| unusable(path, error);
    let certificates: Vec<CertificateDer<'static>> = CertificateDer::pem_file_iter(path)
        .and_then(Iterator::collect)
        .map_err(unusable_here)?;
    if certificates.is_empty() {
        return Err(unusable(path, "it has no PEM certificate"));
    }
    Ok(certificates)
}

/// A private key, which as in libpq other users may not read.
fn key_in(path: &Path) -> Result<PrivateKeyDer<'static>, AddressError> {
    use rustls::pki_types::pem::Error;
    let described = std::fs::metadata(path).map_err(|error| unusable(path, error))?;
    if is_open_to_others(&described) {
        return Err(unusable(path, "other users can read the key (chmod 600)"));
    }
    PrivateKeyDer::from_pem_file(path).map_err(|error| {
        if let Error::Io(error) = error {
            return unusable(path, error);
        }
        // The others may quote the key.
        unusable(path, "it has no PEM key, or an encrypted one")
    })
}

/// A key of root may be shared with a group (PostgreSQL documentation, "Client
/// Certificates").
#[cfg(unix)]
fn is_open_to_others(key: &std::fs::Metadata) -> bool {
    use std::os::unix::fs::MetadataExt as _;
    let forbidden = if key.uid() == 0 { 0o037 } else { 0o077 };
    key.mode() & forbidden != 0
}

#[cfg(not(unix))]
fn is_open_to_others(_key: &std::fs::Metadata) -> bool {
    false
}

fn unusable(path: &Path, what: impl std::fmt::Display) -> AddressError {
    AddressError::TlsFile {
        path: path.to_owned(),
        what: what.to_string(),
    }
}
