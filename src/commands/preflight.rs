//! What can be found out before the first create: whether the credentials
//! hold, and which plans and bundles there are.

use std::time::Duration;

use super::hinted;
use crate::domain::catalog::Catalog;
use crate::domain::rules::Rules;
use crate::domain::text::quoted;
use crate::engine::pace::token_bucket::TokenBucket;
use crate::engine::wall_clock::WallClock;
use crate::kable::client::Client;
use crate::kable::{Exchange, Preflight, Refusal, Trouble};
use crate::report::progress::ProgressDisplay;

/// How often a call is tried that gets no answer.
const TRIES: u32 = 4;

/// The pause before the second try; it doubles.
const PAUSE: Duration = Duration::from_millis(500);

/// Pauses from this length on are reported.
const WORTH_SAYING: Duration = Duration::from_secs(4);

/// The longest pause that is kept for a mere check.
const LONGEST_FOR_A_CHECK: Duration = Duration::from_secs(10);

/// A `Date` of the server's, with our clock before and after.
pub(super) type ServerDate = (i64, i64, i64);

/// Checks the credentials.
pub(super) async fn authenticate(
    client: &Client,
    client_id: &str,
    base_url: &str,
    heard: &mut HeardDates<'_>,
) -> anyhow::Result<()> {
    let reply = heard
        .patiently(Duration::MAX, || client.authenticate())
        .await;
    match reply {
        Preflight::Good(()) => Ok(()),
        Preflight::Denied(refusal) => Err(hinted(
            format!(
                "{base_url} refuses the credentials of account {client_id} ({})",
                said(&refusal)
            ),
            "check KABLE_CLIENT_ID and KABLE_CLIENT_SECRET, and that they are of this environment",
        )),
        Preflight::Refused(refusal) => Err(not_kable(base_url, &refusal)),
        Preflight::Unreachable(trouble, _) => Err(unreachable(base_url, &trouble)),
    }
}

/// Looks up the ids of plans and bundles, and puts them into `rules`. Returns
/// a warning where that didn't work: it is a check, and no reason to stop, unless
/// what answers is a web page instead of the API.
pub(super) async fn look_up_offers(
    client: &Client,
    base_url: &str,
    rules: &mut Rules,
    heard: &mut HeardDates<'_>,
) -> anyhow::Result<Option<String>> {
    let longest = LONGEST_FOR_A_CHECK;
    let plans = heard.patiently(longest, || client.plans()).await;
    let bundles = heard.patiently(longest, || client.bundles()).await;
    for reply in [&plans, &bundles] {
        if let Preflight::Refused(refusal) = reply
            && refusal.status < 300
        {
            return Err(not_kable(base_url, refusal));
        }
    }
    let mut failed = None;
    let mut take = |what: &str, reply: Preflight<Catalog>| match reply {
        Preflight::Good(ids) => Some(ids),
        Preflight::Denied(refusal) | Preflight::Refused(refusal) => {
            failed = Some(format!(
                "the {what} could not be looked up ({}); their ids are not checked",
                said(&refusal)
            ));
            None
        }
        Preflight::Unreachable(trouble, _) => {
            failed = Some(format!(
                "the {what} could not be looked up ({}); their ids are not checked",
                trouble.message
            ));
            None
        }
    };
    rules.plans = take("plans", plans);
    rules.bundles = take("bundles", bundles);
    Ok(failed)
}

fn not_kable(base_url: &str, refusal: &Refusal) -> anyhow::Error {
    hinted(
        format!(
            "{base_url} does not answer as Kable does ({})",
            said(refusal)
        ),
        "check --base-url: it is the address without /api/v1",
    )
}

/// How calls are made that are about no row.
#[derive(Debug, Clone, Copy)]
pub(super) struct Calls<'c> {
    /// The starts that the rate allows; they count like any other.
    pub(super) bucket: Option<&'c TokenBucket>,
    pub(super) watcher: &'c ProgressDisplay,
}

impl<'c> Calls<'c> {
    /// Calls that are counted in `bucket`.
    pub(super) fn new(bucket: Option<&'c TokenBucket>, watcher: &'c ProgressDisplay) -> Self {
        Self { bucket, watcher }
    }

    /// Waits for the next start.
    pub(super) async fn start(self) {
        if let Some(bucket) = self.bucket {
            bucket.drip().await;
        }
    }
}

/// The server's `Date`s on the first answers: they bound its clock before the first
/// row is claimed.
#[derive(Debug)]
pub(super) struct HeardDates<'c> {
    /// Our clock.
    clock: WallClock,
    calls: Calls<'c>,
    /// What was heard so far.
    pub(super) dates: Vec<ServerDate>,
}

impl<'c> HeardDates<'c> {
    /// Nothing was heard yet.
    pub(super) fn by(clock: WallClock, calls: Calls<'c>) -> Self {
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

    /// Makes a call again that got no answer, unless nothing listens at all, or the
    /// server wants to be left alone for longer than `longest`.
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
                    if wait > WORTH_SAYING {
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

pub(super) fn said(refusal: &Refusal) -> String {
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
    hinted(
        format!("cannot reach {base_url}: {}", trouble.message),
        "check the address and the network; nothing was sent",
    )
}
