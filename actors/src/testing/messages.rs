//! Peers on a link with messages in memory, as a WebSocket is one. Owns: the queues between a session and a test, and
//! whether the peer answers when it is asked what it has. Never: a clock of its own.

use crate::session::link::{Arrival, Closing, Link};
use bytes::Bytes;
use protocol::{Carrier, Frame};
use std::collections::VecDeque;
use std::future::poll_fn;
use std::io::{self, IoSlice};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

/// What begins a probe's piece. No frame of any dialect does.
const PROBE: &[u8] = b"\0probe";

#[derive(Default)]
struct Wire {
    to_server: VecDeque<Bytes>,
    receipts: VecDeque<u64>,
    to_peer: VecDeque<String>,
    /// Probes that the peer has read and not answered.
    asked: VecDeque<u64>,
    /// The peer answers at once.
    answers: bool,
    peer_closed: bool,
    server_closed: Option<Closing>,
    session: Option<Waker>,
    peer: Option<Waker>,
}

impl Wire {
    fn wake(&mut self) {
        for waker in [self.session.take(), self.peer.take()].into_iter().flatten() {
            waker.wake();
        }
    }
}

type Shared = Arc<Mutex<Wire>>;

fn lock(wire: &Shared) -> MutexGuard<'_, Wire> {
    wire.lock().unwrap_or_else(PoisonError::into_inner)
}

struct MessageLink {
    wire: Shared,
    why: Closing,
    carrier: Carrier,
    peer: Option<SocketAddr>,
}

/// A connection: the server's end, and the test's.
pub(super) fn connection(carrier: Carrier, peer: Option<SocketAddr>) -> (impl Link + use<>, MessagePeer) {
    let wire = Arc::new(Mutex::new(Wire { answers: true, ..Wire::default() }));
    (MessageLink { wire: wire.clone(), why: Closing::Done, carrier, peer }, MessagePeer { wire })
}

impl Link for MessageLink {
    fn carrier(&self) -> Carrier {
        self.carrier
    }

    fn peer(&self) -> Option<SocketAddr> {
        self.peer
    }

    fn poll_read(&mut self, cx: &mut Context<'_>, _: &mut [u8]) -> Poll<io::Result<Arrival>> {
        let mut wire = lock(&self.wire);
        if let Some(place) = wire.receipts.pop_front() {
            return Poll::Ready(Ok(Arrival::Receipt(place)));
        }
        if let Some(message) = wire.to_server.pop_front() {
            return Poll::Ready(Ok(Arrival::Message(message)));
        }
        if wire.peer_closed {
            return Poll::Ready(Ok(Arrival::End));
        }
        wire.session = Some(cx.waker().clone());
        Poll::Pending
    }

    fn pack(&self, frame: &Frame, out: &mut VecDeque<Bytes>) {
        out.push_back(frame.body());
    }

    fn poll_write(&mut self, _: &mut Context<'_>, pieces: &[IoSlice<'_>]) -> Poll<io::Result<usize>> {
        let mut wire = lock(&self.wire);
        let mut written = 0;
        for piece in pieces {
            written += piece.len();
            if let Some(place) = piece.strip_prefix(PROBE) {
                let place = place.first_chunk().map_or(0, |bytes| u64::from_be_bytes(*bytes));
                let queue = if wire.answers { &mut wire.receipts } else { &mut wire.asked };
                queue.push_back(place);
            } else {
                wire.to_peer.push_back(String::from_utf8_lossy(piece).into_owned());
            }
        }
        wire.wake();
        Poll::Ready(Ok(written))
    }

    fn can_probe(&self) -> bool {
        true
    }

    fn probe(&self, place: u64) -> Option<Bytes> {
        Some([PROBE, &place.to_be_bytes()].concat().into())
    }

    fn closing(&mut self, why: Closing) {
        self.why = why;
    }

    fn poll_close(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        let mut wire = lock(&self.wire);
        wire.server_closed.get_or_insert(self.why);
        wire.wake();
        Poll::Ready(Ok(()))
    }

    fn unacknowledged(&self) -> Option<usize> {
        None
    }
}

impl Drop for MessageLink {
    fn drop(&mut self) {
        let mut wire = lock(&self.wire);
        wire.server_closed.get_or_insert(Closing::Done);
        wire.wake();
    }
}

/// A test's end.
pub struct MessagePeer {
    wire: Shared,
}

impl MessagePeer {
    /// Sends one message.
    pub fn say(&self, message: &str) {
        let mut wire = lock(&self.wire);
        wire.to_server.push_back(Bytes::copy_from_slice(message.as_bytes()));
        wire.wake();
    }

    /// The next message; `None` once the server has closed.
    pub async fn hear(&self) -> Option<String> {
        poll_fn(|cx| {
            let mut wire = lock(&self.wire);
            if let Some(message) = wire.to_peer.pop_front() {
                return Poll::Ready(Some(message));
            }
            if wire.server_closed.is_some() {
                return Poll::Ready(None);
            }
            wire.peer = Some(cx.waker().clone());
            Poll::Pending
        })
        .await
    }

    /// Says a message and hears one.
    pub async fn ask(&self, message: &str) -> String {
        self.say(message);
        self.hear().await.unwrap_or_else(|| "(closed)".to_owned())
    }

    /// Everything that has come and was not heard, once nothing moves any more.
    pub async fn rest(&self) -> Vec<String> {
        tokio::time::sleep(Duration::from_millis(1)).await;
        lock(&self.wire).to_peer.drain(..).collect()
    }

    /// From now on the peer answers at once when it is asked what it has, or not at all.
    pub fn answer_probes(&self, answers: bool) {
        lock(&self.wire).answers = answers;
    }

    /// Answers what it was asked and has not answered; returns how many questions those were.
    pub fn answer_now(&self) -> usize {
        let mut wire = lock(&self.wire);
        let asked: Vec<_> = wire.asked.drain(..).collect();
        wire.receipts.extend(&asked);
        wire.wake();
        asked.len()
    }

    /// How many questions wait for an answer.
    pub fn asked(&self) -> usize {
        lock(&self.wire).asked.len()
    }

    /// Closes in order.
    pub fn close(&self) {
        let mut wire = lock(&self.wire);
        wire.peer_closed = true;
        wire.wake();
    }

    /// Why the server has closed, once it has.
    pub fn closed(&self) -> Option<Closing> {
        lock(&self.wire).server_closed
    }
}
