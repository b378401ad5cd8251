//! What groups tell about themselves, who may do what in them, invitations, and their end. The store decides; here is
//! only what it is not bothered with: who is meant, and whether a text or a picture is too large.

use super::known;
use crate::delivery::Ticket;
use crate::session::Session;
use crate::session::dispatch::{Found, Question};
use crate::settings::ProfileSettings;
use crate::store::{LoadGroupInfo, Op};
use protocol::{GroupChange, Refusal, Role, UserId, Verdict, WhichGroup, Who, text_is_fine};

impl Session {
    pub(in crate::session) fn set_group(
        &mut self,
        ticket: Ticket,
        user: UserId,
        group: &WhichGroup,
        change: &GroupChange,
        found: Option<&Found>,
    ) -> Option<Question> {
        let GroupChange { join: _, description, avatar, fields } = change;
        let bounds = &self.house.settings.profile;
        let told = About {
            description: description.as_deref().unwrap_or_default(),
            avatar: avatar.as_deref().unwrap_or_default(),
            fields: fields.as_deref().unwrap_or_default(),
        };
        if let Err(refusal) = told.check(bounds) {
            self.refuse(ticket, refusal);
            return None;
        }
        let group = known!(self, ticket, self.find_group(group, found), NoSuchGroup);
        self.submit(ticket, Op::SetGroup { user, group: group.id, change: Box::new(change.clone()) });
        None
    }

    /// Anybody may: it is what somebody sees who wants to join.
    pub(in crate::session) fn get_group(
        &mut self,
        ticket: Ticket,
        user: UserId,
        group: &WhichGroup,
        found: Option<&Found>,
    ) -> Option<Question> {
        let group = known!(self, ticket, self.find_group(group, found), NoSuchGroup);
        let origin = self.origin(ticket);
        self.house.reader(user).do_send(LoadGroupInfo { group: group.id, origin });
        None
    }

    pub(in crate::session) fn set_role(
        &mut self,
        ticket: Ticket,
        user: UserId,
        group: &WhichGroup,
        member: &Who,
        role: Role,
        found: Option<&Found>,
    ) -> Option<Question> {
        let group = known!(self, ticket, self.find_group(group, found), NoSuchGroup);
        let member = known!(self, ticket, self.find_user(member, found), NoSuchUser);
        self.submit(ticket, Op::SetRole { user, group: group.id, member: member.id, role });
        None
    }

    pub(in crate::session) fn invite(
        &mut self,
        ticket: Ticket,
        user: UserId,
        group: &WhichGroup,
        who: &Who,
        found: Option<&Found>,
    ) -> Option<Question> {
        let group = known!(self, ticket, self.find_group(group, found), NoSuchGroup);
        let who = known!(self, ticket, self.find_user(who, found), NoSuchUser);
        self.submit(ticket, Op::Invite { user, group: group.id, who: who.id });
        None
    }

    pub(in crate::session) fn answer_invite(
        &mut self,
        ticket: Ticket,
        user: UserId,
        group: &WhichGroup,
        (verdict, reason): (Verdict, &str),
        found: Option<&Found>,
    ) -> Option<Question> {
        let reason = self.reason(ticket, reason)?;
        let group = known!(self, ticket, self.find_group(group, found), NoSuchGroup);
        self.submit(ticket, Op::AnswerInvite { user, group: group.id, verdict, reason });
        None
    }

    pub(in crate::session) fn remove_member(
        &mut self,
        ticket: Ticket,
        user: UserId,
        group: &WhichGroup,
        member: &Who,
        reason: &str,
        found: Option<&Found>,
    ) -> Option<Question> {
        let reason = self.reason(ticket, reason)?;
        let group = known!(self, ticket, self.find_group(group, found), NoSuchGroup);
        let member = known!(self, ticket, self.find_user(member, found), NoSuchUser);
        self.submit(ticket, Op::RemoveMember { user, group: group.id, member: member.id, reason });
        None
    }

    pub(in crate::session) fn transfer_group(
        &mut self,
        ticket: Ticket,
        user: UserId,
        group: &WhichGroup,
        member: &Who,
        found: Option<&Found>,
    ) -> Option<Question> {
        let group = known!(self, ticket, self.find_group(group, found), NoSuchGroup);
        let member = known!(self, ticket, self.find_user(member, found), NoSuchUser);
        self.submit(ticket, Op::TransferGroup { user, group: group.id, member: member.id });
        None
    }

    pub(in crate::session) fn dissolve_group(
        &mut self,
        ticket: Ticket,
        user: UserId,
        group: &WhichGroup,
        found: Option<&Found>,
    ) -> Option<Question> {
        let group = known!(self, ticket, self.find_group(group, found), NoSuchGroup);
        self.submit(ticket, Op::DissolveGroup { user, group: group.id });
        None
    }

    /// What somebody says with a request or an answer. Refuses what does not read well, and gives nothing back then.
    pub(in crate::session) fn reason(&mut self, ticket: Ticket, reason: &str) -> Option<Box<str>> {
        if !text_is_fine(reason, self.house.settings.profile.max_text_chars, true) {
            self.refuse(ticket, Refusal::BadValue);
            return None;
        }
        Some(reason.into())
    }
}

/// What a group is about to tell about itself.
pub(super) struct About<'a> {
    pub(super) description: &'a str,
    pub(super) avatar: &'a [u8],
    pub(super) fields: &'a [(Box<str>, Box<str>)],
}

impl About<'_> {
    /// # Errors
    /// [`Refusal::TooLarge`] for the picture, [`Refusal::BadValue`] for a text.
    pub(super) fn check(&self, bounds: &ProfileSettings) -> Result<(), Refusal> {
        if self.avatar.len() > bounds.max_avatar_bytes {
            return Err(Refusal::TooLarge);
        }
        let fine = text_is_fine(self.description, bounds.max_text_chars, true) && fields_are_fine(self.fields, bounds);
        if fine { Ok(()) } else { Err(Refusal::BadValue) }
    }
}

/// Whether free-form fields are within their bounds, each with a name.
pub(super) fn fields_are_fine(fields: &[(Box<str>, Box<str>)], bounds: &ProfileSettings) -> bool {
    let fine = |text: &str| text_is_fine(text, bounds.max_text_chars, false);
    fields.len() <= bounds.max_fields
        && fields.iter().all(|(name, value)| !name.is_empty() && fine(name) && fine(value))
}
