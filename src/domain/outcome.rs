//! What becomes of a row, and how many became what.

/// What became of a row that was fit to send (interface, `summary.json`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Outcome {
    /// This checkpoint's runs created the customer.
    Created,
    /// The customer was there, equal to the row.
    AlreadyExisted,
    /// The customer was there and was made equal to the row.
    Updated,
    /// The customer was there, equal; nothing was to be done.
    Unchanged,
    /// The customer was deleted.
    Deleted,
    /// The customer is there and differs from the row.
    Differs,
    /// The customer is not there, and should be.
    Missing,
    /// The API refused it for good.
    Failed,
    /// It was sent, and whether it arrived could not be found out.
    Unresolved,
    /// It has not been sent.
    Pending,
}

impl Outcome {
    /// Every outcome, in the order of `summary.json`.
    pub const ALL: [Self; 10] = [
        Self::Created,
        Self::AlreadyExisted,
        Self::Updated,
        Self::Unchanged,
        Self::Deleted,
        Self::Differs,
        Self::Missing,
        Self::Failed,
        Self::Unresolved,
        Self::Pending,
    ];

    /// The outcome's name in result files and in the checkpoint.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Created => "created",
            Self::AlreadyExisted => "already_existed",
            Self::Updated => "updated",
            Self::Unchanged => "unchanged",
            Self::Deleted => "deleted",
            Self::Differs => "differs",
            Self::Missing => "missing",
            Self::Failed => "failed",
            Self::Unresolved => "unresolved",
            Self::Pending => "pending",
        }
    }

    /// The outcome of that name.
    pub fn of_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|outcome| outcome.name() == name)
    }

    /// Whether the customer was at Kable when the row was settled so. After a
    /// failure it may have been as well: an update can be refused.
    pub const fn is_there(self) -> bool {
        match self {
            Self::Created
            | Self::AlreadyExisted
            | Self::Updated
            | Self::Unchanged
            | Self::Differs => true,
            Self::Deleted | Self::Missing | Self::Failed | Self::Unresolved | Self::Pending => {
                false
            }
        }
    }

    /// Whether the row is done with, as its owner wanted.
    pub const fn is_well(self) -> bool {
        match self {
            Self::Created
            | Self::AlreadyExisted
            | Self::Updated
            | Self::Unchanged
            | Self::Deleted => true,
            Self::Differs | Self::Missing | Self::Failed | Self::Unresolved | Self::Pending => {
                false
            }
        }
    }
}

/// How many rows came to which outcome.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct OutcomeCounts {
    counts: [u64; Outcome::ALL.len()],
}

impl OutcomeCounts {
    /// Counts one row more.
    pub fn add(&mut self, outcome: Outcome) {
        self.add_many(outcome, 1);
    }

    /// Counts `rows` rows more.
    pub fn add_many(&mut self, outcome: Outcome, rows: u64) {
        if let Some(count) = self.counts.get_mut(outcome as usize) {
            *count += rows;
        }
    }

    /// How many rows came to `outcome`.
    pub fn of(&self, outcome: Outcome) -> u64 {
        self.counts
            .get(outcome as usize)
            .copied()
            .unwrap_or_default()
    }

    /// How many rows there are.
    pub fn sum(&self) -> u64 {
        self.counts.iter().sum()
    }

    /// Whether every row is done with, as its owner wanted.
    pub fn is_well(&self) -> bool {
        Outcome::ALL
            .into_iter()
            .all(|outcome| outcome.is_well() || self.of(outcome) == 0)
    }
}

impl serde::Serialize for OutcomeCounts {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(
            Outcome::ALL
                .into_iter()
                .map(|outcome| (outcome.name(), self.of(outcome))),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::{Outcome, OutcomeCounts};

    #[test]
    fn names_and_places_agree() {
        for (place, outcome) in Outcome::ALL.into_iter().enumerate() {
            assert_eq!(outcome as usize, place);
            assert_eq!(Outcome::of_name(outcome.name()), Some(outcome));
        }
    }

    #[test]
    fn a_tally_is_well_while_nothing_is_left_over() {
        let mut tally = OutcomeCounts::default();
        tally.add(Outcome::Created);
        assert!(tally.is_well());
        tally.add(Outcome::Pending);
        assert!(!tally.is_well());
        assert_eq!(tally.sum(), 2);
    }
}
