//! Which version of the program this is.

use serde::Serialize;

/// The version with the commit that was built, such as `0.1.0 (7d62c33 2026-11-28)`; without
/// the commit where it is not known, as in the archive of a release.
pub const VERSION: &str = env!("BUILD_VERSION");

/// [`VERSION`], where figures say what made them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct MadeBy(&'static str);

impl Default for MadeBy {
    fn default() -> Self {
        Self(VERSION)
    }
}

#[cfg(test)]
mod tests {
    use super::{MadeBy, VERSION};

    #[test]
    fn figures_have_the_version_without_being_told() {
        let written = serde_json::to_string(&MadeBy::default()).unwrap();
        assert_eq!(written, format!("\"{VERSION}\""));
        assert!(VERSION.starts_with(env!("CARGO_PKG_VERSION")), "{VERSION}");
    }
}
