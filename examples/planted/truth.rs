//! What was planted, where, and under which code it should be found.
//!
//! The codes are those of `docs/interface.md`. They are listed here again, because codes
//! taken from the program would agree with its mistakes.

use std::io::Write;

/// A code that `validate` reports without `--online`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Code {
    Missing,
    UnknownCurrency,
    UnsupportedCurrency,
    Duplicate,
    WrongType,
    Malformed,
    Invalid,
    Suspect,
    Corrected,
    SimilarId,
    SameCustomer,
}

impl Code {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Missing => "missing_field",
            Self::UnknownCurrency => "unknown_currency",
            Self::UnsupportedCurrency => "unsupported_currency",
            Self::Duplicate => "duplicate_client_id",
            Self::WrongType => "wrong_type",
            Self::Malformed => "malformed_row",
            Self::Invalid => "invalid_value",
            Self::Suspect => "suspect_value",
            Self::Corrected => "corrected",
            Self::SimilarId => "similar_client_id",
            Self::SameCustomer => "same_customer",
        }
    }

    pub(super) const fn severity(self) -> &'static str {
        match self {
            Self::Missing
            | Self::UnknownCurrency
            | Self::UnsupportedCurrency
            | Self::Duplicate
            | Self::WrongType
            | Self::Malformed
            | Self::Invalid => "error",
            Self::Suspect | Self::SimilarId | Self::SameCustomer => "warning",
            Self::Corrected => "correction",
        }
    }
}

/// One planted mistake: the path of its field, empty where it is the whole row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Planted {
    pub(super) code: Code,
    pub(super) field: &'static str,
}

/// A mistake of the row as a whole.
pub(super) const BROKEN: Planted = Planted {
    code: Code::Malformed,
    field: "",
};

/// The place of a row in the file.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place<'p> {
    pub(super) line: u64,
    pub(super) record: u64,
    /// Its `clientId`; empty if that is damaged itself, so that how it is shown is not
    /// determined.
    pub(super) client_id: &'p str,
}

/// The truth file.
pub(super) struct Truth<W: Write>(csv::Writer<W>);

impl<W: Write> Truth<W> {
    pub(super) fn new(to: W) -> csv::Result<Self> {
        let mut writer = csv::Writer::from_writer(to);
        writer.write_record(["line", "record", "clientId", "severity", "code", "field"])?;
        Ok(Self(writer))
    }

    pub(super) fn tell(&mut self, place: Place<'_>, planted: Planted) -> csv::Result<()> {
        self.0.write_record([
            &place.line.to_string(),
            &place.record.to_string(),
            place.client_id,
            planted.code.severity(),
            planted.code.name(),
            planted.field,
        ])
    }

    pub(super) fn finish(mut self) -> std::io::Result<()> {
        self.0.flush()
    }
}
