//! How many customers a sync may change before it stops (`--max-changes`).

use super::threshold::Threshold;

/// The changes that a sync would make to customers that exist.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct PlannedChanges {
    /// Customers that would be updated.
    pub updates: u64,
    /// Customers that would be cancelled.
    pub cancellations: u64,
}

impl PlannedChanges {
    /// How many customers would be changed.
    pub fn sum(self) -> u64 {
        self.updates + self.cancellations
    }

    /// How many changes `limit` allows among `customers`, if these are more.
    ///
    /// A share limits cancellations in an account of any size: a truncated file must not
    /// cancel its few customers. It limits updates from 100 customers on, as
    /// `--max-errors` limits errors.
    pub fn exceeded(self, limit: Threshold, customers: u64) -> Option<u64> {
        let allowed = limit.of(customers);
        if self.sum() > allowed {
            return Some(allowed);
        }
        let allowed = limit.of_any(customers);
        (self.cancellations > allowed).then_some(allowed)
    }
}

#[cfg(test)]
mod tests {
    use super::{PlannedChanges, Threshold};

    fn exceeded(limit: &str, changes: (u64, u64), customers: u64) -> Option<u64> {
        let limit: Threshold = limit.parse().unwrap();
        let (updates, cancellations) = changes;
        let changes = PlannedChanges {
            updates,
            cancellations,
        };
        changes.exceeded(limit, customers)
    }

    #[test]
    fn a_share_limits_cancellations_always_and_updates_of_many_customers() {
        assert_eq!(exceeded("20%", (200, 0), 1000), None);
        assert_eq!(exceeded("20%", (150, 51), 1000), Some(200));
        assert_eq!(exceeded("20%", (9, 0), 9), None);
        assert_eq!(exceeded("20%", (0, 1), 9), None);
        assert_eq!(exceeded("20%", (0, 3), 9), Some(1));
        assert_eq!(exceeded("0%", (1, 0), 9), Some(0));
    }

    #[test]
    fn a_number_limits_both() {
        assert_eq!(exceeded("5", (3, 2), 9), None);
        assert_eq!(exceeded("5", (3, 3), 9), Some(5));
    }
}
