//! Reports damage to a checkpoint, and what was saved of it.

use std::borrow::Cow;
use std::fmt;
use std::path::PathBuf;

use crate::domain::text::thousands;

/// What is wrong with a checkpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Damage {
    /// A clause that describes it.
    pub what: Cow<'static, str>,
    /// SQLite's message, if it gave one.
    pub detail: Option<String>,
    /// An alternative to the rescue; reads before ", or".
    pub advice: Option<String>,
}

impl Damage {
    /// Damage that SQLite does not report.
    pub(in crate::ledger) fn found(what: impl Into<Cow<'static, str>>) -> Self {
        Self {
            what: what.into(),
            detail: None,
            advice: None,
        }
    }

    /// Damage that SQLite reports.
    pub(super) fn reported(what: &'static str, detail: String) -> Self {
        Self {
            detail: Some(detail),
            ..Self::found(what)
        }
    }

    /// A file without content: never written, or truncated.
    pub(in crate::ledger) fn empty(what: &'static str) -> Self {
        Self {
            advice: Some("remove what is left of it if nothing was ever sent with it".to_owned()),
            ..Self::found(what)
        }
    }

    /// SQLite's message in brackets, to append to a sentence.
    pub(in crate::ledger) fn in_brackets(&self) -> String {
        let detail = self.detail.as_deref();
        detail.map_or_else(String::new, |detail| format!(" (SQLite: {detail})"))
    }

    /// What the user can do next.
    pub(in crate::ledger) fn hint(&self, rescue: &Rescue) -> String {
        match &self.advice {
            Some(advice) => format!("{advice}, or {}", rescue.hint()),
            None => rescue.hint(),
        }
    }
}

/// What was done about a damaged checkpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Rescue {
    /// Nothing: the checkpoint was opened for reading only.
    NotTried,
    /// The readable part was saved.
    Saved(Saved),
    /// Nothing: a file exists at the path to save to.
    Standing(PathBuf),
    /// The readable part could not be written.
    Unwritten {
        /// The path to save to.
        to: PathBuf,
        /// The system's error.
        why: String,
    },
}

/// What was saved of a damaged checkpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Saved {
    /// The path of the new checkpoint.
    pub path: PathBuf,
    /// The number of claims in it.
    pub claims: u64,
    /// The number of claims in the damaged checkpoint, if known.
    pub of: Option<u64>,
    /// How many of the saved claims have the outcome `created`.
    pub created: u64,
    /// The run's account, which was written because the checkpoint's own can't be read.
    pub account: Option<String>,
}

impl Rescue {
    /// What the user can do next.
    fn hint(&self) -> String {
        match self {
            Self::NotTried => {
                "run the import again: it saves what can be read of it, and says how to go on"
                    .to_owned()
            }
            Self::Saved(saved) => format!(
                "run the same command with --checkpoint {}: it asks for every customer that it \
                 does not know before sending it (the damaged file was left as it is)",
                saved.path.display()
            ),
            Self::Standing(path) => format!(
                "run the same command with --checkpoint {}, or move that file away to have it \
                 saved anew",
                path.display()
            ),
            Self::Unwritten { .. } => "see that its folder can be written and that the disk has \
                 room, and run the same command again"
                .to_owned(),
        }
    }
}

impl fmt::Display for Rescue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotTried => write!(f, "nothing was changed"),
            Self::Saved(saved) => write!(f, "{saved}"),
            Self::Standing(path) => write!(
                f,
                "what could be saved of it stands in {} already",
                path.display()
            ),
            Self::Unwritten { to, why } => write!(
                f,
                "what can be read of it could not be saved to {} ({why})",
                to.display()
            ),
        }
    }
}

impl fmt::Display for Saved {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (claims, created) = (thousands(self.claims), thousands(self.created));
        let path = self.path.display();
        match self.of {
            _ if self.claims == 0 => write!(
                f,
                "no claim in it can be read; one without any, which asks for every customer \
                 before sending it, was saved to {path}"
            ),
            Some(of) => write!(
                f,
                "{claims} of its {} claims, {created} of them created, were saved to {path}",
                thousands(of)
            ),
            None => write!(
                f,
                "{claims} claims (of how many can't be told), {created} of them created, were \
                 saved to {path}"
            ),
        }?;
        match &self.account {
            Some(account) => write!(
                f,
                "; whose it was can't be read, and {account} was written there, as this run's"
            ),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Rescue, Saved};

    #[test]
    fn the_message_has_the_numbers_of_saved_claims() {
        let mut saved = Saved {
            path: "run.db.saved".into(),
            claims: 23_950,
            of: Some(24_000),
            created: 23_000,
            account: None,
        };
        assert_eq!(
            Rescue::Saved(saved.clone()).to_string(),
            "23,950 of its 24,000 claims, 23,000 of them created, were saved to run.db.saved"
        );
        saved.of = None;
        assert_eq!(
            Rescue::Saved(saved.clone()).to_string(),
            "23,950 claims (of how many can't be told), 23,000 of them created, were saved to run.db.saved"
        );
        saved.claims = 0;
        saved.account = Some("https://test.kable.io (account kci_1)".to_owned());
        assert_eq!(
            Rescue::Saved(saved).to_string(),
            "no claim in it can be read; one without any, which asks for every customer before \
             sending it, was saved to run.db.saved; whose it was can't be read, and \
             https://test.kable.io (account kci_1) was written there, as this run's"
        );
    }
}
