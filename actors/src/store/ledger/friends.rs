//! Friendships and the requests that lead to them.
//!
//! Whether somebody pays special attention to a friend is its own affair: each side's row says it from that side's own
//! word. The asker's word waits in the request. A request that nobody answered in time counts for nothing from then on;
//! `expiry.rs` takes it away and tells both, unless it is asked anew before: then it goes on as a new one.

use super::{Ledger, is_full};
use crate::store::desk::Line;
use crate::store::ops::Outcome;
use crate::store::rows::{self, FriendRow, InboxRow, Notice, ReadError, RequestRow, Tally};
use crate::store::schema::{Key, Table, Waiting};
use bytes::Bytes;
use protocol::{FriendPolicy, Person, Profile, Refusal, UserId, Verdict};
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
}

/// Whether a request made at `at_ms` still counts. A clock that went back makes none expire.
pub(in crate::store) fn is_live(at_ms: u64, now_ms: u64, ttl: Duration) -> bool {
    u128::from(now_ms.saturating_sub(at_ms)) < ttl.as_millis()
}

/// When a friend request came.
fn turn(key: &Key, value: &[u8]) -> Result<Turn, ReadError> {
    rows::decode(key, value).map(|RequestRow { nth, at_ms, .. }| Turn { nth, at_ms })
}

/// What is kept under this key, where there is something.
pub(super) fn request<'a>(key: &Key, value: Option<&'a Bytes>) -> Result<Option<RequestRow<'a>>, ReadError> {
    value.map(|value| rows::decode(key, value)).transpose()
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
        reason: Box<str>,
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
        if self.desk.is_blocked(to, from)? {
            return Err(Refusal::Blocked);
        }
        let lengths = self.room_for_friends(from, to)?;
        let mine = Table::FriendRequest.two(to.0, from.0);
        let theirs = Table::FriendRequest.two(from.0, to.0);
        let (my_value, their_value) = (self.desk.get(&mine)?, self.desk.get(&theirs)?);
        let (my_request, their_request) = (request(&mine, my_value.as_ref())?, request(&theirs, their_value.as_ref())?);
        let crossing = their_request.filter(|request| self.waits(request, now_ms));
        if crossing.is_some() || asked.add == FriendPolicy::Open {
            // Whoever had asked learns the answer even if away; an open account had asked for nothing.
            let head = self.desk.head(Line::Inbox(to))?;
            let profiles = self.shown_profiles(&asker, &asked.person)?;

            self.end_request(to, from, my_request);
            self.end_request(from, to, their_request);
            let other = Side { who: &asked.person, special: crossing.is_some_and(|request| request.special) };
            self.make_friends(Side { who: &asker, special }, other, lengths, now_ms);
            let told = crossing.map(|_| {
                let row = InboxRow::FriendAnswer { friend: from, accepted: true };
                self.desk.append_inbox(to, head, &row)
            });
            return Ok(Outcome::Befriended { from: asker, to: asked.person, told, profiles });
        }
        if let Some(request) = my_request.filter(|request| self.waits(request, now_ms)) {
            let said = if reason.is_empty() { request.reason } else { &reason };
            let anew = RequestRow { special, reason: said, ..request };
            if anew != request {
                self.desk.put(mine, &anew);
            }
            return Ok(Outcome::FriendAsked { from: asker, to: asked.person, special, reason, again: true });
        }
        let waiting = self.requests(&Table::FriendRequest.one(to.0), now_ms, turn)?;
        if is_full(waiting.live, self.settings.friend.max_requests) {
            return Err(Refusal::ListFull);
        }
        let at_ms = self.request_time(now_ms)?;

        self.end_request(to, from, my_request);
        let name = asker.name.as_str();
        self.desk.put(mine, &RequestRow { nth: waiting.next, at_ms, name, special, reason: &reason });
        self.note_due(Waiting::Friend, at_ms, to.0, from.0);
        Ok(Outcome::FriendAsked { from: asker, to: asked.person, special, reason, again: false })
    }

    pub(super) fn answer_friend(
        &mut self,
        user: UserId,
        asker: UserId,
        verdict: Verdict,
        special: bool,
        reason: Box<str>,
        now_ms: u64,
    ) -> Result<Outcome, Refusal> {
        let key = Table::FriendRequest.two(user.0, asker.0);
        let value = self.desk.get(&key)?;
        let asking = request(&key, value.as_ref())?.filter(|request| self.waits(request, now_ms));
        let asking = asking.ok_or(Refusal::NoSuchRequest)?;
        let me = self.known(user)?.person;
        let other = self.known(asker)?.person;
        let accepted = verdict == Verdict::Accept;
        let lengths = if accepted { Some(self.room_for_friends(asker, user)?) } else { None };
        let back = Table::FriendRequest.two(asker.0, user.0);
        let back_value = if accepted { self.desk.get(&back)? } else { None };
        let crossed = request(&back, back_value.as_ref())?;
        let head = self.desk.head(Line::Inbox(asker))?;
        let profiles = if accepted { Some(self.shown_profiles(&me, &other)?) } else { None };

        self.end_request(user, asker, Some(asking));
        self.end_request(asker, user, crossed);
        if let Some(lengths) = lengths {
            let asked = Side { who: &me, special };
            self.make_friends(Side { who: &other, special: asking.special }, asked, lengths, now_ms);
        }
        let row = match accepted {
            true => InboxRow::FriendAnswer { friend: user, accepted },
            false => InboxRow::Notice(Notice::FriendRejected { friend: user, reason: reason.clone() }),
        };
        let told = self.desk.append_inbox(asker, head, &row);
        Ok(Outcome::FriendAnswered { user: me, asker: other, accepted, reason, told, profiles })
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

    /// Whether a request still counts.
    fn waits(&self, request: &RequestRow<'_>, now_ms: u64) -> bool {
        is_live(request.at_ms, now_ms, self.settings.friend.request_ttl())
    }

    /// What two accounts tell others about themselves.
    fn shown_profiles(&mut self, one: &Person, other: &Person) -> Result<Box<(Profile, Profile)>, ReadError> {
        Ok(Box::new((self.profile_of(one)?.for_others(), self.profile_of(other)?.for_others())))
    }

    /// A request is over, if there was one.
    fn end_request(&mut self, asked: UserId, asker: UserId, request: Option<RequestRow<'_>>) {
        if let Some(request) = request {
            self.desk.delete(Table::FriendRequest.two(asked.0, asker.0));
            self.forget_due(Waiting::Friend, request.at_ms, asked.0, asker.0);
        }
    }

    /// All requests under this prefix. Bounded by `max_requests` and what has expired and was not yet taken away.
    /// `turn` reads one.
    pub(super) fn requests(
        &mut self,
        prefix: &[u8],
        now_ms: u64,
        turn: fn(&Key, &[u8]) -> Result<Turn, ReadError>,
    ) -> Result<Requests, ReadError> {
        let ttl = self.settings.friend.request_ttl();
        let mut found = Requests { live: 0, next: 0 };
        for (key, value) in self.desk.list(prefix)? {
            let Turn { nth, at_ms } = turn(&key, &value)?;
            found.next = found.next.max(nth + 1);
            if is_live(at_ms, now_ms, ttl) {
                found.live += 1;
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
