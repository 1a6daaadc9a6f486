//! The options that can stand in a file or in the environment: their names, and
//! what kind of value each takes. Both follow from the grammar of the command line.

use std::any::TypeId;
use std::ffi::{OsStr, OsString};
use std::path::PathBuf;

use clap::builder::Resettable;
use clap::{Arg, ArgAction, Args, Command, FromArgMatches, Id};

use crate::cli::{SandboxChoice, StoredOptions};
use crate::domain::nearest::{ALIKE_OPTIONS, nearest_above};

/// The start of an option's variable.
const PREFIX: &str = "KABLE_BULK_";

/// The options of the command line that are no options of a file, and why.
const TYPED_ONLY: [(&str, &str); 3] = [
    ("config", "a file can't name another one"),
    ("no-config", "it is for the command line"),
    (
        "no-dry-run",
        "it is for the command line; here it is dry-run",
    ),
];

/// Options that replace each other: a typed one replaces all of them in the file.
const EXCLUSIVE: [&[&str]; 3] = [
    &["rate", "max-rate"],
    &["env", "base-url", "sandbox"],
    &["dry-run", "no-dry-run"],
];

/// The variables that name options, and their values. Other variables are ignored.
pub(super) fn named_options(
    variables: impl Iterator<Item = (OsString, OsString)>,
) -> Vec<(String, OsString)> {
    let named = variables.filter_map(|(name, value)| {
        let long = name.to_str()?.strip_prefix(PREFIX)?;
        let value = value
            .to_str()
            .map_or(value.clone(), |text| text.trim().into());
        let is_set = !long.is_empty() && !value.is_empty();
        is_set.then(|| (long.to_ascii_lowercase().replace('_', "-"), value))
    });
    let mut named: Vec<(String, OsString)> = named.collect();
    named.sort_unstable();
    named
}

/// The variable of the option `long`.
pub(super) fn variable_of(long: &str) -> String {
    format!("{PREFIX}{}", long.to_ascii_uppercase().replace('-', "_"))
}

/// The options that replace the option `long`, and itself.
pub(super) fn replacing(long: &str) -> impl Iterator<Item = &str> {
    let others = EXCLUSIVE.iter().find(|options| options.contains(&long));
    others.into_iter().copied().flatten().copied().chain([long])
}

/// What kind of value an option takes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum OptionKind {
    /// On or off.
    Switch,
    /// One of these words.
    Choice(Vec<String>),
    /// A whole number.
    Number,
    /// A path; on or off as well if it `is_switch`.
    Path {
        /// Whether the option can stand without a value.
        is_switch: bool,
    },
    /// Texts, such as `FIELD=COLUMN`.
    List {
        /// What each of them is, for people.
        item: String,
    },
    /// Any text.
    Text,
}

/// The grammar of options that are not typed.
#[derive(Debug)]
pub(super) struct OptionGrammar(Command);

impl OptionGrammar {
    /// The grammar of the command line, in which no option excludes another one:
    /// what may stand in a file together is decided where the options are used.
    pub(super) fn new() -> Self {
        let command = StoredOptions::augment_args(Command::new("options"))
            .no_binary_name(true)
            .disable_help_flag(true);
        Self(command.mut_args(|option| {
            option
                .conflicts_with(Resettable::<Id>::Reset)
                .requires(Resettable::<Id>::Reset)
        }))
    }

    /// The long names of all options.
    pub(super) fn longs(&self) -> impl Iterator<Item = &str> {
        let longs = self.0.get_arguments().filter_map(Arg::get_long);
        longs.filter(|long| !TYPED_ONLY.iter().any(|(typed, _)| typed == long))
    }

    /// What kind of value the option `long` takes, or why there is no such option.
    pub(super) fn kind(&self, long: &str) -> Result<OptionKind, String> {
        self.demand_known(long)?;
        let mut options = self.0.get_arguments();
        let option = options.find(|option| option.get_long() == Some(long));
        Ok(option.map_or(OptionKind::Text, kind_of))
    }

    /// Refuses names of options that do not exist, and secrets.
    fn demand_known(&self, key: &str) -> Result<(), String> {
        let lower = key.to_ascii_lowercase().replace('_', "-");
        if lower.contains("secret") && lower != "client-secret-file" {
            return Err(format!(
                "{key:?} has no place here: a secret goes into the environment"
            ));
        }
        if let Some((_, why)) = TYPED_ONLY.iter().find(|(typed, _)| *typed == lower) {
            return Err(format!("{key:?} has no place here: {why}"));
        }
        if self.longs().any(|long| long == key) {
            return Ok(());
        }
        let hint = nearest_above(ALIKE_OPTIONS, &lower, self.longs())
            .map(|long| format!(", perhaps {long:?}"))
            .unwrap_or_default();
        Err(format!("there is no option {key:?}{hint}"))
    }

    /// The options that these words of a command line give.
    pub(super) fn parse(&self, words: &[OsString]) -> Result<StoredOptions, clap::Error> {
        let matches = self.0.clone().try_get_matches_from(words)?;
        StoredOptions::from_arg_matches(&matches)
    }
}

/// The word of a command line that gives `value` to the option `long`.
pub(super) fn word(long: &str, value: &OsStr) -> OsString {
    let mut word = OsString::from(format!("--{long}="));
    word.push(value);
    word
}

fn kind_of(option: &Arg) -> OptionKind {
    if matches!(option.get_action(), ArgAction::Append) {
        let names = option.get_value_names().unwrap_or_default();
        let item = names.first().map(ToString::to_string).unwrap_or_default();
        return OptionKind::List { item };
    }
    let choices: Vec<String> = option
        .get_possible_values()
        .iter()
        .map(|choice| choice.get_name().to_owned())
        .collect();
    let value = option.get_value_parser().type_id();
    let is = |types: &[TypeId]| types.iter().any(|one| value == *one);
    if matches!(option.get_action(), ArgAction::SetTrue) || choices == ["true", "false"] {
        OptionKind::Switch
    } else if !choices.is_empty() {
        OptionKind::Choice(choices)
    } else if is(&[TypeId::of::<PathBuf>(), TypeId::of::<SandboxChoice>()]) {
        let few = option.get_num_args().map(|many| many.min_values());
        OptionKind::Path {
            is_switch: few == Some(0),
        }
    } else if is(&[
        TypeId::of::<u16>(),
        TypeId::of::<u32>(),
        TypeId::of::<u64>(),
        TypeId::of::<usize>(),
    ]) {
        OptionKind::Number
    } else {
        OptionKind::Text
    }
}
