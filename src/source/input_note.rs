//! What is said of an input that is not read as it is, and whether rows of it are missing.

/// Something that is said of an input.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct InputNote {
    /// What is said.
    pub(super) text: String,
    /// Whether it means that rows may be missing from what is read.
    pub(super) lacks_rows: bool,
}

impl InputNote {
    /// A note on how it is read.
    pub(super) fn of(text: impl Into<String>) -> Self {
        Self {
            text: text.into(),
            lacks_rows: false,
        }
    }

    /// A note on rows that may be missing.
    pub(super) fn of_missing_rows(text: impl Into<String>) -> Self {
        Self {
            text: text.into(),
            lacks_rows: true,
        }
    }
}

/// All that is said of an input.
#[derive(Debug, Default)]
pub(super) struct InputNotes {
    /// All notes; `None` if there are none.
    pub(super) all: Option<String>,
    /// Those that mean that rows may be missing.
    pub(super) of_missing_rows: Vec<String>,
}

impl From<Vec<InputNote>> for InputNotes {
    fn from(notes: Vec<InputNote>) -> Self {
        let missing = notes.iter().filter(|note| note.lacks_rows);
        let of_missing_rows = missing.map(|note| note.text.clone()).collect();
        let all: Vec<String> = notes.into_iter().map(|note| note.text).collect();
        Self {
            all: (!all.is_empty()).then(|| all.join("; ")),
            of_missing_rows,
        }
    }
}
