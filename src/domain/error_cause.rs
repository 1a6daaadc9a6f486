//! The cause of an error that says most.

use std::error::Error;

/// The innermost cause of `error`.
pub fn innermost(error: &dyn Error) -> String {
    let mut cause = error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    cause.to_string()
}
