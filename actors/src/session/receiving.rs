//! What counts as received, in whatever way a session's dialect has it: two habits behind one face.
//! Owns: which of the two it is. Never: mixes them.

use super::feeds::Feeds;
use super::outbox::Packed;
use super::receipts::Receipts;
use super::window::{Ack, Next, Window};
use protocol::Mark;
use std::time::Duration;
use tokio::time::Instant;

/// How it is known what a client has.
pub(super) enum Receiving {
    /// By what its system and its next words tell.
    Told(Receipts),
    /// By its own word for each, and nothing else.
    Acknowledged(Window),
}

impl Receiving {
    pub(super) fn new(acknowledges: bool) -> Self {
        match acknowledges {
            true => Self::Acknowledged(Window::default()),
            false => Self::Told(Receipts::default()),
        }
    }

    /// Fetches what it keeps elsewhere.
    pub(super) fn prefetch(&self) {
        if let Self::Told(receipts) = self {
            receipts.prefetch();
        }
    }

    /// What is known without the client's word, where that counts.
    pub(super) fn told(&mut self) -> Option<&mut Receipts> {
        match self {
            Self::Told(receipts) => Some(receipts),
            Self::Acknowledged(_) => None,
        }
    }

    /// What waits for the client's word, where that is what counts.
    pub(super) fn window(&mut self) -> Option<&mut Window> {
        match self {
            Self::Told(_) => None,
            Self::Acknowledged(window) => Some(window),
        }
    }

    /// Whether anything is not stored as received.
    pub(super) fn waits(&self) -> bool {
        match self {
            Self::Told(receipts) => !receipts.is_empty(),
            Self::Acknowledged(window) => !window.is_empty(),
        }
    }

    pub(super) fn next(&self, mark: Mark, size: usize) -> Next {
        match self {
            Self::Told(_) => Next::Show,
            Self::Acknowledged(window) => window.next(mark, size),
        }
    }

    /// How many rows of a line's backlog may be read now.
    pub(super) fn room(&self, line: Mark, size: usize) -> usize {
        match self {
            Self::Told(_) => usize::MAX,
            Self::Acknowledged(window) => window.room(line, size),
        }
    }

    /// How many places may still be added to those that wait.
    pub(super) fn free(&self, size: usize) -> usize {
        match self {
            Self::Told(_) => usize::MAX,
            Self::Acknowledged(window) => size.saturating_sub(window.len()),
        }
    }

    /// Whether there is room for the next row of a backlog; takes from what is `free` for those that are not known.
    pub(super) fn takes(&self, mark: Mark, free: &mut usize) -> bool {
        let Self::Acknowledged(window) = self else { return true };
        if window.knows(mark) {
            return true;
        }
        let room = *free > 0;
        *free = free.saturating_sub(1);
        room
    }

    /// A stored place was handed to the link.
    pub(super) fn packed(&mut self, packed: Packed, now: Instant) {
        match self {
            Self::Told(receipts) => receipts.packed(packed, now),
            Self::Acknowledged(window) => window.packed(packed, now),
        }
    }

    /// The client's word for one place.
    pub(super) fn acknowledge(&mut self, mark: Mark, feeds: &mut Feeds) -> Ack {
        self.window().map_or(Ack::Unknown, |window| window.acknowledge(mark, feeds))
    }

    /// When lines are to be sent again, where that is done.
    pub(super) fn overdue_at(&self, patience: Duration) -> Option<Instant> {
        match self {
            Self::Told(_) => None,
            Self::Acknowledged(window) => window.overdue_at(patience),
        }
    }

    pub(super) fn take_confirmed(&mut self) -> Vec<Mark> {
        match self {
            Self::Told(receipts) => receipts.take_confirmed(),
            Self::Acknowledged(window) => window.take_confirmed(),
        }
    }
}
