//! What the settings and faults of a difficult service do, over a real socket.

use std::path::Path;
use std::time::Duration;

use serde_json::json;

use super::store::inspect;
use crate::sandbox::Sandbox;
use crate::sandbox::settings::Settings;
use crate::sandbox::testing::{Ask, End, aster, read, sandbox};

/// Longer than any test takes.
const AGES: Duration = Duration::from_hours(1);

async fn with(dir: &Path, change: impl FnOnce(&mut Settings)) -> Sandbox {
    let mut settings = Settings::new(dir.join("sandbox.db"));
    change(&mut settings);
    Sandbox::start(settings).await.unwrap()
}

fn names(dir: &Path) -> Vec<String> {
    let held = inspect::customers(&dir.join("sandbox.db")).unwrap();
    held.into_iter().map(|held| held.client_id).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn readers_see_nothing_of_a_change_that_writers_see() {
    let dir = tempfile::tempdir().unwrap();
    let before = sandbox(dir.path(), &[]).await;
    for name in ["old", "gone", "left"] {
        Ask::create(name).to(&before);
    }
    before.stop().await;
    let sandbox = with(dir.path(), |settings| settings.read_lag = AGES).await;
    let status = |ask: Ask| ask.to(&sandbox).status;
    assert_eq!(status(Ask::create("new")), 201);
    assert_eq!(status(Ask::get("customers/new")), 404);
    assert_eq!(status(Ask::create("new")), 409);
    let renamed = Ask::post("customers/old/update", r#"{"companyName": "Beryl"}"#);
    assert_eq!(renamed.to(&sandbox).json()["companyName"], "Beryl");
    assert_eq!(
        Ask::get("customers/old").to(&sandbox).json()["companyName"],
        "Aster"
    );
    assert_eq!(status(Ask::post("customers/gone/delete", "")), 201);
    assert_eq!(status(Ask::post("customers/gone/delete", "")), 404);
    assert_eq!(status(Ask::post("customers/left/cancel", "")), 201);
    let gone = Ask::get("customers/gone").to(&sandbox);
    assert_eq!(
        (gone.status, &gone.json()["clientId"]),
        (200, &json!("gone"))
    );
    let list = Ask::get("customers").to(&sandbox).json();
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
async fn a_change_comes_to_be_seen() {
    let dir = tempfile::tempdir().unwrap();
    let lag = |settings: &mut Settings| settings.read_lag = Duration::from_millis(30);
    let sandbox = with(dir.path(), lag).await;
    let created = Ask::create("c-1").to(&sandbox).json();
    while Ask::get("customers/c-1").to(&sandbox).status != 200 {}
    assert_eq!(Ask::get("customers").to(&sandbox).json(), json!([created]));
}

#[tokio::test(flavor = "multi_thread")]
async fn ids_that_differ_in_case_only_are_one_where_case_is_ignored() {
    let dir = tempfile::tempdir().unwrap();
    let exact = sandbox(dir.path(), &[]).await;
    assert_eq!(Ask::create("ÄB").to(&exact).status, 201);
    assert_eq!(Ask::get("customers/%C3%A4b").to(&exact).status, 404);
    exact.stop().await;
    let sandbox = with(dir.path(), |settings| settings.ignore_case = true).await;
    assert_eq!(Ask::create("äb").to(&sandbox).status, 409);
    let found = Ask::get("customers/%C3%A4b").to(&sandbox);
    assert_eq!(
        (found.status, &found.json()["clientId"]),
        (200, &json!("ÄB"))
    );
    assert_eq!(Ask::create("c").to(&sandbox).status, 201);
    assert_eq!(Ask::create("C").to(&sandbox).status, 409);
    sandbox.stop().await;
    let exact = self::sandbox(dir.path(), &[]).await;
    assert_eq!(Ask::create("C").to(&exact).status, 201);
    assert_eq!(names(dir.path()), ["ÄB", "c", "C"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upserting_server_answers_with_the_customer_that_is_there() {
    let dir = tempfile::tempdir().unwrap();
    let beryl = r#"{"clientId": "c-1", "companyName": "Beryl", "currency": "EUR"}"#;
    let create = || Ask::post("customers/create", beryl);
    let keeping = with(dir.path(), |settings| settings.upsert = true).await;
    let first = Ask::create("c-1").to(&keeping).json();
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
async fn a_create_that_lands_late_lands_without_its_client() {
    let dir = tempfile::tempdir().unwrap();
    let sandbox = sandbox(dir.path(), &["land-late:3600s@create:1"]).await;
    let gone = Ask::create("c-1").send(&sandbox);
    while sandbox.requests().all_faults() == 0 {
        tokio::task::yield_now().await;
    }
    drop(gone);
    assert_eq!(Ask::get("customers/c-1").to(&sandbox).status, 404);
    // A create that arrives in between wins.
    assert_eq!(Ask::create("c-1").to(&sandbox).status, 201);
    sandbox.stop().await;
    assert_eq!(names(dir.path()), ["c-1"]);
    let fruitless = inspect::fruitless(&dir.path().join("sandbox.db")).unwrap();
    assert_eq!((fruitless[0].existing, fruitless[0].stopped), (1, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn creates_that_are_checked_on_arrival_only_make_one_customer_twice() {
    let dir = tempfile::tempdir().unwrap();
    let late = "land-late-unchecked:50ms@create:1-2";
    let sandbox = sandbox(dir.path(), &[late, "land-late-unchecked:1s"]).await;
    let both = [
        Ask::create("c-1").send(&sandbox),
        Ask::create("c-1").send(&sandbox),
    ];
    assert_eq!(both.map(|stream| read(stream).status), [201, 201]);
    assert_eq!(Ask::create("c-1").to(&sandbox).status, 409);
    assert_eq!(names(dir.path()), ["c-1", "c-1"]);
    let list = Ask::get("customers").to(&sandbox).json();
    assert_eq!(list.as_array().unwrap().len(), 2);
    assert_ne!(list[0]["customerId"], list[1]["customerId"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_create_lands_after_it_was_refused_or_reset() {
    let dir = tempfile::tempdir().unwrap();
    let faults = [
        "status-then-land:503/40ms@create:1",
        "reset-then-land:40ms@create:2",
    ];
    let sandbox = sandbox(dir.path(), &faults).await;
    let refused = Ask::create("c-1").to(&sandbox);
    assert_eq!((refused.status, refused.end), (503, End::Closed));
    let reset = Ask::create("c-2").to(&sandbox);
    assert_eq!((reset.status, reset.end), (0, End::Reset));
    sandbox.settled().await;
    // Either may land first.
    let mut landed = names(dir.path());
    landed.sort_unstable();
    assert_eq!(landed, ["c-1", "c-2"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_proxys_pages_come_before_every_check() {
    let wrong_key = Ask::get("plans").with("Kable-Client-Secret", "sk_test.other");
    let wrong_path = Ask::get("nowhere");
    for (fault, status) in [("login-page", 200), ("not-found-page", 404)] {
        let dir = tempfile::tempdir().unwrap();
        let sandbox = sandbox(dir.path(), &[fault]).await;
        for ask in [&wrong_key, &wrong_path, &Ask::create("c-1")] {
            let page = ask.to(&sandbox);
            assert_eq!(page.status, status, "{fault}");
            assert_eq!(page.headers["content-type"], "text/html; charset=utf-8");
        }
        assert!(names(dir.path()).is_empty());
        let path = dir.path().join("sandbox.db");
        assert_eq!(inspect::fruitless(&path).unwrap()[0].stopped, 1);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_can_be_for_a_call_or_a_customer() {
    let dir = tempfile::tempdir().unwrap();
    let faults = ["not-found-page@client:c-1", "login-page@create:2"];
    let sandbox = sandbox(dir.path(), &faults).await;
    let status = |ask: Ask| ask.to(&sandbox).status;
    assert_eq!(status(Ask::create("c-1")), 404);
    assert_eq!(status(Ask::get("customers/c-1")), 404);
    assert_eq!(status(Ask::create("c-2")), 200);
    assert_eq!(status(Ask::create("c-2")), 201);
    assert_eq!(status(Ask::get("customers/c-2")), 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_firewall_and_a_web_server_refuse_what_they_dont_like() {
    let dir = tempfile::tempdir().unwrap();
    let sandbox = sandbox(dir.path(), &["firewall:Robert'); DROP", "no-slashes"]).await;
    assert_eq!(Ask::create("a/b").to(&sandbox).status, 201);
    let not_found = Ask::get("customers/a%2Fb").to(&sandbox);
    assert_eq!(not_found.status, 404);
    assert_eq!(
        not_found.headers["content-type"],
        "text/html; charset=utf-8"
    );
    let body = aster("c-1").replace("Aster", "Robert'); DROP TABLE students");
    let blocked = Ask::post("customers/create", body).to(&sandbox);
    assert_eq!(blocked.status, 403);
    assert_eq!(blocked.headers["content-type"], "text/html; charset=utf-8");
    assert_eq!(Ask::create("c-1").to(&sandbox).status, 201);
}

#[tokio::test(flavor = "multi_thread")]
async fn writes_can_be_down_while_reads_work() {
    let dir = tempfile::tempdir().unwrap();
    let sandbox = sandbox(dir.path(), &["down:3600s@create:2"]).await;
    assert_eq!(Ask::create("c-1").to(&sandbox).status, 201);
    assert_eq!(Ask::create("c-2").to(&sandbox).status, 503);
    assert_eq!(Ask::create("c-3").to(&sandbox).status, 503);
    assert_eq!(Ask::get("customers/c-1").to(&sandbox).status, 200);
    assert_eq!(Ask::get("customers/c-2").to(&sandbox).status, 404);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_date_is_set_and_the_customers_are_not() {
    let dir = tempfile::tempdir().unwrap();
    let sandbox = with(dir.path(), |settings| {
        settings.now = || std::time::SystemTime::UNIX_EPOCH + Duration::from_hours(457_248);
        settings.faults = vec!["clock:-3600@create:2".parse().unwrap()];
    })
    .await;
    let first = Ask::create("c-1").to(&sandbox);
    assert_eq!(first.headers["date"], "Tue, 01 Mar 2022 00:00:00 GMT");
    let second = Ask::create("c-2").to(&sandbox);
    assert_eq!(second.headers["date"], "Mon, 28 Feb 2022 23:00:00 GMT");
    assert_eq!(second.json()["created"], "2022-03-01T00:00:00.000Z");
    assert_eq!(sandbox.requests().all_faults(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_from_before_is_served_as_it_was() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("sandbox.db");
    let made = sandbox(dir.path(), &[]).await;
    let first = Ask::create("c-1").to(&made).json();
    Ask::create("c-2").to(&made);
    Ask::post("customers/c-2/delete", "").to(&made);
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
    assert_eq!(Ask::get("customers/c-1").to(&again).json(), first);
    assert_eq!(Ask::create("c-1").to(&again).status, 409);
    Ask::create("c-3").to(&again);
    again.stop().await;
    let db = rusqlite::Connection::open(&path).unwrap();
    let numbers: String = db
        .query_row("SELECT group_concat(id) FROM customers", [], |row| {
            row.get(0)
        })
        .unwrap();
    // The deleted customer's number is not given again.
    assert_eq!(numbers, "1,3");
}
