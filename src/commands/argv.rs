//! The command that was typed, taken apart, so that another one can be made of
//! it: what to type next.

use std::ffi::{OsStr, OsString};
use std::fmt::Write;

use clap::parser::ValueSource;
use clap::{ArgMatches, Command};

use crate::domain::text::is_hostile;

/// The command that was typed.
#[derive(Debug, Clone, Default)]
pub struct Typed {
    program: OsString,
    command: String,
    inputs: Vec<OsString>,
    options: Vec<TypedOption>,
}

/// An option as it was typed.
#[derive(Debug, Clone)]
struct TypedOption {
    name: String,
    value: Option<OsString>,
    /// Whether its value stands behind an equals sign.
    equals: bool,
}

impl Typed {
    /// What `matches` hold of a command line that began with `program`; `cli`
    /// knows the options.
    pub fn of(program: OsString, cli: &Command, matches: &ArgMatches) -> Self {
        let mut typed = Self {
            program,
            ..Self::default()
        };
        let Some((name, matches)) = matches.subcommand() else {
            return typed;
        };
        name.clone_into(&mut typed.command);
        let known = cli.find_subcommand(name).into_iter();
        let mut options = Vec::new();
        for known in known.flat_map(Command::get_arguments) {
            let id = known.get_id().as_str();
            if matches.value_source(id) != Some(ValueSource::CommandLine) {
                continue;
            }
            let values = matches.get_raw(id).into_iter().flatten();
            let Some(long) = known.get_long() else {
                typed.inputs.extend(values.map(OsStr::to_owned));
                continue;
            };
            let takes_value = known.get_action().takes_values();
            let equals = known.is_require_equals_set();
            for (place, value) in matches.indices_of(id).into_iter().flatten().zip(values) {
                let is_missing = equals && known.get_default_values().is_empty() && {
                    // What stands for an option without a value.
                    value == "true" || value == "kable-sandbox.db"
                };
                let option = TypedOption {
                    name: long.to_owned(),
                    value: (takes_value && !is_missing).then(|| value.to_owned()),
                    equals,
                };
                options.push((place, option));
            }
        }
        options.sort_by_key(|(place, _)| *place);
        typed.options = options.into_iter().map(|(_, option)| option).collect();
        typed
    }

    /// Whether the option `name` was typed.
    pub(super) fn has(&self, name: &str) -> bool {
        self.options.iter().any(|option| option.name == name)
    }

    /// Whether it reads standard input.
    pub(super) fn reads_stdin(&self) -> bool {
        self.inputs.iter().any(|input| input == "-")
    }

    /// Another subcommand.
    #[must_use]
    pub(super) fn command(mut self, name: &str) -> Self {
        name.clone_into(&mut self.command);
        self
    }

    /// Other inputs.
    #[must_use]
    pub(super) fn inputs<S: AsRef<OsStr>>(mut self, inputs: impl IntoIterator<Item = S>) -> Self {
        let inputs = inputs.into_iter();
        self.inputs = inputs.map(|input| input.as_ref().to_owned()).collect();
        self
    }

    /// Without the option `name`.
    #[must_use]
    pub(super) fn without(mut self, name: &str) -> Self {
        self.options.retain(|option| option.name != name);
        self
    }

    /// Without those of the option `name` whose values are `unwanted`.
    #[must_use]
    pub(super) fn without_values(mut self, name: &str, unwanted: impl Fn(&str) -> bool) -> Self {
        self.options.retain(|option| {
            let value = option.value.as_deref().and_then(OsStr::to_str);
            option.name != name || !value.is_some_and(&unwanted)
        });
        self
    }

    /// With the switch `name`.
    #[must_use]
    pub(super) fn switch(mut self, name: &str) -> Self {
        self.options.push(TypedOption {
            name: name.to_owned(),
            value: None,
            equals: false,
        });
        self
    }

    /// With the switch `name` off, whatever a file says.
    #[must_use]
    pub(super) fn switch_off(self, name: &str) -> Self {
        self.with_option(name, "false", true)
    }

    /// With another value of the option `name`.
    #[must_use]
    pub(super) fn with(self, name: &str, value: impl AsRef<OsStr>) -> Self {
        self.with_option(name, value, false)
    }

    fn with_option(mut self, name: &str, value: impl AsRef<OsStr>, equals: bool) -> Self {
        self.options.push(TypedOption {
            name: name.to_owned(),
            value: Some(value.as_ref().to_owned()),
            equals,
        });
        self
    }

    /// As it is typed into a shell.
    pub(super) fn line(&self) -> String {
        let begins_with_dash =
            |input: &OsString| input != "-" && input.as_encoded_bytes().starts_with(b"-");
        let inputs: Vec<String> = self.inputs.iter().map(shell_word).collect();
        let apart = self.inputs.iter().any(begins_with_dash);
        let mut words = vec![shell_word(&self.program), self.command.clone()];
        if !apart {
            words.extend(inputs.iter().cloned());
        }
        for option in &self.options {
            let name = format!("--{}", option.name);
            match &option.value {
                None => words.push(name),
                Some(value) if option.equals || value.as_encoded_bytes().starts_with(b"-") => {
                    words.push(format!("{name}={}", shell_word(value)));
                }
                Some(value) => words.extend([name, shell_word(value)]),
            }
        }
        if apart {
            words.push("--".to_owned());
            words.extend(inputs);
        }
        words.join(" ")
    }
}

/// `word` as a shell takes it: as it is, in quotes, or, where it can't be shown,
/// as `$'…'`.
pub(super) fn shell_word(word: impl AsRef<OsStr>) -> String {
    let word = word.as_ref();
    let is_plain = |c: char| c.is_alphanumeric() || "-_=./:,@%+".contains(c);
    match word.to_str() {
        Some(text) if !text.is_empty() && text.chars().all(is_plain) => text.to_owned(),
        Some(text) if !text.chars().any(is_hostile) => {
            format!("'{}'", text.replace('\'', "'\\''"))
        }
        Some(_) | None => escaped(word.as_encoded_bytes()),
    }
}

fn escaped(bytes: &[u8]) -> String {
    let mut text = String::from("$'");
    for chunk in bytes.utf8_chunks() {
        for letter in chunk.valid().chars() {
            match letter {
                '\'' | '\\' => text.extend(['\\', letter]),
                letter if is_hostile(letter) => {
                    let mut room = [0; 4];
                    push_bytes(&mut text, letter.encode_utf8(&mut room).as_bytes());
                }
                letter => text.push(letter),
            }
        }
        push_bytes(&mut text, chunk.invalid());
    }
    text.push('\'');
    text
}

fn push_bytes(text: &mut String, bytes: &[u8]) {
    // Octal, of three digits always: what follows can't be taken for a digit.
    for byte in bytes {
        // Writing to a string can't fail.
        write!(text, "\\{byte:03o}").ok();
    }
}

/// A path as people are shown it: as it is, or as a shell takes it where it
/// can't be shown, so that no two paths look alike.
pub(super) fn shown(path: &std::path::Path) -> String {
    match path.to_str() {
        Some(text) if !text.chars().any(is_hostile) => text.to_owned(),
        Some(_) | None => escaped(path.as_os_str().as_encoded_bytes()),
    }
}

#[cfg(test)]
pub(super) mod tests {
    use std::ffi::OsStr;

    use clap::CommandFactory;

    use super::{Typed, shell_word};
    use crate::cli::Cli;

    /// What was typed, as words.
    pub(crate) fn typed(words: &[&str]) -> Typed {
        let cli = Cli::command();
        let matches = cli.clone().try_get_matches_from(words).unwrap();
        Typed::of(words[0].into(), &cli, &matches)
    }

    #[test]
    fn words_are_quoted_where_a_shell_would_take_them_apart() {
        assert_eq!(shell_word("a.csv"), "a.csv");
        assert_eq!(shell_word("it's here"), "'it'\\''s here'");
        assert_eq!(shell_word("*.csv"), "'*.csv'");
        assert_eq!(shell_word("a\nb'"), "$'a\\012b\\''");
        assert_eq!(shell_word(""), "''");
    }

    #[cfg(unix)]
    #[test]
    fn a_word_that_is_not_text_comes_out_as_its_bytes() {
        use std::os::unix::ffi::OsStrExt;
        assert_eq!(
            shell_word(OsStr::from_bytes(b"erg\xe4nzt")),
            "$'erg\\344nzt'"
        );
    }

    #[test]
    fn what_was_typed_is_typed_again() {
        for (line, wanted) in [
            (
                "kable-bulk import in.csv --out=x -v --sandbox --map a=b --map c=d",
                "kable-bulk import in.csv --out x --verbose --sandbox --map a=b --map c=d",
            ),
            (
                "kable-bulk import --sandbox=my.db --yes=false --keys --rate 5 a b",
                "kable-bulk import a b --sandbox=my.db --yes=false --keys --rate 5",
            ),
            (
                "kable-bulk import --out=-x -- -in.csv import",
                "kable-bulk import --out=-x -- -in.csv import",
            ),
        ] {
            let words: Vec<&str> = line.split(' ').collect();
            let again = typed(&words).line();
            assert_eq!(again, wanted);
            let words: Vec<&str> = again.split(' ').collect();
            assert_eq!(typed(&words).line(), wanted);
        }
    }

    #[test]
    fn other_commands_are_made_of_it() {
        let typed = typed(&[
            "kable-bulk",
            "validate",
            "import",
            "--out",
            "import",
            "--strict",
        ]);
        assert_eq!(
            typed
                .clone()
                .command("import")
                .inputs(["-x"])
                .without("out")
                .with("max-errors", "5")
                .switch_off("yes")
                .line(),
            "kable-bulk import --strict --max-errors 5 --yes=false -- -x"
        );
        assert!(typed.has("strict") && !typed.has("yes"));
    }
}
