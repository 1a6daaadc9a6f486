//! A server that keeps objects, as S3, Google Cloud Storage, Azure and web servers answer
//! for one: with ranges, `ETag`s and conditions. It misbehaves as a test requires.

use std::collections::{BTreeMap, VecDeque};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// What happens to the next request.
#[derive(Debug, Clone)]
pub(crate) enum Mishap {
    /// The connection is cut after so many bytes of the body.
    Cut(usize),
    /// The object is changed to this before it is looked at.
    Change(Vec<u8>),
    /// It is refused with this status and body.
    Refuse(u16, &'static str),
    /// The answer has this head besides.
    Head(&'static str),
    /// It is answered with 302 and this `Location`.
    Redirect(&'static str),
    /// After so many bytes nothing more is sent.
    Hang(usize),
    /// It is answered well.
    Fine,
}

/// A request that arrived.
#[derive(Debug, Clone)]
pub(crate) struct ObjectRequest {
    /// Method and target.
    pub(crate) line: String,
    headers: Vec<String>,
}

impl ObjectRequest {
    /// The value of a header.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find_map(|header| {
            let (found, value) = header.split_once(": ")?;
            found.eq_ignore_ascii_case(name).then_some(value)
        })
    }
}

#[derive(Debug, Default)]
struct Contents {
    /// By the path in the address.
    objects: BTreeMap<String, Vec<u8>>,
    /// The parts of an upload.
    parts: BTreeMap<usize, Vec<u8>>,
    mishaps: VecDeque<Mishap>,
    requests: Vec<ObjectRequest>,
    has_no_etags: bool,
    has_no_ranges: bool,
}

/// The server. Its threads end with the test's process.
pub(crate) struct ObjectServer {
    address: SocketAddr,
    contents: Arc<Mutex<Contents>>,
}

impl ObjectServer {
    pub(crate) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let (address, contents) = (listener.local_addr().unwrap(), Arc::default());
        let shared = Arc::clone(&contents);
        std::thread::spawn(move || {
            for connection in listener.incoming().flatten() {
                let shared = Arc::clone(&shared);
                std::thread::spawn(move || answer(connection, &shared));
            }
        });
        Self { address, contents }
    }

    /// Its address, without a slash behind it.
    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// With an object at `path`.
    pub(crate) fn object(self, path: &str, content: impl AsRef<[u8]>) -> Self {
        self.put(path, content);
        self
    }

    /// From now on without `ETag`s.
    pub(crate) fn without_etags(self) -> Self {
        self.contents().has_no_etags = true;
        self
    }

    /// From now on without ranges: each answer is the whole.
    pub(crate) fn without_ranges(self) -> Self {
        self.contents().has_no_ranges = true;
        self
    }

    /// Puts an object at `path`.
    pub(crate) fn put(&self, path: &str, content: impl AsRef<[u8]>) {
        let content = content.as_ref().to_vec();
        self.contents().objects.insert(path.to_owned(), content);
    }

    /// What happens to the next requests, in this order.
    pub(crate) fn mishaps(&self, mishaps: impl IntoIterator<Item = Mishap>) {
        self.contents().mishaps = mishaps.into_iter().collect();
    }

    /// The requests since this was last asked.
    pub(crate) fn requests(&self) -> Vec<ObjectRequest> {
        std::mem::take(&mut self.contents().requests)
    }

    /// The objects below `prefix`, by the rest of their paths.
    pub(crate) fn objects(&self, prefix: &str) -> BTreeMap<String, Vec<u8>> {
        let contents = self.contents();
        let below = contents.objects.iter().filter_map(|(path, content)| {
            Some((path.strip_prefix(prefix)?.to_owned(), content.clone()))
        });
        below.collect()
    }

    fn contents(&self) -> std::sync::MutexGuard<'_, Contents> {
        self.contents.lock().unwrap()
    }
}

/// The `ETag` of an object.
pub(crate) fn etag(content: &[u8]) -> String {
    let sum = content.iter().fold(17_u64, |sum, byte| {
        sum.wrapping_mul(31).wrapping_add(u64::from(*byte))
    });
    format!("\"{sum:016x}\"")
}

/// What is answered.
struct Reply {
    status: &'static str,
    head: String,
    body: Vec<u8>,
}

impl Reply {
    fn new(status: &'static str, body: impl Into<Vec<u8>>) -> Self {
        Self {
            status,
            head: String::new(),
            body: body.into(),
        }
    }
}

fn answer(connection: TcpStream, shared: &Mutex<Contents>) {
    let mut reader = BufReader::new(connection);
    let mut lines = Vec::new();
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).unwrap_or(0) == 0 || line == "\r\n" {
            break;
        }
        lines.push(line.trim_end().to_owned());
    }
    let Some((line, headers)) = lines.split_first() else {
        return;
    };
    let request = ObjectRequest {
        line: line.trim_end_matches(" HTTP/1.1").to_owned(),
        headers: headers.to_vec(),
    };
    let length = request.header("content-length").map(str::parse::<u64>);
    let mut body = Vec::new();
    let length = length.and_then(Result::ok).unwrap_or(0);
    reader.by_ref().take(length).read_to_end(&mut body).ok();
    let (mishap, mut reply) = {
        let mut contents = shared.lock().unwrap();
        contents.requests.push(request.clone());
        let mishap = contents.mishaps.pop_front().unwrap_or(Mishap::Fine);
        (mishap.clone(), contents.reply(&request, body, &mishap))
    };
    if let Mishap::Head(head) = &mishap {
        reply.head.push_str(head);
    }
    let mut out = reader.into_inner();
    let head = format!(
        "HTTP/1.1 {}\r\nContent-Length: {}\r\nConnection: close\r\n{}\r\n",
        reply.status,
        reply.body.len(),
        reply.head
    );
    out.write_all(head.as_bytes()).ok();
    let sent = match mishap {
        Mishap::Cut(bytes) | Mishap::Hang(bytes) => bytes.min(reply.body.len()),
        Mishap::Change(_)
        | Mishap::Refuse(..)
        | Mishap::Head(_)
        | Mishap::Redirect(_)
        | Mishap::Fine => reply.body.len(),
    };
    if !request.line.starts_with("HEAD ") {
        out.write_all(&reply.body[..sent]).ok();
    }
    if let Mishap::Hang(_) = mishap {
        std::thread::sleep(Duration::from_mins(1));
    }
}

impl Contents {
    fn reply(&mut self, request: &ObjectRequest, body: Vec<u8>, mishap: &Mishap) -> Reply {
        let (method, target) = request.line.split_once(' ').unwrap();
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let path = percent_encoding::percent_decode_str(path).decode_utf8_lossy();
        match mishap {
            Mishap::Refuse(status, body) => {
                let status = format!("{status} Refused");
                return Reply::new(Box::leak(status.into_boxed_str()), *body);
            }
            Mishap::Redirect(place) => {
                let mut reply = Reply::new("302 Found", "");
                reply.head = format!("Location: {place}\r\n");
                return reply;
            }
            Mishap::Change(content) => {
                self.objects.insert(path.to_string(), content.clone());
            }
            Mishap::Cut(_) | Mishap::Head(_) | Mishap::Hang(_) | Mishap::Fine => {}
        }
        match method {
            "GET" if query.contains("list-type=2") => self.list(&path, query),
            "GET" | "HEAD" => self.get(&path, request),
            "DELETE" => {
                self.objects.remove(&*path);
                Reply::new("204 No Content", "")
            }
            "POST" if query.starts_with("uploads") => {
                let xml = "<InitiateMultipartUploadResult><Bucket>b</Bucket><Key>k</Key><UploadId>u</UploadId></InitiateMultipartUploadResult>";
                Reply::new("200 OK", xml)
            }
            "POST" => {
                let whole: Vec<u8> = std::mem::take(&mut self.parts)
                    .into_values()
                    .flatten()
                    .collect();
                let etag = etag(&whole);
                self.objects.insert(path.to_string(), whole);
                let xml = format!(
                    "<CompleteMultipartUploadResult><ETag>{etag}</ETag></CompleteMultipartUploadResult>"
                );
                Reply::new("200 OK", xml)
            }
            _ => {
                let etag = etag(&body);
                let part = query
                    .split('&')
                    .find_map(|word| word.strip_prefix("partNumber="));
                match part.map(|number| number.parse().unwrap()) {
                    Some(number) => drop(self.parts.insert(number, body)),
                    None => drop(self.objects.insert(path.to_string(), body)),
                }
                let mut reply = Reply::new("200 OK", "");
                reply.head = format!("ETag: {etag}\r\n");
                reply
            }
        }
    }

    fn get(&self, path: &str, request: &ObjectRequest) -> Reply {
        let Some(content) = self.objects.get(path) else {
            return Reply::new("404 Not Found", "<Error><Code>NoSuchKey</Code></Error>");
        };
        let etag = etag(content);
        if request
            .header("if-match")
            .is_some_and(|wanted| wanted != etag)
        {
            return Reply::new("412 Precondition Failed", "");
        }
        let range = request.header("range").filter(|_| !self.has_no_ranges);
        let range = range.and_then(|range| {
            let (first, last) = range.strip_prefix("bytes=")?.split_once('-')?;
            let last = last.parse().unwrap_or(content.len() - 1);
            Some((first.parse::<usize>().ok()?, last.min(content.len() - 1)))
        });
        let mut reply = match range {
            None => Reply::new("200 OK", content.as_slice()),
            Some((first, last)) => {
                let mut reply = Reply::new("206 Partial Content", &content[first..=last]);
                let all = content.len();
                reply.head = format!("Content-Range: bytes {first}-{last}/{all}\r\n");
                reply
            }
        };
        reply
            .head
            .push_str("Last-Modified: Sun, 22 Nov 2026 10:00:00 GMT\r\n");
        if !self.has_no_etags {
            for part in ["ETag: ", &etag, "\r\n"] {
                reply.head.push_str(part);
            }
        }
        reply
    }

    /// `ListObjectsV2` of S3.
    fn list(&self, bucket: &str, query: &str) -> Reply {
        let prefix = query
            .split('&')
            .find_map(|word| word.strip_prefix("prefix="));
        let prefix = percent_encoding::percent_decode_str(prefix.unwrap_or("")).decode_utf8_lossy();
        let found = self.objects.iter().filter_map(|(path, content)| {
            let key = path.strip_prefix(bucket)?.trim_start_matches('/');
            key.starts_with(&*prefix).then(|| {
                format!(
                    "<Contents><Key>{key}</Key><Size>{}</Size><ETag>{}</ETag>\
                     <LastModified>2026-11-22T10:00:00Z</LastModified></Contents>",
                    content.len(),
                    etag(content)
                )
            })
        });
        let found: String = found.collect();
        let xml =
            format!("<ListBucketResult>{found}<IsTruncated>false</IsTruncated></ListBucketResult>");
        Reply::new("200 OK", xml)
    }
}
