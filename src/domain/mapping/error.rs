//! Why a mapping does not fit an input.

use crate::domain::field::Field;
use crate::domain::nearest::nearest;
use crate::domain::text::{listed, quoted};

/// Why a mapping does not fit an input.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum MappingError {
    /// No column is mapped to a required field.
    #[error(
        "{input} has no column for {} (its columns are {})",
        listed(missing, 3),
        column_names(found)
    )]
    MissingColumns {
        /// The input's name.
        input: String,
        /// The fields without a column.
        missing: Vec<&'static str>,
        /// The columns of the input.
        found: Vec<String>,
        /// What the user can do.
        hint: String,
    },
    /// Two columns are mapped to one field.
    #[error(
        "{input}: columns {} and {} both feed {field}",
        quoted(one),
        quoted(other)
    )]
    Ambiguous {
        /// The input's name.
        input: String,
        /// The field.
        field: Field,
        /// The first column's name.
        one: String,
        /// The second column's name.
        other: String,
    },
    /// A mapping names a column that the input does not have.
    #[error(
        "{input} has no column {} for {field}{} (its columns are {})",
        quoted(column),
        perhaps(column, found),
        column_names(found)
    )]
    NoSuchColumn {
        /// The input's name.
        input: String,
        /// The field.
        field: Field,
        /// The column that the mapping names.
        column: String,
        /// The columns of the input.
        found: Vec<String>,
    },
    /// A condition names a column that the input does not have.
    #[error(
        "{input} has no column {} for a condition of the mapping{} (its columns are {})",
        quoted(column),
        perhaps(column, found),
        column_names(found)
    )]
    NoTestedColumn {
        /// The input's name.
        input: String,
        /// The column that the condition names.
        column: String,
        /// The columns of the input.
        found: Vec<String>,
    },
    /// The input has a column that the mapping forbids.
    #[error("{input} has the column {}, which its mapping forbids", quoted(column))]
    Forbidden {
        /// The input's name.
        input: String,
        /// The column.
        column: String,
    },
}

impl MappingError {
    /// What the user can do about it.
    pub fn hint(&self) -> String {
        match self {
            Self::MissingColumns { hint, .. } => hint.clone(),
            Self::Ambiguous { field, one, .. } => {
                format!("say which one with --map {field}={}", shell_word(one))
            }
            Self::NoSuchColumn {
                field,
                column,
                found,
                ..
            } => match nearest(column, found.iter().map(String::as_str)) {
                Some(near) => format!("if that is the one: --map {field}={}", shell_word(near)),
                None => format!("name the one of its columns that feeds {field}"),
            },
            Self::NoTestedColumn { .. } => {
                "name one of the file's columns in the mapping file".to_owned()
            }
            Self::Forbidden { .. } => {
                "leave that column out of the file: it has no place in an import of customers"
                    .to_owned()
            }
        }
    }
}

/// The column that was perhaps meant.
fn perhaps(column: &str, found: &[String]) -> String {
    let nearest = nearest(column, found.iter().map(String::as_str));
    nearest.map_or_else(String::new, |name| format!(", perhaps {}", quoted(name)))
}

fn column_names(found: &[String]) -> String {
    let shown: Vec<String> = found.iter().map(|name| quoted(name)).collect();
    listed(&shown, 12)
}

pub(super) fn shell_word(text: &str) -> String {
    if text
        .chars()
        .all(|c| c.is_alphanumeric() || "._-".contains(c))
    {
        text.to_owned()
    } else {
        format!("'{}'", text.replace('\'', "'\\''"))
    }
}
