//! Responses before they are HTTP, and bodies that are streamed.

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

/// A response of the sandbox.
#[derive(Debug)]
pub(in crate::sandbox) struct ApiResponse {
    pub(in crate::sandbox) status: StatusCode,
    /// Headers besides those of every response.
    pub(in crate::sandbox) headers: Vec<(HeaderName, HeaderValue)>,
    pub(in crate::sandbox) body: ResponseBody,
}

/// The body of a response.
#[derive(Debug)]
pub(in crate::sandbox) enum ResponseBody {
    Empty,
    Json(Vec<u8>),
    Html(&'static str),
    /// JSON that is streamed; `length` is its `Content-Length`, if it gets one.
    Stream {
        length: Option<usize>,
        stream: StreamedBody,
    },
}

impl ApiResponse {
    /// 500: the sandbox itself failed.
    pub(in crate::sandbox) fn broken(why: &str) -> Self {
        Self::message(StatusCode::INTERNAL_SERVER_ERROR, why)
    }

    pub(in crate::sandbox) fn json(status: StatusCode, json: Vec<u8>) -> Self {
        Self::new(status, ResponseBody::Json(json))
    }

    pub(in crate::sandbox) fn new(status: StatusCode, body: ResponseBody) -> Self {
        Self {
            status,
            headers: Vec::new(),
            body,
        }
    }

    /// `{"message": …}`, the form of all errors.
    pub(in crate::sandbox) fn message(status: StatusCode, message: &str) -> Self {
        let json = serde_json::json!({ "message": message });
        Self::json(status, json.to_string().into_bytes())
    }

    pub(in crate::sandbox) fn with(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.push((name, value));
        self
    }

    pub(in crate::sandbox) fn with_body(self, body: ResponseBody) -> Self {
        Self { body, ..self }
    }

    pub(in crate::sandbox) fn into_response(self) -> Response {
        let mut headers: HeaderMap = self.headers.into_iter().collect();
        let body = match self.body {
            ResponseBody::Empty => Body::empty(),
            ResponseBody::Json(json) => {
                headers.insert(CONTENT_TYPE, JSON);
                Body::from(json)
            }
            ResponseBody::Html(html) => {
                headers.insert(CONTENT_TYPE, HTML);
                Body::from(html)
            }
            ResponseBody::Stream { length, stream } => {
                headers.insert(CONTENT_TYPE, JSON);
                if let Some(length) = length {
                    headers.insert(CONTENT_LENGTH, HeaderValue::from(length));
                }
                Body::new(stream)
            }
        };
        let mut response = Response::new(body);
        *response.status_mut() = self.status;
        *response.headers_mut() = headers;
        response
    }
}

/// A body whose pieces come through a channel; an error among them ends the connection.
#[derive(Debug)]
pub(in crate::sandbox) struct StreamedBody {
    from: mpsc::Receiver<Result<Bytes>>,
    /// A piece was just handed to the server.
    yields: bool,
}

impl StreamedBody {
    /// The two ends of a channel that holds `ahead` pieces.
    pub(in crate::sandbox) fn channel(ahead: usize) -> (mpsc::Sender<Result<Bytes>>, Self) {
        let (to, from) = mpsc::channel(ahead);
        (
            to,
            Self {
                from,
                yields: false,
            },
        )
    }

    /// The next piece.
    pub(in crate::sandbox) async fn next(&mut self) -> Option<Result<Bytes>> {
        self.from.recv().await
    }
}

impl axum::body::HttpBody for StreamedBody {
    type Data = Bytes;
    type Error = std::io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>>>> {
        // The server flushes only when the body is pending. Without this yield, an
        // error right after a piece would end the connection before that piece
        // was sent.
        if std::mem::take(&mut self.yields) {
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        let piece = self.from.poll_recv(cx);
        self.yields = matches!(piece, Poll::Ready(Some(Ok(_))));
        piece.map(|piece| piece.map(|piece| piece.map(Frame::data)))
    }
}
