//! What is told after a commit, and to whom. Owns: the table from [`Outcome`] to answers, events and changes of
//! membership. Never: runs before the commit has returned.

use super::actor::{Committable, Then};
use super::ops::{GroupCard, Lapse, Mark, Outcome};
use super::reads::LoadLogin;
use crate::accounts::CodeTried;
use crate::delivery::{Answered, MembershipChanged, Origin};
use crate::group::{AnswerBehind, Change, GroupChanged, GroupHandle, PostCommitted, TellBehind};
use crate::house::House;
use crate::mail::Post;
use crate::registry::{Committed, Tell};
use protocol::{Event, GroupId, GroupRef, MessagePolicy, Person, Refusal, Role, Seq, UserId};
use std::sync::Arc;

/// A request that waits for its commit.
pub(super) struct Staged {
    pub(super) origin: Option<Origin>,
    pub(super) then: Then,
    pub(super) result: Result<Outcome, Refusal>,
}

/// Tells.
pub(super) struct Courier {
    house: Arc<House>,
    /// Private messages of one batch, by the receiver's shard: one message across threads per shard and batch.
    by_shard: Vec<Vec<Committable>>,
}

impl Courier {
    pub(super) fn new(house: Arc<House>) -> Self {
        let by_shard = (0..house.registry.shards().len()).map(|_| Vec::new()).collect();
        Self { house, by_shard }
    }

    /// Tells everybody whom a batch concerns, in the order of the batch.
    pub(super) fn announce(&mut self, staged: &mut Vec<Staged>) {
        for Staged { origin, then, result } in staged.drain(..) {
            match (then, result) {
                (Then::Registry, Ok(outcome)) => self.collect(Committable { origin, outcome }),
                (Then::Group { handle, echo }, Ok(outcome)) => {
                    to_group(&handle, Ok(Committable { origin, outcome }), echo);
                }
                (Then::Group { handle, echo }, Err(refusal)) => to_group(&handle, Err((origin, refusal)), echo),
                (Then::Concerned, Ok(outcome)) => self.concerned(outcome, origin),
                (_, Err(refusal)) => {
                    if let Some(origin) = origin {
                        origin.refuse(refusal);
                    }
                }
                (Then::Login { user, profiles }, Ok(_)) => {
                    if let Some(origin) = origin {
                        self.house.reader(user).do_send(LoadLogin { user, profiles, origin });
                    }
                }
                (Then::Letter(letter), Ok(outcome)) => {
                    if let Some(letter) = letter {
                        self.house.mailer.do_send(Post(letter));
                    }
                    self.concerned(outcome, origin);
                }
                (Then::Code(step), Ok(outcome)) => {
                    let right = matches!(outcome, Outcome::CodeTried { right: true });
                    if let Some(origin) = origin {
                        self.house.accounts.do_send(CodeTried { step, right, origin });
                    }
                }
                (Then::Nobody, Ok(_)) => {}
            }
        }
        for (shard, messages) in self.house.registry.shards().iter().zip(&mut self.by_shard) {
            if !messages.is_empty() {
                shard.do_send(Committed(std::mem::take(messages)));
            }
        }
    }

    fn collect(&mut self, committable: Committable) {
        match &committable.outcome {
            Outcome::Private { to, .. } => {
                let shard = self.house.registry.place(to.id);
                self.by_shard[shard].push(committable);
            }
            Outcome::Repeated { seq, at_ms } => {
                if let Some(origin) = committable.origin {
                    origin.answer(Answered::Sent { seq: *seq, at_ms: *at_ms });
                }
            }
            _ => log::error!("a message was answered with something else"),
        }
    }

    /// The others first, then the asker: whoever has the answer may count on what it says.
    fn concerned(&self, outcome: Outcome, origin: Option<Origin>) {
        let registry = &self.house.registry;
        let inbox = |told: Seq| Some(Mark::Inbox(told));
        match &outcome {
            Outcome::Befriended { from, to, told, profiles } => {
                registry.befriended(from.id, to.id, true);
                let profile = Some(Box::new(profiles.0.clone()));
                let event = Event::FriendAdded { friend: from.clone(), to: to.id, profile };
                registry.tell(to.id, event, told.map(Mark::Inbox));
            }
            Outcome::FriendAsked { from, to, special, reason, again: false } => {
                let (asker, reason) = (from.clone(), reason.clone());
                registry.tell(to.id, Event::FriendRequested { asker, to: to.id, special: *special, reason }, None);
            }
            Outcome::FriendAnswered { user, asker, accepted: true, told, profiles, .. } => {
                registry.befriended(user.id, asker.id, true);
                let profile = profiles.as_ref().map(|profiles| Box::new(profiles.0.clone()));
                let event = Event::FriendAdded { friend: user.clone(), to: asker.id, profile };
                registry.tell(asker.id, event, inbox(*told));
            }
            Outcome::FriendAnswered { user, asker, accepted: false, reason, told, .. } => {
                let (friend, reason) = (user.clone(), reason.clone());
                registry.tell(asker.id, Event::FriendRejected { friend, to: asker.id, reason }, inbox(*told));
            }
            Outcome::Unfriended { user, friend } => {
                registry.befriended(user.id, friend.id, false);
                registry.tell(friend.id, Event::FriendRemoved { friend: user.clone() }, None);
            }
            Outcome::Joined { user, group, head } => self.member(user, &group.group, true, *head),
            Outcome::JoinAsked { user, group, reason, again: false, managers } => {
                for manager in managers {
                    let (group, asker, reason) = (group.group.clone(), user.clone(), reason.clone());
                    registry.tell(*manager, Event::JoinRequested { group, asker, reason }, None);
                }
            }
            Outcome::JoinAnswered { group, member, accepted, reason, told, head } => {
                if *accepted {
                    self.member(member, &group.group, true, *head);
                }
                let (group, reason) = (group.group.clone(), reason.clone());
                let id = group.id;
                let event = Event::JoinAnswered { group, to: member.id, accepted: *accepted, reason };
                self.tell_behind(id, vec![Tell::new(member.id, event, inbox(*told))]);
            }
            Outcome::RoleSet { told: Seq(0), .. } => {}
            Outcome::RoleSet { group, member, role, told } => {
                self.role(group, member.id, *role);
                let event = Event::RoleChanged { group: group.group.clone(), to: member.id, role: *role };
                registry.tell(member.id, event, inbox(*told));
            }
            Outcome::Invited { group, inviter, who, again: false } => {
                let event = Event::Invited { group: group.group.clone(), inviter: inviter.clone() };
                registry.tell(who.id, event, None);
            }
            Outcome::InviteAnswered { group, inviter, who, accepted, reason, told, head } => {
                if *accepted {
                    self.member(who, &group.group, true, *head);
                }
                let (group, who, reason) = (group.group.clone(), who.clone(), reason.clone());
                let event = Event::InviteAnswered { group, who, accepted: *accepted, reason };
                registry.tell(*inviter, event, inbox(*told));
            }
            Outcome::MemberRemoved { group, member, reason, told } => {
                self.member(member, &group.group, false, Seq(0));
                let (group, reason) = (group.group.clone(), reason.clone());
                let id = group.id;
                let event = Event::MemberRemoved { group, to: member.id, reason };
                self.tell_behind(id, vec![Tell::new(member.id, event, inbox(*told))]);
            }
            Outcome::GroupTransferred { group, from, left_as, to, told, .. } => {
                self.role(group, from.id, *left_as);
                self.role(group, to.id, Role::Owner);
                let event = Event::RoleChanged { group: group.group.clone(), to: to.id, role: Role::Owner };
                registry.tell(to.id, event, inbox(*told));
            }
            Outcome::GroupDissolved { group, members } => {
                let group = &group.group;
                self.house.directory.do_send(Change { group: group.clone(), changed: GroupChanged::Dissolved });
                let asking = origin.as_ref().map(|origin| origin.session.id);
                let tell = |(member, told): &(Person, Seq)| {
                    let event = Event::GroupDissolved { group: group.clone() };
                    // Whoever did it has the reply on the session that asked, and the news on its others.
                    let (mark, except) = if *told == Seq(0) { (None, asking) } else { (inbox(*told), None) };
                    Tell { except, ..Tell::new(member.id, event, mark) }
                };
                self.tell_behind(group.id, members.iter().map(tell).collect());
            }
            Outcome::Expired(lapses) => lapses.iter().for_each(|lapse| self.lapsed(lapse)),
            Outcome::Left { user, group } => self.member(user, &group.group, false, Seq(0)),
            Outcome::GroupCreated { group, .. } => {
                let (user, group) = (group.owner, group.group.clone());
                registry.membership(MembershipChanged { user, group, joined: true, head: Seq(0) });
            }
            Outcome::PolicySet { user, message, .. } => {
                registry.policy(*user, *message == MessagePolicy::Friends);
            }
            Outcome::Blocked { user, who, blocked } => registry.blocked(*user, who.id, *blocked),
            Outcome::FriendSet { .. }
            | Outcome::RemarkSet { .. }
            | Outcome::ProfileSet(_)
            | Outcome::CodeIssued { .. }
            | Outcome::CodeTried { .. }
            | Outcome::VisitNoted
            | Outcome::GroupSet(_)
            | Outcome::Invited { again: true, .. }
            | Outcome::Repeated { .. }
            | Outcome::FriendAsked { again: true, .. }
            | Outcome::JoinAsked { again: true, .. }
            | Outcome::AccountCreated { .. }
            | Outcome::PasswordSet
            | Outcome::Private { .. }
            | Outcome::Posted { .. }
            | Outcome::Advanced => {}
        }
        let Some(origin) = origin else { return };
        // What the asker was told before, by way of its shard, must not be overtaken by the answer: of two who ask each
        // other at once, one is asked first and has a friend then.
        let asker = match &outcome {
            Outcome::Befriended { from, .. } | Outcome::FriendAsked { from, .. } => Some(from.id),
            Outcome::FriendAnswered { user, .. } | Outcome::Unfriended { user, .. } => Some(user.id),
            Outcome::Blocked { user, .. } => Some(*user),
            _ => None,
        };
        // Whoever has changed who is in a group, or as what, and asks the group then, finds it changed. Whoever goes out of it
        // has heard what was posted before.
        let changed = match &outcome {
            Outcome::JoinAnswered { group, accepted: true, .. }
            | Outcome::RoleSet { group, .. }
            | Outcome::Left { group, .. }
            | Outcome::MemberRemoved { group, .. }
            | Outcome::GroupDissolved { group, .. }
            | Outcome::GroupTransferred { group, .. } => Some(group.group.id),
            _ => None,
        };
        let body = Answered::Done(Box::new(outcome));
        match (asker, changed) {
            (Some(asker), _) => registry.answer(asker, origin, body),
            (None, Some(group)) => self.house.directory.do_send(AnswerBehind { group, origin, body }),
            (None, None) => origin.answer(body),
        }
    }

    /// Tells both sides of a request or an invitation that nobody answered.
    fn lapsed(&self, lapse: &Lapse) {
        let registry = &self.house.registry;
        let tell = |to, event, told| registry.tell(to, event, Some(Mark::Inbox(told)));
        match lapse {
            Lapse::Friend { asker, asked, told_asker, told_asked } => {
                for (to, told) in [(asker.id, *told_asker), (asked.id, *told_asked)] {
                    let (asker, asked) = (asker.clone(), asked.clone());
                    tell(to, Event::FriendRequestExpired { asker, asked, to }, told);
                }
            }
            Lapse::Join { group, asker, told, managers } => {
                for (to, told) in managers.iter().copied().chain([(asker.id, *told)]) {
                    let (group, asker) = (group.clone(), asker.clone());
                    tell(to, Event::JoinRequestExpired { group, asker }, told);
                }
            }
            Lapse::Invite { group, inviter, who, told_inviter, told_who } => {
                for (to, told) in [(*inviter, *told_inviter), (who.id, *told_who)] {
                    let (group, who) = (group.clone(), who.clone());
                    tell(to, Event::InviteExpired { group, who }, told);
                }
            }
        }
    }

    /// Tells an awake group that somebody is something else in it now.
    fn role(&self, group: &GroupCard, member: UserId, role: Role) {
        let changed = GroupChanged::Role { member, role };
        self.house.directory.do_send(Change { group: group.group.clone(), changed });
    }

    fn tell_behind(&self, group: GroupId, news: Vec<Tell>) {
        self.house.directory.do_send(TellBehind { group, news });
    }

    /// Tells a group, and by way of it the sessions of whoever came in or went out.
    fn member(&self, person: &Person, group: &GroupRef, joined: bool, head: Seq) {
        let changed = match joined {
            true => GroupChanged::Joined { person: person.clone(), head },
            false => GroupChanged::Left(person.id),
        };
        self.house.directory.do_send(Change { group: group.clone(), changed });
    }
}

fn to_group(handle: &GroupHandle, result: Result<Committable, (Option<Origin>, Refusal)>, echo: bool) {
    handle.tell(PostCommitted { result, echo });
}
