//! Accounts: register, log in and out, policies, passwords.
//!
//! A login goes step by step: the password is verified, the registry takes the session in (silently: from here on
//! deliveries are held), the store tells what there is to know, the groups take the session in, and the registry
//! makes it visible. Only then comes the reply, then what waited, then the backlog, then what is live. So nothing
//! falls between the list and the live news.

use crate::accounts::{ChangePassword, Register, Verify};
use crate::delivery::{Attached, Deliver, MembershipChanged, Ticket};
use crate::group::{AttachListener, AttachTo};
use crate::registry::{Announce, Attach};
use crate::session::dispatch::Question;
use crate::session::feeds::Feeds;
use crate::session::pump::Ending;
use crate::session::receiving::Receiving;
use crate::session::{Attendance, Member, Session};
use crate::store::{FriendAsking, LoadLogin, LoginState, Op, Outcome, Submit, Then};
use protocol::{
    ClosingReason, Event, Friend, FriendPolicy, GroupRef, Instance, MessagePolicy, Refusal, Reply, Roster, Secret, Seq,
    UserId, Who,
};
use std::collections::HashSet;

/// A login under way.
pub(in crate::session) struct Entering {
    pub(in crate::session) ticket: Ticket,
    user: UserId,
    /// Nothing to enter: the account is logged in on this connection already and only asks again, or only visits.
    quiet: bool,
    /// Given up, with the account's presence, if the login does not come to its end.
    attendance: Option<Attendance>,
    state: Option<Box<LoginState>>,
    /// Groups that have answered, and how many have not.
    attached: Vec<Attached>,
    awaited: usize,
    held: Vec<Deliver>,
    changes: Vec<MembershipChanged>,
    instance: Option<Instance>,
}

impl Entering {
    /// The account that is about to enter.
    pub(in crate::session) fn user(&self) -> UserId {
        self.user
    }

    /// Keeps a delivery until the reply is out. `false` where too many wait.
    pub(in crate::session) fn hold(&mut self, deliver: Deliver, most: usize) -> bool {
        self.held.push(deliver);
        self.held.len() <= most
    }

    /// Keeps a change of membership until the reply is out.
    pub(in crate::session) fn hold_change(&mut self, change: MembershipChanged) {
        self.changes.push(change);
    }
}

impl Session {
    pub(in crate::session) fn register(&mut self, ticket: Ticket, name: String, password: Secret) {
        let origin = self.origin(ticket);
        let customs = &self.manners().customs;
        let (add, message) = (customs.add, customs.message);
        self.house.accounts.do_send(Register { name, password, add, message, origin });
    }

    pub(in crate::session) fn login(
        &mut self,
        ticket: Ticket,
        who: Who,
        password: Secret,
        code: Option<Secret>,
        instance: Option<Instance>,
    ) {
        self.presented = instance.map(Box::new);
        let origin = self.origin(ticket);
        let says_codes = self.manners().says_codes;
        self.house.accounts.do_send(Verify { who, password, code, says_codes, origin });
    }

    /// The password is right. Another account that was logged in here goes offline first.
    pub(in crate::session) fn verified(&mut self, ticket: Ticket, user: UserId) {
        if self.ending.is_deaf() {
            return;
        }
        let instance = self.presented.take().map(|instance| *instance);
        // Another installation on the same connection is another session.
        let same = instance.is_none()
            || self.member.as_ref().is_some_and(|member| member.instance.as_deref() == instance.as_ref());
        let again = self.account() == Some(user) && same;
        if !again {
            self.leave(true);
        }
        let quiet = again || self.visitor;
        let profiles = self.manners().customs.profiles;
        let origin = self.origin(ticket);
        self.entering = Some(Box::new(Entering {
            ticket,
            user,
            quiet,
            attendance: None,
            state: None,
            attached: Vec::new(),
            awaited: 0,
            held: Vec::new(),
            changes: Vec::new(),
            instance,
        }));
        if quiet {
            self.house.reader(user).do_send(LoadLogin { user, profiles, origin });
            return;
        }
        self.house.registry.shard(user).do_send(Attach { user, instance, origin });
        let attendance = Attendance { house: self.house.clone(), user, session: self.id() };
        if let Some(entering) = &mut self.entering {
            entering.attendance = Some(attendance);
        }
    }

    pub(in crate::session) fn admitted(&mut self, ticket: Ticket) {
        let origin = self.origin(ticket);
        let Some(user) = self.entering_as(ticket).map(|entering| entering.user) else { return };
        let op = Op::Advance { user, marks: Vec::new() };
        let profiles = self.manners().customs.profiles;
        self.house.store.do_send(Submit { op, origin: Some(origin), then: Then::Login { user, profiles } });
    }

    pub(in crate::session) fn loaded(&mut self, ticket: Ticket, state: Box<LoginState>) {
        let session = self.handle.clone();
        let Some(entering) = self.entering_as(ticket) else { return };
        let user = entering.user;
        let groups: Vec<_> = match entering.quiet {
            true => Vec::new(),
            false => state.groups.iter().map(|membership| membership.group.id).collect(),
        };
        entering.awaited = groups.len();
        entering.state = Some(state);
        for group in groups {
            let attach = AttachListener { user, session: session.clone() };
            self.house.directory.do_send(AttachTo { group, attach });
        }
        self.announce_if_attached();
    }

    /// One of the groups of a login has answered. Gives the message back where it is not one of those.
    pub(in crate::session) fn attached_entering(&mut self, attached: Attached) -> Option<Attached> {
        let Some(entering) = &mut self.entering else { return Some(attached) };
        let mine = entering.state.as_ref().is_some_and(|state| {
            let mine = entering.awaited > 0 && entering.user == attached.user;
            mine && state.groups.iter().any(|membership| membership.group.id == attached.group)
        });
        if !mine {
            return Some(attached);
        }
        entering.awaited -= 1;
        entering.attached.push(attached);
        self.announce_if_attached();
        None
    }

    fn announce_if_attached(&mut self) {
        let Some(entering) = &self.entering else { return };
        let (0, Some(state)) = (entering.awaited, &entering.state) else { return };
        let origin = self.origin(entering.ticket);
        let friends = state.friends.iter().map(|friend| friend.person.id).collect();
        if entering.quiet {
            return self.house.registry.roll(friends, origin);
        }
        let person = state.account.person.clone();
        let friends_only = state.account.message == MessagePolicy::Friends;
        let blocked = state.blocked.clone();
        self.house.registry.shard(person.id).do_send(Announce { person, friends_only, friends, blocked, origin });
    }

    /// The last step of a login: the account is visible, and these friends are online.
    pub(in crate::session) fn announced(&mut self, ticket: Ticket, online: &[UserId]) {
        let Some(entering) = self.entering.take_if(|entering| entering.ticket == ticket) else { return };
        let Entering { quiet, attendance, state, attached, held, changes, instance, .. } = *entering;
        let Some(state) = state else { return };
        let LoginState {
            account, profile, friends, groups, friend_requests, join_requests, invites, inbox_cursor, ..
        } = *state;
        let me = account.person;
        self.house.names.learn_user(me.name.key(), me.clone());
        let roster = Roster {
            me: me.clone(),
            friends: with_presence(friends, online),
            groups: groups.iter().map(|membership| membership.group.clone()).collect(),
            profile,
            terms: self.manners().terms,
        };
        let reply = Reply::LoggedIn(Box::new(roster));
        if attendance.is_some() || self.visitor {
            let mut feeds = Feeds::new(inbox_cursor);
            let catch_up = u64::try_from(self.house.settings.group.catch_up).unwrap_or(u64::MAX);
            for Attached { listening, group, head, .. } in attached {
                let cursor = groups.iter().find(|membership| membership.group.id == group).map(|m| m.cursor);
                if let Some(((listening, group), cursor)) = listening.zip(cursor) {
                    let shown = cursor.0.max(head.0.saturating_sub(catch_up));
                    feeds.follow(group, listening, Seq(shown), head);
                }
            }
            self.member = Some(Box::new(Member {
                key: me.name.key(),
                me,
                feeds,
                receiving: Receiving::new(self.manners().customs.acknowledges),
                instance: instance.map(Box::new),
                lately: None,
                recalling: None,
                attaching: None,
                listed: None,
                after_attach: None,
                _attendance: attendance,
            }));
        }
        self.clock.is_guest_no_more();
        // The time that the login took is not the client's silence.
        self.clock.lively = self.clock.now;
        self.reply(ticket, &reply);
        if quiet {
            return;
        }
        let Some(to) = self.account() else { return };
        let asked = friend_requests.into_iter().map(|FriendAsking { asker, special, reason }| Event::FriendRequested {
            asker,
            to,
            special,
            reason,
        });
        let joining = join_requests.into_iter();
        let asked = asked.chain(joining.map(|(group, asker, reason)| Event::JoinRequested { group, asker, reason }));
        let asked = asked.chain(invites.into_iter().map(|(group, inviter)| Event::Invited { group, inviter }));
        let (dialect, carrier) = (self.dialect.get(), self.carrier);
        // However many they are, they are part of what a login tells.
        let asked = asked.flat_map(|event| dialect.event(&event, None, carrier)).collect();
        if !self.outbox.push_news(asked, self.house.settings.session.outbox_bytes) {
            self.condemn(ClosingReason::SlowConsumer);
        }
        for change in changes {
            self.membership_changed(change);
        }
        for deliver in held {
            self.deliver(deliver);
        }
    }

    /// A login was refused on its way: what it had taken is given back.
    pub(in crate::session) fn login_failed(&mut self, ticket: Ticket) {
        if self.entering.take_if(|entering| entering.ticket == ticket).is_some() {
            self.clock.look_again();
        }
    }

    pub(in crate::session) fn logout(&mut self, ticket: Ticket) {
        self.leave(true);
        self.reply(ticket, &Reply::LoggedOut);
        if self.manners().customs.logout_closes {
            self.end(Ending::Condemned);
        }
    }

    pub(in crate::session) fn change_password(&mut self, ticket: Ticket, old: Secret, new: Secret) {
        let Some(user) = self.account() else {
            return self.refuse(ticket, Refusal::NotLoggedIn);
        };
        let origin = self.origin(ticket);
        self.house.accounts.do_send(ChangePassword { user, old, new, origin });
    }

    pub(in crate::session) fn set_policy(
        &mut self,
        ticket: Ticket,
        user: UserId,
        add: Option<FriendPolicy>,
        message: Option<MessagePolicy>,
    ) -> Option<Question> {
        self.submit(ticket, Op::SetPolicy { user, add, message });
        None
    }

    /// Hands a change to the store; the answer comes as [`Outcome`].
    pub(in crate::session) fn submit(&self, ticket: Ticket, op: Op) {
        let origin = Some(self.origin(ticket));
        self.house.store.do_send(Submit { op, origin, then: Then::Concerned });
    }

    /// A change is committed, and all whom it concerns have been told: the reply.
    pub(in crate::session) fn done(&mut self, ticket: Ticket, outcome: Outcome) {
        let reply = match outcome {
            Outcome::AccountCreated { user } => Reply::Registered { id: user.id, name: user.name },
            Outcome::CodeIssued { email, .. } => {
                let valid_s = self.house.settings.mail.code_ttl.0.as_secs();
                Reply::CodeSent { email: email.as_str().into(), valid_s: u32::try_from(valid_s).unwrap_or(u32::MAX) }
            }
            Outcome::ProfileSet(profile) => Reply::Profile(profile),
            Outcome::RemarkSet { user, friend, remark } => Reply::RemarkSet { me: user, friend, remark },
            Outcome::Blocked { who, blocked, .. } => Reply::Blocked { who, blocked },
            Outcome::GroupSet(info) | Outcome::GroupTransferred { info, .. } => Reply::GroupInfo(info),
            Outcome::RoleSet { group, member, role, .. } => Reply::RoleSet { group: group.group, member, role },
            Outcome::Invited { group, who, .. } => Reply::InviteSent { group: group.group, who },
            Outcome::InviteAnswered { group, who, accepted, head, .. } => {
                let reply = Reply::InviteAnswered { group: group.group.clone(), me: who.id, accepted };
                if accepted {
                    return self.reply_when_attached(ticket, group.group, head, reply);
                }
                reply
            }
            Outcome::MemberRemoved { group, member, .. } => Reply::MemberRemoved { group: group.group, member },
            Outcome::GroupDissolved { group, .. } => {
                self.forget_group(group.group.id);
                Reply::GroupDissolved { group: group.group }
            }
            Outcome::PasswordSet => Reply::PasswordChanged,
            Outcome::PolicySet { add, message, .. } => Reply::PolicySet { add, message },
            Outcome::Befriended { to, profiles, .. } => {
                Reply::FriendAdded { friend: to, profile: Some(Box::new(profiles.1)) }
            }
            Outcome::FriendAsked { from, to, .. } => Reply::FriendRequested { me: from.id, friend: to },
            Outcome::FriendSet { friend, special } => Reply::FriendSet { friend, special },
            Outcome::FriendAnswered { user, asker, accepted, profiles, .. } => {
                let profile = profiles.map(|profiles| Box::new(profiles.1));
                Reply::FriendAnswered { me: user.id, asker, accepted, profile }
            }
            Outcome::Unfriended { friend, .. } => Reply::FriendRemoved { friend },
            Outcome::JoinAsked { group, .. } => Reply::JoinRequested { group: group.group },
            Outcome::JoinAnswered { group, member, accepted, .. } => {
                Reply::JoinAnswered { group: group.group, member, accepted }
            }
            Outcome::GroupCreated { group, info } => {
                let reply = Reply::GroupCreated { group: group.group.clone(), info };
                return self.reply_when_attached(ticket, group.group, Seq(0), reply);
            }
            Outcome::Joined { user, group, head } => {
                let reply = Reply::Joined { me: user.id, group: group.group.clone() };
                return self.reply_when_attached(ticket, group.group, head, reply);
            }
            Outcome::Left { group, .. } => {
                self.forget_group(group.group.id);
                Reply::Left { group: group.group }
            }
            Outcome::Private { .. }
            | Outcome::Posted { .. }
            | Outcome::Repeated { .. }
            | Outcome::CodeTried { .. }
            | Outcome::VisitNoted
            | Outcome::Expired(_)
            | Outcome::Advanced => {
                log::error!("the store answered a change with something else");
                return self.condemn(ClosingReason::Fault);
            }
        };
        self.reply(ticket, &reply);
    }

    /// Whoever is told that it is in a group can write to it at once: so the reply waits for the group.
    fn reply_when_attached(&mut self, ticket: Ticket, group: GroupRef, head: Seq, reply: Reply) {
        let id = group.id;
        self.house.names.learn_group(group.name.key(), group.clone());
        let Some(user) = self.account() else { return };
        self.membership_changed(MembershipChanged { user, group, joined: true, head });
        match &mut self.member {
            Some(member)
                if member.attaching.iter().flat_map(|all| all.iter()).any(|(attaching, _)| *attaching == id) =>
            {
                member.after_attach = Some(Box::new((ticket, id, reply)));
            }
            _ => self.reply(ticket, &reply),
        }
    }
}

/// A list of friends with who of them is among those `online`.
pub(super) fn with_presence(mut friends: Vec<Friend>, online: &[UserId]) -> Vec<Friend> {
    let online: HashSet<_> = online.iter().collect();
    for friend in &mut friends {
        friend.online = online.contains(&friend.person.id);
    }
    friends
}
