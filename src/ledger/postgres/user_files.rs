//! Where libpq's files of a user are (PostgreSQL documentation, "The Password File",
//! "The Connection Service File", "SSL Support").

use std::path::{Path, PathBuf};

/// The environment's variables by name.
pub type Variables<'v> = dyn Fn(&str) -> Option<String> + 'v;

/// A file that the user may have.
#[derive(Debug, Clone, Copy)]
pub(super) enum UserFile {
    Passwords,
    Services,
    /// The certificates of the authorities that are trusted.
    Authorities,
    Certificate,
    Key,
}

impl UserFile {
    /// Its path, whether or not it exists.
    pub(super) fn path(self, variables: &Variables<'_>) -> Option<PathBuf> {
        let home = if cfg!(windows) { "APPDATA" } else { "HOME" };
        let home = variables(home).filter(|path| !path.is_empty())?;
        let folder = PathBuf::from(home);
        Some(match self {
            Self::Passwords if cfg!(windows) => folder.join("postgresql").join("pgpass.conf"),
            Self::Passwords => folder.join(".pgpass"),
            Self::Services if cfg!(windows) => folder.join("postgresql").join(".pg_service.conf"),
            Self::Services => folder.join(".pg_service.conf"),
            Self::Authorities => tls_folder(&folder).join("root.crt"),
            Self::Certificate => tls_folder(&folder).join("postgresql.crt"),
            Self::Key => tls_folder(&folder).join("postgresql.key"),
        })
    }

    /// Its path, if it exists.
    pub(super) fn existing(self, variables: &Variables<'_>) -> Option<PathBuf> {
        self.path(variables).filter(|path| path.exists())
    }
}

fn tls_folder(home: &Path) -> PathBuf {
    let name = if cfg!(windows) {
        "postgresql"
    } else {
        ".postgresql"
    };
    home.join(name)
}
