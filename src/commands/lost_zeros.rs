//! Customers that a row may mean whose `clientId` has lost its leading zeros.

use std::path::Path;

use anyhow::Context;

use crate::domain::text::{counted, quoted};
use crate::engine::survey::Survey;
use crate::engine::survey::remote_list::RemoteList;

/// Those of them that are not cancelled.
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
            if !remote.is_cancelled() {
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

    /// What is to be said of them, if there are any.
    pub(super) fn warning(&self) -> Option<String> {
        let customers = counted(self.many, "customer has", "customers have");
        let first = quoted(&self.first);
        (self.many > 0).then(|| {
            format!(
                "warning: {customers} an id that differs from a row's clientId in leading zeros alone, such \
                 as {first}: a spreadsheet may have removed them. None of these is cancelled, but a row whose \
                 exact id Kable does not have becomes a second customer: correct the ids in the file first"
            )
        })
    }
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
        let warning = found.warning().unwrap();
        assert!(
            warning.starts_with(
                "warning: 2 customers have an id that differs from a row's clientId in leading \
                 zeros alone, such as \"000370\": a spreadsheet"
            ),
            "{warning}"
        );
    }
}
