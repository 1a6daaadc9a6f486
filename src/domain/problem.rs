//! What can be wrong with a row. The codes are stable, for scripts.

use std::fmt;

use super::field::Field;

/// How severe a problem is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Severity {
    /// The row is not sent.
    Error,
    /// The row is sent; a person should look at it.
    Warning,
    /// The row is sent with a corrected value.
    Correction,
}

impl Severity {
    /// The severity's name in result files.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warning => "warning",
            Self::Correction => "correction",
        }
    }
}

/// The stable code of a problem; `docs/interface.md` lists them.
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
    /// A value that no API could accept.
    InvalidValue,
    /// A plan id that Kable does not have.
    UnknownPlan,
    /// A bundle id that Kable does not have.
    UnknownBundle,
    /// The customer was created, but the response with its keys was lost.
    KeysLost,
    /// The `clientId` of another row differs in case, blanks, invisible characters or
    /// Unicode's form only.
    SimilarClientId,
    /// Another row has the same e-mail address and company, but another `clientId`.
    SameCustomer,
    /// An optional value that does not look right.
    SuspectValue,
    /// A value was corrected.
    Corrected,
}

impl Code {
    /// The code's name in result files.
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

    /// The severity of problems with this code.
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

/// The message of a create that asked for keys, and whose answer has none; a row with lost
/// keys and another message got no answer.
pub const NO_READABLE_KEY: &str = "the answer to its create has no key that can be read";

/// A fix of a problem.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fix {
    /// Write this instead of the value.
    Write(&'static str),
    /// Allow this currency, if Kable accepts it by now.
    Allow(String),
    /// Accept external ids of plans and bundles.
    ExternalIds,
    /// Leave the row out: another one is equal.
    LeaveOut,
}

/// One thing that is wrong, or was corrected, in one row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The kind of problem.
    pub code: Code,
    /// The path of the field; empty for the row as a whole.
    pub field: &'static str,
    /// The value, cut to a length that can be shown.
    pub value: String,
    /// What was found and what is expected; follows "line 7: ".
    pub message: String,
    /// How to fix it, if known.
    pub fix: Option<Fix>,
}

impl Problem {
    /// A problem of `field`, which holds `value`.
    pub fn of(code: Code, field: Field, value: &str, message: impl Into<String>) -> Self {
        Self {
            code,
            field: field.name(),
            value: super::text::shown(value),
            message: message.into(),
            fix: None,
        }
    }

    /// The same problem, with its fix if one is known.
    #[must_use]
    pub fn fixed_by(mut self, fix: impl Into<Option<Fix>>) -> Self {
        self.fix = fix.into();
        self
    }

    /// A problem of the row as a whole.
    pub fn of_row(code: Code, message: impl Into<String>) -> Self {
        Self {
            code,
            field: "",
            value: String::new(),
            message: message.into(),
            fix: None,
        }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

/// The messages of `problems`, separated by `; `.
pub fn messages<'a>(problems: impl IntoIterator<Item = &'a Problem>) -> String {
    let texts: Vec<&str> = problems
        .into_iter()
        .map(|problem| problem.message.as_str())
        .collect();
    texts.join("; ")
}

/// How many letters of a message tell its cause.
const CAUSE_LENGTH: usize = 64;

/// What messages have in common that come from one cause: the message without numbers and
/// quoted text.
pub fn cause_of(message: &str) -> String {
    let (mut is_quoted, mut is_escaped) = (false, false);
    let is_of_cause = |letter: &char| {
        let was_quoted = is_quoted;
        // Values are shown as Rust writes texts: a quote within has a backslash.
        if !std::mem::take(&mut is_escaped) {
            is_escaped = is_quoted && *letter == '\\';
            is_quoted ^= *letter == '"';
        }
        !was_quoted && letter.is_alphabetic()
    };
    let letters = message.chars().filter(is_of_cause);
    letters.take(CAUSE_LENGTH).collect()
}
