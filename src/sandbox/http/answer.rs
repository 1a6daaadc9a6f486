//! An answer before it is HTTP, and the bodies that come in pieces.

use std::io::Result;
use std::pin::Pin;
use std::task::{Context, Poll};

use axum::body::{Body, Bytes};
use axum::http::header::{CONTENT_LENGTH, CONTENT_TYPE};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use axum::response::Response;
use http_body::Frame;
use tokio::sync::mpsc;

const JSON: HeaderValue = HeaderValue::from_static("application/json");
const HTML: HeaderValue = HeaderValue::from_static("text/html; charset=utf-8");

/// What goes back.
#[derive(Debug)]
pub(in crate::sandbox) struct Answer {
    pub(in crate::sandbox) status: StatusCode,
    /// Those that only this answer has.
    pub(in crate::sandbox) headers: Vec<(HeaderName, HeaderValue)>,
    pub(in crate::sandbox) content: Content,
}

/// The body of an answer.
#[derive(Debug)]
pub(in crate::sandbox) enum Content {
    Nothing,
    Json(Vec<u8>),
    Html(&'static str),
    /// JSON that comes bit by bit; `length` is what is promised of it.
    Pieces {
        length: Option<usize>,
        pieces: Pieces,
    },
}

impl Answer {
    /// The sandbox itself failed.
    pub(in crate::sandbox) fn broken(why: &str) -> Self {
        Self::message(StatusCode::INTERNAL_SERVER_ERROR, why)
    }

    pub(in crate::sandbox) fn json(status: StatusCode, json: Vec<u8>) -> Self {
        Self::new(status, Content::Json(json))
    }

    pub(in crate::sandbox) fn new(status: StatusCode, content: Content) -> Self {
        Self {
            status,
            headers: Vec::new(),
            content,
        }
    }

    /// `{"message": …}`, the form of every failure.
    pub(in crate::sandbox) fn message(status: StatusCode, message: &str) -> Self {
        let json = serde_json::json!({ "message": message });
        Self::json(status, json.to_string().into_bytes())
    }

    pub(in crate::sandbox) fn with(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.push((name, value));
        self
    }

    pub(in crate::sandbox) fn into_response(self) -> Response {
        let mut headers: HeaderMap = self.headers.into_iter().collect();
        let body = match self.content {
            Content::Nothing => Body::empty(),
            Content::Json(json) => {
                headers.insert(CONTENT_TYPE, JSON);
                Body::from(json)
            }
            Content::Html(html) => {
                headers.insert(CONTENT_TYPE, HTML);
                Body::from(html)
            }
            Content::Pieces { length, pieces } => {
                headers.insert(CONTENT_TYPE, JSON);
                if let Some(length) = length {
                    headers.insert(CONTENT_LENGTH, HeaderValue::from(length));
                }
                Body::new(pieces)
            }
        };
        let mut response = Response::new(body);
        *response.status_mut() = self.status;
        *response.headers_mut() = headers;
        response
    }
}

/// A body whose parts come through a channel; an error among them ends the connection.
#[derive(Debug)]
pub(in crate::sandbox) struct Pieces {
    from: mpsc::Receiver<Result<Bytes>>,
    /// A piece was just handed on.
    rest: bool,
}

impl Pieces {
    /// The two ends of a channel that holds `ahead` pieces.
    pub(in crate::sandbox) fn channel(ahead: usize) -> (mpsc::Sender<Result<Bytes>>, Self) {
        let (to, from) = mpsc::channel(ahead);
        (to, Self { from, rest: false })
    }

    /// The next piece to pass on.
    pub(in crate::sandbox) async fn next(&mut self) -> Option<Result<Bytes>> {
        self.from.recv().await
    }
}

impl axum::body::HttpBody for Pieces {
    type Data = Bytes;
    type Error = std::io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>>>> {
        // The server writes out what it has when the body has nothing more to
        // give just now. Without this rest an error right behind a piece would
        // end the connection before that piece had left.
        if std::mem::take(&mut self.rest) {
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        let piece = self.from.poll_recv(cx);
        self.rest = matches!(piece, Poll::Ready(Some(Ok(_))));
        piece.map(|piece| piece.map(|piece| piece.map(Frame::data)))
    }
}
