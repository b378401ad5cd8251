//! Answers in the order of the questions, as a plain struct. Owns: one slot per open question.
//!
//! The dialects without request ids promise that answers come in order. Messages may be sent ahead of their answers;
//! everything else waits until it is alone, so that it sees what came before it.

use crate::delivery::Ticket;
use protocol::{Frames, RequestId, Verb};
use std::collections::VecDeque;
use tokio::time::Instant;

/// An open question.
pub struct Slot {
    /// The client's number for it.
    pub request: RequestId,
    /// What was asked.
    pub verb: Verb,
    /// Whom it was about, as the client wrote it.
    pub about: Option<Box<str>>,
    /// When.
    pub asked: Instant,
    done: Option<Frames>,
}

/// All open questions of one session, at most `window` of them.
#[derive(Default)]
pub struct Answers {
    /// The ticket of the first slot.
    first: u32,
    /// Given back while it is empty: a session that only listens has no open question.
    slots: VecDeque<Slot>,
}

impl Answers {
    /// Opens a question.
    pub fn open(&mut self, request: RequestId, verb: Verb, about: Option<Box<str>>, now: Instant) -> Ticket {
        let place = u32::try_from(self.slots.len()).unwrap_or(u32::MAX);
        if self.slots.capacity() == 0 {
            self.slots.reserve_exact(1);
        }
        self.slots.push_back(Slot { request, verb, about, asked: now, done: None });
        Ticket(self.first.wrapping_add(place))
    }

    /// The question of that ticket, if it is still open.
    #[must_use]
    pub fn slot(&self, ticket: Ticket) -> Option<&Slot> {
        self.slots.get(self.place(ticket)?).filter(|slot| slot.done.is_none())
    }

    /// Answers a question. An answer to a question that is not open (any more) is dropped.
    pub fn close(&mut self, ticket: Ticket, frames: Frames) {
        if let Some(place) = self.place(ticket)
            && let Some(slot) = self.slots.get_mut(place)
        {
            slot.done.get_or_insert(frames);
        }
    }

    /// The next answer that may be sent: all before it have been.
    pub fn next_ready(&mut self) -> Option<Frames> {
        let frames = self.slots.front_mut()?.done.take()?;
        self.slots.pop_front();
        if self.slots.is_empty() {
            self.slots = VecDeque::new();
        }
        self.first = self.first.wrapping_add(1);
        Some(frames)
    }

    /// How many questions are open.
    #[must_use]
    pub fn len(&self) -> usize {
        self.slots.len()
    }

    /// Whether none is open.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.slots.is_empty()
    }

    /// Whether all open questions are messages, which need not wait for each other.
    #[must_use]
    pub fn only_messages(&self) -> bool {
        self.slots.iter().all(|slot| is_message(slot.verb))
    }

    /// When the oldest open question was asked.
    #[must_use]
    pub fn oldest(&self) -> Option<Instant> {
        self.slots.front().map(|slot| slot.asked)
    }

    fn place(&self, ticket: Ticket) -> Option<usize> {
        let place = usize::try_from(ticket.0.wrapping_sub(self.first)).ok()?;
        (place < self.slots.len()).then_some(place)
    }
}

/// Whether this may be sent ahead of the answers to others of its kind.
#[must_use]
pub(super) fn is_message(verb: Verb) -> bool {
    matches!(verb, Verb::SendPrivate | Verb::Post)
}

#[cfg(test)]
mod tests {
    use super::*;
    use protocol::Frame;

    fn frames(text: &'static str) -> Frames {
        Frames::from_buf([Frame::new(text.into(), 0, 0)])
    }

    fn open(answers: &mut Answers) -> Ticket {
        answers.open(RequestId(0), Verb::SendPrivate, None, Instant::now())
    }

    #[test]
    fn answers_come_in_the_order_of_the_questions() {
        let mut answers = Answers::default();
        let (a, b, c) = (open(&mut answers), open(&mut answers), open(&mut answers));
        answers.close(c, frames("c"));
        answers.close(b, frames("b"));
        assert!(answers.next_ready().is_none());
        answers.close(a, frames("a"));
        assert_eq!(answers.next_ready(), Some(frames("a")));
        assert_eq!(answers.next_ready(), Some(frames("b")));
        assert_eq!(answers.next_ready(), Some(frames("c")));
        assert!(answers.is_empty());
    }

    #[test]
    fn late_and_double_answers_are_dropped() {
        let mut answers = Answers::default();
        let a = open(&mut answers);
        answers.close(a, frames("first"));
        answers.close(a, frames("second"));
        assert_eq!(answers.next_ready(), Some(frames("first")));
        answers.close(a, frames("late"));
        let b = open(&mut answers);
        assert!(answers.next_ready().is_none());
        answers.close(Ticket(b.0.wrapping_add(7)), frames("never asked"));
        assert_eq!(answers.len(), 1);
    }

    #[test]
    fn tickets_survive_wrapping_round() {
        let mut answers = Answers { first: u32::MAX, ..Answers::default() };
        let (a, b) = (open(&mut answers), open(&mut answers));
        assert_eq!((a, b), (Ticket(u32::MAX), Ticket(0)));
        answers.close(b, frames("b"));
        answers.close(a, frames("a"));
        assert_eq!(answers.next_ready(), Some(frames("a")));
        assert_eq!(answers.next_ready(), Some(frames("b")));
    }
}
