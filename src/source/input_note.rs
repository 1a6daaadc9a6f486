//! What is said of an input that is not read as it is, and whether rows of it are missing.

/// The rows of an input that are some of a list's, by the list's own count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ListPart {
    /// How many were read.
    pub rows: u64,
    /// How many the list has.
    pub total: u64,
}

/// Why rows may be missing from what is read of an input.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MissingRows {
    /// The reason.
    pub text: String,
    /// If that is what a list says of itself: the other rows may be in other inputs.
    pub part: Option<ListPart>,
}

/// Something that is said of an input.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct InputNote {
    /// What is said.
    pub(super) text: String,
    /// Whether it means that rows may be missing from what is read.
    pub(super) lacks_rows: bool,
    /// The part of a list that it has, if that is why.
    pub(super) part: Option<ListPart>,
}

impl InputNote {
    /// A note on how it is read.
    pub(super) fn of(text: impl Into<String>) -> Self {
        Self {
            text: text.into(),
            lacks_rows: false,
            part: None,
        }
    }

    /// A note on rows that may be missing.
    pub(super) fn of_missing_rows(text: impl Into<String>) -> Self {
        Self {
            text: text.into(),
            lacks_rows: true,
            part: None,
        }
    }

    /// A note on rows that are missing if they are not in other inputs.
    pub(super) fn of_part(text: impl Into<String>, part: Option<ListPart>) -> Self {
        Self {
            part,
            ..Self::of_missing_rows(text)
        }
    }
}

/// All that is said of an input.
#[derive(Debug, Default)]
pub(super) struct InputNotes {
    /// All notes; `None` if there are none.
    pub(super) all: Option<String>,
    /// Those that mean that rows may be missing.
    pub(super) of_missing_rows: Vec<MissingRows>,
}

impl From<Vec<InputNote>> for InputNotes {
    fn from(notes: Vec<InputNote>) -> Self {
        let missing = notes.iter().filter(|note| note.lacks_rows);
        let missing = missing.map(|note| MissingRows {
            text: note.text.clone(),
            part: note.part,
        });
        let of_missing_rows = missing.collect();
        let all: Vec<String> = notes.into_iter().map(|note| note.text).collect();
        Self {
            all: (!all.is_empty()).then(|| all.join("; ")),
            of_missing_rows,
        }
    }
}
