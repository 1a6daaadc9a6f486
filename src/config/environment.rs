//! The environment, read once.

use secrecy::SecretString;

use super::options::named_options;

/// The variables that the program obeys.
#[derive(Debug, Clone, Default)]
pub struct Environment {
    pub(super) client_id: Option<String>,
    pub(super) client_secret: Option<SecretString>,
    /// `KABLE_BULK_…`: options by their long names, sorted by name.
    pub(super) options: Vec<(String, String)>,
}

impl Environment {
    /// Reads the environment.
    #[expect(
        clippy::disallowed_methods,
        reason = "this is the one reader of the environment"
    )]
    pub fn read() -> Self {
        let set = |name: &str| {
            std::env::var(name)
                .ok()
                .filter(|value| !value.trim().is_empty())
        };
        Self {
            client_id: set("KABLE_CLIENT_ID").map(|id| id.trim().to_owned()),
            client_secret: set("KABLE_CLIENT_SECRET").map(|secret| secret.trim().into()),
            options: named_options(std::env::vars_os()),
        }
    }
}
