//! What is said before the first row is sent: of what, to whom, how long it takes.

use super::session::Session;
use crate::commands::shell_word::{shell_word, shown};
use crate::domain::forecast::Forecast;
use crate::domain::outcome::Outcome;
use crate::domain::text::{counted, listed, thousands};
use crate::domain::value_counts::ValueCounts;
use crate::engine::survey::Survey;

/// How many currencies, plans and inputs are named.
const NAMED: usize = 5;

/// The lines before an import.
pub(super) fn banner(session: &Session, surveyed: &Survey) -> Vec<String> {
    let mut lines = target_lines(session).to_vec();
    if session.connected.is_test_host() {
        lines.push("customers made with a TEST key are real: LIVE sees them too".to_owned());
    }
    lines.push(rows_line(surveyed));
    lines.extend(values_line(session, surveyed));
    lines.extend(besides(session));
    if surveyed.rows.rejected > 0 {
        let out = shown(&session.prepared.out);
        lines.push(format!("the rejected rows and why are in {out} already"));
    }
    lines
}

/// What is sent where.
pub(in crate::commands) fn target_lines(session: &Session) -> [String; 2] {
    let names = &session.prepared.reading.names;
    let names: Vec<String> = names.iter().map(shell_word).collect();
    let target = &session.connected.target;
    let (command, names) = (session.command.name(), listed(&names, NAMED));
    [
        format!("{command} of {names} into {}", target.base_url),
        format!("account {}", target.kable_client_id),
    ]
}

/// `40,000 rows: 270 rejected, 12,000 done already, 3 to look up first, 27,727 to create`.
fn rows_line(surveyed: &Survey) -> String {
    let rows = surveyed.rows;
    let done = surveyed.done.sum() - surveyed.done.of(Outcome::Failed);
    let counts = [
        (rows.skipped, "skipped"),
        (rows.rejected, "rejected"),
        (done, "done already"),
        (surveyed.done.of(Outcome::Failed), "failed before"),
        (surveyed.to_look_up, "to look up first"),
        (surveyed.to_create, "to create"),
    ];
    counted_rows(rows.read, &counts)
}

fn counted_rows(read: u64, counts: &[(u64, &str)]) -> String {
    let counts = counts.iter().filter(|(count, _)| *count > 0);
    let counts: Vec<String> = counts
        .map(|(count, what)| format!("{} {what}", thousands(*count)))
        .collect();
    format!("{}: {}", counted(read, "row", "rows"), counts.join(", "))
}

/// `1,000 rows: 3 rejected, 10 to create, 5 to update, 982 equal`, of a sync.
pub(in crate::commands) fn compared_line(surveyed: &Survey, would: &Forecast) -> String {
    let rows = surveyed.rows;
    let counts = [
        (rows.skipped, "skipped"),
        (rows.rejected, "rejected"),
        (would.create, "to create"),
        (would.update, "to update"),
        (would.cancel, "customers to cancel"),
        (would.leave_equal, "equal"),
        (would.leave_differing, "differ and are left"),
    ];
    counted_rows(rows.read, &counts)
}

/// `by currency: EUR 20,100, USD 7,600; by plan: Gold 12,000, Basic 300`.
fn values_line(session: &Session, surveyed: &Survey) -> Option<String> {
    let tally = &surveyed.tally;
    let currencies = counted_values(&tally.currencies, str::to_owned)?;
    let catalog = session.prepared.reading.rules.plans.as_ref();
    let name = |id: &str| {
        let name = catalog.and_then(|plans| plans.name_of(id));
        name.map_or_else(|| id.to_owned(), str::to_owned)
    };
    let plans = counted_values(&tally.plans, name);
    let plans = plans.map_or_else(String::new, |plans| format!("; by plan: {plans}"));
    Some(format!("by currency: {currencies}{plans}"))
}

/// The most frequent values with their counts; `None` if there are none.
fn counted_values(counts: &ValueCounts, name: impl Fn(&str) -> String) -> Option<String> {
    let (values, others) = counts.largest(NAMED);
    let mut parts: Vec<String> = values
        .into_iter()
        .map(|(value, count)| format!("{} {}", name(value), thousands(count)))
        .collect();
    if others > 0 {
        parts.push(format!("others {}", thousands(others)));
    }
    (!parts.is_empty()).then(|| parts.join(", "))
}

/// What is made beside customers.
fn besides(session: &Session) -> Option<String> {
    let made = [
        (session.sending.keys, "API keys (keys.csv)"),
        (session.sending.stripe, "Stripe customers"),
    ];
    let made = made.into_iter().filter(|(is_made, _)| *is_made);
    let made: Vec<&str> = made.map(|(_, what)| what).collect();
    (!made.is_empty()).then(|| format!("also creates {}", made.join(" and ")))
}
