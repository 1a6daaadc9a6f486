//! One value of a row, and its kind.

/// The kind of a cell's value. In CSV all are [`CellKind::Text`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CellKind {
    /// A string.
    Text,
    /// One string of an array; each item is a cell of its own.
    Item,
    /// An array without items.
    EmptyList,
    /// JSON's `null`.
    Null,
    /// A number, as written.
    Number,
    /// `true` or `false`.
    Bool,
    /// An object.
    Object,
    /// An array with items other than strings.
    MixedList,
}

impl CellKind {
    /// The kind's name for a message.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Text | Self::Item => "a string",
            Self::EmptyList | Self::MixedList => "an array",
            Self::Null => "null",
            Self::Number => "a number",
            Self::Bool => "a boolean",
            Self::Object => "an object",
        }
    }
}

/// One value of a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cell<'r> {
    /// The column's place in [`Columns`](super::row::Columns).
    pub column: usize,
    /// What kind of value it is.
    pub kind: CellKind,
    /// Its text; empty for an object, an array and `null`.
    pub value: &'r str,
    /// Whether certainly none of its characters must be looked at (`printable.rs`).
    pub is_printable: bool,
}
