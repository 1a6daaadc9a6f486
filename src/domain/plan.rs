//! Customer + what is known of it → what to do; and how two of them differ.
//!
//! Pure functions of values: whether a row is sent, asked about or left alone
//! depends on nothing but the row, the ledger's memory of its `clientId` and
//! the policy.

use std::collections::{BTreeSet, HashSet};

use super::customer::{Customer, Fingerprint};
use super::field::Field;
use super::outcome::Outcome;
use super::text::quoted;

/// The digest of a row whose customer was seen at Kable and compared with no row:
/// it is no row's digest.
pub const UNKNOWN_DIGEST: Fingerprint = [0; 16];

/// What the ledger knows of a `clientId`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is known by itself, and they come in many combinations"
)]
pub struct Known {
    /// The claim's number in the ledger.
    pub id: u64,
    /// The digest of the row as it was last settled; of one that never was, the
    /// digest of what was sent, or was about to be.
    pub digest: Fingerprint,
    /// What it was last settled as, also while it is in doubt.
    pub last: Option<Outcome>,
    /// Whether it is claimed and was not settled since: something may have been
    /// sent.
    pub in_doubt: bool,
    /// Whether any request may ever have been sent for it.
    pub sent: bool,
    /// Whether the customer was ever seen at Kable.
    pub there: bool,
    /// Whether this checkpoint created the customer.
    pub ours: bool,
    /// Whether it was last asked for because its row had left the input.
    pub orphan: bool,
    /// A moment on the server's clock, in Unix milliseconds, that is not before
    /// the claim; `None` where the server's clock was not known.
    pub claimed_by: Option<i64>,
}

impl Known {
    /// Whether `digest` is that of the row as it is known.
    pub fn is_same(&self, digest: &Fingerprint) -> bool {
        self.digest == *digest && self.digest != UNKNOWN_DIGEST
    }
}

/// What to do about a customer that is there already and differs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Existing {
    /// Leave it; the row's outcome is `differs`.
    #[default]
    Skip,
    /// Make it equal to the row, as far as an update can.
    Update,
    /// Leave it; the row counts as failed.
    Fail,
}

/// What the user wants done with rows that are not new.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Policy {
    /// A customer that is there already and differs.
    pub existing: Existing,
    /// Whether rows that failed for good are tried again.
    pub retry_failed: bool,
}

/// What to do with a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decision {
    /// Send it.
    Create,
    /// Ask whether the customer is there before anything is sent.
    LookUp,
    /// Nothing; this is the row's outcome.
    Skip(Outcome),
}

/// Decides what to do with a row whose customer has `digest`.
pub fn decide(known: Option<&Known>, digest: &Fingerprint, policy: Policy) -> Decision {
    let Some(known) = known else {
        return Decision::Create;
    };
    let same = known.is_same(digest);
    // A create goes out unasked only for a row that no run ever sent or saw.
    let anew = if known.sent || known.there {
        Decision::LookUp
    } else {
        Decision::Create
    };
    let Some(outcome) = known.last.filter(|_| !known.in_doubt) else {
        return if known.in_doubt {
            Decision::LookUp
        } else {
            anew
        };
    };
    match outcome {
        Outcome::Created | Outcome::Updated | Outcome::Unchanged | Outcome::AlreadyExisted
            if same =>
        {
            Decision::Skip(outcome)
        }
        // The row was changed after it was sent, or was never compared.
        Outcome::Created | Outcome::Updated | Outcome::Unchanged
            if policy.existing != Existing::Skip || known.digest == UNKNOWN_DIGEST =>
        {
            Decision::LookUp
        }
        Outcome::Created | Outcome::Updated | Outcome::Unchanged => {
            Decision::Skip(Outcome::Differs)
        }
        Outcome::Differs if same && policy.existing == Existing::Skip => Decision::Skip(outcome),
        Outcome::Unresolved | Outcome::AlreadyExisted | Outcome::Differs => Decision::LookUp,
        Outcome::Failed if same && !policy.retry_failed => Decision::Skip(outcome),
        Outcome::Failed | Outcome::Pending | Outcome::Missing | Outcome::Deleted => anew,
    }
}

/// A customer as Kable holds it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Remote {
    /// Kable's own id, `cus_…`.
    pub customer_id: String,
    /// The caller's id.
    pub client_id: String,
    /// `companyName`.
    pub company_name: String,
    /// `currency`.
    pub currency: String,
    /// `stripeCustomerId`; `None` where the response has no such member.
    pub stripe_customer_id: Option<String>,
    /// `status`: `ACTIVE` or `CANCELLED`.
    pub status: String,
    /// The ids in `plans`; `None` where the response has no such member.
    pub plan_ids: Option<Vec<String>>,
    /// The ids in `bundles`; likewise.
    pub bundle_ids: Option<Vec<String>>,
    /// The plans that its bundles bring, where that is known of all of them.
    pub brought_plan_ids: Option<Vec<String>>,
    /// `billingContact`; `None` where the response has no such member.
    pub contact: Option<super::customer::Contact>,
    /// `created`, in Unix milliseconds.
    pub created: Option<i64>,
}

/// One value that is not the same on both sides.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// The field; `status` is no field of ours and has `None`.
    pub field: Option<Field>,
    /// What the row says.
    pub ours: String,
    /// What Kable holds.
    pub theirs: String,
}

impl std::fmt::Display for Difference {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let name = self.field.map_or("status", Field::name);
        write!(
            f,
            "{name} is {} at Kable, {} in the file",
            quoted(&self.theirs),
            quoted(&self.ours)
        )
    }
}

/// What `customer` gives and `remote` holds otherwise.
///
/// What the row does not give is not compared, for an import doesn't speak of
/// it; nor is what the response doesn't have, such as `stripeCustomerId`, which
/// only a later document of the vendor's has.
pub fn differences(customer: &Customer, remote: &Remote) -> Vec<Difference> {
    let mut found = Vec::new();
    let mut compare = |field: Option<Field>, ours: &str, theirs: &str| {
        if ours != theirs {
            found.push(Difference {
                field,
                ours: ours.to_owned(),
                theirs: theirs.to_owned(),
            });
        }
    };
    compare(
        Some(Field::ClientId),
        customer.client_id(),
        &remote.client_id,
    );
    compare(
        Some(Field::CompanyName),
        customer.company_name(),
        &remote.company_name,
    );
    compare(Some(Field::Currency), customer.currency(), &remote.currency);
    let stripe = (customer.stripe_customer_id()).zip(remote.stripe_customer_id.as_deref());
    if let Some((ours, theirs)) = stripe {
        compare(Some(Field::StripeCustomerId), ours, theirs);
    }
    if !remote.status.is_empty() {
        compare(None, "ACTIVE", &remote.status);
    }
    let plan_ids = sorted(customer.plan_ids());
    if let Some(theirs) = own_plans(customer, remote).filter(|_| !plan_ids.is_empty()) {
        compare(Some(Field::PlanIds), &plan_ids, &theirs);
    }
    let bundle_ids = sorted(customer.bundle_ids());
    if let Some(theirs) = remote
        .bundle_ids
        .as_ref()
        .filter(|_| !bundle_ids.is_empty())
    {
        let theirs = sorted(theirs.iter().map(String::as_str));
        compare(Some(Field::BundleIds), &bundle_ids, &theirs);
    }
    if let Some(contact) = &remote.contact {
        for (field, ours) in customer.contact() {
            compare(Some(field), ours, contact.get(field).unwrap_or_default());
        }
    }
    found
}

/// The fields that `customer` gives and `remote` says nothing about.
pub fn unseen(customer: &Customer, remote: &Remote) -> Vec<Field> {
    let mut fields = customer.given();
    fields.retain(|field| {
        *field == Field::StripeCustomerId && remote.stripe_customer_id.is_none()
            || *field == Field::PlanIds && remote.plan_ids.is_none()
            || *field == Field::BundleIds && remote.bundle_ids.is_none()
            || Field::CONTACT.contains(field) && remote.contact.is_none()
    });
    fields
}

/// The plans of `remote` that a row could name: without those that came with a
/// bundle, unless the row names them as well. Where it is not known which plans
/// the bundles bring, only those that the row names.
fn own_plans(customer: &Customer, remote: &Remote) -> Option<String> {
    let theirs = remote.plan_ids.as_ref()?.iter().map(String::as_str);
    let has_bundles = match &remote.bundle_ids {
        Some(bundles) => !bundles.is_empty(),
        None => customer.bundle_ids().next().is_some(),
    };
    if !has_bundles {
        return Some(sorted(theirs));
    }
    let ours: HashSet<&str> = customer.plan_ids().collect();
    let brought = remote.brought_plan_ids.as_ref();
    let brought = brought.map(|ids| ids.iter().map(String::as_str).collect::<HashSet<_>>());
    let is_own = |id: &&str| {
        ours.contains(id)
            || brought
                .as_ref()
                .is_some_and(|brought| !brought.contains(id))
    };
    // A plan that is the customer's own and a bundle's may be listed twice.
    let own: BTreeSet<&str> = theirs.filter(is_own).collect();
    Some(sorted(own.into_iter()))
}

fn sorted<'i>(ids: impl Iterator<Item = &'i str>) -> String {
    let mut ids: Vec<&str> = ids.collect();
    ids.sort_unstable();
    ids.join(" ")
}

/// Whether a customer that Kable created at `created` came from a claim of
/// ours that was on disk before `claimed_by` (both on the server's clock).
///
/// Where it can't be told, it is not ours: a rollback must never delete what
/// others made.
pub fn is_our_doing(created: Option<i64>, claimed_by: Option<i64>) -> bool {
    matches!((created, claimed_by), (Some(created), Some(claimed)) if created >= claimed)
}

#[cfg(test)]
mod tests {
    use super::{
        Decision, Existing, Field, Known, Outcome, Policy, Remote, UNKNOWN_DIGEST, decide,
        differences, is_our_doing, unseen,
    };
    use crate::domain::customer::Customer;
    use crate::domain::customer::tests::{aster, aster_at_stripe, digest_of};

    /// A claim that was settled as `last`, with an answer to a request.
    fn known(last: Option<Outcome>) -> Known {
        Known {
            id: 1,
            digest: digest_of(&aster()),
            last,
            in_doubt: last.is_none(),
            sent: true,
            there: last.is_some_and(Outcome::is_there),
            ours: last == Some(Outcome::Created),
            orphan: false,
            claimed_by: None,
        }
    }

    fn decided(known: Known, same: bool, policy: Policy) -> Decision {
        let digest = if same { known.digest } else { [9; 16] };
        decide(Some(&known), &digest, policy)
    }

    fn decided_after(outcome: Outcome, same: bool, policy: Policy) -> Decision {
        decided(known(Some(outcome)), same, policy)
    }

    const POLICIES: [Policy; 6] = {
        let mut all = [Policy {
            existing: Existing::Skip,
            retry_failed: false,
        }; 6];
        let mut at = 0;
        while at < 6 {
            all[at].existing = [Existing::Skip, Existing::Update, Existing::Fail][at / 2];
            all[at].retry_failed = at % 2 == 1;
            at += 1;
        }
        all
    };

    #[test]
    fn what_is_not_known_is_created() {
        assert_eq!(decide(None, &[0; 16], Policy::default()), Decision::Create);
    }

    #[test]
    fn doubt_is_settled_by_asking_whatever_was_known_before() {
        for last in [None].into_iter().chain(Outcome::ALL.map(Some)) {
            for (same, policy) in [true, false].into_iter().zip(POLICIES) {
                let known = Known {
                    in_doubt: true,
                    ..known(last)
                };
                assert_eq!(decided(known, same, policy), Decision::LookUp, "{last:?}");
            }
        }
    }

    #[test]
    fn a_create_goes_out_unasked_only_for_a_row_that_was_never_sent_or_seen() {
        for outcome in Outcome::ALL {
            for same in [true, false] {
                for policy in POLICIES {
                    for (sent, there) in [(true, false), (false, true), (true, true)] {
                        let known = Known {
                            sent,
                            there,
                            ..known(Some(outcome))
                        };
                        let decision = decided(known, same, policy);
                        assert_ne!(decision, Decision::Create, "{known:?} {policy:?}");
                    }
                }
            }
        }
        let never_sent = Known {
            sent: false,
            ..known(Some(Outcome::Pending))
        };
        for same in [true, false] {
            let decision = decided(never_sent, same, Policy::default());
            assert_eq!(decision, Decision::Create);
        }
    }

    #[test]
    fn a_customer_that_was_compared_with_no_row_is_asked_for() {
        for outcome in [Outcome::Created, Outcome::AlreadyExisted] {
            let known = Known {
                digest: UNKNOWN_DIGEST,
                ..known(Some(outcome))
            };
            for digest in [UNKNOWN_DIGEST, [9; 16]] {
                let decision = decide(Some(&known), &digest, Policy::default());
                assert_eq!(decision, Decision::LookUp, "{outcome:?}");
            }
        }
    }

    #[test]
    fn each_outcome_is_left_or_taken_up_again() {
        let policy = Policy::default();
        for (outcome, same, changed) in [
            (
                Outcome::Created,
                Decision::Skip(Outcome::Created),
                Decision::Skip(Outcome::Differs),
            ),
            (
                Outcome::AlreadyExisted,
                Decision::Skip(Outcome::AlreadyExisted),
                Decision::LookUp,
            ),
            (
                Outcome::Differs,
                Decision::Skip(Outcome::Differs),
                Decision::LookUp,
            ),
            (
                Outcome::Failed,
                Decision::Skip(Outcome::Failed),
                Decision::LookUp,
            ),
            (Outcome::Pending, Decision::LookUp, Decision::LookUp),
        ] {
            assert_eq!(decided_after(outcome, true, policy), same, "{outcome:?}");
            assert_eq!(
                decided_after(outcome, false, policy),
                changed,
                "{outcome:?}"
            );
        }
    }

    #[test]
    fn a_policy_takes_up_what_would_be_left() {
        let again = Policy {
            existing: Existing::Fail,
            retry_failed: true,
        };
        for outcome in [Outcome::Failed, Outcome::Differs] {
            assert_eq!(decided_after(outcome, true, again), Decision::LookUp);
        }
        // Whether a row that was changed still differs is for Kable to say.
        let changed = decided_after(Outcome::Created, false, again);
        assert_eq!(changed, Decision::LookUp);
    }

    #[test]
    fn a_row_that_was_changed_is_compared_where_updates_are_wanted() {
        let policy = Policy {
            existing: Existing::Update,
            retry_failed: false,
        };
        for outcome in [Outcome::Created, Outcome::Updated, Outcome::Differs] {
            let changed = decided_after(outcome, false, policy);
            assert_eq!(changed, Decision::LookUp, "{outcome:?}");
        }
        let same = decided_after(Outcome::Updated, true, policy);
        assert_eq!(same, Decision::Skip(Outcome::Updated));
    }

    fn remote_of(customer: &Customer) -> Remote {
        let mut plan_ids: Vec<String> = customer.plan_ids().map(str::to_owned).collect();
        plan_ids.reverse();
        Remote {
            customer_id: "cus_1".to_owned(),
            client_id: customer.client_id().to_owned(),
            company_name: customer.company_name().to_owned(),
            currency: customer.currency().to_owned(),
            stripe_customer_id: None,
            status: "ACTIVE".to_owned(),
            brought_plan_ids: None,
            plan_ids: Some(plan_ids),
            bundle_ids: Some(customer.bundle_ids().map(str::to_owned).collect()),
            contact: Some(customer.contact().collect()),
            created: None,
        }
    }

    #[test]
    fn the_same_customer_differs_in_nothing() {
        assert_eq!(differences(&aster(), &remote_of(&aster())), []);
    }

    #[test]
    fn a_difference_names_both_sides() {
        let mut other = remote_of(&aster());
        other.company_name = "Astre".to_owned();
        other.status = "CANCELLED".to_owned();
        let told: Vec<String> = differences(&aster(), &other)
            .iter()
            .map(ToString::to_string)
            .collect();
        assert_eq!(
            told,
            [
                "companyName is \"Astre\" at Kable, \"Aster\" in the file",
                "status is \"CANCELLED\" at Kable, \"ACTIVE\" in the file",
            ]
        );
    }

    /// A customer with plans `pln_a` and `pln_b` and a bundle, as Kable holds it.
    fn with_bundle(plans: &[&str], brought: Option<&[&str]>) -> Vec<String> {
        let owned = |ids: &[&str]| ids.iter().map(|id| (*id).to_owned()).collect();
        let remote = Remote {
            plan_ids: Some(owned(plans)),
            bundle_ids: Some(owned(&["bun_1"])),
            brought_plan_ids: brought.map(owned),
            ..remote_of(&aster())
        };
        let differences = differences(&aster(), &remote);
        differences.into_iter().map(|found| found.theirs).collect()
    }

    #[test]
    fn plans_that_come_with_a_bundle_are_no_difference() {
        let all = ["pln_b", "pln_x", "pln_a"];
        assert_eq!(with_bundle(&all, Some(&["pln_x"])), [""; 0]);
        assert_eq!(with_bundle(&all, Some(&["pln_x", "pln_a"])), [""; 0]);
        assert_eq!(
            with_bundle(&["pln_a", "pln_b", "pln_a"], Some(&["pln_a"])),
            [""; 0]
        );
        // Not known: the row's own must be there.
        assert_eq!(with_bundle(&all, None), [""; 0]);
        assert_eq!(with_bundle(&["pln_a", "pln_x"], None), ["pln_a"]);
        assert_eq!(
            with_bundle(&["pln_a", "pln_x"], Some(&["pln_x"])),
            ["pln_a"]
        );
        assert_eq!(with_bundle(&all, Some(&[])), ["pln_a pln_b pln_x"]);
    }

    #[test]
    fn a_stripe_customer_is_compared_where_it_is_shown() {
        let customer = aster_at_stripe();
        let mut other = remote_of(&customer);
        other.stripe_customer_id = Some("cus_other".to_owned());
        assert_eq!(differences(&customer, &other).len(), 1);
        assert_eq!(unseen(&customer, &other), []);
        other.stripe_customer_id = customer.stripe_customer_id().map(str::to_owned);
        assert_eq!(differences(&customer, &other), []);
    }

    #[test]
    fn plans_that_came_with_a_bundle_make_no_difference_and_missing_ones_do() {
        let mut other = remote_of(&aster());
        let brought = "pln_of_a_bundle".to_owned();
        other.plan_ids.get_or_insert_default().push(brought.clone());
        assert_eq!(differences(&aster(), &other).len(), 1);
        other.bundle_ids = Some(vec!["bun_1".to_owned()]);
        assert_eq!(differences(&aster(), &other), []);
        other.plan_ids = Some(vec![brought]);
        assert_eq!(differences(&aster(), &other).len(), 1);
    }

    #[test]
    fn what_cannot_be_read_back_makes_no_difference() {
        let mut other = remote_of(&aster());
        other.contact = None;
        other.plan_ids = None;
        assert_eq!(differences(&aster(), &other), []);
    }

    #[test]
    fn what_cannot_be_read_back_is_named() {
        let customer = aster_at_stripe();
        let mut other = remote_of(&customer);
        assert_eq!(unseen(&customer, &other), [Field::StripeCustomerId]);
        other.contact = None;
        other.plan_ids = None;
        assert_eq!(
            unseen(&customer, &other),
            [Field::StripeCustomerId, Field::PlanIds, Field::Email]
        );
    }

    #[test]
    fn only_what_was_created_after_the_claim_is_ours() {
        assert!(is_our_doing(Some(5), Some(5)));
        assert!(!is_our_doing(Some(4), Some(5)));
        assert!(!is_our_doing(None, Some(5)));
        assert!(!is_our_doing(Some(5), None));
    }
}
