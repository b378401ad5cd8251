//! A connection within the process: requests that came over HTTP go to a session as messages, and its frames come
//! back. Owns: [`InprocLink`], the session's end, and [`Caller`], the other one. Never: holds more than [`FRAMES`]
//! frames a way; whoever is faster waits.

use actors::session::link::{Arrival, Link};
use bytes::Bytes;
use protocol::{Carrier, Frame};
use std::collections::VecDeque;
use std::future::poll_fn;
use std::io::{self, IoSlice};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

/// Frames that wait in one direction at the most. One answer is a few.
const FRAMES: usize = 64;

/// Both directions. Locked for moments only, so a session's thread never waits for another.
#[derive(Default)]
struct Wire {
    asked: VecDeque<Bytes>,
    said: VecDeque<Bytes>,
    /// Either end is gone, or has said its last.
    caller_gone: bool,
    session_gone: bool,
    caller: Option<Waker>,
    reading: Option<Waker>,
    writing: Option<Waker>,
}

type Shared = Arc<Mutex<Wire>>;

fn lock(wire: &Shared) -> MutexGuard<'_, Wire> {
    // Nothing here panics half-way, so what another thread left is whole.
    wire.lock().unwrap_or_else(PoisonError::into_inner)
}

fn wake(wakers: impl IntoIterator<Item = Option<Waker>>) {
    wakers.into_iter().flatten().for_each(Waker::wake);
}

/// The session's end.
pub struct InprocLink {
    wire: Shared,
    peer: SocketAddr,
}

/// The end of whoever asks. Dropping it closes the connection.
pub struct Caller {
    wire: Shared,
}

/// A new connection; `peer` is where its requests come from.
#[must_use]
pub fn connect(peer: SocketAddr) -> (InprocLink, Caller) {
    let wire = Shared::default();
    (InprocLink { wire: Arc::clone(&wire), peer }, Caller { wire })
}

impl Caller {
    /// Sends a message. `false`: the session is gone, or does not read.
    #[must_use]
    pub fn say(&self, message: Bytes) -> bool {
        let mut wire = lock(&self.wire);
        if wire.session_gone || wire.asked.len() >= FRAMES {
            return false;
        }
        wire.asked.push_back(message);
        let reading = wire.reading.take();
        drop(wire);
        wake([reading]);
        true
    }

    /// The session's next frame; `None` once it has said its last.
    pub async fn hear(&self) -> Option<Bytes> {
        poll_fn(|cx| {
            let mut wire = lock(&self.wire);
            if let Some(frame) = wire.said.pop_front() {
                let writing = wire.writing.take();
                drop(wire);
                wake([writing]);
                return Poll::Ready(Some(frame));
            }
            if wire.session_gone {
                return Poll::Ready(None);
            }
            wire.caller = Some(cx.waker().clone());
            Poll::Pending
        })
        .await
    }

    /// Drops what came without being asked for.
    pub fn skip(&self) {
        let mut wire = lock(&self.wire);
        wire.said.clear();
        let writing = wire.writing.take();
        drop(wire);
        wake([writing]);
    }

    /// Closes the connection: the session ends as if its client had.
    pub fn close(&self) {
        let mut wire = lock(&self.wire);
        wire.caller_gone = true;
        wire.said = VecDeque::new();
        let wakers = [wire.reading.take(), wire.writing.take()];
        drop(wire);
        wake(wakers);
    }

    /// Whether nothing can be asked any more.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        let wire = lock(&self.wire);
        wire.session_gone || wire.caller_gone
    }
}

impl Drop for Caller {
    fn drop(&mut self) {
        self.close();
    }
}

impl Link for InprocLink {
    fn carrier(&self) -> Carrier {
        Carrier::Message
    }

    fn peer(&self) -> Option<SocketAddr> {
        Some(self.peer)
    }

    fn poll_read(&mut self, cx: &mut Context<'_>, _: &mut [u8]) -> Poll<io::Result<Arrival>> {
        let mut wire = lock(&self.wire);
        if let Some(message) = wire.asked.pop_front() {
            return Poll::Ready(Ok(Arrival::Message(message)));
        }
        if wire.caller_gone {
            return Poll::Ready(Ok(Arrival::End));
        }
        wire.reading = Some(cx.waker().clone());
        Poll::Pending
    }

    /// One piece a frame, which is what the other end gets.
    fn pack(&self, frame: &Frame, out: &mut VecDeque<Bytes>) {
        out.extend(Some(frame.body()).filter(|body| !body.is_empty()));
    }

    fn poll_write(&mut self, cx: &mut Context<'_>, pieces: &[IoSlice<'_>]) -> Poll<io::Result<usize>> {
        let mut wire = lock(&self.wire);
        if wire.caller_gone {
            return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
        }
        let room = FRAMES - wire.said.len();
        if room == 0 {
            wire.writing = Some(cx.waker().clone());
            return Poll::Pending;
        }
        // Whole pieces only, so that the next one begins a frame again.
        let mut written = 0;
        for piece in pieces.iter().take(room) {
            wire.said.push_back(Bytes::copy_from_slice(piece));
            written += piece.len();
        }
        let caller = wire.caller.take();
        drop(wire);
        wake([caller]);
        Poll::Ready(Ok(written))
    }

    fn poll_close(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.end();
        Poll::Ready(Ok(()))
    }

    /// What was written is at the other end.
    fn unacknowledged(&self) -> Option<usize> {
        Some(0)
    }
}

impl InprocLink {
    fn end(&self) {
        let mut wire = lock(&self.wire);
        wire.session_gone = true;
        wire.asked = VecDeque::new();
        let caller = wire.caller.take();
        drop(wire);
        wake([caller]);
    }
}

impl Drop for InprocLink {
    fn drop(&mut self) {
        self.end();
    }
}

#[cfg(test)]
mod tests {
    use super::{FRAMES, connect};
    use actors::session::link::{Arrival, Link};
    use bytes::Bytes;
    use protocol::Frame;
    use std::collections::VecDeque;
    use std::future::poll_fn;
    use std::io::IoSlice;
    use std::net::SocketAddr;
    use std::task::Poll;

    fn peer() -> SocketAddr {
        SocketAddr::from(([192, 0, 2, 1], 7))
    }

    async fn read(link: &mut super::InprocLink) -> Arrival {
        poll_fn(|cx| link.poll_read(cx, &mut [])).await.unwrap()
    }

    #[tokio::test]
    async fn messages_go_in_and_frames_come_out_one_by_one() {
        let (mut link, caller) = connect(peer());
        assert_eq!(link.peer(), Some(peer()));
        assert!(caller.say("one".into()) && caller.say("two".into()));
        assert_eq!(read(&mut link).await, Arrival::Message("one".into()));
        assert_eq!(read(&mut link).await, Arrival::Message("two".into()));
        let mut pieces = VecDeque::new();
        for wire in ["#one\n", "#\n", "#two\n"] {
            link.pack(&Frame::new(wire.into(), 1, 1), &mut pieces);
        }
        let slices: Vec<IoSlice<'_>> = pieces.iter().map(|piece| IoSlice::new(piece)).collect();
        assert_eq!(poll_fn(|cx| link.poll_write(cx, &slices)).await.unwrap(), 6);
        assert_eq!((caller.hear().await, caller.hear().await), (Some("one".into()), Some("two".into())));
        let (heard, ()) = tokio::join!(caller.hear(), async {
            poll_fn(|cx| link.poll_close(cx)).await.unwrap();
        });
        assert_eq!(heard, None);
        assert!(caller.is_closed() && !caller.say("three".into()));
    }

    #[tokio::test]
    async fn a_full_wire_waits_and_a_dropped_end_is_an_end() {
        let (mut link, caller) = connect(peer());
        let many: Vec<Bytes> = (0..=FRAMES).map(|n| Bytes::from(n.to_string())).collect();
        let slices: Vec<IoSlice<'_>> = many.iter().map(|piece| IoSlice::new(piece)).collect();
        let written = poll_fn(|cx| link.poll_write(cx, &slices)).await.unwrap();
        assert_eq!(written, many[..FRAMES].iter().map(Bytes::len).sum::<usize>());
        let full = poll_fn(|cx| Poll::Ready(link.poll_write(cx, &slices[FRAMES..]).is_pending())).await;
        assert!(full);
        assert_eq!(caller.hear().await, Some("0".into()));
        assert_eq!(poll_fn(|cx| link.poll_write(cx, &slices[FRAMES..])).await.unwrap(), 2);
        caller.skip();
        assert!(caller.say("last".into()));
        drop(caller);
        assert_eq!(read(&mut link).await, Arrival::Message("last".into()));
        assert_eq!(read(&mut link).await, Arrival::End);
        assert!(poll_fn(|cx| link.poll_write(cx, &slices)).await.is_err());
        let (link, caller) = connect(peer());
        drop(link);
        assert_eq!(caller.hear().await, None);
    }
}
