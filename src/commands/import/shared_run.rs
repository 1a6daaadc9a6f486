//! What all workers of one import agree on.

use std::time::Duration;

use anyhow::Context;

use super::session::Session;
use crate::commands::shown_mapping::shown_mapping;
use crate::domain::customer::fingerprint;
use crate::domain::decision::ExistingPolicy;
use crate::domain::text::thousands;
use crate::engine::survey::Survey;
use crate::ledger::workers::SharedRun;
use crate::report::plan_file::sha256_of;

/// The encodings of the inputs, in their order.
fn encodings(session: &Session) -> String {
    let inputs = session.prepared.inputs.iter();
    let names: Vec<&str> = inputs
        .map(|input| input.encoding().unwrap_or("UTF-8"))
        .collect();
    names.join(", ")
}

/// The value of `--settle`, if it was given.
fn settle(session: &Session) -> String {
    let given = session.sending.landing.given;
    given.map_or("found".to_owned(), shown)
}

fn shown(time: Duration) -> String {
    humantime::format_duration(time).to_string()
}

/// What the workers of the import of `session` agree on.
pub(super) fn shared_run(session: &Session, surveyed: &Survey) -> anyhow::Result<SharedRun> {
    let prepared = &session.prepared;
    let mut digests = String::new();
    for name in &prepared.reading.names {
        let digest = prepared.input_digest(name);
        let digest = digest.with_context(|| format!("cannot read {name}"))?;
        digests.push_str(&digest.map_or_else(|| name.clone(), |digest| digest.sha256));
    }
    let mapping = shown_mapping(&prepared.reading.mapping, &prepared.inputs, true)?;
    let sending = &session.sending;
    let on_off = |is_on| if is_on { "on" } else { "off" };
    let options = [
        ("the version", env!("CARGO_PKG_VERSION").to_owned()),
        ("--encoding", encodings(session)),
        ("the mapping", sha256_of(&mapping.join("\n"))),
        ("the rows", thousands(surveyed.rows.read)),
        (
            "the rows that are rejected",
            thousands(surveyed.rows.rejected),
        ),
        ("--rate", sending.requests.pacing.ceiling.to_string()),
        ("--timeout", shown(sending.landing.timeout)),
        ("--settle", settle(session)),
        (
            "--existing",
            match sending.policy.existing {
                ExistingPolicy::Skip => "skip",
                ExistingPolicy::Update => "update",
                ExistingPolicy::Fail => "fail",
            }
            .to_owned(),
        ),
        (
            "--retry-failed",
            on_off(sending.policy.retry_failed).to_owned(),
        ),
        ("--stripe", on_off(sending.stripe).to_owned()),
        ("--keys", on_off(sending.keys).to_owned()),
        ("--strict", on_off(prepared.reading.rules.strict).to_owned()),
        (
            "--all-or-nothing",
            on_off(sending.all_or_nothing).to_owned(),
        ),
        (
            "--max-errors",
            match session.allowed_errors(surveyed) {
                u64::MAX => "all".to_owned(),
                allowed => thousands(allowed),
            },
        ),
    ];
    Ok(SharedRun {
        rows: surveyed.rows.read,
        input: fingerprint(&digests),
        options: options
            .map(|(name, value)| (name.to_owned(), value))
            .to_vec(),
        may_begin: sending.canary.is_none(),
    })
}
