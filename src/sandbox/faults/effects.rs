//! What a client sees of a fault: a reply in place of the API's, or a spoilt response.

use std::time::Duration;

use axum::body::Bytes;
use axum::http::header::{LOCATION, RETRY_AFTER};
use axum::http::{HeaderValue, StatusCode};
use tokio::sync::mpsc;

use super::kinds::{CannedReply, Spoilage};
use crate::sandbox::http::response::{ApiResponse, ResponseBody, StreamedBody};

/// How a request ends.
#[derive(Debug)]
pub(in crate::sandbox) enum Reaction {
    Respond(ApiResponse),
    /// The connection is reset.
    Reset,
    /// The connection stays open without a response until the sandbox stops.
    Hang,
}

/// A little more than the megabyte at which a careful client stops reading.
const PADDING: usize = 1_200_000;

impl CannedReply {
    pub(in crate::sandbox) fn reaction(&self) -> Reaction {
        let response = match self {
            Self::Reset => return Reaction::Reset,
            Self::Hang => return Reaction::Hang,
            Self::Status(status) => chosen_status(*status),
            Self::Page(status, html) => ApiResponse::new(*status, ResponseBody::Html(html)),
            Self::Throttle(wait) => {
                let response = chosen_status(StatusCode::TOO_MANY_REQUESTS);
                match wait {
                    Some(seconds) => response.with(RETRY_AFTER, HeaderValue::from(*seconds)),
                    None => response,
                }
            }
            Self::Redirect(url) => {
                let response = chosen_status(StatusCode::TEMPORARY_REDIRECT);
                match HeaderValue::from_str(url) {
                    Ok(url) => response.with(LOCATION, url),
                    Err(_) => response,
                }
            }
        };
        Reaction::Respond(response)
    }
}

impl Spoilage {
    pub(in crate::sandbox) fn apply(self, response: ApiResponse) -> ApiResponse {
        match self {
            Self::CutInHalf => cut(response),
            Self::Empty => response.with_body(ResponseBody::Empty),
            Self::Replace(text) => response.with_body(ResponseBody::Json(text.into())),
            Self::Alter => alter(response),
            Self::Pad => pad(response),
            Self::Drip(pause) => drip(response, pause),
        }
    }
}

fn chosen_status(status: StatusCode) -> ApiResponse {
    let message = format!("the sandbox was told to answer {}", status.as_u16());
    ApiResponse::message(status, &message)
}

/// Replaces the `companyName`, where there is one.
fn alter(response: ApiResponse) -> ApiResponse {
    let ResponseBody::Json(json) = &response.body else {
        return response;
    };
    let mut altered: serde_json::Value = match serde_json::from_slice(json) {
        Ok(value) => value,
        Err(_) => return response,
    };
    if let Some(name) = altered.get_mut("companyName") {
        *name = "ALTERED".into();
    }
    response.with_body(ResponseBody::Json(altered.to_string().into_bytes()))
}

/// Sends half of the body under the length of the whole; of a stream, all but half of its last piece.
fn cut(response: ApiResponse) -> ApiResponse {
    let (to, stream) = StreamedBody::channel(2);
    let length = match response.body {
        ResponseBody::Json(json) => {
            let length = json.len();
            for piece in half_and_end(&json) {
                // Both fit in the channel.
                drop(to.try_send(piece));
            }
            Some(length)
        }
        ResponseBody::Stream {
            length,
            stream: whole,
        } => {
            tokio::spawn(forward_cut(whole, to));
            length
        }
        ResponseBody::Empty | ResponseBody::Html(_) => return response,
    };
    ApiResponse {
        body: ResponseBody::Stream { length, stream },
        ..response
    }
}

fn half_and_end(bytes: &[u8]) -> [std::io::Result<Bytes>; 2] {
    let (half, _) = bytes.split_at(bytes.len() / 2);
    let end = std::io::Error::other("cut on purpose");
    [Ok(Bytes::copy_from_slice(half)), Err(end)]
}

async fn forward_cut(mut whole: StreamedBody, to: mpsc::Sender<std::io::Result<Bytes>>) {
    let mut last = Bytes::new();
    while let Some(Ok(piece)) = whole.next().await {
        let before = std::mem::replace(&mut last, piece);
        if !before.is_empty() && to.send(Ok(before)).await.is_err() {
            return;
        }
    }
    for piece in half_and_end(&last) {
        // If the client is gone, there is nothing left to cut.
        drop(to.send(piece).await);
    }
}

/// Adds a large member to the front of a JSON object.
fn pad(response: ApiResponse) -> ApiResponse {
    let ResponseBody::Json(json) = &response.body else {
        return response;
    };
    let Some(members) = json.strip_prefix(b"{") else {
        return response;
    };
    let mut padded = b"{\"padding\":\"".to_vec();
    padded.resize(padded.len() + PADDING, b' ');
    padded.extend_from_slice(b"\",");
    padded.extend_from_slice(members);
    response.with_body(ResponseBody::Json(padded))
}

/// Sends the whole body, a byte at a time.
fn drip(response: ApiResponse, pause: Duration) -> ApiResponse {
    let ResponseBody::Json(json) = response.body else {
        return response;
    };
    let (to, stream) = StreamedBody::channel(1);
    let length = Some(json.len());
    tokio::spawn(async move {
        for byte in json {
            if to.send(Ok(Bytes::from(vec![byte]))).await.is_err() {
                break;
            }
            tokio::time::sleep(pause).await;
        }
    });
    ApiResponse {
        body: ResponseBody::Stream { length, stream },
        ..response
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use crate::sandbox::RunningSandbox;
    use crate::sandbox::http::routes::Call;
    use crate::sandbox::store::inspect;
    use crate::sandbox::testing::{ConnectionEnd, TestRequest, TestResponse, read, sandbox};

    /// The response to the first create under `fault`, and whether the customer exists afterwards.
    async fn struck(fault: &str) -> (TestResponse, bool) {
        let dir = tempfile::tempdir().unwrap();
        let sandbox = sandbox(dir.path(), &[&format!("{fault}@create:1")]).await;
        let response = TestRequest::create("c-1").to(&sandbox);
        let there = TestRequest::get("customers/c-1").to(&sandbox).status == 200;
        assert_eq!(sandbox.requests().all_faults(), 1);
        assert_eq!(stopped(dir.path()), u64::from(!there));
        (response, there)
    }

    /// How many creates a fault stopped, according to the file.
    fn stopped(dir: &Path) -> u64 {
        let fruitless = inspect::fruitless(&dir.join("sandbox.db")).unwrap();
        fruitless.iter().map(|line| line.stopped).sum()
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_reset_sends_nothing() {
        for (fault, done) in [("reset", false), ("outage:1", false), ("lost-reply", true)] {
            let (response, there) = struck(fault).await;
            assert_eq!(
                (response.status, response.end, there),
                (0, ConnectionEnd::Reset, done),
                "{fault}"
            );
        }
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_status_has_a_message() {
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
            let response = TestRequest::create("c-1").to(&sandbox);
            assert_eq!(
                (response.status, response.end),
                (status, ConnectionEnd::Closed),
                "{fault}"
            );
            assert!(!response.message().is_empty());
            let customers = inspect::customers(&dir.path().join("sandbox.db")).unwrap();
            assert_eq!(!customers.is_empty(), done, "{fault}");
        }
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn throttle_sends_retry_after_only_with_an_argument() {
        let (plain, _) = struck("throttle").await;
        assert_eq!(plain.headers.get("retry-after"), None);
        let (asking, _) = struck("throttle:7").await;
        assert_eq!(asking.headers["retry-after"], "7");
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_redirect_has_a_location() {
        let (response, _) = struck("redirect:http://127.0.0.1:9/x").await;
        assert_eq!(response.headers["location"], "http://127.0.0.1:9/x");
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn pages_are_html() {
        for (fault, status, done) in [
            ("html", 200, false),
            ("html-after", 200, true),
            ("bad-gateway", 502, false),
        ] {
            let (response, there) = struck(fault).await;
            assert_eq!((response.status, there), (status, done), "{fault}");
            assert_eq!(response.headers["content-type"], "text/html; charset=utf-8");
            assert!(response.body.contains("<title>"));
        }
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_cut_body_is_the_first_half_of_the_right_one() {
        let (response, there) = struck("cut-body").await;
        assert!(there && !response.whole);
        assert_eq!(response.status, 201);
        let promised: usize = response.headers["content-length"].parse().unwrap();
        assert_eq!(response.body.len(), promised / 2);
        assert!(response.body.starts_with("{\"kableClientId\""));
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_spoilt_body_keeps_the_right_status() {
        for (fault, body) in [
            ("empty-body", ""),
            ("garbage", "{\"customerId\": \"cus_"),
            ("other-body", "{\"ok\":true}"),
        ] {
            let (response, there) = struck(fault).await;
            assert_eq!((response.status, &*response.body), (201, body), "{fault}");
            assert!(there && response.whole);
        }
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn altered_changes_the_company_name() {
        let (response, there) = struck("altered").await;
        assert!(there && response.whole);
        assert_eq!(response.json()["clientId"], "c-1");
        assert_eq!(response.json()["companyName"], "ALTERED");
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn huge_and_dripping_bodies_contain_the_right_customer() {
        let (huge, there) = struck("huge-body").await;
        assert!(there && huge.whole && huge.body.len() > 1024 * 1024);
        assert_eq!(huge.json()["clientId"], "c-1");
        let (slow, there) = struck("drip:0ms").await;
        assert!(there && slow.whole);
        assert_eq!(slow.json()["clientId"], "c-1");
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_stop_resets_connections_that_hang() {
        for (fault, done) in [("hang", false), ("hang-after", true)] {
            let dir = tempfile::tempdir().unwrap();
            let sandbox = sandbox(dir.path(), &[&format!("{fault}@create:1")]).await;
            let stream = TestRequest::create("c-1").send(&sandbox);
            // The fault is counted before the work begins, and the store does the work
            // before that of later requests.
            while sandbox.requests().all_faults() == 0 {
                tokio::task::yield_now().await;
            }
            while done && TestRequest::get("customers/c-1").to(&sandbox).status != 200 {}
            sandbox.stop().await;
            let response = read(stream);
            assert_eq!(
                (response.status, response.end),
                (0, ConnectionEnd::Reset),
                "{fault}"
            );
            let customers = inspect::customers(&dir.path().join("sandbox.db")).unwrap();
            assert_eq!(customers.len(), usize::from(done), "{fault}");
        }
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn delayed_work_is_done_even_if_the_client_disconnected() {
        let (response, there) = struck("delay:0ms").await;
        assert_eq!((response.status, there), (201, true));

        let dir = tempfile::tempdir().unwrap();
        let sandbox = sandbox(dir.path(), &["delay:20ms@create:1"]).await;
        let gone = TestRequest::create("c-1").send(&sandbox);
        while sandbox.requests().all_faults() == 0 {
            tokio::task::yield_now().await;
        }
        drop(gone);
        while TestRequest::get("customers/c-1").to(&sandbox).status != 200 {}
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_revoked_key_is_refused_by_every_call() {
        let dir = tempfile::tempdir().unwrap();
        let sandbox = sandbox(dir.path(), &["revoke-key@create:2"]).await;
        assert_eq!(TestRequest::create("c-1").to(&sandbox).status, 201);
        assert_eq!(TestRequest::create("c-2").to(&sandbox).status, 401);
        assert_eq!(TestRequest::get("plans").to(&sandbox).status, 401);
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn an_outage_resets_all_requests_and_ends() {
        let dir = tempfile::tempdir().unwrap();
        let sandbox = sandbox(dir.path(), &["outage:3@create:2"]).await;
        assert_eq!(TestRequest::create("c-1").to(&sandbox).status, 201);
        let ends: Vec<_> = [
            TestRequest::create("c-2"),
            TestRequest::get("plans"),
            TestRequest::get("nowhere"),
        ]
        .map(|request| request.to(&sandbox).end)
        .into();
        assert_eq!(ends, [ConnectionEnd::Reset; 3]);
        assert_eq!(TestRequest::create("c-2").to(&sandbox).status, 201);
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn look_ups_and_the_list_can_be_struck() {
        let dir = tempfile::tempdir().unwrap();
        let faults = ["lost-reply*1@lookup", "cut-body*1@list"];
        let sandbox = sandbox(dir.path(), &faults).await;
        TestRequest::create("c-1").to(&sandbox);
        assert_eq!(
            TestRequest::get("customers/c-1").to(&sandbox).end,
            ConnectionEnd::Reset
        );
        assert_eq!(TestRequest::get("customers/c-1").to(&sandbox).status, 200);
        let cut = TestRequest::get("customers").to(&sandbox);
        assert!(!cut.whole && cut.body.starts_with("[{\"kableClientId\""));
        assert!(TestRequest::get("customers").to(&sandbox).whole);
        assert_eq!(sandbox.requests().of(Call::Lookup), 2);
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_refused_request_is_not_counted() {
        let dir = tempfile::tempdir().unwrap();
        let sandbox = sandbox(dir.path(), &["status:503@create:2"]).await;
        let status = |sandbox: &RunningSandbox, request: TestRequest| request.to(sandbox).status;
        assert_eq!(status(&sandbox, TestRequest::create("c-1")), 201);
        assert_eq!(
            status(&sandbox, TestRequest::post("customers/create", "{}")),
            400
        );
        assert_eq!(status(&sandbox, TestRequest::create("c-2")), 503);
    }
}
