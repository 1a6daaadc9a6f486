//! Credentials, checked before anything is connected to. No message shows any part of them.

use secrecy::{ExposeSecret, SecretString};

use super::error::ConfigError;

/// The hosts of Kable, with the start of the secrets that each takes (API reference,
/// "authentication").
const HOSTS: [(&str, &str); 2] = [("test.kable.io", "sk_test"), ("live.kable.io", "sk_live")];

/// The start of a client id, and that of a secret.
const CLIENT_ID: &str = "kci_";
const SECRET: &str = "sk_";

/// Refuses credentials that stand in each other's place, that were copied with more than
/// themselves, or that are for another host than `host`.
pub(super) fn check_credentials(
    client_id: &str,
    secret: &SecretString,
    host: Option<&str>,
) -> Result<(), ConfigError> {
    let secret = secret.expose_secret();
    // A client id is shown and stored, a secret must not be.
    if client_id.starts_with(SECRET) || secret.starts_with(CLIENT_ID) {
        return Err(ConfigError::Swapped);
    }
    for (what, value) in [("client id", client_id), ("client secret", secret)] {
        if let Some(wrong) = misfit(value) {
            return Err(ConfigError::Credential { what, wrong });
        }
    }
    let is_of = |start: &str| secret.starts_with(start);
    let host = HOSTS.into_iter().find(|(name, _)| host == Some(*name));
    let other = HOSTS.into_iter().find(|(_, start)| is_of(start));
    match (host, other) {
        (Some((host, wanted)), Some((_, found))) if found != wanted => {
            Err(ConfigError::OtherHost {
                host,
                wanted,
                found,
            })
        }
        (Some(_) | None, _) => Ok(()),
    }
}

/// What is not part of any credential, and was copied with it.
fn misfit(value: &str) -> Option<&'static str> {
    let quotes = ['"', '\'', '`', '“', '”', '‘', '’'];
    if value.starts_with('\u{feff}') {
        Some("begins with a byte-order mark")
    } else if value.starts_with(quotes) || value.ends_with(quotes) {
        Some("stands in quotation marks")
    } else if value.starts_with("KABLE_CLIENT_") || value.starts_with("export ") {
        Some("begins with the name of its variable")
    } else if value.contains(char::is_whitespace) {
        Some("has a blank or a line break in it")
    } else if value.contains(|letter: char| !letter.is_ascii_graphic()) {
        Some("has a character in it that no header can carry")
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::check_credentials;

    const ID: &str = "kci_5a6d";

    fn error(client_id: &str, secret: &str, host: Option<&str>) -> Option<String> {
        let checked = check_credentials(client_id, &secret.into(), host);
        let error = checked.err()?;
        let said = format!("{error}; {}", error.hint());
        assert!(!said.contains("abc123"), "{said}");
        Some(said)
    }

    #[test]
    fn what_was_copied_with_a_credential_is_said_and_no_part_of_it() {
        for (secret, wrong) in [
            ("\"sk_test.abc123\"", "stands in quotation marks"),
            ("sk_test.abc123'", "stands in quotation marks"),
            ("“sk_test.abc123”", "stands in quotation marks"),
            ("\u{feff}sk_test.abc123", "begins with a byte-order mark"),
            ("sk_test.abc123 x", "a blank or a line break"),
            ("sk_test.abc123\nkci_1", "a blank or a line break"),
            (
                "KABLE_CLIENT_SECRET=sk_test.abc123",
                "the name of its variable",
            ),
            ("sk_test.abc123\u{7}", "no header can carry"),
            ("sk_test.abc123\u{e9}", "no header can carry"),
        ] {
            let said = error(ID, secret, None).unwrap();
            assert!(said.starts_with("the client secret "), "{said}");
            assert!(said.contains(wrong), "{said}");
        }
        let said = error("\"kci_abc123\"", "sk_test.1", None).unwrap();
        assert!(
            said.starts_with("the client id stands in quotation marks"),
            "{said}"
        );
        assert_eq!(error(ID, "sk_test.abc123==/+", None), None);
    }

    #[test]
    fn a_secret_of_the_other_host_is_said() {
        let (test, live) = (Some("test.kable.io"), Some("live.kable.io"));
        for (secret, host, wrong) in [
            ("sk_live.abc123", test, true),
            ("sk_test.abc123", live, true),
            ("sk_live.abc123", live, false),
            ("sk_test.abc123", test, false),
            ("sk_live.abc123", Some("localhost"), false),
            ("abc123", live, false),
        ] {
            assert_eq!(
                error(ID, secret, host).is_some(),
                wrong,
                "{secret} {host:?}"
            );
        }
        let said = error(ID, "sk_live.abc123", test).unwrap();
        assert!(
            said.contains("test.kable.io takes secrets that begin with sk_test"),
            "{said}"
        );
        assert!(said.contains("--env live"), "{said}");
    }
}
