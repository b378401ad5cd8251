//! How people come into a group: at once, or on its owner's consent.

use super::friends::{Turn, is_live};
use super::groups::listed;
use super::{Ledger, is_full};
use crate::store::desk::Line;
use crate::store::ops::{Conversation, GroupCard, Outcome};
use crate::store::rows::{self, InboxRow, ListedRow, Number, ReadError, Tally};
use crate::store::schema::{Key, Table};
use protocol::{GroupId, JoinPolicy, Person, Refusal, Seq, UserId, Verdict};

/// When a request to join came.
fn turn(key: &Key, value: &[u8]) -> Result<Turn, ReadError> {
    rows::decode(key, value).map(|ListedRow { nth, at_ms, .. }| Turn { nth, at_ms })
}

/// What joining takes: the lengths of both lists, and where the group's conversation stands.
struct Entry {
    members: (Key, Tally),
    groups: (Key, Tally),
    head: Seq,
}

impl Ledger {
    pub(super) fn join(&mut self, user: UserId, group: GroupId, now_ms: u64) -> Result<Outcome, Refusal> {
        let card = self.living_group(group)?;
        let me = self.known(user)?.person;
        if self.desk.has(&Table::Member.two(group.0, user.0))? {
            return Err(Refusal::AlreadyMember);
        }
        let entry = self.room_in_group(user, group)?;
        let request = Table::JoinRequest.two(group.0, user.0);
        if card.join == JoinPolicy::Open {
            let head = entry.head;
            let asked = self.desk.has(&request)?;

            if asked {
                self.desk.delete(request);
            }
            self.enter(&me, &card, entry, now_ms);
            return Ok(Outcome::Joined { user: me, group: card, head });
        }
        if self.join_request(&request, now_ms)? {
            return Ok(Outcome::JoinAsked { user: me, group: card, again: true });
        }
        let waiting = self.requests(&Table::JoinRequest.one(group.0), now_ms, turn)?;
        if is_full(waiting.live, self.settings.group.max_requests) {
            return Err(Refusal::ListFull);
        }

        for key in waiting.expired {
            self.desk.delete(key);
        }
        self.desk.put(request, &ListedRow { nth: waiting.next, at_ms: now_ms, name: me.name.as_str() });
        Ok(Outcome::JoinAsked { user: me, group: card, again: false })
    }

    pub(super) fn answer_join(
        &mut self,
        user: UserId,
        group: GroupId,
        member: UserId,
        verdict: Verdict,
        now_ms: u64,
    ) -> Result<Outcome, Refusal> {
        let card = self.living_group(group)?;
        if card.owner != user {
            return Err(Refusal::NotOwner);
        }
        let request = Table::JoinRequest.two(group.0, member.0);
        if !self.join_request(&request, now_ms)? {
            return Err(Refusal::NoSuchRequest);
        }
        let asker = self.known(member)?.person;
        let accepted = verdict == Verdict::Accept;
        let head = self.desk.head(Line::Log(Conversation::Group(group)))?;
        let inbox = self.desk.head(Line::Inbox(member))?;
        let entry = if accepted { Some(self.room_in_group(member, group)?) } else { None };

        self.desk.delete(request);
        if let Some(entry) = entry {
            self.enter(&asker, &card, entry, now_ms);
        }
        let told = self.desk.append_inbox(member, inbox, InboxRow::JoinAnswer { group, accepted });
        Ok(Outcome::JoinAnswered { group: card, member: asker, accepted, told, head })
    }

    /// Whether there is a request under this key, and it has not expired.
    fn join_request(&mut self, key: &Key, now_ms: u64) -> Result<bool, ReadError> {
        let Some(value) = self.desk.get(key)? else { return Ok(false) };
        Ok(is_live(turn(key, &value)?.at_ms, now_ms, self.settings.friend.request_ttl()))
    }

    fn room_in_group(&mut self, user: UserId, group: GroupId) -> Result<Entry, Refusal> {
        let members = self.list_length(Table::MemberTally, group.0)?;
        let groups = self.list_length(Table::MembershipTally, user.0)?;
        let bounds = &self.settings.group;
        if is_full(members.1.live, bounds.max_members) || is_full(groups.1.live, bounds.max_per_account) {
            return Err(Refusal::ListFull);
        }
        let head = self.desk.head(Line::Log(Conversation::Group(group)))?;
        Ok(Entry { members, groups, head })
    }

    /// A new member starts at the end of what was said: nobody is flooded with what was said before.
    fn enter(&mut self, who: &Person, card: &GroupCard, entry: Entry, now_ms: u64) {
        let (user, group) = (who.id.0, card.group.id.0);
        self.desk.enlist(Table::Member.two(group, user), entry.members, listed(&who.name, now_ms));
        self.desk.enlist(Table::Membership.two(user, group), entry.groups, listed(&card.group.name, now_ms));
        self.desk.put(Table::GroupCursor.two(user, group), &Number(entry.head.0));
    }
}
