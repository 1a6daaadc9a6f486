//! Numbers the claims of rows that have none yet: the same for the rows that are sent and for
//! their account.

/// The numbers of new claims.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClaimNumbers {
    /// In the order of the rows that need one; this is the next.
    InOrder(u64),
    /// By the rows themselves, the first of which has this number: several workers number them
    /// alike, whichever rows each of them sends.
    ByRow(u64),
}

impl ClaimNumbers {
    /// Numbers from `first` on, by rows if several workers share the run.
    pub fn new(first: u64, is_shared: bool) -> Self {
        if is_shared {
            Self::ByRow(first)
        } else {
            Self::InOrder(first)
        }
    }

    /// The number for row `ordinal`, counted from 0. Called once for each row that needs one, in
    /// their order.
    pub(in crate::engine) fn of_row(&mut self, ordinal: u64) -> u64 {
        match self {
            Self::InOrder(next) => {
                *next += 1;
                *next - 1
            }
            Self::ByRow(first) => *first + ordinal,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::ClaimNumbers;

    #[test]
    fn shared_rows_have_the_same_numbers_in_every_worker() {
        let mut alone = ClaimNumbers::new(5, false);
        assert_eq!([0, 3, 4].map(|row| alone.of_row(row)), [5, 6, 7]);
        let mut shared = ClaimNumbers::new(5, true);
        assert_eq!([0, 3, 4].map(|row| shared.of_row(row)), [5, 8, 9]);
        assert_eq!(ClaimNumbers::new(5, true).of_row(4), 9);
    }
}
