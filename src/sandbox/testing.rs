//! An HTTP client on bare sockets, for the sandbox's own tests.
//!
//! An HTTP library hides what the faults are about: how a connection ended, and
//! what arrived before. The client blocks, so tests need a runtime with several
//! threads.

use std::collections::BTreeMap;
use std::io::{ErrorKind, Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;

use serde_json::Value;

use crate::sandbox::RunningSandbox;
use crate::sandbox::settings::{CLIENT_ID, CLIENT_SECRET, Settings};

/// The body of a valid create.
pub(super) fn aster(client_id: &str) -> String {
    format!(r#"{{"clientId": "{client_id}", "companyName": "Aster", "currency": "USD"}}"#)
}

/// A sandbox over a file in `dir`, with faults.
pub(super) async fn sandbox(dir: &Path, faults: &[&str]) -> RunningSandbox {
    let settings = Settings {
        faults: faults.iter().map(|fault| fault.parse().unwrap()).collect(),
        ..Settings::new(dir.join("sandbox.db"))
    };
    RunningSandbox::start(settings).await.unwrap()
}

/// How a connection ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ConnectionEnd {
    Closed,
    Reset,
}

/// A request to be sent.
#[derive(Debug, Clone)]
pub(super) struct TestRequest {
    line: String,
    headers: BTreeMap<String, String>,
    body: Vec<u8>,
}

/// All that was received.
#[derive(Debug)]
pub(super) struct TestResponse {
    pub(super) status: u16,
    pub(super) headers: BTreeMap<String, String>,
    pub(super) body: String,
    /// Whether the body is complete.
    pub(super) whole: bool,
    pub(super) end: ConnectionEnd,
}

impl TestRequest {
    pub(super) fn new(method: &str, path: &str, body: impl Into<Vec<u8>>) -> Self {
        let body = body.into();
        let request = Self {
            line: format!("{method} /api/v1/{path} HTTP/1.1"),
            headers: BTreeMap::new(),
            body,
        };
        let length = request.body.len().to_string();
        request
            .with("Host", "sandbox")
            .with("Connection", "close")
            .with("Accept", "application/json")
            .with("Content-Type", "application/json")
            .with("Content-Length", &length)
            .with("Kable-Client-Id", CLIENT_ID)
            .with("Kable-Client-Secret", CLIENT_SECRET)
    }

    pub(super) fn get(path: &str) -> Self {
        Self::new("GET", path, "")
    }

    pub(super) fn post(path: &str, body: impl Into<Vec<u8>>) -> Self {
        Self::new("POST", path, body)
    }

    /// A create of `client_id`.
    pub(super) fn create(client_id: &str) -> Self {
        Self::post("customers/create", aster(client_id))
    }

    pub(super) fn with(mut self, name: &str, value: &str) -> Self {
        self.headers.insert(name.to_owned(), value.to_owned());
        self
    }

    pub(super) fn without(mut self, name: &str) -> Self {
        self.headers.remove(name);
        self
    }

    /// Sends it over a new connection and leaves that open.
    pub(super) fn send(&self, sandbox: &RunningSandbox) -> TcpStream {
        let mut stream = TcpStream::connect(sandbox.address()).unwrap();
        let mut request = vec![self.line.clone()];
        request.extend(
            self.headers
                .iter()
                .map(|(name, value)| format!("{name}: {value}")),
        );
        let head = request.join("\r\n") + "\r\n\r\n";
        stream.write_all(head.as_bytes()).unwrap();
        stream.write_all(&self.body).unwrap();
        stream
    }

    /// Sends it and reads until the connection ends.
    pub(super) fn to(&self, sandbox: &RunningSandbox) -> TestResponse {
        read(self.send(sandbox))
    }
}

/// Reads until the connection ends.
pub(super) fn read(mut stream: TcpStream) -> TestResponse {
    let mut bytes = Vec::new();
    let end = match stream.read_to_end(&mut bytes) {
        Ok(_) => ConnectionEnd::Closed,
        Err(error) if error.kind() == ErrorKind::ConnectionReset => ConnectionEnd::Reset,
        Err(error) => panic!("{error}"),
    };
    let text = String::from_utf8(bytes).unwrap();
    let (head, body) = text.split_once("\r\n\r\n").unwrap_or((&text, ""));
    let mut lines = head.lines();
    let status = lines
        .next()
        .and_then(|line| line.split(' ').nth(1))
        .map_or(0, |status| status.parse().unwrap());
    let headers: BTreeMap<_, _> = lines
        .filter_map(|line| line.split_once(": "))
        .map(|(name, value)| (name.to_lowercase(), value.to_owned()))
        .collect();
    let (body, whole) = match headers.get("content-length") {
        Some(length) => (body.to_owned(), body.len().to_string() == *length),
        None => unchunked(body),
    };
    TestResponse {
        status,
        headers,
        body,
        whole,
        end,
    }
}

/// RFC 9112 §7.1: a length, a line break, the chunk; the last chunk is empty.
fn unchunked(mut text: &str) -> (String, bool) {
    let mut body = String::new();
    while let Some((length, rest)) = text.split_once("\r\n") {
        let length = usize::from_str_radix(length, 16).unwrap();
        if length == 0 {
            return (body, true);
        }
        let (chunk, rest) = rest.split_at(length);
        body.push_str(chunk);
        text = rest.trim_start_matches("\r\n");
    }
    (body, false)
}

impl TestResponse {
    pub(super) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap()
    }

    pub(super) fn message(&self) -> String {
        self.json()["message"].as_str().unwrap().to_owned()
    }
}
