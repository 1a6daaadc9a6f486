//! Which rows of which parts of the input are claimed and not settled, of a run that several
//! workers share. A part is done when all of its rows are.

use std::collections::{BTreeMap, HashMap};

use crate::domain::outcome::Outcome;
use crate::ledger::workers::ClaimAnswer;
use crate::ledger::{Batch, Settlement};

/// The parts that are leased to this worker.
#[derive(Debug, Default)]
pub(super) struct OpenParts {
    parts: BTreeMap<u32, OpenPart>,
    /// The part of each claim that is not settled.
    claims: HashMap<u64, u32>,
}

#[derive(Debug, Default)]
struct OpenPart {
    /// How many claims of it are not settled.
    open: u64,
    /// Whether all of its rows were claimed.
    is_fed: bool,
    /// Whether others have to look at it again: a row of it is held by another worker, or
    /// was released.
    is_incomplete: bool,
}

impl OpenParts {
    /// These claims of `part` were made, with these answers.
    pub(super) fn claimed(
        &mut self,
        part: u32,
        claims: &[u64],
        answers: &HashMap<u64, ClaimAnswer>,
    ) {
        let of_part = self.parts.entry(part).or_default();
        for id in claims {
            match answers.get(id) {
                None | Some(ClaimAnswer::InDoubt { .. }) => {
                    of_part.open += 1;
                    self.claims.insert(*id, part);
                }
                Some(ClaimAnswer::Settled) => {}
                Some(ClaimAnswer::Held) => of_part.is_incomplete = true,
            }
        }
    }

    /// All rows of `part` were claimed.
    pub(super) fn fed(&mut self, part: u32) {
        self.parts.entry(part).or_default().is_fed = true;
    }

    /// These claims are about to be settled.
    pub(super) fn settle(&mut self, settlements: &[Settlement]) {
        for settled in settlements {
            if let Some(part) = self.claims.remove(&settled.id)
                && let Some(of_part) = self.parts.get_mut(&part)
            {
                of_part.open = of_part.open.saturating_sub(1);
                of_part.is_incomplete |= settled.outcome == Outcome::Pending;
            }
        }
    }

    /// Adds the parts that are done to `batch`, and those that others have to look at again.
    pub(super) fn add_ended(&mut self, batch: &mut Batch) {
        self.parts.retain(|part, state| {
            let is_ended = state.is_fed && state.open == 0;
            if is_ended && state.is_incomplete {
                batch.returned_parts.push(*part);
            } else if is_ended {
                batch.finished_parts.push(*part);
            }
            !is_ended
        });
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::OpenParts;
    use crate::domain::outcome::Outcome;
    use crate::ledger::Batch;
    use crate::ledger::conformance::settlement;
    use crate::ledger::workers::ClaimAnswer;

    /// What a batch with these settlements ends: parts that are done, and others.
    fn ended(parts: &mut OpenParts, settled: &[(u64, Outcome)]) -> (Vec<u32>, Vec<u32>) {
        let settlements: Vec<_> = settled
            .iter()
            .map(|(id, how)| settlement(*id, *how))
            .collect();
        let mut batch = Batch::default();
        parts.settle(&settlements);
        parts.add_ended(&mut batch);
        (batch.finished_parts, batch.returned_parts)
    }

    #[test]
    fn a_part_is_done_when_all_of_it_was_claimed_and_settled() {
        let mut parts = OpenParts::default();
        let doubt = ClaimAnswer::InDoubt { claimed_by: None };
        let answers = HashMap::from([(2, ClaimAnswer::Settled), (3, doubt)]);
        parts.claimed(7, &[1, 2, 3], &answers);
        let created = Outcome::Created;
        assert_eq!(
            ended(&mut parts, &[(1, created), (3, created)]),
            (vec![], vec![])
        );
        parts.claimed(7, &[4], &HashMap::new());
        parts.fed(7);
        parts.fed(8);
        assert_eq!(ended(&mut parts, &[]), (vec![8], vec![]));
        let unresolved = Outcome::Unresolved;
        assert_eq!(ended(&mut parts, &[(4, unresolved)]), (vec![7], vec![]));
        assert_eq!(ended(&mut parts, &[(4, created)]), (vec![], vec![]));
    }

    #[test]
    fn a_part_with_rows_that_others_hold_is_given_back() {
        let mut parts = OpenParts::default();
        parts.claimed(1, &[1, 2], &HashMap::from([(2, ClaimAnswer::Held)]));
        parts.claimed(2, &[3], &HashMap::new());
        parts.fed(1);
        parts.fed(2);
        let ends = [(1, Outcome::Created), (3, Outcome::Pending)];
        assert_eq!(ended(&mut parts, &ends), (vec![], vec![1, 2]));
    }
}
