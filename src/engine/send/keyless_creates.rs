//! Decides whether creates that ask for keys get none (pure).
//!
//! Keys are returned once. If the first answers of a run have none that can be read, those of
//! all others would be lost as well.

/// So many creates decide it.
const ENOUGH: usize = 3;

/// What the answers to the first creates of a run had.
#[derive(Debug, Default)]
pub(super) struct KeylessCreates {
    /// Answers without a key.
    many: usize,
    /// Whether an answer had one.
    has_keys: bool,
}

impl KeylessCreates {
    /// A create was answered; how many were without a key, if that decides it.
    pub(super) fn created(&mut self, has_keys: bool) -> Option<usize> {
        self.has_keys |= has_keys;
        self.many += usize::from(!has_keys);
        (!self.has_keys && self.many >= ENOUGH).then_some(self.many)
    }
}

#[cfg(test)]
mod tests {
    use super::KeylessCreates;

    #[test]
    fn three_answers_without_keys_decide_it_unless_one_had_keys() {
        let decided = |answers: &[bool]| {
            let mut creates = KeylessCreates::default();
            let ends: Vec<_> = answers.iter().map(|keys| creates.created(*keys)).collect();
            ends.into_iter().flatten().next()
        };
        assert_eq!(decided(&[false, false]), None);
        assert_eq!(decided(&[false, false, false]), Some(3));
        assert_eq!(decided(&[true, false, false, false]), None);
        assert_eq!(decided(&[false, false, true, false, false]), None);
    }
}
