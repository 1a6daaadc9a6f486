//! `kable-bulk sandbox`: serves a local imitation of the Kable API.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use super::exit::Exit;
use super::finish::print;
use super::signals::shutdown;
use super::system::runtime;
use crate::cli::defaults::SANDBOX_FILE;
use crate::cli::{SandboxChoice, SandboxOptions, Upsert};
use crate::config::value_error;
use crate::config::values::duration;
use crate::config::{Environment, FileOptions};
use crate::sandbox::RunningSandbox;
use crate::sandbox::faults::Fault;
use crate::sandbox::settings::Settings;
use crate::sandbox::store::catalog::{BUNDLES, PLANS};

/// Serves until it is interrupted.
pub fn run(typed: SandboxOptions, environment: &Environment) -> anyhow::Result<Exit> {
    let file = FileOptions::read(&typed.file, environment)?;
    let settings = settings(typed, file.target.sandbox)?;
    let runtime = runtime()?;
    runtime.block_on(async {
        let sandbox = RunningSandbox::start(settings.clone()).await?;
        print(&greeting(&sandbox.url(), &settings))?;
        shutdown().await;
        let counts = sandbox.requests();
        sandbox.stop().await;
        let calls: Vec<String> = counts
            .calls
            .iter()
            .map(|(call, times)| format!("{} {times}", call.word()))
            .collect();
        print(&format!(
            "\n{} requests ({}), at most {} in one second\n",
            counts.requests,
            calls.join(", "),
            counts.busiest_second
        ))?;
        Ok(Exit::Done)
    })
}

fn settings(typed: SandboxOptions, stored: Option<SandboxChoice>) -> anyhow::Result<Settings> {
    let faults: Result<Vec<Fault>, _> = typed.fault.iter().map(|text| text.parse()).collect();
    let database = match (typed.database, stored) {
        (Some(file), _) | (None, Some(SandboxChoice::File(file))) => file,
        (None, Some(SandboxChoice::Off) | None) => SANDBOX_FILE.into(),
    };
    let mut settings = Settings::new(database);
    settings.address = SocketAddr::from((Ipv4Addr::LOCALHOST, typed.port));
    if let Some(rps) = typed.rps {
        settings.requests_per_second = Some(rps.parse().map_err(value_error("rps"))?);
    }
    if let Some(headers) = typed.rate_headers {
        settings.rate_headers = headers.parse().map_err(value_error("rate-headers"))?;
    }
    settings.latency = match typed.latency {
        Some(text) => duration("latency", &text)?,
        None => Duration::ZERO,
    };
    settings.at_once = typed.at_once;
    settings.stripe_connected = typed.stripe_connected;
    if let Some(lag) = typed.read_lag {
        settings.read_lag = duration("read-lag", &lag)?;
    }
    settings.show_stripe_ids = typed.show_stripe_ids;
    settings.ignore_case = typed.ignore_case;
    settings.upsert = typed.upsert.is_some();
    settings.upsert_updates = typed.upsert == Some(Upsert::Update);
    settings.faults = faults.map_err(value_error("fault"))?;
    settings.seed = typed.seed;
    Ok(settings)
}

fn greeting(url: &str, settings: &Settings) -> String {
    let offers = |offers: &[crate::sandbox::store::catalog::Offer]| {
        let named: Vec<String> = offers
            .iter()
            .map(|offer| format!("{} ({})", offer.id, offer.name))
            .collect();
        named.join("\n         ")
    };
    format!(
        "A sandbox of the Kable API, over {}. Stop it with Ctrl-C.\n\n\
         export KABLE_CLIENT_ID={}\n\
         export KABLE_CLIENT_SECRET={}\n\
         kable-bulk import FILE --base-url {url}\n\n\
         plans:   {}\n\
         bundles: {}\n",
        settings.database.display(),
        settings.client_id,
        settings.client_secret,
        offers(&PLANS),
        offers(&BUNDLES)
    )
}
