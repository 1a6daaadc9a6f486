//! What is said of a checkpoint that is damaged, and of what was saved of it.

use std::fmt;
use std::path::PathBuf;

use crate::domain::text::thousands;

/// What was done about a damaged checkpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Rescue {
    /// Nothing: it was only looked at.
    NotTried,
    /// Not even the account can be read, so nothing could be saved.
    Nothing,
    /// What can be read was saved.
    Saved(Saved),
    /// A file stands already where it would be saved.
    Standing(PathBuf),
    /// What can be read could not be written.
    Unwritten {
        /// Where to.
        to: PathBuf,
        /// What the system said.
        why: String,
    },
}

/// What was saved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Saved {
    /// Where it is.
    pub path: PathBuf,
    /// How many claims are in it.
    pub claims: u64,
    /// Of how many, where that is known.
    pub of: Option<u64>,
    /// How many of them are known to have been created.
    pub created: u64,
}

impl Rescue {
    /// What the user does next.
    pub(super) fn hint(&self) -> String {
        match self {
            Self::NotTried => {
                "run the import again: it saves what can be read of it, and says how to go on"
                    .to_owned()
            }
            Self::Nothing => "begin a new one with --checkpoint FILE: customers that are there \
                 already are found, and not created again"
                .to_owned(),
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
            Self::Nothing => write!(
                f,
                "not even its account can be read, so nothing could be saved"
            ),
            Self::Saved(saved) => {
                let claims = thousands(saved.claims);
                let (path, created) = (saved.path.display(), thousands(saved.created));
                match saved.of {
                    Some(of) => write!(f, "{claims} of its {} claims", thousands(of)),
                    None => write!(f, "{claims} claims (of how many can't be told)"),
                }?;
                write!(f, ", {created} of them created, were saved to {path}")
            }
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

#[cfg(test)]
mod tests {
    use super::{Rescue, Saved};

    #[test]
    fn what_was_saved_is_told_in_figures() {
        let mut saved = Saved {
            path: "run.db.saved".into(),
            claims: 23_950,
            of: Some(24_000),
            created: 23_000,
        };
        assert_eq!(
            Rescue::Saved(saved.clone()).to_string(),
            "23,950 of its 24,000 claims, 23,000 of them created, were saved to run.db.saved"
        );
        saved.of = None;
        assert_eq!(
            Rescue::Saved(saved).to_string(),
            "23,950 claims (of how many can't be told), 23,000 of them created, were saved to run.db.saved"
        );
    }
}
