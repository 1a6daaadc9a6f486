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

/// Whether what is read of an input is all of it.
#[derive(Debug, Default)]
pub struct Completeness {
    /// Why rows may be missing.
    pub missing_rows: Vec<MissingRows>,
    /// Whether its rows are those of several pages, one after the other.
    pub has_pages: bool,
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
    /// Whether it says that the rows are those of several pages.
    of_pages: bool,
}

impl InputNote {
    /// A note on how it is read.
    pub(super) fn of(text: impl Into<String>) -> Self {
        Self {
            text: text.into(),
            lacks_rows: false,
            part: None,
            of_pages: false,
        }
    }

    /// A note on rows that may be missing.
    pub(super) fn of_missing_rows(text: impl Into<String>) -> Self {
        Self {
            lacks_rows: true,
            ..Self::of(text)
        }
    }

    /// A note on rows of several pages.
    pub(super) fn of_pages(text: impl Into<String>) -> Self {
        Self {
            of_pages: true,
            ..Self::of(text)
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
    /// What they say of rows that are missing.
    pub(super) completeness: Completeness,
}

impl From<Vec<InputNote>> for InputNotes {
    fn from(notes: Vec<InputNote>) -> Self {
        let missing = notes.iter().filter(|note| note.lacks_rows);
        let missing = missing.map(|note| MissingRows {
            text: note.text.clone(),
            part: note.part,
        });
        let missing_rows = missing.collect();
        let has_pages = notes.iter().any(|note| note.of_pages);
        let all: Vec<String> = notes.into_iter().map(|note| note.text).collect();
        Self {
            all: (!all.is_empty()).then(|| all.join("; ")),
            completeness: Completeness {
                missing_rows,
                has_pages,
            },
        }
    }
}
