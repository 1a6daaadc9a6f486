//! What can be wrong with a row, in words that scripts and people rely on.

use std::fmt;

use super::field::Field;

/// How much a problem weighs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Severity {
    /// The row is not sent.
    Error,
    /// The row is sent; a person should look at it.
    Warning,
    /// The row is sent with a value put right.
    Correction,
}

impl Severity {
    /// The word that stands in result files.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warning => "warning",
            Self::Correction => "correction",
        }
    }
}

/// The stable code of a problem (interface, "Problem codes").
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Code {
    /// A required field is absent or blank.
    MissingField,
    /// Not an ISO 4217 code.
    UnknownCurrency,
    /// ISO 4217, but not on Kable's list.
    UnsupportedCurrency,
    /// An earlier row has the same `clientId`.
    DuplicateClientId,
    /// JSON of another type than the field's.
    WrongType,
    /// Not CSV or JSON, a wrong number of cells, broken encoding.
    MalformedRow,
    /// What no API could take.
    InvalidValue,
    /// A plan id that Kable does not have.
    UnknownPlan,
    /// A bundle id that Kable does not have.
    UnknownBundle,
    /// The customer was created, the answer with its keys was lost.
    KeysLost,
    /// Another row has the same `clientId` but for case or blanks.
    SimilarClientId,
    /// Another row has the same e-mail and company under another `clientId`.
    SameCustomer,
    /// An optional value that does not look right.
    SuspectValue,
    /// A value was put right.
    Corrected,
}

impl Code {
    /// The code as scripts read it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::MissingField => "missing_field",
            Self::UnknownCurrency => "unknown_currency",
            Self::UnsupportedCurrency => "unsupported_currency",
            Self::DuplicateClientId => "duplicate_client_id",
            Self::WrongType => "wrong_type",
            Self::MalformedRow => "malformed_row",
            Self::InvalidValue => "invalid_value",
            Self::UnknownPlan => "unknown_plan",
            Self::UnknownBundle => "unknown_bundle",
            Self::KeysLost => "keys_lost",
            Self::SimilarClientId => "similar_client_id",
            Self::SameCustomer => "same_customer",
            Self::SuspectValue => "suspect_value",
            Self::Corrected => "corrected",
        }
    }

    /// What the code weighs.
    pub const fn severity(self) -> Severity {
        match self {
            Self::MissingField
            | Self::UnknownCurrency
            | Self::UnsupportedCurrency
            | Self::DuplicateClientId
            | Self::WrongType
            | Self::MalformedRow
            | Self::InvalidValue
            | Self::UnknownPlan
            | Self::UnknownBundle => Severity::Error,
            Self::KeysLost | Self::SimilarClientId | Self::SameCustomer | Self::SuspectValue => {
                Severity::Warning
            }
            Self::Corrected => Severity::Correction,
        }
    }
}

/// What would put a problem right, where that is known.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fix {
    /// To write this instead of the value.
    Write(&'static str),
    /// To allow this currency, if Kable takes it by now.
    Allow(String),
    /// To take external ids for the ids of their plans and bundles.
    ExternalIds,
    /// To leave the row out: another one says the same.
    LeaveOut,
}

/// One thing that is wrong, or was put right, in one row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// What kind of thing.
    pub code: Code,
    /// The path of the field it is about; empty where it is the whole row.
    pub field: &'static str,
    /// What was found, cut to a length that can be shown.
    pub value: String,
    /// What was found and what was wanted; reads on after "line 7: ".
    pub message: String,
    /// What would put it right, where that is known.
    pub mend: Option<Fix>,
}

impl Problem {
    /// A problem of `field`, which holds `value`.
    pub fn of(code: Code, field: Field, value: &str, message: impl Into<String>) -> Self {
        Self {
            code,
            field: field.name(),
            value: super::text::shown(value),
            message: message.into(),
            mend: None,
        }
    }

    /// The same problem, put right by `mend` where that is known.
    #[must_use]
    pub fn mended_by(mut self, mend: impl Into<Option<Fix>>) -> Self {
        self.mend = mend.into();
        self
    }

    /// A problem of the row as a whole.
    pub fn of_row(code: Code, message: impl Into<String>) -> Self {
        Self {
            code,
            field: "",
            value: String::new(),
            message: message.into(),
            mend: None,
        }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

/// The messages of `problems`, `; ` between them.
pub fn messages<'a>(problems: impl IntoIterator<Item = &'a Problem>) -> String {
    let texts: Vec<&str> = problems
        .into_iter()
        .map(|problem| problem.message.as_str())
        .collect();
    texts.join("; ")
}
