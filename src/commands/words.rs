//! What an import says at its end: what was done, why it stopped, what to type.

use std::path::{Path, PathBuf};
use std::time::Duration;

use super::{shell_word, typed_again};
use crate::domain::outcome::Outcome;
use crate::domain::summary::Summary;
use crate::domain::text::{counted, thousands};
use crate::engine::pace::Wanted;
use crate::engine::rate::Rate;
use crate::engine::stop::Halt;
use crate::report::text::Words;

/// What the words are made from.
pub(super) struct Speaking<'s> {
    /// The figures.
    pub(super) summary: &'s Summary,
    /// Why it ended early, where it did.
    pub(super) halt: Option<&'s Halt>,
    /// What was typed.
    pub(super) arguments: &'s [String],
    /// The inputs as they were typed: names, patterns, `-`.
    pub(super) typed_inputs: &'s [String],
    /// Whether nothing was to be sent.
    pub(super) dry_run: bool,
    /// The files of rejected rows.
    pub(super) rejects: &'s [PathBuf],
    /// Whether rows are rejected for warnings too.
    pub(super) strict: bool,
    /// The checkpoint.
    pub(super) checkpoint: &'s Path,
}

impl Speaking<'_> {
    /// All that is said.
    pub(super) fn words(&self) -> Words {
        let names: Vec<String> = self
            .summary
            .inputs
            .iter()
            .map(|name| shell_word(name))
            .collect();
        let did = if self.dry_run {
            "Would import"
        } else {
            "Imported"
        };
        Words {
            title: format!(
                "{did} {} into {}\n(account {})",
                names.join(" "),
                self.summary.target.base_url,
                self.summary.target.kable_client_id
            ),
            plan: None,
            strict: self.strict,
            halt: self.halt.map(|halt| said(halt, self.summary)),
            told: Vec::new(),
            next: self.next(),
        }
    }

    /// The commands to run next, and what for.
    fn next(&self) -> Vec<(String, String)> {
        let outcomes = &self.summary.outcomes;
        let again = typed_again(self.arguments);
        if self.dry_run {
            let without: Vec<String> = self.without(|word| word == "--dry-run");
            return vec![(
                "Import it: the same without --dry-run".to_owned(),
                typed_again(&without),
            )];
        }
        let mut next = Vec::new();
        if self.halt.is_some() {
            next.push(("Go on where it stopped".to_owned(), again.clone()));
        } else if outcomes.of(Outcome::Unresolved) > 0 {
            next.push(("Ask again for what is unresolved".to_owned(), again.clone()));
        }
        if self.summary.rows.rejected > 0 {
            let what_for = "Mend the rejected rows and feed them back".to_owned();
            next.push((what_for, self.feed_back()));
        }
        if self.halt.is_none() && outcomes.of(Outcome::Failed) > 0 {
            let mut words = self.without(|word| word == "--retry-failed");
            words.push("--retry-failed".to_owned());
            let what_for = "Try the failed rows again, once the cause is mended".to_owned();
            next.push((what_for, typed_again(&words)));
        }
        next
    }

    /// The command that feeds mended rejects back, on the same checkpoint. Its
    /// results go beside them: in the same folder they would replace them.
    fn feed_back(&self) -> String {
        let is_input = |word: &str| self.typed_inputs.iter().any(|typed| typed == word);
        let mut words = without_option(&self.without(is_input), "--out");
        let rejects = self.rejects.iter().map(|path| path.display().to_string());
        words.extend(rejects);
        if !words.iter().any(|word| word.starts_with("--checkpoint")) {
            words.push("--checkpoint".to_owned());
            words.push(self.checkpoint.display().to_string());
        }
        typed_again(&words)
    }

    fn without(&self, unwanted: impl Fn(&str) -> bool) -> Vec<String> {
        let words = self.arguments.iter().filter(|word| !unwanted(word));
        words.cloned().collect()
    }
}

/// The words without `option` and its value.
pub(super) fn without_option(words: &[String], option: &str) -> Vec<String> {
    let mut kept = Vec::new();
    let mut words = words.iter();
    while let Some(word) = words.next() {
        let value = word.strip_prefix(option);
        if value == Some("") {
            words.next();
        } else if !value.is_some_and(|value| value.starts_with('=')) {
            kept.push(word.clone());
        }
    }
    kept
}

/// How long it will take to send `rows` rows, said before the first is sent.
pub(super) fn planned(rows: u64, wanted: Wanted) -> String {
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

    use super::{Halt, Outcome, Speaking, Summary};

    fn next(summary: &Summary, halt: Option<&Halt>) -> Vec<String> {
        let words = [
            "kable-bulk",
            "import",
            "in put.csv",
            "--out",
            "out",
            "--rate",
            "5",
        ];
        let arguments: Vec<String> = words.iter().map(|word| (*word).to_owned()).collect();
        let speaking = Speaking {
            summary,
            halt,
            arguments: &arguments,
            typed_inputs: &["in put.csv".to_owned()],
            dry_run: false,
            strict: false,
            rejects: &[
                PathBuf::from("out/rejects.csv"),
                PathBuf::from("out/rejects.jsonl"),
            ],
            checkpoint: Path::new("run.db"),
        };
        speaking
            .next()
            .into_iter()
            .map(|(_, command)| command)
            .collect()
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
            ["kable-bulk import --rate 5 out/rejects.csv out/rejects.jsonl --checkpoint run.db"]
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
