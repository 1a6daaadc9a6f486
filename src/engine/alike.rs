//! Whether refusals are everybody's: the first rows all refused with the same
//! words, and none accepted (pure).
//!
//! Until one row is accepted, refusals are held back: an account without Stripe
//! refuses a million rows alike, and none of them would be wrong.

/// How many refusals alike are everybody's.
pub(super) const MOST: usize = 20;

/// Refusals held back until it is known whose they are.
#[derive(Debug)]
pub(super) struct Alike<T> {
    words: String,
    held: Vec<T>,
    open: bool,
}

/// What to do with a refusal.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Finding<T> {
    /// Hold it back.
    Held,
    /// These rows were refused for their own sake.
    Theirs(Vec<T>),
    /// These were refused like everybody.
    Everybodys(Vec<T>),
}

impl<T> Default for Alike<T> {
    fn default() -> Self {
        Self {
            words: String::new(),
            held: Vec::new(),
            open: true,
        }
    }
}

impl<T> Alike<T> {
    /// Takes in a refusal with these words.
    pub(super) fn refused(&mut self, words: &str, row: T) -> Finding<T> {
        if !self.open {
            return Finding::Theirs(vec![row]);
        }
        if self.held.is_empty() {
            words.clone_into(&mut self.words);
        }
        self.held.push(row);
        if self.words != words {
            self.open = false;
            return Finding::Theirs(std::mem::take(&mut self.held));
        }
        if self.held.len() >= MOST {
            return Finding::Everybodys(std::mem::take(&mut self.held));
        }
        Finding::Held
    }

    /// Takes in that a row was accepted: the refusals before it were theirs.
    pub(super) fn accepted(&mut self) -> Vec<T> {
        self.open = false;
        std::mem::take(&mut self.held)
    }

    /// How many more rows may be sent before it must be known.
    pub(super) fn room(&self) -> usize {
        if self.open {
            MOST - self.held.len().min(MOST)
        } else {
            usize::MAX
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Alike, Finding, MOST};

    #[test]
    fn the_same_words_from_the_start_are_everybodys() {
        let mut alike = Alike::default();
        for row in 1..MOST {
            assert_eq!(alike.refused("no Stripe", row), Finding::Held);
        }
        assert_eq!(alike.room(), 1);
        assert_eq!(
            alike.refused("no Stripe", MOST),
            Finding::Everybodys((1..=MOST).collect())
        );
    }

    #[test]
    fn other_words_make_them_their_own() {
        let mut alike = Alike::default();
        assert_eq!(alike.refused("bad plan a", 1), Finding::Held);
        assert_eq!(alike.refused("bad plan b", 2), Finding::Theirs(vec![1, 2]));
        assert_eq!(alike.refused("bad plan b", 3), Finding::Theirs(vec![3]));
        assert_eq!(alike.room(), usize::MAX);
    }

    #[test]
    fn one_accepted_row_makes_them_their_own() {
        let mut alike = Alike::default();
        assert_eq!(alike.refused("no", 1), Finding::Held);
        assert_eq!(alike.accepted(), [1]);
        assert_eq!(alike.refused("no", 2), Finding::Theirs(vec![2]));
    }
}
