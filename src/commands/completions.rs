//! `kable-bulk completions`: prints the script with which a shell completes commands
//! and options.

use clap_complete::{Shell, generate};

use super::exit::Exit;
use super::finish::print;
use crate::cli::{self, CompletionsOptions};

/// Prints the script for a shell.
pub fn run(typed: CompletionsOptions) -> anyhow::Result<Exit> {
    print(&script(typed.shell))?;
    Ok(Exit::Done)
}

fn script(shell: Shell) -> String {
    let mut command = cli::command();
    let name = command.get_name().to_owned();
    let mut script = Vec::new();
    generate(shell, &mut command, name, &mut script);
    String::from_utf8_lossy(&script).into_owned()
}

#[cfg(test)]
mod tests {
    use clap::ValueEnum;

    use super::{Shell, script};
    use crate::cli;

    #[test]
    fn each_shells_script_has_every_command() {
        for shell in Shell::value_variants() {
            let script = script(*shell);
            for command in cli::command().get_subcommands() {
                assert!(script.contains(command.get_name()), "{shell}: {command}");
            }
            assert!(script.contains("max-rate"), "{shell}");
        }
    }
}
