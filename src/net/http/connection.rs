//! One HTTP connection. Owns: how much of time and memory it may take. Never: what is asked on it.
//!
//! *Time*: a first request comes within `web.handshake_timeout_s`; after that a byte has to move within
//! `http.idle_timeout_s`, except while the server itself thinks about an answer. *Memory*: headers are bounded by
//! `web.max_header_bytes`, bodies where they are read; the number of connections by `web.max_handshakes` and
//! `http.max_connections`: one more takes the place of the oldest to which no answer is owed.

use super::answer::Body;
use super::api::Slot;
use super::reception::Reception;
use super::{router, upgrade};
use crate::net::socket;
use bytes::Bytes;
use hyper::body::{Frame, SizeHint};
use hyper::header::{CONNECTION, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use protocol::DialectId;
use std::cell::Cell;
use std::convert::Infallible;
use std::io::{self, IoSlice};
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep_until, timeout};

/// Headers of one request; browsers send some twenty.
const HEADERS: usize = 64;

fn builder(reception: &Reception, patience: Duration) -> http1::Builder {
    let mut builder = http1::Builder::new();
    builder.timer(TokioTimer::new()).header_read_timeout(patience);
    builder.max_buf_size(reception.web.max_header_bytes).max_headers(HEADERS);
    builder
}

/// A handshake, whole: one request, which becomes a WebSocket or is refused.
pub(crate) async fn serve_web(
    reception: Rc<Reception>,
    dialect: DialectId,
    stream: std::net::TcpStream,
    peer: SocketAddr,
) {
    match socket::adopt(stream, reception.keepalive) {
        Ok((stream, _)) => serve_web_over(reception, dialect, stream, peer).await,
        Err(error) => log::debug!("{peer}: gone before its handshake: {error}"),
    }
}

/// The same over a stream that is one of those that [`upgrade`] knows.
pub(crate) async fn serve_web_over(
    reception: Rc<Reception>,
    dialect: DialectId,
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    peer: SocketAddr,
) {
    let Some(mut seat) = reception.handshakes.take() else { return };
    let service = service_fn(|request| {
        let mut response = upgrade::answer(&reception, dialect, peer, request);
        if response.status() != StatusCode::SWITCHING_PROTOCOLS {
            // One request is all: whoever was refused connects again.
            let close = if response.headers().contains_key(CONNECTION) { "Upgrade, close" } else { "close" };
            response.headers_mut().insert(CONNECTION, HeaderValue::from_static(close));
        }
        std::future::ready(Ok::<Response<Body>, Infallible>(response))
    });
    let connection =
        builder(&reception, reception.patience()).serve_connection(TokioIo::new(stream), service).with_upgrades();
    tokio::select! {
        biased;
        outcome = timeout(reception.patience(), connection) => match outcome {
            Ok(Ok(())) => {}
            Ok(Err(error)) => log::debug!("{peer}: a handshake failed: {error}"),
            Err(_) => log::debug!("{peer}: a handshake took too long"),
        },
        () = seat.lost() => log::debug!("{peer}: too many handshakes at once, and this is the oldest"),
        () = reception.stopped() => {}
    }
}

/// A connection of the api's, to its end.
pub(crate) async fn serve_api(reception: Rc<Reception>, stream: std::net::TcpStream, peer: SocketAddr) {
    let Some(mut seat) = reception.connections.take() else {
        return log::debug!("{peer}: too many connections over HTTP");
    };
    let stream = match socket::adopt(stream, reception.keepalive) {
        Ok((stream, _)) => stream,
        Err(error) => return log::debug!("{peer}: gone before it asked: {error}"),
    };
    let pulse = Rc::new(Pulse::new(Rc::clone(&seat.busy)));
    let slot = Slot::default();
    let service = service_fn(|request| {
        let busy = Busy::new(&pulse);
        let (reception, slot) = (&reception, &slot);
        async move {
            let response = router::answer(reception, slot, peer, request, &busy).await;
            busy.begins_to_leave();
            Ok::<_, Infallible>(response.map(|body| Owed { body, _busy: busy }))
        }
    });
    let idle = Duration::from_secs(reception.http.idle_timeout_s);
    let stream = Watched { stream, pulse: Rc::clone(&pulse) };
    let mut connection = pin!(builder(&reception, idle).serve_connection(TokioIo::new(stream), service));
    let mut stopping = false;
    loop {
        tokio::select! {
            biased;
            outcome = connection.as_mut() => {
                if let Err(error) = outcome {
                    log::debug!("{peer}: a connection over HTTP failed: {error}");
                }
                return;
            }
            () = seat.lost() => return log::debug!("{peer}: too many connections over HTTP, and this is the oldest"),
            () = reception.stopped(), if !stopping => {
                // What is being answered still is; then the connection closes.
                connection.as_mut().graceful_shutdown();
                stopping = true;
            }
            () = sleep_until(pulse.ends_by(reception.patience(), idle)) => {
                if pulse.thinking.get() {
                    // The answer is bounded by a time of its own. Its leaving is not: that is the peer's.
                    pulse.moved.set(Instant::now());
                } else if Instant::now() >= pulse.ends_by(reception.patience(), idle) {
                    return log::debug!("{peer}: a connection over HTTP was silent for too long");
                }
            }
        }
    }
}

/// When a connection last showed life.
struct Pulse {
    begun: Instant,
    moved: Cell<Instant>,
    asked: Cell<bool>,
    /// An answer is owed, or is leaving: nobody else gets the seat.
    busy: Rc<Cell<bool>>,
    /// An answer is owed, and has not begun.
    thinking: Cell<bool>,
}

impl Pulse {
    fn new(busy: Rc<Cell<bool>>) -> Self {
        let now = Instant::now();
        Self { begun: now, moved: Cell::new(now), asked: Cell::new(false), busy, thinking: Cell::new(false) }
    }

    fn ends_by(&self, first: Duration, idle: Duration) -> Instant {
        if self.asked.get() { self.moved.get() + idle } else { self.begun + first }
    }
}

/// One request, from its headers to the end of its answer.
pub(super) struct Busy(Rc<Pulse>);

impl Busy {
    fn new(pulse: &Rc<Pulse>) -> Self {
        pulse.asked.set(true);
        pulse.moved.set(Instant::now());
        Self(Rc::clone(pulse))
    }

    /// The request is here, whole or as far as it has to be: now it is the server's turn.
    pub(super) fn owes(&self) {
        self.0.busy.set(true);
        self.0.thinking.set(true);
        self.0.moved.set(Instant::now());
    }

    fn begins_to_leave(&self) {
        self.0.busy.set(true);
        self.0.thinking.set(false);
        self.0.moved.set(Instant::now());
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        self.0.busy.set(false);
        self.0.thinking.set(false);
        self.0.moved.set(Instant::now());
    }
}

/// An answer's body: the answer is owed until all of it has left, which for a file takes a while.
struct Owed {
    body: Body,
    _busy: Busy,
}

impl hyper::body::Body for Owed {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        Pin::new(&mut self.body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// A stream that notes when bytes move.
struct Watched {
    stream: TcpStream,
    pulse: Rc<Pulse>,
}

impl AsyncRead for Watched {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        ready!(Pin::new(&mut self.stream).poll_read(cx, buffer))?;
        self.pulse.moved.set(Instant::now());
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Watched {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let n = ready!(Pin::new(&mut self.stream).poll_write(cx, bytes))?;
        self.pulse.moved.set(Instant::now());
        Poll::Ready(Ok(n))
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        pieces: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let n = ready!(Pin::new(&mut self.stream).poll_write_vectored(cx, pieces))?;
        self.pulse.moved.set(Instant::now());
        Poll::Ready(Ok(n))
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
