//! Where the list of customers has those of one `clientId`.

/// The places in the list of customers of those that Kable holds under a row's `clientId`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ListedPlaces {
    /// The one that the row is compared with.
    pub compared: u64,
    /// The next one that is active too. Kable should hold only one.
    pub other: Option<u64>,
}

impl ListedPlaces {
    /// The places of `customers`, given in the order of the list. One that is not active
    /// counts only if no other is: a customer that was there twice stays listed after
    /// one of them is cancelled.
    pub(super) fn of(customers: &[ListedPlace]) -> Option<Self> {
        let mut active = customers.iter().filter(|customer| !customer.is_inactive);
        let compared = active.next().or(customers.first())?.place;
        Some(Self {
            compared,
            other: active.next().map(|customer| customer.place),
        })
    }

    /// The other place as a number: 0, which is the first of a list, for none.
    pub(super) fn other_number(self) -> u64 {
        self.other.unwrap_or_default()
    }

    /// The places with these numbers.
    pub(super) fn of_numbers(compared: u64, other: u64) -> Self {
        let other = Some(other).filter(|place| *place > 0);
        Self { compared, other }
    }
}

/// The place of one customer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct ListedPlace {
    pub(super) place: u64,
    pub(super) is_inactive: bool,
}

#[cfg(test)]
mod tests {
    use super::{ListedPlace, ListedPlaces};

    #[test]
    fn a_cancelled_customer_is_no_second_one() {
        let of = |cancelled: &[bool]| {
            let customers: Vec<_> = (0..)
                .zip(cancelled)
                .map(|(place, is_inactive)| ListedPlace {
                    place,
                    is_inactive: *is_inactive,
                })
                .collect();
            ListedPlaces::of(&customers).map(|places| (places.compared, places.other))
        };
        assert_eq!(of(&[]), None);
        assert_eq!(of(&[true]), Some((0, None)));
        assert_eq!(of(&[true, true]), Some((0, None)));
        assert_eq!(of(&[true, false]), Some((1, None)));
        assert_eq!(of(&[false, true]), Some((0, None)));
        assert_eq!(of(&[false, true, false]), Some((0, Some(2))));
    }
}
