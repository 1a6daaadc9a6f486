//! `kable-bulk status`: shows the state of a run, even while another process runs
//! it.

use std::fmt::Write as _;
use std::io::Write as _;
use std::path::Path;
use std::time::Duration;

use super::checkpoint_choice::viewed_checkpoint;
use super::exit::Exit;
use super::finish::print;
use super::shell_word::shown;
use super::system::seconds;
use super::system::wall_clock;
use crate::cli::{SandboxChoice, StatusOptions};
use crate::config::{Environment, FileOptions};
use crate::domain::bottleneck::Pacing;
use crate::domain::outcome::Outcome;
use crate::domain::text::{counted, escaped, escaped_json, thousands};
use crate::ledger::sqlite::SqliteLedger;
use crate::ledger::sqlite::lock::lock_holder;
use crate::ledger::{Ledger, LedgerStatus};

/// Shows a checkpoint.
pub fn run(typed: &StatusOptions, environment: &Environment) -> anyhow::Result<Exit> {
    let file = FileOptions::read(&typed.file, environment)?;
    let sandbox = typed.sandbox.as_ref().map(SandboxChoice::is_on);
    let named = typed.checkpoint.as_deref();
    let (path, choice) = viewed_checkpoint(named, sandbox, &typed.inputs, &file)?;
    let is_json = typed.json.or(file.display.json) == Some(true);
    if file.display.quiet != Some(true) {
        let is_typed = |long: &str| match long {
            "checkpoint" => typed.checkpoint.is_some() || sandbox.is_some(),
            "sandbox" => sandbox.is_some(),
            "json" => typed.json.is_some(),
            _other => false,
        };
        for note in file.notes("status", is_typed).iter().chain(&choice) {
            // Standard error may be closed; then the note is dropped.
            writeln!(std::io::stderr(), "{}", escaped(note)).ok();
        }
    }
    let status = with_unclaimed(SqliteLedger::open_to_read(&path)?.status()?);
    let holder = lock_holder(&path);
    let since_ms = u64::try_from(wall_clock() - status.changed_ms).unwrap_or_default();
    let text = if is_json {
        escaped_json(&json(&path, &status, holder.as_deref())).into_owned()
    } else {
        plain(&path, &status, holder.as_deref(), since_ms)
    };
    print(&text)?;
    Ok(Exit::Done)
}

/// Adds the rows of the latest run's input that were never claimed, of which the
/// checkpoint knows only that they were fit to send. If other inputs used the same
/// checkpoint, there may be more than this.
pub(super) fn with_unclaimed(mut status: LedgerStatus) -> LedgerStatus {
    let unclaimed = status.fit_rows.saturating_sub(status.tally.sum());
    status.tally.add_many(Outcome::Pending, unclaimed);
    status
}

fn settled(status: &LedgerStatus) -> u64 {
    let unsettled = status.tally.of(Outcome::Pending) + status.tally.of(Outcome::Unresolved);
    status.tally.sum() - unsettled
}

fn json(path: &Path, status: &LedgerStatus, holder: Option<&str>) -> String {
    let value = serde_json::json!({
        "checkpoint": shown(path),
        "target": status.target,
        "running": holder,
        "ended": status.ended,
        "gaps": status.gaps,
        "inputs": status.inputs,
        "fit_rows": status.fit_rows,
        "settled": settled(status),
        "outcomes": status.tally,
        "created_by_this_checkpoint": status.ours,
        "left_the_file": status.left,
        "requests": status.figures.requests,
        "pacing": status.figures.pacing.filter(|_| holder.is_some()),
        "elapsed_seconds": seconds(Duration::from_millis(status.figures.elapsed_ms)),
    });
    format!("{value:#}\n")
}

/// Whether the run is active, or how it ended.
fn running(status: &LedgerStatus, holder: Option<&str>) -> String {
    match (holder, &status.ended) {
        (Some(holder), _) => format!("  running: {holder}"),
        (None, _) if status.command.is_empty() => {
            "  not running; no run has begun on it yet".to_owned()
        }
        (None, Some(how)) => format!("  not running; the last run was {how}"),
        (None, None) => {
            "  not running; the last run was cut off (run the same command again)".to_owned()
        }
    }
}

/// The speed of a run that wrote `pacing` this many milliseconds ago.
fn moving(pacing: Pacing, since_ms: u64) -> String {
    let paused = pacing
        .paused_ms
        .map(|left| Duration::from_secs(left.saturating_sub(since_ms).div_ceil(1000)))
        .filter(|left| !left.is_zero())
        .map_or_else(String::new, |left| {
            format!(" for {} more", humantime::format_duration(left))
        });
    let rate = pacing.rate.map_or_else(
        || "as many requests as go".to_owned(),
        |rate| format!("{rate:.1} requests a second"),
    );
    let waiting = match pacing.waiting {
        0 => String::new(),
        rows => format!(
            "; {} to land, or to be proved absent",
            counted(rows, "row waits", "rows wait")
        ),
    };
    format!(
        "{rate}, {} of {} in flight: {}{paused}{waiting}",
        pacing.in_flight,
        pacing.window,
        pacing.bound.description()
    )
}

/// The number of claims with each outcome, one a line.
fn claims(status: &LedgerStatus, runs: bool) -> Vec<String> {
    let mut lines = Vec::new();
    for outcome in Outcome::ALL {
        let count = status.tally.of(outcome);
        let name = match (outcome == Outcome::Unresolved, runs) {
            (true, true) => "claimed: in flight, or in doubt",
            (true, false) => "in doubt: the next run asks for them",
            (false, _) => outcome.name(),
        };
        if count > 0 {
            lines.push(format!("  {:>12}  {name}", thousands(count)));
        }
    }
    // Shown if it differs from the number of rows that are `created` now.
    if status.ours != status.tally.of(Outcome::Created) {
        lines.push(format!(
            "  {:>12}  created by this checkpoint, whatever their outcome is now",
            thousands(status.ours)
        ));
    }
    if status.left.sum() > 0 {
        lines.push(format!(
            "  {:>12}  looked up when their rows had left the file: {} created by this checkpoint, {} in doubt",
            thousands(status.left.sum()),
            thousands(status.left.created),
            thousands(status.left.unresolved)
        ));
    }
    lines
}

fn plain(path: &Path, status: &LedgerStatus, holder: Option<&str>, since_ms: u64) -> String {
    let mut text = String::new();
    let mut line = |part: String| {
        // Writing to a string can't fail.
        writeln!(text, "{}", escaped(&part)).ok();
    };
    line(format!(
        "Checkpoint {} for {}",
        shown(path),
        status.target.base_url
    ));
    line(format!("  account {}", status.target.kable_client_id));
    if !status.command.is_empty() {
        line(format!(
            "  the last run read {} with {} to send",
            status.inputs.join(" "),
            counted(status.fit_rows, "row", "rows")
        ));
    }
    line(running(status, holder));
    if status.gaps {
        line(
            "  saved from a damaged checkpoint: what it doesn't know is looked up before it is sent"
                .to_owned(),
        );
    }
    if let (Some(_), Some(pacing)) = (holder, status.figures.pacing) {
        line(format!("  {}", moving(pacing, since_ms)));
    }
    line(String::new());
    line(format!(
        "  {:>12}  settled, in all runs",
        thousands(settled(status))
    ));
    claims(status, holder.is_some())
        .into_iter()
        .for_each(&mut line);
    let requests = status.figures.requests;
    line(String::new());
    line(format!(
        "  {} in {:.0} s: {} sent again, {} throttled, {} look-ups",
        counted(requests.sent, "request", "requests"),
        seconds(Duration::from_millis(status.figures.elapsed_ms)),
        thousands(requests.retried),
        thousands(requests.throttled),
        thousands(requests.lookups)
    ));
    text
}

#[cfg(test)]
mod tests {
    use super::{LedgerStatus, Outcome, Pacing, moving, plain, settled, with_unclaimed};
    use crate::domain::bottleneck::Bottleneck;

    #[test]
    fn it_says_where_a_run_stands() {
        let mut status = LedgerStatus {
            command: "import".to_owned(),
            inputs: vec!["in.csv".to_owned()],
            fit_rows: 1200,
            ours: 1000,
            ..LedgerStatus::default()
        };
        status.target.base_url = "https://test.kable.io".to_owned();
        status.target.kable_client_id = "kci_1".to_owned();
        status.tally.add_many(Outcome::Created, 1000);
        status.tally.add_many(Outcome::Unresolved, 64);
        assert!(
            plain("a".as_ref(), &LedgerStatus::default(), None, 0).contains("no run has begun")
        );
        insta::assert_snapshot!(plain("in.csv.checkpoint.db".as_ref(), &status, None, 0));
    }

    #[test]
    fn it_says_how_fast_a_run_is_and_until_when_it_is_paused() {
        let mut pacing = Pacing {
            rate: Some(98.5),
            in_flight: 9,
            window: 18,
            bound: Bottleneck::Advertised,
            paused_ms: None,
            waiting: 0,
        };
        assert_eq!(
            moving(pacing, 0),
            "98.5 requests a second, 9 of 18 in flight: held by the API's limit"
        );
        pacing.bound = Bottleneck::Pause;
        pacing.paused_ms = Some(60_000);
        assert!(moving(pacing, 20_000).ends_with("paused for 40s more"));
        pacing.waiting = 3;
        assert!(moving(pacing, 20_000).ends_with("; 3 rows wait to land, or to be proved absent"));
    }

    #[test]
    fn rows_that_were_never_claimed_are_pending() {
        let mut status = LedgerStatus {
            fit_rows: 3000,
            ..LedgerStatus::default()
        };
        status.tally.add_many(Outcome::Created, 69);
        status.tally.add_many(Outcome::Pending, 531);
        let status = with_unclaimed(status);
        assert_eq!(status.tally.of(Outcome::Pending), 2931);
        assert_eq!(settled(&status), 69);
    }
}
