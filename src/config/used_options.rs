//! Which options of the file and of the environment a command takes, and what they are.

use super::file::FileOptions;
use super::options::replacing;
use super::origin::{Assignment, OptionOrigin};
use crate::cli::command as grammar;

/// The options that say where customers are sent.
const TARGET: [&str; 4] = ["env", "base-url", "sandbox", "client-secret-file"];

/// Options whose values may hold a secret: a command may have a token in it.
const HIDDEN: [&str; 1] = ["notify-command"];

impl FileOptions {
    /// Says which of these options the subcommand `command` takes from the file and
    /// from the environment. The target of a file that was not named is not among
    /// them: see `unnamed_target`.
    pub fn notes(&self, command: &str, is_typed: impl Fn(&str) -> bool) -> Vec<String> {
        let (mut in_file, mut variables) = (Vec::new(), Vec::new());
        for (long, assignment) in self.used(command, is_typed) {
            let is_named = self.unnamed_target.is_none() || !assignment.is_in_file();
            match &assignment.origin {
                _ if !is_named && TARGET.contains(&long) => {}
                OptionOrigin::File { .. } => in_file.push(long),
                OptionOrigin::Variable { name } => variables.push(name.as_str()),
            }
        }
        let from = |place: &str, options: &[&str]| {
            (!options.is_empty()).then(|| format!("options from {place}: {}", options.join(", ")))
        };
        let notes = [
            from(&self.file, &in_file),
            from("the environment", &variables),
        ];
        notes.into_iter().flatten().collect()
    }

    /// The notes on the options that are taken from here, and the settings that they are.
    pub fn taken(
        &self,
        command: &str,
        is_typed: impl Fn(&str) -> bool,
    ) -> (Vec<String>, Vec<String>) {
        let notes = self.notes(command, &is_typed);
        (notes, self.settings(command, is_typed))
    }

    /// The same options with their values and where each is written, the target included.
    /// No value may hold a secret.
    fn settings(&self, command: &str, is_typed: impl Fn(&str) -> bool) -> Vec<String> {
        let used = self.used(command, is_typed);
        let settings = used.into_iter().map(|(long, assignment)| {
            let values = assignment.texts().map(|value| value.to_string_lossy());
            let values = values.collect::<Vec<_>>().join(", ");
            let is_hidden = HIDDEN.contains(&long) || long == "base-url" && values.contains('@');
            let shown = if is_hidden { "(not shown)" } else { &values };
            format!("{long} = {shown} ({})", assignment.origin)
        });
        settings.collect()
    }

    /// The options that the subcommand `command` takes from here.
    fn used(&self, command: &str, is_typed: impl Fn(&str) -> bool) -> Vec<(&str, &Assignment)> {
        let grammar = grammar();
        let command = grammar.find_subcommand(command);
        let is_used = |long: &str| {
            let mut options = command.into_iter().flat_map(clap::Command::get_arguments);
            // What is hidden is ignored, or refused.
            options.any(|option| option.get_long() == Some(long) && !option.is_hide_set())
                && !replacing(long).any(&is_typed)
        };
        let all = self.assignments.0.iter();
        let all = all.map(|(long, assignment)| (long.as_str(), assignment));
        all.filter(|(long, _)| is_used(long)).collect()
    }
}
