//! The calls before the first create: whether the credentials are accepted, and
//! which plans and bundles the account has.

use std::time::Duration;

use super::hint::hinted;
use crate::domain::catalog::Catalog;
use crate::domain::rules::Rules;
use crate::domain::text::quoted;
use crate::engine::pace::token_bucket::TokenBucket;
use crate::engine::wall_clock::WallClock;
use crate::kable::client::Client;
use crate::kable::{Exchange, Preflight, Refusal, Trouble};
use crate::report::progress::ProgressDisplay;

/// How often a call without a response is tried.
const TRIES: u32 = 4;

/// The pause before the second try; it doubles.
const PAUSE: Duration = Duration::from_millis(500);

/// Pauses from this length on are reported.
const WORTH_REPORTING: Duration = Duration::from_secs(4);

/// The longest pause for a mere check.
const LONGEST_FOR_A_CHECK: Duration = Duration::from_secs(10);

/// A `Date` of the server, with our clock before and after.
pub(super) type ServerDate = (i64, i64, i64);

/// Checks the credentials.
pub(super) async fn authenticate(
    client: &Client,
    client_id: &str,
    base_url: &str,
    dates: &mut ServerDates<'_>,
) -> anyhow::Result<()> {
    let reply = dates
        .patiently(Duration::MAX, || client.authenticate())
        .await;
    match reply {
        Preflight::Good(()) => Ok(()),
        Preflight::Denied(refusal) => Err(hinted(
            format!(
                "{base_url} refuses the credentials of account {client_id} ({})",
                refusal_text(&refusal)
            ),
            "check KABLE_CLIENT_ID and KABLE_CLIENT_SECRET, and that they belong to this environment",
        )),
        Preflight::Refused(refusal) => Err(not_kable(base_url, &refusal)),
        Preflight::Unreachable(trouble, _) => Err(unreachable(base_url, &trouble)),
    }
}

/// Looks up the plans and bundles, and puts them into `rules`. If that failed, returns
/// what happened, which is no error where it is only a check; an error if the server is
/// not the API but serves a web page.
pub(super) async fn look_up_offers(
    client: &Client,
    base_url: &str,
    rules: &mut Rules,
    dates: &mut ServerDates<'_>,
) -> anyhow::Result<Option<String>> {
    let longest = LONGEST_FOR_A_CHECK;
    let plans = dates.patiently(longest, || client.plans()).await;
    let bundles = dates.patiently(longest, || client.bundles()).await;
    for reply in [&plans, &bundles] {
        if let Preflight::Refused(refusal) = reply
            && refusal.status < 300
        {
            return Err(not_kable(base_url, refusal));
        }
    }
    let mut failed = None;
    let mut ids_of = |what: &str, reply: Preflight<Catalog>| match reply {
        Preflight::Good(ids) => Some(ids),
        Preflight::Denied(refusal) | Preflight::Refused(refusal) => {
            failed = Some(format!(
                "the {what} could not be looked up ({})",
                refusal_text(&refusal)
            ));
            None
        }
        Preflight::Unreachable(trouble, _) => {
            failed = Some(format!(
                "the {what} could not be looked up ({})",
                trouble.message
            ));
            None
        }
    };
    rules.plans = ids_of("plans", plans);
    rules.bundles = ids_of("bundles", bundles);
    Ok(failed)
}

fn not_kable(base_url: &str, refusal: &Refusal) -> anyhow::Error {
    hinted(
        format!(
            "{base_url} does not answer as Kable does ({})",
            refusal_text(refusal)
        ),
        "check --base-url: it is the address without /api/v1",
    )
}

/// How calls that belong to no row are made.
#[derive(Debug, Clone, Copy)]
pub(super) struct Calls<'c> {
    /// The token bucket of `--rate`, which limits these calls too.
    pub(super) bucket: Option<&'c TokenBucket>,
    pub(super) watcher: &'c ProgressDisplay,
}

impl<'c> Calls<'c> {
    /// Calls that take their tokens from `bucket`.
    pub(super) fn new(bucket: Option<&'c TokenBucket>, watcher: &'c ProgressDisplay) -> Self {
        Self { bucket, watcher }
    }

    /// Waits for the next token.
    pub(super) async fn start(self) {
        if let Some(bucket) = self.bucket {
            bucket.acquire().await;
        }
    }
}

/// The `Date`s of the server's first responses: they bound its clock before the
/// first row is claimed.
#[derive(Debug)]
pub(super) struct ServerDates<'c> {
    /// Our clock.
    clock: WallClock,
    calls: Calls<'c>,
    /// The dates so far.
    pub(super) dates: Vec<ServerDate>,
}

impl<'c> ServerDates<'c> {
    /// No dates yet.
    pub(super) fn new(clock: WallClock, calls: Calls<'c>) -> Self {
        Self {
            clock,
            calls,
            dates: Vec::new(),
        }
    }

    async fn call<T>(&mut self, call: impl Future<Output = Exchange<T>>) -> T {
        self.calls.start().await;
        let sent_ms = self.clock.now_ms();
        let answered = call.await;
        if let Some(date_ms) = answered.date_ms {
            self.dates.push((date_ms, sent_ms, self.clock.now_ms()));
        }
        answered.reply
    }

    /// Repeats a call without a response, unless nothing listens at that address, or
    /// the server asks for a pause above `longest`.
    async fn patiently<T, F>(&mut self, longest: Duration, call: impl Fn() -> F) -> Preflight<T>
    where
        F: Future<Output = Exchange<Preflight<T>>>,
    {
        let watcher = self.calls.watcher;
        let mut pause = PAUSE;
        for _ in 1..TRIES {
            let reply = self.call(call()).await;
            match &reply {
                Preflight::Unreachable(trouble, false)
                    if trouble.wait.unwrap_or_default() <= longest =>
                {
                    let wait = pause.max(trouble.wait.unwrap_or_default());
                    if wait > WORTH_REPORTING {
                        watcher.say(&format!(
                            "the API asks for a pause of {} ({})",
                            humantime::format_duration(wait),
                            trouble.message
                        ));
                    }
                    tokio::time::sleep(wait).await;
                    pause *= 2;
                }
                Preflight::Good(_)
                | Preflight::Denied(_)
                | Preflight::Refused(_)
                | Preflight::Unreachable(..) => return reply,
            }
        }
        self.call(call()).await
    }
}

pub(super) fn refusal_text(refusal: &Refusal) -> String {
    if refusal.message.is_empty() {
        format!("status {}", refusal.status)
    } else {
        format!("status {}: {}", refusal.status, quoted(&refusal.message))
    }
}

fn unreachable(base_url: &str, trouble: &Trouble) -> anyhow::Error {
    if trouble.local {
        return hinted(
            trouble.message.clone(),
            "close what uses them up, or raise the limit (ulimit -n); nothing was sent",
        );
    }
    if trouble.message.starts_with("status ") {
        return hinted(
            format!(
                "{base_url} does not answer as Kable does ({})",
                trouble.message
            ),
            "check the address and its port; if they are Kable's, try again later: nothing was sent",
        );
    }
    // What the library for TLS says of a server that answers in plain text.
    let (message, hint) = if trouble.message.contains("InvalidContentType") {
        (
            "the server there does not speak TLS (https)",
            "check the address and its port; nothing was sent",
        )
    } else {
        (
            trouble.message.as_str(),
            "check the address and the network, and the proxy if HTTPS_PROXY is set; nothing was sent",
        )
    };
    hinted(format!("cannot reach {base_url}: {message}"), hint)
}
