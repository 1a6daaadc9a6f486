//! Connections that can be reset on purpose.
//!
//! An HTTP server has no way to drop a connection without a response. Here the
//! stream below it has: after [`ResetHandle::reset`] it refuses to write another
//! byte, and closing it sends a TCP reset.

use std::io::{Error, ErrorKind, IoSlice, Result};
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use axum::extract::connect_info::Connected;
use axum::serve::{IncomingStream, Listener};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};

/// A listener whose connections are [`BreakableStream`]s.
#[derive(Debug)]
pub(in crate::sandbox) struct BreakableListener(pub(in crate::sandbox) TcpListener);

/// Resets the connection that a request came over.
#[derive(Debug, Clone, Default)]
pub(in crate::sandbox) struct ResetHandle(Arc<AtomicBool>);

/// One connection.
#[derive(Debug)]
pub(in crate::sandbox) struct BreakableStream {
    stream: TcpStream,
    handle: ResetHandle,
}

impl ResetHandle {
    /// Stops all writes: the next thing that the peer sees is a reset.
    pub(in crate::sandbox) fn reset(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    fn is_reset(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }

    fn check(&self) -> Result<()> {
        if self.is_reset() {
            Err(Error::from(ErrorKind::ConnectionReset))
        } else {
            Ok(())
        }
    }
}

impl Listener for BreakableListener {
    type Io = BreakableStream;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (BreakableStream, SocketAddr) {
        loop {
            if let Ok((stream, peer)) = self.0.accept().await {
                // Small responses must not wait for the peer's acknowledgement. A
                // connection that refuses the option still works.
                drop(stream.set_nodelay(true));
                let handle = ResetHandle::default();
                return (BreakableStream { stream, handle }, peer);
            }
            // Usually too many open files, which passes when others are closed.
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    fn local_addr(&self) -> Result<SocketAddr> {
        self.0.local_addr()
    }
}

impl Connected<IncomingStream<'_, BreakableListener>> for ResetHandle {
    fn connect_info(stream: IncomingStream<'_, BreakableListener>) -> Self {
        stream.io().handle.clone()
    }
}

impl Drop for BreakableStream {
    fn drop(&mut self) {
        if self.handle.is_reset() {
            // If the option is refused, the peer sees an end instead of a reset.
            drop(self.stream.set_zero_linger());
        }
    }
}

impl AsyncRead for BreakableStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buffer)
    }
}

impl AsyncWrite for BreakableStream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<Result<usize>> {
        self.handle.check()?;
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        pieces: &[IoSlice<'_>],
    ) -> Poll<Result<usize>> {
        self.handle.check()?;
        Pin::new(&mut self.stream).poll_write_vectored(cx, pieces)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Result<()>> {
        self.handle.check()?;
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
