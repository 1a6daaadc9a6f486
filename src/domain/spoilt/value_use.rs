//! What a value is used for, which decides what is unusual in it.

/// Where a value stands, which decides what is unusual there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ValueUse {
    /// An id.
    Id,
    /// A phone number or a postal code.
    Number,
    /// Words.
    Words,
}

/// Whether `text` is a number of any length.
pub(super) fn is_digits(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}
