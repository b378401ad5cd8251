//! Friendships and the requests that lead to them.

use super::{Ledger, is_full};
use crate::store::ops::Outcome;
use crate::store::rows::{self, InboxRow, ListedRow, ReadError, Tally};
use crate::store::schema::{Key, Table};
use protocol::{FriendPolicy, Person, Refusal, UserId, Verdict};
use std::time::Duration;

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

/// The lengths of both friends' lists.
struct Lengths {
    from: (Key, Tally),
    to: (Key, Tally),
}

impl Ledger {
    pub(super) fn befriend(&mut self, from: UserId, to: UserId, now_ms: u64) -> Result<Outcome, Refusal> {
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
        let crossing = self.live_request(&theirs, now_ms)?;
        if crossing || asked.add == FriendPolicy::Open {
            // Whoever had asked learns the answer even if away; an open account had asked for nothing.
            let head = self.desk.head(crate::store::desk::Line::Inbox(to))?;
            let stale = [(self.desk.has(&mine)?, mine), (self.desk.has(&theirs)?, theirs)];

            for (_, key) in stale.into_iter().filter(|(exists, _)| *exists) {
                self.desk.delete(key);
            }
            self.make_friends(&asker, &asked.person, lengths, now_ms);
            let told = crossing.then(|| {
                let row = InboxRow::FriendAnswer { friend: from, accepted: true };
                self.desk.append_inbox(to, head, row)
            });
            return Ok(Outcome::Befriended { from: asker, to: asked.person, told });
        }
        if self.live_request(&mine, now_ms)? {
            return Ok(Outcome::FriendAsked { from: asker, to: asked.person, again: true });
        }
        let waiting = self.requests(&Table::FriendRequest.one(to.0), now_ms)?;
        if is_full(waiting.live, self.settings.friend.max_requests) {
            return Err(Refusal::ListFull);
        }

        for key in waiting.expired {
            self.desk.delete(key);
        }
        self.desk.put(mine, &ListedRow { nth: waiting.next, at_ms: now_ms, name: asker.name.as_str() });
        Ok(Outcome::FriendAsked { from: asker, to: asked.person, again: false })
    }

    pub(super) fn answer_friend(
        &mut self,
        user: UserId,
        asker: UserId,
        verdict: Verdict,
        now_ms: u64,
    ) -> Result<Outcome, Refusal> {
        let key = Table::FriendRequest.two(user.0, asker.0);
        if !self.live_request(&key, now_ms)? {
            return Err(Refusal::NoSuchRequest);
        }
        let me = self.known(user)?.person;
        let other = self.known(asker)?.person;
        let accepted = verdict == Verdict::Accept;
        let lengths = if accepted { Some(self.room_for_friends(asker, user)?) } else { None };
        let back = Table::FriendRequest.two(asker.0, user.0);
        let crossed = accepted && self.desk.has(&back)?;
        let head = self.desk.head(crate::store::desk::Line::Inbox(asker))?;

        self.desk.delete(key);
        if crossed {
            self.desk.delete(back);
        }
        if let Some(lengths) = lengths {
            self.make_friends(&other, &me, lengths, now_ms);
        }
        let told = self.desk.append_inbox(asker, head, InboxRow::FriendAnswer { friend: user, accepted });
        Ok(Outcome::FriendAnswered { user: me, asker: other, accepted, told })
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

    /// Whether there is a request under this key, and it has not expired.
    pub(super) fn live_request(&mut self, key: &Key, now_ms: u64) -> Result<bool, ReadError> {
        let Some(value) = self.desk.get(key)? else { return Ok(false) };
        let request: ListedRow<'_> = rows::decode(key, &value)?;
        Ok(is_live(request.at_ms, now_ms, self.settings.friend.request_ttl()))
    }

    /// All requests under this prefix. Bounded by `max_requests` and what has expired since somebody last asked.
    pub(super) fn requests(&mut self, prefix: &[u8], now_ms: u64) -> Result<Requests, ReadError> {
        let ttl = self.settings.friend.request_ttl();
        let mut found = Requests { live: 0, next: 0, expired: Vec::new() };
        for (key, value) in self.desk.list(prefix)? {
            let row: ListedRow<'_> = rows::decode(&key, &value)?;
            found.next = found.next.max(row.nth + 1);
            if is_live(row.at_ms, now_ms, ttl) {
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

    fn make_friends(&mut self, from: &Person, to: &Person, lengths: Lengths, now_ms: u64) {
        self.desk.enlist(Table::Friend.two(from.id.0, to.id.0), lengths.from, &to.name, now_ms);
        self.desk.enlist(Table::Friend.two(to.id.0, from.id.0), lengths.to, &from.name, now_ms);
    }
}
