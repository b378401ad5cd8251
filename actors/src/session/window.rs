//! What waits for the client's receipt, as a plain struct (`DELIVERY.md`, "a message leaves undelivered when").
//!
//! In a dialect whose clients acknowledge, nothing but their word counts. A place that was shown is in the window until
//! it is acknowledged; a full window takes no more. The cursor of a line moves over what is acknowledged without a gap;
//! what is acknowledged behind a gap is noted, and skipped when the line is sent again.
//! Never: lets a cursor skip anything, has two copies of a place on their way, or keeps memory while nothing waits.

use super::feeds::Feeds;
use super::outbox::Packed;
use protocol::{Mark, Seq};
use smallvec::SmallVec;
use std::collections::VecDeque;
use std::time::Duration;
use tokio::time::Instant;

/// Where one place is on its way to being received.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum State {
    /// In the outbox.
    Shown,
    /// Written, then.
    Written(Instant),
    /// Not acknowledged in time: it is shown again when the feed comes to it.
    Overdue,
    /// Received, or nothing that one could receive.
    Done,
}

struct Entry {
    seq: Seq,
    state: State,
}

/// One line of places. Its first entry is not done.
struct Lane {
    line: Mark,
    entries: VecDeque<Entry>,
    /// Entries that are shown and not written, and those that are overdue.
    shown: usize,
    overdue: usize,
    /// No entry that is written was written before that. May be too early; never too late.
    earliest: Option<Instant>,
}

/// What to do with the next place of a feed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Next {
    /// Show it.
    Show,
    /// It is received already.
    Skip,
    /// There is no room: later.
    Full,
}

/// What an acknowledgement was.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Ack {
    /// For something that waited for it.
    New,
    /// For something that had been acknowledged.
    Repeated,
    /// For what was never sent here.
    Unknown,
}

/// One session's places that wait. Boxed away while there are none.
#[derive(Default)]
pub struct Window {
    inner: Option<Box<Inner>>,
}

#[derive(Default)]
struct Inner {
    lanes: Vec<Lane>,
    /// Entries of all lanes.
    count: usize,
    /// Up to where lines are received, and that is not stored yet.
    confirmed: SmallVec<[Mark; 1]>,
}

impl Lane {
    fn find(&self, seq: Seq) -> Option<usize> {
        self.entries.binary_search_by_key(&seq, |entry| entry.seq).ok()
    }

    fn set(&mut self, at: usize, state: State) {
        let old = std::mem::replace(&mut self.entries[at].state, state);
        for (counted, what) in [(&mut self.shown, State::Shown), (&mut self.overdue, State::Overdue)] {
            *counted -= usize::from(old == what);
            *counted += usize::from(state == what);
        }
    }

    /// When it is to be looked at: no entry was written before that. `None` while some of it is on its way out.
    fn oldest(&self) -> Option<Instant> {
        self.earliest.filter(|_| self.shown == 0 && self.overdue == 0)
    }

    /// Looks when the oldest of those that wait was really written.
    fn look(&mut self) {
        let written = self.entries.iter().filter_map(|entry| match entry.state {
            State::Written(at) => Some(at),
            _ => None,
        });
        self.earliest = written.min();
    }

    /// Takes off what is done without a gap. Returns how many entries those were, and the last of them.
    fn advance(&mut self) -> (usize, Option<Seq>) {
        let (mut taken, mut last) = (0, None);
        while self.entries.front().is_some_and(|entry| entry.state == State::Done) {
            last = self.entries.pop_front().map(|entry| entry.seq);
            taken += 1;
        }
        (taken, last)
    }
}

impl Inner {
    fn lane(&mut self, mark: Mark) -> Option<&mut Lane> {
        self.lanes.iter_mut().find(|lane| lane.line.is_of_the_same(&mark))
    }

    fn confirm(&mut self, mark: Mark) {
        match self.confirmed.iter_mut().find(|other| other.is_of_the_same(&mark)) {
            Some(other) if other.place() < mark.place() => *other = mark,
            Some(_) => {}
            None => self.confirmed.push(mark),
        }
    }

    /// Takes off what is done without a gap; returns the last of it.
    fn settle(&mut self, mark: Mark) -> Option<Seq> {
        let lane = self.lane(mark)?;
        let (taken, last) = lane.advance();
        let empty = lane.entries.is_empty();
        self.count -= taken;
        if let Some(last) = last {
            self.confirm(mark.at(last));
        }
        if empty {
            self.lanes.retain(|lane| !lane.line.is_of_the_same(&mark));
        }
        last
    }
}

impl Window {
    /// What to do with the next place of a feed, where at most `size` may wait.
    #[must_use]
    pub fn next(&self, mark: Mark, size: usize) -> Next {
        let Some(inner) = &self.inner else { return Next::Show };
        let lane = inner.lanes.iter().find(|lane| lane.line.is_of_the_same(&mark));
        let known = lane.and_then(|lane| Some(lane.entries[lane.find(mark.place())?].state));
        match known {
            Some(State::Overdue) => Next::Show,
            Some(_) => Next::Skip,
            None if inner.count >= size => Next::Full,
            None => Next::Show,
        }
    }

    /// How many places wait.
    #[must_use]
    pub fn len(&self) -> usize {
        self.inner.as_ref().map_or(0, |inner| inner.count)
    }

    /// Whether that place waits, or is noted.
    #[must_use]
    pub fn knows(&self, mark: Mark) -> bool {
        self.inner.is_some() && self.next(mark, 0) != Next::Full
    }

    /// A place is in the outbox.
    pub fn shown(&mut self, mark: Mark) {
        self.put(mark, State::Shown);
    }

    /// A place has nothing that could be received: it counts with what is before it.
    pub fn silent(&mut self, mark: Mark) {
        let inner = self.inner.get_or_insert_default();
        match inner.lane(mark) {
            Some(_) => {
                self.put(mark, State::Done);
                self.inner.get_or_insert_default().settle(mark);
            }
            None => inner.confirm(mark),
        }
    }

    fn put(&mut self, mark: Mark, state: State) {
        let inner = self.inner.get_or_insert_default();
        if inner.lane(mark).is_none() {
            inner.lanes.push(Lane { line: mark, entries: VecDeque::new(), shown: 0, overdue: 0, earliest: None });
        }
        let Some(lane) = inner.lane(mark) else { return };
        let at = match lane.find(mark.place()) {
            Some(at) => at,
            None => {
                // A feed goes forward, so this is the last.
                let at = lane.entries.partition_point(|entry| entry.seq < mark.place());
                lane.entries.insert(at, Entry { seq: mark.place(), state: State::Done });
                inner.count += 1;
                at
            }
        };
        if let Some(lane) = inner.lane(mark) {
            lane.set(at, state);
        }
    }

    /// A place was handed to the link.
    pub fn packed(&mut self, Packed { mark, .. }: Packed, now: Instant) {
        let Some(lane) = self.inner.as_mut().and_then(|inner| inner.lane(mark)) else { return };
        if let Some(at) = lane.find(mark.place())
            && lane.entries[at].state == State::Shown
        {
            lane.set(at, State::Written(now));
            lane.earliest = Some(lane.earliest.map_or(now, |earliest| earliest.min(now)));
        }
    }

    /// The client says that it has that. A feed that was to show it again goes on behind what is received.
    pub fn acknowledge(&mut self, mark: Mark, feeds: &mut Feeds) -> Ack {
        if let Some(inner) = &mut self.inner
            && let Some(lane) = inner.lane(mark)
            && let Some(at) = lane.find(mark.place())
        {
            if lane.entries[at].state == State::Done {
                return Ack::Repeated;
            }
            lane.set(at, State::Done);
            if let Some(last) = inner.settle(mark) {
                feeds.skip_to(mark.at(last));
            }
            return Ack::New;
        }
        if feeds.was_shown(mark) { Ack::Repeated } else { Ack::Unknown }
    }

    /// Gives up waiting for what was written `patience` ago: it is to be sent again, and only that. Calls `rewind` for
    /// each of its lines with the place before the first.
    pub fn give_up(&mut self, now: Instant, patience: Duration, mut rewind: impl FnMut(Mark)) {
        let Some(inner) = &mut self.inner else { return };
        for lane in &mut inner.lanes {
            if lane.oldest().is_none_or(|at| now < at + patience) {
                continue;
            }
            let mut first = None;
            for at in 0..lane.entries.len() {
                if matches!(lane.entries[at].state, State::Written(written) if now >= written + patience) {
                    lane.set(at, State::Overdue);
                    first.get_or_insert(lane.entries[at].seq);
                }
            }
            lane.look();
            if let Some(first) = first {
                rewind(lane.line.at(Seq(first.0.saturating_sub(1))));
            }
        }
    }

    /// When the next line is to be given up.
    #[must_use]
    pub fn overdue_at(&self, patience: Duration) -> Option<Instant> {
        let lanes = &self.inner.as_ref()?.lanes;
        lanes.iter().filter_map(Lane::oldest).min().map(|at| at + patience)
    }

    /// How many rows of a line's backlog it takes now. Not none where the line is to be sent again: those have their
    /// room already.
    #[must_use]
    pub fn room(&self, line: Mark, size: usize) -> usize {
        let Some(inner) = &self.inner else { return size };
        let lane = inner.lanes.iter().find(|lane| lane.line.is_of_the_same(&line));
        let (known, overdue) = lane.map_or((0, 0), |lane| (lane.entries.len(), lane.overdue));
        let free = size.saturating_sub(inner.count);
        if free == 0 && overdue == 0 { 0 } else { free + known }
    }

    /// A line is followed no more.
    pub fn forget(&mut self, line: Mark) {
        if let Some(inner) = &mut self.inner {
            inner.lanes.retain(|lane| !lane.line.is_of_the_same(&line));
            inner.count = inner.lanes.iter().map(|lane| lane.entries.len()).sum();
        }
        self.tidy();
    }

    /// Up to where lines are received, as far as that has not been stored yet.
    pub fn take_confirmed(&mut self) -> Vec<Mark> {
        let Some(inner) = &mut self.inner else { return Vec::new() };
        let confirmed = std::mem::take(&mut inner.confirmed).into_vec();
        self.tidy();
        confirmed
    }

    /// Whether something is to be stored.
    #[must_use]
    pub fn has_confirmed(&self) -> bool {
        self.inner.as_ref().is_some_and(|inner| !inner.confirmed.is_empty())
    }

    /// Whether nothing waits.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.inner.is_none()
    }

    fn tidy(&mut self) {
        if self.inner.as_ref().is_some_and(|inner| inner.lanes.is_empty() && inner.confirmed.is_empty()) {
            self.inner = None;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PATIENCE: Duration = Duration::from_secs(30);

    fn inbox(seq: u64) -> Mark {
        Mark::Inbox(Seq(seq))
    }

    fn group(seq: u64) -> Mark {
        Mark::Group(protocol::GroupId(1), Seq(seq))
    }

    /// Feeds that have shown the inbox from 3 up to `last`.
    fn feeds(last: u64) -> Feeds {
        let mut feeds = Feeds::new(Seq(3));
        let _ = feeds.next_read();
        assert!(feeds.read(inbox(3), (last > 3).then_some(Seq(last)), false));
        feeds
    }

    fn write(window: &mut Window, marks: impl IntoIterator<Item = Mark>, now: Instant) {
        for mark in marks {
            window.shown(mark);
            window.packed(Packed { mark, end: 0 }, now);
        }
    }

    #[test]
    fn a_cursor_moves_over_what_is_acknowledged_without_a_gap() {
        let (mut window, mut feeds) = (Window::default(), feeds(7));
        write(&mut window, (4..8).map(inbox), Instant::now());
        assert_eq!(window.acknowledge(inbox(5), &mut feeds), Ack::New);
        assert_eq!(window.acknowledge(inbox(5), &mut feeds), Ack::Repeated);
        assert_eq!(window.take_confirmed(), [], "4 is missing");
        assert_eq!(window.acknowledge(inbox(4), &mut feeds), Ack::New);
        assert_eq!(window.take_confirmed(), [inbox(5)]);
        assert_eq!(window.acknowledge(inbox(4), &mut feeds), Ack::Repeated);
        assert_eq!(window.acknowledge(inbox(7), &mut feeds), Ack::New);
        assert_eq!(window.acknowledge(inbox(6), &mut feeds), Ack::New);
        assert_eq!(window.take_confirmed(), [inbox(7)]);
        assert!(window.is_empty(), "idle, it keeps nothing");
        assert_eq!(window.acknowledge(inbox(6), &mut feeds), Ack::Repeated);
    }

    #[test]
    fn what_was_never_sent_here_cannot_be_acknowledged() {
        let (mut window, mut feeds) = (Window::default(), feeds(5));
        write(&mut window, [inbox(4), inbox(5)], Instant::now());
        for unknown in [inbox(0), inbox(3), inbox(6), inbox(u64::MAX), group(4)] {
            assert_eq!(window.acknowledge(unknown, &mut feeds), Ack::Unknown, "{unknown:?}");
        }
        assert!(!window.has_confirmed());
    }

    #[test]
    fn a_full_window_takes_no_more_until_something_is_acknowledged() {
        let (mut window, mut feeds) = (Window::default(), feeds(7));
        write(&mut window, (4..8).map(inbox), Instant::now());
        assert_eq!((window.next(inbox(8), 4), window.room(inbox(8), 4)), (Next::Full, 0));
        assert_eq!(window.next(group(1), 4), Next::Full, "one bound for all lines");
        assert_eq!(window.next(inbox(8), 5), Next::Show);
        let _ = window.acknowledge(inbox(6), &mut feeds);
        assert_eq!(window.next(inbox(8), 4), Next::Full, "what lies behind a gap still counts");
        let _ = window.acknowledge(inbox(4), &mut feeds);
        assert_eq!((window.next(inbox(8), 4), window.room(group(0), 4)), (Next::Show, 1));
    }

    #[test]
    fn what_is_not_acknowledged_in_time_is_sent_again_but_for_what_is() {
        let (mut window, mut feeds) = (Window::default(), feeds(7));
        let now = Instant::now();
        write(&mut window, [inbox(4)], now);
        write(&mut window, (5..8).map(inbox), now + PATIENCE / 2);
        let _ = window.acknowledge(inbox(6), &mut feeds);
        assert_eq!(window.overdue_at(PATIENCE), Some(now + PATIENCE));
        let mut rewound = Vec::new();
        window.give_up(now + PATIENCE - Duration::from_millis(1), PATIENCE, |mark| rewound.push(mark));
        assert_eq!(rewound, []);
        window.give_up(now + PATIENCE, PATIENCE, |mark| rewound.push(mark));
        assert_eq!(rewound, [inbox(3)]);
        let next = [4, 5, 6, 7, 8].map(|seq| window.next(inbox(seq), 4));
        assert_eq!(next, [Next::Show, Next::Skip, Next::Skip, Next::Skip, Next::Full], "only what is overdue");
        write(&mut window, [inbox(4)], now + PATIENCE);
        window.give_up(now + PATIENCE * 2, PATIENCE, |mark| rewound.push(mark));
        assert_eq!(rewound, [inbox(3), inbox(3)]);
        assert_eq!(window.overdue_at(PATIENCE), None, "it is on its way again");
        assert_eq!((window.room(inbox(3), 4), window.room(group(0), 4)), (4, 0), "though the window is full");
        let next = [4, 5, 6, 7, 8].map(|seq| window.next(inbox(seq), 4));
        assert_eq!(next, [Next::Show, Next::Show, Next::Skip, Next::Show, Next::Full]);
        // A receipt for the first copy comes late.
        assert_eq!(window.acknowledge(inbox(5), &mut feeds), Ack::New);
        assert_eq!(window.next(inbox(5), 4), Next::Skip);
        let later = now + PATIENCE * 3;
        write(&mut window, [inbox(4), inbox(7)], later);
        assert_eq!(window.next(inbox(4), 4), Next::Skip, "one copy at a time");
        assert_eq!(window.overdue_at(PATIENCE), Some(later + PATIENCE));
        let _ = window.acknowledge(inbox(4), &mut feeds);
        assert_eq!(window.take_confirmed(), [inbox(6)]);
    }

    #[test]
    fn a_receipt_that_comes_late_spares_the_second_copy() {
        let (mut window, mut feeds) = (Window::default(), feeds(7));
        let now = Instant::now();
        write(&mut window, (4..8).map(inbox), now);
        window.give_up(now + PATIENCE, PATIENCE, |mark| feeds.rewind(mark));
        assert_eq!(feeds.next_read(), Some(inbox(3)), "it is being read again");
        assert_eq!(window.acknowledge(inbox(4), &mut feeds), Ack::New);
        assert_eq!(window.acknowledge(inbox(4), &mut feeds), Ack::Repeated);
        assert_eq!(window.acknowledge(inbox(7), &mut feeds), Ack::New);
        assert!(!feeds.read(inbox(3), Some(Seq(7)), false), "that part is read anew");
        assert_eq!(feeds.next_read(), Some(inbox(4)));
        assert_eq!(window.acknowledge(inbox(5), &mut feeds), Ack::New);
        assert_eq!(window.acknowledge(inbox(6), &mut feeds), Ack::New);
        assert!(!feeds.read(inbox(4), Some(Seq(7)), false));
        assert_eq!(feeds.next_read(), Some(inbox(7)));
        assert_eq!(window.take_confirmed(), [inbox(7)]);
    }

    #[test]
    fn nothing_is_given_up_while_some_of_it_is_not_written() {
        let mut window = Window::default();
        let now = Instant::now();
        write(&mut window, [inbox(4)], now);
        window.shown(inbox(5));
        assert_eq!(window.overdue_at(PATIENCE), None);
        window.packed(Packed { mark: inbox(5), end: 0 }, now + PATIENCE);
        assert_eq!(window.overdue_at(PATIENCE), Some(now + PATIENCE), "the oldest counts");
    }

    #[test]
    fn what_cannot_be_received_counts_with_what_is_before_it() {
        let (mut window, mut feeds) = (Window::default(), feeds(6));
        window.silent(group(9));
        assert_eq!(window.take_confirmed(), [group(9)]);
        write(&mut window, [inbox(4)], Instant::now());
        window.silent(inbox(5));
        window.silent(inbox(6));
        assert_eq!(window.take_confirmed(), []);
        let _ = window.acknowledge(inbox(4), &mut feeds);
        assert_eq!(window.take_confirmed(), [inbox(6)]);
        assert!(window.is_empty());
    }

    #[test]
    fn a_group_that_is_left_gives_its_places_back() {
        let mut window = Window::default();
        write(&mut window, [group(1), group(2), inbox(4)], Instant::now());
        assert_eq!(window.next(inbox(5), 3), Next::Full);
        window.forget(group(0));
        assert_eq!(window.next(inbox(5), 3), Next::Show);
    }
}
