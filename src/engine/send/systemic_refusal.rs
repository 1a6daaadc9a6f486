//! Decides whether refusals have one cause: the first rows of a kind were all refused with
//! the same message, and none of that kind was accepted (pure).
//!
//! Until a row of a kind is accepted, refusals of that kind are held back: an account
//! without Stripe refuses each row that asks for Stripe, although none of these rows is
//! wrong. Each kind of request is judged alone, so that accepted rows of other kinds do not
//! hide it.
//!
//! A row that is found at Kable proves neither, because it was not created now. But
//! refusals far apart among such rows are the rows' own.

use crate::domain::customer::Customer;
use crate::domain::field::Field;

/// This many refusals with the same message have one cause.
pub(super) const MOST: usize = 20;

/// With this many rows found at Kable between them, refusals are the rows' own.
const FOUND: u64 = 2 * MOST as u64;

/// The most different messages that are kept.
const MOST_WORDS: usize = 8;

/// A kind of request. If several kinds are refused with the same message, the first of them
/// is reported, from the most specific to the least.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum RequestKind {
    /// A create that also makes a customer at Stripe (`--stripe`).
    AsksForStripe,
    /// A create with a `stripeCustomerId`.
    OwnStripe,
    /// A create with bundles.
    Bundles,
    /// A create with plans.
    Plans,
    /// Any create.
    Create,
    /// A create without plans, bundles and Stripe.
    Plain,
    /// Any update.
    Update,
    /// Any cancellation or deletion.
    Remove,
}

impl RequestKind {
    pub(super) const ALL: [Self; 8] = [
        Self::AsksForStripe,
        Self::OwnStripe,
        Self::Bundles,
        Self::Plans,
        Self::Create,
        Self::Plain,
        Self::Update,
        Self::Remove,
    ];

    /// The kind as it follows "the first 20 rows".
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::AsksForStripe => "that ask for a customer at Stripe (--stripe)",
            Self::OwnStripe => "with a stripeCustomerId",
            Self::Bundles => "with bundles",
            Self::Plans => "with plans",
            Self::Plain => "without plans, bundles and Stripe",
            Self::Create => "to be created",
            Self::Update => "to be updated",
            Self::Remove => "to be cancelled or deleted",
        }
    }
}

/// The kinds to which a request belongs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct RequestKinds(u8);

impl RequestKinds {
    /// An update.
    pub(super) const UPDATE: Self = Self::of(RequestKind::Update);

    /// A cancellation or deletion.
    pub(super) const REMOVAL: Self = Self::of(RequestKind::Remove);

    const fn of(kind: RequestKind) -> Self {
        Self(1 << kind as u8)
    }

    /// A create of `customer`; `stripe` says whether creates ask for Stripe.
    pub(super) fn of_create(customer: &Customer, stripe: bool) -> Self {
        let own_stripe = customer.has(Field::StripeCustomerId);
        let features = [
            (stripe && !own_stripe, RequestKind::AsksForStripe),
            (own_stripe, RequestKind::OwnStripe),
            (customer.has(Field::BundleIds), RequestKind::Bundles),
            (customer.has(Field::PlanIds), RequestKind::Plans),
        ];
        let given = features.into_iter().filter(|(is_given, _)| *is_given);
        let features = given.fold(Self::default(), |kinds, (_, kind)| {
            kinds.and(Self::of(kind))
        });
        let features = if features == Self::default() {
            Self::of(RequestKind::Plain)
        } else {
            features
        };
        features.and(Self::of(RequestKind::Create))
    }

    /// These and `others`.
    #[must_use]
    pub(super) const fn and(self, others: Self) -> Self {
        Self(self.0 | others.0)
    }

    pub(super) const fn without(self, others: Self) -> Self {
        Self(self.0 & !others.0)
    }

    pub(super) const fn has(self, kind: RequestKind) -> bool {
        self.0 & Self::of(kind).0 != 0
    }

    pub(super) fn each(self) -> impl Iterator<Item = RequestKind> {
        RequestKind::ALL
            .into_iter()
            .filter(move |kind| self.has(*kind))
    }
}

/// What is known of one kind.
#[derive(Debug, Clone, Copy, Default)]
struct KindCounts {
    in_flight: usize,
    /// Rows that were found at Kable.
    found: u64,
}

/// A refusal that is held back.
#[derive(Debug)]
struct HeldRefusal<T> {
    words: String,
    kinds: RequestKinds,
    /// For each kind, how many rows had been found at Kable before it.
    found: [u64; RequestKind::ALL.len()],
    row: T,
}

/// Refusals held back until their cause is known.
#[derive(Debug)]
pub(super) struct SystemicRefusal<T> {
    /// The kinds of which a row was accepted.
    accepted: RequestKinds,
    seen: [KindCounts; RequestKind::ALL.len()],
    held: Vec<HeldRefusal<T>>,
}

/// What to do with a refusal.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum RefusalVerdict<T> {
    /// Hold it back.
    Held,
    /// These rows were refused for their own values.
    Theirs(Vec<T>),
    /// The first rows of a kind were refused alike.
    OneCause {
        /// The kind.
        kind: RequestKind,
        /// How many.
        many: usize,
        /// All rows that were held back.
        rows: Vec<T>,
    },
}

impl<T> Default for SystemicRefusal<T> {
    fn default() -> Self {
        Self {
            accepted: RequestKinds::default(),
            seen: [KindCounts::default(); RequestKind::ALL.len()],
            held: Vec::new(),
        }
    }
}

impl<T> SystemicRefusal<T> {
    /// Whether another row of these kinds may be sent before it is known whether they are
    /// refused alike.
    pub(super) fn has_room(&self, kinds: RequestKinds) -> bool {
        let mut open = kinds.without(self.accepted).each();
        open.all(|kind| self.seen(kind).in_flight < self.room(kind))
    }

    /// How many rows of a kind may be in flight.
    fn room(&self, kind: RequestKind) -> usize {
        if self.seen(kind).found >= FOUND {
            return usize::MAX;
        }
        let held = self.held.iter().filter(|held| held.kinds.has(kind));
        let most = held.clone().map(|one| {
            let alike = held.clone().filter(|other| other.words == one.words);
            alike.count()
        });
        MOST.saturating_sub(most.max().unwrap_or_default()).max(1)
    }

    /// A row of these kinds is sent.
    pub(super) fn started(&mut self, kinds: RequestKinds) {
        self.count(kinds, |seen| seen.in_flight += 1);
    }

    /// A row of these kinds is no longer in flight.
    pub(super) fn ended(&mut self, kinds: RequestKinds) {
        self.count(kinds, |seen| {
            seen.in_flight = seen.in_flight.saturating_sub(1);
        });
    }

    /// A row of these kinds was found at Kable.
    pub(super) fn found(&mut self, kinds: RequestKinds) {
        self.count(kinds, |seen| seen.found += 1);
    }

    /// A request of these kinds was accepted; returns the held rows none of whose kinds may
    /// still be refused for one cause.
    pub(super) fn accepted(&mut self, kinds: RequestKinds) -> Vec<T> {
        if kinds.without(self.accepted) == RequestKinds::default() {
            return Vec::new();
        }
        self.accepted = self.accepted.and(kinds);
        let accepted = self.accepted;
        self.take(|held| held.kinds.without(accepted) == RequestKinds::default())
    }

    /// A request of these kinds was refused with this message.
    pub(super) fn refused(
        &mut self,
        kinds: RequestKinds,
        words: &str,
        row: T,
    ) -> RefusalVerdict<T> {
        let open = kinds.without(self.accepted);
        if open == RequestKinds::default() {
            return RefusalVerdict::Theirs(vec![row]);
        }
        self.held.push(HeldRefusal {
            words: words.to_owned(),
            kinds: open,
            found: self.seen.map(|seen| seen.found),
            row,
        });
        for kind in open.each() {
            let is_alike = |held: &HeldRefusal<T>| held.kinds.has(kind) && held.words == words;
            let alike = self.held.iter().filter(|held| is_alike(held));
            let many = alike.clone().count();
            if many < MOST {
                continue;
            }
            let before = alike.filter_map(|held| held.found.get(kind as usize)).min();
            let between = self.seen(kind).found - before.copied().unwrap_or_default();
            if between >= FOUND {
                return RefusalVerdict::Theirs(self.take(is_alike));
            }
            let rows = self.take(|_| true);
            return RefusalVerdict::OneCause { kind, many, rows };
        }
        self.give_up_oldest()
    }

    /// All rows that are still held back: too few to decide.
    pub(super) fn rest(&mut self) -> Vec<T> {
        self.take(|_| true)
    }

    /// Drops the oldest messages if there are too many: they are no cause of many refusals.
    fn give_up_oldest(&mut self) -> RefusalVerdict<T> {
        let mut words: Vec<&str> = self.held.iter().map(|held| held.words.as_str()).collect();
        let first = words.first().map(|first| (*first).to_owned());
        words.sort_unstable();
        words.dedup();
        match first {
            Some(first) if words.len() > MOST_WORDS => {
                RefusalVerdict::Theirs(self.take(|held| held.words == first))
            }
            Some(_) | None => RefusalVerdict::Held,
        }
    }

    fn take(&mut self, which: impl Fn(&HeldRefusal<T>) -> bool) -> Vec<T> {
        let taken = self.held.extract_if(.., |held| which(held));
        taken.map(|held| held.row).collect()
    }

    fn seen(&self, kind: RequestKind) -> KindCounts {
        self.seen.get(kind as usize).copied().unwrap_or_default()
    }

    fn count(&mut self, kinds: RequestKinds, mut change: impl FnMut(&mut KindCounts)) {
        for kind in kinds.each() {
            if let Some(seen) = self.seen.get_mut(kind as usize) {
                change(seen);
            }
        }
    }
}

/// The text by which refusals are compared: status and message without the `values` of the
/// row and without what looks like an id.
pub(super) fn words<'v>(
    status: u16,
    message: &str,
    values: impl IntoIterator<Item = &'v str>,
) -> String {
    // Values of one or two characters also occur within other words.
    let mut values: Vec<&str> = values.into_iter().filter(|value| value.len() > 2).collect();
    values.sort_unstable_by_key(|value| std::cmp::Reverse(value.len()));
    let message = values
        .into_iter()
        .fold(message.to_owned(), |message, value| {
            message.replace(value, "…")
        });
    let is_id = |word: &str| word.len() >= 6 && word.contains(|digit: char| digit.is_ascii_digit());
    let words: Vec<&str> = message
        .split_whitespace()
        .map(|word| if is_id(word) { "…" } else { word })
        .collect();
    format!("{status} {}", words.join(" "))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{
        FOUND, MOST, MOST_WORDS, RefusalVerdict, RequestKind, RequestKinds, SystemicRefusal, words,
    };
    use crate::domain::customer::Customer;
    use crate::domain::customer::tests::{aster, aster_at_stripe, aster_bare};

    const STRIPE: RequestKinds = RequestKinds::of(RequestKind::AsksForStripe).and(CREATE);
    const OWN: RequestKinds = RequestKinds::of(RequestKind::OwnStripe).and(CREATE);
    const CREATE: RequestKinds = RequestKinds::of(RequestKind::Create);

    #[test]
    fn a_create_belongs_to_the_kinds_of_what_it_asks_for() {
        let kinds = |customer: &Customer, stripe| RequestKinds::of_create(customer, stripe);
        let of = |all: &[RequestKind]| {
            let all = all.iter().map(|kind| RequestKinds::of(*kind));
            all.fold(CREATE, RequestKinds::and)
        };
        assert_eq!(kinds(&aster(), false), of(&[RequestKind::Plans]));
        assert_eq!(
            kinds(&aster(), true),
            of(&[RequestKind::Plans, RequestKind::AsksForStripe])
        );
        assert_eq!(
            kinds(&aster_at_stripe(), true),
            of(&[RequestKind::Plans, RequestKind::OwnStripe])
        );
        assert_eq!(kinds(&aster_bare(), false), of(&[RequestKind::Plain]));
        assert_eq!(
            kinds(&aster_bare(), true),
            of(&[RequestKind::AsksForStripe])
        );
    }

    #[test]
    fn the_same_words_from_the_start_have_one_cause() {
        let mut alike = SystemicRefusal::default();
        for row in 1..MOST {
            assert_eq!(
                alike.refused(STRIPE, "no Stripe", row),
                RefusalVerdict::Held
            );
        }
        assert_eq!(
            alike.refused(STRIPE, "no Stripe", MOST),
            RefusalVerdict::OneCause {
                kind: RequestKind::AsksForStripe,
                many: MOST,
                rows: (1..=MOST).collect()
            }
        );
    }

    /// Issue 12, point 8: rows with their own Stripe customer go through.
    #[test]
    fn other_kinds_that_are_accepted_hide_nothing() {
        let mut alike = SystemicRefusal::default();
        for row in 1..MOST {
            assert_eq!(alike.accepted(OWN), [] as [usize; 0]);
            assert_eq!(
                alike.refused(STRIPE, "no Stripe", row),
                RefusalVerdict::Held
            );
        }
        assert!(matches!(
            alike.refused(STRIPE, "no Stripe", MOST),
            RefusalVerdict::OneCause {
                kind: RequestKind::AsksForStripe,
                ..
            }
        ));
    }

    #[test]
    fn a_row_with_other_words_hides_nothing_either() {
        let mut alike = SystemicRefusal::default();
        assert_eq!(alike.refused(STRIPE, "bad name", 0), RefusalVerdict::Held);
        for row in 1..MOST {
            assert_eq!(
                alike.refused(STRIPE, "no Stripe", row),
                RefusalVerdict::Held
            );
        }
        assert_eq!(
            alike.refused(STRIPE, "no Stripe", MOST),
            RefusalVerdict::OneCause {
                kind: RequestKind::AsksForStripe,
                many: MOST,
                rows: (0..=MOST).collect()
            }
        );
    }

    #[test]
    fn one_accepted_row_of_their_kinds_makes_them_their_own() {
        let mut alike = SystemicRefusal::default();
        assert_eq!(alike.refused(CREATE, "no", 1), RefusalVerdict::Held);
        assert_eq!(alike.refused(STRIPE, "no", 2), RefusalVerdict::Held);
        assert_eq!(alike.accepted(OWN), [1]);
        assert_eq!(
            alike.refused(CREATE, "no", 3),
            RefusalVerdict::Theirs(vec![3])
        );
        assert_eq!(alike.accepted(STRIPE), [2]);
        assert_eq!(
            alike.refused(STRIPE, "no", 4),
            RefusalVerdict::Theirs(vec![4])
        );
    }

    #[test]
    fn refusals_far_apart_among_rows_that_are_there_are_the_rows_own() {
        let mut alike = SystemicRefusal::default();
        let mut theirs = Vec::new();
        for row in 0..100 {
            for _ in 0..49 {
                alike.found(CREATE);
            }
            match alike.refused(CREATE, "bad name", row) {
                RefusalVerdict::Held => {}
                RefusalVerdict::Theirs(rows) => theirs.extend(rows),
                RefusalVerdict::OneCause { .. } => panic!("{row}"),
            }
        }
        assert_eq!(theirs, (0..100).collect::<Vec<_>>());
        // Not if they follow each other, whatever was found before.
        let last = (0..MOST).map(|row| alike.refused(CREATE, "no Stripe", row));
        assert!(matches!(last.last(), Some(RefusalVerdict::OneCause { .. })));
    }

    #[test]
    fn no_more_than_it_takes_are_in_flight_until_it_is_known() {
        let mut alike = SystemicRefusal::default();
        for _ in 0..MOST {
            assert!(alike.has_room(STRIPE));
            alike.started(STRIPE);
        }
        assert!(!alike.has_room(STRIPE) && !alike.has_room(OWN));
        // One of another kind is accepted: the held rows are returned.
        assert_eq!(alike.accepted(OWN), [] as [usize; 0]);
        assert!(!alike.has_room(STRIPE) && alike.has_room(OWN));
        alike.ended(STRIPE);
        assert!(alike.has_room(STRIPE));
        assert_eq!(alike.refused(STRIPE, "no Stripe", 1), RefusalVerdict::Held);
        assert!(!alike.has_room(STRIPE));
        for _ in 0..FOUND {
            alike.found(STRIPE);
        }
        assert!(alike.has_room(STRIPE));
    }

    #[test]
    fn words_name_no_row() {
        let said = |message, values: &[&str]| words(422, message, values.iter().copied());
        assert_eq!(
            said("customer c-17 of Aster Ltd is bad", &["c-17", "Aster Ltd"]),
            "422 customer … of … is bad"
        );
        assert_eq!(
            said("plan pln_1a2b is not known (request req_99ab12)", &[]),
            "422 plan … is not known (request …"
        );
        assert_eq!(said("it is bad", &["is"]), "422 it is bad");
    }

    proptest! {
        /// Every row is returned once, and few are held at a time.
        #[test]
        fn rows_are_neither_lost_nor_doubled(
            steps in prop::collection::vec((0u8..8, 0usize..12, 1u8..128), 0..300)
        ) {
            let mut alike = SystemicRefusal::default();
            let mut back = Vec::new();
            let mut refused = 0;
            for (step, word, kinds) in steps {
                let kinds = RequestKinds(kinds);
                match step {
                    0 if word == 0 => back.extend(alike.accepted(kinds)),
                    0..=2 => alike.found(kinds),
                    _ => {
                        refused += 1;
                        match alike.refused(kinds, &word.to_string(), refused) {
                            RefusalVerdict::Held => {}
                            RefusalVerdict::Theirs(rows) => back.extend(rows),
                            RefusalVerdict::OneCause { many, rows, kind } => {
                                prop_assert!(many >= MOST && rows.len() >= many);
                                prop_assert!(!alike.accepted.has(kind));
                                back.extend(rows);
                            }
                        }
                    }
                }
                prop_assert!(alike.held.len() <= RequestKind::ALL.len() * MOST * (MOST_WORDS + 1));
            }
            back.extend(alike.rest());
            back.sort_unstable();
            prop_assert_eq!(back, (1..=refused).collect::<Vec<_>>());
        }
    }
}
