//! Messages, and how far they were received.

use super::Ledger;
use super::dedup::{Past, Remember};
use crate::store::desk::Line;
use crate::store::ops::{Conversation, Destination, Mark, Outcome, Stamp};
use crate::store::rows::{LogRow, Number};
use crate::store::schema::Table;
use protocol::{Body, GroupId, MessagePolicy, Refusal, Seq, UserId};

impl Ledger {
    /// One row, the message; and one in the receiver's inbox where a run begins. No read where all is remembered.
    pub(super) fn private(
        &mut self,
        from: UserId,
        to: UserId,
        body: Body,
        friends_only: bool,
        stamp: Option<Stamp>,
        now_ms: u64,
    ) -> Result<Outcome, Refusal> {
        // A message that comes again has the answer that it had, whatever has changed since.
        let remember = match self.look_back(from, Destination::User(to), stamp, &body, now_ms)? {
            Past::Repeated(outcome) => return Ok(outcome),
            Past::New(remember) => remember,
        };
        let receiver = self.known(to)?;
        let sender = self.known(from)?.person;
        let friends = friends_only || (receiver.message == MessagePolicy::Friends && from != to);
        if friends && !self.desk.has(&Table::Friend.two(to.0, from.0))? {
            return Err(Refusal::NotFriends);
        }
        if self.desk.is_blocked(to, from)? {
            return Err(Refusal::Blocked);
        }
        let inbox = self.room_in_inbox(to)?;
        let talk = Conversation::between(from, to);
        let head = self.desk.head(Line::Log(talk))?;

        let row = LogRow { from, at_ms: now_ms, numbered: Remember::numbered(remember.as_ref()), body };
        let seq = self.desk.append_log(talk, head, &row);
        let inbox = self.desk.append_inbox_message(to, inbox, from, seq, row.body.data.len());
        self.remember(remember, seq, &row.body);
        let body = row.body;
        Ok(Outcome::Private { from: sender, to: receiver.person, seq, inbox, at_ms: now_ms, body })
    }

    /// The last place in an inbox that takes one more.
    pub(super) fn room_in_inbox(&mut self, user: UserId) -> Result<Seq, Refusal> {
        self.desk.room(user, self.settings.inbox.max)?.ok_or(Refusal::InboxFull)
    }

    /// One row, however many read it: members hold cursors.
    pub(super) fn post(
        &mut self,
        from: UserId,
        group: GroupId,
        body: Body,
        stamp: Option<Stamp>,
        now_ms: u64,
    ) -> Result<Outcome, Refusal> {
        let remember = match self.look_back(from, Destination::Group(group), stamp, &body, now_ms)? {
            Past::Repeated(outcome) => return Ok(outcome),
            Past::New(remember) => remember,
        };
        let card = self.living_group(group)?;
        if !self.desk.has(&Table::Member.two(group.0, from.0))? {
            return Err(Refusal::NotMember);
        }
        let sender = self.known(from)?.person;
        let talk = Conversation::Group(group);
        let head = self.desk.head(Line::Log(talk))?;

        let row = LogRow { from, at_ms: now_ms, numbered: Remember::numbered(remember.as_ref()), body };
        let seq = self.desk.append_log(talk, head, &row);
        self.remember(remember, seq, &row.body);
        let body = row.body;
        Ok(Outcome::Posted { from: sender, group: card.group, seq, at_ms: now_ms, body })
    }

    /// Cursors go forward only, and no further than there is something. A mark for a group that one is not in any
    /// more (a receipt that came late) means nothing.
    pub(super) fn advance(&mut self, user: UserId, marks: &[Mark]) -> Result<(), Refusal> {
        let mut moves = Vec::with_capacity(marks.len());
        for mark in marks {
            let (key, line, to) = match *mark {
                Mark::Inbox(to) => (Table::InboxCursor.one(user.0), Line::Inbox(user), to),
                Mark::Group(group, to) => {
                    if !self.desk.has(&Table::Member.two(group.0, user.0))? {
                        continue;
                    }
                    (Table::GroupCursor.two(user.0, group.0), Line::Log(Conversation::Group(group)), to)
                }
            };
            let to = to.min(self.desk.head(line)?).0;
            if to > self.desk.number(&key)?.unwrap_or(0) {
                moves.push((key, to));
            }
        }

        moves.sort_unstable(); // where one line is marked twice, the furthest is written last
        for (key, to) in moves {
            self.desk.put(key, &Number(to));
        }
        Ok(())
    }
}
