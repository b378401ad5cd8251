//! What waits to be written, as a plain struct. Owns: the queue of frames, bounded in bytes; the pace at which a
//! client that takes one read for one frame is sent to; how far the stream has been written.
//! Never: allocates while it is empty, or copies a frame.

use super::link::Link;
use crate::store::Mark;
use bytes::{Buf, Bytes};
use protocol::{Frame, Frames};
use std::collections::VecDeque;
use std::io::{self, IoSlice};
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::time::Instant;

/// Bytes after which the peer is asked what it has although more waits.
const PROBE_EVERY: u64 = 64 * 1024;

/// Pieces that one write gathers.
const GATHER: usize = 64;

/// Bytes from which on an answer is a long one.
const LONG: usize = 16 * 1024;

struct Item {
    /// None where only a mark has its place here.
    frame: Option<Frame>,
    mark: Option<Mark>,
    /// An answer stays when the account logs out; what was delivered to the account does not.
    answer: bool,
    /// Part of a long answer, which does not count against the bound.
    long: bool,
}

impl Item {
    fn bytes(&self) -> usize {
        self.frame.as_ref().map_or(0, |frame| frame.wire().len())
    }
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
    /// How many of them are of long answers: whoever asked for a long list is no slow consumer while it leaves.
    exempt: usize,
    /// Long answers that were handed to the link: where in the stream they end, and their bytes.
    #[allow(clippy::box_collection, reason = "most sessions never send a long answer, and are many")]
    leaving: Option<Box<VecDeque<(u64, usize)>>>,
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
    /// Adds an answer, all of it. `false` where `bound` bytes wait already: the peer is a slow consumer. The answer
    /// itself may be longer than the bound, so that a long list can be sent at all; there is one such at a time, since
    /// nothing is taken up while much waits.
    #[must_use]
    pub fn push_answer(&mut self, frames: Frames, bound: usize) -> bool {
        self.push_all(frames, true, bound)
    }

    /// Adds what belongs to an answer but not to whoever is behind the connection next. May be long, too.
    #[must_use]
    pub fn push_news(&mut self, frames: Frames, bound: usize) -> bool {
        self.push_all(frames, false, bound)
    }

    fn push_all(&mut self, frames: Frames, answer: bool, bound: usize) -> bool {
        if self.is_full(bound) {
            return false;
        }
        let bytes: usize = frames.iter().map(|frame| frame.wire().len()).sum();
        let long = bytes >= LONG;
        self.queued += bytes;
        self.exempt += if long { bytes } else { 0 };
        let item = |frame| Item { frame: Some(frame), mark: None, answer, long };
        self.items.extend(frames.into_iter().map(item));
        true
    }

    /// Adds an event, all of it; its mark belongs to the last of its frames. `false` as for an answer.
    #[must_use]
    pub fn push_event(&mut self, frames: &[Frame], mark: Option<Mark>, bound: usize) -> bool {
        if self.is_full(bound) {
            return false;
        }
        for (at, frame) in frames.iter().enumerate() {
            let mark = mark.filter(|_| at + 1 == frames.len());
            self.queued += frame.wire().len();
            self.items.push_back(Item { frame: Some(frame.clone()), mark, answer: false, long: false });
        }
        true
    }

    /// Adds a stored place with nothing to show for it: it counts with all that waits before it. Where nothing waits
    /// it has its place in the stream at once.
    #[must_use]
    pub fn push_mark(&mut self, mark: Mark) -> Option<Packed> {
        if self.items.is_empty() {
            self.marked = self.packed_total;
            return Some(Packed { mark, end: self.packed_total });
        }
        // Of a row of them the furthest of each conversation will do.
        let silent = self.items.iter_mut().rev().take_while(|item| item.frame.is_none());
        let same = silent.filter_map(|item| item.mark.as_mut()).find(|other| mark.is_of_the_same(other));
        match same {
            Some(other) => *other = mark,
            None => self.items.push_back(Item { frame: None, mark: Some(mark), answer: false, long: false }),
        }
        None
    }

    fn is_full(&self, bound: usize) -> bool {
        self.queued.saturating_sub(self.exempt) > bound
    }

    /// Adds a frame without meaning, which does not count as one: only where nothing else waits.
    pub fn nudge(&mut self, frame: Frame) {
        if self.is_empty() {
            self.queued += frame.wire().len();
            self.nudging = true;
            self.items.push_back(Item { frame: Some(frame), mark: None, answer: false, long: false });
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
        self.queued =
            self.items.iter().map(Item::bytes).sum::<usize>() + self.pieces.iter().map(Bytes::len).sum::<usize>();
        let long = self.items.iter().filter(|item| item.long).map(Item::bytes);
        self.exempt = long.chain(self.leaving.iter().flat_map(|leaving| leaving.iter()).map(|(_, bytes)| *bytes)).sum();
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
            match self.write(link, cx) {
                Poll::Pending => return Ok(()),
                Poll::Ready(Err(error)) => return Err(error),
                Poll::Ready(Ok(0)) => return Err(io::ErrorKind::WriteZero.into()),
                Poll::Ready(Ok(n)) => self.wrote(n, pace, now),
            }
        }
    }

    fn write(&self, link: &mut dyn Link, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        if let (1, Some(piece)) = (self.pieces.len(), self.pieces.front()) {
            // Mostly: without a list of sixty-four to fill.
            return link.poll_write(cx, &[IoSlice::new(piece)]);
        }
        let mut slices = [IoSlice::new(&[]); GATHER];
        let mut count = 0;
        for (slice, piece) in slices.iter_mut().zip(&self.pieces) {
            *slice = IoSlice::new(piece);
            count += 1;
        }
        link.poll_write(cx, &slices[..count])
    }

    fn pack(&mut self, link: &dyn Link, pace: Pace, now: Instant, packed: &mut impl FnMut(Packed)) {
        let most = match pace {
            Pace::Free => GATHER,
            Pace::Gap(_) if self.not_before.is_some_and(|at| now < at) => return,
            Pace::Gap(_) => 1,
        };
        while self.pieces.len() < most {
            let Some(item) = self.items.pop_front() else { return };
            let bytes = item.bytes();
            if let Some(frame) = item.frame {
                let already = self.pieces.len();
                link.pack_whole(frame, &mut self.pieces);
                let added = self.pieces.iter().skip(already).map(Bytes::len).sum::<usize>();
                self.queued = self.queued - bytes + added;
                self.packed_total += u64::try_from(added).unwrap_or(0);
            }
            if item.long {
                self.leaving.get_or_insert_default().push_back((self.packed_total, bytes));
            }
            if let Some(mark) = item.mark {
                self.marked = self.packed_total;
                packed(Packed { mark, end: self.packed_total });
            }
        }
    }

    /// Behind everything that waits (or a good part of it), asks the peer what it has, where something stored went out
    /// since it was last asked. One question at a time, so that a busy connection has one per round trip and not one per message.
    fn probe(&mut self, link: &dyn Link) {
        let due = self.probe_wanted || self.marked > self.probed;
        let busy = !self.items.is_empty() && self.packed_total < self.probed + PROBE_EVERY;
        if !due || busy || self.awaits_receipt() || !link.can_probe() {
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
        while let Some(leaving) = &mut self.leaving
            && let Some((end, bytes)) = leaving.front()
            && *end <= self.written_total
        {
            self.exempt = self.exempt.saturating_sub(*bytes);
            leaving.pop_front();
        }
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
        self.leaving.take_if(|leaving| leaving.is_empty());
    }
}

#[cfg(test)]
#[path = "outbox_tests.rs"]
mod tests;
