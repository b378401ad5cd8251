//! What counts as received, as a plain struct (`DELIVERY.md`, "a message leaves undelivered when").
//!
//! In a dialect without receipts a delivery counts when TCP has it acknowledged *and* the client said something
//! afterwards, or closed in order, or a while has passed. Places are gathered in two batches: `open` takes what is
//! written now, `waiting` is what the next word of the client may confirm. So this needs one place per conversation,
//! however many messages there are.
//! Never: lets a mark go backwards, or confirms what was not written.

use super::outbox::Packed;
use crate::store::Mark;
use smallvec::SmallVec;
use std::time::Duration;
use tokio::time::Instant;

/// The furthest place per conversation.
type Marks = SmallVec<[Mark; 1]>;

struct Batch {
    marks: Marks,
    /// The stream's length after the last of them, in bytes.
    end: u64,
    /// When the first of them was written.
    since: Instant,
    /// TCP has been seen to have it acknowledged.
    acknowledged: bool,
}

/// One session's deliveries that are not stored as received yet. Boxed away while there are none.
#[derive(Default)]
pub struct Receipts {
    inner: Option<Box<Inner>>,
}

#[derive(Default)]
struct Inner {
    open: Option<Batch>,
    waiting: Option<Batch>,
    confirmed: Marks,
    checked: Option<Instant>,
}

/// How often the system is asked what TCP has acknowledged, at the most.
const CHECK_EVERY: Duration = Duration::from_millis(50);

impl Receipts {
    /// A stored place is on its way.
    pub fn packed(&mut self, Packed { mark, end }: Packed, now: Instant) {
        let inner = self.inner.get_or_insert_default();
        let open =
            inner.open.get_or_insert_with(|| Batch { marks: Marks::new(), end, since: now, acknowledged: false });
        open.end = open.end.max(end);
        advance(&mut open.marks, mark);
    }

    /// The client said something. `acknowledged` tells how many bytes of the stream TCP has acknowledged.
    pub fn heard(&mut self, now: Instant, acknowledged: impl FnOnce() -> u64) {
        let Some(inner) = &mut self.inner else { return };
        if inner.waiting.as_ref().is_some_and(|waiting| waiting.acknowledged) {
            inner.confirm_waiting();
        }
        inner.check(now, acknowledged);
    }

    /// Time has passed; `patience` is what counts without a word. The same check as in [`Self::heard`].
    pub fn tick(&mut self, now: Instant, patience: Duration, acknowledged: impl FnOnce() -> u64) {
        let Some(inner) = &mut self.inner else { return };
        inner.check(now, acknowledged);
        if inner.waiting.as_ref().is_some_and(|waiting| waiting.acknowledged && now >= waiting.since + patience) {
            inner.confirm_waiting();
        }
    }

    /// The client has closed in order, or logged out: what TCP has acknowledged counts.
    pub fn ended(&mut self, acknowledged: u64) {
        let Some(inner) = &mut self.inner else { return };
        for batch in [inner.waiting.take(), inner.open.take()].into_iter().flatten() {
            if batch.acknowledged || batch.end <= acknowledged {
                batch.marks.into_iter().for_each(|mark| advance(&mut inner.confirmed, mark));
            }
        }
    }

    /// What counts as received and has not been stored yet.
    pub fn take_confirmed(&mut self) -> Vec<Mark> {
        let Some(inner) = &mut self.inner else { return Vec::new() };
        let confirmed = std::mem::take(&mut inner.confirmed).into_vec();
        if inner.open.is_none() && inner.waiting.is_none() {
            self.inner = None;
        }
        confirmed
    }

    /// When to look again: to store what is confirmed, or to see whether enough time has passed.
    #[must_use]
    pub fn due(&self, last: Instant, flush: Duration, patience: Duration) -> Option<Instant> {
        let inner = self.inner.as_ref()?;
        match &inner.waiting {
            _ if !inner.confirmed.is_empty() => Some(last + flush),
            Some(waiting) if waiting.acknowledged => Some(waiting.since + patience),
            _ => Some(last.max(inner.checked.unwrap_or(last)) + flush.max(CHECK_EVERY)),
        }
    }

    /// Whether anything waits, for the client or for the store.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.inner.is_none()
    }
}

impl Inner {
    fn check(&mut self, now: Instant, acknowledged: impl FnOnce() -> u64) {
        if self.waiting.is_none() {
            self.waiting = self.open.take();
        }
        let Some(waiting) = &mut self.waiting else { return };
        if !waiting.acknowledged && self.checked.is_none_or(|at| now >= at + CHECK_EVERY) {
            self.checked = Some(now);
            waiting.acknowledged = waiting.end <= acknowledged();
        }
    }

    fn confirm_waiting(&mut self) {
        if let Some(batch) = self.waiting.take() {
            batch.marks.into_iter().for_each(|mark| advance(&mut self.confirmed, mark));
        }
    }
}

fn advance(marks: &mut Marks, new: Mark) {
    for mark in marks.iter_mut() {
        match (&mut *mark, new) {
            (Mark::Inbox(old), Mark::Inbox(seq)) => {
                *old = seq.max(*old);
                return;
            }
            (Mark::Group(a, old), Mark::Group(b, seq)) if *a == b => {
                *old = seq.max(*old);
                return;
            }
            _ => {}
        }
    }
    marks.push(new);
}

#[cfg(test)]
mod tests {
    use super::*;
    use protocol::{GroupId, Seq};

    fn inbox(seq: u64) -> Mark {
        Mark::Inbox(Seq(seq))
    }

    fn packed(receipts: &mut Receipts, mark: Mark, end: u64, now: Instant) {
        receipts.packed(Packed { mark, end }, now);
    }

    const PATIENCE: Duration = Duration::from_secs(60);
    const LATER: Duration = Duration::from_millis(60);

    #[test]
    fn a_word_after_the_acknowledgement_confirms() {
        let (mut receipts, now) = (Receipts::default(), Instant::now());
        packed(&mut receipts, inbox(1), 100, now);
        receipts.heard(now, || 100);
        assert!(receipts.take_confirmed().is_empty(), "these bytes may have been sent before ours arrived");
        receipts.heard(now + LATER, || 100);
        assert_eq!(receipts.take_confirmed(), [inbox(1)]);
        assert!(receipts.is_empty());
    }

    #[test]
    fn what_tcp_has_not_acknowledged_is_not_received() {
        let (mut receipts, now) = (Receipts::default(), Instant::now());
        packed(&mut receipts, inbox(1), 100, now);
        for n in 0..10 {
            receipts.heard(now + LATER * n, || 99);
        }
        receipts.tick(now + PATIENCE * 10, PATIENCE, || 99);
        receipts.ended(99);
        assert!(receipts.take_confirmed().is_empty());
    }

    #[test]
    fn time_confirms_a_silent_client() {
        let (mut receipts, now) = (Receipts::default(), Instant::now());
        packed(&mut receipts, inbox(1), 100, now);
        receipts.tick(now + LATER, PATIENCE, || 100);
        assert!(receipts.take_confirmed().is_empty());
        receipts.tick(now + PATIENCE, PATIENCE, || 100);
        assert_eq!(receipts.take_confirmed(), [inbox(1)]);
    }

    #[test]
    fn what_came_later_waits_for_a_later_word() {
        let (mut receipts, now) = (Receipts::default(), Instant::now());
        packed(&mut receipts, inbox(1), 100, now);
        receipts.heard(now, || 100);
        packed(&mut receipts, inbox(2), 200, now);
        packed(&mut receipts, Mark::Group(GroupId(1), Seq(9)), 300, now);
        receipts.heard(now + LATER, || 300);
        assert_eq!(receipts.take_confirmed(), [inbox(1)]);
        receipts.heard(now + LATER * 2, || 300);
        receipts.heard(now + LATER * 3, || 300);
        assert_eq!(receipts.take_confirmed(), [inbox(2), Mark::Group(GroupId(1), Seq(9))]);
    }

    #[test]
    fn an_orderly_end_confirms_what_was_acknowledged() {
        let (mut receipts, now) = (Receipts::default(), Instant::now());
        packed(&mut receipts, inbox(1), 100, now);
        receipts.heard(now, || 100);
        packed(&mut receipts, inbox(2), 200, now);
        receipts.ended(150);
        assert_eq!(receipts.take_confirmed(), [inbox(1)]);
    }

    #[test]
    fn one_place_per_conversation_however_many_messages() {
        let (mut receipts, now) = (Receipts::default(), Instant::now());
        for n in 1..=1000 {
            packed(&mut receipts, inbox(n), n, now);
        }
        assert_eq!(receipts.inner.as_ref().unwrap().open.as_ref().unwrap().marks.len(), 1);
        receipts.ended(1000);
        assert_eq!(receipts.take_confirmed(), [inbox(1000)]);
    }
}
