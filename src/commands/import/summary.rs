//! What an import says at its end: what was done, why it stopped, what to type.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::commands::argv::{Typed, shell_word, shown};
use crate::commands::validate::next_steps::corrected;
use crate::config::Said;
use crate::domain::advice::wrong_constants;
use crate::domain::field::Field;
use crate::domain::outcome::Outcome;
use crate::domain::summary::Summary;
use crate::domain::text::{counted, thousands};
use crate::engine::pace::Wanted;
use crate::engine::pace::rate::Rate;
use crate::engine::stop::Halt;
use crate::report::manifest::KeptFile;
use crate::report::text::SummaryNotes;

/// What the words are made from.
pub(super) struct Speaking<'s> {
    /// The figures.
    pub(super) summary: &'s Summary,
    /// Why it ended early, where it did.
    pub(super) halt: Option<&'s Halt>,
    /// What was typed.
    pub(super) typed: &'s Typed,
    /// What a file says beside it.
    pub(super) said: &'s Said,
    /// Whether nothing was to be sent.
    pub(super) dry_run: bool,
    /// The files of rejected rows.
    pub(super) rejects: &'s [PathBuf],
    /// Files that were kept from being replaced.
    pub(super) kept: &'s [KeptFile],
    /// Whether rows are rejected for warnings too.
    pub(super) strict: bool,
    /// The checkpoint.
    pub(super) checkpoint: &'s Path,
    /// Values for rows that have none.
    pub(super) constants: &'s [(Field, String)],
}

impl Speaking<'_> {
    /// All that is said.
    pub(super) fn words(&self) -> SummaryNotes {
        let names: Vec<String> = self.summary.inputs.iter().map(shell_word).collect();
        let did = if self.dry_run {
            "Would import"
        } else {
            "Imported"
        };
        SummaryNotes {
            title: format!(
                "{did} {} into {}\n(account {})",
                names.join(" "),
                self.summary.target.base_url,
                self.summary.target.kable_client_id
            ),
            strict: self.strict,
            halt: self.halt.map(|halt| said(halt, self.summary)),
            next: self.next(),
            ..SummaryNotes::default()
        }
    }

    /// The commands to run next, and what for.
    fn next(&self) -> Vec<(String, String)> {
        if self.dry_run && self.halt.is_none() {
            let what_for = "Import it: the same without --dry-run".to_owned();
            return vec![(what_for, self.sending().line())];
        }
        let mut next = Vec::new();
        let mut add = |what_for: &str, command: &Typed| {
            let from = if command.reads_stdin() {
                ", with the same standard input"
            } else {
                ""
            };
            next.push((format!("{what_for}{from}"), command.line()));
        };
        let mended: Vec<&Path> = self
            .kept
            .iter()
            .filter(|kept| kept.changed && is_given_back(&kept.place))
            .map(|kept| kept.kept.as_path())
            .collect();
        if !mended.is_empty() {
            add("Feed back what you had mended", &self.feed_back(&mended));
        }
        let any = |outcome| self.summary.outcomes.of(outcome) > 0;
        match self.halt {
            Some(Halt::TooManyErrors { errors, .. }) => {
                add(
                    "Go on without them, up to twice as many",
                    &self.with_more_errors(*errors),
                );
            }
            Some(Halt::AllAlike { .. }) => {
                add("Go on once the cause is mended", self.typed);
            }
            Some(Halt::Canary { .. }) => {
                add(
                    "Go on once the cause is mended; another canary goes ahead",
                    self.typed,
                );
            }
            Some(
                Halt::Interrupted
                | Halt::Denied { .. }
                | Halt::OutOfTime { .. }
                | Halt::Declined
                | Halt::Broken,
            ) => add("Go on where it stopped", self.typed),
            None if any(Outcome::Unresolved) => add("Ask again for what is unresolved", self.typed),
            None => {}
        }
        next.extend(self.mendings());
        let is_error_limit = matches!(self.halt, None | Some(Halt::TooManyErrors { .. }));
        if any(Outcome::Failed) && is_error_limit {
            let command = self
                .sending()
                .without("retry-failed")
                .switch("retry-failed");
            let what_for = "Try the failed rows again, once the cause is mended".to_owned();
            next.push((what_for, command.line()));
        }
        next
    }

    /// What to mend, and the commands for it.
    fn mendings(&self) -> Vec<(String, String)> {
        let mut next = Vec::new();
        let wrong = wrong_constants(&self.summary.problems, self.constants);
        for wrong in &wrong {
            let command = wrong.better.as_ref().map(|better| {
                let value = format!("{}={better}", wrong.field);
                corrected(&self.sending(), self.said, "set", &value).line()
            });
            next.push((wrong.said(), command.unwrap_or_default()));
        }
        let others = wrong.iter().map(|wrong| wrong.rows).sum::<u64>();
        if self.summary.rows.rejected > others {
            let rejects: Vec<&Path> = self.rejects.iter().map(PathBuf::as_path).collect();
            let what_for = "Mend the rejected rows and feed them back".to_owned();
            next.push((what_for, self.feed_back(&rejects).line()));
        }
        next
    }

    /// The same command, and it sends.
    fn sending(&self) -> Typed {
        let typed = self.typed.clone().without("dry-run");
        if self.said.dry_run && !typed.has("no-dry-run") {
            return typed.switch("no-dry-run");
        }
        typed
    }

    /// The same command, that lets so many errors be, and more.
    fn with_more_errors(&self, errors: u64) -> Typed {
        let typed = self.typed.clone().without("all-or-nothing");
        let typed = if self.said.all_or_nothing {
            typed.switch_off("all-or-nothing")
        } else {
            typed
        };
        let more = errors.saturating_mul(2).to_string();
        typed.without("max-errors").with("max-errors", more)
    }

    /// The command that feeds mended rows back, on the same checkpoint. Its
    /// results go beside them: in the same folder they would replace them.
    fn feed_back(&self, files: &[&Path]) -> Typed {
        let typed = self.sending().inputs(files).without("out").without("limit");
        let typed = typed
            .without("checkpoint")
            .with("checkpoint", self.checkpoint);
        match files.first() {
            Some(first) if self.said.out => {
                let mut out = OsString::from(first);
                out.push(".results");
                typed.with("out", out)
            }
            Some(_) | None => typed,
        }
    }
}

/// Whether a file holds rows that were given back to be mended.
fn is_given_back(file: &Path) -> bool {
    let name = shown(Path::new(file.file_name().unwrap_or_default()));
    name.starts_with("rejects") || name.starts_with("failures")
}

/// How long it will take to send `rows` rows, said before the first is sent.
pub(in crate::commands) fn planned(rows: u64, wanted: Wanted) -> String {
    let requests = counted(rows, "request", "requests");
    let rate = wanted.ceiling;
    #[expect(
        clippy::cast_precision_loss,
        reason = "a time for people; counts below 2⁵³ are exact"
    )]
    let time = Duration::try_from_secs_f64((rows as f64 / rate.a_second()).ceil())
        .unwrap_or(Duration::MAX);
    let time = humantime::format_duration(time);
    match (rate, wanted.at_once) {
        (Rate::Unlimited, _) => format!("To send: {requests}, as fast as they go"),
        (Rate::Limited { .. }, true) => format!("To send: {requests}, {time} at {rate}"),
        (Rate::Limited { .. }, false) => {
            format!("To send: {requests}, at least {time} (the pace is found, up to {rate})")
        }
    }
}

/// Why a run ended early, in a sentence.
fn said(halt: &Halt, summary: &Summary) -> String {
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
        Halt::OutOfTime { option } => {
            format!("Stopped by {option}. What was done is kept.")
        }
        Halt::Canary { wrong, of } => format!(
            "Stopped by the canary: {wrong} of {of} rows sent ahead came out otherwise than in the file (see above). \
             Nothing else was sent."
        ),
        Halt::Declined => "Stopped after the canary. What was done is kept.".to_owned(),
        Halt::Broken => "Stopped. What was done is kept.".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use std::path::{Path, PathBuf};

    use super::{Halt, KeptFile, Outcome, Said, Speaking, Summary};
    use crate::commands::argv::tests::typed;

    fn told(summary: &Summary, halt: Option<&Halt>, more: &[&str], said: &Said) -> Vec<String> {
        let words = ["kable-bulk", "import", "in put.csv", "--out", "out"];
        let words: Vec<&str> = words.iter().chain(more).copied().collect();
        let speaking = Speaking {
            summary,
            halt,
            typed: &typed(&words),
            said,
            dry_run: more.contains(&"--dry-run") || said.dry_run,
            strict: false,
            rejects: &[
                PathBuf::from("out/rejects.csv"),
                PathBuf::from("out/rejects.jsonl"),
            ],
            kept: &[],
            checkpoint: Path::new("run.db"),
            constants: &[],
        };
        speaking
            .next()
            .into_iter()
            .map(|(_, command)| command)
            .collect()
    }

    fn next(summary: &Summary, halt: Option<&Halt>) -> Vec<String> {
        told(summary, halt, &["--rate", "5"], &Said::default())
    }

    #[test]
    fn what_stops_again_at_once_is_not_advised() {
        let mut summary = summary();
        summary.rows.rejected = 7;
        summary.outcomes.add(Outcome::Failed);
        let halt = Halt::TooManyErrors {
            errors: 8,
            allowed: 3,
        };
        let more = ["--max-errors", "3", "--all-or-nothing", "--limit", "9"];
        assert_eq!(
            told(&summary, Some(&halt), &more, &Said::default()),
            [
                "kable-bulk import 'in put.csv' --out out --limit 9 --max-errors 16",
                "kable-bulk import out/rejects.csv out/rejects.jsonl --max-errors 3 --all-or-nothing --checkpoint run.db",
                "kable-bulk import 'in put.csv' --out out --max-errors 3 --all-or-nothing --limit 9 --retry-failed",
            ]
        );
    }

    #[test]
    fn what_a_file_says_does_not_make_a_command_void() {
        let said = Said {
            out: true,
            dry_run: true,
            all_or_nothing: true,
            ..Said::default()
        };
        assert_eq!(
            told(&summary(), None, &[], &said),
            ["kable-bulk import 'in put.csv' --out out --no-dry-run"]
        );
        let mut summary = summary();
        summary.rows.rejected = 2;
        let halt = Halt::TooManyErrors {
            errors: 2,
            allowed: 0,
        };
        assert_eq!(
            told(&summary, Some(&halt), &["--no-dry-run"], &said),
            [
                "kable-bulk import 'in put.csv' --out out --no-dry-run --all-or-nothing=false --max-errors 4",
                "kable-bulk import out/rejects.csv out/rejects.jsonl --no-dry-run --checkpoint run.db --out out/rejects.csv.results",
            ]
        );
    }

    #[test]
    fn a_mended_file_that_was_kept_aside_is_fed_back_first() {
        let speaking = Speaking {
            summary: &summary(),
            halt: Some(&Halt::Interrupted),
            typed: &typed(&["kable-bulk", "import", "in.csv"]),
            said: &Said::default(),
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
        let next: Vec<String> = speaking.next().into_iter().map(|(_, line)| line).collect();
        assert_eq!(
            next,
            [
                "kable-bulk import r/rejects.kept-1.csv --checkpoint run.db",
                "kable-bulk import in.csv"
            ]
        );
    }

    #[test]
    fn the_time_is_planned() {
        let planned = |rate: &str, at_once| {
            super::planned(
                90_000,
                super::Wanted {
                    ceiling: rate.parse().unwrap(),
                    at_once,
                    concurrency: 64,
                },
            )
        };
        assert_eq!(planned("25", true), "To send: 90,000 requests, 1h at 25/s");
        assert_eq!(
            planned("50", false),
            "To send: 90,000 requests, at least 30m (the pace is found, up to 50/s)"
        );
        assert_eq!(
            planned("unlimited", true),
            "To send: 90,000 requests, as fast as they go"
        );
    }

    fn summary() -> Summary {
        Summary {
            inputs: vec!["in put.csv".to_owned()],
            ..Summary::default()
        }
    }

    #[test]
    fn what_is_well_needs_no_next_command() {
        assert_eq!(next(&summary(), None), Vec::<String>::new());
    }

    #[test]
    fn an_interrupted_run_goes_on_with_the_same_words() {
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
