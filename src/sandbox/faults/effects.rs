//! What a fault makes of a request: before the work, or of its answer.

use std::time::Duration;

use axum::body::Bytes;
use axum::http::header::{LOCATION, RETRY_AFTER};
use axum::http::{HeaderValue, StatusCode};
use tokio::sync::mpsc;

use crate::sandbox::faults::What;
use crate::sandbox::http::answer::{Answer, Content, Pieces};
use crate::sandbox::http::request;

/// What a caller gets to see.
#[derive(Debug)]
pub(in crate::sandbox) enum Reaction {
    /// An answer.
    Answer(Answer),
    /// A connection that breaks.
    Reset,
    /// Nothing.
    Hang,
}

const PAGE: &str = "<!doctype html><title>Welcome</title><p>This is not the API.</p>\n";

const PROXY_PAGE: &str = "<html>\r\n<head><title>502 Bad Gateway</title></head>\r\n<body>\r\n\
    <center><h1>502 Bad Gateway</h1></center>\r\n</body>\r\n</html>\r\n";

const LOGIN_PAGE: &str = "<!doctype html>\n<title>Sign in</title>\n\
    <form method=\"post\" action=\"/login\">\n<input name=\"user\">\n\
    <input name=\"password\" type=\"password\">\n<button>Sign in</button>\n</form>\n";

const NOT_FOUND_PAGE: &str = "<html>\r\n<head><title>404 Not Found</title></head>\r\n<body>\r\n\
    <center><h1>404 Not Found</h1></center>\r\n</body>\r\n</html>\r\n";

const FIREWALL_PAGE: &str = "<!doctype html>\n<title>Request blocked</title>\n\
    <h1>403 Forbidden</h1>\n<p>This request was blocked by a security rule.</p>\n";

/// A little more than the megabyte at which a careful client stops reading.
const PADDING: usize = 1_200_000;

/// What happens instead of the work; `None` if the work is done.
pub(in crate::sandbox) fn instead(what: &What) -> Option<Reaction> {
    let answer = match what {
        What::Reset | What::Outage(_) => return Some(Reaction::Reset),
        What::Hang => return Some(Reaction::Hang),
        What::Html => Answer::new(StatusCode::OK, Content::Html(PAGE)),
        What::Status(status) => told_to(*status),
        What::BadGateway => Answer::new(StatusCode::BAD_GATEWAY, Content::Html(PROXY_PAGE)),
        What::Throttle(wait) => {
            let answer = told_to(StatusCode::TOO_MANY_REQUESTS);
            match wait {
                Some(seconds) => answer.with(RETRY_AFTER, HeaderValue::from(*seconds)),
                None => answer,
            }
        }
        What::Redirect(url) => {
            let answer = told_to(StatusCode::TEMPORARY_REDIRECT);
            match HeaderValue::from_str(url) {
                Ok(url) => answer.with(LOCATION, url),
                Err(_) => answer,
            }
        }
        What::RevokeKey => request::unauthorized(),
        What::Down(_) => told_to(StatusCode::SERVICE_UNAVAILABLE),
        What::LoginPage(_) => Answer::new(StatusCode::OK, Content::Html(LOGIN_PAGE)),
        What::NotFoundPage(_) | What::NoSlashes => {
            Answer::new(StatusCode::NOT_FOUND, Content::Html(NOT_FOUND_PAGE))
        }
        What::Firewall(_) => Answer::new(StatusCode::FORBIDDEN, Content::Html(FIREWALL_PAGE)),
        What::Delay(_)
        | What::LandLate(_)
        | What::LandLateUnchecked(_)
        | What::StatusThenLand(..)
        | What::ResetThenLand(_)
        | What::Clock(_)
        | What::LostReply
        | What::HangAfter
        | What::CutBody
        | What::EmptyBody
        | What::HtmlAfter
        | What::Garbage
        | What::OtherBody
        | What::Altered
        | What::HugeBody
        | What::Drip(_)
        | What::StatusAfter(_) => return None,
    };
    Some(Reaction::Answer(answer))
}

/// What becomes of the answer once the work is done.
pub(in crate::sandbox) fn afterwards(what: &What, answer: Answer) -> Reaction {
    let spoilt = match what {
        What::LostReply | What::ResetThenLand(_) => return Reaction::Reset,
        What::HangAfter => return Reaction::Hang,
        What::CutBody => cut(answer),
        What::EmptyBody => with(answer, Content::Nothing),
        What::HtmlAfter => Answer::new(StatusCode::OK, Content::Html(PAGE)),
        What::Garbage => with(answer, Content::Json(b"{\"customerId\": \"cus_".to_vec())),
        What::OtherBody => with(answer, Content::Json(b"{\"ok\":true}".to_vec())),
        What::Altered => alter(answer),
        What::HugeBody => pad(answer),
        What::Drip(pause) => drip(answer, *pause),
        What::StatusAfter(status) | What::StatusThenLand(status, _) => told_to(*status),
        What::Reset
        | What::Hang
        | What::Delay(_)
        | What::Html
        | What::Status(_)
        | What::BadGateway
        | What::Throttle(_)
        | What::Redirect(_)
        | What::RevokeKey
        | What::Outage(_)
        | What::LandLate(_)
        | What::LandLateUnchecked(_)
        | What::Down(_)
        | What::LoginPage(_)
        | What::NotFoundPage(_)
        | What::NoSlashes
        | What::Firewall(_)
        | What::Clock(_) => answer,
    };
    Reaction::Answer(spoilt)
}

fn told_to(status: StatusCode) -> Answer {
    let said = format!("the sandbox was told to answer {}", status.as_u16());
    Answer::message(status, &said)
}

fn with(answer: Answer, content: Content) -> Answer {
    Answer { content, ..answer }
}

/// Another `companyName`, where there is one.
fn alter(answer: Answer) -> Answer {
    let Content::Json(json) = &answer.content else {
        return answer;
    };
    let mut altered: serde_json::Value = match serde_json::from_slice(json) {
        Ok(value) => value,
        Err(_) => return answer,
    };
    if let Some(name) = altered.get_mut("companyName") {
        *name = "ALTERED".into();
    }
    with(answer, Content::Json(altered.to_string().into_bytes()))
}

/// Half of the body under the length of the whole; of a stream, all but half of its last piece.
fn cut(answer: Answer) -> Answer {
    let (to, pieces) = Pieces::channel(2);
    let length = match answer.content {
        Content::Json(json) => {
            let length = json.len();
            for piece in half_and_end(&json) {
                // Both fit in the channel.
                drop(to.try_send(piece));
            }
            Some(length)
        }
        Content::Pieces {
            length,
            pieces: whole,
        } => {
            tokio::spawn(forward_cut(whole, to));
            length
        }
        Content::Nothing | Content::Html(_) => return answer,
    };
    Answer {
        content: Content::Pieces { length, pieces },
        ..answer
    }
}

fn half_and_end(bytes: &[u8]) -> [std::io::Result<Bytes>; 2] {
    let (half, _) = bytes.split_at(bytes.len() / 2);
    let end = std::io::Error::other("cut on purpose");
    [Ok(Bytes::copy_from_slice(half)), Err(end)]
}

async fn forward_cut(mut whole: Pieces, to: mpsc::Sender<std::io::Result<Bytes>>) {
    let mut last = Bytes::new();
    while let Some(Ok(piece)) = whole.next().await {
        let before = std::mem::replace(&mut last, piece);
        if !before.is_empty() && to.send(Ok(before)).await.is_err() {
            return;
        }
    }
    for piece in half_and_end(&last) {
        // The client is gone: there is nothing left to cut.
        drop(to.send(piece).await);
    }
}

/// The same JSON object with a large member in front.
fn pad(answer: Answer) -> Answer {
    let Content::Json(json) = &answer.content else {
        return answer;
    };
    let Some(members) = json.strip_prefix(b"{") else {
        return answer;
    };
    let mut padded = b"{\"padding\":\"".to_vec();
    padded.resize(padded.len() + PADDING, b' ');
    padded.extend_from_slice(b"\",");
    padded.extend_from_slice(members);
    with(answer, Content::Json(padded))
}

/// The whole body, a byte at a time.
fn drip(answer: Answer, pause: Duration) -> Answer {
    let Content::Json(json) = answer.content else {
        return answer;
    };
    let (to, pieces) = Pieces::channel(1);
    let length = Some(json.len());
    tokio::spawn(async move {
        for byte in json {
            if to.send(Ok(Bytes::from(vec![byte]))).await.is_err() {
                break;
            }
            tokio::time::sleep(pause).await;
        }
    });
    Answer {
        content: Content::Pieces { length, pieces },
        ..answer
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use crate::sandbox::Sandbox;
    use crate::sandbox::http::routes::Call;
    use crate::sandbox::store::inspect;
    use crate::sandbox::testing::{Ask, End, Seen, read, sandbox};

    /// What the first create sees under `fault`, and whether the customer is there afterwards.
    async fn struck(fault: &str) -> (Seen, bool) {
        let dir = tempfile::tempdir().unwrap();
        let sandbox = sandbox(dir.path(), &[&format!("{fault}@create:1")]).await;
        let seen = Ask::create("c-1").to(&sandbox);
        let there = Ask::get("customers/c-1").to(&sandbox).status == 200;
        assert_eq!(sandbox.requests().all_faults(), 1);
        assert_eq!(stopped(dir.path()), u64::from(!there));
        (seen, there)
    }

    /// The creates in the file that a fault stopped.
    fn stopped(dir: &Path) -> u64 {
        let fruitless = inspect::fruitless(&dir.join("sandbox.db")).unwrap();
        fruitless.iter().map(|line| line.stopped).sum()
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_reset_shows_nothing_before_or_after_the_work() {
        for (fault, done) in [("reset", false), ("outage:1", false), ("lost-reply", true)] {
            let (seen, there) = struck(fault).await;
            assert_eq!(
                (seen.status, seen.end, there),
                (0, End::Reset, done),
                "{fault}"
            );
        }
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_status_comes_with_a_message_before_or_after_the_work() {
        for (fault, status, done) in [
            ("status:503", 503, false),
            ("status:422", 422, false),
            ("status-after:500", 500, true),
            ("throttle", 429, false),
            ("throttle:7", 429, false),
            ("redirect:http://127.0.0.1:9/", 307, false),
            ("revoke-key", 401, false),
        ] {
            let dir = tempfile::tempdir().unwrap();
            let sandbox = sandbox(dir.path(), &[&format!("{fault}@create:1")]).await;
            let seen = Ask::create("c-1").to(&sandbox);
            assert_eq!((seen.status, seen.end), (status, End::Closed), "{fault}");
            assert!(!seen.message().is_empty());
            let held = inspect::customers(&dir.path().join("sandbox.db")).unwrap();
            assert_eq!(!held.is_empty(), done, "{fault}");
        }
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_throttle_asks_for_a_wait_only_if_told_to() {
        let (plain, _) = struck("throttle").await;
        assert_eq!(plain.headers.get("retry-after"), None);
        let (asking, _) = struck("throttle:7").await;
        assert_eq!(asking.headers["retry-after"], "7");
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_redirect_says_where_to() {
        let (seen, _) = struck("redirect:http://127.0.0.1:9/x").await;
        assert_eq!(seen.headers["location"], "http://127.0.0.1:9/x");
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_page_is_no_answer_whatever_its_status() {
        for (fault, status, done) in [
            ("html", 200, false),
            ("html-after", 200, true),
            ("bad-gateway", 502, false),
        ] {
            let (seen, there) = struck(fault).await;
            assert_eq!((seen.status, there), (status, done), "{fault}");
            assert_eq!(seen.headers["content-type"], "text/html; charset=utf-8");
            assert!(seen.body.contains("<title>"));
        }
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn half_a_body_is_half_of_the_right_one() {
        let (seen, there) = struck("cut-body").await;
        assert!(there && !seen.whole);
        assert_eq!(seen.status, 201);
        let promised: usize = seen.headers["content-length"].parse().unwrap();
        assert_eq!(seen.body.len(), promised / 2);
        assert!(seen.body.starts_with("{\"kableClientId\""));
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_spoilt_body_keeps_the_right_status() {
        for (fault, body) in [
            ("empty-body", ""),
            ("garbage", "{\"customerId\": \"cus_"),
            ("other-body", "{\"ok\":true}"),
        ] {
            let (seen, there) = struck(fault).await;
            assert_eq!((seen.status, &*seen.body), (201, body), "{fault}");
            assert!(there && seen.whole);
        }
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn an_altered_customer_has_another_name() {
        let (seen, there) = struck("altered").await;
        assert!(there && seen.whole);
        assert_eq!(seen.json()["clientId"], "c-1");
        assert_eq!(seen.json()["companyName"], "ALTERED");
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_huge_body_and_a_dripping_one_are_right_otherwise() {
        let (huge, there) = struck("huge-body").await;
        assert!(there && huge.whole && huge.body.len() > 1024 * 1024);
        assert_eq!(huge.json()["clientId"], "c-1");
        let (slow, there) = struck("drip:0ms").await;
        assert!(there && slow.whole);
        assert_eq!(slow.json()["clientId"], "c-1");
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn what_hangs_is_let_go_by_the_stop() {
        for (fault, done) in [("hang", false), ("hang-after", true)] {
            let dir = tempfile::tempdir().unwrap();
            let sandbox = sandbox(dir.path(), &[&format!("{fault}@create:1")]).await;
            let stream = Ask::create("c-1").send(&sandbox);
            // The fault is on record before the work begins, and requests after
            // it wait for what the store does for it.
            while sandbox.requests().all_faults() == 0 {
                tokio::task::yield_now().await;
            }
            while done && Ask::get("customers/c-1").to(&sandbox).status != 200 {}
            sandbox.stop().await;
            let seen = read(stream);
            assert_eq!((seen.status, seen.end), (0, End::Reset), "{fault}");
            let held = inspect::customers(&dir.path().join("sandbox.db")).unwrap();
            assert_eq!(held.len(), usize::from(done), "{fault}");
        }
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn delayed_work_is_done_even_if_the_client_has_gone() {
        let (seen, there) = struck("delay:0ms").await;
        assert_eq!((seen.status, there), (201, true));

        let dir = tempfile::tempdir().unwrap();
        let sandbox = sandbox(dir.path(), &["delay:20ms@create:1"]).await;
        let gone = Ask::create("c-1").send(&sandbox);
        while sandbox.requests().all_faults() == 0 {
            tokio::task::yield_now().await;
        }
        drop(gone);
        while Ask::get("customers/c-1").to(&sandbox).status != 200 {}
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_revoked_key_opens_nothing_any_more() {
        let dir = tempfile::tempdir().unwrap();
        let sandbox = sandbox(dir.path(), &["revoke-key@create:2"]).await;
        assert_eq!(Ask::create("c-1").to(&sandbox).status, 201);
        assert_eq!(Ask::create("c-2").to(&sandbox).status, 401);
        assert_eq!(Ask::get("plans").to(&sandbox).status, 401);
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn an_outage_takes_all_requests_and_ends() {
        let dir = tempfile::tempdir().unwrap();
        let sandbox = sandbox(dir.path(), &["outage:3@create:2"]).await;
        assert_eq!(Ask::create("c-1").to(&sandbox).status, 201);
        let ends: Vec<_> = [Ask::create("c-2"), Ask::get("plans"), Ask::get("nowhere")]
            .map(|ask| ask.to(&sandbox).end)
            .into();
        assert_eq!(ends, [End::Reset; 3]);
        assert_eq!(Ask::create("c-2").to(&sandbox).status, 201);
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_lookup_and_the_list_can_be_struck_too() {
        let dir = tempfile::tempdir().unwrap();
        let faults = ["lost-reply*1@lookup", "cut-body*1@list"];
        let sandbox = sandbox(dir.path(), &faults).await;
        Ask::create("c-1").to(&sandbox);
        assert_eq!(Ask::get("customers/c-1").to(&sandbox).end, End::Reset);
        assert_eq!(Ask::get("customers/c-1").to(&sandbox).status, 200);
        let cut = Ask::get("customers").to(&sandbox);
        assert!(!cut.whole && cut.body.starts_with("[{\"kableClientId\""));
        assert!(Ask::get("customers").to(&sandbox).whole);
        assert_eq!(sandbox.requests().of(Call::Lookup), 2);
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_request_that_is_refused_anyway_is_not_counted() {
        let dir = tempfile::tempdir().unwrap();
        let sandbox = sandbox(dir.path(), &["status:503@create:2"]).await;
        let status = |sandbox: &Sandbox, ask: Ask| ask.to(sandbox).status;
        assert_eq!(status(&sandbox, Ask::create("c-1")), 201);
        assert_eq!(status(&sandbox, Ask::post("customers/create", "{}")), 400);
        assert_eq!(status(&sandbox, Ask::create("c-2")), 503);
    }
}
