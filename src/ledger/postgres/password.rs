//! Reads the password file (PostgreSQL documentation, "The Password File"):
//! `HOST:PORT:DATABASE:USER:PASSWORD` a line, the first that matches counts.

use std::path::Path;

use secrecy::SecretString;

/// For whom a password is looked up.
#[derive(Debug, Clone, Copy)]
pub(super) struct PasswordKey<'k> {
    /// The names of the host, any of which matches.
    pub(super) hosts: &'k [&'k str],
    pub(super) port: u16,
    pub(super) database: &'k str,
    pub(super) user: &'k str,
}

/// What a password file has.
#[derive(Debug)]
pub(super) enum FilePassword {
    Found(SecretString),
    NotFound,
    /// The file is there, and can't be used: the reason.
    Ignored(String),
}

/// The password for `key` in the file at `path`. As in libpq, a file that other users can
/// read is ignored.
pub(super) fn password_in_file(path: &Path, key: PasswordKey<'_>) -> FilePassword {
    let ignored = |why: &dyn std::fmt::Display| {
        FilePassword::Ignored(format!("{} is ignored: {why}", path.display()))
    };
    let described = match std::fs::metadata(path) {
        Ok(described) => described,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            return FilePassword::NotFound;
        }
        Err(error) => return ignored(&error),
    };
    if !described.is_file() {
        return ignored(&"it is no plain file");
    }
    if is_open_to_others(&described) {
        return ignored(&"other users can read it (chmod 600)");
    }
    match std::fs::read(path) {
        Ok(lines) => {
            password_among(&lines, key).map_or(FilePassword::NotFound, FilePassword::Found)
        }
        Err(error) => ignored(&error),
    }
}

#[cfg(unix)]
fn is_open_to_others(file: &std::fs::Metadata) -> bool {
    use std::os::unix::fs::PermissionsExt;
    file.permissions().mode() & 0o077 != 0
}

#[cfg(not(unix))]
fn is_open_to_others(_file: &std::fs::Metadata) -> bool {
    false
}

/// The password of the first of `lines` that matches. Lines that are not UTF-8 match nothing.
fn password_among(lines: &[u8], key: PasswordKey<'_>) -> Option<SecretString> {
    lines
        .split(|byte| *byte == b'\n')
        .filter_map(|line| std::str::from_utf8(line).ok())
        .map(|line| line.strip_suffix('\r').unwrap_or(line))
        .filter(|line| !line.starts_with('#'))
        .find_map(|line| password_of(line, key))
}

/// The password of `line`, if its first four fields match.
fn password_of(line: &str, key: PasswordKey<'_>) -> Option<SecretString> {
    let mut rest = line;
    let mut next = || {
        let (field, behind) = field(rest);
        rest = behind?;
        Some(field)
    };
    let is = |field: &(bool, String), wanted: &str| field.0 || field.1 == wanted;
    let host = next()?;
    let port = next()?;
    let database = next()?;
    let user = next()?;
    let matches = key.hosts.iter().any(|name| is(&host, name))
        && is(&port, &key.port.to_string())
        && is(&database, key.database)
        && is(&user, key.user);
    let (_, password) = field(rest).0;
    (matches && !password.is_empty()).then(|| password.into())
}

/// The field that `line` begins with, and what is behind its colon: whether it is a bare `*`,
/// and its text. A backslash stands before a colon or a backslash of a value.
fn field(line: &str) -> ((bool, String), Option<&str>) {
    let mut text = String::new();
    let mut letters = line.char_indices();
    while let Some((at, letter)) = letters.next() {
        match letter {
            ':' => {
                let (raw, behind) = line.split_at(at);
                return ((raw == "*", text), behind.strip_prefix(':'));
            }
            '\\' => text.push(letters.next().map_or('\\', |(_, escaped)| escaped)),
            _ => text.push(letter),
        }
    }
    ((line == "*", text), None)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use secrecy::ExposeSecret as _;

    use super::*;

    const KEY: PasswordKey<'_> = PasswordKey {
        hosts: &["db.example.com"],
        port: 5432,
        database: "billing",
        user: "importer",
    };

    fn password(lines: &str) -> Option<String> {
        let found = password_among(lines.as_bytes(), KEY)?;
        Some(found.expose_secret().to_owned())
    }

    #[test]
    fn the_first_line_that_matches_counts() {
        for (lines, wanted) in [
            (
                "db.example.com:5432:billing:importer:secret",
                Some("secret"),
            ),
            ("*:*:*:*:any", Some("any")),
            ("db.example.com:*:billing:*:x\r\n", Some("x")),
            ("other:*:*:*:no\n*:*:*:*:yes\n*:*:*:*:late", Some("yes")),
            ("#*:*:*:*:comment\n\n*:*:*:*:yes", Some("yes")),
            ("*:*:*:importer:a\\:b\\\\c", Some("a:b\\c")),
            ("*:*:*:*:ends:here", Some("ends")),
            ("*:*:*:*: blanks stay ", Some(" blanks stay ")),
            ("*:*:*:*:\\", Some("\\")),
            ("*:*:*:*:*", Some("*")),
            ("*:*:*:*:", None),
            ("*:*:*:*", None),
            ("\\*:*:*:*:escaped", None),
            ("*.example.com:*:*:*:no pattern", None),
            ("db.example.com:5433:*:*:port", None),
            ("DB.example.com:*:*:*:case", None),
            ("db.example.com :*:*:*:blank", None),
            ("", None),
        ] {
            assert_eq!(password(lines).as_deref(), wanted, "{lines}");
        }
    }

    #[test]
    fn a_line_that_is_not_utf_8_is_passed_over() {
        let found = password_among(b"*:*:*:*:\xff\n*:*:*:*:good\n", KEY).unwrap();
        assert_eq!(found.expose_secret(), "good");
    }

    #[test]
    fn one_of_the_names_of_a_host_is_enough() {
        let key = PasswordKey {
            hosts: &["/run/postgresql", "localhost"],
            ..KEY
        };
        for line in ["localhost:*:*:*:x", "/run/postgresql:*:*:*:x"] {
            assert!(password_among(line.as_bytes(), key).is_some(), "{line}");
        }
    }

    #[cfg(unix)]
    #[test]
    fn a_file_that_others_can_read_is_ignored() {
        use std::os::unix::fs::PermissionsExt as _;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("pgpass");
        std::fs::write(&path, "*:*:*:*:secret\n").unwrap();
        for (mode, is_read) in [(0o600, true), (0o400, true), (0o640, false), (0o604, false)] {
            std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
            let found = password_in_file(&path, KEY);
            assert_eq!(matches!(found, FilePassword::Found(_)), is_read, "{mode:o}");
            assert_eq!(
                matches!(found, FilePassword::Ignored(_)),
                !is_read,
                "{mode:o}"
            );
            assert!(!format!("{found:?}").contains("secret"));
        }
        let gone = password_in_file(&folder.path().join("gone"), KEY);
        assert!(matches!(gone, FilePassword::NotFound));
        let is_folder = password_in_file(folder.path(), KEY);
        assert!(matches!(is_folder, FilePassword::Ignored(_)));
    }

    proptest! {
        #[test]
        fn what_is_escaped_is_read_back(fields in proptest::array::uniform4("[a:*\\\\ é]{1,5}")) {
            let escaped = fields.clone().map(|field| {
                let field = field.replace('\\', "\\\\").replace(':', "\\:");
                if field == "*" { "\\*".to_owned() } else { field }
            });
            let [host, database, user, password] = &fields;
            let line = format!("{}:5432:{}:{}:{}", escaped[0], escaped[1], escaped[2], escaped[3]);
            let hosts = [host.as_str()];
            let key = PasswordKey { hosts: &hosts, port: 5432, database, user };
            let found = password_of(&line, key).unwrap();
            prop_assert_eq!(found.expose_secret(), password);
            let other = PasswordKey { user: "other", ..key };
            prop_assert!(password_of(&line, other).is_none());
        }

        #[test]
        fn no_file_panics(lines in proptest::collection::vec(any::<u8>(), 0..80)) {
            let _found = password_among(&lines, KEY);
        }
    }
}
