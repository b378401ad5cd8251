//! What counts as received, as a plain struct (`DELIVERY.md`, "a message leaves undelivered when").
//!
//! In a dialect without receipts a delivery counts when TCP has it acknowledged *and* the client said something
//! afterwards, or closed in order, or a while has passed. Places are gathered in a few batches, oldest first; a batch
//! that has been seen acknowledged takes no more, and the client's next word confirms it. So this needs a few places
//! per conversation, however many messages there are.
//!
//! Where the peer can be asked what it has, only its answer counts: what lies before the question is sealed into its
//! batches, and the answer confirms those ([`Receipts::seal`], [`Receipts::received`]).
//! Never: lets a mark go backwards, or confirms what was not written.

use super::outbox::Packed;
use crate::floor::prefetch;
use crate::store::Mark;
use smallvec::SmallVec;
use std::collections::VecDeque;
use std::time::Duration;
use tokio::time::Instant;

/// The furthest place per conversation.
type Marks = SmallVec<[Mark; 1]>;

struct Batch {
    marks: Marks,
    /// The stream's length after the last of them, in bytes.
    end: u64,
    /// When the first and the last of them were written.
    first: Instant,
    last: Instant,
    /// TCP has been seen to have it acknowledged.
    acknowledged: bool,
    /// The peer was asked about it, and it takes no more.
    sealed: bool,
}

/// One session's deliveries that are not stored as received yet. Boxed away while there are none.
#[derive(Default)]
pub struct Receipts {
    inner: Option<Box<Inner>>,
}

#[derive(Default)]
struct Inner {
    batches: VecDeque<Batch>,
    confirmed: Marks,
    checked: Option<Instant>,
}

/// How often the system is asked what TCP has acknowledged, at the most: a few times for each time that what came of it is stored.
fn check_every(flush: Duration) -> Duration {
    (flush / 4).clamp(Duration::from_millis(50), Duration::from_secs(1))
}

/// How much time one batch covers.
const SPAN: Duration = Duration::from_secs(5);
/// How many batches there are at the most; beyond it the two oldest become one.
const BATCHES: usize = 32;

impl Receipts {
    /// Fetches what it keeps elsewhere.
    pub(super) fn prefetch(&self) {
        self.inner.iter().for_each(|inner| prefetch(&**inner));
    }

    /// A stored place is on its way.
    pub fn packed(&mut self, Packed { mark, end }: Packed, now: Instant) {
        let inner = self.inner.get_or_insert_default();
        match inner.batches.back_mut() {
            Some(batch) if !batch.acknowledged && !batch.sealed && now < batch.first + SPAN => {
                batch.end = batch.end.max(end);
                batch.last = now;
                advance(&mut batch.marks, mark);
            }
            _ => {
                let marks = Marks::from_buf([mark]);
                let batch = Batch { marks, end, first: now, last: now, acknowledged: false, sealed: false };
                inner.batches.push_back(batch);
                if inner.batches.len() > BATCHES {
                    inner.join(0);
                }
            }
        }
    }

    /// The client said something. `flush` is how often marks are stored, `acknowledged` tells how many bytes of the stream TCP
    /// has acknowledged.
    pub fn heard(&mut self, now: Instant, flush: Duration, acknowledged: impl FnOnce() -> u64) {
        let Some(inner) = &mut self.inner else { return };
        inner.confirm_while(|batch| batch.acknowledged);
        inner.check(now, flush, acknowledged);
    }

    /// Time has passed; `patience` is what counts without a word. The same check as in [`Self::heard`].
    pub fn tick(&mut self, now: Instant, flush: Duration, patience: Duration, acknowledged: impl FnOnce() -> u64) {
        let Some(inner) = &mut self.inner else { return };
        inner.check(now, flush, acknowledged);
        inner.confirm_while(|batch| batch.acknowledged && now >= batch.last + patience);
    }

    /// The client has closed in order, or logged out: what TCP has acknowledged counts, or what the peer has said it has.
    pub fn ended(&mut self, acknowledged: u64) {
        let Some(inner) = &mut self.inner else { return };
        inner.confirm_while(|batch| batch.acknowledged || batch.end <= acknowledged);
        inner.batches.clear();
    }

    /// The peer was asked what it has: what comes later waits for a later answer.
    pub fn seal(&mut self) {
        for batch in self.inner.iter_mut().flat_map(|inner| &mut inner.batches) {
            batch.sealed = true;
        }
    }

    /// The peer says that it has everything up to there.
    pub fn received(&mut self, place: u64) {
        if let Some(inner) = &mut self.inner {
            inner.confirm_while(|batch| batch.end <= place);
        }
    }

    /// What counts as received and has not been stored yet.
    pub fn take_confirmed(&mut self) -> Vec<Mark> {
        let Some(inner) = &mut self.inner else { return Vec::new() };
        let confirmed = std::mem::take(&mut inner.confirmed).into_vec();
        if inner.batches.is_empty() {
            self.inner = None;
        }
        confirmed
    }

    /// When to look again: to store what is confirmed, or to see whether enough time has passed.
    #[must_use]
    pub fn due(&self, last: Instant, flush: Duration, patience: Duration) -> Option<Instant> {
        let inner = self.inner.as_ref()?;
        match inner.batches.front() {
            _ if !inner.confirmed.is_empty() => Some(last + flush),
            Some(oldest) if oldest.acknowledged => Some(oldest.last + patience),
            _ => Some(last.max(inner.checked.unwrap_or(last)) + flush.max(check_every(flush))),
        }
    }

    /// The same, where only the peer's word counts: time brings nothing.
    #[must_use]
    pub fn due_to_store(&self, last: Instant, flush: Duration) -> Option<Instant> {
        self.inner.as_ref().filter(|inner| !inner.confirmed.is_empty()).map(|_| last + flush)
    }

    /// Whether anything waits, for the client or for the store.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.inner.is_none()
    }
}

impl Inner {
    fn check(&mut self, now: Instant, flush: Duration, acknowledged: impl FnOnce() -> u64) {
        let open = self.batches.back().is_some_and(|batch| !batch.acknowledged);
        if open && self.checked.is_none_or(|at| now >= at + check_every(flush)) {
            self.checked = Some(now);
            let acknowledged = acknowledged();
            for batch in &mut self.batches {
                batch.acknowledged = batch.end <= acknowledged;
            }
            self.join_neighbours();
        }
    }

    /// Acknowledged batches that lie together in one span become one.
    fn join_neighbours(&mut self) {
        let mut at = 0;
        while at + 1 < self.batches.len() {
            let (this, next) = (&self.batches[at], &self.batches[at + 1]);
            if this.acknowledged && next.acknowledged && next.last <= this.first + SPAN {
                self.join(at);
            } else {
                at += 1;
            }
        }
    }

    /// Makes the batch at that place and the one after it one.
    fn join(&mut self, at: usize) {
        if let Some(older) = self.batches.remove(at)
            && let Some(next) = self.batches.get_mut(at)
        {
            next.first = older.first;
            older.marks.into_iter().for_each(|mark| advance(&mut next.marks, mark));
        }
    }

    fn confirm_while(&mut self, is_received: impl Fn(&Batch) -> bool) {
        while self.batches.front().is_some_and(&is_received)
            && let Some(batch) = self.batches.pop_front()
        {
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
    const FLUSH: Duration = Duration::from_secs(2);
    const LATER: Duration = Duration::from_millis(500);

    #[test]
    fn a_word_after_the_acknowledgement_confirms() {
        let (mut receipts, now) = (Receipts::default(), Instant::now());
        packed(&mut receipts, inbox(1), 100, now);
        receipts.heard(now, FLUSH, || 100);
        assert!(receipts.take_confirmed().is_empty(), "these bytes may have been sent before ours arrived");
        receipts.heard(now + LATER, FLUSH, || 100);
        assert_eq!(receipts.take_confirmed(), [inbox(1)]);
        assert!(receipts.is_empty());
    }

    #[test]
    fn the_system_is_asked_a_few_times_for_each_time_that_marks_are_stored() {
        let (mut receipts, now) = (Receipts::default(), Instant::now());
        let mut asked = 0;
        for n in 0..100 {
            // At 5 ms and later, each 100 ms.
            packed(&mut receipts, inbox(n), n, now);
            let now = now + Duration::from_millis(5 + 100 * n);
            receipts.heard(now, FLUSH, || {
                asked += 1;
                0
            });
        }
        assert_eq!(asked, 20);
        assert_eq!(
            [1, 100, 1_000, 60_000].map(Duration::from_millis).map(check_every),
            [50, 50, 250, 1_000].map(Duration::from_millis)
        );
    }

    #[test]
    fn what_tcp_has_not_acknowledged_is_not_received() {
        let (mut receipts, now) = (Receipts::default(), Instant::now());
        packed(&mut receipts, inbox(1), 100, now);
        for n in 0..10 {
            receipts.heard(now + LATER * n, FLUSH, || 99);
        }
        receipts.tick(now + PATIENCE * 10, FLUSH, PATIENCE, || 99);
        receipts.ended(99);
        assert!(receipts.take_confirmed().is_empty());
    }

    #[test]
    fn time_confirms_a_silent_client() {
        let (mut receipts, now) = (Receipts::default(), Instant::now());
        packed(&mut receipts, inbox(1), 100, now);
        receipts.tick(now + LATER, FLUSH, PATIENCE, || 100);
        assert!(receipts.take_confirmed().is_empty());
        receipts.tick(now + PATIENCE, FLUSH, PATIENCE, || 100);
        assert_eq!(receipts.take_confirmed(), [inbox(1)]);
    }

    #[test]
    fn what_came_later_waits_for_a_later_word() {
        let (mut receipts, now) = (Receipts::default(), Instant::now());
        packed(&mut receipts, inbox(1), 100, now);
        receipts.heard(now, FLUSH, || 100);
        packed(&mut receipts, inbox(2), 200, now);
        packed(&mut receipts, Mark::Group(GroupId(1), Seq(9)), 300, now);
        receipts.heard(now + LATER, FLUSH, || 300);
        assert_eq!(receipts.take_confirmed(), [inbox(1)]);
        receipts.heard(now + LATER * 2, FLUSH, || 300);
        receipts.heard(now + LATER * 3, FLUSH, || 300);
        assert_eq!(receipts.take_confirmed(), [inbox(2), Mark::Group(GroupId(1), Seq(9))]);
    }

    #[test]
    fn an_orderly_end_confirms_what_was_acknowledged() {
        let (mut receipts, now) = (Receipts::default(), Instant::now());
        packed(&mut receipts, inbox(1), 100, now);
        receipts.heard(now, FLUSH, || 100);
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
        assert_eq!(receipts.inner.as_ref().unwrap().batches[0].marks.len(), 1);
        receipts.ended(1000);
        assert_eq!(receipts.take_confirmed(), [inbox(1000)]);
    }

    #[test]
    fn an_end_confirms_the_part_that_was_acknowledged() {
        let (mut receipts, now) = (Receipts::default(), Instant::now());
        for n in 1..=100 {
            packed(&mut receipts, inbox(n), n * 100, now + SPAN * u32::try_from(n).unwrap());
        }
        assert_eq!(receipts.inner.as_ref().unwrap().batches.len(), BATCHES);
        receipts.ended(9_950);
        assert_eq!(receipts.take_confirmed(), [inbox(99)]);
    }

    #[test]
    fn a_flood_to_a_silent_client_is_confirmed_as_it_ages() {
        let (mut receipts, now) = (Receipts::default(), Instant::now());
        let second = Duration::from_secs(1);
        for n in 1..=200 {
            let now = now + second * u32::try_from(n).unwrap();
            packed(&mut receipts, inbox(n), n, now);
            receipts.tick(now, FLUSH, PATIENCE, || n);
        }
        let [Mark::Inbox(seq)] = receipts.take_confirmed()[..] else { panic!("one place") };
        assert!((130..=140).contains(&seq.0), "{seq}: what is older than the patience");
    }
}
