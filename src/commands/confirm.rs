//! Asks before a live run, and after a canary.

use std::io::{IsTerminal, Write};

use anyhow::Context;

use super::hint::hinted;
use crate::engine::stop::Stop;
use crate::report::progress::ProgressDisplay;

/// Fails if there is no terminal to ask on, before anything is sent. `why` says what has to
/// be confirmed.
pub(super) fn demand_terminal(why: &str) -> anyhow::Result<()> {
    if has_terminal() {
        return Ok(());
    }
    Err(hinted(
        format!("{why}, and there is no terminal to ask for confirmation on"),
        "add --yes to run it without confirmation",
    ))
}

/// Says `what` will be done, asks whether to go on, and fails unless the answer is yes, or
/// everything is stopped.
pub(super) async fn confirm_that(
    what: &str,
    (watcher, stop): (&ProgressDisplay, &Stop),
) -> anyhow::Result<()> {
    let question = format!("{what} Go on?");
    if ask_yes_no(&question, (watcher, stop)).await? || stop.is_halted() {
        return Ok(());
    }
    Err(hinted(
        "not confirmed: nothing was sent",
        "run the same command again to be asked again",
    ))
}

/// Whether there is a terminal to ask on.
pub(super) fn has_terminal() -> bool {
    std::io::stdin().is_terminal()
}

/// Asks, and returns whether the answer is yes. A stop counts as no.
pub(super) async fn ask_yes_no(
    question: &str,
    (watcher, stop): (&ProgressDisplay, &Stop),
) -> anyhow::Result<bool> {
    watcher.ask(question);
    let (sender, answer) = tokio::sync::oneshot::channel();
    // A separate thread, so that the program can end while it waits for a line.
    std::thread::spawn(move || {
        let mut line = String::new();
        let read = std::io::stdin().read_line(&mut line).map(|_| line);
        // The receiver is gone after a stop.
        sender.send(read).ok();
    });
    tokio::select! {
        () = stop.halted() => {
            writeln!(std::io::stderr()).ok();
            Ok(false)
        }
        answer = answer => {
            let line = answer.context("cannot read the answer")?.context("cannot read the answer")?;
            Ok(matches!(line.trim(), "y" | "Y" | "yes"))
        }
    }
}
