//! Customers that a row may mean whose `clientId` has lost its leading zeros.

use std::path::Path;

use anyhow::Context;

use super::prepared::Prepared;
use crate::domain::text::{counted, quoted};
use crate::engine::survey::Survey;
use crate::engine::survey::remote_list::RemoteList;

/// Those of them that are active.
#[derive(Debug, Default)]
pub(super) struct LostZeros {
    many: u64,
    /// The id of the first.
    first: String,
}

impl LostZeros {
    /// Those that the survey found in `listed`.
    pub(super) fn of(
        surveyed: &mut Survey,
        listed: &mut RemoteList,
        folder: &Path,
    ) -> anyhow::Result<Self> {
        let mut found = Self::default();
        let read = surveyed.lost_zeros.each(listed, &mut |remote, _| {
            if !remote.is_inactive() {
                found.many += 1;
                if found.first.is_empty() {
                    found.first.clone_from(&remote.client_id);
                }
            }
            Ok(())
        });
        read.with_context(|| format!("cannot use a temporary file in {}", folder.display()))?;
        Ok(found)
    }

    /// How many there are.
    pub(super) fn count(&self) -> u64 {
        self.many
    }

    /// What is to be said of them, if there are any, before rows are sent or foretold.
    pub(super) fn warning(&self) -> Option<String> {
        self.warning_with("A")
    }

    /// The same for a sync, which cancels none of them.
    pub(super) fn warning_of_sync(&self) -> Option<String> {
        self.warning_with("None of these is cancelled, but a")
    }

    fn warning_with(&self, beginning: &str) -> Option<String> {
        let customers = counted(self.many, "customer has", "customers have");
        let first = quoted(&self.first);
        (self.many > 0).then(|| {
            format!(
                "warning: {customers} an id that differs from a row's clientId in leading zeros alone, such \
                 as {first}: a spreadsheet may have removed them. {beginning} row whose \
                 exact id Kable does not have becomes a second customer: correct the ids in the file first"
            )
        })
    }
}

/// Warns before rows of `surveyed` are sent or foretold, if Kable's customers are known.
pub(super) fn say_lost_zeros(
    prepared: &Prepared,
    surveyed: &mut Survey,
    listed: Option<&mut RemoteList>,
) -> anyhow::Result<()> {
    let Some(listed) = listed else {
        return Ok(());
    };
    let lost_zeros = LostZeros::of(surveyed, listed, &prepared.out)?;
    if let Some(warning) = lost_zeros.warning() {
        prepared.watcher.say(&warning);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::LostZeros;

    #[test]
    fn the_warning_names_one_of_them() {
        assert_eq!(LostZeros::default().warning(), None);
        let found = LostZeros {
            many: 2,
            first: "000370".to_owned(),
        };
        assert_eq!(
            found.warning().unwrap(),
            "warning: 2 customers have an id that differs from a row's clientId in leading zeros \
             alone, such as \"000370\": a spreadsheet may have removed them. A row whose exact id \
             Kable does not have becomes a second customer: correct the ids in the file first"
        );
        let of_sync = found.warning_of_sync().unwrap();
        assert!(of_sync.contains(". None of these is cancelled, but a row whose exact id"));
    }
}
