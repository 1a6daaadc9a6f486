//! The outcome of a row, and how many rows have which.

/// The outcome of a row that is fit to be sent, as `summary.json` has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[repr(u8)]
pub enum Outcome {
    /// This checkpoint's runs created the customer.
    Created,
    /// The customer existed, equal to the row.
    AlreadyExisted,
    /// The customer existed and was updated to equal the row.
    Updated,
    /// The customer existed, equal to the row; there was nothing to update.
    Unchanged,
    /// The customer was deleted.
    Deleted,
    /// The customer exists and differs from the row.
    Differs,
    /// The customer does not exist, and should.
    Missing,
    /// The API refused it for good.
    Failed,
    /// It may have been sent, and whether the customer exists could not be found out.
    #[default]
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

    /// Whether the customer existed at Kable when the row was settled. After `failed`
    /// it may exist as well, for an update can be refused.
    pub const fn customer_exists(self) -> bool {
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

    /// Whether the row needs no more attention.
    pub const fn is_success(self) -> bool {
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

/// How many rows have which outcome.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct OutcomeCounts {
    counts: [u64; Outcome::ALL.len()],
    /// Whether each is left out of JSON while no row has it: it can't occur.
    is_left_out: [bool; Outcome::ALL.len()],
}

impl OutcomeCounts {
    /// Counts one more row.
    pub fn add(&mut self, outcome: Outcome) {
        self.add_many(outcome, 1);
    }

    /// Counts `rows` more rows.
    #[expect(
        clippy::indexing_slicing,
        reason = "there is a count for every outcome"
    )]
    pub fn add_many(&mut self, outcome: Outcome, rows: u64) {
        self.counts[outcome as usize] += rows;
    }

    /// Leaves out of JSON what `command` never makes of a row.
    pub fn leave_out_impossible(&mut self, command: &str) {
        let possible: &[Outcome] = match command {
            "import" => &[
                Outcome::Created,
                Outcome::AlreadyExisted,
                Outcome::Updated,
                Outcome::Unchanged,
                Outcome::Differs,
                Outcome::Failed,
                Outcome::Unresolved,
                Outcome::Pending,
            ],
            "validate" => &[Outcome::AlreadyExisted, Outcome::Differs, Outcome::Pending],
            "verify" => &[
                Outcome::Unchanged,
                Outcome::Differs,
                Outcome::Missing,
                Outcome::Pending,
            ],
            _ => &Outcome::ALL,
        };
        for (outcome, is_left_out) in Outcome::ALL.iter().zip(&mut self.is_left_out) {
            *is_left_out = !possible.contains(outcome);
        }
    }

    /// These rows and `other` ones.
    #[must_use]
    pub fn plus(mut self, other: &Self) -> Self {
        for (count, more) in self.counts.iter_mut().zip(other.counts) {
            *count += more;
        }
        self
    }

    /// How many rows have `outcome`.
    #[expect(
        clippy::indexing_slicing,
        reason = "there is a count for every outcome"
    )]
    pub fn of(&self, outcome: Outcome) -> u64 {
        self.counts[outcome as usize]
    }

    /// How many rows there are.
    pub fn sum(&self) -> u64 {
        self.counts.iter().sum()
    }

    /// The rows that have an outcome since they had `earlier` ones. Rows whose outcome is not
    /// known are no one run's.
    #[must_use]
    pub fn since(&self, earlier: &Self) -> Self {
        let mut since = Self {
            is_left_out: self.is_left_out,
            ..Self::default()
        };
        for outcome in Outcome::ALL {
            let is_open = matches!(outcome, Outcome::Pending | Outcome::Unresolved);
            let before = if is_open { 0 } else { earlier.of(outcome) };
            since.add_many(outcome, self.of(outcome).saturating_sub(before));
        }
        since
    }

    /// Whether no row needs more attention.
    pub fn all_succeeded(&self) -> bool {
        Outcome::ALL
            .into_iter()
            .all(|outcome| outcome.is_success() || self.of(outcome) == 0)
    }
}

impl serde::Serialize for OutcomeCounts {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let all = Outcome::ALL.into_iter().zip(self.is_left_out);
        let shown = all.filter(|(outcome, is_left_out)| !is_left_out || self.of(*outcome) > 0);
        serializer.collect_map(shown.map(|(outcome, _)| (outcome.name(), self.of(outcome))))
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
    fn a_pending_row_is_no_success() {
        let mut counts = OutcomeCounts::default();
        counts.add(Outcome::Created);
        assert!(counts.all_succeeded());
        counts.add(Outcome::Pending);
        assert!(!counts.all_succeeded());
        assert_eq!(counts.sum(), 2);
    }
}
