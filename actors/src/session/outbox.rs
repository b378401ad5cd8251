//! What waits to be written, as a plain struct. Owns: the queue of frames, bounded in bytes; the pace at which a
//! client that takes one read for one frame is sent to; how far the stream has been written.
//! Never: allocates while it is empty, or copies a frame.

use super::link::Link;
use crate::floor::prefetch;
use crate::store::Mark;
use bytes::{Buf, Bytes};
use protocol::{Frame, Frames};
use std::cell::RefCell;
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

/// Entries that spare queues have room for at the most.
const SPARE: usize = 64;

/// Spare queues of a thread: as many sessions as are given something before they write, mostly.
const SPARES: usize = 512;

thread_local! {
    /// An idle session has no queues. Empty ones are handed from session to session instead of being made for each turn.
    #[allow(clippy::vec_box, reason = "they go from here to sessions and back as they are")]
    static QUEUES: RefCell<Vec<Box<Queues>>> = const { RefCell::new(Vec::new()) };
}

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

/// What only a session has that has something to write.
#[derive(Default)]
struct Queues {
    items: VecDeque<Item>,
    /// What the link made of the frames that are being written.
    pieces: VecDeque<Bytes>,
    /// Bytes of long answers among them: whoever asked for a long list is no slow consumer while it leaves.
    exempt: usize,
    /// Long answers that were handed to the link: where in the stream they end, and their bytes.
    leaving: VecDeque<(u64, usize)>,
}

impl Queues {
    fn is_empty(&self) -> bool {
        self.items.is_empty() && self.pieces.is_empty() && self.leaving.is_empty()
    }

    /// Hands them to whoever has something to write next on this thread, unless they have grown large.
    fn leave(self: Box<Self>) {
        if self.items.capacity().max(self.pieces.capacity()).max(self.leaving.capacity()) <= SPARE {
            QUEUES.with_borrow_mut(|spare| {
                if spare.len() < SPARES {
                    spare.push(self);
                }
            });
        }
    }
}

/// What only a session has whose link can be asked what the peer has.
#[derive(Default)]
struct Probing {
    /// The end of the last stored place that was handed to the link.
    marked: u64,
    /// Up to where the peer was asked, and up to where it has said yes.
    probed: u64,
    received: u64,
    /// The peer is to be asked even if nothing stored was sent: is it still there?
    wanted: bool,
    /// Since when the peer has been owing an answer.
    since: Option<Instant>,
    /// Bytes that the peer's system had not acknowledged when that was last looked at.
    unacknowledged: usize,
}

/// One session's queue towards its peer.
pub struct Outbox {
    queues: Option<Box<Queues>>,
    /// Bytes in it.
    queued: usize,
    /// Bytes handed to the link and written, since the connection began.
    packed_total: u64,
    written_total: u64,
    not_before: Option<Instant>,
    last_frame: Option<Instant>,
    /// What is being written is a frame without meaning.
    nudging: bool,
    probing: Option<Box<Probing>>,
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
    /// Fetches its queues, where it has any.
    pub(super) fn prefetch(&self) {
        self.queues.iter().for_each(|queues| prefetch(&**queues));
    }

    /// Empty. `can_probe` says whether the link can be asked what the peer has.
    #[must_use]
    pub fn new(can_probe: bool) -> Self {
        Self {
            queues: None,
            queued: 0,
            packed_total: 0,
            written_total: 0,
            not_before: None,
            last_frame: None,
            nudging: false,
            probing: can_probe.then(Box::default),
        }
    }

    fn queues(&mut self) -> &mut Queues {
        self.queues.get_or_insert_with(|| QUEUES.with_borrow_mut(Vec::pop).unwrap_or_default())
    }

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
        let item = |frame| Item { frame: Some(frame), mark: None, answer, long };
        let queues = self.queues();
        queues.exempt += if long { bytes } else { 0 };
        queues.items.extend(frames.into_iter().map(item));
        true
    }

    /// Adds an event, all of it; its mark belongs to the last of its frames. `false` as for an answer.
    #[must_use]
    pub fn push_event(&mut self, frames: &[Frame], mark: Option<Mark>, bound: usize) -> bool {
        if self.is_full(bound) {
            return false;
        }
        self.queued += frames.iter().map(|frame| frame.wire().len()).sum::<usize>();
        let items = &mut self.queues().items;
        for (at, frame) in frames.iter().enumerate() {
            let mark = mark.filter(|_| at + 1 == frames.len());
            items.push_back(Item { frame: Some(frame.clone()), mark, answer: false, long: false });
        }
        true
    }

    /// Adds a stored place with nothing to show for it: it counts with all that waits before it. Where nothing waits
    /// it has its place in the stream at once.
    #[must_use]
    pub fn push_mark(&mut self, mark: Mark) -> Option<Packed> {
        let Some(queues) = self.queues.as_mut().filter(|queues| !queues.items.is_empty()) else {
            if let Some(probing) = &mut self.probing {
                probing.marked = self.packed_total;
            }
            return Some(Packed { mark, end: self.packed_total });
        };
        // Of a row of them the furthest of each conversation will do.
        let silent = queues.items.iter_mut().rev().take_while(|item| item.frame.is_none());
        let same = silent.filter_map(|item| item.mark.as_mut()).find(|other| mark.is_of_the_same(other));
        match same {
            Some(other) => *other = mark,
            None => queues.items.push_back(Item { frame: None, mark: Some(mark), answer: false, long: false }),
        }
        None
    }

    fn is_full(&self, bound: usize) -> bool {
        self.queued.saturating_sub(self.exempt()) > bound
    }

    fn exempt(&self) -> usize {
        self.queues.as_ref().map_or(0, |queues| queues.exempt)
    }

    /// Adds a frame without meaning, which does not count as one: only where nothing else waits.
    pub fn nudge(&mut self, frame: Frame) {
        if self.is_empty() {
            self.queued += frame.wire().len();
            self.nudging = true;
            self.queues().items.push_back(Item { frame: Some(frame), mark: None, answer: false, long: false });
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
        self.queues.as_ref().is_none_or(|queues| queues.items.is_empty() && queues.pieces.is_empty())
    }

    /// Bytes written since the connection began.
    #[must_use]
    pub fn written(&self) -> u64 {
        self.written_total
    }

    /// Up to where the peer has said that it has everything.
    #[must_use]
    pub fn received(&self) -> u64 {
        self.probing.as_ref().map_or(0, |probing| probing.received)
    }

    /// Whether the peer was asked and has not answered.
    #[must_use]
    pub fn awaits_receipt(&self) -> bool {
        self.probing.as_ref().is_some_and(|probing| probing.probed > probing.received)
    }

    /// Since when the peer has been owing an answer to what it has.
    #[must_use]
    pub fn probed_since(&self) -> Option<Instant> {
        self.probing.as_ref()?.since
    }

    /// The question went out just now, with so many bytes before it that the peer's system has not acknowledged.
    pub fn asked(&mut self, now: Instant, unacknowledged: usize) {
        if let Some(probing) = &mut self.probing {
            (probing.since, probing.unacknowledged) = (Some(now), unacknowledged);
        }
    }

    /// The time for the answer that is awaited begins anew.
    pub fn postpone_receipt(&mut self, now: Instant) {
        if let Some(since) = self.probing.as_mut().and_then(|probing| probing.since.as_mut()) {
            *since = now;
        }
    }

    /// Whether the peer's system has acknowledged some of what it had not when this was last asked.
    pub fn is_getting_on(&mut self, unacknowledged: usize) -> bool {
        let Some(probing) = &mut self.probing else { return false };
        unacknowledged < std::mem::replace(&mut probing.unacknowledged, unacknowledged)
    }

    /// The peer has everything up to there. A place that it was not asked about means nothing. `false` for those.
    pub fn peer_has(&mut self, place: u64) -> bool {
        let Some(probing) = self.probing.as_mut().filter(|probing| probing.probed > probing.received) else {
            return false;
        };
        let asked = place == probing.probed;
        if asked {
            (probing.received, probing.since) = (place, None);
        }
        asked
    }

    /// Asks the peer at the next flush whether it is there.
    pub fn want_probe(&mut self) {
        if let Some(probing) = &mut self.probing {
            probing.wanted = true;
        }
    }

    /// Forgets what was delivered to the account and has not begun to be written: after a logout nothing more of it
    /// is shown.
    pub fn forget_deliveries(&mut self) {
        let Some(queues) = &mut self.queues else { return };
        queues.items.retain(|item| item.answer);
        // A frame without meaning is forgotten with the rest, unless it is being written.
        self.nudging &= !queues.pieces.is_empty();
        self.queued =
            queues.items.iter().map(Item::bytes).sum::<usize>() + queues.pieces.iter().map(Bytes::len).sum::<usize>();
        let long = queues.items.iter().filter(|item| item.long).map(Item::bytes);
        queues.exempt = long.chain(queues.leaving.iter().map(|(_, bytes)| *bytes)).sum();
    }

    /// When the next frame may go, where one waits only for that.
    #[must_use]
    pub fn wakes_at(&self) -> Option<Instant> {
        let queues = self.queues.as_ref()?;
        if queues.pieces.is_empty() && !queues.items.is_empty() { self.not_before } else { None }
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
            let Some(queues) = self.queues.as_ref().filter(|queues| !queues.pieces.is_empty()) else {
                self.give_back();
                return Ok(());
            };
            match write(&queues.pieces, link, cx) {
                Poll::Pending => return Ok(()),
                Poll::Ready(Err(error)) => return Err(error),
                Poll::Ready(Ok(0)) => return Err(io::ErrorKind::WriteZero.into()),
                Poll::Ready(Ok(n)) => self.wrote(n, pace, now),
            }
        }
    }

    fn pack(&mut self, link: &dyn Link, pace: Pace, now: Instant, packed: &mut impl FnMut(Packed)) {
        let Some(queues) = &mut self.queues else { return };
        let most = match pace {
            Pace::Free => GATHER,
            Pace::Gap(_) if self.not_before.is_some_and(|at| now < at) => return,
            Pace::Gap(_) => 1,
        };
        while queues.pieces.len() < most {
            let Some(item) = queues.items.pop_front() else { return };
            let bytes = item.bytes();
            if let Some(frame) = item.frame {
                let already = queues.pieces.len();
                link.pack_whole(frame, &mut queues.pieces);
                let added = queues.pieces.iter().skip(already).map(Bytes::len).sum::<usize>();
                self.queued = self.queued - bytes + added;
                self.packed_total += u64::try_from(added).unwrap_or(0);
            }
            if item.long {
                queues.leaving.push_back((self.packed_total, bytes));
            }
            if let Some(mark) = item.mark {
                if let Some(probing) = &mut self.probing {
                    probing.marked = self.packed_total;
                }
                packed(Packed { mark, end: self.packed_total });
            }
        }
    }

    /// Behind everything that waits (or a good part of it), asks the peer what it has, where something stored went out
    /// since it was last asked. One question at a time, so that a busy connection has one per round trip and not one per message.
    fn probe(&mut self, link: &dyn Link) {
        let Some(probing) = &mut self.probing else { return };
        let due = probing.wanted || probing.marked > probing.probed;
        let waits = self.queues.as_ref().is_some_and(|queues| !queues.items.is_empty());
        let busy = waits && self.packed_total < probing.probed + PROBE_EVERY;
        if !due || busy || probing.probed > probing.received || !link.can_probe() {
            return;
        }
        // Never twice the same place: it would look answered.
        let place = self.packed_total.max(probing.probed + 1);
        if let Some(piece) = link.probe(place) {
            probing.wanted = false;
            probing.probed = place;
            self.queued += piece.len();
            self.packed_total += u64::try_from(piece.len()).unwrap_or(0);
            self.queues().pieces.push_back(piece);
        }
    }

    fn wrote(&mut self, mut n: usize, pace: Pace, now: Instant) {
        let Some(queues) = &mut self.queues else { return };
        self.queued -= n;
        self.written_total += u64::try_from(n).unwrap_or(0);
        while let Some((end, bytes)) = queues.leaving.front()
            && *end <= self.written_total
        {
            queues.exempt = queues.exempt.saturating_sub(*bytes);
            queues.leaving.pop_front();
        }
        while let Some(piece) = queues.pieces.front_mut() {
            if n < piece.len() {
                piece.advance(n);
                break;
            }
            n -= piece.len();
            queues.pieces.pop_front();
        }
        if queues.pieces.is_empty() {
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
        if let Some(queues) = self.queues.take_if(|queues| queues.is_empty()) {
            queues.leave();
        }
    }
}

fn write(pieces: &VecDeque<Bytes>, link: &mut dyn Link, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
    if let (1, Some(piece)) = (pieces.len(), pieces.front()) {
        // Mostly: without a list of sixty-four to fill.
        return link.poll_write(cx, &[IoSlice::new(piece)]);
    }
    let mut slices = [IoSlice::new(&[]); GATHER];
    let mut count = 0;
    for (slice, piece) in slices.iter_mut().zip(pieces) {
        *slice = IoSlice::new(piece);
        count += 1;
    }
    link.poll_write(cx, &slices[..count])
}

#[cfg(test)]
#[path = "outbox_tests.rs"]
mod tests;
