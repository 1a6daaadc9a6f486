//! From a destination to a client whose credentials hold.

use std::time::Duration;

use anyhow::Context;
use secrecy::SecretString;

use super::hinted;
use super::preflight::{Calls, HeardDates, ServerDate, authenticate, look_up_offers};
use super::wall_clock;
use crate::config::sending::Dispatch;
use crate::config::target::{Destination, is_loopback};
use crate::domain::rules::Rules;
use crate::domain::summary::TargetAccount;
use crate::engine::wall_clock::WallClock;
use crate::kable::client::{Client, Settings};
use crate::sandbox::RunningSandbox;
use crate::sandbox::settings as sandbox;

/// How the client is to be.
#[derive(Debug, Clone, Copy)]
pub(super) struct Wanted {
    pub(super) timeout: Duration,
    pub(super) connections: usize,
    pub(super) stripe: bool,
    pub(super) keys: bool,
}

impl Wanted {
    /// A client that an import sends with.
    pub(super) fn by(dispatch: &Dispatch) -> Self {
        Self {
            timeout: dispatch.timeout,
            connections: dispatch.pacing.concurrency,
            stripe: dispatch.stripe,
            keys: dispatch.keys,
        }
    }
}

/// A client whose credentials hold.
pub(super) struct Connected {
    pub(super) client: Client,
    pub(super) target: TargetAccount,
    pub(super) live: bool,
    /// Our clock, which every `Date` is held against.
    pub(super) clock: WallClock,
    pub(super) dates: Vec<ServerDate>,
    pub(super) sandbox: Option<RunningSandbox>,
    /// What could not be looked up, where something couldn't.
    pub(super) warning: Option<String>,
}

/// Connects, checks the credentials, and puts the plans and bundles that there
/// are into `rules`.
pub(super) async fn connect(
    destination: Destination,
    wanted: Wanted,
    rules: &mut Rules,
    calls: Calls<'_>,
) -> anyhow::Result<Connected> {
    let (base_url, shown, live, client_id, client_secret, sandbox) = match destination {
        Destination::Api {
            base_url,
            live,
            client_id,
            client_secret,
        } => {
            let shown = base_url.as_str().trim_end_matches('/').to_owned();
            (base_url, shown, live, client_id, client_secret, None)
        }
        Destination::Sandbox(path) => {
            let started = RunningSandbox::start(sandbox::Settings::new(&path)).await?;
            let url = started
                .url()
                .parse()
                .context("the sandbox has no address")?;
            // Its port is another one each time; what it is, is its file.
            let place = std::path::absolute(&path).unwrap_or(path);
            let secret: SecretString = sandbox::CLIENT_SECRET.into();
            (
                url,
                format!("sandbox:{}", place.display()),
                false,
                sandbox::CLIENT_ID.to_owned(),
                secret,
                Some(started),
            )
        }
    };
    let client = Client::new(&Settings {
        loopback: is_loopback(&base_url),
        base_url,
        client_id: client_id.clone(),
        client_secret,
        timeout: wanted.timeout,
        connections: wanted.connections,
        stripe: wanted.stripe,
        keys: wanted.keys,
    })?;
    let clock = WallClock::starting_at(wall_clock());
    let mut heard = HeardDates::by(clock, calls);
    authenticate(&client, &client_id, &shown, &mut heard).await?;
    let warning = look_up_offers(&client, &shown, rules, &mut heard).await?;
    demand_external_ids(warning.as_deref(), rules)?;
    Ok(Connected {
        client,
        target: TargetAccount {
            base_url: shown,
            kable_client_id: client_id,
        },
        live,
        clock,
        dates: heard.dates,
        sandbox,
        warning,
    })
}

/// Fails where external ids stand for plans and bundles that could not be looked up.
fn demand_external_ids(warning: Option<&str>, rules: &Rules) -> anyhow::Result<()> {
    match warning.filter(|_| rules.external_ids) {
        Some(warning) => Err(hinted(
            format!("{warning}, so it is not known what external ids stand for"),
            "run the same command again later, or leave --plan-ids away; nothing was sent",
        )),
        None => Ok(()),
    }
}
