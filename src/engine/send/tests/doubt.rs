//! Rows in doubt, and ledgers that do not have every claim.

use super::*;

#[tokio::test]
async fn a_row_in_doubt_is_asked_for_and_not_sent_where_it_is_there() {
    let site = TestBed::new();
    site.ledger.remember(&plain("Aster"), None);
    site.kable
        .hold(remote_of(&plain("Aster"), CLAIMED_EARLIER_BY));
    let came = site.import(["c-1,Aster,USD"]).await;
    assert_eq!(came.told, ["2 created"]);
    assert!(site.kable.creates().is_empty());
}

#[tokio::test]
async fn a_row_in_doubt_is_sent_where_it_is_absent() {
    let site = TestBed::new();
    site.ledger.remember(&plain("Aster"), None);
    site.import(["c-1,Aster,USD"]).await;
    assert_eq!(
        (site.kable.finds(), site.kable.creates()),
        (vec!["c-1".to_owned()], vec!["c-1".to_owned()])
    );
}

/// Issue 12, point 3: claims in doubt whose rows have left the file.
#[tokio::test]
async fn a_row_in_doubt_that_has_left_the_file_is_asked_for_and_never_sent() {
    let counts = |left: OrphanCounts| {
        [
            left.created,
            left.already_existed,
            left.absent,
            left.unresolved,
        ]
    };
    for (created, wanted) in [
        (Some(CLAIMED_EARLIER_BY), [1, 0, 0, 0]),
        (Some(CLAIMED_EARLIER_BY - 1), [0, 1, 0, 0]),
        (None, [0, 0, 1, 0]),
    ] {
        let site = TestBed::new();
        site.ledger.remember(&plain("Aster"), None);
        if let Some(created) = created {
            site.kable.hold(remote_of(&plain("Aster"), created));
        }
        for asked in [1, 0] {
            let came = site.import(["c-2,Birch,USD"]).await;
            assert_eq!(counts(came.left), wanted);
            assert_eq!(came.told, ["2 created"]);
            assert_eq!(site.kable.creates(), ["c-2"]);
            let finds = site.kable.finds();
            assert_eq!(finds.len(), 1, "asked {asked} times more");
        }
        // The row returns.
        let came = site.import(["c-1,Aster,USD", "c-2,Birch,USD"]).await;
        assert_eq!(counts(came.left), [0; 4]);
        let outcome = if wanted[1] == 1 {
            "already_existed"
        } else {
            "created"
        };
        assert_eq!(came.told, [format!("2 {outcome}"), "3 created".to_owned()]);
        assert_eq!(site.kable.too_often(), Vec::<String>::new());
    }
}

#[tokio::test]
async fn a_row_in_doubt_that_is_rejected_now_is_asked_for() {
    let site = TestBed::new();
    site.ledger.remember(&plain("Aster"), None);
    site.kable
        .hold(remote_of(&plain("Aster"), CLAIMED_EARLIER_BY));
    let came = site.import(["c-1,,USD", "c-2,Birch,USD"]).await;
    assert_eq!(came.left.created, 1);
}

#[tokio::test]
async fn a_row_in_doubt_that_was_changed_since_is_not_sent_where_the_old_one_is_there() {
    let site = TestBed::new();
    site.ledger.remember(&plain("Aster"), None);
    site.kable
        .hold(remote_of(&plain("Aster"), CLAIMED_EARLIER_BY));
    let came = site.import(["c-1,Astre,USD"]).await;
    assert_eq!(came.told, ["2 differs"]);
    assert!(site.kable.creates().is_empty());
}

#[tokio::test]
async fn from_a_ledger_with_gaps_nothing_is_sent_that_was_not_asked_for() {
    let site = TestBed::one_by_one();
    // Claims in the ledger may be older than what was done.
    site.ledger
        .remember(&plain("Aster"), Some(Outcome::Pending));
    site.ledger.forget();
    site.kable.hold(remote_of(&plain("Aster"), NOW_MS - 9000));
    let mut other = remote_of(&plain("Birch"), NOW_MS - 9000);
    "c-2".clone_into(&mut other.client_id);
    site.kable.hold(other.clone());
    "c-3".clone_into(&mut other.client_id);
    site.kable.hold(other);
    let rows = [
        "c-1,Aster,USD",
        "c-2,Birch,USD",
        "c-3,Cedar,USD",
        "c-4,Elm,USD",
    ];
    let came = site.import(rows).await;
    assert!(came.told[2].starts_with("4 differs"), "{:?}", came.told);
    assert_eq!(
        [&came.told[0], &came.told[1], &came.told[3]],
        ["2 already_existed", "3 already_existed", "5 created"]
    );
    assert_eq!(site.kable.finds(), ["c-1", "c-2", "c-3", "c-4"]);
    assert_eq!(site.kable.creates(), ["c-4"]);
}

#[tokio::test]
async fn what_a_ledger_with_gaps_knows_to_be_done_is_left_alone() {
    let site = TestBed::new();
    site.ledger
        .remember(&plain("Aster"), Some(Outcome::Created));
    site.ledger.forget();
    assert_eq!(site.import(["c-1,Aster,USD"]).await.told, ["2 created"]);
    assert!(site.kable.finds().is_empty() && site.kable.creates().is_empty());
}

#[tokio::test]
async fn an_unresolved_row_is_asked_for_by_the_next_run() {
    let mut site = TestBed::new();
    site.settings.retry.retries = 0;
    site.kable.behave(|ask| match ask {
        ApiCall::Create(_) => CallFate::LostAfter,
        ApiCall::Update(_) | ApiCall::Remove(_) | ApiCall::Find(_) => CallFate::LostBefore,
    });
    let first = site.import(["c-1,Aster,USD"]).await;
    site.kable.behave(|_| CallFate::Answered);
    let second = site.import(["c-1,Aster,USD"]).await;
    assert_eq!(
        (first.told, second.told),
        (
            vec!["2 unresolved".to_owned()],
            vec!["2 created".to_owned()]
        )
    );
    assert_eq!(site.kable.creates(), ["c-1"]);
}
