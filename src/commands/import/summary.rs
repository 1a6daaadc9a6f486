//! The text at the end of an import: what was done, why it stopped, what to type
//! next.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use super::session::Session;
use crate::cli::{ImportOptions, Scalar};
use crate::commands::option_list::add_to_list;
use crate::commands::send_command::SendCommand;
use crate::commands::shell_word::{shell_word, shown};
use crate::config::InheritedOptions;
use crate::domain::field::Field;
use crate::domain::outcome::Outcome;
use crate::domain::summary::Summary;
use crate::domain::text::{counted, thousands};
use crate::domain::wrong_constant::wrong_constants;
use crate::engine::stop::Halt;
use crate::report::manifest::KeptFile;
use crate::report::result_names::beside_results;
use crate::report::text::SummaryNotes;

/// The inputs of the summary of an import.
pub(in crate::commands) struct ImportSummary<'s> {
    /// The figures.
    pub(in crate::commands) summary: &'s Summary,
    /// Why it ended early, if it did.
    pub(in crate::commands) halt: Option<&'s Halt>,
    /// The typed command.
    pub(in crate::commands) command: &'s SendCommand,
    /// The options that the next command inherits.
    pub(in crate::commands) inherited: &'s InheritedOptions,
    /// Whether it was a dry run.
    pub(in crate::commands) dry_run: bool,
    /// The files of rejected rows.
    pub(in crate::commands) rejects: &'s [PathBuf],
    /// Files that were kept from being replaced.
    pub(in crate::commands) kept: &'s [KeptFile],
    /// Whether rows are rejected for warnings too.
    pub(in crate::commands) strict: bool,
    /// The checkpoint.
    pub(in crate::commands) checkpoint: &'s Path,
    /// Values for rows that have none.
    pub(in crate::commands) constants: &'s [(Field, String)],
}

impl<'s> ImportSummary<'s> {
    /// That of `session`, which `halt` ended early if it is set.
    pub(in crate::commands) fn of(
        session: &'s Session,
        summary: &'s Summary,
        halt: Option<&'s Halt>,
        (rejects, kept): (&'s [PathBuf], &'s [KeptFile]),
    ) -> Self {
        let reading = &session.prepared.reading;
        Self {
            summary,
            halt,
            command: &session.command,
            inherited: &session.inherited,
            dry_run: session.sending.dry_run,
            rejects,
            kept,
            strict: reading.rules.strict,
            checkpoint: &session.sending.checkpoint,
            constants: &reading.mapping.constants,
        }
    }
}

impl ImportSummary<'_> {
    /// Returns the text of the summary.
    pub(in crate::commands) fn words(&self) -> SummaryNotes {
        let names: Vec<String> = self.summary.inputs.iter().map(shell_word).collect();
        let did = match (self.command.name(), self.dry_run) {
            ("sync", true) => "Would sync",
            ("sync", false) => "Synced",
            (_, true) => "Would import",
            (_, false) => "Imported",
        };
        SummaryNotes {
            title: format!(
                "{did} {} into {}\n(account {})",
                names.join(" "),
                self.summary.target.base_url,
                self.summary.target.kable_client_id
            ),
            strict: self.strict,
            halt: self.halt.map(|halt| why(halt, self.summary)),
            next: self.next(),
            ..SummaryNotes::default()
        }
    }

    /// The commands to run next, with their purpose.
    fn next(&self) -> Vec<(String, String)> {
        if self.dry_run && self.halt.is_none() {
            let what_for = match self.command.name() {
                "sync" => "Do it: the same without --dry-run",
                _ => "Import it: the same without --dry-run",
            };
            if let Some(apply) = self.command.apply_line() {
                return vec![("Read the plan, and do exactly that".to_owned(), apply)];
            }
            if let Some(apply) = self.command.applying_line() {
                return vec![("Do it: the same without --dry-run".to_owned(), apply)];
            }
            let what_for = what_for.to_owned();
            return vec![(what_for, self.without_dry_run().line())];
        }
        let mut next = Vec::new();
        let mut add = |what_for: &str, command: &SendCommand| {
            let from = if reads_stdin(command.options()) {
                ", with the same standard input"
            } else {
                ""
            };
            next.push((format!("{what_for}{from}"), command.line()));
        };
        let mended: Vec<&Path> = self
            .kept
            .iter()
            .filter(|kept| kept.changed && is_to_be_mended(&kept.place))
            .map(|kept| kept.kept.as_path())
            .collect();
        if !mended.is_empty() {
            add("Feed back what you had mended", &self.feed_back(&mended));
        }
        let any = |outcome| self.summary.outcomes.of(outcome) > 0;
        if let Some((what_for, command)) = self.go_on() {
            add(what_for, &command);
        }
        next.extend(self.mendings());
        let is_error_limit = matches!(self.halt, None | Some(Halt::TooManyErrors { .. }));
        if any(Outcome::Failed) && is_error_limit {
            let again = self.without_dry_run();
            let command = again.with(|options| options.sending.retry_failed = Some(true));
            let what_for = "Try the failed rows again, once the cause is mended".to_owned();
            next.push((what_for, command.line()));
        }
        next
    }

    /// The command that goes on after it ended early, or asks again, with its purpose.
    fn go_on(&self) -> Option<(&'static str, SendCommand)> {
        let same = || self.command.clone();
        Some(match self.halt {
            Some(Halt::TooManyErrors { errors, .. }) => (
                "Go on without them, up to twice as many",
                self.with_more_errors(*errors).planning_as(self.command),
            ),
            Some(Halt::TooManyChanges { changes, .. }) => (
                "Make them, once you have seen in differences.csv that they are meant",
                self.without_dry_run()
                    .with_more_changes(*changes)
                    .planning_as(self.command),
            ),
            Some(Halt::AllAlike { .. } | Halt::Unreadable { .. } | Halt::NoKeys { .. }) => {
                ("Go on once the cause is mended", same())
            }
            Some(Halt::Canary { .. }) => (
                "Go on once they are mended: the same rows are compared again first, and failed ones sent again with --retry-failed. Without --canary, all rows are sent",
                same(),
            ),
            Some(
                Halt::Interrupted
                | Halt::Denied { .. }
                | Halt::OutOfTime { .. }
                | Halt::Declined
                | Halt::Broken,
            ) => ("Go on where it stopped", same()),
            None if self.summary.outcomes.of(Outcome::Unresolved) > 0 => {
                ("Ask again for what is unresolved", same())
            }
            None => return None,
        })
    }

    /// What to mend, and the commands for it.
    fn mendings(&self) -> Vec<(String, String)> {
        let mut next = Vec::new();
        let wrong = wrong_constants(&self.summary.problems, self.constants);
        for wrong in &wrong {
            let command = wrong.better.as_ref().map(|better| {
                let value = format!("{}={better}", wrong.field);
                let corrected = self.without_dry_run().with(|options| {
                    let set = &mut options.input.reading.set;
                    add_to_list(set, &self.inherited.set, &value);
                });
                corrected.line()
            });
            next.push((wrong.advice(), command.unwrap_or_default()));
        }
        let others = wrong.iter().map(|wrong| wrong.rows).sum::<u64>();
        if self.summary.rows.rejected > others {
            let rejects: Vec<&Path> = self.rejects.iter().map(PathBuf::as_path).collect();
            let what_for = "Mend the rejected rows and feed them back".to_owned();
            next.push((what_for, self.feed_back(&rejects).line()));
        }
        next
    }

    /// The same command without `--dry-run`.
    fn without_dry_run(&self) -> SendCommand {
        self.command.with(|options| {
            options.sending.dry_run = None;
            options.sending.no_dry_run |= self.inherited.dry_run;
        })
    }

    /// The same command, which allows twice as many errors.
    fn with_more_errors(&self, errors: u64) -> SendCommand {
        self.command.with(|options| {
            let sending = &mut options.sending;
            sending.all_or_nothing = self.inherited.all_or_nothing.then_some(false);
            sending.max_errors = Some(Scalar(errors.saturating_mul(2).to_string()));
        })
    }

    /// The command that imports mended rows with the same checkpoint. Its results
    /// go to a folder beside theirs: in the same folder they would replace them.
    fn feed_back(&self, files: &[&Path]) -> SendCommand {
        let out = files.first().filter(|_| self.inherited.has_out);
        let out = out.map(|first| {
            let mut out = beside_results(first).into_os_string();
            out.push(".results");
            PathBuf::from(out)
        });
        let part = self.without_dry_run().of_a_part(self.inherited.prunes);
        part.with(|options| {
            options.input.inputs = files.iter().map(OsString::from).collect();
            options.input.reading.out = out;
            options.input.reading.limit = None;
            options.sending.retry_failed = None;
            options.plan.save_plan = None;
            options.sending.checkpoint = Some(self.checkpoint.to_owned());
        })
    }
}

/// Whether a file has rows to be mended.
fn is_to_be_mended(file: &Path) -> bool {
    let name = shown(Path::new(file.file_name().unwrap_or_default()));
    name.starts_with("rejects") || name.starts_with("failures")
}

/// Says that a run would stop early with this many `errors`, if it would.
pub(in crate::commands) fn foreseen_stop(errors: u64, allowed: u64) -> Option<String> {
    (errors > allowed).then(|| {
        format!(
            "It would stop before the end: {} rejected or failed, and no more than {} may be (--max-errors).",
            counted(errors, "row would be", "rows would be"),
            thousands(allowed)
        )
    })
}

/// Why a run ended early, in a sentence.
fn why(halt: &Halt, summary: &Summary) -> String {
    match halt {
        Halt::Interrupted => "Interrupted. What was done is kept.".to_owned(),
        Halt::Denied { message } => {
            format!("Stopped: the credentials are refused ({message}). What was done is kept.")
        }
        Halt::AllAlike {
            rows,
            kind,
            message,
        } => format!(
            "Stopped: the first {rows} rows {kind} were all refused alike ({message}). None of them counts as failed."
        ),
        Halt::Unreadable { message } => format!(
            "Stopped: the first answers about customers can't be read ({message}). Check --base-url, and what answers there. The next run looks up what was sent."
        ),
        Halt::NoKeys { creates } => format!(
            "Stopped: the answers to the first {creates} creates have no key that can be read (--keys), and those of all others would be lost too. What was done is kept."
        ),
        Halt::TooManyErrors { errors, allowed } if summary.requests.sent == 0 => format!(
            "Nothing was sent: {} rejected or failed, and no more than {} may be (--max-errors, --all-or-nothing).",
            counted(*errors, "row is", "rows are"),
            thousands(*allowed)
        ),
        Halt::TooManyErrors { errors, allowed } => format!(
            "Stopped: {} rejected or failed, more than the {} that --max-errors allows. What was done is kept.",
            counted(*errors, "row is", "rows are"),
            thousands(*allowed)
        ),
        Halt::TooManyChanges {
            changes,
            cancels,
            allowed,
            active,
        } => format!(
            "Nothing was sent: {} would be updated{}, and no more than {}{} may be (--max-changes). \
             Is the file complete?",
            counted(*changes, "customer", "customers"),
            match cancels {
                0 => String::new(),
                cancels => format!(" or cancelled ({} cancelled)", thousands(*cancels)),
            },
            thousands(*allowed),
            active.map_or_else(String::new, |active| format!(
                " of the {} that are not cancelled",
                thousands(active)
            ))
        ),
        Halt::OutOfTime { option } => {
            format!("Stopped by {option}. What was done is kept.")
        }
        Halt::Canary { wrong, of } => format!(
            "Stopped by the canary: {wrong} of {of} rows sent ahead differ from the file (see above). \
             Nothing else was sent."
        ),
        Halt::Declined => "Stopped after the canary. What was done is kept.".to_owned(),
        Halt::Broken => "Stopped. What was done is kept.".to_owned(),
    }
}

fn reads_stdin(options: &ImportOptions) -> bool {
    options.input.inputs.iter().any(|input| input == "-")
}

#[cfg(test)]
mod tests {
    use std::path::{Path, PathBuf};

    use super::{Halt, ImportSummary, InheritedOptions, KeptFile, Outcome, Summary};
    use crate::commands::command_line::tests::sending;

    fn commands(
        summary: &Summary,
        halt: Option<&Halt>,
        more: &[&str],
        inherited: &InheritedOptions,
    ) -> Vec<String> {
        let words = ["kable-bulk", "import", "in put.csv", "--out", "out"];
        let words: Vec<&str> = words.iter().chain(more).copied().collect();
        let ended = ImportSummary {
            summary,
            halt,
            command: &sending(&words),
            inherited,
            dry_run: more.contains(&"--dry-run") || inherited.dry_run,
            strict: false,
            rejects: &[
                PathBuf::from("out/rejects.csv"),
                PathBuf::from("out/rejects.jsonl"),
            ],
            kept: &[],
            checkpoint: Path::new("run.db"),
            constants: &[],
        };
        ended
            .next()
            .into_iter()
            .map(|(_, command)| command)
            .collect()
    }

    fn next(summary: &Summary, halt: Option<&Halt>) -> Vec<String> {
        commands(
            summary,
            halt,
            &["--rate", "5"],
            &InheritedOptions::default(),
        )
    }

    #[test]
    fn a_command_that_would_stop_at_once_is_not_advised() {
        let mut summary = summary();
        summary.rows.rejected = 7;
        summary.outcomes.add(Outcome::Failed);
        let halt = Halt::TooManyErrors {
            errors: 8,
            allowed: 3,
        };
        let more = ["--max-errors", "3", "--all-or-nothing", "--limit", "9"];
        assert_eq!(
            commands(&summary, Some(&halt), &more, &InheritedOptions::default()),
            [
                "kable-bulk import 'in put.csv' --limit 9 --out out --max-errors 16",
                "kable-bulk import out/rejects.csv out/rejects.jsonl --checkpoint run.db --max-errors 3 --all-or-nothing",
                "kable-bulk import 'in put.csv' --limit 9 --out out --max-errors 3 --all-or-nothing --retry-failed",
            ]
        );
    }

    #[test]
    fn options_of_a_file_that_would_stop_the_command_are_switched_off() {
        let inherited = InheritedOptions {
            has_out: true,
            dry_run: true,
            all_or_nothing: true,
            ..InheritedOptions::default()
        };
        assert_eq!(
            commands(&summary(), None, &[], &inherited),
            ["kable-bulk import 'in put.csv' --out out --no-dry-run"]
        );
        let mut summary = summary();
        summary.rows.rejected = 2;
        let halt = Halt::TooManyErrors {
            errors: 2,
            allowed: 0,
        };
        assert_eq!(
            commands(&summary, Some(&halt), &["--no-dry-run"], &inherited),
            [
                "kable-bulk import 'in put.csv' --out out --max-errors 4 --all-or-nothing=false --no-dry-run",
                "kable-bulk import out/rejects.csv out/rejects.jsonl --out out.rejects.results --checkpoint run.db --no-dry-run",
            ]
        );
    }

    #[test]
    fn a_mended_file_that_was_kept_aside_is_fed_back_first() {
        let ended = ImportSummary {
            summary: &summary(),
            halt: Some(&Halt::Interrupted),
            command: &sending(&["kable-bulk", "import", "in.csv"]),
            inherited: &InheritedOptions::default(),
            dry_run: false,
            strict: false,
            rejects: &[],
            kept: &[KeptFile {
                place: "r/rejects.csv".into(),
                kept: "r/rejects.kept-1.csv".into(),
                changed: true,
            }],
            checkpoint: Path::new("run.db"),
            constants: &[],
        };
        let next: Vec<String> = ended.next().into_iter().map(|(_, line)| line).collect();
        assert_eq!(
            next,
            [
                "kable-bulk import r/rejects.kept-1.csv --checkpoint run.db",
                "kable-bulk import in.csv"
            ]
        );
    }

    fn summary() -> Summary {
        Summary {
            inputs: vec!["in put.csv".to_owned()],
            ..Summary::default()
        }
    }

    #[test]
    fn a_run_without_problems_needs_no_next_command() {
        assert_eq!(next(&summary(), None), Vec::<String>::new());
    }

    #[test]
    fn an_interrupted_run_continues_with_the_same_command() {
        assert_eq!(
            next(&summary(), Some(&Halt::Interrupted)),
            ["kable-bulk import 'in put.csv' --out out --rate 5"]
        );
    }

    #[test]
    fn rejects_are_fed_back_on_the_same_checkpoint() {
        let mut summary = summary();
        summary.rows.rejected = 1;
        assert_eq!(
            next(&summary, None),
            ["kable-bulk import out/rejects.csv out/rejects.jsonl --rate 5 --checkpoint run.db"]
        );
    }

    #[test]
    fn failed_rows_can_be_tried_again() {
        let mut summary = summary();
        summary.outcomes.add(Outcome::Failed);
        assert_eq!(
            next(&summary, None),
            ["kable-bulk import 'in put.csv' --out out --rate 5 --retry-failed"]
        );
    }
}
