//! What carries a session's bytes. Owns: the trait [`Link`], which sockets, TLS streams, WebSockets and pairs in
//! memory implement. Never: knows what the bytes mean.

use bytes::Bytes;
use protocol::{Carrier, ClosingReason, Frame};
use std::collections::VecDeque;
use std::io::{self, IoSlice};
use std::net::SocketAddr;
use std::task::{Context, Poll};

/// What one read found.
#[derive(Debug, PartialEq, Eq)]
pub enum Arrival {
    /// So many bytes, in the caller's buffer. Never 0.
    Bytes(usize),
    /// One whole message, on a link that has messages: a text, where the link tells texts from others.
    Message(Bytes),
    /// The same, and no text. Only on a link to a dialect that takes such ([`protocol::Dialect::takes_binary`]).
    Binary(Bytes),
    /// The peer says that it has all that was written up to this place of the stream ([`Link::probe`]).
    Receipt(u64),
    /// The peer closed in order: nothing more comes, and all that came before it has been read.
    End,
}

/// Why a session closes its link.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Closing {
    /// All is said: the client closed, or logged out for good.
    Done,
    /// What came last was no request.
    Mistaken,
    /// Any other reason of the server's.
    Because(ClosingReason),
}

/// One connection's carrier. All methods are non-blocking, and wake `cx` where they return `Pending`.
pub trait Link: Send + Unpin {
    /// Whether it has messages of its own.
    fn carrier(&self) -> Carrier;

    /// Where the peer is; `None` in memory.
    fn peer(&self) -> Option<SocketAddr>;

    /// Reads once, into `scratch` where the link is a stream.
    ///
    /// # Errors
    /// Any error means that the connection is gone, with what was not acknowledged.
    fn poll_read(&mut self, cx: &mut Context<'_>, scratch: &mut [u8]) -> Poll<io::Result<Arrival>>;

    /// Appends to `out` the pieces of bytes that this link writes for `frame`.
    fn pack(&self, frame: &Frame, out: &mut VecDeque<Bytes>) {
        out.push_back(frame.wire().clone());
    }

    /// The same for a frame that is given away. A link that writes frames as they are takes its bytes without counting
    /// one more reader.
    fn pack_whole(&self, frame: Frame, out: &mut VecDeque<Bytes>) {
        self.pack(&frame, out);
    }

    /// Writes the front of `pieces`; returns how many bytes went.
    ///
    /// # Errors
    /// Any error means that the connection is gone.
    fn poll_write(&mut self, cx: &mut Context<'_>, pieces: &[IoSlice<'_>]) -> Poll<io::Result<usize>>;

    /// Writes on what was taken by [`Link::poll_write`] and is not with the system yet. Nothing on links that hold nothing back.
    ///
    /// # Errors
    /// Any error means that the connection is gone.
    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let _ = cx;
        Poll::Ready(Ok(()))
    }

    /// Whether the peer can be made to say what it has. Where it can, only that counts as a receipt.
    fn can_probe(&self) -> bool {
        false
    }

    /// Bytes that make the peer say that it has all before them: written behind everything up to `place`, they are
    /// answered with [`Arrival::Receipt`] of that place. `None` where the link cannot.
    fn probe(&self, place: u64) -> Option<Bytes> {
        let _ = place;
        None
    }

    /// Whether part of a message has come and its rest is awaited.
    fn is_midway(&self) -> bool {
        false
    }

    /// Says why [`Link::poll_close`] will be called, to links that have a word for it.
    fn closing(&mut self, why: Closing) {
        let _ = why;
    }

    /// Writes what the link itself still holds, then closes its sending half in order.
    ///
    /// # Errors
    /// Any error means that the connection is gone.
    fn poll_close(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>>;

    /// How many of the bytes written the peer may not have, as far as its system has acknowledged them (`SIOCOUTQ`): never
    /// fewer than are missing, and 0 where none are; `None` where nobody can tell.
    fn unacknowledged(&self) -> Option<usize>;
}
