//! The parameters of a connection, from the address, a service and the environment.
//!
//! As in libpq, the address comes first, then the service, then the variables. What libpq
//! knows and is not obeyed here is ignored where that changes nothing about the server that
//! is reached and about who can read the connection, and refused otherwise.

use std::collections::BTreeMap;

use super::address_error::AddressError;
use super::service::service_settings;
use super::uri::parameters_in;
use super::user_files::Variables;
use crate::domain::nearest::nearest;

/// Parameters with the variables that give them as well.
const OBEYED: [(&str, Option<&str>); 25] = [
    ("application_name", Some("PGAPPNAME")),
    ("channel_binding", Some("PGCHANNELBINDING")),
    ("connect_timeout", Some("PGCONNECT_TIMEOUT")),
    ("dbname", Some("PGDATABASE")),
    ("host", Some("PGHOST")),
    ("hostaddr", Some("PGHOSTADDR")),
    ("keepalives", None),
    ("keepalives_count", None),
    ("keepalives_idle", None),
    ("keepalives_interval", None),
    ("lease", None),
    ("options", Some("PGOPTIONS")),
    ("passfile", Some("PGPASSFILE")),
    (PASSWORD, Some("PGPASSWORD")),
    ("port", Some("PGPORT")),
    ("schema", None),
    (SERVICE, Some("PGSERVICE")),
    ("sslcert", Some("PGSSLCERT")),
    ("sslkey", Some("PGSSLKEY")),
    ("sslmode", Some("PGSSLMODE")),
    ("sslnegotiation", Some("PGSSLNEGOTIATION")),
    ("sslrootcert", Some("PGSSLROOTCERT")),
    ("target_session_attrs", Some("PGTARGETSESSIONATTRS")),
    ("tcp_user_timeout", None),
    ("user", Some("PGUSER")),
];

/// Never in an address.
pub(super) const PASSWORD: &str = "password";

/// The service that gives further parameters.
const SERVICE: &str = "service";

/// Our own, which no service file may have: libpq would refuse it.
const OWN: [&str; 2] = ["lease", "schema"];

/// Parameters of libpq that change nothing here.
const IGNORED: [&str; 10] = [
    "client_encoding",
    "fallback_application_name",
    "gssdelegation",
    "gssencmode",
    "gsslib",
    "krbsrvname",
    "load_balance_hosts",
    "sslcertmode",
    "sslcompression",
    "sslsni",
];

/// Parameters of libpq that restrict what is connected to, with their variables.
const REFUSED: [(&str, &str); 8] = [
    ("replication", ""),
    ("require_auth", "PGREQUIREAUTH"),
    ("requirepeer", "PGREQUIREPEER"),
    ("ssl_max_protocol_version", "PGSSLMAXPROTOCOLVERSION"),
    ("ssl_min_protocol_version", "PGSSLMINPROTOCOLVERSION"),
    ("sslcrl", "PGSSLCRL"),
    ("sslcrldir", "PGSSLCRLDIR"),
    ("sslpassword", ""),
];

/// Where a parameter was given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum ParameterOrigin {
    Address,
    Service(String),
    Variable(&'static str),
}

impl std::fmt::Display for ParameterOrigin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Address => f.write_str("in the address"),
            Self::Service(name) => write!(f, "service {name}"),
            Self::Variable(name) => f.write_str(name),
        }
    }
}

/// Parameters by name, with where they were given. The password is among them, so it has
/// no `Debug`.
pub(super) struct Parameters(BTreeMap<&'static str, (String, ParameterOrigin)>);

impl Parameters {
    /// All parameters of the address `text`.
    pub(super) fn read(text: &str, variables: &Variables<'_>) -> Result<Self, AddressError> {
        let mut all = Self(BTreeMap::new());
        for (name, value) in parameters_in(text)? {
            if let Some(name) = known(&name, &ParameterOrigin::Address)? {
                all.0.insert(name, (value, ParameterOrigin::Address));
            }
        }
        let set = |name: &str| variables(name).filter(|value| !value.is_empty());
        let service = all.text(SERVICE).map(str::to_owned);
        if let Some(service) = service.or_else(|| set("PGSERVICE")) {
            all.add_service(&service, variables)?;
        }
        for (name, variable) in OBEYED {
            if let Some((value, variable)) = variable.and_then(|it| Some((set(it)?, it))) {
                let origin = ParameterOrigin::Variable(variable);
                all.0.entry(name).or_insert((value, origin));
            }
        }
        for (name, variable) in REFUSED {
            if !variable.is_empty() && set(variable).is_some() {
                let origin = variable.to_owned();
                return Err(AddressError::UnsupportedParameter { name, origin });
            }
        }
        Ok(all)
    }

    /// Adds what service `name` gives and the address does not. Of two lines for one
    /// parameter, the first counts.
    fn add_service(&mut self, name: &str, variables: &Variables<'_>) -> Result<(), AddressError> {
        let origin = ParameterOrigin::Service(name.to_owned());
        let (path, settings) = service_settings(name, variables)?;
        for (key, value) in settings {
            if OWN.contains(&key.as_str()) || key == SERVICE {
                let what = format!("{key} cannot stand in a service; write it into the address");
                return Err(AddressError::ServiceFile { path, what });
            }
            if let Some(key) = known(&key, &origin)? {
                self.0.entry(key).or_insert((value, origin.clone()));
            }
        }
        Ok(())
    }

    /// The value of parameter `name`; an empty one counts as none.
    pub(super) fn text(&self, name: &str) -> Option<&str> {
        let (value, _) = self.0.get(name)?;
        Some(value.as_str()).filter(|value| !value.is_empty())
    }

    /// Where `name` was given.
    pub(super) fn origin(&self, name: &str) -> String {
        let origin = self.0.get(name).map(|(_, origin)| origin.to_string());
        origin.unwrap_or_else(|| "by default".to_owned())
    }

    /// The value of `name`, as `read` makes it of the text.
    pub(super) fn parsed<T>(
        &self,
        name: &'static str,
        wanted: &'static str,
        read: impl FnOnce(&str) -> Option<T>,
    ) -> Result<Option<T>, AddressError> {
        let Some(text) = self.text(name) else {
            return Ok(None);
        };
        let bad = || self.bad_value(name, wanted);
        read(text).map(Some).ok_or_else(bad)
    }

    /// The error that the value of `name` can't be used.
    pub(super) fn bad_value(&self, name: &'static str, wanted: &'static str) -> AddressError {
        let given = self.text(name).unwrap_or_default();
        AddressError::BadValue {
            name,
            given: format!("{:?}", given.chars().take(80).collect::<String>()),
            origin: self.origin(name),
            wanted,
        }
    }

    /// A whole number.
    pub(super) fn number(&self, name: &'static str) -> Result<Option<i64>, AddressError> {
        self.parsed(name, "a whole number", |text| text.trim().parse().ok())
    }
}

/// The name of a parameter that is obeyed; `None` for one that is ignored.
fn known(name: &str, origin: &ParameterOrigin) -> Result<Option<&'static str>, AddressError> {
    if let Some((name, _)) = OBEYED.iter().find(|(known, _)| *known == name) {
        return Ok(Some(name));
    }
    if IGNORED.contains(&name) {
        return Ok(None);
    }
    if let Some((name, _)) = REFUSED.iter().find(|(known, _)| *known == name) {
        let origin = origin.to_string();
        return Err(AddressError::UnsupportedParameter { name, origin });
    }
    let nearest = nearest(name, OBEYED.map(|(name, _)| name));
    let lower = name.to_lowercase();
    let is_password = lower.starts_with("pass") || ["pw", "pwd"].contains(&lower.as_str());
    if *origin == ParameterOrigin::Address && (is_password || nearest == Some(PASSWORD)) {
        return Err(AddressError::PasswordInAddress);
    }
    // What looks like no name may be part of a password.
    let is_name = |letter: char| letter.is_ascii_lowercase() || "_-. ".contains(letter);
    let shown = if name.len() <= 40 && lower.chars().all(is_name) {
        name.to_owned()
    } else {
        "…".to_owned()
    };
    Err(AddressError::UnknownParameter {
        name: shown,
        origin: origin.to_string(),
        nearest,
    })
}
