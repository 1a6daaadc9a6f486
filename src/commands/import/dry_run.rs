//! `import --dry-run`: what a run would do, from the checkpoint and the list of
//! customers.

use super::session::Session;
use crate::commands::preflight::Calls;
use crate::commands::validate::online::list;
use crate::domain::forecast::Forecast;
use crate::domain::text::{counted, thousands};
use crate::engine::account::preview::Foreseeing;
use crate::engine::survey::Survey;
use crate::engine::survey::remote_list::Listed;

impl Session {
    /// Lists the customers for a dry run. `None` where there is no list: it is no dry
    /// run, the list can't be read, or everything was stopped.
    pub(super) fn foreseen_list(&self) -> anyhow::Result<Option<Listed>> {
        if !self.dispatch.dry_run {
            return Ok(None);
        }
        let calls = Calls {
            bucket: self.bucket.as_deref(),
            watcher: &self.watcher,
        };
        let listed = self.runtime.block_on(async {
            tokio::select! {
                biased;
                () = self.stop.halted() => None,
                listed = list(&self.client, &self.out, calls) => Some(listed),
            }
        });
        match listed.transpose()? {
            None => Ok(None),
            Some(Ok(listed)) => Ok(Some(listed)),
            Some(Err(unlisted)) => {
                self.watcher.say(&format!(
                    "warning: {unlisted}: what follows is what the checkpoint alone knows; \
                     which of the other rows Kable holds already, and how they differ, is not known"
                ));
                Ok(None)
            }
        }
    }

    /// What a dry run goes by.
    pub(super) fn foreseeing(&self, surveyed: &Survey) -> Option<Foreseeing> {
        self.dispatch.dry_run.then_some(Foreseeing {
            existing: self.dispatch.policy.existing,
            gaps: surveyed.gaps,
        })
    }

    /// Says which customers of the list can't be read.
    pub(super) fn say_unread(&self, listed: Option<&Listed>) {
        let unread = listed.map_or(0, Listed::unread);
        if unread > 0 {
            self.watcher.say(&format!(
                "warning: {} that Kable holds cannot be read; rows of theirs count as new",
                counted(unread, "customer", "customers")
            ));
        }
    }

    /// Why a run would stop early that is foreseen to do this, where it would.
    pub(super) fn foreseen_stop(&self, surveyed: &Survey, would: &Forecast) -> Option<String> {
        let errors = surveyed.rows.rejected + would.fail;
        let allowed = self.allowed_errors(surveyed);
        (errors > allowed).then(|| {
            format!(
                "It would stop before the end: {} rejected or failed, and no more than {} may be (--max-errors).",
                counted(errors, "row would be", "rows would be"),
                thousands(allowed)
            )
        })
    }
}
