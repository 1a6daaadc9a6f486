//! Looks up what Kable has, without changing anything there.

use std::path::Path;

use crate::commands::connect::{ConnectSettings, connect};
use crate::commands::customer_list::list;
use crate::commands::hint::hinted;
use crate::commands::preflight::Calls;
use crate::config::requests::RequestSettings;
use crate::config::target::Destination;
use crate::domain::rules::Rules;
use crate::domain::summary::TargetAccount;
use crate::engine::pace::token_bucket::TokenBucket;
use crate::engine::survey::remote_list::RemoteList;
use crate::report::progress::ProgressDisplay;
use crate::sandbox::RunningSandbox;

/// What Kable has.
pub(super) struct RemoteState {
    pub(super) target: TargetAccount,
    pub(super) requests: RequestSettings,
    pub(super) listed: RemoteList,
    /// Held so that it runs until the last look-up.
    _sandbox: Option<RunningSandbox>,
}

/// What is looked up where, and for which command.
pub(super) struct RemoteQuery<'q> {
    pub(super) destination: Destination,
    pub(super) requests: RequestSettings,
    /// Where the customers are stored.
    pub(super) folder: &'q Path,
    pub(super) watcher: &'q ProgressDisplay,
    /// What can be done without a look-up, after "; "; empty if nothing can.
    pub(super) otherwise: &'static str,
}

/// Looks up the plans and bundles, which go into `rules`, and all customers. A failed
/// look-up is an error here, because the user asked for it.
pub(super) async fn look_up(
    query: RemoteQuery<'_>,
    rules: &mut Rules,
) -> anyhow::Result<RemoteState> {
    let RemoteQuery {
        destination,
        requests,
        folder,
        watcher,
        otherwise,
    } = query;
    let settings = ConnectSettings {
        timeout: requests.timeout,
        connections: 1,
        stripe: false,
        keys: false,
    };
    let bucket = TokenBucket::new(requests.pacing.ceiling);
    let calls = Calls::new(bucket.as_ref(), watcher);
    let connected = connect(destination, settings, rules, calls).await?;
    if let Some(warning) = connected.warning {
        return Err(hinted(
            warning,
            format!("run the same command again{otherwise}"),
        ));
    }
    let listed = list(&connected.client, folder, calls).await?;
    let listed = listed
        .map_err(|error| hinted(error.to_string(), format!("{}{otherwise}", error.advice)))?;
    Ok(RemoteState {
        target: connected.target,
        requests,
        listed,
        _sandbox: connected.sandbox,
    })
}
