//! The stored conversations that one session follows, as a plain struct: its inbox and its groups. Owns: how far each
//! has been shown, and which are behind. Never: shows a place
//! twice, but for a line that was rewound; or skips one.
//!
//! A feed that is behind does not take live deliveries: it reads on from the store until it has caught up. Live ones
//! only tell it how far there is to go. So a long backlog needs no memory, and there is no gap where it ends.

use crate::floor::prefetch;
use crate::group::Listening;
use crate::store::Mark;
use protocol::{GroupId, GroupRef, Seq};

/// One conversation that is followed.
struct Feed {
    /// The last place that was shown.
    shown: Seq,
    /// The furthest place known to exist.
    head: Seq,
    /// Nobody has looked yet whether there is more than is known.
    unread: bool,
    /// A part of the backlog is being read; this was the head when the question went out.
    reading: Option<Seq>,
    /// What came up to there, was not shown here.
    since: Seq,
    /// Up to there everything behind that was, though some of it may be shown again.
    furthest: Seq,
}

/// A group that the session listens to.
pub struct Followed {
    /// The group.
    pub group: GroupRef,
    /// The session's place among its listeners.
    pub listening: Listening,
    feed: Feed,
}

/// What to do with a delivery that has a place.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Place {
    /// It is the next: show it.
    Next,
    /// It was shown before.
    Seen,
    /// It comes with the backlog.
    Later,
    /// Nobody follows that (any more).
    Unknown,
}

/// All feeds of one session.
pub struct Feeds {
    inbox: Feed,
    groups: Vec<Followed>,
    /// Groups that were followed, the latest few, with the places from where and up to where they were shown.
    #[allow(clippy::box_collection, reason = "most sessions leave no group, and are many")]
    left: Option<Box<Vec<(GroupId, Seq, Seq)>>>,
}

/// How many of those are remembered: receipts for what came last may still be under way.
const LEFT: usize = 8;

impl Feed {
    fn place(&mut self, seq: Seq) -> Place {
        if seq <= self.shown {
            return Place::Seen;
        }
        let live = !self.is_behind() && self.reading.is_none();
        self.head = self.head.max(seq);
        if live && seq == self.shown.next() {
            self.shown = seq;
            Place::Next
        } else {
            Place::Later
        }
    }

    fn is_behind(&self) -> bool {
        self.unread || self.shown < self.head
    }

    /// The furthest place that was ever shown.
    fn reach(&self) -> Seq {
        self.furthest.max(self.shown)
    }

    fn start_reading(&mut self) -> Seq {
        self.reading = Some(self.head);
        self.shown
    }

    fn read(&mut self, asked_at: Seq, last: Option<Seq>, more: bool) {
        self.unread = more;
        match last {
            Some(last) => self.shown = self.shown.max(last),
            // Nothing is there, and nothing was announced since: then the head was wrong, and nothing is missing.
            None if self.head == asked_at => self.head = self.shown,
            None => {}
        }
        self.head = self.head.max(self.shown);
    }
}

impl Feeds {
    /// An inbox that was received up to `cursor`, and no groups yet. The first read tells whether it is behind.
    #[must_use]
    pub fn new(cursor: Seq) -> Self {
        let inbox = Feed { shown: cursor, head: cursor, unread: true, reading: None, since: cursor, furthest: cursor };
        Self { inbox, groups: Vec::new(), left: None }
    }

    /// Fetches the first group: most people follow few.
    pub(crate) fn prefetch(&self) {
        self.groups.first().into_iter().for_each(prefetch);
    }

    /// Follows a group from after `shown` on; `head` is the last place that exists.
    pub fn follow(&mut self, group: GroupRef, listening: Listening, shown: Seq, head: Seq) {
        if !self.follows(group.id) {
            let shown = shown.min(head);
            let feed = Feed { shown, head, unread: false, reading: None, since: shown, furthest: shown };
            // One more, and no room beside it: many are in one group, and sessions are many.
            self.groups.reserve_exact(1);
            self.groups.push(Followed { group, listening, feed });
        }
    }

    /// Follows a group no more.
    pub fn unfollow(&mut self, group: GroupId) -> Option<Followed> {
        let at = self.groups.iter().position(|followed| followed.group.id == group)?;
        let followed = self.groups.remove(at);
        let left = self.left.get_or_insert_default();
        if left.len() == LEFT {
            left.remove(0);
        }
        left.push((group, followed.feed.since, followed.feed.reach()));
        Some(followed)
    }

    /// Whether a group is followed.
    #[must_use]
    pub fn follows(&self, group: GroupId) -> bool {
        self.group(group).is_some()
    }

    /// A group that is followed.
    #[must_use]
    pub fn group(&self, group: GroupId) -> Option<&Followed> {
        self.groups.iter().find(|followed| followed.group.id == group)
    }

    /// A live delivery has come.
    pub fn place(&mut self, mark: Mark) -> Place {
        match self.feed(mark) {
            Some((feed, seq)) => feed.place(seq),
            None => Place::Unknown,
        }
    }

    /// A live delivery has come, and there is no room to show it: it comes with the backlog.
    pub fn later(&mut self, mark: Mark) {
        if let Some((feed, seq)) = self.feed(mark) {
            feed.head = feed.head.max(seq);
        }
    }

    /// What came after that place of a line has to be shown again: it is read from the store.
    pub fn rewind(&mut self, to: Mark) {
        if let Some((feed, seq)) = self.feed(to)
            && seq < feed.shown
        {
            feed.furthest = feed.reach();
            feed.shown = seq;
            feed.unread = true;
        }
    }

    /// A line that was rewound goes on behind that place: what is before it is received after all. A part that is being
    /// read is not wanted any more.
    pub fn skip_to(&mut self, to: Mark) {
        if let Some((feed, seq)) = self.feed(to) {
            feed.shown = feed.shown.max(seq);
        }
    }

    /// Whether that place was shown here.
    #[must_use]
    pub fn was_shown(&self, mark: Mark) -> bool {
        let within = |since: Seq, shown: Seq| since < mark.place() && mark.place() <= shown;
        match mark {
            Mark::Inbox(_) => within(self.inbox.since, self.inbox.reach()),
            Mark::Group(group, _) => {
                let followed = self.group(group).map(|followed| (followed.feed.since, followed.feed.reach()));
                let left = self
                    .left
                    .iter()
                    .flat_map(|left| left.iter())
                    .filter(|(id, ..)| *id == group)
                    .map(|(_, since, shown)| (*since, *shown));
                followed.into_iter().chain(left).any(|(since, shown)| within(since, shown))
            }
        }
    }

    /// The next part of a backlog to read: after which place. At most one part is read at a time.
    pub fn next_read(&mut self) -> Option<Mark> {
        self.next_read_of(|_| true)
    }

    /// The same, of the lines that may be read.
    pub fn next_read_of(&mut self, may: impl Fn(Mark) -> bool) -> Option<Mark> {
        if self.inbox.reading.is_some() || self.groups.iter().any(|followed| followed.feed.reading.is_some()) {
            return None;
        }
        if self.inbox.is_behind() && may(Mark::Inbox(self.inbox.shown)) {
            return Some(Mark::Inbox(self.inbox.start_reading()));
        }
        let may = |followed: &Followed| may(Mark::Group(followed.group.id, followed.feed.shown));
        let followed = self.groups.iter_mut().find(|followed| followed.feed.is_behind() && may(followed))?;
        Some(Mark::Group(followed.group.id, followed.feed.start_reading()))
    }

    /// A part of a backlog is there, that was asked for after `after` and ends with `last`. Returns whether it is
    /// still wanted.
    #[must_use]
    pub fn read(&mut self, after: Mark, last: Option<Seq>, more: bool) -> bool {
        let Some((feed, seq)) = self.feed(after) else { return false };
        let Some(asked_at) = feed.reading.take() else { return false };
        if feed.shown != seq {
            return false;
        }
        feed.read(asked_at, last, more);
        true
    }

    /// Whether anything is behind.
    #[must_use]
    pub fn is_behind(&self) -> bool {
        self.inbox.is_behind() || self.groups.iter().any(|followed| followed.feed.is_behind())
    }

    fn feed(&mut self, mark: Mark) -> Option<(&mut Feed, Seq)> {
        match mark {
            Mark::Inbox(seq) => Some((&mut self.inbox, seq)),
            Mark::Group(group, seq) => {
                let followed = self.groups.iter_mut().find(|followed| followed.group.id == group)?;
                Some((&mut followed.feed, seq))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn inbox(seq: u64) -> Mark {
        Mark::Inbox(Seq(seq))
    }

    fn caught_up(cursor: u64) -> Feeds {
        let mut feeds = Feeds::new(Seq(cursor));
        assert_eq!(feeds.next_read(), Some(inbox(cursor)));
        assert!(feeds.read(inbox(cursor), None, false));
        assert!(!feeds.is_behind());
        feeds
    }

    #[test]
    fn live_deliveries_are_shown_once_and_in_order() {
        let mut feeds = caught_up(3);
        assert_eq!(feeds.place(inbox(3)), Place::Seen);
        assert_eq!(feeds.place(inbox(4)), Place::Next);
        assert_eq!(feeds.place(inbox(4)), Place::Seen);
        assert_eq!(feeds.place(inbox(5)), Place::Next);
    }

    #[test]
    fn what_comes_during_the_backlog_comes_with_it() {
        let mut feeds = Feeds::new(Seq(0));
        assert_eq!(feeds.next_read(), Some(inbox(0)));
        assert_eq!(feeds.place(inbox(3)), Place::Later);
        assert!(feeds.read(inbox(0), Some(Seq(2)), false));
        assert_eq!(feeds.next_read(), Some(inbox(2)), "3 was committed after that read");
        assert!(feeds.read(inbox(2), Some(Seq(3)), false));
        assert_eq!(feeds.place(inbox(3)), Place::Seen);
        assert_eq!(feeds.place(inbox(4)), Place::Next);
    }

    #[test]
    fn a_delivery_during_an_empty_read_is_not_lost() {
        let mut feeds = Feeds::new(Seq(0));
        assert_eq!(feeds.next_read(), Some(inbox(0)));
        assert_eq!(feeds.place(inbox(1)), Place::Later);
        assert!(feeds.read(inbox(0), None, false));
        assert_eq!(feeds.next_read(), Some(inbox(0)));
        assert!(feeds.read(inbox(0), Some(Seq(1)), false));
        assert!(!feeds.is_behind());
    }

    #[test]
    fn a_gap_is_read_from_the_store() {
        let mut feeds = caught_up(3);
        assert_eq!(feeds.place(inbox(6)), Place::Later);
        assert_eq!(feeds.next_read(), Some(inbox(3)));
    }

    #[test]
    fn parts_are_read_one_after_the_other() {
        let mut feeds = Feeds::new(Seq(0));
        assert_eq!(feeds.next_read(), Some(inbox(0)));
        assert_eq!(feeds.next_read(), None);
        assert!(feeds.read(inbox(0), Some(Seq(64)), true));
        assert_eq!(feeds.next_read(), Some(inbox(64)));
        assert!(feeds.read(inbox(64), Some(Seq(70)), false));
        assert_eq!(feeds.next_read(), None);
    }

    #[test]
    fn a_head_that_is_not_there_does_not_loop() {
        let mut feeds = caught_up(0);
        assert_eq!(feeds.place(inbox(5)), Place::Later);
        assert_eq!(feeds.next_read(), Some(inbox(0)));
        assert!(feeds.read(inbox(0), None, false));
        assert!(!feeds.is_behind());
    }

    #[test]
    fn a_feed_that_is_rewound_reads_on_from_there_and_drops_what_was_being_read() {
        let mut feeds = caught_up(3);
        for seq in 4..=6 {
            assert_eq!(feeds.place(inbox(seq)), Place::Next);
        }
        feeds.rewind(inbox(4));
        assert_eq!(feeds.place(inbox(7)), Place::Later, "in order");
        assert_eq!(feeds.next_read(), Some(inbox(4)));
        feeds.rewind(inbox(3));
        assert!(!feeds.read(inbox(4), Some(Seq(7)), false));
        assert_eq!(feeds.next_read(), Some(inbox(3)));
        assert!(feeds.read(inbox(3), Some(Seq(7)), false));
        assert!(!feeds.is_behind());
        feeds.rewind(inbox(9));
        assert!(!feeds.is_behind(), "never forward");
    }

    #[test]
    fn what_there_is_no_room_for_is_read_later() {
        let mut feeds = caught_up(3);
        feeds.later(inbox(4));
        assert!(feeds.is_behind());
        assert_eq!(feeds.place(inbox(5)), Place::Later);
        assert_eq!(feeds.next_read(), Some(inbox(3)));
    }

    #[test]
    fn what_was_shown_here_is_known() {
        let mut feeds = caught_up(3);
        let _ = feeds.place(inbox(4));
        assert_eq!([3, 4, 5].map(|seq| feeds.was_shown(inbox(seq))), [false, true, false]);
        assert!(!feeds.was_shown(Mark::Group(GroupId(1), Seq(1))));
    }

    #[test]
    fn unknown_groups_are_ignored() {
        assert_eq!(caught_up(0).place(Mark::Group(GroupId(1), Seq(1))), Place::Unknown);
    }
}
