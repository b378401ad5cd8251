//! A WebSocket as a link (RFC 6455, server side, without extensions), over a connection whose handshake is done.
//! Owns: the stream, what is half-read (`reader`), and control frames under way (`writer`). Never: copies a frame that
//! goes out (its header is a piece of its own, its body the bytes that all readers share), or knows a text's meaning.
//!
//! How it ends. *The peer closes*: [`Arrival::End`]; the session answers what was asked, and `poll_close` echoes the
//! code and shuts the sending half down. *The peer breaks the protocol*: [`Arrival::End`] as well, nothing more is
//! read as data, and `poll_close` sends the code of the breach, shuts down, and drops what still comes for a moment,
//! so that a reset does not destroy the close frame on its way. *The server closes*: `closing` says why, `poll_close`
//! is ready once the close frame is written, and the session lingers: the peer's own close frame is its
//! [`Arrival::End`], and dropping the link then closes the connection.
//!
//! | code | when |
//! | --- | --- |
//! | 1000 | all is said |
//! | 1001 | the server stops |
//! | 1002 | no WebSocket frame, or what the dialect cannot go on after |
//! | 1003 | a binary message, where the dialect takes only texts |
//! | 1007 | a text that is not UTF-8 |
//! | 1008 | the peer reads too slowly, or something that it owes did not come in time |
//! | 1009 | a message above the bound |
//! | 1011 | a fault of the server |
//! | 1013 | too many connections |

#[cfg(test)]
mod frames;
mod reader;
#[cfg(test)]
mod tests;
mod writer;

use crate::net::tls::TlsStream;
use crate::net::{outq, socket};
use actors::session::link::{Arrival, Closing, Link};
use bytes::{Buf, Bytes};
use protocol::{Carrier, ClosingReason, Frame};
use reader::{Breach, Found, Reader};
use std::collections::VecDeque;
use std::io::{self, IoSlice};
use std::net::SocketAddr;
use std::os::fd::AsFd;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::Sleep;
use writer::Writer;

/// Reads in one call that bring nothing for the session, such as a flood of pings, until others have their turn.
const READS: usize = 4;
/// How long, and how many bytes of, what still comes after a breach is dropped.
const LINGER: Duration = Duration::from_millis(500);
const LINGER_BYTES: usize = 1024 * 1024;

/// What a WebSocket may ride on.
pub trait Wire: AsyncRead + AsyncWrite + Unpin + Send {
    /// As [`Link::unacknowledged`].
    fn unacknowledged(&self) -> Option<usize>;

    /// Whether part of what carries the bytes has come, and its rest is awaited.
    fn is_midway(&self) -> bool {
        false
    }
}

impl Wire for TcpStream {
    fn unacknowledged(&self) -> Option<usize> {
        outq::unacknowledged(self.as_fd())
    }
}

impl Wire for TlsStream {
    fn unacknowledged(&self) -> Option<usize> {
        Self::unacknowledged(self)
    }

    fn is_midway(&self) -> bool {
        Self::is_midway(self)
    }
}

/// One WebSocket.
pub struct WebSocketLink<S = TcpStream> {
    stream: S,
    peer: SocketAddr,
    reader: Reader,
    /// Read from the stream, and not looked at yet: what came together with something that was returned.
    rest: Bytes,
    writer: Writer,
    heard: Heard,
    /// Why this side closes.
    why: Option<(u16, &'static str)>,
    lingering: Option<Box<Lingering>>,
}

/// What the peer has said about its end.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Heard {
    Nothing,
    /// A close frame, with its code, or nothing more at all.
    Close(Option<u16>),
    Breach,
}

struct Lingering {
    until: Pin<Box<Sleep>>,
    dropped: usize,
}

impl WebSocketLink {
    /// Takes a connection over after its handshake, inside the runtime where it will live. `already` is what was read
    /// after the handshake; messages have `most` bytes, and may be `binary`; a peer without a sign of life for `keepalive` is dead.
    ///
    /// # Errors
    /// The peer has gone already, or the system refuses an option.
    pub fn open(
        stream: std::net::TcpStream,
        keepalive: Duration,
        already: Bytes,
        most: usize,
        binary: bool,
    ) -> io::Result<Self> {
        let (stream, peer) = socket::adopt(stream, keepalive)?;
        Ok(Self::over(stream, peer, already, most, binary))
    }
}

impl<S: Wire> WebSocketLink<S> {
    /// The same over a stream that lives in this runtime already.
    pub fn over(stream: S, peer: SocketAddr, already: Bytes, most: usize, binary: bool) -> Self {
        Self {
            stream,
            peer,
            reader: Reader::new(most, binary),
            rest: already,
            writer: Writer::default(),
            heard: Heard::Nothing,
            why: None,
            lingering: None,
        }
    }

    /// Looks through `input`. `None`: there is nothing in it for the session.
    fn look(&mut self, input: &mut &[u8]) -> Option<Arrival> {
        loop {
            match self.reader.take(input) {
                Ok(Found::Need) => return None,
                Ok(Found::Text(text)) => return Some(Arrival::Message(text)),
                Ok(Found::Binary(message)) => return Some(Arrival::Binary(message)),
                Ok(Found::Ping(payload)) => self.writer.pong(payload),
                Ok(Found::Pong(payload)) => {
                    // Any other one is a keep-alive of the peer's own.
                    if let Some(place) = writer::probed(&payload) {
                        return Some(Arrival::Receipt(place));
                    }
                }
                Ok(Found::Close(code)) => {
                    self.heard = Heard::Close(code);
                    return Some(Arrival::End);
                }
                Err(breach) => {
                    log::debug!("{}: {breach:?} in a WebSocket frame", self.peer);
                    self.heard = Heard::Breach;
                    self.why = Some(code_of(breach));
                    return Some(Arrival::End);
                }
            }
        }
    }

    /// Writes our own frames as far as they may go now.
    fn poll_urgent(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        loop {
            let urgent = self.writer.urgent();
            if urgent.is_empty() {
                return Poll::Ready(Ok(()));
            }
            match ready!(Pin::new(&mut self.stream).poll_write(cx, urgent))? {
                0 => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                n => self.writer.wrote_urgent(n),
            }
        }
    }

    fn poll_some(&mut self, cx: &mut Context<'_>, scratch: &mut [u8]) -> Poll<io::Result<usize>> {
        let mut buffer = ReadBuf::new(scratch);
        ready!(Pin::new(&mut self.stream).poll_read(cx, &mut buffer))?;
        Poll::Ready(Ok(buffer.filled().len()))
    }

    /// Drops what still comes, for a moment.
    fn poll_linger(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut buffer = [0; 2048];
        let mut lingering = self
            .lingering
            .take()
            .unwrap_or_else(|| Box::new(Lingering { until: Box::pin(tokio::time::sleep(LINGER)), dropped: 0 }));
        while lingering.dropped < LINGER_BYTES {
            match self.poll_some(cx, &mut buffer) {
                Poll::Ready(Ok(0) | Err(_)) => return Poll::Ready(Ok(())),
                Poll::Ready(Ok(n)) => lingering.dropped += n,
                Poll::Pending if lingering.until.as_mut().poll(cx).is_ready() => return Poll::Ready(Ok(())),
                Poll::Pending => {
                    self.lingering = Some(lingering);
                    return Poll::Pending;
                }
            }
        }
        Poll::Ready(Ok(()))
    }
}

/// The close code for a breach, with a word for whoever debugs a client.
fn code_of(breach: Breach) -> (u16, &'static str) {
    match breach {
        Breach::Protocol => (1002, "not a WebSocket frame of a client"),
        Breach::NotText => (1003, "only text is understood"),
        Breach::NotUtf8 => (1007, "not UTF-8"),
        Breach::TooLarge => (1009, "the message is too large"),
    }
}

impl<S: Wire> Link for WebSocketLink<S> {
    fn carrier(&self) -> Carrier {
        Carrier::Message
    }

    fn peer(&self) -> Option<SocketAddr> {
        Some(self.peer)
    }

    fn poll_read(&mut self, cx: &mut Context<'_>, scratch: &mut [u8]) -> Poll<io::Result<Arrival>> {
        if self.heard != Heard::Nothing {
            return Poll::Ready(Ok(Arrival::End));
        }
        if scratch.is_empty() {
            // Reading nothing would look like the end.
            return Poll::Ready(Err(io::ErrorKind::InvalidInput.into()));
        }
        for _ in 0..READS {
            if !self.rest.is_empty() {
                let rest = std::mem::take(&mut self.rest);
                let mut input = &rest[..];
                let found = self.look(&mut input);
                if let Some(arrival) = found {
                    let used = rest.len() - input.len();
                    self.rest = rest;
                    self.rest.advance(used);
                    if self.rest.is_empty() {
                        // Or it would hold the memory of all that was read with it.
                        self.rest = Bytes::new();
                    }
                    return Poll::Ready(Ok(arrival));
                }
            }
            // A pong must not wait for the session to have something to say. It may wait for the peer to read.
            if let Poll::Ready(Err(error)) = self.poll_urgent(cx) {
                return Poll::Ready(Err(error));
            }
            let n = ready!(self.poll_some(cx, scratch))?;
            if n == 0 {
                self.heard = Heard::Close(None);
                return Poll::Ready(Ok(Arrival::End));
            }
            let mut input = &scratch[..n];
            if let Some(arrival) = self.look(&mut input) {
                self.rest = Bytes::copy_from_slice(input);
                return Poll::Ready(Ok(arrival));
            }
        }
        // The last read may have brought a ping.
        if let Poll::Ready(Err(error)) = self.poll_urgent(cx) {
            return Poll::Ready(Err(error));
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }

    fn pack(&self, frame: &Frame, out: &mut VecDeque<Bytes>) {
        let body = frame.body();
        out.push_back(writer::header(frame.is_binary(), body.len()));
        if !body.is_empty() {
            out.push_back(body);
        }
    }

    fn poll_write(&mut self, cx: &mut Context<'_>, pieces: &[IoSlice<'_>]) -> Poll<io::Result<usize>> {
        if self.writer.has_closed() {
            // Nothing comes after a close frame.
            return Poll::Ready(Ok(pieces.iter().map(|piece| piece.len()).sum()));
        }
        ready!(self.poll_urgent(cx))?;
        let room = self.writer.room();
        let written = if room == usize::MAX {
            ready!(Pin::new(&mut self.stream).poll_write_vectored(cx, pieces))?
        } else {
            // A pong waits for the end of this frame: no more than that, and the next write begins with the pong.
            let Some(first) = pieces.iter().find(|piece| !piece.is_empty()) else { return Poll::Ready(Ok(0)) };
            ready!(Pin::new(&mut self.stream).poll_write(cx, &first[..first.len().min(room)]))?
        };
        self.writer.wrote(pieces, written);
        // A pong that waited for the end of this frame: nobody may come back for it.
        if let Poll::Ready(Err(error)) = self.poll_urgent(cx) {
            return Poll::Ready(Err(error));
        }
        Poll::Ready(Ok(written))
    }

    fn can_probe(&self) -> bool {
        true
    }

    fn probe(&self, place: u64) -> Option<Bytes> {
        Some(writer::probe(place))
    }

    fn is_midway(&self) -> bool {
        self.reader.is_midway() || self.stream.is_midway()
    }

    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn closing(&mut self, why: Closing) {
        let why = match why {
            Closing::Done => (1000, ""),
            Closing::Mistaken => (1002, "not understood"),
            Closing::Because(ClosingReason::Shutdown) => (1001, "the server stops"),
            Closing::Because(ClosingReason::SlowConsumer) => (1008, "reads too slowly"),
            Closing::Because(ClosingReason::TimedOut | ClosingReason::Silent) => (1008, "timed out"),
            Closing::Because(ClosingReason::Replaced) => (1008, "replaced"),
            Closing::Because(ClosingReason::TooManyConnections) => (1013, "too many connections"),
            Closing::Because(ClosingReason::Fault) => (1011, "a fault of the server"),
        };
        // The first reason is the true one: what follows from it comes later.
        self.why.get_or_insert(why);
    }

    fn poll_close(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.lingering.is_none() {
            // What is half-written first.
            ready!(self.poll_urgent(cx))?;
            match (self.why, self.heard) {
                (Some((code, reason)), _) => self.writer.close(Some(code), reason),
                // An echo, as RFC 6455 wants it.
                (None, Heard::Close(code)) => self.writer.close(code, ""),
                (None, _) => self.writer.close(Some(1000), ""),
            }
            ready!(self.poll_urgent(cx))?;
            match self.heard {
                // The peer's close frame is awaited by whoever lingers.
                Heard::Nothing => return Poll::Ready(Ok(())),
                Heard::Close(_) => return Pin::new(&mut self.stream).poll_shutdown(cx),
                Heard::Breach => ready!(Pin::new(&mut self.stream).poll_shutdown(cx))?,
            }
        }
        self.poll_linger(cx)
    }

    fn unacknowledged(&self) -> Option<usize> {
        self.stream.unacknowledged()
    }
}
