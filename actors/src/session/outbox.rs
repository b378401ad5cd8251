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

    /// Forgets what was delivered to the account and has not begun to be written: after a logout nothing more of it
    /// is shown.
    pub fn forget_deliveries(&mut self) {
        self.items.retain(|item| item.answer);
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
                packed(Packed { mark, end: self.packed_total });
            }
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
