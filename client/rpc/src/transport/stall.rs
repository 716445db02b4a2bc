//! A socket that knows since when its peer takes nothing of what it is sent.

use hyper::rt::{Read, ReadBufCursor, Write};
use hyper_util::rt::TokioIo;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};
use tokio::net::TcpStream;

/// Shared between a socket and who watches over it.
#[derive(Clone, Debug)]
pub struct Stall {
    start: Instant,
    /// Milliseconds since `start`, plus one; 0 while the peer takes what comes.
    since_ms: Arc<AtomicU64>,
}

impl Stall {
    pub fn new() -> Self {
        Self {
            start: Instant::now(),
            since_ms: Arc::default(),
        }
    }

    /// For how long nothing could be written that should have been.
    pub fn duration(&self) -> Duration {
        match self.since_ms.load(Ordering::Relaxed) {
            0 => Duration::ZERO,
            since => self.start.elapsed().saturating_sub(Duration::from_millis(since - 1)),
        }
    }

    fn note<T>(&self, wrote: Poll<T>) -> Poll<T> {
        if wrote.is_ready() {
            self.since_ms.store(0, Ordering::Relaxed);
        } else if self.since_ms.load(Ordering::Relaxed) == 0 {
            let now = u64::try_from(self.start.elapsed().as_millis()).unwrap_or(u64::MAX - 1);
            self.since_ms.store(now + 1, Ordering::Relaxed);
        }
        wrote
    }
}

/// The socket under an HTTP connection.
#[derive(Debug)]
pub struct Socket {
    pub inner: TokioIo<TcpStream>,
    pub stall: Stall,
}

impl Read for Socket {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: ReadBufCursor<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_read(cx, buf)
    }
}

impl Write for Socket {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let wrote = Pin::new(&mut self.inner).poll_write(cx, buf);
        self.stall.note(wrote)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let wrote = Pin::new(&mut self.inner).poll_write_vectored(cx, bufs);
        self.stall.note(wrote)
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(cx)
    }
}
