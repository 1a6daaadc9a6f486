//! Decides whether another server than the API answers: it reports success, and not one of
//! its first answers to look-ups can be read, however often it is asked (pure).

use crate::kable::Trouble;

/// So many rows of which no answer can be read are enough, one after another. Each may have been
/// created.
const ENOUGH: u32 = 5;

/// A row's first look-ups may be damaged on their way: the one after so many counts.
const REPEATED: u32 = 2;

/// What is known of the answers so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::engine) enum Legibility {
    /// None could be read; so many rows were looked up often enough.
    Unread(u32),
    /// One could be read: others may be damaged on their way.
    Read,
}

impl Default for Legibility {
    fn default() -> Self {
        Self::Unread(0)
    }
}

impl Legibility {
    /// An answer had a customer.
    pub(super) fn has_read(&mut self) {
        *self = Self::Read;
    }

    /// Whether no answer can be expected that can be read, after the `trouble` of a look-up
    /// that follows `earlier` ones of its row without a result. A web page, which a proxy sends
    /// while the API is down, says nothing.
    pub(super) fn is_hopeless_after(&mut self, trouble: &Trouble, earlier: u32) -> bool {
        let is_success = trouble.status.is_some_and(|status| status / 100 == 2);
        match self {
            Self::Unread(answers) if is_success && !trouble.is_page && !trouble.by_api => {
                *answers += u32::from(earlier == REPEATED);
                *answers >= ENOUGH
            }
            Self::Unread(answers) => {
                *answers = 0;
                false
            }
            Self::Read => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Legibility;
    use crate::kable::Trouble;

    fn trouble(status: Option<u16>) -> Trouble {
        Trouble {
            status,
            ..Trouble::default()
        }
    }

    #[test]
    fn five_rows_that_cannot_be_read_are_enough() {
        let mut legibility = Legibility::default();
        let page = Trouble {
            is_page: true,
            ..trouble(Some(200))
        };
        // It says that a customer was not deleted.
        let refused = Trouble {
            by_api: true,
            ..trouble(Some(200))
        };
        let mut told = |trouble: &Trouble, earlier| legibility.is_hopeless_after(trouble, earlier);
        for other in [&trouble(None), &trouble(Some(503)), &page, &refused] {
            for _ in 0..4 {
                assert!(!told(&trouble(Some(200)), 2));
                assert!(!told(&trouble(Some(200)), 1));
            }
            assert!(!told(other, 2), "{other:?}");
        }
        let told = [2, 2, 3, 2, 2, 1, 2].map(|earlier| told(&trouble(Some(201)), earlier));
        assert_eq!(told, [false, false, false, false, false, false, true]);
    }

    #[test]
    fn an_api_whose_answers_could_be_read_is_waited_for() {
        let mut legibility = Legibility::default();
        legibility.has_read();
        for _ in 0..9 {
            assert!(!legibility.is_hopeless_after(&trouble(Some(201)), 9));
        }
    }
}
