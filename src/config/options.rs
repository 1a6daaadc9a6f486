//! Options in a file or in the environment: their names and values.

use std::ffi::OsString;

use clap::CommandFactory;

use crate::cli::Cli;

/// The start of an option's variable.
pub(super) const PREFIX: &str = "KABLE_BULK_";

/// The variables that name options, and their values. Other variables are ignored.
pub(super) fn named_options(
    variables: impl Iterator<Item = (OsString, OsString)>,
) -> Vec<(String, String)> {
    let named = variables.filter_map(|(name, value)| {
        let long = name.to_str()?.strip_prefix(PREFIX)?;
        let value = value.to_string_lossy().trim().to_owned();
        let is_set = !long.is_empty() && !value.is_empty();
        is_set.then(|| (long.to_ascii_lowercase().replace('_', "-"), value))
    });
    let mut named: Vec<(String, String)> = named.collect();
    named.sort_unstable();
    named
}

/// A variable's text as a value of the type that the option `long` has: a number,
/// a switch or a list as TOML writes them, or else the text itself.
///
/// `fits` says whether options can be read from a table.
pub(super) fn typed_value(
    long: &str,
    text: &str,
    fits: impl Fn(toml::Table) -> bool,
) -> Result<toml::Value, String> {
    let fits =
        |value: &toml::Value| fits(toml::Table::from_iter([(long.to_owned(), value.clone())]));
    let plain = toml::Value::String(text.to_owned());
    let list = toml::Value::Array(vec![plain.clone()]);
    let written = toml::from_str(&format!("value = {text}"));
    let written = written.map(|mut table: toml::Table| table.remove("value"));
    let mut values = [Some(plain), written.ok().flatten(), Some(list)]
        .into_iter()
        .flatten();
    match values.find(fits) {
        Some(value) => Ok(value),
        None => Err(format!("{text:?} is no value of --{long}")),
    }
}

/// The long names of the options that may stand in a file or in the environment.
pub(super) fn known_options() -> Vec<String> {
    let command = Cli::command();
    let commands = command
        .get_subcommands()
        .filter(|command| ["import", "validate"].contains(&command.get_name()));
    commands
        .flat_map(clap::Command::get_arguments)
        .filter_map(clap::Arg::get_long)
        .filter(|long| !["config", "no-config", "no-dry-run", "help", "version"].contains(long))
        .map(str::to_owned)
        .collect()
}

/// Refuses names of options that do not exist, and secrets.
pub(super) fn demand_known(key: &str, known: &[String]) -> Result<(), String> {
    if key.contains("secret") && key != "client-secret-file" {
        return Err(format!(
            "{key:?} has no place here: a secret goes into the environment"
        ));
    }
    if known.iter().any(|long| long == key) {
        return Ok(());
    }
    let near = known
        .iter()
        .map(|long| (strsim::jaro_winkler(long, key), long))
        .filter(|(likeness, _)| *likeness > 0.8)
        .max_by(|a, b| a.0.total_cmp(&b.0));
    let hint = near
        .map(|(_, long)| format!(", perhaps {long:?}"))
        .unwrap_or_default();
    Err(format!("there is no option {key:?}{hint}"))
}

/// Reads a file's text, and refuses options that do not exist.
pub(super) fn parse(text: &str) -> Result<toml::Table, String> {
    // The parser's own text quotes the line, which may hold a secret.
    let table: toml::Table = toml::from_str(text).map_err(|error| {
        match error.span().and_then(|span| text.get(..span.start)) {
            Some(before) => {
                let line = before.matches('\n').count() + 1;
                format!("line {line}: {}", error.message())
            }
            None => error.message().to_owned(),
        }
    })?;
    let known = known_options();
    for key in table.keys() {
        demand_known(key, &known)?;
    }
    Ok(table)
}
