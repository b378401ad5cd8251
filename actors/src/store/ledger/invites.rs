//! Invitations into groups. One that is sent stands by itself: it counts also when whoever sent it is no manager, no
//! member or no friend any more. It ends by an answer, by time, with the group, or when whoever is asked comes in by
//! another way, or blocks whoever sent it.

use super::friends::{Turn, is_live};
use super::{Ledger, is_full};
use crate::store::desk::Line;
use crate::store::ops::{Conversation, Outcome};
use crate::store::rows::{self, InboxRow, InviteRow, Notice, Number, ReadError};
use crate::store::schema::{Key, Table, Waiting, last_number};
use protocol::{GroupId, Refusal, UserId, Verdict};

/// When an invitation was sent.
fn turn(key: &Key, value: &[u8]) -> Result<Turn, ReadError> {
    rows::decode(key, value).map(|InviteRow { nth, at_ms, .. }| Turn { nth, at_ms })
}

impl Ledger {
    pub(super) fn invite(
        &mut self,
        user: UserId,
        group: GroupId,
        who: UserId,
        now_ms: u64,
    ) -> Result<Outcome, Refusal> {
        let card = self.managed(group, user)?.card;
        let inviter = self.known(user)?.person;
        if self.role_of(&card, who)?.is_some() {
            return Err(Refusal::AlreadyMember);
        }
        if !self.desk.has(&Table::Friend.two(user.0, who.0))? {
            return Err(Refusal::NotFriends);
        }
        let asked = self.known(who)?.person;
        if self.desk.is_blocked(who, user)? {
            return Err(Refusal::Blocked);
        }
        let before = self.invitation(who, group)?.map(|(_, at_ms)| at_ms);
        if before.is_some_and(|at_ms| self.counts(at_ms, now_ms)) {
            return Ok(Outcome::Invited { group: card, inviter, who: asked, again: true });
        }
        let waiting = self.requests(&Table::Invite.one(who.0), now_ms, turn)?;
        let sent = self.invited_into(group)?.into_iter().filter(|(_, at_ms)| self.counts(*at_ms, now_ms)).count();
        let bound = self.settings.group.max_requests;
        if is_full(waiting.live, bound) || sent >= bound {
            return Err(Refusal::ListFull);
        }
        let at_ms = self.request_time(now_ms)?;

        self.end_invite(who, group, before);
        let (nth, name, inviter_name) = (waiting.next, card.group.name.as_str(), inviter.name.as_str());
        let row = InviteRow { nth, at_ms, name, inviter: user.0, inviter_name };
        self.desk.put(Table::Invite.two(who.0, group.0), &row);
        self.desk.put(Table::Invited.two(group.0, who.0), &Number(at_ms));
        self.note_due(Waiting::Invite, at_ms, who.0, group.0);
        Ok(Outcome::Invited { group: card, inviter, who: asked, again: false })
    }

    pub(super) fn answer_invite(
        &mut self,
        user: UserId,
        group: GroupId,
        verdict: Verdict,
        reason: Box<str>,
        now_ms: u64,
    ) -> Result<Outcome, Refusal> {
        let card = self.living_group(group)?;
        let invitation = self.invitation(user, group)?.filter(|(_, at_ms)| self.counts(*at_ms, now_ms));
        let (inviter, since_ms) = invitation.ok_or(Refusal::NoSuchRequest)?;
        let who = self.known(user)?.person;
        let accepted = verdict == Verdict::Accept;
        let head = self.desk.head(Line::Log(Conversation::Group(group)))?;
        let inbox = self.desk.head(Line::Inbox(inviter))?;
        let entry = if accepted { Some(self.room_in_group(user, group)?) } else { None };

        match entry {
            Some(entry) => self.enter(&who, &card, entry, now_ms),
            None => self.end_invite(user, group, Some(since_ms)),
        }
        let notice = Notice::InviteAnswered { group, who: user, accepted, reason: reason.clone() };
        let told = self.desk.append_inbox(inviter, inbox, &InboxRow::Notice(notice));
        Ok(Outcome::InviteAnswered { group: card, inviter, who, accepted, reason, told, head })
    }

    /// Who asks `who` into a group and since when, expired or not.
    pub(super) fn invitation(&mut self, who: UserId, group: GroupId) -> Result<Option<(UserId, u64)>, ReadError> {
        let key = Table::Invite.two(who.0, group.0);
        let Some(value) = self.desk.get(&key)? else { return Ok(None) };
        let row: InviteRow<'_> = rows::decode(&key, &value)?;
        Ok(Some((UserId(row.inviter), row.at_ms)))
    }

    /// Who is asked into a group and since when, expired or not.
    pub(super) fn invited_into(&mut self, group: GroupId) -> Result<Vec<(UserId, u64)>, ReadError> {
        let mut found = Vec::new();
        for (key, value) in self.desk.list(&Table::Invited.one(group.0))? {
            let Number(at_ms) = rows::decode(&key, &value)?;
            let who = last_number(&key).ok_or_else(|| ReadError::row(&key, "has no number"))?;
            found.push((UserId(who), at_ms));
        }
        Ok(found)
    }

    /// Into which groups `inviter` asks `who`, and since when.
    pub(super) fn invited_by(&mut self, who: UserId, inviter: UserId) -> Result<Vec<(GroupId, u64)>, ReadError> {
        let mut found = Vec::new();
        for (key, value) in self.desk.list(&Table::Invite.one(who.0))? {
            let row: InviteRow<'_> = rows::decode(&key, &value)?;
            if row.inviter == inviter.0 {
                let group = last_number(&key).ok_or_else(|| ReadError::row(&key, "has no number"))?;
                found.push((GroupId(group), row.at_ms));
            }
        }
        Ok(found)
    }

    /// An invitation is over, if there was one.
    pub(super) fn end_invite(&mut self, who: UserId, group: GroupId, since_ms: Option<u64>) {
        if let Some(at_ms) = since_ms {
            self.desk.delete(Table::Invite.two(who.0, group.0));
            self.desk.delete(Table::Invited.two(group.0, who.0));
            self.forget_due(Waiting::Invite, at_ms, who.0, group.0);
        }
    }

    fn counts(&self, at_ms: u64, now_ms: u64) -> bool {
        is_live(at_ms, now_ms, self.settings.friend.request_ttl())
    }
}
