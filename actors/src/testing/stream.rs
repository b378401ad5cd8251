//! Peers on a stream in memory. Owns: the two pipes between a session and a test. Never: a clock of its own.

use crate::session::link::{Arrival, Link};
use protocol::Carrier;
use std::collections::VecDeque;
use std::future::poll_fn;
use std::io::{self, IoSlice};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Duration;
use tokio::time::Instant;

/// One direction of a connection in memory.
#[derive(Default)]
struct Pipe {
    bytes: VecDeque<u8>,
    capacity: usize,
    closed: bool,
    reset: bool,
    reader: Option<Waker>,
    writer: Option<Waker>,
    /// When each write came, and how much it brought: for tests of pace.
    writes: Vec<(Instant, Vec<u8>)>,
}

impl Pipe {
    fn wake(&mut self) {
        for waker in [self.reader.take(), self.writer.take()].into_iter().flatten() {
            waker.wake();
        }
    }
}

type Shared = Arc<Mutex<Pipe>>;

fn lock(pipe: &Shared) -> MutexGuard<'_, Pipe> {
    pipe.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The server's end of a connection in memory.
struct MemoryLink {
    incoming: Shared,
    outgoing: Shared,
    peer: SocketAddr,
}

impl Link for MemoryLink {
    fn carrier(&self) -> Carrier {
        Carrier::Stream
    }

    fn peer(&self) -> Option<SocketAddr> {
        Some(self.peer)
    }

    fn poll_read(&mut self, cx: &mut Context<'_>, scratch: &mut [u8]) -> Poll<io::Result<Arrival>> {
        let mut pipe = lock(&self.incoming);
        if pipe.reset {
            return Poll::Ready(Err(io::ErrorKind::ConnectionReset.into()));
        }
        let n = pipe.bytes.len().min(scratch.len());
        if n == 0 {
            if pipe.closed {
                return Poll::Ready(Ok(Arrival::End));
            }
            pipe.reader = Some(cx.waker().clone());
            return Poll::Pending;
        }
        for (to, from) in scratch.iter_mut().zip(pipe.bytes.drain(..n)) {
            *to = from;
        }
        Poll::Ready(Ok(Arrival::Bytes(n)))
    }

    fn poll_write(&mut self, cx: &mut Context<'_>, pieces: &[IoSlice<'_>]) -> Poll<io::Result<usize>> {
        let mut pipe = lock(&self.outgoing);
        if pipe.reset {
            return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
        }
        let room = pipe.capacity.saturating_sub(pipe.bytes.len());
        if room == 0 {
            pipe.writer = Some(cx.waker().clone());
            return Poll::Pending;
        }
        let written: Vec<u8> = pieces.iter().flat_map(|piece| piece.iter().copied()).take(room).collect();
        pipe.bytes.extend(&written);
        let n = written.len();
        pipe.writes.push((Instant::now(), written));
        if let Some(reader) = pipe.reader.take() {
            reader.wake();
        }
        Poll::Ready(Ok(n))
    }

    fn poll_close(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut pipe = lock(&self.outgoing);
        pipe.closed = true;
        pipe.wake();
        Poll::Ready(Ok(()))
    }

    /// What the test's peer has not read counts as not acknowledged.
    fn unacknowledged(&self) -> Option<usize> {
        Some(lock(&self.outgoing).bytes.len())
    }
}

impl Drop for MemoryLink {
    fn drop(&mut self) {
        for pipe in [&self.incoming, &self.outgoing] {
            let mut pipe = lock(pipe);
            pipe.closed = true;
            pipe.wake();
        }
    }
}

/// A test's end of a connection in memory: a line client, unless it says things in another way.
pub struct Peer {
    to_server: Shared,
    from_server: Shared,
}

impl Peer {
    /// Says a line.
    pub fn say(&self, line: &str) {
        self.send(line);
        self.send("\n");
    }

    /// Sends text as it is.
    pub fn send(&self, text: &str) {
        self.send_bytes(text.as_bytes());
    }

    /// Sends bytes as they are.
    pub fn send_bytes(&self, bytes: &[u8]) {
        let mut pipe = lock(&self.to_server);
        pipe.bytes.extend(bytes);
        pipe.wake();
    }

    /// The next frame behind a four-byte little-endian length; `None` once the server has closed.
    pub async fn hear_frame(&self) -> Option<String> {
        poll_fn(|cx| {
            let mut pipe = lock(&self.from_server);
            let head: Vec<u8> = pipe.bytes.iter().take(4).copied().collect();
            if let Ok(head) = <[u8; 4]>::try_from(head) {
                let length = usize::try_from(u32::from_le_bytes(head)).unwrap_or(usize::MAX);
                if pipe.bytes.len() - 4 >= length {
                    let frame: Vec<u8> = pipe.bytes.drain(..4 + length).skip(4).collect();
                    if let Some(writer) = pipe.writer.take() {
                        writer.wake();
                    }
                    return Poll::Ready(Some(String::from_utf8_lossy(&frame).into_owned()));
                }
            }
            if pipe.closed {
                return Poll::Ready(None);
            }
            pipe.reader = Some(cx.waker().clone());
            Poll::Pending
        })
        .await
    }

    /// The next line; `None` once the server has closed.
    pub async fn hear(&self) -> Option<String> {
        poll_fn(|cx| {
            let mut pipe = lock(&self.from_server);
            if let Some(end) = pipe.bytes.iter().position(|byte| *byte == b'\n') {
                let line: Vec<u8> = pipe.bytes.drain(..=end).take(end).collect();
                if let Some(writer) = pipe.writer.take() {
                    writer.wake();
                }
                return Poll::Ready(Some(String::from_utf8_lossy(&line).into_owned()));
            }
            if pipe.closed {
                return Poll::Ready(None);
            }
            pipe.reader = Some(cx.waker().clone());
            Poll::Pending
        })
        .await
    }

    /// Says a line and hears one.
    pub async fn ask(&self, line: &str) -> String {
        self.say(line);
        self.hear().await.unwrap_or_else(|| "(closed)".to_owned())
    }

    /// Everything that has come and was not heard, once nothing moves any more. No time passes but the millisecond
    /// that it takes to see that.
    pub async fn rest(&self) -> String {
        tokio::time::sleep(Duration::from_millis(1)).await;
        let mut pipe = lock(&self.from_server);
        let rest: Vec<u8> = pipe.bytes.drain(..).collect();
        if let Some(writer) = pipe.writer.take() {
            writer.wake();
        }
        String::from_utf8_lossy(&rest).into_owned()
    }

    /// What each write of the server brought, and when, since the last call.
    pub fn writes(&self) -> Vec<(Instant, String)> {
        let writes = std::mem::take(&mut lock(&self.from_server).writes);
        writes.into_iter().map(|(at, bytes)| (at, String::from_utf8_lossy(&bytes).into_owned())).collect()
    }

    /// Closes in order.
    pub fn close(&self) {
        let mut pipe = lock(&self.to_server);
        pipe.closed = true;
        pipe.wake();
    }

    /// Is gone without a word, with what it had not read.
    pub fn vanish(&self) {
        for pipe in [&self.to_server, &self.from_server] {
            let mut pipe = lock(pipe);
            pipe.reset = true;
            pipe.wake();
        }
    }
}

/// A connection: the server's end, and the test's. `capacity` unread bytes find room on the way.
pub(super) fn connection(peer: SocketAddr, capacity: usize) -> (impl Link + use<>, Peer) {
    let pipe = || Arc::new(Mutex::new(Pipe { capacity, ..Pipe::default() }));
    let (incoming, outgoing) = (pipe(), pipe());
    let test = Peer { to_server: incoming.clone(), from_server: outgoing.clone() };
    (MemoryLink { incoming, outgoing, peer }, test)
}
