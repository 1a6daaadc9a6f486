//! Serves metrics over HTTP while a run goes on.
//!
//! It has a thread and a runtime of its own, few connections at once and little time for
//! each: whatever scrapers do, the run does not notice them. It ends with the process.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::Router;
use axum::http::header::{CACHE_CONTROL, CONNECTION, CONTENT_TYPE};
use axum::routing::get;
use axum::serve::Listener;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Sleep;

/// How many connections may be open at once; others wait. The descriptors are few enough to
/// be among those that are left for such things.
const CONNECTIONS: usize = 16;

/// How long a connection may take, from its acceptance to its end. A scraper sends its
/// request at once, and what it gets fits into the buffers of the system.
const TIME: Duration = Duration::from_secs(1);

/// The most bytes that are read of a connection: the headers of a scraper are far fewer.
const MOST_READ: usize = 16 << 10;

/// Content type of the text format (Prometheus, exposition formats).
const TEXT_FORMAT: &str = "text/plain; version=0.0.4";

/// Serves what `text` returns at the first of `addresses` that is free, on a thread of its
/// own. Returns the address.
pub fn serve(
    addresses: &[SocketAddr],
    text: impl Fn() -> String + Clone + Send + Sync + 'static,
) -> io::Result<SocketAddr> {
    let listener = std::net::TcpListener::bind(addresses)?;
    listener.set_nonblocking(true)?;
    let address = listener.local_addr()?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let serving = async move {
        let listener = ScrapeListener {
            listener: TcpListener::from_std(listener)?,
            room: Arc::new(Semaphore::new(CONNECTIONS)),
        };
        axum::serve(listener, router(text)).await
    };
    // Nothing waits for the thread, so that the process can end at any time.
    std::thread::Builder::new()
        .name("metrics".to_owned())
        .spawn(move || runtime.block_on(serving))?;
    Ok(address)
}

fn router(text: impl Fn() -> String + Clone + Send + Sync + 'static) -> Router {
    let fixed = |content_type| {
        [
            (CONTENT_TYPE, content_type),
            (CACHE_CONTROL, "no-store"),
            // A connection that is kept would be one fewer for others.
            (CONNECTION, "close"),
        ]
    };
    let metrics = move || async move { (fixed(TEXT_FORMAT), text()) };
    let health = move || async move { (fixed("text/plain"), "ok\n") };
    Router::new()
        .route("/metrics", get(metrics))
        .route("/healthz", get(health))
}

/// Accepts so many connections as there is room for.
struct ScrapeListener {
    listener: TcpListener,
    room: Arc<Semaphore>,
}

impl Listener for ScrapeListener {
    type Io = ScrapeStream;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (ScrapeStream, SocketAddr) {
        loop {
            // The semaphore is never closed.
            let permit = Arc::clone(&self.room).acquire_owned().await.ok();
            if let Ok((stream, peer)) = self.listener.accept().await {
                let stream = ScrapeStream {
                    stream,
                    unread: MOST_READ,
                    deadline: Box::pin(tokio::time::sleep(TIME)),
                    _permit: permit,
                };
                return (stream, peer);
            }
            // Usually too many open files, which passes when others are closed.
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }
}

/// A connection that ends after [`TIME`], or when more than [`MOST_READ`] comes.
struct ScrapeStream {
    stream: TcpStream,
    unread: usize,
    deadline: Pin<Box<Sleep>>,
    _permit: Option<OwnedSemaphorePermit>,
}

impl ScrapeStream {
    /// What came of an attempt; an error if it has to wait and the time is over.
    fn in_time<T>(
        &mut self,
        attempt: Poll<io::Result<T>>,
        context: &mut Context<'_>,
    ) -> Poll<io::Result<T>> {
        if attempt.is_pending() {
            ready!(self.deadline.as_mut().poll(context));
            return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
        }
        attempt
    }
}

impl AsyncRead for ScrapeStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let attempt = Pin::new(&mut self.stream).poll_read(context, buffer);
        let read = buffer.filled().len() - before;
        let Some(unread) = self.unread.checked_sub(read) else {
            return Poll::Ready(Err(io::ErrorKind::InvalidData.into()));
        };
        self.unread = unread;
        self.in_time(attempt, context)
    }
}

impl AsyncWrite for ScrapeStream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let attempt = Pin::new(&mut self.stream).poll_write(context, bytes);
        self.in_time(attempt, context)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let attempt = Pin::new(&mut self.stream).poll_flush(context);
        self.in_time(attempt, context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let attempt = Pin::new(&mut self.stream).poll_shutdown(context);
        self.in_time(attempt, context)
    }
}

#[cfg(test)]
mod tests {
    use std::io::{ErrorKind, Read, Write};
    use std::net::{SocketAddr, TcpStream};
    use std::time::Duration;

    use super::{CONNECTIONS, serve};

    fn served() -> SocketAddr {
        let free = "127.0.0.1:0".parse().unwrap();
        serve(&[free], || "kable_bulk_rows 1\n".to_owned()).unwrap()
    }

    fn connected(address: SocketAddr) -> TcpStream {
        let stream = TcpStream::connect(address).unwrap();
        let patience = Some(Duration::from_mins(1));
        stream.set_read_timeout(patience).unwrap();
        stream
    }

    /// What comes after `sent`, until the connection is closed or reset.
    fn answer(mut stream: TcpStream, sent: &[u8]) -> String {
        stream.write_all(sent).ok();
        let (mut answer, mut buffer) = (Vec::new(), [0; 4096]);
        while let Ok(many @ 1..) = stream.read(&mut buffer) {
            answer.extend_from_slice(&buffer[..many]);
        }
        String::from_utf8(answer).unwrap()
    }

    fn asked(address: SocketAddr, line: &str) -> String {
        let request = format!("{line} HTTP/1.1\r\nHost: here\r\n\r\n");
        answer(connected(address), request.as_bytes())
    }

    #[test]
    fn metrics_and_health_are_served_and_nothing_else() {
        let address = served();
        let metrics = asked(address, "GET /metrics");
        assert!(metrics.starts_with("HTTP/1.1 200 OK\r\n"), "{metrics}");
        assert!(metrics.contains("content-type: text/plain; version=0.0.4\r\n"));
        assert!(metrics.contains("connection: close\r\n"), "{metrics}");
        assert!(
            metrics.ends_with("\r\n\r\nkable_bulk_rows 1\n"),
            "{metrics}"
        );
        assert!(asked(address, "GET /healthz").ends_with("\r\n\r\nok\n"));
        assert!(asked(address, "HEAD /metrics").ends_with("\r\n\r\n"));
        assert!(asked(address, "GET /").starts_with("HTTP/1.1 404 "));
        assert!(asked(address, "POST /metrics").starts_with("HTTP/1.1 405 "));
    }

    #[test]
    fn garbage_ends_its_own_connection_only() {
        let address = served();
        let zeros = vec![0; 64 << 10];
        for garbage in [&b"\x16\x03\x01\x02\x00"[..], b"GET\r\n\r\n", &zeros] {
            let answer = answer(connected(address), garbage);
            assert!(!answer.contains("kable_bulk"), "{answer}");
        }
        let endless = format!("GET /metrics HTTP/1.1\r\nx: {}", "y".repeat(64 << 10));
        assert!(!answer(connected(address), endless.as_bytes()).contains("200 OK"));
        assert!(asked(address, "GET /metrics").contains("kable_bulk_rows 1"));
    }

    #[test]
    fn scrapers_that_say_nothing_make_room_for_others() {
        let address = served();
        let silent: Vec<TcpStream> = (0..2 * CONNECTIONS).map(|_| connected(address)).collect();
        assert!(asked(address, "GET /metrics").contains("kable_bulk_rows 1"));
        drop(silent);
    }

    #[test]
    fn an_address_in_use_is_an_error() {
        let error = serve(&[served()], String::new).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::AddrInUse);
    }
}
