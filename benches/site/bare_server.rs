//! A server that keeps nothing: it answers every create with its body and a number, on one
//! thread for each connection. No load generator is faster than it, so that it is not what a
//! benchmark measures.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Serves until the process is killed, and prints its address first.
pub(crate) fn serve() -> ! {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    println!("--base-url http://{}", listener.local_addr().expect("it"));
    let number = Arc::new(AtomicU64::new(1));
    loop {
        let (stream, _) = listener.accept().expect("a connection");
        let number = Arc::clone(&number);
        std::thread::spawn(move || converse(stream, &number));
    }
}

/// Answers the requests of a connection until it is closed.
fn converse(mut stream: TcpStream, number: &AtomicU64) -> Option<()> {
    stream.set_nodelay(true).ok()?;
    let (mut unread, mut chunk, mut answer) = (Vec::new(), [0; 16 << 10], Vec::new());
    loop {
        while let Some((head, whole)) = request(&unread) {
            let (line, body) = (&unread[..head], &unread[head..whole]);
            answer.clear();
            if line.starts_with(b"POST /api/v1/customers/create") {
                let number = number.fetch_add(1, Ordering::Relaxed);
                let id = format!("{{\"customerId\":\"cus_{number:024x}\",");
                let length = id.len() + body.len() - 1;
                write!(
                    answer,
                    "HTTP/1.1 201 Created\r\n{TYPE}: {length}\r\n\r\n{id}"
                )
                .ok()?;
                answer.extend_from_slice(&body[1..]);
            } else {
                // The account, its plans, its bundles.
                write!(answer, "HTTP/1.1 200 OK\r\n{TYPE}: 2\r\n\r\n[]").ok()?;
            }
            stream.write_all(&answer).ok()?;
            unread.drain(..whole);
        }
        match stream.read(&mut chunk).ok()? {
            0 => return None,
            read => unread.extend_from_slice(&chunk[..read]),
        }
    }
}

const TYPE: &str = "content-type: application/json\r\ncontent-length";

/// Where the head and the whole of the first request end, if it is there.
fn request(unread: &[u8]) -> Option<(usize, usize)> {
    let head = unread.windows(4).position(|four| four == b"\r\n\r\n")? + 4;
    let text = std::str::from_utf8(&unread[..head]).ok()?;
    let length = text.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        let is_length = name.eq_ignore_ascii_case("content-length");
        is_length.then(|| value.trim().parse::<usize>().ok())?
    });
    let whole = head + length.unwrap_or_default();
    (unread.len() >= whole).then_some((head, whole))
}
