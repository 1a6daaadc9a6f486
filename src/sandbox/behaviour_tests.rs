//! Settings and faults of a difficult service, over a real socket.

use std::path::Path;
use std::time::Duration;

use serde_json::json;

use super::store::inspect;
use crate::sandbox::RunningSandbox;
use crate::sandbox::settings::Settings;
use crate::sandbox::testing::{ConnectionEnd, TestRequest, aster, read, sandbox};

/// Longer than any test takes.
const AGES: Duration = Duration::from_hours(1);

async fn with(dir: &Path, change: impl FnOnce(&mut Settings)) -> RunningSandbox {
    let mut settings = Settings::new(dir.join("sandbox.db"));
    change(&mut settings);
    RunningSandbox::start(settings).await.unwrap()
}

fn names(dir: &Path) -> Vec<String> {
    let customers = inspect::customers(&dir.join("sandbox.db")).unwrap();
    customers
        .into_iter()
        .map(|customer| customer.client_id)
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn lagging_readers_miss_a_change_that_writers_see() {
    let dir = tempfile::tempdir().unwrap();
    let before = sandbox(dir.path(), &[]).await;
    for name in ["old", "gone", "left"] {
        TestRequest::create(name).to(&before);
    }
    before.stop().await;
    let sandbox = with(dir.path(), |settings| settings.read_lag = AGES).await;
    let status = |request: TestRequest| request.to(&sandbox).status;
    assert_eq!(status(TestRequest::create("new")), 201);
    assert_eq!(status(TestRequest::get("customers/new")), 404);
    assert_eq!(status(TestRequest::create("new")), 409);
    let renamed = TestRequest::post("customers/old/update", r#"{"companyName": "Beryl"}"#);
    assert_eq!(renamed.to(&sandbox).json()["companyName"], "Beryl");
    assert_eq!(
        TestRequest::get("customers/old").to(&sandbox).json()["companyName"],
        "Aster"
    );
    assert_eq!(status(TestRequest::post("customers/gone/delete", "")), 201);
    assert_eq!(status(TestRequest::post("customers/gone/delete", "")), 404);
    assert_eq!(status(TestRequest::post("customers/left/cancel", "")), 201);
    let gone = TestRequest::get("customers/gone").to(&sandbox);
    assert_eq!(
        (gone.status, &gone.json()["clientId"]),
        (200, &json!("gone"))
    );
    let list = TestRequest::get("customers").to(&sandbox).json();
    let shown: Vec<_> = list
        .as_array()
        .unwrap()
        .iter()
        .map(|customer| {
            let text = |name: &str| customer[name].as_str().unwrap().to_owned();
            (text("clientId"), text("companyName"), text("status"))
        })
        .collect();
    let as_before = |name: &str| (name.to_owned(), "Aster".to_owned(), "ACTIVE".to_owned());
    assert_eq!(shown, ["old", "gone", "left"].map(as_before));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_becomes_visible_after_the_lag() {
    let dir = tempfile::tempdir().unwrap();
    let lag = |settings: &mut Settings| settings.read_lag = Duration::from_millis(30);
    let sandbox = with(dir.path(), lag).await;
    let created = TestRequest::create("c-1").to(&sandbox).json();
    while TestRequest::get("customers/c-1").to(&sandbox).status != 200 {}
    assert_eq!(
        TestRequest::get("customers").to(&sandbox).json(),
        json!([created])
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn ids_that_differ_only_in_case_are_the_same_with_ignore_case() {
    let dir = tempfile::tempdir().unwrap();
    let exact = sandbox(dir.path(), &[]).await;
    assert_eq!(TestRequest::create("ÄB").to(&exact).status, 201);
    assert_eq!(TestRequest::get("customers/%C3%A4b").to(&exact).status, 404);
    exact.stop().await;
    let sandbox = with(dir.path(), |settings| settings.ignore_case = true).await;
    assert_eq!(TestRequest::create("äb").to(&sandbox).status, 409);
    let found = TestRequest::get("customers/%C3%A4b").to(&sandbox);
    assert_eq!(
        (found.status, &found.json()["clientId"]),
        (200, &json!("ÄB"))
    );
    assert_eq!(TestRequest::create("c").to(&sandbox).status, 201);
    assert_eq!(TestRequest::create("C").to(&sandbox).status, 409);
    sandbox.stop().await;
    let exact = self::sandbox(dir.path(), &[]).await;
    assert_eq!(TestRequest::create("C").to(&exact).status, 201);
    assert_eq!(names(dir.path()), ["ÄB", "c", "C"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn with_upsert_a_create_returns_the_existing_customer() {
    let dir = tempfile::tempdir().unwrap();
    let beryl = r#"{"clientId": "c-1", "companyName": "Beryl", "currency": "EUR"}"#;
    let create = || TestRequest::post("customers/create", beryl);
    let keeping = with(dir.path(), |settings| settings.upsert = true).await;
    let first = TestRequest::create("c-1").to(&keeping).json();
    let kept = create().to(&keeping);
    assert_eq!((kept.status, kept.json()), (201, first.clone()));
    keeping.stop().await;
    let updating = with(dir.path(), |settings| {
        settings.upsert = true;
        settings.upsert_updates = true;
    })
    .await;
    let updated = create().to(&updating);
    assert_eq!(updated.status, 201);
    let updated = updated.json();
    assert_eq!(
        (&updated["companyName"], &updated["currency"]),
        (&json!("Beryl"), &json!("EUR"))
    );
    for same in ["customerId", "created"] {
        assert_eq!(updated[same], first[same]);
    }
    assert_eq!(names(dir.path()), ["c-1"]);
    assert_eq!(
        inspect::fruitless(&dir.path().join("sandbox.db")).unwrap()[0].existing,
        2
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_late_create_is_done_after_its_client_disconnected() {
    let dir = tempfile::tempdir().unwrap();
    let sandbox = sandbox(dir.path(), &["land-late:3600s@create:1"]).await;
    let gone = TestRequest::create("c-1").send(&sandbox);
    while sandbox.requests().all_faults() == 0 {
        tokio::task::yield_now().await;
    }
    drop(gone);
    assert_eq!(TestRequest::get("customers/c-1").to(&sandbox).status, 404);
    // A create that arrives before the late one is done wins.
    assert_eq!(TestRequest::create("c-1").to(&sandbox).status, 201);
    sandbox.stop().await;
    assert_eq!(names(dir.path()), ["c-1"]);
    let fruitless = inspect::fruitless(&dir.path().join("sandbox.db")).unwrap();
    assert_eq!((fruitless[0].existing, fruitless[0].stopped), (1, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn late_creates_that_are_checked_on_arrival_create_a_customer_twice() {
    let dir = tempfile::tempdir().unwrap();
    let late = "land-late-unchecked:50ms@create:1-2";
    let sandbox = sandbox(dir.path(), &[late, "land-late-unchecked:1s"]).await;
    let both = [
        TestRequest::create("c-1").send(&sandbox),
        TestRequest::create("c-1").send(&sandbox),
    ];
    assert_eq!(both.map(|stream| read(stream).status), [201, 201]);
    assert_eq!(TestRequest::create("c-1").to(&sandbox).status, 409);
    assert_eq!(names(dir.path()), ["c-1", "c-1"]);
    let list = TestRequest::get("customers").to(&sandbox).json();
    assert_eq!(list.as_array().unwrap().len(), 2);
    assert_ne!(list[0]["customerId"], list[1]["customerId"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_create_is_done_after_it_was_refused_or_reset() {
    let dir = tempfile::tempdir().unwrap();
    let faults = [
        "status-then-land:503/40ms@create:1",
        "reset-then-land:40ms@create:2",
    ];
    let sandbox = sandbox(dir.path(), &faults).await;
    let refused = TestRequest::create("c-1").to(&sandbox);
    assert_eq!((refused.status, refused.end), (503, ConnectionEnd::Closed));
    let reset = TestRequest::create("c-2").to(&sandbox);
    assert_eq!((reset.status, reset.end), (0, ConnectionEnd::Reset));
    sandbox.settled().await;
    // Either may land first.
    let mut landed = names(dir.path());
    landed.sort_unstable();
    assert_eq!(landed, ["c-1", "c-2"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn proxy_pages_come_before_every_check() {
    let wrong_key = TestRequest::get("plans").with("Kable-Client-Secret", "sk_test.other");
    let wrong_path = TestRequest::get("nowhere");
    for (fault, status) in [("login-page", 200), ("not-found-page", 404)] {
        let dir = tempfile::tempdir().unwrap();
        let sandbox = sandbox(dir.path(), &[fault]).await;
        for request in [&wrong_key, &wrong_path, &TestRequest::create("c-1")] {
            let page = request.to(&sandbox);
            assert_eq!(page.status, status, "{fault}");
            assert_eq!(page.headers["content-type"], "text/html; charset=utf-8");
        }
        assert!(names(dir.path()).is_empty());
        let path = dir.path().join("sandbox.db");
        assert_eq!(inspect::fruitless(&path).unwrap()[0].stopped, 1);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn proxy_pages_can_target_a_call_or_a_customer() {
    let dir = tempfile::tempdir().unwrap();
    let faults = ["not-found-page@client:c-1", "login-page@create:2"];
    let sandbox = sandbox(dir.path(), &faults).await;
    let status = |request: TestRequest| request.to(&sandbox).status;
    assert_eq!(status(TestRequest::create("c-1")), 404);
    assert_eq!(status(TestRequest::get("customers/c-1")), 404);
    assert_eq!(status(TestRequest::create("c-2")), 200);
    assert_eq!(status(TestRequest::create("c-2")), 201);
    assert_eq!(status(TestRequest::get("customers/c-2")), 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_firewall_refuses_bodies_and_no_slashes_refuses_paths() {
    let dir = tempfile::tempdir().unwrap();
    let sandbox = sandbox(dir.path(), &["firewall:Robert'); DROP", "no-slashes"]).await;
    assert_eq!(TestRequest::create("a/b").to(&sandbox).status, 201);
    let not_found = TestRequest::get("customers/a%2Fb").to(&sandbox);
    assert_eq!(not_found.status, 404);
    assert_eq!(
        not_found.headers["content-type"],
        "text/html; charset=utf-8"
    );
    let body = aster("c-1").replace("Aster", "Robert'); DROP TABLE students");
    let blocked = TestRequest::post("customers/create", body).to(&sandbox);
    assert_eq!(blocked.status, 403);
    assert_eq!(blocked.headers["content-type"], "text/html; charset=utf-8");
    assert_eq!(TestRequest::create("c-1").to(&sandbox).status, 201);
}

#[tokio::test(flavor = "multi_thread")]
async fn writes_can_be_down_while_reads_work() {
    let dir = tempfile::tempdir().unwrap();
    let sandbox = sandbox(dir.path(), &["down:3600s@create:2"]).await;
    assert_eq!(TestRequest::create("c-1").to(&sandbox).status, 201);
    assert_eq!(TestRequest::create("c-2").to(&sandbox).status, 503);
    assert_eq!(TestRequest::create("c-3").to(&sandbox).status, 503);
    assert_eq!(TestRequest::get("customers/c-1").to(&sandbox).status, 200);
    assert_eq!(TestRequest::get("customers/c-2").to(&sandbox).status, 404);
}

#[tokio::test(flavor = "multi_thread")]
async fn clock_shifts_the_date_header_but_not_the_customers() {
    let dir = tempfile::tempdir().unwrap();
    let sandbox = with(dir.path(), |settings| {
        settings.now = || std::time::SystemTime::UNIX_EPOCH + Duration::from_hours(457_248);
        settings.faults = vec!["clock:-3600@create:2".parse().unwrap()];
    })
    .await;
    let first = TestRequest::create("c-1").to(&sandbox);
    assert_eq!(first.headers["date"], "Tue, 01 Mar 2022 00:00:00 GMT");
    let second = TestRequest::create("c-2").to(&sandbox);
    assert_eq!(second.headers["date"], "Mon, 28 Feb 2022 23:00:00 GMT");
    assert_eq!(second.json()["created"], "2022-03-01T00:00:00.000Z");
    assert_eq!(sandbox.requests().all_faults(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_of_the_old_format_is_upgraded() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("sandbox.db");
    let made = sandbox(dir.path(), &[]).await;
    let first = TestRequest::create("c-1").to(&made).json();
    TestRequest::create("c-2").to(&made);
    TestRequest::post("customers/c-2/delete", "").to(&made);
    made.stop().await;
    let db = rusqlite::Connection::open(&path).unwrap();
    db.execute_batch(
        "DROP INDEX customers_by_client_key;
         ALTER TABLE customers DROP COLUMN client_key;
         ALTER TABLE customers DROP COLUMN added;
         CREATE UNIQUE INDEX as_before ON customers (client_id);",
    )
    .unwrap();
    drop(db);
    let again = sandbox(dir.path(), &[]).await;
    assert_eq!(TestRequest::get("customers/c-1").to(&again).json(), first);
    assert_eq!(TestRequest::create("c-1").to(&again).status, 409);
    TestRequest::create("c-3").to(&again);
    again.stop().await;
    let db = rusqlite::Connection::open(&path).unwrap();
    let numbers: String = db
        .query_row("SELECT group_concat(id) FROM customers", [], |row| {
            row.get(0)
        })
        .unwrap();
    // The number of the deleted customer is not used again.
    assert_eq!(numbers, "1,3");
}
