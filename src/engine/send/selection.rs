//! Which rows of the input a pipeline sends.

/// Which rows are sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Selection {
    /// All that are left, except this many that a canary has sent.
    AllBut(usize),
    /// This many of the first new rows, which are read back.
    Canary(usize),
    /// None: this many of the first rows, which earlier runs sent, are read back.
    Recheck(usize),
    /// None: only rows that an earlier run left in doubt are looked up.
    InDoubt,
}

impl Selection {
    /// All rows that are left.
    pub const ALL: Self = Self::AllBut(0);

    /// How many rows are read back; `None` if that is not what it is for.
    pub fn read_back(self) -> Option<usize> {
        match self {
            Self::Canary(rows) | Self::Recheck(rows) => Some(rows),
            Self::AllBut(_) | Self::InDoubt => None,
        }
    }

    /// How many of its rows a canary has sent.
    pub(super) fn sent_ahead(self) -> usize {
        match self {
            Self::AllBut(sent) => sent,
            Self::Canary(_) | Self::Recheck(_) | Self::InDoubt => 0,
        }
    }
}
