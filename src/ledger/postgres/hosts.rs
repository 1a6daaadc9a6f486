//! The servers of an address: several are tried in their order.

use std::net::IpAddr;
use std::path::{Path, PathBuf};

use super::address_error::AddressError;
use super::parameters::Parameters;

/// PostgreSQL's port.
const PORT: u16 = 5432;

/// Where servers have their sockets: Debian's and Red Hat's folder, and PostgreSQL's own.
const SOCKET_FOLDERS: [&str; 3] = ["/var/run/postgresql", "/run/postgresql", "/tmp"];

/// A host by its name, its number, or the folder of its socket.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum ServerHost {
    Tcp {
        /// The name that its certificate must have.
        name: String,
        /// Where it is, if that was given.
        address: Option<IpAddr>,
    },
    Socket(PathBuf),
}

/// Where a server listens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ServerPlace {
    pub(super) host: ServerHost,
    pub(super) port: u16,
}

impl std::fmt::Display for ServerPlace {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let port = self.port;
        match &self.host {
            ServerHost::Tcp { name, .. } if name.contains(':') => write!(f, "[{name}]:{port}"),
            ServerHost::Tcp { name, .. } => write!(f, "{name}:{port}"),
            ServerHost::Socket(folder) => {
                let socket = folder.join(format!(".s.PGSQL.{port}"));
                write!(f, "{}", socket.display())
            }
        }
    }
}

impl ServerPlace {
    /// Whether connections to it stay within this machine.
    pub(super) fn is_local(&self) -> bool {
        match &self.host {
            ServerHost::Socket(_) => true,
            ServerHost::Tcp {
                address: Some(address),
                ..
            } => is_loopback(*address),
            ServerHost::Tcp { name, .. } => match name.parse() {
                Ok(address) => is_loopback(address),
                Err(_no_number) => name.eq_ignore_ascii_case("localhost"),
            },
        }
    }

    /// The names that a line of the password file may have for it.
    pub(super) fn password_names(&self) -> Vec<&str> {
        match &self.host {
            ServerHost::Tcp { name, .. } => vec![name],
            ServerHost::Socket(folder) => {
                let is_usual = SOCKET_FOLDERS
                    .iter()
                    .any(|usual| Path::new(usual) == folder);
                let usual = is_usual.then_some("localhost");
                folder.to_str().into_iter().chain(usual).collect()
            }
        }
    }
}

/// Whether `address` is this machine's own.
pub(super) fn is_loopback(address: IpAddr) -> bool {
    address.to_canonical().is_loopback()
}

/// The servers that `host`, `hostaddr` and `port` name.
pub(super) fn server_places(parameters: &Parameters) -> Result<Vec<ServerPlace>, AddressError> {
    let list = |name: &str| -> Vec<&str> {
        let text = parameters.text(name);
        text.map(|text| text.split(',').map(str::trim).collect())
            .unwrap_or_default()
    };
    let (names, addresses, ports) = (list("host"), list("hostaddr"), list("port"));
    let count = names.len().max(addresses.len()).max(1);
    if !names.is_empty() && !addresses.is_empty() && names.len() != addresses.len() {
        return Err(parameters.bad_value("hostaddr", "as many as hosts, separated by commas"));
    }
    if ports.len() > 1 && ports.len() != count {
        return Err(parameters.bad_value("port", "one, or as many as hosts, separated by commas"));
    }
    (0..count)
        .map(|at| {
            let port = match ports.get(at).or(ports.first()).copied() {
                None | Some("") => PORT,
                Some(port) => match port.parse() {
                    Ok(port) if port > 0 => port,
                    Ok(_) | Err(_) => {
                        return Err(parameters.bad_value("port", "a number from 1 to 65535"));
                    }
                },
            };
            let name = names.get(at).copied().unwrap_or_default();
            let address = match addresses.get(at).copied().unwrap_or_default() {
                "" => None,
                text => {
                    let wanted = "an IP address for each host";
                    let bad = |_error| parameters.bad_value("hostaddr", wanted);
                    Some(text.parse().map_err(bad)?)
                }
            };
            let host = server_host(name, address, port)
                .ok_or_else(|| parameters.bad_value("host", "a name, an IP address or a folder"))?;
            Ok(ServerPlace { host, port })
        })
        .collect()
}

/// The host of that `name`; `None` if no host can have it.
fn server_host(name: &str, address: Option<IpAddr>, port: u16) -> Option<ServerHost> {
    Some(match address {
        None if name.is_empty() => usual_host(port),
        None if name.starts_with('/') => ServerHost::Socket(name.into()),
        Some(address) if name.is_empty() => ServerHost::Tcp {
            name: address.to_string(),
            address: Some(address),
        },
        Some(_) | None => {
            // What no certificate can have, no lookup finds either.
            rustls::pki_types::ServerName::try_from(name).ok()?;
            ServerHost::Tcp {
                name: name.to_owned(),
                address,
            }
        }
    })
}

/// The server of this machine, as where no host is named.
fn usual_host(port: u16) -> ServerHost {
    if cfg!(not(unix)) {
        return ServerHost::Tcp {
            name: "localhost".to_owned(),
            address: None,
        };
    }
    let [usual, ..] = SOCKET_FOLDERS;
    let socket = format!(".s.PGSQL.{port}");
    let mut folders = SOCKET_FOLDERS.iter().map(Path::new);
    let found = folders.find(|folder| folder.join(&socket).exists());
    ServerHost::Socket(found.unwrap_or(Path::new(usual)).to_owned())
}
