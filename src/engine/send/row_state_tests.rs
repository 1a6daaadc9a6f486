//! The state machine as a table: the result of responses, from each first step.

use std::time::Duration;

use super::{NextRequest, RowEnd, RowState};
use crate::domain::customer::tests::{aster, digest_of};
use crate::domain::decision::ExistingPolicy;
use crate::domain::outcome::Outcome;
use crate::domain::plan_policy::PlanRules;
use crate::domain::remote::{MissingContact, RemoteCustomer};
use crate::domain::row::Origin;
use crate::engine::pace::backoff::RetryPolicy;
use crate::engine::send::absence::{Absence, Landing};
use crate::engine::send::facts::Facts;
use crate::engine::send::ownership::Clocks;
use crate::engine::send::retries::Blame;
use crate::engine::send::server_clock::ServerClock;
use crate::engine::testing::{BELIEVING, CLAIMED_BY, DATE, NOW_MS, remote_of};
use crate::engine::ticket::{ClaimTime, EarlierRuns, FirstStep, KnownCustomer, Ticket};
use crate::kable::{AnsweredCustomer, Created, Refusal, Trouble};
use crate::ledger::workers::ClaimAnswer;

/// A response to the next request.
#[derive(Debug, Clone, Copy)]
enum Given {
    Created,
    /// With another company than the one sent.
    CreatedAltered,
    /// The customer was created long before the claim.
    CreatedBefore,
    Refused,
    RefusedAsExisting,
    /// The response to a create or an update was lost.
    Lost,
    /// The customer exists and equals the row.
    There,
    /// It exists and differs.
    Differs,
    /// The response to an update, which shows all of it or not.
    Updated,
    UpdatedNotYet,
    Absent,
    /// Another customer's id differs in case only.
    Twin,
    Unanswered,
}

fn facts(existing: ExistingPolicy) -> Facts {
    Facts {
        now: Duration::ZERO,
        clocks: Clocks {
            server: ServerClock::begun(&[DATE]),
            now_ms: NOW_MS,
            earlier: std::sync::Arc::default(),
        },
        worked: 0,
        absence_is_page: false,
        landing: BELIEVING,
        slowest: Duration::ZERO,
        retry: RetryPolicy {
            retries: 1,
            ..RetryPolicy::default()
        },
        jitter: 0.0,
        existing,
        plans: PlanRules::IMPORT,
        missing_contact: MissingContact::Unknown,
        keys: false,
    }
}

fn row(first_step: FirstStep) -> RowState {
    RowState::of(Ticket {
        id: 1,
        customer: aster(),
        digest: digest_of(&aster()),
        first_step,
        place: Origin::default(),
        earlier: EarlierRuns::default(),
        other_id: None,
        claim: match first_step {
            FirstStep::ResolveDoubt => ClaimTime::Earlier(Some(CLAIMED_BY)),
            FirstStep::Create | FirstStep::LookUp | FirstStep::LookUpLostClaim => ClaimTime::Now {
                at_ms: NOW_MS,
                by_ms: Some(CLAIMED_BY),
            },
        },
    })
}

fn refusal(message: &str) -> Refusal {
    Refusal {
        status: 400,
        message: message.to_owned(),
        request_id: None,
    }
}

fn created(created: i64, altered: bool) -> Created {
    Created {
        customer_id: "cus_1".to_owned(),
        keys: Vec::new(),
        created: Some(created),
        modified: Some(created),
        altered,
    }
}

fn there() -> Box<RemoteCustomer> {
    Box::new(remote_of(&aster(), CLAIMED_BY))
}

fn differing() -> Box<RemoteCustomer> {
    let mut remote = there();
    remote.company_name = "Astre".to_owned();
    remote
}

/// Applies a response to the row; returns its end, if that was it.
fn answer(state: &mut RowState, answer: Given, facts: &Facts) -> Option<RowEnd> {
    match answer {
        Given::Created => state.accepted(created(CLAIMED_BY, false), 201, None, facts),
        Given::CreatedAltered => state.accepted(created(CLAIMED_BY, true), 201, None, facts),
        Given::CreatedBefore => state.accepted(created(0, false), 201, None, facts),
        Given::Refused => state.refused(refusal("no such plan"), facts.now),
        Given::RefusedAsExisting => state.refused(refusal("it exists"), facts.now),
        Given::Lost => {
            let trouble = Trouble::default();
            state.lost(&trouble, facts.now);
            state.retries.tried(trouble, Blame::Row, false, facts);
            None
        }
        Given::There => state.found(there(), None, facts),
        Given::Differs => state.found(differing(), None, facts),
        Given::Updated => state.changed(there(), None, facts),
        Given::UpdatedNotYet => state.changed(differing(), None, facts),
        Given::Absent if state.next == NextRequest::FindInList => state.absent_for_good(facts),
        Given::Absent => state.absent(facts),
        Given::Twin => Some(state.twin(there(), None, facts)),
        Given::Unanswered => {
            state.retries.unanswered += 1;
            state.unanswered(facts)
        }
    }
}

fn name(end: &RowEnd) -> &'static str {
    match end {
        RowEnd::Created { .. } => "created",
        RowEnd::There(..) => "there",
        RowEnd::Refused(_) => "refused",
        RowEnd::Conflict(_) => "conflict",
        RowEnd::OutOfTries(_) => "spent",
        RowEnd::Unresolved => "unresolved",
        RowEnd::Stopped => "stopped",
    }
}

/// The requests that `answers` lead to, and the end in capitals, if there is one.
fn course(state: &mut RowState, answers: &[Given], facts: &Facts) -> String {
    let mut course = Vec::new();
    for answer_given in answers {
        course.push(match &state.next {
            NextRequest::Find => "find".to_owned(),
            NextRequest::FindInList => "list".to_owned(),
            NextRequest::Create => "create".to_owned(),
            NextRequest::Change(_) => "update".to_owned(),
        });
        if let Some(end) = answer(state, *answer_given, facts) {
            course.push(name(&end).to_uppercase());
            return course.join(" ");
        }
    }
    course.join(" ") + " …"
}

#[test]
fn answers_lead_to_the_next_request_or_to_an_end() {
    use FirstStep::{Create, LookUp, LookUpLostClaim, ResolveDoubt};
    use Given::*;
    for (first_step, answers, expected) in [
        (Create, &[Created][..], "create CREATED"),
        (Create, &[Lost, There], "create find THERE"),
        // Its absence is proved: it may be sent again, within the retry limit.
        (
            Create,
            &[Lost, Absent, Created],
            "create find create CREATED",
        ),
        (
            Create,
            &[Lost, Absent, Lost, Absent],
            "create find create find SPENT",
        ),
        (Create, &[Lost, Twin], "create find THERE"),
        (
            Create,
            &[Lost, Unanswered, Unanswered],
            "create find find UNRESOLVED",
        ),
        (Create, &[Refused, Absent], "create find REFUSED"),
        (Create, &[Refused, There], "create find THERE"),
        (Create, &[Refused, Twin], "create find CONFLICT"),
        // The response is not trusted.
        (Create, &[CreatedAltered, Differs], "create find THERE"),
        (Create, &[CreatedBefore, There], "create find THERE"),
        (
            Create,
            &[CreatedAltered, Absent, Absent],
            "create find list UNRESOLVED",
        ),
        (LookUp, &[There], "find THERE"),
        (LookUp, &[Absent, Created], "find create CREATED"),
        (LookUpLostClaim, &[Absent, Created], "find create CREATED"),
        (
            LookUpLostClaim,
            &[Unanswered, Unanswered],
            "find find UNRESOLVED",
        ),
        (ResolveDoubt, &[There], "find THERE"),
        (ResolveDoubt, &[Absent, Created], "find create CREATED"),
        (
            ResolveDoubt,
            &[Absent, Refused, There],
            "find create find THERE",
        ),
    ] {
        let course = course(&mut row(first_step), answers, &facts(ExistingPolicy::Skip));
        assert_eq!(course, expected, "{first_step:?} {answers:?}");
    }
}

#[test]
fn the_list_of_all_customers_is_the_last_place_to_look() {
    use Given::*;
    for (answers, expected) in [
        // Refused because it exists, and not found: the list is searched too.
        (
            &[RefusedAsExisting, Absent, There][..],
            "create find list THERE",
        ),
        (
            &[RefusedAsExisting, Absent, Absent],
            "create find list UNRESOLVED",
        ),
        // A lost create may have landed since: the refusal proves nothing.
        (
            &[Lost, Absent, Refused, Absent, Absent],
            "create find create find list REFUSED",
        ),
    ] {
        let facts = facts(ExistingPolicy::Skip);
        let course = course(&mut row(FirstStep::Create), answers, &facts);
        assert_eq!(course, expected, "{answers:?}");
    }
}

#[test]
fn a_customer_that_differs_is_updated_once_and_read_back() {
    use Given::*;
    for (answers, expected) in [
        (&[Differs, Updated][..], "find update THERE"),
        (&[Differs, UpdatedNotYet, There], "find update find THERE"),
        (&[Differs, UpdatedNotYet, Differs], "find update find THERE"),
        (&[Differs, Lost, There], "find update find THERE"),
        (
            &[Differs, Lost, Differs, Updated],
            "find update find update THERE",
        ),
        (
            &[Differs, Lost, Differs, Lost, Differs],
            "find update find update find SPENT",
        ),
        (&[Differs, Refused], "find update REFUSED"),
        // It existed: it is not created again.
        (&[Differs, Lost, Absent], "find update find UNRESOLVED"),
        (&[There], "find THERE"),
    ] {
        let facts = facts(ExistingPolicy::Update);
        let course = course(&mut row(FirstStep::LookUp), answers, &facts);
        assert_eq!(course, expected, "{answers:?}");
    }
}

#[test]
fn a_repeat_of_another_rows_id_changes_no_customer() {
    let mut state = row(FirstStep::LookUp);
    state.ticket.earlier.is_left = true;
    let facts = facts(ExistingPolicy::Update);
    assert_eq!(course(&mut state, &[Given::Differs], &facts), "find THERE");
}

#[test]
fn a_twin_of_a_customer_of_ours_is_that_customer() {
    let mut state = row(FirstStep::LookUp);
    state.ticket.earlier.customer = KnownCustomer::Ours;
    let facts = facts(ExistingPolicy::Skip);
    assert_eq!(course(&mut state, &[Given::Twin], &facts), "find THERE");
}

#[test]
fn where_absence_is_a_web_page_the_list_is_asked_before_a_second_create() {
    let facts = Facts {
        absence_is_page: true,
        ..facts(ExistingPolicy::Skip)
    };
    let answers = [Given::Lost, Given::Absent, Given::Absent, Given::Created];
    assert_eq!(
        course(&mut row(FirstStep::Create), &answers, &facts),
        "create find list create CREATED"
    );
}

/// `absence.rs` tests what a look-up that finds nothing proves.
#[test]
fn a_row_in_doubt_is_not_created_before_its_absence_is_proved() {
    let mut facts = Facts {
        landing: Landing {
            given: Some(Duration::from_secs(8)),
            ..BELIEVING
        },
        ..facts(ExistingPolicy::Skip)
    };
    let mut state = row(FirstStep::Create);
    answer(&mut state, Given::Lost, &facts);
    let mut looks = 0;
    while state.next == NextRequest::Find {
        facts.now = state.waits_until(facts.now).unwrap_or(facts.now);
        answer(&mut state, Given::Absent, &facts);
        looks += 1;
    }
    assert_eq!((looks, facts.now), (5, Duration::from_secs(8)));
    assert_eq!(state.next, NextRequest::Create);
}

/// The worker that held it may have sent it until shortly before.
#[test]
fn the_doubt_of_a_row_begins_when_it_is_taken_over() {
    let now = Duration::from_mins(9);
    let mut ticket = row(FirstStep::Create).ticket;
    let answer = ClaimAnswer::InDoubt { claimed_by: None };
    assert!(ticket.is_granted(Some(&answer), (ClaimTime::Earlier(None), now)));
    let state = RowState::of(ticket);
    assert_eq!(state.next, NextRequest::Find);
    assert_eq!(state.absence, Some(Absence::of_earlier_holder(now)));
}

fn about_another() -> Trouble {
    Trouble {
        message: "the answer is about another customer".to_owned(),
        ..Trouble::default()
    }
}

#[test]
fn a_change_that_the_api_answered_about_another_customer_is_not_repeated() {
    let facts = facts(ExistingPolicy::Update);
    for (shown, ends_well) in [(there(), true), (differing(), false)] {
        let mut state = row(FirstStep::LookUp);
        assert!(state.found(differing(), None, &facts).is_none());
        assert!(matches!(state.next, NextRequest::Change(_)));
        state.misdirected(about_another(), None, &facts);
        assert_eq!(state.next, NextRequest::Find);
        match state.found(shown, None, &facts) {
            Some(RowEnd::There(..)) => assert!(ends_well),
            Some(RowEnd::Unresolved) => assert!(!ends_well),
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn a_create_that_the_api_answers_about_another_customer_is_sent_twice_at_most() {
    let facts = facts(ExistingPolicy::Skip);
    let mut state = row(FirstStep::Create);
    for _ in 0..2 {
        assert_eq!(state.next, NextRequest::Create);
        state.misdirected(about_another(), None, &facts);
        if let Some(end) = state.absent_for_good(&facts) {
            let RowEnd::Conflict(refusal) = end else {
                panic!("{end:?}");
            };
            assert!(refusal.message.starts_with("the answer is about another"));
            return;
        }
    }
    panic!("it would be sent again");
}

/// By a server that cuts ids, or folds their case.
#[test]
fn a_customer_that_was_created_under_another_id_is_not_created_once_more() {
    let facts = facts(ExistingPolicy::Skip);
    for (created, altered, ends) in [
        (Some(CLAIMED_BY), false, true),
        // It answers about a customer of others, or with that of another request.
        (Some(CLAIMED_BY - 3_600_000), false, false),
        (Some(CLAIMED_BY), true, false),
        (None, false, false),
    ] {
        let mut state = row(FirstStep::Create);
        let other = AnsweredCustomer {
            customer_id: "cus_2".to_owned(),
            created,
            altered,
        };
        state.misdirected(about_another(), Some(other), &facts);
        let end = state.absent_for_good(&facts);
        assert_eq!(
            matches!(end, Some(RowEnd::Conflict(_))),
            ends,
            "{created:?}"
        );
        assert_eq!(state.other_id().is_some(), ends, "{created:?}");
    }
}

/// Its own customer was found before under another id, and is gone; or an earlier run was not
/// told whether it made one.
#[test]
fn a_row_is_created_at_once_if_its_customer_under_another_id_was_deleted() {
    let mut facts = facts(ExistingPolicy::Update);
    facts.landing.given = Some(Duration::from_mins(1));
    for (outcome, waits) in [(Outcome::Differs, false), (Outcome::Failed, true)] {
        let mut state = row(FirstStep::LookUp);
        state.ticket.earlier.outcome = Some(outcome);
        state.misdirection.earlier_id = Some("cus_2".to_owned());
        state.other_is_absent(&facts);
        assert_eq!(
            state.misdirection.earlier_id.is_some(),
            waits,
            "{outcome:?}"
        );
    }
}

/// Its `clientId` found another customer, and the list has shown it.
#[test]
fn a_change_goes_to_an_id_that_a_look_up_found_the_customer_by() {
    let facts = facts(ExistingPolicy::Update);
    let mut state = row(FirstStep::LookUp);
    assert!(state.found(differing(), None, &facts).is_none());
    assert!(state.readdressed("cus_2".to_owned()).is_none());
    assert_eq!(state.next, NextRequest::Find);
    assert_eq!(state.address().path_id(), "cus_2");
    // Kable's id does not find it either.
    assert!(state.found(differing(), None, &facts).is_none());
    let end = state.readdressed("cus_2".to_owned());
    assert!(matches!(end, Some(RowEnd::Conflict(_))), "{end:?}");
}

/// The rollback's look-ups proved it absent, or its delete was answered.
#[test]
fn a_customer_that_a_rollback_deleted_is_not_believed_to_be_there_at_once() {
    let mut facts = facts(ExistingPolicy::Update);
    facts.landing.given = Some(Duration::from_mins(1));
    let deleted = || {
        let mut state = row(FirstStep::LookUp);
        state.ticket.earlier.outcome = Some(Outcome::Deleted);
        state
    };
    for shown in [there(), differing()] {
        facts.now = Duration::from_secs(1);
        let mut state = deleted();
        assert!(state.found(shown, None, &facts).is_none());
        assert_eq!(state.next, NextRequest::Find);
        assert_eq!(state.waits_until(facts.now), Some(Duration::from_mins(1)));
        facts.now = Duration::from_mins(1);
        assert_eq!(state.waits_until(facts.now), None);
        // Another client has created one of the same id since.
        let mut again = deleted();
        let end = again.found(there(), None, &facts);
        assert!(matches!(end, Some(RowEnd::There(..))), "{end:?}");
        // It is gone.
        assert!(state.absent(&facts).is_none());
        assert_eq!(state.next, NextRequest::Create);
    }
}
