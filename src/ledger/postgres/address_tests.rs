//! Addresses that are read and refused, and servers of a few bytes that refuse connections.

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

use super::*;

/// The certificate of an authority that has issued nothing.
const AUTHORITY: &str = "\
-----BEGIN CERTIFICATE-----
MIIBiTCCAS+gAwIBAgIUT2L5EQMi6ukhliyYyDCrp07pTqIwCgYIKoZIzj0EAwIw
GTEXMBUGA1UEAwwOVGVzdCBhdXRob3JpdHkwIBcNMjYxMTI4MTUyODQzWhgPMjEy
NjExMDQxNTI4NDNaMBkxFzAVBgNVBAMMDlRlc3QgYXV0aG9yaXR5MFkwEwYHKoZI
zj0CAQYIKoZIzj0DAQcDQgAEddzezL7aNWpiJjOcOg6kWdIwhY9E14KhiP8JOwFi
+bjJcisZAYpYZpqrcYlIike0T/NMcADWdeJPEyFsszwZYaNTMFEwHQYDVR0OBBYE
FEINI/LzRP+wnzH9H2t9j27rPPu0MB8GA1UdIwQYMBaAFEINI/LzRP+wnzH9H2t9
j27rPPu0MA8GA1UdEwEB/wQFMAMBAf8wCgYIKoZIzj0EAwIDSAAwRQIhAPunE0y8
6dS9w07rEziDTqXBt/2N63PrGWKzHACd+S3gAiAAn0NmsKRf6Dq1ktXe97AuM/h+
x+yN4KQ19FdAieJ04g==
-----END CERTIFICATE-----
";

/// Reads an address with some variables.
fn parsed(text: &str, variables: &[(&str, &str)]) -> Result<DatabaseAddress, AddressError> {
    DatabaseAddress::parse(text, &|name| {
        let found = variables.iter().find(|(known, _)| *known == name);
        found.map(|(_, value)| (*value).to_owned())
    })
}

/// What an address leads to, in a line: user, servers, database.
fn target(text: &str, variables: &[(&str, &str)]) -> String {
    match parsed(text, variables) {
        Ok(address) => {
            let connection = address.connection;
            let servers: Vec<String> = connection.servers.iter().map(ToString::to_string).collect();
            format!(
                "{} at {} in {}",
                connection.user,
                servers.join(" "),
                connection.database
            )
        }
        Err(error) => error.to_string(),
    }
}

#[test]
fn the_address_comes_before_the_variables() {
    let variables = [
        ("PGHOST", "h"),
        ("PGPORT", "6000"),
        ("PGUSER", "pu"),
        ("PGDATABASE", "pd"),
    ];
    for (text, variables, wanted) in [
        ("postgres://u@db/d", &[][..], "u at db:5432 in d"),
        ("postgres://u@db", &[], "u at db:5432 in u"),
        ("postgres://u@db:1/d", &variables, "u at db:1 in d"),
        ("postgres://", &variables, "pu at h:6000 in pd"),
        ("postgres://db", &variables, "pu at db:6000 in pd"),
        ("postgres://u@a,b/d", &variables, "u at a:6000 b:6000 in d"),
        ("postgres://u@a:1,b/d", &variables, "u at a:1 b:5432 in d"),
        ("postgres://u@[::1]:1/d", &[], "u at [::1]:1 in d"),
        (
            "postgres://u@[2001:db8::1]/d",
            &[],
            "u at [2001:db8::1]:5432 in d",
        ),
        (
            "postgres://u@/d?hostaddr=10.0.0.1",
            &[],
            "u at 10.0.0.1:5432 in d",
        ),
        (
            "postgres://u@db/d?hostaddr=10.0.0.1",
            &[],
            "u at db:5432 in d",
        ),
        (
            "postgres://u@db/d?user=v&port=9&dbname=e",
            &[],
            "v at db:9 in e",
        ),
        ("postgres://u@db/d", &[("PGPORT", "")], "u at db:5432 in d"),
    ] {
        assert_eq!(target(text, variables), wanted, "{text}");
    }
}

#[cfg(unix)]
#[test]
fn a_folder_stands_for_a_socket() {
    let wanted = "u at /run/pg/.s.PGSQL.5432 in d";
    for text in ["postgres://u@/d?host=/run/pg", "postgres://u@%2Frun%2Fpg/d"] {
        assert_eq!(target(text, &[]), wanted, "{text}");
    }
    let usual = target("postgres://u@:7/d", &[]);
    assert_eq!(usual, "u at /var/run/postgresql/.s.PGSQL.7 in d");
}

#[test]
fn values_that_cannot_be_used_are_told_with_their_place() {
    for (text, wanted) in [
        (
            "schema=pg_x",
            "the database's schema cannot be \"pg_x\" (in the address): wanted a name",
        ),
        (
            "schema=information_schema",
            "the database's schema cannot be",
        ),
        (
            "lease=0s",
            "the database's lease cannot be \"0s\" (in the address): wanted a time from 1s to 10min",
        ),
        ("lease=11min", "the database's lease cannot be"),
        ("lease=soon", "the database's lease cannot be"),
        (
            "port=0",
            "the database's port cannot be \"0\" (in the address): wanted a number",
        ),
        ("port=1,2", "the database's port cannot be"),
        ("hostaddr=db", "the database's hostaddr cannot be"),
        ("hostaddr=::1,::1", "the database's hostaddr cannot be"),
        ("host=a b", "the database's host cannot be \"a b\""),
        ("host=@abstract", "the database's host cannot be"),
        ("sslmode=on", "the database's sslmode cannot be"),
        (
            "sslcert=/none.pem",
            "cannot use /none.pem for the connection to the database: no key",
        ),
        (
            "target_session_attrs=standby",
            "the database's target_session_attrs cannot be",
        ),
        (
            "connect_timeout=5s",
            "the database's connect_timeout cannot be \"5s\"",
        ),
        (
            "requirepeer=me",
            "the database's parameter requirepeer is not supported (in the address)",
        ),
        (
            "shema=x",
            "unknown parameter \"shema\" of the database (in the address)",
        ),
        (
            "service=x",
            "there is no service \"x\" of a database in any service file: there is none",
        ),
    ] {
        let shown = target(
            &format!("postgres://u@db/d?{text}"),
            &[("PGSYSCONFDIR", "/nowhere")],
        );
        assert!(shown.starts_with(wanted), "{text}: {shown}");
    }
}

#[test]
fn values_of_variables_are_checked_as_well() {
    let of_variable = target("postgres://u@db/d", &[("PGSSLMODE", "maybe")]);
    assert!(
        of_variable.contains("sslmode cannot be \"maybe\" (PGSSLMODE)"),
        "{of_variable}"
    );
    let long = format!("postgres://u@db/d?schema={}", "é".repeat(32));
    assert!(target(&long, &[]).contains("schema cannot be"));
    let restricted = target("postgres://u@db/d", &[("PGREQUIREAUTH", "none")]);
    assert!(
        restricted.contains("require_auth is not supported (PGREQUIREAUTH)"),
        "{restricted}"
    );
}

#[test]
fn a_misspelt_parameter_is_told_with_the_nearest() {
    for (name, nearest) in [
        ("shema", "schema"),
        ("leese", "lease"),
        ("ssl_mode", "sslmode"),
        ("conect_timeout", "connect_timeout"),
    ] {
        let error = parsed(&format!("postgres://u@db/d?{name}=x"), &[]).unwrap_err();
        let hint = error.hint().unwrap_or_default().into_owned();
        assert_eq!(hint, format!("perhaps {nearest} is meant"), "{name}");
    }
    for name in ["pass", "pwd", "pasword", "Password", "passphrase"] {
        let error = parsed(&format!("postgres://u@db/d?{name}=x"), &[]).unwrap_err();
        assert!(
            matches!(error, AddressError::PasswordInAddress),
            "{name}: {error}"
        );
    }
}

#[test]
fn schema_and_lease_have_defaults() {
    let plain = parsed("postgres://u@db/d", &[]).unwrap();
    assert_eq!(
        (plain.schema(), plain.lease()),
        ("kable_bulk", Duration::from_secs(20))
    );
    let given = parsed("postgres://u@db/d?schema=a%22b&lease=1m", &[]).unwrap();
    assert_eq!(
        (given.schema(), given.lease()),
        ("a\"b", Duration::from_mins(1))
    );
    assert_eq!(given.to_string(), "postgres://u@db/d?schema=a%22b&lease=1m");
}

#[test]
fn only_connections_within_the_machine_are_plain_text() {
    let encrypts = |text: &str| {
        let address = parsed(text, &[])?;
        let [server] = address.connection.servers.as_slice() else {
            panic!("several servers");
        };
        address.connection.tls.encrypts(server)
    };
    for (text, wanted) in [
        ("postgres://u@db/d", Some(true)),
        ("postgres://u@db/d?sslmode=verify-full", Some(true)),
        ("postgres://u@db/d?sslmode=require", Some(true)),
        ("postgres://u@db/d?sslmode=prefer", None),
        ("postgres://u@db/d?sslmode=allow", None),
        ("postgres://u@db/d?sslmode=disable", None),
        ("postgres://u@10.0.0.1/d?sslmode=disable", None),
        (
            "postgres://u@localhost/d?hostaddr=10.0.0.1&sslmode=disable",
            None,
        ),
        ("postgres://u@localhost/d?hostaddr=10.0.0.1", Some(true)),
        ("postgres://u@db/d?hostaddr=127.0.0.1", Some(false)),
        ("postgres://u@localhost/d", Some(false)),
        ("postgres://u@127.0.0.1/d", Some(false)),
        ("postgres://u@[::1]/d?sslmode=disable", Some(false)),
        ("postgres://u@[::ffff:127.0.0.1]/d", Some(false)),
        ("postgres://u@localhost/d?sslmode=require", Some(true)),
        ("postgres://u@localhost.example.com/d", Some(true)),
        ("postgres://u@%2Ftmp/d?sslmode=verify-full", Some(false)),
    ] {
        if text.contains("%2F") && cfg!(not(unix)) {
            continue;
        }
        let is = encrypts(text);
        let is_refused = matches!(is, Err(AddressError::Unencrypted { .. }));
        assert_eq!(is.ok(), wanted, "{text}");
        assert_eq!(is_refused, wanted.is_none(), "{text}");
    }
    let mixed = parsed("postgres://u@localhost,db/d?sslmode=prefer", &[]).unwrap_err();
    assert_eq!(
        mixed.to_string(),
        "the connection to db:5432 would not be encrypted (sslmode=prefer, in the address)"
    );
}

#[test]
fn the_password_is_in_no_text() {
    let address = parsed("postgres://u@db/d", &[("PGPASSWORD", "S3cret")]).unwrap();
    let password = address.connection.password.as_ref();
    assert_eq!(
        password.map(|(_, origin)| origin.as_str()),
        Some("PGPASSWORD")
    );
    assert!(!format!("{address} {address:?} {address:#?}").contains("S3cret"));
}

#[test]
fn a_service_comes_after_the_address_and_before_the_variables() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("services");
    let text = "[s]\nhost=sh\nport=7\nuser=su\nuser=late\ngssencmode=prefer\npassword=S3cret\n\
        [own]\nschema=x\n[chain]\nservice=s\n[typo]\nhots=x\n";
    std::fs::write(&path, text).unwrap();
    let path = path.to_string_lossy().into_owned();
    let variables = [
        ("PGSERVICEFILE", path.as_str()),
        ("PGHOST", "vh"),
        ("PGDATABASE", "vd"),
        ("PGPASSWORD", "other"),
    ];
    let with = |service| [&variables[..], &[("PGSERVICE", service)]].concat();
    let wanted = "su at ah:7 in vd";
    assert_eq!(target("postgres://ah?service=s", &variables), wanted);
    assert_eq!(target("postgres://ah", &with("s")), wanted);
    let address = parsed("postgres://ah", &with("s")).unwrap();
    let (_, origin) = address.connection.password.as_ref().unwrap();
    assert_eq!(origin, "service s");
    assert!(!format!("{address:?}").contains("S3cret"));
    for service in ["own", "chain"] {
        let shown = target("postgres://ah", &with(service));
        assert!(shown.contains("cannot stand in a service"), "{shown}");
    }
    let shown = target("postgres://ah", &with("typo"));
    assert!(
        shown.contains("unknown parameter \"hots\" of the database (service typo)"),
        "{shown}"
    );
}

#[test]
fn a_dead_peer_is_noticed_in_about_twenty_seconds() {
    let of = |text: &str| parsed(text, &[]).unwrap().connection;
    let usual = of("postgres://u@db/d");
    assert_eq!(usual.keepalives, KEEPALIVES);
    assert_eq!(usual.timeout, Some(Duration::from_secs(10)));
    assert_eq!(usual.session, TargetSessionAttrs::Any);
    let several = of("postgres://u@a,b/d");
    assert_eq!(several.session, TargetSessionAttrs::ReadWrite);
    let given = of(
        "postgres://u@db/d?keepalives=0&tcp_user_timeout=1500&connect_timeout=0&\
        keepalives_idle=0&keepalives_count=5",
    );
    assert!(!given.keepalives.is_on);
    assert_eq!(
        given.keepalives.user_timeout,
        Some(Duration::from_millis(1500))
    );
    assert_eq!(
        (given.keepalives.idle, given.keepalives.count),
        (KEEPALIVES.idle, 5)
    );
    assert_eq!(given.timeout, None);
}

/// Answers one connection with `reply` to its first bytes, and closes it. Returns the port.
async fn server_that_says(reply: Vec<u8>) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        let (mut socket, _) = listener.accept().await.unwrap();
        let mut asked = [0; 512];
        assert!(socket.read(&mut asked).await.unwrap() > 0);
        socket.write_all(&reply).await.unwrap();
        // The client closes first: a reset would take back what was sent.
        socket.shutdown().await.unwrap();
        while socket.read(&mut asked).await.is_ok_and(|read| read > 0) {}
    });
    port
}

/// An `ErrorResponse` (PostgreSQL documentation, "Message Formats").
fn error_response(state: &str) -> Vec<u8> {
    let body = format!("SFATAL\0VFATAL\0C{state}\0Mthe reason\0\0");
    let length = u32::try_from(body.len() + 4).unwrap();
    [b"E", length.to_be_bytes().as_slice(), body.as_bytes()].concat()
}

async fn connected(text: &str) -> AddressError {
    let address = parsed(text, &[]).unwrap();
    address.connect().await.unwrap_err()
}

#[tokio::test]
async fn refusals_of_a_server_are_told_apart() {
    for (state, wanted, is_passing) in [
        ("3D000", "the server on S has no database \"d\"", false),
        (
            "28000",
            "the server on S does not let user \"u\" connect: the reason",
            false,
        ),
        (
            "28P01",
            "the server on S does not let user \"u\" connect: the reason",
            false,
        ),
        (
            "42501",
            "the server on S does not let user \"u\" connect: the reason",
            false,
        ),
        (
            "53300",
            "the server on S has no free connection: the reason",
            true,
        ),
        ("57P03", "the server on S is not ready: the reason", true),
        ("57P01", "the server on S is not ready: the reason", true),
        ("08006", "the server on S is not ready: the reason", true),
        (
            "08P01",
            "the server on S refuses the connection: the reason (08P01)",
            false,
        ),
        (
            "XX000",
            "the server on S refuses the connection: the reason (XX000)",
            false,
        ),
    ] {
        let port = server_that_says(error_response(state)).await;
        let error = connected(&format!("postgres://u@127.0.0.1:{port}/d")).await;
        let shown = error.to_string().replace(&format!("127.0.0.1:{port}"), "S");
        assert_eq!(
            (shown.as_str(), error.is_passing()),
            (wanted, is_passing),
            "{state}"
        );
    }
}

#[tokio::test]
async fn what_is_no_refusal_of_the_server_is_told_apart() {
    let cleartext = b"R\0\0\0\x08\0\0\0\x03".to_vec();
    let folder = tempfile::tempdir().unwrap();
    let authority = folder.path().join("authority.pem");
    std::fs::write(&authority, AUTHORITY).unwrap();
    // The system's certificates may be missing, and take time to read.
    let tls = format!("?sslmode=require&sslrootcert={}", authority.display());
    let tls = tls.as_str();
    for (reply, parameters, wanted, is_passing) in [
        (
            cleartext,
            "",
            "the server on S wants a password for user \"u\", and none is given",
            false,
        ),
        (
            Vec::new(),
            "",
            "the connection to the database on S failed",
            true,
        ),
        (
            b"HTTP/1.1 400 Bad\r\n\r\n".to_vec(),
            "",
            "the connection to the database on S failed",
            false,
        ),
        (
            b"N".to_vec(),
            tls,
            "the server on S offers no encryption",
            false,
        ),
        (
            b"HTTP/1.1".to_vec(),
            tls,
            "the server on S offers no encryption",
            false,
        ),
        (
            b"Sx".to_vec(),
            tls,
            "the encrypted connection to the database on S failed: received corrupt message of type InvalidContentType",
            false,
        ),
    ] {
        let port = server_that_says(reply).await;
        let error = connected(&format!("postgres://u@127.0.0.1:{port}/d{parameters}")).await;
        let shown = error.to_string().replace(&format!("127.0.0.1:{port}"), "S");
        assert_eq!(
            (shown.as_str(), error.is_passing()),
            (wanted, is_passing),
            "{error:?}"
        );
    }
}
