//! Asks before a live run, and after a canary.

use std::io::{IsTerminal, Write};

use anyhow::Context;

use super::hinted;
use crate::engine::stop::Stop;

/// Fails where there is no terminal to ask on, before anything is sent.
pub(super) fn demand_somebody() -> anyhow::Result<()> {
    if is_anybody_there() {
        return Ok(());
    }
    Err(hinted(
        "this is a live run, and nobody is there to be asked",
        "add --yes if that is meant",
    ))
}

/// Asks whether `many` ("12 customers") are to be created in `account`, and
/// fails unless the answer is yes, or everything is stopped.
pub(super) async fn ask(many: &str, account: &str, stop: &Stop) -> anyhow::Result<()> {
    let question = format!("{many} will be created in the LIVE account {account}. Go on?");
    if is_wanted(&question, stop).await? || stop.is_halted() {
        return Ok(());
    }
    Err(hinted(
        "not confirmed: nothing was sent",
        "run it again when you are sure",
    ))
}

/// Whether there is a terminal to ask on.
pub(super) fn is_anybody_there() -> bool {
    std::io::stdin().is_terminal()
}

/// Asks, and says whether the answer is yes. A stop is an answer too.
pub(super) async fn is_wanted(question: &str, stop: &Stop) -> anyhow::Result<bool> {
    write!(std::io::stderr(), "{question} [y/N] ").context("cannot ask")?;
    let (told, answer) = tokio::sync::oneshot::channel();
    // A thread of its own: the program can end while it still waits for the answer.
    std::thread::spawn(move || {
        let mut line = String::new();
        let read = std::io::stdin().read_line(&mut line).map(|_| line);
        // Who asked may have been stopped meanwhile.
        told.send(read).ok();
    });
    tokio::select! {
        () = stop.halted() => {
            writeln!(std::io::stderr()).ok();
            Ok(false)
        }
        answer = answer => {
            let line = answer.context("cannot hear the answer")?.context("cannot hear the answer")?;
            Ok(matches!(line.trim(), "y" | "Y" | "yes"))
        }
    }
}
