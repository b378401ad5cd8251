//! What waits to be written, as a plain struct. Owns: the queue of frames, bounded in bytes; the pace at which a
//! client that takes one read for one frame is sent to; how far the stream has been written.
//! Never: allocates while it is empty, or copies a frame.

use super::link::Link;
use crate::store::Mark;
use bytes::{Buf, Bytes};
use protocol::Frame;
use std::collections::VecDeque;
use std::io::{self, IoSlice};
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::time::Instant;

/// Pieces that one write gathers.
const GATHER: usize = 64;

struct Item {
    frame: Frame,
    mark: Option<Mark>,
    /// An answer stays when the account logs out; what was delivered to the account does not.
    answer: bool,
}

/// How the frames are spaced.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Pace {
    /// As fast as they come, gathered.
    Free,
    /// One frame a write, and never two closer than this.
    Gap(Duration),
}

/// One session's queue towards its peer.
#[derive(Default)]
pub struct Outbox {
    items: VecDeque<Item>,
    /// What the link made of the frames that are being written.
    pieces: VecDeque<Bytes>,
    /// Bytes in `items` and `pieces`.
    queued: usize,
    /// Bytes handed to the link and written, since the connection began.
    packed_total: u64,
    written_total: u64,
    not_before: Option<Instant>,
    last_frame: Option<Instant>,
    /// What is being written is a frame without meaning.
    nudging: bool,
    /// The end of the last stored place that was handed to a link that can be asked what the peer has.
    marked: u64,
    /// Up to where the peer was asked, and up to where it has said yes.
    probed: u64,
    received: u64,
    /// The peer is to be asked even if nothing stored was sent: is it still there?
    probe_wanted: bool,
}

/// A stored place that has been handed to the link, and where in the stream it ends.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Packed {
    /// The place.
    pub mark: Mark,
    /// The stream's length after it, in bytes.
    pub end: u64,
}

impl Outbox {
    /// Adds a frame. `false` where `bound` bytes wait already: the peer is a slow consumer. One frame may be larger
    /// than the bound, so that a long list can be sent at all.
    #[must_use]
    pub fn push(&mut self, frame: Frame, mark: Option<Mark>, answer: bool, bound: usize) -> bool {
        if self.queued > bound {
            return false;
        }
        self.queued += frame.wire().len();
        self.items.push_back(Item { frame, mark, answer });
        true
    }

    /// Adds a frame without meaning, which does not count as one: only where nothing else waits.
    pub fn nudge(&mut self, frame: Frame) {
        if self.is_empty() {
            self.queued += frame.wire().len();
            self.nudging = true;
            self.items.push_back(Item { frame, mark: None, answer: false });
        }
    }

    /// Bytes that wait.
    #[must_use]
    pub fn queued(&self) -> usize {
        self.queued
    }

    /// Whether nothing waits.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.items.is_empty() && self.pieces.is_empty()
    }

    /// How long the stream will be once everything that waits now is written, in bytes.
    #[must_use]
    pub fn end(&self) -> u64 {
        let waiting: usize = self.items.iter().map(|item| item.frame.wire().len()).sum();
        self.packed_total + u64::try_from(waiting).unwrap_or(0)
    }

    /// Bytes written since the connection began.
    #[must_use]
    pub fn written(&self) -> u64 {
        self.written_total
    }

    /// Up to where the peer has said that it has everything.
    #[must_use]
    pub fn received(&self) -> u64 {
        self.received
    }

    /// Whether the peer was asked and has not answered.
    #[must_use]
    pub fn awaits_receipt(&self) -> bool {
        self.probed > self.received
    }

    /// The peer has everything up to there. A place that it was not asked about means nothing. `false` for those.
    pub fn peer_has(&mut self, place: u64) -> bool {
        let asked = self.awaits_receipt() && place == self.probed;
        if asked {
            self.received = place;
        }
        asked
    }

    /// Asks the peer at the next flush whether it is there.
    pub fn want_probe(&mut self) {
        self.probe_wanted = true;
    }

    /// Forgets what was delivered to the account and has not begun to be written: after a logout nothing more of it
    /// is shown.
    pub fn forget_deliveries(&mut self) {
        self.items.retain(|item| item.answer);
        // A frame without meaning is forgotten with the rest, unless it is being written.
        self.nudging &= !self.pieces.is_empty();
        self.queued = self.items.iter().map(|item| item.frame.wire().len()).sum::<usize>()
            + self.pieces.iter().map(Bytes::len).sum::<usize>();
    }

    /// When the next frame may go, where one waits only for that.
    #[must_use]
    pub fn wakes_at(&self) -> Option<Instant> {
        if self.pieces.is_empty() && !self.items.is_empty() { self.not_before } else { None }
    }

    /// When the last frame went out whole.
    #[must_use]
    pub fn last_frame(&self) -> Option<Instant> {
        self.last_frame
    }

    /// Writes what may go now. Calls `packed` for each stored place that is handed to the link.
    ///
    /// # Errors
    /// The connection is gone.
    pub fn flush(
        &mut self,
        link: &mut dyn Link,
        cx: &mut Context<'_>,
        pace: Pace,
        now: Instant,
        mut packed: impl FnMut(Packed),
    ) -> io::Result<()> {
        loop {
            self.pack(link, pace, now, &mut packed);
            self.probe(link);
            if self.pieces.is_empty() {
                self.give_back();
                return Ok(());
            }
            let mut slices = [IoSlice::new(&[]); GATHER];
            let mut count = 0;
            for (slice, piece) in slices.iter_mut().zip(&self.pieces) {
                *slice = IoSlice::new(piece);
                count += 1;
            }
            match link.poll_write(cx, &slices[..count]) {
                Poll::Pending => return Ok(()),
                Poll::Ready(Err(error)) => return Err(error),
                Poll::Ready(Ok(0)) => return Err(io::ErrorKind::WriteZero.into()),
                Poll::Ready(Ok(n)) => self.wrote(n, pace, now),
            }
        }
    }

    fn pack(&mut self, link: &dyn Link, pace: Pace, now: Instant, packed: &mut impl FnMut(Packed)) {
        let most = match pace {
            Pace::Free => GATHER,
            Pace::Gap(_) if self.not_before.is_some_and(|at| now < at) => return,
            Pace::Gap(_) => 1,
        };
        while self.pieces.len() < most {
            let Some(item) = self.items.pop_front() else { return };
            let already = self.pieces.len();
            link.pack(&item.frame, &mut self.pieces);
            let added = self.pieces.iter().skip(already).map(Bytes::len).sum::<usize>();
            self.queued = self.queued - item.frame.wire().len() + added;
            self.packed_total += u64::try_from(added).unwrap_or(0);
            if let Some(mark) = item.mark {
                self.marked = self.packed_total;
                packed(Packed { mark, end: self.packed_total });
            }
        }
    }

    /// Behind everything that waits, asks the peer what it has, where something stored went out since it was last
    /// asked. One question at a time, so that a busy connection has one per round trip and not one per message.
    fn probe(&mut self, link: &dyn Link) {
        let due = self.probe_wanted || self.marked > self.probed;
        if !due || self.awaits_receipt() || !self.items.is_empty() || !link.can_probe() {
            return;
        }
        // Never twice the same place: it would look answered.
        let place = self.packed_total.max(self.probed + 1);
        if let Some(piece) = link.probe(place) {
            self.probe_wanted = false;
            self.probed = place;
            self.queued += piece.len();
            self.packed_total += u64::try_from(piece.len()).unwrap_or(0);
            self.pieces.push_back(piece);
        }
    }

    fn wrote(&mut self, mut n: usize, pace: Pace, now: Instant) {
        self.queued -= n;
        self.written_total += u64::try_from(n).unwrap_or(0);
        while let Some(piece) = self.pieces.front_mut() {
            if n < piece.len() {
                piece.advance(n);
                break;
            }
            n -= piece.len();
            self.pieces.pop_front();
        }
        if self.pieces.is_empty() {
            if !std::mem::take(&mut self.nudging) {
                self.last_frame = Some(now);
            }
            if let Pace::Gap(gap) = pace {
                self.not_before = Some(now + gap);
            }
        }
    }

    /// An idle session keeps no buffer.
    fn give_back(&mut self) {
        if self.items.is_empty() && self.items.capacity() > 0 {
            self.items = VecDeque::new();
        }
        if self.pieces.capacity() > 0 {
            self.pieces = VecDeque::new();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::session::link::Arrival;
    use protocol::{Carrier, Seq};
    use std::net::SocketAddr;

    /// Takes so many bytes, and no more until the test says so.
    struct Narrow {
        room: usize,
        writes: Vec<String>,
    }

    impl Link for Narrow {
        fn carrier(&self) -> Carrier {
            Carrier::Stream
        }

        fn peer(&self) -> Option<SocketAddr> {
            None
        }

        fn poll_read(&mut self, _: &mut Context<'_>, _: &mut [u8]) -> Poll<io::Result<Arrival>> {
            Poll::Pending
        }

        fn poll_write(&mut self, _: &mut Context<'_>, pieces: &[IoSlice<'_>]) -> Poll<io::Result<usize>> {
            let written: Vec<u8> = pieces.iter().flat_map(|piece| piece.iter().copied()).take(self.room).collect();
            if written.is_empty() {
                return Poll::Pending;
            }
            self.room -= written.len();
            let n = written.len();
            self.writes.push(String::from_utf8(written).unwrap());
            Poll::Ready(Ok(n))
        }

        fn poll_close(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }

        fn unacknowledged(&self) -> Option<usize> {
            None
        }
    }

    fn frame(text: &'static str) -> Frame {
        Frame::new(Bytes::from_static(text.as_bytes()), 0, 0)
    }

    fn flush(outbox: &mut Outbox, link: &mut Narrow, pace: Pace, now: Instant) -> Vec<Packed> {
        let mut packed = Vec::new();
        let mut cx = Context::from_waker(std::task::Waker::noop());
        outbox.flush(link, &mut cx, pace, now, |one| packed.push(one)).unwrap();
        packed
    }

    fn mark(seq: u64) -> Option<Mark> {
        Some(Mark::Inbox(Seq(seq)))
    }

    #[test]
    fn what_waits_goes_out_in_one_write_and_says_where_it_ends() {
        let (mut outbox, mut link) = (Outbox::default(), Narrow { room: 100, writes: Vec::new() });
        assert!(outbox.push(frame("one"), mark(1), false, 100) && outbox.push(frame("two!"), mark(2), false, 100));
        assert_eq!(outbox.end(), 7);
        let packed = flush(&mut outbox, &mut link, Pace::Free, Instant::now());
        assert_eq!(packed.iter().map(|packed| packed.end).collect::<Vec<_>>(), [3, 7]);
        assert_eq!((link.writes, outbox.written(), outbox.is_empty()), (vec!["onetwo!".to_owned()], 7, true));
        assert_eq!((outbox.items.capacity(), outbox.pieces.capacity()), (0, 0), "idle, it keeps no buffer");
    }

    #[test]
    fn a_short_write_goes_on_where_it_stopped() {
        let (mut outbox, mut link) = (Outbox::default(), Narrow { room: 4, writes: Vec::new() });
        assert!(outbox.push(frame("one"), None, true, 100) && outbox.push(frame("two"), None, true, 100));
        flush(&mut outbox, &mut link, Pace::Free, Instant::now());
        assert_eq!((outbox.queued(), outbox.written()), (2, 4));
        link.room = 100;
        flush(&mut outbox, &mut link, Pace::Free, Instant::now());
        assert_eq!(link.writes.concat(), "onetwo");
    }

    #[test]
    fn the_bound_holds_but_for_one_frame() {
        let mut outbox = Outbox::default();
        assert!(outbox.push(frame("longer than the bound"), None, true, 10));
        assert!(!outbox.push(frame("x"), None, true, 10));
    }

    #[test]
    fn paced_frames_wait_for_their_time() {
        let (mut outbox, mut link) = (Outbox::default(), Narrow { room: 100, writes: Vec::new() });
        let (now, gap) = (Instant::now(), Duration::from_millis(50));
        assert!(outbox.push(frame("one"), None, true, 100) && outbox.push(frame("two"), None, true, 100));
        flush(&mut outbox, &mut link, Pace::Gap(gap), now);
        assert_eq!((&link.writes[..], outbox.wakes_at()), (&["one".to_owned()][..], Some(now + gap)));
        flush(&mut outbox, &mut link, Pace::Gap(gap), now + gap / 2);
        assert_eq!(link.writes.len(), 1);
        flush(&mut outbox, &mut link, Pace::Gap(gap), now + gap);
        assert_eq!(link.writes, ["one", "two"]);
    }

    #[test]
    fn a_logout_keeps_answers_and_what_is_half_written() {
        let (mut outbox, mut link) = (Outbox::default(), Narrow { room: 2, writes: Vec::new() });
        assert!(outbox.push(frame("half"), mark(1), false, 100));
        flush(&mut outbox, &mut link, Pace::Free, Instant::now());
        assert!(outbox.push(frame("secret"), mark(2), false, 100) && outbox.push(frame("answer"), None, true, 100));
        outbox.forget_deliveries();
        link.room = 100;
        flush(&mut outbox, &mut link, Pace::Free, Instant::now());
        assert_eq!(link.writes.concat(), "halfanswer");
    }

    #[test]
    fn a_nudge_is_not_a_frame() {
        let (mut outbox, mut link) = (Outbox::default(), Narrow { room: 100, writes: Vec::new() });
        outbox.nudge(frame("\n"));
        flush(&mut outbox, &mut link, Pace::Free, Instant::now());
        assert_eq!((outbox.last_frame(), &link.writes[..]), (None, &["\n".to_owned()][..]));
    }
}
