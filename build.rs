//! Finds out which commit is built, for `--version`. Nothing here fails: without git, as in
//! the archive of a release, there is only the version.

use std::env::var_os;
use std::path::Path;
use std::process::Command;

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-env-changed=BUILD_COMMIT");
    let root = told("CARGO_MANIFEST_DIR").unwrap_or_default();
    let version = told("CARGO_PKG_VERSION").unwrap_or_default();
    let version = match note(Path::new(&root)) {
        Some(note) => format!("{version} ({note})"),
        None => version,
    };
    println!("cargo::rustc-env=BUILD_VERSION={version}");
}

/// A variable of the environment, in which Cargo tells a build script all that it knows.
fn told(name: &str) -> Option<String> {
    let value = var_os(name)?.into_string().ok()?;
    let line = value.lines().next().unwrap_or_default().trim();
    (!line.is_empty()).then(|| line.to_owned())
}

/// What stands behind the version.
fn note(root: &Path) -> Option<String> {
    if let Some(given) = told("BUILD_COMMIT") {
        return Some(given);
    }
    // Following the commit compiles everything again after each one: not while developing.
    if told("PROFILE").as_deref() != Some("release") {
        return Some("debug build".to_owned());
    }
    if let Some(log) = log_of_head(root) {
        println!("cargo::rerun-if-changed={log}");
    }
    commit(root)
}

/// The file that grows when HEAD moves, if there is one: Cargo would take a file that is
/// missing for one that changed.
fn log_of_head(root: &Path) -> Option<String> {
    let log = git(root, &["rev-parse", "--git-path", "logs/HEAD"])?;
    root.join(&log).exists().then_some(log)
}

/// The commit of the working tree `root`, and its date.
pub(crate) fn commit(root: &Path) -> Option<String> {
    git(root, &["log", "-1", "--abbrev=7", "--format=%h %cs"])
}

/// What git says of the working tree `root`. An archive of ours may lie within another one,
/// of which it must not say anything.
fn git(root: &Path, arguments: &[&str]) -> Option<String> {
    if !root.join(".git").exists() {
        return None;
    }
    let mut git = Command::new("git");
    let output = git.current_dir(root).args(arguments).output().ok()?;
    let said = String::from_utf8(output.stdout).ok()?;
    let said = said.trim();
    (output.status.success() && !said.is_empty()).then(|| said.to_owned())
}
