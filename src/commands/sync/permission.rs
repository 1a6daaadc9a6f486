//! Whether what a sync planned may be done: `--max-changes`, and the question before it.

use crate::commands::confirm::confirm_that;
use crate::commands::import::session::Session;
use crate::domain::forecast::Forecast;
use crate::domain::text::counted;
use crate::domain::threshold::Threshold;
use crate::engine::stop::Halt;

/// Why `forecast` may not be done, if it changes more than `most` of the customers at Kable
/// that are `active`: any other is neither updated nor cancelled.
/// Of few customers a share limits cancellations alone.
pub(super) fn too_many_changes(forecast: &Forecast, most: Threshold, active: u64) -> Option<Halt> {
    let (cancels, changes) = (forecast.cancel, forecast.update + forecast.cancel);
    let (allowed, allowed_cancels) = (most.of(active), most.also_of_few(active));
    let allowed = if cancels > allowed_cancels {
        allowed.min(allowed_cancels)
    } else {
        allowed
    };
    (changes > allowed).then_some(Halt::TooManyChanges {
        changes,
        cancels,
        allowed,
        active: matches!(most, Threshold::Percent(_)).then_some(active),
    })
}

/// Asks before anything is sent to a live account, and before customers are cancelled in
/// any: Kable has none for rehearsals.
pub(super) fn confirm(session: &Session, forecast: &Forecast) -> anyhow::Result<()> {
    let is_live = session.connected.live;
    let asks = is_live && forecast.to_send() > 0 || forecast.cancel > 0;
    if session.sending.yes || !asks {
        return Ok(());
    }
    let created = counted(forecast.create, "customer", "customers");
    let updated = counted(forecast.update, "customer", "customers");
    let cancelled = match forecast.cancel {
        0 => String::new(),
        many => format!(", and {} CANCELLED", counted(many, "customer", "customers")),
    };
    let live = if is_live { "LIVE " } else { "" };
    let account = &session.connected.target.kable_client_id;
    let what = format!(
        "{created} will be created and {updated} updated{cancelled} in the {live}account {account}."
    );
    let asking = confirm_that(&what, (&session.prepared.watcher, &session.prepared.stop));
    session.prepared.runtime.block_on(asking)
}

#[cfg(test)]
mod tests {
    use super::{Forecast, Halt, too_many_changes};

    #[test]
    fn a_share_of_few_limits_cancellations_alone() {
        let halt = |update, cancel, most: &str, customers| {
            let forecast = Forecast {
                update,
                cancel,
                ..Forecast::default()
            };
            match too_many_changes(&forecast, most.parse().unwrap(), customers) {
                Some(Halt::TooManyChanges {
                    allowed, active, ..
                }) => {
                    assert_eq!(active, most.ends_with('%').then_some(customers));
                    Some(allowed)
                }
                _ => None,
            }
        };
        assert_eq!(halt(9, 0, "20%", 10), None);
        assert_eq!(halt(9, 2, "20%", 10), None);
        assert_eq!(halt(0, 3, "20%", 10), Some(2));
        assert_eq!(halt(15, 5, "20%", 100), None);
        assert_eq!(halt(16, 5, "20%", 100), Some(20));
        assert_eq!(halt(0, 21, "20%", 100), Some(20));
        // A number is one of both together.
        assert_eq!(halt(2, 2, "3", 10), Some(3));
    }
}
