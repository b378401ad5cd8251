//! Friendships and the requests that lead to them.
//!
//! Whether somebody pays special attention to a friend is its own affair: each side's row says it from that side's own
//! word. The asker's word waits in the request.

use super::{Ledger, is_full};
use crate::store::desk::Line;
use crate::store::ops::Outcome;
use crate::store::rows::{self, FriendRow, InboxRow, ReadError, RequestRow, Tally};
use crate::store::schema::{Key, Table};
use bytes::Bytes;
use protocol::{FriendPolicy, Person, Refusal, UserId, Verdict};
use std::time::Duration;

/// When a request came.
#[derive(Clone, Copy)]
pub(super) struct Turn {
    /// Its place in the order.
    pub(super) nth: u64,
    /// In milliseconds since 1970 (UTC).
    pub(super) at_ms: u64,
}

/// The requests that wait for somebody.
pub(super) struct Requests {
    /// Those that are not expired.
    pub(super) live: u64,
    /// The next one's `nth`.
    pub(super) next: u64,
    /// The keys of those that are.
    pub(super) expired: Vec<Key>,
}

/// Whether a request made at `at_ms` still counts. A clock that went back makes none expire.
pub(in crate::store) fn is_live(at_ms: u64, now_ms: u64, ttl: Duration) -> bool {
    u128::from(now_ms.saturating_sub(at_ms)) < ttl.as_millis()
}

/// When a friend request came.
fn turn(key: &Key, value: &[u8]) -> Result<Turn, ReadError> {
    rows::decode(key, value).map(|RequestRow { nth, at_ms, .. }| Turn { nth, at_ms })
}

/// One side of a friendship that begins: who it is, and whether it pays special attention to the other.
#[derive(Clone, Copy)]
struct Side<'a> {
    who: &'a Person,
    special: bool,
}

/// The lengths of both friends' lists.
struct Lengths {
    from: (Key, Tally),
    to: (Key, Tally),
}

impl Ledger {
    pub(super) fn befriend(
        &mut self,
        from: UserId,
        to: UserId,
        special: bool,
        now_ms: u64,
    ) -> Result<Outcome, Refusal> {
        if from == to {
            return Err(Refusal::Yourself);
        }
        let asker = self.known(from)?.person;
        let asked = self.known(to)?;
        if self.desk.has(&Table::Friend.two(from.0, to.0))? {
            return Err(Refusal::AlreadyFriends);
        }
        let lengths = self.room_for_friends(from, to)?;
        let mine = Table::FriendRequest.two(to.0, from.0);
        let theirs = Table::FriendRequest.two(from.0, to.0);
        let (my_value, their_value) = (self.desk.get(&mine)?, self.desk.get(&theirs)?);
        let crossing = self.friend_request(&theirs, their_value.as_ref(), now_ms)?;
        if crossing.is_some() || asked.add == FriendPolicy::Open {
            // Whoever had asked learns the answer even if away; an open account had asked for nothing.
            let head = self.desk.head(Line::Inbox(to))?;

            for (key, value) in [(mine, &my_value), (theirs, &their_value)] {
                if value.is_some() {
                    self.desk.delete(key);
                }
            }
            let other = Side { who: &asked.person, special: crossing.is_some_and(|request| request.special) };
            self.make_friends(Side { who: &asker, special }, other, lengths, now_ms);
            let told = crossing.map(|_| {
                let row = InboxRow::FriendAnswer { friend: from, accepted: true };
                self.desk.append_inbox(to, head, row)
            });
            return Ok(Outcome::Befriended { from: asker, to: asked.person, told });
        }
        if let Some(request) = self.friend_request(&mine, my_value.as_ref(), now_ms)? {
            if request.special != special {
                self.desk.put(mine, &RequestRow { special, ..request });
            }
            return Ok(Outcome::FriendAsked { from: asker, to: asked.person, special, again: true });
        }
        let waiting = self.requests(&Table::FriendRequest.one(to.0), now_ms, turn)?;
        if is_full(waiting.live, self.settings.friend.max_requests) {
            return Err(Refusal::ListFull);
        }

        for key in waiting.expired {
            self.desk.delete(key);
        }
        let name = asker.name.as_str();
        self.desk.put(mine, &RequestRow { nth: waiting.next, at_ms: now_ms, name, special, reason: "" });
        Ok(Outcome::FriendAsked { from: asker, to: asked.person, special, again: false })
    }

    pub(super) fn answer_friend(
        &mut self,
        user: UserId,
        asker: UserId,
        verdict: Verdict,
        special: bool,
        now_ms: u64,
    ) -> Result<Outcome, Refusal> {
        let key = Table::FriendRequest.two(user.0, asker.0);
        let value = self.desk.get(&key)?;
        let request = self.friend_request(&key, value.as_ref(), now_ms)?.ok_or(Refusal::NoSuchRequest)?;
        let me = self.known(user)?.person;
        let other = self.known(asker)?.person;
        let accepted = verdict == Verdict::Accept;
        let lengths = if accepted { Some(self.room_for_friends(asker, user)?) } else { None };
        let back = Table::FriendRequest.two(asker.0, user.0);
        let crossed = accepted && self.desk.has(&back)?;
        let head = self.desk.head(Line::Inbox(asker))?;

        self.desk.delete(key);
        if crossed {
            self.desk.delete(back);
        }
        if let Some(lengths) = lengths {
            let asked = Side { who: &me, special };
            self.make_friends(Side { who: &other, special: request.special }, asked, lengths, now_ms);
        }
        let told = self.desk.append_inbox(asker, head, InboxRow::FriendAnswer { friend: user, accepted });
        Ok(Outcome::FriendAnswered { user: me, asker: other, accepted, told })
    }

    /// One's own row only: the other side neither changes nor learns of it.
    pub(super) fn set_friend(&mut self, user: UserId, friend: UserId, special: bool) -> Result<Outcome, Refusal> {
        let key = Table::Friend.two(user.0, friend.0);
        let value = self.desk.get(&key)?.ok_or(Refusal::NotFriends)?;
        let row: FriendRow<'_> = rows::decode(&key, &value)?;
        let friend = self.known(friend)?.person;

        self.desk.put(key, &FriendRow { special, ..row });
        Ok(Outcome::FriendSet { friend, special })
    }

    pub(super) fn unfriend(&mut self, user: UserId, friend: UserId) -> Result<Outcome, Refusal> {
        let rows = [Table::Friend.two(user.0, friend.0), Table::Friend.two(friend.0, user.0)];
        if !self.desk.has(&rows[0])? {
            return Err(Refusal::NotFriends);
        }
        let me = self.known(user)?.person;
        let other = self.known(friend)?.person;
        let tallies = [self.list_length(Table::FriendTally, user.0)?, self.list_length(Table::FriendTally, friend.0)?];

        for (row, tally) in rows.into_iter().zip(tallies) {
            self.desk.strike(row, tally);
        }
        Ok(Outcome::Unfriended { user: me, friend: other })
    }

    /// The length of a counted list, with the key it is kept under.
    pub(super) fn list_length(&mut self, table: Table, of: u64) -> Result<(Key, Tally), ReadError> {
        let key = table.one(of);
        let tally = self.desk.tally(&key)?;
        Ok((key, tally))
    }

    /// The request in what is kept under this key, where there is one and it has not expired.
    fn friend_request<'a>(
        &self,
        key: &Key,
        value: Option<&'a Bytes>,
        now_ms: u64,
    ) -> Result<Option<RequestRow<'a>>, ReadError> {
        let Some(value) = value else { return Ok(None) };
        let request: RequestRow<'_> = rows::decode(key, value)?;
        Ok(is_live(request.at_ms, now_ms, self.settings.friend.request_ttl()).then_some(request))
    }

    /// All requests under this prefix. Bounded by `max_requests` and what has expired since somebody last asked.
    /// `turn` reads one.
    pub(super) fn requests(
        &mut self,
        prefix: &[u8],
        now_ms: u64,
        turn: fn(&Key, &[u8]) -> Result<Turn, ReadError>,
    ) -> Result<Requests, ReadError> {
        let ttl = self.settings.friend.request_ttl();
        let mut found = Requests { live: 0, next: 0, expired: Vec::new() };
        for (key, value) in self.desk.list(prefix)? {
            let Turn { nth, at_ms } = turn(&key, &value)?;
            found.next = found.next.max(nth + 1);
            if is_live(at_ms, now_ms, ttl) {
                found.live += 1;
            } else {
                found.expired.push(key);
            }
        }
        Ok(found)
    }

    fn room_for_friends(&mut self, from: UserId, to: UserId) -> Result<Lengths, Refusal> {
        let from = self.list_length(Table::FriendTally, from.0)?;
        let to = self.list_length(Table::FriendTally, to.0)?;
        let bound = self.settings.friend.max;
        if is_full(from.1.live, bound) || is_full(to.1.live, bound) {
            return Err(Refusal::ListFull);
        }
        Ok(Lengths { from, to })
    }

    fn make_friends(&mut self, from: Side<'_>, to: Side<'_>, lengths: Lengths, now_ms: u64) {
        for (one, other, length) in [(from, to, lengths.from), (to, from, lengths.to)] {
            let (name, special) = (other.who.name.as_str(), one.special);
            self.desk.enlist(Table::Friend.two(one.who.id.0, other.who.id.0), length, |nth| FriendRow {
                nth,
                at_ms: now_ms,
                name,
                special,
                remark: "",
            });
        }
    }
}
