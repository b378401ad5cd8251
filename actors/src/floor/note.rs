//! What is said to a session, and the tray through which it comes from other threads.
//! Owns: notes that wait. Never: loses one of a session that lives, or changes their order.

use super::Floor;
use crate::delivery::{Answer, Attached, Backlog, Deliver, MembershipChanged};
use futures::task::AtomicWaker;
use protocol::{ClosingReason, SessionId};
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::Waker;

/// Everything that anybody says to a session.
pub enum Note {
    /// An event.
    Deliver(Deliver),
    /// The answer to a question.
    Answer(Answer),
    /// A group has taken it in, or not.
    Attached(Box<Attached>),
    /// Its account came into a group, or went out.
    MembershipChanged(Box<MembershipChanged>),
    /// Part of a backlog.
    Backlog(Box<Backlog>),
    /// Close after one last word.
    Condemn(ClosingReason),
    /// The server stops.
    Drain,
}

impl From<Answer> for Note {
    fn from(answer: Answer) -> Self {
        Self::Answer(answer)
    }
}

impl From<Attached> for Note {
    fn from(attached: Attached) -> Self {
        Self::Attached(Box::new(attached))
    }
}

impl From<MembershipChanged> for Note {
    fn from(change: MembershipChanged) -> Self {
        Self::MembershipChanged(Box::new(change))
    }
}

impl From<Backlog> for Note {
    fn from(backlog: Backlog) -> Self {
        Self::Backlog(Box::new(backlog))
    }
}

/// Where a session lives: which thread's tray, and its seat there.
pub(crate) struct Place {
    pub(crate) tray: Arc<Tray>,
    pub(crate) seat: u32,
}

impl Place {
    /// Whether that is on this floor.
    pub(super) fn is_on(&self, floor: &Floor) -> bool {
        Arc::ptr_eq(&self.tray, &floor.tray)
    }
}

/// A note on its way to a session. Seats are used again: who sits there now may be somebody else.
pub(crate) struct Post {
    pub(crate) seat: u32,
    pub(crate) to: SessionId,
    pub(crate) note: Note,
}

/// The notes from other threads to the sessions of one. Its bound is each session's own: so many deliveries, and as many answers
/// as it has questions open.
pub(crate) struct Tray {
    notes: Mutex<VecDeque<Post>>,
    porter: AtomicWaker,
    most: usize,
}

impl Tray {
    pub(super) fn new(most: usize) -> Self {
        Self { notes: Mutex::default(), porter: AtomicWaker::new(), most }
    }

    /// Deliveries that may wait for one session.
    pub(crate) fn most(&self) -> usize {
        self.most
    }

    /// Adds one, and wakes the porter for the first.
    pub(crate) fn push(&self, post: Post) {
        let mut notes = self.notes.lock().unwrap_or_else(PoisonError::into_inner);
        let first = notes.is_empty();
        notes.push_back(post);
        drop(notes);
        if first {
            self.porter.wake();
        }
    }

    /// Swaps all that wait for an empty queue; `waker` hears of the next.
    pub(super) fn take(&self, empty: &mut VecDeque<Post>, waker: &Waker) {
        self.porter.register(waker);
        let mut notes = self.notes.lock().unwrap_or_else(PoisonError::into_inner);
        if !notes.is_empty() {
            std::mem::swap(&mut *notes, empty);
        }
    }
}
