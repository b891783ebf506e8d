//! One connection as the client sees it, with a memory of whether it has answered before.

use std::{
    io,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::{Context, Poll},
};

use hyper::rt::{Read, ReadBufCursor, Write};
use hyper_util::client::legacy::connect::{Connected, Connection};

/// What is remembered of a connection. It travels with the connection's metadata and with every reply.
#[derive(Clone, Debug, Default)]
pub(super) struct History(Arc<AtomicBool>);

impl History {
    /// Notes that the connection has carried a reply.
    pub(super) fn mark_answered(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    /// Whether the connection has carried a reply before: only then may a reset mean that it was merely stale.
    pub(super) fn has_answered(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// A connection with its [`History`].
#[derive(Debug)]
pub(super) struct Remembered<T> {
    io: T,
    history: History,
    is_proxied: bool,
}

impl<T> Remembered<T> {
    pub(super) fn new(io: T, is_proxied: bool) -> Self {
        Self { io, history: History::default(), is_proxied }
    }

    #[cfg(test)]
    pub(super) fn io(&self) -> &T {
        &self.io
    }
}

impl<T: Connection> Connection for Remembered<T> {
    fn connected(&self) -> Connected {
        self.io.connected().proxy(self.is_proxied).extra(self.history.clone())
    }
}

impl<T: Read + Unpin> Read for Remembered<T> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_read(context, buffer)
    }
}

impl<T: Write + Unpin> Write for Remembered<T> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(context)
    }

    fn is_write_vectored(&self) -> bool {
        self.io.is_write_vectored()
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        parts: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write_vectored(context, parts)
    }
}
