//! Why a row is no customer: it is counted as skipped, and is no error.

use std::fmt;
use std::sync::Arc;

/// Why a row is no customer.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum SkipReason {
    /// It is empty, or nothing but blanks and delimiters.
    Blank,
    /// It is part of a report around the table: a total, a footer, a time stamp.
    Footer,
    /// The row filter of this name leaves it out.
    Filter(Arc<str>),
    /// Another row with its `clientId` is taken instead, as the mapping says.
    Repeated,
    /// It was mended in another input.
    Mended,
}

impl fmt::Display for SkipReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Blank => "blank rows",
            Self::Footer => "totals and footers",
            Self::Filter(name) => name,
            Self::Repeated => "repeated ids",
            Self::Mended => "rows mended in another input",
        })
    }
}
