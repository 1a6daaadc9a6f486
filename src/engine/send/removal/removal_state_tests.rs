//! The state machine as a table: what responses lead to.

use std::time::Duration;

use super::{RemovalEnd, RemovalState, RemovalStep, RemovalSubject, SubjectChange, SubjectVerdict};
use crate::domain::customer::tests::aster;
use crate::domain::decision::ExistingPolicy;
use crate::domain::plan_policy::PlanRules;
use crate::domain::remote::{MissingContact, RemoteCustomer};
use crate::domain::send_times::{RunTime, SendTimes};
use crate::engine::pace::backoff::RetryPolicy;
use crate::engine::send::absence::Landing;
use crate::engine::send::facts::Facts;
use crate::engine::send::ownership::Clocks;
use crate::engine::send::retries::Blame;
use crate::engine::send::server_clock::ServerClock;
use crate::engine::testing::{BELIEVING, CLAIMED_BY, DATE, NOW_MS, remote_of};
use crate::kable::{Refusal, Removal, Trouble};

/// A response to the next request.
#[derive(Debug, Clone, Copy)]
enum Answered {
    There,
    Cancelled,
    Modified,
    OtherId,
    Older,
    Absent,
    Lost,
    Refused,
    WasAbsent,
}

fn facts_at(now: Duration, landing: Landing) -> Facts {
    Facts {
        now,
        clocks: Clocks {
            server: ServerClock::begun(&[DATE]),
            now_ms: NOW_MS,
            earlier: std::sync::Arc::default(),
        },
        worked: 0,
        absence_is_page: false,
        landing,
        slowest: Duration::ZERO,
        retry: RetryPolicy {
            retries: 1,
            ..RetryPolicy::default()
        },
        jitter: 0.0,
        existing: ExistingPolicy::Skip,
        plans: PlanRules::IMPORT,
        missing_contact: MissingContact::Unknown,
        keys: false,
    }
}

fn ours() -> RemovalSubject {
    RemovalSubject {
        client_id: "c-1".to_owned(),
        customer_id: Some("cus_c-1".to_owned()),
        modified: Some(CLAIMED_BY),
        is_ours: true,
        claimed_by: Some(CLAIMED_BY),
        in_doubt: false,
        may_be_uncreated: false,
    }
}

/// A claim that was never settled.
fn unsettled() -> RemovalSubject {
    RemovalSubject {
        customer_id: None,
        modified: None,
        is_ours: false,
        in_doubt: true,
        may_be_uncreated: true,
        ..ours()
    }
}

fn remote() -> Box<RemoteCustomer> {
    Box::new(remote_of(&aster(), CLAIMED_BY))
}

fn answer(state: &mut RemovalState, answered: Answered) -> Option<RemovalEnd> {
    let facts = facts_at(Duration::ZERO, BELIEVING);
    let mut remote = remote();
    match answered {
        Answered::There => {}
        Answered::Cancelled => {
            remote.status = "CANCELLED".to_owned();
            remote.modified = Some(CLAIMED_BY + 5);
        }
        Answered::Modified => remote.modified = Some(CLAIMED_BY + 5),
        Answered::OtherId => remote.customer_id = "cus_other".to_owned(),
        Answered::Older => remote.created = Some(CLAIMED_BY - 1),
        Answered::Absent => return state.absent(&facts),
        Answered::Lost => {
            let trouble = Trouble::default();
            state.lost(&trouble, facts.now);
            state.retries.tried(trouble, Blame::Row, false, &facts);
            return None;
        }
        Answered::Refused => {
            state.refused(Refusal::default());
            return None;
        }
        Answered::WasAbsent => {
            state.was_absent(&facts);
            return None;
        }
    }
    state.found(remote, None, &facts)
}

/// What the end is called, or the request that is next.
fn after(subject: RemovalSubject, removal: Removal, answers: &[Answered]) -> &'static str {
    let mut state = RemovalState::of(subject, removal, false);
    for answered in answers {
        if matches!(
            answered,
            Answered::Lost | Answered::Refused | Answered::WasAbsent
        ) {
            assert!(matches!(state.next, RemovalStep::Remove(_)), "{answers:?}");
        }
        if let Some(end) = answer(&mut state, *answered) {
            return match end {
                RemovalEnd::Removed(_) => "removed",
                RemovalEnd::AlreadyGone => "already gone",
                RemovalEnd::NeverThere => "never there",
                RemovalEnd::Another(_) => "another",
                RemovalEnd::NotOurs(_) => "not ours",
                RemovalEnd::Changed(SubjectChange::Modified) => "changed",
                RemovalEnd::Changed(SubjectChange::Inactive) => "inactive",
                RemovalEnd::Changed(SubjectChange::Unknown) => "not known",
                RemovalEnd::Refused(_) => "refused",
                RemovalEnd::Unresolved(_) => "unresolved",
                RemovalEnd::Stopped => "stopped",
            };
        }
    }
    match state.next {
        RemovalStep::Find | RemovalStep::FindByKableId(_) => "find",
        RemovalStep::Remove(id) => {
            assert_eq!(id, "cus_c-1");
            "remove"
        }
    }
}

#[test]
fn each_answer_leads_on() {
    use Answered::{Absent, Cancelled, Lost, Modified, Older, OtherId, Refused, There, WasAbsent};
    for (subject, answers, wanted) in [
        (ours(), &[][..], "find"),
        (ours(), &[There], "remove"),
        (ours(), &[Absent], "already gone"),
        (ours(), &[Modified], "changed"),
        (ours(), &[OtherId], "another"),
        // Its claim is of a later run than the one that created it.
        (ours(), &[Older], "remove"),
        (ours(), &[There, Lost], "find"),
        (ours(), &[There, Lost, Absent], "removed"),
        (ours(), &[There, Lost, There], "remove"),
        (ours(), &[There, Lost, OtherId], "removed"),
        (ours(), &[There, Lost, Modified], "changed"),
        (ours(), &[There, Lost, There, Lost, There], "unresolved"),
        (ours(), &[There, Refused, There], "refused"),
        (ours(), &[There, Refused, Absent], "already gone"),
        (ours(), &[There, Lost, There, Refused, Absent], "removed"),
        (ours(), &[There, WasAbsent, Absent], "already gone"),
        (
            ours(),
            &[There, WasAbsent, There, WasAbsent, There],
            "refused",
        ),
        (ours(), &[There, Lost, Cancelled], "removed"),
        (ours(), &[There, Lost, There, Refused, Cancelled], "removed"),
        (ours(), &[There, Refused, Cancelled], "inactive"),
        (ours(), &[Cancelled], "inactive"),
        (unsettled(), &[There], "remove"),
        (unsettled(), &[Older], "not ours"),
        (unsettled(), &[Modified], "changed"),
        (unsettled(), &[Absent], "never there"),
    ] {
        assert_eq!(
            after(subject, Removal::Delete, answers),
            wanted,
            "{answers:?}"
        );
    }
    for (answers, wanted) in [
        (&[Cancelled][..], "already gone"),
        (&[There, Lost, Cancelled], "removed"),
        (&[There, Refused, Cancelled], "already gone"),
        (&[Modified], "changed"),
        (&[Absent], "already gone"),
    ] {
        assert_eq!(
            after(ours(), Removal::Cancel, answers),
            wanted,
            "{answers:?}"
        );
    }
}

#[test]
fn without_a_record_a_customer_is_as_it_was_created_if_it_was_never_modified() {
    let subject = RemovalSubject {
        modified: None,
        ..ours()
    };
    assert_eq!(
        subject.judge(&remote(), false, &SendTimes::default()),
        SubjectVerdict::AsExpected
    );
    let unknown = SubjectChange::Unknown;
    for (created, modified, change) in [
        (
            Some(CLAIMED_BY),
            Some(CLAIMED_BY + 1),
            SubjectChange::Modified,
        ),
        (Some(CLAIMED_BY), None, unknown),
        (None, Some(CLAIMED_BY), unknown),
        (None, None, unknown),
    ] {
        let other = RemoteCustomer {
            created,
            modified,
            ..*remote()
        };
        assert_eq!(
            subject.judge(&other, false, &SendTimes::default()),
            SubjectVerdict::Changed(change)
        );
        assert_eq!(
            subject.judge(&other, true, &SendTimes::default()),
            SubjectVerdict::AsExpected
        );
    }
}

#[test]
fn another_customer_is_never_removed_whatever_is_asked() {
    let other = RemoteCustomer {
        customer_id: "cus_other".to_owned(),
        ..*remote()
    };
    assert_eq!(
        ours().judge(&other, true, &SendTimes::default()),
        SubjectVerdict::Another
    );
    let older = RemoteCustomer {
        created: Some(CLAIMED_BY - 1),
        ..*remote()
    };
    assert_eq!(
        unsettled().judge(&older, true, &SendTimes::default()),
        SubjectVerdict::NotOurs
    );
}

/// A look-up after a lost removal may be answered by a replica that has not seen the
/// customer yet.
#[test]
fn one_look_up_that_finds_nothing_proves_no_removal() {
    let landing = Landing {
        given: Some(Duration::from_secs(8)),
        ..BELIEVING
    };
    let at = |seconds| facts_at(Duration::from_secs(seconds), landing);
    let mut state = RemovalState::of(ours(), Removal::Delete, false);
    assert_eq!(state.found(remote(), None, &at(0)), None);
    state.lost(&Trouble::default(), Duration::ZERO);
    state.missed_by_kable_id();
    assert_eq!(state.absent(&at(1)), None);
    assert_eq!(state.next, RemovalStep::Find);
    assert!(state.waits_until(Duration::from_secs(1)).is_some());
    // It was not removed after all.
    assert_eq!(state.found(remote(), None, &at(2)), None);
    assert!(matches!(state.next, RemovalStep::Remove(_)));
    state.lost(&Trouble::default(), Duration::from_secs(3));
    for seconds in [4, 6] {
        assert_eq!(state.absent(&at(seconds)), None);
    }
    assert_eq!(state.absent(&at(11)), Some(RemovalEnd::Removed(None)));
}

/// A path takes a `clientId` and Kable's id alike, and each may be another customer's.
#[test]
fn a_customer_is_removed_only_by_an_id_that_a_look_up_found_it_by() {
    let facts = facts_at(Duration::ZERO, BELIEVING);
    let by_kable_id = || RemovalStep::FindByKableId("cus_c-1".to_owned());
    let mut known = RemovalState::of(ours(), Removal::Delete, false);
    assert_eq!(known.next, by_kable_id());
    // Kable's id finds another customer, and the list has this one.
    let end = known.found_elsewhere(remote(), None, &facts);
    assert!(matches!(end, Some(RemovalEnd::Refused(_))), "{end:?}");

    let mut unknown = RemovalState::of(unsettled(), Removal::Delete, false);
    assert_eq!(unknown.next, RemovalStep::Find);
    assert_eq!(unknown.found_elsewhere(remote(), None, &facts), None);
    assert_eq!(unknown.next, by_kable_id());
    assert_eq!(unknown.found(remote(), None, &facts), None);
    assert!(matches!(unknown.next, RemovalStep::Remove(_)));

    // Its clientId finds it, and Kable's id never does.
    let mut missed = RemovalState::of(ours(), Removal::Delete, false);
    let end = (0..9).find_map(|_| {
        missed.missed_by_kable_id();
        missed.found_elsewhere(remote(), None, &facts)
    });
    assert!(matches!(end, Some(RemovalEnd::Refused(_))), "{end:?}");
}

/// What is in doubt may be a create that made it, or a removal of the one before.
#[test]
fn a_customer_that_was_made_anew_while_something_was_in_doubt_is_left() {
    let anew = RemovalSubject {
        customer_id: Some("cus_old".to_owned()),
        in_doubt: true,
        ..ours()
    };
    let end = after(anew, Removal::Delete, &[Answered::There]);
    assert_eq!(end, "not ours");
}

/// Only a change of what is shown proves that a removal in doubt was done.
#[test]
fn a_cancelled_customer_is_deleted_on_request_and_shown_as_deleted_then() {
    let facts = facts_at(Duration::ZERO, BELIEVING);
    let shown = |status: &str, later: i64| {
        let mut remote = remote();
        remote.status = status.to_owned();
        remote.modified = Some(CLAIMED_BY + later);
        remote
    };
    for (after, is_done) in [
        (shown("CANCELLED", 5), false),
        (shown("CANCELLED", 6), true),
        (shown("DELETED", 5), true),
        (shown("ACTIVE", 6), false),
    ] {
        let mut state = RemovalState::of(ours(), Removal::Delete, true);
        assert_eq!(state.found(shown("CANCELLED", 5), None, &facts), None);
        state.lost(&Trouble::default(), facts.now);
        let end = state.found(after.clone(), None, &facts);
        assert_eq!(end.is_some(), is_done, "{after:?}");
    }
}

#[test]
fn what_is_younger_than_any_create_of_the_checkpoint_is_not_ours() {
    let until = |alive_ms| {
        SendTimes::of([RunTime {
            began_ms: CLAIMED_BY - 5000,
            alive_ms: Some(alive_ms),
            clock_ahead_ms: None,
            landing_ms: 5000,
        }])
    };
    let in_time = until(CLAIMED_BY);
    assert_eq!(
        unsettled().judge(&remote(), false, &in_time),
        SubjectVerdict::AsExpected
    );
    // A minute for clocks that differ, and five seconds to land.
    let theirs = until(CLAIMED_BY - 65_001);
    assert_eq!(
        unsettled().judge(&remote(), true, &theirs),
        SubjectVerdict::NotOurs
    );
    // What is on record needs no proof.
    assert_eq!(
        ours().judge(&remote(), false, &theirs),
        SubjectVerdict::AsExpected
    );
}
