//! `kable-bulk apply`: does exactly what a saved plan says, or refuses.
//!
//! The command that made the plan runs again. Before it sends anything, what it would do is
//! held against the plan, customer by customer.

use std::ffi::{OsStr, OsString};
use std::path::Path;

use clap::FromArgMatches;

use super::command_line::TypedCommand;
use super::exit::Exit;
use super::hint::hinted;
use super::notify::RunNotice;
use super::{import, rollback, sync};
use crate::cli::{
    ApplyOptions, Cli, Command, DisplayOptions, ImportOptions, MonitorOptions, PlanOptions,
    RollbackOptions, command,
};
use crate::config::Environment;
use crate::domain::object_address::is_address;
use crate::report::plan_file::{PlanHeader, SavedPlan};

/// Applies the plan that `options` name, which were typed to `program`.
pub fn run(
    program: OsString,
    options: ApplyOptions,
    environment: &Environment,
    notice: &RunNotice,
) -> anyhow::Result<Exit> {
    let shown = options.plan.display().to_string();
    let saved = SavedPlan::open(options.plan.clone()).map_err(|error| {
        hinted(
            format!("cannot apply {shown}: {error}"),
            "name a plan as --save-plan wrote it",
        )
    })?;
    let command = &saved.header.command;
    let unreadable = || {
        hinted(
            format!("cannot apply {shown}: its command is not one of this version: {command}"),
            "make a new plan with --save-plan",
        )
    };
    let planned = parsed(command).ok_or_else(unreadable)?;
    demand_files(&saved.header)?;
    let applied = TypedCommand { program, options };
    match planned {
        Command::Import(mut options) => {
            overlay(&applied, RunOptions::of_import(&mut options));
            import::apply(applied, *options, saved, environment, notice)
        }
        Command::Sync(mut options) => {
            overlay(&applied, RunOptions::of_import(&mut options.import));
            sync::apply(applied, *options, saved, environment, notice)
        }
        Command::Rollback(mut options) => {
            overlay(&applied, RunOptions::of_rollback(&mut options));
            rollback::apply(applied, *options, saved, environment, notice)
        }
        Command::Validate(_)
        | Command::Verify(_)
        | Command::Apply(_)
        | Command::Status(_)
        | Command::List(_)
        | Command::Report(_)
        | Command::Init(_)
        | Command::Presets(_)
        | Command::Plans(_)
        | Command::Completions(_)
        | Command::Man(_)
        | Command::Sandbox(_) => Err(unreadable()),
    }
}

/// Fails where none of the plan's files is: it is applied in another folder.
fn demand_files(header: &PlanHeader) -> anyhow::Result<()> {
    let inputs = header.inputs.iter().map(|input| &input.name);
    // A rollback reads its checkpoint alone; an import may not have made one yet.
    let checkpoint = Some(&header.known.checkpoint).filter(|_| header.inputs.is_empty());
    let files: Vec<&String> = inputs.chain(checkpoint).collect();
    let is_elsewhere = files.iter().all(|name| {
        let is_object = is_address(OsStr::new(name));
        !is_object && !Path::new(name).exists()
    });
    match files.first().filter(|_| is_elsewhere) {
        None => Ok(()),
        Some(missing) => Err(hinted(
            format!("there is no {missing}, which the plan reads"),
            format!(
                "start apply in the folder where the plan was made, {}, or where the same files are",
                header.folder
            ),
        )),
    }
}

/// The command that stands in a plan.
fn parsed(line: &str) -> Option<Command> {
    let parsed = command().try_get_matches_from(shlex::split(line)?);
    let parsed = parsed.and_then(|matches| Cli::from_arg_matches(&matches));
    parsed.ok().map(|cli| cli.command)
}

/// Those of the planned command's options that are `apply`'s to decide.
struct RunOptions<'o> {
    dry_run: &'o mut Option<bool>,
    no_dry_run: &'o mut bool,
    yes: &'o mut Option<bool>,
    plan: &'o mut PlanOptions,
    display: &'o mut DisplayOptions,
    monitor: &'o mut MonitorOptions,
}

impl<'o> RunOptions<'o> {
    fn of_import(options: &'o mut ImportOptions) -> Self {
        Self {
            dry_run: &mut options.sending.dry_run,
            no_dry_run: &mut options.sending.no_dry_run,
            yes: &mut options.sending.yes,
            plan: &mut options.plan,
            display: &mut options.display,
            monitor: &mut options.monitor,
        }
    }

    fn of_rollback(options: &'o mut RollbackOptions) -> Self {
        Self {
            dry_run: &mut options.sending.dry_run,
            no_dry_run: &mut options.sending.no_dry_run,
            yes: &mut options.sending.yes,
            plan: &mut options.plan,
            display: &mut options.display,
            monitor: &mut options.monitor,
        }
    }
}

/// What is typed to `apply` beats what was typed when the plan was made, and decides
/// whether anything is sent.
fn overlay(applied: &TypedCommand<ApplyOptions>, planned: RunOptions<'_>) {
    let ApplyOptions {
        plan: _,
        dry_run,
        yes,
        display:
            DisplayOptions {
                json,
                log_format,
                log_file,
                color,
                verbose,
                quiet,
                no_progress,
            },
        monitor:
            MonitorOptions {
                metrics_file,
                metrics,
                notify_command,
            },
    } = &applied.options;
    *planned.no_dry_run &= *dry_run != Some(true);
    *planned.dry_run = dry_run.filter(|is_on| *is_on);
    *planned.yes = yes.or(*planned.yes);
    *planned.plan = PlanOptions::default();
    let display = planned.display;
    display.json = json.or(display.json);
    display.log_format = log_format.or(display.log_format);
    let earlier = display.log_file.take();
    display.log_file = log_file.clone().or(earlier);
    display.color = color.or(display.color);
    display.verbose = verbose.or(display.verbose);
    display.quiet = quiet.or(display.quiet);
    display.no_progress = no_progress.or(display.no_progress);
    let earlier = planned.monitor.metrics_file.take();
    planned.monitor.metrics_file = metrics_file.clone().or(earlier);
    // A plan is passed around to be read: it must not open a port, nor run a command.
    planned.monitor.metrics.clone_from(metrics);
    planned.monitor.notify_command.clone_from(notify_command);
}

#[cfg(test)]
mod tests {
    use super::{Command, parsed};

    #[test]
    fn only_a_command_of_this_version_is_applied() {
        let planned = parsed("kable-bulk import 'my file.csv' --save-plan p.jsonl");
        assert!(matches!(planned, Some(Command::Import(_))));
        for line in ["kable-bulk unimport in.csv", "kable-bulk import", "'", ""] {
            assert!(parsed(line).is_none(), "{line}");
        }
    }
}
