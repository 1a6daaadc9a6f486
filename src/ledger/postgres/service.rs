//! Reads service files: named sets of parameters (PostgreSQL documentation, "The Connection
//! Service File").
//!
//! A line is never quoted, because it may hold a password.

use std::path::{Path, PathBuf};

use super::address_error::AddressError;
use super::user_files::{UserFile, Variables};

/// Where the file of the whole machine is, in the packages of Debian and of Red Hat.
const SYSTEM_FOLDERS: [&str; 2] = ["/etc/postgresql-common", "/etc/sysconfig/pgsql"];

/// A file of services, and what one of them sets, in its order.
pub(super) type ServiceSettings = (PathBuf, Vec<(String, String)>);

/// What service `name` sets.
pub(super) fn service_settings(
    name: &str,
    variables: &Variables<'_>,
) -> Result<ServiceSettings, AddressError> {
    let set = |name: &str| variables(name).filter(|value| !value.is_empty());
    let mut files: Vec<PathBuf> = Vec::new();
    match set("PGSERVICEFILE") {
        // The one that is named must be there.
        Some(path) => files.push(path.into()),
        None => files.extend(UserFile::Services.existing(variables)),
    }
    let folders = match set("PGSYSCONFDIR") {
        Some(folder) => vec![folder],
        None => SYSTEM_FOLDERS.map(str::to_owned).to_vec(),
    };
    let of_system = folders
        .iter()
        .map(|folder| Path::new(folder).join("pg_service.conf"));
    files.extend(of_system.filter(|path| path.exists()));
    for path in &files {
        let failed = |what: String| AddressError::ServiceFile {
            path: path.clone(),
            what,
        };
        let text = std::fs::read_to_string(path).map_err(|error| failed(error.to_string()))?;
        if let Some(settings) = section(&text, name).map_err(failed)? {
            return Ok((path.clone(), settings));
        }
    }
    let files: Vec<String> = files
        .iter()
        .map(|path| path.display().to_string())
        .collect();
    Err(AddressError::NoService {
        name: name.to_owned(),
        files: if files.is_empty() {
            "any service file: there is none".to_owned()
        } else {
            files.join(" and ")
        },
    })
}

/// The settings of section `name` of a service file; `None` if it has no such section.
fn section(text: &str, name: &str) -> Result<Option<Vec<(String, String)>>, String> {
    let mut settings: Option<Vec<(String, String)>> = None;
    for (line, number) in text.lines().zip(1_u64..) {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        if let Some(title) = line.strip_prefix('[') {
            if settings.is_some() {
                break;
            }
            if title
                .strip_prefix(name)
                .is_some_and(|end| end.starts_with(']'))
            {
                settings = Some(Vec::new());
            }
        } else if let Some(settings) = &mut settings {
            let (key, value) = line
                .split_once('=')
                .ok_or_else(|| format!("line {number} is neither [NAME] nor NAME=VALUE"))?;
            settings.push((key.to_owned(), value.to_owned()));
        }
    }
    Ok(settings)
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = "# services\n\n[nightly]\nhost=db.example.com\n  port=5433  \n\
        password=a=b\n# end\n[nightly2]\nhost=other\nnonsense\n[empty]\n[ nightly ]\nhost=x\n";

    fn settings(name: &str) -> Result<Option<String>, String> {
        let settings = section(FILE, name)?;
        let shown = |settings: Vec<(String, String)>| {
            let pairs: Vec<_> = settings.iter().map(|(k, v)| format!("{k}={v}")).collect();
            pairs.join(" ")
        };
        Ok(settings.map(shown))
    }

    #[test]
    fn a_section_ends_where_the_next_begins() {
        let nightly = "host=db.example.com port=5433 password=a=b";
        assert_eq!(settings("nightly"), Ok(Some(nightly.to_owned())));
        assert_eq!(settings("empty"), Ok(Some(String::new())));
        assert_eq!(settings("night"), Ok(None));
        assert_eq!(settings("nonsense"), Ok(None));
    }

    #[test]
    fn a_line_that_cannot_be_read_is_told_by_its_number_only() {
        let error = settings("nightly2").unwrap_err();
        assert_eq!(error, "line 10 is neither [NAME] nor NAME=VALUE");
    }

    #[test]
    fn the_file_of_the_user_comes_before_that_of_the_system() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        std::fs::write(at(".pg_service.conf"), "[a]\nhost=mine\n").unwrap();
        std::fs::write(
            at("pg_service.conf"),
            "[a]\nhost=system\n[b]\nhost=system\n",
        )
        .unwrap();
        std::fs::write(at("named"), "[c]\nhost=named\n").unwrap();
        let home = folder.path().to_string_lossy().into_owned();
        let read = |service: &str, named: Option<PathBuf>| {
            let variables = |name: &str| match name {
                "HOME" | "APPDATA" | "PGSYSCONFDIR" => Some(home.clone()),
                "PGSERVICEFILE" => named
                    .as_ref()
                    .map(|path| path.to_string_lossy().into_owned()),
                _other => None,
            };
            match service_settings(service, &variables) {
                Ok((_, settings)) => settings[0].1.clone(),
                Err(error) => error.to_string(),
            }
        };
        if cfg!(unix) {
            assert_eq!(read("a", None), "mine");
        }
        assert_eq!(read("b", None), "system");
        assert_eq!(read("a", Some(at("named"))), "system");
        assert_eq!(read("c", Some(at("named"))), "named");
        assert!(read("d", None).starts_with("there is no service \"d\" of a database in "));
        assert!(read("a", Some(at("gone"))).starts_with("cannot read the service file "));
    }
}
