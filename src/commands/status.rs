//! `kable-bulk status`: where a run stands, also while another process runs it.

use std::fmt::Write;
use std::path::Path;
use std::time::Duration;

use super::Exit;
use super::results::{print, seconds};
use crate::cli::Status;
use crate::config;
use crate::domain::outcome::Outcome;
use crate::domain::text::{counted, thousands};
use crate::ledger::lock::held_by;
use crate::ledger::sqlite::SqliteLedger;
use crate::ledger::{Ledger, Standing};

/// Shows a checkpoint.
pub fn run(typed: Status) -> anyhow::Result<Exit> {
    let path = config::checkpoint_of(typed.input.as_deref(), typed.checkpoint)?;
    let standing = SqliteLedger::open_to_read(&path)?.standing()?;
    let holder = held_by(&path);
    let text = if typed.json {
        json(&path, &standing, holder.as_deref())
    } else {
        plain(&path, &standing, holder.as_deref())
    };
    print(&text)?;
    Ok(Exit::Done)
}

fn settled(standing: &Standing) -> u64 {
    let unsettled = standing.tally.of(Outcome::Pending) + standing.tally.of(Outcome::Unresolved);
    standing.tally.sum() - unsettled
}

fn json(path: &Path, standing: &Standing, holder: Option<&str>) -> String {
    let value = serde_json::json!({
        "checkpoint": path,
        "target": standing.target,
        "running": holder,
        "ended": standing.ended,
        "gaps": standing.gaps,
        "inputs": standing.inputs,
        "fit_rows": standing.fit_rows,
        "settled": settled(standing),
        "outcomes": standing.tally,
        "requests": standing.figures.requests,
        "elapsed_seconds": seconds(Duration::from_millis(standing.figures.elapsed_ms)),
    });
    format!("{value:#}\n")
}

fn plain(path: &Path, standing: &Standing, holder: Option<&str>) -> String {
    let mut text = String::new();
    let mut line = |part: String| {
        // Writing to a string can't fail.
        writeln!(text, "{part}").ok();
    };
    line(format!(
        "Checkpoint {} for {}",
        path.display(),
        standing.target.base_url
    ));
    line(format!("  account {}", standing.target.kable_client_id));
    let has_begun = !standing.command.is_empty();
    if has_begun {
        line(format!(
            "  the last run read {} with {} to send",
            standing.inputs.join(" "),
            counted(standing.fit_rows, "row", "rows")
        ));
    }
    line(match (holder, &standing.ended) {
        (Some(holder), _) => format!("  running: {holder}"),
        (None, _) if !has_begun => "  not running; no run has begun on it yet".to_owned(),
        (None, Some(how)) => format!("  not running; the last run was {how}"),
        (None, None) => {
            "  not running; the last run was cut off (run the same command again)".to_owned()
        }
    });
    if standing.gaps {
        line(
            "  saved from a damaged checkpoint: what it doesn't know is asked for before it is sent"
                .to_owned(),
        );
    }
    line(String::new());
    line(format!(
        "  {:>12}  settled, in all runs",
        thousands(settled(standing))
    ));
    for outcome in Outcome::ALL {
        let count = standing.tally.of(outcome);
        let name = match (outcome == Outcome::Unresolved, holder) {
            (true, Some(_)) => "claimed: in flight, or in doubt",
            (true, None) => "in doubt: the next run asks for them",
            (false, _) => outcome.name(),
        };
        if count > 0 {
            line(format!("  {:>12}  {name}", thousands(count)));
        }
    }
    let requests = standing.figures.requests;
    line(String::new());
    line(format!(
        "  {} in {:.0} s: {} sent again, {} throttled, {} look-ups",
        counted(requests.sent, "request", "requests"),
        seconds(Duration::from_millis(standing.figures.elapsed_ms)),
        thousands(requests.retried),
        thousands(requests.throttled),
        thousands(requests.lookups)
    ));
    text
}

#[cfg(test)]
mod tests {
    use super::{Outcome, Standing, plain};

    #[test]
    fn it_says_where_a_run_stands() {
        let mut standing = Standing {
            command: "import".to_owned(),
            inputs: vec!["in.csv".to_owned()],
            fit_rows: 1200,
            ..Standing::default()
        };
        standing.target.base_url = "https://test.kable.io".to_owned();
        standing.target.kable_client_id = "kci_1".to_owned();
        standing.tally.add_many(Outcome::Created, 1000);
        standing.tally.add_many(Outcome::Unresolved, 64);
        assert!(plain("a".as_ref(), &Standing::default(), None).contains("no run has begun"));
        insta::assert_snapshot!(plain("in.csv.checkpoint.db".as_ref(), &standing, None));
    }
}
