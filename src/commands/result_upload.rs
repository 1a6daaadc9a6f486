//! `--out s3://…`: results are written to a folder of this machine, and copied at the end.
//!
//! What can't be copied stays in that folder, which is named then.

use std::ffi::OsString;

use anyhow::Context;
use parking_lot::Mutex;
use tempfile::TempDir;
use tokio::runtime::Runtime;

use super::hint::{HintedError, hinted};
use crate::config::input::InputSettings;
use crate::domain::object_address::ObjectAddress;
use crate::objects::error::ObjectError;
use crate::objects::results::ResultPlace;
use crate::report::result_names::is_result_name;

/// Results that are copied to an address.
#[derive(Debug)]
pub(super) struct ResultUpload {
    place: ResultPlace,
    /// The address, without a slash behind it.
    shown: String,
    /// The folder as text.
    local: String,
    /// The folder until it is kept; it is removed with this value.
    folder: Mutex<Option<TempDir>>,
}

impl ResultUpload {
    /// Looks whether results can be written to the address that `settings` have for them, and
    /// puts a folder of this machine in its place; `None` if it is a folder already.
    pub(super) fn begin(
        settings: &mut InputSettings,
        command: &str,
        runtime: &Runtime,
    ) -> anyhow::Result<Option<Self>> {
        let address = ObjectAddress::of(settings.out.as_os_str());
        // A report is one page in the folder of a run.
        let Some(address) = address.filter(|_| command != "report") else {
            return Ok(None);
        };
        let is_result = |name: &str| is_result_name(name.as_ref());
        let is_read = |name: &OsString| {
            let key = ObjectAddress::of(name);
            key.is_some_and(|input| {
                let name = input.key().rsplit('/').next().unwrap_or_default();
                is_result(name) && address.join(name).shown() == input.shown()
            })
        };
        if let Some(name) = settings.inputs.iter().find(|name| is_read(name)) {
            let name = name.display();
            return Err(hinted(
                format!("{name} stands where this run writes its own results"),
                "name another folder with --out DIR, or omit --out",
            ));
        }
        let mut builder = tempfile::Builder::new();
        builder.prefix("kable-bulk-results-");
        #[cfg(unix)]
        builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o700));
        let folder = builder.tempdir();
        let folder = folder.with_context(|| {
            let folder = std::env::temp_dir();
            format!("cannot write results to {}", folder.display())
        })?;
        let place: Result<ResultPlace, ObjectError> = runtime.block_on(async {
            let place = ResultPlace::find(&address, is_result).await?;
            place.try_out(folder.path()).await?;
            Ok(place)
        });
        folder.path().clone_into(&mut settings.out);
        Ok(Some(Self {
            place: place?,
            shown: address.shown().trim_end_matches('/').to_owned(),
            local: folder.path().display().to_string(),
            folder: Mutex::new(Some(folder)),
        }))
    }

    /// Copies the results. If that fails, the folder stays.
    pub(super) fn finish(&self, runtime: &Runtime) -> anyhow::Result<()> {
        let Some(folder) = self.folder.lock().take() else {
            return Ok(());
        };
        match runtime.block_on(self.place.publish(folder.path())) {
            Ok(()) => Ok(()),
            Err(error) => {
                let kept = folder.keep();
                Err(anyhow::Error::new(error).context(HintedError {
                    what: format!(
                        "the results are not at {}, they are in {}",
                        self.shown,
                        kept.display()
                    ),
                    hint: "copy them from there, or run the same command again: what was done \
                           is kept in the checkpoint"
                        .to_owned(),
                }))
            }
        }
    }

    /// `text` with the address where it names the folder.
    pub(super) fn public_text(&self, text: &str) -> String {
        text.replace(&self.local, &self.shown)
    }
}
