//! Splits an address into parameters, as libpq does (PostgreSQL documentation, "Connection
//! URIs"). A password is refused without being quoted, also where it was not recognised
//! as one: `postgres://user:pass/word@host` has `pass` as its port.

use percent_encoding::percent_decode_str;

use super::address_error::AddressError;

/// How an address begins.
const SCHEMES: [&str; 2] = ["postgres://", "postgresql://"];

/// What follows the scheme; `None` if `text` does not begin with one.
pub(super) fn after_scheme(text: &str) -> Option<&str> {
    SCHEMES.iter().find_map(|scheme| {
        let (begin, rest) = text.split_at_checked(scheme.len())?;
        begin.eq_ignore_ascii_case(scheme).then_some(rest)
    })
}

/// The parameters that `text` gives, by name; later ones override earlier ones.
pub(super) fn parameters_in(text: &str) -> Result<Vec<(String, String)>, AddressError> {
    let rest = after_scheme(text).ok_or(AddressError::NotAnAddress)?;
    let (login, rest) = split_login(rest);
    let mut found = Vec::new();
    if let Some(login) = login {
        let (user, password) = login.split_once(':').unwrap_or((login, ""));
        if !password.is_empty() {
            return Err(AddressError::PasswordInAddress);
        }
        found.push(("user", decoded(user)?));
    }
    let end = rest.find(['/', '?']).unwrap_or(rest.len());
    let (servers, rest) = rest.split_at(end);
    let (hosts, ports) = hosts_in(servers, rest)?;
    found.push(("host", hosts));
    found.push(("port", ports));
    let (database, query) = rest.split_once('?').unwrap_or((rest, ""));
    let database = database.strip_prefix('/').unwrap_or(database);
    found.push(("dbname", decoded(database)?));
    let mut found: Vec<(String, String)> = found
        .into_iter()
        .filter(|(_, value)| !value.is_empty())
        .map(|(name, value)| (name.to_owned(), value))
        .collect();
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        found.push(parameter(pair)?);
    }
    if text.contains(|letter: char| letter.is_control()) || text.trim() != text {
        return Err(malformed(
            "it has a blank or a line break at its end or a control character",
        ));
    }
    Ok(found)
}

/// The user and the password, which end at the first `@` unless a `/` is before it.
fn split_login(rest: &str) -> (Option<&str>, &str) {
    match rest.split_once('@') {
        Some((login, behind)) if !login.contains('/') => (Some(login), behind),
        Some(_) | None => (None, rest),
    }
}

/// The hosts and the ports in `servers`, each as a list with commas. `behind` is what
/// follows in the address.
fn hosts_in(servers: &str, behind: &str) -> Result<(String, String), AddressError> {
    let (mut hosts, mut ports) = (Vec::new(), Vec::new());
    for server in servers.split(',') {
        let (host, port) = match server.strip_prefix('[') {
            Some(inner) => {
                let (host, port) = inner
                    .split_once(']')
                    .ok_or_else(|| malformed("an IPv6 address has no ] at its end"))?;
                match port.strip_prefix(':') {
                    Some(port) => (host, port),
                    None if port.is_empty() => (host, ""),
                    None => return Err(malformed("only a port may follow the ] of a host")),
                }
            }
            None => server.split_once(':').unwrap_or((server, "")),
        };
        if !port.bytes().all(|digit| digit.is_ascii_digit()) {
            return Err(if behind.contains('@') {
                AddressError::PasswordInAddress
            } else {
                malformed(
                    "what follows the : of a host is no port (an IPv6 address stands in brackets)",
                )
            });
        }
        hosts.push(decoded(host)?);
        ports.push(port);
    }
    let is_without = |list: &str| list.bytes().all(|letter| letter == b',');
    let (hosts, ports) = (hosts.join(","), ports.join(","));
    let ports = if is_without(&ports) {
        String::new()
    } else {
        ports
    };
    Ok((hosts, ports))
}

/// The parameter that is written as `NAME=VALUE`.
fn parameter(pair: &str) -> Result<(String, String), AddressError> {
    let (name, value) = pair
        .split_once('=')
        .ok_or_else(|| malformed("a parameter has no ="))?;
    let (name, value) = (decoded(name)?, decoded(value)?);
    Ok(match (name.as_str(), value.as_str()) {
        ("password" | "sslpassword", _) => return Err(AddressError::PasswordInAddress),
        // As JDBC's addresses have it.
        ("ssl", "true") => ("sslmode".to_owned(), "require".to_owned()),
        _other => (name, value),
    })
}

/// `text` without its percent encoding.
fn decoded(text: &str) -> Result<String, AddressError> {
    let mut parts = text.split('%');
    parts.next();
    for part in parts {
        let digits = part.get(..2).unwrap_or_default();
        if digits.is_empty() || !digits.bytes().all(|digit| digit.is_ascii_hexdigit()) {
            return Err(malformed("a % is not followed by two hexadecimal digits"));
        }
        if digits == "00" {
            return Err(malformed("%00 stands in it"));
        }
    }
    percent_decode_str(text)
        .decode_utf8()
        .map(std::borrow::Cow::into_owned)
        .map_err(|_not_text| malformed("its percent encoding is not UTF-8"))
}

const fn malformed(what: &'static str) -> AddressError {
    AddressError::Malformed { what }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(text: &str) -> String {
        match parameters_in(text) {
            Ok(found) => {
                let pairs: Vec<String> = found.iter().map(|(n, v)| format!("{n}={v}")).collect();
                pairs.join(" ")
            }
            Err(error) => error.to_string(),
        }
    }

    /// The examples of PostgreSQL's documentation and of its `uri-regress` test.
    #[test]
    fn addresses_are_split_as_libpq_does() {
        for (text, wanted) in [
            ("postgresql://", ""),
            ("postgresql://localhost", "host=localhost"),
            ("postgres://localhost:5433", "host=localhost port=5433"),
            ("postgresql://localhost/mydb", "host=localhost dbname=mydb"),
            ("postgresql://user@localhost", "user=user host=localhost"),
            ("Postgres://user@localhost", "user=user host=localhost"),
            (
                "postgresql://other@localhost/otherdb?connect_timeout=10&application_name=myapp",
                "user=other host=localhost dbname=otherdb connect_timeout=10 application_name=myapp",
            ),
            (
                "postgresql://host1:123,host2:456/somedb?target_session_attrs=any",
                "host=host1,host2 port=123,456 dbname=somedb target_session_attrs=any",
            ),
            ("postgres://a,b:1/d", "host=a,b port=,1 dbname=d"),
            (
                "postgresql:///mydb?host=localhost&port=5433",
                "dbname=mydb host=localhost port=5433",
            ),
            (
                "postgresql://[2001:db8::1234]/database",
                "host=2001:db8::1234 dbname=database",
            ),
            (
                "postgresql://[::1]:5433?user=u",
                "host=::1 port=5433 user=u",
            ),
            (
                "postgresql:///dbname?host=/var/lib/postgresql",
                "dbname=dbname host=/var/lib/postgresql",
            ),
            (
                "postgresql://%2Fvar%2Flib%2Fpostgresql/dbname",
                "host=/var/lib/postgresql dbname=dbname",
            ),
            (
                "postgresql://user%40corp@host/a%20b",
                "user=user@corp host=host dbname=a b",
            ),
            ("postgresql://?user=uri-user", "user=uri-user"),
            ("postgresql://host?ssl=true", "host=host sslmode=require"),
            ("postgresql://u:@host", "user=u host=host"),
        ] {
            assert_eq!(read(text), wanted, "{text}");
        }
    }

    #[test]
    fn what_is_no_address_is_told() {
        for text in [
            "postgre://host",
            "host=db",
            "customers.db",
            "",
            "postgres:/host",
            "p\u{e9}",
        ] {
            assert_eq!(read(text), AddressError::NotAnAddress.to_string(), "{text}");
        }
        for text in [
            "postgres://[::1",
            "postgres://[::1]x",
            "postgres://::1/db",
            "postgres://host:port/db",
            "postgres://h?user",
            "postgres://h/%zz",
            "postgres://h/%2",
            "postgres://h/%é1",
            "postgres://h/%00",
            "postgres://h/%ff",
            "postgres://h/a\nb",
            "postgres://h/a ",
        ] {
            let shown = read(text);
            assert!(
                shown.starts_with("the address of the database cannot be read"),
                "{text}: {shown}"
            );
        }
    }

    #[test]
    fn a_password_is_refused_and_never_shown() {
        for text in [
            "postgres://user:S3cret@host/db",
            "postgres://:S3cret@host/db",
            "postgres://user:S3cret%40x@host/db",
            "postgres://user:S3cret@x@host/db",
            "postgres://user:S3cret?x=y@host/db",
            "postgres://user:S3cret#x@host/db",
            "postgres://user:S3cret/x@host/db",
            "postgres://user@host/db?password=S3cret",
            "postgres://user@host/db?pass%77ord=S3cret",
            "postgres://user@host/db?sslpassword=S3cret",
            "postgres://user:S3cret",
            "postgres://user:S3cret%@host",
        ] {
            let error = parameters_in(text).unwrap_err();
            let shown = format!("{error} {error:?} {:?}", error.hint());
            assert!(!shown.contains("S3cret"), "{text}: {shown}");
            let is_told = matches!(error, AddressError::PasswordInAddress);
            assert!(is_told || !text.contains('@'), "{text}: {shown}");
        }
    }

    proptest! {
        #[test]
        fn what_is_encoded_is_read_back(user in "[^\0-\u{1f}\u{7f}-\u{9f}]{1,9}", database in "[^\0-\u{1f}\u{7f}-\u{9f}]{1,9}") {
            let encode = |text: &str| {
                percent_encoding::utf8_percent_encode(text, percent_encoding::NON_ALPHANUMERIC).to_string()
            };
            let text = format!("postgres://{}@h/{}", encode(&user), encode(&database));
            let wanted = [("user", user.as_str()), ("host", "h"), ("dbname", database.as_str())];
            let found = parameters_in(&text).unwrap();
            let found: Vec<_> = found.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
            prop_assert_eq!(found, wanted);
        }

        #[test]
        fn no_text_panics(text in "(postgres://)?[a-z:@/?&=%,\\[\\]0-9é]{0,40}") {
            let _read = parameters_in(&text);
        }
    }
}
