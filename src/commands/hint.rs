//! What the user can do about an error.

use std::borrow::Cow;
use std::error::Error;
use std::io::ErrorKind;

use super::moved_plan::MovedPlan;
use crate::config::ConfigError;
use crate::domain::mapping::MappingError;
use crate::ledger::LedgerError;
use crate::objects::error::ObjectError;
use crate::sandbox::error::SandboxError;
use crate::source::SourceError;

/// An error that may know what the user can do about it.
trait Hint: Error + 'static {
    fn hint(&self) -> Option<Cow<'_, str>>;
}

impl Hint for ConfigError {
    fn hint(&self) -> Option<Cow<'_, str>> {
        Some(self.hint().into())
    }
}

impl Hint for SourceError {
    fn hint(&self) -> Option<Cow<'_, str>> {
        self.hint().map(Cow::from)
    }
}

impl Hint for ObjectError {
    fn hint(&self) -> Option<Cow<'_, str>> {
        self.hint().map(Cow::from)
    }
}

impl Hint for MappingError {
    fn hint(&self) -> Option<Cow<'_, str>> {
        Some(self.hint().into())
    }
}

impl Hint for LedgerError {
    fn hint(&self) -> Option<Cow<'_, str>> {
        self.hint()
    }
}

impl Hint for SandboxError {
    fn hint(&self) -> Option<Cow<'_, str>> {
        self.hint().map(Cow::from)
    }
}

impl Hint for std::io::Error {
    fn hint(&self) -> Option<Cow<'_, str>> {
        matches!(
            self.kind(),
            ErrorKind::StorageFull | ErrorKind::QuotaExceeded | ErrorKind::FileTooLarge
        )
        .then_some(
            "make room on the disk and run the same command again; what was done is kept".into(),
        )
    }
}

/// An error with a hint of its own.
#[derive(Debug, thiserror::Error)]
#[error("{what}")]
pub(super) struct HintedError {
    /// What happened.
    pub(super) what: String,
    /// What the user can do about it.
    pub(super) hint: String,
}

impl Hint for HintedError {
    fn hint(&self) -> Option<Cow<'_, str>> {
        Some(self.hint.as_str().into())
    }
}

impl Hint for MovedPlan {
    fn hint(&self) -> Option<Cow<'_, str>> {
        Some(self.hint.as_str().into())
    }
}

/// An error that says what happened, and what to do.
pub(super) fn hinted(what: impl Into<String>, hint: impl Into<String>) -> anyhow::Error {
    anyhow::Error::new(HintedError {
        what: what.into(),
        hint: hint.into(),
    })
}

/// The hint of `cause`, if it is an `E` and has one.
fn of<'e, E: Hint>(cause: &'e (dyn Error + 'static)) -> Option<Cow<'e, str>> {
    cause.downcast_ref::<E>()?.hint()
}

/// The first hint in the chain; context on top of an error doesn't hide it.
pub fn hint(error: &anyhow::Error) -> Option<Cow<'_, str>> {
    let hints = [
        of::<ConfigError>,
        of::<SourceError>,
        of::<ObjectError>,
        of::<MappingError>,
        of::<LedgerError>,
        of::<SandboxError>,
        of::<HintedError>,
        of::<MovedPlan>,
        of::<std::io::Error>,
    ];
    // Only `anyhow` can downcast to the type of a context.
    let context = error.downcast_ref::<HintedError>().and_then(Hint::hint);
    context.or_else(|| {
        error
            .chain()
            .find_map(|cause| hints.iter().find_map(|hint| hint(cause)))
    })
}

#[cfg(test)]
mod tests {
    use anyhow::Context;

    use super::{HintedError, hint, hinted};
    use crate::config::ConfigError;

    #[test]
    fn a_hint_is_found_below_and_in_context() {
        let config = || anyhow::Error::new(ConfigError::Swapped);
        let below = config().context("cannot start");
        assert!(hint(&below).unwrap().contains("the other's value"));
        let on_top = config().context(HintedError {
            what: "cannot start".to_owned(),
            hint: "start again".to_owned(),
        });
        assert_eq!(hint(&on_top).unwrap(), "start again");
        assert_eq!(hint(&hinted("no", "yes")).unwrap(), "yes");
    }

    #[test]
    fn a_full_disk_has_a_hint_in_any_error() {
        let full = std::io::Error::from(std::io::ErrorKind::StorageFull);
        let error = Err::<(), _>(full).context("cannot write").unwrap_err();
        assert!(hint(&error).unwrap().contains("make room"));
        let other = std::io::Error::from(std::io::ErrorKind::NotFound);
        assert!(hint(&anyhow::Error::new(other)).is_none());
    }
}
