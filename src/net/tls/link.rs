//! A stream under TLS as a link. Owns: nothing beyond the stream. Never: a handshake; that is done.

use super::stream::{Parted, TlsStream};
use crate::net::stream::poll_arrival;
use actors::session::link::{Arrival, Link};
use protocol::Carrier;
use std::io::{self, IoSlice};
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::io::AsyncWrite;

/// One connection.
pub(crate) struct TlsLink {
    stream: TlsStream,
    peer: SocketAddr,
}

impl TlsLink {
    /// Takes a connection over after its handshake, inside the runtime where it will live. A peer without a sign of life for
    /// `keepalive` is dead.
    ///
    /// # Errors
    /// The peer has gone already, or the system refuses an option.
    pub(crate) fn open(parted: Parted, keepalive: Duration) -> io::Result<Self> {
        let (stream, peer) = parted.adopt(keepalive)?;
        Ok(Self { stream, peer })
    }
}

impl Link for TlsLink {
    fn carrier(&self) -> Carrier {
        Carrier::Stream
    }

    fn peer(&self) -> Option<SocketAddr> {
        Some(self.peer)
    }

    fn poll_read(&mut self, cx: &mut Context<'_>, scratch: &mut [u8]) -> Poll<io::Result<Arrival>> {
        poll_arrival(&mut self.stream, cx, scratch)
    }

    fn poll_write(&mut self, cx: &mut Context<'_>, pieces: &[IoSlice<'_>]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(cx, pieces)
    }

    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn is_midway(&self) -> bool {
        self.stream.is_midway()
    }

    fn poll_close(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }

    fn unacknowledged(&self) -> Option<usize> {
        self.stream.unacknowledged()
    }
}
