//! Connects to a destination: a client with accepted credentials.

use std::time::Duration;

use anyhow::Context;
use secrecy::SecretString;

use super::hint::hinted;
use super::preflight::{Calls, ServerDate, ServerDates, authenticate, look_up_offers};
use super::system::wall_clock;
use crate::config::send::SendSettings;
use crate::config::target::{Destination, is_loopback};
use crate::domain::rules::Rules;
use crate::domain::summary::TargetAccount;
use crate::engine::wall_clock::WallClock;
use crate::kable::client::Client;
use crate::kable::settings::Settings;
use crate::sandbox::RunningSandbox;
use crate::sandbox::settings as sandbox;

/// How the client connects.
#[derive(Debug, Clone, Copy)]
pub(super) struct ConnectSettings {
    pub(super) timeout: Duration,
    pub(super) connections: usize,
    pub(super) stripe: bool,
    pub(super) keys: bool,
}

impl ConnectSettings {
    /// The client of an import.
    pub(super) fn of(sending: &SendSettings) -> Self {
        Self {
            timeout: sending.requests.timeout,
            connections: sending.requests.pacing.concurrency,
            stripe: sending.stripe,
            keys: sending.keys,
        }
    }
}

/// A client with accepted credentials.
pub(super) struct Connected {
    pub(super) client: Client,
    pub(super) target: TargetAccount,
    pub(super) live: bool,
    /// Our clock, which every `Date` of the server is compared with.
    pub(super) clock: WallClock,
    pub(super) dates: Vec<ServerDate>,
    pub(super) sandbox: Option<RunningSandbox>,
    /// What could not be looked up, if anything.
    pub(super) warning: Option<String>,
}

/// The host of TEST keys.
const TEST_HOST: &str = "https://test.kable.io";

impl Connected {
    /// Whether customers are made with a TEST key: at Kable they are real.
    pub(super) fn is_test_host(&self) -> bool {
        self.target.base_url == TEST_HOST
    }
}

/// Connects, checks the credentials, and puts the account's plans and bundles into
/// `rules`.
pub(super) async fn connect(
    destination: Destination,
    settings: ConnectSettings,
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
            // The port differs each time, so the sandbox is identified by its file.
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
        timeout: settings.timeout,
        connections: settings.connections,
        stripe: settings.stripe,
        keys: settings.keys,
    })?;
    let clock = WallClock::starting_at(wall_clock());
    let mut dates = ServerDates::new(clock, calls);
    authenticate(&client, &client_id, &shown, &mut dates).await?;
    let warning = look_up_offers(&client, &shown, rules, &mut dates).await?;
    demand_external_ids(warning.as_deref(), rules)?;
    Ok(Connected {
        client,
        target: TargetAccount {
            base_url: shown,
            kable_client_id: client_id,
        },
        live,
        clock,
        dates: dates.dates,
        sandbox,
        warning,
    })
}

/// Fails if plans and bundles are given by external ids and could not be looked up.
fn demand_external_ids(warning: Option<&str>, rules: &Rules) -> anyhow::Result<()> {
    match warning.filter(|_| rules.external_ids) {
        Some(warning) => Err(hinted(
            format!("{warning}, so it is not known what external ids stand for"),
            "run the same command again later, or omit --plan-ids; nothing was sent",
        )),
        None => Ok(()),
    }
}
