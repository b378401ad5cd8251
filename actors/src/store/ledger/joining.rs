//! How people come into a group: at once, or on its managers' consent. Invitations are in `invites.rs`.

use super::friends::{Turn, is_live, request};
use super::groups::{listed, member};
use super::{Ledger, is_full};
use crate::store::desk::Line;
use crate::store::ops::{Conversation, GroupCard, Outcome};
use crate::store::rows::{self, InboxRow, Notice, Number, ReadError, RequestRow, Tally};
use crate::store::schema::{Key, Table, Waiting, last_number};
use protocol::{GroupId, JoinPolicy, Person, Refusal, Seq, UserId, Verdict};

/// When a request to join came.
fn turn(key: &Key, value: &[u8]) -> Result<Turn, ReadError> {
    rows::decode(key, value).map(|RequestRow { nth, at_ms, .. }| Turn { nth, at_ms })
}

/// What joining takes: the lengths of both lists, where the group's conversation stands, and what is settled by it.
pub(super) struct Entry {
    members: (Key, Tally),
    groups: (Key, Tally),
    head: Seq,
    /// Since when it had asked, or was asked.
    asked: Option<u64>,
    invited: Option<u64>,
}

impl Ledger {
    pub(super) fn join(
        &mut self,
        user: UserId,
        group: GroupId,
        reason: Box<str>,
        now_ms: u64,
    ) -> Result<Outcome, Refusal> {
        let card = self.living_group(group)?;
        let me = self.known(user)?.person;
        if self.desk.has(&Table::Member.two(group.0, user.0))? {
            return Err(Refusal::AlreadyMember);
        }
        let entry = self.room_in_group(user, group)?;
        let key = Table::JoinRequest.two(group.0, user.0);
        let since_ms = self.join_request(&key)?;
        if card.join == JoinPolicy::Open {
            let head = entry.head;

            self.enter(&me, &card, entry, now_ms);
            return Ok(Outcome::Joined { user: me, group: card, head });
        }
        if self.still_waits(since_ms, now_ms) {
            return Ok(Outcome::JoinAsked { user: me, group: card, reason, again: true, managers: Vec::new() });
        }
        let waiting = self.requests(&Table::JoinRequest.one(group.0), now_ms, turn)?;
        if is_full(waiting.live, self.settings.group.max_requests) {
            return Err(Refusal::ListFull);
        }
        let managers = self.managers_of(&card)?;
        let at_ms = self.request_time(now_ms)?;

        self.end_join_request(user, group, since_ms);
        let name = me.name.as_str();
        self.desk.put(key, &RequestRow { nth: waiting.next, at_ms, name, special: false, reason: &reason });
        self.note_due(Waiting::Join, at_ms, group.0, user.0);
        Ok(Outcome::JoinAsked { user: me, group: card, reason, again: false, managers })
    }

    pub(super) fn answer_join(
        &mut self,
        user: UserId,
        group: GroupId,
        member: UserId,
        verdict: Verdict,
        reason: Box<str>,
        now_ms: u64,
    ) -> Result<Outcome, Refusal> {
        let card = self.managed(group, user)?.card;
        let since_ms = self.join_request(&Table::JoinRequest.two(group.0, member.0))?;
        if !self.still_waits(since_ms, now_ms) {
            return Err(Refusal::NoSuchRequest);
        }
        let asker = self.known(member)?.person;
        let accepted = verdict == Verdict::Accept;
        let head = self.desk.head(Line::Log(Conversation::Group(group)))?;
        let inbox = self.desk.head(Line::Inbox(member))?;
        let entry = if accepted { Some(self.room_in_group(member, group)?) } else { None };

        match entry {
            Some(entry) => self.enter(&asker, &card, entry, now_ms),
            None => self.end_join_request(member, group, since_ms),
        }
        let told = self.desk.append_inbox(
            member,
            inbox,
            &InboxRow::Notice(Notice::JoinAnswered { group, accepted, reason: reason.clone() }),
        );
        Ok(Outcome::JoinAnswered { group: card, member: asker, accepted, reason, told, head })
    }

    /// Since when there is a request under this key, if there is one.
    fn join_request(&mut self, key: &Key) -> Result<Option<u64>, ReadError> {
        let value = self.desk.get(key)?;
        Ok(request(key, value.as_ref())?.map(|request| request.at_ms))
    }

    /// Whether there is a request, and it has not expired.
    fn still_waits(&self, since_ms: Option<u64>, now_ms: u64) -> bool {
        since_ms.is_some_and(|at_ms| is_live(at_ms, now_ms, self.settings.friend.request_ttl()))
    }

    /// Who waits to be let into a group, and since when.
    pub(super) fn joining(&mut self, group: GroupId) -> Result<Vec<(UserId, u64)>, ReadError> {
        let rows = self.desk.list(&Table::JoinRequest.one(group.0))?;
        let asking = |(key, value): (Key, _)| {
            let asker = last_number(&key).ok_or_else(|| ReadError::row(&key, "has no number"))?;
            Ok((UserId(asker), request(&key, Some(&value))?.map_or(0, |request| request.at_ms)))
        };
        rows.into_iter().map(asking).collect()
    }

    /// A request is over, if there was one.
    pub(super) fn end_join_request(&mut self, user: UserId, group: GroupId, since_ms: Option<u64>) {
        if let Some(at_ms) = since_ms {
            self.desk.delete(Table::JoinRequest.two(group.0, user.0));
            self.forget_due(Waiting::Join, at_ms, group.0, user.0);
        }
    }

    pub(super) fn room_in_group(&mut self, user: UserId, group: GroupId) -> Result<Entry, Refusal> {
        let members = self.list_length(Table::MemberTally, group.0)?;
        let groups = self.list_length(Table::MembershipTally, user.0)?;
        let bounds = &self.settings.group;
        if is_full(members.1.live, bounds.max_members) || is_full(groups.1.live, bounds.max_per_account) {
            return Err(Refusal::ListFull);
        }
        let head = self.desk.head(Line::Log(Conversation::Group(group)))?;
        let asked = self.join_request(&Table::JoinRequest.two(group.0, user.0))?;
        let invited = self.invitation(user, group)?.map(|(_, at_ms)| at_ms);
        Ok(Entry { members, groups, head, asked, invited })
    }

    /// A new member starts at the end of what was said: nobody is flooded with what was said before. Whatever else would
    /// have led into the group is settled.
    pub(super) fn enter(&mut self, who: &Person, card: &GroupCard, entry: Entry, now_ms: u64) {
        let (user, group) = (who.id.0, card.group.id.0);
        self.desk.enlist(Table::Member.two(group, user), entry.members, member(&who.name, now_ms));
        self.desk.enlist(Table::Membership.two(user, group), entry.groups, listed(&card.group.name, now_ms));
        self.desk.put(Table::GroupCursor.two(user, group), &Number(entry.head.0));
        self.end_join_request(who.id, card.group.id, entry.asked);
        self.end_invite(who.id, card.group.id, entry.invited);
    }
}
