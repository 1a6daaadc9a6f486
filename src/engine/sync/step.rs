//! What is known of a row → what a sync does with it (pure).

use crate::domain::decision::ExistingPolicy;
use crate::domain::forecast::PlannedAction;
use crate::domain::outcome::Outcome;
use crate::domain::plan_policy::PlanRules;
use crate::domain::remote::ComparedCustomer;
use crate::domain::update::Unseen;
use crate::engine::survey::finding_store::PriorClaim;

/// What a sync does with a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::engine) enum SyncStep {
    /// Nothing: its customer is equal.
    LeaveEqual,
    /// Nothing: its customer differs in what a sync does not change.
    LeaveDiffering,
    /// Nothing: it failed in an earlier run, and is as it was.
    LeaveFailed,
    /// Create its customer.
    Create,
    /// Look its customer up, and then create it, change it, or leave it.
    LookUp,
}

impl SyncStep {
    /// Whether a request is sent.
    pub(in crate::engine) fn sends(self) -> bool {
        match self {
            Self::LeaveEqual | Self::LeaveDiffering | Self::LeaveFailed => false,
            Self::Create | Self::LookUp => true,
        }
    }
}

/// What a sync was told to do.
#[derive(Debug, Clone, Copy)]
pub struct SyncRules {
    /// What is compared and changed of plans and bundles.
    pub plans: PlanRules,
    /// Whether rows that failed in an earlier run are sent again.
    pub retry_failed: bool,
    /// Whether Kable may hold customers of which nothing is known: the ledger may lack rows
    /// that were sent, or the list has customers that can't be read.
    pub is_unsure: bool,
}

/// The step for a row with this `claim`; `there` is its customer, and the one that Kable
/// holds under its id, which is another row's if it `is_repeat`. Also returns what is expected
/// of it.
pub(in crate::engine) fn step(
    claim: Option<&PriorClaim>,
    is_repeat: bool,
    there: Option<&ComparedCustomer>,
    rules: SyncRules,
) -> (SyncStep, PlannedAction) {
    if there.is_some_and(|compared| compared.remote.namesake.is_some()) {
        return (SyncStep::LeaveDiffering, PlannedAction::LeaveDiffering);
    }
    let is_changed = claim.is_some_and(|claim| claim.changed);
    // A list that lags may still show what a rollback has deleted.
    let was_deleted = claim.is_some_and(|claim| claim.last == Some(Outcome::Deleted));
    if claim.is_some_and(|claim| claim.in_doubt) || was_deleted && there.is_some() {
        return (SyncStep::LookUp, PlannedAction::LookUp);
    }
    let has_failed = claim.is_some_and(|claim| claim.last == Some(Outcome::Failed));
    let stays_failed = has_failed && !is_changed && !rules.retry_failed;
    let Some(compared) = there else {
        let was_sent = claim.is_some_and(|claim| claim.there || claim.last.is_some());
        return match (stays_failed, was_sent || rules.is_unsure) {
            (true, _) => (SyncStep::LeaveFailed, PlannedAction::Fail),
            (false, true) => (SyncStep::LookUp, PlannedAction::Create),
            (false, false) => (SyncStep::Create, PlannedAction::Create),
        };
    };
    // Only of a customer that an earlier run sent or compared is it known what it was sent.
    let is_as_sent =
        |claim: &PriorClaim| !claim.changed && claim.last.is_some_and(Outcome::customer_exists);
    let unseen = Unseen {
        stripe: is_changed && claim.is_some_and(|claim| claim.there),
        contact: !claim.is_some_and(is_as_sent),
    };
    let existing = if is_repeat {
        ExistingPolicy::Skip
    } else {
        ExistingPolicy::Update
    };
    let action = PlannedAction::on_existing(compared, existing, rules.plans, unseen);
    let step = match &action {
        PlannedAction::LeaveEqual => SyncStep::LeaveEqual,
        PlannedAction::Update { .. } if stays_failed => {
            return (SyncStep::LeaveFailed, PlannedAction::Fail);
        }
        PlannedAction::Update { .. } | PlannedAction::LookUp | PlannedAction::Create => {
            SyncStep::LookUp
        }
        PlannedAction::LeaveDiffering | PlannedAction::Fail => SyncStep::LeaveDiffering,
    };
    (step, action)
}

#[cfg(test)]
mod tests {
    use super::{
        ComparedCustomer, Outcome, PlanRules, PlannedAction, PriorClaim, SyncRules, SyncStep,
    };
    use crate::domain::customer::tests::{aster, aster_at_stripe};
    use crate::domain::decision::Decision;
    use crate::domain::plan_policy::PlanPolicy;
    use crate::engine::testing::remote_of;

    const RULES: SyncRules = SyncRules {
        plans: PlanRules::sync(PlanPolicy::Add),
        retry_failed: false,
        is_unsure: false,
    };

    fn claim(last: Option<Outcome>) -> PriorClaim {
        PriorClaim {
            id: 1,
            decision: Decision::LookUp,
            in_doubt: last.is_none(),
            changed: false,
            last,
            there: last.is_some_and(Outcome::customer_exists),
            ours: false,
            claimed_by: None,
        }
    }

    fn there(change: impl FnOnce(&mut ComparedCustomer)) -> ComparedCustomer {
        let mut compared = ComparedCustomer::of(aster(), remote_of(&aster(), 0), PlanPolicy::Add);
        change(&mut compared);
        let ComparedCustomer {
            customer, remote, ..
        } = compared;
        ComparedCustomer::of(customer, remote, PlanPolicy::Add)
    }

    fn step(claim: Option<PriorClaim>, there: Option<&ComparedCustomer>) -> SyncStep {
        super::step(claim.as_ref(), false, there, RULES).0
    }

    /// An update by `clientId` would change either of them.
    #[test]
    fn customers_with_the_same_client_id_are_left_alone() {
        let doubled = there(|compared| {
            compared.remote.namesake = Some("cus_2".to_owned());
            compared.remote.company_name = "Astre".to_owned();
        });
        for claim in [None, Some(claim(None)), Some(claim(Some(Outcome::Failed)))] {
            assert_eq!(step(claim, Some(&doubled)), SyncStep::LeaveDiffering);
        }
    }

    #[test]
    fn a_customer_that_kable_lacks_is_created() {
        assert_eq!(step(None, None), SyncStep::Create);
        // It was there, and was deleted.
        let known = claim(Some(Outcome::Created));
        assert_eq!(step(Some(known), None), SyncStep::LookUp);
        let unsure = SyncRules {
            is_unsure: true,
            ..RULES
        };
        assert_eq!(super::step(None, false, None, unsure).0, SyncStep::LookUp);
    }

    #[test]
    fn an_equal_customer_is_left_alone_and_a_changed_one_is_looked_up() {
        let equal = there(|_| ());
        let changed = there(|compared| compared.remote.company_name = "Astre".to_owned());
        for known in [None, Some(claim(Some(Outcome::Created)))] {
            assert_eq!(step(known, Some(&equal)), SyncStep::LeaveEqual);
            assert_eq!(step(known, Some(&changed)), SyncStep::LookUp);
        }
    }

    #[test]
    fn a_claim_in_doubt_is_looked_up_whatever_the_list_says() {
        let equal = there(|_| ());
        for listed in [None, Some(&equal)] {
            assert_eq!(step(Some(claim(None)), listed), SyncStep::LookUp);
        }
    }

    #[test]
    fn a_customer_that_a_rollback_deleted_is_looked_up_though_it_is_listed() {
        let equal = there(|_| ());
        let deleted = claim(Some(Outcome::Deleted));
        assert_eq!(step(Some(deleted), Some(&equal)), SyncStep::LookUp);
    }

    #[test]
    fn a_cancelled_customer_is_reported_and_not_revived() {
        let cancelled = there(|compared| compared.remote.status = "CANCELLED".to_owned());
        assert_eq!(step(None, Some(&cancelled)), SyncStep::LeaveDiffering);
    }

    #[test]
    fn a_row_that_failed_is_sent_again_once_it_is_changed_or_on_request() {
        let failed = claim(Some(Outcome::Failed));
        let changed = there(|compared| compared.remote.company_name = "Astre".to_owned());
        for listed in [None, Some(&changed)] {
            assert_eq!(step(Some(failed), listed), SyncStep::LeaveFailed);
            let edited = PriorClaim {
                changed: true,
                ..failed
            };
            assert_eq!(step(Some(edited), listed), SyncStep::LookUp);
            let again = SyncRules {
                retry_failed: true,
                ..RULES
            };
            assert_eq!(
                super::step(Some(&failed), false, listed, again).0,
                SyncStep::LookUp
            );
        }
        let equal = there(|_| ());
        assert_eq!(step(Some(failed), Some(&equal)), SyncStep::LeaveEqual);
    }

    #[test]
    fn a_stripe_id_that_kable_does_not_show_is_sent_if_the_row_changed_since() {
        let at_stripe = there(|compared| compared.customer = aster_at_stripe());
        let known = claim(Some(Outcome::Created));
        assert_eq!(step(Some(known), Some(&at_stripe)), SyncStep::LeaveEqual);
        let edited = PriorClaim {
            changed: true,
            ..known
        };
        assert_eq!(step(Some(edited), Some(&at_stripe)), SyncStep::LookUp);
        assert_eq!(step(None, Some(&at_stripe)), SyncStep::LeaveEqual);
    }

    /// Its customer is the other row's.
    #[test]
    fn a_row_that_repeats_another_changes_no_customer() {
        let changed = there(|compared| compared.remote.company_name = "Other".to_owned());
        let repeat = super::step(None, true, Some(&changed), RULES);
        assert_eq!(
            repeat,
            (SyncStep::LeaveDiffering, PlannedAction::LeaveDiffering)
        );
        assert_eq!(step(None, Some(&changed)), SyncStep::LookUp);
    }
}
