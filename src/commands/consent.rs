//! Asks before a live run, and after a canary.

use std::io::{IsTerminal, Write};

use anyhow::Context;

use super::hinted;

/// Fails where nobody could be asked, before anything is sent at all.
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
/// fails unless the answer is yes.
pub(super) fn ask(many: &str, account: &str) -> anyhow::Result<()> {
    if is_wanted(&format!(
        "{many} will be created in the LIVE account {account}. Go on?"
    ))? {
        return Ok(());
    }
    Err(hinted(
        "not confirmed: nothing was sent",
        "run it again when you are sure",
    ))
}

/// Whether there is somebody who can be asked.
pub(super) fn is_anybody_there() -> bool {
    std::io::stdin().is_terminal()
}

/// Asks, and says whether the answer is yes.
pub(super) fn is_wanted(question: &str) -> anyhow::Result<bool> {
    write!(std::io::stderr(), "{question} [y/N] ").context("cannot ask")?;
    let mut answer = String::new();
    std::io::stdin()
        .read_line(&mut answer)
        .context("cannot hear the answer")?;
    Ok(matches!(answer.trim(), "y" | "Y" | "yes"))
}
