//! Groups: create, join, answer, leave, list; and the session's own place among their listeners.

use super::known;
use super::roles::About;
use crate::delivery::{Attached, MembershipChanged, Ticket};
use crate::group::{AskMembers, AttachListener, AttachTo};
use crate::session::Session;
use crate::session::dispatch::{Found, Question};
use crate::store::{LoadGroups, Op};
use protocol::{GroupAbout, GroupId, JoinPolicy, Mark, Name, Refusal, Seq, UserId, Verdict, WhichGroup, Who};

impl Session {
    pub(in crate::session) fn create_group(
        &mut self,
        ticket: Ticket,
        owner: UserId,
        name: Option<&str>,
        join: Option<JoinPolicy>,
        about: &GroupAbout,
    ) -> Option<Question> {
        let join = join.unwrap_or(self.manners().customs.join);
        let told = About { description: &about.description, avatar: &about.avatar, fields: &about.fields };
        if let Err(refusal) = told.check(&self.house.settings.profile) {
            self.refuse(ticket, refusal);
            return None;
        }
        match name.map(Name::parse).transpose() {
            Ok(name) => self.submit(ticket, Op::CreateGroup { owner, name, join, about: Box::new(about.clone()) }),
            Err(error) => self.refuse(ticket, Refusal::BadName(error)),
        }
        None
    }

    pub(in crate::session) fn join_group(
        &mut self,
        ticket: Ticket,
        user: UserId,
        group: &WhichGroup,
        reason: &str,
        found: Option<&Found>,
    ) -> Option<Question> {
        let reason = self.reason(ticket, reason)?;
        let group = known!(self, ticket, self.find_group(group, found), NoSuchGroup);
        self.submit(ticket, Op::Join { user, group: group.id, reason });
        None
    }

    pub(in crate::session) fn answer_join(
        &mut self,
        ticket: Ticket,
        user: UserId,
        group: &WhichGroup,
        member: &Who,
        (verdict, reason): (Verdict, &str),
        found: Option<&Found>,
    ) -> Option<Question> {
        let reason = self.reason(ticket, reason)?;
        let group = known!(self, ticket, self.find_group(group, found), NoSuchGroup);
        let member = known!(self, ticket, self.find_user(member, found), NoSuchUser);
        self.submit(ticket, Op::AnswerJoin { user, group: group.id, member: member.id, verdict, reason });
        None
    }

    pub(in crate::session) fn leave_group(
        &mut self,
        ticket: Ticket,
        user: UserId,
        group: &WhichGroup,
        found: Option<&Found>,
    ) -> Option<Question> {
        let group = known!(self, ticket, self.find_group(group, found), NoSuchGroup);
        self.submit(ticket, Op::Leave { user, group: group.id });
        None
    }

    pub(in crate::session) fn list_members(
        &mut self,
        ticket: Ticket,
        user: UserId,
        group: &WhichGroup,
        found: Option<&Found>,
    ) -> Option<Question> {
        let group = known!(self, ticket, self.find_group(group, found), NoSuchGroup);
        let origin = self.origin(ticket);
        match self.member.as_ref().and_then(|member| member.feeds.group(group.id)) {
            Some(followed) => followed.listening.handle().tell(AskMembers { user, origin }),
            None => self.refuse(ticket, Refusal::NotMember),
        }
        None
    }

    pub(in crate::session) fn list_groups(&mut self, ticket: Ticket, user: UserId) -> Option<Question> {
        let origin = self.origin(ticket);
        self.house.reader(user).do_send(LoadGroups { user, origin });
        None
    }

    /// The account came into a group, or went out: through this session, another of its sessions, or somebody's
    /// answer. Who goes out has everything that was posted before: the group says so itself, behind that.
    pub(in crate::session) fn membership_changed(&mut self, change: MembershipChanged) {
        if self.ending.is_deaf() {
            return;
        }
        if self.member.is_none() {
            if let Some(entering) = &mut self.entering {
                entering.hold_change(change);
            }
            return;
        }
        let MembershipChanged { user, group, joined, head } = change;
        let session = self.handle.clone();
        let Some(member) = &mut self.member else { return };
        // It may have been on its way to an account that was here before.
        if member.me.id != user {
            return;
        }
        if !joined {
            return self.forget_group(group.id);
        }
        let known = member.feeds.follows(group.id)
            || member.attaching.iter().flat_map(|all| all.iter()).any(|(id, _)| *id == group.id);
        if !known {
            member.attaching.get_or_insert_default().push((group.id, head));
            let attach = AttachListener { user: member.me.id, session };
            self.house.directory.do_send(AttachTo { group: group.id, attach });
        }
    }

    /// A group has taken the session in, or does not know the account (any more).
    pub(in crate::session) fn attached(&mut self, attached: Attached) {
        if self.ending.is_deaf() {
            return;
        }
        let Some(attached) = self.attached_entering(attached) else { return };
        let Some(member) = &mut self.member else { return };
        let Attached { user, listening, group, head } = attached;
        if member.me.id != user {
            return;
        }
        // Nobody waits for it where the account went out meanwhile; whoever waits for the answer does.
        let shown = member.attaching.as_mut().and_then(|all| {
            let at = all.iter().position(|(id, _)| *id == group)?;
            Some(all.swap_remove(at).1)
        });
        member.attaching.take_if(|all| all.is_empty());
        if let Some((shown, (listening, group))) = shown.zip(listening) {
            member.feeds.follow(group, listening, shown, head);
        }
        if let Some(waiting) = member.after_attach.take_if(|waiting| waiting.1 == group) {
            let (ticket, _, reply) = *waiting;
            self.reply(ticket, &reply);
        }
        self.read_on();
    }

    pub(in crate::session) fn forget_group(&mut self, group: GroupId) {
        if let Some(member) = &mut self.member {
            member.attaching.take_if(|all| {
                all.retain(|(id, _)| *id != group);
                all.is_empty()
            });
            member.feeds.unfollow(group);
            if let Some(window) = member.receiving.window() {
                window.forget(Mark::Group(group, Seq(0)));
            }
        }
    }
}
