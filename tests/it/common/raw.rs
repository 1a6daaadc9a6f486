//! A server below HTTP: it sends given bytes, and treats its connections as the test
//! requires, where the sandbox is a correct server that misbehaves.
//!
//! It holds customers as Kable does, and records for each of them which calls arrived and
//! how often it was created. Customers that it creates are always younger than a claim,
//! customers from before always older.

use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::runtime::Runtime;
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, sleep, timeout};

/// The server's time, in a head.
pub(crate) const DATE: &str = "<now>";

/// A second later.
pub(crate) const SOON: &str = "<in a second>";

/// How much later than by its `Date` a customer is made, so that it is younger than its claim
/// though a `Date` has no parts of a second.
const LATER: Duration = Duration::from_secs(1);

/// Which call about a customer is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Ask {
    Create,
    LookUp,
}

/// What happens to a connection after a response.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Then {
    Keep,
    Close,
    Reset,
    /// Nothing more is read or sent.
    Hang,
    /// No connection is accepted for a while, from before the response on; this one ends
    /// too.
    Shut(Door, Duration),
}

/// How connections are refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Door {
    /// The port is closed.
    Refused,
    /// The listen queue is full: connection attempts get no reply.
    Unheard,
    /// Connections are reset as soon as they are accepted.
    Reset,
}

/// What happens to one call.
#[derive(Debug, Clone)]
pub(crate) struct Act {
    says: String,
    done: bool,
    /// This many bytes of it are never sent.
    short: usize,
    /// The body is sent in chunks.
    chunked: bool,
    /// The pause between two bytes.
    pause: Duration,
    /// Only the beginning of the request is read.
    half_read: bool,
    then: Then,
}

/// Responds with this, byte for byte. `CUSTOMER` is the customer as the server holds it,
/// `CLIENT` and `COMPANY` its `clientId` and `companyName`, `LENGTH` the length of what
/// follows the head.
pub(crate) fn raw(says: &str) -> Act {
    Act {
        says: says.to_owned(),
        done: false,
        short: 0,
        chunked: false,
        pause: Duration::ZERO,
        half_read: false,
        then: Then::Keep,
    }
}

/// A complete response with this status line and body.
pub(crate) fn says(status: &str, body: &str) -> Act {
    says_with(status, "", body)
}

/// A complete response with these lines in its head, each followed by CR LF.
pub(crate) fn says_with(status: &str, head: &str, body: &str) -> Act {
    raw(&format!(
        "HTTP/1.1 {status}\r\nDate: {DATE}\r\n{head}Content-Length: LENGTH\r\n\r\n{body}"
    ))
}

/// The correct response to a create.
pub(crate) fn created() -> Act {
    says("201 Created", "CUSTOMER").done()
}

impl Act {
    /// The customer is created, whatever the response.
    pub(crate) fn done(mut self) -> Self {
        self.done = true;
        self
    }

    pub(crate) fn then(mut self, then: Then) -> Self {
        self.then = then;
        self
    }

    /// Without its last `bytes`.
    pub(crate) fn short(mut self, bytes: usize) -> Self {
        self.short = bytes;
        self
    }

    /// In chunks (RFC 9112 §7.1), with extensions and trailers that mean nothing.
    pub(crate) fn chunked(mut self) -> Self {
        self.chunked = true;
        self
    }

    /// Byte by byte.
    pub(crate) fn slow(mut self, pause: Duration) -> Self {
        self.pause = pause;
        self
    }

    /// Sent before the whole request has arrived.
    pub(crate) fn half_read(mut self) -> Self {
        self.half_read = true;
        self
    }
}

/// The server. Dropping it stops it.
pub(crate) struct Raw {
    address: SocketAddr,
    state: Arc<Mutex<RawState>>,
    /// Dropping it ends everything that runs in it.
    _runtime: Runtime,
}

#[derive(Default)]
struct RawState {
    acts: BTreeMap<(Ask, String), VecDeque<Act>>,
    held: BTreeMap<String, Value>,
    created: BTreeMap<String, usize>,
    calls: Vec<(Instant, String, &'static str)>,
    /// The head of every request, and when it was complete.
    heads: Vec<(Instant, String)>,
    /// Responses to calls that are about no customer, by a part of their request line.
    others: BTreeMap<&'static str, Act>,
    /// The first responses to `/authenticate`.
    authentications: VecDeque<Act>,
    doors: Option<mpsc::Sender<(Door, Duration, oneshot::Sender<()>)>>,
}

impl Raw {
    /// A server with a listen queue of this length, that treats the first calls about
    /// customers like this, and the rest correctly.
    pub(crate) fn start(
        room: u32,
        acts: impl IntoIterator<Item = (Ask, String, Vec<Act>)>,
    ) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .unwrap();
        let (doors, shut) = mpsc::channel(1);
        let state = Arc::new(Mutex::new(RawState {
            acts: acts
                .into_iter()
                .map(|(ask, id, acts)| ((ask, id), acts.into()))
                .collect(),
            doors: Some(doors),
            ..RawState::default()
        }));
        let listener = runtime.block_on(async { listen(([127, 0, 0, 1], 0).into(), room) });
        let listener = listener.unwrap();
        let address = listener.local_addr().unwrap();
        runtime.spawn(house(listener, room, shut, Arc::clone(&state)));
        Self {
            address,
            state,
            _runtime: runtime,
        }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// A customer that has existed for long.
    pub(crate) fn has(&self, client_id: &str, company_name: &str) {
        let body = [
            ("clientId", client_id),
            ("companyName", company_name),
            ("currency", "USD"),
        ]
        .map(|(name, value)| (name, Some(value.to_owned())));
        let held = customer(&body.into(), "2001-01-01T00:00:00.000Z");
        let mut state = self.state.lock().unwrap();
        state.held.insert(client_id.to_owned(), held);
    }

    /// Responds to the first calls of `/authenticate` like this.
    pub(crate) fn authenticates(&self, acts: impl IntoIterator<Item = Act>) {
        self.state.lock().unwrap().authentications.extend(acts);
    }

    /// Responds like this to a call about no customer whose request line contains `part`.
    pub(crate) fn answers(&self, part: &'static str, act: Act) {
        self.state.lock().unwrap().others.insert(part, act);
    }

    /// The heads of all requests, in the order of their arrival.
    pub(crate) fn heads(&self) -> Vec<(Instant, String)> {
        self.state.lock().unwrap().heads.clone()
    }

    /// The calls about this customer that arrived, in order.
    pub(crate) fn calls(&self, client_id: &str) -> String {
        let calls: Vec<&str> = self.timed_calls(client_id).map(|(_, call)| call).collect();
        calls.join(" ")
    }

    /// How long after the `n`-th call about this customer the next one arrived.
    pub(crate) fn gap(&self, client_id: &str, n: usize) -> Duration {
        let times: Vec<Instant> = self.timed_calls(client_id).map(|(at, _)| at).collect();
        times[n] - times[n - 1]
    }

    fn timed_calls(&self, client_id: &str) -> impl Iterator<Item = (Instant, &'static str)> {
        let calls = self.state.lock().unwrap().calls.clone();
        let wanted = client_id.to_owned();
        let about = calls.into_iter().filter(move |(_, id, _)| *id == wanted);
        about.map(|(at, _, call)| (at, call))
    }

    /// How often this customer was created.
    pub(crate) fn times_created(&self, client_id: &str) -> usize {
        let state = self.state.lock().unwrap();
        state.created.get(client_id).copied().unwrap_or_default()
    }
}

fn listen(address: SocketAddr, room: u32) -> std::io::Result<TcpListener> {
    let socket = TcpSocket::new_v4()?;
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(room)
}

type Shut = mpsc::Receiver<(Door, Duration, oneshot::Sender<()>)>;

/// Accepts all connections until the door is shut, and again after that.
async fn house(mut listener: TcpListener, room: u32, mut shut: Shut, state: Arc<Mutex<RawState>>) {
    let address = listener.local_addr().unwrap();
    loop {
        tokio::select! {
            guest = listener.accept() => {
                if let Ok((stream, _)) = guest {
                    tokio::spawn(attend(stream, Arc::clone(&state)));
                }
            }
            Some((door, time, is_shut)) = shut.recv() => match door {
                Door::Refused => {
                    drop(listener);
                    is_shut.send(()).ok();
                    sleep(time).await;
                    listener = listen(address, room).unwrap();
                }
                Door::Unheard => {
                    let crowd = crowd(address).await;
                    is_shut.send(()).ok();
                    sleep(time).await;
                    drop(crowd);
                }
                Door::Reset => {
                    is_shut.send(()).ok();
                    let thrown_out = async {
                        while let Ok((stream, _)) = listener.accept().await {
                            stream.set_zero_linger().ok();
                        }
                    };
                    timeout(time, thrown_out).await.ok();
                }
            }
        }
    }
}

/// Enough connections to fill the queue.
async fn crowd(address: SocketAddr) -> Vec<TcpStream> {
    let mut crowd = Vec::new();
    while let Ok(came) = timeout(Duration::from_millis(300), TcpStream::connect(address)).await {
        crowd.extend(came.ok());
        assert!(crowd.len() < 50, "the door can't be crowded here");
    }
    crowd
}

/// Serves the calls on one connection.
async fn attend(mut stream: TcpStream, state: Arc<Mutex<RawState>>) -> Option<()> {
    let mut came = Vec::new();
    loop {
        let call = Call::read(&mut stream, &mut came).await?;
        let (act, answer) = call.decide(&state);
        if !act.half_read {
            while came.len() < call.length {
                stream.read_buf(&mut came).await.ok().filter(|n| *n > 0)?;
            }
        }
        came.drain(..call.length.min(came.len()));
        if let Then::Shut(door, time) = act.then {
            shut(&state, door, time).await?;
        }
        let (answer, _never_sent) = answer.split_at(answer.len() - act.short);
        if act.pause.is_zero() {
            stream.write_all(answer).await.ok()?;
        } else {
            for byte in answer.chunks(1) {
                stream.write_all(byte).await.ok()?;
                sleep(act.pause).await;
            }
        }
        match act.then {
            Then::Keep => {}
            Then::Close | Then::Shut(..) => return None,
            Then::Reset => {
                stream.set_zero_linger().ok()?;
                return None;
            }
            Then::Hang => std::future::pending().await,
        }
    }
}

async fn shut(state: &Mutex<RawState>, door: Door, time: Duration) -> Option<()> {
    let doors = state.lock().unwrap().doors.clone()?;
    let (is_shut, shut) = oneshot::channel();
    doors.send((door, time, is_shut)).await.ok()?;
    shut.await.ok()
}

/// A call, as far as the server uses it.
struct Call {
    head: String,
    line: String,
    /// Head and body together.
    length: usize,
    /// The members that come first, and are in every body.
    body: BTreeMap<&'static str, Option<String>>,
    client_id: Option<String>,
}

impl Call {
    /// Reads the head, and of the body at least the members that come first.
    async fn read(stream: &mut TcpStream, came: &mut Vec<u8>) -> Option<Self> {
        loop {
            let text = String::from_utf8_lossy(came).into_owned();
            if let Some((head, body)) = text.split_once("\r\n\r\n") {
                let line = head.lines().next()?.to_owned();
                let length = header(head, "content-length").map_or(0, |n| n.parse().unwrap());
                let whole = body.len() >= length;
                let client_id = match line.split(['/', ' ']).collect::<Vec<_>>()[..] {
                    ["POST", _, _, _, "customers", call, ..] if call.starts_with("create") => {
                        member(body, "clientId")
                    }
                    ["GET", _, _, _, "customers", "HTTP", ..] => None,
                    ["GET", _, _, _, "customers", id, ..] => Some(id.to_owned()),
                    _ => None,
                };
                if whole || client_id.is_some() && body.len() > 60_000 {
                    return Some(Self {
                        head: head.to_owned(),
                        line,
                        length: head.len() + 4 + length,
                        body: [
                            ("clientId", client_id.clone()),
                            ("companyName", member(body, "companyName")),
                            ("currency", member(body, "currency")),
                        ]
                        .into(),
                        client_id,
                    });
                }
            }
            stream.read_buf(came).await.ok().filter(|n| *n > 0)?;
        }
    }

    /// Decides what is done, and the response.
    fn decide(&self, state: &Mutex<RawState>) -> (Act, Vec<u8>) {
        let mut state = state.lock().unwrap();
        state.heads.push((Instant::now(), self.head.clone()));
        if self.line.contains("/authenticate")
            && let Some(act) = state.authentications.pop_front()
        {
            let answer = filled(&act, &Value::Null);
            return (act, answer);
        }
        let Some(id) = &self.client_id else {
            let mut others = state.others.iter();
            let other = others.find(|(part, _)| self.line.contains(**part));
            // It has no plans and bundles, so that their ids are not checked.
            let act = match other {
                Some((_, act)) => act.clone(),
                None if self.line.contains("/authenticate") => says("200 OK", "{}"),
                None if self.line.starts_with("GET /api/v1/customers HTTP") => {
                    let all: Vec<&Value> = state.held.values().collect();
                    says("200 OK", &serde_json::to_string(&all).unwrap())
                }
                None => says("404 Not Found", ""),
            };
            let answer = filled(&act, &Value::Null);
            return (act, answer);
        };
        let (ask, name) = if self.line.starts_with("POST") {
            (Ask::Create, "create")
        } else {
            (Ask::LookUp, "lookup")
        };
        state.calls.push((Instant::now(), id.clone(), name));
        let there = state.held.contains_key(id);
        let told = state.acts.get_mut(&(ask, id.clone()));
        let act = told
            .and_then(VecDeque::pop_front)
            .unwrap_or_else(|| match ask {
                Ask::Create if there => says("409 Conflict", r#"{"message":"it exists"}"#),
                Ask::Create => created(),
                Ask::LookUp if there => says("200 OK", "CUSTOMER"),
                Ask::LookUp => says("404 Not Found", r#"{"message":"no such customer"}"#),
            });
        let new = customer(&self.body, &made_now());
        let shown = state.held.get(id).cloned().unwrap_or_else(|| new.clone());
        if act.done {
            state.held.insert(id.clone(), new);
            *state.created.entry(id.clone()).or_default() += 1;
        }
        let answer = filled(&act, &shown);
        (act, answer)
    }
}

/// The response of an act, about this customer.
fn filled(act: &Act, customer: &Value) -> Vec<u8> {
    let text = |name: &str| customer[name].as_str().unwrap_or_default();
    let says = act.says.replace("CUSTOMER", &customer.to_string());
    let says = says.replace("COMPANY", text("companyName"));
    let says = says.replace("CLIENT", text("clientId"));
    let now = SystemTime::now();
    let says = says.replace(DATE, &httpdate::fmt_http_date(now));
    let says = says.replace(SOON, &httpdate::fmt_http_date(now + Duration::from_secs(1)));
    let Some((head, body)) = says.split_once("\r\n\r\n") else {
        return says.into_bytes();
    };
    if !act.chunked {
        let head = head.replace("LENGTH", &body.len().to_string());
        return format!("{head}\r\n\r\n{body}").into_bytes();
    }
    let head = head.replace("Content-Length: LENGTH", "Transfer-Encoding: chunked");
    let mut answer = format!("{head}\r\n\r\n").into_bytes();
    for chunk in body.as_bytes().chunks(11) {
        answer.extend(format!("{:x};x=\"y\"\r\n", chunk.len()).bytes());
        answer.extend(chunk.iter().chain(b"\r\n"));
    }
    answer.extend(b"0\r\nX-Trailer: z\r\n\r\n");
    answer
}

/// When a customer is made that is created now (RFC 3339).
fn made_now() -> String {
    let made = jiff::Timestamp::try_from(SystemTime::now() + LATER).unwrap();
    format!("{made:.3}")
}

/// A customer (API reference, "Customer: the response").
fn customer(body: &BTreeMap<&str, Option<String>>, created: &str) -> Value {
    json!({
        "kableClientId": "kci_raw", "customerId": "cus_raw", "clientId": body["clientId"],
        "companyName": body["companyName"], "currency": body["currency"], "status": "ACTIVE",
        "plans": [], "bundles": [], "entitlements": [], "created": created, "modified": created,
    })
}

fn header<'h>(head: &'h str, name: &str) -> Option<&'h str> {
    let pairs = head.lines().filter_map(|line| line.split_once(": "));
    let mut found = pairs.filter(|(other, _)| other.eq_ignore_ascii_case(name));
    found.next().map(|(_, value)| value)
}

fn member(json: &str, name: &str) -> Option<String> {
    let (_, rest) = json.split_once(&format!("\"{name}\":\""))?;
    rest.split_once('"').map(|(value, _)| value.to_owned())
}
