//! Opens the checkpoint of an import or a sync.

use std::ffi::OsStr;
use std::sync::Arc;

use super::session::Session;
use crate::commands::checkpoint::{self, CheckpointWriter, StoredLedger};
use crate::commands::hint::hinted;
use crate::config::values::is_nameless;
use crate::engine::pace::rate::Rate;
use crate::engine::survey::Survey;
use crate::ledger::Ledger;

impl Session {
    /// Opens the checkpoint if there is one. A new file is created only after the survey, so
    /// that a wrong name leaves none behind; in a database a run begins with the survey, so
    /// that other workers can join it.
    pub(in crate::commands) fn known_ledger(&self) -> anyhow::Result<Option<StoredLedger>> {
        let path = &self.sending.checkpoint;
        if let Some(warning) = checkpoint::warning(path) {
            self.prepared.watcher.say(&format!("warning: {warning}"));
        }
        let begins = checkpoint::is_database(path) && !self.sending.dry_run;
        if !begins && !checkpoint::is_there(path)? {
            return Ok(None);
        }
        if self.sending.dry_run {
            // Does not upgrade an older format either.
            let target = &self.connected.target;
            return Ok(Some(checkpoint::open_to_plan(path, target)?));
        }
        Ok(Some(self.open_ledger()?))
    }

    fn open_ledger(&self) -> anyhow::Result<StoredLedger> {
        let writer = CheckpointWriter {
            shares: self.shares(),
            timeout: self.sending.requests.timeout,
            watcher: Arc::clone(&self.prepared.watcher),
            stop: self.prepared.stop.clone(),
        };
        let (path, target) = (&self.sending.checkpoint, &self.connected.target);
        let mut ledger = checkpoint::open(path, target, &writer)?;
        if let Some(shared) = ledger.shared() {
            if let (Some(bucket), Some(pace)) = (&self.bucket, shared.pace()) {
                bucket.share(pace);
            }
            if shared.is_joined() {
                self.prepared.watcher.say(
                    "joining an import that is under way: its rows are shared with the other \
                     workers, and --rate is the rate of all together",
                );
            }
        }
        Ok(ledger)
    }

    /// Whether other processes may work on the same rows: all of them have to read the same
    /// input, and to know the rate that they share.
    fn shares(&self) -> bool {
        let pacing = &self.sending.requests.pacing;
        let is_planned = self.changes.is_some() || self.command.applied.is_some();
        let mut names = self.prepared.reading.names.iter();
        !is_planned
            && pacing.at_once
            && pacing.ceiling != Rate::Unlimited
            && names.all(|name| !is_nameless(OsStr::new(name)))
    }

    /// Opens the surveyed checkpoint for writing, or creates a new one.
    pub(in crate::commands) fn writable_ledger(
        &self,
        known: Option<StoredLedger>,
        surveyed: &Survey,
    ) -> anyhow::Result<StoredLedger> {
        let checkpoint = &self.sending.checkpoint;
        let mut ledger = match known {
            Some(ledger) => ledger,
            None => self.open_ledger()?,
        };
        // Another process may have created it since the survey, and ended.
        if ledger.next_id()? != surveyed.first_new_id {
            return Err(hinted(
                format!(
                    "checkpoint {} was begun by another run meanwhile",
                    checkpoint.display()
                ),
                "run the same command again",
            ));
        }
        Ok(ledger)
    }
}
