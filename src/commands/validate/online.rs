//! What can be looked up at Kable without changing anything there.

use std::path::Path;
use std::time::Duration;

use anyhow::Context;

use crate::commands::connect::{Wanted, connect};
use crate::commands::hinted;
use crate::commands::preflight::{Calls, said};
use crate::config::sending::Asking;
use crate::config::target::Destination;
use crate::domain::rules::Rules;
use crate::domain::summary::TargetAccount;
use crate::engine::pace::token_bucket::TokenBucket;
use crate::engine::survey::remote_list::{Listed, Listing};
use crate::kable::Preflight;
use crate::kable::client::Client;
use crate::report::progress::ProgressDisplay;
use crate::sandbox::RunningSandbox;

/// How often the list of customers is asked for that does not come whole.
const TRIES: u32 = 4;

/// The pause before the second try; it doubles.
const PAUSE: Duration = Duration::from_secs(1);

/// What was looked up.
pub(super) struct LookedUp {
    pub(super) target: TargetAccount,
    pub(super) asking: Asking,
    pub(super) listed: Listed,
    /// It goes when nothing is asked any more.
    _sandbox: Option<RunningSandbox>,
}

/// Looks up the plans and bundles, which go into `rules`, and all customers,
/// which are kept in `folder`. The user asked for it: what can't be looked up
/// is an error here.
pub(super) async fn look_up(
    place: Destination,
    asking: Asking,
    rules: &mut Rules,
    folder: &Path,
    watcher: &ProgressDisplay,
) -> anyhow::Result<LookedUp> {
    let wanted = Wanted {
        timeout: asking.timeout,
        connections: 1,
        stripe: false,
        keys: false,
    };
    let bucket = TokenBucket::new(asking.pacing.ceiling);
    let calls = Calls {
        bucket: bucket.as_ref(),
        watcher,
    };
    let connected = connect(place, wanted, rules, calls).await?;
    if let Some(warning) = connected.warning {
        return Err(hinted(
            warning,
            "run the same command again; without --online the file alone is checked",
        ));
    }
    let listed = list(&connected.client, folder, calls).await?;
    let listed = listed.map_err(|unlisted| {
        let what = if unlisted.refused {
            "check what the account may do"
        } else {
            "run the same command again later"
        };
        hinted(
            unlisted.to_string(),
            format!("{what}; without --online the file alone is checked"),
        )
    })?;
    Ok(LookedUp {
        target: connected.target,
        asking,
        listed,
        _sandbox: connected.sandbox,
    })
}

/// Why the customers could not be listed.
pub(in crate::commands) struct Unlisted {
    refused: bool,
    message: String,
}

impl std::fmt::Display for Unlisted {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "the customers could not be listed ({})", self.message)
    }
}

/// Lists all customers, and keeps them in `folder`.
pub(in crate::commands) async fn list(
    client: &Client,
    folder: &Path,
    calls: Calls<'_>,
) -> anyhow::Result<Result<Listed, Unlisted>> {
    let keeping = || format!("cannot keep the list of customers in {}", folder.display());
    let mut pause = PAUSE;
    let mut left = TRIES;
    loop {
        left -= 1;
        let mut listing = Listing::new(folder).with_context(keeping)?;
        let mut kept = Ok(());
        calls.start().await;
        let answered = client
            .customers(|body| {
                if kept.is_ok() {
                    kept = listing.push(body);
                }
            })
            .await;
        kept.with_context(keeping)?;
        let (message, wait) = match answered.reply {
            Preflight::Good(()) => {
                let listed = listing.finish(client.customer_reader());
                return listed.map(Ok).with_context(keeping);
            }
            Preflight::Denied(refusal) | Preflight::Refused(refusal) => {
                return Ok(Err(Unlisted {
                    refused: true,
                    message: said(&refusal),
                }));
            }
            Preflight::Unreachable(trouble, _) => (trouble.message, trouble.wait),
        };
        if left == 0 {
            return Ok(Err(Unlisted {
                refused: false,
                message,
            }));
        }
        let wait = pause.max(wait.unwrap_or_default());
        calls.watcher.say(&format!(
            "the list of customers did not come whole ({message}); again in {}",
            humantime::format_duration(wait)
        ));
        tokio::time::sleep(wait).await;
        pause *= 2;
    }
}
